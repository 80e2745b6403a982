//! What the server answered, and what a story may expect of it.

use reqwest::header::HeaderMap;
use serde_json::Value;

/// An answer over HTTP.
#[derive(Clone, Debug)]
#[must_use = "a story looks at what it is answered: `.done()`, `.refused(…)`, or its status"]
pub struct Answered {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
    /// Who asked for what, for messages.
    pub asked: String,
}

impl Answered {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|_| panic!("{} was not answered with JSON: {} {}", self.asked, self.status, self.text()))
    }

    /// What was recorded or shown.
    #[track_caller]
    pub fn done(self) -> Value {
        assert!((200..300).contains(&self.status), "{} was answered {}: {}", self.asked, self.status, self.text());
        self.json()
    }

    /// The number of the ticket that was asked about.
    #[track_caller]
    pub fn number(self) -> String {
        let value = self.done();
        value["ticket"].as_str().unwrap_or_else(|| panic!("no ticket in {value}")).to_owned()
    }

    /// A refusal with this name, in the shape of RFC 9457.
    #[track_caller]
    pub fn refused(self, code: &str) -> Refusal {
        assert!(self.status >= 400, "{} should have been refused with {code}: {} {}", self.asked, self.status, self.text());
        let kind = self.headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
        assert_eq!(kind, "application/problem+json", "{}: {}", self.asked, self.text());
        let value = self.json();
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(text("code"), code, "{}: {value}", self.asked);
        assert_eq!(value["status"], self.status, "{}: {value}", self.asked);
        assert!(!text("title").is_empty() && !text("type").is_empty() && !text("detail").is_empty(), "{}: {value}", self.asked);
        let fields = value["fields"].as_array().into_iter().flatten().filter_map(|f| f["field"].as_str()).map(str::to_owned).collect();
        Refusal { status: self.status, detail: text("detail"), fields }
    }
}

/// A refusal as a person reads it.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub status: u16,
    pub detail: String,
    /// Names of the fields that are wrong.
    pub fields: Vec<String>,
}

impl Refusal {
    /// The sentence holds these words.
    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(self.detail.contains(words), "{:?} should be in {:?}", words, self.detail);
        self
    }

    /// The fields that are wrong, and no others.
    #[track_caller]
    pub fn about(self, fields: &[&str]) -> Self {
        assert_eq!(self.fields, fields, "{}", self.detail);
        self
    }

    #[track_caller]
    pub fn with_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.detail);
        self
    }
}
