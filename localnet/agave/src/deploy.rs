//! Programs put on the chain the way a deployer does it: by transactions of the upgradeable loader.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use counterfoil_localnet_base::Program;
use solana_commitment_config::CommitmentConfig;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_loader_v3_interface::instruction::{
    create_buffer, deploy_with_max_program_len, set_upgrade_authority, write,
};
use solana_loader_v3_interface::state::UpgradeableLoaderState;
use solana_message::Message;
use solana_pubkey::Pubkey;
use solana_rpc_client::rpc_client::RpcClient;
use solana_rpc_client_api::config::RpcSendTransactionConfig;
use solana_signer::Signer;
use solana_transaction::Transaction;

/// The bytes of a program that fit one transaction: of its 1,232 bytes, a signature, three addresses, a blockhash and the
/// instruction's head take 220.
const CHUNK: usize = 1_012;
/// How often what did not arrive is sent again, and how long each time is waited for it.
const ROUNDS: usize = 10;
const ROUND: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);

/// Deploys programs at the cost of one wallet.
pub(crate) struct Deployer<'a> {
    pub(crate) rpc: &'a RpcClient,
    pub(crate) payer: &'a Keypair,
    /// Whether to give up, asked between transactions.
    pub(crate) is_cancelled: &'a dyn Fn() -> bool,
}

impl Deployer<'_> {
    /// Deploys a program and hands it to its upgrade authority; returns when it can be called.
    pub(crate) fn deploy(&self, program: &Program) -> Result<()> {
        let Program { id, upgrade_authority, elf } = program;
        let buffer = self.write_buffer(elf).with_context(|| format!("the buffer of program {id} cannot be written"))?;
        let payer = self.payer.pubkey();
        // The first instruction makes the program's account, which is there since genesis.
        let deploy = deploy_with_max_program_len(&payer, id, &buffer, &payer, 0, elf.len())?.split_off(1);
        self.send(&deploy, &[]).with_context(|| {
            format!("program {id} cannot be deployed: are these the bytes of an SBF shared object?")
        })?;
        self.send(&[set_upgrade_authority(id, &payer, Some(upgrade_authority))], &[])
            .with_context(|| format!("program {id} cannot be handed to {upgrade_authority}"))?;
        // It can be called from the slot after its deployment on.
        let deployed = self.rpc.get_slot_with_commitment(CommitmentConfig::processed())?;
        self.wait("the slot after the deployment", || Ok(self.rpc.get_slot()? > deployed))
    }

    /// Gives lamports to the wallets that have none.
    pub(crate) fn fund(&self, wallets: &[Pubkey], lamports: u64) -> Result<()> {
        for wallet in wallets {
            if self.rpc.get_balance(wallet)? == 0 {
                self.rpc
                    .request_airdrop(wallet, lamports)
                    .with_context(|| format!("wallet {wallet} cannot be funded"))?;
                self.wait("the airdrop", || Ok(self.rpc.get_balance(wallet)? > 0))?;
            }
        }
        Ok(())
    }

    /// A new buffer that holds these bytes.
    fn write_buffer(&self, elf: &[u8]) -> Result<Pubkey> {
        let key = Keypair::new();
        let (payer, buffer) = (self.payer.pubkey(), key.pubkey());
        let size = UpgradeableLoaderState::size_of_buffer(elf.len());
        let lamports = self.rpc.get_minimum_balance_for_rent_exemption(size)?;
        self.send(&create_buffer(&payer, &buffer, &payer, lamports, elf.len())?, &[&key])?;

        let mut missing: Vec<usize> = (0..elf.len()).step_by(CHUNK).collect();
        for _ in 0..ROUNDS {
            let blockhash = self.rpc.get_latest_blockhash()?;
            for &offset in &missing {
                let bytes = &elf[offset..elf.len().min(offset + CHUNK)];
                let write = write(&buffer, &payer, offset.try_into()?, bytes.to_vec());
                let message = Message::new_with_blockhash(&[write], Some(&payer), &blockhash);
                let transaction = Transaction::new(&[self.payer], message, blockhash);
                let unchecked =
                    RpcSendTransactionConfig { skip_preflight: true, ..RpcSendTransactionConfig::default() };
                self.rpc.send_transaction_with_config(&transaction, unchecked)?;
                ensure!(!(self.is_cancelled)(), "stopped");
            }
            // Only the buffer's content counts, whichever transactions that took.
            let start = Instant::now();
            while !missing.is_empty() && start.elapsed() < ROUND {
                thread::sleep(PAUSE);
                ensure!(!(self.is_cancelled)(), "stopped");
                let account = self.rpc.get_account_data(&buffer)?;
                let held = &account[UpgradeableLoaderState::size_of_buffer_metadata()..];
                missing.retain(|&offset| {
                    let end = elf.len().min(offset + CHUNK);
                    held[offset..end] != elf[offset..end]
                });
            }
            if missing.is_empty() {
                return Ok(buffer);
            }
        }
        bail!("{} of its parts did not arrive", missing.len())
    }

    fn send(&self, instructions: &[Instruction], signers: &[&Keypair]) -> Result<()> {
        ensure!(!(self.is_cancelled)(), "stopped");
        let blockhash = self.rpc.get_latest_blockhash()?;
        let message = Message::new_with_blockhash(instructions, Some(&self.payer.pubkey()), &blockhash);
        let transaction = Transaction::new(&[&[self.payer], signers].concat(), message, blockhash);
        self.rpc.send_and_confirm_transaction(&transaction)?;
        Ok(())
    }

    /// Looks again until it is so.
    fn wait(&self, what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
        let start = Instant::now();
        while !is_so()? {
            ensure!(!(self.is_cancelled)(), "stopped");
            ensure!(start.elapsed() < ROUND, "{what} did not come within {} s", ROUND.as_secs());
            thread::sleep(PAUSE);
        }
        Ok(())
    }
}
