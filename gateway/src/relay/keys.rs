//! The keys of protected tables: a change has the one that was chosen when it was written, whatever was chosen since.

use counterfoil_outbox::{OutboxError, OutboxRow, Protection, Source, Uuid};
use serde::Deserialize;

/// The keys that events of tables chose, each from a position of the outbox on.
pub(super) struct Keys(Vec<(Uuid, u64, Vec<String>)>);

/// The part of a table's event that is read here.
#[derive(Deserialize)]
struct Event {
    key: Vec<String>,
}

impl Keys {
    /// Those of the events that the outbox still has.
    pub(super) async fn load(source: &mut Source) -> Result<Self, OutboxError> {
        Ok(Self(source.load_keys().await?))
    }

    /// Hears of an event.
    pub(super) fn note(&mut self, row: &OutboxRow) {
        let event = || serde_json::from_slice::<Event>(row.content.as_deref()?).ok();
        let is_choice = matches!(row.operation.as_str(), "protect" | "reprotect");
        if let (true, Some(protection)) = (is_choice, row.protection)
            && !self.0.iter().any(|(of, position, _)| *of == protection && *position == row.position)
            && let Some(Event { key }) = event()
        {
            self.0.push((protection, row.position, key));
        }
    }

    /// The key of a change; what the protection says now where no event is known.
    pub(super) fn of<'a>(&'a self, row: &OutboxRow, protection: &'a Protection) -> &'a [String] {
        let chosen = self.0.iter().filter(|(of, position, _)| Some(*of) == row.protection && *position < row.position);
        chosen.max_by_key(|(_, position, _)| *position).map_or(&protection.key, |(_, _, key)| key)
    }
}
