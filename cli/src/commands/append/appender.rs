//! Appending one transaction's entries to a ledger, each written once.

use anyhow::{Context, bail, ensure};
use counterfoil_client::{
    Backoff, ClientError, Instruction, Keypair, Rpc, Sent, Source, UnderWay, entries_that_fit, instruction,
    send_watched,
};
use counterfoil_core::limits::{HEADS, ledger_flag};
use counterfoil_core::{LedgerAccount, LedgerId, Wallet};
use merkle_log::{LeafHash, Root, verify_consistency};
use tokio::time::sleep;

use super::journal::{Journal, Planned};
use crate::context::{ACCOUNT_MISSING, Options, UNEXPECTED_SIZE, confirmed_account, wallet_of};

/// How many times a new transaction is signed while the server's size does not change.
const MAX_STALE_ROUNDS: u32 = 8;

/// What became of a transaction that was sent.
pub(super) enum Outcome {
    /// It is in; by which transaction only the account showed, where none is named.
    In(Option<Sent>),
    /// It is certain that it is not in and never will be: somebody else appended first, or it came too late.
    NotIn(ClientError),
}

/// How often in a row a transaction was not in although the server shows the size that it was signed for.
#[derive(Default)]
pub(super) struct Patience {
    backoff: Backoff,
    rounds: u32,
}

/// A wallet that appends to a ledger by one server, and the account as far as that server has confirmed it.
pub struct Appender<'a> {
    pub(super) rpc: &'a Rpc,
    pub(super) ledger: LedgerId,
    pub(super) key: &'a Keypair,
    pub(super) wallet: Wallet,
    pub(super) is_writer: bool,
    pub(super) account: LedgerAccount,
    /// What an earlier run may have sent, so that it may still come.
    pub(super) uncertain: Option<Planned>,
}

impl<'a> Appender<'a> {
    pub(super) async fn start(rpc: &'a Rpc, ledger: LedgerId, key: &'a Keypair) -> anyhow::Result<Self> {
        let wallet = wallet_of(key);
        let account = confirmed_account(rpc, ledger).await?;
        ensure!(account.flags & ledger_flag::SEALED == 0, "ledger {ledger} is sealed: nothing can be appended to it");
        let is_writer = account.authority != wallet && account.flags & ledger_flag::OPEN == 0;
        Ok(Self { rpc, ledger, key, wallet, is_writer, account, uncertain: None })
    }

    pub(super) fn fit(&self, entries: &[Vec<u8>]) -> usize {
        entries_that_fit(self.rpc, self.ledger, self.wallet, self.is_writer, entries)
    }

    /// An entry that is too large is a transaction of its own that does not fit.
    pub(super) fn expect_that_it_fits(&self, batch: &[Vec<u8>], done: u64) -> anyhow::Result<()> {
        let [entry] = batch else { return Ok(()) };
        ensure!(!entry.is_empty(), "the entry has no bytes");
        ensure!(
            self.fit(batch) == 1,
            "entry {} of the input has {} bytes, which do not fit a transaction of 1,232 bytes with all that it needs \
             besides; append its SHA-256 and keep the content elsewhere",
            done + 1,
            entry.len()
        );
        Ok(())
    }

    /// Appends one transaction's entries and returns the first one's index; no transaction where an earlier run sent it.
    ///
    /// It is signed anew only when it is certain that nothing was written; the expected size keeps the order.
    pub(super) async fn append(
        &mut self,
        options: &Options,
        batch: &[Vec<u8>],
        leaves: &[LeafHash],
        mut journal: Option<&mut Journal>,
        under_way: &UnderWay,
    ) -> anyhow::Result<(u64, Option<Sent>)> {
        let mut patience = Patience::default();
        loop {
            let first = self.account.entries.size().get();
            let mut after = (*self.account.entries).clone();
            for leaf in leaves {
                after.append_leaf(leaf).context("the ledger is full")?;
            }
            let planned = Planned { first, count: leaves.len() as u64, root: after.root() };
            if let Some(journal) = &mut journal {
                journal.plan(planned)?;
            }
            let append =
                instruction::append(self.rpc.program(), self.ledger, self.wallet, self.is_writer, Some(first), batch);
            match self.send(options, append, planned, under_way).await? {
                Outcome::In(sent) => {
                    if sent.is_some() {
                        *self.account.entries = after;
                    }
                    self.uncertain = None;
                    return Ok((first, sent));
                }
                Outcome::NotIn(error) => {
                    if self.look_again(first, error, &mut patience).await?
                        && let Some(planned) = self.uncertain.take()
                        && self.is_in(options, planned).await?
                    {
                        return Ok((planned.first, None));
                    }
                }
            }
        }
    }

    /// Sends an append of what is planned. Where no server tells the outcome the account does, which then is the newest.
    pub(super) async fn send(
        &mut self,
        options: &Options,
        append: Instruction,
        planned: Planned,
        under_way: &UnderWay,
    ) -> anyhow::Result<Outcome> {
        let error = match send_watched(self.rpc, self.key, append, under_way).await {
            Ok(sent) => return Ok(Outcome::In(Some(sent))),
            Err(error) => error,
        };
        if matches!(error, ClientError::OutcomeUnknown { .. }) {
            // What the account does not show may still come.
            let Ok(account) = confirmed_account(self.rpc, self.ledger).await else { return Err(error.into()) };
            if account.entries.size().get() == planned.first {
                return Err(error.into());
            }
            self.account = account;
            return match self.is_in(options, planned).await {
                Ok(true) => Ok(Outcome::In(None)),
                // Another took its place.
                Ok(false) => Ok(Outcome::NotIn(error)),
                Err(why) => Err(anyhow::Error::from(error).context(format!("{why:#}"))),
            };
        }
        match error {
            ClientError::Refused { code: UNEXPECTED_SIZE, .. }
            | ClientError::SentByAnother { .. }
            | ClientError::Expired { reason: None, .. } => Ok(Outcome::NotIn(error)),
            ClientError::Refused { code: ACCOUNT_MISSING, .. } if self.is_writer => bail!(
                "wallet {} may not append to ledger {}: it is not the authority, has no grant, and the ledger is not open",
                self.wallet,
                self.ledger
            ),
            error => Err(error.into()),
        }
    }

    /// Fetches the account again after what was signed for its size `first` is not in; whether it has another size now.
    pub(super) async fn look_again(
        &mut self,
        first: u64,
        error: ClientError,
        patience: &mut Patience,
    ) -> anyhow::Result<bool> {
        self.account = confirmed_account(self.rpc, self.ledger).await?;
        if self.account.entries.size().get() != first {
            *patience = Patience::default();
            return Ok(true);
        }
        patience.rounds += 1;
        if patience.rounds < MAX_STALE_ROUNDS {
            sleep(patience.backoff.next_delay()).await;
            return Ok(false);
        }
        match error {
            ClientError::Refused { .. } => bail!(
                "{} says that ledger {} has {first} entries, and the chain refuses to append there: the server is behind. \
                 Try again later, or another --rpc",
                self.rpc.name(),
                self.ledger
            ),
            error => Err(anyhow::Error::from(error).context(format!("{} tries came to nothing", patience.rounds))),
        }
    }

    /// Whether what was planned is in the ledger, whose account is beyond the size for which it was planned.
    pub(super) async fn is_in(&self, options: &Options, planned: Planned) -> anyhow::Result<bool> {
        let end = planned.first + planned.count;
        let heads = &self.account.heads;
        if let Some(head) = heads.iter().find(|head| head.size.get() == end) {
            return Ok(head.root == planned.root);
        }
        // The ring holds every head from its oldest on: none of this size means that no append ended there.
        if heads.len() < HEADS || heads.first().is_some_and(|oldest| oldest.size.get() <= end) {
            return Ok(false);
        }
        let found = self.root_at(options, end).await.map(|root| root == planned.root);
        found.with_context(|| {
            format!(
                "whether entries {} to {} are those of the transaction that was under way is not known: the ledger has \
                 grown by more than its account keeps. Give an API that has it with --api",
                planned.first,
                end - 1
            )
        })
    }

    /// The root of the first `size` entries, by the API's proof that the account extends it.
    async fn root_at(&self, options: &Options, size: u64) -> anyhow::Result<Root> {
        let head = self.account.entries.head();
        let (earlier, proof) = options.api()?.fetch_head(self.ledger, size, head.size.get()).await?;
        ensure!(earlier.size.get() == size, "the API gave a head of another size");
        verify_consistency(&earlier, &head, &proof).context("the API's proof does not hold")?;
        Ok(earlier.root)
    }
}
