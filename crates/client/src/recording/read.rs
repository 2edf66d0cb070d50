//! Reading a recording line by line.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use counterfoil_core::{GenesisHash, LedgerId, ProgramId};
use serde::Deserialize;

use super::error::RecordingError;
use super::format::{VERSION, read_trailer};
use crate::{InnerInstruction, TransactionRecord};

/// No transaction's line comes near it; a file made to fill the memory does.
const MAX_LINE_BYTES: u64 = 8 << 20;
const BUFFER_BYTES: usize = 1 << 18;

/// A line after the header.
pub enum Line {
    Transaction(TransactionRecord),
    Account { ledger: LedgerId, account: RecordedAccount },
    End,
}

/// A ledger's account, as of a slot.
#[derive(Debug)]
pub struct RecordedAccount {
    pub slot: u64,
    pub data: Vec<u8>,
}

/// All lines in one shape, which costs less than trying one shape after the other.
#[derive(Deserialize)]
struct RawLine<'a> {
    #[serde(borrow)]
    signature: Option<Cow<'a, str>>,
    slot: Option<u64>,
    #[serde(borrow, default)]
    accounts: Vec<Text<'a>>,
    #[serde(borrow, default)]
    instructions: Vec<RawInstruction<'a>>,
    #[serde(borrow)]
    account: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<Cow<'a, str>>,
    end: Option<u64>,
}

/// A text that is borrowed where it can be.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct RawInstruction<'a> {
    program: u8,
    accounts: Vec<u8>,
    #[serde(borrow)]
    data: Cow<'a, str>,
}

#[derive(Deserialize)]
struct RawHeader {
    recording: u64,
    genesis_hash: String,
    program: String,
}

/// The lines of a recording.
pub struct Lines {
    reader: BufReader<zstd::Decoder<'static, BufReader<File>>>,
    line: Vec<u8>,
    number: u64,
    transactions: u64,
    /// Whether the lines before these were seen, so that their count is known.
    is_from_start: bool,
}

impl Lines {
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::over(File::open(path)?, true)
    }

    /// The lines from the accounts on, when the file says where they begin.
    pub fn open_accounts(path: &Path) -> Option<Self> {
        let mut file = File::open(path).ok()?;
        let offset = read_trailer(&file).ok()??;
        file.seek(SeekFrom::Start(offset)).ok()?;
        Self::over(file, false).ok()
    }

    fn over(file: File, is_from_start: bool) -> io::Result<Self> {
        let decoder = zstd::Decoder::with_buffer(BufReader::with_capacity(BUFFER_BYTES, file))?;
        let reader = BufReader::with_capacity(BUFFER_BYTES, decoder);
        Ok(Self { reader, line: Vec::new(), number: 0, transactions: 0, is_from_start })
    }

    /// The number of the line read last, from 1 on.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// How many bytes it has.
    pub const fn line_bytes(&self) -> usize {
        self.line.len()
    }

    pub fn read_header(&mut self) -> Result<(GenesisHash, ProgramId), RecordingError> {
        self.read_line()?;
        let header: RawHeader = serde_json::from_slice(&self.line).map_err(RecordingError::NotALine)?;
        if header.recording != VERSION {
            return Err(RecordingError::UnknownVersion { version: header.recording });
        }
        let genesis_hash = key(&header.genesis_hash, "genesis_hash")?;
        Ok((GenesisHash(genesis_hash), ProgramId(key(&header.program, "program")?)))
    }

    /// The next line.
    pub fn next(&mut self) -> Result<Line, RecordingError> {
        self.read_line()?;
        let line = parse(&self.line)?;
        match &line {
            Line::Transaction(_) => self.transactions = self.transactions.saturating_add(1),
            Line::Account { .. } => {}
            Line::End => self.check_count()?,
        }
        Ok(line)
    }

    /// Reads on to the end for the accounts alone.
    pub fn read_accounts(&mut self, accounts: &mut BTreeMap<LedgerId, RecordedAccount>) -> Result<(), RecordingError> {
        loop {
            self.read_line()?;
            // A transaction's fields come in any order, but ours writes the slot first, and that is no account.
            if self.line.starts_with(br#"{"slot":"#) && !memmem(&self.line, br#""account":"#) {
                continue;
            }
            match parse(&self.line)? {
                Line::Transaction(_) => {}
                Line::Account { ledger, account } => {
                    accounts.insert(ledger, account);
                }
                Line::End => return Ok(()),
            }
        }
    }

    fn check_count(&self) -> Result<(), RecordingError> {
        let raw: RawLine<'_> = serde_json::from_slice(&self.line).map_err(RecordingError::NotALine)?;
        match raw.end {
            Some(claimed) if self.is_from_start && claimed != self.transactions => {
                Err(RecordingError::WrongCount { claimed, found: self.transactions })
            }
            _ => Ok(()),
        }
    }

    fn read_line(&mut self) -> Result<(), RecordingError> {
        self.line.clear();
        self.number = self.number.saturating_add(1);
        let mut limited = (&mut self.reader).take(MAX_LINE_BYTES);
        let read = limited.read_until(b'\n', &mut self.line).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => RecordingError::Cut,
            _ => RecordingError::Unreadable(error),
        })?;
        match (self.line.last(), read as u64) {
            (Some(b'\n'), _) => Ok(()),
            (_, MAX_LINE_BYTES) => Err(RecordingError::TooLong { most: MAX_LINE_BYTES }),
            _ => Err(RecordingError::Cut),
        }
    }
}

fn memmem(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn parse(line: &[u8]) -> Result<Line, RecordingError> {
    let raw: RawLine<'_> = serde_json::from_slice(line).map_err(RecordingError::NotALine)?;
    let slot = || raw.slot.ok_or(RecordingError::Field { field: "slot" });
    if let Some(signature) = &raw.signature {
        let mut bytes = [0; 64];
        five8::decode_64(signature.as_bytes(), &mut bytes).map_err(|_| RecordingError::Field { field: "signature" })?;
        let accounts = raw.accounts.iter().map(|text| key(&text.0, "accounts"));
        let inner_instructions = raw.instructions.iter().map(|instruction| {
            Ok(InnerInstruction {
                program: instruction.program,
                accounts: instruction.accounts.clone(),
                data: decode_data(&instruction.data)?,
            })
        });
        return Ok(Line::Transaction(TransactionRecord {
            signature: bytes,
            slot: slot()?,
            is_ok: true,
            accounts: accounts.collect::<Result<_, _>>()?,
            inner_instructions: inner_instructions.collect::<Result<_, RecordingError>>()?,
        }));
    }
    if let Some(ledger) = &raw.account {
        let data = raw.data.as_deref().ok_or(RecordingError::Field { field: "data" })?;
        let account = RecordedAccount { slot: slot()?, data: decode_data(data)? };
        return Ok(Line::Account { ledger: LedgerId(key(ledger, "account")?), account });
    }
    match raw.end {
        Some(_) => Ok(Line::End),
        None => Err(RecordingError::Field { field: "signature" }),
    }
}

fn key(text: &str, field: &'static str) -> Result<[u8; 32], RecordingError> {
    let mut bytes = [0; 32];
    five8::decode_32(text.as_bytes(), &mut bytes).map_err(|_| RecordingError::Field { field })?;
    Ok(bytes)
}

fn decode_data(text: &str) -> Result<Vec<u8>, RecordingError> {
    BASE64_STANDARD.decode(text).map_err(RecordingError::Data)
}
