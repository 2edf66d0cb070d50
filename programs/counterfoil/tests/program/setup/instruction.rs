//! The program's instructions, as Anchor's generated types encode them.

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::solana_program::system_program;
use anchor_lang::{InstructionData, ToAccountMetas};
use counterfoil::instructions::ProofTarget;
use counterfoil::{ID as program, accounts, instruction as data};

use super::{Hash, event_authority, find_writer};

fn build(accounts: &impl ToAccountMetas, data: &impl InstructionData) -> Instruction {
    Instruction { program_id: program, accounts: accounts.to_account_metas(None), data: data.data() }
}

/// The creator pays.
pub fn create_ledger(creator: &Pubkey, ledger: &Pubkey, id: [u8; 32], flags: u32) -> Instruction {
    let accounts = accounts::CreateLedger {
        payer: *creator,
        creator: *creator,
        ledger: *ledger,
        system_program: system_program::ID,
        event_authority: event_authority(),
        program,
    };
    build(&accounts, &data::CreateLedger { id, flags })
}

pub fn append(
    appender: &Pubkey,
    ledger: &Pubkey,
    writer: Option<Pubkey>,
    expected_size: Option<u64>,
    entries: &[Vec<u8>],
) -> Instruction {
    let event_authority = event_authority();
    let accounts = accounts::Append { appender: *appender, ledger: *ledger, writer, event_authority, program };
    build(&accounts, &data::Append { expected_size, entries: entries.to_vec() })
}

pub fn append_subtrees(
    appender: &Pubkey,
    ledger: &Pubkey,
    writer: Option<Pubkey>,
    expected_size: u64,
    leaves: u64,
    hashes: &[Hash],
) -> Instruction {
    let event_authority = event_authority();
    let accounts = accounts::AppendSubtrees { appender: *appender, ledger: *ledger, writer, event_authority, program };
    build(&accounts, &data::AppendSubtrees { expected_size, leaves, hashes: hashes.to_vec() })
}

/// The authority pays.
pub fn grant_writer(
    authority: &Pubkey,
    ledger: &Pubkey,
    wallet: &Pubkey,
    permissions: u32,
    expires_at: i64,
) -> Instruction {
    let accounts = accounts::GrantWriter {
        payer: *authority,
        authority: *authority,
        ledger: *ledger,
        writer: find_writer(ledger, wallet).0,
        system_program: system_program::ID,
        event_authority: event_authority(),
        program,
    };
    build(&accounts, &data::GrantWriter { wallet: *wallet, permissions, expires_at })
}

pub fn revoke_writer(authority: &Pubkey, ledger: &Pubkey, writer: &Pubkey) -> Instruction {
    let event_authority = event_authority();
    let accounts =
        accounts::RevokeWriter { authority: *authority, ledger: *ledger, writer: *writer, event_authority, program };
    build(&accounts, &data::RevokeWriter {})
}

pub fn propose_authority(authority: &Pubkey, ledger: &Pubkey, pending_authority: &Pubkey) -> Instruction {
    let event_authority = event_authority();
    let accounts = accounts::ProposeAuthority { authority: *authority, ledger: *ledger, event_authority, program };
    build(&accounts, &data::ProposeAuthority { pending_authority: *pending_authority })
}

pub fn accept_authority(pending_authority: &Pubkey, ledger: &Pubkey) -> Instruction {
    let (pending_authority, event_authority) = (*pending_authority, event_authority());
    let accounts = accounts::AcceptAuthority { pending_authority, ledger: *ledger, event_authority, program };
    build(&accounts, &data::AcceptAuthority {})
}

pub fn disallow_subtrees(authority: &Pubkey, ledger: &Pubkey) -> Instruction {
    let event_authority = event_authority();
    let accounts = accounts::DisallowSubtrees { authority: *authority, ledger: *ledger, event_authority, program };
    build(&accounts, &data::DisallowSubtrees {})
}

pub fn seal_ledger(authority: &Pubkey, ledger: &Pubkey, expected_size: u64) -> Instruction {
    let event_authority = event_authority();
    let accounts = accounts::SealLedger { authority: *authority, ledger: *ledger, event_authority, program };
    build(&accounts, &data::SealLedger { expected_size })
}

pub fn verify_inclusion(
    ledger: &Pubkey,
    leaf_hash: Hash,
    index: u64,
    target: ProofTarget,
    proof: &[Hash],
) -> Instruction {
    let accounts = accounts::VerifyInclusion { ledger: *ledger };
    build(&accounts, &data::VerifyInclusion { leaf_hash, index, target, proof: proof.to_vec() })
}
