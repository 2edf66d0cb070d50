//! Whether the process is a function, which is started by its requests and frozen between them.

#[cfg(not(feature = "lambda"))]
use crate::Settings;

/// Whether AWS Lambda started this process.
#[must_use]
pub fn is_function() -> bool {
    std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}

#[cfg(feature = "lambda")]
pub use crate::lambda::run_function;

/// Says how to build the program that can be a function.
///
/// # Errors
/// Always.
#[cfg(not(feature = "lambda"))]
pub async fn run_function(_: &str, _: Settings) -> anyhow::Result<()> {
    anyhow::bail!(
        "this program was built without its feature `lambda`, so that Lambda cannot start it: `make function` builds one with it"
    )
}
