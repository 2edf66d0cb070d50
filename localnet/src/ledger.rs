//! The SQLite database that a chain is kept in.
//!
//! Surfpool has a storage of its own, which writes each account and each transaction by itself: a node that is killed
//! leaves some of what belongs together. Here a transaction and the accounts that it changed are one transaction of the
//! database, and on disk before surfpool releases its write lock, so that no one has seen what could still be lost.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crossbeam_channel::Sender;
use rusqlite::{Connection, Transaction, params};
use solana_pubkey::Pubkey;
use surfpool_core::solana_account::{Account, AccountSharedData, ReadableAccount};
use surfpool_core::surfnet::BlockHeader;
use surfpool_core::types::SurfnetTransactionStatus;
use surfpool_types::SimnetCommand;
use tracing::error;

/// "cfLC": what SQLite calls the application that a file belongs to.
const APPLICATION: i32 = 0x6366_4c43;
const VERSION: i32 = 1;
const SCHEMA: &str = "
    create table account (
        address text primary key,
        lamports integer not null,
        owner blob not null,
        executable integer not null,
        rent_epoch integer not null,
        data blob not null
    );
    -- Numbered in the order of execution. `status` is surfpool's own encoding of a transaction with its outcome.
    create table executed (
        number integer primary key,
        signature text not null unique,
        slot integer not null,
        status text not null,
        written_s integer not null default (unixepoch())
    );
    create index executed_slot on executed (slot);
    create table block (slot integer primary key, header text not null);
    -- One row: the first slot that no run has reached.
    create table unreached (slot integer not null);
    insert into unreached values (0);
";
/// How many slots are taken at a time: a node that is killed goes on after them, so that no slot comes twice.
const SLOTS_AT_A_TIME: u64 = 100;

/// The files of a chain, written to as it goes on.
pub(crate) struct Ledger {
    state: Mutex<State>,
    /// Why it cannot be written any more.
    failure: OnceLock<String>,
    commands: Sender<SimnetCommand>,
}

struct State {
    database: Connection,
    /// The accounts that surfpool has handed over and no transaction has taken along yet; `None` for an account that was closed.
    accounts: HashMap<String, Option<AccountSharedData>>,
    /// Transactions that came before the accounts that they changed: surfpool's airdrops do.
    waiting: Vec<Executed>,
    /// The first slot that is not taken.
    unreached: u64,
}

/// A transaction to be written.
struct Executed {
    signature: String,
    slot: u64,
    status: String,
    changed: HashSet<Pubkey>,
}

/// A chain as it was found.
#[derive(Default)]
pub(crate) struct Chain {
    pub(crate) accounts: HashMap<String, AccountSharedData>,
    pub(crate) transactions: HashMap<String, SurfnetTransactionStatus>,
    pub(crate) blocks: HashMap<u64, BlockHeader>,
    /// Slots whose transactions stand in no block, for the node ended before the slot did.
    pub(crate) unclosed: Vec<Unclosed>,
    /// The first slot that no run has reached.
    pub(crate) unreached: u64,
}

/// A slot that the node did not close.
pub(crate) struct Unclosed {
    pub(crate) slot: u64,
    /// In the order of execution.
    pub(crate) signatures: Vec<String>,
    /// When the last one was written, in seconds.
    pub(crate) time_s: i64,
}

impl Ledger {
    /// Makes the database of a new chain.
    pub(crate) fn create(path: &Path, commands: Sender<SimnetCommand>) -> rusqlite::Result<Self> {
        let database = open(path)?;
        database.execute_batch(SCHEMA)?;
        database.pragma_update(None, "user_version", VERSION)?;
        database.pragma_update(None, "application_id", APPLICATION)?;
        Ok(Self::new(database, 0, commands))
    }

    /// Opens the database of a chain, and reads all of it.
    pub(crate) fn load(
        path: &Path,
        commands: Sender<SimnetCommand>,
    ) -> Result<(Self, Chain), Box<dyn std::error::Error + Send + Sync>> {
        if !path.is_file() {
            return Err(format!("{} is missing", path.display()).into());
        }
        let database = open(path)?;
        let number = |name: &str| database.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        let (application, version) = (number("application_id")?, number("user_version")?);
        if (application, version) != (APPLICATION, VERSION) {
            return Err(format!("{} is of another program or version", path.display()).into());
        }
        let found: String = database.pragma_query_value(None, "quick_check", |row| row.get(0))?;
        if found != "ok" {
            return Err(found.into());
        }
        let chain = Chain::read(&database)?;
        Ok((Self::new(database, chain.unreached, commands), chain))
    }

    fn new(database: Connection, unreached: u64, commands: Sender<SimnetCommand>) -> Self {
        let state = State { database, accounts: HashMap::new(), waiting: Vec::new(), unreached };
        Self { state: Mutex::new(state), failure: OnceLock::new(), commands }
    }

    /// Takes an account's new content, `None` when it was closed; written with the transaction that changed it.
    pub(crate) fn account(&self, address: &str, account: Option<&AccountSharedData>) -> Result<(), Unwritten> {
        let mut state = self.state();
        state.accounts.insert(address.to_owned(), account.cloned());
        match state.waiting.is_empty() {
            true => Ok(()),
            false => self.checked(state.write_complete()),
        }
    }

    /// Takes a transaction, and writes it with the accounts that it changed.
    pub(crate) fn transaction(&self, signature: &str, status: &SurfnetTransactionStatus) -> Result<(), Unwritten> {
        let SurfnetTransactionStatus::Processed(processed) = status else { return Ok(()) };
        let (transaction, changed) = &**processed;
        let json = serde_json::to_string(status).map_err(Into::into);
        let mut state = self.state();
        let written = json.and_then(|status| {
            let (signature, changed) = (signature.to_owned(), changed.clone());
            state.waiting.push(Executed { signature, slot: transaction.slot, status, changed });
            state.write_complete()
        });
        self.checked(written)
    }

    /// Writes a block.
    pub(crate) fn block(&self, slot: u64, header: &BlockHeader) -> Result<(), Unwritten> {
        let json = serde_json::to_string(header).map_err(Into::into);
        let written = json.and_then(|header| {
            let mut state = self.state();
            state.write_rest()?;
            state.database.execute("insert or replace into block values (?, ?)", params![slot as i64, header])?;
            Ok(())
        });
        self.checked(written)
    }

    /// Writes what has been handed over, whether or not a transaction took it along.
    pub(crate) fn flush(&self) -> Result<(), Unwritten> {
        self.checked(self.state().write_rest())
    }

    /// Takes note of the slot that the node is in.
    pub(crate) fn reach(&self, slot: u64) -> Result<(), Unwritten> {
        let mut state = self.state();
        // Early, for surfpool drops some of what it tells when it is busy.
        match slot + SLOTS_AT_A_TIME / 2 < state.unreached {
            true => Ok(()),
            false => self.checked(state.set_unreached(slot + SLOTS_AT_A_TIME)),
        }
    }

    /// Writes the rest at the end of a run, whose last slot this was.
    pub(crate) fn close(&self, slot: u64) -> Result<(), Unwritten> {
        self.flush()?;
        let mut state = self.state();
        let written = state.set_unreached(slot + 1).and_then(|()| {
            // Leaves one file in place of three.
            Ok(state.database.execute_batch("pragma wal_checkpoint(truncate)")?)
        });
        self.checked(written)
    }

    /// Ends the node, for surfpool is about to forget the chain: what begins then is another one, with another folder.
    pub(crate) fn refuse_reset(&self) -> Unwritten {
        let _ = self.checked(Err("a kept chain cannot be reset: begin a new one in an empty folder".into()));
        Unwritten
    }

    /// Why it cannot be written any more, if so.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// A node whose chain cannot be written has shown the last of it, and ends.
    fn checked(&self, written: Result<(), WriteError>) -> Result<(), Unwritten> {
        written.map_err(|fault| {
            let reason = format!("the chain cannot be written: {fault}");
            error!("{reason}");
            // The first reason is the one that counts, and a node that has ended takes no commands.
            let _ = self.failure.set(reason);
            let _ = self.commands.send(SimnetCommand::Terminate(None));
            Unwritten
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The chain cannot be written. Why is logged, and ends the node.
pub(crate) struct Unwritten;

type WriteError = Box<dyn std::error::Error + Send + Sync>;

impl State {
    /// Writes all that waits, once all accounts that it changed are there.
    fn write_complete(&mut self) -> Result<(), WriteError> {
        let is_there = |address: &Pubkey| self.accounts.contains_key(&address.to_string());
        match self.waiting.iter().all(|executed| executed.changed.iter().all(is_there)) {
            true => self.write_rest(),
            false => Ok(()),
        }
    }

    fn write_rest(&mut self) -> Result<(), WriteError> {
        if self.accounts.is_empty() && self.waiting.is_empty() {
            return Ok(());
        }
        let transaction = self.database.transaction()?;
        for (address, account) in &self.accounts {
            write_account(&transaction, address, account.as_ref())?;
        }
        for Executed { signature, slot, status, changed: _ } in &self.waiting {
            transaction
                .prepare_cached("insert into executed (signature, slot, status) values (?, ?, ?)")?
                .execute(params![signature, *slot as i64, status])?;
        }
        transaction.commit()?;
        self.accounts.clear();
        self.waiting.clear();
        Ok(())
    }

    fn set_unreached(&mut self, slot: u64) -> Result<(), WriteError> {
        self.database.execute("update unreached set slot = ?", [slot as i64])?;
        self.unreached = slot;
        Ok(())
    }
}

impl Chain {
    fn read(database: &Connection) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let mut chain = Self::default();
        let mut statement = database.prepare("select * from account")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let account = Account {
                lamports: row.get::<_, i64>("lamports")? as u64,
                owner: row.get::<_, [u8; 32]>("owner")?.into(),
                executable: row.get("executable")?,
                rent_epoch: row.get::<_, i64>("rent_epoch")? as u64,
                data: row.get("data")?,
            };
            chain.accounts.insert(row.get("address")?, account.into());
        }
        let mut statement = database.prepare("select signature, status from executed")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            chain.transactions.insert(row.get(0)?, serde_json::from_str(row.get_ref(1)?.as_str()?)?);
        }
        let mut statement = database.prepare("select slot, header from block")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            chain.blocks.insert(row.get::<_, i64>(0)? as u64, serde_json::from_str(row.get_ref(1)?.as_str()?)?);
        }
        let mut statement = database.prepare(
            "select slot, signature, written_s from executed
             where slot not in (select slot from block) order by slot, number",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (slot, signature, time_s) = (row.get::<_, i64>(0)? as u64, row.get(1)?, row.get(2)?);
            match chain.unclosed.last_mut().filter(|unclosed| unclosed.slot == slot) {
                Some(unclosed) => {
                    unclosed.signatures.push(signature);
                    unclosed.time_s = time_s;
                }
                None => chain.unclosed.push(Unclosed { slot, signatures: vec![signature], time_s }),
            }
        }
        let after = "select max(slot, (select coalesce(max(slot) + 1, 0) from executed),
                                (select coalesce(max(slot) + 1, 0) from block)) from unreached";
        chain.unreached = database.query_row(after, [], |row| row.get::<_, i64>(0))? as u64;
        Ok(chain)
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let database = Connection::open(path)?;
    // A commit is on disk when it returns, at the cost of one flush.
    database.pragma_update(None, "journal_mode", "wal")?;
    database.pragma_update(None, "synchronous", "full")?;
    Ok(database)
}

fn write_account(
    transaction: &Transaction<'_>,
    address: &str,
    account: Option<&AccountSharedData>,
) -> rusqlite::Result<()> {
    let Some(account) = account else {
        transaction.prepare_cached("delete from account where address = ?")?.execute([address])?;
        return Ok(());
    };
    // SQLite's integers are signed: the bits are what counts.
    let (lamports, rent_epoch) = (account.lamports() as i64, account.rent_epoch() as i64);
    let (owner, data) = (account.owner().to_bytes(), account.data());
    transaction.prepare_cached("insert or replace into account values (?, ?, ?, ?, ?, ?)")?.execute(params![
        address,
        lamports,
        owner,
        account.executable(),
        rent_epoch,
        data
    ])?;
    Ok(())
}
