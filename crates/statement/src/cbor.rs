//! A statement's CBOR, RFC 8949 section 4.2.1: one encoding of each value.

use alloc::vec::Vec;
use core::convert::Infallible;

use counterfoil_core::{GenesisHash, LedgerId, ProgramId, Wallet};
use merkle_log::LeafHash;
use minicbor::data::Tag;
use minicbor::{Decoder, Encoder};

use crate::ids::{AuthorTime, Commitment, RecordId, StreamId, SubjectId};
use crate::signature::{AuthorSignature, Signature};
use crate::statement::{Place, SignedStatement, Statement, StatementError, TAG, TAG_BYTES};

type Encoded = Result<(), minicbor::encode::Error<Infallible>>;

impl Statement {
    /// The bytes of the entry: what is hashed to the leaf.
    #[must_use]
    pub fn encode_entry(&self, signature: Option<&AuthorSignature>) -> Vec<u8> {
        encode_entry(self, signature)
    }
}

impl SignedStatement {
    /// Reads an entry; none when it does not begin with the tag, and is raw bytes.
    ///
    /// # Errors
    /// [`StatementError`] when it begins with the tag and is not the one encoding of a statement: raw bytes that pretend.
    pub fn decode(entry: &[u8]) -> Result<Option<Self>, StatementError> {
        match entry.starts_with(&TAG_BYTES) {
            true => decode_entry(entry).map(Some),
            false => Ok(None),
        }
    }
}

/// The whole entry.
fn encode_entry(statement: &Statement, signature: Option<&AuthorSignature>) -> Vec<u8> {
    let map = encode_map(statement);
    encoded(|encoder| {
        encoder.tag(Tag::new(TAG.into()))?.array(if signature.is_some() { 2 } else { 1 })?.bytes(&map)?;
        if let Some(AuthorSignature { author, signature }) = signature {
            encoder.array(2)?.bytes(author.as_bytes())?.bytes(&signature.0)?;
        }
        Ok(())
    })
}

/// The map alone: what an author signs the hash of.
pub(crate) fn encode_map(statement: &Statement) -> Vec<u8> {
    let (subject, previous) = (statement.subject.as_ref(), statement.place.previous());
    let optional = u64::from(subject.is_some()).saturating_add(previous.is_some().into());
    encoded(|encoder| {
        encoder.map(optional.saturating_add(9))?;
        encoder.u8(1)?.bytes(statement.genesis_hash.as_bytes())?;
        encoder.u8(2)?.bytes(statement.program.as_bytes())?;
        encoder.u8(3)?.bytes(statement.ledger.as_bytes())?;
        encoder.u8(4)?.bytes(statement.record_id.as_bytes())?;
        encoder.u8(5)?.bytes(statement.commitment.as_bytes())?;
        encoder.u8(6)?.str(statement.content_type.as_str())?;
        encoder.u8(7)?.u64(statement.author_time.ms())?;
        encoder.u8(8)?.bytes(statement.stream.as_bytes())?;
        if let Some(subject) = subject {
            encoder.u8(9)?.bytes(subject.as_bytes())?;
        }
        encoder.u8(10)?.u64(statement.place.sequence())?;
        if let Some(previous) = previous {
            encoder.u8(11)?.bytes(previous.as_bytes())?;
        }
        Ok(())
    })
}

fn encoded(write: impl FnOnce(&mut Encoder<&mut Vec<u8>>) -> Encoded) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut Encoder::new(&mut bytes)).expect("a vector takes everything");
    bytes
}

/// Reads an entry, then writes it again and compares: the reader takes longer forms of a number, other orders of keys and
/// bytes that follow, the comparison does not.
fn decode_entry(entry: &[u8]) -> Result<SignedStatement, StatementError> {
    let mut decoder = Decoder::new(entry);
    let parts = read(&mut decoder, |decoder| {
        decoder.tag()?;
        let parts = decoder.array()?;
        Ok((parts, decoder.bytes()?))
    });
    let (parts, map) = parts?;
    let signature = match parts {
        Some(1) => None,
        Some(2) => Some(decode_signature(&mut decoder)?),
        _ => return Err(StatementError::Shape { at: decoder.position() }),
    };
    let decoded = SignedStatement { statement: decode_map(map)?, signature };
    match encode_entry(&decoded.statement, decoded.signature.as_ref()) == entry {
        true => Ok(decoded),
        false => Err(StatementError::NotDeterministic),
    }
}

fn decode_signature(decoder: &mut Decoder<'_>) -> Result<AuthorSignature, StatementError> {
    let parts = read(decoder, |decoder| decoder.array())?;
    if parts != Some(2) {
        return Err(StatementError::Shape { at: decoder.position() });
    }
    Ok(AuthorSignature { author: Wallet(array(decoder)?), signature: Signature(array(decoder)?) })
}

fn decode_map(map: &[u8]) -> Result<Statement, StatementError> {
    let mut decoder = Decoder::new(map);
    let decoder = &mut decoder;
    let members = read(decoder, |decoder| decoder.map())?.ok_or(StatementError::Shape { at: 1 })?;
    let (mut genesis_hash, mut program, mut ledger, mut record_id, mut commitment) = (None, None, None, None, None);
    let (mut content_type, mut time, mut stream, mut subject) = (None, None, None, None);
    let (mut sequence, mut previous) = (None, None);
    // A member that is there twice is refused by the comparison.
    for _ in 0..members {
        match read(decoder, |decoder| decoder.u8())? {
            1 => genesis_hash = Some(GenesisHash(array(decoder)?)),
            2 => program = Some(ProgramId(array(decoder)?)),
            3 => ledger = Some(LedgerId(array(decoder)?)),
            4 => record_id = Some(RecordId::new(array(decoder)?)?),
            5 => commitment = Some(Commitment(array(decoder)?)),
            6 => content_type = Some(read(decoder, |decoder| decoder.str())?.parse()?),
            7 => time = Some(AuthorTime::new(read(decoder, |decoder| decoder.u64())?)?),
            8 => stream = Some(StreamId(array(decoder)?)),
            9 => subject = Some(SubjectId(array(decoder)?)),
            10 => sequence = Some(read(decoder, |decoder| decoder.u64())?),
            11 => previous = Some(LeafHash(array(decoder)?)),
            key => return Err(StatementError::UnknownMember { key }),
        }
    }
    if decoder.position() != map.len() {
        return Err(StatementError::NotDeterministic);
    }
    let missing = |key| StatementError::MissingMember { key };
    Ok(Statement {
        genesis_hash: genesis_hash.ok_or(missing(1))?,
        program: program.ok_or(missing(2))?,
        ledger: ledger.ok_or(missing(3))?,
        record_id: record_id.ok_or(missing(4))?,
        commitment: commitment.ok_or(missing(5))?,
        content_type: content_type.ok_or(missing(6))?,
        author_time: time.ok_or(missing(7))?,
        stream: stream.ok_or(missing(8))?,
        subject,
        place: Place::new(sequence.ok_or(missing(10))?, previous)?,
    })
}

/// Reads a byte string of one length.
fn array<const N: usize>(decoder: &mut Decoder<'_>) -> Result<[u8; N], StatementError> {
    let bytes = read(decoder, |decoder| decoder.bytes())?;
    bytes.try_into().map_err(|_| StatementError::Shape { at: decoder.position() })
}

/// Names where reading stopped.
fn read<'b, T>(
    decoder: &mut Decoder<'b>,
    read: impl FnOnce(&mut Decoder<'b>) -> Result<T, minicbor::decode::Error>,
) -> Result<T, StatementError> {
    read(decoder).map_err(|_| StatementError::Shape { at: decoder.position() })
}
