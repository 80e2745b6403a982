//! Reports on deployments: each belongs to the change that it names, to a model that covers it in advance, or to a finding.
//!
//! Nobody is asked and nothing is approved here: what covers a deployment was approved by people before. A ticket that is
//! named, and that stands where the step could be taken now, is started by it; one that a person has started is confirmed
//! by it. Where no ticket is named, a model of the system covers it, and its ticket is opened, started and, after success,
//! finished. Everything else is a finding, linked with what was named. A report that says nothing new changes nothing.

use serde_json::Value;

use super::command::{Deployed, FieldInput, Fields, Step};
use super::deployment::{Deployment, DeploymentState};
use super::draft::{Draft, Pinning};
use super::duties::{Around, word_of};
use super::event::{Actor, DeployedBy, DeploymentSeen, Fact, NewEvent};
use super::fields::MAX_LINE;
use super::missing::Missing;
use super::number::Number;
use super::refusal::Refusal;
use super::state::Ticket;
use super::{conditions, consequences, links, missing, offer, open, opens, take, view};
use crate::env::Timestamp;
use crate::ledger::sealed::Sealed;
use crate::procedure::estate::OTHER_SYSTEM;
use crate::procedure::model::{Kind, Transition};
use crate::procedure::rules::{Deployments, ModelRule, applies};

/// The value of a model's field that asks for a pull request with a reviewer.
const REVIEWED: &str = "reviewed";
/// The value that asks for an author and a reviewer whom we know, and who are two.
const VERIFIED: &str = "verified";
/// The link from a finding to what it was found on.
const FOUND_ON: &str = "shows";
/// What must hold while the work is under way, of everything that starting it required.
const STILL: [&str; 4] = ["OutsideWindow", "Frozen", "ApprovalStale", "RecordMissing"];

/// Why a deployment is not covered: a name for the log, and a sentence for people.
type Lack = (&'static str, String);

/// A report and the procedure that it is judged by.
struct Report<'r, 'a> {
    told: &'r Deployed,
    kind: &'a Kind,
    rule: &'a Deployments,
    /// The moment that it is judged at.
    moment: Timestamp,
}

impl Report<'_, '_> {
    fn deployment(&self) -> &Deployment {
        &self.told.deployment
    }

    /// A text of the report, under a salt of its own.
    fn text(&self, name: &str, words: &str, most: usize) -> FieldInput {
        let words: String = words.chars().take(most).collect();
        FieldInput::Sealed(Sealed::new([0; 32], words.into_bytes()).anew(&self.told.seed, name))
    }
}

pub(super) fn deployed(draft: &mut Draft<'_>, told: &Deployed) -> Result<(), Refusal> {
    if !matches!(draft.ctx.actor, Actor::Source { name } if *name == told.deployment.source) {
        return Err(Refusal::NotForYou { what: "act for themselves; deployments are reported by a configured source".into() });
    }
    let library = draft.ctx.library;
    let found = library.kinds.values().find_map(|kind| Some((kind.as_ref(), kind.deployments.as_ref()?)));
    let Some((kind, rule)) = found else {
        draft.push(seen(draft, told, None, &Cover::none(&[])));
        return Ok(());
    };
    let report = Report { told, kind, rule, moment: moment(draft, told) };
    let home = draft.group(&told.group).map(|g| g.ticket.clone());
    let of_kind = told.deployment.names.iter().filter(|n| n.prefix() == kind.prefix);
    let named: Vec<Number> = of_kind.filter(|n| draft.other(n).is_some()).cloned().collect();
    if named.is_empty() {
        return match home {
            Some(home) => goes_on(draft, &report, &home),
            None => by_model(draft, &report),
        };
    }
    let mut uncovered: Vec<(Number, Vec<Lack>)> = Vec::new();
    for number in &named {
        if holds(draft, number, &told.group) {
            goes_on(draft, &report, number)?;
            continue;
        }
        match covers(draft, &report, number)? {
            Ok(drives) => begin(draft, &report, number, "approval", drives)?,
            Err(lacks) => uncovered.push((number.clone(), lacks)),
        }
    }
    if uncovered.is_empty() {
        return Ok(());
    }
    match home.filter(|home| !named.contains(home)) {
        Some(home) => goes_on(draft, &report, &home),
        None => finding(draft, &report, &rule.finding.outside, &uncovered),
    }
}

/// When it began, if the tool says so and that is hardly longer ago than a delivery takes; otherwise now. A late claim cannot
/// put a deployment into a window that is over.
fn moment(draft: &Draft<'_>, told: &Deployed) -> Timestamp {
    let now = draft.ctx.now;
    let late_after = draft.ctx.library.organisation.late_after;
    told.deployment.began_at.filter(|at| *at <= now && now.since(*at) <= late_after).unwrap_or(now)
}

/// What covers a deployment on one ticket.
struct Cover<'c> {
    by: &'c str,
    lacks: &'c [Lack],
    drives: bool,
    proof: Option<String>,
}

impl<'c> Cover<'c> {
    fn none(lacks: &'c [Lack]) -> Self {
        Self { by: "none", lacks, drives: false, proof: None }
    }
}

/// The person whom we know behind what the report calls somebody.
fn known(draft: &Draft<'_>, of: &Deployment, said: &str) -> Option<String> {
    let email = draft.ctx.library.organisation.estate.address_of(&of.source, said)?;
    draft.ctx.people.by_email(&email)
}

/// Whose a login is: the person's id, else the address that the organisation gives it, else the login itself.
fn whose(draft: &Draft<'_>, of: &Deployment, said: &str) -> String {
    let login = || said.trim().trim_start_matches('@').to_lowercase();
    known(draft, of, said).or_else(|| draft.ctx.library.organisation.estate.address_of(&of.source, said)).unwrap_or_else(login)
}

fn people_of(draft: &Draft<'_>, of: &Deployment) -> Option<DeployedBy> {
    let people = DeployedBy {
        author: known(draft, of, &of.author),
        reviewers: of.reviewers.iter().map(|reviewer| known(draft, of, reviewer)).collect(),
    };
    (people.author.is_some() || people.reviewers.iter().any(Option::is_some)).then_some(people)
}

/// What the report lacks of what a model wants of a deployment; none when it has that.
fn lacks_review(draft: &Draft<'_>, of: &Deployment, wants: Option<&str>, model: &Number) -> Option<Lack> {
    let reviewed = of.is_reviewed(|login| whose(draft, of, login));
    let verified = || {
        let people = people_of(draft, of)?;
        let author = people.author?;
        people.reviewers.into_iter().flatten().find(|reviewer| *reviewer != author)
    };
    match wants {
        Some(REVIEWED) if !reviewed => Some(("NotReviewed", not_reviewed(model))),
        Some(VERIFIED) if !reviewed || verified().is_none() => {
            let says = format!(
                "{model} covers what somebody other than its author has reviewed, both with logins that organisation.yaml gives to people here; the report names no such pull request."
            );
            Some(("NotReviewed", says))
        }
        _ => None,
    }
}

fn seen(draft: &Draft<'_>, told: &Deployed, number: Option<&Number>, cover: &Cover<'_>) -> NewEvent {
    let mut lacks: Vec<String> = cover.lacks.iter().map(|(code, _)| (*code).to_owned()).collect();
    lacks.dedup();
    let fact = Fact::DeploymentSeen(DeploymentSeen {
        source: told.deployment.source.clone(),
        deployment: told.group.clone(),
        state: told.deployment.state,
        system: told.system.clone(),
        cover: cover.by.to_owned(),
        lacks,
        drives: cover.drives,
        proof: cover.proof.clone().filter(|_| told.deployment.state == DeploymentState::Succeeded),
        began_at: told.deployment.began_at,
        ended_at: told.deployment.ended_at,
        people: people_of(draft, &told.deployment),
        delivery: draft.ctx.delivery.unwrap_or(0),
        received_at: told.received_at,
    });
    let event = number.map_or_else(|| NewEvent::outside(fact.clone()), |number| NewEvent::on(number, fact.clone()));
    event.seal("deployment", told.sealed.clone()).seal("payload_sha256", told.payload_sha256.clone())
}

/// Whether the ticket has heard of this deployment.
fn holds(draft: &Draft<'_>, number: &Number, group: &str) -> bool {
    draft.find(number).or_else(|| draft.other(number)).is_some_and(|t| t.deployments.iter().any(|d| d.deployment == group))
}

/// A further report on a deployment that the ticket has heard of. What says nothing new, or comes too late, changes nothing.
fn goes_on(draft: &mut Draft<'_>, report: &Report<'_, '_>, number: &Number) -> Result<(), Refusal> {
    draft.touch(number);
    let Some(ticket) = draft.other(number) else { return Ok(()) };
    let Some(held) = ticket.deployments.iter().find(|d| d.deployment == report.told.group).cloned() else { return Ok(()) };
    if held.state == report.deployment().state || report.deployment().state == DeploymentState::Started {
        return Ok(());
    }
    let lacks: Vec<Lack> = Vec::new();
    let proof = report.rule.proof.clone().filter(|_| held.cover != "none" && report.told.system.is_some());
    let cover = Cover { by: &held.cover, lacks: &lacks, drives: held.drives, proof };
    let mut event = seen(draft, report.told, Some(number), &cover);
    if let Fact::DeploymentSeen(seen) = &mut event.fact {
        seen.lacks.clone_from(&held.lacks);
    }
    draft.push(event.by(&report.kind.digest));
    finish(draft, report, number, held.drives)
}

/// Whether the ticket that the report names covers it; then, whether it also takes the ticket's steps.
fn covers(draft: &Draft<'_>, report: &Report<'_, '_>, number: &Number) -> Result<Result<bool, Vec<Lack>>, Refusal> {
    let Some(ticket) = draft.other(number) else { return Err(Refusal::NoSuchTicket { ticket: number.clone() }) };
    let pin = draft.pinning(ticket)?;
    let lack = |code: &'static str, says: String| Ok(Err(vec![(code, says)]));
    let system = report.told.system.as_deref();
    if let (Some(changed), Some(deployed)) = (word_of(ticket, &report.rule.system), system)
        && changed != deployed
    {
        let about = if changed == OTHER_SYSTEM { "something that has no entry" } else { changed };
        return lack("OtherSystem", format!("{number} is about {about}, and this was deployed to {deployed}."));
    }
    if ticket.spoken.as_ref().is_some_and(|spoken| spoken.confirmed == Some(false)) {
        return lack("NotApproved", format!("{number} was started on a spoken approval, and its giver says that it was not so."));
    }
    if let Some(lack) = unreviewed(draft, report, ticket) {
        return Ok(Err(vec![lack]));
    }
    let step = |name: &str| pin.kind.transitions.get(name);
    let (Some(start), Some(done)) = (step(&report.rule.start), step(&report.rule.finish)) else {
        return lack("NotApproved", format!("{number} was opened by a procedure that knows no deployments."));
    };
    let around = Around { now: report.moment, ..draft.around(pin) };
    let others = |n: &Number| draft.other(n);
    let finished = !ticket.ended && ticket.steps.iter().any(|s| s.transition == done.name);
    if finished || offer::starts(ticket, pin.kind, pin.response, done) {
        let lacking = conditions::missing(&around, ticket, start, &others);
        let lacks: Vec<Lack> = lacking.iter().filter(|m| STILL.contains(&m.code())).map(told_of).collect();
        return Ok(if lacks.is_empty() { Ok(false) } else { Err(lacks) });
    }
    if !offer::starts(ticket, pin.kind, pin.response, start) {
        return lack("NotApproved", format!("{number} is {}: nothing of it may be carried out.", ticket.status.replace('_', " ")));
    }
    if system.is_none() {
        return lack("NotStarted", format!("{number} was not started, and no system says that it is deployed from there."));
    }
    let variables = view::variables(ticket, pin.kind, pin.response);
    if start.verbal.as_ref().is_some_and(|verbal| applies(verbal.when.as_ref(), &variables)) {
        return lack("NotStarted", format!("{number} is an emergency: a person starts it, and says who agreed."));
    }
    let mut lacking = missing::missing(ticket, pin.kind, pin.response, start, draft.ctx.people);
    lacking.extend(conditions::missing(&around, ticket, start, &others));
    Ok(if lacking.is_empty() { Ok(true) } else { Err(lacking.iter().map(told_of).collect()) })
}

fn not_reviewed(model: &Number) -> String {
    format!("{model} covers what somebody other than its author has reviewed; the report names no such pull request.")
}

/// What the model of the ticket wants of a review and the report does not name. To name the ticket is no way around it.
fn unreviewed(draft: &Draft<'_>, report: &Report<'_, '_>, ticket: &Ticket) -> Option<Lack> {
    let rule = report.rule.model.as_ref()?;
    let models = ticket.links.iter().filter(|l| l.link == rule.link).filter_map(|l| draft.other(l.to.as_ref()?));
    models.filter(|model| model.kind == rule.kind).find_map(|model| {
        let wants = rule.needs.as_ref().and_then(|field| word_of(model, field));
        lacks_review(draft, report.deployment(), wants, &model.number)
    })
}

fn told_of(missing: &Missing) -> Lack {
    let words = missing.words();
    let speaks = matches!(missing, Missing::Guard { .. } | Missing::Condition { .. });
    (missing.code(), if speaks { words } else { format!("It lacks {words}.") })
}

/// The first report on a deployment that something covers.
fn begin(draft: &mut Draft<'_>, report: &Report<'_, '_>, number: &Number, by: &str, drives: bool) -> Result<(), Refusal> {
    // From nowhere that we know, it proves nothing.
    let proof = report.rule.proof.clone().filter(|_| report.told.system.is_some());
    let cover = Cover { by, lacks: &[], drives, proof };
    draft.push(seen(draft, report.told, Some(number), &cover).by(&report.kind.digest));
    if drives {
        step(draft, number, &report.rule.start, Fields::new())?;
    }
    finish(draft, report, number, drives)
}

/// After success the ticket is finished, if the deployment has taken its steps.
fn finish(draft: &mut Draft<'_>, report: &Report<'_, '_>, number: &Number, drives: bool) -> Result<(), Refusal> {
    if !drives || report.deployment().state != DeploymentState::Succeeded {
        return Ok(());
    }
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    let done = pin.kind.transitions.get(&report.rule.finish);
    if !done.is_some_and(|done| offer::starts(ticket, pin.kind, pin.response, done)) {
        // A person has taken it already, or has taken the whole back.
        return Ok(());
    }
    let mut fields = Fields::new();
    if pin.kind.fields.contains_key("outcome") && !ticket.fields.contains_key("outcome") {
        let of = report.deployment();
        let words = format!("{} reported that deployment {} of {} succeeded.", of.source, of.id, of.of());
        fields.insert("outcome".into(), report.text("field.outcome", &words, 2_000));
    }
    step(draft, number, &report.rule.finish, fields)
}

/// Takes one of the ticket's steps for the deployment, where everything is there.
fn step(draft: &mut Draft<'_>, number: &Number, name: &str, fields: Fields) -> Result<(), Refusal> {
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    let transition = take::named(pin, name)?;
    take::by_tool(draft, number, transition, Step { transition: name.to_owned(), fields, ..Step::default() })?;
    consequences::follow(draft, number)
}

/// Where no ticket is named: a model of the system covers it, or nothing does.
fn by_model(draft: &mut Draft<'_>, report: &Report<'_, '_>) -> Result<(), Refusal> {
    let mut lacks: Vec<Lack> = Vec::new();
    let of = report.deployment();
    match (&report.rule.model, &report.told.system) {
        (_, None) => lacks.push(("NoSystem", format!("No system says that it is deployed from {}.", of.of()))),
        (None, Some(_)) => {}
        (Some(rule), Some(system)) => {
            for model in &report.told.models {
                match under(draft, report, rule, system, model)? {
                    Some(more) if more.is_empty() => {
                        let number = opened_under(draft, report, rule, model);
                        return begin(draft, report, &number, "model", true);
                    }
                    Some(more) => lacks.extend(more),
                    None => {}
                }
            }
            if lacks.is_empty() {
                let title = report.kind.title.to_lowercase();
                lacks.push(("NoModel", format!("It names no {title}, and no live model covers {system}.")));
            }
        }
    }
    finding(draft, report, &report.rule.finding.without, &[(Number::new(&report.kind.prefix, 0), lacks)])
}

/// What is lacking for the model to cover the deployment; none when it is no model of this system that counts.
fn under(draft: &Draft<'_>, report: &Report<'_, '_>, rule: &ModelRule, system: &str, model: &Number) -> Result<Option<Vec<Lack>>, Refusal> {
    let Some(found) = draft.other(model) else { return Ok(None) };
    let same = |t: &Ticket| t.kind == rule.kind && t.status == rule.status && t.fields.values().any(|held| is_word(held, system));
    if !same(found) {
        return Ok(None);
    }
    let wants = rule.needs.as_ref().and_then(|field| word_of(found, field));
    if let Some(lack) = lacks_review(draft, report.deployment(), wants, model) {
        return Ok(Some(vec![lack]));
    }
    // Tried out beside the decision: a ticket that could not be started is not opened at all.
    let mut trial = draft.trial();
    let number = opened_under(&mut trial, report, rule, model);
    let ticket = trial.ticket(&number)?;
    let pin = trial.pinning(ticket)?;
    let start = take::named(pin, &report.rule.start)?;
    Ok(Some(lacking(&trial, ticket, pin, start, report.moment)))
}

fn is_word(held: &super::state::Held, word: &str) -> bool {
    matches!(held, super::state::Held::Plain(Value::String(text)) if text == word)
}

fn lacking(draft: &Draft<'_>, ticket: &Ticket, pin: Pinning<'_>, start: &Transition, moment: Timestamp) -> Vec<Lack> {
    if !offer::starts(ticket, pin.kind, pin.response, start) {
        return vec![("NotApproved", "The procedure does not let it begin there.".to_owned())];
    }
    let around = Around { now: moment, ..draft.around(pin) };
    let mut out = missing::missing(ticket, pin.kind, pin.response, start, draft.ctx.people);
    out.extend(conditions::missing(&around, ticket, start, &|n| draft.other(n)));
    out.iter().map(told_of).collect()
}

/// Opens the ticket of a deployment that the model covers.
fn opened_under(draft: &mut Draft<'_>, report: &Report<'_, '_>, rule: &ModelRule, model: &Number) -> Number {
    let (kind, of) = (report.kind, report.deployment());
    let mut fields: Fields = rule.opens.iter().map(|(name, value)| (name.clone(), FieldInput::Plain(value.clone().into()))).collect();
    if let Some(system) = &report.told.system {
        fields.insert(report.rule.system.clone(), FieldInput::Plain(system.clone().into()));
    }
    let mut put = |name: &str, words: String, most: usize| {
        if kind.fields.contains_key(name) {
            fields.insert(name.to_owned(), report.text(&format!("field.{name}"), &words, most));
        }
    };
    put("title", format!("Deployment of {}", of.of()), MAX_LINE);
    put("description", told_in_full(draft, of, model), 4_000);
    let place = if of.url.is_empty() { of.id.clone() } else { of.url.clone() };
    put("deployment", place, MAX_LINE);
    let number = open::for_tool(draft, kind, fields, report.told.received_at);
    links::both_ways(draft, &number, &rule.link, model, &kind.digest);
    if of.pull_request.starts_with("http") {
        let target = Sealed::new([0; 32], of.pull_request.clone().into_bytes()).anew(&report.told.seed, "target");
        draft.push(links::made("pull_request", &number, None).by(&kind.digest).seal("target", target));
    }
    number
}

/// What was deployed, from where, written and reviewed by whom.
fn told_in_full(draft: &Draft<'_>, of: &Deployment, model: &Number) -> String {
    let mut words = format!("Deployment {} of {}, as {model} covers it in advance.", of.id, of.of());
    let mut add = |what: &str, value: &str| {
        if !value.is_empty() {
            words.push_str(&format!("\n{what}: {value}"));
        }
    };
    add("What", &of.title);
    add("Revision", &of.revision);
    add("Pull request", &of.pull_request);
    let named = |said: &String| match draft.ctx.library.organisation.estate.address_of(&of.source, said) {
        Some(email) if draft.ctx.people.by_email(&email).is_some() => format!("{said} ({email}, verified)"),
        _ => format!("{said} (as reported, unverified)"),
    };
    let people = |said: &[String]| said.iter().filter(|said| !said.is_empty()).map(named).collect::<Vec<_>>().join(", ");
    add("Author", &people(std::slice::from_ref(&of.author)));
    add("Reviewed by", &people(&of.reviewers));
    add("Started by", &of.by);
    words
}

/// Opens the record of a deployment that nothing covers. A number 0 stands for no ticket at all.
fn finding(draft: &mut Draft<'_>, report: &Report<'_, '_>, of_type: &str, of: &[(Number, Vec<Lack>)]) -> Result<(), Refusal> {
    let rule = &report.rule.finding;
    let lacks: Vec<Lack> = of.iter().flat_map(|(_, lacks)| lacks.iter().cloned()).collect();
    let Some(kind) = draft.ctx.library.kinds.get(&rule.kind) else {
        draft.push(seen(draft, report.told, None, &Cover::none(&lacks)));
        return Ok(());
    };
    let deployment = report.deployment();
    let mut fields = opens::fields(kind, of_type, "", draft.ctx.now.plus(rule.due));
    let said: Vec<&str> = lacks.iter().map(|(_, says)| says.as_str()).collect();
    let mut put = |name: &str, words: String, most: usize| {
        if kind.fields.contains_key(name) {
            fields.insert(name.to_owned(), report.text(&format!("field.{name}"), &words, most));
        }
    };
    put("title", format!("Deployment of {}", deployment.of()), MAX_LINE);
    put("description", format!("Deployment {} by {}: {}", deployment.id, deployment.source, said.join(" ")), 4_000);
    if let (Some(system), true) = (&report.told.system, kind.fields.contains_key("system")) {
        fields.insert("system".into(), FieldInput::Plain(system.clone().into()));
    }
    let number = open::for_tool(draft, kind, fields, report.told.received_at);
    draft.push(seen(draft, report.told, Some(&number), &Cover::none(&lacks)).by(&kind.digest));
    for (other, _) in of.iter().filter(|(other, _)| other.count() > 0) {
        links::both_ways(draft, &number, FOUND_ON, other, &kind.digest);
    }
    Ok(())
}
