//! `auth` of a source: the ways in which it can prove who it is.

use std::time::Duration;

use super::secret::Secret;
use super::section::Section;
use super::source::Format;
use super::tree::{Kind, Node};

/// How the digits of a signature are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Hexadecimal, either case.
    Hex,
    /// Base64, RFC 4648 §4, padding optional.
    Base64,
}

/// Which bytes a signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Covers {
    /// The body alone.
    Body,
    /// The timestamp, a colon, the body (Grafana).
    TimestampColonBody,
    /// The timestamp, a full stop, the body (Stripe's manner).
    TimestampDotBody,
}

/// A signature over the raw body: HMAC-SHA256 (RFC 2104, FIPS 198-1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hmac {
    /// The shared key; its bytes are the text's UTF-8.
    pub secret: Secret,
    /// Header that carries the signature, lower case.
    pub header: String,
    /// How the signature is written.
    pub encoding: Encoding,
    /// What stands before the digits, such as `sha256=` or `v1=`; perhaps nothing.
    pub prefix: String,
    /// Header that carries the moment of signing in seconds since 1970, lower case.
    pub timestamp_header: Option<String>,
    /// How far that moment may be from ours, either way.
    pub window: Duration,
    /// Which bytes are signed.
    pub covers: Covers,
}

/// How a source proves who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer …` (RFC 6750).
    Bearer {
        /// The token.
        token: Secret,
    },
    /// `Authorization: Basic …` (RFC 7617).
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A signature over the body.
    Hmac(Hmac),
    /// A token in the address, for tools that can do no better.
    Query {
        /// Name of the parameter.
        param: String,
        /// The token.
        token: Secret,
    },
    /// Nothing; anyone who reaches the port may send. PagerDuty's sources are proved by their routing key instead.
    None,
}

/// Reads `auth` of a source that `label` names; `None`, with the problem noted, when it is missing or cannot be used.
pub(super) fn read_auth(section: &mut Section<'_>, label: &str, format: Option<Format>) -> Option<Auth> {
    let pagerduty = format == Some(Format::PagerDuty);
    let Some(node) = section.take("auth") else {
        if pagerduty {
            return Some(Auth::None);
        }
        section.problem(format!(
            "{label} needs auth, such as auth = {{ bearer = {{ file = \"token.txt\" }} }}. If anyone may send, say auth = \"none\"."
        ));
        return None;
    };
    let at = node.at.clone();
    let auth = auth_of(section, node)?;
    if pagerduty && auth != Auth::None {
        section
            .report()
            .problem(&at, format!("{label} is proved by its routing_key, because PagerDuty's clients send nothing else; remove auth."));
    }
    if !pagerduty && auth == Auth::None {
        section.report().warning(format!("{label} has auth = \"none\": anyone who reaches this address can open incidents."));
    }
    Some(auth)
}

const AUTH_KINDS: &str = "\"none\", or one of { bearer = … }, { basic = … }, { hmac = … }, { query = … }";

fn auth_of(section: &Section<'_>, node: Node) -> Option<Auth> {
    let (report, full) = (section.report(), section.full("auth"));
    if let Kind::Text(word) = &node.kind {
        if word == "none" {
            return Some(Auth::None);
        }
        if !word.trim_start().starts_with('{') {
            report.problem(&node.at, format!("{full} has to be {AUTH_KINDS}."));
            return None;
        }
    }
    let mut auth = Section::open(&full, node, report)?;
    if auth.has("sns") {
        auth.take("sns");
        auth.problem(format!("{full}.sns is not supported by this version; choose {AUTH_KINDS}."));
        return None;
    }
    let kinds = ["bearer", "basic", "hmac", "query", "none"];
    let chosen: Vec<_> = kinds.into_iter().filter(|k| auth.has(k)).collect();
    let read = match chosen.as_slice() {
        ["bearer"] => auth.secret("bearer").map(|token| Auth::Bearer { token }),
        ["basic"] => auth.section("basic").and_then(read_basic),
        ["hmac"] => auth.section("hmac").and_then(read_hmac),
        ["query"] => auth.section("query").and_then(read_query),
        ["none"] => auth.flag("none").and_then(|yes| {
            if !yes {
                auth.problem(format!("{full}.none = false says nothing; choose {AUTH_KINDS}."));
            }
            yes.then_some(Auth::None)
        }),
        _ => {
            auth.problem(format!("{full} has to be exactly one of {AUTH_KINDS}."));
            if chosen.is_empty() {
                kinds.into_iter().for_each(|k| drop(auth.take(k)));
                auth.finish();
            }
            return None;
        }
    };
    auth.finish();
    read
}

fn read_basic(mut section: Section<'_>) -> Option<Auth> {
    let (wrote_user, wrote_password) = (section.has("user"), section.has("password"));
    let user =
        section.parsed("user", |u| if u.contains(':') { Err("a user name for Basic has no colon".into()) } else { Ok(u.to_owned()) });
    let user = section.needed("user", user, wrote_user);
    let password = section.secret("password");
    let password = section.needed("password", password, wrote_password);
    section.finish();
    Some(Auth::Basic { user: user?, password: password? })
}

fn read_query(mut section: Section<'_>) -> Option<Auth> {
    let (wrote_param, wrote_token) = (section.has("param"), section.has("token"));
    let param = section.text("param").map(|(text, _)| text);
    let param = section.needed("param", param, wrote_param);
    let token = section.secret("token");
    let token = section.needed("token", token, wrote_token);
    section.finish();
    Some(Auth::Query { param: param?, token: token? })
}

fn header_name(text: &str) -> Result<String, String> {
    let good = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if good { Ok(text.to_ascii_lowercase()) } else { Err("a header's name has letters, digits, - and _".into()) }
}

fn read_hmac(mut section: Section<'_>) -> Option<Auth> {
    let (wrote_secret, wrote_header, wrote_window) = (section.has("secret"), section.has("header"), section.has("window"));
    let secret = section.secret("secret");
    let secret = section.needed("secret", secret, wrote_secret);
    let header = section.parsed("header", header_name);
    let header = section.needed("header", header, wrote_header);
    let encoding = section.parsed("encoding", |t| match t {
        "hex" => Ok(Encoding::Hex),
        "base64" => Ok(Encoding::Base64),
        _ => Err("it is hex or base64".into()),
    });
    let prefix = section.take("prefix").and_then(|node| match node.kind {
        Kind::Text(text) => Some(text),
        other => {
            section.report().problem(&node.at, format!("{} is {}, but it has to be text in quotes.", section.full("prefix"), other.word()));
            None
        }
    });
    let timestamp_header = section.parsed("timestamp_header", header_name);
    let window = section.duration("window");
    let _ = section.parsed("algorithm", |t| if t == "sha256" { Ok(()) } else { Err("sha256 is the only algorithm".into()) });
    let covers = section.parsed("covers", |t| match t {
        "body" => Ok(Covers::Body),
        "ts:body" => Ok(Covers::TimestampColonBody),
        "ts.body" => Ok(Covers::TimestampDotBody),
        _ => Err("it is body, ts:body or ts.body".into()),
    });
    let covers = covers.unwrap_or(if timestamp_header.is_some() { Covers::TimestampColonBody } else { Covers::Body });
    if covers != Covers::Body && timestamp_header.is_none() {
        section
            .problem(format!("{} covers the timestamp, so it needs timestamp_header: the header that carries it.", section.full("covers")));
    }
    if wrote_window && timestamp_header.is_none() {
        section.problem(format!(
            "{} has a window, which needs timestamp_header: the header that carries the moment of signing.",
            section.full("window")
        ));
    }
    if covers == Covers::Body && timestamp_header.is_some() {
        section.problem(format!(
            "{} is body, so the timestamp is not signed and proves nothing; say covers = \"ts:body\" or remove timestamp_header.",
            section.full("covers")
        ));
    }
    section.finish();
    Some(Auth::Hmac(Hmac {
        secret: secret?,
        header: header?,
        encoding: encoding.unwrap_or(Encoding::Hex),
        prefix: prefix.unwrap_or_default(),
        timestamp_header,
        window: window.unwrap_or(Duration::from_secs(300)),
        covers,
    }))
}
