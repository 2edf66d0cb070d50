//! Searches by conditions that are put together at run time.

pub(crate) mod column;
pub(crate) mod find;
