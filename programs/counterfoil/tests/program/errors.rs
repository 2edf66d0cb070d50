//! The error codes, which are part of the interface and never move.

use anchor_lang::error::ErrorCode;
use anchor_lang::solana_program::instruction::Instruction;
use counterfoil::errors::CounterfoilError;

use super::setup::{Scene, anchor, sha256};

#[test]
fn the_codes_never_move() {
    let codes = [
        (6000, CounterfoilError::NotAWriter, "NotAWriter"),
        (6001, CounterfoilError::WriterExpired, "WriterExpired"),
        (6002, CounterfoilError::PermissionMissing, "PermissionMissing"),
        (6003, CounterfoilError::WrongWriter, "WrongWriter"),
        (6004, CounterfoilError::NotTheAuthority, "NotTheAuthority"),
        (6005, CounterfoilError::Sealed, "Sealed"),
        (6006, CounterfoilError::UnexpectedSize, "UnexpectedSize"),
        (6007, CounterfoilError::NoEntries, "NoEntries"),
        (6008, CounterfoilError::EntryLength, "EntryLength"),
        (6009, CounterfoilError::AppendTooLarge, "AppendTooLarge"),
        (6010, CounterfoilError::LogFull, "LogFull"),
        (6011, CounterfoilError::UnknownFlags, "UnknownFlags"),
        (6012, CounterfoilError::UnknownPermissions, "UnknownPermissions"),
        (6013, CounterfoilError::ExpiryInThePast, "ExpiryInThePast"),
        (6014, CounterfoilError::InvariantBroken, "InvariantBroken"),
        (6015, CounterfoilError::SubtreesNotAllowed, "SubtreesNotAllowed"),
        (6016, CounterfoilError::WrongSubtreeCount, "WrongSubtreeCount"),
        (6017, CounterfoilError::ZeroHash, "ZeroHash"),
        (6018, CounterfoilError::NotThePendingAuthority, "NotThePendingAuthority"),
        (6019, CounterfoilError::HeadNotKept, "HeadNotKept"),
        (6020, CounterfoilError::IndexOutOfRange, "IndexOutOfRange"),
        (6021, CounterfoilError::WrongProofLength, "WrongProofLength"),
        (6022, CounterfoilError::NotProven, "NotProven"),
    ];
    for (code, error, name) in codes {
        assert_eq!((u32::from(error), error.name().as_str()), (code, name));
    }
}

#[test]
fn refuses_an_instruction_that_it_does_not_have() {
    let mut scene = Scene::new(0);
    let accounts = scene.revoke_instruction(&scene.ledger.address).accounts;
    // With the last one the IDL could be written in older programs of Anchor's.
    let names = ["global:close_ledger", "global:close", "global:set_size", "account:Ledger", "anchor:idl"];
    let unknown = names.map(|name| sha256(&[name.as_bytes()])[..8].to_vec());
    let idl = vec![0x40, 0xf4, 0xbc, 0x78, 0xa7, 0xe9, 0x69, 0x0a, 0];
    for data in unknown.into_iter().chain([vec![], vec![0x95], idl]) {
        let instruction = Instruction { program_id: counterfoil::ID, accounts: accounts.clone(), data };
        let error = anchor(ErrorCode::InstructionFallbackNotFound);
        scene.chain.refuse(&instruction, &[&scene.authority], error);
    }
}
