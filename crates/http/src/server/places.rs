//! Bounds on the number of connections: in total, and per address.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::auth::network;

/// A limit of connections, and a share of it for each address.
#[derive(Clone, Debug)]
pub struct Places {
    max: u32,
    all: Arc<Semaphore>,
    share: u32,
    /// Peers that bring the connections of many clients.
    trusted_proxies: Vec<IpNet>,
    by_address: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

/// One connection's place, free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    _all: OwnedSemaphorePermit,
    _own: Option<OwnPlace>,
}

/// A place of one address's share.
#[derive(Debug)]
struct OwnPlace {
    address: IpAddr,
    by_address: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

/// A connection with its place, which it keeps until it is closed, also as a WebSocket.
pub(super) struct Placed<S>(
    pub(super) S,
    #[expect(dead_code, reason = "dropped with the connection")] pub(super) Place,
);

impl Places {
    /// At most `all` connections, of which one address has at most `share`; an IPv6 address is its /64. Connections of trusted
    /// proxies count to the total alone, for they are many clients'.
    #[must_use]
    pub fn new(all: u32, share: u32, trusted_proxies: Vec<IpNet>) -> Self {
        let (max, all) = (all, Arc::new(Semaphore::new(all as usize)));
        Self { max, all, share, trusted_proxies, by_address: Arc::default() }
    }

    /// The number of places taken, with the one that the listener holds for the next connection.
    #[must_use]
    pub fn taken(&self) -> usize {
        (self.max as usize).saturating_sub(self.all.available_permits())
    }

    /// Waits for a place of the total.
    pub(super) async fn reserve(&self) -> io::Result<OwnedSemaphorePermit> {
        self.all.clone().acquire_owned().await.map_err(io::Error::other)
    }

    /// None when the address has its share already.
    pub(super) fn take(&self, all: OwnedSemaphorePermit, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        if self.trusted_proxies.iter().any(|net| net.contains(&peer)) {
            return Some(Place { _all: all, _own: None });
        }
        let address = network(peer);
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = by_address.get(&address).copied().unwrap_or_default();
        if taken >= self.share {
            return None;
        }
        by_address.insert(address, taken.saturating_add(1));
        Some(Place { _all: all, _own: Some(OwnPlace { address, by_address: self.by_address.clone() }) })
    }
}

impl Drop for OwnPlace {
    fn drop(&mut self) {
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let left = by_address.get(&self.address).copied().unwrap_or_default().saturating_sub(1);
        match left {
            0 => by_address.remove(&self.address),
            left => by_address.insert(self.address, left),
        };
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Placed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Placed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
