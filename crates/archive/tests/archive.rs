//! An archive in a folder: what is written is read, in pieces that grow, and what is damaged is named.

use std::fs;

use counterfoil_archive::{Archive, ArchiveError, LocationError};
use counterfoil_core::LedgerId;

const LEDGER: LedgerId = LedgerId([7; 32]);

fn entries(from: u64, to: u64) -> Vec<Vec<u8>> {
    (from..to).map(|n| format!("entry {n}").into_bytes()).collect()
}

fn files(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|rest| format!("{name}/{rest}")));
        } else {
            found.push(name);
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn entries_are_read_as_they_were_written_while_the_last_bundle_grows() {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = Archive::open(&folder.path().join("new").to_string_lossy()).expect("an archive");
    assert_eq!(archive.size(LEDGER).await.expect("it answers"), 0);
    for size in [1, 3, 256, 257, 700] {
        let first = archive.size(LEDGER).await.expect("it answers") / 256 * 256;
        archive.write(LEDGER, first, &entries(first, size)).await.expect("it takes them");
        assert_eq!(archive.size(LEDGER).await.expect("it answers"), size);
        let mut read = Vec::new();
        for number in 0..size.div_ceil(256) {
            read.extend(archive.read(LEDGER, number, size).await.expect("it has them"));
        }
        assert_eq!(read, entries(0, size), "{size} entries");
    }
    assert_eq!(
        files(&folder.path().join("new").join(LEDGER.to_string())),
        ["checkpoint", "tile/entries/000", "tile/entries/001", "tile/entries/002.p/188"],
        "no smaller bundle is left"
    );
}

#[tokio::test]
async fn a_damaged_archive_is_named_and_never_read_as_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = Archive::open(&folder.path().to_string_lossy()).expect("an archive");
    archive.write(LEDGER, 0, &entries(0, 300)).await.expect("it takes them");
    let ledger = folder.path().join(LEDGER.to_string());
    let malformed = async |number, size| match archive.read(LEDGER, number, size).await {
        Err(ArchiveError::Malformed { path, why }) => format!("{path}: {why}"),
        other => panic!("{other:?}"),
    };
    fs::write(ledger.join("tile/entries/000"), b"\0\x01a\0").expect("it is written");
    assert!(malformed(0, 300).await.ends_with("tile/entries/000: entry 1 ends too early"));
    fs::write(ledger.join("tile/entries/000"), b"\0\x01a").expect("it is written");
    assert!(malformed(0, 300).await.ends_with("it has 1 entries, not 256"));
    fs::remove_file(ledger.join("tile/entries/001.p/44")).expect("it was there");
    assert!(malformed(1, 300).await.ends_with("it is not there"));
    fs::write(ledger.join("checkpoint"), "name\nmany\n").expect("it is written");
    assert!(archive.size(LEDGER).await.is_err());
}

#[test]
fn a_place_that_is_none_is_refused_by_name() {
    for place in ["ftp://host/folder", "https://host/bucket", "s3:///prefix"] {
        assert!(matches!(Archive::open(place), Err(LocationError::Unknown(_))), "{place}");
    }
}
