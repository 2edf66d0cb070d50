//! Arguments of `counterfoil verify`.

use std::path::PathBuf;

use clap::Args;
use counterfoil_core::{LedgerId, Wallet};
use counterfoil_statement::PromiseKey;
use merkle_log::TreeHead;

use crate::heads::parse_head;

/// Arguments of `counterfoil verify`.
#[derive(Args, Default)]
pub struct Arguments {
    /// The receipt, evidence, export or promise; - reads standard input.
    pub(super) file: PathBuf,
    /// The ledger that it must be of. Take the address from elsewhere than the receipt: anybody can make a ledger, and a
    /// receipt of it. Without it, and without --trust, the best verdict is CONSISTENT.
    #[arg(long)]
    pub(super) ledger: Option<LedgerId>,
    /// The wallet that must have appended it.
    #[arg(long)]
    pub(super) signer: Option<Wallet>,
    /// The file whose bytes the entry must be, or whose SHA-256 it must be: 32 bytes, or 64 hexadecimal digits
    /// in either case.
    #[arg(long)]
    pub(super) content: Option<PathBuf>,
    /// Of a promise: the receipt that shows whether it was kept.
    #[arg(long, conflicts_with = "evidence")]
    pub(super) receipt: Option<PathBuf>,
    /// Of a promise: the evidence that shows whether it was kept. Only evidence from the promise's first entry up to an append
    /// after its deadline shows that it was broken.
    #[arg(long)]
    pub(super) evidence: Option<PathBuf>,
    /// Of a promise: a key by which it may be signed. Take it from elsewhere than the promise: anybody can sign one. Without
    /// it the best verdict is CONSISTENT.
    #[arg(long = "promise-key")]
    pub(super) promise_keys: Vec<PromiseKey>,
    /// How many of the servers must confirm it. Default: the trust file's, or more than half.
    #[arg(long)]
    pub(super) quorum: Option<usize>,
    /// Ask no server: compare with the heads given by --head and --event-head.
    #[arg(long, requires = "head")]
    pub(super) offline: bool,
    /// A head that you trust, SIZE:ROOT.
    #[arg(long, requires = "offline", value_parser = parse_head)]
    pub(super) head: Option<TreeHead>,
    /// An event log's head that you trust, SIZE:ROOT.
    #[arg(long, requires = "offline", value_parser = parse_head)]
    pub(super) event_head: Option<TreeHead>,
    /// Print the verdict as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Arguments {
    /// Whether there is any of those that are for promises alone.
    pub(super) const fn is_of_promise(&self) -> bool {
        self.receipt.is_some() || self.evidence.is_some() || !self.promise_keys.is_empty()
    }

    /// Whether the verdict shows the event: of which ledger it is, who appended it, and when.
    pub(super) const fn shows_event(&self) -> bool {
        !self.offline || self.event_head.is_some()
    }
}
