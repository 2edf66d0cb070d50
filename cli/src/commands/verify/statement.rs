//! The statement in an entry, where it is one: for a person and for programs. Source: docs/protocol.md, section 9.

use counterfoil_core::receipt::{Receipt, VerifiedReceipt};
use counterfoil_service::counted;
use counterfoil_statement::{SignedStatement, Statement};
use serde_json::{Value, json};

use crate::output::{time, time_ms};
use crate::verdict::Refute;

/// The findings about an entry's content.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// The sentences that rest on the entry.
    pub entry: Vec<String>,
    /// Those that rest on the event, too.
    pub event: Vec<String>,
    /// Warnings.
    pub warnings: Vec<String>,
    /// The values, as members of the facts: `statement`, or `pretends`.
    pub facts: Vec<(&'static str, Value)>,
}

/// Reads an entry that begins as a statement does; none of any other, which is raw.
///
/// # Errors
/// A refutation when it is for another ledger, program or cluster than the receipt.
pub(super) fn read(receipt: &Receipt, verified: &VerifiedReceipt) -> anyhow::Result<Option<Findings>> {
    let payload = &receipt.entry.payload;
    let signed = match SignedStatement::decode(payload) {
        Ok(None) => return Ok(None),
        Ok(Some(signed)) => signed,
        Err(error) => {
            let bytes = counted(payload.len() as u64, "byte", "bytes");
            let what = format!("its content, {bytes}, begins as a statement does and is none: {error}");
            return Ok(Some(Findings {
                entry: vec![format!("{what}. They are raw bytes that pretend; --json shows them in base64")],
                warnings: vec![format!("entry {} pretends to be a statement", verified.index())],
                facts: vec![("pretends", json!(error.to_string()))],
                ..Findings::default()
            }));
        }
    };
    let statement = &signed.statement;
    statement
        .expect_here(&receipt.genesis_hash, &receipt.program, &receipt.ledger)
        .refute(|| format!("entry {} is a statement that was made for elsewhere", verified.index()))?;
    let mut findings = Findings { entry: describe(statement), ..Findings::default() };
    let mut facts = facts(statement);
    let header = &verified.event().header;
    findings.event.push(format!(
        "the chain's time is that of the event, {}; the author's time is the author's word alone",
        time(header.unix_time)
    ));
    match signed.verify_signature() {
        Ok(Some(author)) => {
            findings.entry.push(format!("its author is {author}, who signed it"));
            facts["author"] = json!(author.to_string());
        }
        Ok(None) => {
            findings.event.push(format!("its author is {}, who appended it and signed nothing else", header.signer))
        }
        Err(error) => {
            findings.warnings.push(format!("no author is shown: {error}"));
            facts["claimed_author"] = json!(signed.signature.map(|signature| signature.author.to_string()));
        }
    }
    findings.facts.push(("statement", facts));
    Ok(Some(findings))
}

fn describe(statement: &Statement) -> Vec<String> {
    let place = match statement.place.previous() {
        Some(previous) => format!("number {}, after the one with leaf hash {previous}", statement.place.sequence()),
        None => "number 0, the first".to_owned(),
    };
    let subject = statement.subject.map(|subject| format!(", about subject {subject}"));
    vec![
        format!(
            "its content is a statement: record {} of type {}, with commitment {}",
            statement.record_id, statement.content_type, statement.commitment
        ),
        format!("in stream {} it is {place}, of its author{}", statement.stream, subject.unwrap_or_default()),
        format!("its author's time, by the author's word, is {}", time_ms(statement.author_time.ms())),
    ]
}

fn facts(statement: &Statement) -> Value {
    let mut facts = json!({
        "record_id": statement.record_id.to_string(),
        "commitment": statement.commitment.to_string(),
        "content_type": statement.content_type.as_str(),
        "author_time": time_ms(statement.author_time.ms()),
        "stream": statement.stream.to_string(),
        "sequence": statement.place.sequence().to_string(),
    });
    if let Some(subject) = statement.subject {
        facts["subject"] = json!(subject.to_string());
    }
    if let Some(previous) = statement.place.previous() {
        facts["previous"] = json!(previous.to_string());
    }
    facts
}

#[cfg(test)]
mod tests {
    use counterfoil_core::LedgerId;
    use counterfoil_statement::{AuthorTime, SigningKey};
    use serde_json::json;

    use super::super::samples::{receipt_of, statement};
    use super::read;
    use crate::verdict::is_refutation;

    #[test]
    fn a_statement_is_told_with_the_authors_time_kept_apart_from_the_chains() {
        let statement = statement();
        let signature = statement.sign(&SigningKey::from_bytes(&[7; 32]));
        let receipt = receipt_of(statement.encode_entry(Some(&signature)), 1_790_000_100);
        let findings = read(&receipt, &receipt.verify().unwrap()).unwrap().unwrap();
        let (entry, event) = (findings.entry.join("\n"), findings.event.join("\n"));
        assert!(entry.contains("record 01a0c450-6e80-7101-8101-010101010101 of type text/plain"), "{entry}");
        assert!(entry.contains("by the author's word, is 2026-09-21T14:13:20.5Z"), "{entry}");
        assert!(entry.contains(&format!("its author is {}, who signed it", signature.author)), "{entry}");
        assert!(event.contains("the chain's time is that of the event, 2026-09-21T14:15:00Z"), "{event}");
        assert!(!entry.contains("14:15:00"), "{entry}");
        let (name, facts) = &findings.facts[0];
        assert_eq!(
            (*name, &facts["sequence"], &facts["author"]),
            ("statement", &json!("0"), &json!(signature.author.to_string()))
        );
        assert_eq!(findings.warnings, Vec::<String>::new());
    }

    #[test]
    fn without_a_signature_the_author_is_the_events_signer_and_rests_on_the_event() {
        let receipt = receipt_of(statement().encode_entry(None), 0);
        let verified = receipt.verify().unwrap();
        let findings = read(&receipt, &verified).unwrap().unwrap();
        let signer = verified.event().header.signer.to_string();
        assert!(!findings.entry.join("\n").contains(&signer) && findings.event.join("\n").contains(&signer));
        assert_eq!(findings.facts[0].1.get("author"), None);
    }

    #[test]
    fn a_key_that_did_not_sign_is_claimed_alone() {
        let statement = statement();
        let mut signature = statement.sign(&SigningKey::from_bytes(&[7; 32]));
        signature.signature.0[0] ^= 1;
        let receipt = receipt_of(statement.encode_entry(Some(&signature)), 0);
        let findings = read(&receipt, &receipt.verify().unwrap()).unwrap().unwrap();
        let (key, told) = (signature.author.to_string(), [findings.entry, findings.event].concat().join("\n"));
        assert!(!told.contains("its author is"), "{told}");
        assert!(findings.warnings[0].contains("did not sign it"), "{:?}", findings.warnings);
        assert_eq!((findings.facts[0].1.get("author"), &findings.facts[0].1["claimed_author"]), (None, &json!(key)));
    }

    #[test]
    fn a_statement_for_elsewhere_is_refused() {
        let mut statement = statement();
        statement.ledger = LedgerId([1; 32]);
        let receipt = receipt_of(statement.encode_entry(None), 0);
        let error = read(&receipt, &receipt.verify().unwrap()).unwrap_err();
        assert!(is_refutation(&error) && format!("{error:#}").contains("it is for ledger"), "{error:#}");
    }

    #[test]
    fn bytes_that_pretend_are_called_so_and_none_of_their_values_is_told() {
        let mut entry = statement().encode_entry(None);
        entry.push(0);
        let receipt = receipt_of(entry, 0);
        let findings = read(&receipt, &receipt.verify().unwrap()).unwrap().unwrap();
        let told = [findings.entry, findings.event].concat().join("\n");
        assert!(told.contains("raw bytes that pretend") && !told.contains("record 0"), "{told}");
        assert_eq!((findings.warnings.len(), findings.facts[0].0), (1, "pretends"));
    }

    #[test]
    fn other_entries_are_raw() {
        for entry in [&b"paid"[..], &[0xda, 0x43, 0x66, 0x53], &[0xff]] {
            let receipt = receipt_of(entry.to_vec(), 0);
            assert!(read(&receipt, &receipt.verify().unwrap()).unwrap().is_none());
        }
    }

    #[test]
    fn times_beyond_the_calendar_are_told_as_numbers() {
        let mut statement = statement();
        statement.author_time = AuthorTime::new(i64::MAX as u64).unwrap();
        let receipt = receipt_of(statement.encode_entry(None), 0);
        let findings = read(&receipt, &receipt.verify().unwrap()).unwrap().unwrap();
        assert!(findings.entry.join("\n").contains("millisecond 9223372036854775807"));
    }
}
