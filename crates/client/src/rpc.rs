//! One JSON-RPC server.

use std::collections::VecDeque;
use std::str::FromStr;
use std::time::Duration;

use counterfoil_core::account::{LEDGER_BYTES, LEDGER_DISCRIMINATOR};
use counterfoil_core::{GenesisHash, LedgerAccount, LedgerId, ProgramId, Wallet};
use futures_util::{StreamExt, TryStreamExt, stream};
use solana_account_decoder_client_types::{UiAccount, UiAccountEncoding, UiDataSliceConfig};
use solana_commitment_config::CommitmentConfig;
use solana_pubkey::Pubkey;
use solana_rpc_client::nonblocking::rpc_client::RpcClient;
use solana_rpc_client::rpc_client::GetConfirmedSignaturesForAddress2Config;
use solana_rpc_client_api::client_error::Error as RpcError;
use solana_rpc_client_api::config::{RpcAccountInfoConfig, RpcProgramAccountsConfig, RpcTransactionConfig};
use solana_rpc_client_api::filter::{Memcmp, RpcFilterType};
use solana_signature::Signature;
use solana_transaction_status_client_types::option_serializer::OptionSerializer;
use solana_transaction_status_client_types::{
    EncodedConfirmedTransactionWithStatusMeta, UiInstruction, UiTransactionEncoding,
};

use crate::address::key;
use crate::{
    AccountAt, ClientError, InnerInstruction, ListedTransaction, Listing, MOST_LISTED, Source, TransactionRecord,
};

const TIMEOUT: Duration = Duration::from_secs(20);
/// How many signatures a page of getSignaturesForAddress holds: the most that servers give.
const PAGE: usize = 1_000;
/// How many accounts getMultipleAccounts gives at most.
const ACCOUNTS_PER_CALL: usize = 100;
/// Where a ledger's account names its authority: after the discriminator, version and flags, the id and the creator.
const AUTHORITY_OFFSET: usize = 8 + 4 + 4 + 32 + 32;
/// How many getTransaction calls are under way at once.
const CONCURRENT_CALLS: usize = 16;

/// One JSON-RPC server, asked for the ledgers of one program. Not trusted.
pub struct Rpc {
    client: RpcClient,
    server: String,
    program: ProgramId,
}

impl Rpc {
    /// Prepares to ask the server at `url`; nothing is sent yet.
    #[must_use]
    pub fn new(url: &str, program: ProgramId) -> Self {
        let client = RpcClient::new_with_timeout_and_commitment(url.to_owned(), TIMEOUT, CommitmentConfig::finalized());
        Self { client, server: without_keys(url), program }
    }

    /// The program whose ledgers are asked for.
    #[must_use]
    pub const fn program(&self) -> ProgramId {
        self.program
    }

    /// The hash of the cluster's first block, which names the cluster.
    ///
    /// # Errors
    /// [`ClientError::Rpc`].
    pub async fn fetch_genesis_hash(&self) -> Result<GenesisHash, ClientError> {
        Ok(GenesisHash(self.client.get_genesis_hash().await.map_err(self.failed("getGenesisHash"))?.to_bytes()))
    }

    pub(crate) const fn client(&self) -> &RpcClient {
        &self.client
    }

    /// Turns a call's error into ours.
    pub(crate) fn failed(&self, method: &'static str) -> impl FnOnce(RpcError) -> ClientError {
        let server = self.server.clone();
        move |error| ClientError::Rpc { reason: hide_urls(&error.to_string(), &server), server, method }
    }

    pub(crate) fn malformed(&self, method: &'static str, what: impl ToString) -> ClientError {
        ClientError::Malformed { server: self.server.clone(), method, what: what.to_string() }
    }

    /// An account's owner and data, and the slot of the answer.
    pub(crate) async fn fetch_raw_account(
        &self,
        address: Pubkey,
        commitment: CommitmentConfig,
    ) -> Result<(u64, Option<(Pubkey, Vec<u8>)>), ClientError> {
        const METHOD: &str = "getAccountInfo";
        let config = RpcAccountInfoConfig {
            encoding: Some(UiAccountEncoding::Base64),
            commitment: Some(commitment),
            ..Default::default()
        };
        let response = self.client.get_ui_account_with_config(&address, config).await.map_err(self.failed(METHOD))?;
        let account = response.value.map(|account| self.read_account(METHOD, &account)).transpose()?;
        Ok((response.context.slot, account))
    }

    fn read_account(&self, method: &'static str, account: &UiAccount) -> Result<(Pubkey, Vec<u8>), ClientError> {
        let owner = Pubkey::from_str(&account.owner).map_err(|error| self.malformed(method, error))?;
        let data = account.data.decode().ok_or_else(|| self.malformed(method, "data that cannot be decoded"))?;
        Ok((owner, data))
    }

    /// The ledger's account, finalized.
    ///
    /// # Errors
    /// [`ClientError::NoLedger`], [`ClientError::WrongOwner`], [`ClientError::Account`]; [`ClientError::Rpc`] and
    /// [`ClientError::Malformed`] when the server is at fault.
    pub async fn fetch_account(&self, ledger: LedgerId) -> Result<AccountAt, ClientError> {
        self.fetch_account_at(ledger, CommitmentConfig::finalized()).await
    }

    /// The ledger's account as the cluster has confirmed it, which a fork can still take back: for appending, never
    /// for believing.
    ///
    /// # Errors
    /// As [`Self::fetch_account`].
    pub async fn fetch_confirmed_account(&self, ledger: LedgerId) -> Result<AccountAt, ClientError> {
        self.fetch_account_at(ledger, CommitmentConfig::confirmed()).await
    }

    async fn fetch_account_at(&self, ledger: LedgerId, commitment: CommitmentConfig) -> Result<AccountAt, ClientError> {
        let (slot, account) = self.fetch_raw_account(key(ledger.0), commitment).await?;
        self.read_ledger(ledger, slot, account)
    }

    fn read_ledger(
        &self,
        ledger: LedgerId,
        slot: u64,
        account: Option<(Pubkey, Vec<u8>)>,
    ) -> Result<AccountAt, ClientError> {
        let (owner, data) = account.ok_or_else(|| ClientError::NoLedger { server: self.server.clone(), ledger })?;
        if owner.to_bytes() != self.program.0 {
            let owner = ProgramId(owner.to_bytes());
            return Err(ClientError::WrongOwner { ledger, owner, program: self.program });
        }
        let account = LedgerAccount::decode(&data).map_err(|source| ClientError::Account { ledger, source })?;
        Ok(AccountAt { slot, account })
    }

    async fn fetch_transaction(&self, listed: &ListedTransaction) -> Result<TransactionRecord, ClientError> {
        const METHOD: &str = "getTransaction";
        let config = RpcTransactionConfig {
            encoding: Some(UiTransactionEncoding::Base64),
            commitment: Some(CommitmentConfig::finalized()),
            max_supported_transaction_version: Some(0),
        };
        let signature = Signature::from(listed.signature);
        let answer = self.client.get_transaction_with_config(&signature, config).await.map_err(self.failed(METHOD))?;
        if answer.slot != listed.slot {
            let what = format!("slot {} for a transaction listed in slot {}", answer.slot, listed.slot);
            return Err(self.malformed(METHOD, what));
        }
        read_transaction(&answer, listed.signature).map_err(|what| self.malformed(METHOD, what))
    }
}

impl Source for Rpc {
    fn name(&self) -> &str {
        &self.server
    }

    async fn fetch_ledgers(&self, authority: Option<Wallet>) -> Result<Vec<LedgerId>, ClientError> {
        let mut filters = vec![
            RpcFilterType::DataSize(LEDGER_BYTES as u64),
            RpcFilterType::Memcmp(Memcmp::new_raw_bytes(0, LEDGER_DISCRIMINATOR.to_vec())),
        ];
        filters.extend(
            authority
                .map(|authority| RpcFilterType::Memcmp(Memcmp::new_raw_bytes(AUTHORITY_OFFSET, authority.0.to_vec()))),
        );
        let config = RpcProgramAccountsConfig {
            filters: Some(filters),
            account_config: RpcAccountInfoConfig {
                encoding: Some(UiAccountEncoding::Base64),
                data_slice: Some(UiDataSliceConfig { offset: 0, length: 0 }),
                commitment: Some(CommitmentConfig::finalized()),
                min_context_slot: None,
            },
            ..Default::default()
        };
        let accounts = self.client.get_program_ui_accounts_with_config(&key(self.program.0), config).await;
        let accounts = accounts.map_err(self.failed("getProgramAccounts"))?;
        Ok(accounts.into_iter().map(|(address, _)| LedgerId(address.to_bytes())).collect())
    }

    async fn fetch_accounts(&self, ledgers: &[LedgerId]) -> Result<Vec<Result<AccountAt, ClientError>>, ClientError> {
        const METHOD: &str = "getMultipleAccounts";
        let mut accounts = Vec::with_capacity(ledgers.len());
        for ledgers in ledgers.chunks(ACCOUNTS_PER_CALL) {
            let config = RpcAccountInfoConfig {
                encoding: Some(UiAccountEncoding::Base64),
                commitment: Some(CommitmentConfig::finalized()),
                ..Default::default()
            };
            let addresses: Vec<Pubkey> = ledgers.iter().map(|ledger| key(ledger.0)).collect();
            let response = self.client.get_multiple_ui_accounts_with_config(&addresses, config).await;
            let response = response.map_err(self.failed(METHOD))?;
            if response.value.len() != ledgers.len() {
                let what = format!("{} accounts where {} were asked for", response.value.len(), ledgers.len());
                return Err(self.malformed(METHOD, what));
            }
            for (ledger, account) in ledgers.iter().zip(response.value) {
                let account = account.map(|account| self.read_account(METHOD, &account)).transpose()?;
                accounts.push(self.read_ledger(*ledger, response.context.slot, account));
            }
        }
        Ok(accounts)
    }

    async fn list_transactions(&self, ledger: LedgerId, since: u64) -> Result<Listing, ClientError> {
        const METHOD: &str = "getSignaturesForAddress";
        // Newest first; what is newer than the oldest that fit falls off the front.
        let mut listed: VecDeque<ListedTransaction> = VecDeque::new();
        let mut is_whole = true;
        let mut before: Option<ListedTransaction> = None;
        let mut rows_of_slot = 0_usize;
        // From the newest back: no cursor of an earlier call is handed over, for a server may not know it.
        loop {
            let config = GetConfirmedSignaturesForAddress2Config {
                before: before.map(|before| Signature::from(before.signature)),
                until: None,
                limit: Some(PAGE),
                commitment: Some(CommitmentConfig::finalized()),
            };
            let page = self.client.get_signatures_for_address_with_config(&key(ledger.0), config).await;
            let page = page.map_err(self.failed(METHOD))?;
            let mut last = None;
            for row in &page {
                let signature = Signature::from_str(&row.signature).map_err(|error| self.malformed(METHOD, error))?;
                let transaction = ListedTransaction { slot: row.slot, signature: signature.into() };
                if before.is_some_and(|before| before.signature == transaction.signature) {
                    return Err(self.malformed(METHOD, "a page that does not go on"));
                }
                if row.err.is_none() && row.slot >= since {
                    listed.push_back(transaction);
                }
                last = Some(transaction);
            }
            while listed.len() > MOST_LISTED {
                listed.pop_front();
                is_whole = false;
            }
            // A short page need not be the last: servers cut pages as they like.
            let Some(last) = last.filter(|last| last.slot >= since) else { break };
            let goes_back = before.is_some_and(|before| last.slot > before.slot);
            let is_same_slot = before.is_some_and(|before| last.slot == before.slot);
            rows_of_slot = if is_same_slot { rows_of_slot.saturating_add(page.len()) } else { 0 };
            // Whatever a server says, the walk ends.
            if goes_back || rows_of_slot > MOST_LISTED {
                return Err(self.malformed(METHOD, "pages that do not go on to older slots"));
            }
            before = Some(last);
        }
        let mut transactions: Vec<ListedTransaction> = listed.into_iter().rev().collect();
        transactions.sort_by_key(|transaction| transaction.slot);
        Ok(Listing { transactions, is_whole })
    }

    async fn fetch_transactions(&self, listed: &[ListedTransaction]) -> Result<Vec<TransactionRecord>, ClientError> {
        stream::iter(listed.to_vec())
            .map(|listed| async move { self.fetch_transaction(&listed).await })
            .buffered(CONCURRENT_CALLS)
            .try_collect()
            .await
    }
}

fn read_transaction(
    answer: &EncodedConfirmedTransactionWithStatusMeta,
    signature: [u8; 64],
) -> Result<TransactionRecord, &'static str> {
    let transaction = answer.transaction.transaction.decode().ok_or("a transaction that cannot be decoded")?;
    if transaction.signatures.first().map(|first| <[u8; 64]>::from(*first)) != Some(signature) {
        return Err("another transaction");
    }
    let meta = answer.transaction.meta.as_ref().ok_or("a transaction without its execution")?;
    let mut accounts: Vec<[u8; 32]> = transaction.message.static_account_keys().iter().map(Pubkey::to_bytes).collect();
    if let OptionSerializer::Some(loaded) = &meta.loaded_addresses {
        for address in loaded.writable.iter().chain(&loaded.readonly) {
            accounts.push(Pubkey::from_str(address).map_err(|_| "a loaded address that is not a key")?.to_bytes());
        }
    }
    let OptionSerializer::Some(groups) = &meta.inner_instructions else {
        return Err("a transaction without its inner instructions");
    };
    let mut inner_instructions = Vec::new();
    for instruction in groups.iter().flat_map(|group| &group.instructions) {
        let UiInstruction::Compiled(compiled) = instruction else {
            return Err("inner instructions in a form that was not asked for");
        };
        inner_instructions.push(InnerInstruction {
            program: compiled.program_id_index,
            accounts: compiled.accounts.clone(),
            data: bs58::decode(&compiled.data).into_vec().map_err(|_| "instruction data that is not base58")?,
        });
    }
    Ok(TransactionRecord { signature, slot: answer.slot, is_ok: meta.err.is_none(), accounts, inner_instructions })
}

/// Reads the URL of an RPC server, for the command line.
///
/// # Errors
/// Says what an RPC server's URL looks like; repeats nothing of the text, which may hold a key.
pub fn parse_rpc_url(text: &str) -> Result<String, &'static str> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let is_url =
        rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace));
    if is_url {
        Ok(text.to_owned())
    } else {
        Err("an RPC server's URL begins with http:// or https:// and has no spaces")
    }
}

/// An error's text without URLs: a library repeats them, keys and all, in a form of its own.
fn hide_urls(text: &str, server: &str) -> String {
    let words = text.split(' ').map(|word| if word.contains("://") { server } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// A URL as far as it may be shown: scheme, host and port. Keys are carried in all other parts.
fn without_keys(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "the server".to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use super::{hide_urls, parse_rpc_url, without_keys};

    #[test]
    fn shows_nothing_of_a_url_that_can_hold_a_key() {
        let url = "https://user:secret@rpc.example.com:8899/secret?api-key=secret#secret";
        assert_eq!(without_keys(url), "https://rpc.example.com:8899");
        assert_eq!(without_keys("secret"), "the server");
    }

    #[test]
    fn shows_no_url_of_a_librarys_error_in_whatever_form() {
        for url in [
            "http://127.0.0.1:1/?api-key=SECRET",
            "http://u:SECRET@host/k-SECRET",
            "HTTPS://host:443/SECRET",
            "wss://host/SECRET",
        ] {
            let text = format!("error sending request for url ({url}): connection refused");
            let shown = hide_urls(&text, "https://host");
            assert_eq!(shown, "error sending request for url https://host connection refused");
        }
    }

    #[test]
    fn refuses_a_url_that_is_none_and_does_not_repeat_it() {
        for text in ["SECRET", "ftp://SECRET", "http://", "http:///SECRET", "http://host/SECRET key"] {
            assert!(!parse_rpc_url(text).unwrap_err().contains("SECRET"));
        }
        assert!(parse_rpc_url("https://rpc.example.com/?api-key=x").is_ok());
    }
}
