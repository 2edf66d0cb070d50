//! Connections that are made again by themselves, as long as they are wanted.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::rustls::crypto::ring;
use async_nats::{Client, ConnectError, ConnectOptions, Event, ServerAddr};
use tracing::{debug, info, warn};

/// Three of them without an answer, and the connection is made again: a server that is frozen is left after some 8 seconds.
const PING_INTERVAL: Duration = Duration::from_secs(2);
const CONNECTING_TIME: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long a request to JetStream may take.
pub(crate) const REQUEST_TIME: Duration = Duration::from_secs(2);

/// Servers of one NATS, and how they know the caller. Not trusted: a message only leads to a look.
#[derive(Clone)]
pub struct Servers {
    addresses: Vec<ServerAddr>,
    login: Option<Login>,
}

/// A name and password, or a token.
#[derive(Clone)]
enum Login {
    Name(String, String),
    Token(String),
}

/// A URL that is no server's. It repeats no part of the URL, which can hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a server is named as nats://HOST:PORT, or tls://HOST:PORT for TLS")]
pub struct NoServer;

/// Checks a server's URL.
///
/// # Errors
/// [`NoServer`].
pub fn parse_server(url: &str) -> Result<String, NoServer> {
    let is_known = url.starts_with("nats://") || url.starts_with("tls://");
    let has_host = ServerAddr::from_str(url).is_ok_and(|address| !address.host().is_empty());
    if is_known && has_host { Ok(url.to_owned()) } else { Err(NoServer) }
}

impl Servers {
    /// Servers by their URLs, which can hold credentials; `login` comes before these: `NAME:PASSWORD`, or a token.
    ///
    /// # Errors
    /// [`NoServer`].
    pub fn new(urls: &[String], login: Option<&str>) -> Result<Self, NoServer> {
        let addresses = urls.iter().map(|url| ServerAddr::from_str(&parse_server(url)?).map_err(|_| NoServer));
        let login = login.map(str::trim).map(|text| match text.split_once(':') {
            Some((name, password)) => Login::Name(name.to_owned(), password.to_owned()),
            None => Login::Token(text.to_owned()),
        });
        Ok(Self { addresses: addresses.collect::<Result<_, _>>()?, login })
    }

    /// A client that connects, and connects again, by itself. `name` is shown by the server.
    pub(crate) async fn client(&self, name: &str) -> Result<Client, ConnectError> {
        // A process has several libraries of cryptography, of which rustls chooses none by itself; an earlier choice stays.
        let _ = ring::default_provider().install_default();
        let is_refused = AtomicBool::new(false);
        let options = ConnectOptions::new()
            .name(name)
            .retry_on_initial_connect()
            .ping_interval(PING_INTERVAL)
            .connection_timeout(CONNECTING_TIME)
            .request_timeout(Some(REQUEST_TIME))
            .reconnect_delay_callback(|attempts| {
                let doubled = 1_u64.checked_shl(u32::try_from(attempts).unwrap_or(u32::MAX)).unwrap_or(u64::MAX);
                Duration::from_millis(doubled).min(LONGEST_PAUSE)
            })
            .event_callback(move |event| {
                match event {
                    Event::Connected => {
                        is_refused.store(false, Ordering::Relaxed);
                        info!("connected to NATS");
                    }
                    Event::Disconnected => warn!("the connection to NATS is lost; connecting again"),
                    // Told once: it comes with each attempt.
                    Event::ServerError(error) if !is_refused.swap(true, Ordering::Relaxed) => {
                        warn!("NATS refuses: {error}; trying again");
                    }
                    other => debug!("NATS: {other}"),
                }
                std::future::ready(())
            });
        let options = match &self.login {
            None => options,
            Some(Login::Name(name, password)) => options.user_and_password(name.clone(), password.clone()),
            Some(Login::Token(token)) => options.token(token.clone()),
        };
        options.connect(self.addresses.clone()).await
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.addresses.iter().map(|address| format!("{}:{}", address.host(), address.port()));
        f.debug_tuple("Servers").field(&hosts.collect::<Vec<_>>()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{NoServer, Servers, parse_server};

    #[test]
    fn a_servers_secrets_are_not_shown() {
        let urls = ["nats://me:SECRET@127.0.0.1:4222".to_owned(), "tls://SECRET@nats.example.com".to_owned()];
        let shown = format!("{:?}", Servers::new(&urls, Some("me:SECRET")).unwrap());
        assert_eq!(shown, r#"Servers(["127.0.0.1:4222", "nats.example.com:4222"])"#);
    }

    #[test]
    fn rejects_what_is_no_servers_url() {
        for url in ["", "127.0.0.1:4222", "http://127.0.0.1", "nats://", "nats://:4222", "ws://127.0.0.1"] {
            assert_eq!(parse_server(url), Err(NoServer), "{url}");
        }
    }
}
