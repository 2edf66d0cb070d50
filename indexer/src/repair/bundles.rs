//! A source of entries in bundles.

use std::fs::File;
use std::future::Future;
use std::ops::Range;

/// Bundles of entries, wherever they are.
pub(super) trait Bundles {
    /// Writes the entries of these leaves to a file, one after the other, as bundles hold them.
    fn fetch(&mut self, leaves: Range<u64>, file: &mut File) -> impl Future<Output = anyhow::Result<()>> + Send;
}
