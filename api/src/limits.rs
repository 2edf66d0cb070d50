//! Bounds of every route.

/// The longest body of a request, in bytes.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;
