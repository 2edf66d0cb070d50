//! The Counterfoil API, as a client that believes nothing: every caller recomputes what it gets.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use counterfoil_client::{is_local_url, without_keys};
use counterfoil_core::LedgerId;
use counterfoil_core::receipt::Receipt;
use counterfoil_wire::{
    Activity, Code, Consistency, EntryPage, EventPage, FoundEntries, Hashes, Inclusion, Ledger, LedgerPage, Standing,
};
use merkle_log::{Hash, TreeHead};
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::verdict::{Refutation, refutation};

const TIMEOUT: Duration = Duration::from_secs(30);
/// How long an API may take for a proof. A verification that the API only helps must not fail for want of its answer.
const PROOF_TIMEOUT: Duration = Duration::from_secs(10);
/// A page of 1,000 of the largest entries, in base64, and then some.
const MAX_ANSWER_BYTES: usize = 100_000_000;

/// The codes for what an index will have later.
const INDEX_IS_BEHIND: [Code; 4] =
    [Code::SizeOutOfRange, Code::IndexOutOfRange, Code::NotCheckedYet, Code::UnknownLedger];

/// One API.
pub struct Api {
    client: Client,
    url: String,
}

/// The API's refusal: a problem document, RFC 9457. Its code may be one that a newer API has.
#[derive(Debug, Deserialize)]
pub struct Problem {
    code: String,
    detail: String,
    status: u16,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the API refuses: {} ({}, {})", self.detail, self.code, self.status)
    }
}

impl std::error::Error for Problem {}

impl Problem {
    /// Whether the API says that its own rows contradict what it has checked against the chain.
    pub fn is_corrupt(&self) -> bool {
        self.is(Code::StoredDataCorrupt)
    }

    /// The code, where this version knows it.
    pub fn known_code(&self) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| self.is(*code))
    }

    /// The leaf that the detail names, in words of this version.
    pub fn leaf(&self) -> Option<String> {
        ["entry", "event"].into_iter().find_map(|kind| {
            let (_, after) = self.detail.split_once(&format!("{kind} "))?;
            let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
            let index: u64 = digits.parse().ok()?;
            Some(format!("{kind} {index}"))
        })
    }

    /// Whether this is its code.
    pub fn is(&self, code: Code) -> bool {
        self.code == code.text()
    }
}

impl Api {
    /// Prepares to ask the API at `url`; nothing is sent yet.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        let client = if is_local_url(url) { Client::builder().no_proxy() } else { Client::builder() };
        let client = client.build().context("cannot set up HTTP")?;
        Ok(Self { client, url: url.trim_end_matches('/').to_owned() })
    }

    /// How far the API is with a ledger.
    pub async fn fetch_ledger(&self, ledger: LedgerId) -> anyhow::Result<Ledger> {
        self.fetch(&format!("/v1/ledgers/{ledger}")).await
    }

    /// At most `limit` ledgers, after one.
    pub async fn fetch_ledgers(&self, after: Option<LedgerId>, limit: u64) -> anyhow::Result<LedgerPage> {
        let after = after.map_or_else(String::new, |after| format!("&after={after}"));
        self.fetch(&format!("/v1/ledgers?limit={limit}{after}")).await
    }

    /// A page of the entries that satisfy conditions: the members of `query`, each a text.
    pub async fn find_entries(&self, ledger: LedgerId, query: &Value) -> anyhow::Result<FoundEntries> {
        self.fetch(&with_query(&format!("/v1/ledgers/{ledger}/entries/find"), query)?).await
    }

    /// A ledger's activity: the members of `query`, each a text.
    pub async fn fetch_activity(&self, ledger: LedgerId, query: &Value) -> anyhow::Result<Activity> {
        self.fetch(&with_query(&format!("/v1/ledgers/{ledger}/activity"), query)?).await
    }

    /// A ledger as it was at a moment: the members of `at`, each a text.
    pub async fn fetch_standing(&self, ledger: LedgerId, at: &Value) -> anyhow::Result<Standing> {
        self.fetch(&with_query(&format!("/v1/ledgers/{ledger}/standing"), at)?).await
    }

    /// A receipt.
    pub async fn fetch_receipt(&self, ledger: LedgerId, index: u64) -> anyhow::Result<Receipt> {
        self.fetch(&format!("/v1/ledgers/{ledger}/entries/{index}/receipt")).await
    }

    /// A receipt in a format that the API's operator signs, as it is.
    pub async fn fetch_signed_receipt(&self, ledger: LedgerId, index: u64, format: &str) -> anyhow::Result<Vec<u8>> {
        self.fetch_bytes(&format!("/v1/ledgers/{ledger}/entries/{index}/receipt?format={format}")).await
    }

    /// At most `limit` entries from `first` on.
    pub async fn fetch_entries(&self, ledger: LedgerId, first: u64, limit: u64) -> anyhow::Result<EntryPage> {
        self.fetch(&format!("/v1/ledgers/{ledger}/entries?first={first}&limit={limit}")).await
    }

    /// At most `limit` events from `first` on.
    pub async fn fetch_events(&self, ledger: LedgerId, first: u64, limit: u64) -> anyhow::Result<EventPage> {
        self.fetch(&format!("/v1/ledgers/{ledger}/events?first={first}&limit={limit}")).await
    }

    /// The proof that a log of `second` leaves extends the log of `first`. `log`: entries, events.
    pub async fn fetch_consistency(
        &self,
        ledger: LedgerId,
        log: &str,
        first: u64,
        second: u64,
    ) -> anyhow::Result<Vec<Hash>> {
        let path = format!("/v1/ledgers/{ledger}/consistency?log={log}&first={first}&second={second}");
        Ok(plain(self.fetch_within::<Consistency>(&path, PROOF_TIMEOUT).await?.proof))
    }

    /// The proof, from the leaf to the root, that a log of `size` leaves has the leaf at `index`. `log`: entries, events.
    pub async fn fetch_inclusion(
        &self,
        ledger: LedgerId,
        log: &str,
        index: u64,
        size: u64,
    ) -> anyhow::Result<Vec<Hash>> {
        let path = format!("/v1/ledgers/{ledger}/inclusion?log={log}&index={index}&size={size}");
        Ok(plain(self.fetch_within::<Inclusion>(&path, PROOF_TIMEOUT).await?.proof))
    }

    /// The head of the log of the first `size` entries, with the proof that the log of `second` extends it.
    pub async fn fetch_head(&self, ledger: LedgerId, size: u64, second: u64) -> anyhow::Result<(TreeHead, Vec<Hash>)> {
        let path = format!("/v1/ledgers/{ledger}/consistency?log=entries&first={size}&second={second}");
        let Consistency { first, proof, .. } = self.fetch(&path).await?;
        Ok((first.try_into()?, plain(proof)))
    }

    /// The API's name in messages: its address without keys.
    pub fn name(&self) -> String {
        format!("the API at {}", without_keys(&self.url))
    }

    /// Whether an error says that the API's index will have later what it has not yet.
    pub fn is_behind(error: &anyhow::Error) -> bool {
        error.downcast_ref::<Problem>().is_some_and(|problem| INDEX_IS_BEHIND.iter().any(|code| problem.is(*code)))
    }

    /// Whether an error says that an API did not answer in its time.
    pub fn is_late(error: &anyhow::Error) -> bool {
        error.chain().any(|cause| cause.downcast_ref().is_some_and(reqwest::Error::is_timeout))
    }

    async fn fetch<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.fetch_within(path, TIMEOUT).await
    }

    async fn fetch_within<T: DeserializeOwned>(&self, path: &str, limit: Duration) -> anyhow::Result<T> {
        let body = self.fetch_bytes_within(path, limit).await?;
        serde_json::from_slice(&body).with_context(|| format!("the answer to {path} is no Counterfoil API's"))
    }

    async fn fetch_bytes(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        self.fetch_bytes_within(path, TIMEOUT).await
    }

    async fn fetch_bytes_within(&self, path: &str, limit: Duration) -> anyhow::Result<Vec<u8>> {
        let url = format!("{}{path}", self.url);
        let response = self
            .client
            .get(&url)
            .timeout(limit)
            .send()
            .await
            .map_err(reqwest::Error::without_url)
            .with_context(|| "the API does not answer: is it running? Give its address with --api")?;
        let status = response.status();
        let body = read_body(response).await.with_context(|| format!("the API's answer to {path}"))?;
        if status == StatusCode::OK {
            return Ok(body);
        }
        match serde_json::from_slice::<Problem>(&body) {
            // Its operator's rows are what is under test wherever a verdict is asked for.
            Ok(problem) if problem.is_corrupt() => Err(refutation(problem.into())),
            Ok(problem) => Err(problem.into()),
            Err(_) => bail!("{path} was answered with {status}: is --api a Counterfoil API?"),
        }
    }
}

/// A path with the members of an object that are texts as its query.
fn with_query(path: &str, query: &Value) -> anyhow::Result<String> {
    let texts = query.as_object().into_iter().flatten().filter_map(|(name, value)| Some((name, value.as_str()?)));
    // Relative to any server: the path and the query alone are taken.
    let url = Url::parse_with_params(&format!("http://localhost{path}"), texts)?;
    Ok(url.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")))
}

/// The problem of an API that an error is, whether or not it refutes.
pub fn problem_of(error: &anyhow::Error) -> Option<&Problem> {
    error.downcast_ref().or_else(|| error.downcast_ref::<Refutation>()?.cause().downcast_ref())
}

fn plain(hashes: Hashes) -> Vec<Hash> {
    hashes.0.into_iter().map(|hash| hash.0).collect()
}

/// An answer's bytes, as far as an API of ours would go.
async fn read_body(mut response: Response) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        ensure!(body.len() <= MAX_ANSWER_BYTES, "it is longer than {MAX_ANSWER_BYTES} bytes");
    }
    Ok(body)
}
