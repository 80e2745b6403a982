//! What is said when a ticket opens, a step is taken, and a step is judged.

use super::{SHORT, Teller, said};
use crate::card::scene::texts_of;
use crate::card::story::{Said, Tone};
use crate::card::words::{Words, capitalise, list, one_line, paragraphs};
use crate::ticket::event::{Fact, OwedItem, TicketOpened, TransitionTaken};

impl Teller<'_> {
    pub(super) fn opened(&self, opened: &TicketOpened) -> Said {
        let title = self.sealed("field.title").map_or_else(|| "(no title)".to_owned(), |t| one_line(&t, 200));
        let severity = opened.fields.get("severity").map(texts_of).and_then(|s| s.into_iter().next());
        let severity = severity.map_or_else(String::new, |s| format!("{s} · "));
        let text = self.number().text(format!(" · {severity}")).strong(title).text(". Opened by ").then(self.who()).text(".");
        said(Tone::Step, text)
    }

    pub(super) fn taken(&self, taken: &TransitionTaken) -> Said {
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
        let alone = if taken.alone { " Somebody else takes this elsewhere; the single-operator exception was used." } else { "" };
        said(Tone::Step, text.then(self.owed(taken)).then(next).text(skipped).text(late).text(by_itself).text(alone))
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

    /// ` Needed before “Close”: evidence and root cause.`
    fn owed(&self, taken: &TransitionTaken) -> Words {
        let mut by_step: Vec<(&str, Vec<String>)> = Vec::new();
        for item in &taken.owed {
            let what = if item.what == "evidence" { "evidence".to_owned() } else { self.field(&item.of) };
            match by_step.iter_mut().find(|(by, _)| *by == item.by) {
                Some((_, things)) => things.push(what),
                None => by_step.push((&item.by, vec![what])),
            }
        }
        let line = |(by, things): &(&str, Vec<String>)| format!(" Needed before “{}”: {}.", self.step(by), list(things, "and"));
        by_step.iter().fold(Words::new(), |out, group| out.text(line(group)))
    }

    /// `evidence for “Mitigated”`, `root cause`
    pub(super) fn owed_thing(&self, item: &OwedItem) -> String {
        if item.what == "evidence" { format!("evidence for “{}”", self.step(&item.of)) } else { self.field(&item.of) }
    }

    /// What happened in the ticket's channel beside what was said there.
    pub(super) fn heard_in_chat(&self) -> Said {
        match &self.event.fact {
            Fact::NoteRevised { note, removed: true, .. } => {
                said(Tone::Quiet, self.who().text(format!(" deleted note {note} in chat; it stays in the record.")))
            }
            Fact::NoteRevised { note, edited_at, superseded, .. } => {
                let body = self.sealed("note").map(|text| paragraphs(&text, 10_000));
                let text = match (superseded, edited_at) {
                    (true, Some(at)) => {
                        self.who().text(format!(" had changed note {note} in chat at ")).time(*at).text(", before the change that stands.")
                    }
                    _ => self.who().text(format!(" changed note {note} in chat; what it was stays in the record.")),
                };
                Said { tone: Tone::Note, text, body }
            }
            Fact::ContentWithheld { found, of, masked } => {
                let things: Vec<String> = found.iter().map(|f| content_word(f).to_owned()).collect();
                let what = list(&things, "and");
                let done = if *masked { "was kept without it" } else { "was not kept" };
                said(Tone::Refusal, self.who().text(format!("'s {} held {what} and {done}.", one_line(of, 20))))
            }
            Fact::ChannelOpened { platform, own } => {
                let what = if *own { "has a channel of its own" } else { "has a thread" };
                said(Tone::Quiet, self.number().text(format!(" {what} in {} now.", capitalise(&one_line(platform, 20)))))
            }
            Fact::ChannelArchived { platform } => {
                said(Tone::Quiet, self.number().text(format!("'s channel in {} was archived.", capitalise(&one_line(platform, 20)))))
            }
            Fact::ChannelJoined { person } => {
                let who = person.as_ref().map_or_else(|| Words::of("Somebody who is not verified"), |p| Words::new().name(self.person(p)));
                said(Tone::Refusal, who.text(" joined the channel without the right to read this."))
            }
            _ => said(Tone::Quiet, Words::new()),
        }
    }

    pub(super) fn judged(&self) -> Said {
        match &self.event.fact {
            Fact::ApprovalDecided { transition, approved, instead_of, self_approved, .. } => {
                let verb = if *approved { "approved" } else { "rejected" };
                let mut who = self.who();
                if let Some(person) = instead_of {
                    who = who.text(", standing in for ").name(self.person(person)).text(",");
                }
                if *self_approved {
                    who = who.text(", alone by the declared exception,");
                }
                let text = who.text(format!(" {verb} “{}” at ", self.step(transition))).time(self.event.at);
                said(Tone::Step, text.then(self.because(&["reason"])))
            }
            Fact::ApprovalSpoken { transition, giver: Some(giver), .. } => {
                let text = Words::new().name(self.person(giver)).text(format!(
                    " is said to have agreed to “{}” by word of mouth, and must confirm it with an own click.",
                    self.step(transition)
                ));
                said(Tone::Pressing, text)
            }
            Fact::ApprovalSpoken { transition, giver: None, .. } => {
                let text = format!(
                    "Nobody who may approve “{}” answered in time, so it goes ahead; somebody must confirm it.",
                    self.step(transition)
                );
                said(Tone::Pressing, Words::of(text))
            }
            Fact::SpokenApprovalAnswered { transition, confirmed, .. } => {
                let verb = if *confirmed { "confirmed having agreed to" } else { "says not to have agreed to" };
                said(Tone::Step, self.who().text(format!(" {verb} “{}”", self.step(transition))).then(self.because(&["reason"])))
            }
            Fact::ApprovalWithdrawn { transition } => {
                let text = self.who().text(format!(" took back the decision on “{}”", self.step(transition)));
                said(Tone::Step, text.then(self.because(&["reason"])))
            }
            Fact::Refused { command, code, transition } => {
                let tried = match transition {
                    Some(t) => format!("“{}”", one_line(&self.step(t), 60)),
                    None => attempt(command).to_owned(),
                };
                // `WrongStatus` is "wrong status".
                let spaced: String =
                    one_line(code, 60).chars().flat_map(|c| c.is_uppercase().then_some(' ').into_iter().chain(Some(c))).collect();
                let reason = spaced.trim().to_lowercase();
                said(Tone::Refusal, self.who().text(format!(" tried {tried} and was refused ({reason}).")))
            }
            _ => said(Tone::Quiet, Words::new()),
        }
    }
}

/// What was found that must not be kept, in words.
fn content_word(found: &str) -> &'static str {
    match found {
        "marking" => "a protective marking",
        "credential" => "a password, key or token",
        "card" => "a payment card number",
        _ => "something that must not stand here",
    }
}

/// What somebody tried to do, by the command's name in the log ([`crate::ticket::command::Command::name`], and
/// `Administer` of the directory).
fn attempt(command: &str) -> &'static str {
    match command {
        "Open" => "to open a ticket",
        "Receive" => "to hand in an alert",
        "Deployed" => "to report a deployment",
        "Nudge" => "to ask for a decision",
        "TakeUp" => "to open something for it",
        "SetFields" => "to set fields",
        "AddNote" => "to add a note",
        "AttachEvidence" => "to file evidence",
        "SettleTask" => "to settle a task",
        "WaiveEvidence" => "to say why there is no evidence",
        "AssignOwner" => "to name an owner",
        "AssignLead" => "to name a lead",
        "Link" => "to link this",
        "Unlink" => "to take a link back",
        "Escalate" => "to escalate this",
        "AcknowledgeEscalation" => "to answer a call",
        "AcknowledgeNotification" => "to say for a group that it has read this",
        "ListUsers" => "to hand in a list of users",
        "FreezeLines" => "to freeze the lines of a review",
        "DecideLines" => "to decide on lines",
        "Decide" => "to approve or reject a step",
        "WithdrawDecision" => "to take a decision back",
        "Administer" => "to change who may do what",
        "HearNote" => "to say something",
        "ReviseNote" => "to change what was said",
        "LinkAccount" => "to link a chat account",
        "Press" => "to press a button",
        "Type" => "to use a command",
        _ => "something",
    }
}
