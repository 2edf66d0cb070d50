//! Which inner instructions are the program's events.

use counterfoil_client::{ClientError, InnerInstruction, TransactionRecord, address, decode};
use counterfoil_core::{EventError, ProgramId};

use super::events::{inner_data, one_of_each_kind};

const PROGRAM: ProgramId = ProgramId([0x11; 32]);
const OTHER_PROGRAM: ProgramId = ProgramId([0x22; 32]);
/// Places in the transaction's list of accounts.
const WALLET: u8 = 0;
const OURS: u8 = 1;
const AUTHORITY: u8 = 2;
const THEIRS: u8 = 3;
const THEIR_AUTHORITY: u8 = 4;
const NOWHERE: u8 = 5;

fn transaction(inner_instructions: Vec<InnerInstruction>) -> TransactionRecord {
    let accounts = vec![
        [0xaa; 32],
        PROGRAM.0,
        address::event_authority(PROGRAM).to_bytes(),
        OTHER_PROGRAM.0,
        address::event_authority(OTHER_PROGRAM).to_bytes(),
    ];
    TransactionRecord { signature: [9; 64], slot: 7, is_ok: true, accounts, inner_instructions }
}

fn inner(program: u8, accounts: &[u8], data: &[u8]) -> InnerInstruction {
    InnerInstruction { program, accounts: accounts.to_vec(), data: data.to_vec() }
}

#[test]
fn reads_each_kind_of_event_in_order_of_execution() {
    let mut events = one_of_each_kind();
    for _ in 0..events.len() {
        events.rotate_left(1);
        let mut instructions = Vec::new();
        for event in &events {
            // Instructions of the system program and others lie between.
            instructions.push(inner(THEIRS, &[WALLET], b"something else"));
            instructions.push(inner(OURS, &[AUTHORITY], &inner_data(event)));
        }
        assert_eq!(decode(PROGRAM, &transaction(instructions)).expect("events"), events);
    }
}

#[test]
fn a_transaction_that_failed_has_no_events() {
    let [event, ..] = one_of_each_kind();
    let mut failed = transaction(vec![inner(OURS, &[AUTHORITY], &inner_data(&event))]);
    failed.is_ok = false;
    assert_eq!(decode(PROGRAM, &failed).expect("nothing"), []);
}

#[test]
fn what_others_send_is_no_event() {
    let [_, event, ..] = one_of_each_kind();
    let data = inner_data(&event);
    let mut unreadable = data.clone();
    unreadable.push(0);
    for data in [data, unreadable] {
        let forged = [
            ("another program", inner(THEIRS, &[AUTHORITY], &data)),
            ("another program with its own authority", inner(THEIRS, &[THEIR_AUTHORITY], &data)),
            ("another program's authority", inner(OURS, &[THEIR_AUTHORITY], &data)),
            ("a wallet for the authority", inner(OURS, &[WALLET], &data)),
            ("the program for the authority", inner(OURS, &[OURS], &data)),
            ("the authority second", inner(OURS, &[WALLET, AUTHORITY], &data)),
            ("no accounts", inner(OURS, &[], &data)),
            ("a program that is not listed", inner(NOWHERE, &[AUTHORITY], &data)),
            ("an account that is not listed", inner(OURS, &[NOWHERE], &data)),
            ("the authority called", inner(AUTHORITY, &[AUTHORITY], &data)),
        ];
        for (name, instruction) in forged {
            assert_eq!(decode(PROGRAM, &transaction(vec![instruction])).expect("nothing"), [], "{name}");
        }
    }
}

#[test]
fn a_call_without_the_tag_is_no_event() {
    let [event, ..] = one_of_each_kind();
    let data = inner_data(&event);
    let mut other_tag = data.clone();
    other_tag[7] ^= 1;
    for data in [&[], &data[..7], &data[8..], &other_tag] {
        let record = transaction(vec![inner(OURS, &[AUTHORITY], data)]);
        assert_eq!(decode(PROGRAM, &record).expect("nothing"), []);
    }
}

#[test]
fn an_event_that_cannot_be_read_is_an_error_never_skipped() {
    for event in one_of_each_kind() {
        let good = inner_data(&event);
        let mut unknown = good.clone();
        unknown[8] ^= 1;
        let kind = unknown[8..16].try_into().expect("eight bytes");
        let cases = [
            ([good.as_slice(), &[0]].concat(), EventError::TrailingBytes { count: 1 }),
            ([good.as_slice(), &good].concat(), EventError::TrailingBytes { count: good.len() }),
            (good[..good.len() - 1].to_vec(), EventError::Truncated),
            (good[..8].to_vec(), EventError::Truncated),
            (unknown, EventError::UnknownKind(kind)),
        ];
        for (data, expected) in cases {
            // Good ones around it do not make it good.
            let record = transaction([&good, &data, &good].map(|data| inner(OURS, &[AUTHORITY], data)).to_vec());
            match decode(PROGRAM, &record) {
                Err(ClientError::Event { signature, cause }) => {
                    assert_eq!((signature, cause), (bs58::encode([9; 64]).into_string(), expected));
                }
                other => panic!("{expected:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_copy_of_the_program_has_its_own_events() {
    let [event, ..] = one_of_each_kind();
    let record = transaction(vec![inner(THEIRS, &[THEIR_AUTHORITY], &inner_data(&event))]);
    assert_eq!(decode(PROGRAM, &record).expect("nothing"), []);
    assert_eq!(decode(OTHER_PROGRAM, &record).expect("an event"), [event]);
}
