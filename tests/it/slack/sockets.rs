//! Socket Mode: the same over a socket that we open, acknowledged once it is on the disk, and recorded once.

use std::time::Duration;

use countersign::inbound::slack::socket::{Patience, listen};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::accounts::code;
use super::hand::{Hand, TEAM, button, words};
use crate::world::slack::{APP_TOKEN, BOT_TOKEN, FakeSlack};
use crate::world::{World, on_both};

/// Slack's end of a socket.
struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// Waits until the service opens one, and greets it.
    async fn opened(listener: &TcpListener) -> Self {
        let (stream, _) = tokio::time::timeout(std::time::Duration::from_secs(20), listener.accept())
            .await
            .expect("a socket is opened within twenty seconds")
            .expect("a connection");
        let mut socket = Self(tokio_tungstenite::accept_async(stream).await.expect("a handshake"));
        socket.sends(json!({ "type": "hello", "num_connections": 1 })).await;
        socket
    }

    async fn sends(&mut self, envelope: Value) {
        self.0.send(Message::text(envelope.to_string())).await.expect("the socket is open");
    }

    /// The next acknowledgement.
    async fn acknowledged(&mut self) -> Value {
        let next = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => return serde_json::from_str(text.as_str()).expect("JSON"),
                    Some(Ok(_)) => {}
                    other => panic!("the socket ended: {other:?}"),
                }
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), next).await.expect("an acknowledgement within twenty seconds")
    }
}

/// The service hears from Slack by sockets alone.
async fn by_socket(w: &mut World) -> (FakeSlack, TcpListener) {
    let slack = FakeSlack::starts().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    slack.lock().socket = format!("ws://{}/link", listener.local_addr().expect("an address"));
    w.settings.push_str(&format!("[slack]\nbot_token = \"{BOT_TOKEN}\"\napp_token = \"{APP_TOKEN}\"\napi_url = \"{}\"\n", slack.api_url()));
    w.stops().await;
    w.starts().await;
    (slack, listener)
}

fn command(slack: &FakeSlack, user: &str, envelope: &str, trigger: &str, line: &str) -> Value {
    let (command, text) = line.split_once(' ').unwrap_or((line, ""));
    json!({ "envelope_id": envelope, "type": "slash_commands", "accepts_response_payload": true, "payload": {
        "team_id": TEAM, "user_id": user, "channel_id": "C0GENERAL", "command": command, "text": text, "trigger_id": trigger,
        "response_url": slack.response_url() } })
}

async fn a_command_over_a_socket_is_acknowledged_once_it_is_on_the_disk_and_recorded_once(w: &mut World) {
    let (slack, listener) = by_socket(w).await;
    let ana = slack.joins("ana");
    w.links("ana", &ana).await;
    let mut socket = Socket::opened(&listener).await;
    socket.sends(command(&slack, &ana, "e1", "17.fake", "/incident declare the shop is down")).await;
    let ack = socket.acknowledged().await;
    assert_eq!(w.log_of("TicketOpened").await.len(), 1, "it is on the disk");
    assert!(ack["envelope_id"] == "e1" && words(&ack["payload"]).contains("INC-000001"), "{ack}");
    socket.sends(command(&slack, &ana, "e2", "17.fake", "/incident declare the shop is down")).await;
    assert!(words(&socket.acknowledged().await["payload"]).contains("INC-000001"));
    socket.sends(json!({ "envelope_id": "e3", "type": "invented_tomorrow", "payload": {} })).await;
    assert_eq!(socket.acknowledged().await, json!({ "envelope_id": "e3" }), "what is unknown is acknowledged and forgotten");
    let event = json!({ "type": "event_callback", "team_id": TEAM, "event_id": "Ev1", "event": { "type": "user_change", "user": { "id": ana, "deleted": true } } });
    socket.sends(json!({ "envelope_id": "e4", "type": "events_api", "payload": event })).await;
    assert_eq!(socket.acknowledged().await["envelope_id"], "e4");
    assert_eq!((w.log_of("TicketOpened").await.len(), w.log_of("AccountUnlinked").await.len()), (1, 1));
    assert_eq!(w.log_of("TicketOpened").await[0]["via"]["auth"], "socket");
}
on_both!(a_command_over_a_socket_is_acknowledged_once_it_is_on_the_disk_and_recorded_once);

/// What the README says to write into `countersign.toml`.
fn as_the_readme_says() -> &'static str {
    let (_, section) = include_str!("../../../README.md").split_once("### In Slack").expect("the README tells of Slack");
    section.split("```").nth(1).and_then(|block| block.strip_prefix("toml\n")).expect("and shows its configuration")
}

async fn whoever_follows_the_readme_from_nothing_has_a_first_incident_in_slack(w: &mut World) {
    let slack = FakeSlack::starts().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    slack.lock().socket = format!("ws://{}/link", listener.local_addr().expect("an address"));
    // The app was made from the manifest; its two tokens are put into files, as one pastes them.
    std::fs::create_dir(w.path("secrets")).expect("a folder");
    std::fs::write(w.path("secrets/slack-bot"), format!("{BOT_TOKEN}\n")).expect("a file");
    std::fs::write(w.path("secrets/slack-app"), format!("{APP_TOKEN}\n")).expect("a file");
    w.settings.push_str(&format!("{}api_url = \"{}\"\n", as_the_readme_says(), slack.api_url()));
    w.stops().await;
    w.starts().await;
    let mut socket = Socket::opened(&listener).await;
    let (_, said) = w.runs(&["doctor"]).await;
    for good in
        ["the bot token is good", "every scope of deploy/slack-manifest.yaml", "Socket Mode opens", "no account in Slack is linked for"]
    {
        assert!(said.contains(good), "{good}: {said}");
    }
    let mut types = async |n: u64, user: &str, line: &str| {
        socket.sends(command(&slack, user, &format!("e{n}"), &slack.trigger(), line)).await;
        socket.acknowledged().await["payload"].clone()
    };
    let ana = slack.joins("ana");
    let told = types(1, &ana, "/countersign link").await;
    assert!(words(&told).contains("it shows a short code") && words(&told).contains("/countersign link CODE"), "{told}");
    assert_eq!(button(&told, "Link my account"), "https://countersign.example.com/auth/link");
    let typed = format!("/countersign link {}", code(w, "ana").await);
    let shown = types(2, &ana, &typed).await;
    let pressed = json!({ "type": "block_actions", "team": { "id": TEAM }, "user": { "id": ana, "team_id": TEAM },
        "trigger_id": slack.trigger(), "response_url": slack.response_url(),
        "actions": [{ "type": "button", "action_id": "x", "value": button(&shown, "This is me: link it") }] });
    socket.sends(json!({ "envelope_id": "e3", "type": "interactive", "payload": pressed })).await;
    assert_eq!(socket.acknowledged().await["envelope_id"], "e3");
    socket.sends(command(&slack, &ana, "e4", &slack.trigger(), "/incident declare sev1 payments-api is down")).await;
    assert!(words(&socket.acknowledged().await["payload"]).contains("INC-000001"));
    w.slack_is_told().await;
    let channel = slack.channel("inc-000001-payments-api-is-down").expect("its channel");
    assert!(channel.members.contains(&ana) && !channel.pins.is_empty(), "she is in it, and the card is pinned");
    assert_eq!(slack.violations(), Vec::<String>::new());
}
on_both!(whoever_follows_the_readme_from_nothing_has_a_first_incident_in_slack);

async fn a_socket_that_is_closed_is_replaced_and_one_that_will_be_is_replaced_before(w: &mut World) {
    let (slack, listener) = by_socket(w).await;
    let ana = slack.joins("ana");
    w.links("ana", &ana).await;
    let mut first = Socket::opened(&listener).await;
    first.sends(json!({ "type": "disconnect", "reason": "refresh_requested" })).await;
    let mut second = Socket::opened(&listener).await;
    first.sends(command(&slack, &ana, "e1", "1.fake", "/incident declare one")).await;
    assert_eq!(first.acknowledged().await["envelope_id"], "e1", "the old one still acknowledges");
    second.sends(command(&slack, &ana, "e2", "2.fake", "/incident declare two")).await;
    assert_eq!(second.acknowledged().await["envelope_id"], "e2");
    drop(second);
    let mut third = Socket::opened(&listener).await;
    third.sends(command(&slack, &ana, "e3", "3.fake", "/incident declare three")).await;
    assert_eq!(third.acknowledged().await["envelope_id"], "e3");
    assert_eq!(w.log_of("TicketOpened").await.len(), 3);
}
on_both!(a_socket_that_is_closed_is_replaced_and_one_that_will_be_is_replaced_before);

async fn with_two_replicas_an_interaction_that_comes_twice_is_handled_once(w: &mut World) {
    let (slack, listener) = by_socket(w).await;
    let ana = slack.joins("ana");
    w.links("ana", &ana).await;
    let mut one = Socket::opened(&listener).await;
    w.starts().await;
    let mut two = Socket::opened(&listener).await;
    for (n, socket) in [&mut one, &mut two].into_iter().enumerate() {
        socket.sends(command(&slack, &ana, &format!("e{n}"), "17.fake", "/incident declare the shop is down")).await;
    }
    for socket in [&mut one, &mut two] {
        assert!(words(&socket.acknowledged().await["payload"]).contains("INC-000001"));
    }
    assert_eq!(w.log_of("TicketOpened").await.len(), 1);
    let posted = super::hand::genuine(w, "/slack/commands", &Hand::of(w, &slack, &ana).command("/incident list", "18.fake")).await;
    assert_eq!(posted.status, 404, "without a signing secret nobody posts");
}
on_both!(with_two_replicas_an_interaction_that_comes_twice_is_handled_once);

async fn a_socket_that_falls_silent_is_noticed_and_replaced(w: &mut World) {
    let (slack, listener) = by_socket(w).await;
    let ana = slack.joins("ana");
    w.links("ana", &ana).await;
    // The service's own, with the patience that it has; and one that is watched more closely.
    let _own = Socket::opened(&listener).await;
    let patience = Patience { ping: Duration::from_millis(100), silent: Duration::from_millis(400) };
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let listening = tokio::spawn(listen(w.replica(0).app.clone(), patience, stopped));
    // It is greeted, and then nobody reads what it says: neither a ping is answered nor anything sent.
    let _silent = Socket::opened(&listener).await;
    let mut next = Socket::opened(&listener).await;
    next.sends(command(&slack, &ana, "e1", "1.fake", "/incident declare one")).await;
    assert_eq!(next.acknowledged().await["envelope_id"], "e1");
    assert_eq!(w.log_of("TicketOpened").await.len(), 1);
    stop.send_replace(true);
    listening.await.expect("it ends when it is told to");
}
on_both!(a_socket_that_falls_silent_is_noticed_and_replaced);
