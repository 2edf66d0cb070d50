//! `counterfoil doctor`: what the program is, by every server that is given, and what that means for its ledgers.

use std::process::ExitCode;

use counterfoil_client::{ProgramInfo, is_key};
use counterfoil_core::Wallet;

use crate::context::Options;
use crate::output::printable;
use crate::{heads, program};

/// Runs it. Exit code 0 only when all servers answer, agree, and the program is the one released with this version.
pub async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let rpcs = options.rpcs();
    println!("program           {}", options.program());
    println!("cluster           {}", heads::genesis_hash(&rpcs).await?);
    let (programs, errors) = program::fetch(&rpcs).await;
    for (info, servers) in &programs {
        println!("as seen by        {}", servers.join(", "));
        describe(info);
    }
    for error in &errors {
        println!("no answer         {}", printable(&error.to_string()));
    }
    if programs.len() > 1 {
        println!("the servers say different things of the program: at least one of them is false or behind");
    }
    let is_well = programs.len() == 1 && errors.is_empty() && programs.keys().all(program::is_released);
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn describe(info: &ProgramInfo) {
    println!("  SHA-256         {}", program::sha256(info));
    if program::is_released(info) {
        println!("  release         the program released with counterfoil {}", env!("CARGO_PKG_VERSION"));
    } else {
        println!(
            "  release         NOT the program released with counterfoil {}: compare the SHA-256 with the releases that \
             you trust, or build it (docs/operations.md)",
            env!("CARGO_PKG_VERSION")
        );
    }
    if let Some(slot) = info.deployed_slot {
        println!("  deployed        in slot {slot}");
    }
    match info.upgrade_authority {
        None => println!("  replaceable     by nobody: what this program refuses stays refused"),
        Some(authority) => println!("  replaceable     by {authority}, {}", kind_of(&authority)),
    }
}

/// A multisig's vault is an address of a program, for which no single key can sign.
fn kind_of(authority: &Wallet) -> &'static str {
    if is_key(authority) {
        "a single key: whoever holds it can end every promise of its ledgers"
    } else {
        "an address that a program signs for, such as a multisig's: ask how many must agree there"
    }
}
