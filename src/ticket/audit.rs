//! Reads the log again, to find what decisions should have refused: approvals by whoever asked for it. It looks at events
//! alone, never at what the engine made of them, so that a slip of the engine, or of whoever wrote past it, is found as well.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::event::{Actor, Event, Fact};
use super::number::Number;
use crate::env::Timestamp;

/// The kinds of event, beside those of approved tickets themselves, that have to be fed first.
pub const ACCOUNTS: &str = "AccountLinked";
/// The kinds of event that decide.
pub const DECISIONS: [&str; 2] = ["ApprovalDecided", "SpokenApprovalAnswered"];

/// An approval by whoever asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SelfApproval {
    /// The ticket.
    pub ticket: Number,
    /// Who.
    pub person: String,
    /// When it was recorded.
    pub at: Timestamp,
    /// Its position in the log.
    pub seq: i64,
    /// The declared single-operator exception allowed it, and the event says so.
    pub excepted: bool,
}

/// What procedures say that the log does not: see [`Audit::new`].
pub trait Rules: Sync {
    /// The field of the kind with this file's digest that says for whom it is asked.
    fn subject(&self, kind_digest: &str) -> Option<String>;
    /// Who answers for what a monitoring tool asks for.
    fn answers_for(&self, source: &str) -> Option<String>;
}

/// Whose request a ticket is, as far as its events say so by now.
#[derive(Debug, Default)]
struct Asked {
    persons: BTreeSet<String>,
    accounts: BTreeSet<String>,
    subject: Option<String>,
    subject_field: Option<String>,
}

/// The audit of approvals.
pub struct Audit<'r> {
    rules: &'r dyn Rules,
    owners: BTreeMap<String, BTreeSet<String>>,
    asked: BTreeMap<Number, Asked>,
    approvals: i64,
    found: Vec<SelfApproval>,
}

impl<'r> Audit<'r> {
    /// Nothing was looked at yet.
    #[must_use]
    pub fn new(rules: &'r dyn Rules) -> Self {
        Self { rules, owners: BTreeMap::new(), asked: BTreeMap::new(), approvals: 0, found: Vec::new() }
    }

    /// Takes the next event. Links of accounts come first, all of them: an account that was linked later is the same
    /// person's all the same. Then each ticket's events in order.
    pub fn take(&mut self, event: &Event) {
        if let Fact::AccountLinked { account, person, .. } = &event.fact {
            self.owners.entry(account.clone()).or_default().insert(person.clone());
        }
        let Some(number) = &event.ticket else { return };
        match &event.fact {
            Fact::TicketOpened(opened) => {
                let mut asked = Asked { subject_field: self.rules.subject(&opened.kind_digest), ..Asked::default() };
                match &event.actor {
                    Actor::Person { id, .. } => drop(asked.persons.insert(id.clone())),
                    Actor::Account { id } => drop(asked.accounts.insert(id.clone())),
                    Actor::Source { name } => asked.persons.extend(self.rules.answers_for(name)),
                    Actor::Scheduler => {}
                }
                asked.name(&opened.fields);
                self.asked.insert(number.clone(), asked);
            }
            Fact::FieldsSet { fields, authored, .. } => self.wrote(number, event, fields, *authored),
            Fact::TransitionTaken(taken) => self.wrote(number, event, &taken.fields, taken.authored),
            Fact::ApprovalDecided { approved: true, self_approved, .. } => self.judge(number, event, *self_approved),
            Fact::SpokenApprovalAnswered { confirmed: true, self_approved, .. } => self.judge(number, event, *self_approved),
            _ => {}
        }
    }

    fn wrote(&mut self, number: &Number, event: &Event, fields: &BTreeMap<String, serde_json::Value>, authored: bool) {
        let Some(asked) = self.asked.get_mut(number) else { return };
        asked.name(fields);
        if let (true, Some(person)) = (authored, event.actor.person()) {
            asked.persons.insert(person.to_owned());
        }
    }

    fn judge(&mut self, number: &Number, event: &Event, excepted: bool) {
        self.approvals += 1;
        let (Some(person), Some(asked)) = (event.actor.person(), self.asked.get(number)) else { return };
        let by_account = asked.accounts.iter().filter_map(|a| self.owners.get(a)).any(|owners| owners.contains(person));
        if by_account || asked.persons.contains(person) || asked.subject.as_deref() == Some(person) {
            self.found.push(SelfApproval { ticket: number.clone(), person: person.to_owned(), at: event.at, seq: event.seq, excepted });
        }
    }

    /// How many approvals were looked at, and those that were by whoever asked.
    #[must_use]
    pub fn result(self) -> (i64, Vec<SelfApproval>) {
        (self.approvals, self.found)
    }
}

impl Asked {
    fn name(&mut self, fields: &BTreeMap<String, serde_json::Value>) {
        if let Some(value) = self.subject_field.as_ref().and_then(|field| fields.get(field)) {
            self.subject = value.as_str().map(str::to_owned);
        }
    }
}
