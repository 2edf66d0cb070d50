//! GET /facts, /facts/{ledger}: the core facts as pages for readers without scripts. They verify nothing, and say so.

use axum::http::header;
use axum::response::{Html, IntoResponse};
use counterfoil_core::json::Plain;
use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read as read;
use counterfoil_wire::{Ledger, LedgerPage};

use super::docs::{STYLE, escape, push};
use super::ledgers::Which;
use super::parameters::{LedgerPath, Parameters};
use crate::address::parse_ledger;

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
const WARNING: &str = "<p><strong>This page verified nothing.</strong> It is what the index of this server's operator says. The \
    <a href=/>explorer</a> verifies in your browser, with a script; <code>counterfoil verify</code> does on your machine.</p>";

/// A page of the ledgers.
pub(super) async fn ledgers(
    ReaderOf(reader): ReaderOf,
    Parameters(which): Parameters<Which>,
) -> Result<impl IntoResponse, Rejection> {
    let after = which.after.map(|after| parse_ledger(&after.0)).transpose()?;
    let page: LedgerPage = read::ledgers(&reader, after, which.limit.map(|limit| limit.0)).await?.into();
    let mut html = begin("Ledgers");
    html.push_str("<table><tr><th>ledger<th>entries<th>compared with the chain at slot<th>state");
    for ledger in &page.ledgers {
        let address = escape(&ledger.ledger.0);
        let (size, slot) = checked(ledger);
        push(
            &mut html,
            format_args!(
                "<tr><td><a href=\"/facts/{address}\"><code>{address}</code></a><td>{size}<td>{slot}<td>{}",
                state(ledger)
            ),
        );
    }
    html.push_str("</table>");
    if let Some(next) = &page.next {
        push(&mut html, format_args!("<p><a href=\"/facts?after={}\">More ledgers</a></p>", escape(&next.0)));
    }
    Ok(end(html))
}

/// A ledger: its heads, and where its entries, events and receipts are.
pub(super) async fn ledger(
    ReaderOf(reader): ReaderOf,
    LedgerPath(id): LedgerPath,
) -> Result<impl IntoResponse, Rejection> {
    let ledger: Ledger = read::ledger(&reader, id).await?.into();
    let address = escape(&ledger.ledger.0);
    let mut html = begin("Ledger");
    push(&mut html, format_args!("<p><code>{address}</code>, {}</p><table>", state(&ledger)));
    let mut row = |name: &str, value: &str| push(&mut html, format_args!("<tr><th>{name}<td>{value}"));
    if let Some(halt) = &ledger.halt {
        row("halted, because", &escape(&Plain(&halt.reason).to_string()));
    }
    match &ledger.checked {
        None => row("compared with the chain", "never"),
        Some(checked) => {
            for (name, head) in [("entries", &checked.head), ("events", &checked.event_head)] {
                row(&format!("{name}, compared with the chain"), &head.size.0.to_string());
                row(&format!("root of the {name}"), &format!("<code>{}</code>", head.root.0));
            }
            row("at slot", &checked.slot.0.to_string());
        }
    }
    row("entries that are not compared yet", &ledger.behind.entries.0.to_string());
    row("entries that this index does not have", &ledger.missing_leaves.0.to_string());
    html.push_str("</table><ul>");
    for (path, what) in [
        ("entries", "entries, with a certificate that the list is whole"),
        ("events", "events"),
        ("standing", "authority, writers and seal, with the events from which they follow"),
        ("heads", "what servers of the chain said"),
        ("export", "all of it, as lines of JSON"),
    ] {
        push(&mut html, format_args!("<li><a href=\"/v1/ledgers/{address}/{path}\">{what}</a>"));
    }
    push(
        &mut html,
        format_args!("<li>a receipt of entry 0: <a href=\"/v1/ledgers/{address}/entries/0/receipt\">JSON</a></ul>"),
    );
    Ok(end(html))
}

fn begin(title: &str) -> String {
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
        <title>{title} · Counterfoil</title><style>{STYLE}</style><main><h1>{title}</h1>{WARNING}"
    )
}

fn end(html: String) -> impl IntoResponse {
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(html + "<p><a href=/facts>All ledgers</a></p></main></html>\n"))
}

fn checked(ledger: &Ledger) -> (String, String) {
    let checked = ledger.checked.as_ref();
    let of = |number: Option<u64>| number.map_or_else(|| "never".to_owned(), |number| number.to_string());
    (of(checked.map(|checked| checked.head.size.0)), of(checked.map(|checked| checked.slot.0)))
}

fn state(ledger: &Ledger) -> &'static str {
    if ledger.halt.is_some() { "halted: the recomputed log differs from the chain's" } else { "followed" }
}
