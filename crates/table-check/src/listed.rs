//! Changes that a report lists one by one, for people to judge.

use std::fmt;

use serde::Serialize;

use crate::change::{Change, Operation};
use crate::compare::Scope;
use crate::event::Column;
use crate::finding::{KeyPart, Place, Recorded, words_of_key};
use crate::ids::LeafIndex;
use crate::row::Row;

/// A value's JSON is listed up to this many characters.
const MOST_CHARACTERS: usize = 200;

/// The changes that a report lists. In the scope of one row those of this row and each `truncate`, otherwise all.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Records from this one on; what waits in the outbox comes behind them.
    pub since: LeafIndex,
    /// The most that are kept, the first ones. All are counted.
    pub most: usize,
}

/// A column's value before and after a change, as JSON; at most 200 characters of each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedColumn {
    /// The column.
    pub name: String,
    /// The value before. `None` where there was no row, or it did not have the column.
    pub before: Option<String>,
    /// The value after, in the same way.
    pub after: Option<String>,
}

/// A change of the table, as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedChange {
    /// Where it stands.
    pub place: Place,
    /// The operation.
    pub operation: Operation,
    /// The row's key; none of a `truncate`.
    pub key: Vec<KeyPart>,
    /// The columns that it changed.
    pub columns: Vec<ListedColumn>,
    /// The time and the users.
    #[serde(flatten)]
    pub recorded: Recorded,
}

impl ListedChange {
    pub(crate) fn new(
        place: Place,
        change: &Change<'_>,
        key: Vec<KeyPart>,
        columns: &[Column],
        recorded: Recorded,
    ) -> Self {
        let (before, after) = (change.rows.old(), change.rows.new_row());
        let names = columns.iter().enumerate().filter_map(|(at, column)| {
            let value = |row: Option<&Row<'_>>| row.and_then(|row| row.member(&column.name, at)).map(str::to_owned);
            let (before, after) = (value(before), value(after));
            (before != after).then(|| ListedColumn {
                name: column.name.clone(),
                before: before.map(shortened),
                after: after.map(shortened),
            })
        });
        Self { place, operation: change.rows.operation(), key, columns: names.collect(), recorded }
    }
}

fn shortened(json: String) -> String {
    match json.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}…", json.get(..end).unwrap_or_default()),
        None => json,
    }
}

/// A list that counts what it has no room for.
#[derive(Debug)]
pub(crate) struct Listed {
    listing: Listing,
    key: Option<Vec<String>>,
    pub(crate) kept: Vec<ListedChange>,
    pub(crate) all: u64,
}

impl Listed {
    pub(crate) fn new(listing: Listing, scope: &Scope) -> Self {
        let key = if let Scope::Row(key) = scope { Some(key.clone()) } else { None };
        Self { listing, key, kept: Vec::new(), all: 0 }
    }

    /// Counts a change that is to be listed, and keeps it where there is room. `keys` are those of its rows.
    pub(crate) fn push(&mut self, place: Place, keys: &[&[String]], change: impl FnOnce() -> ListedChange) {
        let is_before = matches!(place, Place::Recorded(index) if index < self.listing.since);
        let is_of = |key: &Vec<String>| keys.is_empty() || keys.contains(&key.as_slice());
        if is_before || !self.key.as_ref().is_none_or(is_of) {
            return;
        }
        self.all += 1;
        if self.kept.len() < self.listing.most {
            self.kept.push(change());
        }
    }
}

impl fmt::Display for ListedChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Recorded { at, who } = &self.recorded;
        write!(f, "{}: {at}, {}", self.place, self.operation)?;
        if !self.key.is_empty() {
            write!(f, " of the row {}", words_of_key(&self.key))?;
        }
        write!(f, " by user {:?}", who.user)?;
        if let Some(role) = &who.role {
            write!(f, ", role {role:?}")?;
        }
        if let Some(actor) = &who.actor {
            write!(f, ", actor {actor:?}")?;
        }
        for (number, column) in self.columns.iter().enumerate() {
            let value = |value: &Option<String>| value.as_deref().map_or_else(|| "nothing".to_owned(), escaped);
            let begin = if number == 0 { ":" } else { "," };
            write!(f, "{begin} {} from {} to {}", escaped(&column.name), value(&column.before), value(&column.after))?;
        }
        Ok(())
    }
}

/// JSON and names of others without characters that a terminal obeys.
fn escaped(text: &str) -> String {
    let is_kept = |character| matches!(character, '"' | '\'' | '\\');
    let escape = |character: char| character.escape_debug().filter(move |_| !is_kept(character));
    text.chars()
        .flat_map(|character| is_kept(character).then_some(character).into_iter().chain(escape(character)))
        .collect()
}
