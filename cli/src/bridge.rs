//! Bridges: how entries and the event that appended them are shown to be the chain's, at one server. Source: docs/protocol.md, section 6.
//!
//! Tried in this order: the account's ring; proofs from APIs, which are not trusted; the transaction that holds the event.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use counterfoil_client::{Commitment, Rpc, Source, TransactionRecord, decode};
use counterfoil_core::receipt::{Receipt, TransactionSignature, VerifiedReceipt};
use counterfoil_core::relate::{LogKind, Relation, relate};
use counterfoil_core::{Event, LedgerHead, LedgerId};
use merkle_log::{LeafIndex, TreeHead, hash_leaf, verify_inclusion};
use tokio::time::Instant;

use crate::api::Api;
use crate::heads::{Behind, Reading, contradiction, prove_growth, stale, until_caught_up};

/// How long APIs are asked for proofs. It is less than a server has for its whole answer, so that APIs that hang leave time
/// for the transaction.
const API_PATIENCE: Duration = Duration::from_secs(30);

/// The bridge from a receipt to the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bridge {
    /// The account holds the head, as its newest or in its ring.
    Ring,
    /// A proof leads to the account's head.
    Proof {
        /// The API that gave it.
        api: String,
    },
    /// The chain recorded the event.
    Transaction(TransactionSignature),
}

impl fmt::Display for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ring => f.write_str("its account holds the head"),
            Self::Proof { api } => write!(f, "a proof of {api} leads to its account"),
            Self::Transaction(signature) => {
                write!(f, "it has the transaction {signature}, finalized, that holds the event")
            }
        }
    }
}

/// A claim about a ledger that a bridge must show: a log's head contains entries, and an event appended them.
pub struct Claim {
    /// The ledger.
    pub ledger: LedgerId,
    /// The head that the event states, where the entries are proven to be under it.
    pub stated: Option<TreeHead>,
    /// Later heads that contain entries and event.
    pub later: Option<LedgerHead>,
    /// The event's number.
    pub seq: u64,
    /// Its kind, header and body.
    pub leaf: Vec<u8>,
    /// The slot that it states.
    pub slot: u64,
    /// The transaction that is said to hold it.
    pub transaction: Option<TransactionSignature>,
}

impl Claim {
    /// The claim of a receipt.
    pub fn of(receipt: &Receipt, verified: &VerifiedReceipt) -> Self {
        Self {
            ledger: receipt.ledger,
            stated: verified.stated_head().copied(),
            later: verified.later_heads().copied(),
            seq: receipt.event.seq,
            leaf: receipt.event.leaf.clone(),
            slot: verified.event().header.slot,
            transaction: receipt.transaction(),
        }
    }

    /// The heads that contain the entries.
    pub fn entry_heads(&self) -> Vec<TreeHead> {
        self.stated.into_iter().chain(self.later.map(|later| later.entries)).collect()
    }

    /// The heads that contain the event.
    pub fn event_heads(&self) -> Vec<TreeHead> {
        self.later.map(|later| later.events).into_iter().collect()
    }
}

/// One server's support of a claim.
pub struct Shown {
    /// The ledger's account there.
    pub reading: Reading,
    /// How it shows the entry.
    pub entry: Bridge,
    /// How it shows the event.
    pub event: Bridge,
}

impl Shown {
    /// Whether what today's account contains rests on the program alone.
    pub const fn rests_on_program(&self) -> bool {
        matches!(self.entry, Bridge::Transaction(_)) || matches!(self.event, Bridge::Transaction(_))
    }
}

/// Shows a claim at one server; it is asked again while it, or an API, is behind.
///
/// # Errors
/// A refutation when its account contradicts the claim; else why nothing is shown.
pub async fn show(apis: &[Api], rpc: &Rpc, claim: &Claim) -> anyhow::Result<Shown> {
    until_caught_up(rpc, claim.ledger, async |reading| {
        let attempt = Attempt { apis, rpc, claim, reading };
        Ok(attempt.show().await?.map(|(entry, event)| Shown {
            reading: Reading { server: reading.server.clone(), at: reading.at.clone() },
            entry,
            event,
        }))
    })
    .await
}

/// How far a head is from the account of a reading.
enum Distance {
    Held,
    Grown(TreeHead),
    Stale(TreeHead),
}

struct Attempt<'a> {
    apis: &'a [Api],
    rpc: &'a Rpc,
    claim: &'a Claim,
    reading: &'a Reading,
}

impl Attempt<'_> {
    async fn show(&self) -> anyhow::Result<Result<(Bridge, Bridge), Behind>> {
        // All are compared before any bridge is believed: what contradicts the account is false.
        let entry_distances = self.distances(LogKind::Entries, &self.claim.entry_heads())?;
        let event_distances = self.distances(LogKind::Events, &self.claim.event_heads())?;

        let mut reasons = Reasons::default();
        let mut entry = entry_distances.iter().any(|(_, at)| matches!(at, Distance::Held)).then_some(Bridge::Ring);
        let mut event = event_distances.iter().any(|(_, at)| matches!(at, Distance::Held)).then_some(Bridge::Ring);
        for (heads, log) in [(&entry_distances, LogKind::Entries), (&event_distances, LogKind::Events)] {
            for (earlier, distance) in heads {
                if let Distance::Stale(current) = distance {
                    reasons.behind(Behind::Server(stale(&self.reading.server, log, earlier, current)));
                }
            }
        }
        // A transaction says that the chain recorded the entry once. It shows nothing at an account that has not got it.
        if !entry_distances.iter().any(|(_, distance)| matches!(distance, Distance::Held | Distance::Grown(_))) {
            return reasons.conclude().map(Err);
        }
        let until = Instant::now() + API_PATIENCE;
        for api in self.apis {
            if Instant::now() >= until {
                reasons.texts.push(format!("{} was not asked, for others took too long", api.name()));
                continue;
            }
            if entry.is_none() {
                let proven = self.prove(api, LogKind::Entries, &entry_distances).await;
                let is_late = matches!(&proven, Some(Err(error)) if Api::is_late(error));
                entry = reasons.keep(api, proven);
                if is_late {
                    continue;
                }
            }
            if event.is_none() {
                let proven = match event_distances.is_empty() {
                    true => Some(self.prove_event(api).await),
                    false => self.prove(api, LogKind::Events, &event_distances).await,
                };
                event = reasons.keep(api, proven);
            }
        }
        if entry.is_none() || event.is_none() {
            match self.find_transaction().await {
                Ok(signature) => {
                    entry = entry.or(Some(Bridge::Transaction(signature)));
                    event = event.or(Some(Bridge::Transaction(signature)));
                }
                Err(error) => reasons.add(&error),
            }
        }
        match (entry, event) {
            (Some(entry), Some(event)) => Ok(Ok((entry, event))),
            _ => reasons.conclude().map(Err),
        }
    }

    fn distances(&self, log: LogKind, heads: &[TreeHead]) -> anyhow::Result<Vec<(TreeHead, Distance)>> {
        let each = heads.iter().map(|head| {
            let distance = match relate(log, head, &self.reading.at.account) {
                Relation::Same | Relation::InRing => Distance::Held,
                Relation::Grown(current) => Distance::Grown(current),
                Relation::Stale(current) => Distance::Stale(current),
                Relation::Contradiction(current) => {
                    return Err(contradiction(&self.reading.server, log, head, &current));
                }
            };
            Ok((*head, distance))
        });
        each.collect()
    }

    /// Shows with an API's help that the account extends one of the heads; none where there is nothing to show.
    async fn prove(&self, api: &Api, log: LogKind, heads: &[(TreeHead, Distance)]) -> Option<anyhow::Result<()>> {
        let (earlier, current) = heads.iter().find_map(|(earlier, distance)| match distance {
            Distance::Grown(current) => Some((earlier, current)),
            Distance::Held | Distance::Stale(_) => None,
        })?;
        Some(prove_growth(api, self.claim.ledger, log, earlier, current).await)
    }

    /// Shows with an API's help that the account's event log contains the event.
    async fn prove_event(&self, api: &Api) -> anyhow::Result<()> {
        let (head, seq) = (self.reading.at.account.events.head(), self.claim.seq);
        let proof = api.fetch_inclusion(self.claim.ledger, "events", seq, head.size.get()).await;
        let index = LeafIndex::new(seq).context("a verified receipt's event has a number")?;
        verify_inclusion(&head, index, &hash_leaf(&self.claim.leaf), &proof.with_context(|| api.name())?)
            .with_context(|| format!("the proof of {} that the chain has the event does not hold", api.name()))
    }

    /// The finalized transaction in which the program emitted the receipt's event, byte for byte, in the slot that it states.
    async fn find_transaction(&self) -> anyhow::Result<TransactionSignature> {
        ensure!(
            self.claim.stated.is_some(),
            "the receipt leads to another head than its event states, so that the transaction shows nothing of the entry"
        );
        let slot = self.claim.slot;
        if let Some(hint) = self.claim.transaction {
            // Nothing proves the hint: one that leads nowhere must not hide the transaction.
            let found = self.rpc.fetch_transaction(hint.0, Commitment::Finalized).await;
            if found.is_ok_and(|found| found.is_some_and(|transaction| self.holds_event(slot, &transaction))) {
                return Ok(hint);
            }
        }
        let block = self.rpc.fetch_slots(slot, slot).await?;
        let found = block.iter().find(|transaction| self.holds_event(slot, transaction));
        match found {
            Some(transaction) => Ok(TransactionSignature(transaction.signature)),
            None => bail!(
                "no transaction of slot {slot} that it still has holds the event: a server that keeps the whole history is \
                 needed (--rpc)"
            ),
        }
    }

    fn holds_event(&self, slot: u64, transaction: &TransactionRecord) -> bool {
        let is_there = |events: Vec<Event>| events.iter().any(|event| event.leaf_bytes() == self.claim.leaf);
        // One whose events cannot be read may be anybody's: it does not show this one.
        transaction.slot == slot && decode(self.rpc.program(), transaction).is_ok_and(is_there)
    }
}

/// Why nothing is shown yet, or at all.
#[derive(Default)]
struct Reasons {
    behind: Option<Behind>,
    texts: Vec<String>,
}

impl Reasons {
    fn behind(&mut self, behind: Behind) {
        self.behind.get_or_insert(behind);
    }

    fn add(&mut self, error: &anyhow::Error) {
        self.texts.push(format!("{error:#}"));
    }

    /// The bridge of an API, where it gave one. That its rows contradict what it has checked says nothing of the claim.
    fn keep(&mut self, api: &Api, proven: Option<anyhow::Result<()>>) -> Option<Bridge> {
        match proven? {
            Ok(()) => return Some(Bridge::Proof { api: api.name() }),
            Err(error) => {
                self.add(&error);
                if Api::is_behind(&error) {
                    self.behind(Behind::Index(error));
                }
            }
        }
        None
    }

    /// The advice to wait where a server is behind; else the list of all that was tried.
    fn conclude(mut self) -> anyhow::Result<Behind> {
        self.texts.dedup();
        let tried = self.texts.join("; ");
        match self.behind {
            // Its own text is among those.
            Some(Behind::Index(_)) => Ok(Behind::Index(anyhow::anyhow!(tried))),
            Some(behind) => Ok(behind),
            None => bail!("the ledger has grown since, and no bridge leads to its account of today: {tried}"),
        }
    }
}
