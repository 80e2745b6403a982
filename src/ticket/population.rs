//! What a review looks at, line by line, and who is asked about each: live records, and the lists of users that were
//! handed in, laid over each other. What fits nothing on the other side is a line as well, and says so.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::authority::manager_of;
use super::duties::Around;
use super::lines::LineAsked;
use super::number::Number;
use super::users::User;
use crate::env::Timestamp;
use crate::procedure::rules::LinesRule;

/// Lines of one review at most.
pub const MOST_LINES: usize = 20_000;

/// Something odd about a line, or worth knowing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flag {
    /// It can change or see everything.
    Privileged,
    /// The account is nobody's whom we know.
    Orphan,
    /// The account is somebody's who was stopped here.
    Left,
    /// Nothing here says that it was ever given.
    Unrecorded,
    /// It was given here, and the system's own list does not have it.
    Unlisted,
}

impl Flag {
    /// In a few words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Orphan => "nobody known",
            Self::Left => "has left",
            Self::Unrecorded => "orphan: never asked for here",
            Self::Unlisted => "not in the system's list",
        }
    }

    /// Whether keeping it needs a reason.
    #[must_use]
    pub fn is_odd(self) -> bool {
        self != Self::Privileged
    }
}

/// A live record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its number.
    pub record: Number,
    /// The system.
    pub system: String,
    /// The role on it.
    pub role: String,
    /// Whose it is.
    pub person: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Option<Timestamp>,
    /// It can change or see everything.
    pub privileged: bool,
}

/// Somebody in the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Somebody {
    /// The person's id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// Not stopped.
    pub active: bool,
}

/// What a line says; sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineShown {
    /// The system.
    pub system: String,
    /// The role on it; empty when nobody says.
    pub role: String,
    /// What the system calls the account; empty when no list was handed in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// Whose it is, by name.
    pub name: String,
    /// The address.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// The record that it was given by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Number>,
    /// Since when, as the record says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Until when, as the record says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// When it was last used, as the system says.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last_used: String,
    /// What is odd or worth knowing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Flag>,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What its event says.
    pub asked: LineAsked,
    /// What is sealed.
    pub shown: LineShown,
}

/// A system's list of its users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The users.
    pub users: Vec<User>,
    /// Who handed it in, a person's id: asked about none of the system's lines.
    pub giver: Option<String>,
}

/// Looks somebody up in the directory, stopped or not.
pub trait Who {
    /// By id.
    fn by_id(&self, person: &str) -> Option<Somebody>;
    /// By address, in small letters.
    fn by_email(&self, email: &str) -> Option<Somebody>;
}

/// Every line, in the order of systems and names: one for each live record, one for each listed user that has none.
#[must_use]
pub fn lines(around: &Around<'_>, rule: &LinesRule, who: &dyn Who, grants: &[Grant], lists: &BTreeMap<String, Listed>) -> Vec<Line> {
    let mut taken: BTreeSet<&Number> = BTreeSet::new();
    let mut out = Vec::new();
    for (system, list) in lists {
        for user in &list.users {
            let somebody = address(user).and_then(|email| who.by_email(&email));
            let fits = |g: &&Grant| {
                let same = g.system == *system && g.person.is_some() && g.person.as_ref() == somebody.as_ref().map(|s| &s.id);
                same && !taken.contains(&g.record) && (user.role.is_empty() || user.role.eq_ignore_ascii_case(&g.role))
            };
            let grant = grants.iter().find(fits);
            taken.extend(grant.map(|g| &g.record));
            out.push(line(around, rule, system, somebody, grant, Some(user), Some(list)));
        }
    }
    for grant in grants.iter().filter(|g| !taken.contains(&g.record)) {
        let somebody = grant.person.as_ref().and_then(|id| who.by_id(id));
        out.push(line(around, rule, &grant.system, somebody, Some(grant), None, lists.get(&grant.system)));
    }
    let order = |l: &Line| (l.shown.system.clone(), l.shown.name.to_lowercase(), l.shown.role.clone(), l.shown.account.clone());
    out.sort_by_cached_key(|l| (order(l), l.shown.record.clone()));
    out
}

/// The address of a listed user: the column's, or an account's name that is one.
fn address(user: &User) -> Option<String> {
    let account = Some(user.account.to_lowercase()).filter(|a| a.contains('@'));
    Some(user.email.clone()).filter(|e| !e.is_empty()).or(account)
}

fn line(
    around: &Around<'_>,
    rule: &LinesRule,
    system: &str,
    somebody: Option<Somebody>,
    grant: Option<&Grant>,
    user: Option<&User>,
    list: Option<&Listed>,
) -> Line {
    let mut flags = Vec::new();
    let mut flag = |flag: Flag, there: bool| flags.extend(there.then_some(flag));
    let role = grant.map(|g| g.role.clone()).or_else(|| user.map(|u| u.role.clone())).unwrap_or_default();
    let of_system = around.organisation.estate.systems.get(system).and_then(|s| s.roles.get(&role));
    flag(
        Flag::Privileged,
        grant.is_some_and(|g| g.privileged) || user.is_some_and(|u| u.privileged) || of_system.is_some_and(|r| r.privileged),
    );
    flag(Flag::Orphan, somebody.is_none());
    flag(Flag::Left, somebody.as_ref().is_some_and(|s| !s.active));
    flag(Flag::Unrecorded, grant.is_none());
    flag(Flag::Unlisted, list.is_some() && user.is_none());
    let subject = somebody.as_ref().map(|s| s.id.clone());
    let (name, email) = match (&somebody, user) {
        (Some(somebody), _) => (somebody.name.clone(), somebody.email.clone()),
        (None, Some(user)) if user.name.is_empty() => (user.account.clone(), user.email.clone()),
        (None, Some(user)) => (user.name.clone(), user.email.clone()),
        (None, None) => ("somebody unknown".to_owned(), String::new()),
    };
    let shown = LineShown {
        system: system.to_owned(),
        role,
        account: user.map(|u| u.account.clone()).unwrap_or_default(),
        name,
        email,
        record: grant.map(|g| g.record.clone()),
        since: grant.map(|g| g.since),
        until: grant.and_then(|g| g.until),
        last_used: user.map(|u| u.last_used.clone()).unwrap_or_default(),
        flags,
    };
    let giver = list.and_then(|list| list.giver.clone());
    let asked = LineAsked {
        reviewer: reviewer(around, rule, system, [subject.as_deref(), giver.as_deref()]),
        giver,
        subject,
        record: shown.record.clone(),
        flagged: shown.flags.iter().any(|f| f.is_odd()),
    };
    Line { asked, shown }
}

/// Who is asked: the first who is there, whose line it is not, and who did not hand in the list that it comes from. A
/// person's id, or a role. `not`: the subject and the giver of the list.
fn reviewer(around: &Around<'_>, rule: &LinesRule, system: &str, not: [Option<&str>; 2]) -> String {
    let [subject, _] = not;
    let other = |person: &String| !not.contains(&Some(person.as_str())) && around.people.is_active(person);
    for word in &rule.reviewers {
        let found = match word.as_str() {
            "manager-of-subject" => subject.and_then(|subject| manager_of(around.organisation, around.people, subject)).filter(other),
            "owner-of-system" => {
                let owners = around.organisation.estate.systems.get(system).map_or(&[][..], |s| s.owners.as_slice());
                owners.iter().find_map(|who| {
                    if who.contains('@') { around.people.by_email(who).filter(other) } else { role_of_another(around, who, not) }
                })
            }
            role => role_of_another(around, role, not),
        };
        if let Some(found) = found {
            return found;
        }
    }
    let next = rule.otherwise.iter().find_map(|role| role_of_another(around, role, not));
    next.or_else(|| rule.otherwise.first().cloned()).unwrap_or_default()
}

/// The role, when somebody else than these holds it.
fn role_of_another(around: &Around<'_>, role: &str, not: [Option<&str>; 2]) -> Option<String> {
    let held = around.people.holders(role).iter().any(|person| !not.contains(&Some(person.as_str())));
    held.then(|| role.to_owned())
}
