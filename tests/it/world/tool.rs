//! Monitoring tools, each with the credentials that its source wants.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Client;
use serde_json::{Value, json};
use sha2::Sha256;

use super::answer::Answered;
use super::person::receive;

/// How a tool proves itself.
#[derive(Clone, Debug)]
pub enum Proof {
    Nothing,
    Bearer(String),
    Basic(String, String),
    /// Hex HMAC-SHA-256 of the body, in a header, after a prefix.
    Hmac {
        secret: String,
        header: String,
        prefix: String,
    },
    /// Base64 HMAC over `timestamp:body`, with the timestamp in a header of its own.
    Stamped {
        secret: String,
        at: i64,
    },
    Query(String),
}

/// A monitoring tool. Cheap to clone.
#[derive(Clone)]
pub struct Tool {
    pub client: Client,
    pub base: String,
    pub path: String,
    pub proof: Proof,
}

/// A code over `bytes` under `secret`.
pub fn code(secret: &str, bytes: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key may have any length");
    mac.update(bytes);
    mac.finalize().into_bytes().to_vec()
}

impl Tool {
    /// The same tool with another proof.
    pub fn proving(&self, proof: Proof) -> Self {
        Self { proof, ..self.clone() }
    }

    /// The same tool at another replica.
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// Posts bytes as they are.
    pub async fn posts_bytes(&self, body: Vec<u8>) -> Answered {
        let mut address = format!("{}{}", self.base, self.path);
        if let Proof::Query(token) = &self.proof {
            address = format!("{address}?token={token}");
        }
        let mut request = self.client.post(address).header("content-type", "application/json");
        request = match &self.proof {
            Proof::Nothing | Proof::Query(_) => request,
            Proof::Bearer(token) => request.bearer_auth(token),
            Proof::Basic(user, password) => request.basic_auth(user, Some(password)),
            Proof::Hmac { secret, header, prefix } => request.header(header, format!("{prefix}{}", hex::encode(code(secret, &body)))),
            Proof::Stamped { secret, at } => {
                let signed = [at.to_string().as_bytes(), b":", &body].concat();
                request.header("x-timestamp", at.to_string()).header("x-signature", STANDARD.encode(code(secret, &signed)))
            }
        };
        receive(request.body(body), format!("a tool: POST {}", self.path)).await
    }

    pub async fn posts(&self, body: Value) -> Answered {
        self.posts_bytes(body.to_string().into_bytes()).await
    }

    /// Alertmanager says that alerts fire: one for each set of labels.
    pub async fn fires(&self, labels: &[Value]) -> Answered {
        self.posts(webhook("firing", labels)).await
    }

    /// Alertmanager says that they are over.
    pub async fn resolves(&self, labels: &[Value]) -> Answered {
        self.posts(webhook("resolved", labels)).await
    }
}

/// A webhook of Alertmanager, version 4.
pub fn webhook(status: &str, labels: &[Value]) -> Value {
    let alerts: Vec<Value> = labels
        .iter()
        .map(|labels| {
            json!({
                "status": status,
                "labels": labels,
                "annotations": { "summary": format!("{} on {}", text(labels, "alertname"), text(labels, "instance")) },
                "startsAt": "2026-03-02T09:58:00Z",
                "endsAt": if status == "resolved" { "2026-03-02T10:20:00Z" } else { "0001-01-01T00:00:00Z" },
                "generatorURL": "http://prometheus.example.com:9090/graph",
                "fingerprint": fingerprint(labels),
            })
        })
        .collect();
    json!({
        "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": status, "receiver": "countersign",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://alertmanager.example.com:9093",
        "alerts": alerts,
    })
}

fn text<'a>(labels: &'a Value, name: &str) -> &'a str {
    labels[name].as_str().unwrap_or_default()
}

/// A fingerprint for a set of labels, in Alertmanager's shape: 16 hex digits.
pub fn fingerprint(labels: &Value) -> String {
    hex::encode(&code("fingerprint", labels.to_string().as_bytes())[..8])
}

/// The labels of an alert about a host of a service.
pub fn labels(rule: &str, service: &str, instance: &str, severity: &str) -> Value {
    json!({ "alertname": rule, "service": service, "instance": instance, "severity": severity })
}
