//! Writing what was verified, in one SQL transaction with the cursor.

pub(crate) mod commit;
pub(crate) mod copy;
pub(crate) mod fill;
pub(crate) mod halt;
pub(crate) mod rollback;
pub(crate) mod rows;
