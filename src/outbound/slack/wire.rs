//! The way to Slack: slack-morphism's client over the one outgoing client of ours, so that its addresses, times and
//! sizes are checked as everybody's are, and a token goes to the configured host and nowhere else.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::Url;
use serde::Serialize;
use serde::de::DeserializeOwned;
use slack_morphism::errors::{
    SlackClientApiError, SlackClientError, SlackClientHttpError, SlackClientProtocolError, SlackClientSystemError, SlackRateLimitError,
};
use slack_morphism::multipart_form::FileMultipartData;
use slack_morphism::{
    ClientResult, SlackApiToken, SlackApiTokenValue, SlackClient, SlackClientApiCallContext, SlackClientHttpConnector, SlackClientId,
    SlackClientSecret,
};
use std::time::Duration;

use crate::config::Secret;
use crate::outbound::http::{Asking, Client, HttpError, host_of};

/// Bytes of one answer of the Web API at most.
const ANSWER: usize = 4 << 20;

/// Carries slack-morphism's requests.
pub struct Wire {
    client: Client,
    /// Base address of the Web API, without a slash at the end.
    base: String,
    host: Option<String>,
}

/// The Web API with one token.
pub struct Api {
    slack: SlackClient<Wire>,
    token: SlackApiToken,
}

/// Why a method did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Too many requests; nothing happened. Slack says how long to wait.
    #[error("Slack asks us to wait")]
    Slow(Duration),
    /// No answer, or one that says nothing: it may have happened.
    #[error("Slack does not answer ({0})")]
    Unknown(String),
    /// Slack's word for why not; nothing happened.
    #[error("Slack refused: {0}")]
    Said(String),
}

/// How long to wait when Slack does not say.
const UNTOLD: Duration = Duration::from_secs(5);
/// The longest wait that is believed.
const LONGEST: Duration = Duration::from_secs(600);

impl From<SlackClientError> for Trouble {
    /// Only words of Slack's own that look like one, never a body: it may hold what somebody wrote.
    fn from(error: SlackClientError) -> Self {
        match error {
            SlackClientError::ApiError(error) if error.code == "ratelimited" => Self::Slow(UNTOLD),
            SlackClientError::ApiError(error) => {
                let word: String = error.code.chars().filter(|c| c.is_ascii_alphanumeric() || "_-.".contains(*c)).take(80).collect();
                // Slack's own failures, after which nobody knows.
                if matches!(
                    word.as_str(),
                    "internal_error" | "fatal_error" | "request_timeout" | "service_unavailable" | "team_added_to_org"
                ) {
                    Self::Unknown(word)
                } else {
                    Self::Said(word)
                }
            }
            SlackClientError::RateLimitError(error) => Self::Slow(error.retry_after.unwrap_or(UNTOLD).min(LONGEST)),
            SlackClientError::HttpError(error) => Self::Unknown(format!("HTTP {}", error.status_code.as_u16())),
            SlackClientError::ProtocolError(_) => Self::Unknown("its answer cannot be read".to_owned()),
            SlackClientError::SystemError(error) => {
                Self::Unknown(error.cause.map_or_else(|| "no answer".to_owned(), |cause| cause.to_string()))
            }
            _ => Self::Unknown("no answer".to_owned()),
        }
    }
}

impl Api {
    /// The Web API at `base` with `token`.
    #[must_use]
    pub fn new(client: Client, base: &str, token: &Secret) -> Self {
        let wire = Wire { client, base: base.to_owned(), host: host_of(base) };
        Self { slack: SlackClient::new(wire), token: SlackApiToken::new(SlackApiTokenValue(token.expose().to_owned())) }
    }

    /// A method with its arguments as JSON.
    ///
    /// # Errors
    /// Why it did not do it.
    pub async fn post<R: DeserializeOwned + Send>(&self, method: &str, arguments: &serde_json::Value) -> Result<R, Trouble> {
        let session = self.slack.open_session(&self.token);
        Ok(session.http_session_api.http_post(method, arguments, None).await?)
    }

    /// A method that reads.
    ///
    /// # Errors
    /// Why it did not do it.
    pub async fn get<R: DeserializeOwned + Send>(&self, method: &str, arguments: &[(&str, &str)]) -> Result<R, Trouble> {
        let session = self.slack.open_session(&self.token);
        let arguments: Vec<(&str, Option<&str>)> = arguments.iter().map(|(name, value)| (*name, Some(*value))).collect();
        Ok(session.http_session_api.http_get(method, &arguments, None).await?)
    }
}

impl Wire {
    async fn send<RS: DeserializeOwned>(
        &self,
        url: Url,
        body: Option<(&'static str, Vec<u8>)>,
        token: Option<&SlackApiToken>,
    ) -> ClientResult<RS> {
        if url.host_str().map(str::to_owned) != self.host {
            return Err(system(HttpError::Address));
        }
        let bearer = token.map(|token| token.token_value.0.as_str());
        let asking = Asking { url: url.as_str(), body, bearer, at_most: ANSWER };
        let answered = self.client.ask(asking).await.map_err(system)?;
        match answered.status {
            200 => read(&answered.body),
            429 => Err(SlackClientError::RateLimitError(
                SlackRateLimitError::new().opt_retry_after(answered.retry_after.map(Duration::from_secs)),
            )),
            status => {
                let status = axum::http::StatusCode::from_u16(status).unwrap_or(axum::http::StatusCode::BAD_GATEWAY);
                Err(SlackClientError::HttpError(SlackClientHttpError::new(status)))
            }
        }
    }
}

fn system(error: HttpError) -> SlackClientError {
    SlackClientError::SystemError(SlackClientSystemError::new().with_cause(Box::new(error)))
}

/// What every answer says.
#[derive(serde::Deserialize)]
struct Envelope {
    ok: bool,
    #[serde(default)]
    error: Option<String>,
}

fn read<RS: DeserializeOwned>(body: &[u8]) -> ClientResult<RS> {
    let unread = |error| SlackClientError::ProtocolError(SlackClientProtocolError::new(error));
    let envelope: Envelope = serde_json::from_slice(body).map_err(unread)?;
    if !envelope.ok {
        let word = envelope.error.unwrap_or_else(|| "unknown_error".to_owned());
        return Err(SlackClientError::ApiError(SlackClientApiError::new(word)));
    }
    serde_json::from_slice(body).map_err(unread)
}

impl SlackClientHttpConnector for Wire {
    fn create_method_uri_path(&self, method: &str) -> ClientResult<Url> {
        Ok(format!("{}/{method}", self.base).parse()?)
    }

    fn http_get_uri<'a, RS>(&'a self, url: Url, context: SlackClientApiCallContext<'a>) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> serde::de::Deserialize<'de> + Send + 'a,
    {
        self.send(url, None, context.token).boxed()
    }

    fn http_get_with_client_secret<'a, RS>(
        &'a self,
        _: Url,
        _: &'a SlackClientId,
        _: &'a SlackClientSecret,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> serde::de::Deserialize<'de> + Send + 'a,
    {
        // The app is installed by hand, with a token that it was given; there is no exchange of codes.
        std::future::ready(Err(system(HttpError::Address))).boxed()
    }

    fn http_post_uri<'a, RQ, RS>(
        &'a self,
        url: Url,
        body: &'a RQ,
        context: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RQ: Serialize + Send + Sync,
        RS: for<'de> serde::de::Deserialize<'de> + Send + 'a,
    {
        async move {
            let body = serde_json::to_vec(body).map_err(|error| SlackClientError::ProtocolError(SlackClientProtocolError::new(error)))?;
            self.send(url, Some(("application/json; charset=utf-8", body)), context.token).await
        }
        .boxed()
    }

    fn http_post_uri_multipart_form<'a, 'p, RS, PT, TS>(
        &'a self,
        _: Url,
        _: Option<FileMultipartData<'p>>,
        _: &'p PT,
        _: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> serde::de::Deserialize<'de> + Send + 'a,
        PT: IntoIterator<Item = (&'p str, Option<TS>)> + Clone,
        TS: AsRef<str> + 'p + Send,
    {
        // Nothing is uploaded: what is filed stays here.
        std::future::ready(Err(system(HttpError::Address))).boxed()
    }

    fn http_post_uri_binary<'a, 'p, RS>(
        &'a self,
        _: Url,
        _: String,
        _: &'a [u8],
        _: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> serde::de::Deserialize<'de> + Send + 'a,
    {
        std::future::ready(Err(system(HttpError::Address))).boxed()
    }
}
