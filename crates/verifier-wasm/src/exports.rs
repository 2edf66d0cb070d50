//! The functions of the WebAssembly file. The host writes into the room that [`input`] makes, and reads the answer where it is.
#![allow(unsafe_code, reason = "a name that the host finds is unsafe to give; nothing else here is")]

use std::cell::RefCell;

use crate::MAX_INPUT_BYTES;

thread_local! {
    static INPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static ANSWER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Makes room for the input; null where it is too long.
#[unsafe(no_mangle)]
pub extern "C" fn input(length: usize) -> *mut u8 {
    // The last answer has been read: its memory serves the next input.
    ANSWER.take();
    let mut room = Vec::new();
    if length > MAX_INPUT_BYTES || room.try_reserve_exact(length.max(1)).is_err() {
        return std::ptr::null_mut();
    }
    room.resize(length.max(1), 0);
    room.truncate(length);
    INPUT.with_borrow_mut(|input| {
        *input = room;
        input.as_mut_ptr()
    })
}

/// Verifies the input, which begins with the pin.
#[unsafe(no_mangle)]
pub extern "C" fn verify(pin_length: usize) -> *const u8 {
    answer(|input| {
        let (pin, document) = input.split_at_checked(pin_length).unwrap_or((input, &[]));
        crate::verify(document, pin)
    })
}

/// Makes a proof of the input.
#[unsafe(no_mangle)]
pub extern "C" fn prove() -> *const u8 {
    answer(crate::prove)
}

/// The answer's length.
#[unsafe(no_mangle)]
pub extern "C" fn length() -> usize {
    ANSWER.with_borrow(Vec::len)
}

fn answer(compute: impl FnOnce(&[u8]) -> Vec<u8>) -> *const u8 {
    let input = INPUT.take();
    ANSWER.with_borrow_mut(|answer| {
        *answer = compute(std::hint::black_box(&input));
        answer.as_ptr()
    })
}
