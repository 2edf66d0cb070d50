//! A kept chain, found in its folder and put back into surfpool.

use std::sync::Arc;

use counterfoil_localnet_base::{LedgerError, LedgerFolder};
use crossbeam_channel::Sender;
use surfpool_core::error::SurfpoolError;
use surfpool_core::solana_account::ReadableAccount;
use surfpool_core::surfnet::svm::SurfnetSvm;
use surfpool_core::surfnet::{BlockHeader, BlockIdentifier};
use surfpool_core::types::SyntheticBlockhash;
use surfpool_types::SimnetCommand;

use crate::kept::Kept;
use crate::ledger::{Chain, Ledger, Unclosed};

/// The chain's file in its folder.
const FILE: &str = "chain.sqlite";

/// Opens the chain in a folder, or makes a new one; surfpool writes to it from now on.
pub(crate) fn open(
    folder: &LedgerFolder,
    commands: Sender<SimnetCommand>,
    svm: &mut SurfnetSvm,
) -> Result<Arc<Ledger>, LedgerError> {
    let path = folder.path().join(FILE);
    match folder.genesis_hash() {
        None => {
            let ledger = Arc::new(Ledger::create(&path, commands).map_err(|error| folder.damaged(error))?);
            attach(svm, &ledger, Chain::default());
            Ok(ledger)
        }
        Some(_) => {
            let (ledger, chain) = Ledger::load(&path, commands).map_err(|error| folder.damaged(error))?;
            let ledger = Arc::new(ledger);
            put_back(svm, &ledger, chain).map_err(|error| folder.damaged(error))?;
            Ok(ledger)
        }
    }
}

fn attach(svm: &mut SurfnetSvm, ledger: &Arc<Ledger>, chain: Chain) {
    svm.inner.db = Some(Box::new(Kept { rows: chain.accounts, ledger: ledger.clone() }));
    svm.transactions = Box::new(Kept { rows: chain.transactions, ledger: ledger.clone() });
    svm.blocks = Box::new(Kept { rows: chain.blocks, ledger: ledger.clone() });
}

fn put_back(svm: &mut SurfnetSvm, ledger: &Arc<Ledger>, mut chain: Chain) -> Result<(), SurfpoolError> {
    set_slot(svm, chain.unreached.max(svm.genesis_slot));
    // Programs last: the machine loads one together with its bytes, which stand in an account of their own. Before the
    // tables are attached, so that nothing is written again.
    let (programs, others): (Vec<_>, Vec<_>) = chain.accounts.iter().partition(|(_, account)| account.executable());
    for (address, account) in others.into_iter().chain(programs) {
        let address = address.parse().map_err(|_| SurfpoolError::internal(format!("no address: {address}")))?;
        svm.set_account(&address, account.clone().into())?;
    }
    svm.transactions_processed = chain.transactions.len() as u64;
    let unclosed = std::mem::take(&mut chain.unclosed);
    attach(svm, ledger, chain);
    for slot in unclosed {
        let header = block(svm, &slot)?;
        svm.blocks.store(slot.slot, header)?;
    }
    Ok(())
}

/// Lets the chain go on in a slot, at the present time, with the blockhashes that it has there.
fn set_slot(svm: &mut SurfnetSvm, slot: u64) {
    let height = height(svm, slot);
    svm.chain_tip = BlockIdentifier::new(height, &SyntheticBlockhash::new(height - 1).to_string());
    let epoch = &mut svm.latest_epoch_info;
    epoch.absolute_slot = slot;
    epoch.block_height = height;
    epoch.epoch = slot / epoch.slots_in_epoch;
    epoch.slot_index = slot % epoch.slots_in_epoch;
    // Surfpool tells the time of a slot, and of blocks without transactions, by counting from here.
    let elapsed = (slot - svm.genesis_slot).saturating_mul(svm.slot_time);
    svm.genesis_updated_at = svm.updated_at.saturating_sub(elapsed);
    svm.reconstruct_sysvars();
}

/// The block that surfpool would have made of a slot, had the node lived to its end.
fn block(svm: &SurfnetSvm, slot: &Unclosed) -> Result<BlockHeader, SurfpoolError> {
    let Unclosed { slot, signatures, time_s } = slot;
    let height = height(svm, *slot);
    let no_signature = |_| SurfpoolError::internal(format!("slot {slot}: no signature"));
    Ok(BlockHeader {
        hash: SyntheticBlockhash::new(height).to_string(),
        previous_blockhash: SyntheticBlockhash::new(height - 1).to_string(),
        parent_slot: slot.saturating_sub(1),
        block_time: *time_s,
        block_height: height + 1,
        signatures: signatures.iter().map(|text| text.parse().map_err(no_signature)).collect::<Result<_, _>>()?,
    })
}

/// Surfpool numbers the blocks of a chain from 1, in its first slot.
fn height(svm: &SurfnetSvm, slot: u64) -> u64 {
    slot.saturating_sub(svm.genesis_slot) + 1
}
