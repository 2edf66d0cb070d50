//! Copies, fills and comparisons of a few bytes, for which a syscall costs more than a loop: eight bytes at a time,
//! then one at a time. The machine allows unaligned access. `i` never leaves `0..=n`; unchecked, it costs no panic.
#![allow(unsafe_code)]

use core::ptr::{read_unaligned, write_unaligned};

const WORD: usize = size_of::<u64>();

/// Copies from the lowest address upwards, so that `dst` may overlap `src` from below.
///
/// # Safety
/// `src` must be readable and `dst` writable for `n` bytes; where they overlap, `dst <= src`.
#[inline(always)]
pub unsafe fn copy_forward(dst: *mut u8, src: *const u8, n: usize) {
    let mut i = 0;
    // SAFETY: every access ends at or below `n`.
    unsafe {
        while n.wrapping_sub(i) >= WORD {
            write_unaligned(dst.add(i).cast::<u64>(), read_unaligned(src.add(i).cast::<u64>()));
            i = i.wrapping_add(WORD);
        }
        while i < n {
            *dst.add(i) = *src.add(i);
            i = i.wrapping_add(1);
        }
    }
}

/// Copies from the highest address downwards, so that `dst` may overlap `src` from above.
///
/// # Safety
/// `src` must be readable and `dst` writable for `n` bytes; where they overlap, `dst >= src`.
#[inline(always)]
pub unsafe fn copy_backward(dst: *mut u8, src: *const u8, n: usize) {
    let mut i = n;
    // SAFETY: every access starts at or above 0 and ends at or below `n`.
    unsafe {
        while i >= WORD {
            i = i.wrapping_sub(WORD);
            write_unaligned(dst.add(i).cast::<u64>(), read_unaligned(src.add(i).cast::<u64>()));
        }
        while i > 0 {
            i = i.wrapping_sub(1);
            *dst.add(i) = *src.add(i);
        }
    }
}

/// Sets every byte to `value`.
///
/// # Safety
/// `dst` must be writable for `n` bytes.
#[inline(always)]
pub unsafe fn fill(dst: *mut u8, value: u8, n: usize) {
    let word = u64::from_ne_bytes([value; WORD]);
    let mut i = 0;
    // SAFETY: every access ends at or below `n`.
    unsafe {
        while n.wrapping_sub(i) >= WORD {
            write_unaligned(dst.add(i).cast::<u64>(), word);
            i = i.wrapping_add(WORD);
        }
        while i < n {
            *dst.add(i) = value;
            i = i.wrapping_add(1);
        }
    }
}

/// Returns the difference of the first two bytes that differ, or zero.
///
/// # Safety
/// `a` and `b` must be readable for `n` bytes.
#[inline(always)]
pub unsafe fn compare(a: *const u8, b: *const u8, n: usize) -> i32 {
    let mut i = 0;
    // SAFETY: every access ends at or below `n`.
    unsafe {
        while n.wrapping_sub(i) >= WORD
            && read_unaligned(a.add(i).cast::<u64>()) == read_unaligned(b.add(i).cast::<u64>())
        {
            i = i.wrapping_add(WORD);
        }
        while i < n {
            let (x, y) = (*a.add(i), *b.add(i));
            if x != y {
                return i32::from(x).wrapping_sub(i32::from(y));
            }
            i = i.wrapping_add(1);
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const LONGEST: usize = 100;

    fn bytes(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 37 + 11) as u8).collect()
    }

    #[test]
    fn copies_any_length_at_any_overlap() {
        for n in 0..LONGEST {
            for from in 0..24 {
                for to in 0..24 {
                    let mut actual = bytes(LONGEST + 24);
                    let mut expected = actual.clone();
                    expected.copy_within(from..from + n, to);
                    let base = actual.as_mut_ptr();
                    // SAFETY: both ranges lie within the vector, and the direction fits the overlap.
                    unsafe {
                        if to <= from {
                            copy_forward(base.add(to), base.add(from), n);
                        } else {
                            copy_backward(base.add(to), base.add(from), n);
                        }
                    }
                    assert_eq!(actual, expected, "{n} bytes from {from} to {to}");
                }
            }
        }
    }

    #[test]
    fn fills_any_length_and_nothing_beside_it() {
        for n in 0..LONGEST {
            for at in 0..9 {
                let mut actual = bytes(LONGEST + 16);
                let mut expected = actual.clone();
                expected[at..at + n].fill(0xA5);
                // SAFETY: the range lies within the vector.
                unsafe { fill(actual.as_mut_ptr().add(at), 0xA5, n) };
                assert_eq!(actual, expected, "{n} bytes at {at}");
            }
        }
    }

    #[test]
    fn compares_as_slices_do() {
        for n in 0..LONGEST {
            let a = bytes(n);
            // SAFETY: both pointers are to `n` bytes.
            assert_eq!(unsafe { compare(a.as_ptr(), a.as_ptr(), n) }, 0);
            for i in 0..n {
                for flip in [1, 0x80, 0xFF] {
                    let mut b = a.clone();
                    b[i] ^= flip;
                    // A later difference the other way must not count.
                    b[n - 1] ^= if i + 1 < n { 0xFF } else { 0 };
                    // SAFETY: both pointers are to `n` bytes.
                    let order = unsafe { compare(a.as_ptr(), b.as_ptr(), n) };
                    assert_eq!(order.cmp(&0), a.cmp(&b), "{n} bytes, the first difference at {i}");
                }
            }
        }
    }
}
