//! Socket Mode (<https://docs.slack.dev/apis/events-api/using-socket-mode>): Slack sends over a socket that we open, so no
//! public address is needed. The same handlers as over HTTP; an envelope is acknowledged once its commit is on the disk,
//! and one that is not acknowledged comes again, perhaps to another replica, and is recorded once.
//!
//! A socket that Slack is about to close is replaced before that; one that is silent for too long ([`Patience`]) is dead, and
//! replaced.
//!
//! The SDK hands over parsed envelopes, one after the other on each socket, and acknowledges those that it cannot parse;
//! here each is taken as it came, beside the others.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::arrival::{Arrival, Back, What, take};
use crate::inbound::app::App;

/// How long a socket may be silent.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// We ask whether Slack is still there this often.
    pub ping: Duration,
    /// So long without a sign of life, a socket is dead.
    pub silent: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { ping: Duration::from_secs(10), silent: Duration::from_secs(30) }
    }
}

/// How long opening a socket may take.
const CONNECT: Duration = Duration::from_secs(15);
/// The first pause before another try, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// Envelopes that are taken at once on one socket.
const AT_ONCE: usize = 256;
/// The largest envelope, bytes.
const ENVELOPE: usize = 1 << 20;
/// So long a socket that was replaced is kept for what is still to be acknowledged.
const DRAINED: Duration = Duration::from_secs(20);

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What a socket tells whoever keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tells {
    /// Slack greeted us: all is well.
    Greeted,
    /// It will be closed soon: open another.
    Closing,
}

/// Keeps a socket open until it is told to stop.
pub async fn listen(app: App, patience: Patience, mut stopped: watch::Receiver<bool>) {
    let mut pause = PAUSE.0;
    while !*stopped.borrow() {
        let opened = tokio::select! {
            opened = tokio::time::timeout(CONNECT, open(&app)) => opened.unwrap_or_else(|_| Err("Slack did not answer in time".to_owned())),
            _ = stopped.wait_for(|stop| *stop) => return,
        };
        match opened {
            Ok(stream) => {
                let (tell, mut told) = mpsc::channel(8);
                tokio::spawn(Socket::serve(app.clone(), patience, stream, tell, stopped.clone()));
                loop {
                    match told.recv().await {
                        Some(Tells::Greeted) => pause = PAUSE.0,
                        // The old one goes on beside the new one until it has acknowledged everything.
                        Some(Tells::Closing) => break,
                        None => {
                            tracing::info!("the socket to Slack was closed; another is opened");
                            break;
                        }
                    }
                }
            }
            Err(why) => tracing::warn!(why, "no socket to Slack; another try follows"),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        pause = (pause * 2).min(PAUSE.1);
    }
}

async fn open(app: &App) -> Result<Stream, String> {
    let chat = app.chat.as_ref().ok_or("Slack is not configured")?;
    let address = chat.socket().await.map_err(|error| error.to_string())?;
    let api = app.config.slack.as_ref().map(|slack| slack.api_url.as_str()).unwrap_or_default();
    if !leads_to(api, &address) {
        return Err("Slack gave the address of a socket elsewhere; nothing was sent there".to_owned());
    }
    let config = WebSocketConfig::default().max_message_size(Some(ENVELOPE)).max_frame_size(Some(ENVELOPE));
    let (stream, _) =
        connect_async_with_config(address, Some(config), false).await.map_err(|_| "Slack did not take the connection".to_owned())?;
    Ok(stream)
}

/// Whether the address of a socket is one of the configured Slack's: encrypted wherever that is, and on its host or below it.
fn leads_to(api: &str, socket: &str) -> bool {
    let (Ok(api), Ok(socket)) = (Url::parse(api), Url::parse(socket)) else { return false };
    let (Some(home), Some(host)) = (api.host_str(), socket.host_str()) else { return false };
    let encrypted = socket.scheme() == "wss" || (socket.scheme() == "ws" && api.scheme() == "http");
    encrypted && (host == home || host.ends_with(&format!(".{home}")))
}

/// Waits until the process stops; that whoever could tell is gone means the same.
async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await.map(drop);
}

/// One socket.
struct Socket {
    app: App,
    write: SplitSink<Stream, Message>,
    read: SplitStream<Stream>,
    tell: mpsc::Sender<Tells>,
    /// What is to be written, each with its place among those that are worked on.
    acks: (mpsc::Sender<Written>, mpsc::Receiver<Written>),
    room: Arc<Semaphore>,
    heard: Instant,
}

/// An acknowledgement, if there is to be one, and the place that is free once it is written.
type Written = (Option<String>, OwnedSemaphorePermit);

impl Socket {
    async fn serve(app: App, patience: Patience, stream: Stream, tell: mpsc::Sender<Tells>, mut stopped: watch::Receiver<bool>) {
        let (write, read) = stream.split();
        let acks = mpsc::channel(AT_ONCE);
        let room = Arc::new(Semaphore::new(AT_ONCE));
        let mut socket = Self { app, write, read, tell, acks, room, heard: Instant::now() };
        let mut ping = tokio::time::interval(patience.ping);
        let mut until: Option<Instant> = None;
        loop {
            tokio::select! {
                // When there is no room, nothing more is read for a while: Slack keeps it.
                frame = socket.read.next(), if socket.room.available_permits() > 0 => match frame {
                    Some(Ok(Message::Text(text))) => {
                        socket.heard = Instant::now();
                        if socket.envelope(text.as_str()).await {
                            until.get_or_insert(Instant::now() + DRAINED);
                        }
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => socket.heard = Instant::now(),
                },
                Some((ack, _room)) = socket.acks.1.recv() => {
                    if let Some(ack) = ack
                        && socket.write.send(Message::text(ack)).await.is_err()
                    {
                        return;
                    }
                }
                _ = ping.tick() => {
                    let drained = until.is_some_and(|until| until <= Instant::now());
                    if drained || socket.heard.elapsed() > patience.silent || socket.write.send(Message::Ping(Vec::new().into())).await.is_err() {
                        return;
                    }
                }
                () = told_to_stop(&mut stopped) => {
                    // A socket that is closed gets nothing more; what is not acknowledged comes again.
                    let _ = socket.write.close().await;
                    return;
                }
            }
        }
    }

    /// Takes one envelope; `true` when Slack will close this socket soon.
    async fn envelope(&mut self, text: &str) -> bool {
        let Ok(envelope) = serde_json::from_str::<Value>(text) else { return false };
        let what = match envelope["type"].as_str().unwrap_or_default() {
            "hello" => {
                let _ = self.tell.send(Tells::Greeted).await;
                return false;
            }
            "disconnect" => {
                let _ = self.tell.send(Tells::Closing).await;
                return true;
            }
            "slash_commands" => What::Command(envelope["payload"].clone()),
            "interactive" => What::Interaction(envelope["payload"].clone()),
            "events_api" => What::Event(envelope["payload"].clone()),
            _ => {
                self.acknowledge(&envelope, None).await;
                return false;
            }
        };
        // There is room: nothing was read otherwise. What is not acknowledged comes again.
        let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else { return false };
        let (app, acks) = (self.app.clone(), self.acks.0.clone());
        tokio::spawn(async move {
            let ack = match take(&app, Arrival { what, auth: "socket" }).await {
                Back::Given(shown) => Some(ack(&envelope, shown)),
                Back::NotYet => None,
            };
            // As many fit into the channel as there is room, so nobody waits here for the one who reads it.
            let _ = acks.send((ack, permit)).await;
        });
        false
    }

    async fn acknowledge(&mut self, envelope: &Value, shown: Option<Value>) {
        if envelope["envelope_id"].is_string() {
            // A socket that does not take it is noticed by the next ping.
            let _ = self.write.send(Message::text(ack(envelope, shown))).await;
        }
    }
}

/// The acknowledgement of an envelope, with what is to be shown where Slack takes that.
fn ack(envelope: &Value, shown: Option<Value>) -> String {
    let id = &envelope["envelope_id"];
    match shown.filter(|_| envelope["accepts_response_payload"] != false) {
        Some(payload) => json!({ "envelope_id": id, "payload": payload }).to_string(),
        None => json!({ "envelope_id": id }).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_leads_to_the_configured_slack_and_nowhere_else() {
        let slack = "https://slack.com/api";
        assert!(leads_to(slack, "wss://wss-primary.slack.com/link/?ticket=1"));
        assert!(leads_to("http://127.0.0.1:9/api", "ws://127.0.0.1:10/link"));
        for elsewhere in [
            "ws://wss-primary.slack.com/",
            "wss://slack.com.evil.example/",
            "wss://evilslack.com/",
            "http://slack.com/",
            "",
            "wss://10.0.0.1/",
        ] {
            assert!(!leads_to(slack, elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn an_acknowledgement_shows_something_only_where_slack_takes_it() {
        let shown = Some(json!({ "text": "Recorded." }));
        assert_eq!(ack(&json!({ "envelope_id": "e" }), shown.clone()), r#"{"envelope_id":"e","payload":{"text":"Recorded."}}"#);
        assert_eq!(ack(&json!({ "envelope_id": "e", "accepts_response_payload": false }), shown), r#"{"envelope_id":"e"}"#);
    }
}
