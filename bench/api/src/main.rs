//! The peers of the API's benchmark: a bare route, the rows without any API, and many followers.
//!
//! Each command prints one line of JSON for each thing that it measured. `bench/api/run` puts them together.

mod bare;
mod follow;
mod history;
mod rows;

use clap::Parser;

#[derive(Parser)]
#[command(about = "The peers of the API's benchmark")]
enum Command {
    /// Answers with one file's bytes, or the JSON that they are, by axum and hyper as the API has them.
    Bare(bare::Arguments),
    /// Reads runs of rows by the API's own SQL, without any API.
    Rows(rows::Arguments),
    /// Follows ledgers as many clients while entries are appended.
    Follow(follow::Arguments),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Bare(arguments) => bare::run(arguments).await,
        Command::Rows(arguments) => rows::run(arguments).await,
        Command::Follow(arguments) => follow::run(arguments).await,
    }
}
