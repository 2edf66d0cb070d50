#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod appender;
mod batches;
mod error;
mod fit;
mod host;
mod in_flight;
pub mod instruction;
mod keypair;
mod payment;
pub mod refusal;
mod send;
mod signer;
mod subtrees;
mod wallet;

pub use appender::{Appended, Appender, Settled};
pub use batches::Batches;
pub use counterfoil_core::{SubtreeBatch, plan_subtrees};
pub use error::{AppendError, SendError};
pub use fit::entries_that_fit;
pub use host::{BoxError, Host, Planned};
pub use in_flight::InFlight;
pub use instruction::{SUBTREES_PER_PAID_TRANSACTION, SUBTREES_PER_TRANSACTION};
pub use keypair::{read_keypair, wallet_of};
pub use payment::{LAMPORTS_PER_SIGNATURE, PAYER_BYTES, PRICE_BYTES, Payment, Price, fetch_recent_price};
pub use send::{Sent, Signed, send, send_signed, send_watched, sign, sign_paid};
pub use signer::TransactionSigner;
pub use subtrees::roots;
pub use wallet::{LAMPORTS_PER_SOL, fetch_balance, request_airdrop};

pub use solana_instruction::Instruction;
pub use solana_keypair::Keypair;
pub use solana_signature::Signature;
pub use solana_signer::{Signer, SignerError};
