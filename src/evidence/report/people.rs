//! Who held which role when, fed with events; and who combines duties now.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Found;
use crate::env::Timestamp;
use crate::procedure::estate::Estate;
use crate::procedure::model::{Kind, Library};
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

/// Somebody in the directory, as far as duties need it.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The person's id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The address, in small letters.
    pub email: String,
    /// Roles held now.
    pub roles: Vec<String>,
}

/// Duties on one kind of ticket: by which words somebody may ask, approve, and carry out.
struct Duties<'l> {
    request: BTreeSet<&'l str>,
    approve: BTreeSet<&'l str>,
    implement: BTreeSet<&'l str>,
}

impl<'l> Duties<'l> {
    /// None for a kind that nobody approves.
    fn of(kind: &'l Kind) -> Option<Self> {
        let stages = kind.transitions.values().filter_map(|t| t.approval.as_ref()).flat_map(|a| &a.stages);
        let approve: BTreeSet<&str> = stages.flat_map(|s| s.by.iter().chain(&s.otherwise)).map(String::as_str).collect();
        let relies = kind.transitions.values().filter(|t| !t.requires.approved.is_empty());
        let implement = relies.flat_map(|t| &t.by).map(String::as_str).collect();
        let request = kind.declare.by.iter().map(String::as_str).collect();
        (!approve.is_empty()).then_some(Self { request, approve, implement })
    }

    fn each(&self) -> [(&'static str, &BTreeSet<&'l str>); 3] {
        [("request", &self.request), ("approve", &self.approve), ("implement", &self.implement)]
    }
}

/// Whether somebody holds what a procedure's word asks for, on any ticket: what only one ticket's own history gives
/// (`owner`, `lead`, `requester`) does not count.
fn holds(estate: &Estate, holder: &Holder, word: &str) -> bool {
    let one_of = |who: &[String]| who.iter().any(|w| *w == holder.email || holder.roles.contains(w));
    match word {
        "anyone" => true,
        "owner" | "lead" | "requester" => false,
        "owner-of-system" => estate.systems.values().any(|s| one_of(&s.owners)),
        "implementer-of-system" => {
            let named = estate.systems.values().any(|s| one_of(&s.implementers));
            let whoever = estate.systems.is_empty() || estate.systems.values().any(|s| s.implementers.is_empty());
            named || (whoever && holder.roles.iter().any(|r| r == "responder"))
        }
        "manager-of-subject" => estate.reports_to.values().any(|manager| *manager == holder.email),
        role => holder.roles.iter().any(|r| r == role),
    }
}

/// Who could ask for, approve and carry out the same kind of work, and by what; the duties that each procedure keeps apart on
/// one ticket, and roles that exclude each other. `matrix`: kind → duty → who may.
#[must_use]
pub fn combined(library: &Library, holders: &[Holder]) -> Value {
    let estate = &library.organisation.estate;
    let (mut found, mut matrix, mut approve_and_implement) = (Found::default(), Map::new(), BTreeSet::new());
    for kind in library.kinds.values() {
        let Some(duties) = Duties::of(kind) else { continue };
        let apart: Vec<&Vec<String>> = kind.separate.iter().map(|rule| &rule.duties).collect();
        let of_kind: Map<String, Value> = duties.each().into_iter().map(|(duty, words)| (duty.to_owned(), json!(words))).collect();
        matrix.insert(kind.name.clone(), json!({ "may": of_kind, "kept_apart": apart }));
        for holder in holders {
            let by =
                |words: &BTreeSet<&str>| words.iter().filter(|w| holds(estate, holder, w)).map(|w| (*w).to_owned()).collect::<Vec<_>>();
            let held: Vec<(&str, Vec<String>)> =
                duties.each().into_iter().map(|(duty, words)| (duty, by(words))).filter(|(_, by)| !by.is_empty()).collect();
            if held.len() < 2 {
                continue;
            }
            let names: Vec<&str> = held.iter().map(|(duty, _)| *duty).collect();
            if names.contains(&"approve") && names.contains(&"implement") {
                approve_and_implement.insert(holder.id.clone());
            }
            let by: Map<String, Value> = held.iter().map(|(duty, by)| ((*duty).to_owned(), json!(by))).collect();
            found.push(json!({ "person": holder.id, "name": holder.name, "kind": kind.name, "combines": names, "by": by }));
        }
    }
    let both = |h: &&Holder, a: &String, b: &String| h.roles.contains(a) && h.roles.contains(b);
    let conflicts: Vec<Value> = estate
        .conflicts
        .iter()
        .map(|(a, b)| json!({ "roles": [a, b], "held_by": holders.iter().filter(|h| both(h, a, b)).map(|h| h.name.as_str()).collect::<Vec<_>>() }))
        .collect();
    let summary = json!({
        "people": holders.len(), "combined": found.count(), "approve_and_implement": approve_and_implement.len(),
        "matrix": matrix, "conflicts": conflicts,
    });
    found.answer(summary)
}
