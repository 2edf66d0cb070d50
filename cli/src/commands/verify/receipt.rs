//! Verifying a receipt.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use counterfoil_core::receipt::{Receipt, ReceiptError, VerifiedReceipt};
use counterfoil_service::counted;
use serde_json::json;

use super::arguments::Arguments;
use super::statement;
use super::verifier::Verifier;
use crate::bridge::{Claim, Shown};
use crate::commands::receipt;
use crate::file;
use crate::output::time;
use crate::verdict::{Refute, Report, refute_unless};

/// How much of an entry is shown, in characters.
const SHOWN: usize = 500;

/// Verifies the receipt of these bytes; returns what it is of.
pub async fn verify(verifier: Verifier<'_>, text: Vec<u8>, report: &mut Report) -> anyhow::Result<String> {
    let receipt = receipt::parse(&verifier.arguments.file, text)?;
    Ok(verify_parsed(verifier, &receipt, report).await?.0)
}

/// Verifies a receipt; returns what it is of, and what each server has.
pub async fn verify_parsed(
    verifier: Verifier<'_>,
    receipt: &Receipt,
    report: &mut Report,
) -> anyhow::Result<(String, Vec<Shown>)> {
    verifier.expect_pins(receipt.genesis_hash, receipt.program, receipt.ledger)?;
    let verified = match receipt.verify() {
        // It may be true: what it carries is for another version to read.
        Err(error @ ReceiptError::Statement { .. }) => return Err(error.into()),
        verified => verified.refute(|| "the receipt does not hold together".to_owned())?,
    };
    expect_given(verifier.arguments, receipt, &verified, report)?;
    report.facts = facts(receipt, &verified, verifier.arguments.shows_event());
    let mut entry = vec![describe_entry(receipt, &verified)];
    let mut event = vec![describe_event(&verified)];
    match statement::read(receipt, &verified)? {
        None => entry.push(describe_content(&receipt.entry.payload)),
        Some(found) => {
            entry.extend(found.entry);
            event.extend(found.event);
            report.warnings.extend(found.warnings);
            found.facts.into_iter().for_each(|(name, value)| report.facts[name] = value);
        }
    }
    let what = format!("entry {} of ledger {}", verified.index(), receipt.ledger);
    let claim = Claim::of(receipt, &verified);
    let shown = verifier.show(receipt.genesis_hash, &claim, entry, event, report).await?;
    Ok((what, shown))
}

/// The verifier's expectations of entry and event.
fn expect_given(
    arguments: &Arguments,
    receipt: &Receipt,
    verified: &VerifiedReceipt,
    report: &mut Report,
) -> anyhow::Result<()> {
    if let Some(signer) = arguments.signer {
        let found = verified.event().header.signer;
        refute_unless!(found == signer, "{found} appended it, you asked for {signer}");
        report.checked.push(format!("{signer}, the wallet that you gave, appended it"));
    }
    if let Some(path) = &arguments.content {
        let what = matches_content(&receipt.entry.payload, path)?;
        refute_unless!(what.is_some(), "the entry is neither the bytes of {} nor their SHA-256", path.display());
        report.checked.extend(what.map(|what| format!("the entry is {what} {}", path.display())));
    }
    Ok(())
}

/// How an entry stands to a file's content.
fn matches_content(payload: &[u8], path: &Path) -> anyhow::Result<Option<&'static str>> {
    let (starts_equal, sha256) = file::compare(path, payload)?;
    // Hexadecimal digits mean the same in either case, and tools write both.
    let is_hash = payload == sha256.0 || payload.eq_ignore_ascii_case(sha256.to_string().as_bytes());
    Ok(match (starts_equal, is_hash) {
        (true, _) => Some("the bytes of"),
        (false, true) => Some("the SHA-256 of"),
        (false, false) => None,
    })
}

/// The facts that the verdict shows, for programs; nothing of the event where it is not shown.
fn facts(receipt: &Receipt, verified: &VerifiedReceipt, shows_event: bool) -> serde_json::Value {
    let header = &verified.event().header;
    let mut facts = json!({
        "index": receipt.entry.index.to_string(),
        "content": STANDARD.encode(&receipt.entry.payload),
        "leaf_hash": verified.leaf().to_string(),
    });
    if shows_event {
        facts["ledger"] = json!(receipt.ledger.to_string());
        facts["signer"] = json!(header.signer.to_string());
        facts["slot"] = json!(header.slot.to_string());
        facts["time"] = json!(time(header.unix_time).to_string());
    }
    facts
}

/// The entry for a person, as text where it is text.
fn describe_content(payload: &[u8]) -> String {
    let bytes = counted(payload.len() as u64, "byte", "bytes");
    let Ok(text) = std::str::from_utf8(payload) else {
        return format!("its content is {bytes}, which are no text; --json shows them in base64");
    };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("its content, {bytes}, begins with: {}", &text[..end]),
        None => format!("its content, {bytes}: {text}"),
    }
}

/// The statements of the proofs, once the heads are believed.
fn describe_entry(receipt: &Receipt, verified: &VerifiedReceipt) -> String {
    format!("entry {} of ledger {} has leaf hash {}", verified.index(), receipt.ledger, verified.leaf())
}

fn describe_event(verified: &VerifiedReceipt) -> String {
    let header = &verified.event().header;
    format!(
        "event {} of ledger {} says that {} appended it in slot {}, at {} by the chain's clock",
        header.event_seq,
        header.ledger,
        header.signer,
        header.slot,
        time(header.unix_time),
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use sha2::{Digest, Sha256};

    use super::matches_content;

    #[test]
    fn the_sha_256_of_a_content_is_known_as_bytes_and_as_digits_in_either_case() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "content").unwrap();
        let hash = Sha256::digest("content");
        let digits = merkle_log::Hash(hash.into()).to_string();
        let found = |payload: &[u8]| matches_content(payload, file.path()).unwrap();
        for payload in [&hash[..], digits.as_bytes(), digits.to_uppercase().as_bytes()] {
            assert_eq!(found(payload), Some("the SHA-256 of"));
        }
        assert_eq!(found(b"content"), Some("the bytes of"));
        // Of other bytes the case counts.
        assert_eq!(found(b"CONTENT"), None);
        assert_eq!(found(&digits.as_bytes()[1..]), None);
    }
}
