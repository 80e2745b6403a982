//! The form of a step: what the procedure asks for, what it requires, what can wait.

use super::buttons::Action;
use super::form::{Choice, FIELD, Form, FormField, Input, Needed};
use super::freezes;
use super::missing;
use super::scene::Scene;
use super::words::{Words, any_of, list};
use crate::procedure::model::{Ask, OwedWhat, Transition};

/// The form of `transition`. `people` are those who can be chosen where a field wants a person.
#[must_use]
pub fn transition_form<'k>(scene: &Scene<'k>, transition: &'k Transition, people: &[Choice]) -> Form {
    let steps = scene.with_then(transition);
    let mut fields = procedure_fields(scene, &steps, people);
    for ask in steps.iter().flat_map(|step| &step.asks).filter_map(|ask| asked(scene, ask)) {
        if fields.iter().all(|field| field.name != ask.name) {
            fields.push(ask);
        }
    }
    let allowed = scene.may_take(transition);
    let somebody_else = (!allowed).then(|| Words::of(format!("“{}” is for {}.", scene.label(transition), any_of(&transition.by))));
    let typed = fields.iter().any(|f| f.name.starts_with(FIELD));
    let ends = steps.last().is_some_and(|last| scene.kind.ended.contains(&last.to));
    let label = scene.label_with(transition);
    let save = if ends { "Save without closing" } else { "Save for later" };
    Form {
        intro: transition.help.clone(),
        first: somebody_else.or_else(|| second_person(scene, transition)),
        blocked: !allowed || scene.needs_somebody_else(transition),
        at_once: transition.proposes && fields.iter().all(|field| field.needed == Needed::No),
        fields,
        missing: steps.iter().flat_map(|step| missing::beside_fields(scene, step)).collect(),
        notices: notices(scene, transition),
        save: (typed && !scene.ticket.ended && scene.may_work()).then(|| save.to_owned()),
        binding: Some(scene.binding(transition)),
        ..Form::new(label.clone(), Action::Step(transition.name.clone()), label)
    }
}

/// Fields that are required, asked for, or owed later, in the procedure's order.
fn procedure_fields<'k>(scene: &Scene<'k>, steps: &[&'k Transition], people: &[Choice]) -> Vec<FormField> {
    let owed_by = |name: &str| {
        let wants = &mut steps.iter().flat_map(|step| &step.wants);
        let owed = wants.find(|owed| matches!(&owed.what, OwedWhat::Field(field) if field == name))?;
        Some(scene.kind.transitions.get(&owed.by).map_or_else(|| owed.by.clone(), |t| scene.label(t)))
    };
    let more: Vec<(Vec<&str>, Option<&str>)> = steps.iter().map(|step| scene.more_of(step)).collect();
    let asked = |name: &str| {
        let asks = steps.iter().any(|step| step.asks.iter().any(|ask| matches!(ask, Ask::Field(field) if field == name)));
        asks || more.iter().any(|(_, giver)| *giver == Some(name))
    };
    let required = |name: &str| {
        let always = steps.iter().any(|step| step.requires.fields.iter().any(|f| f == name));
        always || more.iter().any(|(also, _)| also.contains(&name))
    };
    let needed = |name: &str| match owed_by(name) {
        _ if required(name) => Some(Needed::Now),
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
        Ask::Reason => FormField::plain(
            "reason",
            "Reason",
            "Why, in a sentence that somebody else understands in a year.",
            Input::Text(2_000),
            Needed::Now,
        ),
        Ask::Ticket => {
            let help = format!("The other ticket's number, such as {}-000042.", scene.kind.prefix);
            FormField::plain("other", "Which ticket", &help, Input::Ticket, Needed::Now)
        }
        Ask::When => FormField::plain("occurred_at", "When it happened", "Leave it empty for just now.", Input::Time, Needed::No),
    })
}

fn notices(scene: &Scene<'_>, transition: &Transition) -> Vec<Words> {
    let mut out = freezes::in_the_way(scene, transition);
    for owed in &transition.wants {
        if let OwedWhat::Evidence(_) = owed.what {
            let by = scene.kind.transitions.get(&owed.by).map_or_else(|| owed.by.clone(), |t| scene.label(t));
            out.push(Words::of(format!("Evidence can follow later; it is needed before “{by}”.")));
        }
    }
    if let Some(approval) = &transition.approval {
        let stages: Vec<String> = approval.stages.iter().map(|stage| any_of(&stage.by)).collect();
        out.push(Words::of(format!("It needs the approval of {}.", list(&stages, "and then"))));
    }
    out
}

fn second_person(scene: &Scene<'_>, transition: &Transition) -> Option<Words> {
    let first = scene.must_not_be(transition);
    let mut words = Words::of("Somebody other than ");
    for (i, person) in first.iter().enumerate() {
        words = words.text(if i == 0 { "" } else { " and " }).name(scene.known.person(person));
    }
    (!first.is_empty()).then(|| words.text(" must take this step."))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::action_form::{declare_form, form};
    use super::super::buttons::Style;
    use super::super::form::Typed;
    use super::super::samples::{Stage, at, contained, opened, organisation, recovered};
    use super::*;
    use crate::ticket::event::Actor;

    fn names(form: &Form) -> Vec<&str> {
        form.fields.iter().map(|f| f.name.as_str()).collect()
    }

    #[test]
    fn acknowledging_asks_for_nothing() {
        let (stage, ticket) = (Stage::new(), opened());
        let form = transition_form(&stage.scene(&ticket, at("03:03")), &stage.kind.transitions["acknowledge"], &[]);
        assert!(form.fields.is_empty() && form.missing.is_empty());
    }

    #[test]
    fn containing_asks_for_a_line_at_most_and_says_what_is_owed_later() {
        let (stage, ticket) = (Stage::new(), opened());
        let form = transition_form(&stage.scene(&ticket, at("03:03")), &stage.kind.transitions["contain"], &[]);
        assert_eq!(names(&form), ["line", "occurred_at"]);
        assert!(form.fields.iter().all(|f| f.needed == Needed::No));
        assert_eq!(form.notices[0].plain(chrono_tz::UTC, at("03:03")), "Evidence can follow later; it is needed before “Close”.");
    }

    // proves: TRN-01, TRN-02
    #[test]
    fn every_required_field_of_closing_is_marked_for_assessors_and_explained() {
        let (stage, ticket) = (Stage::new(), recovered());
        let form = transition_form(&stage.scene(&ticket, at("04:20")), &stage.kind.transitions["close"], &[]);
        assert_eq!(
            names(&form),
            ["field.severity", "field.class", "field.data_involved", "field.systems_affected", "field.root_cause", "reason"]
        );
        assert!(form.fields.iter().all(|f| !f.help.is_empty() && f.needed == Needed::Now));
        assert!(form.fields[..5].iter().all(|f| f.audit));
        assert_eq!(form.fields[0].values, ["sev1"], "what is known stands in the form");
        let missing: Vec<_> = form.missing.iter().map(|m| m.what.as_str()).collect();
        let wanted = [
            "a note on what was found and done",
            "evidence for “Mitigated”",
            "a “caused by” link, or the reason why there is none",
            "the task “Check the last deployments”",
        ];
        assert_eq!(missing, wanted);
        let first = form.first.as_ref().map(|words| words.plain(chrono_tz::UTC, at("04:20")));
        assert_eq!(first.as_deref(), Some("Somebody other than Ana Lima must take this step."));
        assert!(!form.blocked, "nobody in particular is looking");
    }

    #[test]
    fn whoever_did_the_work_is_not_led_to_the_step_that_a_second_person_must_take() {
        let (stage, ticket) = (Stage::new(), recovered());
        let organisation = organisation();
        let seen_by = |viewer: &'static str| {
            let viewer = Actor::Person { id: viewer.to_owned(), roles: vec!["responder".to_owned()] };
            let scene = stage.scene(&ticket, at("04:20")).seen_by(viewer, &organisation);
            let form = transition_form(&scene, &stage.kind.transitions["close"], &[]);
            (form.blocked, super::super::buttons::main(&scene)[0].style)
        };
        assert_eq!(seen_by("p_ana"), (true, Style::Plain));
        assert_eq!(seen_by("p_bo"), (false, Style::Primary));
    }

    // proves: TRN-01, TRN-02
    #[test]
    fn every_required_field_of_every_shipped_procedure_is_marked_and_explained() {
        let library = crate::procedure::load(crate::procedure::built_in()).expect("the shipped playbooks load");
        for kind in library.kinds.values() {
            for (transition, field) in kind.transitions.values().flat_map(|t| t.requires.fields.iter().map(move |f| (t, f))) {
                let field = &kind.fields[field];
                let where_it_is = format!("{} of {} in {}", field.name, transition.name, kind.name);
                assert!(field.audit || field.name == "title", "{where_it_is} is not marked");
                assert!(field.help.chars().count() >= 10, "{where_it_is} is not explained");
            }
        }
    }

    #[test]
    fn what_was_typed_stays_and_errors_stand_at_their_fields() {
        let (stage, ticket) = (Stage::new(), recovered());
        let form = transition_form(&stage.scene(&ticket, at("04:20")), &stage.kind.transitions["close"], &[]);
        let typed = Typed {
            values: BTreeMap::from([("field.root_cause".to_owned(), vec!["a full disk".to_owned()])]),
            errors: BTreeMap::from([("class".to_owned(), "Class is needed here.".to_owned()), ("elsewhere".to_owned(), "No.".to_owned())]),
            error: Some("It is not closed.".to_owned()),
        };
        let form = form.with(&typed);
        assert_eq!(form.fields[4].values, ["a full disk"]);
        assert_eq!(form.fields[1].error.as_deref(), Some("Class is needed here."));
        assert_eq!(form.error.as_deref(), Some("It is not closed. No."), "an error without a field is not lost");
    }

    #[test]
    fn declaring_needs_a_title_only() {
        let stage = Stage::new();
        let form = declare_form(&stage.kind, &stage.taxonomies, &[], &[]);
        let needed: Vec<_> = form.fields.iter().filter(|f| f.needed == Needed::Now).map(|f| f.label.as_str()).collect();
        assert_eq!(needed, ["Title"]);
        assert_eq!(form.fields[1].values, ["sev3"], "the default stands in the form");
        assert_eq!(form.submit, "Open the incident");
    }

    #[test]
    fn every_action_has_a_form_and_every_input_a_label_and_a_help_text() {
        let (stage, mut ticket) = (Stage::new(), contained());
        ticket.lead = Some("p_bo".to_owned());
        let scene = stage.scene(&ticket, at("03:40"));
        let actions = [
            "edit",
            "note",
            "evidence.contain",
            "waive-evidence.contain",
            "task-done.1",
            "task-waive.1",
            "owner",
            "lead",
            "link.caused_by",
            "escalate",
            "seen",
            "read-by.legal",
            "step.merge",
        ];
        for action in actions {
            let form = form(&scene, &action.parse().expect("an action"), &[], &organisation()).expect("a form");
            assert!(!form.title.is_empty() && !form.submit.is_empty(), "{action}");
            assert!(form.fields.iter().all(|f| !f.label.is_empty() && !f.help.is_empty()), "{action}");
        }
        assert_eq!(form(&scene, &Action::Step("nonsense".into()), &[], &organisation()), None);
    }
}
