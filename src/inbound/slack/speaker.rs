//! Which account speaks, whose it is, and whether it may be heard at all. What the platform says of an account (guest,
//! program, elsewhere, deactivated) is asked of the platform and remembered for an hour, or until it tells of a change;
//! whose the account is, the desk decides anew in each commit.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::SOURCE;
use super::afterwards::Afterwards;
use super::arrival::Outcome;
use crate::card::chat;
use crate::desk::chat::{ChatUser, Handle, Identity, Reply};
use crate::desk::request::{AccountFault, Answer, Ask, Dedupe, Request, Unanswered};
use crate::env::Timestamp;
use crate::inbound::app::App;
use crate::people::Person;
use crate::people::directory::Directory;
use crate::ticket::event::Via;
use crate::ticket::number::Number;

/// What the platform said of a user is believed for so long.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// Users that are remembered at most.
const MOST: usize = 20_000;

/// What the platform said lately of its users.
#[derive(Debug, Default)]
pub struct Memory {
    users: Mutex<HashMap<String, (Timestamp, ChatUser)>>,
    /// What is said once Slack was answered.
    pub after: Afterwards,
}

impl Memory {
    fn recall(&self, user: &str, now: Timestamp) -> Option<ChatUser> {
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.get(user).filter(|(at, _)| now.since(*at) < REMEMBERED).map(|(_, user)| user.clone())
    }

    fn keep(&self, user: ChatUser, now: Timestamp) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if users.len() >= MOST {
            users.clear();
        }
        users.insert(user.user.clone(), (now, user));
    }

    /// The platform tells that something about a user changed.
    pub fn forget(&self, user: &str) {
        self.users.lock().unwrap_or_else(PoisonError::into_inner).remove(user);
    }
}

/// Somebody on Slack.
#[derive(Clone, Debug)]
pub struct Speaker {
    /// The account.
    pub handle: Handle,
    /// Whose it is, as far as this process knows.
    pub person: Option<Person>,
    /// What they call themselves there; only for showing.
    pub shown_as: String,
    auth: &'static str,
    envelope: Value,
    key: String,
    digest: String,
}

/// Why nobody is heard.
pub enum Unheard {
    /// Nothing more is to be done: it was refused, and that is recorded.
    Refused(Outcome),
    /// It cannot be known now who it is.
    Unknown,
}

impl From<Unheard> for Outcome {
    fn from(unheard: Unheard) -> Self {
        match unheard {
            Unheard::Refused(outcome) => outcome,
            Unheard::Unknown => Self::says(chat::cannot_look_up()),
        }
    }
}

/// Where something came from, as its payload says.
pub struct Origin<'p> {
    /// The whole payload.
    pub payload: &'p Value,
    /// The workspace that the app is used in.
    pub team: &'p str,
    /// The user.
    pub user: &'p str,
    /// The workspace that the user belongs to; empty where the payload does not say.
    pub user_team: &'p str,
    /// What Slack sends again under a retry: a trigger id, an event id.
    pub once: &'p str,
    /// What it tries, by the command's name, for refusals.
    pub tries: &'p str,
    /// The ticket that it is about, where that is known already.
    pub ticket: Option<&'p Number>,
    /// `signature` or `socket`.
    pub auth: &'static str,
}

fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// A text of a payload, at most so many bytes long; empty when it is not there.
pub(super) fn text(value: &Value, most: usize) -> &str {
    value.as_str().filter(|text| text.len() <= most).unwrap_or_default()
}

/// Who speaks. Whoever is of elsewhere, a guest or a program is refused here, and that is recorded.
///
/// # Errors
/// Nobody is heard, and why.
pub async fn speaker(app: &App, origin: Origin<'_>) -> Result<Speaker, Unheard> {
    let Some(chat) = app.chat.as_ref() else { return Err(Unheard::Unknown) };
    let us = chat.identity().await.map_err(|_| Unheard::Unknown)?;
    let other_app = us.app.as_ref().is_some_and(|app| origin.payload["api_app_id"].as_str().is_some_and(|sent| sent != app));
    if !is_ours(&us, &origin) || other_app || !is_id(origin.user) {
        // Signed with our secret, for another workspace or app: whoever set that up must know.
        app.metrics.delivery(SOURCE, "another team");
        app.desk.count_forgery(SOURCE, "another team");
        let says = Reply::of("This workspace or app is not the one that I belong to. Nothing was recorded.");
        return Err(Unheard::Refused(Outcome::Says(says)));
    }
    let known = user_of(app, origin.user).await;
    let handle = handle_of(&us, known.as_ref(), origin.user, origin.user_team);
    // In an organisation of workspaces, only Slack knows who of another workspace belongs to it.
    let elsewhere = known.is_none() && us.enterprise.is_none() && handle.team != us.team;
    let team = handle.team.clone();
    let mut speaker = Speaker {
        person: person_of(app, &handle).await,
        shown_as: known.as_ref().map(|user| user.shown_as.clone()).unwrap_or_default(),
        auth: origin.auth,
        envelope: envelope(origin.payload),
        key: format!("slack:{team}:{}", origin.once.chars().take(200).collect::<String>()),
        digest: hex::encode(Sha256::digest(origin.payload.to_string())),
        handle,
    };
    let fault = known.as_ref().and_then(|user| fault_of(app, user)).or_else(|| elsewhere_fault(app, elsewhere));
    if let Some(fault) = fault {
        let ask = Ask::RefuseAccount { fault, command: origin.tries.to_owned(), ticket: origin.ticket.cloned() };
        let refused = speaker.ask(app, ask, "refused").await.err();
        let says = refused.map_or_else(|| fault.to_string(), |refused| refused.to_string());
        return Err(Unheard::Refused(Outcome::Says(Reply::of(says))));
    }
    if known.is_none() && speaker.person.is_none() {
        // Whoever is linked was looked at then; of anybody else we know nothing now.
        return Err(Unheard::Unknown);
    }
    speaker.match_address(app, known.as_ref()).await;
    Ok(speaker)
}

/// Whether it comes from our workspace, or for an app of a whole organisation from one of that.
fn is_ours(us: &Identity, origin: &Origin<'_>) -> bool {
    let payload = origin.payload;
    let organisation = payload["enterprise_id"].as_str().or_else(|| payload["enterprise"]["id"].as_str());
    origin.team == us.team || (us.enterprise.is_some() && organisation == us.enterprise.as_deref())
}

/// The account of a user, the same one whichever way it speaks: of our workspace for everybody who belongs to it or to our
/// organisation, of their own for others. `claimed`: their workspace as the payload says, for want of better.
pub(super) fn handle_of(us: &Identity, known: Option<&ChatUser>, user: &str, claimed: &str) -> Handle {
    let team = match known {
        Some(known) if known.stranger && is_id(&known.team) => &known.team,
        None if is_id(claimed) && us.enterprise.as_deref() != Some(claimed) => claimed,
        _ => &us.team,
    };
    Handle { platform: "slack".to_owned(), team: team.to_owned(), user: user.to_owned() }
}

/// Whose the account of a user is, whichever workspace the user belongs to: Slack gives an id once.
pub(super) fn person_by_user<'d>(directory: &'d Directory, team: &str, user: &str) -> Option<&'d Person> {
    directory.by_account(&format!("slack:{team}/{user}")).or_else(|| directory.by_user("slack", user))
}

/// What the platform says of a user, as of the last hour.
pub(super) async fn user_of(app: &App, user: &str) -> Option<ChatUser> {
    let now = app.desk.now();
    if let Some(known) = app.talk.recall(user, now) {
        return Some(known);
    }
    let found = app.chat.as_ref()?.user(user).await.inspect_err(|error| tracing::info!(%error, "a user could not be looked up")).ok()?;
    app.talk.keep(found.clone(), now);
    Some(found)
}

fn fault_of(app: &App, user: &ChatUser) -> Option<AccountFault> {
    let slack = app.config.slack.as_ref();
    if user.deleted {
        Some(AccountFault::Stopped)
    } else if user.bot {
        Some(AccountFault::Bot)
    } else if user.stranger && !slack.is_some_and(|s| s.allow_external) {
        Some(AccountFault::OtherWorkspace)
    } else if user.guest && !slack.is_some_and(|s| s.allow_guests) {
        Some(AccountFault::Guest)
    } else {
        None
    }
}

fn elsewhere_fault(app: &App, elsewhere: bool) -> Option<AccountFault> {
    (elsewhere && !app.config.slack.as_ref().is_some_and(|s| s.allow_external)).then_some(AccountFault::OtherWorkspace)
}

/// Whose an account is, also when another replica linked it a moment ago.
pub(super) async fn person_of(app: &App, handle: &Handle) -> Option<Person> {
    if app.desk.size().await.is_ok_and(|size| size > app.desk.snapshot().size) {
        app.desk.catch_up().await;
    }
    app.desk.snapshot().directory.by_account(&handle.to_string()).cloned()
}

/// Which message it came by: what an assessor may want to hold against Slack's own records.
fn envelope(payload: &Value) -> Value {
    let event = &payload["event"];
    let first = |values: [&Value; 4]| values.into_iter().find_map(|v| v.as_str().filter(|t| t.len() <= 200).map(str::to_owned));
    let channel = first([&payload["channel_id"], &payload["channel"]["id"], &event["channel"], &event["item"]["channel"]]);
    let at = first([&payload["message"]["ts"], &payload["container"]["message_ts"], &event["event_ts"], &event["ts"]]);
    let request = first([&payload["trigger_id"], &payload["event_id"], &payload["view"]["id"], &Value::Null]);
    // The platform hides the client's address.
    json!({ "platform": "slack", "channel": channel, "at": at, "request": request, "ip": null })
}

impl Speaker {
    /// An account that spoke before: what it asked for is done now, under the key that it had then.
    pub(super) fn of(handle: Handle, person: Option<Person>, key: &str) -> Self {
        let envelope = json!({ "platform": "slack", "channel": null, "at": null, "request": key, "ip": null });
        Self { handle, person, shown_as: String::new(), auth: "internal", envelope, key: key.to_owned(), digest: String::new() }
    }

    /// The same account, now that it is somebody's.
    #[must_use]
    pub fn known_as(&self, person: Person) -> Self {
        Self { person: Some(person), ..self.clone() }
    }

    /// A key for a form that this request opens or sends: the same whenever Slack sends the request again.
    #[must_use]
    pub fn form_key(&self) -> String {
        hex::encode(Sha256::digest(&self.key)).chars().take(32).collect()
    }

    /// Asks the desk, once for every request of Slack's and `nth` deed of it.
    ///
    /// # Errors
    /// As [`crate::desk::Desk::ask`].
    pub async fn ask(&self, app: &App, ask: Ask, nth: &str) -> Result<Answer, Unanswered> {
        self.ask_under(app, ask, &format!("{}:{nth}", self.key), &self.digest).await
    }

    /// Asks the desk under a key of the caller's own: the same form sent twice is recorded once.
    ///
    /// # Errors
    /// As [`crate::desk::Desk::ask`].
    pub async fn ask_under(&self, app: &App, ask: Ask, key: &str, digest: &str) -> Result<Answer, Unanswered> {
        let via = Via { surface: "slack".to_owned(), auth: self.auth.to_owned(), credential: None };
        let request = Request {
            who: app.desk.account(self.handle.clone()),
            via,
            ip: None,
            envelope: Some(app.desk.seal(self.envelope.to_string())),
            dedupe: Some(Dedupe { key: key.to_owned(), digest: digest.to_owned() }),
            ask,
        };
        app.desk.ask(request).await
    }

    /// Where the organisation allows it, a confirmed address says whose an account is.
    async fn match_address(&mut self, app: &App, known: Option<&ChatUser>) {
        let allowed = app.config.slack.as_ref().is_some_and(|slack| slack.match_email);
        let Some(email) = known.and_then(|user| user.confirmed_email.clone()).filter(|_| allowed && self.person.is_none()) else { return };
        let email = email.to_lowercase();
        let ever = app.desk.snapshot().directory.by_handle(&self.handle.to_string()).is_some_and(|a| !a.state.past.is_empty());
        // What was linked once and taken back is not linked again behind anybody's back.
        if ever || app.desk.snapshot().directory.by_email(&email).is_none() {
            return;
        }
        if self.ask(app, Ask::MatchAddress { email }, "match").await.is_ok() {
            self.person = person_of(app, &self.handle).await;
        }
    }
}
