//! Sealing and planning: which records come next, their entries, and the transaction that carries them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use counterfoil_append::{
    Instruction, PAYER_BYTES, PRICE_BYTES, SUBTREES_PER_PAID_TRANSACTION, entries_that_fit, roots,
};
use counterfoil_core::plan_subtrees;
use counterfoil_statement::{AuthorTime, Commitment, ContentType, Place, RecordId, Statement, StreamId, SubjectId};
use counterfoil_store::gateway::{
    Form, NewPlan, Plan, Sealed, Sequencer, StreamEnd, Unsealed, add_attempt, add_plan, count_unplanned, give_up,
    load_attempts, load_first_unplanned, load_oldest_unplanned, load_sealed, load_streams, load_unsealed, seal,
};
use counterfoil_store::{LedgerRow, begin};
use merkle_log::{Frontier, LeafHash, TreeSize, hash_leaf};
use tracing::{info, warn};

use super::transaction::{instruction_of, sign};
use super::work::{RoundError, Work, blocked, in_transaction};
use crate::ledgers::Standing;
use crate::payers::UNITS_OF_SUBTREES;

/// The bytes that a transaction has besides the appender's own: another wallet that pays, and a price.
const MORE_BYTES: usize = PAYER_BYTES + PRICE_BYTES;

/// How many blocks the nodes behind one address may be apart.
const NODES_APART: u64 = 64;

/// A plan with the instruction that does it.
struct Prepared {
    plan: NewPlan,
    instruction: Instruction,
}

impl Work {
    /// Plans the records that come next, where the time has come. Whether it did.
    pub(super) async fn plan_next(
        &mut self,
        sequencer: &Sequencer,
        row: &LedgerRow,
        open: &[&Plan],
    ) -> Result<bool, RoundError> {
        if open.len() >= self.pace.open_plans || self.ledgers.restored.is_quiet() {
            return Ok(false);
        }
        let mut connection = self.ledgers.gateway.acquire().await?;
        // A plan that is full waits for no more records, and costs no more than one that is not.
        let is_in_window = self.last_plan.is_some_and(|last| last.elapsed() < self.pace.window);
        if is_in_window
            && count_unplanned(&mut connection, sequencer, self.pace.records).await? < self.pace.records.into()
        {
            return Ok(false);
        }
        let unplanned = load_first_unplanned(&mut connection, sequencer).await?;
        let waiting = unplanned.map_or(0, |(_, records)| records);
        let room = self.pace.records.saturating_sub(u32::try_from(waiting).unwrap_or(u32::MAX));
        let unsealed = load_unsealed(&mut connection, sequencer, room).await?;
        drop(connection);
        if unplanned.is_none() && unsealed.is_empty() {
            return Ok(false);
        }
        // Records of a plan that is dead come before those of open ones: these have to end first.
        if let Some((first, _)) = unplanned
            && open.iter().any(|plan| plan.content.first_ordinal > first)
        {
            return self.end_expired(sequencer, row, open).await;
        }
        let expected =
            open.last().map_or(row.applied_size.get(), |last| last.content.first_index + last.content.records);
        let times = self.ledgers.restored.times();
        if self.caught_up != Some(times) {
            // Appends that landed before this process began must be in the index, so that the next line finds it.
            if row.applied_size.get() < self.settled().await?.size {
                return Ok(false);
            }
            self.caught_up = Some(times);
        }
        if open.is_empty() {
            self.ledgers.expect_own(self.ledger).await.map_err(|problem| RoundError::Blocked(problem.detail))?;
        }
        let mut connection = self.ledgers.gateway.acquire().await?;
        let first = unplanned.map(|(first, _)| first);
        let oldest = load_oldest_unplanned(&mut connection, sequencer, first).await?;
        drop(connection);
        let Some(cost) = self.spend(oldest.unwrap_or_default()).await? else { return Ok(false) };
        if let Err(error) = self.seal_and_plan(sequencer, expected, unplanned, &unsealed).await {
            self.ledgers.means.budget.give_back(cost);
            return Err(error);
        }
        self.last_plan = Some(Instant::now());
        Ok(true)
    }

    /// Takes what a transaction costs from the budget; none where it has not as much. The promise of a record that has waited long
    /// is kept also then.
    async fn spend(&mut self, oldest: Duration) -> Result<Option<u64>, RoundError> {
        let means = &self.ledgers.means;
        let cost = means.payers.cost(means.payers.price(UNITS_OF_SUBTREES, self.standing().await?.recent_price));
        if means.budget.take(cost) {
            return Ok(Some(cost));
        }
        let is_urgent = oldest > self.ledgers.terms.promise_time / 2;
        if is_urgent {
            means.budget.overdraw(cost);
        }
        let words = if is_urgent {
            "a record has waited for half the time of its promise: the budget is exceeded for it"
        } else {
            "the budget of SOL a day is used up for now: its records get a transaction later"
        };
        self.tell(words);
        Ok(is_urgent.then_some(cost))
    }

    pub(super) async fn standing(&self) -> Result<Standing, RoundError> {
        self.ledgers.standing(self.ledger).await.map_err(|problem| RoundError::Blocked(problem.detail))
    }

    /// Seals records, and plans as many as one transaction carries, in one commit.
    async fn seal_and_plan(
        &mut self,
        sequencer: &Sequencer,
        expected: u64,
        unplanned: Option<(u64, u64)>,
        unsealed: &[Unsealed],
    ) -> Result<(), RoundError> {
        let (entries, streams) = self.entries(sequencer, unsealed).await?;
        let first = unplanned.map_or(sequencer.next_ordinal, |(first, _)| first);
        let mut run = match unplanned {
            Some((first, records)) => {
                let limit = records.min(self.pace.records.into());
                load_sealed(&mut *self.ledgers.gateway.acquire().await?, self.key, first, limit).await?
            }
            None => Vec::new(),
        };
        let records = u64::from(self.pace.records);
        let room = (self.pace.records as usize).saturating_sub(run.len());
        // Records that were sealed earlier and those that are sealed now are neighbours, where nothing is planned between.
        if unplanned.is_none_or(|(first, records)| first + records == sequencer.next_ordinal) {
            run.extend(unsealed.iter().zip(&entries).take(room).map(|(record, entry)| Sealed {
                record: record.id,
                entry: entry.clone(),
                form: record.form,
            }));
        }
        // A run that is longer than a plan ends with the subtree that is as large as a plan may be, so that all later ones are one subtree each.
        let whole = records - expected % records;
        if run.len() as u64 > whole {
            run.truncate(usize::try_from(whole).unwrap_or(usize::MAX));
        }
        let prepared = self.prepare(first, expected, &run).await?;
        let recent = self.standing().await?.recent_price;
        let attempt = sign(&self.ledgers.means, self.ledger, &prepared.plan, recent, prepared.instruction).await?;
        let plan = in_transaction!(self.ledgers.gateway, |transaction| {
            let sequencer = seal(&mut transaction, sequencer, unsealed, &entries, &streams).await?;
            let plan = add_plan(&mut transaction, &sequencer, &prepared.plan).await?;
            add_attempt(&mut transaction, &sequencer, plan, &attempt).await?;
            plan
        });
        self.here.insert(plan);
        let (records, ledger) = (prepared.plan.records, self.ledger);
        info!(ledger.id = %ledger, records, first_index = expected, "planned {records} records of ledger {ledger} from {expected} on");
        Ok(())
    }

    /// The entries of records, and the ends of their streams after them.
    async fn entries(
        &self,
        sequencer: &Sequencer,
        unsealed: &[Unsealed],
    ) -> Result<(Vec<Vec<u8>>, HashMap<[u8; 32], StreamEnd>), RoundError> {
        let mut names: Vec<[u8; 32]> = unsealed.iter().map(|record| record.stream).collect();
        names.sort_unstable();
        names.dedup();
        let mut connection = self.ledgers.gateway.acquire().await?;
        let mut streams = load_streams(&mut connection, sequencer.key, &names).await?;
        let mut entries = Vec::with_capacity(unsealed.len());
        for record in unsealed {
            entries.push(match &record.raw {
                Some(bytes) => bytes.clone(),
                None => {
                    let before = streams.get(&record.stream);
                    let (sequence, previous) = before.map_or((0, None), |end| (end.sequence + 1, Some(end.leaf)));
                    let entry = self.statement(record, sequence, previous)?.encode_entry(None);
                    streams.insert(record.stream, StreamEnd { sequence, leaf: hash_leaf(&entry) });
                    entry
                }
            });
        }
        Ok((entries, streams))
    }

    fn statement(&self, record: &Unsealed, sequence: u64, previous: Option<LeafHash>) -> Result<Statement, RoundError> {
        let corrupt = |error: &dyn std::fmt::Display| RoundError::Blocked(format!("a record is corrupt: {error}"));
        Ok(Statement {
            genesis_hash: self.cluster.genesis_hash,
            program: self.cluster.program,
            ledger: self.ledger,
            record_id: RecordId::new(record.id).map_err(|error| corrupt(&error))?,
            commitment: Commitment(record.commitment),
            content_type: record.content_type.parse::<ContentType>().map_err(|error| corrupt(&error))?,
            author_time: AuthorTime::new(record.author_time_ms).map_err(|error| corrupt(&error))?,
            stream: StreamId(record.stream),
            subject: record.subject.map(SubjectId),
            place: Place::new(sequence, previous).map_err(|error| corrupt(&error))?,
        })
    }

    /// Of a run of sealed records the first that go together: statements by the hashes of their subtrees, raw entries by their
    /// bytes.
    async fn prepare(&self, first: u64, expected: u64, run: &[Sealed]) -> Result<Prepared, RoundError> {
        let (program, wallet) = (self.cluster.program, self.ledgers.wallet());
        let right = self.standing().await?.right;
        let form = run.first().map(|record| record.form);
        let alike = run.iter().take_while(|record| Some(record.form) == form).count();
        let run = run.get(..alike).unwrap_or_default();
        let mut leaves: Vec<LeafHash> = run.iter().map(|record| hash_leaf(&record.entry)).collect();
        let mut entries = Vec::new();
        let subtrees = if form == Some(Form::Raw) {
            entries = run.iter().map(|record| record.entry.clone()).collect();
            entries.truncate(entries_that_fit(program, self.ledger, wallet, right.by_grant, &entries, MORE_BYTES));
            leaves.truncate(entries.len());
            None
        } else {
            let size = TreeSize::new(expected).map_err(blocked)?;
            let mut batches =
                plan_subtrees(size, leaves.len() as u64, SUBTREES_PER_PAID_TRANSACTION).map_err(blocked)?;
            let batch = batches.next().ok_or_else(|| blocked("there is nothing to plan"))?;
            leaves.truncate(usize::try_from(batch.leaves()).unwrap_or(usize::MAX));
            Some(roots(&batch, &leaves)?)
        };
        let plan = NewPlan {
            first_ordinal: first,
            records: leaves.len() as u64,
            first_index: expected,
            subtrees,
            root: root(&leaves)?,
        };
        let instruction = instruction_of(program, self.ledger, wallet, right.by_grant, &plan, &entries)?;
        Ok(Prepared { plan, instruction })
    }

    /// Gives up open plans whose transactions have all expired while the ledger does not exceed their size: none has landed.
    async fn end_expired(
        &mut self,
        sequencer: &Sequencer,
        row: &LedgerRow,
        open: &[&Plan],
    ) -> Result<bool, RoundError> {
        // The chain's size at that height, for the index may be behind: a plan of which it has no event may have landed.
        let settled = self.settled().await?;
        let mut is_changed = false;
        for plan in open {
            let mut connection = self.ledgers.gateway.acquire().await?;
            let attempts = load_attempts(&mut connection, plan.id).await?;
            drop(connection);
            let is_expired = attempts.iter().all(|attempt| attempt.last_valid_height + NODES_APART < settled.height);
            if is_expired && settled.size.max(row.applied_size.get()) <= plan.content.first_index {
                warn!(ledger.id = %self.ledger, "the transactions of a plan for index {} have expired", plan.content.first_index);
                in_transaction!(self.ledgers.gateway, |transaction| {
                    give_up(&mut transaction, sequencer, plan.id, attempts.len()).await?;
                });
                is_changed = true;
            }
        }
        Ok(is_changed)
    }
}

fn root(leaves: &[LeafHash]) -> Result<merkle_log::Root, RoundError> {
    let mut frontier = Frontier::new();
    for leaf in leaves {
        frontier.append_leaf(leaf).map_err(|error| RoundError::Blocked(error.to_string()))?;
    }
    Ok(frontier.root())
}
