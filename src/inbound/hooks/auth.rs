//! Who sent this? The configured proof is checked over the raw bytes, in constant time.
//!
//! Tokens are compared by their SHA-256, so that neither content nor length shows in the time taken. A signature is
//! checked before its timestamp: only a genuine delivery is ever called stale.

use axum::http::HeaderMap;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::config::{Auth, Covers, Encoding, Format, Hmac, SourceConfig};
use crate::env::Timestamp;

/// RFC 4648 §4, with or without padding.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// The most signatures that one header may offer (`v1=…,v1=…`, for changing keys).
const MAX_SIGNATURES: usize = 8;

/// How a delivery proved where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// `bearer`, `basic`, `hmac`, `query`, `routing_key` or `none`.
    pub method: &'static str,
    /// Which credential it was, never the secret: the user's name, the header, the parameter; empty when there is
    /// only one it could be.
    pub credential: String,
}

/// Why a delivery is not believed. Its name counts refusals; say no more than its sentence to the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum AuthRefusal {
    /// No proof was sent.
    #[error("This source needs to prove who it is, and nothing was sent; check the credentials in the monitoring tool.")]
    Missing,
    /// The proof cannot be read, or was sent twice.
    #[error("The proof of who sends this cannot be read, or was sent more than once; check the credentials in the monitoring tool.")]
    Malformed,
    /// The proof is not the configured one.
    #[error("The credentials or the signature are not this source's; check them in the monitoring tool.")]
    Wrong,
    /// Genuine, but signed too long ago, or too far in the future.
    #[error("The signature is genuine, but too old or from the future; check both clocks.")]
    Stale,
}

impl AuthRefusal {
    /// The refusal's name, for counting.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Wrong => "wrong",
            Self::Stale => "stale",
        }
    }
}

/// Checks the proof that `auth` asks for. `query` is the address's query string, without the question mark.
///
/// # Errors
/// When there is none, it cannot be read, it is wrong, or it is too old.
pub fn verify_source(
    auth: &Auth,
    headers: &HeaderMap,
    query: Option<&str>,
    raw_body: &[u8],
    now: Timestamp,
) -> Result<Verified, AuthRefusal> {
    match auth {
        Auth::None => Ok(Verified { method: "none", credential: String::new() }),
        Auth::Bearer { token } => {
            let sent = after_scheme(the_header(headers, "authorization")?, "bearer")?;
            equal(sent.as_bytes(), token.expose().as_bytes())?;
            Ok(Verified { method: "bearer", credential: String::new() })
        }
        Auth::Basic { user, password } => {
            let sent = after_scheme(the_header(headers, "authorization")?, "basic")?;
            let sent = BASE64.decode(sent).map_err(|_| AuthRefusal::Malformed)?;
            equal(&sent, format!("{user}:{}", password.expose()).as_bytes())?;
            Ok(Verified { method: "basic", credential: user.clone() })
        }
        Auth::Query { param, token } => {
            equal(&the_parameter(query.unwrap_or_default(), param)?, token.expose().as_bytes())?;
            Ok(Verified { method: "query", credential: param.clone() })
        }
        Auth::Hmac(hmac) => verify_signature(hmac, headers, raw_body, now),
    }
}

/// The source of `format` whose credentials these are, for routes whose address names none (Alertmanager's API).
///
/// # Errors
/// When no source of that format believes the delivery; the reason is the most telling one.
pub fn source_by_credential<'c>(
    sources: &'c [SourceConfig],
    format: Format,
    headers: &HeaderMap,
    query: Option<&str>,
    raw_body: &[u8],
    now: Timestamp,
) -> Result<(&'c SourceConfig, Verified), AuthRefusal> {
    let mut refusal = AuthRefusal::Missing;
    for source in sources.iter().filter(|s| s.format == format) {
        match verify_source(&source.auth, headers, query, raw_body, now) {
            Ok(verified) => return Ok((source, verified)),
            Err(why) => refusal = refusal.max(why),
        }
    }
    Err(refusal)
}

/// Whether two secrets are the same, telling nothing by how long it takes.
pub(super) fn same(sent: &[u8], expected: &[u8]) -> Choice {
    Sha256::digest(sent).as_slice().ct_eq(Sha256::digest(expected).as_slice())
}

fn equal(sent: &[u8], expected: &[u8]) -> Result<(), AuthRefusal> {
    if bool::from(same(sent, expected)) { Ok(()) } else { Err(AuthRefusal::Wrong) }
}

/// The one header of that name. Two are refused: a proxy and we could each believe a different one.
fn the_header<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h str, AuthRefusal> {
    let mut all = headers.get_all(name).iter();
    let first = all.next().ok_or(AuthRefusal::Missing)?;
    if all.next().is_some() { Err(AuthRefusal::Malformed) } else { first.to_str().map_err(|_| AuthRefusal::Malformed) }
}

/// What follows `scheme` and spaces, the scheme in either case (RFC 9110 §11.1).
fn after_scheme<'h>(header: &'h str, scheme: &str) -> Result<&'h str, AuthRefusal> {
    let (sent, rest) = header.trim().split_once(' ').ok_or(AuthRefusal::Malformed)?;
    if sent.eq_ignore_ascii_case(scheme) { Ok(rest.trim()) } else { Err(AuthRefusal::Malformed) }
}

/// The one parameter of that name, percent-decoded (RFC 3986 §2.1; `+` is a space).
fn the_parameter(query: &str, param: &str) -> Result<Vec<u8>, AuthRefusal> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut found = pairs.filter(|(name, _)| percent_decoded(name) == param.as_bytes()).map(|(_, value)| percent_decoded(value));
    let first = found.next().ok_or(AuthRefusal::Missing)?;
    if found.next().is_some() { Err(AuthRefusal::Malformed) } else { Ok(first) }
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let decoded = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| hex::decode(digits).ok());
        if let Some(byte) = decoded {
            out.extend(byte);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            out.push(if *first == b'+' { b' ' } else { *first });
            rest = tail;
        }
    }
    out
}

fn verify_signature(hmac: &Hmac, headers: &HeaderMap, raw_body: &[u8], now: Timestamp) -> Result<Verified, AuthRefusal> {
    let offered = the_header(headers, &hmac.header)?;
    let stamp = hmac.timestamp_header.as_deref().map(|name| the_header(headers, name)).transpose()?;
    let signatures: Vec<_> = offered.split(',').filter_map(|one| decode_signature(hmac, one.trim())).take(MAX_SIGNATURES).collect();
    if signatures.is_empty() {
        return Err(AuthRefusal::Malformed);
    }
    let mut mac = hmac::Hmac::<Sha256>::new_from_slice(hmac.secret.expose().as_bytes()).map_err(|_| AuthRefusal::Malformed)?;
    match (hmac.covers, stamp) {
        (Covers::Body, _) => {}
        (Covers::TimestampColonBody, Some(stamp)) => mac.update(format!("{stamp}:").as_bytes()),
        (Covers::TimestampDotBody, Some(stamp)) => mac.update(format!("{stamp}.").as_bytes()),
        (_, None) => return Err(AuthRefusal::Missing),
    }
    mac.update(raw_body);
    let expected = mac.finalize().into_bytes();
    let any = signatures.iter().fold(Choice::from(0), |any, one| any | one.as_slice().ct_eq(expected.as_slice()));
    if !bool::from(any) {
        return Err(AuthRefusal::Wrong);
    }
    if let Some(stamp) = stamp {
        let signed_at = stamp.parse::<i64>().ok().and_then(|s| s.checked_mul(1_000_000)).and_then(Timestamp::from_micros);
        let signed_at = signed_at.ok_or(AuthRefusal::Malformed)?;
        if now.since(signed_at).max(signed_at.since(now)) > hmac.window {
            return Err(AuthRefusal::Stale);
        }
    }
    Ok(Verified { method: "hmac", credential: hmac.header.clone() })
}

/// The 32 bytes behind one offered signature; `None` when it lacks the prefix or is none.
fn decode_signature(hmac: &Hmac, offered: &str) -> Option<Vec<u8>> {
    let digits = offered.strip_prefix(hmac.prefix.as_str())?;
    let bytes = match hmac.encoding {
        Encoding::Hex => hex::decode(digits).ok()?,
        Encoding::Base64 => BASE64.decode(digits).ok()?,
    };
    (bytes.len() == 32).then_some(bytes)
}
