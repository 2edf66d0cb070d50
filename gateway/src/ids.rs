//! Record ids, UUIDs of version 7 that ascend within a process, and times.

use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use counterfoil_statement::{AuthorTime, RecordId};
use jiff::Timestamp;

/// Makes ids, each greater than the one before: in one millisecond by a count in the first random bits.
///
/// Source: RFC 9562 section 6.2, method 1.
#[derive(Debug, Default)]
pub(crate) struct Ids(Mutex<(u64, u16)>);

impl Ids {
    pub(crate) fn next(&self) -> Result<RecordId, getrandom::Error> {
        let mut random = [0; 10];
        getrandom::fill(&mut random)?;
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (ms, count) = &mut *last;
        // A clock that goes back, and a millisecond whose count is used up, go on with the last millisecond or the next one.
        *count = if now().ms() > *ms {
            *ms = now().ms();
            // Half of the count is random, so that ids of two processes seldom meet, and the other half is room.
            u16::from_be_bytes([random[0], random[1]]) & 0x07ff
        } else if *count < 0x0fff {
            *count + 1
        } else {
            *ms += 1;
            0
        };
        let [high, low] = count.to_be_bytes();
        (random[0], random[1]) = (high, low);
        Ok(RecordId::from_parts(*ms, random))
    }
}

/// A time in seconds since 1970 as it is written in the log.
pub(crate) fn time_text(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

/// A record's id as it is written.
pub(crate) fn id_text(id: &[u8; 16]) -> String {
    RecordId::new(*id).map_or_else(|_| String::new(), |id| id.to_string())
}

/// This machine's clock.
pub(crate) fn now() -> AuthorTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ms = u64::try_from(since.as_millis()).unwrap_or_default();
    AuthorTime::new(ms).unwrap_or_else(|_| AuthorTime::new(0).expect("0 is a time"))
}

#[cfg(test)]
mod tests {
    use super::Ids;

    #[test]
    fn ids_ascend_also_within_a_millisecond_and_beyond_its_count() {
        let ids = Ids::default();
        let made: Vec<_> = (0..20_000).map(|_| ids.next().unwrap()).collect();
        assert!(made.is_sorted_by(|before, after| before < after));
    }
}
