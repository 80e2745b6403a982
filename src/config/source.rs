//! `[[source]]`: who may send alerts, in which format, proved how.

use std::collections::BTreeMap;
use std::time::Duration;

use super::secret::Secret;
use super::section::{Section, nearest};
use super::tree::{At, Kind, Node};
use crate::procedure::expression::Expression;

/// The formats of alerts that this version reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// Alertmanager's webhook, version 4.
    Alertmanager,
    /// Alertmanager's own API v2, as Prometheus and amtool speak it.
    AlertmanagerApi,
    /// Grafana's unified alerting.
    Grafana,
    /// PagerDuty's Events API v2.
    PagerDuty,
    /// Any JSON, mapped by CEL expressions.
    Generic,
}

impl Format {
    /// Every format, in the order in which they are listed to people.
    pub const ALL: [Self; 5] = [Self::Alertmanager, Self::AlertmanagerApi, Self::Grafana, Self::PagerDuty, Self::Generic];

    /// As the configuration spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Alertmanager => "alertmanager",
            Self::AlertmanagerApi => "alertmanager-api",
            Self::Grafana => "grafana",
            Self::PagerDuty => "pagerduty",
            Self::Generic => "generic",
        }
    }

    /// What sends it, in one line.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Alertmanager => "Prometheus Alertmanager's webhook_config (webhook version 4), posted to /hooks/{source}",
            Self::AlertmanagerApi => "Alertmanager's API v2, for Prometheus's alerting section and amtool: /api/v2/alerts",
            Self::Grafana => "Grafana unified alerting's webhook contact point, posted to /hooks/{source}",
            Self::PagerDuty => "PagerDuty Events API v2, for anything that can page PagerDuty: /v2/enqueue",
            Self::Generic => "any JSON, each field of the alert given by a CEL expression under [source.mapping]",
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        if let Some(found) = Self::ALL.into_iter().find(|f| f.name() == text) {
            return Ok(found);
        }
        if LATER_FORMATS.contains(&text) {
            return Err(format!("the format {text} is not supported by this version; use generic with a mapping until it is"));
        }
        if let Some(near) = nearest(text, Self::ALL.into_iter().map(Self::name)) {
            return Err(format!("did you mean {near}"));
        }
        let known: Vec<_> = Self::ALL.into_iter().map(|f| format!("{} ({})", f.name(), f.description())).collect();
        Err(format!("the known formats are {}", known.join("; ")))
    }
}

/// Formats with a name of their own that this version does not read.
const LATER_FORMATS: [&str; 32] = [
    "aws-guardduty",
    "aws-securityhub",
    "aws-sns-cloudwatch",
    "azure-monitor",
    "checkmk",
    "cloudevents",
    "crowdstrike",
    "datadog",
    "elastic-kibana",
    "falco",
    "gcp-monitoring",
    "github",
    "gitlab",
    "grafana-legacy",
    "graylog",
    "microsoft-defender",
    "microsoft-sentinel",
    "newrelic",
    "ocsf",
    "opsgenie",
    "pagerduty-webhook-v3",
    "pingdom",
    "sarif",
    "sentry",
    "slack-incoming",
    "splunk",
    "standard-webhooks",
    "suricata",
    "uptime-kuma",
    "uptimerobot",
    "wazuh",
    "zabbix",
];

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

/// Labels or annotations of a mapped alert.
#[derive(Clone, Debug)]
pub enum Pairs {
    /// One expression whose value is a map.
    Whole(Expression),
    /// One expression for each name.
    Each(BTreeMap<String, Expression>),
}

/// How any JSON becomes alerts (`format = "generic"`): CEL expressions over `body`, the whole document, and
/// `item`, one element of `each` (the whole document where there is no `each`).
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Gives the list of which each element is an alert; without it the document is one alert.
    pub each: Option<Expression>,
    /// The tool's own identifier.
    pub alert_id: Expression,
    /// What it is about, in one line.
    pub title: Expression,
    /// The rule or check that fired.
    pub rule: Option<Expression>,
    /// `firing`, `acknowledged`, `resolved`, a usual synonym, or true for firing and false for resolved.
    pub status: Option<Expression>,
    /// More words.
    pub description: Option<Expression>,
    /// Severity as the tool spells it.
    pub severity: Option<Expression>,
    /// When it began: RFC 3339, or seconds since 1970.
    pub starts_at: Option<Expression>,
    /// When it ended.
    pub ends_at: Option<Expression>,
    /// Where a person sees it in the tool.
    pub url: Option<Expression>,
    /// What identifies the thing.
    pub labels: Option<Pairs>,
    /// Words and links for people.
    pub annotations: Option<Pairs>,
}

/// One source of alerts.
#[derive(Clone, Debug)]
pub struct SourceConfig {
    /// Its name, as in `/hooks/{name}` and in the record: lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// What it sends.
    pub format: Format,
    /// How it proves who it is.
    pub auth: Auth,
    /// How long it may be silent before that is worth a ticket.
    pub heartbeat: Option<Duration>,
    /// What PagerDuty's clients send to say which service they mean; their only credential.
    pub routing_key: Option<Secret>,
    /// How JSON becomes alerts, for `generic`.
    pub mapping: Option<Mapping>,
    /// The largest body that is read, in bytes.
    pub max_body: usize,
}

/// Default for [`SourceConfig::max_body`], in bytes.
pub const MAX_BODY: usize = 1024 * 1024;

/// PagerDuty's own limit on a body, in bytes (Events API v2).
pub const MAX_BODY_PAGERDUTY: usize = 512 * 1024;

impl SourceConfig {
    /// Reads one `[[source]]`; `None`, with the problems noted, when it cannot be used.
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let wrote_name = section.has("name");
        let name = section.parsed("name", check_name);
        let label = name.as_deref().map_or_else(|| "the source".to_owned(), |n| format!("source {n}"));
        if !wrote_name {
            section.problem("a [[source]] needs a name, such as name = \"prometheus\".");
        }
        let wrote_format = section.has("format");
        let format = section.parsed("format", Format::parse);
        if !wrote_format {
            section.problem(format!("{label} needs a format: one of {}.", Format::ALL.map(Format::name).join(", ")));
        }
        let auth = read_auth(&mut section, &label, format);
        let heartbeat = section.duration("heartbeat");
        let wrote_key = section.has("routing_key");
        let routing_key = section.secret("routing_key");
        match format {
            Some(Format::PagerDuty) if !wrote_key => section
                .problem(format!("{label} needs a routing_key: the key that its clients send. Any 32 random letters and digits will do.")),
            Some(f) if f != Format::PagerDuty && wrote_key => {
                section.problem(format!("{label} has a routing_key, but only the format pagerduty uses one; remove it."));
            }
            _ => {}
        }
        let wrote_mapping = section.has("mapping");
        let mapping = section.section("mapping").and_then(read_mapping);
        match format {
            Some(Format::Generic) if !wrote_mapping => section.problem(format!(
                "{label} needs a mapping, at least alert_id and title: [source.mapping] alert_id = \"body.id\", title = \"body.text\"."
            )),
            Some(f) if f != Format::Generic && wrote_mapping => {
                section.problem(format!("{label} has a mapping, but only the format generic uses one; remove it."));
            }
            _ => {}
        }
        let most = if format == Some(Format::PagerDuty) { MAX_BODY_PAGERDUTY } else { MAX_BODY };
        let max_body = section.number("max_body", 1024..=16 * most).unwrap_or(most);
        section.finish();
        Some(Self { name: name?, format: format?, auth: auth?, heartbeat, routing_key, mapping, max_body })
    }
}

fn check_name(text: &str) -> Result<String, String> {
    let good = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
    let starts = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if good && starts && text.len() <= 63 {
        Ok(text.to_owned())
    } else {
        Err("a name has lower-case letters, digits, - and _, begins with a letter or digit, and is at most 63 long".into())
    }
}

fn read_auth(section: &mut Section<'_>, label: &str, format: Option<Format>) -> Option<Auth> {
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

fn needed<T>(section: &Section<'_>, key: &str, value: Option<T>, written: bool) -> Option<T> {
    if !written {
        section.problem(format!("{} is missing; fill it in.", section.full(key)));
    }
    value
}

fn read_basic(mut section: Section<'_>) -> Option<Auth> {
    let (wrote_user, wrote_password) = (section.has("user"), section.has("password"));
    let user =
        section.parsed("user", |u| if u.contains(':') { Err("a user name for Basic has no colon".into()) } else { Ok(u.to_owned()) });
    let user = needed(&section, "user", user, wrote_user);
    let password = section.secret("password");
    let password = needed(&section, "password", password, wrote_password);
    section.finish();
    Some(Auth::Basic { user: user?, password: password? })
}

fn read_query(mut section: Section<'_>) -> Option<Auth> {
    let (wrote_param, wrote_token) = (section.has("param"), section.has("token"));
    let param = section.text("param").map(|(text, _)| text);
    let param = needed(&section, "param", param, wrote_param);
    let token = section.secret("token");
    let token = needed(&section, "token", token, wrote_token);
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
    let secret = needed(&section, "secret", secret, wrote_secret);
    let header = section.parsed("header", header_name);
    let header = needed(&section, "header", header, wrote_header);
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

/// Variables that a mapping's expressions see.
const MAPPING_VARIABLES: [&str; 2] = ["body", "item"];

fn compile(section: &Section<'_>, key: &str, text: &str, at: &At) -> Option<Expression> {
    let compiled = Expression::compile(text, &MAPPING_VARIABLES);
    compiled
        .map_err(|why| section.report().problem(at, format!("{} is not an expression that can be used: {why}.", section.full(key))))
        .ok()
}

fn expression(section: &mut Section<'_>, key: &'static str) -> Option<Expression> {
    let (text, at) = section.text(key)?;
    compile(section, key, &text, &at)
}

fn pairs(section: &mut Section<'_>, key: &'static str) -> Option<Pairs> {
    let full = section.full(key);
    let node = section.take(key)?;
    if let Kind::Text(text) = &node.kind {
        return compile(section, key, text, &node.at).map(Pairs::Whole);
    }
    let mut table = Section::open(&full, node, section.report())?;
    let mut each = BTreeMap::new();
    for (name, node) in table.rest() {
        match node.kind {
            Kind::Text(text) => {
                if let Some(compiled) = compile(&table, &name, &text, &node.at) {
                    each.insert(name, compiled);
                }
            }
            other => {
                table.report().problem(&node.at, format!("{full}.{name} is {}, but it has to be an expression in quotes.", other.word()))
            }
        }
    }
    Some(Pairs::Each(each))
}

fn read_mapping(mut section: Section<'_>) -> Option<Mapping> {
    let (wrote_id, wrote_title) = (section.has("alert_id"), section.has("title"));
    let alert_id = expression(&mut section, "alert_id");
    let alert_id = needed(&section, "alert_id", alert_id, wrote_id);
    let title = expression(&mut section, "title");
    let title = needed(&section, "title", title, wrote_title);
    let each = expression(&mut section, "each");
    let rule = expression(&mut section, "rule");
    let status = expression(&mut section, "status");
    let description = expression(&mut section, "description");
    let severity = expression(&mut section, "severity");
    let starts_at = expression(&mut section, "starts_at");
    let ends_at = expression(&mut section, "ends_at");
    let url = expression(&mut section, "url");
    let labels = pairs(&mut section, "labels");
    let annotations = pairs(&mut section, "annotations");
    section.finish();
    Some(Mapping {
        each,
        alert_id: alert_id?,
        title: title?,
        rule,
        status,
        description,
        severity,
        starts_at,
        ends_at,
        url,
        labels,
        annotations,
    })
}
