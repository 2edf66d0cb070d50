//! Receipts in other people's formats, read by crates that share nothing with the project but SHA-256 and Ed25519.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use coset::cbor::Value;
use coset::iana::Algorithm;
use coset::{CoseSign1, Label, RegisteredLabelWithPrivate, TaggedCborSerializable};
use counterfoil_api::{NoteKey, Settings, app};
use counterfoil_core::LedgerId;
use counterfoil_signed::{StandardVerifier, cose, tlog};
use ct_merkle::{InclusionProof, RootHash};
use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use merkle_log::{LeafIndex, hash_leaf};
use sha2::Sha256;
use signed_note::{Note, VerifierList};
use tlog_tiles::{Checkpoint, Hash, check_record, record_hash};

use crate::index::{BIG, BIG_SIZE, Index, SMALL, UNKNOWN, settings};
use crate::oracle;

const NAME: &str = "log.example.com";

/// An index whose API signs.
async fn open() -> Index {
    let mut index = Index::open().await;
    let note_key = Some(NoteKey::generate(NAME).unwrap());
    index.app = app(index.pool.clone(), Settings { note_key, ..settings() });
    index
}

async fn get(index: &Index, path: &str) -> (HeaderMap, Vec<u8>) {
    let response = index.send(Request::get(path).body(Body::empty()).unwrap()).await;
    let (head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    assert_eq!(head.status, StatusCode::OK, "{path}: {}", String::from_utf8_lossy(&body));
    (head.headers, body)
}

async fn receipt(index: &Index, ledger: LedgerId, entry: u64, format: &str) -> Vec<u8> {
    get(index, &format!("/v1/ledgers/{ledger}/entries/{entry}/receipt?format={format}")).await.1
}

async fn key(index: &Index, ledger: LedgerId) -> String {
    String::from_utf8(get(index, &format!("/tlog/{ledger}/entries/key")).await.1).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_tlog_proof_is_verified_by_other_peoples_crates() {
    let index = open().await;
    for (ledger, history, size) in [(BIG, &index.shared.big, BIG_SIZE), (SMALL, &index.shared.small, 5)] {
        let key = key(&index, ledger).await;
        for entry in [0, 1, size - 2, size - 1] {
            let file = String::from_utf8(receipt(&index, ledger, entry, "tlog-proof").await).unwrap();
            let (proof, checkpoint) = file.split_once("\n\n").unwrap();
            let mut lines = proof.split('\n');
            assert_eq!(lines.next(), Some("c2sp.org/tlog-proof@v1"));
            assert_eq!(lines.next(), Some(format!("index {entry}").as_str()));
            let hashes: Vec<Hash> =
                lines.map(|line| Hash(STANDARD.decode(line).unwrap().try_into().unwrap())).collect();

            let note = Note::from_bytes(checkpoint.as_bytes()).unwrap();
            let verifier = signed_note::StandardVerifier::new(&key).unwrap();
            assert_eq!(note.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap().0.len(), 1);
            let checkpoint = Checkpoint::from_bytes(note.text()).unwrap();
            assert_eq!((checkpoint.origin(), checkpoint.size()), (&*format!("{NAME}/{ledger}/entries"), size));
            let leaf = record_hash(&history.payloads[entry as usize]);
            check_record(&hashes, size, *checkpoint.hash(), entry, leaf).unwrap();
        }
    }
}

/// The text that a COSE_Sign1 signature covers, written by hand. Source: RFC 9052 section 4.4.
fn signature_text(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| vec![0x58, u8::try_from(bytes.len()).unwrap()];
    [
        b"\x84\x6aSignature1".to_vec(),
        length(protected),
        protected.to_vec(),
        vec![0x40],
        length(payload),
        payload.to_vec(),
    ]
    .concat()
}

#[tokio::test]
async fn a_cose_receipt_is_verified_by_other_peoples_crates() {
    let index = open().await;
    for (ledger, history, size) in [(BIG, &index.shared.big, BIG_SIZE), (SMALL, &index.shared.small, 5)] {
        let key = key(&index, ledger).await;
        let public = STANDARD.decode(key.splitn(3, '+').last().unwrap()).unwrap();
        let public = VerifyingKey::from_bytes(public[1..].try_into().unwrap()).unwrap();
        let root = oracle::tree(&history.payloads, size).root();
        for entry in [0, 1, size - 2, size - 1] {
            let receipt = CoseSign1::from_tagged_slice(&receipt(&index, ledger, entry, "cose").await).unwrap();
            assert_eq!(receipt.payload, None, "the root is detached");
            let header = &receipt.protected.header;
            assert_eq!(header.alg, Some(RegisteredLabelWithPrivate::Assigned(Algorithm::EdDSA)));
            let key_id = u32::from_str_radix(key.split('+').nth(1).unwrap(), 16).unwrap();
            assert_eq!(header.key_id, key_id.to_be_bytes());
            let issuer = Value::Map(vec![(1.into(), format!("{NAME}/{ledger}/entries").into())]);
            assert_eq!(header.rest, [(Label::Int(15), issuer), (Label::Int(395), 1.into())]);
            let protected = receipt.protected.original_data.as_ref().unwrap();
            let text = signature_text(protected, root.as_bytes());
            public.verify(&text, &Signature::from_slice(&receipt.signature).unwrap()).unwrap();

            let [(Label::Int(396), Value::Map(proofs))] = receipt.unprotected.rest.as_slice() else { panic!() };
            let [(kind, Value::Array(proofs))] = proofs.as_slice() else { panic!() };
            assert_eq!((kind, proofs.len()), (&Value::from(-1), 1));
            let proof: Value = coset::cbor::from_reader(proofs[0].as_bytes().unwrap().as_slice()).unwrap();
            let [found_size, found_index, Value::Array(path)] = proof.as_array().unwrap().as_slice() else { panic!() };
            assert_eq!((found_size, found_index), (&Value::from(size), &Value::from(entry)));
            let path = path.iter().flat_map(|hash| hash.as_bytes().unwrap().clone()).collect();
            let proof = InclusionProof::<Sha256>::try_from_bytes(path).unwrap();
            let root = RootHash::<Sha256>::new(*root.as_bytes(), size);
            root.verify_inclusion(&history.payloads[entry as usize], entry, &proof).unwrap();
        }
    }
}

#[tokio::test]
async fn every_bit_of_both_is_held_by_the_signature_or_the_proof_but_for_a_size_that_nothing_signs() {
    let index = open().await;
    let key = StandardVerifier::new(&key(&index, SMALL).await).unwrap();
    let leaf = hash_leaf(&index.shared.small.payloads[2]);
    let at = LeafIndex::new(2).unwrap();
    let root = oracle::tree(&index.shared.small.payloads, 5).root();

    let file = receipt(&index, SMALL, 2, "tlog-proof").await;
    assert_eq!(tlog::verify(&file, at, &leaf, &key).unwrap().size.get(), 5);
    for (byte, bit) in bits(&file) {
        let changed = flip(&file, byte, bit);
        assert!(tlog::verify(&changed, at, &leaf, &key).is_err(), "{}", String::from_utf8_lossy(&changed));
    }

    let file = receipt(&index, SMALL, 2, "cose").await;
    assert_eq!(cose::verify(&file, at, &leaf, &key).unwrap().root.0, **root.as_bytes());
    let sizes: Vec<u64> = bits(&file)
        .filter_map(|(byte, bit)| cose::verify(&flip(&file, byte, bit), at, &leaf, &key).ok())
        .inspect(|head| assert_eq!(head.root.0, **root.as_bytes()))
        .map(|head| head.size.get())
        .collect();
    // The sizes to which one bit leads from 5 and in which leaf 2 has a path of the same shape.
    assert_eq!(sizes, [7]);
}

#[tokio::test]
async fn a_receipt_is_refused_for_another_leaf_log_or_key() {
    let index = open().await;
    let (own, big) = (key(&index, SMALL).await, key(&index, BIG).await);
    let other = open().await;
    let foreign = key(&other, SMALL).await;
    let payloads = &index.shared.small.payloads;
    let (tlog_file, cose_file) =
        (receipt(&index, SMALL, 2, "tlog-proof").await, receipt(&index, SMALL, 2, "cose").await);
    for (at, payload, key, holds) in [
        (2, &payloads[2], &own, true),
        (2, &payloads[3], &own, false),
        (3, &payloads[2], &own, false),
        (2, &payloads[2], &big, false),
        (2, &payloads[2], &foreign, false),
    ] {
        let (at, leaf, key) = (LeafIndex::new(at).unwrap(), hash_leaf(payload), StandardVerifier::new(key).unwrap());
        assert_eq!(tlog::verify(&tlog_file, at, &leaf, &key).is_ok(), holds);
        assert_eq!(cose::verify(&cose_file, at, &leaf, &key).is_ok(), holds);
    }
}

#[tokio::test]
async fn each_format_has_a_url_a_type_and_a_tag_of_its_own() {
    let index = open().await;
    let path = format!("/v1/ledgers/{BIG}/entries/5/receipt");
    let mut tags = Vec::new();
    for (format, content_type) in [
        ("json", "application/json"),
        ("tlog-proof", "text/plain; charset=utf-8"),
        ("cose", "application/cose; cose-type=\"cose-sign1\""),
    ] {
        let (headers, _) = get(&index, &format!("{path}?format={format}")).await;
        assert_eq!(headers["content-type"], content_type, "{format}");
        assert_eq!(headers["cache-control"], "no-cache", "{format}");
        tags.push(headers["etag"].clone());
        // Signatures are deterministic, so the same head is not sent twice.
        let again = Request::get(format!("{path}?format={format}")).header("if-none-match", tags.last().unwrap());
        assert_eq!(index.send(again.body(Body::empty()).unwrap()).await.status(), StatusCode::NOT_MODIFIED);
    }
    assert_eq!(get(&index, &path).await.0["etag"], tags[0]);
    assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2]);
}

#[tokio::test]
async fn what_cannot_be_signed_is_refused() {
    let index = open().await;
    for (path, status, code) in [
        (format!("{BIG}/entries/5/receipt?format=pdf"), 400, "malformed_parameter"),
        (format!("{BIG}/entries/5/receipt?form=cose"), 400, "malformed_parameter"),
        (format!("{BIG}/entries/{BIG_SIZE}/receipt?format=cose"), 404, "index_out_of_range"),
        (format!("{UNKNOWN}/entries/5/receipt?format=tlog-proof"), 404, "unknown_ledger"),
    ] {
        let (found, said, detail) = index.problem(&format!("/v1/ledgers/{path}")).await;
        assert_eq!((found, said.as_str()), (status, code), "{path}: {detail}");
    }
    let unsigned = Index::open().await;
    for format in ["tlog-proof", "cose"] {
        let (status, code, detail) =
            unsigned.problem(&format!("/v1/ledgers/{BIG}/entries/5/receipt?format={format}")).await;
        assert_eq!((status, code.as_str()), (501, "not_configured"));
        assert!(detail.contains("--note-key"), "{detail}");
    }
    for sql in [
        "update entry set payload = 'forged' where ledger = 1 and index = 5",
        "update tile set hashes = set_byte(hashes, 9, get_byte(hashes, 9) # 1) where ledger = 1 and log = 0 and index = 0",
        "update cursor set checked_root = set_byte(checked_root, 0, get_byte(checked_root, 0) # 1) where ledger = 1",
    ] {
        let index = open().await;
        index.tamper(sql).await;
        for format in ["tlog-proof", "cose"] {
            let path = format!("/v1/ledgers/{BIG}/entries/5/receipt?format={format}");
            let (status, code, detail) = index.problem(&path).await;
            assert_eq!((status, code.as_str()), (500, "stored_data_corrupt"), "{sql}: {detail}");
        }
    }
}

fn bits(bytes: &[u8]) -> impl Iterator<Item = (usize, u8)> + use<> {
    (0..bytes.len()).flat_map(|byte| (0..8).map(move |bit| (byte, 1 << bit)))
}

fn flip(bytes: &[u8], byte: usize, bit: u8) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[byte] ^= bit;
    changed
}
