//! A ledger on the chain and its model, moved together.

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::{AccountMeta, Instruction};
use counterfoil::instructions::ProofTarget;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::{
    Chain, Hash, Log, Model, Moment, START, find_ledger, find_writer, instruction, sha256, subtree_levels, writer_bytes,
};

pub struct Scene {
    pub chain: Chain,
    pub authority: Keypair,
    pub ledger: Model,
    pub now: Moment,
}

pub const ID: [u8; 32] = [0xa5; 32];

impl Scene {
    /// A ledger made by `create_ledger`.
    pub fn new(flags: u32) -> Self {
        let mut scene = Self::before(flags);
        let create = scene.create_instruction();
        let done = scene.chain.succeed(create, &[&scene.authority]);
        assert_eq!(done.event, scene.ledger.create(scene.now));
        scene.expect_model();
        scene.tick();
        scene
    }

    /// A ledger of any size, with `event_seq` events.
    pub fn seeded(flags: u32, size: u64, event_seq: u64) -> Self {
        let mut scene = Self::before(flags);
        scene.reseed(size, event_seq);
        scene
    }

    /// Makes the ledger one of any size, with `event_seq` events.
    pub fn reseed(&mut self, size: u64, event_seq: u64) {
        let ledger = &mut self.ledger;
        ledger.leaves_by_subtree = 0;
        ledger.ring = [(0, [0; 32]); 16];
        ledger.heads_written = size.min(event_seq - 1);
        for back in 1..ledger.heads_written.min(16) {
            let slot = ((ledger.heads_written - 1 - back) % 16) as usize;
            ledger.ring[slot] = (size - back, [back as u8; 32]);
        }
        ledger.entries = Log::seeded(size, "entries");
        ledger.events = Log::seeded(event_seq, "events");
        if let Some(others) = ledger.heads_written.checked_sub(1) {
            ledger.heads_written = others;
            ledger.push_head();
            ledger.appended = self.now;
        }
        self.seed();
        self.tick();
    }

    /// A ledger of 2^`level` equal leaves; the leaf, and the one proof that fits all of them.
    pub fn perfect(level: u32) -> (Self, Hash, Vec<Hash>) {
        let mut nodes = vec![sha256(&[b"leaf"])];
        for height in 0..level as usize {
            let node = nodes[height];
            nodes.push(sha256(&[&[1], &node, &node]));
        }
        let root = nodes.pop().expect("the last");
        let mut scene = Self::seeded(0, 1 << level, 1 << 20);
        scene.ledger.entries = Log::empty();
        scene.ledger.entries.append_subtree(level, root);
        let newest = (scene.ledger.heads_written - 1) % 16;
        scene.ledger.ring[newest as usize] = (1 << level, root);
        scene.seed();
        (scene, *nodes.first().unwrap_or(&root), nodes)
    }

    /// A ledger that is not there yet.
    pub fn before(flags: u32) -> Self {
        let mut chain = Chain::new();
        let authority = chain.wallet_of([1; 32]);
        let ledger = Model::new(find_ledger(&authority.pubkey(), &ID), authority.pubkey(), ID, flags, START);
        Self { chain, authority, ledger, now: START }
    }

    /// Writes the model's bytes as the account.
    pub fn seed(&mut self) {
        self.chain.seed(self.ledger.address, self.ledger.bytes());
    }

    /// Time goes on: 1 slot, 3 seconds.
    pub fn tick(&mut self) {
        self.now = Moment { slot: self.now.slot + 1, time: self.now.time + 3 };
        self.chain.set_clock(self.now);
    }

    #[track_caller]
    pub fn expect_model(&self) {
        let account = self.chain.account(&self.ledger.address).expect("a ledger");
        assert_eq!(account.data, self.ledger.bytes());
        assert_eq!(account.owner, counterfoil::ID);
        assert_eq!(account.lamports, self.chain.svm.minimum_balance_for_rent_exemption(4_048));
    }

    /// Appends as the authority; account and event are compared whole. Returns the compute units.
    #[track_caller]
    pub fn append(&mut self, entries: &[Vec<u8>]) -> u64 {
        let authority = self.authority.insecure_clone();
        self.append_as(&authority, None, entries)
    }

    #[track_caller]
    pub fn append_as(&mut self, appender: &Keypair, writer: Option<Pubkey>, entries: &[Vec<u8>]) -> u64 {
        let instruction = self.append_instruction(&appender.pubkey(), writer, None, entries);
        let done = self.chain.succeed(instruction, &[appender]);
        assert_eq!(done.event, self.ledger.append(appender.pubkey(), entries, self.now));
        self.expect_model();
        self.tick();
        done.compute_units
    }

    /// Grants; ledger, grant and event are compared whole. Returns the grant's address and the compute units.
    #[track_caller]
    pub fn grant(&mut self, wallet: &Pubkey, permissions: u32, expires_at: i64) -> (Pubkey, u64) {
        let instruction = self.grant_instruction(wallet, permissions, expires_at);
        let done = self.chain.succeed(instruction, &[&self.authority]);
        assert_eq!(done.event, self.ledger.grant(*wallet, permissions, expires_at, self.now));
        self.expect_model();
        let (address, bump) = find_writer(&self.ledger.address, wallet);
        let grant = self.chain.account(&address).expect("a grant");
        assert_eq!(grant.data, writer_bytes(&self.ledger.address, wallet, permissions, expires_at, bump));
        assert_eq!(grant.owner, counterfoil::ID);
        assert_eq!(grant.lamports, self.chain.svm.minimum_balance_for_rent_exemption(85));
        self.tick();
        (address, done.compute_units)
    }

    /// Revokes; ledger, grant, refund and event are compared whole. Returns the compute units.
    #[track_caller]
    pub fn revoke(&mut self, wallet: &Pubkey) -> u64 {
        let address = find_writer(&self.ledger.address, wallet).0;
        let refund = self.chain.account(&address).expect("a grant").lamports;
        let before = self.chain.account(&self.authority.pubkey()).expect("a wallet").lamports;
        let done = self.chain.succeed(self.revoke_instruction(&address), &[&self.authority]);
        assert_eq!(done.event, self.ledger.revoke(*wallet, self.now));
        self.expect_model();
        assert_eq!(self.chain.account(&address), None);
        assert_eq!(self.chain.account(&self.authority.pubkey()).expect("a wallet").lamports, before + refund);
        self.tick();
        done.compute_units
    }

    /// Appends subtrees as the authority; account and event are compared whole. Returns the compute units.
    #[track_caller]
    pub fn append_subtrees(&mut self, leaves: u64) -> u64 {
        let authority = self.authority.insecure_clone();
        self.append_subtrees_as(&authority, None, leaves)
    }

    #[track_caller]
    pub fn append_subtrees_as(&mut self, appender: &Keypair, writer: Option<Pubkey>, leaves: u64) -> u64 {
        let (size, hashes) = (self.ledger.entries.size, self.subtree_hashes(leaves));
        let instruction = self.append_subtrees_instruction(&appender.pubkey(), writer, size, leaves, &hashes);
        let done = self.chain.succeed(instruction, &[appender]);
        assert_eq!(done.event, self.ledger.append_subtrees(appender.pubkey(), leaves, &hashes, self.now));
        self.expect_model();
        self.tick();
        done.compute_units
    }

    /// Any hashes, as many as the next `leaves` leaves have subtrees.
    pub fn subtree_hashes(&self, leaves: u64) -> Vec<Hash> {
        let size = self.ledger.entries.size;
        let count = subtree_levels(size, leaves).len() as u32;
        (0..count).map(|number| sha256(&[b"subtree", &size.to_le_bytes(), &number.to_le_bytes()])).collect()
    }

    /// Offers the authority to a wallet; account and event are compared whole. Returns the compute units.
    #[track_caller]
    pub fn propose(&mut self, pending_authority: &Pubkey) -> u64 {
        let instruction = self.propose_instruction(pending_authority);
        let event = self.ledger.propose(*pending_authority, self.now);
        let authority = self.authority.insecure_clone();
        self.expect_done(instruction, &authority, &event)
    }

    /// Accepts as the wallet to which the authority was offered, which is the scene's authority from then on.
    #[track_caller]
    pub fn accept(&mut self, wallet: &Keypair) -> u64 {
        let instruction = self.accept_instruction(&wallet.pubkey());
        let event = self.ledger.accept(self.now);
        self.authority = wallet.insecure_clone();
        self.expect_done(instruction, wallet, &event)
    }

    #[track_caller]
    pub fn disallow_subtrees(&mut self) -> u64 {
        let event = self.ledger.disallow_subtrees(self.now);
        let authority = self.authority.insecure_clone();
        self.expect_done(self.disallow_subtrees_instruction(), &authority, &event)
    }

    #[track_caller]
    pub fn seal_ledger(&mut self) -> u64 {
        let instruction = self.seal_instruction(self.ledger.entries.size);
        let event = self.ledger.seal(self.now);
        let authority = self.authority.insecure_clone();
        self.expect_done(instruction, &authority, &event)
    }

    #[track_caller]
    fn expect_done(&mut self, instruction: Instruction, signer: &Keypair, event: &[u8]) -> u64 {
        let done = self.chain.succeed(instruction, &[signer]);
        assert_eq!(done.event, event);
        self.expect_model();
        self.tick();
        done.compute_units
    }

    pub fn create_instruction(&self) -> Instruction {
        instruction::create_ledger(&self.authority.pubkey(), &self.ledger.address, self.ledger.id, self.ledger.flags)
    }

    pub fn append_instruction(
        &self,
        appender: &Pubkey,
        writer: Option<Pubkey>,
        expected_size: Option<u64>,
        entries: &[Vec<u8>],
    ) -> Instruction {
        instruction::append(appender, &self.ledger.address, writer, expected_size, entries)
    }

    pub fn append_subtrees_instruction(
        &self,
        appender: &Pubkey,
        writer: Option<Pubkey>,
        expected_size: u64,
        leaves: u64,
        hashes: &[Hash],
    ) -> Instruction {
        instruction::append_subtrees(appender, &self.ledger.address, writer, expected_size, leaves, hashes)
    }

    pub fn grant_instruction(&self, wallet: &Pubkey, permissions: u32, expires_at: i64) -> Instruction {
        let authority = self.authority.pubkey();
        instruction::grant_writer(&authority, &self.ledger.address, wallet, permissions, expires_at)
    }

    pub fn revoke_instruction(&self, writer: &Pubkey) -> Instruction {
        instruction::revoke_writer(&self.authority.pubkey(), &self.ledger.address, writer)
    }

    pub fn propose_instruction(&self, pending_authority: &Pubkey) -> Instruction {
        instruction::propose_authority(&self.authority.pubkey(), &self.ledger.address, pending_authority)
    }

    pub fn accept_instruction(&self, wallet: &Pubkey) -> Instruction {
        instruction::accept_authority(wallet, &self.ledger.address)
    }

    pub fn disallow_subtrees_instruction(&self) -> Instruction {
        instruction::disallow_subtrees(&self.authority.pubkey(), &self.ledger.address)
    }

    pub fn seal_instruction(&self, expected_size: u64) -> Instruction {
        instruction::seal_ledger(&self.authority.pubkey(), &self.ledger.address, expected_size)
    }

    pub fn verify_instruction(&self, leaf: Hash, index: u64, target: ProofTarget, proof: &[Hash]) -> Instruction {
        instruction::verify_inclusion(&self.ledger.address, leaf, index, target, proof)
    }
}

/// One account of an instruction, to be changed.
pub fn meta<'a>(instruction: &'a mut Instruction, address: &Pubkey) -> &'a mut AccountMeta {
    instruction.accounts.iter_mut().find(|account| account.pubkey == *address).expect("an account of the instruction")
}
