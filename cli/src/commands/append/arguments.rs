//! Arguments of `counterfoil append`.

use std::path::PathBuf;

use clap::Args;
use counterfoil_core::LedgerId;

/// Arguments of `counterfoil append`.
#[derive(Args)]
pub struct Arguments {
    /// The ledger.
    pub(super) ledger: LedgerId,
    /// The entry, as text; - for lines of standard input, each an entry. In its place: --file, or --jsonl.
    #[arg(conflicts_with_all = ["file", "jsonl"])]
    pub(super) entry: Option<String>,
    /// Append this file's bytes as one entry.
    #[arg(long, conflicts_with = "jsonl")]
    pub(super) file: Option<PathBuf>,
    /// Append each line of standard input, which must be JSON, as one entry: its bytes without the line's end.
    #[arg(long)]
    pub(super) jsonl: bool,
    /// Pass over blank lines of standard input. Without it one ends the work.
    #[arg(long)]
    pub(super) skip_blank: bool,
    /// Keep in this file how far the work is. Where it is there already, go on from where it ended: give the same input
    /// again, whole.
    #[arg(long, value_name = "JOURNAL", conflicts_with = "subtrees")]
    pub(super) resume: Option<PathBuf>,
    /// Append only the hashes of the lines, as subtrees: up to millions in one transaction. The ledger must allow it.
    #[arg(long, requires = "keep")]
    pub(super) subtrees: bool,
    /// With --subtrees: write the entries to this file, which must not be there yet. It holds the only copy:
    /// `counterfoil-indexer fill` takes the entries from it.
    #[arg(long, value_name = "FILE", requires = "subtrees")]
    pub(super) keep: Option<PathBuf>,
    /// Wait until the entries are finalized and the API can prove them.
    #[arg(long)]
    pub(super) wait: bool,
    /// Print what was appended as lines of JSON, one a transaction as soon as it is in. Without it, standard output gets the
    /// ranges once the work ends.
    #[arg(long)]
    pub(super) json: bool,
}

impl Arguments {
    /// Whether the entries are lines of standard input.
    pub(super) fn reads_lines(&self) -> bool {
        self.jsonl || self.entry.as_deref() == Some("-")
    }

    /// Rules for the lines of standard input.
    pub(super) const fn rules(&self) -> Rules {
        Rules { json: self.jsonl, skip_blank: self.skip_blank }
    }
}

/// Rules that the lines of standard input must keep.
#[derive(Clone, Copy)]
pub struct Rules {
    /// Each line is JSON.
    pub json: bool,
    /// Blank lines are passed over. Without this they are refused, for an entry has at least one byte.
    pub skip_blank: bool,
}
