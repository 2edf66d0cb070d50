//! Consistency proofs, as the API answers them.

use counterfoil_core::json::{FromJson, ReadError, Value};
use counterfoil_core::receipt::Head;
use counterfoil_core::relate::LogKind;
use merkle_log::{Hash, ProofError, TreeHead, verify_consistency};

use crate::claim::{Claim, ClaimedHead, Shows, root_compared};
use crate::verdict::{Facts, Fault, Kind, unreadable};

struct Consistency {
    log: LogKind,
    first: Head,
    second: Head,
    proof: Vec<Hash>,
}

impl FromJson for Consistency {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.object(|answer| {
            Ok(Self {
                log: answer.member("log")?,
                first: answer.member("first")?,
                second: answer.member("second")?,
                proof: answer.member("proof")?,
            })
        })
    }
}

/// Verifies that the second head extends the first.
pub(crate) fn verify(document: &Value<'_>) -> Result<Claim, Fault> {
    let Consistency { log, first, second, proof } =
        Consistency::from_json(document).map_err(|error| unreadable("it is not a consistency proof", &error))?;
    let in_range = |head: Head, place| TreeHead::try_from(head).map_err(|error| Fault::refused(error).at(place));
    let (first, second) = (in_range(first, "first")?, in_range(second, "second")?);
    verify_consistency(&first, &second, &proof).map_err(|error| {
        let place = match error {
            ProofError::Shrinks { .. } => "first.size and second.size",
            ProofError::RootMismatch { .. } => "first.root and proof",
            ProofError::SecondRootMismatch { .. } => "second.root and proof",
            _ => "proof",
        };
        Fault::refused(format_args!("the second head does not extend the first: {error}")).at(place)
    })?;
    let name = log.name();
    // Every log extends the empty one.
    let shows = if first.size.is_empty() && !second.size.is_empty() { Shows::Start } else { Shows::Leaves };
    Ok(Claim {
        kind: Kind::Consistency,
        origin: None,
        what: format!("the log of {} {name} begins with the {} of the first head", second.size, first.size),
        heads: vec![
            ClaimedHead { log, head: first, place: "first", shows: Shows::Start },
            ClaimedHead { log, head: second, place: "second", shows },
        ],
        compared: vec![
            root_compared("root of the first head", &first),
            root_compared("root of the second head, which extends it", &second),
        ],
        facts: Facts { log: Some(log), from: Some(first.size.get()), to: Some(second.size.get()), ..Facts::default() },
        event: None,
        not_checked: vec!["of which ledger the heads are: a consistency proof names none".to_owned()],
    })
}
