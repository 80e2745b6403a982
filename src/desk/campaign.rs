//! Reviews of many lines: reading what they look at off the log, and their lines for people to read and decide.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::PoisonError;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use super::known::read_event;
use super::query::NoView;
use super::request::{Answer, Ask, Request, Unanswered};
use super::{Desk, Snapshot};
use crate::env::Timestamp;
use crate::people::{Directory, Person};
use crate::procedure::model::{Kind, Library, Permission};
use crate::procedure::rules::LinesRule;
use crate::ticket::campaign;
use crate::ticket::command::{Command, FieldInput, Fields, FreezeLines, LineChoice, Listing};
use crate::ticket::duties::Around;
use crate::ticket::event::{Actor, Fact};
use crate::ticket::lines::{LineAsked, Lines, LinesScope, LinesSource, Mark, SEALED, Verdict};
use crate::ticket::number::Number;
use crate::ticket::population::{self, Flag, Grant, LineShown, Listed, Somebody, Who};
use crate::ticket::state::{File, Ticket};
use crate::ticket::users;

/// Lines that one event lists: well under the most that an event may hold.
const TOGETHER: usize = 200;
/// Lines that could not be frozen (a list cannot be read) are tried again after this.
const AGAIN: Duration = Duration::from_secs(60);
/// Records read at a time.
const PAGE: i64 = 500;

/// A line as somebody reads it.
#[derive(Clone, Debug)]
pub struct LineView {
    /// Its number, from 1.
    pub line: i64,
    /// Who is asked, and about whom.
    pub asked: LineAsked,
    /// What it says; none when that was redacted.
    pub shown: LineShown,
    /// Where it stands.
    pub mark: Mark,
    /// The record by which what was decided is done, until it is.
    pub follow_up: Option<Number>,
    /// Whether the reader is asked about it now.
    pub mine: bool,
}

/// What was decided of a line.
#[derive(Clone, Debug)]
pub struct LineDecision {
    /// The line.
    pub line: i64,
    /// By whom, a person's id.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub verdict: Verdict,
    /// Why, when that was said and is not redacted.
    pub reason: String,
    /// The record by which it is done.
    pub follow_up: Option<Number>,
    /// When a record showed that it was done.
    pub settled_at: Option<Timestamp>,
}

/// Which lines somebody wants to read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Only those that the reader is asked about.
    pub mine: bool,
    /// Only those that nobody has decided.
    pub open: bool,
}

struct Everybody<'d>(&'d Directory);

impl Everybody<'_> {
    fn of(person: &Person) -> Somebody {
        let Person { state, name, email } = person;
        Somebody { id: state.id.clone(), name: name.clone(), email: email.clone(), active: !state.disabled }
    }
}

impl Who for Everybody<'_> {
    fn by_id(&self, person: &str) -> Option<Somebody> {
        self.0.get(person).map(Self::of)
    }

    fn by_email(&self, email: &str) -> Option<Somebody> {
        self.0.by_email(email).map(Self::of)
    }
}

/// A review with what judgements on it look at.
struct Review {
    ticket: Ticket,
    snapshot: Snapshot,
    library: std::sync::Arc<Library>,
    kind: std::sync::Arc<Kind>,
    now: Timestamp,
}

impl Review {
    fn around(&self) -> Around<'_> {
        Around {
            now: self.now,
            organisation: &self.library.organisation,
            people: self.snapshot.directory.as_ref(),
            kind: &self.kind,
            response: None,
        }
    }

    fn rule(&self) -> Option<&LinesRule> {
        campaign::rule(&self.around(), &self.ticket)?;
        self.kind.lines.as_ref()
    }

    fn lines(&self) -> Option<&Lines> {
        self.ticket.lines.as_ref().filter(|l| l.is_frozen())
    }
}

impl Desk {
    async fn review(&self, number: &Number) -> Result<Review, NoView> {
        let ticket = self.ticket_unchecked(number).await?;
        let snapshot = self.snapshot();
        let missing = || NoView::NotFound(format!("procedure of {number}"));
        let library = snapshot.procedures.current().cloned().ok_or_else(missing)?;
        let kind = snapshot.procedures.kind(&ticket.kind_digest).cloned().ok_or_else(missing)?;
        Ok(Review { ticket, snapshot, library, kind, now: self.now() })
    }

    /// The request that freezes a review's lines, with everything that they look at read off the log. What is not such a
    /// review makes a request that the desk refuses in its own words.
    ///
    /// # Errors
    /// When there is no such ticket, or a list cannot be read.
    pub async fn freezing(&self, number: &Number) -> Result<Command, NoView> {
        let review = self.review(number).await?;
        let mut freeze = FreezeLines {
            ticket: number.clone(),
            listings: Vec::new(),
            from: BTreeMap::new(),
            as_of: 0,
            lists: BTreeMap::new(),
            scope: None,
        };
        let Some(rule) = review.rule().filter(|_| review.lines().is_none()) else { return Ok(Command::FreezeLines(freeze)) };
        freeze.as_of = self.store().size().await?;
        let scope = rule.system.as_ref().and_then(|field| review.ticket.plain(field)).and_then(Value::as_str);
        let grants = self.live_records(&review, rule, scope).await?;
        let lists = self.users_lists(&review.ticket).await?;
        freeze.lists = review.ticket.lines.iter().flat_map(|l| &l.lists).map(|(system, list)| (system.clone(), list.file)).collect();
        freeze.from.insert(rule.of.clone(), count(grants.len()));
        freeze.from.extend(lists.iter().map(|(system, list)| (format!("users of {system}"), count(list.users.len()))));
        freeze.scope = Some(scope_of(&review, rule, scope, grants.len(), &lists));
        let who = Everybody(&review.snapshot.directory);
        let lines = population::lines(&review.around(), rule, &who, &grants, &lists);
        for together in lines.chunks(TOGETHER) {
            let shown: Vec<&LineShown> = together.iter().map(|l| &l.shown).collect();
            let sealed = self.seal(super::overlay::json(&shown));
            freeze.listings.push(Listing { lines: together.iter().map(|l| l.asked.clone()).collect(), sealed });
        }
        Ok(Command::FreezeLines(freeze))
    }

    /// The time in which lists could be handed in is over.
    pub(super) async fn freeze_by_time(&self, number: &Number) -> Result<Answer, Unanswered> {
        let now = self.now();
        let tried = self.inner().unfrozen.lock().unwrap_or_else(PoisonError::into_inner).get(number).copied();
        if tried.is_some_and(|at| now.since(at) < AGAIN) {
            return Ok(Answer::default());
        }
        let frozen = async { self.ask_as_scheduler(Ask::Ticket(Box::new(self.freezing(number).await?))).await };
        let frozen = frozen.await;
        let mut unfrozen = self.inner().unfrozen.lock().unwrap_or_else(PoisonError::into_inner);
        match &frozen {
            Ok(_) => unfrozen.remove(number),
            Err(_) => unfrozen.insert(number.clone(), now),
        };
        frozen
    }

    async fn live_records(&self, review: &Review, rule: &LinesRule, scope: Option<&str>) -> Result<Vec<Grant>, NoView> {
        let mut out = Vec::new();
        for status in &rule.standing {
            let mut after = -1;
            loop {
                let page = self.store().tickets(after, &rule.of, status, PAGE).await?;
                let Some(last) = page.last() else { break };
                after = last.opened_seq;
                for held in &page {
                    let ticket = super::projections::ticket_of(held)?;
                    let Some(kind) = review.snapshot.procedures.kind(&ticket.kind_digest) else { continue };
                    let grant = grant_of(kind, &ticket);
                    if scope.is_none_or(|scope| scope == grant.system) {
                        out.push(grant);
                    }
                }
            }
        }
        Ok(out)
    }

    async fn users_lists(&self, ticket: &Ticket) -> Result<BTreeMap<String, Listed>, NoView> {
        let mut out = BTreeMap::new();
        for (system, list) in ticket.lines.iter().flat_map(|l| &l.lists) {
            let missing = || NoView::NotFound(format!("list of {system} any more"));
            let file = ticket.files.iter().find(|f| f.file == list.file).ok_or_else(missing)?;
            let bytes = self.bytes_of(file).await?.ok_or_else(missing)?;
            let users = users::read(&bytes).map_err(|problem| NoView::NotFound(format!("list of {system}: {problem}")))?;
            out.insert(system.clone(), Listed { users, giver: campaign::giver(ticket, list) });
        }
        Ok(out)
    }

    /// A file's bytes; none when it was redacted.
    async fn bytes_of(&self, file: &File) -> Result<Option<Vec<u8>>, NoView> {
        let sealed = self.store().sealed_at(file.seq).await?;
        let Some(sha256) = sealed.iter().find(|s| s.name == "sha256").map(|s| String::from_utf8_lossy(&s.bytes).into_owned()) else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let unreadable = |error: std::io::Error| {
            tracing::error!(%error, "a list of users cannot be read");
            NoView::NotFound("list of users on the disk; `countersign verify --database` says more".to_owned())
        };
        self.attachments().open_file(&sha256).await.map_err(unreadable)?.read_to_end(&mut bytes).await.map_err(unreadable)?;
        Ok(Some(bytes))
    }

    /// What an event lists.
    async fn listing(&self, seq: i64) -> Result<(Vec<LineAsked>, Vec<LineShown>), NoView> {
        let bytes = self.store().event(seq).await?.ok_or_else(|| NoView::NotFound(format!("event {seq}")))?;
        let Fact::LinesListed { lines, .. } = read_event(seq, &bytes)?.fact else { return Ok(Default::default()) };
        let sealed = self.store().sealed_at(seq).await?;
        let shown = sealed.iter().find(|s| s.name == SEALED).and_then(|s| serde_json::from_slice(&s.bytes).ok()).unwrap_or_default();
        Ok((lines, shown))
    }

    /// Lines of a review with numbers above `after`, at most so many, and how many there are in all.
    ///
    /// # Errors
    /// When the person may not look, or there is no such ticket.
    pub async fn lines(
        &self,
        viewer: &Person,
        number: &Number,
        wanted: Wanted,
        after: i64,
        at_most: usize,
    ) -> Result<Vec<LineView>, NoView> {
        self.allow(viewer, Permission::Read)?;
        let review = self.review(number).await?;
        let Some(lines) = review.lines() else { return Ok(Vec::new()) };
        let actor = Actor::Person { id: viewer.state.id.clone(), roles: viewer.state.roles.clone() };
        let mut out = Vec::new();
        for (at, (first, seq)) in lines.listed.iter().enumerate() {
            if lines.listed.get(at + 1).is_some_and(|(next, _)| *next <= after + 1) {
                continue;
            }
            let (asked, shown) = self.listing(*seq).await?;
            let mut shown = shown.into_iter();
            for (line, asked) in (*first..).zip(asked) {
                let shown = shown.next().unwrap_or_default();
                let mark = lines.mark(line).unwrap_or(Mark::Open);
                let mine = campaign::is_asked(&review.around(), &review.ticket, &actor, &asked);
                if line > after && (!wanted.mine || mine) && (!wanted.open || mark == Mark::Open) {
                    let follow_up = lines.following.get(&line).map(|f| f.record.clone());
                    out.push(LineView { line, asked, shown, mark, follow_up, mine });
                }
                if out.len() >= at_most {
                    return Ok(out);
                }
            }
        }
        Ok(out)
    }

    /// What was decided of each line, the latest decision of each, by line.
    ///
    /// # Errors
    /// When the person may not look, or there is no such ticket.
    pub async fn line_decisions(&self, viewer: &Person, number: &Number) -> Result<BTreeMap<i64, LineDecision>, NoView> {
        let (mut out, mut after) = (BTreeMap::new(), 0);
        loop {
            let page = self.history(viewer, number, after, 1000).await?;
            let Some(last) = page.last().and_then(|told| told.event.rev) else { return Ok(out) };
            after = last;
            for told in page {
                match told.event.fact {
                    Fact::LineDecided { line, verdict, follow_up, .. } => {
                        let by = told.event.actor.person().unwrap_or_default().to_owned();
                        let reason = told.texts.get("reason").cloned().unwrap_or_default();
                        let settled_at = (verdict == Verdict::Keep).then_some(told.event.at);
                        out.insert(line, LineDecision { line, by, at: told.event.at, verdict, reason, follow_up, settled_at });
                    }
                    Fact::LineSettled { line, done: true, .. } => {
                        if let Some(decision) = out.get_mut(&line) {
                            decision.settled_at = Some(told.event.at);
                        }
                    }
                    Fact::LineSettled { line, done: false, .. } => drop(out.remove(&line)),
                    _ => {}
                }
            }
        }
    }

    /// Fills in what the lines say that a request decides on: read off the log, whatever the adapter thinks of them. A line
    /// that cannot be read stays empty, and the desk refuses it.
    pub(super) async fn with_lines(&self, mut request: Request) -> Request {
        if let Ask::Ticket(command) = &mut request.ask
            && let Command::DecideLines { ticket, choices } = command.as_mut()
            && choices.len() <= campaign::MOST_CHOICES
            && let Err(error) = self.fill(&ticket.clone(), choices).await
        {
            tracing::debug!(%error, "lines that were decided cannot be read");
        }
        request
    }

    async fn fill(&self, number: &Number, choices: &mut [LineChoice]) -> Result<(), NoView> {
        let review = self.review(number).await?;
        let mut listings: BTreeMap<i64, (Vec<LineAsked>, Vec<LineShown>)> = BTreeMap::new();
        for choice in choices {
            *choice = LineChoice::of(choice.line, choice.verdict, choice.reason.take());
            let Some((first, seq)) = review.lines().and_then(|l| l.listing(choice.line)) else { continue };
            let read = match listings.entry(seq) {
                Entry::Occupied(read) => read.into_mut(),
                Entry::Vacant(place) => place.insert(self.listing(seq).await?),
            };
            let place = usize::try_from(choice.line - first).unwrap_or(usize::MAX);
            if let Some(asked) = read.0.get(place) {
                choice.asked = asked.clone();
                if choice.verdict != Verdict::Keep {
                    choice.opening = self.opening(&review, choice.line, choice.verdict, read.1.get(place).cloned());
                }
            }
        }
        Ok(())
    }

    /// Fields of the record by which something is taken away or changed.
    fn opening(&self, review: &Review, line: i64, verdict: Verdict, shown: Option<LineShown>) -> Fields {
        let shown = shown.unwrap_or_default();
        let verb = if verdict == Verdict::Change { "Change" } else { "Take away" };
        let role = if shown.role.is_empty() { "access".to_owned() } else { shown.role.clone() };
        let text = |words: String| FieldInput::Sealed(self.seal(words.chars().take(200).collect::<String>()));
        let account = if shown.account.is_empty() { String::new() } else { format!(", account {}", shown.account) };
        let what = format!("{role} on {}, {}{account}. Line {line} of {}.", shown.system, shown.name, review.ticket.number);
        let mut fields = Fields::from([
            ("title".to_owned(), text(format!("{verb}: {role} on {}, {}", shown.system, shown.name))),
            ("what".to_owned(), text(what)),
        ]);
        if review.library.organisation.estate.systems.contains_key(&shown.system) {
            fields.insert("system".to_owned(), FieldInput::Plain(Value::String(shown.system)));
        }
        fields
    }
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// What was looked at.
fn scope_of(review: &Review, rule: &LinesRule, system: Option<&str>, grants: usize, lists: &BTreeMap<String, Listed>) -> LinesScope {
    let records =
        LinesSource { of: rule.of.clone(), count: count(grants), standing: rule.standing.clone(), system: None, file: None, by: None };
    let handed_in = lists.iter().map(|(system, list)| LinesSource {
        of: campaign::USERS.to_owned(),
        count: count(list.users.len()),
        standing: Vec::new(),
        system: Some(system.clone()),
        file: review.ticket.lines.as_ref().and_then(|l| l.lists.get(system)).map(|l| l.file),
        by: list.giver.clone(),
    });
    let sources = std::iter::once(records).chain(handed_in).collect();
    LinesScope { system: system.map(str::to_owned), at: review.now, sources }
}

/// A live record, as its kind names its fields.
fn grant_of(kind: &Kind, ticket: &Ticket) -> Grant {
    let word = |field: &str| ticket.plain(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let template = kind.declare.template.as_ref();
    let of = |field: Option<&String>| field.map(|f| word(f)).unwrap_or_default();
    let begun = ticket.steps.iter().rev().find(|s| s.to == ticket.status).map_or(ticket.opened_at, |s| s.at);
    Grant {
        record: ticket.number.clone(),
        system: of(template.map(|t| &t.system)),
        role: of(template.map(|t| &t.role)),
        person: kind.subject.as_ref().map(|field| word(field)).filter(|p| !p.is_empty()),
        since: begun,
        until: template.and_then(|t| Timestamp::parse(&word(&t.until))),
        privileged: of(template.and_then(|t| t.way.as_ref())) == "privileged",
    }
}

/// Flags in words.
#[must_use]
pub fn flag_words(flags: &[Flag]) -> Vec<&'static str> {
    flags.iter().map(|f| f.words()).collect()
}
