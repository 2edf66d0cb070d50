//! The Model Context Protocol: POST /mcp. The tools are those of [`counterfoil_mcp`], answered from [`counterfoil_read`] with the
//! caller's rights.
//!
//! Each request is one exchange, without a session, and its answer is JSON. Authentication, names, origins and rates are the guard's.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::http::request::Parts;
use axum::routing::any_service;
use counterfoil_core::LedgerId;
use counterfoil_core::receipt::{Receipt, ReceiptError, VerifiedReceipt};
use counterfoil_http::{Rejection, RequestCaller};
use counterfoil_mcp::{
    At, Described, EntryQuery, Judged, Level, Open, Read, Records, Refusal, Server, Statement, Verdict,
};
use counterfoil_read::{self as read, Reader, When, Window};
use counterfoil_store::Log;
use counterfoil_wire::{Activity, Code, EntryPage, FoundEntries, Head, LedgerPage, Standing, Time};
use merkle_log::TreeHead;
use rmcp::model::Extensions;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};

use crate::rest::{ActivityQuery, WhichEntries};
use crate::search::seconds;

/// The route.
pub(crate) fn router(reader: Reader) -> Router {
    // The guard holds the names and origins; a list here would be a second one.
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .disable_allowed_hosts()
        .disable_allowed_origins();
    let server = Server::new(Index(reader));
    let service =
        StreamableHttpService::new(move || Ok(server.clone()), Arc::new(NeverSessionManager::default()), config);
    Router::new().route("/mcp", any_service(service))
}

/// The index, before it is known who asks.
struct Index(Reader);

impl Open for Index {
    type Records = Answers;

    fn open(&self, extensions: &Extensions) -> Result<Answers, Refusal> {
        let caller = extensions.get::<Parts>().and_then(|parts| parts.extensions.get::<RequestCaller>());
        // Each request passes the guard; one that did not reads nothing.
        let caller = caller.ok_or_else(|| Refusal::new(Code::Forbidden, "The request did not pass authentication."))?;
        Ok(Answers(self.0.clone().with_caller(caller.caller().clone())))
    }
}

/// The index as one caller reads it. The database is trusted with the checked heads alone.
struct Answers(Reader);

impl Records for Answers {
    async fn list_ledgers(&self, after: Option<LedgerId>, limit: u64) -> Result<Read<LedgerPage>, Refusal> {
        let body = read::ledgers(&self.0, after, Some(limit)).await.map_err(refusal)?.into();
        let says = [LISTED];
        Ok(Read { body, verified: statement(Level::Index, says, [NONE_LEFT_OUT], "counterfoil ledger list --rpc URL") })
    }

    async fn describe_ledger(&self, ledger: LedgerId) -> Result<Read<Described>, Refusal> {
        let ledger_body: counterfoil_wire::Ledger = read::ledger(&self.0, ledger).await.map_err(refusal)?.into();
        let check = format!("counterfoil audit {ledger} --rpc URL");
        let mut verified = statement(Level::CheckedHead, [LISTED], [], check);
        if let Some(checked) = &ledger_body.checked {
            (verified.head, verified.event_head) = (Some(checked.head), Some(checked.event_head));
            verified.slot = Some(checked.slot);
        }
        Ok(Read { body: Described { ledger: ledger_body, authority: None, is_sealed: None, is_open: None }, verified })
    }

    async fn find_entries(
        &self,
        ledger: LedgerId,
        query: EntryQuery,
        limit: u64,
    ) -> Result<Read<FoundEntries>, Refusal> {
        let mut which = serde_json::to_value(query).map_err(malformed)?;
        which["limit"] = limit.to_string().into();
        let which: WhichEntries = serde_json::from_value(which).map_err(malformed)?;
        let body = which.find(&self.0, ledger).await.map_err(from_rejection)?;
        let check = format!(
            "counterfoil receipt {ledger} INDEX --out FILE, then counterfoil verify FILE --ledger {ledger} --rpc URL"
        );
        let verified = statement(Level::CheckedHead, [ENTRIES, EVENTS], [NONE_LEFT_OUT], check);
        Ok(Read { verified: at(verified, body.head, body.event_head), body })
    }

    async fn load_entries(&self, ledger: LedgerId, first: u64, limit: u64) -> Result<Read<EntryPage>, Refusal> {
        let window = Window::From { first, limit: Some(limit) };
        let body: EntryPage = read::entries(&self.0, ledger, window).await.map_err(refusal)?.into();
        let check = format!("counterfoil entries {ledger} --first {first} --limit {limit} --verify --rpc URL");
        let whole = if body.missing.is_empty() { WHOLE } else { WITH_GAPS };
        let verified = statement(Level::CheckedHead, [ENTRIES, EVENTS, whole], [], check);
        Ok(Read { verified: at(verified, body.head, body.event_head), body })
    }

    async fn load_receipt(&self, ledger: LedgerId, index: u64) -> Result<Read<Receipt>, Refusal> {
        let body = read::receipt(&self.0, ledger, index).await.map_err(refusal)?;
        Ok(Read { verified: statement(Level::CheckedHead, [ENTRIES, EVENTS], [], check_of(&body)), body })
    }

    async fn verify_receipt(&self, receipt: Receipt) -> Result<Read<Judged>, Refusal> {
        let check = check_of(&receipt);
        let (verdict, reason) = match receipt.verify() {
            Ok(verified) => self.judge(&receipt, &verified).await?,
            Err(ReceiptError::Statement { .. }) => {
                (Verdict::CannotTell, "It has a statement, which another version reads.")
            }
            Err(_) => {
                (Verdict::Refused, "It does not hold together: its proofs do not lead to the heads that it names.")
            }
        };
        let said: &[&'static str] = match verdict {
            Verdict::Verified | Verdict::Consistent => &[ENTRIES, EVENTS],
            Verdict::Refused | Verdict::CannotTell => &[],
        };
        let mut verified = statement(Level::CheckedHead, [], [WHICH_LEDGER], check);
        verified.verified = said.iter().copied().map(Cow::Borrowed).collect();
        Ok(Read { body: Judged { verdict, reason: reason.to_owned() }, verified })
    }

    async fn activity(
        &self,
        ledger: LedgerId,
        query: counterfoil_mcp::ActivityQuery,
    ) -> Result<Read<Activity>, Refusal> {
        let query = serde_json::to_value(query).map_err(malformed)?;
        let query: ActivityQuery = serde_json::from_value(query).map_err(malformed)?;
        let body = query.load(&self.0, ledger).await.map_err(from_rejection)?;
        let check = format!("counterfoil entries {ledger} --first FIRST_INDEX --limit COUNT --verify --rpc URL");
        let verified = statement(Level::CheckedHead, [COUNTS], [BYTES, JUDGED], check);
        Ok(Read { verified: at(verified, body.head, body.event_head), body })
    }

    async fn standing(&self, ledger: LedgerId, at_moment: At) -> Result<Read<Standing>, Refusal> {
        let At { size, slot, time } = at_moment;
        let time = time.map(|time| seconds(&Time(time))).transpose().map_err(from_rejection)?;
        let when = When { size, slot, time, ..When::default() };
        let body: Standing = read::ledger_at(&self.0, ledger, when).await.map_err(refusal)?.into();
        let check = format!("counterfoil audit {ledger} --rpc URL");
        let verified = statement(Level::CheckedHead, [EVENTS], [NO_EVENT_LEFT_OUT], check);
        Ok(Read { verified: at(verified, body.head, body.event_head), body })
    }
}

impl Answers {
    /// Compares a receipt that holds together with the checked heads.
    async fn judge(&self, receipt: &Receipt, verified: &VerifiedReceipt) -> Result<(Verdict, &'static str), Refusal> {
        let cluster = read::status(&self.0).await.map_err(refusal)?;
        let is_same = |cluster: &counterfoil_store::Cluster| {
            (cluster.genesis_hash, cluster.program) == (receipt.genesis_hash, receipt.program)
        };
        if !cluster.as_ref().is_some_and(is_same) {
            return Ok((Verdict::CannotTell, "It is of another cluster or program than this server's index."));
        }
        let ledger = receipt.ledger;
        let event = match read::event(&self.0, ledger, receipt.event.seq).await {
            Err(read::ReadError::IndexOutOfRange { .. }) => {
                return Ok((Verdict::CannotTell, "It is newer than what this server has checked: try again later."));
            }
            event => event.map_err(refusal)?.1,
        };
        if event.leaf_bytes != receipt.event.leaf {
            return Ok((Verdict::Refused, "The checked event log has another event under that number."));
        }
        // The event states the head that the entry is proven under, so that head is the log's too.
        let mut shown = verified.stated_head().is_some();
        let heads = verified.later_heads().map(|later| [(Log::Entries, later.entries), (Log::Events, later.events)]);
        for (log, head) in heads.into_iter().flatten() {
            match self.holds(ledger, log, head).await? {
                Some(false) => return Ok((Verdict::Refused, "It names a head that the checked log never had.")),
                Some(true) => shown |= log == Log::Entries,
                None => {}
            }
        }
        Ok(match shown {
            true => (Verdict::Consistent, "It holds, and the checked logs contain its entry and event."),
            false => (Verdict::CannotTell, "Its heads are newer than what this server has checked: try again later."),
        })
    }

    /// Whether a head is one that the checked log had; none where the log has not grown so far.
    async fn holds(&self, ledger: LedgerId, log: Log, head: TreeHead) -> Result<Option<bool>, Refusal> {
        match read::consistency(&self.0, ledger, log, head.size.get(), None).await {
            Ok(found) => Ok(Some(found.first == head)),
            Err(read::ReadError::SizeOutOfRange { .. }) => Ok(None),
            Err(error) => Err(refusal(error)),
        }
    }
}

const BY: &str = "this API server, against the checked head: it believes its database in nothing else. Check it yourself with the command \
    under check";
const LISTED: &str =
    "the heads are those that this server's indexer compared with the ledgers' accounts on the chain, by its own word";
const ENTRIES: &str =
    "each entry: its leaf hash was recomputed from its bytes, and it stands in the tree of the checked head";
const EVENTS: &str =
    "each event, which says who, when and in which slot: it stands in the event log of the checked event head";
const WHOLE: &str = "the page is whole: no entry between its first and its last is left out";
const WITH_GAPS: &str = "the page leaves out the entries that the index does not have, which stand under missing";
const NONE_LEFT_OUT: &str = "that none is left out: it is the database's word";
const NO_EVENT_LEFT_OUT: &str =
    "that no event is left out of those shown: counterfoil audit shows it from the whole log";
const COUNTS: &str = "each count of the whole ledger: it follows from the verified events on both sides of the bucket";
const BYTES: &str = "bytes, and counts of one writer: they are the database's word";
const JUDGED: &str = "verdicts and forecast: they are reckoned from the counts, and prove nothing";
const WHICH_LEDGER: &str = "that this ledger is the one that the user means: anybody can make one";
const HEAD: &str = "that the checked head is the chain's: the user has only this server's word until a client of the user asks Solana servers";
const TRUTH: &str = "that what was written is true";

/// A statement of this server.
fn statement<const V: usize, const N: usize>(
    level: Level,
    verified: [&'static str; V],
    not_verified: [&'static str; N],
    check: impl Into<String>,
) -> Statement {
    let always = [HEAD, TRUTH];
    Statement {
        level,
        by: BY,
        head: None,
        event_head: None,
        slot: None,
        servers: None,
        verified: verified.map(Cow::Borrowed).to_vec(),
        not_verified: not_verified.into_iter().chain(always).map(Cow::Borrowed).collect(),
        check: check.into(),
    }
}

fn at(statement: Statement, head: Head, event_head: Head) -> Statement {
    Statement { head: Some(head), event_head: Some(event_head), ..statement }
}

fn check_of(receipt: &Receipt) -> String {
    let (ledger, index) = (receipt.ledger, receipt.entry.index);
    format!("counterfoil receipt {ledger} {index} --out FILE, then counterfoil verify FILE --ledger {ledger} --rpc URL")
}

fn refusal(error: read::ReadError) -> Refusal {
    from_rejection(error.into())
}

fn from_rejection(Rejection { code, detail, .. }: Rejection) -> Refusal {
    Refusal::new(code, detail)
}

fn malformed(error: serde_json::Error) -> Refusal {
    Refusal::new(Code::MalformedParameter, format!("The conditions do not fit: {error}."))
}
