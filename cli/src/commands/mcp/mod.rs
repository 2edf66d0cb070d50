//! `counterfoil mcp`: tools for agents over standard input and output. Standard output carries the protocol alone.

mod records;
mod statement;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use counterfoil_mcp::{Open, Refusal, Server};
use rmcp::ServiceExt;
use rmcp::model::Extensions;
use rmcp::service::ServerInitializeError;
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::io::{stdin, stdout};

use crate::context::Options;
use records::Verified;

/// The longest message, in bytes: a receipt and room.
const MAX_MESSAGE_BYTES: usize = 2 << 20;

/// Runs until standard input ends.
pub async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let transport = AsyncRwTransport::new_server(stdin(), stdout()).with_max_line_length(MAX_MESSAGE_BYTES);
    let server = Server::new(Machine(Verified(Arc::new(options))));
    let running = match server.serve(transport).await {
        Ok(running) => running,
        // A client that went before it said anything.
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(ExitCode::SUCCESS),
        Err(error) => return Err(error).context("the client does not speak the Model Context Protocol"),
    };
    running.waiting().await.context("the server ended")?;
    Ok(ExitCode::SUCCESS)
}

/// This machine, whose user is the only caller.
struct Machine(Verified);

impl Open for Machine {
    type Records = Verified;

    fn open(&self, _: &Extensions) -> Result<Verified, Refusal> {
        Ok(self.0.clone())
    }
}
