//! The verifier as a native program, to compare the WebAssembly file with: for each pin and document on standard input, each
//! after its length in four bytes, little-endian, the answer in the same form. The request of a proof comes after the length
//! 4294967295 in place of a pin.

#![allow(clippy::disallowed_methods, reason = "a program for tests reads its input")]

use std::io::{self, Read, Write};

fn main() -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut length = [0; 4];
    while input.read_exact(&mut length).is_ok() {
        let is_proof = u32::from_le_bytes(length) == u32::MAX;
        let pin = if is_proof { Vec::new() } else { take(&mut input, length)? };
        input.read_exact(&mut length)?;
        let document = take(&mut input, length)?;
        let answer = if is_proof {
            counterfoil_verifier_wasm::prove(&document)
        } else {
            counterfoil_verifier_wasm::verify(&document, &pin)
        };
        let length = u32::try_from(answer.len()).map_err(io::Error::other)?;
        output.write_all(&length.to_le_bytes())?;
        output.write_all(&answer)?;
        output.flush()?;
    }
    Ok(())
}

fn take(input: &mut impl Read, length: [u8; 4]) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}
