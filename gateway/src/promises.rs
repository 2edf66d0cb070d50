//! Promises: terms at acceptance, the signature when they are told.

use std::time::Duration;

use counterfoil_core::{GenesisHash, LedgerId, ProgramId};
use counterfoil_statement::{
    Commitment, NotARecordId, Promise, PromiseBody, PromisedRecord, Record, RecordId, Records, SigningKey,
};
use counterfoil_store::gateway::{Form, RequestRecord, Terms};
use jiff::Timestamp;
use merkle_log::{Hash, Root};

/// Signs promises, for so long ahead.
pub(crate) struct Promiser {
    key: SigningKey,
    genesis_hash: GenesisHash,
    program: ProgramId,
    time: Duration,
    copies: u16,
}

impl Promiser {
    pub(crate) fn new(
        key: SigningKey,
        genesis_hash: GenesisHash,
        program: ProgramId,
        time: Duration,
        copies: u16,
    ) -> Self {
        Self { key, genesis_hash, program, time, copies }
    }

    /// The terms for records that are accepted now, `from` being the ledger's checked size. The deadline is of this machine's
    /// clock, which must be right within a small part of the time that is promised.
    pub(crate) fn terms(&self, from: u64, records: &[Record]) -> Option<Terms> {
        let time = i64::try_from(self.time.as_secs()).ok()?;
        let deadline = Timestamp::now().as_second().checked_add(time)?;
        let root = Hash(Records::of(records)?.root.0);
        Some(Terms { from, deadline, root, copies: self.copies })
    }

    /// Signs terms that are on disk, for all records of a request; where there is one, it is named. Ed25519 is deterministic, so that
    /// the promise is the same whenever it is told.
    pub(crate) fn sign(&self, ledger: LedgerId, terms: &Terms, records: &[Record]) -> Promise {
        let mut promise = self.sign_terms(ledger, terms, records.len() as u64);
        promise.record = if records.len() == 1 { PromisedRecord::of(records, 0) } else { None };
        promise
    }

    fn sign_terms(&self, ledger: LedgerId, terms: &Terms, count: u64) -> Promise {
        let body = PromiseBody {
            genesis_hash: self.genesis_hash,
            program: self.program,
            ledger,
            from: terms.from,
            deadline: terms.deadline,
            records: Records { count, root: Root(terms.root.0) },
            copies: u32::from(terms.copies),
        };
        Promise::sign(body, &self.key)
    }

    /// The promise for one record of a request, with the proof that it is one.
    pub(crate) fn sign_for(
        &self,
        ledger: LedgerId,
        terms: &Terms,
        records: &[RequestRecord],
        id: [u8; 16],
    ) -> Result<Option<Promise>, NotARecordId> {
        let promised = promised(records)?;
        let Some(at) = promised.iter().position(|record| record.id.as_bytes() == &id) else { return Ok(None) };
        let mut promise = self.sign_terms(ledger, terms, promised.len() as u64);
        promise.record = PromisedRecord::of(&promised, at);
        Ok(Some(promise))
    }
}

/// The records of a request that a promise is of.
pub(crate) fn promised(records: &[RequestRecord]) -> Result<Vec<Record>, NotARecordId> {
    let statements = records.iter().filter(|record| record.form == Form::Statement);
    statements
        .map(|record| Ok(Record { id: RecordId::new(record.id)?, commitment: Commitment(record.commitment) }))
        .collect()
}
