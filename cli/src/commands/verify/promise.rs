//! Verifying a promise, and whether it was kept. Source: docs/protocol.md, section 10.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use counterfoil_client::fetch_time;
use counterfoil_core::evidence::Header;
use counterfoil_core::receipt::{Receipt, ReceiptError};
use counterfoil_service::counted;
use counterfoil_statement::{
    EvidenceJudge, FORMAT, Findings, Found, Missing, Promise, Read, Record, Verdict as Word, VerifiedPromise,
};
use serde_json::{Value, json};

use super::arguments::Arguments;
use super::evidence;
use super::verifier::{Verifier, read_line};
use crate::bridge::Claim;
use crate::commands::receipt;
use crate::output::time;
use crate::verdict::{Refute, Report, Usage, Verdict};
use crate::{file, heads};

/// Whether a document is a promise.
pub fn is_promise(document: &[u8]) -> bool {
    serde_json::from_slice::<Value>(document).is_ok_and(|value| value["format"] == FORMAT)
}

/// The proof that a promise is judged by, read and verified by its own rules.
struct Proof {
    findings: Findings,
    claim: Option<Claim>,
    /// The sentences that it shows of the entries.
    entry: Vec<String>,
    /// How many events of it come before the last one, which the bridge of the transaction does not show.
    before: u64,
}

/// Verifies the promise of these bytes; gives the verdict and its reason.
pub async fn verify(verifier: Verifier<'_>, text: Vec<u8>, report: &mut Report) -> anyhow::Result<(Verdict, String)> {
    let arguments = verifier.arguments;
    if arguments.content.is_some() || arguments.signer.is_some() {
        return Err(Usage("--content and --signer are for receipts and evidence".to_owned()).into());
    }
    if !arguments.shows_event() {
        return Err(Usage("a promise is of events: give --event-head with --offline".to_owned()).into());
    }
    let promise = parse(&arguments.file, text)?;
    verifier.expect_pins(promise.body.genesis_hash, promise.body.program, promise.body.ledger)?;
    let verified = believe(arguments, &promise)?;
    let is_key_pinned = !arguments.promise_keys.is_empty();
    report.checked.push(describe_signature(&verified, is_key_pinned));
    let proof = read_proof(arguments, &verified)?;
    let is_ledger_pinned = !verifier.pinned.is_empty() || arguments.offline;
    let (word, bridged) = judge(verifier, &verified, proof, report).await?;
    report.promise = Some(name_of(&word));
    report.facts = facts(&verified, &word);
    report.not_checked.push(format!(
        "that {} held the record when it was promised: that is the gateway's word",
        counted(verified.body().copies.into(), "machine", "machines")
    ));
    Ok(conclude(&verified, &word, &bridged, is_key_pinned, is_ledger_pinned))
}

fn parse(path: &Path, text: Vec<u8>) -> anyhow::Result<Promise> {
    let text = file::to_text(path, text)?;
    serde_json::from_str(&text).refute(|| format!("{} is not a promise", path.display()))
}

/// Verifies the signature, by a pinned key where any is pinned. Without one it holds together, and is no one's.
fn believe(arguments: &Arguments, promise: &Promise) -> anyhow::Result<VerifiedPromise> {
    let believed = match arguments.promise_keys.as_slice() {
        [] => promise.verify(&[promise.key]),
        pinned => promise.verify(pinned),
    };
    believed.refute(|| "the promise is not to be believed".to_owned())
}

fn read_proof(arguments: &Arguments, promise: &VerifiedPromise) -> anyhow::Result<Proof> {
    match (&arguments.receipt, &arguments.evidence) {
        (Some(path), _) => {
            let receipt = receipt::parse(path, file::read(path, receipt::MAX_RECEIPT_BYTES)?)?;
            of_receipt(promise, &receipt)
        }
        (None, Some(path)) => of_evidence(promise, path),
        (None, None) => {
            Ok(Proof { findings: Findings::of_nothing(promise), claim: None, entry: Vec::new(), before: 0 })
        }
    }
}

fn of_receipt(promise: &VerifiedPromise, receipt: &Receipt) -> anyhow::Result<Proof> {
    let (verified, findings) = match Findings::of_receipt(promise, receipt) {
        Err(error @ ReceiptError::Statement { .. }) => return Err(error.into()),
        found => found.refute(|| "the receipt does not hold together".to_owned())?,
    };
    let entry = format!("entry {} of ledger {} has leaf hash {}", verified.index(), receipt.ledger, verified.leaf());
    Ok(Proof { findings, claim: Some(Claim::of(receipt, &verified)), entry: vec![entry], before: 0 })
}

fn of_evidence(promise: &VerifiedPromise, path: &Path) -> anyhow::Result<Proof> {
    let mut input = file::open(path)?;
    let first = read_line(&mut input, path)?;
    let header: Header =
        serde_json::from_slice(&first).refute(|| format!("the first line of {} is not evidence's", path.display()))?;
    let whole = || "the evidence does not hold together".to_owned();
    let mut judge = EvidenceJudge::new(promise, &header).refute(whole)?;
    let leaf = evidence::read_lines(path, &header, &mut input, None, |line| judge.push(line))?;
    let (verified, findings) = judge.finish().refute(whole)?;
    let before = header.events.to.saturating_sub(header.events.from).saturating_sub(1);
    let claim = evidence::claim_of(&header, &verified, leaf);
    Ok(Proof { findings, claim: Some(claim), entry: vec![evidence::describe(&header)], before })
}

/// The word on the promise; with it by what the proof was shown to be the chain's, or else what time it is there.
async fn judge(
    mut verifier: Verifier<'_>,
    promise: &VerifiedPromise,
    proof: Proof,
    report: &mut Report,
) -> anyhow::Result<(Word, String)> {
    let word = proof.findings.verdict(None);
    let events_before = match &word {
        // The event that is found may be the last one, of which there is a bridge in any case.
        Word::Kept(found) => proof.claim.as_ref().is_some_and(|claim| claim.seq != found.seq),
        Word::Broken { .. } => proof.before > 0,
        Word::Due { .. } | Word::CannotTell(_) => {
            let newest = match verifier.arguments.offline {
                true => None,
                false => Some(newest_time(&mut verifier, promise, report).await?),
            };
            let clock = newest.map(|newest| format!(", and it is {} by the chain's clock", time(newest)));
            return Ok((proof.findings.verdict(newest), clock.unwrap_or_default()));
        }
    };
    let claim = proof.claim.context("a verdict rests on a proof")?;
    let (quorum, is_offline) = (verifier.quorum, verifier.arguments.offline);
    let event = vec![describe_word(promise, &word)];
    let shown = verifier.show(promise.body().genesis_hash, &claim, proof.entry, event, report).await?;
    ensure!(
        is_offline || !events_before || evidence::of_all(&shown) >= quorum,
        "the transaction shows the last event alone, and the verdict rests on those before it: give an API that has the \
         ledger with --api"
    );
    let by = match is_offline {
        true => "by the heads that you gave".to_owned(),
        false => format!("at {}", counted(quorum as u64, "server", "servers")),
    };
    Ok((word, by))
}

/// The newest time of the chain that any server says, of as many as must agree.
async fn newest_time(
    verifier: &mut Verifier<'_>,
    promise: &VerifiedPromise,
    report: &mut Report,
) -> anyhow::Result<i64> {
    let quorum = verifier.quorum;
    heads::expect_cluster(&mut verifier.rpcs, quorum, promise.body().genesis_hash, &mut report.warnings)
        .await
        .context("it cannot be told what time it is there")?;
    let question = "what time it is by the chain's clock";
    let answers = heads::ask(&verifier.rpcs, quorum, question, |rpc| async move { Ok(fetch_time(rpc).await?) }).await;
    let times = heads::enough(answers, quorum, &mut report.warnings)?;
    let Some(newest) = times.iter().map(|time| time.unix_time).max() else { bail!("no server told the time") };
    Ok(newest)
}

const fn name_of(word: &Word) -> &'static str {
    match word {
        Word::Kept(_) => "kept",
        Word::Broken { .. } => "broken",
        Word::Due { .. } => "due",
        Word::CannotTell(_) => "cannot_tell",
    }
}

fn describe_signature(promise: &VerifiedPromise, is_pinned: bool) -> String {
    let body = promise.body();
    let whose = if is_pinned { "which you gave" } else { "which is anybody's" };
    format!(
        "key {}, {whose}, signed that {} will be in ledger {} at {} at the latest, when the ledger had {}",
        promise.key(),
        counted(body.records.count, "record", "records"),
        body.ledger,
        time(body.deadline),
        counted(body.from, "entry", "entries"),
    )
}

fn name(promise: &VerifiedPromise) -> String {
    match promise.record() {
        Some(Record { id, commitment }) => format!("record {id} with commitment {commitment}"),
        None => "its records".to_owned(),
    }
}

/// The comparison that a verdict rests on.
fn describe_word(promise: &VerifiedPromise, word: &Word) -> String {
    let (record, deadline) = (name(promise), time(promise.body().deadline));
    match word {
        Word::Kept(Found { index, seq, slot, unix_time }) => format!(
            "entry {index} has {record}; event {seq} appended it in slot {slot}, at {} by the chain's clock, and the deadline is \
             {deadline}",
            time(*unix_time)
        ),
        Word::Broken { read: Read { from, to, last_time, .. }, late } => {
            let late = late.map(|Found { index, unix_time, .. }| {
                format!("; entry {index} has it, of {}: too late", time(unix_time))
            });
            format!(
                "of all entries from {from} up to {to}, the last of {} by the chain's clock, none up to the deadline, \
                 {deadline}, has {record}{}",
                time(*last_time),
                late.unwrap_or_default()
            )
        }
        Word::Due { newest } => {
            format!("the deadline is {deadline}, and it is {} by the chain's clock", time(*newest))
        }
        Word::CannotTell(missing) => match missing {
            Missing::End { last_time } => format!("{missing}; that is {}", time(*last_time)),
            _ => missing.to_string(),
        },
    }
}

fn facts(promise: &VerifiedPromise, word: &Word) -> Value {
    let body = promise.body();
    let mut facts = json!({
        "ledger": body.ledger.to_string(),
        "key": promise.key().to_string(),
        "from": body.from.to_string(),
        "deadline": time(body.deadline),
    });
    if let Some(Record { id, commitment }) = promise.record() {
        facts["record_id"] = json!(id.to_string());
        facts["commitment"] = json!(commitment.to_string());
    }
    if let Word::Kept(found) | Word::Broken { late: Some(found), .. } = word {
        facts["index"] = json!(found.index.to_string());
        facts["slot"] = json!(found.slot.to_string());
        facts["time"] = json!(time(found.unix_time));
    }
    facts
}

/// The verdict that a word leads to, by the pins that there are.
fn conclude(
    promise: &VerifiedPromise,
    word: &Word,
    by: &str,
    is_key_pinned: bool,
    is_ledger_pinned: bool,
) -> (Verdict, String) {
    let told = describe_word(promise, word);
    match word {
        Word::Kept(_) | Word::Broken { .. } if !is_key_pinned => (
            Verdict::Consistent,
            format!(
                "the promise is {}, but anybody can sign one; pin the gateway's key with --promise-key: {told}",
                name_of(word)
            ),
        ),
        Word::Kept(_) if !is_ledger_pinned => (
            Verdict::Consistent,
            format!("the promise is kept, but anybody can make a ledger; pin yours with --ledger or --trust: {told}"),
        ),
        Word::Kept(_) => (Verdict::Verified, format!("the promise is kept, {by}: {told}")),
        // The ledger is the one that the pinned key named.
        Word::Broken { .. } => (Verdict::Refused, format!("the promise is broken, {by}: {told}")),
        Word::Due { .. } => (Verdict::CannotTell, format!("the promise is due: {told}")),
        Word::CannotTell(_) => (
            Verdict::CannotTell,
            format!("whether the promise was kept: {told}. The deadline is {}{by}", time(promise.body().deadline)),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use counterfoil_statement::{Promise, PromiseKey, SigningKey, Verdict as Word, VerifiedPromise};
    use tempfile::TempDir;

    use super::super::arguments::Arguments;
    use super::super::samples::{DEADLINE, evidence_of, gateway, promise, receipt_of, statement};
    use super::{believe, conclude, describe_word, is_promise, name_of, parse, read_proof};
    use crate::verdict::{Verdict, is_refutation};

    fn pinned() -> PromiseKey {
        PromiseKey(gateway().verifying_key().to_bytes())
    }

    fn with_keys(promise_keys: &[PromiseKey]) -> Arguments {
        Arguments { promise_keys: promise_keys.to_vec(), ..Arguments::default() }
    }

    fn believed() -> VerifiedPromise {
        believe(&with_keys(&[pinned()]), &promise()).unwrap()
    }

    fn file(folder: &TempDir, text: &str) -> PathBuf {
        let path = folder.path().join("file");
        fs::write(&path, text).unwrap();
        path
    }

    fn by_receipt(unix_time: i64) -> Word {
        let folder = tempfile::tempdir().unwrap();
        let receipt = receipt_of(statement().encode_entry(None), unix_time);
        let path = file(&folder, &serde_json::to_string_pretty(&receipt).unwrap());
        let arguments = Arguments { receipt: Some(path), ..Arguments::default() };
        read_proof(&arguments, &believed()).unwrap().findings.verdict(None)
    }

    fn by_evidence(entries: &[(i64, Vec<u8>)]) -> anyhow::Result<Word> {
        let folder = tempfile::tempdir().unwrap();
        let (header, lines) = evidence_of(entries);
        let lines = lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n");
        let text: String = [serde_json::to_string(&header).unwrap() + "\n"].into_iter().chain(lines).collect();
        let arguments = Arguments { evidence: Some(file(&folder, &text)), ..Arguments::default() };
        Ok(read_proof(&arguments, &believed())?.findings.verdict(None))
    }

    fn verdict(word: &Word, is_key_pinned: bool, is_ledger_pinned: bool) -> Verdict {
        conclude(&believed(), word, "", is_key_pinned, is_ledger_pinned).0
    }

    #[test]
    fn a_promise_is_told_apart_by_its_format_however_it_is_laid_out() {
        let (promise, receipt) = (promise(), receipt_of(vec![1], 0));
        assert!(is_promise(&serde_json::to_vec(&promise).unwrap()));
        assert!(is_promise(&serde_json::to_vec_pretty(&promise).unwrap()));
        assert!(!is_promise(&serde_json::to_vec(&receipt).unwrap()) && !is_promise(b"{}") && !is_promise(b"\xff"));
    }

    #[test]
    fn a_forged_promise_and_one_by_another_key_are_refused() {
        let forger = SigningKey::from_bytes(&[0xbd; 32]);
        let forged = Promise { key: pinned(), ..Promise::sign(promise().body, &forger) };
        for keys in [&[][..], &[pinned()]] {
            assert!(is_refutation(&believe(&with_keys(keys), &forged).unwrap_err()));
        }
        let theirs = Promise::sign(promise().body, &forger);
        assert!(is_refutation(&believe(&with_keys(&[pinned()]), &theirs).unwrap_err()));
        assert!(believe(&with_keys(&[]), &theirs).is_ok() && believe(&with_keys(&[pinned()]), &promise()).is_ok());
        assert!(is_refutation(&parse("f".as_ref(), b"{\"format\":\"counterfoil promise v1\"}".to_vec()).unwrap_err()));
    }

    #[test]
    fn kept_is_verified_by_both_pins_and_consistent_without_either() {
        let kept = by_receipt(DEADLINE);
        assert_eq!(name_of(&kept), "kept");
        assert_eq!(verdict(&kept, true, true), Verdict::Verified);
        assert_eq!(verdict(&kept, true, false), Verdict::Consistent);
        assert_eq!(verdict(&kept, false, true), Verdict::Consistent);
    }

    #[test]
    fn broken_is_refused_by_the_pinned_key_and_consistent_without_it() {
        let broken = by_evidence(&[(DEADLINE, vec![1]), (DEADLINE + 1, vec![2])]).unwrap();
        assert_eq!(name_of(&broken), "broken");
        assert_eq!(verdict(&broken, true, true), Verdict::Refused);
        assert_eq!(verdict(&broken, true, false), Verdict::Refused);
        assert_eq!(verdict(&broken, false, true), Verdict::Consistent);
    }

    #[test]
    fn due_and_late_and_unfinished_cannot_be_told() {
        let late = by_receipt(DEADLINE + 1);
        let unfinished = by_evidence(&[(DEADLINE, vec![1])]).unwrap();
        let due = Word::Due { newest: DEADLINE };
        for word in [&late, &unfinished, &due] {
            assert_eq!(verdict(word, true, true), Verdict::CannotTell);
        }
        assert_eq!([&late, &unfinished, &due].map(name_of), ["cannot_tell", "cannot_tell", "due"]);
    }

    #[test]
    fn evidence_that_does_not_hold_together_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (header, lines) = evidence_of(&[(DEADLINE, vec![1]), (DEADLINE + 1, vec![2])]);
        let mut lines: Vec<String> = lines.iter().map(|line| serde_json::to_string(line).unwrap()).collect();
        lines.swap(0, 2);
        let text = format!("{}\n{}\n", serde_json::to_string(&header).unwrap(), lines.join("\n"));
        let arguments = Arguments { evidence: Some(file(&folder, &text)), ..Arguments::default() };
        assert!(is_refutation(&read_proof(&arguments, &believed()).err().unwrap()));
    }

    #[test]
    fn each_verdict_names_the_times_that_it_compared() {
        let deadline = "the deadline is 2026-09-21T14:23:20Z";
        let told = |word: &Word| describe_word(&believed(), word);
        let kept = told(&by_receipt(DEADLINE - 1));
        assert!(kept.contains(deadline) && kept.contains("at 2026-09-21T14:23:19Z by the chain's clock"), "{kept}");
        let broken =
            told(&by_evidence(&[(DEADLINE, vec![1]), (DEADLINE + 9, statement().encode_entry(None))]).unwrap());
        assert!(broken.contains("all entries from 0 up to 2, the last of 2026-09-21T14:23:29Z"), "{broken}");
        assert!(broken.contains("entry 1 has it, of 2026-09-21T14:23:29Z: too late"), "{broken}");
        let due = told(&Word::Due { newest: DEADLINE - 2 });
        assert!(due.contains(deadline) && due.contains("it is 2026-09-21T14:23:18Z by the chain's clock"), "{due}");
        let unfinished = by_evidence(&[(DEADLINE - 3, vec![1])]).unwrap();
        let (_, unfinished) = conclude(&believed(), &unfinished, ", and it is late", true, true);
        assert!(unfinished.contains("that is 2026-09-21T14:23:17Z"), "{unfinished}");
        assert!(unfinished.ends_with("The deadline is 2026-09-21T14:23:20Z, and it is late"), "{unfinished}");
    }
}
