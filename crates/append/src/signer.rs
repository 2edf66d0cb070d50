//! Keys that sign transactions, wherever they are kept.

use std::future::Future;
use std::pin::Pin;

use counterfoil_core::Wallet;
use solana_keypair::Keypair;
use solana_signature::Signature;
use solana_signer::{Signer, SignerError};

use crate::keypair::wallet_of;

/// A key that signs transactions. A file's, or one in memory, is a [`Keypair`]; a service that gives no key out implements this over its
/// interface, and says why it did not sign by [`SignerError::Custom`].
pub trait TransactionSigner: Send + Sync {
    /// The key's wallet.
    fn wallet(&self) -> Wallet;

    /// Signs a message.
    fn sign<'a>(
        &'a self,
        message: &'a [u8],
    ) -> Pin<Box<dyn Future<Output = Result<Signature, SignerError>> + Send + 'a>>;
}

impl TransactionSigner for Keypair {
    fn wallet(&self) -> Wallet {
        wallet_of(self)
    }

    fn sign<'a>(
        &'a self,
        message: &'a [u8],
    ) -> Pin<Box<dyn Future<Output = Result<Signature, SignerError>> + Send + 'a>> {
        Box::pin(std::future::ready(self.try_sign_message(message)))
    }
}
