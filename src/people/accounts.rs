//! Accounts on chat platforms as their events have made them: whose they are now, and whose they ever were. An account
//! belongs to one person at most. What the platform calls it is sealed; the directory holds it in memory.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ticket::event::{Event, Fact};

/// An account's state: the projection that the database keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountState {
    /// Opaque id, `a_…`; never given again.
    pub id: String,
    /// `slack`, `discord`.
    pub platform: String,
    /// Position of the event that tells of it first (sealed `handle` stands under it).
    pub seen_seq: i64,
    /// Whose it is now.
    pub person: Option<String>,
    /// How it was linked: `code`, `administrator`, `email`; empty while it is nobody's.
    pub method: String,
    /// Everybody whose it ever was.
    pub past: BTreeSet<String>,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What events have made of it.
    pub state: AccountState,
    /// What the platform calls it, `slack:T012/U345`; empty when redacted.
    pub handle: String,
}

impl Account {
    /// Workspace and user, as the platform names them.
    #[must_use]
    pub fn team_and_user(&self) -> Option<(&str, &str)> {
        self.handle.split_once(':')?.1.split_once('/')
    }
}

/// What an event does to an account's state.
#[must_use]
pub fn evolve(state: Option<AccountState>, event: &Event) -> Option<AccountState> {
    match (&event.fact, state) {
        (Fact::AccountSeen { account, platform }, _) => Some(AccountState {
            id: account.clone(),
            platform: platform.clone(),
            seen_seq: event.seq,
            person: None,
            method: String::new(),
            past: BTreeSet::new(),
        }),
        (Fact::AccountLinked { person, method, .. }, Some(mut state)) => {
            state.past.insert(person.clone());
            Some(AccountState { person: Some(person.clone()), method: method.clone(), ..state })
        }
        (Fact::AccountUnlinked { .. }, Some(state)) => Some(AccountState { person: None, method: String::new(), ..state }),
        (_, state) => state,
    }
}

/// The account that an event is about, if it is about one's entry in the directory.
#[must_use]
pub fn subject(fact: &Fact) -> Option<&str> {
    match fact {
        Fact::AccountSeen { account, .. } | Fact::AccountLinked { account, .. } | Fact::AccountUnlinked { account, .. } => Some(account),
        _ => None,
    }
}

/// Whether a text is what a platform calls an account of its: `slack:T012/U345`.
#[must_use]
pub fn is_handle(text: &str) -> bool {
    let word = |w: &str| (1..=64).contains(&w.len()) && w.bytes().all(|b| b.is_ascii_alphanumeric());
    text.split_once(':')
        .and_then(|(platform, rest)| Some((platform, rest.split_once('/')?)))
        .is_some_and(|(platform, (team, user))| matches!(platform, "slack" | "discord") && word(team) && word(user))
}

#[cfg(test)]
mod tests {
    use super::is_handle;

    #[test]
    fn a_handle_names_platform_workspace_and_user() {
        assert!(is_handle("slack:T012AB/U345CD"));
        for other in ["", "slack:", "slack:T/", "slack:T012", "irc:T/U", "slack:T 1/U", "slack:T/U/V", "T012/U345"] {
            assert!(!is_handle(other), "{other}");
        }
    }
}
