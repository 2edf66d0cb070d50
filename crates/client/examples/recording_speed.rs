//! How fast a recording is read: `cargo run --profile dist -p counterfoil-client --example recording_speed`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::Instant;

use counterfoil_client::{InnerInstruction, Recording, RecordingWriter, TransactionRecord};
use counterfoil_core::{GenesisHash, ProgramId};
use futures_util::StreamExt;

const TRANSACTIONS: u32 = 300_000;

fn random(state: &mut u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    for chunk in bytes.chunks_mut(8) {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        chunk.copy_from_slice(&state.to_le_bytes());
    }
    bytes
}

/// As one `append` of one small entry is: a wallet, a ledger, the authority, the program; one event.
fn transaction(number: u32, entry_bytes: usize, state: &mut u64) -> TransactionRecord {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&random(state));
    signature[32..].copy_from_slice(&random(state));
    let mut data: Vec<u8> = (0..7).flat_map(|_| random(state)).take(172).collect();
    data.resize(172 + entry_bytes, b'x');
    TransactionRecord {
        signature,
        slot: u64::from(number / 2),
        is_ok: true,
        accounts: vec![[1; 32], [2; 32], [3; 32], [4; 32]],
        inner_instructions: vec![InnerInstruction { program: 3, accounts: vec![2], data }],
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for entry_bytes in [100, 4_000] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("speed.rec");
        let file = BufWriter::new(File::create(&path).expect("a file"));
        let mut writer = RecordingWriter::new(file, GenesisHash([9; 32]), ProgramId([4; 32])).expect("it is written");
        let (mut state, started) = (88_172_645_463_325_252, Instant::now());
        let transactions = TRANSACTIONS * 100 / u32::try_from(entry_bytes).expect("small").max(100);
        for number in 0..transactions {
            writer.write_transaction(&transaction(number, entry_bytes, &mut state)).expect("it is written");
        }
        writer.finish().expect("it is written").flush().expect("it is written");
        let written = started.elapsed();
        let started = Instant::now();
        let mut feed = Recording::feed(&path);
        let mut read = 0;
        while let Some(chunk) = feed.next().await {
            read += chunk.expect("it is whole").len();
        }
        let seconds = started.elapsed().as_secs_f64();
        let bytes = path.metadata().expect("it is there").len();
        println!(
            "{{\"entry_bytes\":{entry_bytes},\"transactions\":{read},\"file_bytes\":{bytes},\"written_per_second\":{:.0},\
             \"read_per_second\":{:.0}}}",
            f64::from(transactions) / written.as_secs_f64(),
            f64::from(transactions) / seconds
        );
    }
}
