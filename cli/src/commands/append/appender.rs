//! Appending one transaction's entries to a ledger, each written once.

use anyhow::{Context, bail, ensure};
use counterfoil_client::{Backoff, ClientError, Keypair, Rpc, Sent, Source, entries_that_fit, instruction, send};
use counterfoil_core::limits::{HEADS, ledger_flag};
use counterfoil_core::{LedgerAccount, LedgerId, Wallet};
use merkle_log::{LeafHash, Root, verify_consistency};
use tokio::time::sleep;

use super::journal::{Journal, Planned};
use crate::context::{ACCOUNT_MISSING, Options, UNEXPECTED_SIZE, confirmed_account, wallet_of};

/// How often a transaction is signed anew while the server's size does not change: it is behind what the chain refuses by.
const MAX_STALE_ROUNDS: u32 = 8;

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
    ) -> anyhow::Result<(u64, Option<Sent>)> {
        let (mut backoff, mut stale_rounds) = (Backoff::default(), 0);
        loop {
            let first = self.account.entries.size().get();
            let mut after = (*self.account.entries).clone();
            for leaf in leaves {
                after.append_leaf(leaf).context("the ledger is full")?;
            }
            if let Some(journal) = &mut journal {
                journal.plan(Planned { first, count: leaves.len() as u64, root: after.root() })?;
            }
            let append =
                instruction::append(self.rpc.program(), self.ledger, self.wallet, self.is_writer, Some(first), batch);
            match send(self.rpc, self.key, append).await {
                Ok(sent) => {
                    *self.account.entries = after;
                    self.uncertain = None;
                    return Ok((first, Some(sent)));
                }
                // Somebody else appended first, or our transaction came too late to be executed.
                Err(
                    ClientError::Refused { code: UNEXPECTED_SIZE, .. }
                    | ClientError::SentByAnother { .. }
                    | ClientError::Expired { .. },
                ) => {
                    self.account = confirmed_account(self.rpc, self.ledger).await?;
                    if self.account.entries.size().get() != first {
                        if let Some(planned) = self.uncertain.take()
                            && self.is_in(options, planned).await?
                        {
                            return Ok((planned.first, None));
                        }
                        (backoff, stale_rounds) = (Backoff::default(), 0);
                        continue;
                    }
                    stale_rounds += 1;
                    ensure!(
                        stale_rounds < MAX_STALE_ROUNDS,
                        "{} says that ledger {} has {first} entries, and the chain refuses to append there: the server is \
                         behind. Try again later, or another --rpc",
                        self.rpc.name(),
                        self.ledger
                    );
                    sleep(backoff.next_delay()).await;
                }
                Err(ClientError::Refused { code: ACCOUNT_MISSING, .. }) if self.is_writer => bail!(
                    "wallet {} may not append to ledger {}: it is not the authority, has no grant, and the ledger is not \
                     open",
                    self.wallet,
                    self.ledger
                ),
                Err(error) => return Err(error.into()),
            }
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
