//! Prints the IDL of the program in the folder given, as `anchor idl build` does: Anchor's `idl-build` feature adds tests
//! to the program that print the parts, and Anchor's library runs and joins them. Run it by `tools/sbf/idl`.

use std::path::PathBuf;

use anchor_lang_idl::build::IdlBuilder;
use anyhow::Context;

fn main() -> anyhow::Result<()> {
    let folder = std::env::args_os().nth(1).context("usage: counterfoil-idl PROGRAM_FOLDER")?;
    let idl = IdlBuilder::new()
        .program_path(PathBuf::from(folder))
        .cargo_args(vec!["--locked".to_owned(), "--lib".to_owned()])
        .build()?;
    println!("{}", serde_json::to_string_pretty(&idl)?);
    Ok(())
}
