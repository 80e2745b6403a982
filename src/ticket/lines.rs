//! The lines of a review, as its events have made them: what was frozen, what was decided, what is still under way.
//!
//! What a line says stands in the event that lists it, and is sealed; a ticket keeps one letter for each line, who is
//! asked how much, and where what was decided is under way. So a decision on one of thousands of lines writes little.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::binding;
use super::event::{Event, Fact};
use super::number::Number;
use crate::env::Timestamp;
use crate::ledger::sealed::Commitment;

/// Separates the digest of frozen lines.
const DOMAIN: &[u8] = b"countersign/lines/v1\0";
/// The name under which a listing event seals what its lines say.
pub const SEALED: &str = "lines";
/// The deadline at which lines are frozen by themselves.
pub const DEADLINE: &str = "lines";

/// What an event says of one line, beside what it seals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineAsked {
    /// Who is asked: a person's id, or a role.
    pub reviewer: String,
    /// Whose access it is, when that is somebody known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The record that it was given by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Number>,
    /// Something about it is odd, so keeping it needs a reason.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub flagged: bool,
    /// Who handed in the list of the system, which says what the line says: that person does not decide on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub giver: Option<String>,
}

/// A list that another one took the place of, before the lines were frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListReplaced {
    /// The file that holds it; it stays.
    pub file: i64,
    /// Users in it.
    pub rows: i64,
    /// Who had handed it in, a person's id.
    pub by: String,
}

/// What was looked at when lines were frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinesScope {
    /// The one system; every system when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// As of when.
    pub at: Timestamp,
    /// Where the lines come from.
    pub sources: Vec<LinesSource>,
}

/// Where lines come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinesSource {
    /// The kind whose live records were read, or `users` for a list that was handed in.
    pub of: String,
    /// How many were found.
    pub count: i64,
    /// Statuses in which a record counts as live.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub standing: Vec<String>,
    /// The system that a list is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The file that holds the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<i64>,
    /// Who handed it in, a person's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What is decided of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It stays as it is.
    Keep,
    /// It is taken away.
    Revoke,
    /// It becomes something else.
    Change,
}

impl Verdict {
    /// Every one of them.
    pub const ALL: [Self; 3] = [Self::Keep, Self::Revoke, Self::Change];

    /// As the API and forms have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Revoke => "revoke",
            Self::Change => "change",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.name() == name)
    }
}

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nobody has decided.
    Open,
    /// It is kept.
    Kept,
    /// It is to be taken away, and no record shows yet that it is.
    Revoking,
    /// It is gone.
    Revoked,
    /// It is to become something else.
    Changing,
    /// It has.
    Changed,
}

impl Mark {
    const LETTERS: [(Self, char, &'static str); 6] = [
        (Self::Open, '.', "open"),
        (Self::Kept, 'k', "kept"),
        (Self::Revoking, 'r', "revoking"),
        (Self::Revoked, 'R', "revoked"),
        (Self::Changing, 'c', "changing"),
        (Self::Changed, 'C', "changed"),
    ];

    fn letter(self) -> char {
        Self::LETTERS.iter().find(|(mark, ..)| *mark == self).map_or('.', |(_, letter, _)| *letter)
    }

    fn of(letter: u8) -> Self {
        Self::LETTERS.iter().find(|(_, l, _)| *l == char::from(letter)).map_or(Self::Open, |(mark, ..)| *mark)
    }

    /// As the API has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::LETTERS.iter().find(|(mark, ..)| *mark == self).map_or("open", |(.., name)| name)
    }

    /// Where a verdict brings a line; what is to be taken away or changed is not done yet.
    #[must_use]
    pub fn after(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Keep => Self::Kept,
            Verdict::Revoke => Self::Revoking,
            Verdict::Change => Self::Changing,
        }
    }

    fn done(self) -> Self {
        match self {
            Self::Revoking => Self::Revoked,
            Self::Changing => Self::Changed,
            other => other,
        }
    }
}

/// A list of a system's users that was handed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsersList {
    /// The file that holds it.
    pub file: i64,
    /// Users in it.
    pub rows: i64,
}

/// Something that was decided and is not done yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Following {
    /// The record by which it is done.
    pub record: Number,
    /// Who was asked about the line.
    pub reviewer: String,
}

/// The lines of a review.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lines {
    /// When they are frozen by themselves.
    pub until: Option<Timestamp>,
    /// Lists that were handed in, by system.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lists: BTreeMap<String, UsersList>,
    /// The digest of what was frozen; none before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<LinesScope>,
    /// Events that list lines: the number of each one's first line, and its position.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listed: Vec<(i64, i64)>,
    /// One letter for each line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub marks: String,
    /// How many lines wait for whom.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waits: BTreeMap<String, i64>,
    /// Lines of which what was decided is not done yet.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub following: BTreeMap<i64, Following>,
}

impl Lines {
    /// How many lines there are.
    #[must_use]
    pub fn total(&self) -> i64 {
        i64::try_from(self.marks.len()).unwrap_or(i64::MAX)
    }

    /// How many nobody has decided.
    #[must_use]
    pub fn open(&self) -> i64 {
        self.waits.values().sum()
    }

    /// Whether they are frozen.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.digest.is_some()
    }

    /// Where a line stands; lines are counted from 1.
    #[must_use]
    pub fn mark(&self, line: i64) -> Option<Mark> {
        let place = usize::try_from(line.checked_sub(1)?).ok()?;
        self.marks.as_bytes().get(place).map(|letter| Mark::of(*letter))
    }

    /// The event that lists a line: its first line's number, and its position.
    #[must_use]
    pub fn listing(&self, line: i64) -> Option<(i64, i64)> {
        if line < 1 || line > self.total() {
            return None;
        }
        let after = self.listed.partition_point(|(first, _)| *first <= line);
        self.listed.get(after.checked_sub(1)?).copied()
    }

    fn set(&mut self, line: i64, mark: Mark) {
        if let Some(place) = line.checked_sub(1).and_then(|n| usize::try_from(n).ok()).filter(|n| *n < self.marks.len()) {
            // Every letter is one byte.
            self.marks.replace_range(place..=place, mark.letter().encode_utf8(&mut [0; 4]));
        }
    }

    fn wait(&mut self, reviewer: &str, by: i64) {
        let waits = self.waits.entry(reviewer.to_owned()).or_default();
        *waits += by;
        if *waits <= 0 {
            self.waits.remove(reviewer);
        }
    }

    /// What an event makes of them.
    pub(super) fn evolve(&mut self, event: &Event) {
        match &event.fact {
            Fact::LinesGathering { until } => self.until = Some(*until),
            Fact::UsersListed { system, rows, file, .. } => {
                self.lists.insert(system.clone(), UsersList { file: *file, rows: *rows });
            }
            Fact::LinesListed { first, lines } => {
                self.listed.push((*first, event.seq));
                for line in lines {
                    self.marks.push(Mark::Open.letter());
                    self.wait(&line.reviewer, 1);
                }
            }
            Fact::LinesFrozen { digest, scope, .. } => {
                self.until = None;
                self.scope.clone_from(scope);
                self.digest = Some(digest.clone());
            }
            Fact::LineDecided { line, verdict, reviewer, follow_up, .. } => {
                if self.mark(*line) == Some(Mark::Open) {
                    self.wait(reviewer, -1);
                }
                self.set(*line, Mark::after(*verdict));
                if let Some(record) = follow_up {
                    self.following.insert(*line, Following { record: record.clone(), reviewer: reviewer.clone() });
                }
            }
            Fact::LineSettled { line, done, reviewer, .. } => {
                self.following.remove(line);
                match self.mark(*line) {
                    Some(mark) if *done => self.set(*line, mark.done()),
                    // It was not done after all: somebody decides anew.
                    _ => {
                        self.set(*line, Mark::Open);
                        self.wait(reviewer, 1);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Lower-case hex SHA-256 over the domain and the canonical JSON of every listing: the number of its first line, what it
/// says of each line, and the commitment to what each line says.
#[must_use]
pub fn digest<'a>(listings: impl Iterator<Item = (i64, &'a [LineAsked], Commitment)>) -> String {
    let all: Vec<_> =
        listings.map(|(first, lines, commitment)| json!({ "first": first, "lines": lines, "commitment": commitment })).collect();
    binding::digest(DOMAIN, &json!(all))
}
