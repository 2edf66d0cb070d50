//! The committed programs, on which all tests of the programs run, are what the sources give.

use std::process::Command;

#[test]
fn the_committed_programs_were_built_from_these_sources() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/sbf/release");
    let output = Command::new(script).arg("--check-inputs").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
