//! Compiles `stubs/rocksdb.c` and links it into the binary.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    let source = "stubs/rocksdb.c";
    let object = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).join("rocksdb.o");
    let compiled = Command::new("cc").args(["-c", "-O1", source, "-o"]).arg(&object).status();
    assert!(compiled.is_ok_and(|status| status.success()), "cc could not compile {source}");
    // An object, not a library: whether it is linked must not depend on the order of the arguments.
    println!("cargo::rustc-link-arg-bins={}", object.display());
    println!("cargo::rerun-if-changed={source}");
}
