//! The live card of a ticket: what it is, who has it, what comes next, how long is left.

use super::approvals;
use super::buttons::{self, Action, Button};
use super::clocks::{ClockLine, clocks, next_running};
use super::missing;
use super::scene::{Scene, Severity};
use super::words::{Words, count, humanise, list, one_line, uncapitalise};
use crate::env::Timestamp;
use crate::procedure::model::FieldType;
use crate::ticket::event::{Actor, OwedItem};
use crate::ticket::state::{Link, Ticket};

/// The most facts a card shows.
const MAX_FACTS: usize = 12;
/// The most links a card shows.
const MAX_LINKS: usize = 50;

/// A ticket's card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// `INC-000042`
    pub number: String,
    /// `Incident`
    pub kind: String,
    /// What it is about.
    pub title: String,
    /// How bad it is.
    pub severity: Option<Severity>,
    /// Where it stands, in words.
    pub status: String,
    /// The same by the procedure's own name: what buttons are bound to.
    pub stands_at: String,
    /// The work has ended.
    pub ended: bool,
    /// The phases of work and which of them are behind us, in order.
    pub phases: Vec<Phase>,
    /// Who has it, what comes next, how long is left.
    pub state: Words,
    /// Alerts behind it, in one line; empty when there are none.
    pub alerts: Words,
    /// What is known.
    pub facts: Vec<FactLine>,
    /// Running clocks by due time, then stopped ones.
    pub clocks: Vec<ClockLine>,
    /// Tasks.
    pub tasks: Vec<TaskLine>,
    /// What is owed later.
    pub owed: Vec<Words>,
    /// What was decided on steps that need approvals, and what they wait for.
    pub approvals: Vec<Words>,
    /// Links to other tickets and to the outside, and reasons for having none.
    pub links: Vec<LinkLine>,
    /// Groups that were told, and whether they said that they have read it.
    pub notified: Vec<NotifiedLine>,
    /// Files, newest last.
    pub files: Vec<FileLine>,
    /// Main buttons.
    pub buttons: Vec<Button>,
    /// What stands under "More…".
    pub more: Vec<Button>,
    /// The ways forward that are for others than the reader, and for whom.
    pub for_others: Vec<String>,
    /// Chat shows its number, its status and links alone.
    pub bare: bool,
    /// The reader may do everyday work on it: notes, tasks, files.
    pub may_work: bool,
    /// Revision of the ticket that this shows.
    pub rev: i64,
    /// Sequence number of its latest event.
    pub seq: i64,
}

/// One phase of work on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// What people read.
    pub label: String,
    /// How far it is.
    pub progress: Progress,
}

/// How far a phase is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Behind us.
    Done,
    /// Passed over.
    Skipped,
    /// The ticket stands here.
    Here,
    /// Still to come.
    Ahead,
}

/// Something that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactLine {
    /// What it is called.
    pub label: String,
    /// What it is.
    pub value: Words,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskLine {
    /// Its number within the ticket.
    pub task: i64,
    /// What to do.
    pub text: String,
    /// Who settled it.
    pub settled_by: Option<String>,
    /// It was waived.
    pub waived: bool,
}

/// A group that was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifiedLine {
    /// The group, and what is known of its reading.
    pub words: Words,
    /// What the group presses.
    pub button: Option<Button>,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkLine {
    /// What it says: `Caused by`.
    pub label: String,
    /// Where it leads, or why there is none.
    pub value: Words,
    /// What takes it back.
    pub button: Option<Button>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLine {
    /// Its number within the ticket.
    pub file: i64,
    /// Its name.
    pub name: String,
    /// Size, type and the phase it is evidence of.
    pub about: String,
}

/// The card of a ticket as it stands now.
#[must_use]
pub fn card(scene: &Scene<'_>) -> Card {
    let ticket = scene.ticket;
    Card {
        number: ticket.number.to_string(),
        kind: scene.kind.title.clone(),
        title: scene.title(),
        severity: scene.severity(),
        status: scene.status_label(&ticket.status),
        stands_at: ticket.status.clone(),
        ended: ticket.ended,
        phases: phases(scene),
        state: state(scene),
        alerts: alerts(ticket),
        facts: facts(scene),
        clocks: clocks(scene),
        tasks: tasks(scene),
        owed: owed(scene),
        approvals: approvals::lines(scene),
        links: links(scene),
        notified: notified(scene),
        files: files(scene),
        buttons: buttons::main(scene),
        more: buttons::more(scene),
        for_others: buttons::for_others(scene),
        bare: scene.is_sensitive(),
        may_work: scene.may_work(),
        rev: ticket.rev,
        seq: ticket.seq,
    }
}

/// Who has it: the owner, otherwise whoever took the latest step.
fn holder(ticket: &Ticket) -> Option<&str> {
    let latest = || ticket.steps.iter().rev().find_map(|s| s.by.person());
    ticket.owner.as_deref().or_else(latest)
}

/// One or two sentences: who has it, what comes next, how long is left.
#[must_use]
pub fn state(scene: &Scene<'_>) -> Words {
    let ticket = scene.ticket;
    if let Some((into, _)) = &ticket.merged_into {
        return Words::of("It lives on in ").ticket(into).text(".");
    }
    if ticket.ended {
        let how = scene.status_label(&ticket.status);
        let said = ticket.steps.last().map_or_else(Words::new, |s| Words::of(" by ").name(scene.known.actor(&s.by)));
        return ticket.ended_at.map_or_else(|| Words::of(&how), |at| Words::of(format!("{how} at ")).time(at).then(said)).text(".");
    }
    let who = match holder(ticket) {
        Some(person) => Words::new().name(scene.known.person(person)).text(" has it"),
        None => Words::of("Nobody has it yet"),
    };
    let next = next_running(scene).map(|(clock, state)| Words::of(", ").left(state.due).text(format!(" {}", clock.aim())));
    who.then(next.unwrap_or_default()).text(".").then(next_needs(scene))
}

/// "Closing still needs two things: …", when the next step cannot be taken yet.
fn next_needs(scene: &Scene<'_>) -> Words {
    let Some(step) = buttons::next(scene) else { return Words::new() };
    let waits = missing::count(scene, step);
    if waits == 0 {
        return Words::new();
    }
    let things = if waits == 1 { "one thing".to_owned() } else { format!("{} things", super::words::number_word(waits)) };
    Words::of(format!(" “{}” still needs {things}.", scene.label(step)))
}

fn alerts(ticket: &Ticket) -> Words {
    let counts = ticket.alerts;
    if counts.attached == 0 {
        return Words::new();
    }
    let from = match &ticket.opened_by {
        Actor::Source { name } => format!(" from {}", one_line(name, 80)),
        _ => String::new(),
    };
    let firing = match counts.firing {
        0 => ", all resolved".to_owned(),
        n if n == counts.attached => String::new(),
        n => format!(", {n} still firing"),
    };
    let repeats = if counts.repeats == 0 { String::new() } else { format!(", {}", count(counts.repeats, "repeat", "repeats")) };
    Words::of(format!("{}{from} since ", count(counts.attached, "alert", "alerts")))
        .time(ticket.opened_at)
        .text(format!("{firing}{repeats}"))
}

fn phases(scene: &Scene<'_>) -> Vec<Phase> {
    let ticket = scene.ticket;
    let skipped = |name: &str| ticket.steps.iter().any(|s| s.skipped.iter().any(|p| p == name));
    let on_the_way = scene.kind.transitions.values().filter(|t| t.phase && scene.applies(&t.name));
    on_the_way
        .map(|t| {
            let progress = match () {
                () if ticket.status == t.to => Progress::Here,
                () if ticket.steps.iter().any(|s| s.transition == t.name) => Progress::Done,
                () if skipped(&t.name) => Progress::Skipped,
                () => Progress::Ahead,
            };
            Phase { label: scene.label(t), progress }
        })
        .collect()
}

fn facts(scene: &Scene<'_>) -> Vec<FactLine> {
    let ticket = scene.ticket;
    let mut out = Vec::new();
    let mut fact = |label: &str, value: Words| out.push(FactLine { label: label.to_owned(), value });
    if let Some(owner) = &ticket.owner {
        fact("Owner", Words::new().name(scene.known.person(owner)));
    }
    if let Some(lead) = &ticket.lead {
        fact("Lead", Words::new().name(scene.known.person(lead)));
    }
    fact("Opened", Words::new().time(ticket.opened_at).text(" by ").name(scene.known.actor(&ticket.opened_by)));
    if let Some(response) = scene.response {
        fact("Playbook", Words::of(&response.title));
    }
    for field in scene.kind.fields.values().filter(|f| !matches!(f.name.as_str(), "title" | "severity")) {
        let shown = scene.shown(field);
        if shown.is_empty() || out.len() >= MAX_FACTS {
            continue;
        }
        let value = match (&field.of, shown.first().and_then(|at| Timestamp::parse(at))) {
            (FieldType::Time, Some(at)) => Words::new().time(at),
            _ => Words::of(one_line(&shown.join(", "), 160)),
        };
        out.push(FactLine { label: field.label.clone(), value });
    }
    out
}

fn links(scene: &Scene<'_>) -> Vec<LinkLine> {
    let line = |link: &Link| {
        let text = |name: &str| (scene.known.plaintext)(link.seq, name).map(|text| one_line(&text, 200));
        let value = match &link.to {
            Some(to) => Words::new().ticket(to),
            None if link.reason_only => Words::of("none: ").quote(text("reason").unwrap_or_else(|| super::scene::WITHHELD.to_owned())),
            None => Words::of(text("target").unwrap_or_else(|| super::scene::WITHHELD.to_owned())),
        };
        let label = humanise(&link.link);
        let button = Button::form("Take back…", "Say why this link is wrong.", Action::Unlink(link.id));
        LinkLine { label, value, button: (!link.made && !scene.ticket.ended && scene.may_work()).then_some(button) }
    };
    scene.ticket.links.iter().take(MAX_LINKS).map(line).collect()
}

fn tasks(scene: &Scene<'_>) -> Vec<TaskLine> {
    let line = |t: &crate::ticket::state::Task| TaskLine {
        task: t.task,
        text: one_line(&t.text, 300),
        settled_by: t.settled_by.as_deref().map(|p| scene.known.person(p)),
        waived: t.waived,
    };
    scene.ticket.tasks.iter().map(line).collect()
}

/// What is owed, gathered by step, person and time.
fn owed(scene: &Scene<'_>) -> Vec<Words> {
    let step = |name: &str| scene.kind.transitions.get(name).map_or_else(|| humanise(name), |t| scene.label(t));
    let mut groups: Vec<(&OwedItem, Vec<String>)> = Vec::new();
    for item in &scene.ticket.owed {
        let what = match item.what.as_str() {
            "evidence" => format!("evidence for “{}”", step(&item.of)),
            _ => uncapitalise(&scene.kind.fields.get(&item.of).map_or_else(|| humanise(&item.of), |f| f.label.clone())),
        };
        match groups.iter_mut().find(|(first, _)| (&first.by, &first.who, first.due) == (&item.by, &item.who, item.due)) {
            Some((_, things)) => things.push(what),
            None => groups.push((item, vec![what])),
        }
    }
    let line = |(item, things): (&OwedItem, Vec<String>)| {
        let person = (scene.known.name)(&item.who).is_some();
        let who = scene.known.person_or_role(&item.who);
        let who = if person { Words::new().name(who) } else { Words::of("The ").name(who) };
        let until = if item.due < scene.now { " had until " } else { " has until " };
        Words::of(format!("Before “{}”: {}. ", step(&item.by), list(&things, "and"))).then(who).text(until).time(item.due).text(".")
    };
    groups.into_iter().map(line).collect()
}

fn notified(scene: &Scene<'_>) -> Vec<NotifiedLine> {
    let line = |(group, told): (&String, &crate::ticket::state::NotifiedState)| {
        let name = humanise(group);
        match (&told.acknowledged_by, told.due) {
            (Some(by), _) => NotifiedLine { words: Words::of(format!("{name}: read by ")).name(scene.known.person(by)), button: None },
            (None, due) => {
                let help = format!("Says that {name} has read this.");
                let button = Button::click(&format!("{name} has read it"), &help, Action::ReadBy(group.clone()));
                let words = match due {
                    Some(at) => Words::of(format!("{name} must say by ")).time(at).text(" that they have read it"),
                    None => Words::of(format!("{name} should know of this")),
                };
                NotifiedLine { words, button: scene.speaks_for(group).then_some(button) }
            }
        }
    };
    scene.ticket.notified.iter().map(line).collect()
}

fn files(scene: &Scene<'_>) -> Vec<FileLine> {
    let line = |file: &crate::ticket::state::File| {
        let name = (scene.known.plaintext)(file.seq, "name").unwrap_or_else(|| super::scene::WITHHELD.to_owned());
        let phase = file.phase.as_ref().and_then(|p| scene.kind.transitions.get(p)).map(|t| format!(" · {}", scene.label(t)));
        FileLine {
            file: file.file,
            name: one_line(&name, 120),
            about: format!("{} · {}{}", super::words::size(file.size), one_line(&file.media_type, 60), phase.unwrap_or_default()),
        }
    };
    scene.ticket.files.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::samples::{Stage, at, contained, opened, organisation, recovered};
    use super::*;
    use crate::ticket::number::Number;

    fn plain(words: &Words, now: &str) -> String {
        words.plain(chrono_tz::UTC, at(now))
    }

    #[test]
    fn a_new_incident_says_that_nobody_has_it_and_how_long_is_left() {
        let (stage, ticket) = (Stage::new(), opened());
        let card = card(&stage.scene(&ticket, at("03:03")));
        assert_eq!((card.number.as_str(), card.title.as_str(), card.status.as_str()), ("INC-000042", "payments-api is down", "Open"));
        assert_eq!(card.severity, Some(Severity { level: 1, name: "sev1".into() }));
        insta::assert_snapshot!(plain(&card.state, "03:03"), @"Nobody has it yet, 14 min left to acknowledge.");
        insta::assert_snapshot!(plain(&card.alerts, "03:03"), @"37 alerts from alertmanager since 03:02");
    }

    #[test]
    fn a_mitigated_incident_says_who_has_it_and_what_is_owed() {
        let (stage, ticket) = (Stage::new(), contained());
        let card = card(&stage.scene(&ticket, at("03:40")));
        assert_eq!(card.status, "Mitigated", "the response's word for contained");
        insta::assert_snapshot!(plain(&card.state, "03:40"), @"Ana Lima has it, 7 h 22 min left for “Restored”.");
        insta::assert_snapshot!(plain(&card.alerts, "03:40"), @"37 alerts from alertmanager since 03:02, 4 still firing");
        insta::assert_snapshot!(plain(&card.owed[0], "03:40"), @"Before “Close”: evidence for “Mitigated”. Ana Lima has until Mon 23 Nov 08:00.");
        let progress: Vec<_> = card.phases.iter().map(|p| (p.label.as_str(), p.progress)).collect();
        assert_eq!(progress, [("Mitigated", Progress::Here), ("Cause removed", Progress::Ahead), ("Restored", Progress::Ahead)]);
    }

    #[test]
    fn what_the_next_step_still_needs_is_counted() {
        let (stage, ticket) = (Stage::new(), recovered());
        let card = card(&stage.scene(&ticket, at("04:20")));
        insta::assert_snapshot!(plain(&card.state, "04:20"), @"Ana Lima has it, 6 h 42 min left for “Restored”. “Close” still needs eight things.");
        assert_eq!(card.files[0].about, "14 kB · text/plain");
    }

    #[test]
    fn a_merged_ticket_points_to_where_it_lives_on() {
        let (stage, mut ticket) = (Stage::new(), opened());
        (ticket.merged_into, ticket.ended) = (Some((Number::new("INC", 7), "open".into())), true);
        assert_eq!(plain(&state(&stage.scene(&ticket, at("03:40"))), "03:40"), "It lives on in INC-000007.");
    }

    #[test]
    fn a_link_says_where_it_leads_and_can_be_taken_back_by_those_who_work() {
        let (stage, mut ticket, organisation) = (Stage::new(), contained(), organisation());
        let link = |id, to: Option<Number>, reason_only| Link { id, link: "caused_by".into(), to, reason_only, seq: id, made: false };
        ticket.links = vec![link(3, Some(Number::new("INC", 7)), false), link(4, None, true), link(5, None, false)];
        let seen = |role: &str| {
            let viewer = Actor::Person { id: "p_bo".into(), roles: vec![role.to_owned()] };
            card(&stage.scene(&ticket, at("03:40")).seen_by(viewer, &organisation))
        };
        let said: Vec<_> = seen("responder").links.iter().map(|l| format!("{}: {}", l.label, plain(&l.value, "03:40"))).collect();
        assert_eq!(said, ["Caused by: INC-000007", "Caused by: none: “it was a drill”", "Caused by: https://status.example.com/1"]);
        assert!(seen("responder").links.iter().all(|l| l.button.as_ref().is_some_and(|b| b.opens_form)));
        assert!(seen("auditor").links.iter().all(|l| l.button.is_none()), "an auditor looks");
        ticket.links[0].made = true;
        let offered = |line: &LinkLine| line.button.is_some();
        let scene = stage.scene(&ticket, at("03:40"));
        assert_eq!(card(&scene).links.iter().map(offered).collect::<Vec<_>>(), [false, true, true], "what the procedure made stays");
        ticket.ended = true;
        let scene = stage.scene(&ticket, at("03:40"));
        assert!(card(&scene).links.iter().all(|l| l.button.is_none()), "the record is closed");
    }

    #[test]
    fn a_redacted_title_is_said_to_be_removed() {
        let (stage, ticket) = (Stage::new(), opened());
        let mut scene = stage.scene(&ticket, at("03:03"));
        scene.known.plaintext = &|_, _| None;
        assert_eq!(card(&scene).title, "(removed)");
    }
}
