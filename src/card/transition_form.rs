//! The form of a step: what the procedure asks for, what it requires, what can wait.

use super::buttons::Action;
use super::form::{Choice, Form, FormField, Input, Needed};
use super::missing;
use super::scene::Scene;
use super::words::{Words, list};
use crate::procedure::model::{Ask, OwedWhat, Requires, Transition};

/// The form of `transition`. `people` are those who can be chosen where a field wants a person.
#[must_use]
pub fn transition_form(scene: &Scene<'_>, transition: &Transition, people: &[Choice]) -> Form {
    let mut fields = procedure_fields(scene, transition, people);
    fields.extend(transition.asks.iter().filter_map(|ask| asked(scene, ask)));
    Form {
        title: scene.label(transition),
        intro: transition.help.clone(),
        action: Action::Step(transition.name.clone()),
        fields,
        missing: missing::beside_fields(scene, transition),
        notices: notices(scene, transition),
        error: None,
        submit: scene.label(transition),
        binding: Some((scene.binding)(transition)),
    }
}

/// Fields that are required, asked for, or owed later, in the procedure's order.
fn procedure_fields(scene: &Scene<'_>, transition: &Transition, people: &[Choice]) -> Vec<FormField> {
    let owed_by = |name: &str| {
        let owed = transition.wants.iter().find(|owed| matches!(&owed.what, OwedWhat::Field(field) if field == name))?;
        Some(scene.kind.transitions.get(&owed.by).map_or_else(|| owed.by.clone(), |t| scene.label(t)))
    };
    let asked = |name: &str| transition.asks.iter().any(|ask| matches!(ask, Ask::Field(field) if field == name));
    let needed = |name: &str| match owed_by(name) {
        _ if transition.requires.fields.iter().any(|f| f == name) => Some(Needed::Now),
        Some(step) => Some(Needed::OwedBy(step)),
        None => asked(name).then_some(Needed::No),
    };
    scene.kind.fields.values().filter_map(|field| needed(&field.name).map(|n| FormField::held(scene, field, people, n))).collect()
}

/// What a step asks for beyond fields.
fn asked(scene: &Scene<'_>, ask: &Ask) -> Option<FormField> {
    Some(match ask {
        Ask::Field(_) => return None,
        Ask::Line => FormField::plain("line", "What was done", "One line is enough, and it can stay empty.", Input::Line(200), Needed::No),
        Ask::Reason => FormField::plain("reason", "Reason", "Why, in a sentence that somebody else understands in a year.", Input::Text(2_000), Needed::Now),
        Ask::Ticket => {
            let help = format!("The other ticket's number, such as {}-000042.", scene.kind.prefix);
            FormField::plain("other", "Which ticket", &help, Input::Ticket, Needed::Now)
        }
        Ask::When => FormField::plain("occurred_at", "When it happened", "Leave it empty for just now.", Input::Time, Needed::No),
    })
}

fn notices(scene: &Scene<'_>, transition: &Transition) -> Vec<Words> {
    let mut out = Vec::new();
    for owed in &transition.wants {
        if let OwedWhat::Evidence(_) = owed.what {
            let by = scene.kind.transitions.get(&owed.by).map_or_else(|| owed.by.clone(), |t| scene.label(t));
            out.push(Words::of(format!("Evidence can follow later; it is owed before “{by}”.")));
        }
    }
    out.extend(second_person(scene, &transition.requires));
    if let Some(approval) = &transition.approval {
        let roles: Vec<String> = approval.stages.iter().flat_map(|s| s.by.iter().map(|r| r.replace('-', " "))).collect();
        out.push(Words::of(format!("It needs the approval of: {}.", list(&roles, "or"))));
    }
    out
}

fn second_person(scene: &Scene<'_>, requires: &Requires) -> Option<Words> {
    let wanted = requires.second_person.as_ref().is_some_and(|s| s.when.as_ref().is_none_or(|when| (scene.holds)(when)));
    let latest_phase = scene.ticket.steps.iter().rev().find(|s| s.phase).map(|s| &s.by);
    let first = latest_phase.or_else(|| scene.ticket.opened_by.person().map(|_| &scene.ticket.opened_by))?;
    wanted.then(|| Words::of("Somebody other than ").name(scene.known.actor(first)).text(" must take this step."))
}
