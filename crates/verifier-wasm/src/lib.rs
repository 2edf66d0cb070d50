#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

mod certificate;
mod claim;
mod consistency;
mod document;
mod evidence;
#[cfg(target_arch = "wasm32")]
mod exports;
mod judge;
mod pin;
mod prove;
mod receipt;
mod tiles;
mod verdict;
mod write;

pub use judge::verify;
pub use prove::prove;

/// The longest input, in bytes: what a page can read at once without hurting the machine it runs on.
pub const MAX_INPUT_BYTES: usize = 64 << 20;
