//! GET /v1/ledgers/{ledger}/export.

use std::convert::Infallible;
use std::fmt::Write;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use counterfoil_core::LedgerId;
use counterfoil_http::{REVALIDATE, ReaderOf, Rejection, Stopping};
use counterfoil_read::{self as read, Live, Reader, StreamPermit, Window, log_of};
use counterfoil_store::Log;
use counterfoil_wire::{Code, EntryPage, EventPage, Key, LogName, U64};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::IntoParams;

use super::parameters::{LedgerPath, Parameters};
use super::problems::{LeafProblems, LogProblems, SizeProblems, StreamProblems};

/// The number of leaves in memory at a time; of the largest entries 16 MB.
const PAGE: u64 = 256;

/// A range of one of the logs.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// The log: the ledger's entries or its events.
    log: LogName,
    /// The first leaf; 0 when absent.
    first: Option<U64>,
    /// The leaf before which it ends; the checked size at the beginning when absent.
    end: Option<U64>,
}

/// A range of a log as JSON lines: `{"entry": …}` or `{"event": …}` for each leaf, `{"missing": …}` for each subtree that
/// is missing from the index, after each run of them the `{"certificate": …}` that they are whole, and `{"end": …}` last.
///
/// Without the last line the range is not complete: a `{"problem": …}` has the reason, if it could be sent. The export is read at
/// the client's pace; resume from the last index received.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/export", tag = "Entries",
    params(("ledger" = Key, Path, description = "The ledger's address."), Which),
    responses(
        (status = 200, body = String, content_type = "application/x-ndjson"),
        LogProblems, LeafProblems, SizeProblems, StreamProblems,
    ),
)]
pub(crate) async fn export(
    State(feed): State<Live>,
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(which): Parameters<Which>,
    stopping: Stopping,
) -> Result<impl IntoResponse, Rejection> {
    let first = which.first.map_or(0, |first| first.0);
    if which.end.is_some_and(|end| end.0 <= first) {
        return Err(Rejection::new(Code::SizeOutOfRange, format!("end must be above first, which is {first}.")));
    }
    let end = which.end.map(|end| end.0);
    let permit = feed.permit(&reader, stopping.token())?;
    let mut export = Export { reader, permit, ledger, log: log_of(which.log), first, next: Some(first), end };
    // A fault at the beginning has its status.
    let begin = export.next_lines().await?;
    let lines = stream::unfold((export, Some(begin)), |(mut export, ready)| async move {
        let lines = match ready {
            Some(lines) => lines,
            None => match export.next_lines_or_end().await {
                Ok(lines) => lines,
                Err(problem) => export.give_up(&problem),
            },
        };
        (!lines.is_empty()).then_some((Ok::<_, Infallible>(lines), (export, None)))
    });
    Ok((
        [(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson")), (header::CACHE_CONTROL, REVALIDATE)],
        Body::from_stream(lines),
    ))
}

/// The rest of an export.
struct Export {
    reader: Reader,
    /// Counted as a stream for as long as it lasts.
    permit: StreamPermit,
    ledger: LedgerId,
    log: Log,
    first: u64,
    /// The leaf at which the next page begins; none when all was written.
    next: Option<u64>,
    /// Where it ends; known with the first page at the latest.
    end: Option<u64>,
}

impl Export {
    /// The next page's lines, unless the server stops before.
    async fn next_lines_or_end(&mut self) -> Result<String, Rejection> {
        let ended = self.permit.ended();
        tokio::select! {
            biased;
            ended = ended => Err(ended.into()),
            lines = self.next_lines() => lines,
        }
    }

    /// The lines of the next page; nothing after the last one.
    async fn next_lines(&mut self) -> Result<String, Rejection> {
        let Some(first) = self.next else { return Ok(String::new()) };
        let limit = self.end.map_or(PAGE, |end| end.saturating_sub(first).min(PAGE));
        let window = Window::From { first, limit: Some(limit) };
        let mut lines = String::new();
        let (size, next) = match self.log {
            Log::Entries => {
                let mut page = read::entries(&self.reader, self.ledger, window).await?;
                // A page may pass over missing leaves, and then beyond the end.
                page.items.retain(|entry| self.end.is_none_or(|end| entry.index.get() < end));
                let (size, next) = (page.head.entries.size.get(), page.next);
                let EntryPage { entries, missing, certificate, .. } = page.into();
                entries.iter().for_each(|entry| push(&mut lines, "entry", entry));
                missing.iter().for_each(|subtree| push(&mut lines, "missing", subtree));
                certificate.iter().for_each(|certificate| push(&mut lines, "certificate", certificate));
                (size, next)
            }
            Log::Events => {
                let page = read::events(&self.reader, self.ledger, window).await?;
                let (size, next) = (page.head.events.size.get(), page.next);
                let EventPage { events, certificate, .. } = page.into();
                events.iter().for_each(|event| push(&mut lines, "event", event));
                certificate.iter().for_each(|certificate| push(&mut lines, "certificate", certificate));
                (size, next)
            }
        };
        // Entries appended in the meantime are the next export's.
        let end = self.end.unwrap_or(size).min(size);
        self.end = Some(end);
        self.next = next.filter(|next| *next < end);
        if self.next.is_none() {
            push(&mut lines, "end", &json!({ "first": self.first.to_string(), "next": end.to_string() }));
        }
        Ok(lines)
    }

    /// The last line of an export that is not whole.
    fn give_up(&mut self, problem: &Rejection) -> String {
        self.next = None;
        let mut line = String::new();
        push(&mut line, "problem", &json!({ "code": problem.code, "detail": problem.detail }));
        line
    }
}

fn push(lines: &mut String, name: &str, value: &impl Serialize) {
    writeln!(lines, "{}", json!({ name: value })).expect("a string takes everything");
}
