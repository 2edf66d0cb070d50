//! The payment of a transaction: a wallet, and a price.

use counterfoil_client::{CallError, Rpc};
use counterfoil_core::LedgerId;
use serde::Deserialize;
use serde_json::json;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

use crate::signer::TransactionSigner;

/// The fee for each signature of a transaction. Source: Solana's fee structure.
pub const LAMPORTS_PER_SIGNATURE: u64 = 5_000;
/// The bytes that a transaction has more where another wallet pays: its key and its signature.
pub const PAYER_BYTES: usize = 32 + 64;
/// The bytes that a transaction has more where it bids a price: a program's key and two instructions without accounts.
pub const PRICE_BYTES: usize = 32 + (3 + 5) + (3 + 9);

/// ComputeBudget111111111111111111111111111111.
const COMPUTE_BUDGET: Pubkey = Pubkey::from_str_const("ComputeBudget111111111111111111111111111111");
const MICRO: u64 = 1_000_000;

/// The payment of a transaction.
pub struct Payment<'a> {
    /// The wallet that pays.
    pub payer: &'a dyn TransactionSigner,
    /// The bid beyond the fee of the signatures.
    pub price: Option<Price>,
}

/// A bid for a place in a block: a price for each compute unit that the transaction may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// The compute units that the transaction may use.
    pub units: u32,
    /// Millionths of a lamport for each.
    pub micro_lamports: u64,
}

impl Price {
    /// The price that costs at most `lamports`; none where that is nothing.
    #[must_use]
    pub fn within(units: u32, micro_lamports: u64, lamports: u64) -> Option<Self> {
        let most = lamports.saturating_mul(MICRO).checked_div(units.into())?;
        let micro_lamports = micro_lamports.min(most);
        (micro_lamports > 0).then_some(Self { units, micro_lamports })
    }

    /// Its cost, in lamports.
    #[must_use]
    pub const fn lamports(self) -> u64 {
        (self.units as u64).saturating_mul(self.micro_lamports).div_ceil(MICRO)
    }
}

/// Source: solana-compute-budget-interface, `ComputeBudgetInstruction`.
pub(crate) fn price_instructions(price: Price) -> [Instruction; 2] {
    let instruction = |data: Vec<u8>| Instruction { program_id: COMPUTE_BUDGET, accounts: Vec::new(), data };
    let limit = [&[2][..], &price.units.to_le_bytes()].concat();
    let bid = [&[3][..], &price.micro_lamports.to_le_bytes()].concat();
    [instruction(limit), instruction(bid)]
}

#[derive(Deserialize)]
struct RecentFee {
    #[serde(rename = "prioritizationFee")]
    micro_lamports: u64,
}

/// The most that three of four transactions which wrote to a ledger lately bid, in millionths of a lamport for a compute unit; 0 where
/// none did.
///
/// # Errors
/// [`CallError`].
pub async fn fetch_recent_price(rpc: &Rpc, ledger: LedgerId) -> Result<u64, CallError> {
    let fees: Vec<RecentFee> = rpc.call_at_once("getRecentPrioritizationFees", json!([[ledger.to_string()]])).await?;
    let mut bids: Vec<u64> = fees.into_iter().map(|fee| fee.micro_lamports).collect();
    bids.sort_unstable();
    Ok(bids.get(bids.len().saturating_mul(3) / 4).copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::Price;

    #[test]
    fn a_price_never_costs_more_than_its_bound() {
        for (units, bid, bound, expected) in [
            (60_000, 1, 5_000, Some(1)),
            (60_000, u64::MAX, 5_000, Some(83_333)),
            (60_000, 83_333, 5_000, Some(83_333)),
            (60_000, 0, 5_000, None),
            (60_000, 9, 0, None),
            (0, 9, 5_000, None),
        ] {
            let price = Price::within(units, bid, bound);
            assert_eq!(price.map(|price| price.micro_lamports), expected, "{units}, {bid}, {bound}");
            assert!(price.is_none_or(|price| price.lamports() <= bound));
        }
    }
}
