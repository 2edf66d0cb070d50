//! Pages of entries from the API, each verified before it is kept.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use counterfoil_core::LedgerId;
use counterfoil_core::relate::LogKind;
use counterfoil_wire::{Consistency, EntryPage};
use merkle_log::{Hash, TreeHead, hash_leaf, verify_consistency};
use reqwest::Client;
use serde::de::DeserializeOwned;

use crate::table::{Row, Table};

const PAGE: u64 = 500;
const TIMEOUT: Duration = Duration::from_secs(30);

/// An API of Counterfoil's.
pub(crate) struct Api {
    client: Client,
    url: String,
}

impl Api {
    pub(crate) fn new(url: &str) -> anyhow::Result<Self> {
        let client = Client::builder().timeout(TIMEOUT).build().context("cannot make an HTTP client")?;
        Ok(Self { client, url: url.trim_end_matches('/').to_owned() })
    }

    /// Reads on from the table's end until the ledger's.
    pub(crate) async fn catch_up(&self, ledger: LedgerId, table: &mut Table) -> anyhow::Result<()> {
        loop {
            let cursor = table.load_cursor(ledger)?;
            let first = cursor.size;
            let page: EntryPage =
                self.fetch(&format!("/v1/ledgers/{ledger}/entries?first={first}&limit={PAGE}")).await?;
            if page.entries.is_empty() {
                ensure!(page.missing.is_empty() && page.next.is_none(), "the API does not have entry {first}");
                return Ok(());
            }
            let certificate = page.certificate.as_ref().context("the API does not have some of the entries")?;
            ensure!(
                certificate.ledger == ledger && certificate.log == LogKind::Entries && certificate.from == first,
                "the certificate is of something else"
            );
            let is_run = (first..).zip(&page.entries).all(|(index, entry)| entry.index.0 == index);
            ensure!(is_run, "the page's indexes do not follow each other");
            let hashes = page.entries.iter().map(|entry| hash_leaf(&entry.payload.0));
            let head = certificate.verify(hashes).context("the page is not what its certificate says")?;
            if let Some(known) = cursor.head {
                self.expect_same_log(ledger, known, head).await?;
            }
            let rows = page.entries.iter().map(|entry| Row {
                index: entry.index.0,
                leaf_hash: hash_leaf(&entry.payload.0).into(),
                bytes: entry.payload.0.len() as u64,
            });
            // An API that is behind another has an older head, from which this page follows just as well.
            let newest = cursor.head.filter(|known| known.size > head.size).unwrap_or(head);
            table.keep(ledger, first, certificate.to, newest, rows)?;
        }
    }

    /// Of two heads of one log, the smaller is a beginning of the larger.
    async fn expect_same_log(&self, ledger: LedgerId, a: TreeHead, b: TreeHead) -> anyhow::Result<()> {
        let (first, second) = if a.size <= b.size { (a, b) } else { (b, a) };
        let proof = if first.size == second.size {
            Vec::new()
        } else {
            let (first, second) = (first.size, second.size);
            let path = format!("/v1/ledgers/{ledger}/consistency?log=entries&first={first}&second={second}");
            self.fetch::<Consistency>(&path).await?.proof.0
        };
        let proof: Vec<Hash> = proof.into_iter().map(|hash| hash.0).collect();
        verify_consistency(&first, &second, &proof).context("the log is not the one that it was")
    }

    async fn fetch<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let answer = self.client.get(format!("{}{path}", self.url)).send().await?;
        if !answer.status().is_success() {
            bail!("the API answers {} to {path}", answer.status());
        }
        Ok(answer.json().await?)
    }
}
