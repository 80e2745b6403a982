//! A kind's transitions: where they start and lead, who may take them, what they need now and what they leave for later.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::finding::At;
use super::load_field::{humanised, value};
use super::load_kind::{TICKET, roles};
use super::load_rules::{
    authorities, read_also, read_approved, read_confirmed, read_linked, read_moves, read_then, read_unfrozen, read_verbal, read_window,
};
use super::model::{Approval, ApprovalStage, Ask, Field, From, Guard, Owed, OwedWhat, Requires, SecondPerson, Transition};
use super::reader::{Page, Section, Sort, named_members};
use super::yaml::{Node, Yaml};

/// The transitions, and the places that checks need.
#[derive(Default)]
pub(super) struct Steps {
    pub transitions: IndexMap<String, Transition>,
    pub at: BTreeMap<String, At>,
    /// Transition that leaves it, transition by which it is owed, place of the latter.
    pub owed_at: Vec<(String, String, At)>,
}

struct Context<'c> {
    page: &'c Page,
    statuses: &'c [String],
    ended: &'c BTreeSet<String>,
    fields: &'c IndexMap<String, Field>,
}

/// Reads `transitions`.
pub(super) fn read_transitions(
    page: &Page,
    node: &Node,
    statuses: &[String],
    ended: &BTreeSet<String>,
    fields: &IndexMap<String, Field>,
) -> Steps {
    let context = Context { page, statuses, ended, fields };
    let mut steps = Steps::default();
    for (name, key, value) in named_members(page, node, 100, "transitions") {
        let Some(section) = Section::of(page, value, key.at, format!("transition `{name}`")) else { continue };
        let transition = context.transition(section, &name, &mut steps.owed_at);
        steps.at.insert(name.clone(), key.at);
        steps.transitions.insert(name, transition);
    }
    steps
}

impl Context<'_> {
    fn transition(&self, section: Section<'_, '_>, name: &str, owed_at: &mut Vec<(String, String, At)>) -> Transition {
        let page = self.page;
        let flag = |key| section.get(key).and_then(|n| page.truth(n)).unwrap_or(false);
        let (merges, reopens, unmerges) = (flag("merges"), flag("reopens"), flag("unmerges"));
        let (automatic, phase, fresh_auth) = (flag("automatic"), flag("phase"), flag("fresh_auth"));
        let to = section.need("to", "the status to which it leads").and_then(|n| self.to(n, unmerges)).unwrap_or_default();
        let from = section.need("from", "the statuses in which it may start").map(|n| self.from(n, &to)).unwrap_or_default();
        let by = section.need("by", "the roles that may take it");
        let by =
            by.map(|n| roles(page, n, &["owner", "lead", "requester", "owner-of-system", "implementer-of-system"])).unwrap_or_default();
        let wants = section.get("wants").map(|n| self.wants(n, name, owed_at)).unwrap_or_default();
        let transition = Transition {
            name: name.to_owned(),
            label: section.get("label").and_then(|n| page.text(n)).unwrap_or_else(|| humanised(name)),
            help: section.need("help", "one sentence on what it means to take it").and_then(|n| page.text(n)).unwrap_or_default(),
            asks: section.get("asks").map(|n| self.asks(n)).unwrap_or_default(),
            requires: section.get("requires").and_then(|n| self.requires(n, section.at("requires"))).unwrap_or_default(),
            sets: section.get("sets").map(|n| self.sets(n)).unwrap_or_default(),
            stops: section.get("stops").map(|n| self.stops(n)).unwrap_or_default(),
            says: section.get("says").and_then(|n| page.template(n, &["who", "ticket"])),
            approval: section.get("approval").and_then(|n| self.approval(n, section.at("approval"))),
            verbal: section.get("verbal").and_then(|n| read_verbal(page, n, section.at("verbal"), self.fields)),
            moves: section.get("moves").map(|n| read_moves(page, n)).unwrap_or_default(),
            fixes: section.get("fixes").map(|n| page.names(n, &Sort::Field)).unwrap_or_default(),
            then: section.get("then").and_then(|n| read_then(page, n, section.at("then"))),
            proposes: flag("proposes"),
            from,
            to,
            by,
            wants,
            fresh_auth,
            automatic,
            phase,
            merges,
            reopens,
            unmerges,
        };
        if merges && !transition.asks.contains(&Ask::Ticket) {
            page.find(section.at("merges"), "A transition that merges must ask for the other ticket: `asks: [ticket]`.");
        }
        section.done();
        transition
    }

    fn to(&self, node: &Node, unmerges: bool) -> Option<String> {
        let page = self.page;
        let word = page.word(node)?;
        match (word.as_str(), unmerges) {
            ("previous", true) => self.statuses.first().cloned(),
            ("previous", false) => {
                page.find(node.at, "Only a transition with `unmerges: true` leads to `previous`; name a status.");
                None
            }
            (_, true) => {
                page.find(node.at, "A transition that unmerges goes back to where the ticket was: `to: previous`.");
                None
            }
            (_, false) => {
                page.mention(node.at, Sort::Status, &word);
                Some(word)
            }
        }
    }

    /// A status, `any`, `any-open`, or one of these with `if` and a condition.
    fn from(&self, node: &Node, to: &str) -> Vec<From> {
        let mut out: Vec<From> = Vec::new();
        let mut add = |status: &str, when: Option<&super::expression::Expression>| {
            if !out.iter().any(|f| f.status == status && f.when.is_none()) {
                out.push(From { status: status.to_owned(), when: when.cloned() });
            }
        };
        for item in self.page.one_or_more(node, 50) {
            let Some(scalar) = self.page.scalar(item, "a status") else { continue };
            let (status, when) = match scalar.text.split_once(" if ") {
                Some((status, condition)) => {
                    let skip = status.chars().count() + 4;
                    let Some(when) = self.page.expression_in(scalar, condition, skip, TICKET) else { continue };
                    (status.trim(), Some(when))
                }
                None => (scalar.text.trim(), None),
            };
            match status {
                "any" => self.statuses.iter().filter(|s| *s != to).for_each(|s| add(s, when.as_ref())),
                "any-open" => self.statuses.iter().filter(|s| *s != to && !self.ended.contains(*s)).for_each(|s| add(s, when.as_ref())),
                _ => {
                    self.page.mention(item.at, Sort::Status, status);
                    add(status, when.as_ref());
                }
            }
        }
        if out.is_empty() {
            self.page.find(node.at, "It can start nowhere; name at least one status.");
        }
        out
    }

    fn asks(&self, node: &Node) -> Vec<Ask> {
        let mut out = Vec::new();
        for item in self.page.one_or_more(node, 50) {
            let Some(word) = self.page.word(item) else { continue };
            let ask = match word.as_str() {
                "line" => Ask::Line,
                "reason" => Ask::Reason,
                "ticket" => Ask::Ticket,
                "when" => Ask::When,
                _ => {
                    self.page.mention(item.at, Sort::Field, &word);
                    Ask::Field(word.clone())
                }
            };
            if out.contains(&ask) {
                self.page.find(item.at, format!("`{word}` stands here twice; once is enough."));
            } else {
                out.push(ask);
            }
        }
        out
    }

    fn requires(&self, node: &Node, at: At) -> Option<Requires> {
        let page = self.page;
        let section = Section::of(page, node, at, "`requires`")?;
        let fields = section.get("fields").map(|n| page.names(n, &Sort::Field)).unwrap_or_default();
        let notes = section.get("notes").and_then(|n| page.integer(n, 0, 100)).unwrap_or(0);
        let evidence = section.get("evidence").map(|n| page.names(n, &Sort::Phase)).unwrap_or_default();
        let links = section.get("links").map(|n| self.links(n)).unwrap_or_default();
        let tasks = section.get("tasks").is_some_and(|n| self.done_or_waived(n));
        let second_person = section.get("second_person").and_then(|n| self.second_person(n, section.at("second_person")));
        let not = section.get("not").map(|n| self.guards(n)).unwrap_or_default();
        let requires = Requires {
            fields,
            notes: u32::try_from(notes).unwrap_or(0),
            evidence,
            links,
            tasks,
            second_person,
            not,
            also: section.get("also").map(|n| read_also(page, n)).unwrap_or_default(),
            approved: section.get("approved").map(|n| read_approved(page, n)).unwrap_or_default(),
            window: section.get("window").map(|n| read_window(page, n, self.fields)).unwrap_or_default(),
            unfrozen: section.get("unfrozen").map(|n| read_unfrozen(page, n, self.fields)).unwrap_or_default(),
            linked: section.get("linked").map(|n| read_linked(page, n)).unwrap_or_default(),
            ahead: section.get("ahead").map(|n| page.names(n, &Sort::Field)).unwrap_or_default(),
            confirmed: section.get("confirmed").and_then(|n| read_confirmed(page, n, section.at("confirmed"))),
            lines: section.get("lines").is_some_and(|n| self.settled(n)),
        };
        section.done();
        Some(requires)
    }

    fn links(&self, node: &Node) -> IndexMap<String, bool> {
        let mut out = IndexMap::new();
        for (name, _, value) in named_members(self.page, node, 20, "links") {
            match self.page.word(value).as_deref() {
                Some("needed") => out.insert(name, false),
                Some("or_reason") => out.insert(name, true),
                Some(_) => {
                    self.page.find(value.at, "Write `needed`, or `or_reason` when a reason will do instead.");
                    None
                }
                None => None,
            };
        }
        out
    }

    fn done_or_waived(&self, node: &Node) -> bool {
        let word = self.page.word(node);
        if word.as_deref().is_some_and(|w| w != "done_or_waived") {
            self.page.find(node.at, "Write `done_or_waived`, or leave `tasks` out.");
        }
        word.is_some()
    }

    fn settled(&self, node: &Node) -> bool {
        let word = self.page.word(node);
        if word.as_deref().is_some_and(|w| w != "settled") {
            self.page.find(node.at, "Write `settled`, or leave `lines` out.");
        }
        word.is_some()
    }

    /// `true`, or `{ when: … }`.
    fn second_person(&self, node: &Node, at: At) -> Option<SecondPerson> {
        if let Yaml::Scalar(_) = node.value {
            return self.page.truth(node)?.then_some(SecondPerson { when: None });
        }
        let section = Section::of(self.page, node, at, "`second_person`")?;
        let when = section.need("when", "the condition").and_then(|n| self.page.expression(n, TICKET));
        section.done();
        Some(SecondPerson { when: Some(when?) })
    }

    fn guards(&self, node: &Node) -> Vec<Guard> {
        let mut out = Vec::new();
        for item in self.page.one_or_more(node, 50) {
            let Some(section) = Section::of(self.page, item, item.at, "a condition under `not`") else { continue };
            let when = section.need("when", "the condition").and_then(|n| self.page.expression(n, TICKET));
            let says = section.need("says", "the sentence that says what to do").and_then(|n| self.page.text(n));
            section.done();
            if let (Some(when), Some(says)) = (when, says) {
                out.push(Guard { when, says });
            }
        }
        out
    }

    /// `{ evidence: 1, fields: [a, b], owed_by: close }`, or several of these.
    fn wants(&self, node: &Node, name: &str, owed_at: &mut Vec<(String, String, At)>) -> Vec<Owed> {
        let page = self.page;
        let mut out = Vec::new();
        for item in page.one_or_more(node, 20) {
            let Some(section) = Section::of(page, item, item.at, "`wants`") else { continue };
            let by = section.need("owed_by", "the transition that will not pass without it").and_then(|n| {
                let by = page.named(n, Sort::Transition)?;
                owed_at.push((name.to_owned(), by.clone(), n.at));
                Some(by)
            });
            let by = by.unwrap_or_default();
            if let Some(count) = section.get("evidence").and_then(|n| page.integer(n, 1, 100)) {
                out.push(Owed { what: OwedWhat::Evidence(u32::try_from(count).unwrap_or(1)), by: by.clone() });
            }
            let fields = section.get("fields").map(|n| page.names(n, &Sort::Field)).unwrap_or_default();
            out.extend(fields.into_iter().map(|f| Owed { what: OwedWhat::Field(f), by: by.clone() }));
            section.done();
        }
        if out.is_empty() {
            page.find(node.at, "Nothing is wanted here; name `evidence` or `fields`, or leave `wants` out.");
        }
        out
    }

    fn sets(&self, node: &Node) -> BTreeMap<String, serde_json::Value> {
        let mut out = BTreeMap::new();
        for (name, key, given) in named_members(self.page, node, 50, "fields") {
            self.page.mention(key.at, Sort::Field, &name);
            let Some(field) = self.fields.get(&name) else { continue };
            if field.sealed {
                self.page
                    .find(key.at, format!("`{name}` is sealed, and what is sealed is only ever said by a person; ask for it instead."));
                continue;
            }
            out.extend(value(self.page, given, &field.of).map(|v| (name, v)));
        }
        out
    }

    fn stops(&self, node: &Node) -> Vec<String> {
        self.page.names(node, &Sort::Clock)
    }

    fn approval(&self, node: &Node, at: At) -> Option<Approval> {
        let page = self.page;
        let section = Section::of(page, node, at, "`approval`")?;
        let of = section.need("of", "the fields that an approver is shown").map(|n| page.names(n, &Sort::Field)).unwrap_or_default();
        let mut stages = Vec::new();
        if let Some(node) = section.need("stages", "who approves, one stage after the other") {
            for item in page.list(node, 10) {
                let Some(stage) = Section::of(page, item, item.at, "a stage") else { continue };
                let by = stage.need("by", "the roles of which one is needed").map(|n| authorities(page, n)).unwrap_or_default();
                let count = stage.get("count").and_then(|n| page.integer(n, 1, 20)).unwrap_or(1);
                let when = stage.get("when").and_then(|n| page.expression(n, TICKET));
                let otherwise = stage.get("otherwise").map(|n| roles(page, n, &[])).unwrap_or_default();
                stage.done();
                stages.push(ApprovalStage { by, count: u32::try_from(count).unwrap_or(1), when, otherwise });
            }
            if stages.is_empty() {
                page.find(node.at, "There is no stage; name at least one.");
            }
        }
        let on_rejection = section.get("on_rejection").and_then(|n| page.named(n, Sort::Transition));
        section.done();
        Some(Approval { stages, of, on_rejection })
    }
}
