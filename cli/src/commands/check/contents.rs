//! The gateway's contents of a ledger's entries. Nothing of it is believed.

use std::time::Duration;

use anyhow::{Context, bail};
use counterfoil_core::LedgerId;
use counterfoil_wire::EntryContent;
use reqwest::{Client, StatusCode};

const TIMEOUT: Duration = Duration::from_secs(60);
/// One content is told whole, and a row of a table may be that long.
const MAX_ANSWER_BYTES: usize = 512 << 20;

/// A gateway, of which one ledger's contents are asked.
pub(super) struct Contents {
    client: Client,
    url: String,
    key: Option<String>,
    ledger: LedgerId,
}

impl Contents {
    pub(super) fn new(url: &str, key: Option<&str>, ledger: LedgerId) -> anyhow::Result<Self> {
        let mut client = Client::builder().timeout(TIMEOUT);
        if counterfoil_client::is_local_url(url) {
            client = client.no_proxy();
        }
        let client = client.build().context("no HTTP client")?;
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { client, url, key: key.map(str::to_owned), ledger })
    }

    /// The entries from `from` on, as many as the gateway tells at once; none where it has no further one.
    pub(super) async fn fetch(&self, from: u64, limit: Option<u32>) -> anyhow::Result<Vec<EntryContent>> {
        let name = counterfoil_client::without_keys(&self.url);
        let mut url = format!("{}/v1/ledgers/{}/contents?from={from}", self.url, self.ledger);
        if let Some(limit) = limit {
            url += &format!("&limit={limit}");
        }
        let mut request = self.client.get(url);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let answer = request.send().await.map_err(reqwest::Error::without_url);
        let mut answer =
            answer.with_context(|| format!("the gateway {name} does not answer: give another by --gateway"))?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                bail!("the gateway {name} answers with more than {MAX_ANSWER_BYTES} bytes");
            }
            body.extend_from_slice(&chunk);
        }
        if status != StatusCode::OK {
            let text = String::from_utf8_lossy(&body);
            let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            bail!("the gateway {name} refuses: {}", problem["detail"].as_str().unwrap_or(&text));
        }
        let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines
            .map(|line| {
                serde_json::from_slice(line).with_context(|| format!("the gateway {name} sends no entry's content"))
            })
            .collect()
    }
}
