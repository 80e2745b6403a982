//! What is said of alerts, clocks and calls: what presses.

use super::Teller;
use super::said;
use crate::card::story::{Said, Tone};
use crate::card::words::{Span, Words, capitalise, count, duration, list, number_word, one_line, remaining, seconds, uncapitalise};
use crate::ticket::alert::AlertStatus;
use crate::ticket::deployment::DeploymentState;
use crate::ticket::event::{AlertSeen, DeploymentSeen, Fact};

/// People whom a sentence names at most.
const NAMED: usize = 5;

impl Teller<'_> {
    pub(super) fn called(&self) -> Said {
        let called = |to: &str| self.story.known.person_or_role(to);
        match &self.event.fact {
            Fact::Escalated { to, to_tier, .. } if self.event.actor.person().is_some() => said(
                Tone::Pressing,
                self.who().text(" called ").name(called(to)).text(format!(" (tier {to_tier})")).then(self.because(&["reason"])),
            ),
            Fact::Escalated { to, to_tier: 0, person, .. } => {
                let who = person.as_deref().unwrap_or(to);
                said(Tone::Pressing, Words::new().name(capitalise(&called(who))).text(" is on call and is being called now."))
            }
            Fact::Escalated { to, to_tier, person: Some(person), .. } => said(
                Tone::Pressing,
                Words::new().name(called(person)).text(format!(" is being called now ({}, tier {to_tier}).", to.replace(['-', '.'], " "))),
            ),
            Fact::Escalated { to, to_tier, .. } => {
                said(Tone::Pressing, Words::new().name(capitalise(&called(to))).text(format!(" is being called now (tier {to_tier}).")))
            }
            Fact::EscalationAcknowledged { .. } if self.event.actor.person().is_none() => {
                said(Tone::Quiet, Words::of("Nobody further is called for it."))
            }
            Fact::EscalationAcknowledged { .. } => said(Tone::Step, self.who().text(" has seen it.")),
            Fact::Nudged { transition, to } => {
                let names: Vec<String> = to.iter().take(NAMED).map(|person| self.person(person)).collect();
                let more = if to.len() > NAMED { " and others" } else { "" };
                let text = format!(" asks {}{more} to decide on “{}”.", list(&names, "and"), self.step(transition));
                said(Tone::Pressing, self.who().text(text))
            }
            Fact::PageMissed { to, person, platform, why, next, .. } => {
                said(Tone::Pressing, self.missed(person.as_deref().unwrap_or(to), platform, (why, *next)))
            }
            Fact::PageAnswered { service, answer } => said(
                Tone::Quiet,
                Words::of(format!(
                    "Somebody whom I do not know {} this in {}; it stops nothing.",
                    one_line(answer, 40),
                    capitalise(&one_line(service, 40))
                )),
            ),
            Fact::MorningTold { person, .. } => {
                said(Tone::Quiet, Words::new().name(self.person(person)).text(" was up at night, and is told what is owed."))
            }
            Fact::GroupNotified { group, due } => {
                let group = Words::new().name(capitalise(&called(group)));
                let text = match due {
                    Some(due) => group.text(" must read this, and say so by ").time(*due).text("."),
                    None => group.text(" should know of this."),
                };
                said(Tone::Step, text)
            }
            Fact::GroupReached { way, people, .. } => {
                let names: Vec<String> = people.iter().map(|id| self.person(id)).collect();
                said(Tone::Quiet, Words::of(format!("Reached by {}: {}.", one_line(way, 40), list(&names, "and"))))
            }
            Fact::NotificationOverdue { group, due } => {
                let text =
                    Words::new().name(capitalise(&called(group))).text(" has not said by ").time(*due).text(" that they have read it.");
                said(Tone::Pressing, text)
            }
            Fact::OwedReminded { owed, .. } => {
                let things: Vec<String> = owed.iter().map(|item| self.owed_thing(item)).collect();
                let before = owed.first().map_or_else(String::new, |item| format!(" before “{}”", self.step(&item.by)));
                let text = format!(" still needs {}{before}: {}.", number_word_things(owed.len()), list(&things, "and"));
                said(Tone::Pressing, self.number().text(text))
            }
            Fact::NotificationAcknowledged { group } => {
                said(Tone::Step, self.who().text(" has read it for ").name(called(group)).text("."))
            }
            _ => said(Tone::Quiet, Words::new()),
        }
    }

    /// “Ana could not be told in Slack: no account there is linked. The next one is called at once.”
    fn missed(&self, called: &str, platform: &str, (why, next): (&str, bool)) -> Words {
        let platform = capitalise(&one_line(platform, 40));
        let who = Words::new().name(capitalise(&self.story.known.person_or_role(called)));
        let because = match why {
            "nobody" => " was called, and nobody is that now.".to_owned(),
            "refused" => format!(" could not be told in {platform}: it lets me write to no account of theirs."),
            _ => format!(" could not be told in {platform}: no account there is linked."),
        };
        who.text(because).text(if next { " Whoever comes next is called at once." } else { "" })
    }

    pub(super) fn alert(&self) -> Said {
        let title = || self.story.alert_title(self.event).map_or_else(|| Span::Text("an alert".to_owned()), Span::Quote);
        match &self.event.fact {
            Fact::AlertAttached(alert) => {
                let after = if alert.after_end { " It came after the work had ended." } else { "" };
                said(
                    Tone::Alert,
                    Words::of(format!("Alert from {}: ", one_line(&alert.source, 80))).span(title()).text(format!(".{after}")),
                )
            }
            Fact::AlertRepeated { count: n, first, last, .. } => {
                let times = count(*n, "more time", "more times");
                said(
                    Tone::Quiet,
                    Words::of(format!("The same alert came {times} between ")).time(*first).text(" and ").time(*last).text("."),
                )
            }
            Fact::AlertChanged(alert) => {
                let tone = if alert.status == AlertStatus::Resolved { Tone::AllClear } else { Tone::Step };
                said(tone, changed(alert, title()))
            }
            Fact::AlertUnmapped(alert) => {
                let source = one_line(&alert.source, 80);
                said(
                    Tone::Quiet,
                    Words::of(format!("Alert from {source}: "))
                        .span(title())
                        .text(". No response playbook takes it, so nothing was opened."),
                )
            }
            Fact::DeliveryKept { source, delivery, unmapped, truncated, .. } => {
                let mut parts = Vec::new();
                if *unmapped > 0 {
                    parts.push(format!("{} of it became no alert", count(*unmapped, "part", "parts")));
                }
                if *truncated > 0 {
                    parts.push(format!("its sender left out {}", count(*truncated, "alert", "alerts")));
                }
                let (source, what) = (one_line(source, 80), list(&parts, "and"));
                said(Tone::Quiet, Words::of(format!("Delivery {delivery} from {source} is kept as it came: {what}.")))
            }
            _ => said(Tone::Quiet, Words::new()),
        }
    }

    /// “ci reports that the deployment of acme/web-shop to production succeeded (1a2b3c, pull request 12, by Ana Lima (ana,
    /// verified), reviewed by bo (as reported, unverified)).”
    pub(super) fn deployed(&self, seen: &DeploymentSeen) -> Said {
        let told: Option<serde_json::Value> = self.sealed("deployment").and_then(|text| serde_json::from_str(&text).ok());
        let part = |name: &str| told.as_ref().and_then(|t| t[name].as_str()).map(|t| one_line(t, 120)).filter(|t| !t.is_empty());
        let of = part("repository").map_or_else(|| "the deployment".to_owned(), |of| format!("the deployment of {of}"));
        let to = part("environment").map_or_else(String::new, |to| format!(" to {to}"));
        let how = match seen.state {
            DeploymentState::Started => "began",
            DeploymentState::Succeeded => "succeeded",
            DeploymentState::Failed => "failed",
        };
        let reviewers = told.iter().flat_map(|t| t["reviewers"].as_array().into_iter().flatten()).filter_map(|r| r.as_str());
        let people = seen.people.as_ref();
        let named = |login: &str, known: Option<&String>| match known {
            Some(person) => format!("{} ({}, verified)", self.person(person), one_line(login, 60)),
            None => format!("{} (as reported, unverified)", one_line(login, 60)),
        };
        let known = |at: usize| people.and_then(|people| people.reviewers.get(at)?.as_ref());
        let reviewers: Vec<String> = reviewers.take(5).enumerate().map(|(at, login)| named(login, known(at))).collect();
        let mut about: Vec<String> = part("revision").into_iter().collect();
        about.extend(part("pull_request").map(|pull_request| format!("pull request {pull_request}")));
        about.extend(part("author").map(|author| format!("by {}", named(&author, people.and_then(|p| p.author.as_ref())))));
        about.extend((!reviewers.is_empty()).then(|| format!("reviewed by {}", list(&reviewers, "and"))));
        let about = if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
        let none = if seen.cover == "none" { " Nothing approved covers it." } else { "" };
        let tone = if seen.cover == "none" || seen.state == DeploymentState::Failed { Tone::Pressing } else { Tone::Step };
        said(tone, Words::of(format!("{} reports that {of}{to} {how}{about}.{none}", one_line(&seen.source, 80))))
    }

    pub(super) fn clock(&self) -> Said {
        match &self.event.fact {
            Fact::ClockStarted { clock, due, .. } => said(Tone::Quiet, Words::of(self.clock_called(clock).by()).time(*due).text(".")),
            Fact::ClockRetargeted { clock, due, .. } => {
                let text = format!("The severity changed, and with it the time: {}", uncapitalise(&self.clock_called(clock).by()));
                said(Tone::Step, Words::of(text).time(*due).text("."))
            }
            Fact::ClockPaused { clock } => {
                said(Tone::Quiet, Words::of(format!("The time {} stands still.", self.clock_called(clock).aim())))
            }
            Fact::ClockResumed { clock, due, .. } => {
                said(Tone::Quiet, Words::of(format!("The time {} counts again: by ", self.clock_called(clock).aim())).time(*due).text("."))
            }
            Fact::ClockStopped { clock, elapsed_seconds, late } => {
                let how = if *late { "late" } else { "in time" };
                let label = self.clock_called(clock).label();
                said(Tone::Quiet, Words::of(format!("{label}: {how}, after {}.", seconds(*elapsed_seconds))))
            }
            Fact::ClockWarned { clock, due, came_due, .. } => {
                let called = self.clock_called(clock);
                let text = Words::of(format!("{} {} {}", remaining(*due, *came_due), called.aim(), called.on()));
                said(Tone::Pressing, text.then(self.number()).text("."))
            }
            Fact::ClockBreached { clock, due, .. } => {
                let called = self.clock_called(clock);
                let whole = self.heard.clocks.get(clock).map(|(started, due)| format!(" of {}", duration(due.since(*started))));
                let text = Words::of(format!("The time{} {} {}", whole.unwrap_or_default(), called.aim(), called.on()));
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

/// `one thing`, `three things`.
fn number_word_things(n: usize) -> String {
    if n == 1 { "one thing".to_owned() } else { format!("{} things", number_word(n)) }
}
