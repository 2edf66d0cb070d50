//! The report of a check as one page: what was compared, what was found, what cannot be said, and the ledger's evidence inside.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use counterfoil_table_check::Report as TableReport;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::ledger::Place;
use crate::verdict::{Report, Verdict};

const STYLE: &str = include_str!("page.css");

/// The parts of a page that a report does not have.
pub(super) struct Told<'a> {
    pub(super) verdict: Verdict,
    pub(super) reason: &'a str,
    pub(super) place: &'a Place,
    /// By this machine's clock.
    pub(super) checked_at: Timestamp,
    /// The evidence file of the ledger; none where no API gave it.
    pub(super) evidence: Option<Vec<u8>>,
}

/// Writes the page. It loads nothing, and runs no script.
pub(super) fn write(file: &Path, told: &Told<'_>, report: &Report, table: &TableReport) -> anyhow::Result<()> {
    let page = page(told, report, table).context("a report can be written as text")?;
    std::fs::write(file, page).with_context(|| format!("{} cannot be written", file.display()))
}

fn page(told: &Told<'_>, report: &Report, table: &TableReport) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    let (verdict, class) = (told.verdict.word(), told.verdict.name());
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{verdict}: {}</title>\n<style>{STYLE}</style></head>\n\
         <body><main>\n<p class=\"label\">Counterfoil: check of a protected table</p>\n<h1>{}</h1>\n\
         <p class=\"verdict {class}\"><b>{verdict}</b> {}</p>\n",
        text(&table.table),
        text(&table.table),
        text(told.reason),
    )?;
    let Place { genesis_hash, program, ledger } = told.place;
    write!(
        out,
        "<dl>\n<dt>Ledger</dt><dd><code>{ledger}</code></dd>\n<dt>Program</dt><dd><code>{program}</code></dd>\n\
         <dt>Cluster</dt><dd><code>{genesis_hash}</code></dd>\n\
         <dt>Checked</dt><dd>{:.0} by this machine's clock, by counterfoil {}</dd>\n</dl>\n",
        told.checked_at,
        env!("CARGO_PKG_VERSION")
    )?;
    list(&mut out, "Found", &report.found, "Nothing that contradicts the record.")?;
    list(&mut out, "The record's own history", &report.noted, "")?;
    list(&mut out, "Compared", &report.checked, "")?;
    list(&mut out, "Not said", &report.not_checked, "")?;
    list(&mut out, "Warnings", &report.warnings, "")?;
    numbers(&mut out, table)?;
    evidence(&mut out, told)?;
    let json = serde_json::to_string_pretty(table).unwrap_or_default();
    write!(
        out,
        "<details><summary>The report for machines</summary><pre>{}</pre></details>\n</main></body></html>\n",
        text(&json)
    )?;
    Ok(out)
}

fn list(out: &mut String, title: &str, lines: &[String], none: &str) -> std::fmt::Result {
    if lines.is_empty() && none.is_empty() {
        return Ok(());
    }
    writeln!(out, "<h2>{title}</h2>")?;
    if lines.is_empty() {
        return writeln!(out, "<p>{none}</p>");
    }
    out.push_str("<ul>\n");
    lines.iter().try_for_each(|line| writeln!(out, "<li>{}</li>", text(line)))?;
    out.push_str("</ul>\n");
    Ok(())
}

fn numbers(out: &mut String, table: &TableReport) -> std::fmt::Result {
    let counts = serde_json::to_value(&table.counts).unwrap_or_default();
    out.push_str("<h2>Numbers</h2>\n<table>\n");
    for (name, count) in counts.as_object().into_iter().flatten() {
        writeln!(out, "<tr><td>{}</td><td>{count}</td></tr>", text(&name.replace('_', " ")))?;
    }
    out.push_str("</table>\n");
    Ok(())
}

fn evidence(out: &mut String, told: &Told<'_>) -> std::fmt::Result {
    out.push_str("<h2>Evidence</h2>\n");
    let Some(evidence) = &told.evidence else {
        return writeln!(
            out,
            "<p>No API gave it for this report: <code>counterfoil evidence {} --out FILE</code> fetches it.</p>",
            told.place.ledger
        );
    };
    let mut hash = String::new();
    Sha256::digest(evidence).iter().try_for_each(|byte| write!(hash, "{byte:02x}"))?;
    writeln!(
        out,
        "<p>All entries and events of the ledger, with their proofs: <a download=\"{0}.evidence.jsonl\" \
         href=\"data:application/jsonl;base64,{1}\">{0}.evidence.jsonl</a>, {2} bytes, SHA-256 <code>{hash}</code>. \
         <code>counterfoil verify</code> checks it without this page's author.</p>",
        told.place.ledger,
        BASE64_STANDARD.encode(evidence),
        evidence.len()
    )
}

/// Text of others, which becomes no mark-up.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(character),
            hidden
                if hidden.is_control()
                    || ('\u{202a}'..='\u{202e}').contains(&hidden)
                    || ('\u{2066}'..='\u{2069}').contains(&hidden) =>
            {
                out.push('\u{fffd}');
            }
            plain => out.push(plain),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn text_of_others_is_no_mark_up_and_turns_no_line() {
        assert_eq!(text("<b onload=\"x\">&\u{202e}\u{7}"), "&lt;b onload=&quot;x&quot;&gt;&amp;\u{fffd}\u{fffd}");
    }
}
