//! What a step still waits for, and the buttons that give it. What is missing is the engine's to say
//! ([`crate::ticket::missing`]); here it gets its words and its buttons.

use super::buttons::{Action, Button};
use super::freezes;
use super::scene::Scene;
use super::words::{humanise, list, with_article};
use crate::procedure::model::Transition;
use crate::procedure::rules::applies;
use crate::ticket::missing::{Missing as Lack, missing};

/// One thing that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What, in a few words, as in "a note on what was found and done", or a condition's own sentence.
    pub what: String,
    /// What gives it.
    pub gives: Vec<Button>,
}

/// How many things `transition` still waits for.
#[must_use]
pub fn count(scene: &Scene<'_>, transition: &Transition) -> usize {
    missing(scene.ticket, scene.kind, scene.response, transition, scene.people).len()
}

/// What `transition` still waits for beside the fields that its own form asks for, and conditions on them.
#[must_use]
pub fn beside_fields(scene: &Scene<'_>, transition: &Transition) -> Vec<Missing> {
    let lacks = missing(scene.ticket, scene.kind, scene.response, transition, scene.people);
    let in_form = |lack: &Lack| matches!(lack, Lack::Field { name, .. } if transition.requires.fields.contains(name));
    let lacks = lacks.iter().filter(|lack| !in_form(lack) && !matches!(lack, Lack::Guard { .. } | Lack::Condition { .. }));
    let lacks = lacks.map(|lack| Missing { what: lack.words(), gives: gives(scene, lack) });
    lacks.chain(links_wanted(scene, transition)).collect()
}

/// Records that must be linked before `transition`, and of which none is yet. Whether one that is linked will do is judged when
/// the step is taken.
#[must_use]
pub fn links_wanted(scene: &Scene<'_>, transition: &Transition) -> Vec<Missing> {
    let linked = |word: &str| scene.ticket.links.iter().any(|link| link.link == word && link.to.is_some());
    // Of what may be left out nothing is wanted.
    let needed = transition.requires.linked.iter().filter(|rule| !rule.if_any);
    let rules = needed.filter(|rule| applies(rule.when.as_ref(), scene.variables()) && !linked(&rule.link));
    let wanted = rules.map(|rule| {
        let standing: Vec<String> = rule.standing.iter().map(|status| humanise(status).to_lowercase()).collect();
        let kind = with_article(&humanise(&rule.kind).to_lowercase());
        let what = format!("{kind} that is {}, linked as “{}”", list(&standing, "or"), humanise(&rule.link).to_lowercase());
        Missing { what, gives: vec![link(&rule.link)] }
    });
    let frozen = !freezes::excepted(scene.ticket) && !freezes::in_the_way(scene, transition).is_empty() && window_chosen(scene, transition);
    let exception = || Missing {
        what: format!(
            "an exception of type freeze that was approved, linked as “{}”, or another time",
            humanise(freezes::EXCEPTION).to_lowercase()
        ),
        gives: vec![link(freezes::EXCEPTION)],
    };
    wanted.chain(frozen.then(exception)).collect()
}

/// Whether the time is known by which a freeze is judged.
fn window_chosen(scene: &Scene<'_>, transition: &Transition) -> bool {
    let held = |field: &String| scene.ticket.plain(field).is_some();
    transition.requires.unfrozen.iter().all(|rule| rule.window.as_ref().is_none_or(|(from, to)| held(from) && held(to)))
}

fn link(word: &str) -> Button {
    Button::form("Link", "To a ticket or something outside.", Action::Link(Some(word.to_owned())))
}

fn gives(scene: &Scene<'_>, lack: &Lack) -> Vec<Button> {
    match lack {
        // What is to be proved cannot be waived.
        Lack::Evidence { phase, .. } if scene.kind.proofs.contains_key(phase) => {
            vec![Button::form("Add evidence", "A file that shows it.", Action::Evidence(Some(phase.clone())))]
        }
        Lack::Notes { .. } => vec![Button::form("Add a note", "What was found and done.", Action::Note)],
        Lack::Evidence { phase, .. } => vec![
            Button::form("Add evidence", "A file that shows it.", Action::Evidence(Some(phase.clone()))),
            Button::form("There is none…", "Say why there is no evidence.", Action::WaiveEvidence(phase.clone())),
        ],
        Lack::Link { link: word, .. } => vec![link(word)],
        Lack::Task { task, .. } => vec![
            Button::form("Done", "It was done.", Action::TaskDone(*task)),
            Button::form("Not needed…", "Say why it is not needed here.", Action::TaskWaive(*task)),
        ],
        Lack::Field { .. } => vec![Button::form("Edit fields", "Set what is known.", Action::Edit)],
        Lack::Guard { .. } | Lack::Condition { .. } | Lack::Approval { .. } | Lack::Rejected { .. } | Lack::Reason { .. } => Vec::new(),
    }
}
