//! Events and their bytes.

use counterfoil_core::account::LEDGER_DISCRIMINATOR;
use counterfoil_core::event::{EVENT_TAG, HEADER_BYTES, kind};
use counterfoil_core::{Event, EventBody, EventError};
use merkle_log::{Hash, MAX_TREE_SIZE, OutOfRange};

use super::history::{History, encode, encode_leaf, leaf, sha256};

#[test]
fn the_tags_are_anchors() {
    let first_eight = |name: &str| -> [u8; 8] { sha256(&[name.as_bytes()])[..8].try_into().expect("eight bytes") };
    let mut tag = first_eight("anchor:event");
    tag.reverse();
    assert_eq!(EVENT_TAG, tag);
    assert_eq!(kind::LEDGER_CREATED, first_eight("event:LedgerCreated"));
    assert_eq!(kind::ENTRIES_APPENDED, first_eight("event:EntriesAppended"));
    assert_eq!(kind::WRITER_GRANTED, first_eight("event:WriterGranted"));
    assert_eq!(kind::WRITER_REVOKED, first_eight("event:WriterRevoked"));
    assert_eq!(kind::SUBTREES_APPENDED, first_eight("event:SubtreesAppended"));
    assert_eq!(kind::AUTHORITY_PROPOSED, first_eight("event:AuthorityProposed"));
    assert_eq!(kind::AUTHORITY_ACCEPTED, first_eight("event:AuthorityAccepted"));
    assert_eq!(kind::SUBTREES_DISALLOWED, first_eight("event:SubtreesDisallowed"));
    assert_eq!(kind::LEDGER_SEALED, first_eight("event:LedgerSealed"));
    assert_eq!(LEDGER_DISCRIMINATOR, first_eight("account:Ledger"));
}

#[test]
fn reads_what_was_written_by_hand() {
    for event in History::sample().events {
        assert_eq!(Event::decode(&encode(&event)), Ok(event.clone()));
        assert_eq!(event.leaf_bytes(), encode_leaf(&event));
        assert_eq!(event.leaf_hash().0, leaf(&encode_leaf(&event)));
    }
}

#[test]
fn reads_the_hashes_of_subtrees() {
    for count in [0, 1, 28, 128] {
        let mut event = History::sample().events.remove(1);
        event.body = EventBody::SubtreesAppended { hashes: vec![Hash([7; 32]); count] };
        let bytes = encode(&event);
        assert_eq!(Event::decode(&bytes), Ok(event.clone()));
        assert_eq!(Event::decode_leaf(&bytes), Ok(event.clone()));
        assert_eq!(event.leaf_bytes(), bytes);
        for length in 0..bytes.len() {
            assert_eq!(Event::decode(&bytes[..length]), Err(EventError::Truncated));
        }
        let trailing = [bytes.as_slice(), &[0]].concat();
        assert_eq!(Event::decode(&trailing), Err(EventError::TrailingBytes { count: 1 }));
    }
}

#[test]
fn reads_a_leaf_without_its_entries() {
    for event in History::sample().events {
        let body = match &event.body {
            EventBody::EntriesAppended { .. } => EventBody::EntriesAppended { entries: Vec::new() },
            other => other.clone(),
        };
        let expected = Event { header: event.header.clone(), body };
        assert_eq!(Event::decode_leaf(&encode_leaf(&event)), Ok(expected));

        let trailing = [encode_leaf(&event).as_slice(), &[0]].concat();
        assert_eq!(Event::decode_leaf(&trailing), Err(EventError::TrailingBytes { count: 1 }));
    }
}

#[test]
fn an_event_cut_at_any_length_is_refused() {
    for event in History::sample().events {
        let (bytes, leaf) = (encode(&event), encode_leaf(&event));
        for length in 0..bytes.len() {
            assert_eq!(Event::decode(&bytes[..length]), Err(EventError::Truncated), "{length} of {event:?}");
        }
        for length in 0..leaf.len() {
            assert_eq!(Event::decode_leaf(&leaf[..length]), Err(EventError::Truncated), "{length} of {event:?}");
        }
    }
}

#[test]
fn bytes_after_an_event_are_refused() {
    for event in History::sample().events {
        for count in [1, 8, 1_000] {
            let bytes = [encode(&event), vec![0; count]].concat();
            assert_eq!(Event::decode(&bytes), Err(EventError::TrailingBytes { count }));
        }
    }
}

#[test]
fn an_unknown_kind_is_refused() {
    for event in History::sample().events {
        for bit in 0..64 {
            let mut bytes = encode(&event);
            bytes[bit / 8] ^= 1 << (bit % 8);
            let kind = bytes[..8].try_into().expect("eight bytes");
            assert_eq!(Event::decode(&bytes), Err(EventError::UnknownKind(kind)));
        }
    }
}

#[test]
fn numbers_beyond_the_largest_tree_are_refused() {
    let bytes = encode(&History::sample().events[0]);
    // The offset, and the largest number that is allowed there.
    for (offset, most) in [(40, MAX_TREE_SIZE - 1), (96, MAX_TREE_SIZE), (112, MAX_TREE_SIZE)] {
        for number in [most + 1, 1 << 48, u64::MAX] {
            let mut bytes = bytes.clone();
            bytes[offset..offset + 8].copy_from_slice(&number.to_le_bytes());
            assert_eq!(Event::decode(&bytes), Err(EventError::OutOfRange(OutOfRange(number))));
        }
        let mut bytes = bytes.clone();
        bytes[offset..offset + 8].copy_from_slice(&most.to_le_bytes());
        Event::decode(&bytes).expect("the largest number");
    }
}

/// Counts are believed only as far as bytes back them, so they cannot exhaust the memory.
#[test]
fn a_count_or_a_length_that_the_bytes_do_not_back_is_refused() {
    let event = &History::sample().events[1];
    let (count_at, length_at) = (HEADER_BYTES, HEADER_BYTES + 4);
    for offset in [count_at, length_at] {
        for number in [2, u32::MAX] {
            let mut bytes = encode(event);
            bytes[offset..offset + 4].copy_from_slice(&number.to_le_bytes());
            assert_eq!(Event::decode(&bytes), Err(EventError::Truncated));
        }
    }
}
