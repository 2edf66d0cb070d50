//! Filling in entries that the ledger has by the hashes of their subtrees.

use std::fs::File;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use counterfoil_archive::Archive;
use counterfoil_core::LedgerId;
use counterfoil_indexer::fill::{fill_from_archive, fill_from_file, fill_from_tiles};
use counterfoil_indexer::open;
use counterfoil_service::{Progress, counted, out};
use counterfoil_store::load_ledger;

#[derive(Args)]
pub struct Arguments {
    /// The ledger.
    #[arg(long)]
    ledger: LedgerId,
    /// A file of neighbouring entries: each a length of two bytes, big-endian, and as many bytes. Those that the index
    /// has are skipped.
    #[arg(long, conflicts_with_all = ["tiles_url", "archive"], requires = "first_index", required_unless_present_any = ["tiles_url", "archive"])]
    file: Option<PathBuf>,
    /// The index of the file's first entry.
    #[arg(long, requires = "file")]
    first_index: Option<u64>,
    /// The address of a log that has the same leaves and serves C2SP tlog-tiles: all that is missing is read from it.
    #[arg(long, conflicts_with = "archive")]
    tiles_url: Option<String>,
    /// The archive of a gateway, a folder or s3://BUCKET/PREFIX: all that is missing and there is read from it.
    #[arg(long, env = "COUNTERFOIL_ARCHIVE", value_name = "PLACE")]
    archive: Option<String>,
}

pub async fn run(database_url: &str, arguments: &Arguments) -> anyhow::Result<()> {
    let pool = open(database_url).await?;
    let ledger = arguments.ledger;
    let missing = load_ledger(&mut *pool.acquire().await?, ledger).await?.missing;
    let progress = Progress::begin("filled in", "missing entries", 0, missing);
    let mut advance = |entries| progress.add(entries);
    let filled = match (&arguments.file, &arguments.tiles_url, &arguments.archive) {
        (Some(path), ..) => {
            let file = File::open(path).with_context(|| format!("{} cannot be opened", path.display()))?;
            fill_from_file(&pool, ledger, &file, arguments.first_index.unwrap_or(0), &mut advance).await
        }
        (None, None, Some(place)) => fill_from_archive(&pool, ledger, &Archive::open(place)?, &mut advance).await,
        (None, url, _) => fill_from_tiles(&pool, ledger, url.as_deref().unwrap_or_default(), &mut advance).await,
    };
    drop(progress);
    let filled = filled?;
    let rest = load_ledger(&mut *pool.acquire().await?, ledger).await?.missing;
    pool.close().await;
    out!(
        "filled in: {} of {}; offered, but in the index already: {}; still missing: {rest}",
        counted(filled.entries, "entry", "entries"),
        counted(filled.subtrees, "subtree", "subtrees"),
        filled.skipped
    );
    Ok(())
}
