//! Checkpoints and proofs as C2SP writes them. Sources: <https://c2sp.org/tlog-checkpoint>, <https://c2sp.org/tlog-proof>.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use merkle_log::{Hash, LeafHash, LeafIndex, Root, TreeHead, TreeSize, verify_inclusion};
use signed_note::{Note, Signer, StandardSigner, StandardVerifier, Verifier, VerifierList};

use crate::{Inclusion, SignedError};

const FORMAT: &str = "c2sp.org/tlog-proof@v1";

/// The head of the signer's log as a signed note: the log's name, size and root.
#[must_use]
pub fn checkpoint(head: &TreeHead, signer: &StandardSigner) -> Vec<u8> {
    let text = format!("{}\n{}\n{}\n", signer.name(), head.size, STANDARD.encode(head.root.0));
    let mut note = Note::new(text.as_bytes(), &[]).expect("the text has lines, and no control characters");
    note.add_sigs(&[signer]).expect("one signature of a good key");
    note.to_bytes()
}

/// The proof file of a leaf under the head of the signer's log; it has no extra line. Verified as its reader will.
///
/// # Errors
/// [`SignedError::Proof`] unless the proof leads to the head.
pub fn proof(inclusion: &Inclusion<'_>, head: &TreeHead, signer: &StandardSigner) -> Result<Vec<u8>, SignedError> {
    verify_inclusion(head, inclusion.index, &inclusion.leaf, inclusion.proof)?;
    let mut text = format!("{FORMAT}\nindex {}\n", inclusion.index);
    for hash in inclusion.proof {
        text.push_str(&STANDARD.encode(hash.0));
        text.push('\n');
    }
    text.push('\n');
    Ok([text.into_bytes(), checkpoint(head, signer)].concat())
}

/// Verifies a proof file: the key of a log signed a head, which has this leaf at this index. Gives that head.
///
/// # Errors
/// [`SignedError`].
pub fn verify(file: &[u8], index: LeafIndex, leaf: &LeafHash, key: &StandardVerifier) -> Result<TreeHead, SignedError> {
    let malformed = SignedError::Malformed;
    let end = file.windows(2).position(|two| two == b"\n\n").ok_or(malformed("no empty line"))?;
    let (head, checkpoint) = file.split_at(end);
    let text = std::str::from_utf8(head).map_err(|_| malformed("its lines are not text"))?;
    let mut lines = text.split('\n').peekable();
    if lines.next() != Some(FORMAT) {
        return Err(malformed("its first line is not c2sp.org/tlog-proof@v1"));
    }
    // Neither signature nor proof covers the extra line.
    lines.next_if(|line| line.starts_with("extra "));
    let found = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(number);
    let found = found.and_then(|index| LeafIndex::new(index).ok()).ok_or(malformed("no index"))?;
    if found != index {
        return Err(SignedError::OtherIndex { found, expected: index });
    }
    let hashes: Option<Vec<Hash>> = lines.map(|line| hash(line).map(Hash)).collect();
    let hashes = hashes.ok_or(malformed("a hash is not 32 bytes in base64"))?;
    let head = verify_checkpoint(checkpoint.get(2..).unwrap_or_default(), key)?;
    verify_inclusion(&head, index, leaf, &hashes)?;
    Ok(head)
}

/// Verifies that the key of a log signed a checkpoint. Gives its head.
fn verify_checkpoint(note: &[u8], key: &StandardVerifier) -> Result<TreeHead, SignedError> {
    let malformed = SignedError::Malformed("its checkpoint is not a name, a size and a root");
    let note = Note::from_bytes(note).map_err(SignedError::Note)?;
    note.verify(&VerifierList::new(vec![Box::new(key.clone())])).map_err(SignedError::Note)?;
    let Ok(text) = std::str::from_utf8(note.text()) else { return Err(malformed) };
    let mut lines = text.split('\n');
    let (Some(name), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
        return Err(malformed);
    };
    if name != key.name() {
        return Err(SignedError::OtherLog { found: name.to_owned(), expected: key.name().to_owned() });
    }
    match (number(size).map(TreeSize::new), hash(root)) {
        (Some(Ok(size)), Some(root)) => Ok(TreeHead { size, root: Root(root) }),
        _ => Err(malformed),
    }
}

/// A number in digits, without leading zeros.
fn number(text: &str) -> Option<u64> {
    text.parse::<u64>().ok().filter(|number| number.to_string() == text)
}

fn hash(text: &str) -> Option<[u8; 32]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}
