//! Approvals on a card: what was decided, what still waits, and the forms to decide and to take a decision back.

use std::collections::BTreeSet;

use super::buttons::{Action, Button};
use super::form::{Choice, Form, FormField, Input, Needed};
use super::live::FactLine;
use super::scene::Scene;
use super::words::{Words, any_of, list, number_word};
use crate::env::Timestamp;
use crate::procedure::model::{Approval, FieldType, Transition};
use crate::ticket::approval::{digest, open_stage, standing, stands};
use crate::ticket::nudge;
use crate::ticket::offer::starts;
use crate::ticket::spoken;

/// People whom a line names at most.
const NAMED: usize = 4;
/// What stands in place of an approved field that is empty.
const EMPTY: &str = "(empty)";

/// The steps that can be taken now and need approvals.
fn waiting<'a>(scene: &Scene<'a>) -> Vec<(&'a Transition, &'a Approval)> {
    let waits = |t: &&Transition| {
        let starts = starts(scene.ticket, scene.kind, scene.response, t) && !stands(scene.ticket, t);
        starts || spoken::waits(scene.ticket, t)
    };
    scene.kind.transitions.values().filter(waits).filter_map(|t| Some((t, t.approval.as_ref()?))).collect()
}

/// Whether the reader asked for this ticket, and so can never approve it.
fn own(scene: &Scene<'_>) -> bool {
    scene.is_own_request()
}

/// What deciding on a step is called: “Approve or reject”, and which step, where that does not say it already.
#[must_use]
pub fn to_decide(step: &str) -> String {
    if step == "Approve" { "Approve or reject".to_owned() } else { format!("Approve or reject: {step}") }
}

/// The decisions that wait for the reader.
pub(super) fn decisions(scene: &Scene<'_>) -> Vec<Button> {
    let button = |(transition, _): (&Transition, &Approval)| {
        let label = to_decide(&scene.label(transition));
        let button = Button::form(&label, "Shows what is approved, and asks for your reason.", Action::Decide(transition.name.clone()));
        Button { binding: digest(scene.ticket, transition), ..button }
    };
    waiting(scene).into_iter().filter(|(transition, _)| scene.decides(transition)).map(button).collect()
}

/// Whoever asked for it may ask those who decide once more, a day after the last time.
pub(super) fn nudge(scene: &Scene<'_>) -> Option<Button> {
    let lately = scene.ticket.nudged.is_some_and(|at| scene.now < at.plus(nudge::EVERY));
    let waits = scene.waits().is_some_and(|waits| !waits.on.is_empty());
    let mine = scene.reader().is_some() && own(scene);
    (mine && waits && !lately)
        .then(|| Button::click("Ask again", "Those who decide see that you ask once more; once a day.", Action::Nudge))
}

/// “It waits for Chi Park or Dana Ruiz since 10:04.”
fn waiting_line(scene: &Scene<'_>) -> Option<Words> {
    let waits = scene.waits()?;
    let mut names: Vec<String> = waits.on.iter().take(NAMED).map(|person| scene.known.person(person)).collect();
    if waits.on.len() > NAMED {
        names.push(format!("{} others", number_word(waits.on.len() - NAMED)));
    }
    let on = if names.is_empty() { "somebody who may decide; nobody here may now".to_owned() } else { list(&names, "or") };
    Some(Words::of(format!("It waits for {on} since ")).time(waits.since).text("."))
}

/// The reader's own decisions, which can be taken back.
pub(super) fn withdrawals(scene: &Scene<'_>) -> Vec<Button> {
    let Some(reader) = scene.reader().filter(|_| !scene.ticket.ended) else { return Vec::new() };
    let pending = scene.ticket.approvals.iter().filter(|(_, given)| given.iter().any(|a| a.person == reader)).map(|(name, _)| name);
    // What was granted can be taken back until a step was taken that relied on it.
    let relies = |step: &str, name: &str| {
        scene.kind.transitions.get(step).is_some_and(|t| t.requires.approved.iter().any(|approved| approved.by == name))
    };
    let granted = scene.ticket.granted.iter().filter(|(name, granted)| {
        let used = scene.ticket.steps.iter().any(|step| step.at >= granted.at && relies(&step.transition, name));
        !used && granted.given.iter().any(|a| a.person == reader)
    });
    let mine: BTreeSet<&String> = pending.chain(granted.map(|(name, _)| name)).collect();
    let button = |name: &String| {
        let label = scene.kind.transitions.get(name).map_or_else(|| name.clone(), |t| scene.label(t));
        Button::form(
            &format!("Take back my decision: {label}"),
            "Your decision no longer counts; it stays in the record.",
            Action::Withdraw(name.clone()),
        )
    };
    mine.into_iter().map(button).collect()
}

/// What was decided on each step that needs approvals, and what it still waits for.
pub(super) fn lines(scene: &Scene<'_>) -> Vec<Words> {
    let lines = waiting(scene).into_iter().flat_map(|(transition, approval)| lines_of(scene, transition, approval));
    lines.chain(waiting_line(scene)).collect()
}

fn lines_of(scene: &Scene<'_>, transition: &Transition, approval: &Approval) -> Vec<Words> {
    let label = scene.label(transition);
    let standing = standing(scene.ticket, transition, scene.people);
    let mut out = Vec::new();
    for given in scene.ticket.approvals.get(&transition.name).map_or(&[][..], Vec::as_slice) {
        let verb = if given.approved { "approved" } else { "rejected" };
        let words = Words::new().name(scene.known.person(&given.person)).text(format!(" {verb} “{label}” at ")).time(given.at);
        let counts = standing.iter().any(|s| s.seq == given.seq);
        out.push(words.text(if counts { "." } else { ". It no longer counts: what was decided on has changed, or who decided has left." }));
    }
    if let Some((stage, more)) = open_stage(approval, &standing, scene.variables()).filter(|_| standing.iter().all(|s| s.approved)) {
        let by = approval.stages.get(stage).map_or(&[][..], |s| s.by.as_slice());
        let count = if more == 1 { "an approval".to_owned() } else { format!("{} approvals", number_word(more)) };
        out.push(Words::of(format!("“{label}” still needs {count} by {}.", any_of(by))));
    }
    out
}

/// The form to decide on `transition`; none when it needs no approval. It shows what is approved, and is bound to it.
pub(super) fn decide_form(scene: &Scene<'_>, transition: &Transition) -> Option<Form> {
    let approval = transition.approval.as_ref()?;
    let verdict = [("approve", "Approve"), ("reject", "Reject")].map(|(value, label)| Choice { value: value.into(), label: label.into() });
    let stages: Vec<String> = approval.stages.iter().map(|stage| any_of(&stage.by)).collect();
    Some(Form {
        intro: format!("It needs the approval of {}. Your decision counts for exactly what stands here.", list(&stages, "and then")),
        statement: statement(scene, transition, approval),
        first: scene.own_part().map(|part| Words::of(format!("{}, so somebody else must decide.", part.sentence("this")))),
        blocked: own(scene),
        fields: vec![
            FormField::plain("decision", "Your decision", "It is recorded under your name.", Input::Choice(verdict.to_vec()), Needed::Now),
            reason("Why, for somebody who reads it in a year."),
        ],
        binding: digest(scene.ticket, transition),
        ..Form::new(to_decide(&scene.label(transition)), Action::Decide(transition.name.clone()), "Record my decision")
    })
}

fn statement(scene: &Scene<'_>, transition: &Transition, approval: &Approval) -> Vec<FactLine> {
    let line = |label: &str, value: String| FactLine { label: label.to_owned(), value: Words::of(value) };
    let mut out = vec![line("Ticket", format!("{} {}", scene.ticket.number, scene.title())), line("Step", scene.label(transition))];
    for field in approval.of.iter().filter_map(|name| scene.kind.fields.get(name)) {
        let shown = scene.shown(field).join(", ");
        // A moment is shown as one; it is bound as it stands in the record.
        let at = Timestamp::parse(&shown).filter(|_| matches!(field.of, FieldType::Time));
        out.push(match at {
            Some(at) => FactLine { label: field.label.clone(), value: Words::new().time(at) },
            None => line(&field.label, if shown.is_empty() { EMPTY.to_owned() } else { shown }),
        });
    }
    out
}

pub(super) fn reason(help: &str) -> FormField {
    FormField::plain("reason", "Reason", help, Input::Text(2_000), Needed::Now)
}

#[cfg(test)]
mod tests {
    use super::super::buttons;
    use super::super::form::FIELD;
    use super::super::samples::{Stage, at, opened, organisation};
    use super::*;
    use crate::procedure::model::ApprovalStage;
    use crate::ticket::event::Actor;
    use crate::ticket::state::{ApprovalGiven, Ticket};

    /// Acknowledging needs Dana's approval of the severity.
    fn stage() -> Stage {
        let mut stage = Stage::new();
        let by = vec!["incident-manager".to_owned()];
        let approval = Approval {
            stages: vec![ApprovalStage { by, count: 1, when: None, otherwise: Vec::new() }],
            of: vec!["severity".to_owned()],
            on_rejection: None,
        };
        stage.kind.transitions["acknowledge"].approval = Some(approval);
        stage
    }

    fn person(id: &str, role: &str) -> Actor {
        Actor::Person { id: id.to_owned(), roles: vec![role.to_owned()] }
    }

    fn approved(ticket: &mut Ticket, stage: &Stage) {
        let digest = digest(ticket, &stage.kind.transitions["acknowledge"]).expect("it needs approval");
        let given = ApprovalGiven {
            person: "p_dana".into(),
            roles: vec![],
            stage: 0,
            approved: true,
            digest,
            at: at("03:05"),
            seq: 60,
            instead_of: None,
            self_approved: false,
        };
        ticket.approvals.insert("acknowledge".into(), vec![given]);
    }

    #[test]
    fn the_decision_is_offered_to_those_who_may_take_it_and_shows_what_is_approved() {
        let (stage, ticket, organisation) = (stage(), opened(), organisation());
        let offered = |id: &str, role: &str| {
            let scene = stage.scene(&ticket, at("03:03")).seen_by(person(id, role), &organisation);
            decisions(&scene).len()
        };
        assert_eq!((offered("p_dana", "incident-manager"), offered("p_ana", "responder")), (1, 0));
        let scene = stage.scene(&ticket, at("03:03"));
        let form = decide_form(&scene, &stage.kind.transitions["acknowledge"]).expect("a form");
        let shown: Vec<String> = form.statement.iter().map(|f| f.value.plain(chrono_tz::UTC, at("03:03"))).collect();
        assert_eq!(shown, ["INC-000042 payments-api is down", "Acknowledge", "sev1: customers or CUI at stake now"]);
        assert_eq!(form.binding, digest(&ticket, &stage.kind.transitions["acknowledge"]));
        assert!(form.fields.iter().all(|f| f.needed == Needed::Now && !f.name.starts_with(FIELD)));
    }

    #[test]
    fn a_decision_is_said_can_be_taken_back_and_stops_counting_when_its_field_changes() {
        let (stage, mut ticket, organisation) = (stage(), opened(), organisation());
        let said = |ticket: &Ticket| {
            let scene = stage.scene(ticket, at("03:10"));
            lines(&scene).iter().map(|w| w.plain(chrono_tz::UTC, at("03:10"))).collect::<Vec<_>>()
        };
        assert_eq!(said(&ticket), ["“Acknowledge” still needs an approval by an incident manager."]);
        approved(&mut ticket, &stage);
        assert_eq!(said(&ticket), ["Dana Okafor approved “Acknowledge” at 03:05."]);
        let scene = stage.scene(&ticket, at("03:10")).seen_by(person("p_dana", "incident-manager"), &organisation);
        assert!(buttons::more(&scene).iter().any(|b| b.label == "Take back my decision: Acknowledge"));
        assert!(decisions(&scene).is_empty(), "it is decided");
        ticket.fields.remove("severity");
        assert!(said(&ticket)[0].ends_with("It no longer counts: what was decided on has changed, or who decided has left."));
    }

    #[test]
    fn who_asked_is_told_that_somebody_else_decides() {
        let (stage, mut ticket, organisation) = (stage(), opened(), organisation());
        ticket.opened_by = person("p_dana", "incident-manager");
        let scene = stage.scene(&ticket, at("03:03")).seen_by(person("p_dana", "incident-manager"), &organisation);
        assert!(decisions(&scene).is_empty());
        assert!(decide_form(&scene, &stage.kind.transitions["acknowledge"]).expect("a form").blocked);
    }
}
