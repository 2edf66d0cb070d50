//! Recordings: a program's transactions and its ledgers' accounts in one compressed file.
//!
//! Zstandard over lines of JSON. The first line says what was recorded:
//! `{"recording":1,"genesis_hash":"…","program":"…"}`. Then one line a transaction, only those that succeeded, each
//! ledger's in order of (slot, order within the slot):
//! `{"slot":5,"signature":"…","accounts":["…"],"instructions":[{"program":3,"accounts":[0],"data":"base64"}]}`, where
//! the instructions are the inner ones. Lines `{"account":"…","slot":9,"data":"base64"}`, anywhere, are ledgers'
//! accounts; of several of one ledger the last counts. The last line is `{"end":N}` with the count of transactions; a
//! file without it was cut.
//!
//! A file that [`RecordingWriter`] wrote has the accounts and the end in a Zstandard frame of their own, and after it a
//! skippable frame with that frame's offset, so that [`Recording::open`] need not read the rest. Other writers need not
//! do so.
//!
//! Not trusted: the file's author can have written anything.

mod error;
mod format;
mod read;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use counterfoil_core::{GenesisHash, LedgerAccount, LedgerId, ProgramId, Wallet};
use futures_util::stream::{self, StreamExt};
use tokio::sync::mpsc;

pub use error::RecordingError;
pub use write::RecordingWriter;

use crate::{AccountAt, ClientError, Feed, Fetched, ListedTransaction, Listing, Source, TransactionRecord};
use read::{Line, Lines, RecordedAccount};

/// How many transactions, or bytes of them, a list of the feed holds.
const TRANSACTIONS_PER_CHUNK: usize = 512;
const BYTES_PER_CHUNK: usize = 4 << 20;
/// How many lists wait for the consumer.
const CHUNKS_WAITING: usize = 4;

/// A recording, opened: its header and accounts. The transactions stay in the file.
#[derive(Debug)]
pub struct Recording {
    name: String,
    path: PathBuf,
    genesis_hash: GenesisHash,
    program: ProgramId,
    accounts: BTreeMap<LedgerId, RecordedAccount>,
    /// Where the file ended before its end, when it did: accounts may be missing.
    damaged_at: Option<u64>,
}

impl Recording {
    /// Opens a file and reads its header and accounts. Blocks.
    ///
    /// A file that is damaged after its header can be opened; asking for an account after the damage is an error that
    /// says so, and the feed delivers what is before the damage.
    ///
    /// # Errors
    /// [`ClientError::Recording`].
    pub fn open(path: &Path) -> Result<Self, ClientError> {
        let failed = |line, cause| ClientError::Recording { path: path.to_owned(), line, cause };
        let mut lines = Lines::open(path).map_err(|error| failed(1, RecordingError::Unreadable(error)))?;
        let (genesis_hash, program) = lines.read_header().map_err(|source| failed(1, source))?;
        let mut accounts = BTreeMap::new();
        let from_trailer = Lines::open_accounts(path).and_then(|mut lines| {
            let read = lines.read_accounts(&mut accounts);
            read.ok()
        });
        let mut damaged_at = None;
        if from_trailer.is_none() {
            accounts.clear();
            if lines.read_accounts(&mut accounts).is_err() {
                damaged_at = Some(lines.number());
            }
        }
        let file_name = path.file_name().unwrap_or(path.as_os_str());
        let name = format!("recording {}", file_name.to_string_lossy());
        Ok(Self { name, path: path.to_owned(), genesis_hash, program, accounts, damaged_at })
    }

    /// The hash of the first block of the cluster that was recorded.
    #[must_use]
    pub const fn genesis_hash(&self) -> GenesisHash {
        self.genesis_hash
    }

    /// The program whose transactions were recorded.
    #[must_use]
    pub const fn program(&self) -> ProgramId {
        self.program
    }

    /// The transactions of the file at `path`, in its order, in lists of up to 512. Ends with the file. A file that is
    /// cut or damaged gives all that is before the damage, then an error that names the line, then ends.
    ///
    /// Must be called within a Tokio runtime. Holds a few lists in memory and never the file.
    #[must_use]
    pub fn feed(path: &Path) -> Feed {
        let (sender, receiver) = mpsc::channel(CHUNKS_WAITING);
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || {
            let result = deliver(&path, |chunk| sender.blocking_send(Ok(chunk)).is_ok());
            if let Err((line, cause)) = result {
                // The receiver is gone.
                let _ = sender.blocking_send(Err(ClientError::Recording { path, line, cause }));
            }
        });
        stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) }).boxed()
    }

    fn missing(&self, ledger: LedgerId) -> ClientError {
        match self.damaged_at {
            Some(line) => self.damaged(line),
            None => ClientError::NoLedger { server: self.name.clone(), ledger },
        }
    }

    fn damaged(&self, line: u64) -> ClientError {
        ClientError::Recording { path: self.path.clone(), line, cause: RecordingError::Cut }
    }

    fn read_account(&self, ledger: LedgerId) -> Result<AccountAt, ClientError> {
        let recorded = self.accounts.get(&ledger).ok_or_else(|| self.missing(ledger))?;
        let account = LedgerAccount::decode(&recorded.data).map_err(|cause| ClientError::Account { ledger, cause })?;
        Ok(AccountAt { slot: recorded.slot, account })
    }
}

/// Hands over the transactions chunk by chunk as long as they are taken.
fn deliver(path: &Path, mut take: impl FnMut(Vec<TransactionRecord>) -> bool) -> Result<(), (u64, RecordingError)> {
    let mut lines = Lines::open(path).map_err(|error| (1, RecordingError::Unreadable(error)))?;
    lines.read_header().map_err(|source| (1, source))?;
    let mut chunk = Vec::with_capacity(TRANSACTIONS_PER_CHUNK);
    let mut bytes = 0_usize;
    let result = loop {
        match lines.next() {
            Ok(Line::Transaction(transaction)) => {
                bytes = bytes.saturating_add(lines.line_bytes());
                chunk.push(transaction);
            }
            Ok(Line::Account { .. }) => continue,
            Ok(Line::End) => break Ok(()),
            Err(source) => break Err((lines.number(), source)),
        }
        if chunk.len() == TRANSACTIONS_PER_CHUNK || bytes >= BYTES_PER_CHUNK {
            let full = std::mem::replace(&mut chunk, Vec::with_capacity(TRANSACTIONS_PER_CHUNK));
            bytes = 0;
            if !take(full) {
                return Ok(());
            }
        }
    };
    if !chunk.is_empty() {
        take(chunk);
    }
    result
}

/// The accounts come from the file; its transactions come by [`Recording::feed`] and are not listed.
impl Source for Recording {
    fn name(&self) -> &str {
        &self.name
    }

    async fn fetch_ledgers(&self, authority: Option<Wallet>) -> Result<Vec<LedgerId>, ClientError> {
        if let Some(line) = self.damaged_at {
            return Err(self.damaged(line));
        }
        let is_wanted = |ledger: &LedgerId| {
            authority.is_none_or(|wanted| self.read_account(*ledger).is_ok_and(|at| at.account.authority == wanted))
        };
        Ok(self.accounts.keys().copied().filter(is_wanted).collect())
    }

    async fn fetch_accounts(&self, ledgers: &[LedgerId]) -> Result<Vec<Result<AccountAt, ClientError>>, ClientError> {
        Ok(ledgers.iter().map(|ledger| self.read_account(*ledger)).collect())
    }

    async fn list_transactions(&self, _: LedgerId, _: u64) -> Result<Listing, ClientError> {
        Ok(Listing { transactions: Vec::new(), is_whole: true })
    }

    async fn fetch_slots(&self, _: u64, _: u64) -> Result<Vec<TransactionRecord>, ClientError> {
        Ok(Vec::new())
    }

    async fn fetch_transactions(&self, listed: &[ListedTransaction]) -> Result<Fetched, ClientError> {
        match listed.is_empty() {
            true => Ok(Fetched::default()),
            false => Err(ClientError::NotListed { server: self.name.clone() }),
        }
    }
}
