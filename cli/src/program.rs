//! The program itself, at the servers of the user's choice.

use std::collections::BTreeMap;

use counterfoil_client::{ProgramInfo, Rpc, Source, fetch_program};

use crate::context::{Options, named};
use crate::heads;

/// The SHA-256 of the program that this version was released with, and the file's name.
const RELEASED_PROGRAM: &str = include_str!("../../programs/counterfoil/release/counterfoil.so.sha256");

/// The servers' answers, each with its servers, and the errors of the others. All are asked: one alone could
/// hide who can replace the program.
pub async fn fetch(rpcs: &[Rpc]) -> (BTreeMap<ProgramInfo, Vec<&str>>, Vec<String>) {
    let (mut programs, mut errors) = (BTreeMap::new(), Vec::new());
    let answers =
        heads::ask(rpcs, rpcs.len(), "what the program is", |rpc| async move { Ok(fetch_program(rpc).await?) });
    for (rpc, answer) in answers.await {
        match answer {
            Ok(program) => programs.entry(program).or_insert_with(Vec::new).push(rpc.name()),
            Err(error) => errors.push(named(rpc, &error)),
        }
    }
    (programs, errors)
}

/// As what the verifier knows a program by its bytes: as the one that this version was released with, or as pinned.
pub fn known(options: &Options, program: &ProgramInfo) -> Option<&'static str> {
    if RELEASED_PROGRAM.starts_with(&sha256(program)) {
        return Some("the one released with this version");
    }
    options.releases().contains(&program.sha256).then_some("one that the trust file pins")
}

/// The SHA-256 of its bytes, lowercase hex.
pub fn sha256(program: &ProgramInfo) -> String {
    merkle_log::Hash(program.sha256).to_string()
}
