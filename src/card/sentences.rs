//! The sentence for each kind of fact. To add a fact: add its arm in the function of its family.

use super::scene::{status_label, texts_of, transition_label};
use super::story::{Heard, Said, Story, Tone};
use super::words::{Span, Words, capitalise, count, duration, humanise, list, one_line, paragraphs, remaining, seconds, size, uncapitalise};
use crate::procedure::model::FieldType;
use crate::ticket::alert::AlertStatus;
use crate::ticket::event::{AlertSeen, Event, EvidenceAttached, Fact, TicketOpened, TransitionTaken};

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
            | Fact::PlaybooksAdopted { .. }
            | Fact::ForgeriesCounted { .. }
            | Fact::RefusalsCounted { .. }
            | Fact::Exported { .. }
            | Fact::ClockStepConfirmed { .. } => self.log(),
            Fact::PersonAdded { .. }
            | Fact::RolesChanged { .. }
            | Fact::PersonDisabled { .. }
            | Fact::KeyIssued { .. }
            | Fact::KeyRevoked { .. }
            | Fact::SignedIn { .. } => self.people(),
            Fact::TicketOpened(opened) => self.opened(opened),
            Fact::TransitionTaken(taken) => self.taken(taken),
            Fact::EvidenceAttached(evidence) => self.evidence(evidence),
            Fact::NoteAdded { late, .. } => self.note(*late),
            Fact::AlertAttached(_) | Fact::AlertRepeated { .. } | Fact::AlertChanged(_) | Fact::AlertUnmapped(_) => self.alert(),
            Fact::ClockStarted { .. }
            | Fact::ClockRetargeted { .. }
            | Fact::ClockStopped { .. }
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
            | Fact::NotificationAcknowledged { .. } => self.called(),
            Fact::ApprovalDecided { .. } | Fact::ApprovalWithdrawn { .. } | Fact::Refused { .. } => self.judged(),
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
        there.then(|| (self.story.known.plaintext)(self.event.seq, name).unwrap_or_else(|| super::scene::WITHHELD.to_owned()))
    }

    /// `: “because”.`, or a full stop.
    fn because(&self, names: &[&str]) -> Words {
        let text = names.iter().find_map(|name| self.sealed(name)).map(|text| one_line(&text, 2_000));
        text.filter(|t| !t.is_empty()).map_or_else(|| Words::of("."), |text| Words::of(": ").quote(text).text("."))
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
            Some(FieldType::Choice(values) | FieldType::Choices(values)) => values.get(&text).cloned().unwrap_or(text),
            Some(FieldType::Taxonomy(list)) => self.story.taxonomies.get(list).and_then(|l| l.get(&text)).cloned().unwrap_or(text),
            Some(FieldType::Person) => self.person(&text),
            _ => text,
        };
        one_line(&texts_of(value).into_iter().map(shown).collect::<Vec<_>>().join(", "), SHORT)
    }

    fn clock_label(&self, name: &str) -> String {
        let clock = self.story.kind.and_then(|kind| kind.clocks.get(name));
        uncapitalise(&clock.map_or_else(|| humanise(name), |c| c.label.clone()))
    }

    /// ` Contain by 07:02.`: the running clock that runs out next.
    fn next_clock(&self) -> Words {
        let next = self.heard.clocks.iter().min_by_key(|(_, (_, due))| *due);
        next.map_or_else(Words::new, |(name, (_, due))| {
            Words::of(format!(" {} by ", capitalise(&self.clock_label(name)))).time(*due).text(".")
        })
    }

    // ── families of facts ───────────────────────────────────────────────────────────────────────────────

    fn log(&self) -> Said {
        let text = match &self.event.fact {
            Fact::LogOpened { origin, demo, .. } => {
                let demo = if *demo { " It is a demonstration: nothing in it is real." } else { "" };
                Words::of(format!("The log “{}” was opened.{demo}", one_line(origin, 200)))
            }
            Fact::PlaybooksAdopted { files } => {
                let files = count(i64::try_from(files.len()).unwrap_or(i64::MAX), "playbook file", "playbook files");
                self.who().text(format!(" adopted {files}")).then(self.because(&["why"]))
            }
            Fact::ForgeriesCounted { source, reason, minute, count: n } => {
                let (source, reason) = (one_line(source, 80), one_line(&humanise(reason), 80));
                Words::of(format!("{} to {source} in the minute of ", count(*n, "request", "requests")))
                    .time(*minute)
                    .text(format!(" could not be authenticated ({}). Nothing was taken from them.", uncapitalise(&reason)))
            }
            Fact::RefusalsCounted { person, hour, count: n } => Words::of(format!("{} of ", count(*n, "further refusal", "further refusals")))
                .name(self.person(person))
                .text(" in the hour from ")
                .time(*hour)
                .text("."),
            Fact::Exported { tickets, position, .. } => {
                self.who().text(format!(" exported {}, up to position {position} of the log", count(*tickets, "ticket", "tickets"))).then(self.because(&["query"]))
            }
            Fact::ClockStepConfirmed { before, after } => {
                self.who().text(" confirmed that the clock is right after its step from ").time(*before).text(" to ").time(*after).text(".")
            }
            _ => Words::new(),
        };
        said(Tone::Quiet, text)
    }

    fn people(&self) -> Said {
        let roles = |roles: &[String]| {
            let words: Vec<String> = roles.iter().map(|r| r.replace('-', " ")).collect();
            if words.is_empty() { "no role".to_owned() } else { list(&words, "and") }
        };
        let text = match &self.event.fact {
            Fact::PersonAdded { person, roles: held } => self.who().text(" added ").name(self.person(person)).text(format!(", as {}.", roles(held))),
            Fact::RolesChanged { person, roles: held } => {
                self.who().text(" changed the roles of ").name(self.person(person)).text(format!(" to {}.", roles(held)))
            }
            Fact::PersonDisabled { person } => {
                self.who().text(" disabled ").name(self.person(person)).text(", whose accounts stopped at once").then(self.because(&["reason"]))
            }
            Fact::KeyIssued { person, key } => {
                self.who().text(format!(" issued the key {} to ", one_line(key, 40))).name(self.person(person)).text(".")
            }
            Fact::KeyRevoked { person, key } => {
                self.who().text(format!(" revoked the key {} of ", one_line(key, 40))).name(self.person(person)).text(".")
            }
            Fact::SignedIn { person, method, .. } => {
                let method = uncapitalise(&humanise(&one_line(method, 40)));
                Words::new().name(self.person(person)).text(format!(" signed in ({method})."))
            }
            _ => Words::new(),
        };
        said(Tone::Quiet, text)
    }

    fn opened(&self, opened: &TicketOpened) -> Said {
        let title = self.sealed("field.title").map_or_else(|| "(no title)".to_owned(), |t| one_line(&t, 200));
        let severity = opened.fields.get("severity").map(texts_of).and_then(|s| s.into_iter().next());
        let severity = severity.map_or_else(String::new, |s| format!("{s} · "));
        let text = self.number().text(format!(" · {severity}")).strong(title).text(". Opened by ").then(self.who()).text(".");
        said(Tone::Step, text)
    }

    fn taken(&self, taken: &TransitionTaken) -> Said {
        let transition = self.story.kind.and_then(|kind| kind.transitions.get(&taken.transition));
        let text = match transition.and_then(|t| t.says.as_ref()) {
            Some(says) => self.says(says.source()),
            None => self.stands(taken),
        };
        let next = if taken.ended { Words::new() } else { self.next_clock() };
        let skipped: Vec<String> = taken.skipped.iter().map(|s| self.step(s)).collect();
        let skipped = if skipped.is_empty() { String::new() } else { format!(" Passed over: {}.", list(&skipped, "and")) };
        let late = if taken.late { " This is a late entry." } else { "" };
        let by_itself = if taken.automatic { " Nothing was missing any more, so it happened by itself." } else { "" };
        said(Tone::Step, text.then(self.owed(taken)).then(next).text(skipped).text(late).text(by_itself))
    }

    /// `Ana has it (03:04).` from the procedure's `{who} has it.`
    fn says(&self, template: &str) -> Words {
        let mut words = Words::new();
        let mut rest = template.trim_end().trim_end_matches('.');
        while let Some((before, (place, after))) = rest.split_once('{').and_then(|(b, r)| r.split_once('}').map(|pa| (b, pa))) {
            words = words.text(before);
            words = match place.trim() {
                "who" => words.then(self.who()),
                place => {
                    let field = place.rsplit('.').next().unwrap_or(place);
                    words.text(self.heard.fields.get(field).map_or_else(String::new, |values| one_line(&values.join(", "), SHORT)))
                }
            };
            rest = after;
        }
        words.text(rest).text(" (").time(self.event.at).text(")").then(self.because(&["line", "reason"]))
    }

    /// `Mitigated at 03:20 by Ana, recorded 03:31: “drained zone b”.`
    fn stands(&self, taken: &TransitionTaken) -> Words {
        let transition = self.story.kind.and_then(|kind| kind.transitions.get(&taken.transition));
        let outcome = transition.is_some_and(|t| !t.sets.is_empty() && !taken.phase);
        let what = match transition {
            Some(t) if t.reopens => "Reopened".to_owned(),
            _ if taken.phase => self.step(&taken.transition),
            _ if outcome => format!("{} as “{}”", self.status(&taken.to), self.step(&taken.transition)),
            _ => self.status(&taken.to),
        };
        let words = Words::of(format!("{what} at ")).time(taken.occurred_at.unwrap_or(self.event.at)).text(" by ").then(self.who());
        let words = if taken.occurred_at.is_some() { words.text(", recorded ").time(self.event.at) } else { words };
        words.then(self.because(&["line", "reason"]))
    }

    fn owed(&self, taken: &TransitionTaken) -> Words {
        let mut out = Words::new();
        for item in &taken.owed {
            let what = if item.what == "evidence" { "Evidence".to_owned() } else { capitalise(&self.field(&item.of)) };
            out = out.text(format!(" {what} is owed before “{}”.", self.step(&item.by)));
        }
        out
    }

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
            Fact::FieldsSet { fields, sealed_fields } => self.fields_set(fields, sealed_fields),
            Fact::TaskSettled { task: n, waived: false } => self.who().text(" did ").quote(task(n)).text("."),
            Fact::TaskSettled { task: n, waived: true } => self.who().text(" set aside ").quote(task(n)).then(self.because(&["reason"])),
            Fact::EvidenceWaived { phase } => {
                self.who().text(format!(" says that there is no evidence for “{}”", self.step(phase))).then(self.because(&["reason"]))
            }
            Fact::OwnerAssigned { person } => now(person, "owner"),
            Fact::LeadAssigned { person } => now(person, "lead"),
            _ => Words::new(),
        };
        said(Tone::Step, text)
    }

    fn fields_set(&self, fields: &std::collections::BTreeMap<String, serde_json::Value>, sealed: &[String]) -> Words {
        let (cleared, set): (Vec<_>, Vec<_>) = fields.iter().partition(|(_, value)| value.is_null());
        let mut parts: Vec<String> = set.iter().map(|(name, value)| format!("{} to {}", self.field(name), self.value(name, value))).collect();
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
            Fact::Linked { link, to: Some(to) } => {
                self.who().text(" linked ").ticket(to).text(format!(" as “{}”.", uncapitalise(&humanise(&one_line(link, 40)))))
            }
            Fact::Linked { link, to: None } => {
                let link = uncapitalise(&humanise(&one_line(link, 40)));
                match self.sealed("target") {
                    Some(target) => self.who().text(format!(" linked, as “{link}”, ")).quote(one_line(&target, 200)).text("."),
                    None => self.who().text(format!(" says why there is no link “{link}”")).then(self.because(&["reason"])),
                }
            }
            Fact::Unlinked { link } => self.who().text(format!(" took link {link} back")).then(self.because(&["reason"])),
            Fact::MergedInto { into, .. } => self.who().text(" merged this into ").ticket(into).text("; it lives on there."),
            Fact::MergeReceived { from } => Words::new().ticket(from).text(" was merged into this one by ").then(self.who()).text("."),
            Fact::MergeUndone { other } => self.who().text(" took the merge with ").ticket(other).text(" back."),
            _ => Words::new(),
        };
        said(Tone::Step, text)
    }

    fn called(&self) -> Said {
        let called = |to: &str| self.story.known.person_or_role(to);
        match &self.event.fact {
            Fact::Escalated { to, to_tier, .. } if self.event.actor.person().is_some() => {
                said(Tone::Pressing, self.who().text(" called ").name(called(to)).text(format!(" (tier {to_tier})")).then(self.because(&["reason"])))
            }
            Fact::Escalated { to, to_tier, .. } => {
                said(Tone::Pressing, Words::new().name(capitalise(&called(to))).text(format!(" is being called now (tier {to_tier}).")))
            }
            Fact::EscalationAcknowledged { .. } => said(Tone::Step, self.who().text(" has seen it.")),
            Fact::GroupNotified { group, due } => {
                let told = Words::new().name(capitalise(&called(group))).text(" was told");
                let text = match due {
                    Some(due) => told.text(", and must say by ").time(*due).text(" that they have read it."),
                    None => told.text("."),
                };
                said(Tone::Step, text)
            }
            Fact::NotificationAcknowledged { group } => said(Tone::Step, self.who().text(" has read it for ").name(called(group)).text(".")),
            _ => said(Tone::Quiet, Words::new()),
        }
    }

    fn judged(&self) -> Said {
        match &self.event.fact {
            Fact::ApprovalDecided { transition, approved, .. } => {
                let verb = if *approved { "approved" } else { "rejected" };
                let text = self.who().text(format!(" {verb} “{}” at ", self.step(transition))).time(self.event.at);
                said(Tone::Step, text.then(self.because(&["reason"])))
            }
            Fact::ApprovalWithdrawn { transition } => {
                let text = self.who().text(format!(" took back the decision on “{}”", self.step(transition)));
                said(Tone::Step, text.then(self.because(&["reason"])))
            }
            Fact::Refused { command, code, transition } => {
                let what = transition.as_ref().map_or_else(|| humanise(command), |t| self.step(t));
                let reason = uncapitalise(&humanise(&one_line(code, 60)));
                said(Tone::Refusal, self.who().text(format!(" tried “{}” and was refused ({reason}).", one_line(&what, 60))))
            }
            _ => said(Tone::Quiet, Words::new()),
        }
    }

    fn alert(&self) -> Said {
        let title = || self.story.alert_title(self.event).map_or_else(|| Span::Text("an alert".to_owned()), Span::Quote);
        match &self.event.fact {
            Fact::AlertAttached(alert) => {
                let after = if alert.after_end { " It came after the work had ended." } else { "" };
                said(Tone::Alert, Words::of(format!("Alert from {}: ", one_line(&alert.source, 80))).span(title()).text(format!(".{after}")))
            }
            Fact::AlertRepeated { count: n, first, last, .. } => {
                let times = count(*n, "more time", "more times");
                said(Tone::Quiet, Words::of(format!("The same alert came {times} between ")).time(*first).text(" and ").time(*last).text("."))
            }
            Fact::AlertChanged(alert) => said(Tone::Step, changed(alert, title())),
            Fact::AlertUnmapped(alert) => {
                let source = one_line(&alert.source, 80);
                said(Tone::Quiet, Words::of(format!("Alert from {source}: ")).span(title()).text(". No response playbook takes it, so nothing was opened."))
            }
            _ => said(Tone::Quiet, Words::new()),
        }
    }

    fn clock(&self) -> Said {
        match &self.event.fact {
            Fact::ClockStarted { clock, due, .. } => {
                said(Tone::Quiet, Words::of(format!("{} by ", capitalise(&self.clock_label(clock)))).time(*due).text("."))
            }
            Fact::ClockRetargeted { clock, due, .. } => {
                let text = format!("The severity changed, and with it the time: {} by ", self.clock_label(clock));
                said(Tone::Step, Words::of(text).time(*due).text("."))
            }
            Fact::ClockStopped { clock, elapsed_seconds, late } => {
                let how = if *late { "late" } else { "in time" };
                let label = capitalise(&self.clock_label(clock));
                said(Tone::Quiet, Words::of(format!("{label}: {how}, after {}.", seconds(*elapsed_seconds))))
            }
            Fact::ClockWarned { clock, due, came_due, .. } => {
                let text = Words::of(format!("{} to {} ", remaining(*due, *came_due), self.clock_label(clock)));
                said(Tone::Pressing, text.then(self.number()).text("."))
            }
            Fact::ClockBreached { clock, due, .. } => {
                let whole = self.heard.clocks.get(clock).map(|(started, due)| format!(" of {}", duration(due.since(*started))));
                let text = Words::of(format!("The time{} to {} ", whole.unwrap_or_default(), self.clock_label(clock)));
                said(Tone::Pressing, text.then(self.number()).text(" ran out at ").time(*due).text("."))
            }
            _ => said(Tone::Quiet, Words::new()),
        }
    }
}

/// `alertmanager says that “…” is over.`
fn changed(alert: &AlertSeen, title: Span) -> Words {
    let now = match alert.status {
        AlertStatus::Firing => " is firing again.",
        AlertStatus::Acknowledged => " was acknowledged there.",
        AlertStatus::Resolved => " is over.",
    };
    Words::of(format!("{} says that ", one_line(&alert.source, 80))).span(title).text(now)
}
