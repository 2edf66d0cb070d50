//! Tests of the edge to Solana that need no chain.

mod batches;
mod blocks;
mod bounds;
mod decode;
mod events;
mod hints;
mod listing;
mod pace;
mod recordings;
mod server;
