//! Counterfoil's program: a ledger filled by one `append` of one entry to a transaction.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use counterfoil_append::instruction::{self, ProofTarget};
use counterfoil_append::{Keypair, Signer};
use counterfoil_client::{address, idl};
use counterfoil_core::limits::HEADS;
use counterfoil_core::{LedgerAccount, LedgerId, ProgramId, Wallet};
use merkle_log::{Frontier, Hash, LeafHash, MAX_TREE_SIZE, hash_children, hash_leaf};
use solana_pubkey::Pubkey;

use crate::chain::Chain;
use crate::table::Column;

/// Both decide how long the search for the ledger's address takes: fixed, so that all runs cost the same. The program's
/// own tests use the same.
const AUTHORITY: [u8; 32] = [1; 32];
const ID: [u8; 32] = [0xa5; 32];

/// Measures the program with entries of `entry_bytes`.
pub fn measure(program_file: &Path, entry_bytes: usize, appends: u64) -> Result<Column> {
    let program = idl::declared_program();
    let mut chain = Chain::new(&[(Pubkey::new_from_array(program.0), program_file)])?;
    let authority = Keypair::new_from_array(AUTHORITY);
    chain.fund(&authority.pubkey())?;
    let wallet = Wallet(authority.pubkey().to_bytes());
    let ledger = address::ledger(program, wallet, &ID);
    let account = Pubkey::new_from_array(ledger.0);

    let created = chain.execute(instruction::create_ledger(program, wallet, &ID, 0), &[&authority])?;
    let mut column = Column::new(format!("Counterfoil, entries of {entry_bytes} bytes"));
    column.row("create", created.compute_units_consumed);

    let mut frontier = Frontier::default();
    let mut leaves = Vec::new();
    for index in 0..appends {
        let entry = entry(index, entry_bytes);
        frontier.append_leaf(&hash_leaf(&entry))?;
        leaves.push(hash_leaf(&entry));
        let append = instruction::append(program, ledger, wallet, false, None, &[entry]);
        let done = chain.execute(append, &[&authority]).with_context(|| format!("append {index}"))?;
        column.appends.push(done.compute_units_consumed);
    }

    let data = chain.account(&account)?;
    let head = LedgerAccount::decode(&data)?.head(ledger).entries;
    ensure!(head == frontier.head(), "the ledger's head {head:?} is not the log's {:?}", frontier.head());
    measure_verify(&mut chain, program, ledger, &leaves, &mut column)?;
    column.account(data.len(), chain.rent(data.len()), u128::from(MAX_TREE_SIZE));
    Ok(column)
}

/// A leaf in the middle, by a proof against the newest root, and by one against the oldest that the ledger keeps.
fn measure_verify(
    chain: &mut Chain,
    program: ProgramId,
    ledger: LedgerId,
    leaves: &[LeafHash],
    column: &mut Column,
) -> Result<()> {
    let nodes: Vec<Hash> = leaves.iter().map(|leaf| Hash::from(*leaf)).collect();
    let index = leaves.len() / 2 - 1;
    let verify = |leaf: &LeafHash, size: usize, target| {
        instruction::verify_inclusion(program, ledger, leaf, index as u64, target, &proof(&nodes[..size], index))
    };
    let newest = leaves.len();
    let forged = verify(&LeafHash([0xff; 32]), newest, ProofTarget::CurrentHead);
    ensure!(chain.execute(forged, &[]).is_err(), "a leaf that is not there was proven");
    let instruction = verify(&leaves[index], newest, ProofTarget::CurrentHead);
    column.row("verify, newest root", chain.execute(instruction, &[])?.compute_units_consumed);
    let oldest = newest - (HEADS - 1);
    let instruction = verify(&leaves[index], oldest, ProofTarget::KeptHead { size: oldest as u64 });
    column.row("verify, oldest root kept", chain.execute(instruction, &[])?.compute_units_consumed);
    Ok(())
}

/// RFC 6962 section 2.1.1.
fn proof(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut proof, sibling) = match index.checked_sub(left.len()) {
        None => (proof(left, index), root(right)),
        Some(index) => (proof(right, index), root(left)),
    };
    proof.push(sibling);
    proof
}

/// RFC 6962 section 2.1, of at least one leaf.
fn root(leaves: &[Hash]) -> Hash {
    if let [leaf] = leaves {
        return *leaf;
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    hash_children(&root(left), &root(right))
}

/// The largest power of two below a length of at least 2.
const fn split(length: usize) -> usize {
    1 << (length - 1).ilog2()
}

/// A different one for each index.
fn entry(index: u64, bytes: usize) -> Vec<u8> {
    let mut entry = vec![0x5a; bytes];
    entry[..8].copy_from_slice(&index.to_le_bytes());
    entry
}
