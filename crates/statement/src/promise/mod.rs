//! The promise: until when a gateway says that accepted records will be in the ledger. Source: docs/protocol.md, section 10.

mod document;

use alloc::vec::Vec;

use counterfoil_core::{GenesisHash, LedgerId, ProgramId};
use ed25519_dalek::{Signer, SigningKey};
use merkle_log::{
    Frontier, Hash, LeafHash, LeafIndex, OutOfRange, ProofError, Root, TreeHead, TreeSize, hash_leaf, inclusion_plan,
    verify_inclusion,
};

use crate::ids::{Commitment, RecordId};
use crate::signature::{PromiseKey, Signature, is_signed_by};

/// The first member of every promise.
pub const FORMAT: &str = "counterfoil promise v1";
/// The bytes that begin what is signed.
const SIGNING_LINE: &[u8] = b"counterfoil promise v1\n";

/// The words of a promise: each record of a request will be in the ledger by an event of the deadline at the latest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromiseBody {
    /// The cluster.
    pub genesis_hash: GenesisHash,
    /// The program on it.
    pub program: ProgramId,
    /// The ledger.
    pub ledger: LedgerId,
    /// The ledger's checked size at acceptance: no entry below it can be one of the records'.
    pub from: u64,
    /// The last second, since 1970, by the chain's clock.
    pub deadline: i64,
    /// The records.
    pub records: Records,
    /// How many machines held them when it was signed; at least 1.
    pub copies: u32,
}

/// All records of a request, as a tree's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Records {
    /// How many; at least 1.
    pub count: u64,
    /// The tree hash over their leaves, in the request's order.
    pub root: Root,
}

/// One record: what a promise is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its name.
    pub id: RecordId,
    /// Which content it has.
    pub commitment: Commitment,
}

/// A record of a request, and that it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromisedRecord {
    /// Its index in the request.
    pub index: u64,
    /// The record.
    pub record: Record,
    /// From its leaf to the root.
    pub proof: Vec<Hash>,
}

/// A promise as it stands in a file; nothing in it is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// The words of the promise.
    pub body: PromiseBody,
    /// By whom.
    pub key: PromiseKey,
    /// By that key, over [`PromiseBody::signing_bytes`].
    pub signature: Signature,
    /// One of the records.
    pub record: Option<PromisedRecord>,
}

/// A promise that a pinned key signed. Only [`Promise::verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedPromise {
    body: PromiseBody,
    key: PromiseKey,
    record: Option<Record>,
}

/// Why a promise is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromiseError {
    /// The key did not sign it.
    #[error("{key} did not sign it")]
    NotSigned {
        /// As the promise says.
        key: PromiseKey,
    },
    /// Anybody can sign a promise with a key of one's own.
    #[error("{key} signed it, which is none of the keys that you rely on")]
    OtherKey {
        /// As the promise says.
        key: PromiseKey,
    },
    /// It promises nothing.
    #[error("it is of no record")]
    NoRecords,
    /// No machine held the records.
    #[error("it says that no machine held the records")]
    NoCopies,
    /// A size or an index is beyond the largest tree.
    #[error(transparent)]
    OutOfRange(OutOfRange),
    /// The record is none of the request's.
    #[error("its record is not one of those that it is of: {0}")]
    Record(ProofError),
}

impl PromiseBody {
    /// The bytes that the key signs: of one layout, 179 long.
    #[must_use]
    pub fn signing_bytes(&self) -> Vec<u8> {
        [
            SIGNING_LINE,
            self.genesis_hash.as_bytes(),
            self.program.as_bytes(),
            self.ledger.as_bytes(),
            &self.from.to_le_bytes(),
            &self.deadline.to_le_bytes(),
            &self.records.count.to_le_bytes(),
            self.records.root.as_bytes(),
            &self.copies.to_le_bytes(),
        ]
        .concat()
    }
}

impl Record {
    /// Its leaf in the tree of a request's records: of id and commitment.
    #[must_use]
    pub fn leaf_hash(&self) -> LeafHash {
        hash_leaf(&[self.id.as_bytes().as_slice(), self.commitment.as_bytes()].concat())
    }
}

impl Records {
    /// The head over these records, in the request's order; none of too many for a tree.
    #[must_use]
    pub fn of(records: &[Record]) -> Option<Self> {
        let head = head_over(records)?;
        Some(Self { count: head.size.get(), root: head.root })
    }
}

impl PromisedRecord {
    /// Takes the record at an index of a request and proves that it is there; none where there is no such record.
    #[must_use]
    pub fn of(records: &[Record], index: usize) -> Option<Self> {
        let record = *records.get(index)?;
        let number = u64::try_from(index).ok()?;
        let size = TreeSize::new(u64::try_from(records.len()).ok()?).ok()?;
        let plan = inclusion_plan(LeafIndex::new(number).ok()?, size).ok()?;
        let proof = plan.proof_by(|run| {
            let (start, end) = (usize::try_from(run.start()), usize::try_from(run.end()));
            let run = start.ok().zip(end.ok()).and_then(|(start, end)| records.get(start..end)).ok_or(())?;
            head_over(run).map(|head| Hash(head.root.0)).ok_or(())
        });
        Some(Self { index: number, record, proof: proof.ok()? })
    }
}

/// The tree hash over records. A subtree's root is that of the tree of its leaves alone.
fn head_over(records: &[Record]) -> Option<TreeHead> {
    let mut frontier = Frontier::new();
    for record in records {
        frontier.append_leaf(&record.leaf_hash()).ok()?;
    }
    Some(frontier.head())
}

impl Promise {
    /// Signs what is promised. Ed25519 is deterministic: the same body and key give the same promise.
    #[must_use]
    pub fn sign(body: PromiseBody, key: &SigningKey) -> Self {
        let signature = Signature(key.sign(&body.signing_bytes()).to_bytes());
        Self { body, key: PromiseKey(key.verifying_key().to_bytes()), signature, record: None }
    }

    /// The record that it shows to be one of its own, if any; not verified yet.
    #[must_use]
    pub const fn record(&self) -> Option<&PromisedRecord> {
        self.record.as_ref()
    }

    /// Verifies that its own key signed it, and that its record is one of those that it is of. Whose key that is remains open:
    /// see [`Self::verify`].
    ///
    /// # Errors
    /// [`PromiseError`], but not [`PromiseError::OtherKey`].
    pub fn verify_unpinned(&self) -> Result<(), PromiseError> {
        let Self { body, key, signature, record } = self;
        TreeSize::new(body.from).map_err(PromiseError::OutOfRange)?;
        let size = TreeSize::new(body.records.count).map_err(PromiseError::OutOfRange)?;
        if size.is_empty() {
            return Err(PromiseError::NoRecords);
        }
        if body.copies == 0 {
            return Err(PromiseError::NoCopies);
        }
        if !is_signed_by(&key.0, &body.signing_bytes(), signature) {
            return Err(PromiseError::NotSigned { key: *key });
        }
        if let Some(PromisedRecord { index, record, proof }) = record {
            let head = TreeHead { size, root: body.records.root };
            let index = LeafIndex::new(*index).map_err(PromiseError::OutOfRange)?;
            verify_inclusion(&head, index, &record.leaf_hash(), proof).map_err(PromiseError::Record)?;
        }
        Ok(())
    }

    /// Verifies it against the keys that the reader relies on, which come from elsewhere than the promise.
    ///
    /// # Errors
    /// [`PromiseError`].
    pub fn verify(&self, pinned: &[PromiseKey]) -> Result<VerifiedPromise, PromiseError> {
        self.verify_unpinned()?;
        if !pinned.contains(&self.key) {
            return Err(PromiseError::OtherKey { key: self.key });
        }
        let record = self.record.as_ref().map(|record| record.record);
        Ok(VerifiedPromise { body: self.body.clone(), key: self.key, record })
    }
}

impl VerifiedPromise {
    /// The words of the promise.
    #[must_use]
    pub const fn body(&self) -> &PromiseBody {
        &self.body
    }

    /// The pinned key that signed it.
    #[must_use]
    pub const fn key(&self) -> &PromiseKey {
        &self.key
    }

    /// The record that is shown to be one of its own, if any.
    #[must_use]
    pub const fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }
}
