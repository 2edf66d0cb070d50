//! Transactions as JSON-RPC servers write them, read without what nobody needs here.

use std::str::FromStr;

use counterfoil_core::ProgramId;
use serde::Deserialize;
use serde::de::IgnoredAny;
use solana_pubkey::Pubkey;
use solana_transaction_status_client_types::{EncodedTransaction, TransactionBinaryEncoding};

use crate::{InnerInstruction, TransactionRecord};

/// A getTransaction's result.
#[derive(Deserialize)]
pub struct WireTransaction {
    slot: u64,
    #[serde(flatten)]
    executed: WireExecuted,
}

/// A getBlock's result.
#[derive(Deserialize)]
pub struct WireBlock {
    transactions: Vec<WireExecuted>,
}

/// A transaction in base64, and what its execution did.
#[derive(Deserialize)]
struct WireExecuted {
    transaction: (String, String),
    meta: Option<WireMeta>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMeta {
    err: Option<IgnoredAny>,
    inner_instructions: Option<Vec<WireGroup>>,
    loaded_addresses: Option<WireLoaded>,
}

#[derive(Deserialize)]
struct WireGroup {
    instructions: Vec<WireInstruction>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireInstruction {
    program_id_index: u8,
    accounts: Vec<u8>,
    data: String,
}

#[derive(Default, Deserialize)]
struct WireLoaded {
    #[serde(default)]
    writable: Vec<String>,
    #[serde(default)]
    readonly: Vec<String>,
}

impl WireTransaction {
    /// Reads it as the transaction that was asked for.
    pub fn read(self, signature: [u8; 64]) -> Result<TransactionRecord, &'static str> {
        let keys = self.executed.keys()?;
        if keys.signature != signature {
            return Err("another transaction");
        }
        self.executed.read(self.slot, keys)
    }
}

impl WireBlock {
    /// Reads the successful transactions that name the program.
    pub fn read(self, slot: u64, program: ProgramId) -> Result<Vec<TransactionRecord>, &'static str> {
        let mut transactions = Vec::new();
        for executed in self.transactions {
            if executed.meta.as_ref().is_some_and(|meta| meta.err.is_some()) {
                continue;
            }
            // One that cannot be read may be anybody's, and says nothing of those beside it.
            let Ok(keys) = executed.keys() else { continue };
            if keys.accounts.contains(&program.0) {
                transactions.push(executed.read(slot, keys)?);
            }
        }
        Ok(transactions)
    }
}

/// What a transaction names.
struct Keys {
    signature: [u8; 64],
    accounts: Vec<[u8; 32]>,
}

impl WireExecuted {
    fn keys(&self) -> Result<Keys, &'static str> {
        let (text, encoding) = &self.transaction;
        if encoding != "base64" {
            return Err("a transaction in a form that was not asked for");
        }
        let encoded = EncodedTransaction::Binary(text.clone(), TransactionBinaryEncoding::Base64);
        let transaction = encoded.decode().ok_or("a transaction that cannot be decoded")?;
        let signature = transaction.signatures.first().ok_or("a transaction without a signature")?;
        let mut accounts: Vec<[u8; 32]> =
            transaction.message.static_account_keys().iter().map(Pubkey::to_bytes).collect();
        if let Some(loaded) = self.meta.as_ref().and_then(|meta| meta.loaded_addresses.as_ref()) {
            for address in loaded.writable.iter().chain(&loaded.readonly) {
                let address = Pubkey::from_str(address).map_err(|_| "a loaded address that is not a key")?;
                accounts.push(address.to_bytes());
            }
        }
        Ok(Keys { signature: (*signature).into(), accounts })
    }

    fn read(self, slot: u64, keys: Keys) -> Result<TransactionRecord, &'static str> {
        let meta = self.meta.ok_or("a transaction without its execution")?;
        let groups = meta.inner_instructions.ok_or("a transaction without its inner instructions")?;
        let mut inner_instructions = Vec::new();
        for instruction in groups.into_iter().flat_map(|group| group.instructions) {
            inner_instructions.push(InnerInstruction {
                program: instruction.program_id_index,
                accounts: instruction.accounts,
                data: bs58::decode(&instruction.data).into_vec().map_err(|_| "instruction data that is not base58")?,
            });
        }
        let Keys { signature, accounts } = keys;
        Ok(TransactionRecord { signature, slot, is_ok: meta.err.is_none(), accounts, inner_instructions })
    }
}
