//! A local Solana node with programs and funded wallets in it, for development and tests.
//!
//! It embeds surfpool, which runs transactions on the real virtual machine and answers the RPC and WebSocket
//! interfaces of a validator, in one process and without any network. Each run is a cluster of its own, with a genesis
//! hash of its own, and gone when it stops, unless it is given a folder to keep the chain in.
//!
//! The binary `counterfoil-localnet` is the usual way to run it; [`start`] embeds it.
//!
//! # What it is for
//! `counterfoil dev`, the demo and quick end-to-end tests: it starts in under a second, and an idle node costs a few
//! per cent of one core. Programs stand at their own addresses under the upgradeable loader with an upgrade authority,
//! as on a real cluster.
//!
//! # What is kept
//! With [`Config::ledger`] the chain goes on where it was: its genesis hash, accounts, transactions, blocks, and slots
//! that never come twice. A transaction is on disk, together with all accounts that it changed, before the node shows
//! it: a node that is killed, or a machine that loses its power, loses only what it had not shown yet. After such an end
//! up to 150 slots are left out. Not kept: what surfpool's own methods (`surfnet_...`) register, and what they change is
//! kept with the next transaction; `surfnet_resetNetwork` ends the node. Blocks without transactions are not stored:
//! surfpool makes them up, and their times move by the time that the node stood still.
//!
//! # What it gets wrong
//! It must not be the only judge of commitment, finality, block order or errors. Unlike a validator:
//! - accounts, transactions and signature lists answer alike at every commitment level: what was just sent is already
//!   "finalized" there (signature statuses and the slot do tell the levels apart, by slots: 31 to finalize);
//! - `getSignaturesForAddress` with a signature that it does not know as `until` returns everything, and as `before`
//!   nothing; a validator answers with an error;
//! - `logsSubscribe` reports a failed transaction without its error at confirmed and finalized;
//! - the chain of `previousBlockhash`, and the block height, break around every block that is not empty;
//! - `rootSubscribe` and `blockSubscribe` are missing;
//! - there are no forks, no leader changes, no dropped transactions and no other validators.

mod kept;
mod ledger;
mod node;
mod restore;

pub use counterfoil_localnet_base::{Config, Endpoints, LedgerError, Node, PortError, Program};
pub use node::{Running, StartError, start};
