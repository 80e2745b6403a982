//! Records that are opened as a consequence: a review after a serious incident, after a risky or an urgent change; and
//! those that must be opened again and again.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::command::{FieldInput, Fields};
use super::draft::{Draft, Pinning};
use super::event::{Checked, Drawn, Fact, NewEvent};
use super::number::Number;
use super::state::Ticket;
use super::{links, open, view};
use crate::env::Timestamp;
use crate::ledger::sealed::Sealed;
use crate::procedure::estate::Obligation;
use crate::procedure::model::{FieldType, Kind};

/// The link from a ticket to what a check found of it.
const FOUND_IN: &str = "found_in";
/// The link from a record to a ticket that was drawn for it.
const SAMPLES: &str = "samples";

/// Separates the salts of titles that the engine itself says. Nobody's words are in them, so anybody may know the salt.
const DOMAIN: &[u8] = b"countersign/opened/v1\0";

/// Opens what the procedure says, and links both ways.
pub(super) fn follow(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>, event: &Value) {
    if pin.kind.opens.is_empty() {
        return;
    }
    let Some(ticket) = draft.find(number) else { return };
    let mut variables = view::variables(ticket, pin.kind, pin.response);
    variables.insert("event".into(), event.clone());
    // A condition that cannot be evaluated opens it: a record too many can be voided, one too few is a gap.
    let rules: Vec<_> = pin.kind.opens.iter().filter(|rule| rule.when.holds(&variables).unwrap_or(true)).collect();
    for rule in rules {
        let Some(kind) = draft.ctx.library.kinds.get(&rule.kind) else { continue };
        let of = format!(" of {number}");
        let fields = fields(kind, &rule.of_type, &of, draft.ctx.now.plus(rule.due));
        let opened = open::as_consequence(draft, kind, fields);
        links::both_ways(draft, number, &rule.link, &opened, &pin.kind.digest);
    }
}

/// The fields of such a record, as far as its kind has them: what it is called, its sub-type, and until when.
pub(super) fn fields(kind: &Kind, of_type: &str, of: &str, due: Timestamp) -> Fields {
    let mut out = Fields::new();
    let mut name = of_type.replace(['-', '_'], " ");
    if let Some(FieldType::Choice(options)) = kind.fields.get("type").map(|f| &f.of)
        && let Some(label) = options.get(of_type)
    {
        name.clone_from(label);
        out.insert("type".into(), FieldInput::Plain(json!(of_type)));
    }
    out.insert("title".into(), titled(&format!("{name}{of}")));
    if matches!(kind.fields.get("due").map(|f| &f.of), Some(FieldType::Time)) {
        out.insert("due".into(), FieldInput::Plain(json!(due.to_string())));
    }
    out
}

/// A title that the engine itself says.
fn titled(words: &str) -> FieldInput {
    let title: String = words.chars().take(super::fields::MAX_LINE).collect();
    let mut hash = Sha256::new();
    hash.update(DOMAIN);
    hash.update(title.as_bytes());
    FieldInput::Sealed(Sealed::new(hash.finalize().into(), title.into_bytes()))
}

/// An obligation came due: its record is opened. Those of its times that passed unnoticed before are recorded as missed.
pub(super) fn oblige(
    draft: &mut Draft<'_>,
    name: &str,
    due: Option<Timestamp>,
    missed: &[Timestamp],
    (checked, drawn): (Option<&Checked>, Option<&Drawn>),
) {
    let Some(due) = due else {
        draft.push(NewEvent::outside(Fact::ObligationBegan { obligation: name.to_owned(), from: draft.ctx.now }));
        return;
    };
    for at in missed {
        draft.push(NewEvent::outside(Fact::ObligationMissed { obligation: name.to_owned(), due: *at }));
    }
    let library = draft.ctx.library;
    let Some(rule) = library.organisation.estate.obligations.iter().find(|o| o.name == name) else { return };
    if let Some(checked) = checked {
        let opened = library.kinds.get(&rule.kind).map(|kind| findings(draft, kind, rule, &checked.found)).unwrap_or_default();
        let checked = Some(Checked { opened, ..checked.clone() });
        draft.push(NewEvent::outside(Fact::ObligationRun { obligation: name.to_owned(), due, opened: None, checked, drawn: None }));
        return;
    }
    let opened = library.kinds.get(&rule.kind).map(|kind| {
        let day = due.utc().with_timezone(&rule.schedule.zone).format(", %Y-%m-%d").to_string();
        let mut fields = fields(kind, &rule.of_type, &day, due.plus(rule.due));
        fields.insert("title".into(), titled(&format!("{}{day}", rule.title)));
        open::as_consequence(draft, kind, fields)
    });
    if let (Some(record), Some(drawn)) = (&opened, drawn) {
        let digest = library.kinds.get(&rule.kind).map(|kind| kind.digest.clone()).unwrap_or_default();
        for number in &drawn.drawn {
            links::both_ways(draft, record, SAMPLES, number, &digest);
        }
    }
    draft.push(NewEvent::outside(Fact::ObligationRun { obligation: name.to_owned(), due, opened, checked: None, drawn: drawn.cloned() }));
}

/// A record for each ticket that a check found, unless it has one of this sort already: a check that is run again finds the
/// same, and adds nothing.
fn findings(draft: &mut Draft<'_>, kind: &Kind, rule: &Obligation, found: &[Number]) -> Vec<Number> {
    let mut opened = Vec::new();
    for number in found {
        let Some(ticket) = draft.other(number) else { continue };
        let digest = ticket.kind_digest.clone();
        let of_sort =
            |other: &Ticket| other.kind == kind.name && other.plain("type").and_then(Value::as_str) == Some(rule.of_type.as_str());
        let known = ticket.links.iter().filter(|l| l.link == FOUND_IN).filter_map(|l| draft.other(l.to.as_ref()?)).any(of_sort);
        if known {
            continue;
        }
        let mut given = fields(kind, &rule.of_type, &format!(": {number}"), draft.ctx.now.plus(rule.due));
        if kind.fields.contains_key("description") {
            let says = format!("{}: the check “{}” found {number}.", rule.title, rule.name);
            given.insert("description".into(), titled(&says));
        }
        let finding = open::as_consequence(draft, kind, given);
        links::both_ways(draft, number, FOUND_IN, &finding, &digest);
        opened.push(finding);
    }
    opened
}
