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

/// Somebody with an API key.
#[derive(Clone)]
pub struct Hand {
    /// What they are called.
    pub name: &'static str,
    /// Their person's id.
    pub person: String,
    client: reqwest::Client,
    base: String,
    key: String,
}

impl Hand {
    /// Somebody at the service at `base`.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(name: &'static str, person: String, base: &str, key: String) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).no_proxy().build()?;
        Ok(Self { name, person, client, base: base.to_owned(), key })
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
        let answer = self.client.get(format!("{}{path}", self.base)).bearer_auth(&self.key).send().await?;
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
        let answer = self.client.post(format!("{}{path}", self.base)).bearer_auth(&self.key).json(body).send().await?;
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
        let answer = self.client.post(format!("{}{path}", self.base)).bearer_auth(&self.key).multipart(form).send().await?;
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
