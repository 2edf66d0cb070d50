//! Saying how the index is.

use std::process::ExitCode;

use clap::Args;
use counterfoil_client::{one_machine_warning, parse_rpc_url};
use counterfoil_indexer::doctor::{Finding, examine};
use counterfoil_indexer::open;
use counterfoil_service::{note, out, out_json};
use serde_json::json;

#[derive(Args)]
pub struct Arguments {
    /// A JSON-RPC server to compare the index with; give it several times for several. Default: none is asked.
    #[arg(long = "rpc", env = "COUNTERFOIL_RPC", value_delimiter = ',', hide_env_values = true, value_parser = parse_rpc_url)]
    rpc_urls: Vec<String>,
    /// Print what was found as JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(database_url: &str, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if let Some(warning) = one_machine_warning(arguments.rpc_urls.iter().map(String::as_str)) {
        note!("warning: {warning}");
    }
    let pool = open(database_url).await?;
    let findings = examine(&pool, &arguments.rpc_urls).await?;
    pool.close().await;
    let ill = findings.iter().filter(|finding| !finding.is_well()).count();
    let code = if ill > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    if arguments.json {
        let found = findings
            .iter()
            .map(|Finding { subject, state, advice }| json!({ "subject": subject, "state": state, "advice": advice }));
        out_json(&json!({ "well": ill == 0, "findings": found.collect::<Vec<_>>() }));
        return Ok(code);
    }
    for Finding { subject, state, advice } in &findings {
        let mark = if advice.is_empty() { "ok" } else { "!!" };
        out!("{mark} {subject}: {state}");
        for line in advice {
            out!("     {line}");
        }
    }
    match ill {
        0 => out!("all is well"),
        ill => out!("{ill} of {} things looked at need attention", findings.len()),
    }
    Ok(code)
}
