//! Verifying what an API's /export gave: runs of leaves, each with its certificate.

use std::collections::BTreeMap;
use std::io::BufRead;

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use counterfoil_core::certificate::Certificate;
use counterfoil_core::relate::LogKind;
use counterfoil_core::{GenesisHash, LedgerId};
use counterfoil_service::counted;
use merkle_log::{LeafHash, TreeHead, hash_leaf};
use serde_json::Value;

use super::verifier::{Verifier, read_line};
use crate::heads;
use crate::verdict::{Refute, Report, Usage, refute_unless};

/// The most leaves of one run; an export's have 256.
const MAX_RUN: usize = 100_000;
/// The most heads that an export may lead to: one more each time that the ledger grew meanwhile.
const MAX_HEADS: usize = 1_000;

/// Whether a file's first line is that of an export.
pub fn is_export(line: &[u8]) -> bool {
    serde_json::from_slice::<Value>(line).is_ok_and(|value| {
        let names = ["entry", "event", "missing"];
        value.as_object().is_some_and(|object| object.len() == 1 && names.iter().any(|name| object.contains_key(*name)))
    })
}

/// The part that was read so far.
#[derive(Default)]
struct Export {
    leaves: Vec<LeafHash>,
    /// Of which log, ledger and cluster all certificates are.
    of: Option<(LogKind, LedgerId, GenesisHash)>,
    heads: BTreeMap<u64, TreeHead>,
    total: u64,
    first: Option<u64>,
    /// Where the next run must begin, unless leaves are missing between.
    next: Option<u64>,
    missing: u64,
    is_whole: bool,
}

/// Verifies the export that begins with this line; returns what it is of.
pub async fn verify(
    mut verifier: Verifier<'_>,
    first: Vec<u8>,
    mut input: impl BufRead,
    report: &mut Report,
) -> anyhow::Result<String> {
    let arguments = verifier.arguments;
    if arguments.offline || arguments.content.is_some() || arguments.signer.is_some() {
        return Err(Usage("--offline, --content and --signer are for receipts and evidence".to_owned()).into());
    }
    let (mut export, mut line, mut number) = (Export::default(), first, 1_u64);
    while !line.is_empty() {
        export.take(&line, &verifier).with_context(|| format!("line {number} of {}", arguments.file.display()))?;
        line = read_line(&mut input, &arguments.file)?;
        number += 1;
    }
    ensure!(export.is_whole, "{} was cut off: it has no line `end`. Export it again", arguments.file.display());
    let (log, ledger, genesis_hash) =
        export.of.context("it has nothing but missing leaves: there is nothing to verify")?;
    heads::expect_cluster(&mut verifier.rpcs, verifier.quorum, genesis_hash, &mut report.warnings)
        .await
        .context("it cannot be confirmed")?;
    let newest = export.heads.last_key_value().map(|(_, head)| *head).context("each run has a head")?;
    for head in export.heads.values() {
        let heads = [(log, *head)];
        let (rpcs, quorum) = (&verifier.rpcs, verifier.quorum);
        heads::confirm(verifier.options, rpcs, quorum, ledger, &heads, &mut report.warnings).await?;
    }
    let (name, first) = (heads::name_of(log), export.first.unwrap_or(0));
    report.checked.push(format!(
        "{} from {first} on lead to {}, the newest of {} leaves, and {} servers have them, finalized",
        counted(export.total, "leaf", "leaves"),
        counted(export.heads.len() as u64, "head", "heads"),
        newest.size,
        verifier.quorum,
    ));
    if export.missing > 0 {
        report.not_checked.push(format!("{} leaves that the API has hashes of only", export.missing));
    }
    report.not_checked.push("who appended them, and when: take evidence for that (counterfoil evidence)".to_owned());
    report.not_checked.push("that these servers are honest: they were asked, their answers are no proof".to_owned());
    Ok(format!("{} {name} of ledger {ledger}, from {first} on", export.total))
}

impl Export {
    fn take(&mut self, line: &[u8], verifier: &Verifier<'_>) -> anyhow::Result<()> {
        let mut line: Value = serde_json::from_slice(line).refute(|| "it is not JSON".to_owned())?;
        let object = line.as_object_mut().filter(|object| object.len() == 1 && !self.is_whole);
        let (name, value) =
            object.and_then(|object| object.iter_mut().next()).context("no line of an export belongs here")?;
        match name.as_str() {
            "entry" => self.push(value, "payload"),
            "event" => self.push(value, "leaf"),
            "missing" => {
                let count = value["count"].as_str().and_then(|count| count.parse::<u64>().ok());
                self.missing = self.missing.saturating_add(count.context("a run of missing leaves has a count")?);
                self.next = None;
                Ok(())
            }
            "certificate" => self.close(value.take(), verifier),
            "problem" => Err(anyhow::anyhow!(
                "the export ended with a problem: {}",
                value["detail"].as_str().unwrap_or_default()
            )),
            "end" => {
                refute_unless!(self.leaves.is_empty(), "the last leaves have no certificate");
                self.is_whole = true;
                Ok(())
            }
            _ => Err(anyhow::anyhow!("no line of an export belongs here")),
        }
    }

    fn push(&mut self, value: &Value, field: &str) -> anyhow::Result<()> {
        let bytes = value[field].as_str().and_then(|text| STANDARD.decode(text).ok());
        let bytes = bytes.ok_or_else(|| anyhow::anyhow!("`{field}` is not base64")).refute(|| "a leaf".to_owned())?;
        ensure!(self.leaves.len() < MAX_RUN, "more than {MAX_RUN} leaves have one certificate");
        self.leaves.push(hash_leaf(&bytes));
        Ok(())
    }

    fn close(&mut self, value: Value, verifier: &Verifier<'_>) -> anyhow::Result<()> {
        let certificate: Certificate =
            serde_json::from_value(value).refute(|| "the certificate cannot be read".to_owned())?;
        verifier.expect_pins(certificate.genesis_hash, certificate.program, certificate.ledger)?;
        let of = (certificate.log, certificate.ledger, certificate.genesis_hash);
        refute_unless!(*self.of.get_or_insert(of) == of, "the certificate is of another log than those before it");
        refute_unless!(
            self.next.is_none_or(|next| next == certificate.from),
            "the certificate begins at {}, the one before it ended elsewhere",
            certificate.from
        );
        self.total = self.total.saturating_add(self.leaves.len() as u64);
        let head = certificate
            .verify(std::mem::take(&mut self.leaves))
            .refute(|| "the leaves are not those that the certificate is of".to_owned())?;
        self.first.get_or_insert(certificate.from);
        self.next = Some(certificate.to);
        let known = *self.heads.entry(head.size.get()).or_insert(head);
        refute_unless!(known == head, "two certificates have one size and two roots");
        ensure!(self.heads.len() <= MAX_HEADS, "it leads to more than {MAX_HEADS} heads");
        Ok(())
    }
}
