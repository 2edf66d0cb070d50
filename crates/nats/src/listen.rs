//! Hearing hints.
//!
//! A plain subscription, without a consumer on the server: none can be deleted, expire or be forgotten with the server's store, and
//! a connection that is made again brings its subscriptions with it. A message that went out in between is missed, which is why a
//! listener also looks by itself.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::StreamExt;
use tracing::warn;

use crate::connect::Servers;

const PAUSE: Duration = Duration::from_secs(1);

/// Hears messages on `subject`, which can have wildcards, for as long as it is polled: each with its subject and body. Anyone who may
/// publish there can have sent them, any number of times.
pub async fn listen(servers: &Servers, name: &str, subject: &str, mut heard: impl FnMut(&str, &[u8])) -> Infallible {
    loop {
        match servers.client(name).await {
            Ok(client) => match client.subscribe(subject.to_owned()).await {
                Ok(mut messages) => {
                    while let Some(message) = messages.next().await {
                        heard(&message.subject, &message.payload);
                    }
                    warn!("NATS delivers no more; connecting again");
                }
                Err(error) => warn!("cannot listen to NATS, trying again: {error}"),
            },
            Err(error) => warn!("cannot connect to NATS, trying again: {error}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
