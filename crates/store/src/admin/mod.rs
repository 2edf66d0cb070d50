//! The database itself: connections, migrations, rebuilding, checks and statistics.

pub(crate) mod check;
pub(crate) mod rebuild;
pub(crate) mod schema;
pub(crate) mod stats;
