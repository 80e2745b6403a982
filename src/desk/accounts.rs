//! Whose a chat account is, and how it becomes somebody's.
//!
//! A platform's signature says which account asks; whose it is, the clerk looks up under the head's lock, so that an
//! account stops in the very commit in which its person leaves. An account that is nobody's may report and be heard;
//! everything else is refused and recorded.
//!
//! **Linking** begins in the freshly authenticated console, which gives a short code ([`Ask::IssueLinkCode`]). Typed in
//! chat ([`Ask::TypeLinkCode`]), it links nothing yet: the account is shown whose it would be, and confirms
//! ([`Ask::ConfirmLink`]) or says that this is somebody else ([`Ask::RefuseLink`]). So a code sent by a stranger links
//! nothing unless somebody says of a stranger's name that it is theirs. Codes live for ten minutes, are kept as keyed
//! digests only, and an account gets five wrong ones an hour.

use std::collections::HashMap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::Desk;
use super::overlay::Overlay;
use super::query::NoView;
use super::refusals::hour_of;
use super::request::{AccountFault, Answer, Ask, ChatAccount, Refused, Request, Unanswered, Who};
use crate::desk::chat::Handle;
use crate::env::Timestamp;
use crate::ledger::sealed::Sealed;
use crate::people::decide::linked;
use crate::procedure::model::{Library, Permission};
use crate::store::StoreError;
use crate::store::commit::Secret;
use crate::store::read::HELD_FOR;
use crate::ticket::command::Command;
use crate::ticket::event::{Actor, Fact, NewEvent};
use crate::ticket::number::Number;

/// Wrong codes that an account may type in an hour.
const MOST_WRONG: i64 = 5;
/// Letters of a code: none that is easily taken for another.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Letters that a code has: forty bits, of which five guesses an hour find nothing in ten minutes.
const LENGTH: usize = 8;

/// Codes that requests of a batch present.
#[derive(Debug, Default)]
pub struct Codes {
    /// Codes that are good: digest → whose.
    pub good: HashMap<String, String>,
    /// What accounts have typed before: account → whose code it was.
    pub claimed: HashMap<String, String>,
    /// Wrong codes of this hour, by account.
    pub wrong: HashMap<String, i64>,
}

/// A code as it stands in the database: a digest that only the database's own key makes, since forty bits alone could
/// be tried out.
#[must_use]
pub fn code_digest(secret: &Secret, code: &str) -> String {
    let plain: String = code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&secret.0) else { return String::new() };
    mac.update(b"countersign/link-code/v1\0");
    mac.update(plain.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// Whether somebody who holds these roles approves anything, or administers: for those an address is no proof.
fn approves(library: &Library, roles: &[String]) -> bool {
    let stages = library.kinds.values().flat_map(|k| k.transitions.values()).filter_map(|t| t.approval.as_ref()).flat_map(|a| &a.stages);
    let mut approving = stages.flat_map(|s| &s.by);
    let administers = |r: &String| library.organisation.roles.get(r).is_some_and(|r| r.may.contains(&Permission::Administer));
    roles.iter().any(administers) || approving.any(|by| by == "anyone" || roles.contains(by)) || roles.iter().any(|r| r == "approver")
}

/// What a request is called in a refusal.
fn name_of(ask: &Ask) -> &'static str {
    match ask {
        Ask::Ticket(command) => command.name(),
        Ask::TypeLinkCode { .. } | Ask::ConfirmLink | Ask::RefuseLink | Ask::MatchAddress { .. } => "LinkAccount",
        _ => "Administer",
    }
}

impl Overlay<'_> {
    /// The id of an account: the one it has, or the one it would get.
    #[must_use]
    pub fn account_id(&self, account: &ChatAccount) -> String {
        self.known.directory.by_handle(&account.handle.to_string()).map_or_else(|| account.fresh.clone(), |a| a.state.id.clone())
    }

    /// Who an account is: its person, as long as they are active, or the account itself. Its first deed tells of it.
    pub(super) fn actor_of_account(&mut self, request: &Request, account: &ChatAccount) -> Result<Actor, Unanswered> {
        let known = self.known.directory.by_handle(&account.handle.to_string());
        let Some(known) = known else {
            let actor = Actor::Account { id: account.fresh.clone() };
            let fact = Fact::AccountSeen { account: account.fresh.clone(), platform: account.handle.platform.clone() };
            self.append(request, &actor, vec![NewEvent::outside(fact).seal("handle", account.sealed.clone())])?;
            return Ok(actor);
        };
        let actor = Actor::Account { id: known.state.id.clone() };
        let Some(person) = known.state.person.clone() else { return Ok(actor) };
        if let Some(person) = self.known.directory.active(&person) {
            return Ok(Actor::Person { id: person.state.id.clone(), roles: person.state.roles.clone() });
        }
        self.tell_refusal(request, &actor, "NotAPerson")?;
        Err(Refused::NotAPerson.into())
    }

    /// Refuses what an account that is nobody's may not do: it may report, be heard, and become somebody's. A person
    /// who is linked by an address alone does not approve by that account.
    pub(super) fn known_to_act(&mut self, request: &Request, actor: &Actor) -> Result<(), Unanswered> {
        let Who::Account(account) = &request.who else { return Ok(()) };
        let known = self.known.directory.by_handle(&account.handle.to_string());
        let by_address = known.is_some_and(|a| a.state.method == "email");
        let deciding =
            |command: &Command| matches!(command, Command::Decide { .. } | Command::WithdrawDecision { .. } | Command::DecideLines { .. });
        let decides = matches!(&request.ask, Ask::Ticket(command) if deciding(command));
        let may = match (&request.ask, actor) {
            (_, Actor::Person { .. }) => !(by_address && decides),
            (Ask::Ticket(command), _) => matches!(
                **command,
                Command::Open(_)
                    | Command::AddNote { .. }
                    | Command::HearNote { .. }
                    | Command::ReviseNote { .. }
                    | Command::Withhold { .. }
                    | Command::AttachEvidence(_)
            ),
            (ask, _) => matches!(
                ask,
                Ask::TypeLinkCode { .. }
                    | Ask::ConfirmLink
                    | Ask::RefuseLink
                    | Ask::MatchAddress { .. }
                    | Ask::RefuseAccount { .. }
                    | Ask::HoldForm { .. }
            ),
        };
        if may {
            return Ok(());
        }
        self.tell_refusal(request, actor, "NotLinked")?;
        Err(Refused::NotLinked.into())
    }

    /// An event for a refusal that an assessor wants to see, as far as the hour's number goes.
    fn tell_refusal(&mut self, request: &Request, actor: &Actor, code: &str) -> Result<(), Unanswered> {
        let (ticket, transition) = match &request.ask {
            Ask::Ticket(command) => (command.ticket().cloned(), command.transition().map(str::to_owned)),
            _ => (None, None),
        };
        self.tell_refusal_of(request, actor, (name_of(&request.ask), code), ticket.as_ref(), transition)
    }

    fn tell_refusal_of(
        &mut self,
        request: &Request,
        actor: &Actor,
        (command, code): (&str, &str),
        ticket: Option<&Number>,
        transition: Option<String>,
    ) -> Result<(), Unanswered> {
        if !self.tells(actor, self.library()?.organisation.refusals_per_hour) {
            return Ok(());
        }
        let transition = transition.filter(|t| is_name(t));
        let fact = Fact::Refused { command: command.to_owned(), code: code.to_owned(), transition };
        let event = match ticket.filter(|n| self.known.tickets.contains_key(n)) {
            Some(number) => NewEvent::on(number, fact),
            None => NewEvent::outside(fact),
        };
        self.append(request, actor, vec![event]).map(drop)
    }

    /// What an account filled in that is nobody's yet is sealed under the event that refuses it, like everything that people
    /// wrote; it waits for them by the event's position.
    pub(super) fn hold_form(
        &mut self,
        request: &Request,
        actor: &Actor,
        ticket: &Number,
        transition: Option<String>,
        form: Sealed,
    ) -> Result<Answer, Unanswered> {
        let nobodys = matches!(actor, Actor::Account { .. });
        if !nobodys || !self.tells(actor, self.library()?.organisation.refusals_per_hour) {
            return Err(Refused::NotLinked.into());
        }
        let transition = transition.filter(|t| is_name(t));
        let fact = Fact::Refused { command: "Take".to_owned(), code: "NotLinked".to_owned(), transition };
        let known = self.known.tickets.contains_key(ticket);
        let event = if known { NewEvent::on(ticket, fact) } else { NewEvent::outside(fact) };
        self.append(request, actor, vec![event.seal("form", form)])
    }

    /// An account that the platform says is a guest's, a program's or of elsewhere tried something.
    pub(super) fn refuse_account(
        &mut self,
        request: &Request,
        actor: &Actor,
        fault: AccountFault,
        command: &str,
        ticket: Option<Number>,
    ) -> Unanswered {
        match self.tell_refusal_of(request, actor, (command, fault.code()), ticket.as_ref(), None) {
            Ok(()) => Refused::Account(fault).into(),
            Err(error) => error,
        }
    }

    /// A code for a person who is signed in at the console, in the place of the one before.
    pub(super) fn issue_link_code(
        &mut self,
        request: &Request,
        actor: &Actor,
        hash: String,
        expires_at: Timestamp,
    ) -> Result<Answer, Unanswered> {
        let (Who::Person { id }, "session") = (&request.who, request.via.auth.as_str()) else { return Err(Refused::NotAPerson.into()) };
        let fact = Fact::LinkCodeIssued { person: id.clone(), expires_at };
        let answer = self.append(request, actor, vec![NewEvent::outside(fact)])?;
        self.batch.link_codes.retain(|(_, person, _)| person != id);
        self.batch.link_codes.push((hash, id.clone(), expires_at.micros()));
        Ok(answer)
    }

    /// A code is typed: whose it is. One that is wrong is counted; the sixth in an hour is on record.
    pub(super) fn type_link_code(&mut self, request: &Request, actor: &Actor, hash: &str) -> Result<Answer, Unanswered> {
        let Actor::Account { id } = actor else {
            // Linked already: whose it is, they know.
            return Ok(Answer { person: actor.person().map(str::to_owned), ..Answer::default() });
        };
        let wrong = self.codes.wrong.entry(id.clone()).or_default();
        if *wrong >= MOST_WRONG {
            self.tell_refusal(request, actor, "TooManyCodes")?;
            return Err(Refused::TooManyCodes.into());
        }
        let person = self.codes.good.get(hash).filter(|person| self.known.directory.active(person).is_some()).cloned();
        let Some(person) = person else {
            *wrong += 1;
            *self.batch.wrong_codes.entry((id.clone(), hour_of(self.now))).or_default() += 1;
            return Err(Refused::WrongCode.into());
        };
        self.batch.claimed_codes.push((hash.to_owned(), id.clone()));
        self.codes.claimed.insert(id.clone(), person.clone());
        Ok(Answer { person: Some(person), ..Answer::default() })
    }

    /// The account says that it is the person whom it was shown.
    pub(super) fn confirm_link(&mut self, request: &Request, actor: &Actor) -> Result<Answer, Unanswered> {
        let (Actor::Account { id }, Who::Account(account)) = (actor, &request.who) else {
            return Ok(Answer { person: actor.person().map(str::to_owned), ..Answer::default() });
        };
        let person = self.codes.claimed.remove(id).ok_or(Refused::WrongCode)?;
        let roles = self.known.directory.active(&person).ok_or(Refused::NotAPerson)?.state.roles.clone();
        let events = linked(&self.known.directory, &person, (&account.fresh, &account.sealed), "code").map_err(Refused::People)?;
        let mut answer = self.append(request, &Actor::Person { id: person.clone(), roles }, events)?;
        self.batch.used_codes.push(person.clone());
        answer.person = Some(person);
        Ok(answer)
    }

    /// The account says that it is somebody else: whoever sent the code meant no good.
    pub(super) fn refuse_link(&mut self, request: &Request, actor: &Actor) -> Result<Answer, Unanswered> {
        let Actor::Account { id } = actor else { return Ok(Answer::default()) };
        self.batch.refused_codes.push(id.clone());
        self.codes.claimed.remove(id);
        self.tell_refusal(request, actor, "SomebodyElse")?;
        Ok(Answer::default())
    }

    /// The platform gives a confirmed address: that of somebody who approves nothing is enough.
    pub(super) fn match_address(&mut self, request: &Request, actor: &Actor, email: &str) -> Result<Answer, Unanswered> {
        let Who::Account(account) = &request.who else { return Err(Refused::NotLinked.into()) };
        let library = self.library()?;
        let found = self.known.directory.by_email(email).filter(|p| !p.state.disabled && !approves(&library, &p.state.roles));
        let Some(person) = found.cloned() else { return Err(Refused::NotLinked.into()) };
        let events =
            linked(&self.known.directory, &person.state.id, (&account.fresh, &account.sealed), "email").map_err(Refused::People)?;
        let mut answer = self.append(request, actor, events)?;
        answer.person = Some(person.state.id);
        Ok(answer)
    }

    /// The platform says that an account was deactivated: it is nobody's from now on.
    pub(super) fn stop_account(&mut self, request: &Request, actor: &Actor, handle: &str) -> Result<Answer, Unanswered> {
        if *actor != Actor::Scheduler {
            return Err(Refused::NotLinked.into());
        }
        let found = self.known.directory.by_handle(handle);
        let Some((account, person)) = found.and_then(|a| Some((a.state.id.clone(), a.state.person.clone()?))) else {
            return Ok(Answer::default());
        };
        let fact = Fact::AccountUnlinked { account, person: person.clone(), why: "deactivated".to_owned() };
        let mut answer = self.append(request, actor, vec![NewEvent::outside(fact)])?;
        answer.person = Some(person);
        Ok(answer)
    }
}

/// What does not look like a name is not repeated: it may be anything.
fn is_name(transition: &str) -> bool {
    transition.len() <= 40 && transition.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'-'))
}

/// A form that waits for its sender to be linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldForm {
    /// Unique to the form.
    pub id: String,
    /// What was typed, as the adapter wrote it.
    pub payload: String,
}

impl Desk {
    /// Who asks from this account.
    #[must_use]
    pub fn account(&self, handle: Handle) -> Who {
        let sealed = self.seal(handle.to_string());
        Who::Account(ChatAccount { fresh: self.env().id("a_"), sealed, handle })
    }

    /// A fresh code as it is shown, `ABCD-EFGH`, and its digest.
    #[must_use]
    pub fn mint_code(&self) -> (String, String) {
        let drawn: [u8; LENGTH] = self.env().bytes();
        let letters: Vec<char> = drawn.iter().filter_map(|b| LETTERS.get(usize::from(b % 32))).map(|b| char::from(*b)).collect();
        let shown: String =
            letters.iter().enumerate().flat_map(|(i, c)| (i == LENGTH / 2).then_some('-').into_iter().chain([*c])).collect();
        let digest = self.digest_of_code(&shown);
        (shown, digest)
    }

    /// A code's digest, however it was typed.
    #[must_use]
    pub fn digest_of_code(&self, code: &str) -> String {
        code_digest(&self.snapshot().secret, code)
    }

    /// Lets a form that is sealed under the event at `seq` wait until its sender is linked, for a day. Under the same id only
    /// once.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn hold(&self, id: &str, seq: i64, of: &Handle) -> Result<(), StoreError> {
        self.store().hold_form(id, &of.to_string(), self.now().micros(), &seq.to_string()).await
    }

    /// Accounts for which forms wait.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn held_accounts(&self) -> Result<Vec<String>, StoreError> {
        self.store().held_handles().await
    }

    /// Forms that wait for this account, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn held_for(&self, of: &Handle) -> Result<Vec<HeldForm>, StoreError> {
        let rows = self.store().held_forms(&of.to_string(), self.now().micros().saturating_sub(HELD_FOR)).await?;
        let mut held = Vec::new();
        for (id, _, at) in rows {
            // What was redacted meanwhile, or is of an older program that kept it otherwise, waits in vain.
            let Ok(seq) = at.parse() else { continue };
            let sealed = self.store().sealed_at(seq).await?.into_iter().find(|sealed| sealed.name == "form");
            held.extend(sealed.map(|form| HeldForm { id, payload: String::from_utf8_lossy(&form.bytes).into_owned() }));
        }
        Ok(held)
    }

    /// Takes a held form up; `false` when somebody else has.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn take_held(&self, id: &str) -> Result<bool, StoreError> {
        self.store().take_held_form(id).await
    }

    /// The phase that a ticket is in: the latest that was taken; none before the first.
    ///
    /// # Errors
    /// When there is no such ticket, or the database does not answer.
    pub async fn phase_of(&self, ticket: &Number) -> Result<Option<String>, NoView> {
        let ticket = self.ticket_unchecked(ticket).await?;
        Ok(ticket.steps.iter().rev().find(|step| step.phase).map(|step| step.transition.clone()))
    }

    /// Tickets whose work has ended by events from position `from` on, each with its revision then, and where to read on.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn ended_since(&self, from: i64) -> Result<(Vec<(Number, i64)>, i64), NoView> {
        let rows = self.store().events_from(from, 1_000).await?;
        let next = rows.last().map_or(from, |(seq, _)| seq + 1);
        let mut ended = Vec::new();
        for (seq, bytes) in rows {
            let event = super::known::read_event(seq, &bytes)?;
            if let (Fact::TransitionTaken(taken), Some(number), Some(rev)) = (&event.fact, &event.ticket, event.rev)
                && taken.ended
            {
                ended.push((number.clone(), rev));
            }
        }
        Ok((ended, next))
    }

    /// Whether a file of this name was filed on a ticket.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_filed(&self, ticket: &Number, name: &str) -> Result<bool, StoreError> {
        let names = self.store().sealed_named(&ticket.to_string(), "name").await?;
        Ok(names.iter().any(|(_, bytes)| bytes == name.as_bytes()))
    }

    /// The number of the note that was said at `place` in a ticket's channel, and the words with which it began, unless they
    /// were redacted; none when nothing of it was kept.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_at(&self, ticket: &Number, place: &str) -> Result<Option<(i64, Option<String>)>, NoView> {
        let rows = self.store().sealed_named(&ticket.to_string(), "place").await?;
        let Some((seq, _)) = rows.into_iter().find(|(_, bytes)| bytes == place.as_bytes()) else { return Ok(None) };
        let Some(bytes) = self.store().event(seq).await? else { return Ok(None) };
        let Fact::NoteAdded { note, .. } = super::known::read_event(seq, &bytes)?.fact else { return Ok(None) };
        let sealed = self.store().sealed_of_events(vec![seq]).await?;
        let words = sealed.into_iter().find(|row| row.name == "note").map(|row| String::from_utf8_lossy(&row.bytes).into_owned());
        Ok(Some((note, words)))
    }
}
