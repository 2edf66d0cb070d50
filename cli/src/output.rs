//! Times, as people read them.

use jiff::Timestamp;

/// A time of the chain, RFC 3339 in UTC.
pub fn time(unix_time: i64) -> String {
    Timestamp::from_second(unix_time).map_or_else(|_| format!("second {unix_time}"), |time| time.to_string())
}

/// A time of an author, in milliseconds since 1970, RFC 3339 in UTC.
pub fn time_ms(unix_ms: u64) -> String {
    let time = i64::try_from(unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| format!("millisecond {unix_ms}"), |time| time.to_string())
}
