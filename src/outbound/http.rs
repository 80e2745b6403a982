//! The one outgoing HTTP client.
//!
//! Private and loopback addresses are refused unless the configuration names the host itself; link-local ones (where
//! clouds keep their credentials) unless it spells out the very address. The check is made on what the name resolves to
//! for this connection, which then goes there and nowhere else, so an answer that changes does not help. Redirects are
//! not followed, nothing is decompressed, bodies are cut off at a size, requests at a time.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
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
    /// Not an http or https address; what stands in it may be a secret.
    #[error("this is not an http or https address")]
    Address,
    /// No answer.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// The answer was too long.
    #[error("the answer was longer than is read")]
    TooLong,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
    /// `Retry-After` in seconds (RFC 9110 §10.2.3), where the answer names a number.
    pub retry_after: Option<u64>,
    /// `X-OAuth-Scopes`, where the answer names what the token may do.
    pub scopes: Option<String>,
}

/// A request that says more than a body.
#[derive(Clone, Debug)]
pub struct Asking<'a> {
    /// Where. What stands in it may be a secret.
    pub url: &'a str,
    /// A body with its type; without one it is a GET.
    pub body: Option<(&'static str, Vec<u8>)>,
    /// For `Authorization: Bearer`.
    pub bearer: Option<&'a str>,
    /// Bytes of the answer that are read at most.
    pub at_most: usize,
}

/// The client; cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    inner: reqwest::Client,
    named: Arc<BTreeSet<String>>,
}

/// Finds the addresses of a name. The system's own is [`System`]; tests have theirs.
pub trait Lookup: Send + Sync {
    /// The addresses of `host` as of now.
    fn look_up(&self, host: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;
}

/// What the system resolves.
struct System;

impl Lookup for System {
    fn look_up(&self, host: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|found| found.ip()).collect()) })
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped and compatible (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056).
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, hi, lo] = ip.segments();
    let of = |hi: u16, lo: u16| {
        let ([w, x], [y, z]) = (hi.to_be_bytes(), lo.to_be_bytes());
        Ipv4Addr::new(w, x, y, z)
    };
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0 | 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => Some(of(hi, lo)),
        [0x2002, w, x, ..] => Some(of(w, x)),
        _ => None,
    }
}

/// Whether an address is one that only the configuration may send us to (RFC 6890's special-purpose addresses).
#[must_use]
pub fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            ip.is_private()
                || ip.is_loopback()
                || ip.is_documentation()
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 192 && b == 88 && c == 99)
                || (a == 198 && (b & 0xfe) == 18)
                || is_nowhere(IpAddr::V4(ip))
        }
        IpAddr::V6(ip) => {
            let [a, b, c, ..] = ip.segments();
            ip.is_loopback()
                || (a & 0xfe00) == 0xfc00
                // Site-local (RFC 3879), documentation, Teredo and the rest of 2001::/23, discard-only, local NAT64.
                || (a & 0xffc0) == 0xfec0
                || (a == 0x2001 && (b < 0x200 || b == 0xdb8))
                || a == 0x100
                || (a == 0x64 && b == 0xff9b && c == 1)
                || embedded(ip).is_some_and(|ip| is_private(IpAddr::V4(ip)))
                || is_nowhere(IpAddr::V6(ip))
        }
    }
}

/// Whether an address is one where no service of the organisation is: this machine's link, where clouds keep their
/// metadata, groups, and what is not in use. Only an address that the configuration itself spells out leads there.
#[must_use]
pub fn is_nowhere(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, ..] = ip.octets();
            ip.is_link_local() || ip.is_multicast() || a == 0 || a >= 240 || ip == Ipv4Addr::new(100, 100, 100, 200)
        }
        IpAddr::V6(ip) => {
            ip.is_unspecified()
                || ip.is_multicast()
                || (ip.segments()[0] & 0xffc0) == 0xfe80
                || ip == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
                || (!ip.is_loopback() && embedded(ip).is_some_and(|ip| is_nowhere(IpAddr::V4(ip))))
        }
    }
}

struct Checked {
    named: Arc<BTreeSet<String>>,
    lookup: Arc<dyn Lookup>,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_lowercase();
        let named = self.named.contains(&host);
        let found = self.lookup.look_up(host.clone());
        Box::pin(async move {
            // The connection is made to one of these, so there is no second answer to be different from this one.
            let allowed = |ip: &IpAddr| if named { !is_nowhere(*ip) } else { !is_private(*ip) };
            let found: Vec<SocketAddr> = found.await?.into_iter().filter(allowed).map(|ip| SocketAddr::new(ip, 0)).collect();
            if found.is_empty() {
                return Err(HttpError::Private(host).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

impl Client {
    /// A client that may reach private addresses only at these hosts (names or addresses, as configured).
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(named: impl IntoIterator<Item = String>) -> Result<Self, HttpError> {
        Self::with(named, Arc::new(System), TIMEOUT)
    }

    /// The same with another look-up of names and another patience.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn with(named: impl IntoIterator<Item = String>, lookup: Arc<dyn Lookup>, patience: Duration) -> Result<Self, HttpError> {
        let named: Arc<BTreeSet<String>> = Arc::new(named.into_iter().map(|h| h.to_lowercase()).collect());
        let inner = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .timeout(patience)
            .connect_timeout(Duration::from_secs(5))
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(Checked { named: Arc::clone(&named), lookup }))
            .build()
            .map_err(|e| HttpError::NoAnswer(e.to_string()))?;
        Ok(Self { inner, named })
    }

    /// Posts a body and reads the answer.
    ///
    /// # Errors
    /// When the address may not be asked, there is no answer in time, or it is too long.
    pub async fn post(&self, url: &str, content_type: &'static str, body: Vec<u8>) -> Result<Answered, HttpError> {
        self.ask(Asking { url, body: Some((content_type, body)), bearer: None, at_most: MOST_BYTES }).await
    }

    /// Posts a body with further headers, and reads the answer.
    ///
    /// # Errors
    /// As [`Client::post`].
    pub async fn post_with(
        &self,
        url: &str,
        content_type: &'static str,
        body: Vec<u8>,
        headers: &[(&'static str, String)],
    ) -> Result<Answered, HttpError> {
        self.send(Asking { url, body: Some((content_type, body)), bearer: None, at_most: MOST_BYTES }, headers).await
    }

    /// Asks and reads the answer.
    ///
    /// # Errors
    /// As [`Client::post`].
    pub async fn ask(&self, asking: Asking<'_>) -> Result<Answered, HttpError> {
        self.send(asking, &[]).await
    }

    async fn send(&self, asking: Asking<'_>, headers: &[(&'static str, String)]) -> Result<Answered, HttpError> {
        let url = reqwest::Url::parse(asking.url).map_err(|_| HttpError::Address)?;
        self.check(&url)?;
        let request = match asking.body {
            Some((content_type, body)) => self.inner.post(url).header(reqwest::header::CONTENT_TYPE, content_type).body(body),
            None => self.inner.get(url),
        };
        let request = match asking.bearer {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let mut response = request.send().await.map_err(|e| HttpError::NoAnswer(why(&e)))?;
        let status = response.status().as_u16();
        let named = response.headers().get(reqwest::header::RETRY_AFTER);
        let retry_after = named.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let scopes = response.headers().get("x-oauth-scopes").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| HttpError::NoAnswer(why(&e)))? {
            if body.len() + chunk.len() > asking.at_most {
                return Err(HttpError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answered { status, body, retry_after, scopes })
    }

    /// Names are checked when they are resolved; a literal address never is, so it is checked here.
    fn check(&self, url: &reqwest::Url) -> Result<(), HttpError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(HttpError::Address);
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
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "::127.0.0.1",
            "::ffff:169.254.169.254",
            "fd00:ec2::254",
            "fec0::1",
            "2001::1",
            "2001:db8::1",
            "192.0.0.8",
            "198.18.0.1",
            "203.0.113.7",
            "224.0.0.1",
            "ff02::1",
            "::",
        ] {
            assert!(is_private(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:1.1.1.1", "2002:101:101::1", "2001:4860:4860::8888"] {
            assert!(!is_private(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn a_cloud_s_metadata_is_where_no_name_leads() {
        for ip in ["169.254.169.254", "::ffff:169.254.169.254", "100.100.100.200", "fd00:ec2::254", "fe80::1", "0.0.0.0", "::"] {
            assert!(is_nowhere(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["127.0.0.1", "::1", "10.0.0.1", "fd00::1", "8.8.8.8"] {
            assert!(!is_nowhere(ip.parse().unwrap()), "{ip}");
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
        assert!(matches!(client.post("file:///etc/passwd", "text/plain", Vec::new()).await, Err(HttpError::Address)));
    }
}
