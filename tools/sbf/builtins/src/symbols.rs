//! The symbols themselves, with the signatures that LLVM 23 calls them by.
//!
//! The 128-bit functions have the ABI "unadjusted": rustc returns an `i128` of its own or C's ABI through a pointer on
//! this target, while LLVM expects it in registers. With the wrong one, the caller's memory is overwritten silently.
#![allow(unsafe_code)]

use core::ffi::c_void;

use crate::memory;
use crate::wide::{self, Wide};

// Syscalls are called by the Murmur3 hash of their name; the linker turns a call of a small constant into one.
const SOL_MEMCPY: usize = 0x717C_C4A3;
const SOL_MEMMOVE: usize = 0x4343_71F8;
const SOL_MEMSET: usize = 0x3770_FB22;
const SOL_MEMCMP: usize = 0x5FDC_DE31;

// Up to these many bytes the loop takes fewer compute units than the syscall's 10 and what its call costs.
const LOOP_COPY_BYTES: usize = 40;
const LOOP_FILL_BYTES: usize = 80;
const LOOP_COMPARE_BYTES: usize = 32;

/// # Safety
/// As in C, except that `dst` may equal `src`, which LLVM relies on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcpy(dst: *mut c_void, src: *const c_void, n: usize) -> *mut c_void {
    if n <= LOOP_COPY_BYTES {
        // SAFETY: the ranges do not overlap, or they are one.
        unsafe { memory::copy_forward(dst.cast(), src.cast(), n) };
    } else if dst.cast_const() != src {
        // The syscall refuses any overlap, hence also `dst == src`.
        // SAFETY: the hash is that of `sol_memcpy_`, whose signature this is.
        unsafe {
            let syscall: unsafe extern "C" fn(*mut c_void, *const c_void, usize) = core::mem::transmute(SOL_MEMCPY);
            syscall(dst, src, n);
        }
    }
    dst
}

/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmove(dst: *mut c_void, src: *const c_void, n: usize) -> *mut c_void {
    // SAFETY: the direction fits the overlap; the hash is that of `sol_memmove_`, whose signature this is.
    unsafe {
        if n > LOOP_COPY_BYTES {
            let syscall: unsafe extern "C" fn(*mut c_void, *const c_void, usize) = core::mem::transmute(SOL_MEMMOVE);
            syscall(dst, src, n);
        } else if dst.cast_const() <= src {
            memory::copy_forward(dst.cast(), src.cast(), n);
        } else {
            memory::copy_backward(dst.cast(), src.cast(), n);
        }
    }
    dst
}

/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memset(dst: *mut c_void, value: i32, n: usize) -> *mut c_void {
    // C converts the value to an unsigned byte.
    let value = value as u8;
    // SAFETY: `dst` is writable for `n` bytes; the hash is that of `sol_memset_`, whose signature this is.
    unsafe {
        if n <= LOOP_FILL_BYTES {
            memory::fill(dst.cast(), value, n);
        } else {
            let syscall: unsafe extern "C" fn(*mut c_void, u8, usize) = core::mem::transmute(SOL_MEMSET);
            syscall(dst, value, n);
        }
    }
    dst
}

/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcmp(a: *const c_void, b: *const c_void, n: usize) -> i32 {
    // SAFETY: both are readable for `n` bytes; the hash is that of `sol_memcmp_`, whose signature this is.
    unsafe {
        if n <= LOOP_COMPARE_BYTES {
            return memory::compare(a.cast(), b.cast(), n);
        }
        let syscall: unsafe extern "C" fn(*const c_void, *const c_void, usize, *mut i32) =
            core::mem::transmute(SOL_MEMCMP);
        let mut order = 0;
        syscall(a, b, n, &raw mut order);
        order
    }
}

/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bcmp(a: *const c_void, b: *const c_void, n: usize) -> i32 {
    // SAFETY: the same contract.
    unsafe { memcmp(a, b, n) }
}

// Shifts by 64 move whole words, so that these two need no libcall.
#[inline(always)]
fn split(x: u128) -> Wide {
    Wide { hi: (x >> 64) as u64, lo: x as u64 }
}

#[inline(always)]
fn join(x: Wide) -> u128 {
    (x.hi as u128) << 64 | x.lo as u128
}

#[unsafe(no_mangle)]
extern "unadjusted" fn __multi3(a: u128, b: u128) -> u128 {
    join(wide::wrapping_mul(split(a), split(b)))
}

#[unsafe(no_mangle)]
extern "unadjusted" fn __udivti3(n: u128, d: u128) -> u128 {
    join(wide::div_rem(split(n), split(d)).0)
}

#[unsafe(no_mangle)]
extern "unadjusted" fn __umodti3(n: u128, d: u128) -> u128 {
    join(wide::div_rem(split(n), split(d)).1)
}

#[unsafe(no_mangle)]
extern "unadjusted" fn __divti3(n: u128, d: u128) -> u128 {
    join(wide::signed_div_rem(split(n), split(d)).0)
}

#[unsafe(no_mangle)]
extern "unadjusted" fn __modti3(n: u128, d: u128) -> u128 {
    join(wide::signed_div_rem(split(n), split(d)).1)
}

#[unsafe(no_mangle)]
extern "unadjusted" fn __ashlti3(x: u128, count: u32) -> u128 {
    join(wide::shl(split(x), count))
}

#[unsafe(no_mangle)]
extern "unadjusted" fn __lshrti3(x: u128, count: u32) -> u128 {
    join(wide::shr(split(x), count))
}

#[unsafe(no_mangle)]
extern "unadjusted" fn __ashrti3(x: u128, count: u32) -> u128 {
    join(wide::signed_shr(split(x), count))
}
