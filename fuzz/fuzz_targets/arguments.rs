//! The bytes that anyone may send: the arguments of every instruction, and what the program emits, read from any bytes.
//!
//! No panic, no memory beyond what the bytes back, and one encoding: what is read is written as the same bytes.
#![no_main]

use anchor_lang::{AnchorDeserialize, InstructionData};
use counterfoil::instruction;
use counterfoil_core::{Event, LedgerAccount};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    match choice % 12 {
        0 => arguments::<instruction::CreateLedger>(bytes),
        1 => arguments::<instruction::Append>(bytes),
        2 => arguments::<instruction::AppendSubtrees>(bytes),
        3 => arguments::<instruction::GrantWriter>(bytes),
        4 => arguments::<instruction::RevokeWriter>(bytes),
        5 => arguments::<instruction::ProposeAuthority>(bytes),
        6 => arguments::<instruction::AcceptAuthority>(bytes),
        7 => arguments::<instruction::DisallowSubtrees>(bytes),
        8 => arguments::<instruction::SealLedger>(bytes),
        9 => arguments::<instruction::VerifyInclusion>(bytes),
        10 => event(bytes),
        _ => drop(LedgerAccount::decode(bytes)),
    }
});

fn arguments<T: AnchorDeserialize + InstructionData>(bytes: &[u8]) {
    let mut rest = bytes;
    if let Ok(arguments) = T::deserialize(&mut rest) {
        let read = &bytes[..bytes.len() - rest.len()];
        // The discriminator comes first.
        assert_eq!(&arguments.data()[8..], read);
    }
}

fn event(bytes: &[u8]) {
    if let Ok(event) = Event::decode(bytes) {
        let leaf = event.leaf_bytes();
        assert!(bytes.starts_with(&leaf));
        let again = Event::decode_leaf(&leaf).expect("its own leaf");
        assert_eq!(again.header, event.header);
        assert_eq!(again.leaf_hash(), event.leaf_hash());
    }
}
