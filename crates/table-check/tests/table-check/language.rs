//! A small language for histories: records behind `;`, live rows behind `,`, the outcome as one line.
//!
//! Records: `P:columns` protect, `B` or `B:kind:rows` backfilled, `R:columns` reprotect, `U` unprotect, `A` adopt, `L:columns` DDL without a
//! record, `?7` and `!7` a record of row 7 whose content is missing or unreadable (`?` of no row), `7@` before a change: the subject that the record names, and
//! `XID OPERATION ROW[>ROW]`, with `~` before it where it waits in the outbox. Allowed operations: `P:columns:insert+update`.
//! Rows: `id=amount/note/extra`; a part that is not there is null.

use counterfoil_table_check::*;

pub const PROTECTION: &str = "018f3f2e-0000-7000-8000-0000000000aa";
const AT: &str = "2026-01-02T03:04:05.678900Z";
const SECRET: [u8; 32] = [7; 32];

/// Columns by a name: name, type, number, labels.
fn columns(name: &str) -> Vec<(&'static str, &'static str, i16, &'static [&'static str])> {
    let id = ("id", "bigint", 1, &[][..]);
    let amount = ("amount", "numeric(10,2)", 2, &[][..]);
    let note = ("note", "text", 3, &[][..]);
    match name {
        "wide" => vec![id, amount, note, ("extra", "text", 4, &[])],
        "narrow" => vec![id, amount],
        "renamed" => vec![id, ("total", "numeric(10,2)", 2, &[]), note],
        "swapped" => vec![id, ("note", "numeric(10,2)", 2, &[]), ("amount", "text", 3, &[])],
        "retyped" => vec![id, ("amount", "bigint", 2, &[]), note],
        "restored" => vec![id, ("amount", "numeric(10,2)", 5, &[]), ("note", "text", 6, &[])],
        "number" => vec![("number", "bigint", 1, &[]), amount, note],
        "keytext" => vec![("id", "text", 1, &[]), amount, note],
        "mood" => vec![id, amount, ("note", "public.mood", 3, &["sad", "ok"])],
        "moodrenamed" => vec![id, amount, ("note", "public.mood", 3, &["blue", "ok"])],
        "moodadded" => vec![id, amount, ("note", "public.mood", 3, &["sad", "so", "ok"])],
        "pair" => vec![id, amount, ("note", "public.pair", 3, &[])],
        _ => vec![id, amount, note],
    }
}

fn column(&(name, type_name, attnum, labels): &(&str, &str, i16, &[&str])) -> Column {
    let labels = (!labels.is_empty()).then(|| labels.iter().map(|label| (*label).to_owned()).collect());
    Column { name: name.to_owned(), type_name: type_name.to_owned(), attnum, labels, not_null: name == "id" }
}

pub fn catalog(name: &str) -> Vec<LiveColumn> {
    columns(name).iter().map(|named| LiveColumn { column: column(named), category: 'U' }).collect()
}

fn columns_json(name: &str) -> String {
    serde_json::to_string(&columns(name).iter().map(column).collect::<Vec<_>>()).unwrap()
}

/// `7=5.00/x` as its parts.
fn parts(row: &str, count: usize) -> Vec<Option<&str>> {
    let (id, rest) = row.split_once('=').unwrap_or((row, ""));
    let mut parts: Vec<Option<&str>> = vec![Some(id)];
    parts.extend(rest.split('/').map(|part| (!part.is_empty()).then_some(part)));
    parts.resize(count, None);
    parts
}

pub fn row_json(row: &str, columns_name: &str) -> String {
    let columns = columns(columns_name);
    let member = |((name, type_name, ..), value): (&(&str, &str, i16, &[&str]), Option<&str>)| match value {
        None => format!("\"{name}\":null"),
        Some(value) if *type_name == "bigint" || type_name.starts_with("numeric") => format!("\"{name}\":{value}"),
        Some(value) if *type_name == "public.pair" => format!("\"{name}\":[{value}]"),
        Some(value) => format!("\"{name}\":\"{}\"", if value == "EMPTY" { "" } else { value }),
    };
    let members: Vec<String> = columns.iter().zip(parts(row, columns.len())).map(member).collect();
    format!("{{{}}}", members.join(","))
}

/// One record: the subject that it names and its content. The outbox's rows have a position.
pub struct Entry {
    pub subject: Option<Subject>,
    pub content: Option<(&'static str, Vec<u8>)>,
    pub is_unsent: bool,
}

pub fn subject(id: &str) -> Subject {
    Secret::new(SECRET).subject([id])
}

pub fn change(xid: u64, operation: &str, old: Option<&str>, new: Option<&str>) -> Vec<u8> {
    let operation: Operation = serde_json::from_str(&format!("\"{operation}\"")).unwrap();
    let change = Change {
        table: "public.t".to_owned(),
        protection: ProtectionId::parse(PROTECTION).unwrap(),
        rows: Rows::new(
            operation,
            old.map(|json| Row::parse(json).unwrap()),
            new.map(|json| Row::parse(json).unwrap()),
        )
        .unwrap(),
        at: Timestamp::parse(AT).unwrap(),
        xid: Xid(xid),
        who: Who { user: "app".to_owned(), role: None, actor: Some("ann".to_owned()) },
    };
    change.encode()
}

fn event(operation: &str, rest: &str) -> Vec<u8> {
    format!(
        r#"{{"v":1,"operation":"{operation}","table":"public.t","protection":"{PROTECTION}","at":"{AT}","user":"dba","role":null,"actor":null,{rest}}}"#
    )
    .into_bytes()
}

fn protected(columns_name: &str, allow: &str) -> String {
    let allow = if allow.is_empty() { "insert+update+delete+truncate" } else { allow };
    let allow: Vec<&str> = allow.split('+').collect();
    let key = if columns_name == "number" { "number" } else { "id" };
    format!(
        r#""columns":{},"key":["{key}"],"allow":{},"whole":true,"secret":"{}","actor_setting":"counterfoil.actor""#,
        columns_json(columns_name),
        serde_json::to_string(&allow).unwrap(),
        "07".repeat(32)
    )
}

/// Reads a history. `columns` goes along with `P`, `R` and `L`.
pub fn entries(history: &str) -> Vec<Entry> {
    let (mut protected_as, mut now) = (String::new(), String::new());
    let mut entries = Vec::new();
    for text in history.split(';').map(str::trim).filter(|text| !text.is_empty()) {
        let mut fields = text.split(':');
        let (word, name, allow) = (fields.next().unwrap(), fields.next().unwrap_or(""), fields.next().unwrap_or(""));
        let mut table = |content| {
            entries.push(Entry { subject: None, content: Some((TABLE_TYPE, content)), is_unsent: false });
        };
        match word {
            "P" => {
                table(event("protect", &protected(name, allow)));
                (protected_as, now) = (name.to_owned(), name.to_owned());
            }
            "R" => {
                let before = columns_json(&protected_as);
                table(event("reprotect", &format!("{},\"before\":{before}", protected(name, allow))));
                (protected_as, now) = (name.to_owned(), name.to_owned());
            }
            "B" => {
                let kind = if name.is_empty() { "protect" } else { name };
                let rows = if allow.is_empty() { "0" } else { allow };
                table(event("backfilled", &format!(r#""rows":{rows},"kind":"{kind}""#)));
            }
            "U" => table(event("unprotect", r#""reason":"moved""#)),
            "A" => table(event("adopt", r#""reason":null"#)),
            "L" => name.clone_into(&mut now),
            _ => entries.push(record(text, &now)),
        }
    }
    entries
}

fn record(text: &str, columns_name: &str) -> Entry {
    let named = |id: &str| (!id.is_empty()).then(|| subject(id));
    if let Some(id) = text.strip_prefix('?') {
        return Entry { subject: named(id), content: None, is_unsent: false };
    }
    if let Some(id) = text.strip_prefix('!') {
        return Entry { subject: named(id), content: Some((CHANGE_TYPE, b"{}".to_vec())), is_unsent: false };
    }
    let is_unsent = text.starts_with('~');
    let text = text.trim_start_matches('~');
    let (id, text) = text.split_once('@').map_or((None, text), |(id, text)| (Some(subject(id)), text));
    let mut words = text.split_whitespace();
    let xid = words.next().unwrap().parse().expect("a transaction's number");
    let operation = words.next().expect("an operation");
    let (first, second) = words.next().map_or((None, None), |rows| match rows.split_once('>') {
        Some((old, new)) => (Some(row_json(old, columns_name)), Some(row_json(new, columns_name))),
        None => (Some(row_json(rows, columns_name)), None),
    });
    let (old, new) = match operation {
        "insert" | "state" => (None, first),
        _ => (first, second),
    };
    let content = change(xid, operation, old.as_deref(), new.as_deref());
    Entry { subject: id, content: Some((CHANGE_TYPE, content)), is_unsent }
}

/// Checks a history against live rows of a catalog.
pub fn report(pins: Pins, history: &str, catalog_name: &str, live: &str) -> Report {
    report_of(pins, &entries(history), catalog_name, live)
}

pub fn report_of(pins: Pins, entries: &[Entry], catalog_name: &str, live: &str) -> Report {
    let mut check = Check::new(pins, &Seed([3; 32]));
    for (index, entry) in (0..).zip(entries) {
        let content = entry.content.as_ref().map(|(content_type, bytes)| Content { content_type, bytes });
        if entry.is_unsent {
            check.take_unsent(index, &Change::decode(content.unwrap().bytes).unwrap()).unwrap();
        } else {
            check.take(LeafIndex(index), &Record { subject: entry.subject, content }).unwrap();
        }
    }
    let catalog = catalog(catalog_name);
    let mut comparison = check.against(&catalog).unwrap();
    for row in live.split(',').map(str::trim).filter(|row| !row.is_empty()) {
        let parts = parts(row, catalog.len());
        let parts: Vec<_> = parts.into_iter().map(|part| if part == Some("EMPTY") { Some("") } else { part }).collect();
        comparison.compare(&parts).unwrap();
    }
    comparison.finish()
}

/// The outcome in one line: the verdict, and each finding as kind, weight where it is a doubt, key and columns, sorted.
pub fn outcome(report: &Report) -> String {
    let mut findings: Vec<String> = report
        .findings
        .iter()
        .map(|finding| {
            let key = finding.key.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
            let columns = finding.columns.join("+");
            let doubt = if finding.weight == Weight::CannotTell { "?" } else { "" };
            [format!("{}{doubt}", word(&finding.kind)), key, columns]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    findings.sort();
    let verdict = word(&report.verdict);
    if findings.is_empty() { verdict } else { format!("{verdict}: {}", findings.join("; ")) }
}

/// The word that JSON has for a value.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

pub fn judge(history: &str, catalog_name: &str, live: &str) -> String {
    outcome(&report(Pins::whole("public.t"), history, catalog_name, live))
}
