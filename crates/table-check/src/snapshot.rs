//! The snapshot in which the live rows were read.

use crate::ids::Xid;

/// A `pg_snapshot`: the transactions whose changes the live rows show. The database says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    xmin: u64,
    xmax: u64,
    running: Vec<u64>,
}

/// A text that is no `pg_snapshot`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a snapshot is xmin:xmax: and the running transactions in ascending order, with commas")]
pub struct NotASnapshot;

impl Snapshot {
    /// Reads `10:20:10,14,15`.
    ///
    /// # Errors
    /// [`NotASnapshot`] if the text has another form, or a number is out of its range or order.
    pub fn parse(text: &str) -> Result<Self, NotASnapshot> {
        let mut parts = text.split(':');
        let (Some(xmin), Some(xmax), Some(running), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotASnapshot);
        };
        let number = |text: &str| text.parse::<u64>().map_err(|_| NotASnapshot);
        let (xmin, xmax) = (number(xmin)?, number(xmax)?);
        let running = running.split(',').filter(|text| !text.is_empty()).map(number).collect::<Result<Vec<_>, _>>()?;
        let is_inside = running.iter().all(|xid| (xmin..xmax).contains(xid));
        if xmin > xmax || !is_inside || !running.is_sorted_by(|a, b| a < b) {
            return Err(NotASnapshot);
        }
        Ok(Self { xmin, xmax, running })
    }

    /// Whether the rows show what the transaction changed.
    #[must_use]
    pub fn is_visible(&self, xid: Xid) -> bool {
        xid.0 < self.xmin || (xid.0 < self.xmax && self.running.binary_search(&xid.0).is_err())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_had_committed() {
        let snapshot = Snapshot::parse("10:20:10,14").unwrap();
        let visible: Vec<u64> = (8..22).filter(|xid| snapshot.is_visible(Xid(*xid))).collect();
        assert_eq!(visible, [8, 9, 11, 12, 13, 15, 16, 17, 18, 19]);
        assert!(Snapshot::parse("10:10:").is_ok());
        for text in
            ["", "10", "10:20", "10:20:10:", "20:10:", "10:20:9", "10:20:20", "10:20:14,10", "10:20:14,14", "a:b:"]
        {
            assert_eq!(Snapshot::parse(text), Err(NotASnapshot), "{text}");
        }
    }
}
