//! The compact map of rows: subject to the last record's place and each column's hash.
//!
//! A row costs 41 bytes, 8 bytes a column, and 5.3 to 10.7 bytes of the table that finds it (4 bytes a slot, at most three
//! quarters full): with 10 columns some 130 bytes, with 17 below 190. Memory comes in chunks, so that growth copies no rows.

use crate::digest::Hash;
use crate::key::Subject;

/// Rows in one chunk.
const CHUNK: usize = 4096;

/// More rows than the map has numbers for: 2^32 - 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyRows;

/// The facts of a row other than its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The index of the last record, or the outbox position where it is unsent.
    pub(crate) last: u64,
    pub(crate) is_unsent: bool,
    /// The last record has no content, so that the values are unknown.
    pub(crate) is_unknown: bool,
    /// A live row was compared with it.
    pub(crate) is_seen: bool,
}

#[derive(Clone, Copy, Default)]
struct Head {
    subject: [u8; 32],
    last: u64,
    flags: u8,
}

const USED: u8 = 1;
const UNSENT: u8 = 2;
const UNKNOWN: u8 = 4;
const SEEN: u8 = 8;

/// A row's number in the map. It holds until the next removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowId(u32);

pub(crate) struct Store {
    columns: usize,
    /// Row number + 1, or 0. Its length is a power of two.
    slots: Vec<u32>,
    subjects: Vec<Box<[[u8; 32]]>>,
    lasts: Vec<Box<[u64]>>,
    flags: Vec<Box<[u8]>>,
    hashes: Vec<Box<[Hash]>>,
    free: Vec<u32>,
    /// Numbers that were given out, free ones among them.
    numbers: usize,
}

impl Store {
    pub(crate) fn new(columns: usize) -> Self {
        Self {
            columns,
            slots: vec![0; 16],
            subjects: Vec::new(),
            lasts: Vec::new(),
            flags: Vec::new(),
            hashes: Vec::new(),
            free: Vec::new(),
            numbers: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.numbers - self.free.len()
    }

    pub(crate) fn find(&self, subject: &Subject) -> Option<RowId> {
        let slot = self.slot_of(subject)?;
        Some(RowId(self.slots[slot] - 1))
    }

    pub(crate) fn facts(&self, row: RowId) -> Facts {
        let Head { last, flags, .. } = self.head(row.0 as usize);
        let has = |flag| flags & flag != 0;
        Facts { last, is_unsent: has(UNSENT), is_unknown: has(UNKNOWN), is_seen: has(SEEN) }
    }

    pub(crate) fn hashes(&self, row: RowId) -> &[Hash] {
        let (chunk, place) = split(row.0 as usize);
        &self.hashes[chunk][place * self.columns..(place + 1) * self.columns]
    }

    pub(crate) fn mark_seen(&mut self, row: RowId) {
        let (chunk, place) = split(row.0 as usize);
        self.flags[chunk][place] |= SEEN;
    }

    /// Writes a row, and adds it where it is new. `hashes` has one for each column.
    pub(crate) fn put(&mut self, subject: &Subject, facts: Facts, hashes: &[Hash]) -> Result<(), TooManyRows> {
        let number = match self.find(subject) {
            Some(row) => row.0 as usize,
            None => self.add(subject)?,
        };
        let (chunk, place) = split(number);
        self.subjects[chunk][place] = subject.0;
        self.lasts[chunk][place] = facts.last;
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        self.flags[chunk][place] =
            USED | flag(facts.is_unsent, UNSENT) | flag(facts.is_unknown, UNKNOWN) | flag(facts.is_seen, SEEN);
        self.hashes[chunk][place * self.columns..(place + 1) * self.columns].copy_from_slice(hashes);
        Ok(())
    }

    pub(crate) fn remove(&mut self, subject: &Subject) {
        let Some(mut hole) = self.slot_of(subject) else { return };
        let number = self.slots[hole] - 1;
        let (chunk, place) = split(number as usize);
        self.flags[chunk][place] = 0;
        self.free.push(number);
        // Moves the rows behind the hole back, so that no search ends too early.
        let mask = self.slots.len() - 1;
        let mut next = (hole + 1) & mask;
        while self.slots[next] != 0 {
            let home = home_of(&self.head((self.slots[next] - 1) as usize).subject, mask);
            if (next.wrapping_sub(home) & mask) >= (next.wrapping_sub(hole) & mask) {
                self.slots[hole] = self.slots[next];
                hole = next;
            }
            next = (next + 1) & mask;
        }
        self.slots[hole] = 0;
    }

    /// All rows, in no order that means something.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (Subject, Facts)> + '_ {
        (0..self.numbers).filter_map(|number| {
            let head = self.head(number);
            let row = RowId(u32::try_from(number).ok()?);
            (head.flags & USED != 0).then(|| (Subject(head.subject), self.facts(row)))
        })
    }

    /// The same rows with other columns: `columns` many, which `fill` writes from those of before.
    pub(crate) fn with_columns(
        &self,
        columns: usize,
        fill: impl Fn(&[Hash], &mut [Hash]),
    ) -> Result<Self, TooManyRows> {
        let mut other = Self::new(columns);
        let mut hashes = vec![0; columns];
        for number in 0..self.numbers {
            let head = self.head(number);
            if head.flags & USED != 0 {
                let row = RowId(u32::try_from(number).map_err(|_| TooManyRows)?);
                fill(self.hashes(row), &mut hashes);
                other.put(&Subject(head.subject), self.facts(row), &hashes)?;
            }
        }
        Ok(other)
    }

    fn add(&mut self, subject: &Subject) -> Result<usize, TooManyRows> {
        if (self.len() + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                let number = u32::try_from(self.numbers).ok().filter(|n| *n < u32::MAX - 1).ok_or(TooManyRows)?;
                if self.numbers.is_multiple_of(CHUNK) {
                    self.subjects.push(vec![[0; 32]; CHUNK].into_boxed_slice());
                    self.lasts.push(vec![0; CHUNK].into_boxed_slice());
                    self.flags.push(vec![0; CHUNK].into_boxed_slice());
                    self.hashes.push(vec![0; CHUNK * self.columns].into_boxed_slice());
                }
                self.numbers += 1;
                number
            }
        };
        let mask = self.slots.len() - 1;
        let mut slot = home_of(&subject.0, mask);
        while self.slots[slot] != 0 {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = number + 1;
        Ok(number as usize)
    }

    fn grow(&mut self) {
        let mask = self.slots.len() * 2 - 1;
        let mut slots = vec![0; mask + 1];
        for number in self.slots.iter().filter(|number| **number != 0) {
            let mut slot = home_of(&self.head((*number - 1) as usize).subject, mask);
            while slots[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            slots[slot] = *number;
        }
        self.slots = slots;
    }

    fn head(&self, number: usize) -> Head {
        let (chunk, place) = split(number);
        Head { subject: self.subjects[chunk][place], last: self.lasts[chunk][place], flags: self.flags[chunk][place] }
    }

    fn slot_of(&self, subject: &Subject) -> Option<usize> {
        let mask = self.slots.len() - 1;
        let mut slot = home_of(&subject.0, mask);
        while self.slots[slot] != 0 {
            if self.head((self.slots[slot] - 1) as usize).subject == subject.0 {
                return Some(slot);
            }
            slot = (slot + 1) & mask;
        }
        None
    }
}

fn split(number: usize) -> (usize, usize) {
    (number / CHUNK, number % CHUNK)
}

/// A subject is HMAC's output, which is as good as a hash.
fn home_of(subject: &[u8; 32], mask: usize) -> usize {
    let [a, b, c, d, e, f, g, h, ..] = *subject;
    // A platform of 32 bits has no table with more slots.
    u64::from_be_bytes([a, b, c, d, e, f, g, h]) as usize & mask
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Few homes, so that the searches collide.
    fn subject(number: u16) -> Subject {
        let mut bytes = [0; 32];
        bytes[7] = (number % 5) as u8;
        bytes[30..].copy_from_slice(&number.to_be_bytes());
        Subject(bytes)
    }

    proptest! {
        #[test]
        fn keeps_what_a_map_keeps(steps in proptest::collection::vec((0u16..64, any::<bool>(), any::<u64>()), 0..300)) {
            let (mut store, mut map) = (Store::new(2), BTreeMap::new());
            for (number, is_put, value) in steps {
                if is_put {
                    store.put(&subject(number), Facts { last: value, ..Facts::default() }, &[value, 1]).unwrap();
                    map.insert(subject(number), value);
                } else {
                    store.remove(&subject(number));
                    map.remove(&subject(number));
                }
            }
            let found: BTreeMap<_, _> = store.rows().map(|(subject, facts)| (subject, facts.last)).collect();
            prop_assert_eq!(&found, &map);
            prop_assert_eq!(store.len(), map.len());
            for number in 0..64 {
                let row = store.find(&subject(number));
                prop_assert_eq!(row.map(|row| store.hashes(row)[0]), map.get(&subject(number)).copied());
            }
            let wider = store.with_columns(3, |from, to| to.copy_from_slice(&[from[1], from[0], 9])).unwrap();
            for (subject, facts) in wider.rows() {
                let row = wider.find(&subject);
                prop_assert_eq!(row.map(|row| wider.hashes(row)), Some(&[1, facts.last, 9][..]));
            }
        }
    }
}
