//! Reads `obligations` of `organisation.yaml`: what must be done again and again, what each run looks for, and what it draws.

use std::time::Duration;

use super::estate::{Check, Draw, Obligation, Span};
use super::finding::At;
use super::load_kind::TICKET;
use super::load_organisation::zone;
use super::reader::{Page, Section, Sort, named_members, short};
use super::schedule::Schedule;
use super::yaml::{Node, Yaml};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
/// Tickets that one run draws: each is an event on it and one on the record that names it, in one commit.
const MOST_DRAWN: i64 = 100;

pub(super) fn obligations(page: &Page, node: &Node, here: chrono_tz::Tz) -> Vec<Obligation> {
    let mut out = Vec::new();
    for (name, key, value) in named_members(page, node, 200, "obligations") {
        let Some(section) = Section::of(page, value, key.at, format!("obligation `{name}`")) else { continue };
        let title = section.need("title", "what the record is called").and_then(|n| page.text(n)).unwrap_or_default();
        let zone = section.get("zone").and_then(|n| zone(page, n)).unwrap_or(here);
        let schedule = section.need("cron", "when, as in `0 9 1 */3 *`").and_then(|n| schedule(page, n, zone));
        let check = section.get("check").and_then(|n| check(page, n, section.at("check")));
        let draw = section.get("draw").and_then(|n| draw(page, n, section.at("draw")));
        if check.is_some() && draw.is_some() {
            page.find(
                section.at("draw"),
                "A run looks for something (`check`) or draws at random (`draw`), not both; write two obligations.",
            );
        }
        let usual = if check.is_some() { "finding" } else { "review" };
        let kind = section.get("kind").and_then(|n| page.word(n)).unwrap_or_else(|| usual.to_owned());
        let of_type = section.need("type", "the record's sub-type").and_then(|n| page.word(n)).unwrap_or_default();
        let due = section.need("due", "how long it may take").and_then(|n| page.duration(n, MINUTE, 366 * DAY)).map_or(DAY, |(d, _)| d);
        section.done();
        out.extend(schedule.map(|schedule| Obligation { name, title, schedule, kind, of_type, due, check, draw }));
    }
    out
}

/// `self-approvals`, or `{ kind: …, when: … }`, perhaps with `left: true`.
fn check(page: &Page, node: &Node, at: At) -> Option<Check> {
    if let Yaml::Scalar(scalar) = &node.value {
        if scalar.text != "self-approvals" {
            page.find(node.at, format!("`{}` is no check; write `self-approvals`, or `{{ kind: …, when: … }}`.", short(&scalar.text)));
            return None;
        }
        return Some(Check::SelfApprovals);
    }
    let section = Section::of(page, node, at, "`check`")?;
    let kind = section.need("kind", "the kind of the tickets that are looked at").and_then(|n| page.word(n));
    let when = section.need("when", "what is looked for").and_then(|n| page.expression(n, TICKET));
    let left = section.get("left").and_then(|n| page.truth(n)).unwrap_or(false);
    section.done();
    Some(Check::Tickets { kind: kind?, when: when?, left })
}

/// `{ kinds: […], standing: […], ended_in: quarter, size: 10, pack: true }`
fn draw(page: &Page, node: &Node, at: At) -> Option<Draw> {
    let section = Section::of(page, node, at, "`draw`")?;
    let kinds = section.need("kinds", "the kinds of ticket that are drawn from").map(|n| page.names(n, &Sort::Kind));
    let mut standing = Vec::new();
    for node in section.get("standing").map(|n| page.one_or_more(n, 40)).unwrap_or_default() {
        let Some(status) = page.word(node) else { continue };
        for kind in kinds.iter().flatten() {
            page.mention(node.at, Sort::StatusOf(kind.clone()), &status);
        }
        standing.push(status);
    }
    let ended_in = section.need("ended_in", "when they ended: `quarter` or `month`, the last whole one").and_then(|n| span(page, n));
    let size = section.need("size", "how many are drawn").and_then(|n| page.integer(n, 1, MOST_DRAWN));
    let pack = section.get("pack").and_then(|n| page.truth(n)).unwrap_or(false);
    section.done();
    Some(Draw { kinds: kinds?, standing, ended_in: ended_in?, size: usize::try_from(size?).ok()?, pack })
}

fn span(page: &Page, node: &Node) -> Option<Span> {
    let scalar = page.scalar(node, "`quarter` or `month`")?;
    let span = match scalar.text.as_str() {
        "quarter" => Some(Span::Quarter),
        "month" => Some(Span::Month),
        _ => None,
    };
    if span.is_none() {
        page.find(node.at, format!("`{}` is neither `quarter` nor `month`.", short(&scalar.text)));
    }
    span
}

pub(super) fn schedule(page: &Page, node: &Node, zone: chrono_tz::Tz) -> Option<Schedule> {
    let scalar = page.scalar(node, "a cron expression")?;
    match Schedule::parse(&scalar.text, zone) {
        Ok(schedule) => Some(schedule),
        Err(why) => {
            page.find(node.at, format!("`{}` is not a schedule: {}. Write one like `0 9 1 */3 *`.", short(&scalar.text), short(&why)));
            None
        }
    }
}
