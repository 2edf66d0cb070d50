//! Appending to a ledger, each entry once.

use counterfoil_client::{Backoff, Rpc, Source};
use counterfoil_core::limits::{HEADS, ledger_flag};
use counterfoil_core::{LedgerAccount, LedgerId, Wallet};
use merkle_log::{Root, hash_leaf, verify_consistency};
use solana_instruction::Instruction;
use solana_signer::Signer;
use tokio::time::sleep;

use crate::error::{AppendError, SendError};
use crate::fit::entries_that_fit;
use crate::host::{BoxError, Host, Planned};
use crate::in_flight::InFlight;
use crate::instruction;
use crate::keypair::wallet_of;
use crate::refusal::code;
use crate::send::{Sent, send_watched};

/// How many times a new transaction is signed while the server's size does not change.
const MAX_STALE_ROUNDS: u32 = 8;

/// One transaction's entries that are in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The index of the first entry.
    pub first: u64,
    /// How many entries.
    pub count: u64,
    /// By how many hashes of subtrees; 0 where the entries themselves were appended.
    pub hashes: usize,
    /// The transaction; none where only the account showed that they are in.
    pub sent: Option<Sent>,
}

/// The outcome of a transaction that an earlier run planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Its entries are in.
    In,
    /// Its entries are not in and never will be.
    NotIn,
    /// The ledger still has the size that it was planned for, so it may still come. Append the same entries: the next call
    /// of [`Appender::append`] tells which of the two transactions is in.
    Open,
}

/// The outcome of a transaction that was sent.
pub(crate) enum Outcome {
    /// It is in; by which transaction only the account showed, where none is named.
    In(Option<Sent>),
    /// It is certain that it is not in and never will be: another append came first, or it came too late.
    NotIn(SendError),
}

/// How often in a row a transaction was not in although the server shows the size that it was signed for.
#[derive(Default)]
pub(crate) struct Patience {
    backoff: Backoff,
    rounds: u32,
}

/// A wallet that appends to one ledger by one server, and the account as far as that server has confirmed it.
///
/// Several appenders of one ledger, in one process or in many, do no harm: the expected size lets one transaction in, and
/// the others sign again.
pub struct Appender<'a> {
    pub(crate) rpc: &'a Rpc,
    pub(crate) ledger: LedgerId,
    pub(crate) signer: &'a (dyn Signer + Send + Sync),
    pub(crate) wallet: Wallet,
    pub(crate) account: LedgerAccount,
    is_writer: bool,
    /// The plan of an earlier run whose transaction may still come.
    uncertain: Option<Planned>,
}

impl<'a> Appender<'a> {
    /// Reads the ledger's account.
    ///
    /// # Errors
    /// [`AppendError::Account`], [`AppendError::Sealed`].
    pub async fn start(
        rpc: &'a Rpc,
        ledger: LedgerId,
        signer: &'a (dyn Signer + Send + Sync),
    ) -> Result<Self, AppendError> {
        let wallet = wallet_of(signer);
        let account = confirmed_account(rpc, ledger).await?;
        if account.flags & ledger_flag::SEALED != 0 {
            return Err(AppendError::Sealed { ledger });
        }
        let is_writer = account.authority != wallet && account.flags & ledger_flag::OPEN == 0;
        Ok(Self { rpc, ledger, signer, wallet, account, is_writer, uncertain: None })
    }

    /// The ledger's size, as far as this appender knows.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.account.entries.size().get()
    }

    /// How many of `entries`, from the first on, fit one transaction. 0 when the first is too large.
    #[must_use]
    pub fn fit(&self, entries: &[Vec<u8>]) -> usize {
        entries_that_fit(self.rpc.program(), self.ledger, self.wallet, self.is_writer, entries, 0)
    }

    /// Whether a transaction of an earlier run may still come.
    #[must_use]
    pub const fn is_uncertain(&self) -> bool {
        self.uncertain.is_some()
    }

    /// Finds out what became of a transaction that an earlier run planned, and whose end that run did not see.
    ///
    /// # Errors
    /// [`AppendError::Undecided`].
    pub async fn settle(&mut self, host: &impl Host, planned: Planned) -> Result<Settled, AppendError> {
        if self.size() == planned.first {
            // If it still comes, the chain refuses the one that is sent now, and the head says which it was.
            self.uncertain = Some(planned);
            return Ok(Settled::Open);
        }
        Ok(if self.is_in(host, planned).await? { Settled::In } else { Settled::NotIn })
    }

    /// Appends one transaction's entries.
    ///
    /// They are signed again only when it is certain that nothing was written; the expected size keeps the order. Dropping
    /// the future while `in_flight` may have arrived leaves it open whether they are in.
    ///
    /// # Errors
    /// [`AppendError::Nothing`], [`AppendError::EmptyEntry`] and [`AppendError::TooLarge`] before anything is sent;
    /// [`AppendError::is_outcome_unknown`] tells when they may be in.
    pub async fn append(
        &mut self,
        host: &mut impl Host,
        entries: &[Vec<u8>],
        in_flight: &InFlight,
    ) -> Result<Appended, AppendError> {
        self.expect_that_they_fit(entries)?;
        let count = entries.len() as u64;
        let mut patience = Patience::default();
        loop {
            let first = self.size();
            let mut after = (*self.account.entries).clone();
            for entry in entries {
                after.append_leaf(&hash_leaf(entry)).map_err(|_| AppendError::Full)?;
            }
            let planned = Planned { first, count, root: after.root() };
            host.keep(planned).await.map_err(AppendError::Keep)?;
            let append =
                instruction::append(self.rpc.program(), self.ledger, self.wallet, self.is_writer, Some(first), entries);
            match self.send(host, append, planned, in_flight).await? {
                Outcome::In(sent) => {
                    if sent.is_some() {
                        *self.account.entries = after;
                    }
                    self.uncertain = None;
                    return Ok(Appended { first, count, hashes: 0, sent });
                }
                Outcome::NotIn(error) => {
                    if self.look_again(first, error, &mut patience).await?
                        && let Some(planned) = self.uncertain.take()
                        && self.is_in(host, planned).await?
                    {
                        return Ok(Appended { first: planned.first, count, hashes: 0, sent: None });
                    }
                }
            }
        }
    }

    fn expect_that_they_fit(&self, entries: &[Vec<u8>]) -> Result<(), AppendError> {
        if entries.is_empty() {
            return Err(AppendError::Nothing);
        }
        if entries.iter().any(Vec::is_empty) {
            return Err(AppendError::EmptyEntry);
        }
        let fitting = self.fit(entries);
        if fitting < entries.len() {
            let bytes = entries.iter().map(Vec::len).sum();
            return Err(AppendError::TooLarge { given: entries.len(), bytes, fitting });
        }
        Ok(())
    }

    /// Sends an append of what is planned. Where no server tells the outcome the account does, which then is the newest.
    pub(crate) async fn send(
        &mut self,
        host: &impl Host,
        append: Instruction,
        planned: Planned,
        in_flight: &InFlight,
    ) -> Result<Outcome, AppendError> {
        let error = match send_watched(self.rpc, self.signer, append, in_flight).await {
            Ok(sent) => return Ok(Outcome::In(Some(sent))),
            Err(error) => error,
        };
        if error.is_outcome_unknown() {
            // An append that the account does not show may still come.
            let Ok(account) = confirmed_account(self.rpc, self.ledger).await else { return Err(error.into()) };
            if account.entries.size().get() == planned.first {
                return Err(error.into());
            }
            self.account = account;
            return match self.is_in(host, planned).await {
                Ok(true) => Ok(Outcome::In(None)),
                // Another took its place.
                Ok(false) => Ok(Outcome::NotIn(error)),
                Err(why) => Err(AppendError::OutcomeUnknown { why: Box::new(why), sent: Box::new(error) }),
            };
        }
        match error {
            SendError::Refused { code: code::UNEXPECTED_SIZE, .. }
            | SendError::SentByAnother { .. }
            | SendError::Expired { reason: None, .. } => Ok(Outcome::NotIn(error)),
            SendError::Refused { code: code::ACCOUNT_MISSING, .. } if self.is_writer => {
                Err(AppendError::NotAllowed { wallet: self.wallet, ledger: self.ledger })
            }
            error => Err(error.into()),
        }
    }

    /// Fetches the account again after what was signed for its size `first` is not in; whether it has another size now.
    pub(crate) async fn look_again(
        &mut self,
        first: u64,
        error: SendError,
        patience: &mut Patience,
    ) -> Result<bool, AppendError> {
        self.account = confirmed_account(self.rpc, self.ledger).await?;
        if self.size() != first {
            *patience = Patience::default();
            return Ok(true);
        }
        patience.rounds = patience.rounds.saturating_add(1);
        if patience.rounds < MAX_STALE_ROUNDS {
            sleep(patience.backoff.next_delay()).await;
            return Ok(false);
        }
        Err(match error {
            SendError::Refused { .. } => {
                AppendError::ServerBehind { server: self.rpc.name().to_owned(), ledger: self.ledger, size: first }
            }
            cause => AppendError::GaveUp { tries: patience.rounds, cause: Box::new(cause) },
        })
    }

    /// Whether what was planned is in the ledger, whose account is beyond the size for which it was planned.
    async fn is_in(&self, host: &impl Host, planned: Planned) -> Result<bool, AppendError> {
        let end = planned.end();
        let heads = &self.account.heads;
        if let Some(head) = heads.iter().find(|head| head.size.get() == end) {
            return Ok(head.root == planned.root);
        }
        // The ring holds every head from its oldest on: none of this size means that no append ended there.
        if heads.len() < HEADS || heads.first().is_some_and(|oldest| oldest.size.get() <= end) {
            return Ok(false);
        }
        let found = self.root_at(host, end).await.map(|root| root == planned.root);
        let (first, last) = (planned.first, end.saturating_sub(1));
        found.map_err(|cause| AppendError::Undecided { first, last, cause })
    }

    /// The root of the first `size` entries, by the host's proof that the account extends it.
    async fn root_at(&self, host: &impl Host, size: u64) -> Result<Root, BoxError> {
        let head = self.account.entries.head();
        let (earlier, proof) = host.fetch_head(self.ledger, size, head.size.get()).await?;
        if earlier.size.get() != size {
            return Err("the API gave a head of another size".into());
        }
        verify_consistency(&earlier, &head, &proof)
            .map_err(|error| format!("the API's proof does not hold: {error}"))?;
        Ok(earlier.root)
    }
}

/// The ledger's account as a server has it confirmed.
async fn confirmed_account(rpc: &Rpc, ledger: LedgerId) -> Result<LedgerAccount, AppendError> {
    match rpc.fetch_confirmed_account(ledger).await {
        Ok(at) => Ok(at.account),
        Err(cause) => Err(AppendError::Account { server: rpc.name().to_owned(), cause: Box::new(cause) }),
    }
}
