//! SPL's noop program, to which SPL account compression emits, with the functions that upstream LLVM needs.

#[cfg(target_arch = "bpf")]
use counterfoil_sbf_builtins as _;
use spl_noop as _;
