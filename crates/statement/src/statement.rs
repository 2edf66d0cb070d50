//! The statement: an author's word on a record. Source: docs/protocol.md, section 9.

use core::num::NonZero;

use counterfoil_core::{GenesisHash, LedgerId, ProgramId, Wallet};
use merkle_log::LeafHash;

use crate::content_type::{ContentType, NotAContentType};
use crate::ids::{AuthorTime, Commitment, NotARecordId, NotATime, RecordId, StreamId, SubjectId};
use crate::signature::AuthorSignature;

/// The CBOR tag that begins each statement: "CfS1".
pub const TAG: u32 = 0x4366_5331;
/// The bytes that begin each statement.
pub const TAG_BYTES: [u8; 5] = [0xda, 0x43, 0x66, 0x53, 0x31];

/// An author's word on a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The cluster that it is for.
    pub genesis_hash: GenesisHash,
    /// The program on it.
    pub program: ProgramId,
    /// The ledger.
    pub ledger: LedgerId,
    /// The record's name.
    pub record_id: RecordId,
    /// Which content the record has.
    pub commitment: Commitment,
    /// The content's media type.
    pub content_type: ContentType,
    /// When, by the author's word.
    pub author_time: AuthorTime,
    /// The stream that it belongs to.
    pub stream: StreamId,
    /// The subject that it is about.
    pub subject: Option<SubjectId>,
    /// Its place among the author's statements of the stream.
    pub place: Place,
}

/// A place among one author's statements of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The first, of sequence number 0.
    First,
    /// A later one.
    After {
        /// Its sequence number.
        sequence: NonZero<u64>,
        /// The leaf hash of the statement before it.
        previous: LeafHash,
    },
}

/// A statement as it stands in an entry, with the signature that comes with it. The signature is not verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedStatement {
    /// The statement.
    pub statement: Statement,
    /// By whom it is said to be; without it, by the signer of the event that appended it.
    pub signature: Option<AuthorSignature>,
}

/// Why an entry that begins with the tag is no statement, or one for elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Its CBOR is of another shape.
    #[error("its CBOR is not a statement's: byte {at}")]
    Shape {
        /// How many bytes were read, of the entry or of the statement in it.
        at: usize,
    },
    /// A member is not there.
    #[error("its member {key} is missing")]
    MissingMember {
        /// The member's key.
        key: u8,
    },
    /// It has a member that no statement has.
    #[error("it has a member that no statement has: {key}")]
    UnknownMember {
        /// Its key.
        key: u8,
    },
    /// It is CBOR, but not the one encoding of its values.
    #[error("it is not in the one encoding of its values: RFC 8949, section 4.2.1")]
    NotDeterministic,
    /// The record's name is none.
    #[error(transparent)]
    RecordId(#[from] NotARecordId),
    /// The content type is none.
    #[error(transparent)]
    ContentType(#[from] NotAContentType),
    /// The author's time is too late.
    #[error(transparent)]
    AuthorTime(#[from] NotATime),
    /// Only a stream's first statement has none before it.
    #[error("its sequence number is {sequence}, and a previous statement is {}named", if *is_previous_named { "" } else { "not " })]
    Place {
        /// The sequence number.
        sequence: u64,
        /// Whether a previous statement is named.
        is_previous_named: bool,
    },
    /// It is for another cluster.
    #[error("it is for cluster {found}")]
    OtherCluster {
        /// As it says.
        found: GenesisHash,
    },
    /// It is for another program.
    #[error("it is for program {found}")]
    OtherProgram {
        /// As it says.
        found: ProgramId,
    },
    /// It is for another ledger.
    #[error("it is for ledger {found}")]
    OtherLedger {
        /// As it says.
        found: LedgerId,
    },
    /// The author did not sign it.
    #[error("{author}, whose signature it claims to have, did not sign it")]
    NotSigned {
        /// As it says.
        author: Wallet,
    },
}

impl Place {
    /// Joins a sequence number and the statement before.
    ///
    /// # Errors
    /// [`StatementError::Place`] unless the previous one is absent exactly when the sequence number is 0.
    pub fn new(sequence: u64, previous: Option<LeafHash>) -> Result<Self, StatementError> {
        match (NonZero::new(sequence), previous) {
            (None, None) => Ok(Self::First),
            (Some(sequence), Some(previous)) => Ok(Self::After { sequence, previous }),
            (_, previous) => Err(StatementError::Place { sequence, is_previous_named: previous.is_some() }),
        }
    }

    /// The sequence number: counts from 0.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        match self {
            Self::First => 0,
            Self::After { sequence, .. } => sequence.get(),
        }
    }

    /// The leaf hash of the statement before; none of the first.
    #[must_use]
    pub const fn previous(&self) -> Option<&LeafHash> {
        match self {
            Self::First => None,
            Self::After { previous, .. } => Some(previous),
        }
    }
}

impl Statement {
    /// Makes sure that it is for this ledger: anybody can append another ledger's statement.
    ///
    /// # Errors
    /// [`StatementError::OtherCluster`], [`StatementError::OtherProgram`], [`StatementError::OtherLedger`].
    pub fn expect_here(
        &self,
        genesis_hash: &GenesisHash,
        program: &ProgramId,
        ledger: &LedgerId,
    ) -> Result<(), StatementError> {
        if self.genesis_hash != *genesis_hash {
            return Err(StatementError::OtherCluster { found: self.genesis_hash });
        }
        if self.program != *program {
            return Err(StatementError::OtherProgram { found: self.program });
        }
        if self.ledger != *ledger {
            return Err(StatementError::OtherLedger { found: self.ledger });
        }
        Ok(())
    }
}
