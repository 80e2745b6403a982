//! People, who do everything over HTTP: with an API key, or signed in at the console.

use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::answer::Answered;

/// How somebody proves who they are.
#[derive(Clone, Debug)]
pub enum Pass {
    Nothing,
    Key(String),
    Session(String),
}

/// Somebody at a keyboard. Cheap to clone, so that many can act at once.
#[derive(Clone)]
pub struct Person {
    pub name: String,
    /// `p_…`
    pub id: String,
    pub pass: Pass,
    pub base: String,
    pub client: Client,
    pub idempotency: Option<String>,
}

impl Person {
    /// The same person, asking under this `Idempotency-Key`.
    pub fn under_key(&self, key: &str) -> Self {
        Self { idempotency: Some(key.to_owned()), ..self.clone() }
    }

    /// The same request by somebody who proves nothing.
    pub fn without_pass(&self) -> Self {
        Self { pass: Pass::Nothing, ..self.clone() }
    }

    /// Sends any request.
    pub async fn sends(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Answered {
        let asked = format!("{}: {method} {path}", self.name);
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        request = self.proved(request);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        receive(request, asked).await
    }

    fn proved(&self, mut request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        request = match &self.pass {
            Pass::Nothing => request,
            Pass::Key(key) => request.bearer_auth(key),
            Pass::Session(token) => request.header("cookie", format!("countersign_session={token}")),
        };
        match &self.idempotency {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        }
    }

    pub async fn gets(&self, path: &str) -> Answered {
        self.sends(Method::GET, path, None).await
    }

    pub async fn posts(&self, path: &str, body: Value) -> Answered {
        self.sends(Method::POST, path, Some(body.to_string().into_bytes())).await
    }

    async fn asks(&self, ticket: &str, what: &str, body: Value) -> Answered {
        self.posts(&format!("/api/v1/tickets/{ticket}/{what}"), body).await
    }

    /// Opens an incident with these fields.
    pub async fn opens(&self, fields: Value) -> Answered {
        self.posts("/api/v1/tickets", json!({ "kind": "incident", "fields": fields })).await
    }

    /// Declares an incident; its number.
    pub async fn declares(&self, title: &str, severity: &str) -> String {
        self.opens(json!({ "title": title, "severity": severity })).await.number()
    }

    pub async fn sees(&self, ticket: &str) -> Value {
        self.gets(&format!("/api/v1/tickets/{ticket}")).await.done()
    }

    pub async fn takes(&self, transition: &str, ticket: &str, body: Value) -> Answered {
        self.asks(ticket, transition, body).await
    }

    pub async fn acknowledges(&self, ticket: &str) -> Answered {
        self.takes("acknowledge", ticket, json!({})).await
    }

    pub async fn contains(&self, ticket: &str, line: &str) -> Answered {
        self.takes("contain", ticket, json!({ "line": line })).await
    }

    pub async fn eradicates(&self, ticket: &str, line: &str) -> Answered {
        self.takes("eradicate", ticket, json!({ "line": line })).await
    }

    pub async fn recovers(&self, ticket: &str, line: &str) -> Answered {
        self.takes("recover", ticket, json!({ "line": line })).await
    }

    pub async fn closes(&self, ticket: &str, reason: &str) -> Answered {
        self.takes("close", ticket, json!({ "reason": reason })).await
    }

    pub async fn notes(&self, ticket: &str, text: &str) -> Answered {
        self.asks(ticket, "comments", json!({ "text": text })).await
    }

    pub async fn sets(&self, ticket: &str, fields: Value) -> Answered {
        self.asks(ticket, "fields", json!({ "fields": fields })).await
    }

    /// Says why there is no such link.
    pub async fn explains_no_link(&self, ticket: &str, link: &str, reason: &str) -> Answered {
        self.asks(ticket, "links", json!({ "link": link, "reason": reason })).await
    }

    pub async fn ticks(&self, ticket: &str, task: i64) -> Answered {
        self.asks(ticket, &format!("tasks/{task}"), json!({})).await
    }

    pub async fn waives_task(&self, ticket: &str, task: i64, because: &str) -> Answered {
        self.asks(ticket, &format!("tasks/{task}"), json!({ "waived_because": because })).await
    }

    pub async fn waives_evidence(&self, ticket: &str, phase: &str, reason: &str) -> Answered {
        self.asks(ticket, "evidence-waivers", json!({ "phase": phase, "reason": reason })).await
    }

    /// Sends a form of the console.
    pub async fn submits(&self, path: &str, fields: &[(&str, &str)]) -> Answered {
        let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+"))).collect();
        let request = self.proved(self.client.post(format!("{}{path}", self.base)));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body.join("&"));
        receive(request, format!("{}: POST {path}", self.name)).await
    }

    /// Files evidence, as a browser's form would.
    pub async fn files(&self, ticket: &str, name: &str, bytes: &[u8], phase: Option<&str>, captured_at: Option<&str>) -> Answered {
        let mut form = Form::new().part("file", Part::bytes(bytes.to_vec()).file_name(name.to_owned()));
        for (part, value) in [("phase", phase), ("captured_at", captured_at)] {
            if let Some(value) = value {
                form = form.text(part, value.to_owned());
            }
        }
        let path = format!("/api/v1/tickets/{ticket}/attachments");
        let request = self.proved(self.client.post(format!("{}{path}", self.base)).multipart(form));
        receive(request, format!("{}: POST {path}", self.name)).await
    }
}

/// Sends a request and reads the answer to its end.
pub async fn receive(request: reqwest::RequestBuilder, asked: String) -> Answered {
    let response = request.send().await.unwrap_or_else(|error| panic!("{asked} got no answer: {error:?}"));
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await.unwrap_or_else(|error| panic!("{asked}: the answer broke off: {error:?}")).to_vec();
    Answered { status, headers, bytes, asked }
}
