//! Bounded pages.

use std::ops::Range;

use counterfoil_core::LedgerHead;
use counterfoil_core::certificate::Certificate;
use counterfoil_store::{Log, MissingSubtree};
use merkle_log::TreeSize;

use crate::error::{MAX_PAGE, ReadError};

/// The default length of a page.
pub const DEFAULT_PAGE: u32 = 100;

/// The leaves that a page covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// At most `limit` from `first` on.
    From {
        /// The first index; the size of the log gives an empty page.
        first: u64,
        /// At most how many.
        limit: Option<u64>,
    },
    /// As Relay's connections ask. Indexes beyond the log bound nothing.
    Between {
        /// Only leaves with a greater index.
        after: Option<u64>,
        /// Only leaves with a smaller index.
        before: Option<u64>,
        /// The longest page, from the beginning.
        first: Option<u64>,
        /// The longest page of these, from the end.
        last: Option<u64>,
    },
}

impl Window {
    /// The indexes in a log of `size` leaves.
    pub(crate) fn range(self, log: Log, size: TreeSize) -> Result<Range<u64>, ReadError> {
        match self {
            Self::From { first, .. } if first > size.get() => {
                Err(ReadError::IndexOutOfRange { log, index: first, size })
            }
            Self::From { first, limit } => {
                let limit = u64::from(page_limit(limit)?);
                Ok(first..first.saturating_add(limit).min(size.get()))
            }
            Self::Between { after, before, first, last } => {
                let mut start = after.map_or(0, |after| after.saturating_add(1)).min(size.get());
                let mut end = before.unwrap_or(u64::MAX).min(size.get()).max(start);
                if first.is_some() || last.is_none() {
                    end = end.min(start.saturating_add(u64::from(page_limit(first)?)));
                }
                if last.is_some() {
                    start = start.max(end.saturating_sub(u64::from(page_limit(last)?)));
                }
                Ok(start..end)
            }
        }
    }
}

/// The widest range of a page that passes over missing leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forward {
    /// The index at which it ends at the latest.
    pub(crate) end: u64,
    /// How many entries it holds at most.
    pub(crate) limit: u32,
}

impl Window {
    /// None for a page that is counted from its end: it passes over nothing.
    pub(crate) fn forward(self, size: TreeSize) -> Result<Option<Forward>, ReadError> {
        Ok(match self {
            Self::From { limit, .. } => Some(Forward { end: size.get(), limit: page_limit(limit)? }),
            Self::Between { before, first, last: None, .. } => {
                Some(Forward { end: before.unwrap_or(u64::MAX).min(size.get()), limit: page_limit(first)? })
            }
            Self::Between { last: Some(_), .. } => None,
        })
    }
}

/// How many a page may hold.
///
/// # Errors
/// [`ReadError::EmptyPage`] for 0, [`ReadError::PageTooLarge`] above [`MAX_PAGE`].
pub fn page_limit(asked: Option<u64>) -> Result<u32, ReadError> {
    let Some(asked) = asked else { return Ok(DEFAULT_PAGE) };
    match u32::try_from(asked) {
        Ok(0) => Err(ReadError::EmptyPage),
        Ok(limit) if limit <= MAX_PAGE => Ok(limit),
        _ => Err(ReadError::PageTooLarge { asked }),
    }
}

/// Neighbouring leaves of one log, without those that are missing from the index.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The checked heads at which the page was read.
    pub head: LedgerHead,
    /// Which indexes it covers.
    pub range: Range<u64>,
    /// The leaves, in order, without a gap but for those in `missing`.
    pub items: Vec<T>,
    /// The subtrees that overlap the range and whose entries are missing from the index, in order.
    pub missing: Vec<MissingSubtree>,
    /// The index at which the next page begins; none when this one ends at the checked size.
    pub next: Option<u64>,
    /// That the leaves are all of the range; none where some are missing, and where there are none.
    pub certificate: Option<Certificate>,
}

impl<T> Page<T> {
    pub(crate) fn new(
        head: LedgerHead,
        size: TreeSize,
        range: Range<u64>,
        items: Vec<T>,
        missing: Vec<MissingSubtree>,
        certificate: Option<Certificate>,
    ) -> Self {
        let next = Some(range.end).filter(|end| *end < size.get());
        Self { head, range, items, missing, next, certificate }
    }
}
