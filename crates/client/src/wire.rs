//! Transactions as JSON-RPC servers write them; only the parts that events need are read.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use counterfoil_core::ProgramId;
use serde::de::{Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use solana_pubkey::Pubkey;
use solana_transaction_status_client_types::{EncodedTransaction, TransactionBinaryEncoding};

use crate::{InnerInstruction, TransactionRecord};

/// How many transactions a block has at most, with much to spare.
const MAX_TRANSACTIONS: usize = 1 << 17;
/// How many accounts a transaction can name.
const MAX_ACCOUNTS: usize = 256;

/// A list of `MOST` elements at most. An element of two bytes can take a hundred in memory, so a list that goes on is
/// refused there, and not read to its end.
pub struct Few<T, const MOST: usize>(pub Vec<T>);

impl<T, const MOST: usize> Default for Few<T, MOST> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Few<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements<T, const MOST: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Elements<T, MOST> {
            type Value = Few<T, MOST>;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                write!(formatter, "a list of at most {MOST}")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
                let mut few = Vec::new();
                while let Some(element) = elements.next_element()? {
                    if few.len() == MOST {
                        return Err(A::Error::custom(format_args!("a list of more than {MOST}")));
                    }
                    few.push(element);
                }
                Ok(Few(few))
            }
        }

        deserializer.deserialize_seq(Elements(PhantomData))
    }
}

/// A server's answer as of a slot. An answer of another form is refused at its first byte, and nothing is kept of it.
#[derive(Deserialize)]
pub struct WireAt<T> {
    pub context: WireContext,
    pub value: T,
}

/// As of when a server answers.
#[derive(Deserialize)]
pub struct WireContext {
    pub slot: u64,
}

/// An account in base64.
#[derive(Deserialize)]
pub struct WireAccount {
    owner: String,
    data: (String, String),
}

impl WireAccount {
    /// The owner and the data.
    pub fn read(self) -> Result<(Pubkey, Vec<u8>), &'static str> {
        let owner = Pubkey::from_str(&self.owner).map_err(|_| "an owner that is not a key")?;
        let (text, encoding) = self.data;
        if encoding != "base64" {
            return Err("data in a form that was not asked for");
        }
        Ok((owner, BASE64_STANDARD.decode(text).map_err(|_| "data that cannot be decoded")?))
    }
}

/// An account of getProgramAccounts, of which only the address is wanted.
#[derive(Deserialize)]
pub struct WireKeyed {
    pub pubkey: String,
}

/// A row of getSignaturesForAddress.
#[derive(Deserialize)]
pub struct WireSignature {
    pub signature: String,
    pub slot: u64,
    pub err: Option<IgnoredAny>,
}

/// A getTransaction's result.
#[derive(Deserialize)]
pub struct WireTransaction {
    slot: u64,
    // A flattened struct would keep all members in memory first.
    transaction: (String, String),
    meta: Option<WireMeta>,
}

/// A getBlock's result.
#[derive(Deserialize)]
pub struct WireBlock {
    transactions: Few<WireExecuted, MAX_TRANSACTIONS>,
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
    writable: Few<String, MAX_ACCOUNTS>,
    #[serde(default)]
    readonly: Few<String, MAX_ACCOUNTS>,
}

impl WireTransaction {
    /// Reads it as the transaction that was asked for.
    pub fn read(self, signature: [u8; 64]) -> Result<TransactionRecord, &'static str> {
        let executed = WireExecuted { transaction: self.transaction, meta: self.meta };
        let keys = executed.keys()?;
        if keys.signature != signature {
            return Err("another transaction");
        }
        executed.read(self.slot, keys)
    }
}

impl WireBlock {
    /// Reads the successful transactions that name the program.
    pub fn read(self, slot: u64, program: ProgramId) -> Result<Vec<TransactionRecord>, &'static str> {
        let mut transactions = Vec::new();
        for executed in self.transactions.0 {
            if executed.meta.as_ref().is_some_and(|meta| meta.err.is_some()) {
                continue;
            }
            // One that cannot be read may be another program's, and does not concern the others.
            let Ok(keys) = executed.keys() else { continue };
            if keys.accounts.contains(&program.0) {
                transactions.push(executed.read(slot, keys)?);
            }
        }
        Ok(transactions)
    }
}

/// The part of a transaction that names accounts.
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
            for address in loaded.writable.0.iter().chain(&loaded.readonly.0) {
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
