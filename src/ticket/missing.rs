//! What a transition still lacks. Cards ask ("can close once two things are there"), and decisions ask the same.

use super::approval;
use super::decide::PeopleView;
use super::number::Number;
use super::state::Ticket;
use super::view;
use crate::procedure::model::{Kind, OwedWhat, Response, Transition};
use crate::procedure::rules::{Also, applies};

/// One thing that is not there yet.
#[expect(missing_docs, reason = "each variant's sentence says what its fields are")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// A field is empty.
    Field { name: String, label: String },
    /// So many more notes by people.
    Notes { more: usize },
    /// So many more pieces of evidence for a phase, or a reasoned waiver.
    Evidence { phase: String, label: String, more: usize },
    /// A link of this kind; a reason why there is none will do as well when `or_reason`.
    Link { link: String, or_reason: bool },
    /// A task that is neither done nor waived.
    Task { task: i64, text: String },
    /// A condition of the procedure, in its own words.
    Guard { says: String },
    /// Something that time, an approval that must still stand or another record keeps from happening, in its own words.
    Condition { code: &'static str, says: String },
    /// So many more approvals by one of these roles.
    Approval { stage: usize, by: Vec<String>, more: usize },
    /// Somebody said no to what stands there now.
    Rejected { person: String },
    /// The taker has not said why, and why that is wanted. It comes with the step, so only the taking lacks it.
    Reason { because: String },
}

impl Missing {
    /// Every name that [`Self::code`] gives.
    pub const CODES: &[&'static str] = &[
        "ApprovalMissing",
        "ApprovalStale",
        "ConditionNotMet",
        "EvidenceMissing",
        "FieldMissing",
        "Frozen",
        "LinesOpen",
        "LinkMissing",
        "NotInTheFuture",
        "NotOffered",
        "NoteMissing",
        "OutsideWindow",
        "RecordMissing",
        "Rejected",
        "TaskOpen",
        "TooEarly",
        "Unconfirmed",
    ];

    /// The reason as one word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Field { .. } => "FieldMissing",
            Self::Notes { .. } => "NoteMissing",
            Self::Evidence { .. } => "EvidenceMissing",
            Self::Link { .. } => "LinkMissing",
            Self::Task { .. } => "TaskOpen",
            Self::Guard { .. } => "ConditionNotMet",
            Self::Condition { code, .. } => code,
            Self::Approval { .. } => "ApprovalMissing",
            Self::Rejected { .. } => "Rejected",
            Self::Reason { .. } => "ReasonMissing",
        }
    }

    /// As a part of a sentence: "the root cause". A guard speaks for itself ([`sentence_of`]).
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Field { label, .. } => format!("the {}", lower_first(label)),
            Self::Notes { more: 1 } => "a note on what was found and done".into(),
            Self::Notes { more } => format!("{} notes on what was found and done", count(*more)),
            Self::Evidence { label, more: 1, .. } => format!("evidence for “{label}”"),
            Self::Evidence { label, more, .. } => format!("{} pieces of evidence for “{label}”", count(*more)),
            Self::Link { link, or_reason: true } => format!("a “{}” link, or the reason why there is none", spaced(link)),
            Self::Link { link, or_reason: false } => format!("a “{}” link", spaced(link)),
            Self::Task { text, .. } => format!("the task “{text}”"),
            Self::Guard { says } | Self::Condition { says, .. } => says.clone(),
            Self::Approval { by, more: 1, .. } => format!("an approval by {}", by.join(" or ")),
            Self::Approval { by, more, .. } => format!("{} approvals by {}", count(*more), by.join(" or ")),
            Self::Rejected { .. } => "a new decision, since this was rejected".into(),
            Self::Reason { .. } => "a reason".into(),
        }
    }

    /// Field name and sentence, when a form can show it beside a field.
    #[must_use]
    pub fn field_problem(&self) -> Option<(String, String)> {
        match self {
            Self::Field { name, label } => Some((name.clone(), format!("Please fill in: {}.", lower_first(label)))),
            Self::Reason { because } => Some(("reason".into(), format!("Needed: {because}."))),
            _ => None,
        }
    }
}

/// "INC-000042 can close once two things are there: the root cause, and evidence for “Contained”." `verb` is the
/// transition's name, or "be opened".
#[must_use]
pub fn sentence_of(ticket: Option<&Number>, verb: &str, missing: &[Missing]) -> String {
    let guards: Vec<&str> = missing
        .iter()
        .filter_map(|m| if let Missing::Guard { says } | Missing::Condition { says, .. } = m { Some(says.as_str()) } else { None })
        .collect();
    let speaks = |m: &&Missing| !matches!(m, Missing::Guard { .. } | Missing::Condition { .. });
    let things: Vec<String> = missing.iter().filter(speaks).map(Missing::words).collect();
    let subject = ticket.map_or_else(|| "This".to_owned(), Number::to_string);
    let verb = spaced(verb);
    let listed = match things.split_last() {
        None => String::new(),
        Some((only, [])) => format!("{subject} can {verb} once one thing is there: {only}."),
        Some((last, others)) => {
            format!("{subject} can {verb} once {} things are there: {}, and {last}.", count(things.len()), others.join(", "))
        }
    };
    let mut parts: Vec<&str> = Vec::new();
    if !listed.is_empty() {
        parts.push(&listed);
    }
    parts.extend(guards);
    parts.join(" ")
}

fn count(n: usize) -> String {
    const WORDS: [&str; 13] = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
    WORDS.get(n).map_or_else(|| n.to_string(), |w| (*w).to_owned())
}

pub(super) fn lower_first(label: &str) -> String {
    let mut chars = label.chars();
    match (chars.next(), chars.next()) {
        // An abbreviation keeps its capitals.
        (Some(first), Some(second)) if !second.is_uppercase() => format!("{}{}", first.to_lowercase(), &label[first.len_utf8()..]),
        _ => label.to_owned(),
    }
}

fn spaced(link: &str) -> String {
    link.replace('_', " ")
}

/// What is missing for `transition`, whoever takes it. That the taker must be a second person is asked when somebody
/// takes it (`take.rs`).
#[must_use]
pub fn missing(
    ticket: &Ticket,
    kind: &Kind,
    response: Option<&Response>,
    transition: &Transition,
    people: &dyn PeopleView,
) -> Vec<Missing> {
    let mut out = Vec::new();
    let variables = view::variables(ticket, kind, response);
    let also: Vec<&Also> = transition.requires.also.iter().filter(|also| applies(Some(&also.when), &variables)).collect();
    fields(ticket, kind, transition, &also, &mut out);
    let notes = usize::try_from(ticket.notes).unwrap_or(0);
    let wanted = usize::try_from(transition.requires.notes).unwrap_or(usize::MAX);
    if notes < wanted {
        out.push(Missing::Notes { more: wanted - notes });
    }
    evidence(ticket, kind, response, (transition, &also), &mut out);
    for (link, or_reason) in &transition.requires.links {
        if !ticket.links.iter().any(|l| l.link == *link && (*or_reason || !l.reason_only)) {
            out.push(Missing::Link { link: link.clone(), or_reason: *or_reason });
        }
    }
    if transition.requires.tasks {
        let open = ticket.tasks.iter().filter(|t| t.settled_by.is_none());
        out.extend(open.map(|t| Missing::Task { task: t.task, text: t.text.clone() }));
    }
    for guard in &transition.requires.not {
        // A guard that cannot be evaluated refuses: never let something pass because a condition is broken.
        if guard.when.holds(&variables).unwrap_or(true) {
            out.push(Missing::Guard { says: guard.says.clone() });
        }
    }
    approval::missing(ticket, transition, &variables, people, &mut out);
    out
}

fn fields(ticket: &Ticket, kind: &Kind, transition: &Transition, also: &[&Also], out: &mut Vec<Missing>) {
    let owed = owed_by(ticket, kind, transition).filter_map(|(_, what)| match what {
        OwedWhat::Field(name) => Some(name),
        OwedWhat::Evidence(_) => None,
    });
    let more = also.iter().flat_map(|a| &a.fields);
    for name in transition.requires.fields.iter().chain(more).chain(owed) {
        let listed = out.iter().any(|m| matches!(m, Missing::Field { name: n, .. } if n == name));
        if !ticket.fields.contains_key(name) && !listed {
            let label = kind.fields.get(name).map_or(name, |f| &f.label);
            out.push(Missing::Field { name: name.clone(), label: label.clone() });
        }
    }
}

fn evidence(
    ticket: &Ticket,
    kind: &Kind,
    response: Option<&Response>,
    (transition, also): (&Transition, &[&Also]),
    out: &mut Vec<Missing>,
) {
    let more = also.iter().flat_map(|a| &a.evidence);
    let mut wanted: Vec<(&str, usize)> = transition.requires.evidence.iter().chain(more).map(|p| (p.as_str(), 1)).collect();
    wanted.dedup();
    for (phase, what) in owed_by(ticket, kind, transition) {
        if let OwedWhat::Evidence(n) = what {
            let n = usize::try_from(*n).unwrap_or(usize::MAX);
            match wanted.iter_mut().find(|(p, _)| *p == phase) {
                Some((_, have)) => *have = (*have).max(n),
                None => wanted.push((phase, n)),
            }
        }
    }
    for (phase, n) in wanted {
        let waived = ticket.evidence_waived.contains(phase) || response.is_some_and(|r| r.not_applicable.contains(phase));
        let have = ticket.evidence_of(phase);
        if !waived && have < n {
            let label = view::label(kind, response, phase).to_owned();
            out.push(Missing::Evidence { phase: phase.to_owned(), label, more: n - have });
        }
    }
}

/// What transitions that were taken left for `transition`.
fn owed_by<'a>(ticket: &'a Ticket, kind: &'a Kind, transition: &'a Transition) -> impl Iterator<Item = (&'a str, &'a OwedWhat)> {
    kind.transitions
        .values()
        .filter(|t| ticket.steps.iter().any(|s| s.transition == t.name))
        .flat_map(|t| t.wants.iter().map(move |w| (t.name.as_str(), w)))
        .filter(|(_, w)| w.by == transition.name)
        .map(|(name, w)| (name, &w.what))
}
