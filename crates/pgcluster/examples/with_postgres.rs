//! Runs a command with a PostgreSQL server of its own: `with_postgres [--durable] COMMAND [ARGUMENT ...]`.
//!
//! The command finds the server's URL in DATABASE_URL. Server and data are gone when it ends. `--durable`: the server
//! writes to disk as one in use does, for what measures it.

use std::process::{Command, ExitCode};

use pgcluster::{Cluster, Durability};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let durability = match arguments.next_if(|argument| argument == "--durable") {
        Some(_) => Durability::Full,
        None => Durability::None,
    };
    let Some(program) = arguments.next() else {
        eprintln!("usage: with_postgres [--durable] COMMAND [ARGUMENT ...]");
        return ExitCode::from(2);
    };
    let result = (|| -> Result<ExitCode, Box<dyn std::error::Error>> {
        let cluster = Cluster::start_temporary(durability)?;
        let status = Command::new(program).args(arguments).env("DATABASE_URL", cluster.url("postgres")).status()?;
        Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1))?))
    })();
    result.unwrap_or_else(|error| {
        eprintln!("with_postgres: {error}");
        ExitCode::FAILURE
    })
}
