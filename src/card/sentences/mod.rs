//! The sentence for each kind of fact. To add a fact: add its arm in the function of its family: [`steps`] of a
//! ticket, [`presses`] (alerts, clocks, calls), [`outside`] (the log and its people), everyday work here.

mod lines;
mod outside;
mod presses;
mod steps;

use crate::card::clocks::Called;
use crate::card::scene::{status_label, texts_of, transition_label};
use crate::card::story::{Heard, Said, Story, Tone};
use crate::card::words::{Words, humanise, list, one_line, paragraphs, size, uncapitalise};
use crate::procedure::model::FieldType;
use crate::ticket::event::{Event, EvidenceAttached, Fact};

/// The longest value of a field that a sentence repeats, in characters.
const SHORT: usize = 60;

/// What is said of `event`, given what was said before.
#[must_use]
pub fn sentence(story: &Story<'_>, event: &Event, heard: &Heard) -> Said {
    Teller { story, event, heard }.tell()
}

/// Tells one event.
struct Teller<'a> {
    story: &'a Story<'a>,
    event: &'a Event,
    heard: &'a Heard,
}

fn said(tone: Tone, text: Words) -> Said {
    Said { tone, text, body: None }
}

impl Teller<'_> {
    fn tell(&self) -> Said {
        match &self.event.fact {
            Fact::LogOpened { .. }
            | Fact::EpochOpened(_)
            | Fact::PlaybooksAdopted { .. }
            | Fact::ForgeriesCounted { .. }
            | Fact::RefusalsCounted { .. }
            | Fact::Exported { .. }
            | Fact::ObligationBegan { .. }
            | Fact::ObligationRun { .. }
            | Fact::ObligationMissed { .. }
            | Fact::OnCallChanged { .. }
            | Fact::RotaRead { .. }
            | Fact::ClockStepConfirmed { .. } => self.log(),
            Fact::PersonAdded { .. }
            | Fact::RolesChanged { .. }
            | Fact::PersonDisabled { .. }
            | Fact::KeyIssued { .. }
            | Fact::KeyRevoked { .. }
            | Fact::LinkIssued { .. }
            | Fact::AccountSeen { .. }
            | Fact::AccountLinked { .. }
            | Fact::AccountUnlinked { .. }
            | Fact::LinkCodeIssued { .. }
            | Fact::SignedIn { .. } => self.people(),
            Fact::PackWritten(pack) => self.pack(pack),
            Fact::TicketOpened(opened) => self.opened(opened),
            Fact::TransitionTaken(taken) => self.taken(taken),
            Fact::EvidenceAttached(evidence) => self.evidence(evidence),
            Fact::NoteAdded { late, .. } => self.note(*late),
            Fact::NoteRevised { .. }
            | Fact::ContentWithheld { .. }
            | Fact::ChannelOpened { .. }
            | Fact::ChannelArchived { .. }
            | Fact::ChannelJoined { .. } => self.heard_in_chat(),
            Fact::AlertAttached(_)
            | Fact::AlertRepeated { .. }
            | Fact::AlertChanged(_)
            | Fact::AlertUnmapped(_)
            | Fact::DeliveryKept { .. } => self.alert(),
            Fact::DeploymentSeen(seen) => self.deployed(seen),
            Fact::ClockStarted { .. }
            | Fact::ClockRetargeted { .. }
            | Fact::ClockStopped { .. }
            | Fact::ClockPaused { .. }
            | Fact::ClockResumed { .. }
            | Fact::ClockWarned { .. }
            | Fact::ClockBreached { .. } => self.clock(),
            Fact::Linked { .. }
            | Fact::Unlinked { .. }
            | Fact::MergedInto { .. }
            | Fact::MergeReceived { .. }
            | Fact::MergeUndone { .. } => self.relation(),
            Fact::Escalated { .. }
            | Fact::EscalationAcknowledged { .. }
            | Fact::GroupNotified { .. }
            | Fact::GroupReached { .. }
            | Fact::NotificationOverdue { .. }
            | Fact::OwedReminded { .. }
            | Fact::Nudged { .. }
            | Fact::PageAnswered { .. }
            | Fact::PageMissed { .. }
            | Fact::MorningTold { .. }
            | Fact::NotificationAcknowledged { .. } => self.called(),
            Fact::ApprovalDecided { .. }
            | Fact::ApprovalWithdrawn { .. }
            | Fact::ApprovalSpoken { .. }
            | Fact::SpokenApprovalAnswered { .. }
            | Fact::Refused { .. } => self.judged(),
            Fact::LinesGathering { .. }
            | Fact::UsersListed { .. }
            | Fact::LinesListed { .. }
            | Fact::LinesFrozen { .. }
            | Fact::LineDecided { .. }
            | Fact::LineSettled { .. } => self.lines(),
            Fact::FieldsSet { .. }
            | Fact::TaskSettled { .. }
            | Fact::EvidenceWaived { .. }
            | Fact::OwnerAssigned { .. }
            | Fact::LeadAssigned { .. } => self.work(),
        }
    }

    // ── the pieces that sentences are made of ───────────────────────────────────────────────────────────

    fn who(&self) -> Words {
        Words::new().name(self.story.known.actor(&self.event.actor))
    }

    fn person(&self, id: &str) -> String {
        self.story.known.person(id)
    }

    fn number(&self) -> Words {
        self.event.ticket.as_ref().map_or_else(|| Words::of("it"), |number| Words::new().ticket(number))
    }

    /// The event's sealed text on one line, when it has one.
    fn sealed(&self, name: &str) -> Option<String> {
        let there = self.event.sealed.contains_key(name);
        there.then(|| (self.story.known.plaintext)(self.event.seq, name).unwrap_or_else(|| crate::card::scene::WITHHELD.to_owned()))
    }

    /// `: “because”.`, or a full stop.
    fn because(&self, names: &[&str]) -> Words {
        let text = names.iter().find_map(|name| self.sealed(name)).map(|text| one_line(&text, 2_000));
        text.filter(|t| !t.is_empty()).map_or_else(
            || Words::of("."),
            |text| {
                let stop = if text.ends_with(['.', '!', '?', '…']) { "" } else { "." };
                Words::of(": ").quote(text).text(stop)
            },
        )
    }

    fn step(&self, name: &str) -> String {
        let transition = self.story.kind.and_then(|kind| kind.transitions.get(name));
        transition.map_or_else(|| humanise(name), |t| transition_label(t, self.story.response))
    }

    fn status(&self, name: &str) -> String {
        self.story.kind.map_or_else(|| humanise(name), |kind| status_label(kind, self.story.response, name))
    }

    fn field(&self, name: &str) -> String {
        let field = self.story.kind.and_then(|kind| kind.fields.get(name));
        uncapitalise(&field.map_or_else(|| humanise(name), |f| f.label.clone()))
    }

    /// A plain field's value as people read it.
    fn value(&self, name: &str, value: &serde_json::Value) -> String {
        let of = self.story.kind.and_then(|kind| kind.fields.get(name)).map(|f| &f.of);
        let shown = |text: String| match of {
            Some(FieldType::Choice(values) | FieldType::Choices(values)) => match values.get(&text) {
                Some(label) if !label.starts_with(&text) => label.clone(),
                _ => text,
            },
            Some(FieldType::Taxonomy(list)) => self.story.taxonomies.get(list).and_then(|l| l.get(&text)).cloned().unwrap_or(text),
            Some(FieldType::Person) => self.person(&text),
            _ => text,
        };
        one_line(&texts_of(value).into_iter().map(shown).collect::<Vec<_>>().join(", "), SHORT)
    }

    fn clock_called(&self, name: &str) -> Called {
        Called::of(self.story.kind, self.story.response, name)
    }

    /// ` Contain by 07:02.`: the running clock that runs out next.
    fn next_clock(&self) -> Words {
        let kind = self.story.kind;
        let stops = |clock: &str, step: &str| {
            kind.and_then(|k| k.clocks.get(clock)).is_some_and(|c| c.stops.iter().any(|s| s == step))
                || kind.and_then(|k| k.transitions.get(step)).is_some_and(|t| t.stops.iter().any(|s| s == clock))
        };
        let taken = match &self.event.fact {
            Fact::TransitionTaken(taken) => taken.transition.as_str(),
            _ => "",
        };
        let running = self.heard.clocks.iter().filter(|(clock, _)| !stops(clock, taken));
        let next = running.min_by_key(|(_, (_, due))| *due);
        next.map_or_else(Words::new, |(name, (_, due))| Words::of(format!(" {}", self.clock_called(name).by())).time(*due).text("."))
    }

    // ── families of facts ───────────────────────────────────────────────────────────────────────────────

    fn note(&self, late: bool) -> Said {
        let body = self.sealed("note").map(|text| paragraphs(&text, 10_000));
        let late = if late { Words::of("A late entry").then(self.because(&["reason"])) } else { Words::new() };
        Said { tone: Tone::Note, text: late, body }
    }

    fn evidence(&self, evidence: &EvidenceAttached) -> Said {
        let name = one_line(&self.sealed("name").unwrap_or_default(), 120);
        let about = format!(" ({}, {})", size(evidence.size), one_line(&evidence.media_type, 60));
        let phase = evidence.phase.as_ref().map_or_else(String::new, |phase| format!(" as evidence for “{}”", self.step(phase)));
        let outside = if evidence.outside_window { " It was captured before this began." } else { "" };
        said(Tone::File(evidence.file), self.who().text(" filed ").quote(name).text(format!("{about}{phase}.{outside}")))
    }

    fn work(&self) -> Said {
        let task = |n: &i64| one_line(self.heard.tasks.get(n).map_or("a task", String::as_str), 200);
        let now = |person: &str, role: &str| {
            if self.event.actor.person() == Some(person) {
                self.who().text(format!(" is the {role} now."))
            } else {
                self.who().text(" made ").name(self.person(person)).text(format!(" the {role}."))
            }
        };
        let text = match &self.event.fact {
            Fact::FieldsSet { fields, sealed_fields, .. } => self.fields_set(fields, sealed_fields),
            Fact::TaskSettled { task: n, waived: false } => self.who().text(" did ").quote(task(n)).text("."),
            Fact::TaskSettled { task: n, waived: true } => self.who().text(" set aside ").quote(task(n)).then(self.because(&["reason"])),
            Fact::EvidenceWaived { phase } => {
                self.who().text(format!(" says that there is no evidence for “{}”", self.step(phase))).then(self.because(&["reason"]))
            }
            Fact::OwnerAssigned { person } => now(person, "owner"),
            Fact::LeadAssigned { person } => now(person, "lead"),
            _ => Words::new(),
        };
        // Whoever takes a step often becomes the owner by it: the step has said so.
        let follows = self.event.cause.is_some() && matches!(self.event.fact, Fact::OwnerAssigned { .. });
        said(if follows { Tone::Quiet } else { Tone::Step }, text)
    }

    fn fields_set(&self, fields: &std::collections::BTreeMap<String, serde_json::Value>, sealed: &[String]) -> Words {
        let (cleared, set): (Vec<_>, Vec<_>) = fields.iter().partition(|(_, value)| value.is_null());
        let mut parts: Vec<String> =
            set.iter().map(|(name, value)| format!("{} to “{}”", self.field(name), self.value(name, value))).collect();
        parts.extend(sealed.iter().map(|name| self.field(name)));
        let cleared: Vec<String> = cleared.iter().map(|(name, _)| self.field(name)).collect();
        let words = match (parts.is_empty(), cleared.is_empty()) {
            (false, true) => format!(" set {}", list(&parts, "and")),
            (true, false) => format!(" cleared {}", list(&cleared, "and")),
            (false, false) => format!(" set {}, and cleared {}", list(&parts, "and"), list(&cleared, "and")),
            (true, true) => " changed nothing".to_owned(),
        };
        self.who().text(words).then(self.because(&["reason"]))
    }

    fn relation(&self) -> Said {
        let text = match &self.event.fact {
            Fact::Linked { link, to: Some(to), .. } => {
                self.who().text(" linked ").ticket(to).text(format!(" as “{}”.", uncapitalise(&humanise(&one_line(link, 40)))))
            }
            Fact::Linked { link, to: None, .. } => {
                let link = uncapitalise(&humanise(&one_line(link, 40)));
                match self.sealed("target") {
                    Some(target) => self.who().text(format!(" linked, as “{link}”, ")).quote(one_line(&target, 200)).text("."),
                    None => self.who().text(format!(" says why there is no link “{link}”")).then(self.because(&["reason"])),
                }
            }
            Fact::Unlinked { link } => self.who().text(format!(" took link {link} back")).then(self.because(&["reason"])),
            Fact::MergedInto { into, .. } => self.who().text(" merged this into ").ticket(into).text("; it lives on there."),
            Fact::MergeReceived { from, .. } => Words::new().ticket(from).text(" was merged into this one by ").then(self.who()).text("."),
            Fact::MergeUndone { other } => self.who().text(" took the merge with ").ticket(other).text(" back."),
            _ => Words::new(),
        };
        said(Tone::Step, text)
    }
}

#[cfg(test)]
mod tests;
