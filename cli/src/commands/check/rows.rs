//! The table's side: changes that wait in the outbox, and the rows as they stand.

use std::collections::HashSet;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, bail};
use counterfoil_outbox::{OutboxRow, TableColumn, TableReader};
use counterfoil_service::progress;
use counterfoil_table_check::{
    Change, Check, Column, LiveColumn, Operation, ProtectionId, Report as TableReport, Row, Rows, Timestamp, Who, Xid,
};
use futures_util::TryStreamExt;

/// The most that the database's clock may be ahead of this machine's, in milliseconds.
const CLOCKS_APART_MS: i64 = 5 * 60_000;

/// The changes that wait for longer than they may.
#[derive(Default)]
pub(super) struct Waits {
    /// The longest wait, by the time that a change has.
    pub(super) late: Option<Duration>,
    /// A change whose transaction had begun longer ago, by the records of the ledger, in words.
    pub(super) old: Option<String>,
}

/// Takes the changes that wait, in the outbox's order.
pub(super) async fn take_unsent(
    table: &mut TableReader,
    unsent: &[[u8; 16]],
    protections: &HashSet<String>,
    longest_wait_s: u64,
    check: &mut Check,
) -> anyhow::Result<Waits> {
    let mut waits = Waits::default();
    if unsent.is_empty() {
        return Ok(waits);
    }
    let name = table.name.clone();
    let mut rows = pin!(table.load_unsent(unsent));
    while let Some(row) = rows.try_next().await? {
        if is_ahead(row.at_ms) {
            // Such a row would never be late. One whose transaction had begun long before that time, by the records, no trigger wrote.
            if check
                .had_begun(Xid(row.xid))
                .is_some_and(|begun| row.at_ms.saturating_sub(begun.saturating_mul(1_000)) > CLOCKS_APART_MS)
            {
                continue;
            }
            bail!(
                "row {} of counterfoil.outbox is of {}, which is to come: the clock of the database or of this machine is wrong",
                row.position,
                row.at
            );
        }
        let wait = waited(row.at_ms);
        if wait.as_secs() > longest_wait_s {
            waits.late = waits.late.max(Some(wait));
        }
        // The database can write each time that it likes. When the transaction had begun is told by the ledger's records, too.
        let begun = check.had_begun(Xid(row.xid)).map(|second| second.saturating_add(1).saturating_mul(1_000));
        if waits.old.is_none()
            && let Some(begun) = begun.filter(|begun| waited(*begun).as_secs() > longest_wait_s)
        {
            waits.old = Some(format!(
                "Row {} of counterfoil.outbox waits, and its transaction {} had begun {} s ago, by the records: it was open for so long, or the row was put there.",
                row.position,
                row.xid,
                waited(begun).as_secs()
            ));
        }
        let protection = row.protection.map(|protection| protection.to_string()).unwrap_or_default();
        // The end of a backfill changes nothing of what follows. The ledger has the beginning of a protection once.
        let is_passed_over = matches!(row.operation.as_str(), "backfilled" | "adopt")
            || row.operation == "protect" && protections.contains(&protection);
        if row.content.is_some() && is_passed_over {
            continue;
        }
        if row.content.is_some() {
            // The changes behind it are told by what it says, and the ledger has it not.
            if waits.late.is_some() {
                break;
            }
            bail!(
                "the {} of the table waits in the outbox and is not in the ledger yet: try again when it has its receipt",
                row.operation
            );
        }
        if let Err(error) = take(&name, &row, check) {
            // A row that waits for so long is named, whether it can be read or not.
            if waits.late.is_some() {
                break;
            }
            return Err(error.context(format!("row {} of counterfoil.outbox", row.position)));
        }
    }
    Ok(waits)
}

/// How long ago a time was, in milliseconds since 1970.
fn waited(since: i64) -> Duration {
    let waited = jiff::Timestamp::now().as_millisecond().saturating_sub(since);
    Duration::from_millis(u64::try_from(waited).unwrap_or(0))
}

/// Whether a time is further ahead than two machines' clocks are apart.
fn is_ahead(at_ms: i64) -> bool {
    at_ms.saturating_sub(jiff::Timestamp::now().as_millisecond()) > CLOCKS_APART_MS
}

fn take(table: &str, row: &OutboxRow, check: &mut Check) -> anyhow::Result<()> {
    let operation = Operation::parse(&row.operation).with_context(|| format!("operation {:?}", row.operation))?;
    let (old, new) = (row.old.as_deref().map(Row::parse).transpose()?, row.new.as_deref().map(Row::parse).transpose()?);
    let change = Change {
        table: table.to_owned(),
        protection: ProtectionId::parse(&row.protection.unwrap_or_default().to_string())?,
        rows: Rows::new(operation, old, new)?,
        at: Timestamp::parse(&row.at)?,
        xid: Xid(row.xid),
        who: Who { user: row.user.clone().unwrap_or_default(), role: row.role.clone(), actor: row.actor.clone() },
    };
    check.take_unsent(row.position, &change)?;
    Ok(())
}

/// Compares the rows.
pub(super) async fn compare(
    table: &mut TableReader,
    condition: Option<&str>,
    check: Check,
) -> anyhow::Result<TableReport> {
    let catalog: Vec<LiveColumn> = table.columns.iter().map(live_column).collect();
    let mut comparison = check.against(&catalog)?;
    let bar = progress(0, "rows");
    let mut rows = pin!(table.rows(condition));
    while let Some(row) = rows.try_next().await? {
        comparison.compare(&row.texts()?)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(comparison.finish())
}

fn live_column(column: &TableColumn) -> LiveColumn {
    LiveColumn {
        column: Column {
            name: column.name.clone(),
            type_name: column.type_name.clone(),
            attnum: column.attnum,
            labels: column.labels.clone(),
            not_null: column.not_null,
        },
        category: column.category,
    }
}
