//! One file a command.

pub mod clear_halt;
pub mod doctor;
pub mod fill;
pub mod forget;
pub mod fsck;
pub mod migrate;
pub mod nats;
pub mod rebuild;
pub mod run;
pub mod sources;
