//! What is said of the log itself and of the directory of people.

use super::Teller;
use super::said;
use crate::card::story::{Said, Tone};
use crate::card::words::{Words, count, humanise, list, one_line, uncapitalise};
use crate::ticket::event::{Fact, Pack};

/// A platform as people write it.
fn platform_name(platform: &str) -> String {
    crate::card::words::capitalise(&one_line(platform, 40))
}

impl Teller<'_> {
    pub(super) fn log(&self) -> Said {
        let text = match &self.event.fact {
            Fact::LogOpened { origin, demo, .. } => {
                let demo = if *demo { " It is a demonstration: nothing in it is real." } else { "" };
                Words::of(format!("The log “{}” was opened.{demo}", one_line(origin, 200)))
            }
            Fact::EpochOpened(epoch) => {
                let (origin, old) = (one_line(&epoch.origin, 200), one_line(&epoch.old_origin, 200));
                self.who()
                    .text(format!(
                        " opened the log anew as “{origin}”, because a checkpoint of “{old}” over {} is known that this database does not continue",
                        count(epoch.lost_size, "event", "events")
                    ))
                    .then(self.because(&["reason"]))
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
            Fact::RefusalsCounted { person, hour, count: n } => {
                Words::of(format!("{} of ", count(*n, "further refusal", "further refusals")))
                    .name(self.person(person))
                    .text(" in the hour from ")
                    .time(*hour)
                    .text(".")
            }
            Fact::Exported { tickets, position, .. } => self
                .who()
                .text(format!(" exported {}, up to position {position} of the log", count(*tickets, "ticket", "tickets")))
                .then(self.because(&["query"])),
            Fact::ClockStepConfirmed { before, after } => {
                self.who().text(" confirmed that the clock is right after its step from ").time(*before).text(" to ").time(*after).text(".")
            }
            Fact::ObligationBegan { obligation, from } => {
                Words::of(format!("“{}” counts from ", one_line(obligation, 60))).time(*from).text(" on.")
            }
            Fact::ObligationRun { obligation, due, opened, checked, drawn } => {
                let mut text = Words::of(format!("“{}” came due at ", one_line(obligation, 60))).time(*due);
                if let Some(checked) = checked {
                    let (found, opened) = (checked.found.len(), checked.opened.len());
                    let (looked_at, as_of) = (checked.looked_at, checked.as_of);
                    text = text.text(format!(": of {looked_at} looked at (up to event {as_of}) {found} found, {opened} new"));
                }
                if let Some(drawn) = drawn {
                    let (of, as_of) = (count(drawn.population, "ticket", "tickets"), drawn.as_of);
                    let taken = count(i64::try_from(drawn.drawn.len()).unwrap_or(i64::MAX), "was drawn", "were drawn");
                    text = text.text(format!(", {taken} of {of} that ended in its period (up to event {as_of})"));
                }
                opened.as_ref().map_or_else(|| text.clone().text("."), |number| text.clone().text(": ").ticket(number).text("."))
            }
            Fact::ObligationMissed { obligation, due } => {
                Words::of(format!("“{}” came due at ", one_line(obligation, 60))).time(*due).text(" and was missed.")
            }
            Fact::OnCallChanged { from, to } => match (from, to) {
                (Some(from), Some(to)) => {
                    Words::new().name(self.person(to)).text(" is on call now, after ").name(self.person(from)).text(".")
                }
                (None, Some(to)) => Words::new().name(self.person(to)).text(" is on call now."),
                (_, None) => Words::of("Nobody is on call now."),
            },
            Fact::RotaRead { shifts, unknown } => {
                let shifts = count(i64::try_from(shifts.len()).unwrap_or(i64::MAX), "shift", "shifts");
                let unknown = if *unknown > 0 {
                    format!(" {} of nobody whom we know.", count(*unknown, "more is", "more are"))
                } else {
                    String::new()
                };
                Words::of(format!("The calendar of shifts says {shifts} now.{unknown}"))
            }
            _ => Words::new(),
        };
        said(Tone::Quiet, text)
    }

    /// What is kept of what was drawn for the ticket.
    pub(super) fn pack(&self, pack: &Pack) -> Said {
        let (tickets, sha256) = (count(pack.tickets, "ticket", "tickets"), one_line(&pack.sha256, 64));
        let text = format!("The pack of {tickets} was written, from a log of {} events, and is kept as {sha256}.zip.", pack.position);
        said(Tone::Step, Words::of(text))
    }

    pub(super) fn people(&self) -> Said {
        let roles = |roles: &[String]| {
            let words: Vec<String> = roles.iter().map(|r| r.replace('-', " ")).collect();
            if words.is_empty() { "no role".to_owned() } else { list(&words, "and") }
        };
        let text = match &self.event.fact {
            Fact::PersonAdded { person, roles: held } => {
                self.who().text(" added ").name(self.person(person)).text(format!(", as {}.", roles(held)))
            }
            Fact::RolesChanged { person, roles: held } => {
                self.who().text(" changed the roles of ").name(self.person(person)).text(format!(" to {}.", roles(held)))
            }
            Fact::PersonDisabled { person } => self
                .who()
                .text(" disabled ")
                .name(self.person(person))
                .text(", whose accounts stopped at once")
                .then(self.because(&["reason"])),
            Fact::KeyIssued { person, key, .. } => {
                self.who().text(format!(" issued the key {} to ", one_line(key, 40))).name(self.person(person)).text(".")
            }
            Fact::KeyRevoked { person, key } => {
                self.who().text(format!(" revoked the key {} of ", one_line(key, 40))).name(self.person(person)).text(".")
            }
            Fact::LinkIssued { person, expires_at, .. } => {
                self.who().text(" made a sign-in link for ").name(self.person(person)).text(", good until ").time(*expires_at).text(".")
            }
            Fact::AccountSeen { platform, .. } => {
                Words::of(format!("An account on {} that is nobody's yet did something for the first time.", platform_name(platform)))
            }
            Fact::AccountLinked { account, person, method } => Words::new().name(self.person(person)).text(format!(
                " is linked to the chat account {} ({}).",
                one_line(account, 40),
                uncapitalise(&humanise(&one_line(method, 40)))
            )),
            Fact::AccountUnlinked { account, person, why } => Words::of(format!("The chat account {} of ", one_line(account, 40)))
                .name(self.person(person))
                .text(format!(" is nobody's any more ({}).", uncapitalise(&humanise(&one_line(why, 40))))),
            Fact::LinkCodeIssued { person, expires_at } => Words::new()
                .name(self.person(person))
                .text(" asked for a code to link a chat account, good until ")
                .time(*expires_at)
                .text("."),
            Fact::SignedIn { person, method, .. } => {
                let method = uncapitalise(&humanise(&one_line(method, 40)));
                Words::new().name(self.person(person)).text(format!(" signed in ({method})."))
            }
            _ => Words::new(),
        };
        said(Tone::Quiet, text)
    }
}
