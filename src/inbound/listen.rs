//! Connections: how many there are at once, how many of one address, and how long each may take to say what it wants and
//! to hear the answer. Beyond that a connection is told 503 and closed, so that whoever holds many keeps nobody else out
//! of memory, file descriptors or the desk.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep, timeout};
use tower::ServiceExt as _;

use super::health::Metrics;
use crate::config::IpRange;

/// Connections at once, at most; fewer when the system grants fewer open files.
const MOST: usize = 2048;
/// Open files that are not connections: the database, attachments, what goes out.
const KEPT_BACK: u64 = 128;
/// Of all places, one address has one in so many at most, unless it is a trusted proxy's.
const SHARE_OF_ONE: usize = 2;
/// How long a request's headers may take, and how long a connection may be idle before the next.
const HEADERS: Duration = Duration::from_secs(30);
/// How long a client may read nothing of its answer.
const STALLED: Duration = Duration::from_secs(60);
/// Bytes of a request's headers at most.
const MOST_HEADERS: usize = 64 << 10;
/// Connections at once that are being told that there is no place.
const TOLD: usize = 64;

/// Within which bounds connections are served.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections at once.
    pub places: usize,
    /// How long a request's headers may take, and how long a connection may be idle.
    pub headers: Duration,
    /// How long a client may read nothing of its answer.
    pub stalled: Duration,
}

impl Default for Bounds {
    /// As many places as the system allows.
    fn default() -> Self {
        Self { places: places(), headers: HEADERS, stalled: STALLED }
    }
}

/// What a connection beyond the last place is told.
const NO_PLACE: &str = "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\"code\":\"Busy\",\"detail\":\"Too many connections are open. Nothing was recorded; please try again in a few seconds.\"}";

/// Where a service listens, and within which bounds.
pub struct Doors {
    bounds: Bounds,
    places: Arc<Semaphore>,
    of_one: usize,
    telling: Arc<Semaphore>,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    trusted: Vec<IpRange>,
    metrics: Arc<Metrics>,
}

/// A connection's place, given back when it is dropped.
struct Place {
    address: Option<IpAddr>,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    metrics: Arc<Metrics>,
    _place: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.metrics.connection(-1);
        let Some(address) = self.address else { return };
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&address);
            }
        }
    }
}

/// As many places as the system's limit on open files leaves.
fn places() -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files.saturating_sub(KEPT_BACK)).unwrap_or(MOST).clamp(16, MOST)
}

/// Whom an address belongs to: of IPv6, the network that one customer is given (RFC 6177).
fn holder_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        ip @ IpAddr::V4(_) => ip,
    }
}

impl Doors {
    /// Doors with these bounds; addresses of trusted proxies are not counted as one client's.
    #[must_use]
    pub fn new(bounds: Bounds, trusted: Vec<IpRange>, metrics: Arc<Metrics>) -> Self {
        let of_one = (bounds.places / SHARE_OF_ONE).max(1);
        let (places, telling) = (Arc::new(Semaphore::new(bounds.places)), Arc::new(Semaphore::new(TOLD)));
        Self { bounds, places, of_one, telling, by_address: Arc::default(), trusted, metrics }
    }

    fn enter(&self, peer: SocketAddr) -> Option<Place> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let proxy = self.trusted.iter().any(|range| range.contains(peer.ip()));
        let address = (!proxy).then(|| holder_of(peer.ip()));
        if let Some(address) = address {
            let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
            let count = by_address.entry(address).or_default();
            if *count >= self.of_one {
                return None;
            }
            *count += 1;
        }
        self.metrics.connection(1);
        Some(Place { address, by_address: Arc::clone(&self.by_address), metrics: Arc::clone(&self.metrics), _place: place })
    }

    /// Serves until `stop`; then waits until what is under way is answered.
    pub async fn serve(self, listener: TcpListener, routes: Router, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let under_way = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut stop => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // The caller hung up, or open files ran out: either passes.
                    tracing::debug!(%error, "a connection was not accepted");
                    sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let Some(place) = self.enter(peer) else {
                self.turn_away(stream);
                continue;
            };
            // Only makes answers quicker.
            let _ = stream.set_nodelay(true);
            let service = routes.clone().map_request(move |mut request: axum::http::Request<hyper::body::Incoming>| {
                request.extensions_mut().insert(ConnectInfo(peer));
                request.map(Body::new)
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(self.bounds.headers).max_buf_size(MOST_HEADERS).max_header_size(MOST_HEADERS);
            let connection = under_way
                .watch(http.serve_connection(TokioIo::new(Patient::new(stream, self.bounds.stalled)), TowerToHyperService::new(service)));
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection ended early");
                }
                drop(place);
            });
        }
        drop(listener);
        under_way.shutdown().await;
    }

    /// Tells a connection that there is no place, if it listens; never waits for it.
    fn turn_away(&self, mut stream: TcpStream) {
        self.metrics.turned_away("connections");
        let Ok(told) = Arc::clone(&self.telling).try_acquire_owned() else { return };
        tokio::spawn(async move {
            let head = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 5\r\nconnection: close";
            let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{NO_PLACE}", NO_PLACE.len());
            let tell = async {
                stream.write_all(answer.as_bytes()).await?;
                stream.shutdown().await?;
                // What it sends is read and dropped for a moment: closing at once could take the answer away from it.
                let mut sink = [0; 4096];
                while stream.read(&mut sink).await? > 0 {}
                Ok::<(), io::Error>(())
            };
            // Whether it heard is its own affair.
            let _ = timeout(Duration::from_secs(1), tell).await;
            drop(told);
        });
    }
}

/// A connection that is given up when its client stops reading.
struct Patient {
    stream: TcpStream,
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn new(stream: TcpStream, patience: Duration) -> Self {
        Self { stream, patience, stalled: None }
    }

    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.patience;
        ready!(self.stalled.get_or_insert_with(|| Box::pin(sleep(patience))).as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch(cx, written)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
