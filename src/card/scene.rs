//! What cards and forms are made from: the ticket, its procedure, and what the caller knows of names and plaintext.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde_json::Value;

use super::words::{humanise, one_line};
use crate::env::Timestamp;
use crate::procedure::expression::{Expression, Variables};
use crate::procedure::model::{Field, FieldType, Kind, Library, Organisation, Permission, Response, SYSTEMS, Transition};
use crate::procedure::rules::{self, Offered, Then};
use crate::ticket::authority;
use crate::ticket::binding::binding;
use crate::ticket::decide::PeopleView;
use crate::ticket::duties::{Around, Part, part_of};
use crate::ticket::escalate;
use crate::ticket::event::Actor;
use crate::ticket::judge;
use crate::ticket::nudge::{self, Waits};
use crate::ticket::offer::may;
use crate::ticket::offers;
use crate::ticket::second::{first_persons, is_one_of};
use crate::ticket::state::{Held, Ticket};
use crate::ticket::view;

/// Lists of allowed values by name, as [`crate::procedure::model::Library::taxonomies`].
pub type Taxonomies = BTreeMap<String, IndexMap<String, String>>;

/// What is said in place of a sealed value that was redacted or may not be shown.
pub const WITHHELD: &str = "(removed)";

/// Names and plaintext, as far as the caller may show them.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// A person's name by id.
    pub name: &'a dyn Fn(&str) -> Option<String>,
    /// The plaintext of a sealed value by the event's sequence number and the name within it; none when it was
    /// redacted.
    pub plaintext: &'a dyn Fn(i64, &str) -> Option<String>,
}

impl Known<'_> {
    /// A person's name on one line, or "somebody" when nobody of that id is known.
    #[must_use]
    pub fn person(&self, id: &str) -> String {
        (self.name)(id).map_or_else(|| "somebody".to_owned(), |name| one_line(&name, 80))
    }

    /// An actor's name: the person's, the monitoring tool's, or the product's.
    #[must_use]
    pub fn actor(&self, actor: &Actor) -> String {
        match actor {
            Actor::Person { id, .. } => self.person(id),
            Actor::Source { name } => one_line(name, 80),
            Actor::Account { .. } => "somebody not yet verified".to_owned(),
            Actor::Scheduler => "Countersign".to_owned(),
        }
    }

    /// A person where an id may stand, otherwise the role's or group's own name.
    #[must_use]
    pub fn person_or_role(&self, who: &str) -> String {
        (self.name)(who).map_or_else(|| who.replace(['-', '.', '_'], " "), |name| one_line(&name, 80))
    }
}

/// A ticket at one moment, with everything that its cards and forms need.
#[derive(Clone)]
pub struct Scene<'a> {
    /// The ticket.
    pub ticket: &'a Ticket,
    /// Its pinned procedure.
    pub kind: &'a Kind,
    /// Its pinned response playbook.
    pub response: Option<&'a Response>,
    /// Lists of allowed values.
    pub taxonomies: &'a Taxonomies,
    /// Names and plaintext.
    pub known: Known<'a>,
    /// Who is active and which roles they hold, as far as approvals need it.
    pub people: &'a dyn PeopleView,
    /// The moment.
    pub now: Timestamp,
    /// Who is looking, and the organisation that says what they may; none where a card is everybody's.
    viewer: Option<(Actor, &'a Organisation)>,
    /// The ticket as conditions see it.
    variables: Variables,
    /// The playbooks that count now, where forms of other kinds are made.
    pub library: Option<&'a Library>,
}

impl<'a> Scene<'a> {
    /// A ticket with its pinned procedure.
    #[must_use]
    pub fn new(
        ticket: &'a Ticket,
        (kind, response, taxonomies): (&'a Kind, Option<&'a Response>, &'a Taxonomies),
        known: Known<'a>,
        people: &'a dyn PeopleView,
        now: Timestamp,
    ) -> Self {
        let variables = view::variables(ticket, kind, response);
        Self { ticket, kind, response, taxonomies, known, people, now, viewer: None, variables, library: None }
    }

    /// The same ticket for one person's eyes.
    #[must_use]
    pub fn seen_by(mut self, viewer: Actor, organisation: &'a Organisation) -> Self {
        self.viewer = Some((viewer, organisation));
        self
    }

    /// Who is looking, by id; none where a card is everybody's.
    #[must_use]
    pub fn reader(&self) -> Option<&str> {
        self.viewer.as_ref().and_then(|(viewer, _)| viewer.person())
    }

    /// Whether the reader's roles let them take the step. On a card that is everybody's, anybody may try.
    #[must_use]
    pub fn may_take(&self, transition: &Transition) -> bool {
        self.holds_one_of(&transition.by)
    }

    /// Whether the reader holds one of these roles. On a card that is everybody's, anybody may try.
    #[must_use]
    pub fn holds_one_of(&self, roles: &[String]) -> bool {
        let Some((viewer, organisation)) = &self.viewer else { return true };
        authority::may(&self.around(organisation), self.ticket, viewer, roles)
    }

    /// What judgements on duties and approvals look at.
    #[must_use]
    pub fn around<'o>(&'o self, organisation: &'o Organisation) -> Around<'o> {
        Around { now: self.now, organisation, people: self.people, kind: self.kind, response: self.response }
    }

    /// Whether the reader can decide on the step now. On a card that is everybody's, anybody may try what waits.
    #[must_use]
    pub fn decides(&self, transition: &Transition) -> bool {
        let Some((viewer, organisation)) = &self.viewer else { return true };
        judge::decides(&self.around(organisation), self.ticket, transition, viewer)
    }

    /// What makes this the reader's own request, which the reader cannot approve.
    #[must_use]
    pub fn own_part(&self) -> Option<Part> {
        let (viewer, organisation) = self.viewer.as_ref()?;
        let (around, person) = (self.around(organisation), viewer.person()?);
        part_of(&around, self.ticket, person).filter(|_| !authority::single_operator(&around, person))
    }

    /// Whether the reader is one of those whose request it is, and so cannot approve it.
    #[must_use]
    pub fn is_own_request(&self) -> bool {
        self.own_part().is_some()
    }

    /// Whether the ticket is calling for the reader now.
    #[must_use]
    pub fn is_called(&self) -> bool {
        self.viewer.as_ref().is_some_and(|(viewer, _)| escalate::is_called(self.ticket, viewer))
    }

    /// Whether the reader may do everyday work: notes, fields, files. On a card that is everybody's, anybody may try.
    #[must_use]
    pub fn may_work(&self) -> bool {
        let Some((viewer, organisation)) = &self.viewer else { return true };
        organisation.roles.iter().any(|(name, role)| role.may.contains(&Permission::Work) && viewer.has_role(name))
    }

    /// Who may not take the step, because a second person has to: as the decision sees it.
    #[must_use]
    pub fn must_not_be(&self, transition: &Transition) -> BTreeSet<&'a str> {
        first_persons(self.ticket, self.kind, self.response, transition)
    }

    /// Whether the reader is one of those who may not take the step.
    #[must_use]
    pub fn needs_somebody_else(&self, transition: &Transition) -> bool {
        self.reader().is_some_and(|reader| is_one_of(&self.must_not_be(transition), reader, self.people))
    }

    /// Whether the reader may speak for a notify group. On a card that is everybody's, anybody may try.
    #[must_use]
    pub fn speaks_for(&self, group: &str) -> bool {
        let Some((viewer, organisation)) = &self.viewer else { return true };
        let members = organisation.groups.get(group).map_or(&[][..], Vec::as_slice);
        let named = |person: &str| members.iter().any(|m| m.contains('@') && self.people.has_email(person, m));
        may(viewer, Some(self.ticket), members) || viewer.person().is_some_and(named)
    }

    /// Whether a condition of the procedure holds on this ticket now; one that cannot be evaluated does not.
    #[must_use]
    pub fn holds(&self, when: &Expression) -> bool {
        when.holds(&self.variables).unwrap_or(false)
    }

    /// Whether the procedure says that chat bears no content of this ticket.
    #[must_use]
    pub fn is_sensitive(&self) -> bool {
        self.kind.channel.sensitive.as_ref().is_some_and(|when| self.holds(when))
    }

    /// The ticket as conditions see it.
    #[must_use]
    pub fn variables(&self) -> &Variables {
        &self.variables
    }

    /// The same scene with the playbooks that count now: forms of other kinds are made by them.
    #[must_use]
    pub fn within(mut self, library: &'a Library) -> Self {
        self.library = Some(library);
        self
    }

    /// The organisation, where the scene knows it.
    #[must_use]
    pub fn organisation(&self) -> Option<&'a Organisation> {
        let of_library = || self.library.map(|library| library.organisation.as_ref());
        self.viewer.as_ref().map(|(_, organisation)| *organisation).or_else(of_library)
    }

    /// Whose decision the ticket waits for; none where the scene knows no organisation.
    #[must_use]
    pub fn waits(&self) -> Option<Waits> {
        let organisation = self.organisation()?;
        nudge::waits(&self.around(organisation), self.ticket)
    }

    /// Records that the ticket offers to open, and whether each is to be seen at first sight.
    #[must_use]
    pub fn offers(&self) -> Vec<(&'a Offered, bool)> {
        offers::offered(self.ticket, self.kind, self.response)
    }

    /// The steps that a step's form takes with it, where that holds now.
    #[must_use]
    pub fn then(&self, transition: &'a Transition) -> Option<&'a Then> {
        transition.then.as_ref().filter(|then| then.when.as_ref().is_none_or(|when| self.holds(when)))
    }

    /// What the step is called, together with those that its form takes with it.
    #[must_use]
    pub fn label_with(&self, transition: &'a Transition) -> String {
        self.then(transition).map_or_else(|| self.label(transition), |then| then.label.clone())
    }

    /// A step and those that its form takes with it, in order.
    #[must_use]
    pub fn with_then(&self, transition: &'a Transition) -> Vec<&'a Transition> {
        let more = self.then(transition).into_iter().flat_map(|then| &then.steps);
        std::iter::once(transition).chain(more.filter_map(|name| self.kind.transitions.get(name))).collect()
    }

    /// Fields that the step requires on this ticket beside those that it always does, and who spoke its approval.
    #[must_use]
    pub fn more_of(&self, transition: &'a Transition) -> (Vec<&'a str>, Option<&'a str>) {
        let also = transition.requires.also.iter().filter(|also| rules::applies(Some(&also.when), &self.variables));
        let verbal = transition.verbal.as_ref().filter(|verbal| rules::applies(verbal.when.as_ref(), &self.variables));
        (also.flat_map(|also| also.fields.iter().map(String::as_str)).collect(), verbal.map(|verbal| verbal.giver.as_str()))
    }

    /// Whether the step asks for anything of that.
    #[must_use]
    pub fn asks_more(&self, transition: &'a Transition) -> bool {
        let (also, giver) = self.more_of(transition);
        !also.is_empty() || giver.is_some()
    }

    /// Digest of what a transition's button is bound to.
    #[must_use]
    pub fn binding(&self, transition: &Transition) -> String {
        binding(self.ticket, self.kind, transition)
    }

    /// Whether a phase applies on this ticket.
    #[must_use]
    pub fn applies(&self, phase: &str) -> bool {
        view::applies(self.response, phase)
    }
}

impl Scene<'_> {
    /// The ticket's title on one line.
    #[must_use]
    pub fn title(&self) -> String {
        self.texts("title").into_iter().next().map_or_else(|| "(no title)".to_owned(), |title| one_line(&title, 200))
    }

    /// Severity as 1 (highest) and so on, by its place among the field's values; none when it is not set.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        let Some(Held::Plain(Value::String(value))) = self.ticket.fields.get("severity") else { return None };
        let FieldType::Choice(values) = &self.kind.fields.get("severity")?.of else { return None };
        let level = values.get_index_of(value)?;
        Some(Severity { level: u8::try_from(level + 1).unwrap_or(u8::MAX), name: value.clone() })
    }

    /// What stands in a field, as the texts a form would hold; empty when nothing does.
    #[must_use]
    pub fn texts(&self, field: &str) -> Vec<String> {
        let known = &self.known;
        match self.ticket.fields.get(field) {
            None => Vec::new(),
            Some(Held::Plain(value)) => texts_of(value),
            Some(Held::Sealed(at)) => {
                let text = (known.plaintext)(at.seq, &at.name);
                match (text, self.kind.fields.get(field).map(|f| &f.of)) {
                    (None, _) => vec![WITHHELD.to_owned()],
                    (Some(text), Some(FieldType::Assets)) => {
                        serde_json::from_str::<Value>(&text).map_or_else(|_| vec![text], |value| texts_of(&value))
                    }
                    (Some(text), _) => vec![text],
                }
            }
        }
    }

    /// What stands in a field, as people read it.
    #[must_use]
    pub fn shown(&self, field: &Field) -> Vec<String> {
        let label = |value: &String| match &field.of {
            FieldType::Choice(of) | FieldType::Choices(of) => of.get(value).cloned().unwrap_or_else(|| value.clone()),
            FieldType::Taxonomy(list) => self.taxonomies.get(list).and_then(|of| of.get(value)).cloned().unwrap_or_else(|| value.clone()),
            FieldType::System => self.taxonomies.get(SYSTEMS).and_then(|of| of.get(value)).cloned().unwrap_or_else(|| value.clone()),
            FieldType::Person => self.known.person(value),
            FieldType::Bool => if value == "true" { "Yes" } else { "No" }.to_owned(),
            _ => value.clone(),
        };
        self.texts(&field.name).iter().map(label).collect()
    }

    /// What the step is called on this ticket: the response playbook may have its own word.
    #[must_use]
    pub fn label(&self, transition: &Transition) -> String {
        transition_label(transition, self.response)
    }

    /// What a status is called: the word of the phase that leads there, where the response relabels it.
    #[must_use]
    pub fn status_label(&self, status: &str) -> String {
        status_label(self.kind, self.response, status)
    }
}

/// A severity: its rank and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Severity {
    /// 1 is the highest.
    pub level: u8,
    /// `sev1`
    pub name: String,
}

/// The texts of a structured value: none for null, one for a scalar, all of an array.
#[must_use]
pub fn texts_of(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts_of).collect(),
        other => vec![other.to_string()],
    }
}

/// A transition's label, in the response playbook's words where it has them.
#[must_use]
pub fn transition_label(transition: &Transition, response: Option<&Response>) -> String {
    response.and_then(|r| r.labels.get(&transition.name)).unwrap_or(&transition.label).clone()
}

/// A status in words; see [`Scene::status_label`].
#[must_use]
pub fn status_label(kind: &Kind, response: Option<&Response>, status: &str) -> String {
    kind.transitions
        .values()
        .filter(|t| t.phase && t.to == status)
        .find_map(|t| response.and_then(|r| r.labels.get(&t.name)).cloned())
        .unwrap_or_else(|| humanise(status))
}
