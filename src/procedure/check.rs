//! Checks the playbooks as a whole: every name exists, every status can be reached and left, nothing is owed for ever.
//!
//! `load_*.rs` judge what stands in one place; here is what takes two places to see.

use std::collections::{BTreeMap, BTreeSet};

use super::check_graph::graph;
use super::expression::Variables;
use super::finding::{At, Finding};
use super::load::Drafts;
use super::load_field::value;
use super::load_kind::KindDraft;
use super::load_response::ResponseDraft;
use super::model::{FieldType, Kind, Organisation};
use super::nearest::nearest;
use super::reader::{Mention, Page, Reading, Sort};

/// Members of `ticket` in a kind's expressions. `severity` is the field of that name, `severities_seen` the list
/// of all that it (or what was merged into it) ever had; `levels_seen.<field>` the list of a score's levels that a step
/// which asks for its answers ever ended with, and of the one that stands now; `fields` holds the plain fields
/// that have a value; `owner`, `lead` and `response` are empty when there is none; `alerts` is `{attached, firing, repeats}`;
/// `taken` lists the steps taken so far, each once; `overdue` the clocks that were missed and still run; `stale` says that an approval no longer fits what stands there; `spoken`
/// is `none`, `waiting`, `confirmed`, `denied` or `silence`.
pub const TICKET_MEMBERS: [&str; 16] = [
    "number",
    "kind",
    "status",
    "severity",
    "severities_seen",
    "levels_seen",
    "response",
    "intake",
    "owner",
    "lead",
    "fields",
    "alerts",
    "taken",
    "overdue",
    "stale",
    "spoken",
];
/// Members of `event`: its `kind`, for a transition its name and the statuses before and after, for a clock its name.
pub const EVENT_MEMBERS: [&str; 5] = ["kind", "transition", "from", "to", "clock"];
/// Members of `alert`: the fields of the ticket engine's `Alert`, which a test there compares with these.
pub const ALERT_MEMBERS: [&str; 13] = [
    "source",
    "fingerprint",
    "alert_id",
    "rule",
    "status",
    "title",
    "description",
    "severity",
    "labels",
    "annotations",
    "starts_at",
    "ends_at",
    "url",
];
/// Members of `ticket.alerts`.
const ALERT_COUNTS: [&str; 3] = ["attached", "firing", "repeats"];

/// Everything that is wrong, from all pages. Puts prefilled values in their places on the way.
pub(super) fn whole(drafts: &mut Drafts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if drafts.organisation.is_none() && !drafts.broken.iter().any(|p| p.file == "organisation.yaml") {
        let message = "This file is missing; it names the organisation, its roles and its working hours.".to_owned();
        findings.push(Finding { file: "organisation.yaml".to_owned(), line: 1, column: 1, message });
    }
    for (page, draft) in &drafts.kinds {
        mentions(page, Some(&draft.kind), drafts);
        readings(page, Some(&draft.kind));
        // While a status or a transition goes by a wrong name, ways seem to be missing that are not.
        if whole_ways(page, &draft.kind) {
            graph(page, draft);
        }
        required_fields_are_audited(page, draft);
    }
    prefixes(drafts);
    let prefills = drafts.responses.iter().map(|(page, draft)| response(page, draft, drafts)).collect::<Vec<_>>();
    for ((_, draft), prefill) in drafts.responses.iter_mut().zip(prefills) {
        draft.response.prefill = prefill;
    }
    for (page, _) in drafts.organisation.iter() {
        mentions(page, None, drafts);
    }
    for (page, _) in drafts.taxonomies.iter() {
        mentions(page, None, drafts);
    }
    findings.extend(told_once(drafts));
    let pages = drafts.kinds.iter().map(|(p, _)| p).chain(drafts.responses.iter().map(|(p, _)| p)).chain(&drafts.broken);
    let pages = pages.chain(drafts.organisation.iter().map(|(p, _)| p)).chain(drafts.taxonomies.iter().map(|(p, _)| p));
    findings.extend(pages.flat_map(Page::take_findings));
    findings
}

/// Every status and transition that the page mentions exists.
fn whole_ways(page: &Page, kind: &Kind) -> bool {
    let exists = |mention: &Mention| match mention.sort {
        Sort::Status => kind.statuses.contains(&mention.name),
        Sort::Transition | Sort::Approval => kind.transitions.contains_key(&mention.name),
        Sort::Phase => kind.transitions.contains_key(&mention.name) || kind.proofs.contains_key(&mention.name),
        _ => true,
    };
    page.mentions().iter().all(exists)
}

/// Places at which an unknown name stands as well that are listed.
const MOST_PLACES: usize = 6;

/// One finding for each unknown name of a kind, with every place at which it stands: one slip is one finding.
fn told_once(drafts: &Drafts) -> Vec<Finding> {
    let kinds = drafts.kinds.iter().map(|(page, draft)| (page, draft.kind.name.clone()));
    let responses = drafts.responses.iter().map(|(page, draft)| (page, draft.response.kind.clone()));
    let others = drafts.broken.iter().chain(drafts.organisation.iter().map(|(p, _)| p)).chain(drafts.taxonomies.iter().map(|(p, _)| p));
    let scoped = kinds.chain(responses).chain(others.map(|page| (page, String::new())));
    let mut groups: Vec<((String, String), Vec<Finding>)> = Vec::new();
    for (page, scope) in scoped {
        for (name, finding) in page.take_unknown() {
            let key = (scope.clone(), name);
            match groups.iter_mut().find(|(known, _)| *known == key) {
                Some((_, findings)) => findings.push(finding),
                None => groups.push((key, vec![finding])),
            }
        }
    }
    groups.into_iter().filter_map(|(_, findings)| with_places(findings)).collect()
}

/// The first of several findings of one name, with the places of the others.
fn with_places(mut findings: Vec<Finding>) -> Option<Finding> {
    findings.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    findings.dedup_by(|a, b| (&a.file, a.line, a.column) == (&b.file, b.line, b.column));
    let mut findings = findings.into_iter();
    let mut first = findings.next()?;
    let place = |f: Finding| if f.file == first.file { format!("line {}", f.line) } else { format!("{}:{}", f.file, f.line) };
    let mut places: Vec<String> = findings.map(place).collect();
    places.dedup();
    let more = places.len().saturating_sub(MOST_PLACES);
    places.truncate(MOST_PLACES);
    if !places.is_empty() {
        let more = if more == 0 { String::new() } else { format!(" and {more} more places") };
        first.message.push_str(&format!(" It stands in {}{more} as well.", places.join(", ")));
    }
    Some(first)
}

/// Every name that a page mentions exists.
fn mentions(page: &Page, kind: Option<&Kind>, drafts: &Drafts) {
    let organisation = drafts.organisation.as_ref().map(|(_, o)| o);
    let mut told = BTreeSet::new();
    for mention in page.mentions() {
        let Some((what, known)) = known(&mention, kind, organisation, drafts) else { continue };
        if known.contains(&mention.name.as_str()) || !told.insert(mention.at) {
            continue;
        }
        let hint = nearest(&mention.name, known.iter().copied());
        let names =
            if known.len() <= 20 && !known.is_empty() && hint == ". " { format!("There are {}.", known.join(", ")) } else { String::new() };
        let message = format!("`{}` is not {what}{hint}{names}", mention.name);
        page.find_unknown(mention.at, &mention.name, message.trim_end());
    }
}

/// What a mention is called, and the names that there are; nothing when they cannot be known.
fn known<'d>(
    mention: &Mention,
    kind: Option<&'d Kind>,
    organisation: Option<&'d Organisation>,
    drafts: &'d Drafts,
) -> Option<(&'static str, Vec<&'d str>)> {
    let lists = || drafts.taxonomies.as_ref().map(|(_, t)| &t.lists);
    let taxonomies_broken = drafts.broken.iter().any(|p| p.file == "taxonomies.yaml");
    Some(match &mention.sort {
        Sort::Role => ("a role", organisation?.roles.keys().map(String::as_str).collect()),
        Sort::Group => ("a group of organisation.yaml", organisation?.groups.keys().map(String::as_str).collect()),
        Sort::Calendar => ("a calendar of organisation.yaml", organisation?.calendars.keys().map(String::as_str).collect()),
        Sort::Taxonomy if taxonomies_broken => return None,
        Sort::Taxonomy => ("a list of taxonomies.yaml", lists().map(|l| l.keys().map(String::as_str).collect()).unwrap_or_default()),
        // A list that does not exist is told once, where it is named.
        Sort::ValueOf(list) => ("a value of that list", lists()?.get(list)?.keys().map(String::as_str).collect()),
        // Without fields everything that names one would be wrong; that there are none is told already.
        Sort::Field if kind?.fields.is_empty() => return None,
        Sort::Status => ("a status of this kind", kind?.statuses.iter().map(String::as_str).collect()),
        Sort::Field => ("a field of this kind", kind?.fields.keys().map(String::as_str).collect()),
        Sort::Transition => ("a transition of this kind", kind?.transitions.keys().map(String::as_str).collect()),
        Sort::Approval => ("a transition of this kind that needs approval", approvals(kind?)),
        Sort::Phase => ("a phase of this kind", phases(kind?).into_iter().chain(kind?.proofs.keys().map(String::as_str)).collect()),
        Sort::System => ("a system of organisation.yaml", organisation?.estate.systems.keys().map(String::as_str).collect()),
        Sort::Kind => {
            let read = drafts.kinds.iter().map(|(_, d)| d.kind.name.as_str());
            ("a kind", read.chain(drafts.broken_kinds.iter().map(String::as_str)).collect())
        }
        // A kind that is not there is passed over at run time.
        Sort::StatusOf(of) => {
            let (_, other) = drafts.kinds.iter().find(|(_, d)| d.kind.name == *of)?;
            ("a status of that kind", other.kind.statuses.iter().map(String::as_str).collect())
        }
        Sort::FieldOf(of) => ("a field of that kind", other_kind(drafts, of)?.fields.keys().map(String::as_str).collect()),
        Sort::TransitionOf(of) => ("a transition of that kind", other_kind(drafts, of)?.transitions.keys().map(String::as_str).collect()),
        Sort::Clock => ("a clock of this kind", kind?.clocks.keys().map(String::as_str).collect()),
    })
}

/// Another kind; one that is not there is passed over at run time.
fn other_kind<'d>(drafts: &'d Drafts, name: &str) -> Option<&'d Kind> {
    drafts.kinds.iter().find(|(_, d)| d.kind.name == name).map(|(_, d)| &d.kind)
}

fn approvals(kind: &Kind) -> Vec<&str> {
    kind.transitions.values().filter(|t| t.approval.is_some()).map(|t| t.name.as_str()).collect()
}

fn phases(kind: &Kind) -> Vec<&str> {
    kind.transitions.values().filter(|t| t.phase).map(|t| t.name.as_str()).collect()
}

/// Expressions read only what there is, and nothing that is sealed.
fn readings(page: &Page, kind: Option<&Kind>) {
    for reading in page.readings() {
        let member = reading.path.get(1).map(String::as_str);
        match (reading.path.first().map(String::as_str), member) {
            (Some("alert"), Some(_)) => member_of(page, &reading, 1, "an alert", &ALERT_MEMBERS),
            (Some("event"), Some(_)) => member_of(page, &reading, 1, "an event", &EVENT_MEMBERS),
            (Some("ticket"), Some("fields")) => field_of(page, &reading, kind),
            (Some("ticket"), Some("levels_seen")) => {
                let known: Vec<&str> = kind.iter().flat_map(|k| &k.scores).map(|s| s.sets.as_str()).collect();
                member_of(page, &reading, 2, "the scores of this kind", &known);
            }
            (Some("ticket"), Some("alerts")) => member_of(page, &reading, 2, "`ticket.alerts`", &ALERT_COUNTS),
            (Some("ticket"), Some("severity")) if kind.is_some_and(|k| !k.fields.contains_key("severity")) => {
                page.find_unknown(place(&reading, 1), "severity", "This kind has no field `severity`.");
            }
            (Some("ticket"), Some(_)) => member_of(page, &reading, 1, "a ticket", &TICKET_MEMBERS),
            (Some("phases"), Some(_)) => {
                let known = kind.map(phases).unwrap_or_default().into_iter().chain(["skippable"]).collect::<Vec<_>>();
                member_of(page, &reading, 1, "the phases of this kind", &known);
            }
            _ => {}
        }
    }
}

fn place(reading: &Reading, part: usize) -> At {
    reading.at.get(part).copied().unwrap_or_default()
}

fn member_of(page: &Page, reading: &Reading, part: usize, of: &str, known: &[&str]) {
    let Some(name) = reading.path.get(part) else { return };
    if !known.contains(&name.as_str()) {
        let hint = nearest(name, known.iter().copied());
        page.find(place(reading, part), format!("`{name}` is not part of {of}{hint}There are {}.", known.join(", ")));
    }
}

fn field_of(page: &Page, reading: &Reading, kind: Option<&Kind>) {
    let (Some(name), Some(kind)) = (reading.path.get(2), kind.filter(|k| !k.fields.is_empty())) else { return };
    match kind.fields.get(name) {
        None => {
            let hint = nearest(name, kind.fields.keys().map(String::as_str));
            page.find_unknown(place(reading, 2), name, format!("`{name}` is not a field of this kind{hint}Name one of its fields."));
        }
        Some(field) if field.sealed => {
            let message =
                format!("`{name}` is sealed, so no expression can read it; decide by a field that is a choice, a number or a yes or no.");
            page.find(place(reading, 2), message);
        }
        Some(_) => {}
    }
}

/// What must be there to end a ticket is what assessors look at, so its form marks it.
fn required_fields_are_audited(page: &Page, draft: &KindDraft) {
    let kind = &draft.kind;
    for transition in kind.transitions.values().filter(|t| kind.ended.contains(&t.to)) {
        for name in &transition.requires.fields {
            if let Some(field) = kind.fields.get(name).filter(|f| !f.audit) {
                let at = draft.fields_at.get(name).copied().unwrap_or_default();
                let message = format!("`{}` is required to {}, so assessors look at it; say `audit: true`.", field.name, transition.name);
                page.find(at, message);
            }
        }
    }
}

fn prefixes(drafts: &Drafts) {
    for (i, (page, draft)) in drafts.kinds.iter().enumerate() {
        let earlier = drafts.kinds.iter().take(i).find(|(_, d)| d.kind.prefix == draft.kind.prefix && !d.kind.prefix.is_empty());
        if let Some((other, _)) = earlier {
            page.find(draft.prefix_at, format!("`{}` is the prefix of {} already; choose another.", draft.kind.prefix, other.file));
        }
    }
}

type Prefill = BTreeMap<String, serde_json::Value>;

/// A response suits its kind. Gives the prefilled values.
fn response(page: &Page, draft: &ResponseDraft, drafts: &Drafts) -> Prefill {
    let name = &draft.response.kind;
    readings(page, None);
    let Some((_, KindDraft { kind, .. })) = drafts.kinds.iter().find(|(_, d)| d.kind.name == *name) else {
        if !name.is_empty() && !drafts.broken_kinds.contains(name) {
            let known = drafts.kinds.iter().map(|(_, d)| d.kind.name.as_str());
            let hint = nearest(name, known.clone());
            let names = known.collect::<Vec<_>>().join(", ");
            let there =
                if names.is_empty() { "There is none yet: put one into `kinds/`.".to_owned() } else { format!("There are {names}.") };
            page.find(draft.kind_at, format!("`{name}` is not a kind{hint}{there}"));
        }
        return Prefill::new();
    };
    mentions(page, Some(kind), drafts);
    if draft.response.severity.is_some() && !kind.fields.contains_key("severity") {
        let message = format!("The kind `{name}` has no field `severity`, so a response cannot say one.");
        page.find_unknown(draft.kind_at, "severity", message);
    } else {
        tried_out(page, draft, kind);
    }
    let mut out = Prefill::new();
    for (field, at, node) in &draft.prefill {
        let Some(of) = kind.fields.get(field).map(|f| &f.of) else { continue };
        let twice =
            (field == "title" && draft.response.ticket_title.is_some()) || (field == "severity" && draft.response.severity.is_some());
        if twice {
            page.find(*at, format!("`{field}` is said twice: here and by its own key."));
        }
        out.extend(value(page, node, of).map(|v| (field.clone(), v)));
    }
    // Taxonomy values became mentions just now.
    mentions(page, Some(kind), drafts);
    out
}

/// Tries a response's expressions on alerts of several severities and without labels: what cannot work there is told
/// now rather than at night.
fn tried_out(page: &Page, draft: &ResponseDraft, kind: &Kind) {
    let severities = match kind.fields.get("severity").map(|f| &f.of) {
        Some(FieldType::Choice(options)) => options.keys().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    for said in ["", "critical", "high", "error", "warning", "low", "info", "none"] {
        let alert = sample_alert(said);
        let matched = draft.response.matches.as_ref().map_or(Ok(true), |m| m.holds(&alert));
        if let Err(error) = matched {
            page.find(draft.matches_at, format!("On an alert whose severity is {said:?}, {error}."));
            return;
        }
        let severity = draft.response.severity.as_ref().map(|s| s.value(&alert));
        if let Some(Ok(value)) = severity
            && !value.as_str().is_some_and(|v| severities.contains(&v))
        {
            let known = severities.join(", ");
            page.find(
                draft.severity_at,
                format!("On an alert whose severity is {said:?} this says {value}, which is not a severity. There are {known}."),
            );
            return;
        }
    }
}

fn sample_alert(severity: &str) -> Variables {
    let mut alert: serde_json::Map<String, serde_json::Value> =
        ALERT_MEMBERS.iter().map(|member| ((*member).to_owned(), serde_json::Value::String(String::new()))).collect();
    for (member, value) in [("source", "example"), ("alert_id", "example"), ("rule", "Example"), ("title", "Example"), ("status", "firing")]
    {
        alert.insert(member.to_owned(), value.into());
    }
    alert.insert("severity".to_owned(), severity.into());
    for map in ["labels", "annotations"] {
        alert.insert(map.to_owned(), serde_json::json!({}));
    }
    for time in ["starts_at", "ends_at"] {
        alert.insert(time.to_owned(), serde_json::Value::Null);
    }
    let mut variables = Variables::new();
    variables.insert("alert".to_owned(), serde_json::Value::Object(alert));
    variables
}
