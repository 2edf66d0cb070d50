//! A plan's transaction: its instruction, and its signatures.

use std::num::NonZeroUsize;

use counterfoil_append::{Instruction, Payment, instruction, sign_paid};
use counterfoil_core::{LedgerId, ProgramId, Wallet, plan_subtrees};
use counterfoil_store::gateway::{Attempt, NewPlan};
use merkle_log::TreeSize;

use super::work::{RoundError, blocked};
use crate::ledgers::Means;
use crate::payers::{UNITS_OF_ENTRIES, UNITS_OF_SUBTREES};

/// The instruction that does a plan; `entries` are those of a plan that carries them.
pub(super) fn instruction_of(
    program: ProgramId,
    ledger: LedgerId,
    wallet: Wallet,
    by_grant: bool,
    plan: &NewPlan,
    entries: &[Vec<u8>],
) -> Result<Instruction, RoundError> {
    let Some(hashes) = &plan.subtrees else {
        return Ok(instruction::append(program, ledger, wallet, by_grant, Some(plan.first_index), entries));
    };
    let size = TreeSize::new(plan.first_index).map_err(blocked)?;
    let mut batches = plan_subtrees(size, plan.records, NonZeroUsize::MAX).map_err(blocked)?;
    let batch = batches.next().ok_or_else(|| blocked("a plan has no records"))?;
    Ok(instruction::append_subtrees(program, ledger, wallet, by_grant, batch, hashes))
}

/// Signs a transaction for a plan of a ledger, which one of the pool pays; `recent` is what others bid.
pub(super) async fn sign(
    means: &Means,
    ledger: LedgerId,
    plan: &NewPlan,
    recent: u64,
    instruction: Instruction,
) -> Result<Attempt, RoundError> {
    let units = if plan.subtrees.is_some() { UNITS_OF_SUBTREES } else { UNITS_OF_ENTRIES };
    let payer = means.payers.choose(ledger).map_err(RoundError::Blocked)?;
    let payment = Payment { payer: &*payer, price: means.payers.price(units, recent) };
    let signed = sign_paid(&means.servers[0], &*means.writer, &payment, instruction).await?;
    Ok(Attempt {
        signature: signed.signature.into(),
        transaction: signed.bytes,
        last_valid_height: signed.last_valid_height,
        payer: Some(payer.wallet().0),
        lamports: means.payers.cost(payment.price),
    })
}
