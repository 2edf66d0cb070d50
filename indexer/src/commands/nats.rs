//! The settings of hints over NATS.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use counterfoil_http::read_secret_file;
use counterfoil_indexer::hints::Nats;
use counterfoil_nats::{Prefix, Servers, StreamLimits, parse_server};

#[derive(Args)]
pub struct NatsArguments {
    /// A NATS server that hints of each commit go to, as nats://HOST:4222; give it several times for several of one cluster.
    /// It needs JetStream. Default: none.
    #[arg(long, env = "COUNTERFOIL_NATS", value_delimiter = ',', hide_env_values = true, value_name = "URL", value_parser = parse_server)]
    nats: Vec<String>,
    /// A file of NATS' `NAME:PASSWORD`, or of a token, where they are not in the URL.
    #[arg(long, env = "COUNTERFOIL_NATS_CREDENTIALS", value_name = "FILE")]
    nats_credentials: Option<PathBuf>,
    /// The second token of the subjects. Default: the first 8 characters of the cluster's genesis hash.
    #[arg(long, env = "COUNTERFOIL_NATS_PREFIX", value_name = "TOKEN")]
    nats_prefix: Option<Prefix>,
    /// How long the stream keeps a hint, in seconds, where it is created.
    #[arg(long, env = "COUNTERFOIL_NATS_MAX_AGE_S", default_value_t = 86_400, value_parser = clap::value_parser!(u64).range(120..))]
    nats_max_age_s: u64,
    /// How much the stream keeps, in MiB, where it is created.
    #[arg(long, env = "COUNTERFOIL_NATS_MAX_MIB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    nats_max_mib: u64,
}

impl NatsArguments {
    pub fn settings(self) -> anyhow::Result<Option<Nats>> {
        if self.nats.is_empty() {
            return Ok(None);
        }
        let login = self.nats_credentials.map(|path| {
            let text = read_secret_file(&path).with_context(|| format!("NATS' credentials {}", path.display()))?;
            Ok::<_, anyhow::Error>(String::from_utf8_lossy(&text).into_owned())
        });
        Ok(Some(Nats {
            servers: Servers::new(&self.nats, login.transpose()?.as_deref())?,
            prefix: self.nats_prefix,
            limits: StreamLimits {
                max_age: Duration::from_secs(self.nats_max_age_s),
                max_bytes: self.nats_max_mib << 20,
            },
        }))
    }
}
