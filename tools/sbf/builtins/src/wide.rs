//! 128-bit arithmetic on pairs of 64-bit words.
//!
//! LLVM turns the operators of `u128` into calls of the very functions that are defined with this module, and a
//! checked 64-bit product into a 128-bit one. Hence no `u128` and no checked `*` in here: they would recurse without end.
//! A wrapping shift takes its count modulo 64, so that `!count` is 63 less it: with a shift by one, that moves what a
//! shift by `count` pushes out of one word into the other, and nothing when `count` is zero.

use core::num::NonZeroU64;

const HALF_BITS: u32 = 32;
const HALF_MASK: u64 = (1 << HALF_BITS) - 1;

/// An unsigned 128-bit integer, or a signed one in two's complement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wide {
    /// The upper 64 bits; first, so that the derived order is the numeric one.
    pub hi: u64,
    pub lo: u64,
}

impl Wide {
    const ZERO: Self = Self { hi: 0, lo: 0 };

    #[inline(always)]
    pub fn is_negative(self) -> bool {
        self.hi >> 63 == 1
    }

    #[inline(always)]
    fn wrapping_sub(self, other: Self) -> Self {
        let (lo, borrow) = self.lo.overflowing_sub(other.lo);
        Self { hi: self.hi.wrapping_sub(other.hi).wrapping_sub(u64::from(borrow)), lo }
    }

    #[inline(always)]
    pub fn wrapping_neg(self) -> Self {
        Self::ZERO.wrapping_sub(self)
    }

    /// The absolute value as an unsigned integer, so that the smallest value has one too.
    #[inline(always)]
    pub fn unsigned_abs(self) -> Self {
        if self.is_negative() { self.wrapping_neg() } else { self }
    }
}

/// The whole product of two words, from the four products of their halves.
#[inline(always)]
fn widening_mul(a: u64, b: u64) -> Wide {
    let (a_hi, a_lo) = (a >> HALF_BITS, a & HALF_MASK);
    let (b_hi, b_lo) = (b >> HALF_BITS, b & HALF_MASK);
    let low = a_lo.wrapping_mul(b_lo);
    // Neither sum exceeds 2^64 - 1: (2^32 - 1)^2 + 2 * (2^32 - 1) is exactly that.
    let middle = a_hi.wrapping_mul(b_lo).wrapping_add(low >> HALF_BITS);
    let cross = a_lo.wrapping_mul(b_hi).wrapping_add(middle & HALF_MASK);
    Wide {
        hi: a_hi.wrapping_mul(b_hi).wrapping_add(middle >> HALF_BITS).wrapping_add(cross >> HALF_BITS),
        lo: (cross << HALF_BITS) | (low & HALF_MASK),
    }
}

/// `a * b` modulo 2^128, for signed and unsigned integers alike.
#[inline(always)]
pub fn wrapping_mul(a: Wide, b: Wide) -> Wide {
    let product = widening_mul(a.lo, b.lo);
    let cross = a.hi.wrapping_mul(b.lo).wrapping_add(a.lo.wrapping_mul(b.hi));
    Wide { hi: product.hi.wrapping_add(cross), lo: product.lo }
}

/// The quotient and the remainder of a two-word number by `divisor`; `hi` must be less than `divisor`, so that the
/// quotient is one word.
///
/// Source: Knuth, The Art of Computer Programming, volume 2, section 4.3.1, algorithm D, with 32-bit digits.
#[inline(always)]
fn div_rem_two_by_one(hi: u64, lo: u64, divisor: NonZeroU64) -> (u64, u64) {
    let shift = divisor.leading_zeros();
    let divisor = divisor.get().wrapping_shl(shift);
    let top = hi.wrapping_shl(shift) | (lo >> 1).wrapping_shr(!shift);
    let low = lo.wrapping_shl(shift);
    let (first, rest) = div_rem_digit(top, low >> HALF_BITS, divisor);
    let (second, rest) = div_rem_digit(rest, low & HALF_MASK, divisor);
    ((first << HALF_BITS) | second, rest.wrapping_shr(shift))
}

/// One digit of the quotient, and the remainder: divides `rest` with `digit` appended by `divisor`, whose top bit is set
/// and which exceeds `rest`.
#[inline(always)]
fn div_rem_digit(rest: u64, digit: u64, divisor: u64) -> (u64, u64) {
    let (top, bottom) = (divisor >> HALF_BITS, divisor & HALF_MASK);
    // `top` is never 0; the fallback only keeps the compiler from adding a panic.
    let mut quotient = rest.checked_div(top).unwrap_or(0);
    let mut remainder = rest.wrapping_sub(quotient.wrapping_mul(top));
    // The estimate by the divisor's upper half is at most two too large.
    while quotient > HALF_MASK || quotient.wrapping_mul(bottom) > (remainder << HALF_BITS) | digit {
        quotient = quotient.wrapping_sub(1);
        remainder = remainder.wrapping_add(top);
        if remainder > HALF_MASK {
            break;
        }
    }
    // The bits cut off at the top cancel out, since the true remainder is less than the divisor.
    let remainder = ((rest << HALF_BITS) | digit).wrapping_sub(quotient.wrapping_mul(divisor));
    (quotient, remainder)
}

/// The quotient and the remainder of two unsigned integers.
///
/// By zero, the quotient is 0 and the remainder `n`, as the machine's own instructions would have it. Rust panics before
/// it comes to that.
#[inline(always)]
pub fn div_rem(n: Wide, d: Wide) -> (Wide, Wide) {
    match (NonZeroU64::new(d.hi), NonZeroU64::new(d.lo)) {
        (None, None) => (Wide::ZERO, n),
        (None, Some(d)) if n.hi == 0 => (Wide { hi: 0, lo: n.lo / d }, Wide { hi: 0, lo: n.lo % d }),
        (None, Some(d)) => {
            let (lo, rest) = div_rem_two_by_one(n.hi % d, n.lo, d);
            (Wide { hi: n.hi / d, lo }, Wide { hi: 0, lo: rest })
        }
        (Some(_), _) if n < d => (Wide::ZERO, n),
        (Some(d_hi), _) => div_rem_by_two_words(n, d, d_hi),
    }
}

/// Divides by a divisor whose upper word is `d_hi`, not zero; the quotient is one word.
///
/// Half of `n` is divided by the divisor's 64 leading bits, and the quotient scaled back. Less one, that is the true
/// quotient or one too small.
///
/// Source: Warren, Hacker's Delight, second edition, section 9-5.
#[inline(always)]
fn div_rem_by_two_words(n: Wide, d: Wide, d_hi: NonZeroU64) -> (Wide, Wide) {
    let shift = d_hi.leading_zeros();
    // The top bit makes it nonzero, and larger than the upper word of half of `n`.
    let leading = NonZeroU64::new(d.hi.wrapping_shl(shift) | (d.lo >> 1).wrapping_shr(!shift)).unwrap_or(d_hi);
    let (estimate, _) = div_rem_two_by_one(n.hi >> 1, (n.hi << 63) | (n.lo >> 1), leading);
    let quotient = estimate.wrapping_shr(!shift).saturating_sub(1);
    let product = widening_mul(quotient, d.lo);
    let product = Wide { hi: product.hi.wrapping_add(quotient.wrapping_mul(d.hi)), lo: product.lo };
    let rest = n.wrapping_sub(product);
    if rest >= d {
        (Wide { hi: 0, lo: quotient.wrapping_add(1) }, rest.wrapping_sub(d))
    } else {
        (Wide { hi: 0, lo: quotient }, rest)
    }
}

/// The quotient, rounded towards zero, and the remainder, which takes the sign of `n`, of two signed integers.
#[inline(always)]
pub fn signed_div_rem(n: Wide, d: Wide) -> (Wide, Wide) {
    let (quotient, remainder) = div_rem(n.unsigned_abs(), d.unsigned_abs());
    (
        if n.is_negative() == d.is_negative() { quotient } else { quotient.wrapping_neg() },
        if n.is_negative() { remainder.wrapping_neg() } else { remainder },
    )
}

/// `x << count`, modulo 128 in the count.
#[inline(always)]
pub fn shl(x: Wide, count: u32) -> Wide {
    if count & 64 == 0 {
        Wide { hi: x.hi.wrapping_shl(count) | (x.lo >> 1).wrapping_shr(!count), lo: x.lo.wrapping_shl(count) }
    } else {
        Wide { hi: x.lo.wrapping_shl(count), lo: 0 }
    }
}

/// `x >> count`, modulo 128 in the count, with zeros moved in.
#[inline(always)]
pub fn shr(x: Wide, count: u32) -> Wide {
    if count & 64 == 0 {
        Wide { hi: x.hi.wrapping_shr(count), lo: x.lo.wrapping_shr(count) | (x.hi << 1).wrapping_shl(!count) }
    } else {
        Wide { hi: 0, lo: x.hi.wrapping_shr(count) }
    }
}

/// `x >> count`, modulo 128 in the count, with copies of the sign moved in.
#[inline(always)]
pub fn signed_shr(x: Wide, count: u32) -> Wide {
    let signed = x.hi.cast_signed();
    if count & 64 == 0 {
        Wide {
            hi: signed.wrapping_shr(count).cast_unsigned(),
            lo: x.lo.wrapping_shr(count) | (x.hi << 1).wrapping_shl(!count),
        }
    } else {
        Wide { hi: (signed >> 63).cast_unsigned(), lo: signed.wrapping_shr(count).cast_unsigned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;
    use std::{env, eprintln};

    fn wide(x: u128) -> Wide {
        Wide { hi: (x >> 64) as u64, lo: x as u64 }
    }

    /// Zero and the integers next to every power of two and every run of ones: where carries, borrows and shifts break.
    fn edges() -> Vec<u128> {
        let mut all = Vec::from([0]);
        for bit in 0..128 {
            let power = 1_u128 << bit;
            all.extend([power - 1, power, power + 1, u128::MAX << bit, !power]);
        }
        all.extend([u128::from(u64::MAX) << 32, 0x5555 << 100 | 0x5555 << 28, u128::MAX / 3, u128::MAX / 10]);
        all
    }

    /// SplitMix64, seeded by the variable SEED; each draw has a random number of leading zeros or ones.
    struct Random(u64);

    impl Random {
        fn seeded() -> Self {
            let seed = env::var("SEED").map_or(0x5EED, |seed| seed.parse().expect("SEED is a decimal number"));
            eprintln!("SEED={seed}");
            Self(seed)
        }

        fn word(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut x = self.0;
            x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            x ^ (x >> 31)
        }

        fn integer(&mut self) -> u128 {
            let bits = u128::from(self.word()) << 64 | u128::from(self.word());
            (bits.cast_signed() >> (self.word() % 128)).cast_unsigned() >> (self.word() % 2 * (self.word() % 128))
        }
    }

    fn pairs() -> impl Iterator<Item = (u128, u128)> {
        let (left, right) = (edges(), edges());
        let mut random = Random::seeded();
        left.into_iter()
            .flat_map(move |a| right.clone().into_iter().map(move |b| (a, b)))
            .chain((0..300_000).map(move |_| (random.integer(), random.integer())))
    }

    #[test]
    fn product_equals_the_native_one() {
        for (a, b) in pairs() {
            assert_eq!(wrapping_mul(wide(a), wide(b)), wide(a.wrapping_mul(b)), "{a:#x} * {b:#x}");
        }
    }

    #[test]
    fn quotient_and_remainder_equal_the_native_ones() {
        for (n, d) in pairs().filter(|&(_, d)| d != 0) {
            assert_eq!(div_rem(wide(n), wide(d)), (wide(n / d), wide(n % d)), "{n:#x} / {d:#x}");
        }
    }

    #[test]
    fn signed_quotient_and_remainder_equal_the_native_ones() {
        for (n, d) in pairs().filter(|&(_, d)| d != 0) {
            let (a, b) = (n.cast_signed(), d.cast_signed());
            let expected = (wide(a.wrapping_div(b).cast_unsigned()), wide(a.wrapping_rem(b).cast_unsigned()));
            assert_eq!(signed_div_rem(wide(n), wide(d)), expected, "{a:#x} / {b:#x}");
        }
    }

    #[test]
    fn division_by_zero_returns() {
        for (n, _) in pairs() {
            assert_eq!(div_rem(wide(n), wide(0)), (wide(0), wide(n)));
        }
    }

    #[test]
    fn shifts_equal_the_native_ones_at_every_count() {
        let mut random = Random::seeded();
        let values = edges().into_iter().chain((0..2_000).map(|_| random.integer()));
        for x in values {
            for count in 0..128 {
                assert_eq!(shl(wide(x), count), wide(x << count), "{x:#x} << {count}");
                assert_eq!(shr(wide(x), count), wide(x >> count), "{x:#x} >> {count}");
                let signed = (x.cast_signed() >> count).cast_unsigned();
                assert_eq!(signed_shr(wide(x), count), wide(signed), "{x:#x} >> {count}, signed");
            }
        }
    }
}
