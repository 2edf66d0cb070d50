//! The program's interface, as committed in `idls/counterfoil.json`.

use std::sync::LazyLock;

use counterfoil_core::ProgramId;
use serde::Deserialize;

static IDL: LazyLock<Idl> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../idls/counterfoil.json")).expect("a test reads the committed file")
});

#[derive(Deserialize)]
struct Idl {
    address: String,
    errors: Vec<IdlError>,
}

#[derive(Deserialize)]
struct IdlError {
    code: u32,
    msg: String,
}

/// The address that the program declares: its address on local networks.
#[must_use]
pub fn declared_program() -> ProgramId {
    IDL.address.parse().expect("a test reads the committed file")
}

/// The message of one of the program's error codes.
#[must_use]
pub fn error_message(code: u32) -> Option<&'static str> {
    IDL.errors.iter().find(|error| error.code == code).map(|error| error.msg.as_str())
}
