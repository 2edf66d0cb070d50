//! Times, as people read them.

use jiff::Timestamp;

/// A time of the chain, RFC 3339 in UTC.
pub fn time(unix_time: i64) -> String {
    Timestamp::from_second(unix_time).map_or_else(|_| format!("second {unix_time}"), |time| time.to_string())
}
