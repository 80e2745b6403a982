//! Pages as signed requests, in the manner of Standard Webhooks (standardwebhooks.com): `webhook-id`,
//! `webhook-timestamp` (seconds), and `webhook-signature: v1,<base64 HMAC-SHA256 of id.timestamp.body>`.
//!
//! The id is the same each time that a page is sent, so that whoever receives it twice knows it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{NotPaged, Page, Pager, Sent, judged};
use crate::config::Secret;
use crate::desk::paging::WEBHOOK;
use crate::outbound::http::{Client, HttpError, host_of};
use crate::ticket::event::Fact;

/// The receiver.
pub struct Webhook {
    url: Secret,
    secret: Secret,
    console: String,
    titles: bool,
    client: Client,
}

impl Webhook {
    /// The receiver at `url`; `console` is the address of our own pages. `titles`: tickets are called by
    /// their titles as well as by their numbers.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(url: Secret, secret: Secret, console: &str, titles: bool) -> Result<Self, HttpError> {
        let client = Client::new(host_of(url.expose()))?;
        Ok(Self { url, secret, console: console.to_owned(), titles, client })
    }

    async fn post(&self, page: &Page<'_>) -> Result<Vec<String>, NotPaged> {
        let Some(body) = said(page, &self.console, self.titles) else { return Ok(Vec::new()) };
        let body = body.to_string();
        let (id, stamp) = (format!("page_{}", page.event.seq), page.desk.now().seconds().to_string());
        let headers =
            [("webhook-signature", signature(self.secret.expose(), &id, &stamp, &body)), ("webhook-id", id), ("webhook-timestamp", stamp)];
        let answered = self.client.post_with(self.url.expose(), "application/json", body.into_bytes(), &headers).await?;
        let ticket = page.telling.as_ref().map(|telling| &telling.ticket);
        judged(answered.status, &answered.body).map(|()| page.desk.called_by(&page.event, ticket))
    }
}

/// `v1,<base64>`; a secret that begins with `whsec_` is base64 of the key.
fn signature(secret: &str, id: &str, stamp: &str, body: &str) -> String {
    let decoded = secret.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
    let key = decoded.unwrap_or_else(|| secret.as_bytes().to_vec());
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return String::new() };
    mac.update(format!("{id}.{stamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

fn said(page: &Page<'_>, console: &str, titles: bool) -> Option<Value> {
    let (to, to_tier, person, next) = match &page.event.fact {
        Fact::Escalated { to, to_tier, person, next, .. } => (to, Some(to_tier), person.as_ref(), next),
        Fact::GroupNotified { group, due } => (group, None, None, due),
        _ => return None,
    };
    let ticket = &page.telling.as_ref()?.ticket;
    let directory = page.desk.snapshot().directory;
    let people: Vec<Value> = page
        .desk
        .called_by(&page.event, Some(ticket))
        .iter()
        .filter_map(|id| directory.active(id))
        .map(|p| json!({ "id": p.state.id, "name": p.name, "email": p.email }))
        .collect();
    Some(json!({
        "type": "page",
        "timestamp": page.event.at,
        "data": {
            "ticket": ticket.number, "kind": ticket.kind, "severity": ticket.severity(), "status": ticket.status,
            "title": page.title().filter(|_| titles), "tier": to_tier, "called": to, "person": person, "people": people, "next_at": next,
            "url": format!("{console}/console/c/{}", ticket.number),
        },
    }))
}

impl Pager for Webhook {
    fn channel(&self) -> &'static str {
        WEBHOOK
    }

    fn platform(&self) -> &'static str {
        "webhook"
    }

    fn send<'a>(&'a self, page: &'a Page<'_>) -> Sent<'a> {
        Box::pin(self.post(page))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_of_the_specification() {
        // The example of the reference implementations.
        let of =
            signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "{\"test\": 2432232314}");
        assert_eq!(of, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
