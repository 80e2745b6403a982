//! `[on_call]`: the calendar of shifts, and how people are paged beside chat. All of it is secret: whoever has the address
//! of such a calendar reads it, and whoever has a key of a pager wakes people.

use super::address::parse_url;
use super::secret::Secret;
use super::section::Section;

/// Where PagerDuty takes events, unless `pagerduty_url` says otherwise.
pub const PAGERDUTY_API: &str = "https://events.pagerduty.com";

/// `[on_call]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paging {
    /// The address of a calendar of shifts (RFC 5545).
    pub calendar: Option<Secret>,
    /// Where pages are posted, and the secret that signs them.
    pub webhook: Option<(Secret, Secret)>,
    /// PagerDuty, if it is used.
    pub pagerduty: Option<PagerDuty>,
}

/// PagerDuty's Events API v2, and the signature of what it sends back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagerDuty {
    /// The integration's key.
    pub routing_key: Secret,
    /// The secret of the webhook subscription (v3): with it, answers given there come back.
    pub webhook_secret: Option<Secret>,
    /// Base address, without a slash at the end.
    pub url: String,
}

/// Reads `[on_call]`.
pub(super) fn read_paging(mut section: Section<'_>) -> Paging {
    let calendar = address(&mut section, "calendar");
    let (wrote_url, wrote_secret) = (section.has("webhook_url"), section.has("webhook_secret"));
    let (url, secret) = (address(&mut section, "webhook_url"), section.secret("webhook_secret"));
    if wrote_url != wrote_secret {
        let lacks = if wrote_url { "webhook_secret" } else { "webhook_url" };
        section
            .problem(format!("{} is missing: pages are signed, so that whoever receives them knows whose they are.", section.full(lacks)));
    }
    let routing_key = section.secret("pagerduty_routing_key");
    let webhook_secret = section.secret("pagerduty_webhook_secret");
    let url_of = section.parsed("pagerduty_url", |t| parse_url(t).map(str::to_owned)).unwrap_or_else(|| PAGERDUTY_API.to_owned());
    if routing_key.is_none() && webhook_secret.is_some() {
        section.problem(format!("{} is missing; without it nothing is sent to PagerDuty.", section.full("pagerduty_routing_key")));
    }
    section.finish();
    Paging {
        calendar,
        webhook: url.zip(secret),
        pagerduty: routing_key.map(|routing_key| PagerDuty { routing_key, webhook_secret, url: url_of }),
    }
}

/// An address that may hold a secret, so it hides itself.
fn address(section: &mut Section<'_>, key: &'static str) -> Option<Secret> {
    let found = section.secret(key)?;
    let text = found.expose();
    if !(text.starts_with("https://") || text.starts_with("http://")) || text.contains(char::is_whitespace) {
        section.problem(format!("{} has to be an address that begins with https://.", section.full(key)));
        return None;
    }
    Some(found)
}
