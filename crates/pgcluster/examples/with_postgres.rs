//! Runs a command beside a PostgreSQL server of its own: `with_postgres COMMAND [ARGUMENT ...]`.
//!
//! The command finds the server's URL in DATABASE_URL. Server and data are gone when it ends.

use std::process::{Command, ExitCode};

use pgcluster::{Cluster, Durability};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("usage: with_postgres COMMAND [ARGUMENT ...]");
        return ExitCode::from(2);
    };
    let result = (|| -> Result<ExitCode, Box<dyn std::error::Error>> {
        let folder = tempfile::Builder::new().prefix("counterfoil-postgres").tempdir()?;
        let cluster = Cluster::start(folder.path(), Durability::None)?;
        let status = Command::new(program).args(arguments).env("DATABASE_URL", cluster.url("postgres")).status()?;
        Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1))?))
    })();
    result.unwrap_or_else(|error| {
        eprintln!("with_postgres: {error}");
        ExitCode::FAILURE
    })
}
