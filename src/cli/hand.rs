//! A person's hand on the API: what the scripted story does, it does as anybody's program would.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::multipart::{Form, Part};
use serde_json::Value;

/// What an API call was answered.
#[derive(Clone, Debug)]
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Value,
}

/// Somebody with an API key, or signed in at the console.
#[derive(Clone)]
pub struct Hand {
    /// What they are called.
    pub name: &'static str,
    /// Their person's id.
    pub person: String,
    client: reqwest::Client,
    base: String,
    pass: Pass,
}

/// How somebody proves who they are.
#[derive(Clone)]
enum Pass {
    Key(String),
    /// The session's cookie.
    Session(String),
}

impl Hand {
    /// Somebody at the service at `base`.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(name: &'static str, person: String, base: &str, key: String) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).no_proxy().build()?;
        Ok(Self { name, person, client, base: base.to_owned(), pass: Pass::Key(key) })
    }

    /// The same person, signed in at the console as a demonstration lets one: what only a person may do needs that.
    ///
    /// # Errors
    /// With what was answered.
    pub async fn at_the_console(&self) -> anyhow::Result<Self> {
        let stay = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).no_proxy().redirect(stay).build()?;
        let request = client.post(format!("{}/console/be", self.base)).header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(format!("person={}", self.person)).send().await?;
        let cookies = answer.headers().get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
        let cookie = cookies.filter_map(|cookie| cookie.split(';').next()).find(|pair| pair.contains("session="));
        let cookie = cookie.with_context(|| format!("signing in as {} was answered {}", self.name, answer.status()))?.to_owned();
        Ok(Self { pass: Pass::Session(cookie), ..self.clone() })
    }

    fn proved(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.pass {
            Pass::Key(key) => request.bearer_auth(key),
            Pass::Session(cookie) => request.header("cookie", cookie),
        }
    }

    /// Reads JSON; anything but 200 is an error.
    ///
    /// # Errors
    /// With what was answered.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let text = self.text(path).await?;
        serde_json::from_str(&text).with_context(|| format!("GET {path} was answered {text}"))
    }

    /// Reads text; anything but 200 is an error.
    ///
    /// # Errors
    /// With what was answered.
    pub async fn text(&self, path: &str) -> anyhow::Result<String> {
        Ok(String::from_utf8(self.bytes(path).await?)?)
    }

    /// Reads bytes; anything but 200 is an error.
    ///
    /// # Errors
    /// With what was answered.
    pub async fn bytes(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let answer = self.proved(self.client.get(format!("{}{path}", self.base))).send().await?;
        let (status, bytes) = (answer.status(), answer.bytes().await?);
        if !status.is_success() {
            bail!("GET {path} was answered {status}: {}", String::from_utf8_lossy(&bytes));
        }
        Ok(bytes.to_vec())
    }

    /// Posts JSON, whatever it is answered.
    ///
    /// # Errors
    /// When there is no answer, or it is not JSON.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answered> {
        let answer = self.proved(self.client.post(format!("{}{path}", self.base))).json(body).send().await?;
        answered(path, answer).await
    }

    /// Posts JSON; anything but success is an error.
    ///
    /// # Errors
    /// With what was answered.
    pub async fn does(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let answer = self.post(path, body).await?;
        if !(200..300).contains(&answer.status) {
            bail!("{}: POST {path} was answered {}: {}", self.name, answer.status, answer.body);
        }
        Ok(answer.body)
    }

    /// Files a file as evidence of a phase.
    ///
    /// # Errors
    /// With what was answered.
    pub async fn files(&self, path: &str, name: &str, content: &[u8], phase: &str) -> anyhow::Result<Value> {
        let form = Form::new().text("phase", phase.to_owned()).part("file", Part::bytes(content.to_vec()).file_name(name.to_owned()));
        let answer = self.proved(self.client.post(format!("{}{path}", self.base))).multipart(form).send().await?;
        let answer = answered(path, answer).await?;
        if !(200..300).contains(&answer.status) {
            bail!("{}: POST {path} was answered {}: {}", self.name, answer.status, answer.body);
        }
        Ok(answer.body)
    }
}

async fn answered(path: &str, answer: reqwest::Response) -> anyhow::Result<Answered> {
    let (status, text) = (answer.status().as_u16(), answer.text().await?);
    let body = serde_json::from_str(&text).with_context(|| format!("POST {path} was answered {status}: {text}"))?;
    Ok(Answered { status, body })
}
