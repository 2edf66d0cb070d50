//! Reading entries from a log that serves C2SP tlog-tiles, <https://c2sp.org/tlog-tiles>.
//!
//! The log is not trusted: the caller compares the entries with roots. Its answers can cost time and disk, both bounded here.

use std::fs::File;
use std::io::{Cursor, ErrorKind, Read, Write};
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use counterfoil_archive::tile_path;
use counterfoil_client::Backoff;
use futures_util::{StreamExt, TryStreamExt, stream};
use merkle_log::{MAX_TREE_SIZE, TILE_WIDTH};
use reqwest::{Client, StatusCode};

use crate::repair::bundles::Bundles;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// The most attempts at one file, and the bounds of the delay between them.
const ATTEMPTS: u32 = 4;
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(4);
/// How many bundles are on their way at once.
const AT_ONCE: usize = 8;
/// The largest bundle: 256 entries of the most bytes, with their lengths.
const MAX_BUNDLE_BYTES: usize = TILE_WIDTH as usize * (2 + 65_535);
/// Far more than a checkpoint has.
const MAX_CHECKPOINT_BYTES: usize = 64 * 1024;

/// A log.
pub(crate) struct TlogTiles {
    client: Client,
    url: String,
    /// How many leaves it says that it has.
    size: u64,
}

impl TlogTiles {
    /// Reads the log's size from its checkpoint: by it the last bundle is named. Its signatures say nothing here.
    pub(crate) async fn open(url: &str) -> anyhow::Result<Self> {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .build()
            .context("the HTTP client cannot be made")?;
        let mut log = Self { client, url: url.trim_end_matches('/').to_owned(), size: 0 };
        let checkpoint = log.get("checkpoint", MAX_CHECKPOINT_BYTES).await?;
        let size = std::str::from_utf8(&checkpoint).ok().and_then(|text| text.lines().nth(1)?.parse().ok());
        log.size = size.filter(|size| *size <= MAX_TREE_SIZE).context("the log's checkpoint says no size")?;
        Ok(log)
    }

    async fn fetch_bundle(&self, number: u64) -> anyhow::Result<Vec<u8>> {
        let width = (self.size - number * TILE_WIDTH).min(TILE_WIDTH);
        let mut path = format!("tile/entries/{}", tile_path(number));
        if width < TILE_WIDTH {
            path = format!("{path}.p/{width}");
        }
        self.get(&path, MAX_BUNDLE_BYTES).await
    }

    /// Reads at most `most` bytes. A failure that may pass is asked for again.
    async fn get(&self, path: &str, most: usize) -> anyhow::Result<Vec<u8>> {
        let mut backoff = Backoff::new(FIRST_RETRY, LONGEST_RETRY);
        let mut attempt = 1;
        loop {
            match self.get_once(path, most).await {
                Ok(Answer::Bytes(bytes)) => return Ok(bytes),
                Ok(Answer::TryAgain(status)) if attempt == ATTEMPTS => bail!("the log answers {path} with {status}"),
                Err(error) if attempt == ATTEMPTS || !is_transient(&error) => {
                    return Err(error.context(format!("the log does not answer {path}")));
                }
                _ => {}
            }
            tokio::time::sleep(backoff.next_delay()).await;
            attempt += 1;
        }
    }

    async fn get_once(&self, path: &str, most: usize) -> anyhow::Result<Answer> {
        let mut response = self.client.get(format!("{}/{path}", self.url)).send().await?;
        let status = response.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Ok(Answer::TryAgain(status));
        }
        ensure!(status == StatusCode::OK, "the answer is {status}");
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            ensure!(bytes.len() + chunk.len() <= most, "the answer is larger than {most} bytes");
            bytes.extend_from_slice(&chunk);
        }
        Ok(Answer::Bytes(bytes))
    }
}

impl Bundles for TlogTiles {
    async fn fetch(&mut self, leaves: Range<u64>, file: &mut File) -> anyhow::Result<()> {
        ensure!(
            leaves.end <= self.size,
            "the log has {} leaves; leaves {} to {} are wanted",
            self.size,
            leaves.start,
            leaves.end - 1
        );
        let numbers = leaves.start / TILE_WIDTH..leaves.end.div_ceil(TILE_WIDTH);
        let log = &*self;
        let mut bundles = stream::iter(numbers)
            .map(async |number| Ok::<_, anyhow::Error>((number, log.fetch_bundle(number).await?)))
            .buffered(AT_ONCE);
        while let Some((number, bundle)) = bundles.try_next().await? {
            let first = number * TILE_WIDTH;
            let mut bytes = Cursor::new(bundle.as_slice());
            for index in first..(first + TILE_WIDTH).min(leaves.end) {
                let start = bytes.position();
                read_entry(&mut bytes).with_context(|| format!("bundle {number} of the log, entry {index}"))?;
                if leaves.contains(&index) {
                    let range = usize::try_from(start)?..usize::try_from(bytes.position())?;
                    file.write_all(&bundle[range]).context("the temporary file cannot be written")?;
                }
            }
        }
        Ok(())
    }
}

/// Reads one entry of a bundle. Source: C2SP tlog-tiles, "Log entries".
pub(crate) fn read_entry(from: &mut impl Read) -> anyhow::Result<Vec<u8>> {
    let mut read = |bytes: &mut [u8]| {
        from.read_exact(bytes).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => anyhow::anyhow!("its bytes end too early"),
            _ => error.into(),
        })
    };
    let mut length = [0; 2];
    read(&mut length)?;
    let mut entry = vec![0; usize::from(u16::from_be_bytes(length))];
    read(&mut entry)?;
    ensure!(!entry.is_empty(), "it has no bytes, which no ledger's entry has");
    Ok(entry)
}

enum Answer {
    Bytes(Vec<u8>),
    TryAgain(StatusCode),
}

fn is_transient(error: &anyhow::Error) -> bool {
    error.downcast_ref::<reqwest::Error>().is_some_and(|error| !error.is_builder() && !error.is_redirect())
}
