//! `kinds/<name>.yaml`: a ticket kind, its statuses, and what belongs to the kind as a whole.
//!
//! Fields are read by `load_field.rs`, transitions by `load_transition.rs`, clocks and who hears of them by `load_clock.rs`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveTime;
use indexmap::IndexMap;

use super::finding::At;
use super::load_clock::{read_channel, read_clocks, read_escalate, read_notifies, read_opens, read_remind};
use super::load_deployments::read_deployments;
use super::load_field::{read_fields, read_matrix};
use super::load_lines::read_lines;
use super::load_offers::read_offers;
use super::load_organisation::parse_time;
use super::load_rules::{read_scores, read_separate, read_template};
use super::load_transition::read_transitions;
use super::model::{Declare, Kind, OwedTo};
use super::reader::{Page, Section, Sort, short};
use super::yaml::Node;

/// A kind, and the places that its checks need.
pub(super) struct KindDraft {
    pub kind: Kind,
    /// Where each status is named first.
    pub statuses_at: BTreeMap<String, At>,
    /// Where each field is defined.
    pub fields_at: BTreeMap<String, At>,
    /// Where each transition is defined.
    pub transitions_at: BTreeMap<String, At>,
    /// Where the prefix stands.
    pub prefix_at: At,
    /// Where each owed item names the transition by which it is owed.
    pub owed_at: Vec<(String, String, At)>,
}

/// Variables of a kind's conditions.
pub(super) const TICKET: &[&str] = &["ticket", "phases"];
/// Variables of what follows from an event.
pub(super) const EVENT: &[&str] = &["ticket", "event"];

/// Reads a kind. What is wrong stands on the page afterwards.
pub(super) fn read_kind(page: &Page, section: Section<'_, '_>, file_name: &str, digest: &str) -> KindDraft {
    let name = section.need("kind", "its name").and_then(|n| page.word(n)).unwrap_or_default();
    if !name.is_empty() && name != file_name {
        page.find(section.at("kind"), format!("This kind is called `{name}`, its file `{file_name}.yaml`; they must agree."));
    }
    let prefix = section.need("prefix", "what ticket numbers begin with, as in `INC`").and_then(|n| prefix(page, n)).unwrap_or_default();
    let title = section.need("title", "what people call such a ticket").and_then(|n| page.text(n)).unwrap_or_default();
    let purpose = section.need("purpose", "one or two sentences on what it is for").and_then(|n| page.text(n)).unwrap_or_default();
    let (fields, fields_at) = section.need("fields", "what a ticket holds").map(|n| read_fields(page, n)).unwrap_or_default();
    let matrix = section.get("matrix").and_then(|n| read_matrix(page, n, section.at("matrix"), &fields));
    let (statuses, statuses_at) =
        section.need("statuses", "where a ticket can stand, in order").map(|n| statuses(page, n)).unwrap_or_default();
    let ended = section.need("ended", "the statuses in which the work has ended").map(|n| page.names(n, &Sort::Status)).unwrap_or_default();
    let ended = ended.into_iter().collect::<BTreeSet<_>>();
    let declare = section.need("declare", "who may open one by hand").and_then(|n| declare(page, n, section.at("declare"), &fields));
    let transitions = section.need("transitions", "the steps from one status to another");
    let steps = transitions.map(|n| read_transitions(page, n, &statuses, &ended, &fields)).unwrap_or_default();
    let severities = severities(&fields);
    let clocks = section.get("clocks").map(|n| read_clocks(page, n, &fields)).unwrap_or_default();
    pauses_have_reasons(page, section.at("clocks"), &clocks, &statuses, &steps.transitions);
    let subject = section.get("subject").and_then(|n| {
        let name = page.named(n, Sort::Field)?;
        if fields.get(&name).is_some_and(|f| !matches!(f.of, super::model::FieldType::Person)) {
            page.find(n.at, format!("`{name}` must be of type person to be the subject."));
        }
        Some(name)
    });
    let kind = Kind {
        name: file_name.to_owned(),
        prefix,
        title,
        purpose,
        digest: digest.to_owned(),
        scores: section.get("scores").map(|n| read_scores(page, n, &fields)).unwrap_or_default(),
        proofs: section.get("proofs").map(|n| proofs(page, n, &steps.transitions)).unwrap_or_default(),
        separate: section.get("separate").map(|n| read_separate(page, n, subject.is_some())).unwrap_or_default(),
        offers: section.get("offers").map(|n| read_offers(page, n)).unwrap_or_default(),
        deployments: section.get("deployments").and_then(|n| read_deployments(page, n, section.at("deployments"), &fields)),
        trace: section.get("trace").map(|n| trace(page, n)).unwrap_or_default(),
        lines: section.get("lines").and_then(|n| read_lines(page, n, section.at("lines"))),
        subject,
        matrix,
        statuses,
        ended,
        transitions: steps.transitions,
        declare: declare.unwrap_or(Declare { by: Vec::new(), asks: Vec::new(), requires: Vec::new(), template: None }),
        clocks,
        remind: section.get("remind").map(|n| read_remind(page, n)).unwrap_or_default(),
        escalate: section.get("escalate").and_then(|n| read_escalate(page, n, section.at("escalate"))),
        owed_to: section.get("owed_to").and_then(|n| owed_to(page, n, section.at("owed_to"))).unwrap_or_else(nine_o_clock),
        notifies: section.get("notifies").map(|n| read_notifies(page, n)).unwrap_or_default(),
        opens: section.get("opens").map(|n| read_opens(page, n)).unwrap_or_default(),
        channel: section.get("channel").and_then(|n| read_channel(page, n, section.at("channel"), &severities)).unwrap_or_default(),
        retention: section.need("retention", "how long records are kept, in words").and_then(|n| page.text(n)).unwrap_or_default(),
        fields,
    };
    let prefix_at = section.get("prefix").map_or(section.at, |n| n.at);
    section.done();
    KindDraft { kind, statuses_at, fields_at, transitions_at: steps.at, prefix_at, owed_at: steps.owed_at }
}

/// A clock stands still only where somebody said why: every step there asks for a reason.
fn pauses_have_reasons(
    page: &Page,
    at: At,
    clocks: &IndexMap<String, super::model::Clock>,
    statuses: &[String],
    steps: &IndexMap<String, super::model::Transition>,
) {
    for clock in clocks.values() {
        for status in &clock.pauses {
            let mute = steps.values().find(|step| step.to == *status && !step.asks.contains(&super::model::Ask::Reason));
            if let Some(step) = mute {
                let (clock, step) = (&clock.name, &step.name);
                page.find(
                    at,
                    format!("Clock `{clock}` pauses in `{status}`, but `{step}` leads there without a reason; add `asks: reason` to it."),
                );
            } else if statuses.first() == Some(status) {
                page.find(at, format!("Clock `{}` pauses in `{status}`, where a ticket starts: nobody would have said why.", clock.name));
            }
        }
    }
}

fn prefix(page: &Page, node: &Node) -> Option<String> {
    let scalar = page.scalar(node, "a prefix")?;
    let good = (2..=5).contains(&scalar.text.len()) && scalar.text.bytes().all(|b| b.is_ascii_uppercase());
    if !good {
        page.find(node.at, format!("`{}` is not a prefix; it has two to five capital letters, as in `INC`.", short(&scalar.text)));
    }
    good.then(|| scalar.text.clone())
}

fn statuses(page: &Page, node: &Node) -> (Vec<String>, BTreeMap<String, At>) {
    let (mut out, mut at) = (Vec::new(), BTreeMap::new());
    for item in page.list(node, 50) {
        let Some(name) = page.word(item) else { continue };
        if matches!(name.as_str(), "any" | "any-open" | "previous") {
            page.find(item.at, format!("`{name}` means something already; call the status something else."));
        } else if at.contains_key(&name) {
            page.find(item.at, format!("`{name}` stands here twice; once is enough."));
        } else {
            at.insert(name.clone(), item.at);
            out.push(name);
        }
    }
    if out.is_empty() {
        page.find(node.at, "There is no status; the first is where a ticket starts.");
    }
    (out, at)
}

/// `{ approval: [approve], implementation: [start, finish] }`
fn trace(page: &Page, node: &Node) -> IndexMap<String, Vec<String>> {
    let parts = super::reader::named_members(page, node, 10, "parts");
    parts.into_iter().map(|(name, _, value)| (name, page.names(value, &Sort::Transition))).collect()
}

/// `{ name: What it shows }`; a proof is not called like a transition.
fn proofs(page: &Page, node: &Node, transitions: &IndexMap<String, super::model::Transition>) -> IndexMap<String, String> {
    let mut out = IndexMap::new();
    for (name, key, value) in super::reader::named_members(page, node, 50, "proofs") {
        if transitions.contains_key(&name) {
            page.find(key.at, format!("`{name}` is a transition already; call the proof something else."));
        }
        out.insert(name, page.text(value).unwrap_or_default());
    }
    out
}

fn declare(page: &Page, node: &Node, at: At, fields: &IndexMap<String, super::model::Field>) -> Option<Declare> {
    let section = Section::of(page, node, at, "`declare`")?;
    let by = section.need("by", "the roles that may, or `anyone`").map(|n| roles(page, n, &["anyone"])).unwrap_or_default();
    let asks = section.need("asks", "the fields that the form asks for").map(|n| page.names(n, &Sort::Field)).unwrap_or_default();
    let requires = section.get("requires").map(|n| page.names(n, &Sort::Field)).unwrap_or_default();
    if let Some(missing) = requires.iter().find(|f| !asks.contains(f)) {
        page.find(section.at("requires"), format!("`{missing}` is required but not asked for; add it to `asks`."));
    }
    let template = section.get("template").and_then(|n| read_template(page, n, section.at("template"), fields));
    section.done();
    Some(Declare { by, asks, requires, template })
}

/// Role names, where the words in `also` are understood as well.
pub(super) fn roles(page: &Page, node: &Node, also: &[&str]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for item in page.one_or_more(node, 100) {
        let Some(name) = page.word(item) else { continue };
        if out.contains(&name) {
            page.find(item.at, format!("`{name}` stands here twice; once is enough."));
            continue;
        }
        if !also.contains(&name.as_str()) {
            page.mention(item.at, Sort::Role, &name);
        }
        out.push(name);
    }
    if out.is_empty() {
        page.find(node.at, "Nobody may do this; name at least one role.");
    }
    out
}

/// The allowed severities, when the kind has a field of that name.
fn severities(fields: &IndexMap<String, super::model::Field>) -> Vec<String> {
    match fields.get("severity").map(|f| &f.of) {
        Some(super::model::FieldType::Choice(options)) => options.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

fn owed_to(page: &Page, node: &Node, at: At) -> Option<OwedTo> {
    let section = Section::of(page, node, at, "`owed_to`")?;
    let who = section.need("who", "`owner` or a role").and_then(|n| {
        let name = page.word(n)?;
        if name != "owner" {
            page.mention(n.at, Sort::Role, &name);
        }
        Some(name)
    });
    let time = section.need("at", "the local time on the next working day, as in `\"09:00\"`").and_then(|n| {
        let scalar = page.scalar(n, "a time of day")?;
        let time = parse_time(&scalar.text);
        if time.is_none() {
            page.find(n.at, format!("`{}` is not a time of day; write it like `\"09:00\"`.", short(&scalar.text)));
        }
        time
    });
    section.done();
    Some(OwedTo { who: who?, at: time? })
}

fn nine_o_clock() -> OwedTo {
    OwedTo { who: "owner".to_owned(), at: NaiveTime::from_hms_opt(9, 0, 0).unwrap_or_default() }
}
