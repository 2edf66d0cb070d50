//! COSE receipts of inclusion. Source: RFC 9942, section 5.2, verifiable data structure RFC9162_SHA256.
//!
//! The signature covers the root, which the receipt does not hold: its reader computes it from the leaf and the proof. The
//! log's name stands under the signature as well, as the issuer among CWT claims (RFC 9597), so that one log's receipt
//! cannot be another's. The tree's size stands with the proof, not under the signature: it is only as good as the root.

use coset::cbor::Value;
use coset::iana::{Algorithm, CwtClaimName, EnumI64, HeaderParameter};
use coset::{
    CoseSign1, CoseSign1Builder, Header, HeaderBuilder, Label, RegisteredLabelWithPrivate, TaggedCborSerializable,
};
use merkle_log::{Hash, LeafHash, LeafIndex, ProofError, Root, TreeHead, TreeSize, verify_inclusion};
use signed_note::{Signer, StandardSigner, StandardVerifier, Verifier};

use crate::{Inclusion, SignedError};

/// Header parameters, RFC 9942 section 8.1: the verifiable data structure, and its proofs.
const STRUCTURE: i64 = 395;
const PROOFS: i64 = 396;
/// RFC9162_SHA256, of which -1 is the inclusion proof: RFC 9942 sections 8.2.1 and 8.2.2.
const RFC9162_SHA256: i64 = 1;
const INCLUSION: i64 = -1;

/// The receipt of a leaf under the head of the signer's log, tagged, its payload detached.
///
/// # Errors
/// [`SignedError::Proof`] unless the proof leads to the head; [`SignedError::Cose`] never.
pub fn receipt(inclusion: &Inclusion<'_>, head: &TreeHead, signer: &StandardSigner) -> Result<Vec<u8>, SignedError> {
    verify_inclusion(head, inclusion.index, &inclusion.leaf, inclusion.proof)?;
    let claims = vec![(Value::from(CwtClaimName::Iss.to_i64()), Value::from(signer.name()))];
    let protected = HeaderBuilder::new()
        .algorithm(Algorithm::EdDSA)
        .key_id(signer.key_id().to_be_bytes().to_vec())
        .value(HeaderParameter::CwtClaims.to_i64(), Value::Map(claims))
        .value(STRUCTURE, Value::from(RFC9162_SHA256));
    let path = inclusion.proof.iter().map(|hash| Value::from(hash.0.as_slice())).collect();
    let proof = Value::Array(vec![head.size.get().into(), inclusion.index.get().into(), Value::Array(path)]);
    let mut bytes = Vec::new();
    ciborium::into_writer(&proof, &mut bytes).expect("a vector takes everything");
    let proofs = Value::Map(vec![(INCLUSION.into(), Value::Array(vec![Value::Bytes(bytes)]))]);
    let signed = CoseSign1Builder::new()
        .protected(protected.build())
        .unprotected(HeaderBuilder::new().value(PROOFS, proofs).build())
        .try_create_detached_signature(&head.root.0, &[], |text| signer.sign(text))
        .map_err(|_| SignedError::Signature)?;
    signed.build().to_tagged_vec().map_err(SignedError::Cose)
}

/// Verifies a receipt: the key of a log signed a root, which the proof in the receipt shows to have this leaf at this
/// index. Gives the head; of its size the signature says nothing.
///
/// # Errors
/// [`SignedError`].
pub fn verify(
    bytes: &[u8],
    index: LeafIndex,
    leaf: &LeafHash,
    key: &StandardVerifier,
) -> Result<TreeHead, SignedError> {
    let receipt = CoseSign1::from_tagged_slice(bytes).map_err(SignedError::Cose)?;
    if receipt.clone().to_tagged_vec().map_err(SignedError::Cose)? != bytes {
        return Err(SignedError::Malformed("it is not in CBOR's shortest form"));
    }
    if receipt.payload.is_some() {
        return Err(SignedError::Malformed("its payload is not detached"));
    }
    check_protected(&receipt.protected.header, key)?;
    let (size, found, proof) =
        inclusion_of(&receipt.unprotected).ok_or(SignedError::Malformed("no inclusion proof"))?;
    if found != index {
        return Err(SignedError::OtherIndex { found, expected: index });
    }
    let head = TreeHead { size, root: implied_root(size, index, leaf, &proof)? };
    let is_signed =
        |signature: &[u8], text: &[u8]| key.verify(text, signature).then_some(()).ok_or(SignedError::Signature);
    receipt.verify_detached_signature(&head.root.0, &[], is_signed)?;
    Ok(head)
}

fn check_protected(header: &Header, key: &StandardVerifier) -> Result<(), SignedError> {
    if header.alg != Some(RegisteredLabelWithPrivate::Assigned(Algorithm::EdDSA)) || !header.crit.is_empty() {
        return Err(SignedError::Malformed("its algorithm is not EdDSA, or it has critical parameters"));
    }
    if value(header, STRUCTURE) != Some(&RFC9162_SHA256.into()) {
        return Err(SignedError::Malformed("its data structure is not RFC9162_SHA256"));
    }
    let claims = value(header, HeaderParameter::CwtClaims.to_i64()).and_then(Value::as_map);
    let issuer = claims.and_then(|claims| member(claims, CwtClaimName::Iss.to_i64())?.as_text());
    match issuer {
        Some(issuer) if issuer == key.name() => Ok(()),
        found => Err(SignedError::OtherLog {
            found: found.unwrap_or("without a name").to_owned(),
            expected: key.name().to_owned(),
        }),
    }
}

/// Size, index and path of the one inclusion proof.
fn inclusion_of(unprotected: &Header) -> Option<(TreeSize, LeafIndex, Vec<Hash>)> {
    let [Value::Bytes(proof)] = member(value(unprotected, PROOFS)?.as_map()?, INCLUSION)?.as_array()?.as_slice() else {
        return None;
    };
    let Ok(Value::Array(proof)) = ciborium::from_reader(proof.as_slice()) else { return None };
    let [Value::Integer(size), Value::Integer(index), Value::Array(path)] = proof.as_slice() else { return None };
    let size = TreeSize::new(u64::try_from(*size).ok()?).ok()?;
    let index = LeafIndex::new(u64::try_from(*index).ok()?).ok()?;
    let path: Option<Vec<Hash>> =
        path.iter().map(|hash| Some(Hash(hash.as_bytes()?.as_slice().try_into().ok()?))).collect();
    Some((size, index, path?))
}

/// The root that a proof leads to.
fn implied_root(size: TreeSize, index: LeafIndex, leaf: &LeafHash, proof: &[Hash]) -> Result<Root, SignedError> {
    // Compared with a root that is none, a proof that is well formed says which one it leads to.
    let none = TreeHead { size, root: Root([0; 32]) };
    match verify_inclusion(&none, index, leaf, proof) {
        Err(ProofError::RootMismatch { computed, .. }) => Ok(computed),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(none.root),
    }
}

fn value(header: &Header, label: i64) -> Option<&Value> {
    header.rest.iter().find(|(found, _)| *found == Label::Int(label)).map(|(_, value)| value)
}

fn member(map: &[(Value, Value)], key: i64) -> Option<&Value> {
    map.iter().find(|(found, _)| *found == Value::from(key)).map(|(_, value)| value)
}
