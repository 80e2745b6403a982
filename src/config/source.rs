//! `[[source]]`: who may send alerts, in which format, proved how.

use std::time::Duration;

use super::authentication::{Auth, read_auth};
use super::mapping::{Mapping, read_mapping};
use super::secret::Secret;
use super::section::{Section, nearest};

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
    /// Reports on deployments: GitHub, GitLab, Argo CD, or a plain form.
    Deployment,
}

impl Format {
    /// Every format, in the order in which they are listed to people.
    pub const ALL: [Self; 6] = [Self::Alertmanager, Self::AlertmanagerApi, Self::Grafana, Self::PagerDuty, Self::Generic, Self::Deployment];

    /// As the configuration spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Alertmanager => "alertmanager",
            Self::AlertmanagerApi => "alertmanager-api",
            Self::Grafana => "grafana-unified",
            Self::PagerDuty => "pagerduty",
            Self::Generic => "generic",
            Self::Deployment => "deployment",
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
            Self::Deployment => "reports on deployments from GitHub, GitLab or Argo CD, or in a plain form, posted to /hooks/{source}",
            Self::Generic => "any JSON, each field of the alert given by a CEL expression under [source.mapping]",
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        // Names by which people also look for them.
        let name = match text {
            "grafana" => "grafana-unified",
            "pagerduty-events-v2" => "pagerduty",
            "alertmanager-api-v2" => "alertmanager-api",
            other => other,
        };
        if let Some(found) = Self::ALL.into_iter().find(|f| f.name() == name) {
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
const LATER_FORMATS: [&str; 38] = [
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
    "grype",
    "microsoft-defender",
    "microsoft-sentinel",
    "nessus",
    "newrelic",
    "ocsf",
    "openvas",
    "opsgenie",
    "opsgenie-outgoing",
    "pagerduty-webhook-v1-legacy",
    "pagerduty-webhook-v3",
    "pingdom",
    "sarif",
    "sentry",
    "slack-incoming",
    "splunk",
    "standard-webhooks",
    "suricata",
    "trivy",
    "uptime-kuma",
    "uptimerobot",
    "wazuh",
    "zabbix",
];

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

/// Names under which this service itself speaks.
const RESERVED: [&str; 1] = ["countersign"];

fn check_name(text: &str) -> Result<String, String> {
    let good = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
    let starts = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if RESERVED.contains(&text) {
        return Err(format!("the name {text} is our own: alerts about silent sources come from it; choose another"));
    }
    if text.starts_with('(') {
        return Err("names in parentheses are our own: forged requests are counted under them; choose another".into());
    }
    if good && starts && text.len() <= 63 {
        Ok(text.to_owned())
    } else {
        Err("a name has lower-case letters, digits, - and _, begins with a letter or digit, and is at most 63 long".into())
    }
}
