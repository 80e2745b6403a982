//! The one outgoing HTTP client.
//!
//! Private, loopback and link-local addresses are refused unless the configuration names the host itself; the check is
//! made on what the name resolves to at the moment of the connection, so an answer that changes does not help. Redirects
//! are not followed. Bodies are cut off at a size, requests at a time.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;

/// Bytes of an answer that are read at most.
const MOST_BYTES: usize = 1 << 20;
/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why a request did not get an answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is not one that may be asked.
    #[error("{0} is a private address; only hosts that the configuration names may be there")]
    Private(String),
    /// Not an http or https address.
    #[error("{0:?} is not an http or https address")]
    Address(String),
    /// No answer.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// The answer was too long.
    #[error("the answer was longer than {MOST_BYTES} bytes")]
    TooLong,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
}

/// The client; cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    inner: reqwest::Client,
    named: Arc<BTreeSet<String>>,
}

/// Whether an address is one that only the configuration may send us to.
#[must_use]
pub fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_broadcast()
                || ip.is_multicast()
                || ip.is_documentation()
                || (a == 100 && (64..128).contains(&b))
                || a == 0
                || a >= 240
        }
        IpAddr::V6(ip) => {
            let first = ip.segments()[0];
            let embedded = ip.to_ipv4_mapped().map(IpAddr::V4).or_else(|| {
                // 64:ff9b::/96 carries an IPv4 address in its last 32 bits (RFC 6052).
                let [a, b, c, d, e, f, hi, lo] = ip.segments();
                ([a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0]).then(|| {
                    let ([w, x], [y, z]) = (hi.to_be_bytes(), lo.to_be_bytes());
                    IpAddr::from([w, x, y, z])
                })
            });
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_multicast()
                || (first & 0xfe00) == 0xfc00
                || (first & 0xffc0) == 0xfe80
                || embedded.is_some_and(is_private)
        }
    }
}

struct Checked {
    named: Arc<BTreeSet<String>>,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let named = self.named.contains(&name.as_str().to_lowercase());
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> = found.into_iter().filter(|a| named || !is_private(a.ip())).collect();
            if allowed.is_empty() {
                return Err(HttpError::Private(host).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

impl Client {
    /// A client that may reach private addresses only at these hosts (names or addresses, as configured).
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(named: impl IntoIterator<Item = String>) -> Result<Self, HttpError> {
        let named: Arc<BTreeSet<String>> = Arc::new(named.into_iter().map(|h| h.to_lowercase()).collect());
        let inner = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .timeout(TIMEOUT)
            .connect_timeout(Duration::from_secs(5))
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(Checked { named: Arc::clone(&named) }))
            .build()
            .map_err(|e| HttpError::NoAnswer(e.to_string()))?;
        Ok(Self { inner, named })
    }

    /// Posts a body and reads the answer.
    ///
    /// # Errors
    /// When the address may not be asked, there is no answer in time, or it is too long.
    pub async fn post(&self, url: &str, content_type: &'static str, body: Vec<u8>) -> Result<Answered, HttpError> {
        let url = reqwest::Url::parse(url).map_err(|_| HttpError::Address(url.to_owned()))?;
        self.check(&url)?;
        let request = self.inner.post(url).header(reqwest::header::CONTENT_TYPE, content_type).body(body);
        let mut response = request.send().await.map_err(|e| HttpError::NoAnswer(why(&e)))?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| HttpError::NoAnswer(why(&e)))? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(HttpError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answered { status, body })
    }

    /// Names are checked when they are resolved; a literal address never is, so it is checked here.
    fn check(&self, url: &reqwest::Url) -> Result<(), HttpError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(HttpError::Address(url.to_string()));
        }
        let host = url.host_str().unwrap_or_default().to_lowercase();
        let literal: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        match literal {
            Some(ip) if is_private(ip) && !self.named.contains(&host) => Err(HttpError::Private(host)),
            _ => Ok(()),
        }
    }
}

/// The innermost cause: reqwest's own words name the address, and may hold what stands in it.
fn why(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// The host of an address in the configuration, so that it may be private.
#[must_use]
pub fn host_of(url: &str) -> Option<String> {
    reqwest::Url::parse(url).ok()?.host_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known_in_every_disguise() {
        for ip in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "::",
        ] {
            assert!(is_private(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:1.1.1.1"] {
            assert!(!is_private(ip.parse().unwrap()), "{ip}");
        }
    }

    #[tokio::test]
    async fn a_private_address_is_asked_only_when_the_configuration_names_it() {
        let client = Client::new([]).unwrap();
        for url in ["http://127.0.0.1:1/", "http://[::1]:1/", "http://localhost:1/", "http://2130706433:1/"] {
            let error = client.post(url, "text/plain", Vec::new()).await.unwrap_err();
            assert!(error.to_string().contains("private address"), "{url}: {error}");
        }
        let named = Client::new(["127.0.0.1".to_owned()]).unwrap();
        let error = named.post("http://127.0.0.1:1/", "text/plain", Vec::new()).await.unwrap_err();
        assert!(!error.to_string().contains("private"), "{error}");
    }

    #[tokio::test]
    async fn other_schemes_are_refused() {
        let client = Client::new([]).unwrap();
        assert!(matches!(client.post("file:///etc/passwd", "text/plain", Vec::new()).await, Err(HttpError::Address(_))));
    }
}
