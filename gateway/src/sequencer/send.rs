//! Sending a plan's transaction: the same bytes until they are confirmed or dead, then new ones for the same plan.

use std::sync::Arc;

use counterfoil_append::{InFlight, SendError, Signature, Signed, send_signed};
use counterfoil_client::{CallError, Settled, fetch_settled, with_causes};
use counterfoil_core::{LedgerId, ProgramId, Wallet};
use counterfoil_store::begin;
use counterfoil_store::gateway::{Plan, add_attempt, load_attempts, load_first_unplanned, load_sealed, load_sequencer};
use serde_json::json;
use tokio::task::JoinHandle;

use super::transaction::{instruction_of, sign};
use super::work::{RoundError, Sending, Verdict, Work, in_transaction};
use crate::ledgers::Ledgers;

impl Work {
    /// Sends the newest transaction of a plan, in the background. `is_here`: whether it is certain that no server has it: then it
    /// is simulated first, for the error's sake.
    pub(super) fn send(&self, plan: &Plan, is_here: bool) -> JoinHandle<Sending> {
        let sender = Sender {
            ledgers: self.ledgers.clone(),
            program: self.cluster.program,
            ledger: self.ledger,
            key: self.key,
            plan: plan.clone(),
        };
        let wake = self.wake.clone();
        tokio::spawn(async move {
            let in_flight = if is_here { InFlight::default() } else { InFlight::sent_before() };
            let verdict = match sender.send(&in_flight).await {
                Ok(slot) => Verdict::Confirmed { slot },
                Err(error) => Verdict::Failed { why: with_causes(&error) },
            };
            wake.notify_one();
            Sending { verdict, is_here: is_here && !in_flight.may_have_arrived() }
        })
    }

    /// The height of the newest finalized block and the ledger's size there or later: the lowest height and the largest size that the
    /// servers name. All of them must answer.
    pub(super) async fn settled(&self) -> Result<Settled, RoundError> {
        let mut all = Settled { height: u64::MAX, size: 0 };
        for server in &self.ledgers.means.servers {
            let settled = fetch_settled(server, self.ledger).await;
            let settled = settled.map_err(|error| RoundError::Blocked(with_causes(&error)))?;
            all = Settled { height: all.height.min(settled.height), size: all.size.max(settled.size) };
        }
        Ok(all)
    }
}

/// Sends one plan's transactions.
struct Sender {
    ledgers: Arc<Ledgers>,
    program: ProgramId,
    ledger: LedgerId,
    key: i32,
    plan: Plan,
}

impl Sender {
    async fn send(&self, in_flight: &InFlight) -> Result<u64, RoundError> {
        let server = &self.ledgers.means.servers[0];
        let attempts = load_attempts(&mut *self.ledgers.gateway.acquire().await?, self.plan.id).await?;
        let last = attempts.last().ok_or_else(|| RoundError::Blocked("a plan has no transaction".to_owned()))?;
        let signed = Signed {
            signature: Signature::from(last.signature),
            bytes: last.transaction.clone(),
            last_valid_height: last.last_valid_height,
        };
        let payer = last.payer.map_or(self.ledgers.wallet(), Wallet);
        let error = match send_signed(server, payer, &signed, in_flight).await {
            Ok(sent) => {
                self.ledgers.metrics.confirmed(last.lamports);
                return Ok(sent.slot);
            }
            Err(error) => error,
        };
        self.ledgers.metrics.failed();
        if matches!(error, SendError::NoSol { .. }) {
            self.ledgers.means.payers.look(&self.ledgers.means.servers).await;
            if self.ledgers.means.payers.choose(self.ledger).is_ok_and(|other| other.wallet() != payer) {
                self.sign_again(0).await?;
            }
            return Err(error.into());
        }
        let height = server.call_at_once("getBlockHeight", json!([{ "commitment": "finalized" }])).await;
        if matches!(height, Ok::<u64, CallError>(height) if last.last_valid_height < height) {
            // Another transaction for the same plan: the size that all of them expect lets one in.
            self.sign_again(u64::MAX).await?;
        }
        Err(error.into())
    }

    /// `recent`: what others bid. A transaction that was left out for a minute and a half bids as much as it may.
    async fn sign_again(&self, recent: u64) -> Result<(), RoundError> {
        let content = &self.plan.content;
        let entries = match content.subtrees {
            Some(_) => Vec::new(),
            None => {
                let mut connection = self.ledgers.gateway.acquire().await?;
                let sealed = load_sealed(&mut connection, self.key, content.first_ordinal, content.records).await?;
                sealed.into_iter().map(|sealed| sealed.entry).collect()
            }
        };
        let standing =
            self.ledgers.standing(self.ledger).await.map_err(|problem| RoundError::Blocked(problem.detail))?;
        let (wallet, by_grant) = (self.ledgers.wallet(), standing.right.by_grant);
        let instruction = instruction_of(self.program, self.ledger, wallet, by_grant, content, &entries)?;
        let attempt = sign(&self.ledgers.means, self.ledger, content, recent, instruction).await?;
        in_transaction!(self.ledgers.gateway, |transaction| {
            let sequencer = load_sequencer(&mut transaction, self.key).await?;
            let unplanned = load_first_unplanned(&mut transaction, &sequencer).await?;
            if unplanned.is_some_and(|(first, _)| first < content.first_ordinal) {
                return Err(RoundError::Blocked(format!(
                    "the plan for index {} waits for its transactions' end: records before its own are planned again",
                    content.first_index
                )));
            }
            add_attempt(&mut transaction, &sequencer, self.plan.id, &attempt).await?;
        });
        Ok(())
    }
}
