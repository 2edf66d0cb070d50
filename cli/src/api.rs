//! The Counterfoil API, as a client that believes nothing: every caller recomputes what it gets.

use std::time::Duration;

use anyhow::{Context, bail};
use counterfoil_core::receipt::{Head, Receipt};
use counterfoil_core::{LedgerId, json};
use merkle_log::Hash;
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

const TIMEOUT: Duration = Duration::from_secs(30);

/// One API.
pub struct Api {
    client: Client,
    url: String,
}

/// The API's refusal: a problem document, RFC 9457.
#[derive(Debug, Deserialize)]
pub struct Problem {
    /// The stable code.
    pub code: String,
    detail: String,
    status: u16,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the API refuses: {} ({}, {})", self.detail, self.code, self.status)
    }
}

impl std::error::Error for Problem {}

/// How far the API is with a ledger.
#[derive(Deserialize)]
pub struct Ledger {
    /// The newest heads that it answers proofs for.
    pub checked: Option<Checked>,
}

/// See [`Ledger::checked`].
#[derive(Deserialize)]
pub struct Checked {
    /// The event log's head.
    pub event_head: Head,
}

/// A page of entries.
#[derive(Deserialize)]
pub struct EntryPage {
    /// In order of index.
    pub entries: Vec<Entry>,
}

/// An entry.
#[derive(Deserialize)]
pub struct Entry {
    /// Its index.
    #[serde(with = "json::text")]
    pub index: u64,
    /// Its bytes.
    #[serde(with = "json::bytes")]
    pub payload: Vec<u8>,
}

/// A page of events.
#[derive(Deserialize)]
pub struct EventPage {
    /// In order.
    pub events: Vec<Event>,
}

/// An event.
#[derive(Deserialize)]
pub struct Event {
    /// Its number.
    #[serde(with = "json::text")]
    pub seq: u64,
    /// Kind, header and body.
    #[serde(with = "json::bytes")]
    pub leaf: Vec<u8>,
}

/// A consistency proof.
#[derive(Deserialize)]
pub struct Consistency {
    /// From the leaves to the root.
    #[serde(with = "json::hashes")]
    pub proof: Vec<Hash>,
}

impl Api {
    /// Prepares to ask the API at `url`; nothing is sent yet.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        let client = Client::builder().timeout(TIMEOUT).build().context("cannot set up HTTP")?;
        Ok(Self { client, url: url.trim_end_matches('/').to_owned() })
    }

    /// How far the API is with a ledger.
    pub async fn fetch_ledger(&self, ledger: LedgerId) -> anyhow::Result<Ledger> {
        self.fetch(&format!("/v1/ledgers/{ledger}")).await
    }

    /// A receipt.
    pub async fn fetch_receipt(&self, ledger: LedgerId, index: u64) -> anyhow::Result<Receipt> {
        self.fetch(&format!("/v1/ledgers/{ledger}/entries/{index}/receipt")).await
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
    ) -> anyhow::Result<Consistency> {
        self.fetch(&format!("/v1/ledgers/{ledger}/consistency?log={log}&first={first}&second={second}")).await
    }

    async fn fetch<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let url = format!("{}{path}", self.url);
        let response = self.client.get(&url).send().await.with_context(|| {
            format!("the API at {} does not answer: is it running there? Give its address with --api", self.url)
        })?;
        let status = response.status();
        let body = response.bytes().await.with_context(|| format!("{url} broke off"))?;
        if status == StatusCode::OK {
            return serde_json::from_slice(&body).with_context(|| format!("{url} is not a Counterfoil API's answer"));
        }
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Err(problem.into()),
            Err(_) => bail!("{url} answered {status}: is it a Counterfoil API?"),
        }
    }
}
