//! A row of an outbox as a record.

use std::collections::HashMap;

use counterfoil_core::LedgerId;
use counterfoil_outbox::{OutboxRow, Protection, Uuid};
use counterfoil_statement::{ContentType, Salt, commit};
use counterfoil_store::gateway::{Form, NewRecord};
use counterfoil_table_check::{CHANGE_TYPE, Change, Operation, ProtectionId, Row, Rows, Secret, Timestamp, Who, Xid};

use super::fault::Fault;
use super::keys::Keys;
use crate::state::Gateway;

/// A content with what a statement says of it.
struct Content {
    bytes: Vec<u8>,
    content_type: String,
    subject: Option<[u8; 32]>,
    stream: Option<String>,
}

/// The record of a row. Its salt is drawn here, once: a row that is read again is known by its id.
pub(super) fn new_record(
    gateway: &Gateway,
    ledger: LedgerId,
    protections: &HashMap<Uuid, Protection>,
    keys: &Keys,
    row: OutboxRow,
) -> Result<NewRecord, Fault> {
    let position = row.position;
    let fault = |why: &dyn std::fmt::Display| {
        Fault::Blocked(format!("row {position} of counterfoil.outbox is not what the triggers write: {why}"))
    };
    let protection = match row.protection {
        None => None,
        Some(id) => Some(protections.get(&id).ok_or_else(|| fault(&format!("there is no protection {id}")))?),
    };
    let (id, author_time_ms) = (row.id, u64::try_from(row.at_ms).map_err(|error| fault(&error))?);
    let content = match (row.content.is_some(), protection) {
        (true, _) => given(gateway, ledger, row, protection).map_err(|why| fault(&why))?,
        (false, Some(protection)) => change(row, protection, keys).map_err(|why| fault(&why))?,
        (false, None) => return Err(fault(&"it has neither a content nor a protection")),
    };
    let mut salt = Salt([0; 32]);
    getrandom::fill(&mut salt.0).map_err(|error| Fault::Blocked(format!("no random bytes: {error}")))?;
    Ok(NewRecord {
        id,
        form: Form::Statement,
        salt: salt.0,
        commitment: commit(&salt, &content.bytes).0,
        content_type: content.content_type,
        content: content.bytes,
        stream: gateway.names.stream(ledger, content.stream.as_deref()).0,
        subject: content.subject,
        author_time_ms,
    })
}

/// A free record, or an event of a table.
fn given(
    gateway: &Gateway,
    ledger: LedgerId,
    row: OutboxRow,
    protection: Option<&Protection>,
) -> Result<Content, String> {
    let content_type = row.content_type.ok_or("it has no media type")?;
    let content_type: ContentType = content_type.parse().map_err(|error| format!("{content_type:?}: {error}"))?;
    Ok(Content {
        bytes: row.content.filter(|content| !content.is_empty()).ok_or("its content is empty")?,
        content_type: content_type.to_string(),
        subject: row.subject.map(|subject| gateway.names.subject(ledger, &subject).0),
        stream: row.stream.or_else(|| protection.and_then(|protection| protection.stream.clone())),
    })
}

/// A change of a row, under the subject that stands for its key.
fn change(row: OutboxRow, protection: &Protection, keys: &Keys) -> Result<Content, String> {
    let operation = Operation::parse(&row.operation).ok_or_else(|| format!("operation {:?}", row.operation))?;
    let key = keys.of(&row, protection);
    let old = row.old.as_deref().map(Row::parse).transpose().map_err(|error| error.to_string())?;
    let new = row.new.as_deref().map(Row::parse).transpose().map_err(|error| error.to_string())?;
    let subject = new.as_ref().or(old.as_ref()).and_then(|row| {
        let secret = Secret::new(protection.secret.as_slice().try_into().ok()?);
        let values: Option<Vec<_>> = key.iter().map(|name| row.text(name)).collect();
        Some(secret.subject(values?.iter().map(|value| value.as_ref())).0)
    });
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let change = Change {
        table: protection.table.clone(),
        protection: ProtectionId::parse(&row.protection.unwrap_or_default().to_string())
            .map_err(|error| text(&error))?,
        rows: Rows::new(operation, old, new).map_err(|error| text(&error))?,
        at: Timestamp::parse(&row.at).map_err(|error| text(&error))?,
        xid: Xid(row.xid),
        who: Who { user: row.user.unwrap_or_default(), role: row.role, actor: row.actor },
    };
    Ok(Content {
        bytes: change.encode(),
        content_type: CHANGE_TYPE.to_owned(),
        subject,
        stream: protection.stream.clone(),
    })
}
