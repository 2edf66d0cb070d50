//! SPL account compression: a concurrent Merkle tree without canopy, filled by one `append` to a transaction.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use counterfoil_append::{Keypair, Signer};
use sha2::{Digest, Sha256};
use sha3::Keccak256;
use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::Pubkey;

use crate::chain::Chain;
use crate::table::Column;

const PROGRAM: Pubkey = Pubkey::from_str_const("cmtDvXumGCrqC1Age74AVPhSRVXJMd8PJS91L8KbNCK");
const NOOP: Pubkey = Pubkey::from_str_const("noopb9bkMVfRPU8AsbpTUg8AQkHtKwMYZiFUjNRtMmV");
const SYSTEM_PROGRAM: Pubkey = Pubkey::new_from_array([0; 32]);

type Node = [u8; 32];

/// The shape of a tree: 2^depth leaves, and how many roots (with the paths that led to them) it keeps.
#[derive(Clone, Copy)]
pub struct Shape {
    pub depth: u32,
    pub buffer: u32,
}

impl Shape {
    const HEADER: usize = 56;
    const COUNTERS: usize = 24;

    /// Root, path, index.
    const fn change_log_bytes(self) -> usize {
        32 + 32 * self.depth as usize + 8
    }

    /// Header, counters, the ring of changes, the rightmost proof with its leaf and index.
    const fn account_bytes(self) -> usize {
        Self::HEADER
            + Self::COUNTERS
            + self.buffer as usize * self.change_log_bytes()
            + 32 * self.depth as usize
            + 32
            + 8
    }

    /// The current root in an account's data.
    fn root(self, data: &[u8]) -> Node {
        let tree = &data[Self::HEADER..];
        let active = u64::from_le_bytes(tree[8..16].try_into().expect("eight bytes"));
        let start = Self::COUNTERS + active as usize * self.change_log_bytes();
        tree[start..start + 32].try_into().expect("32 bytes")
    }
}

/// Measures the programs in `folder`, as `peer/build` leaves them.
pub fn measure(folder: &Path, shape: Shape, appends: u64) -> Result<Column> {
    let mut peer = Peer::new(folder, shape)?;
    let mut column = Column::new(format!("SPL, depth {}, buffer {}", shape.depth, shape.buffer));
    column.row("create", peer.create()?);
    for index in 0..appends {
        column.appends.push(peer.append(leaf(index)).with_context(|| format!("append {index}"))?);
    }
    let levels = peer.check_root()?;
    peer.measure_verify(&levels, &mut column)?;
    let bytes = peer.chain.account(&peer.tree.pubkey())?.len();
    column.account(bytes, peer.chain.rent(bytes), 1 << shape.depth);
    Ok(column)
}

struct Peer {
    chain: Chain,
    authority: Keypair,
    tree: Keypair,
    shape: Shape,
    leaves: Vec<Node>,
    /// The root after each append.
    roots: Vec<Node>,
}

impl Peer {
    fn new(folder: &Path, shape: Shape) -> Result<Self> {
        let files = (folder.join("compression.so"), folder.join("noop.so"));
        let mut chain = Chain::new(&[(PROGRAM, &files.0), (NOOP, &files.1)])?;
        let authority = Keypair::new_from_array([1; 32]);
        chain.fund(&authority.pubkey())?;
        let tree = Keypair::new_from_array([2; 32]);
        Ok(Self { chain, authority, tree, shape, leaves: Vec::new(), roots: Vec::new() })
    }

    /// The account is made by an instruction of its own, for a program cannot make one above 10,240 bytes by CPI.
    fn create(&mut self) -> Result<u64> {
        let bytes = self.shape.account_bytes();
        let mut data = 0u32.to_le_bytes().to_vec();
        data.extend(self.chain.rent(bytes).to_le_bytes());
        data.extend((bytes as u64).to_le_bytes());
        data.extend(PROGRAM.to_bytes());
        let accounts =
            vec![AccountMeta::new(self.authority.pubkey(), true), AccountMeta::new(self.tree.pubkey(), true)];
        let make = Instruction { program_id: SYSTEM_PROGRAM, accounts, data };
        let made = self.chain.execute(make, &[&self.authority, &self.tree])?;

        let arguments = [self.shape.depth.to_le_bytes(), self.shape.buffer.to_le_bytes()].concat();
        let init = self.modify("init_empty_merkle_tree", &arguments);
        let done = self.chain.execute(init, &[&self.authority])?;
        Ok(made.compute_units_consumed + done.compute_units_consumed)
    }

    fn append(&mut self, leaf: Node) -> Result<u64> {
        let instruction = self.modify("append", &leaf);
        let done = self.chain.execute(instruction, &[&self.authority])?;
        let emitted = done.inner_instructions.iter().flatten().count();
        ensure!(emitted == 1, "an append emits one event, not {emitted}");
        self.leaves.push(leaf);
        let data = self.chain.account(&self.tree.pubkey())?;
        self.roots.push(self.shape.root(&data));
        Ok(done.compute_units_consumed)
    }

    fn modify(&self, name: &str, arguments: &[u8]) -> Instruction {
        let accounts = vec![
            AccountMeta::new(self.tree.pubkey(), false),
            AccountMeta::new_readonly(self.authority.pubkey(), true),
            AccountMeta::new_readonly(NOOP, false),
        ];
        instruction(name, accounts, arguments)
    }

    fn verify_instruction(&self, root: &Node, leaf: &Node, index: u32, proof: &[Node]) -> Instruction {
        let mut accounts = vec![AccountMeta::new_readonly(self.tree.pubkey(), false)];
        accounts.extend(proof.iter().map(|node| AccountMeta::new_readonly(Pubkey::new_from_array(*node), false)));
        let arguments = [root.as_slice(), leaf, &index.to_le_bytes()].concat();
        instruction("verify_leaf", accounts, &arguments)
    }

    /// Compares the tree's root with one computed here from the leaves; returns all levels of that tree.
    fn check_root(&self) -> Result<Vec<Vec<Node>>> {
        let levels = levels(&self.leaves, self.shape.depth);
        let (root, computed) = (self.roots.last(), levels.last().and_then(|level| level.first()));
        ensure!(root == computed, "the tree's root {root:02x?} is not the leaves' {computed:02x?}");
        Ok(levels)
    }

    /// A leaf in the middle, by a proof against the newest root, and by one against the oldest that the tree keeps.
    /// Nothing is measured where the proof is too long for a transaction.
    fn measure_verify(&mut self, newest: &[Vec<Node>], column: &mut Column) -> Result<()> {
        let index = self.leaves.len() / 2 - 1;
        let leaf = self.leaves[index];
        let proof = proof(newest, index);
        let root = *self.roots.last().context("an append")?;
        let forged = self.verify_instruction(&root, &[0xff; 32], index as u32, &proof);
        if !self.chain.fits(&forged, 0) {
            return Ok(());
        }
        ensure!(self.chain.execute(forged, &[]).is_err(), "a leaf that is not there was proven");
        let instruction = self.verify_instruction(&root, &leaf, index as u32, &proof);
        column.row("verify, newest root", self.chain.execute(instruction, &[])?.compute_units_consumed);

        let kept = self.shape.buffer as usize;
        let then = self.leaves.len().checked_sub(kept - 1).context("fewer appends than roots kept")?;
        let levels = levels(&self.leaves[..then], self.shape.depth);
        let instruction =
            self.verify_instruction(&self.roots[then - 1], &leaf, index as u32, &self::proof(&levels, index));
        column.row("verify, oldest root kept", self.chain.execute(instruction, &[])?.compute_units_consumed);
        Ok(())
    }
}

/// By Anchor's discriminator: the first eight bytes of SHA-256("global:" + name).
fn instruction(name: &str, accounts: Vec<AccountMeta>, arguments: &[u8]) -> Instruction {
    let mut data = Sha256::digest(format!("global:{name}"))[..8].to_vec();
    data.extend_from_slice(arguments);
    Instruction { program_id: PROGRAM, accounts, data }
}

/// A different one for each index, and never zero, which stands for an empty leaf.
fn leaf(index: u64) -> Node {
    let mut leaf = [0x5a; 32];
    leaf[..8].copy_from_slice(&index.to_le_bytes());
    leaf
}

fn parent(left: &Node, right: &Node) -> Node {
    // Another major of the traits than that of SHA-256, hence by its full name.
    sha3::Digest::finalize(sha3::Digest::chain_update(sha3::Digest::chain_update(Keccak256::default(), left), right))
        .into()
}

/// The root of 2^level empty leaves.
fn empty(level: usize) -> Node {
    (0..level).fold([0; 32], |node, _| parent(&node, &node))
}

/// All nodes that are not empty, leaves first, the root last.
fn levels(leaves: &[Node], depth: u32) -> Vec<Vec<Node>> {
    let mut levels = vec![leaves.to_vec()];
    for level in 0..depth as usize {
        let filler = empty(level);
        let below = &levels[level];
        levels.push(below.chunks(2).map(|pair| parent(&pair[0], pair.get(1).unwrap_or(&filler))).collect());
    }
    levels
}

/// The siblings on the way from a leaf to the root.
fn proof(levels: &[Vec<Node>], index: usize) -> Vec<Node> {
    let sibling = |level: usize| levels[level].get((index >> level) ^ 1).copied();
    (0..levels.len() - 1).map(|level| sibling(level).unwrap_or_else(|| empty(level))).collect()
}
