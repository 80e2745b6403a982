//! One request's turn within a batch: authorise, decide, and put its events on the overlay. No database here.

use std::sync::Arc;

use super::overlay::{Overlay, alert_id};
use super::refusals::{beginning_of, hour_of};
use super::request::{Answer, Ask, Refused, Request, SignIn, Unanswered, Who};
use crate::env::Timestamp;
use crate::people;
use crate::procedure::model::{Library, Permission};
use crate::store::commit::{DeliveryRow, RepeatRow, SessionRow};
use crate::ticket::command::{Command, Receive};
use crate::ticket::correlation::{self, Repeat, RepeatCount};
use crate::ticket::decide::{Context, decide, refused};
use crate::ticket::event::{Actor, AdoptedFile, Fact, NewEvent};
use crate::ticket::refusal::Refusal;

impl Overlay<'_> {
    /// Decides one request. What it decided is on the overlay when this returns, also when it is a refusal that an
    /// assessor wants to see.
    pub fn turn(&mut self, request: &Request) -> Result<Answer, Unanswered> {
        let actor = self.actor_of(request)?;
        self.known_to_act(request, &actor)?;
        let ask = match &request.ask {
            // To copy what a delivery brings would cost more than to decide it.
            Ask::Ticket(command) => return self.ticket(request, &actor, command),
            other => other.clone(),
        };
        let outcome = match ask {
            Ask::Ticket(command) => self.ticket(request, &actor, &command)?,
            Ask::People(command) => {
                let library = self.library()?;
                let person = person_of(&command);
                let actor = founder(&actor, &command);
                let decided = people::decide::decide(&self.known.directory, &library.organisation, &actor, command);
                let events = match decided {
                    Ok(events) => events,
                    Err(refusal) => return Err(self.refuse_administration(request, &actor, refusal, &library)),
                };
                let mut answer = self.append(request, &actor, events)?;
                answer.person = person;
                answer
            }
            Ask::IssueLink { person, hash, expires_at } => {
                self.allow(request, &actor, Permission::Administer)?;
                self.issue_link(request, &actor, &person, hash, expires_at)?
            }
            Ask::SignIn(sign_in) => self.sign_in(request, sign_in)?,
            Ask::SignOut { hash } => {
                self.batch.ended_sessions.push(hash);
                Answer::default()
            }
            Ask::OpenLog { origin, demo } => {
                let opening = Fact::LogOpened { origin, demo, schema: super::SCHEMA };
                let events = if self.known.size == 0 { vec![NewEvent::outside(opening)] } else { Vec::new() };
                self.append(request, &actor, events)?
            }
            Ask::Adopt { library, why } => {
                if self.known.procedures.current().is_some_and(|current| current.files != library.files) {
                    self.allow(request, &actor, Permission::Administer)?;
                }
                self.adopt(request, &actor, &library, why)?
            }
            Ask::CountForgeries { source, reason, minute, count } => {
                self.append(request, &actor, vec![NewEvent::outside(Fact::ForgeriesCounted { source, reason, minute, count })])?
            }
            Ask::TellRepeats => self.tell_repeats(request, &actor)?,
            Ask::RecordExport { digest, position, tickets, query } => {
                self.allow(request, &actor, Permission::Export)?;
                self.append(request, &actor, vec![NewEvent::outside(Fact::Exported { digest, position, tickets }).seal("query", query)])?
            }
            Ask::OpenEpoch { epoch, reason } => {
                self.allow(request, &actor, Permission::Administer)?;
                if epoch.old_origin != self.known.origin {
                    return Err(Unanswered::NotStored(format!("the log goes by {} by now", self.known.origin)));
                }
                self.known.origin.clone_from(&epoch.origin);
                self.batch.epoch = Some((epoch.origin.clone(), epoch.vkey.clone()));
                self.append(request, &actor, vec![NewEvent::outside(Fact::EpochOpened(epoch)).seal("reason", reason)])?
            }
            Ask::IssueLinkCode { hash, expires_at } => self.issue_link_code(request, &actor, hash, expires_at)?,
            Ask::TypeLinkCode { hash } => self.type_link_code(request, &actor, &hash)?,
            Ask::HoldForm { ticket, transition, form } => self.hold_form(request, &actor, &ticket, transition, form)?,
            Ask::ConfirmLink => self.confirm_link(request, &actor)?,
            Ask::RefuseLink => self.refuse_link(request, &actor)?,
            Ask::MatchAddress { email } => self.match_address(request, &actor, &email)?,
            Ask::StopAccount { handle } => self.stop_account(request, &actor, &handle.to_string())?,
            Ask::RefuseAccount { fault, command, ticket } => return Err(self.refuse_account(request, &actor, fault, &command, ticket)),
            Ask::ChangeTurn => {
                let events = self.turn_changed(&actor)?;
                self.append(request, &actor, events)?
            }
            Ask::LearnRota { shifts, unknown } => {
                let events = self.rota_read(&actor, shifts, unknown);
                self.append(request, &actor, events)?
            }
            Ask::CatchUp => Answer::default(),
            Ask::Try => {
                self.batch.trial = true;
                Answer::default()
            }
            Ask::ConfirmClock => {
                self.allow(request, &actor, Permission::Administer)?;
                let before = Timestamp::from_micros(self.known.last_at).unwrap_or(self.now);
                self.append(request, &actor, vec![NewEvent::outside(Fact::ClockStepConfirmed { before, after: self.now })])?
            }
        };
        Ok(outcome)
    }

    pub(super) fn library(&self) -> Result<Arc<Library>, Unanswered> {
        self.known.library().map_err(|e| Unanswered::NotStored(e.to_string()))
    }

    fn actor_of(&mut self, request: &Request) -> Result<Actor, Unanswered> {
        let of = |id: &str| {
            let person = self.known.directory.active(id).ok_or(Refused::NotAPerson)?;
            Ok(Actor::Person { id: id.to_owned(), roles: person.state.roles.clone() })
        };
        match &request.who {
            Who::Person { id } | Who::Operator { person: Some(id) } => of(id),
            Who::Account(account) => self.actor_of_account(request, account),
            Who::Source { name } => Ok(Actor::Source { name: name.clone() }),
            Who::Operator { person: None } | Who::Scheduler => Ok(Actor::Scheduler),
        }
    }

    /// Refuses an actor who may not; an assessor wants to see that somebody tried.
    fn allow(&mut self, request: &Request, actor: &Actor, permission: Permission) -> Result<(), Unanswered> {
        let library = self.library()?;
        let allowed = match actor {
            Actor::Person { id, .. } => self.known.directory.active(id).is_some_and(|p| p.may(&library.organisation, permission)),
            Actor::Source { .. } | Actor::Account { .. } => false,
            Actor::Scheduler => true,
        };
        if allowed {
            return Ok(());
        }
        Err(self.refuse_administration(request, actor, people::PeopleRefusal::NotAllowed, &library))
    }

    /// Whether a refusal of this actor gets an event of its own; either way it is counted.
    pub(super) fn tells(&mut self, actor: &Actor, most: u32) -> bool {
        let Some(person) = teller(actor) else { return true };
        let hour = hour_of(self.now);
        let own = self.known.refusals.so_far(person, hour) < i64::from(most);
        let (recorded, beyond) = self.batch.refusals.entry((person.to_owned(), hour)).or_default();
        *(if own { recorded } else { beyond }) += 1;
        own
    }

    /// Somebody who may not administer tried to: an assessor wants to see that.
    fn refuse_administration(&mut self, request: &Request, actor: &Actor, refusal: people::PeopleRefusal, library: &Library) -> Unanswered {
        if refusal == people::PeopleRefusal::NotAllowed && self.tells(actor, library.organisation.refusals_per_hour) {
            let fact = Fact::Refused { command: "Administer".to_owned(), code: refusal.code().to_owned(), transition: None };
            if let Err(error) = self.append(request, actor, vec![NewEvent::outside(fact)]) {
                return error;
            }
        }
        Refused::People(refusal).into()
    }

    fn ticket(&mut self, request: &Request, actor: &Actor, command: &Command) -> Result<Answer, Unanswered> {
        let library = self.library()?;
        let delivered = matches!(command, Command::Receive(_) | Command::Deployed(_));
        let delivery = delivered.then_some(self.known.deliveries + 1);
        let procedures = Arc::clone(&self.known.procedures);
        let directory = Arc::clone(&self.known.directory);
        let context = Context {
            now: self.now,
            next_seq: self.known.size,
            actor,
            via: &request.via,
            library: &library,
            kinds: procedures.as_ref(),
            people: directory.as_ref(),
            delivery,
        };
        let decided = decide(&context, self, command);
        if self.known.elsewhere.was_lacking() {
            return Err(Unanswered::Elsewhere);
        }
        let decision = match decided {
            Ok(decision) => decision,
            Err(refusal) => {
                // A button of a chat message may be of another ticket, or of one that moved on: that somebody pressed it is told.
                let pressed = request.envelope.is_some() && matches!(refusal, Refusal::Stale { .. });
                if (refusal.recorded() || pressed) && self.tells(actor, library.organisation.refusals_per_hour) {
                    let event = refused(command, &refusal, self);
                    self.append(request, actor, vec![event])?;
                }
                return Err(Refused::Ticket(refusal).into());
            }
        };
        let mut answer = self.append(request, actor, decision.events)?;
        answer.tickets = decision.tickets.iter().map(ToString::to_string).collect();
        if let Command::Receive(receive) = command {
            answer.delivery = delivery;
            self.deliver(receive, &decision.repeats, library.organisation.repeats_every);
        }
        if let Command::Deployed(report) = command {
            answer.delivery = delivery;
            let reported = [(report.group.as_str(), report.deployment.state.name())];
            self.count_delivery(&report.deployment.source, report.received_at, super::overlay::json(&reported));
        }
        for number in &decision.tickets {
            if let Some(ticket) = self.known.tickets.get(number) {
                answer.revs.insert(number.to_string(), ticket.rev);
            }
        }
        Ok(answer)
    }

    /// Gives a delivery its number; `parts`: what was in it, as JSON.
    fn count_delivery(&mut self, source: &str, received_at: Timestamp, parts: String) -> i64 {
        self.known.deliveries += 1;
        let id = self.known.deliveries;
        self.batch.deliveries.push(DeliveryRow { id, source: source.to_owned(), received_at: received_at.micros(), alerts: parts });
        id
    }

    /// Counts a delivery and the repeats that it brought.
    fn deliver(&mut self, receive: &Receive, repeats: &[Repeat], every: std::time::Duration) {
        let alerts: Vec<(&str, crate::ticket::alert::AlertStatus)> =
            receive.alerts.iter().map(|a| (a.alert.fingerprint.as_str(), a.alert.status)).collect();
        let id = self.count_delivery(&receive.source, receive.received_at, super::overlay::json(&alerts));
        for repeat in repeats {
            let at = repeat.received_at.micros();
            let key = alert_id(&repeat.source, &repeat.fingerprint);
            let row = self.batch.repeats.entry(key.clone()).or_insert_with(|| RepeatRow {
                id: key,
                ticket: repeat.ticket.as_ref().map(ToString::to_string),
                group: repeat.group.clone().unwrap_or_default(),
                count: 0,
                at: (at, at),
                deliveries: (id, id),
                due: self.now.plus(every).micros(),
            });
            row.count += 1;
            row.at.1 = at.max(row.at.1);
            row.deliveries.1 = id;
            if let Some(group) = &repeat.group {
                let last = self.repeated.entry(group.clone()).or_insert(repeat.received_at);
                *last = (*last).max(repeat.received_at);
            }
        }
    }

    fn tell_repeats(&mut self, request: &Request, actor: &Actor) -> Result<Answer, Unanswered> {
        let mut events = Vec::new();
        for row in std::mem::take(&mut self.due_repeats) {
            let Some((source, fingerprint)) = row.id.rsplit_once('/') else { continue };
            let (Some(first), Some(last)) = (Timestamp::from_micros(row.at.0), Timestamp::from_micros(row.at.1)) else { continue };
            let (first_delivery, last_delivery) = row.deliveries;
            let counted = RepeatCount { count: row.count, first, last, first_delivery, last_delivery };
            events.push(correlation::repeated(source, fingerprint, self.alerts.get(&row.id), &counted));
            self.batch.told.push(row.id);
        }
        for row in std::mem::take(&mut self.past_refusals) {
            if let (1.., Some(hour)) = (row.beyond, beginning_of(row.hour)) {
                events.push(NewEvent::outside(Fact::RefusalsCounted { person: row.person.clone(), hour, count: row.beyond }));
            }
            self.batch.refusals_told.push((row.person, row.hour));
        }
        self.append(request, actor, events)
    }

    fn issue_link(
        &mut self,
        request: &Request,
        actor: &Actor,
        person: &str,
        hash: String,
        expires_at: Timestamp,
    ) -> Result<Answer, Unanswered> {
        if self.known.directory.active(person).is_none() {
            let known = self.known.directory.get(person);
            let refusal = if known.is_some() { people::PeopleRefusal::Disabled } else { people::PeopleRefusal::Unknown(person.to_owned()) };
            return Err(Refused::People(refusal).into());
        }
        let fact = Fact::LinkIssued { person: person.to_owned(), link: hash.clone(), expires_at };
        let mut answer = self.append(request, actor, vec![NewEvent::outside(fact)])?;
        self.batch.links.push((hash, person.to_owned(), expires_at.micros()));
        answer.person = Some(person.to_owned());
        Ok(answer)
    }

    fn sign_in(&mut self, request: &Request, sign_in: SignIn) -> Result<Answer, Unanswered> {
        let (person, method) = match (&sign_in.link, sign_in.person) {
            (Some(hash), _) => (self.links.get(hash).cloned().ok_or(Refused::LinkSpent)?, "link"),
            (None, Some(person)) if self.known.demo => (person, "demo"),
            _ => return Err(Refused::NotADemo.into()),
        };
        let roles = self.known.directory.active(&person).ok_or(Refused::NotAPerson)?.state.roles.clone();
        let actor = Actor::Person { id: person.clone(), roles };
        let fact = Fact::SignedIn {
            person: person.clone(),
            session: sign_in.session_id.clone(),
            method: method.to_owned(),
            link: sign_in.link.clone(),
        };
        let mut answer = self.append(request, &actor, vec![NewEvent::outside(fact)])?;
        if let Some(hash) = sign_in.link {
            // Used up with this commit, and for nobody else in this batch.
            self.links.remove(&hash);
            self.batch.used_links.push(hash);
        }
        self.batch.sessions.push(SessionRow {
            hash: sign_in.session,
            person: person.clone(),
            id: sign_in.session_id,
            method: method.to_owned(),
            expires_at: sign_in.expires_at.micros(),
        });
        answer.person = Some(person);
        Ok(answer)
    }

    fn adopt(
        &mut self,
        request: &Request,
        actor: &Actor,
        library: &Arc<Library>,
        why: crate::ledger::sealed::Sealed,
    ) -> Result<Answer, Unanswered> {
        if let Some(current) = self.known.procedures.current()
            && current.files == library.files
        {
            return Ok(Answer::default());
        }
        let files = library.files.iter().map(|f| AdoptedFile { path: f.path.clone(), digest: f.digest.clone() }).collect();
        let seq = self.known.size;
        let answer = self.append(request, actor, vec![NewEvent::outside(Fact::PlaybooksAdopted { files }).seal("why", why)])?;
        for file in &library.files {
            self.batch.adopted.push((seq, file.path.clone(), file.digest.clone()));
            self.batch.playbooks.push((file.digest.clone(), file.path.clone(), file.bytes.clone()));
        }
        self.known.procedures = Arc::new(self.known.procedures.with(Arc::clone(library)));
        Ok(answer)
    }
}

/// Whose refusals are counted together: a person's, or those of an account that is nobody's.
pub(super) fn teller(actor: &Actor) -> Option<&str> {
    match actor {
        Actor::Person { id, .. } | Actor::Account { id } => Some(id),
        Actor::Source { .. } | Actor::Scheduler => None,
    }
}

fn person_of(command: &people::PeopleCommand) -> Option<String> {
    match command {
        people::PeopleCommand::Add { id, .. } => Some(id.clone()),
        people::PeopleCommand::SetRoles { person, .. }
        | people::PeopleCommand::Disable { person, .. }
        | people::PeopleCommand::LinkAccount { person, .. }
        | people::PeopleCommand::IssueKey { person, .. } => Some(person.clone()),
        people::PeopleCommand::AddAll(_)
        | people::PeopleCommand::UnlinkAccount { .. }
        | people::PeopleCommand::RevokeKey { .. }
        | people::PeopleCommand::IssueCalendar { .. }
        | people::PeopleCommand::StopCalendar => None,
    }
}

/// The first administrator is added by nobody else: the event names that person, and says that it came by the
/// command line.
fn founder(actor: &Actor, command: &people::PeopleCommand) -> Actor {
    match (actor, command) {
        (Actor::Scheduler, people::PeopleCommand::Add { id, roles, .. }) => Actor::Person { id: id.clone(), roles: roles.clone() },
        _ => actor.clone(),
    }
}
