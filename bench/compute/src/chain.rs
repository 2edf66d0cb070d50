//! LiteSVM, and transactions of one instruction, so that a transaction's compute units are that instruction's.

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use counterfoil_append::{Keypair, Signer};
use litesvm::LiteSVM;
use litesvm::types::TransactionMetadata;
use solana_instruction::Instruction;
use solana_message::Message;
use solana_pubkey::Pubkey;
use solana_transaction::Transaction;

const WEALTH: u64 = 1_000_000_000_000;
/// The bytes that a packet leaves to a transaction.
const MAX_TRANSACTION_BYTES: usize = 1_232;

/// A chain with programs on it and a wallet that pays fees and does nothing else.
pub struct Chain {
    pub svm: LiteSVM,
    fee_payer: Keypair,
}

impl Chain {
    /// Signatures are made but not checked: that costs time, never compute units.
    pub fn new(programs: &[(Pubkey, &Path)]) -> Result<Self> {
        let mut svm = LiteSVM::new().with_sigverify(false).with_transaction_history(0);
        for (id, file) in programs {
            svm.add_program_from_file(*id, file).with_context(|| format!("loading {}", file.display()))?;
        }
        let mut chain = Self { svm, fee_payer: Keypair::new_from_array([9; 32]) };
        chain.fund(&chain.fee_payer.pubkey())?;
        Ok(chain)
    }

    pub fn fund(&mut self, wallet: &Pubkey) -> Result<()> {
        self.svm.airdrop(wallet, WEALTH).map_err(|failed| anyhow!("airdrop: {:?}", failed.err))?;
        Ok(())
    }

    pub fn rent(&self, bytes: usize) -> u64 {
        self.svm.minimum_balance_for_rent_exemption(bytes)
    }

    pub fn account(&self, address: &Pubkey) -> Result<Vec<u8>> {
        Ok(self.svm.get_account(address).with_context(|| format!("no account {address}"))?.data)
    }

    /// Whether an instruction fits into a transaction that `signers` sign besides the fee payer.
    pub fn fits(&self, instruction: &Instruction, signers: usize) -> bool {
        self.message(instruction).serialize().len() + 1 + 64 * (1 + signers) <= MAX_TRANSACTION_BYTES
    }

    /// Executes one instruction.
    pub fn execute(&mut self, instruction: Instruction, signers: &[&Keypair]) -> Result<TransactionMetadata> {
        ensure!(self.fits(&instruction, signers.len()), "the instruction does not fit into a transaction");
        let mut all = vec![&self.fee_payer];
        all.extend(signers);
        let transaction = Transaction::new(&all, self.message(&instruction), self.svm.latest_blockhash());
        let done = self.svm.send_transaction(transaction);
        done.map_err(|failed| anyhow!("{:?}\n{}", failed.err, failed.meta.logs.join("\n")))
    }

    fn message(&self, instruction: &Instruction) -> Message {
        Message::new(std::slice::from_ref(instruction), Some(&self.fee_payer.pubkey()))
    }
}
