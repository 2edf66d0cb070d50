//! The typed values that records and findings carry.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Reads lowercase or uppercase hex of exactly `N` bytes.
pub(crate) fn decode_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        let high = char::from(*high).to_digit(16)?;
        let low = char::from(*low).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

/// The zero-based index of a record's leaf in the ledger. JSON has it as a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeafIndex(pub u64);

impl fmt::Display for LeafIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for LeafIndex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A transaction's 64-bit id. JSON has it as a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Xid(pub u64);

impl Serialize for Xid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Xid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        match text.parse() {
            Ok(value) if is_canonical => Ok(Self(value)),
            _ => Err(serde::de::Error::custom("a transaction id is a decimal number of 64 bits in a string")),
        }
    }
}

/// The id of one protection of one table: a UUID in lowercase.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ProtectionId(String);

/// A text that is not a UUID in lowercase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a protection's id is a UUID in lowercase")]
pub struct NotAProtectionId;

impl ProtectionId {
    /// Checks the text.
    ///
    /// # Errors
    /// [`NotAProtectionId`] if the text is not 36 characters of lowercase hex and hyphens in a UUID's places.
    pub fn parse(text: &str) -> Result<Self, NotAProtectionId> {
        let is_right = |(place, byte): (usize, u8)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        };
        let is_uuid = text.len() == 36 && text.bytes().enumerate().all(is_right);
        if is_uuid { Ok(Self(text.to_owned())) } else { Err(NotAProtectionId) }
    }
}

impl fmt::Display for ProtectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ProtectionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A time of the database's clock: RFC 3339 with six digits of a second and `Z`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Timestamp(String);

/// A text that is not RFC 3339 with microseconds and `Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time is RFC 3339 with six digits of a second and Z")]
pub struct NotATimestamp;

impl Timestamp {
    /// Checks the text's form, such as `2026-01-02T03:04:05.678900Z`, and not the calendar.
    ///
    /// # Errors
    /// [`NotATimestamp`] if the text has another form.
    pub fn parse(text: &str) -> Result<Self, NotATimestamp> {
        let form = b"0000-00-00T00:00:00.000000Z";
        let fits = |(byte, form): (u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == *form };
        let is_timestamp = text.len() == form.len() && text.bytes().zip(form).all(fits);
        if is_timestamp { Ok(Self(text.to_owned())) } else { Err(NotATimestamp) }
    }

    /// Its second since 1970; none where the calendar has no such day.
    pub(crate) fn second(&self) -> Option<i64> {
        let part = |from: usize, to: usize| self.0.get(from..to)?.parse::<i64>().ok();
        let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        // Days from the civil calendar, in years that begin in March. Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
        let year = if month <= 2 { year - 1 } else { year };
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
        let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
        Some(((days * 24 + part(11, 13)?) * 60 + part(14, 16)?) * 60 + part(17, 19)?)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_ids_times_and_hex_of_another_form() {
        assert!(ProtectionId::parse("018f3f2e-0000-7000-8000-0000000000aa").is_ok());
        for text in ["", "018F3f2e-0000-7000-8000-0000000000aa", "018f3f2e00007000-8000-0000000000aa0000", "é"] {
            assert_eq!(ProtectionId::parse(text), Err(NotAProtectionId), "{text}");
        }
        assert!(Timestamp::parse("2026-01-02T03:04:05.678900Z").is_ok());
        for text in ["2026-01-02 03:04:05.678900Z", "2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678900+00:00"] {
            assert_eq!(Timestamp::parse(text), Err(NotATimestamp), "{text}");
        }
        let second = |text: &str| Timestamp::parse(text).unwrap().second();
        assert_eq!(second("1970-01-01T00:01:59.000000Z"), Some(119));
        assert_eq!(second("2000-03-01T00:00:00.000000Z"), Some(951_868_800));
        assert_eq!(second("2026-12-01T03:38:00.999999Z"), Some(1_796_096_280));
        assert_eq!(second("1969-12-31T23:59:59.000000Z"), Some(-1));
        assert_eq!(second("2026-13-01T00:00:00.000000Z"), None);
        assert_eq!(decode_hex::<2>("00fF"), Some([0, 255]));
        assert_eq!((decode_hex::<2>("00f"), decode_hex::<1>("é"), decode_hex::<1>("+1")), (None, None, None));
    }
}
