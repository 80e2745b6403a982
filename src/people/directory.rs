//! People as their events have made them. Events carry opaque ids; names and addresses are sealed values, which the
//! directory holds in memory beside each person's state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::accounts::Account;
use super::secret;
use crate::procedure::model::{Organisation, Permission};
use crate::ticket::event::{Event, Fact, Shift};

/// A person's state: the projection that the database keeps. No name, no address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonState {
    /// Opaque id, `p_…`; never given again.
    pub id: String,
    /// Roles held now, sorted.
    pub roles: Vec<String>,
    /// Stopped: no account of theirs does anything.
    pub disabled: bool,
    /// Position of the event that added them (sealed `name` and `email` stand under it).
    pub added_seq: i64,
    /// API keys by public id.
    pub keys: BTreeMap<String, Key>,
}

/// An API key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// SHA-256 of the secret, hex.
    pub sha256: String,
    /// It no longer opens anything.
    pub revoked: bool,
    /// What alone it opens; none for the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens: Option<String>,
}

/// What a key of a calendar's address opens.
pub const CALENDAR: &str = "calendar";

/// A verified person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// What events have made of them.
    pub state: PersonState,
    /// What they are called; empty when redacted.
    pub name: String,
    /// Their address, lower case; empty when redacted.
    pub email: String,
}

/// What an event does to a person's state.
#[must_use]
pub fn evolve(state: Option<PersonState>, event: &Event) -> Option<PersonState> {
    match (&event.fact, state) {
        (Fact::PersonAdded { person, roles }, _) => {
            Some(PersonState { id: person.clone(), roles: roles.clone(), disabled: false, added_seq: event.seq, keys: BTreeMap::new() })
        }
        (Fact::RolesChanged { roles, .. }, Some(state)) => Some(PersonState { roles: roles.clone(), ..state }),
        (Fact::PersonDisabled { .. }, Some(state)) => Some(PersonState { disabled: true, ..state }),
        (Fact::KeyIssued { key, sha256, opens, .. }, Some(mut state)) => {
            state.keys.insert(key.clone(), Key { sha256: sha256.clone(), revoked: false, opens: opens.clone() });
            Some(state)
        }
        (Fact::KeyRevoked { key, .. }, Some(mut state)) => {
            if let Some(key) = state.keys.get_mut(key) {
                key.revoked = true;
            }
            Some(state)
        }
        (_, state) => state,
    }
}

/// The person that an event is about, if it is about one's entry in the directory.
#[must_use]
pub fn subject(fact: &Fact) -> Option<&str> {
    match fact {
        Fact::PersonAdded { person, .. }
        | Fact::RolesChanged { person, .. }
        | Fact::PersonDisabled { person }
        | Fact::KeyIssued { person, .. }
        | Fact::KeyRevoked { person, .. } => Some(person),
        _ => None,
    }
}

/// Everybody.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    people: BTreeMap<String, Person>,
    keys: BTreeMap<String, String>,
    accounts: BTreeMap<String, Account>,
    handles: BTreeMap<String, String>,
    shifts: Vec<Shift>,
    turn: Option<String>,
}

/// Who is on call.
impl Directory {
    /// Learns what an event says of it.
    pub fn note_on_call(&mut self, fact: &Fact) {
        match fact {
            Fact::RotaRead { shifts, .. } => self.shifts.clone_from(shifts),
            Fact::OnCallChanged { to, .. } => self.turn.clone_from(to),
            _ => {}
        }
    }

    /// What the calendar of shifts says.
    #[must_use]
    pub fn shifts(&self) -> &[Shift] {
        &self.shifts
    }

    /// Whose turn it was when that was last recorded.
    #[must_use]
    pub fn turn(&self) -> Option<&str> {
        self.turn.as_deref()
    }
}

/// Chat accounts.
impl Directory {
    /// Puts an account in, or replaces what was known of it.
    pub fn put_account(&mut self, account: Account) {
        if !account.handle.is_empty() {
            self.handles.insert(account.handle.clone(), account.state.id.clone());
        }
        self.accounts.insert(account.state.id.clone(), account);
    }

    /// An account by its opaque id.
    #[must_use]
    pub fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.get(id)
    }

    /// An account by what the platform calls it (`slack:T012/U345`).
    #[must_use]
    pub fn by_handle(&self, handle: &str) -> Option<&Account> {
        self.accounts.get(self.handles.get(handle)?)
    }

    /// The active person whose account this is now.
    #[must_use]
    pub fn by_account(&self, handle: &str) -> Option<&Person> {
        self.active(self.by_handle(handle)?.state.person.as_deref()?)
    }

    /// The active person who has this user of a platform among their accounts, whatever workspace that is of.
    #[must_use]
    pub fn by_user(&self, platform: &str, user: &str) -> Option<&Person> {
        let its = |a: &&Account| a.state.platform == platform && a.team_and_user().is_some_and(|(_, its)| its == user);
        let accounts = self.accounts.values().filter(its);
        accounts.filter_map(|account| self.active(account.state.person.as_deref()?)).next()
    }

    /// A person's accounts now.
    pub fn accounts_of<'d>(&'d self, person: &'d str) -> impl Iterator<Item = &'d Account> {
        self.accounts.values().filter(move |a| a.state.person.as_deref() == Some(person))
    }
}

impl Directory {
    /// Puts a person in, or replaces what was known of them.
    pub fn put(&mut self, person: Person) {
        for key in person.state.keys.keys() {
            self.keys.insert(key.clone(), person.state.id.clone());
        }
        self.people.insert(person.state.id.clone(), person);
    }

    /// By id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Person> {
        self.people.get(id)
    }

    /// By id, unless stopped.
    #[must_use]
    pub fn active(&self, id: &str) -> Option<&Person> {
        self.get(id).filter(|p| !p.state.disabled)
    }

    /// By address, whatever its case.
    #[must_use]
    pub fn by_email(&self, email: &str) -> Option<&Person> {
        let email = email.trim().to_lowercase();
        self.people.values().find(|p| !p.email.is_empty() && p.email == email)
    }

    /// The active person whose API key this is, and the key's id.
    #[must_use]
    pub fn by_key(&self, presented: &str) -> Option<(&Person, String)> {
        self.opening(presented, None)
    }

    /// The active person the key of whose calendar's address this is, and the key's id.
    #[must_use]
    pub fn by_calendar_key(&self, presented: &str) -> Option<(&Person, String)> {
        self.opening(presented, Some(CALENDAR))
    }

    fn opening(&self, presented: &str, opens: Option<&str>) -> Option<(&Person, String)> {
        let (id, sha256) = secret::read_key(presented)?;
        let person = self.active(self.keys.get(&id)?)?;
        let key = person.state.keys.get(&id)?;
        (!key.revoked && key.opens.as_deref() == opens && secret::same(&key.sha256, &sha256)).then_some((person, id))
    }

    /// Everybody, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Person> {
        self.people.values()
    }

    /// Active people who may administer.
    #[must_use]
    pub fn administrators(&self, organisation: &Organisation) -> Vec<&Person> {
        self.iter().filter(|p| !p.state.disabled && p.may(organisation, Permission::Administer)).collect()
    }

    /// What a person is called: the name, or the id when it is not known (any more).
    #[must_use]
    pub fn name_of(&self, id: &str) -> String {
        self.get(id).map(|p| p.name.clone()).filter(|n| !n.is_empty()).unwrap_or_else(|| id.to_owned())
    }
}

impl Person {
    /// Ids of the keys that open the person's calendar now.
    pub fn calendar_keys(&self) -> impl Iterator<Item = &str> {
        self.state.keys.iter().filter(|(_, key)| !key.revoked && key.opens.as_deref() == Some(CALENDAR)).map(|(id, _)| id.as_str())
    }

    /// Whether one of the person's roles allows it.
    #[must_use]
    pub fn may(&self, organisation: &Organisation, permission: Permission) -> bool {
        self.state.roles.iter().filter_map(|role| organisation.roles.get(role)).any(|role| role.may.contains(&permission))
    }
}
