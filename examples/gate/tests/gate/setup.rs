//! Both programs on LiteSVM, reached by what the IDL says and nothing else.

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::solana_program::{system_instruction, system_program};
use anchor_lang::{InstructionData, ToAccountMetas};
use gate::counterfoil::client;
use gate::counterfoil::types::ProofTarget;
use litesvm::LiteSVM;
use merkle_log::{Hash, hash_children, hash_leaf};
use solana_instruction::error::InstructionError;
use solana_keypair::Keypair;
use solana_message::Message;
use solana_signer::Signer;
use solana_transaction::Transaction;
use solana_transaction_error::TransactionError;

const COUNTERFOIL: &[u8] = include_bytes!("../../../../programs/counterfoil/release/counterfoil.so");
const GATE: &[u8] = include_bytes!("../../release/gate.so");
const WEALTH: u64 = 1_000_000_000_000;

pub struct Scene {
    svm: LiteSVM,
    wallet: Keypair,
    pub ledger: Pubkey,
    pub gate: Pubkey,
    /// The ledger's leaf hashes.
    pub leaves: Vec<Hash>,
}

impl Scene {
    /// A ledger, empty, and its gate, which holds 10 SOL.
    pub fn new() -> Self {
        let mut svm = LiteSVM::new();
        svm.add_program(gate::counterfoil::ID, COUNTERFOIL).expect("the ledger's program loads");
        svm.add_program(gate::ID, GATE).expect("the gate's program loads");
        let wallet = Keypair::new();
        svm.airdrop(&wallet.pubkey(), WEALTH).expect("an airdrop");
        let (ledger, gate) = (Pubkey::default(), Pubkey::default());
        let mut scene = Self { svm, wallet, ledger, gate, leaves: Vec::new() };
        scene.ledger = scene.create_ledger([1; 32]);
        scene.gate = Pubkey::find_program_address(&[b"gate", scene.ledger.as_ref()], &gate::ID).0;
        let accounts = gate::accounts::CreateGate {
            payer: scene.wallet.pubkey(),
            gate: scene.gate,
            system_program: system_program::ID,
        };
        let create = instruction(gate::ID, &accounts, &gate::instruction::CreateGate { ledger: scene.ledger });
        scene.execute(create).expect("a gate");
        let fill = system_instruction::transfer(&scene.wallet.pubkey(), &scene.gate, 10_000_000_000);
        scene.execute(fill).expect("a transfer");
        scene
    }

    pub fn create_ledger(&mut self, id: [u8; 32]) -> Pubkey {
        let program = gate::counterfoil::ID;
        let ledger = Pubkey::find_program_address(&[b"ledger", self.wallet.pubkey().as_ref(), &id], &program).0;
        let accounts = client::accounts::CreateLedger {
            payer: self.wallet.pubkey(),
            creator: self.wallet.pubkey(),
            ledger,
            system_program: system_program::ID,
            event_authority: event_authority(),
            program,
        };
        self.execute(instruction(program, &accounts, &client::args::CreateLedger { id, flags: 0 })).expect("a ledger");
        ledger
    }

    pub fn append(&mut self, entry: &[u8]) {
        let program = gate::counterfoil::ID;
        let accounts = client::accounts::Append {
            appender: self.wallet.pubkey(),
            ledger: self.ledger,
            writer: None,
            event_authority: event_authority(),
            program,
        };
        let args = client::args::Append { expected_size: None, entries: vec![entry.to_vec()] };
        self.execute(instruction(program, &accounts, &args)).expect("it is appended");
        self.leaves.push(Hash(hash_leaf(entry).0));
    }

    pub fn pay(
        &self,
        index: u64,
        payee: &Pubkey,
        lamports: u64,
        target: ProofTarget,
        proof: Vec<[u8; 32]>,
    ) -> Instruction {
        let seeds: [&[u8]; 3] = [b"paid", self.gate.as_ref(), &index.to_le_bytes()];
        let accounts = gate::accounts::Pay {
            payer: self.wallet.pubkey(),
            gate: self.gate,
            ledger: self.ledger,
            payee: *payee,
            paid: Pubkey::find_program_address(&seeds, &gate::ID).0,
            counterfoil: gate::counterfoil::ID,
            system_program: system_program::ID,
        };
        instruction(gate::ID, &accounts, &gate::instruction::Pay { index, lamports, target, proof })
    }

    pub fn execute(&mut self, instruction: Instruction) -> Result<(), TransactionError> {
        // Equal instructions must not make equal transactions, of which the second would be refused.
        self.svm.expire_blockhash();
        let message = Message::new(&[instruction], Some(&self.wallet.pubkey()));
        let transaction = Transaction::new(&[&self.wallet], message, self.svm.latest_blockhash());
        self.svm.send_transaction(transaction).map(drop).map_err(|failed| failed.err)
    }

    #[track_caller]
    pub fn refuse(&mut self, instruction: Instruction, error: InstructionError) {
        let before = self.balance(&self.gate);
        assert_eq!(self.execute(instruction), Err(TransactionError::InstructionError(0, error)));
        assert_eq!(self.balance(&self.gate), before);
    }

    pub fn balance(&self, address: &Pubkey) -> u64 {
        self.svm.get_balance(address).unwrap_or(0)
    }
}

fn event_authority() -> Pubkey {
    Pubkey::find_program_address(&[b"__event_authority"], &gate::counterfoil::ID).0
}

fn instruction(program_id: Pubkey, accounts: &impl ToAccountMetas, data: &impl InstructionData) -> Instruction {
    Instruction { program_id, accounts: accounts.to_account_metas(None), data: data.data() }
}

/// RFC 6962 section 2.1.
fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            hash_children(&root(left), &root(right))
        }
    }
}

/// RFC 6962 section 2.1.1.
pub fn proof(index: usize, leaves: &[Hash]) -> Vec<[u8; 32]> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let split = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(split);
    let (mut hashes, sibling) =
        if index < split { (proof(index, left), right) } else { (proof(index - split, right), left) };
    hashes.push(root(sibling).0);
    hashes
}

pub fn custom(code: u32) -> InstructionError {
    InstructionError::Custom(code)
}

pub fn anchor(error: anchor_lang::error::ErrorCode) -> InstructionError {
    custom(error.into())
}

/// An error of the ledger's program, by its name in the IDL.
pub fn counterfoil_error(name: &str) -> InstructionError {
    let idl = include_str!("../../../../idls/counterfoil.json");
    let at = idl.find(&format!("\"name\": \"{name}\"")).expect("an error of the IDL");
    let before = &idl[..at];
    let code = before[before.rfind("\"code\": ").expect("a code before its name") + 8..].trim_end();
    custom(code.trim_end_matches(',').parse().expect("a code"))
}
