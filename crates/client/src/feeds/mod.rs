//! Live feeds of one server: finalized or confirmed blocks, and transactions by notifications.

pub(crate) mod blocks;
pub(crate) mod logs;
