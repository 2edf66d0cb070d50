//! Writing a recording.

use std::collections::BTreeMap;
use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use counterfoil_core::{GenesisHash, LedgerId, ProgramId};
use serde::Serialize;

use super::format::{VERSION, trailer_head};
use crate::TransactionRecord;

/// Zstandard's default.
const LEVEL: i32 = 3;

#[derive(Serialize)]
struct Header {
    recording: u64,
    genesis_hash: String,
    program: String,
}

#[derive(Serialize)]
struct Transaction<'a> {
    slot: u64,
    signature: String,
    accounts: Vec<String>,
    instructions: Vec<Instruction<'a>>,
}

#[derive(Serialize)]
struct Instruction<'a> {
    program: u8,
    accounts: &'a [u8],
    data: String,
}

#[derive(Serialize)]
struct Account {
    account: String,
    slot: u64,
    data: String,
}

#[derive(Serialize)]
struct End {
    end: u64,
}

/// Writes a recording: the transactions, then the accounts.
pub struct RecordingWriter<W: Write> {
    encoder: zstd::Encoder<'static, Counted<W>>,
    transactions: u64,
    accounts: BTreeMap<LedgerId, Account>,
}

impl<W: Write> RecordingWriter<W> {
    /// Begins with the header.
    ///
    /// # Errors
    /// The writer's error.
    pub fn new(writer: W, genesis_hash: GenesisHash, program: ProgramId) -> io::Result<Self> {
        let encoder = zstd::Encoder::new(Counted { writer, bytes: 0 }, LEVEL)?;
        let mut writer = Self { encoder, transactions: 0, accounts: BTreeMap::new() };
        let header = Header { recording: VERSION, genesis_hash: base58(&genesis_hash.0), program: base58(&program.0) };
        write_line(&mut writer.encoder, &header)?;
        Ok(writer)
    }

    /// Adds a transaction. One that failed wrote nothing and is left out.
    ///
    /// # Errors
    /// The writer's error.
    pub fn write_transaction(&mut self, transaction: &TransactionRecord) -> io::Result<()> {
        if !transaction.is_ok {
            return Ok(());
        }
        let instructions = transaction.inner_instructions.iter().map(|instruction| Instruction {
            program: instruction.program,
            accounts: &instruction.accounts,
            data: BASE64_STANDARD.encode(&instruction.data),
        });
        let line = Transaction {
            slot: transaction.slot,
            signature: signature(&transaction.signature),
            accounts: transaction.accounts.iter().map(base58).collect(),
            instructions: instructions.collect(),
        };
        write_line(&mut self.encoder, &line)?;
        self.transactions = self.transactions.saturating_add(1);
        Ok(())
    }

    /// Adds a ledger's account, as of a slot; of several of one ledger the last counts. Kept until [`Self::finish`].
    pub fn add_account(&mut self, ledger: LedgerId, slot: u64, data: &[u8]) {
        let account = Account { account: base58(&ledger.0), slot, data: BASE64_STANDARD.encode(data) };
        self.accounts.insert(ledger, account);
    }

    /// Writes the accounts and the end, and gives back what was written to. A file without this is read as one that was
    /// cut.
    ///
    /// # Errors
    /// The writer's error.
    pub fn finish(self) -> io::Result<W> {
        let counted = self.encoder.finish()?;
        let offset = counted.bytes;
        let mut encoder = zstd::Encoder::new(counted, LEVEL)?;
        for account in self.accounts.values() {
            write_line(&mut encoder, account)?;
        }
        write_line(&mut encoder, &End { end: self.transactions })?;
        let mut counted = encoder.finish()?;
        counted.write_all(&trailer_head())?;
        counted.write_all(&offset.to_le_bytes())?;
        counted.flush()?;
        Ok(counted.writer)
    }
}

fn write_line(writer: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *writer, line)?;
    writer.write_all(b"\n")
}

fn base58(bytes: &[u8; 32]) -> String {
    let mut text = [0; five8::BASE58_ENCODED_32_MAX_LEN];
    let length = five8::encode_32(bytes, &mut text);
    ascii(&text, length)
}

fn signature(bytes: &[u8; 64]) -> String {
    let mut text = [0; five8::BASE58_ENCODED_64_MAX_LEN];
    let length = five8::encode_64(bytes, &mut text);
    ascii(&text, length)
}

fn ascii(text: &[u8], length: u8) -> String {
    text.iter().take(usize::from(length)).map(|byte| char::from(*byte)).collect()
}

/// Counts what passes.
struct Counted<W> {
    writer: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes)?;
        self.bytes = self.bytes.saturating_add(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
