//! Ports that stay ours between choosing them and listening on them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// Why a port cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// Somebody else listens there.
    #[error("{server} port {port} on 127.0.0.1 is in use: stop what listens there, or give another with {flag}")]
    InUse {
        /// Which server wanted it.
        server: &'static str,
        /// The port.
        port: u16,
        /// The command-line flag that sets it.
        flag: &'static str,
    },
    /// The system refused it for another reason, such as a port that needs privileges.
    #[error("{server} port {port} on 127.0.0.1 cannot be opened; another can be given with {flag}")]
    Refused {
        /// Which server wanted it.
        server: &'static str,
        /// The port; 0 when any would have done.
        port: u16,
        /// The command-line flag that sets it.
        flag: &'static str,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

/// A port that is bound but not listened on, for as long as this lives.
///
/// The node opens its own listeners. Its HTTP server sets SO_REUSEPORT, so that two nodes that chose one port would
/// share it without a word; a socket that only sets SO_REUSEADDR and never listens lets the node's listeners in, and
/// no one who asks the system for a free port gets this one.
#[derive(Debug)]
pub struct Reserved {
    socket_addr: SocketAddr,
    _socket: TcpSocket,
}

impl Reserved {
    /// Reserves a port for the JSON-RPC server, a free one when `None`.
    ///
    /// # Errors
    /// [`PortError`] when it cannot be had.
    pub fn rpc(port: Option<u16>) -> Result<Self, PortError> {
        Self::bind("RPC", "--rpc-port", port.unwrap_or(0))
    }

    /// Reserves a port for the WebSocket server, a free one when `None`.
    ///
    /// # Errors
    /// [`PortError`] when it cannot be had.
    pub fn ws(port: Option<u16>) -> Result<Self, PortError> {
        Self::bind("WebSocket", "--ws-port", port.unwrap_or(0))
    }

    /// The address, on 127.0.0.1.
    pub fn addr(&self) -> SocketAddr {
        self.socket_addr
    }

    fn bind(server: &'static str, flag: &'static str, port: u16) -> Result<Self, PortError> {
        let bound = || {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
            Ok(Self { socket_addr: socket.local_addr()?, _socket: socket })
        };
        bound().map_err(|source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => PortError::InUse { server, port, flag },
            _ => PortError::Refused { server, port, flag, source },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_reserved_port_lets_a_listener_in_and_is_not_handed_out_again() {
        let reserved = Reserved::rpc(None).expect("a free port");
        let listener = TcpListener::bind(reserved.addr()).expect("the owner may listen");

        let second = Reserved::ws(Some(reserved.addr().port()));

        assert!(matches!(second, Err(PortError::InUse { server: "WebSocket", .. })));
        drop(listener);
    }
}
