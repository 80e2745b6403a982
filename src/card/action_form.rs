//! The forms of everyday actions: declaring, editing, notes, evidence, tasks, people, links, escalation.

use super::approvals::{self, reason};
use super::buttons::{self, Action};
use super::form::{Choice, Form, FormField, Input, Needed};
use super::freezes::EXCEPTION;
use super::scene::{Scene, Taxonomies};
use super::transition_form::transition_form;
use super::words::{Words, humanise, uncapitalise};
use crate::procedure::model::{Kind, Organisation, OwedWhat};
use crate::procedure::rules::Offered;

/// The form of any action on a ticket; none when the procedure knows no such step.
#[must_use]
pub fn form(scene: &Scene<'_>, action: &Action, people: &[Choice], organisation: &Organisation) -> Option<Form> {
    let (fields, intro, submit) = match action {
        Action::Declare(_) => return None,
        Action::Offer(name) => {
            let (offer, _) = scene.offers().into_iter().find(|(offer, _)| offer.name == *name)?;
            return offer_form(scene, offer, people);
        }
        Action::Step(name) => return scene.kind.transitions.get(name).map(|t| transition_form(scene, t, people)),
        Action::Decide(name) => return scene.kind.transitions.get(name).and_then(|t| approvals::decide_form(scene, t)),
        Action::Withdraw(name) => {
            scene.kind.transitions.get(name)?;
            (vec![reason("Why you take it back.")], "Your decision no longer counts; it stays in the record.", "Take it back")
        }
        Action::Unlink(link) => {
            scene.ticket.links.iter().find(|l| l.id == *link)?;
            (vec![reason("Why this link is wrong.")], "The link stays in the record, as taken back.", "Take it back")
        }
        Action::Edit => (edit(scene, people), "Leave a field as it is to keep it; empty it to clear it.", "Save"),
        Action::Note => (note(), "It becomes part of the record, with your name and the time.", "Add"),
        Action::Evidence(phase) => {
            (evidence(scene, phase.as_deref()), "The file is kept unchanged, with its SHA-256 in the record.", "File it")
        }
        Action::WaiveEvidence(_) => (vec![reason("Why there is no evidence; an assessor reads this.")], "", "Record the reason"),
        Action::TaskDone(_) => (Vec::new(), "", "Done"),
        Action::TaskWaive(_) => (vec![reason("Why this task is not needed here.")], "", "Not needed"),
        Action::Owner => {
            (vec![person(people, scene.ticket.owner.as_deref())], "The owner sees to the ticket until it is closed.", "Assign")
        }
        Action::Lead => (vec![person(people, scene.ticket.lead.as_deref())], "The lead leads the work now.", "Assign"),
        Action::Link(link) => {
            (link_fields(scene, link.as_deref()), "Give a ticket, or an address, or the reason why there is none.", "Link")
        }
        Action::Escalate => (escalate(organisation), "They are called at once.", "Escalate"),
        Action::Nudge => (Vec::new(), "They see that you ask again.", "Ask again"),
        Action::Line(line) => {
            scene.ticket.lines.as_ref().and_then(|lines| lines.mark(*line))?;
            (line_fields(), "What is not kept is taken away or changed by a record of its own.", "Record my decision")
        }
        Action::Seen | Action::ReadBy(_) => (Vec::new(), "", "I have seen it"),
    };
    Some(Form { intro: intro.to_owned(), fields, ..Form::new(buttons::title(scene, action), action.clone(), submit) })
}

/// The form that opens a ticket of `kind` by hand: light at three in the morning, the rest is owed later. `responses`
/// are the playbooks that can be chosen for it.
#[must_use]
pub fn declare_form(kind: &Kind, taxonomies: &Taxonomies, people: &[Choice], responses: &[Choice]) -> Form {
    let needed = |name: &String| if kind.declare.requires.contains(name) { Needed::Now } else { Needed::No };
    let input = |name: &String| kind.fields.get(name).map(|field| declare_field(field, taxonomies, people, needed(name)));
    let kind_words = uncapitalise(&kind.title);
    let mut fields: Vec<FormField> = kind.declare.asks.iter().filter_map(input).collect();
    if !responses.is_empty() {
        let none = Choice { value: String::new(), label: "None".to_owned() };
        let choices = std::iter::once(none).chain(responses.iter().cloned()).collect();
        let help = "What it looks like. A playbook brings its tasks, and fills in what it knows. None is fine.";
        let place = fields.len().min(1);
        fields.insert(place, FormField::plain("response", "Response playbook", help, Input::Pick(choices), Needed::No));
    }
    Form {
        intro: kind.purpose.clone(),
        fields,
        notices: vec![Words::of("Everything else can follow later.")],
        ..Form::new(format!("New {kind_words}"), Action::Declare(kind.name.clone()), format!("Open the {kind_words}"))
    }
}

/// The form of a record that the ticket offers; none where its kind is not known.
fn offer_form(scene: &Scene<'_>, offer: &Offered, people: &[Choice]) -> Option<Form> {
    let kind = scene.library?.kinds.get(&offer.kind)?;
    let needed = |name: &String| if offer.requires.contains(name) { Needed::Now } else { Needed::No };
    let input = |name: &String| kind.fields.get(name).map(|field| FormField::of(field, scene.taxonomies, people, needed(name)));
    Some(Form {
        intro: offer.help.clone(),
        fields: offer.asks.iter().filter_map(input).collect(),
        ..Form::new(offer.label.clone(), Action::Offer(offer.name.clone()), offer.label.clone())
    })
}

fn declare_field(field: &crate::procedure::model::Field, taxonomies: &Taxonomies, people: &[Choice], needed: Needed) -> FormField {
    let default = field.default.as_ref().map(super::scene::texts_of).unwrap_or_default();
    FormField { values: default, ..FormField::of(field, taxonomies, people, needed) }
}

fn edit(scene: &Scene<'_>, people: &[Choice]) -> Vec<FormField> {
    let transitions = &scene.kind.transitions;
    let requiring = |name: &str| transitions.values().find(|t| t.requires.fields.iter().any(|f| f == name)).map(|t| scene.label(t));
    let owed = |name: &str| {
        let by = scene.ticket.owed.iter().find(|o| o.what == "field" && o.of == name).map(|o| &o.by)?;
        transitions.get(by).map(|t| scene.label(t))
    };
    let wanted = |name: &str| {
        let leaves = |t: &&crate::procedure::model::Transition| t.wants.iter().any(|o| matches!(&o.what, OwedWhat::Field(f) if f == name));
        transitions.values().find(leaves).map(|t| scene.label(t))
    };
    let opened_with = |name: &str| scene.kind.declare.requires.iter().any(|f| f == name);
    let later = |name: &str| owed(name).or_else(|| requiring(name)).or_else(|| wanted(name)).map_or(Needed::No, Needed::OwedBy);
    let needed = |name: &str| if opened_with(name) { Needed::Now } else { later(name) };
    let mut fields: Vec<FormField> =
        scene.kind.fields.values().map(|field| FormField::held(scene, field, people, needed(&field.name))).collect();
    let help = "Needed when a value is set against what follows from the others.";
    fields.push(FormField::plain("reason", "Why", help, Input::Text(2_000), Needed::No));
    fields
}

fn line_fields() -> Vec<FormField> {
    let verdicts = [("keep", "Keep"), ("revoke", "Revoke"), ("change", "Change")];
    let verdicts = verdicts.map(|(value, label)| Choice { value: value.into(), label: label.into() }).to_vec();
    let help = "Needed unless it is simply kept.";
    vec![
        FormField::plain("verdict", "Your decision", "It is recorded under your name.", Input::Choice(verdicts), Needed::Now),
        FormField::plain("reason", "Why", help, Input::Text(2_000), Needed::No),
    ]
}

fn note() -> Vec<FormField> {
    vec![
        FormField::plain("note", "Note", "What was seen, tried or found.", Input::Text(10_000), Needed::Now),
        FormField::plain("occurred_at", "When it happened", "Leave it empty for just now.", Input::Time, Needed::No),
        FormField::plain("reason", "Why it is written only now", "Needed when the two times lie far apart.", Input::Line(200), Needed::No),
    ]
}

fn evidence(scene: &Scene<'_>, phase: Option<&str>) -> Vec<FormField> {
    let phases = scene.kind.transitions.values().filter(|t| t.phase && scene.applies(&t.name));
    let mut choices = vec![Choice { value: String::new(), label: "The incident as a whole".to_owned() }];
    choices.extend(phases.map(|t| Choice { value: t.name.clone(), label: scene.label(t) }));
    choices.extend(scene.kind.proofs.iter().map(|(name, shows)| Choice { value: name.clone(), label: shows.clone() }));
    if let Some(whole) = choices.first_mut() {
        whole.label = format!("The {} as a whole", uncapitalise(&scene.kind.title));
    }
    let mut of_phase = FormField::plain(
        "phase",
        "What it is evidence of",
        "Closing may need evidence for each phase.",
        Input::Choice(choices),
        Needed::No,
    );
    of_phase.values = vec![phase.unwrap_or_default().to_owned()];
    vec![
        FormField::plain(
            "file",
            "File",
            "A log excerpt, a screenshot, a command's output. No passwords or keys, please.",
            Input::File,
            Needed::Now,
        ),
        of_phase,
        FormField::plain("captured_at", "When it was captured", "Leave it empty for just now.", Input::Time, Needed::No),
    ]
}

fn person(people: &[Choice], current: Option<&str>) -> FormField {
    let mut field = FormField::plain("person", "Who", "They are told.", Input::Pick(people.to_vec()), Needed::Now);
    field.values = current.into_iter().map(str::to_owned).collect();
    field
}

fn link_fields(scene: &Scene<'_>, link: Option<&str>) -> Vec<FormField> {
    let kinds = link_words(scene.kind).into_iter().chain(link);
    let mut choices: Vec<Choice> = Vec::new();
    for kind in kinds {
        if !choices.iter().any(|c| c.value == kind) {
            choices.push(Choice { value: kind.to_owned(), label: humanise(kind) });
        }
    }
    let mut which =
        FormField::plain("link", "What the link says", "How the other thing relates to this one.", Input::Choice(choices), Needed::Now);
    which.values = link.into_iter().map(str::to_owned).collect();
    let ticket_help = format!("Its number, such as {}-000042.", scene.kind.prefix);
    vec![
        which,
        FormField::plain("to", "Ticket", &ticket_help, Input::Ticket, Needed::No),
        FormField::plain("target", "Or an address outside", "A dashboard, a commit, a vendor's notice.", Input::Line(200), Needed::No),
        FormField::plain("reason", "Or why there is none", "A sentence on what was looked at.", Input::Text(2_000), Needed::No),
    ]
}

/// The words that a link of this kind of ticket may have: first what its steps ask for.
fn link_words(kind: &Kind) -> Vec<&str> {
    let mut out: Vec<&str> = Vec::new();
    for step in kind.transitions.values() {
        out.extend(step.requires.links.keys().map(String::as_str));
        out.extend(step.requires.linked.iter().map(|rule| rule.link.as_str()));
        out.extend(step.verbal.iter().filter_map(|verbal| verbal.silence.as_ref()).map(|silence| silence.link.as_str()));
        if step.requires.confirmed.is_some() || !step.requires.unfrozen.is_empty() {
            out.push(EXCEPTION);
        }
    }
    // What is worked in a channel: what it came from, and what it led to.
    if !kind.channel.own.is_empty() {
        out.extend(["change", "corrected_by", "dr_test", "vuln"]);
    }
    out.extend(["alert", "dashboard", "related"]);
    out
}

fn escalate(organisation: &Organisation) -> Vec<FormField> {
    let mut choices = vec![Choice { value: String::new(), label: "The next on call".to_owned() }];
    choices.extend(organisation.roles.keys().map(|role| Choice { value: role.clone(), label: humanise(role) }));
    let mut to = FormField::plain("to", "Whom", "Empty calls the next tier.", Input::Choice(choices), Needed::No);
    to.values = vec![String::new()];
    vec![to, reason("Why somebody else is needed now.")]
}
