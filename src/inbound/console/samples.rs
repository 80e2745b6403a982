//! Views for tests: a storm at night that Ana has mitigated, two other incidents, five people.

use std::collections::BTreeMap;

use super::views::{
    AccountLine, ChannelLink, Desk, Entry, FormView, LinkView, Me, Notice, People, PersonLine, Plain, Room, Shell, SignIn, StandIn,
    Timeline,
};
use crate::card::form::{Choice, Typed};
use crate::card::live::{Card, card};
use crate::card::samples::{Stage, ana, at, contained, event, known, number, opened, organisation, recovered, source};
use crate::card::scene::Severity;
use crate::card::story::{Message, Story};
use crate::card::words::Words;
use crate::card::{action_form, live};
use crate::ticket::alert::AlertStatus;
use crate::ticket::event::{Actor, AlertSeen, Event, EvidenceAttached, Fact, TransitionTaken};
use crate::ticket::state::{Task, Ticket};

const KEY: &str = "0123456789abcdef";

fn step(seq: i64, when: &str, transition: &str, to: &str, sealed: &[&str]) -> Event {
    let taken = TransitionTaken {
        transition: transition.to_owned(),
        from: String::new(),
        to: to.to_owned(),
        fields: BTreeMap::new(),
        sealed_fields: Vec::new(),
        tasks: Vec::new(),
        owed: Vec::new(),
        phase: transition == "contain",
        skipped: Vec::new(),
        occurred_at: (transition == "contain").then(|| at("03:20")),
        late: false,
        automatic: false,
        ended: false,
        alone: false,
        authored: false,
        approved: None,
        levels: BTreeMap::new(),
    };
    event(seq, when, ana(), Fact::TransitionTaken(taken), sealed)
}

fn alert(seq: i64, when: &str, status: AlertStatus) -> Event {
    let (source_name, fingerprint) = ("alertmanager".to_owned(), format!("{seq:016x}"));
    let seen = AlertSeen {
        source: source_name,
        fingerprint,
        status,
        delivery: 1,
        fired_at: None,
        ended_at: None,
        received_at: at(when),
        group: None,
        after_end: false,
        was: None,
    };
    let fact = if status == AlertStatus::Firing { Fact::AlertAttached(seen) } else { Fact::AlertChanged(seen) };
    event(seq, when, source(), fact, &["alert"])
}

/// The night's events.
pub(super) fn events() -> Vec<Event> {
    let tick = |seq, when: &str, fact| event(seq, when, Actor::Scheduler, fact, &[]);
    let mut events: Vec<Event> = (11..=47).map(|seq| alert(seq, "03:02", AlertStatus::Firing)).collect();
    events.extend([
        tick(50, "03:02", Fact::ClockStarted { clock: "acknowledge".into(), due: at("03:17"), reminders: vec![] }),
        tick(51, "03:02", Fact::ClockStarted { clock: "contain".into(), due: at("07:02"), reminders: vec![] }),
        tick(52, "03:13", Fact::ClockWarned { clock: "acknowledge".into(), percent: 75, due: at("03:17"), came_due: at("03:13") }),
        step(53, "03:14", "acknowledge", "acknowledged", &[]),
        tick(54, "03:14", Fact::ClockStopped { clock: "acknowledge".into(), elapsed_seconds: 720, late: false }),
        event(55, "03:16", ana(), Fact::NoteAdded { note: 1, occurred_at: None, late: false }, &["note"]),
        step(56, "03:31", "contain", "contained", &["line"]),
        event(
            57,
            "03:33",
            ana(),
            Fact::Refused { command: "take".into(), code: "NotAllowed".into(), transition: Some("void".into()) },
            &[],
        ),
        alert(58, "03:36", AlertStatus::Resolved),
    ]);
    let file = EvidenceAttached {
        file: 1,
        size: 14_200,
        media_type: "text/plain".into(),
        phase: Some("contain".into()),
        captured_at: None,
        outside_window: false,
    };
    events.push(event(59, "03:38", ana(), Fact::EvidenceAttached(file), &["name", "sha256"]));
    events
}

fn messages(full: bool) -> Vec<Message> {
    let stage = Stage::new();
    let story = Story { kind: Some(&stage.kind), response: Some(&stage.response), taxonomies: &stage.taxonomies, known: known() };
    if full { story.timeline(&events()) } else { story.conversation(&events()) }
}

pub(super) fn card_of(ticket: &Ticket) -> Card {
    let stage = Stage::new();
    let mut card: Card = card(&stage.scene(ticket, at("03:40")));
    card.files.extend((ticket.status == "contained").then(|| live::FileLine {
        file: 1,
        name: "zone-b-drain.log".into(),
        about: "14 kB · text/plain · Mitigated".into(),
    }));
    card
}

fn busy() -> Ticket {
    let mut ticket = contained();
    let task = |task, text: &str, by: Option<&str>| Task {
        task,
        on: "open".into(),
        text: text.into(),
        settled_by: by.map(str::to_owned),
        waived: false,
    };
    ticket.tasks = vec![
        task(1, "Say on the status channel that we are looking", Some("p_ana")),
        task(2, "Check the last deployments", None),
        task(3, "Watch the error rate for 30 minutes", None),
    ];
    ticket
}

fn link(number: &str, title: &str, level: u8, state: &str, due: Option<&str>, seq: i64) -> ChannelLink {
    let severity = Some(Severity { level, name: format!("sev{level}") });
    ChannelLink {
        number: number.into(),
        title: title.into(),
        severity,
        state: state.into(),
        due: due.map(at),
        breached: due.is_some_and(|due| at(due) < at("03:40")),
        ended: false,
        seq,
    }
}

pub(super) fn shell(here: Option<&str>) -> Shell {
    let person = |id: &str, name: &str, role: &str| StandIn { id: id.into(), name: name.into(), role: role.into() };
    Shell {
        reads: true,
        declare: Some("Declare an incident".into()),
        organisation: "Example Ltd".into(),
        me: Me { id: "p_ana".into(), name: "Ana Lima".into(), roles: vec!["responder".into()] },
        stand_ins: vec![
            person("p_ana", "Ana Lima", "responder"),
            person("p_bo", "Bo Chen", "responder"),
            person("p_dana", "Dana Okafor", "incident manager"),
            person("p_chidi", "Chidi Eze", "auditor"),
        ],
        channels: vec![
            ChannelLink::of(&card_of(&busy())),
            link("INC-000043", "Sign-in from two countries for one account", 2, "Open", Some("03:28"), 4),
            link(
                "INC-000041",
                "Certificate of the wiki runs out in six days, and nobody knows who renews it",
                4,
                "Acknowledged",
                Some("23:50"),
                0,
            ),
        ],
        here: here.map(str::to_owned),
        notice: None,
        now: at("03:40"),
        key: KEY.into(),
        seen: 59,
    }
}

pub(super) fn ticket_desk() -> Desk {
    Desk {
        shell: shell(Some("INC-000042")),
        room: Room::Ticket { card: Box::new(card_of(&busy())), messages: messages(false), may_write: true, lines: None },
    }
}

pub(super) fn incidents_desk() -> Desk {
    let mut other = card_of(&opened());
    (other.number, other.title) = ("INC-000043".into(), "Sign-in from two countries for one account".into());
    other.severity = Some(Severity { level: 2, name: "sev2".into() });
    let mut shell = shell(None);
    shell.notice = Some(Notice { refused: false, text: "INC-000042 is yours now.".into() });
    let mut ended = link("INC-000040", "Disk full on build-7", 3, "Closed yesterday", None, 0);
    ended.ended = true;
    Desk { shell, room: Room::Incidents { open: vec![card_of(&busy()), other], ended: vec![ended] } }
}

pub(super) fn form_view(ticket: &Ticket, action: &str) -> FormView {
    let stage = Stage::new();
    let people = [("p_ana", "Ana Lima"), ("p_bo", "Bo Chen")].map(|(value, label)| Choice { value: value.into(), label: label.into() });
    let scene = stage.scene(ticket, at("04:20"));
    let form = action_form::form(&scene, &action.parse().expect("an action"), &people, &organisation()).expect("a form");
    FormView { form, number: Some(number().to_string()), kinds: Vec::new(), dedupe: format!("{KEY}.form"), now: at("04:20") }
}

/// Closing, refused once: what was typed is kept, the errors stand at their fields.
pub(super) fn refused_closing() -> FormView {
    let mut view = form_view(&recovered(), "step.close");
    let typed = Typed {
        values: BTreeMap::from([
            ("field.root_cause".into(), vec!["A deployment filled the disk of zone b.".into()]),
            ("field.data_involved".into(), vec!["none".into()]),
            ("field.systems_affected".into(), vec!["payments-api".into(), "ledger-db".into()]),
        ]),
        errors: BTreeMap::from([("class".into(), "Class is needed here.".into())]),
        error: Some("INC-000042 was not closed yet: one field is empty.".into()),
    };
    view.form = view.form.with(&typed);
    view
}

pub(super) fn timeline() -> Timeline {
    let entry = |message: Message| Entry { message, kind: "TransitionTaken".into(), by: "Ana Lima (responder), console".into() };
    let entries = messages(true).into_iter().skip(30).map(entry).collect();
    Timeline { shell: shell(Some("INC-000042")), number: "INC-000042".into(), title: "payments-api is down".into(), entries }
}

pub(super) fn people() -> People {
    let line = |name: &str, email: &str, roles: &[&str], disabled| PersonLine {
        name: name.into(),
        email: email.into(),
        roles: roles.iter().map(|r| (*r).to_owned()).collect(),
        disabled,
        stand_ins: Vec::new(),
    };
    let mut away = line("Dana Okafor", "dana@example.com", &["incident manager", "administrator"], false);
    away.stand_ins.push(Words::new().name("Bo Chen").text(" stands in as incident manager until ").time(at("18:00")).text("."));
    People {
        shell: shell(None),
        people: vec![
            line("Ana Lima", "ana@example.com", &["responder"], false),
            line("Bo Chen", "bo@example.com", &["responder", "on call"], false),
            away,
            line("Eli Marsh", "eli@example.com", &[], true),
        ],
    }
}

pub(super) fn sign_in(token: Option<&str>, demo: bool) -> SignIn {
    let stand_ins = if demo { shell(None).stand_ins } else { Vec::new() };
    SignIn { organisation: "Example Ltd".into(), token: token.map(str::to_owned), stand_ins, refused: None }
}

pub(super) fn linking(code: Option<&str>) -> LinkView {
    let account = AccountLine { id: "a_1".into(), platform: "Slack".into(), handle: "slack:T012/U345".into() };
    LinkView {
        name: "Ana Lima".into(),
        accounts: if code.is_none() { vec![account] } else { Vec::new() },
        code: code.map(str::to_owned),
        until: "03:50 UTC".into(),
        refused: None,
    }
}

pub(super) fn not_found() -> Plain {
    Plain {
        organisation: "Example Ltd".into(),
        title: "Not found".into(),
        text: Words::of(crate::card::replies::not_found()),
        command: None,
        way_on: ("Back to the desk".into(), "/console/".into()),
        signed_in: true,
    }
}
