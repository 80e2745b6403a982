//! What a step still waits for, and the button that gives it.

use super::buttons::{Action, Button};
use super::scene::Scene;
use super::words::{count, humanise, uncapitalise};
use crate::procedure::model::{Requires, Transition};

/// One thing that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What, in a few words, as in "a note on what was found".
    pub what: String,
    /// What gives it.
    pub gives: Vec<Button>,
}

impl Missing {
    fn of(what: impl Into<String>, gives: Vec<Button>) -> Self {
        Self { what: what.into(), gives }
    }
}

/// What `transition` still waits for beside the fields that its own form asks for. The decision itself is made by
/// the engine; this is what a person is shown before.
#[must_use]
pub fn beside_fields(scene: &Scene<'_>, transition: &Transition) -> Vec<Missing> {
    let requires = &transition.requires;
    let mut out = Vec::new();
    out.extend(notes(scene, requires));
    out.extend(evidence(scene, requires));
    out.extend(links(scene, requires));
    out.extend(tasks(scene, requires));
    out
}

/// The required fields that are empty, by label.
#[must_use]
pub fn fields(scene: &Scene<'_>, transition: &Transition) -> Vec<String> {
    let empty = |name: &&String| scene.texts(name).is_empty();
    let label = |name: &String| scene.kind.fields.get(name).map_or_else(|| humanise(name), |f| f.label.clone());
    transition.requires.fields.iter().filter(empty).map(label).collect()
}

fn notes(scene: &Scene<'_>, requires: &Requires) -> Option<Missing> {
    let (wanted, there) = (i64::from(requires.notes), scene.ticket.notes);
    let what = if wanted == 1 {
        "a note on what was found or done".to_owned()
    } else {
        format!("{} (there are {there})", count(wanted, "note", "notes"))
    };
    (there < wanted).then(|| Missing::of(what, vec![Button::form("Add a note", "What was found or done.", Action::Note)]))
}

fn evidence(scene: &Scene<'_>, requires: &Requires) -> Vec<Missing> {
    let ticket = scene.ticket;
    let there = |phase: &str| ticket.evidence_waived.contains(phase) || ticket.files.iter().any(|f| f.phase.as_deref() == Some(phase));
    let applies = |phase: &&String| scene.response.is_none_or(|r| !r.not_applicable.contains(*phase));
    let missing = |phase: &String| {
        let label = scene.kind.transitions.get(phase).map_or_else(|| humanise(phase), |t| scene.label(t));
        Missing::of(
            format!("evidence for “{label}”"),
            vec![
                Button::form("Add evidence", "A file that shows it.", Action::Evidence(Some(phase.clone()))),
                Button::form("There is none…", "Say why there is no evidence.", Action::WaiveEvidence(phase.clone())),
            ],
        )
    };
    requires.evidence.iter().filter(applies).filter(|phase| !there(phase)).map(missing).collect()
}

fn links(scene: &Scene<'_>, requires: &Requires) -> Vec<Missing> {
    let there = |link: &str| scene.ticket.links.iter().any(|l| l.link == link);
    let missing = |(link, or_reason): (&String, &bool)| {
        let words = uncapitalise(&humanise(link));
        let what =
            if *or_reason { format!("a link “{words}”, or the reason why there is none") } else { format!("a link “{words}”") };
        Missing::of(what, vec![Button::form("Link", "To a ticket or something outside.", Action::Link(Some(link.clone())))])
    };
    requires.links.iter().filter(|(link, _)| !there(link)).map(missing).collect()
}

fn tasks(scene: &Scene<'_>, requires: &Requires) -> Option<Missing> {
    let open = scene.ticket.tasks.iter().filter(|t| t.settled_by.is_none()).count();
    let what = count(
        i64::try_from(open).unwrap_or(i64::MAX),
        "open task: tick it off, or say why it is not needed",
        "open tasks: tick them off, or say why they are not needed",
    );
    (requires.tasks && open > 0).then(|| Missing::of(what, Vec::new()))
}
