//! An API's entries, page by page.

use std::collections::VecDeque;

use counterfoil_core::LedgerId;

use crate::api::Api;
use crate::verdict::refute_unless;

const PAGE: u64 = 1_000;

/// A ledger's entries as an API serves them, each taken once and in order.
pub struct Entries<'a> {
    api: &'a Api,
    ledger: LedgerId,
    /// In order, with gaps where the API has hashes only.
    buffer: VecDeque<(u64, Vec<u8>)>,
}

impl<'a> Entries<'a> {
    /// Nothing is fetched yet.
    pub const fn new(api: &'a Api, ledger: LedgerId) -> Self {
        Self { api, ledger, buffer: VecDeque::new() }
    }

    /// Takes the entry at an index; those before it are passed over.
    ///
    /// # Errors
    /// A refutation when the API serves another one there; else why it serves none.
    pub async fn take(&mut self, index: u64) -> anyhow::Result<Vec<u8>> {
        while self.buffer.pop_front_if(|(buffered, _)| *buffered < index).is_some() {}
        if self.buffer.is_empty() {
            self.fetch(index).await?;
        }
        let (found, payload) = self.buffer.pop_front().unwrap_or_default();
        refute_unless!(
            found == index,
            "the API serves entry {found} where entry {index} belongs. If it was appended by its hash, \
             counterfoil-indexer fill gives the API its bytes"
        );
        Ok(payload)
    }

    async fn fetch(&mut self, first: u64) -> anyhow::Result<()> {
        let page = self.api.fetch_entries(self.ledger, first, PAGE).await?.entries;
        refute_unless!(!page.is_empty(), "the API does not serve entry {first} and what follows");
        let is_ascending = page[0].index.0 >= first && page.is_sorted_by(|entry, next| entry.index.0 < next.index.0);
        refute_unless!(is_ascending, "the API serves entries from {first} on doubled or out of order");
        self.buffer.extend(page.into_iter().map(|entry| (entry.index.0, entry.payload.0)));
        Ok(())
    }
}
