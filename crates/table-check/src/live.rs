//! The live table: its catalog, and how its rows become subjects and hashes.

use serde::{Deserialize, Serialize};

use crate::digest::{Hash, Hasher};
use crate::event::Column;
use crate::key::{Subject, text_of_live};
use crate::layout::Layout;
use crate::value::{Kind, push_live};

/// A column of the live table. The database says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveColumn {
    /// The column, as the catalog has it now.
    #[serde(flatten)]
    pub column: Column,
    /// The type's category, `pg_type.typcategory`.
    pub category: char,
}

/// A live row: the text of each column of the catalog that was shown, in its order, `None` for NULL.
///
/// The texts are those of the types' output functions, with TimeZone UTC, DateStyle 'ISO, YMD', IntervalStyle postgres,
/// extra_float_digits 3, bytea_output hex.
pub type LiveRow<'a> = [Option<&'a str>];

/// A protected column in the live table.
enum Match {
    /// The column is there and can be compared.
    Same { place: usize, kind: Kind },
    /// The column is gone or another one.
    Other,
}

/// How live rows are read.
pub(crate) struct Plan {
    columns: Vec<Match>,
    key: Option<Vec<(usize, Kind)>>,
    /// Columns, protected or live, that differ from the record.
    pub(crate) changed: Vec<String>,
}

/// The comparison of one live row with its hashes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Compared {
    pub(crate) changed: Vec<usize>,
    pub(crate) unsaid: Vec<usize>,
    pub(crate) not_comparable: Vec<usize>,
}

const INTEGERS: [&str; 3] = ["smallint", "integer", "bigint"];

impl Plan {
    pub(crate) fn new(layout: &Layout, live: &[LiveColumn]) -> Self {
        let mut changed = Vec::new();
        let find = |name: &str| live.iter().position(|live| live.column.name == name);
        let columns = layout.columns().iter().map(|column| {
            let place = find(&column.name);
            let found = place.and_then(|place| live.get(place));
            if found.is_none_or(|found| found.column != *column) {
                changed.push(column.name.clone());
            }
            match (place, found) {
                (Some(place), Some(found)) if is_comparable(column, &found.column) => {
                    Match::Same { place, kind: kind_of(found) }
                }
                _ => Match::Other,
            }
        });
        let columns = columns.collect();
        let is_known = |name: &str| layout.columns().iter().any(|column| column.name == name);
        if layout.protected.is_whole {
            let added = live.iter().map(|live| &live.column.name).filter(|name| !is_known(name));
            changed.extend(added.cloned());
        }
        Self { columns, key: key_of(layout, live), changed }
    }

    /// Whether rows can be found by their key.
    pub(crate) fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// Whether each protected column can be compared, or its place among those that cannot.
    pub(crate) fn is_compared(&self, place: usize) -> bool {
        matches!(self.columns.get(place), Some(Match::Same { .. }))
    }

    /// The texts of a row's key, as `json ->> name` would give them. `None` if one is NULL or none of its type.
    pub(crate) fn key(&self, row: &LiveRow<'_>) -> Option<Vec<String>> {
        let text = |(place, kind): &(usize, Kind)| {
            let live = row.get(*place).copied().flatten()?;
            text_of_live(kind, live).map(std::borrow::Cow::into_owned)
        };
        self.key.as_ref()?.iter().map(text).collect()
    }

    pub(crate) fn subject(&self, layout: &Layout, key: &[String]) -> Subject {
        layout.protected.secret.subject(key.iter().map(String::as_str))
    }

    pub(crate) fn compare(&self, row: &LiveRow<'_>, hashes: &[Hash], hasher: &Hasher) -> Compared {
        let mut compared = Compared::default();
        let mut form = Vec::new();
        for (column, (found, hash)) in self.columns.iter().zip(hashes).enumerate() {
            let Match::Same { place, kind } = found else { continue };
            if *hash == crate::digest::UNSAID {
                compared.unsaid.push(column);
                continue;
            }
            form.clear();
            match push_live(kind, row.get(*place).copied().flatten(), &mut form) {
                Ok(()) if hasher.hash(&form) == *hash => {}
                Ok(()) => compared.changed.push(column),
                Err(_) => compared.not_comparable.push(column),
            }
        }
        compared
    }
}

fn kind_of(live: &LiveColumn) -> Kind {
    Kind::of_live(&live.column.type_name, live.column.labels.is_some(), live.category)
}

/// Another number or NOT NULL changes no value. A label that was added changes none either.
fn is_comparable(recorded: &Column, live: &Column) -> bool {
    let keeps_labels = match (&recorded.labels, &live.labels) {
        (Some(recorded), Some(live)) => recorded.iter().all(|label| live.contains(label)),
        (None, None) => true,
        _ => false,
    };
    let is_permuted =
        recorded.labels != live.labels && recorded.labels.as_ref().map(Vec::len) == live.labels.as_ref().map(Vec::len);
    recorded.type_name == live.type_name && keeps_labels && !is_permuted
}

/// The key's columns by their names, or else by their numbers. `None` if one is gone or writes its values in another way.
fn key_of(layout: &Layout, live: &[LiveColumn]) -> Option<Vec<(usize, Kind)>> {
    let place_of = |name: &String| {
        let recorded = layout.columns().iter().find(|column| column.name == *name)?;
        let by_name = live.iter().position(|live| live.column.name == *name);
        let place = by_name.or_else(|| live.iter().position(|live| live.column.attnum == recorded.attnum))?;
        let found = live.get(place)?;
        let is_integer = |name: &String| INTEGERS.contains(&name.as_str());
        let is_same = found.column.type_name == recorded.type_name
            || is_integer(&found.column.type_name) && is_integer(&recorded.type_name);
        is_same.then(|| (place, kind_of(found)))
    };
    layout.protected.key.iter().map(place_of).collect()
}
