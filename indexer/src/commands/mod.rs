//! One file a command.

pub mod clear_halt;
pub mod fill;
pub mod fsck;
pub mod run;
