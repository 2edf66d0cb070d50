//! The records, as this machine verifies them: from an API that is not believed, against servers of the user's choice.

use std::future::Future;
use std::sync::Arc;

use anyhow::{Context, ensure};
use counterfoil_client::Rpc;
use counterfoil_core::limits::ledger_flag;
use counterfoil_core::receipt::{Receipt, VerifiedReceipt};
use counterfoil_core::relate::LogKind;
use counterfoil_core::{Event, LedgerHead, LedgerId};
use counterfoil_mcp::{
    ActivityQuery, At, Described, EntryQuery, Judged, Level, Read, Records, Refusal, Statement, Verdict,
};
use counterfoil_wire::{
    Activity, Bytes, Entry, EntryEvent, EntryPage, EventText, FoundEntries, Head, LedgerPage, Signature, Standing,
    Time, U64,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use merkle_log::{LeafIndex, TreeHead, hash_leaf, verify_inclusion};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::statement::{
    ACCOUNT, ACTIVITY, BY_NONE, ENTRIES, EVENTS, HEADS, NO_EVENTS, NONE_LEFT_OUT, WHICH_LEDGER, WHOLE, WRITERS,
    refusal, statement,
};
use crate::api::Api;
use crate::commands::entries::Verifier;
use crate::commands::verify::verify_receipt;
use crate::context::Options;
use crate::heads::{self, Reading};
use crate::output::time;
use crate::verdict::{self, Refute, Report, is_refutation, refute_unless};

/// How many proofs are asked of the API at a time.
const AT_A_TIME: usize = 8;
/// The most events of a standing that are shown to be in the log.
const MAX_EVENTS: usize = 500;

/// The records through an API, verified.
#[derive(Clone)]
pub(super) struct Verified(pub(super) Arc<Options>);

impl Verified {
    /// Verifies on a thread of its own: some of it waits for servers, and what is verified need not be able to move.
    async fn run<T, F>(
        &self,
        ledger: Option<LedgerId>,
        job: impl FnOnce(Arc<Options>) -> F + Send + 'static,
    ) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: Future<Output = anyhow::Result<T>>,
    {
        let options = self.0.clone();
        let done = spawn_blocking(move || Handle::current().block_on(job(options))).await;
        let done = done.map_err(|_| Refusal::cannot_tell("Verifying ended early. Try again."))?;
        done.map_err(|error| refusal(&error, ledger))
    }
}

impl Records for Verified {
    async fn list_ledgers(&self, after: Option<LedgerId>, limit: u64) -> Result<Read<LedgerPage>, Refusal> {
        self.run(None, move |options| async move {
            let body = options.api()?.fetch_ledgers(after, limit).await?;
            let verified = Statement {
                level: Level::Index,
                by: BY_NONE,
                slot: None,
                servers: None,
                ..statement(
                    &[],
                    &[],
                    &[NONE_LEFT_OUT, "that the heads are the chain's: describe_ledger verifies one"],
                    "counterfoil ledger list".to_owned(),
                )
            };
            Ok(Read { body, verified })
        })
        .await
    }

    async fn describe_ledger(&self, ledger: LedgerId) -> Result<Read<Described>, Refusal> {
        self.run(Some(ledger), move |options| async move { describe(&options, ledger).await }).await
    }

    async fn find_entries(
        &self,
        ledger: LedgerId,
        query: EntryQuery,
        limit: u64,
    ) -> Result<Read<FoundEntries>, Refusal> {
        self.run(Some(ledger), move |options| async move { find(&options, ledger, &query, limit).await }).await
    }

    async fn load_entries(&self, ledger: LedgerId, first: u64, limit: u64) -> Result<Read<EntryPage>, Refusal> {
        self.run(Some(ledger), move |options| async move { load(&options, ledger, first, limit).await }).await
    }

    async fn load_receipt(&self, ledger: LedgerId, index: u64) -> Result<Read<Receipt>, Refusal> {
        self.run(Some(ledger), move |options| async move {
            let receipt = fetch_receipt(&options.api()?, ledger, index).await?.0;
            let (_, shown) = verify_receipt(&options, &receipt, &mut Report::default()).await?;
            let readings: Vec<Reading> = shown.into_iter().map(|shown| shown.reading).collect();
            let verified = statement(&readings, &[ENTRIES, EVENTS], &[WHICH_LEDGER], check_of(&receipt));
            Ok(Read { body: receipt, verified })
        })
        .await
    }

    async fn verify_receipt(&self, receipt: Receipt) -> Result<Read<Judged>, Refusal> {
        self.run(Some(receipt.ledger), move |options| async move { Ok(judge(&options, &receipt).await) }).await
    }

    async fn activity(&self, ledger: LedgerId, query: ActivityQuery) -> Result<Read<Activity>, Refusal> {
        self.run(Some(ledger), move |options| async move {
            let body = options.api()?.fetch_activity(ledger, &serde_json::to_value(query)?).await?;
            let readings = confirm(&options, ledger, both(ledger, body.head, body.event_head)?).await?;
            let check = format!("counterfoil entries {ledger} --first FIRST_INDEX --limit COUNT --verify");
            let verified = Statement {
                head: Some(body.head),
                event_head: Some(body.event_head),
                ..statement(&readings, &[HEADS], &[ACTIVITY], check)
            };
            Ok(Read { body, verified })
        })
        .await
    }

    async fn standing(&self, ledger: LedgerId, at: At) -> Result<Read<Standing>, Refusal> {
        self.run(Some(ledger), move |options| async move { standing(&options, ledger, &at).await }).await
    }
}

/// The servers, and how many of them must agree.
fn servers(options: &Options, report: &mut Report) -> anyhow::Result<(Vec<Rpc>, usize)> {
    let rpcs = options.servers(&mut report.warnings);
    let quorum = options.quorum(None, rpcs.len())?;
    Ok((rpcs, quorum))
}

/// Shows that the servers have these heads of a ledger.
async fn confirm(options: &Options, ledger: LedgerId, head: LedgerHead) -> anyhow::Result<Vec<Reading>> {
    let mut report = Report::default();
    let (mut rpcs, quorum) = servers(options, &mut report)?;
    if let Some(cluster) = options.cluster() {
        heads::expect_cluster(&mut rpcs, quorum, cluster, &mut report.warnings).await?;
    }
    let heads = [(LogKind::Entries, head.entries), (LogKind::Events, head.events)];
    // A log without leaves has one root, and there is nothing to confirm of it.
    let heads: Vec<_> = heads.into_iter().filter(|(_, head)| head.size.get() > 0).collect();
    heads::confirm(options, &rpcs, quorum, ledger, &heads, &mut report.warnings).await
}

fn both(ledger: LedgerId, head: Head, event_head: Head) -> anyhow::Result<LedgerHead> {
    Ok(LedgerHead { ledger, entries: head.try_into()?, events: event_head.try_into()? })
}

async fn describe(options: &Options, ledger: LedgerId) -> anyhow::Result<Read<Described>> {
    let body = options.api()?.fetch_ledger(ledger).await?;
    refute_unless!(body.ledger.0 == ledger.to_string(), "the API gave another ledger: do not trust it");
    let checked = body.checked.as_ref().context("the API has checked nothing of it yet")?;
    let readings = confirm(options, ledger, both(ledger, checked.head, checked.event_head)?).await?;
    let account = &readings.first().context("no server answered")?.at.account;
    let flag = |flag: u32| Some(account.flags & flag != 0);
    let (is_sealed, is_open) = (flag(ledger_flag::SEALED), flag(ledger_flag::OPEN));
    let check = format!("counterfoil ledger show {ledger}");
    let verified = Statement {
        head: Some(checked.head),
        event_head: Some(checked.event_head),
        ..statement(&readings, &[HEADS, ACCOUNT], &["applied, behind and missing_entries: the API's word"], check)
    };
    let authority = Some(account.authority.into());
    Ok(Read { body: Described { ledger: body, authority, is_sealed, is_open }, verified })
}

async fn load(options: &Options, ledger: LedgerId, first: u64, limit: u64) -> anyhow::Result<Read<EntryPage>> {
    let mut page = options.api()?.fetch_entries(ledger, first, limit).await?;
    ensure!(page.entries.len() as u64 <= limit, "the API gave more than was asked for");
    let mut report = Report::default();
    let (rpcs, quorum) = servers(options, &mut report)?;
    let mut verifier = Verifier { options, rpcs, quorum, ledger, confirmed: None, report: &mut report };
    verifier.verify(&page, first).await?;
    // The certificate covers bytes alone: their hashes are recomputed, and the events left out.
    for entry in &mut page.entries {
        entry.leaf_hash = hash_leaf(&entry.payload.0).into();
        entry.event = serde_json::from_str("null")?;
    }
    page.missing.clear();
    let check = format!("counterfoil entries {ledger} --first {first} --limit {limit} --verify");
    let mut verified = statement(&[], &[WHOLE, ENTRIES], &[NO_EVENTS], check);
    (verified.servers, verified.slot) = (Some(quorum), None);
    verified.head = page.certificate.as_ref().map(|certificate| {
        let counterfoil_core::receipt::Head { size, root } = certificate.head;
        Head { size: U64(size), root: root.into() }
    });
    Ok(Read { body: page, verified })
}

async fn find(
    options: &Options,
    ledger: LedgerId,
    query: &EntryQuery,
    limit: u64,
) -> anyhow::Result<Read<FoundEntries>> {
    let api = options.api()?;
    let mut asked = serde_json::to_value(query)?;
    asked["limit"] = limit.to_string().into();
    let mut found = api.find_entries(ledger, &asked).await?;
    ensure!(found.entries.len() as u64 <= limit, "the API gave more than was asked for");
    // Each row by its own receipt, which proves its event too.
    let receipts = stream::iter(found.entries.iter().map(|entry| fetch_receipt(&api, ledger, entry.index.0)));
    let receipts: Vec<(Receipt, VerifiedReceipt)> = receipts.buffered(AT_A_TIME).try_collect().await?;
    let mut heads: Vec<LedgerHead> = Vec::new();
    for (row, (receipt, verified)) in found.entries.iter_mut().zip(&receipts) {
        refute_unless!(
            row.payload.0 == receipt.entry.payload,
            "the API gives other bytes of entry {} in a list than in its receipt: do not trust it",
            receipt.entry.index
        );
        let later = *verified.later_heads().context("the API gave a receipt without later heads")?;
        if !heads.contains(&later) {
            heads.push(later);
        }
        *row = proven(receipt, verified)?;
    }
    if heads.is_empty() {
        heads.push(both(ledger, found.head, found.event_head)?);
    }
    let mut readings = Vec::new();
    for head in &heads {
        readings = confirm(options, ledger, *head).await?;
    }
    let check =
        format!("counterfoil receipt {ledger} INDEX --out FILE, then counterfoil verify FILE --ledger {ledger}");
    let verified = Statement {
        head: heads.last().map(|head| head.entries.into()),
        event_head: heads.last().map(|head| head.events.into()),
        ..statement(&readings, &[ENTRIES, EVENTS], &[NONE_LEFT_OUT], check)
    };
    if let Some(last) = heads.last() {
        (found.head, found.event_head) = (last.entries.into(), last.events.into());
    }
    Ok(Read { body: found, verified })
}

/// A receipt whose parts belong together, of this entry.
async fn fetch_receipt(api: &Api, ledger: LedgerId, index: u64) -> anyhow::Result<(Receipt, VerifiedReceipt)> {
    let receipt = api.fetch_receipt(ledger, index).await?;
    let verified =
        receipt.verify().refute(|| "the API gave a receipt that does not hold: do not trust it".to_owned())?;
    refute_unless!(
        receipt.ledger == ledger && receipt.entry.index == index,
        "the API gave another entry's receipt: do not trust it"
    );
    Ok((receipt, verified))
}

/// An entry as its receipt proves it.
fn proven(receipt: &Receipt, verified: &VerifiedReceipt) -> anyhow::Result<Entry> {
    let (header, body) = (&verified.event().header, &verified.event().body);
    let event = EntryEvent {
        seq: header.event_seq.into(),
        kind: body.name().into(),
        slot: U64(header.slot),
        time: Time(time(header.unix_time)),
        signer: header.signer.into(),
        first_index: header.first_index.into(),
        count: U64(header.count),
        transaction: Signature(String::new()),
    };
    Ok(Entry {
        index: U64(receipt.entry.index),
        payload: Bytes(receipt.entry.payload.clone()),
        leaf_hash: (*verified.leaf()).into(),
        event: EventText::from(&event),
    })
}

async fn judge(options: &Options, receipt: &Receipt) -> Read<Judged> {
    let judged = verify_receipt(options, receipt, &mut Report::default()).await;
    let (verdict, reason, shown) = match judged {
        Ok((verdict::Verdict::Verified, shown)) => (
            Verdict::Verified,
            "It holds, the servers have its heads, and the user's trust file names its ledger.",
            shown,
        ),
        Ok((_, shown)) => {
            let reason = "It holds, and the servers have its heads. No trust file of the user names its ledger, and anybody can make one.";
            (Verdict::Consistent, reason, shown)
        }
        Err(error) if is_refutation(&error) => {
            counterfoil_service::note!("{error:#}");
            let reason = "It does not hold, or contradicts the chain or what the user trusts. Standard error of counterfoil mcp says which.";
            (Verdict::Refused, reason, Vec::new())
        }
        Err(error) => {
            counterfoil_service::note!("{error:#}");
            let reason = "It could not be verified: a server or the API is away or behind. Standard error of counterfoil mcp says why.";
            (Verdict::CannotTell, reason, Vec::new())
        }
    };
    let readings: Vec<Reading> = shown.into_iter().map(|shown| shown.reading).collect();
    let (said, not): (&[&str], &[&str]) = match verdict {
        Verdict::Verified => (&[ENTRIES, EVENTS], &[]),
        Verdict::Consistent => (&[ENTRIES, EVENTS], &[WHICH_LEDGER]),
        Verdict::Refused | Verdict::CannotTell => (&[], &[WHICH_LEDGER]),
    };
    Read {
        body: Judged { verdict, reason: reason.to_owned() },
        verified: statement(&readings, said, not, check_of(receipt)),
    }
}

fn check_of(receipt: &Receipt) -> String {
    let (ledger, index) = (receipt.ledger, receipt.entry.index);
    format!("counterfoil receipt {ledger} {index} --out FILE, then counterfoil verify FILE --ledger {ledger}")
}

async fn standing(options: &Options, ledger: LedgerId, at: &At) -> anyhow::Result<Read<Standing>> {
    let api = options.api()?;
    let digits = |number: Option<u64>| number.map(|number| number.to_string());
    let asked = json!({ "size": digits(at.size), "slot": digits(at.slot), "time": at.time });
    let mut body = api.fetch_standing(ledger, &asked).await?;
    ensure!(
        body.administrative.len() <= MAX_EVENTS,
        "more than {MAX_EVENTS} events say who could do what: use an earlier moment"
    );
    let then = both(ledger, body.head, body.event_head)?;
    let readings = confirm(options, ledger, then).await?;
    if *at == At::default() {
        let now = readings.iter().filter(|reading| reading.at.account.events.head() == then.events);
        for reading in now {
            refute_unless!(
                body.authority.as_ref().map(|key| key.0.as_str())
                    == Some(reading.at.account.authority.to_string().as_str()),
                "the API names another authority than the account that {} has: do not trust it",
                reading.server
            );
        }
    }
    body.next = None;
    let events = body.last.iter_mut().chain(&mut body.administrative);
    let shown = stream::iter(events.map(|event| show_event(&api, ledger, then.events, event)));
    shown.buffer_unordered(AT_A_TIME).try_collect::<Vec<()>>().await?;
    let check = format!("counterfoil audit {ledger}");
    let verified = Statement {
        head: Some(body.head),
        event_head: Some(body.event_head),
        ..statement(&readings, &[HEADS, EVENTS], &[WRITERS], check)
    };
    Ok(Read { body, verified })
}

/// Shows that an event is in the log, and takes from its leaf what is said of it.
async fn show_event(
    api: &Api,
    ledger: LedgerId,
    head: TreeHead,
    event: &mut counterfoil_wire::Event,
) -> anyhow::Result<()> {
    let seq = event.seq.0;
    let leaf = hash_leaf(&event.leaf.0);
    let proof = api.fetch_inclusion(ledger, "events", seq, head.size.get()).await?;
    verify_inclusion(&head, LeafIndex::new(seq)?, &leaf, &proof)
        .refute(|| format!("the API gave an event {seq} that is not in the log: do not trust it"))?;
    let decoded = Event::decode_leaf(&event.leaf.0).map_err(|_| anyhow::anyhow!("event {seq} cannot be read"))?;
    let header = &decoded.header;
    refute_unless!(header.ledger == ledger, "event {seq} is another ledger's: do not trust the API");
    event.kind = decoded.body.name().into();
    event.leaf_hash = leaf.into();
    event.slot = U64(header.slot);
    event.time = Time(time(header.unix_time));
    event.signer = header.signer.into();
    Ok(())
}
