//! The logs as tlog-tiles, read by crates that share nothing with the project: `tlog_tiles` and `signed_note`.

use std::collections::HashMap;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use counterfoil_api::{NoteKey, Settings, app};
use counterfoil_core::LedgerId;
use signed_note::{Note, StandardVerifier, Verifier, VerifierList};
use tlog_tiles::{
    Checkpoint, Error, Hash, Tile, TileHashReader, TileReader, check_record, check_tree, prove_record, prove_tree,
    record_hash,
};

use crate::index::{BIG, BIG_EVENTS, BIG_SIZE, EMPTY, Index, SMALL, settings};
use crate::oracle;

const NAME: &str = "log.example.com";

/// An index whose API signs checkpoints.
async fn open() -> Index {
    let mut index = Index::open().await;
    let note_key = Some(NoteKey::generate(NAME).unwrap());
    index.app = app(index.pool.clone(), Settings { note_key, ..settings() });
    index
}

async fn get(index: &Index, path: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
    let response = index.send(Request::get(path).body(Body::empty()).unwrap()).await;
    let (head, body) = response.into_parts();
    (head.status, head.headers, to_bytes(body, usize::MAX).await.unwrap().to_vec())
}

async fn ok(index: &Index, path: &str) -> Vec<u8> {
    let (status, _, body) = get(index, path).await;
    assert_eq!(status, StatusCode::OK, "{path}: {}", String::from_utf8_lossy(&body));
    body
}

/// The checkpoint of a log, its signature verified by the log's own key.
async fn checkpoint(index: &Index, log: &str) -> Checkpoint {
    let key = String::from_utf8(ok(index, &format!("/tlog/{log}/key")).await).unwrap();
    let verifier = StandardVerifier::new(key.trim()).unwrap();
    assert_eq!(verifier.name(), format!("{NAME}/{log}"));
    let note = Note::from_bytes(&ok(index, &format!("/tlog/{log}/checkpoint")).await).unwrap();
    let (verified, _) = note.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!(verified.len(), 1);
    let checkpoint = Checkpoint::from_bytes(note.text()).unwrap();
    assert_eq!(checkpoint.origin(), format!("{NAME}/{log}"));
    checkpoint
}

/// The tiles of a log, as a reader of tlog-tiles reads them.
struct Server(HashMap<String, Vec<u8>>);

/// The crate's paths are Go's, which have the tiles' height as well.
fn path(tile: &Tile) -> String {
    tile.path().replacen("tile/8/", "tile/", 1)
}

impl Server {
    async fn read(index: &Index, log: &str, size: u64) -> Self {
        let mut tiles = HashMap::new();
        for tile in Tile::new_tiles(8, 0, size) {
            tiles.insert(path(&tile), ok(index, &format!("/tlog/{log}/{}", path(&tile))).await);
        }
        Self(tiles)
    }
}

impl TileReader for Server {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        Ok(tiles.iter().map(|tile| self.0[&path(tile)].clone()).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

/// The entries of a bundle.
fn unbundle(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    while let [high, low, rest @ ..] = bytes {
        let (entry, rest) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        entries.push(entry.to_vec());
        bytes = rest;
    }
    assert!(bytes.is_empty());
    entries
}

#[tokio::test]
async fn other_peoples_readers_authenticate_both_logs() {
    let index = open().await;
    let history = &index.shared.big;
    let events: Vec<Vec<u8>> = history.events.iter().map(|(leaf, _)| leaf.clone()).collect();
    for (log, leaves, size) in [("entries", &history.payloads, BIG_SIZE), ("events", &events, BIG_EVENTS)] {
        let log = format!("{BIG}/{log}");
        let checkpoint = checkpoint(&index, &log).await;
        assert_eq!(checkpoint.size(), size);
        assert_eq!(checkpoint.hash().0.as_slice(), oracle::tree(leaves, size).root().as_bytes().as_slice());

        let server = Server::read(&index, &log, size).await;
        let reader = TileHashReader::new(size, *checkpoint.hash(), &server);
        for at in [0, 1, 255, 256, 300, size - 1] {
            let proof = prove_record(size, at, &reader).unwrap();
            let leaf = record_hash(&leaves[at as usize]);
            check_record(&proof, size, *checkpoint.hash(), at, leaf).unwrap();
        }
        for earlier in [1, 255, 256, 257, size - 1, size] {
            let proof = prove_tree(size, earlier, &reader).unwrap();
            let root = Hash(oracle::tree(leaves, earlier).root().as_bytes().as_slice().try_into().unwrap());
            check_tree(&proof, size, *checkpoint.hash(), earlier, root).unwrap();
        }

        let mut read = Vec::new();
        for tile in Tile::new_tiles(8, 0, size).iter().filter(|tile| tile.level() == 0 && tile.width() > 0) {
            let bundle = path(tile).replacen("tile/0/", "tile/entries/", 1);
            read.extend(unbundle(&ok(&index, &format!("/tlog/{log}/{bundle}")).await));
        }
        assert!(read == leaves[..size as usize], "{log}: {} leaves", read.len());
    }
}

#[tokio::test]
async fn a_reader_refuses_a_tile_that_was_changed_on_the_way() {
    let index = open().await;
    let log = format!("{BIG}/entries");
    let checkpoint = checkpoint(&index, &log).await;
    let mut server = Server::read(&index, &log, BIG_SIZE).await;
    let leaf = record_hash(&index.shared.big.payloads[300]);
    for tile in ["tile/0/001", "tile/1/000.p/3"] {
        server.0.get_mut(tile).unwrap()[5] ^= 1;
        let reader = TileHashReader::new(BIG_SIZE, *checkpoint.hash(), &server);
        // The crate compares a tile with the one above it only where it has read as many tiles as the tree has peaks.
        let checked = prove_record(BIG_SIZE, 300, &reader)
            .and_then(|proof| check_record(&proof, BIG_SIZE, *checkpoint.hash(), 300, leaf));
        assert!(checked.is_err(), "{tile}");
        server.0.get_mut(tile).unwrap()[5] ^= 1;
    }
}

#[tokio::test]
async fn a_log_of_one_leaf_and_one_without_have_their_checkpoints() {
    let index = open().await;
    let checkpoint = checkpoint(&index, &format!("{EMPTY}/entries")).await;
    assert_eq!(
        (checkpoint.size(), checkpoint.hash().0.as_slice()),
        (0, oracle::tree([], 0).root().as_bytes().as_slice())
    );
    assert_eq!(ok(&index, &format!("/tlog/{EMPTY}/events/tile/0/000.p/1")).await.len(), 32);
}

#[tokio::test]
async fn partial_tiles_stay_when_the_log_has_grown_and_all_may_be_kept_for_ever() {
    let index = open().await;
    let log = format!("/tlog/{BIG}/entries/tile");
    for (whole, width, unit) in [("0/000", 256, 32), ("0/003", 132, 32), ("1/000", 3, 32)] {
        let partial =
            |width: usize| format!("{log}/{whole}{}", if width < 256 { format!(".p/{width}") } else { String::new() });
        let all = ok(&index, &partial(width)).await;
        assert_eq!(all.len(), width * unit);
        for fewer in [1, width / 2, width - 1].into_iter().filter(|fewer| *fewer > 0) {
            let (status, headers, body) = get(&index, &partial(fewer)).await;
            assert_eq!((status, &body[..]), (StatusCode::OK, &all[..fewer * unit]));
            assert_eq!(headers["cache-control"], "public, max-age=31536000, immutable");
            assert_eq!(headers["content-type"], "application/octet-stream");
        }
    }
    let (_, headers, _) = get(&index, &format!("/tlog/{BIG}/entries/checkpoint")).await;
    assert_eq!(
        (&headers["cache-control"], &headers["content-type"]),
        (&"no-cache".parse().unwrap(), &"text/plain; charset=utf-8".parse().unwrap())
    );
}

#[tokio::test]
async fn what_is_no_tile_is_refused() {
    let index = open().await;
    let unknown = LedgerId([6; 32]);
    for (path, status, code) in [
        (format!("{BIG}/entries/tile/0/003"), 404, "index_out_of_range"),
        (format!("{BIG}/entries/tile/0/003.p/133"), 404, "index_out_of_range"),
        (format!("{BIG}/entries/tile/entries/004"), 404, "index_out_of_range"),
        (format!("{BIG}/entries/tile/63/x018/x446/x744/x073/x709/x551/615"), 404, "index_out_of_range"),
        (format!("{BIG}/entries/tile/0/3"), 400, "malformed_parameter"),
        (format!("{BIG}/other/tile/0/003"), 400, "malformed_parameter"),
        ("short/entries/tile/0/003".to_owned(), 400, "malformed_key"),
        (format!("{unknown}/entries/checkpoint"), 404, "unknown_ledger"),
        (format!("{unknown}/entries/tile/0/000"), 404, "unknown_ledger"),
    ] {
        let (found, said, detail) = index.problem(&format!("/tlog/{path}")).await;
        assert_eq!((found, said.as_str()), (status, code), "{path}: {detail}");
    }
}

#[tokio::test]
async fn without_a_key_there_are_tiles_and_no_checkpoints() {
    let index = Index::open().await;
    let (status, code, detail) = index.problem(&format!("/tlog/{BIG}/entries/checkpoint")).await;
    assert_eq!((status, code.as_str()), (501, "not_configured"));
    assert!(detail.contains("--note-key"), "{detail}");
    assert_eq!(ok(&index, &format!("/tlog/{BIG}/entries/tile/0/000")).await.len(), 8_192);
}

#[tokio::test]
async fn changed_rows_are_no_tiles() {
    for (sql, path) in [
        (
            "update tile set hashes = set_byte(hashes, 9, get_byte(hashes, 9) # 1) where ledger = 1 and log = 0 and index = 1",
            "entries/tile/0/001",
        ),
        (
            "update tile set root = set_byte(root, 0, get_byte(root, 0) # 1) where ledger = 1 and log = 0 and index = 1",
            "entries/tile/1/000.p/3",
        ),
        (
            "update entry set leaf_hash = set_byte(leaf_hash, 0, get_byte(leaf_hash, 0) # 1) where ledger = 1 and index = 899",
            "entries/tile/0/003.p/132",
        ),
        ("update entry set payload = 'forged' where ledger = 1 and index = 257", "entries/tile/entries/001"),
        (
            "update event set leaf = set_byte(leaf, 64, get_byte(leaf, 64) # 1) where ledger = 1 and seq = 3",
            "events/tile/entries/000",
        ),
    ] {
        let index = open().await;
        index.tamper(sql).await;
        let (status, code, detail) = index.problem(&format!("/tlog/{BIG}/{path}")).await;
        assert_eq!((status, code.as_str()), (500, "stored_data_corrupt"), "{sql}: {detail}");
        ok(&index, &format!("/tlog/{SMALL}/entries/checkpoint")).await;
    }
}
