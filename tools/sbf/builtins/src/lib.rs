//! The functions that LLVM's BPF code generator calls and no one else defines: the `mem*` family and 128-bit arithmetic.
//!
//! Empty unless the target's architecture is `bpf`, which is that of `tools/sbf/build` only: Solana's platform-tools
//! call theirs `sbf` and bring these functions along. A program uses it so:
//!
//! ```toml
//! [target.'cfg(target_arch = "bpf")'.dependencies]
//! counterfoil-sbf-builtins.workspace = true
//! ```
//!
//! ```text
//! #[cfg(target_arch = "bpf")]
//! use counterfoil_sbf_builtins as _;
//! ```
#![no_std]
// The compiler calls the feature internal; that is why the compiler is pinned.
#![cfg_attr(target_arch = "bpf", feature(abi_unadjusted), allow(internal_features))]

#[cfg(test)]
extern crate std;

#[cfg(any(target_arch = "bpf", test))]
mod memory;
#[cfg(target_arch = "bpf")]
mod symbols;
#[cfg(any(target_arch = "bpf", test))]
mod wide;
