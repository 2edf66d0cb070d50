//! Stands in for the crate of this name, which compiles protobuf: the distribution's is used.

use std::path::PathBuf;

/// Where the compiler is.
pub fn protoc() -> PathBuf {
    std::env::var_os("PROTOC").map_or_else(|| PathBuf::from("/usr/bin/protoc"), PathBuf::from)
}

/// Where its own definitions are.
pub fn include() -> PathBuf {
    PathBuf::from("/usr/include")
}
