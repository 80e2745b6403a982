//! Who held which role when. Fed with events.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Found;
use crate::env::Timestamp;
use crate::ticket::event::{Event, Fact};

/// Who held which role at one moment.
#[derive(Debug)]
pub struct Roles {
    at: Timestamp,
    role: Option<String>,
    held: BTreeMap<String, (Vec<String>, Timestamp)>,
}

impl Roles {
    /// At this moment; of one role, or of all.
    #[must_use]
    pub fn held(at: Timestamp, role: Option<&str>) -> Self {
        Self { at, role: role.map(str::to_owned), held: BTreeMap::new() }
    }

    /// Takes the next event; `false` once it is later than the moment asked for.
    pub fn take(&mut self, event: &Event) -> bool {
        if event.at > self.at {
            return false;
        }
        match &event.fact {
            Fact::PersonAdded { person, roles } | Fact::RolesChanged { person, roles } => {
                self.held.insert(person.clone(), (roles.clone(), event.at));
            }
            Fact::PersonDisabled { person } => drop(self.held.remove(person)),
            _ => {}
        }
        true
    }

    /// The answer; `name` says what a person is called.
    #[must_use]
    pub fn answer(self, name: impl Fn(&str) -> String) -> Value {
        let mut found = Found::default();
        let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
        for (person, (roles, since)) in &self.held {
            if self.role.as_ref().is_some_and(|role| !roles.contains(role)) {
                continue;
            }
            for role in roles {
                *counts.entry(role).or_default() += 1;
            }
            found.push(json!({ "person": person, "name": name(person), "roles": roles, "since": since }));
        }
        let summary = json!({ "at": self.at, "role": self.role, "holders": found.count(), "by_role": counts });
        found.answer(summary)
    }
}
