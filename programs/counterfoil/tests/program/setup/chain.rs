//! LiteSVM with the committed program.

use anchor_lang::prelude::{Clock, Pubkey};
use anchor_lang::solana_program::instruction::Instruction;
use counterfoil::errors::CounterfoilError;
use litesvm::LiteSVM;
use litesvm::types::{FailedTransactionMetadata, TransactionMetadata};
use solana_account::Account;
use solana_instruction::error::InstructionError;
use solana_keypair::Keypair;
use solana_message::Message;
use solana_signer::Signer;
use solana_transaction::Transaction;
use solana_transaction_error::TransactionError;

use super::START;

const PROGRAM: &[u8] = include_bytes!("../../../release/counterfoil.so");
const WEALTH: u64 = 1_000_000_000_000;

/// The clock's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub slot: u64,
    pub time: i64,
}

pub struct Chain {
    pub svm: LiteSVM,
    /// Pays fees and takes part in nothing else, so that all other accounts change by the program alone.
    fee_payer: Keypair,
}

/// The outcome of a transaction of one instruction.
pub struct Done {
    /// The data of the inner instruction that carries the event.
    pub event: Vec<u8>,
    pub compute_units: u64,
}

impl Chain {
    pub fn new() -> Self {
        let mut svm = LiteSVM::new();
        svm.add_program(counterfoil::ID, PROGRAM).expect("the program loads");
        let mut chain = Self { svm, fee_payer: Keypair::new() };
        chain.fund(&chain.fee_payer.pubkey());
        chain.set_clock(START);
        chain
    }

    pub fn wallet(&mut self) -> Keypair {
        let wallet = Keypair::new();
        self.fund(&wallet.pubkey());
        wallet
    }

    /// The search for an address costs compute units by its bump: with fixed keys all runs cost the same.
    pub fn wallet_of(&mut self, seed: [u8; 32]) -> Keypair {
        let wallet = Keypair::new_from_array(seed);
        self.fund(&wallet.pubkey());
        wallet
    }

    fn fund(&mut self, wallet: &Pubkey) {
        // A machine that serves many sequences has funded it already.
        if self.svm.get_balance(wallet).is_some_and(|lamports| lamports >= WEALTH / 2) {
            return;
        }
        // Two airdrops to one wallet must not be the same transaction.
        self.svm.expire_blockhash();
        self.svm.airdrop(wallet, WEALTH).expect("an airdrop");
    }

    pub fn set_clock(&mut self, now: Moment) {
        let clock = Clock { slot: now.slot, unix_timestamp: now.time, ..self.svm.get_sysvar() };
        self.svm.set_sysvar(&clock);
    }

    pub fn account(&self, address: &Pubkey) -> Option<Account> {
        self.svm.get_account(address).filter(|account| account.lamports != 0)
    }

    pub fn data(&self, address: &Pubkey) -> Vec<u8> {
        self.account(address).expect("an account").data
    }

    /// Writes an account of the program's.
    pub fn seed(&mut self, address: Pubkey, data: Vec<u8>) {
        self.seed_of(counterfoil::ID, address, data);
    }

    pub fn seed_of(&mut self, owner: Pubkey, address: Pubkey, data: Vec<u8>) {
        let lamports = self.svm.minimum_balance_for_rent_exemption(data.len());
        let account = Account { lamports, data, owner, executable: false, rent_epoch: u64::MAX };
        self.svm.set_account(address, account).expect("an account that can be set");
    }

    pub fn execute(
        &mut self,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<TransactionMetadata, Box<FailedTransactionMetadata>> {
        let transaction = self.transaction(instructions, signers);
        self.svm.send_transaction(transaction).map_err(Box::new)
    }

    pub fn transaction(&mut self, instructions: &[Instruction], signers: &[&Keypair]) -> Transaction {
        // Equal instructions must not make equal transactions, of which the second would be refused.
        self.svm.expire_blockhash();
        let message = Message::new(instructions, Some(&self.fee_payer.pubkey()));
        let mut all = vec![&self.fee_payer];
        all.extend(signers);
        Transaction::new(&all, message, self.svm.latest_blockhash())
    }

    /// Executes one instruction, which must succeed and emit exactly one event.
    #[track_caller]
    pub fn succeed(&mut self, instruction: Instruction, signers: &[&Keypair]) -> Done {
        let (event, compute_units) = self.succeed_with(instruction, signers);
        Done { event: event.expect("an event"), compute_units }
    }

    /// Executes one instruction, which must succeed and emit at most one event. The event, and the compute units.
    #[track_caller]
    pub fn succeed_with(&mut self, instruction: Instruction, signers: &[&Keypair]) -> (Option<Vec<u8>>, u64) {
        let transaction = self.transaction(std::slice::from_ref(&instruction), signers);
        let keys = transaction.message.account_keys.clone();
        let done = self.svm.send_transaction(transaction).unwrap_or_else(|failed| panic!("{failed:#?}"));
        let mut events = Vec::new();
        for inner in done.inner_instructions.iter().flatten() {
            if inner.instruction.program_id(&keys) == &counterfoil::ID {
                let accounts: Vec<Pubkey> =
                    inner.instruction.accounts.iter().map(|index| keys[usize::from(*index)]).collect();
                assert_eq!(accounts, [event_authority()]);
                assert_eq!(inner.stack_height, 2);
                events.push(inner.instruction.data.clone());
            }
        }
        assert!(events.len() <= 1);
        (events.pop(), done.compute_units_consumed)
    }

    /// Executes one instruction, which must be refused with exactly this error and change no account.
    #[track_caller]
    pub fn refuse(&mut self, instruction: &Instruction, signers: &[&Keypair], error: InstructionError) {
        let addresses: Vec<Pubkey> = instruction.accounts.iter().map(|account| account.pubkey).collect();
        let accounts = |chain: &Self| addresses.iter().map(|key| chain.svm.get_account(key)).collect::<Vec<_>>();
        let before = accounts(self);
        let failed = self.execute(std::slice::from_ref(instruction), signers).expect_err("a refusal");
        let expected = TransactionError::InstructionError(0, error);
        assert_eq!(failed.err, expected, "{}", failed.meta.logs.join("\n"));
        assert_eq!(accounts(self), before);
    }
}

/// The program's own error.
pub fn refused_by(error: CounterfoilError) -> InstructionError {
    InstructionError::Custom(u32::from(error))
}

/// One of Anchor's errors.
pub fn anchor(error: anchor_lang::error::ErrorCode) -> InstructionError {
    InstructionError::Custom(u32::from(error))
}

/// Another program's error, by number.
pub fn custom(code: u32) -> InstructionError {
    InstructionError::Custom(code)
}

pub fn event_authority() -> Pubkey {
    Pubkey::find_program_address(&[b"__event_authority"], &counterfoil::ID).0
}

pub fn find_ledger(creator: &Pubkey, id: &[u8; 32]) -> (Pubkey, u8) {
    Pubkey::find_program_address(&[b"ledger", creator.as_ref(), id], &counterfoil::ID)
}

pub fn find_writer(ledger: &Pubkey, wallet: &Pubkey) -> (Pubkey, u8) {
    Pubkey::find_program_address(&[b"writer", ledger.as_ref(), wallet.as_ref()], &counterfoil::ID)
}
