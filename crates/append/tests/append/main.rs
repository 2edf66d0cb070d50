//! Tests of appending that need no chain.

mod appender;
mod batch;
#[path = "../../../client/tests/client/events.rs"]
mod events;
mod interface;
mod shared;
