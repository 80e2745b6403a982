//! Which response playbook takes an alert, and what it says of it.
//!
//! A storm repeats itself: thousands of alerts differ in nothing that a playbook looks at. What the playbooks said is
//! therefore remembered under the values that their expressions read, for as long as the same playbooks count.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::env::Env;
use crate::procedure::expression::{Read, Seen, Template, Variables};
use crate::procedure::model::{Kind, Library, Response};
use crate::store::commit::Secret;
use crate::ticket::alert::Alert;
use crate::ticket::command::{Fields, Matched};
use crate::ticket::event::Pinned;
use crate::ticket::fields;

/// Characters of a title at most.
const TITLE: usize = 200;
/// Answers that are remembered at most; then all are forgotten.
const REMEMBERED: usize = 2_048;
/// Bytes of values under which an answer is remembered at most.
const LONGEST_KEY: usize = 2_048;

/// Says which playbook takes an alert.
#[derive(Debug, Default)]
pub struct Matcher(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    library: Option<Arc<Library>>,
    reads: Arc<Reads>,
    /// Which playbook takes an alert, by what all of them look at for that.
    takers: HashMap<Vec<u8>, Option<Arc<Response>>>,
    /// What a playbook says of an alert, by what it looks at for that.
    taken: HashMap<Vec<u8>, Arc<Taken>>,
}

/// Members of `alert`, each a way to walk down.
type Paths = Vec<Vec<String>>;

/// What the playbooks of a library read of an alert.
#[derive(Debug, Default)]
struct Reads {
    /// All of them, to say whether they take it.
    matches: Paths,
    /// Each of them by its digest, to say the rest.
    each: BTreeMap<String, Paths>,
}

/// What the playbook that takes an alert says of it.
#[derive(Debug)]
struct Taken {
    group: String,
    /// What the ticket opens with.
    fields: Arc<Fields>,
}

impl Matcher {
    /// What the first response playbook that takes this alert (`json` is the same alert) says of it; `secret` keys the
    /// groups' names.
    pub fn matched(&self, env: &Env, library: &Arc<Library>, secret: &Secret, alert: &Alert, json: Value) -> Option<Matched> {
        let reads = self.reads(library);
        let mut looked = Looked { json: Some(json), seen: None };
        let key = key_of(&reads.matches, looked.json(), &[]);
        let known = key.as_ref().and_then(|key| self.locked().takers.get(key).cloned());
        let response = known.unwrap_or_else(|| {
            let found = library.responses.iter().find(|r| takes(r, looked.seen())).cloned();
            self.remember(library, key, found.clone(), |r| &mut r.takers);
            found
        })?;
        let kind = library.kinds.get(&response.kind)?;

        let paths = reads.each.get(&response.digest).map_or(&[][..], Vec::as_slice);
        // The title falls back on the alert's own words.
        let key = key_of(paths, looked.json(), &[&response.digest, &alert.title, &alert.rule]);
        let known = key.as_ref().and_then(|key| self.locked().taken.get(key).cloned());
        let taken = known.unwrap_or_else(|| {
            let seen = looked.seen();
            let fields = Arc::new(sealed_fields(env, library, kind, &response, alert, seen));
            let taken = Arc::new(Taken { group: group_of(secret, &response, seen), fields });
            self.remember(library, key, Arc::clone(&taken), |r| &mut r.taken);
            taken
        });
        Some(Matched {
            response: Pinned { name: response.name.clone(), digest: response.digest.clone() },
            kind: response.kind.clone(),
            group: taken.group.clone(),
            window_seconds: i64::try_from(response.window.as_secs()).unwrap_or(i64::MAX),
            fields: Arc::clone(&taken.fields),
            seed: env.bytes(),
        })
    }

    fn locked(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What these playbooks read; what others said is forgotten.
    fn reads(&self, library: &Arc<Library>) -> Arc<Reads> {
        let mut remembered = self.locked();
        if !remembered.library.as_ref().is_some_and(|known| Arc::ptr_eq(known, library)) {
            *remembered = Remembered { library: Some(Arc::clone(library)), reads: Arc::new(Reads::of(library)), ..Remembered::default() };
        }
        Arc::clone(&remembered.reads)
    }

    fn remember<T>(
        &self,
        library: &Arc<Library>,
        key: Option<Vec<u8>>,
        answer: T,
        place: impl FnOnce(&mut Remembered) -> &mut HashMap<Vec<u8>, T>,
    ) {
        let Some(key) = key else { return };
        let mut remembered = self.locked();
        // Other playbooks may have been adopted meanwhile.
        if remembered.library.as_ref().is_some_and(|known| Arc::ptr_eq(known, library)) {
            let answers = place(&mut remembered);
            if answers.len() >= REMEMBERED {
                answers.clear();
            }
            answers.insert(key, answer);
        }
    }
}

/// An alert, made ready for expressions when the first one asks.
struct Looked {
    json: Option<Value>,
    seen: Option<(Seen, Variables)>,
}

impl Looked {
    fn json(&self) -> &Value {
        let of_seen = || self.seen.as_ref().and_then(|(_, variables)| variables.get("alert"));
        self.json.as_ref().or_else(of_seen).unwrap_or(&Value::Null)
    }

    fn seen(&mut self) -> &Seen {
        let json = &mut self.json;
        let (seen, _) = self.seen.get_or_insert_with(|| {
            let variables = Variables::from_iter([("alert".to_owned(), json.take().unwrap_or_default())]);
            (Seen::of(&variables), variables)
        });
        seen
    }
}

impl Reads {
    fn of(library: &Library) -> Self {
        let matches = library.responses.iter().flat_map(|r| &r.matches).flat_map(|e| e.reads().to_vec());
        let said = |response: &Response| {
            let expressions = response.severity.iter().chain(&response.group_by).flat_map(|e| e.reads().to_vec());
            paths_of(expressions.chain(response.ticket_title.iter().flat_map(Template::reads)))
        };
        let each = library.responses.iter().map(|r| (r.digest.clone(), said(r))).collect();
        Self { matches: paths_of(matches), each }
    }
}

/// The members of `alert` that are read, without those that stand below another.
fn paths_of(reads: impl Iterator<Item = Read>) -> Paths {
    // A member that is not written plainly (with an escape, say) may mean another one: then all above it counts.
    let plain = |member: &&String| member.chars().all(|c| c.is_ascii_alphanumeric() || "_-.:/".contains(c));
    let of_alert = reads.filter(|r| r.path.first().is_some_and(|v| v == "alert"));
    let sorted: BTreeSet<Vec<String>> = of_alert.map(|r| r.path[1..].iter().take_while(plain).cloned().collect()).collect();
    // Sorted, a path stands before those below it.
    let mut out = Paths::new();
    for path in sorted {
        if !out.last().is_some_and(|above| path.starts_with(above)) {
            out.push(path);
        }
    }
    out
}

/// The values that decide an answer; none when they are too long to be remembered.
fn key_of(paths: &[Vec<String>], json: &Value, texts: &[&str]) -> Option<Vec<u8>> {
    let mut key = Vec::with_capacity(256);
    for path in paths {
        match path.iter().try_fold(json, |value, member| value.get(member)) {
            Some(value) => serde_json::to_writer(&mut key, value).ok()?,
            // Missing is not the same as null.
            None => key.push(b'-'),
        }
        key.push(b'\n');
        if key.len() > LONGEST_KEY {
            return None;
        }
    }
    for text in texts {
        // The length first, so that no text runs into the next.
        key.extend_from_slice(&text.len().to_be_bytes());
        key.extend_from_slice(text.as_bytes());
    }
    (key.len() <= LONGEST_KEY).then_some(key)
}

/// Whether a playbook takes an alert. One that cannot be evaluated on it does not, and that is logged: an alert is never
/// lost to a slip in a playbook.
fn takes(response: &Response, seen: &Seen) -> bool {
    let Some(matches) = &response.matches else { return false };
    matches.holds_in(seen).unwrap_or_else(|error| {
        tracing::warn!(playbook = response.name, %error, "a response playbook could not be evaluated on an alert");
        false
    })
}

/// What the ticket opens with: what the playbook fills in, the severity and the title that it makes of the alert.
fn sealed_fields(env: &Env, library: &Library, kind: &Kind, response: &Response, alert: &Alert, seen: &Seen) -> Fields {
    let mut raw: BTreeMap<String, Value> = response.prefill.clone();
    if let Some(Ok(Value::String(severity))) = response.severity.as_ref().map(|s| s.value_in(seen)) {
        raw.insert("severity".to_owned(), Value::String(severity));
    }
    let title = response.ticket_title.as_ref().map(|t| t.render_in(seen)).unwrap_or_default();
    raw.insert("title".to_owned(), Value::String(title_of(&title, alert)));
    let mut salt = || env.bytes::<32>();
    let sealed = fields::seal(kind, library, &raw, &mut salt).or_else(|problems| {
        // What a playbook computed does not fit the field: the incident opens all the same, with the field empty.
        tracing::warn!(playbook = response.name, problems = problems.len(), "a response playbook filled in what does not fit");
        for problem in &problems {
            raw.remove(&problem.field);
        }
        fields::seal(kind, library, &raw, &mut salt)
    });
    sealed.unwrap_or_default()
}

/// One line of at most 200 characters, never empty.
fn title_of(rendered: &str, alert: &Alert) -> String {
    let candidates = [rendered, &alert.title, &alert.rule, "An alert without a name"];
    let clean = |text: &str| -> String {
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        line.trim_matches(|c: char| c == ':' || c == '-' || c.is_whitespace()).chars().take(TITLE).collect()
    };
    candidates.iter().map(|c| clean(c)).find(|c| !c.is_empty()).unwrap_or_default()
}

/// Hex HMAC-SHA-256 over the playbook's name and the values of what it groups by: keyed, since hosts and services are few
/// enough to be guessed from a plain digest. A value that is missing groups with others that miss it.
fn group_of(secret: &Secret, response: &Response, seen: &Seen) -> String {
    let values: Vec<Value> = response.group_by.iter().map(|e| e.value_in(seen).unwrap_or(Value::Null)).collect();
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&secret.0) else { return String::new() };
    mac.update(response.name.as_bytes());
    mac.update(&[0]);
    mac.update(Value::Array(values).to_string().as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{ManualClock, Timestamp};
    use crate::procedure::{built_in, load};
    use crate::ticket::alert::AlertStatus;
    use crate::ticket::command::FieldInput;

    fn env() -> Env {
        Env::manual(ManualClock::at(Timestamp::parse("2026-03-02T10:00:00Z").unwrap()))
    }

    fn alert(instance: &str, service: &str, summary: &str) -> (Alert, Value) {
        let alert = Alert {
            source: "prometheus".to_owned(),
            fingerprint: instance.to_owned(),
            alert_id: instance.to_owned(),
            rule: "HighErrorRate".to_owned(),
            status: AlertStatus::Firing,
            title: "HighErrorRate".to_owned(),
            description: String::new(),
            severity: "critical".to_owned(),
            labels: BTreeMap::from([("service".to_owned(), service.to_owned()), ("instance".to_owned(), instance.to_owned())]),
            annotations: BTreeMap::from([("summary".to_owned(), summary.to_owned())]),
            starts_at: None,
            ends_at: None,
            url: String::new(),
        };
        let json = serde_json::to_value(&alert).unwrap();
        (alert, json)
    }

    fn title(matched: &Matched) -> String {
        let FieldInput::Sealed(title) = &matched.fields["title"] else { panic!("a title is sealed") };
        String::from_utf8(title.bytes.clone()).unwrap()
    }

    #[test]
    fn what_differs_in_nothing_that_a_playbook_reads_is_asked_once_and_sealed_anew() {
        let library = Arc::new(load(built_in()).unwrap());
        let (matcher, secret, env) = (Matcher::default(), Secret(vec![7; 32]), env());
        let ask = |instance: &str, service: &str, summary: &str| {
            let (alert, json) = alert(instance, service, summary);
            matcher.matched(&env, &library, &secret, &alert, json).unwrap()
        };
        let first = ask("a", "checkout", "Errors");
        let second = ask("b", "checkout", "Errors");
        assert_eq!(matcher.locked().taken.len(), 1, "the instance is nothing that this playbook reads");
        assert_eq!((&first.group, title(&first)), (&second.group, title(&second)));
        assert_ne!(first.seed, second.seed, "under another salt");

        let elsewhere = ask("c", "search", "Errors");
        assert_ne!(elsewhere.group, first.group, "another service is another group");
        assert!(title(&ask("d", "checkout", "No answer")).contains("No answer"), "another summary is another title");
        assert_eq!(matcher.locked().taken.len(), 3);
    }

    #[test]
    fn what_is_remembered_is_what_the_playbooks_say_and_bounded() {
        let library = Arc::new(load(built_in()).unwrap());
        let (matcher, secret, env) = (Matcher::default(), Secret(vec![7; 32]), env());
        for n in 0..REMEMBERED + 10 {
            let (alert, json) = alert("a", &format!("service-{n}"), "Errors");
            let told = matcher.matched(&env, &library, &secret, &alert, json.clone()).unwrap();
            let again = matcher.matched(&env, &library, &secret, &alert, json.clone()).unwrap();
            let afresh = Matcher::default().matched(&env, &library, &secret, &alert, json).unwrap();
            assert_eq!((&told.response, &told.group), (&afresh.response, &afresh.group));
            assert_eq!((&again.response, &again.group, title(&again)), (&afresh.response, &afresh.group, title(&afresh)));
        }
        let remembered = |matcher: &Matcher| {
            let held = matcher.locked();
            (held.takers.len(), held.taken.len())
        };
        assert!(remembered(&matcher).0 <= REMEMBERED && remembered(&matcher).1 <= REMEMBERED);
        let (long, json) = alert("a", "checkout", &"x".repeat(LONGEST_KEY));
        let before = remembered(&matcher);
        assert!(matcher.matched(&env, &library, &secret, &long, json).is_some());
        assert_eq!(remembered(&matcher), before, "what is long is asked each time");

        let adopted = Arc::new(load(built_in()).unwrap());
        let (alert, json) = alert("a", "checkout", "Errors");
        assert!(matcher.matched(&env, &adopted, &secret, &alert, json).is_some());
        assert_eq!(remembered(&matcher), (1, 1), "other playbooks, other answers");
    }
}
