//! Whether a receipt is of the pinned ledger, by servers of one's own choice.

use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use counterfoil_client::{Rpc, Source, parse_rpc_url};
use counterfoil_core::receipt::Receipt;
use counterfoil_core::relate::{LogKind, Relation, relate};
use counterfoil_core::{LedgerId, ProgramId};
use counterfoil_wire::Consistency;
use merkle_log::{Hash, TreeHead, verify_consistency};

/// The longest time that the API has for a proof.
const API_TIME: Duration = Duration::from_secs(5);

/// The operator's pins. None of them comes from a request.
#[derive(clap::Parser)]
pub(crate) struct Pins {
    /// The ledger. Receipts of all others are refused.
    #[arg(long, env = "COUNTERFOIL_LEDGER")]
    ledger: LedgerId,
    /// The program.
    #[arg(long, env = "COUNTERFOIL_PROGRAM")]
    program: ProgramId,
    #[command(flatten)]
    servers: Servers,
}

#[derive(Args)]
struct Servers {
    /// Solana servers, best of several operators: their answers are no proof.
    #[arg(long = "rpc", env = "COUNTERFOIL_RPC", value_delimiter = ',', hide_env_values = true, required = true, value_parser = parse_rpc_url)]
    urls: Vec<String>,
    /// The number of servers that must confirm a receipt; more than half when absent.
    #[arg(long, env = "COUNTERFOIL_QUORUM")]
    quorum: Option<usize>,
    /// An API with the ledger, asked for proofs where the ledger has grown since. Not trusted: the proofs are verified.
    #[arg(long, env = "COUNTERFOIL_API", hide_env_values = true)]
    api: Option<String>,
}

/// The outcome of judging a receipt.
pub(crate) enum Verdict {
    /// The servers' accounts of the pinned ledger contain entry and event.
    Verified {
        /// The servers that confirmed it.
        by: Vec<String>,
    },
    /// The receipt is false, or of another ledger. Asking again changes nothing.
    Refused(String),
    /// Too few servers could be asked, or they are behind. Nothing is said against the receipt.
    CannotTell(String),
}

/// One server's answer.
enum Answer {
    Confirms,
    Contradicts(String),
}

impl Pins {
    pub(crate) fn expect_quorum(&self) -> anyhow::Result<()> {
        let (quorum, servers) = (self.quorum(), self.servers.urls.len());
        ensure!((1..=servers).contains(&quorum), "COUNTERFOIL_QUORUM is {quorum}, of {servers} servers");
        Ok(())
    }

    fn quorum(&self) -> usize {
        self.servers.quorum.unwrap_or(self.servers.urls.len() / 2 + 1)
    }

    pub(crate) async fn judge(&self, receipt: &Receipt) -> Verdict {
        if (receipt.ledger, receipt.program) != (self.ledger, self.program) {
            let (ledger, program) = (receipt.ledger, receipt.program);
            return Verdict::Refused(format!(
                "it is of ledger {ledger} of program {program}, and another one is pinned"
            ));
        }
        let verified = match receipt.verify() {
            Ok(verified) => verified,
            Err(error) => return Verdict::Refused(error.to_string()),
        };
        let Some(later) = verified.later_heads() else {
            return Verdict::CannotTell(
                "the receipt has no bridge to later heads: fetch it again from an API".to_owned(),
            );
        };
        let claims = [(LogKind::Entries, later.entries), (LogKind::Events, later.events)];
        let (mut by, mut silent) = (Vec::new(), Vec::new());
        for url in &self.servers.urls {
            let rpc = Rpc::new(url, self.program);
            match self.ask(&rpc, receipt, claims).await {
                Ok(Answer::Confirms) => by.push(rpc.name().to_owned()),
                // It is not outvoted: one of the two is false.
                Ok(Answer::Contradicts(detail)) => return Verdict::Refused(format!("{}: {detail}", rpc.name())),
                Err(error) => silent.push(format!("{}: {error:#}", rpc.name())),
            }
        }
        if by.len() >= self.quorum() { Verdict::Verified { by } } else { Verdict::CannotTell(silent.join("; ")) }
    }

    async fn ask(&self, rpc: &Rpc, receipt: &Receipt, claims: [(LogKind, TreeHead); 2]) -> anyhow::Result<Answer> {
        let genesis_hash = rpc.fetch_genesis_hash().await?;
        if genesis_hash != receipt.genesis_hash {
            return Ok(Answer::Contradicts("the receipt is of another cluster".to_owned()));
        }
        let account = rpc.fetch_account(self.ledger).await?.account;
        for (log, head) in claims {
            match relate(log, &head, &account) {
                Relation::Same | Relation::InRing => {}
                Relation::Contradiction(current) => {
                    let detail = format!(
                        "its account has root {} for {} {log:?}, the receipt {}",
                        current.root, head.size, head.root
                    );
                    return Ok(Answer::Contradicts(detail.to_lowercase()));
                }
                Relation::Stale(_) => anyhow::bail!("it is behind the receipt"),
                Relation::Grown(current) => self.prove_growth(log, &head, &current).await?,
            }
        }
        Ok(Answer::Confirms)
    }

    /// Shows by a proof of the API's that the account's log begins with the receipt's.
    async fn prove_growth(&self, log: LogKind, first: &TreeHead, second: &TreeHead) -> anyhow::Result<()> {
        let api =
            self.servers.api.as_deref().context("the ledger has grown since, and COUNTERFOIL_API gives no proof")?;
        let name = match log {
            LogKind::Entries => "entries",
            LogKind::Events => "events",
        };
        let url = format!(
            "{}/v1/ledgers/{}/consistency?log={name}&first={}&second={}",
            api.trim_end_matches('/'),
            self.ledger,
            first.size,
            second.size
        );
        let client = reqwest::Client::builder().timeout(API_TIME).build()?;
        let answer: Consistency = client.get(url).send().await?.error_for_status()?.json().await?;
        let proof: Vec<Hash> = answer.proof.0.into_iter().map(|hash| hash.0).collect();
        verify_consistency(first, second, &proof).context("the API's proof does not hold")
    }
}
