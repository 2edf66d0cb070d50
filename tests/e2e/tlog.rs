//! A ledger of the chain, read as a transparency log by crates that share nothing with the project, `tlog_tiles` and
//! `signed_note`. All that is ours here is HTTP and the form of paths.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{
    Checkpoint, Error, Hash, Tile, TileHashReader, TileReader, check_record, check_tree, prove_record, prove_tree,
    record_hash,
};

use crate::naive;
use crate::stack::{Stack, index, stack};

/// More than one full tile, and no power of two.
const SIZE: u64 = 300;

/// A log of a server's.
struct Log(String);

impl Log {
    fn read(&self, path: &str) -> Vec<u8> {
        let response = reqwest::blocking::get(format!("{}/{path}", self.0)).unwrap();
        response.error_for_status().unwrap().bytes().unwrap().to_vec()
    }

    /// The head, its signature verified by the operator's key.
    fn checkpoint(&self) -> Checkpoint {
        let key = String::from_utf8(self.read("key")).unwrap();
        let verifier = StandardVerifier::new(key.trim()).unwrap();
        let note = Note::from_bytes(&self.read("checkpoint")).unwrap();
        let (verified, _) = note.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
        assert_eq!(verified.len(), 1);
        Checkpoint::from_bytes(note.text()).unwrap()
    }
}

impl TileReader for Log {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        // The crate's paths are Go's, which have the tiles' height as well.
        Ok(tiles.iter().map(|tile| self.read(&tile.path().replacen("tile/8/", "tile/", 1))).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

/// The bytes of an account, finalized, by the chain's own interface.
fn account(stack: &Stack, address: &str) -> Vec<u8> {
    let options = json!({ "encoding": "base64", "commitment": "finalized" });
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "getAccountInfo", "params": [address, options] });
    let answer: Value = reqwest::blocking::Client::new().post(&stack.rpc).json(&call).send().unwrap().json().unwrap();
    STANDARD.decode(answer["result"]["value"]["data"][0].as_str().unwrap()).unwrap()
}

#[test]
fn other_peoples_readers_authenticate_a_ledger_of_the_chain() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&[]);
    let entries: Vec<String> = (0..SIZE).map(|entry| format!("\"entry {entry}\"")).collect();
    stack.append_lines(&ledger, &entries);
    index.wait_for(&ledger, SIZE);
    let leaves: Vec<[u8; 32]> = entries.iter().map(|entry| naive::leaf_hash(entry.as_bytes())).collect();

    let log = Log(format!("{}/tlog/{ledger}/entries", index.api.url()));
    let checkpoint = log.checkpoint();
    let root = *checkpoint.hash();
    assert_eq!((checkpoint.size(), root.0), (SIZE, naive::root(&leaves)));
    assert!(account(stack, &ledger).windows(32).any(|bytes| bytes == root.0), "the chain's head is the checkpoint's");

    let reader = TileHashReader::new(SIZE, root, &log);
    for at in [0, 1, 255, 256, SIZE - 1] {
        let proof = prove_record(SIZE, at, &reader).unwrap();
        let entry = record_hash(entries[at as usize].as_bytes());
        check_record(&proof, SIZE, root, at, entry).unwrap();
        assert!(check_record(&proof, SIZE, root, at, record_hash(b"another")).is_err());
    }
    for earlier in [1, 255, 256, 257, SIZE - 1] {
        let proof = prove_tree(SIZE, earlier, &reader).unwrap();
        let before = Hash(naive::root(&leaves[..earlier as usize]));
        check_tree(&proof, SIZE, root, earlier, before).unwrap();
        assert!(check_tree(&proof, SIZE, root, earlier, root).is_err());
    }

    let events = Log(format!("{}/tlog/{ledger}/events", index.api.url()));
    let checkpoint = events.checkpoint();
    let (size, root) = (checkpoint.size(), *checkpoint.hash());
    let reader = TileHashReader::new(size, root, &events);
    let (_, page) = index.get(&format!("/v1/ledgers/{ledger}/events?limit=1"));
    let created = STANDARD.decode(page["events"][0]["leaf"].as_str().unwrap()).unwrap();
    check_record(&prove_record(size, 0, &reader).unwrap(), size, root, 0, record_hash(&created)).unwrap();
}
