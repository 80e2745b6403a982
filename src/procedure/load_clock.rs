//! A kind's clocks and what follows from them or from events: reminders, escalation, notices, follow-up records, channels.

use std::collections::BTreeMap;
use std::time::Duration;

use indexmap::IndexMap;

use super::finding::At;
use super::load_kind::{EVENT, TICKET};
use super::model::{Channel, Clock, ClockStart, Escalate, Field, FieldType, Hours, Notify, Opens, Pages};
use super::nearest::nearest;
use super::reader::{Page, Section, Sort, members, named_members, short};
use super::rules::Timing;
use super::yaml::Node;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
/// No target lies further away.
const LONGEST: Duration = Duration::from_secs(3660 * 86_400);

/// Reads `clocks`.
pub(super) fn read_clocks(page: &Page, node: &Node, fields: &IndexMap<String, Field>) -> IndexMap<String, Clock> {
    let mut out = IndexMap::new();
    for (name, key, value) in named_members(page, node, 30, "clocks") {
        let Some(section) = Section::of(page, value, key.at, format!("clock `{name}`")) else { continue };
        let clock = read_clock(page, section, &name, fields);
        out.insert(name, clock);
    }
    out
}

/// The values of the field by which targets are said.
fn levels(page: &Page, section: &Section<'_, '_>, fields: &IndexMap<String, Field>) -> (Option<String>, Vec<String>) {
    let by = section.get("by").and_then(|n| Some((page.named(n, Sort::Field)?, n.at)));
    let name = by.as_ref().map_or("severity", |(name, _)| name);
    let values = match fields.get(name).map(|f| &f.of) {
        Some(FieldType::Choice(options)) => options.keys().cloned().collect(),
        Some(_) if by.is_some() => {
            page.find(section.at("by"), format!("`{name}` must be of type choice for targets to be said by it."));
            Vec::new()
        }
        _ => Vec::new(),
    };
    (by.map(|(name, _)| name), values)
}

fn read_timing(page: &Page, section: &Section<'_, '_>, by: Option<String>, fields: &IndexMap<String, Field>) -> Timing {
    let at = section.get("at").and_then(|n| {
        let name = page.named(n, Sort::Field)?;
        if fields.get(&name).is_some_and(|f| !matches!(f.of, FieldType::Time)) {
            page.find(n.at, format!("`{name}` must be of type time to hold a target."));
        }
        Some(name)
    });
    let end_of_day = section.get("no_later_than").is_some_and(|n| {
        let word = page.word(n);
        if word.as_deref().is_some_and(|w| w != "end-of-day") {
            page.find(n.at, "Write `end-of-day`, or leave `no_later_than` out.");
        }
        word.is_some()
    });
    let before = section.get("remind_before").map(|n| page.one_or_more(n, 10)).unwrap_or_default();
    let before = before.iter().filter_map(|n| page.duration(n, MINUTE, LONGEST)).map(|(d, _)| d).collect();
    Timing {
        by,
        at,
        takes: section.get("takes").and_then(|n| page.named(n, Sort::Transition)),
        end_of_day,
        answered: section.get("answered").and_then(|n| page.truth(n)).unwrap_or(false),
        filled: section.get("filled").map(|n| page.names(n, &Sort::Field)).unwrap_or_default(),
        before,
    }
}

fn read_clock(page: &Page, section: Section<'_, '_>, name: &str, fields: &IndexMap<String, Field>) -> Clock {
    let (by, severities) = levels(page, &section, fields);
    let timing = read_timing(page, &section, by, fields);
    let severities = severities.as_slice();
    let label = section.get("label").and_then(|n| page.text(n)).unwrap_or_else(|| name.replace(['_', '-'], " "));
    let starts = section.need("starts", "`open` or a transition").and_then(|n| page.word(n).map(|w| (w, n.at)));
    let starts = match starts {
        Some((word, at)) if word != "open" => {
            page.mention(at, Sort::Transition, &word);
            ClockStart::Transition(word)
        }
        _ => ClockStart::Open,
    };
    let stops = section.need("stops", "the transitions that stop it").map(|n| page.names(n, &Sort::Transition)).unwrap_or_default();
    let hours = section.get("hours").map(|n| read_hours(page, n, severities)).unwrap_or_default();
    let within = match (&timing.at, section.get("within")) {
        (Some(_), Some(n)) => {
            page.find(n.at, "`at` holds the target already; leave `within` out.");
            None
        }
        (Some(_), None) => None,
        (None, _) => section.need("within", "its targets by severity, or `default`"),
    };
    let within = within.map(|n| read_within(page, n, severities, &hours)).unwrap_or_default();
    let when = section.get("when").and_then(|n| page.expression(n, TICKET));
    let pauses = section.get("pauses").map(|n| page.names(n, &Sort::Status)).unwrap_or_default();
    section.done();
    Clock { name: name.to_owned(), label, starts, stops, within, hours, when, pauses: pauses.into_iter().collect(), timing }
}

/// One entry for each severity, or a `default` for those that are not named.
fn by_severity<'n>(page: &Page, node: &'n Node, severities: &[String], complete: bool) -> Vec<(String, &'n Node)> {
    let mut out = Vec::new();
    for (key, value) in members(page, node, 50, "severities") {
        if key.text != "default" && severities.is_empty() {
            page.find_unknown(key.at, "severity", "This kind has no field `severity`, so nothing can be said by severity.");
            continue;
        }
        if key.text != "default" && !severities.contains(&key.text) {
            let hint = nearest(&key.text, severities.iter().map(String::as_str).chain(["default"]));
            page.find(
                key.at,
                format!("`{}` is not a severity of this kind{hint}There are {} and default.", short(&key.text), severities.join(", ")),
            );
            continue;
        }
        out.push((key.text.clone(), value));
    }
    let said = |name: &str| members_named(node, name);
    let missing = severities.iter().filter(|s| !said(s)).cloned().collect::<Vec<_>>();
    let nothing = severities.is_empty() && !members_any(node);
    if complete && !said("default") && (nothing || !missing.is_empty()) {
        let which = if severities.is_empty() { "`default`".to_owned() } else { format!("{} and has no `default`", missing.join(", ")) };
        page.find(node.at, format!("This lacks {which}; every ticket needs a target."));
    }
    out
}

fn members_any(node: &Node) -> bool {
    matches!(&node.value, super::yaml::Yaml::Map(members) if !members.is_empty())
}

fn members_named(node: &Node, name: &str) -> bool {
    matches!(&node.value, super::yaml::Yaml::Map(members) if members.iter().any(|(k, _)| k.text == name))
}

fn read_within(page: &Page, node: &Node, severities: &[String], hours: &BTreeMap<String, Hours>) -> BTreeMap<String, Duration> {
    let mut out = BTreeMap::new();
    for (severity, value) in by_severity(page, node, severities, true) {
        let Some((duration, days)) = page.duration(value, MINUTE, LONGEST) else { continue };
        if let (Some(Hours::Calendar(calendar)), true) = (hours.get(&severity).or_else(|| hours.get("default")), days) {
            let message = format!(
                "Only the hours of calendar `{calendar}` count here, and its days are shorter than 24 h; say it in hours, as in `8h`."
            );
            page.find(value.at, message);
        }
        out.insert(severity, duration);
    }
    out
}

fn read_hours(page: &Page, node: &Node, severities: &[String]) -> BTreeMap<String, Hours> {
    let mut out = BTreeMap::new();
    for (severity, value) in by_severity(page, node, severities, false) {
        let Some(name) = page.word(value) else { continue };
        let hours = if name == "always" {
            Hours::Always
        } else {
            page.mention(value.at, Sort::Calendar, &name);
            Hours::Calendar(name)
        };
        out.insert(severity, hours);
    }
    out
}

/// `[50%, 75%, 90%]`
pub(super) fn read_remind(page: &Page, node: &Node) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    for item in page.one_or_more(node, 10) {
        let Some(scalar) = page.scalar(item, "a percentage") else { continue };
        let percent = scalar.text.strip_suffix('%').and_then(|p| p.parse::<u8>().ok()).filter(|p| (1..=99).contains(p));
        match percent {
            None => page.find(item.at, format!("`{}` is not a percentage from 1% to 99%; write it like `75%`.", short(&scalar.text))),
            Some(percent) if out.last().is_some_and(|last| *last >= percent) => {
                page.find(item.at, format!("`{percent}%` does not come after the one before it; write them in ascending order."));
            }
            Some(percent) => out.push(percent),
        }
    }
    out
}

/// Reads `escalate`.
pub(super) fn read_escalate(page: &Page, node: &Node, at: At) -> Option<Escalate> {
    const ON_CALL: [&str; 3] = ["on-call", "on-call.next", "on-call.manager"];
    let section = Section::of(page, node, at, "`escalate`")?;
    let mut to = Vec::new();
    if let Some(node) = section.need("to", "whom it is taken to, tier by tier") {
        for item in page.one_or_more(node, 10) {
            let Some(scalar) = page.scalar(item, "a role or an on-call place") else { continue };
            if !ON_CALL.contains(&scalar.text.as_str()) {
                page.mention(item.at, Sort::Role, &scalar.text);
            }
            to.push(scalar.text.clone());
        }
        if to.is_empty() {
            page.find(node.at, "Nobody is called; name at least one role or `on-call`.");
        }
    }
    let every = section.need("every", "how long each tier has").and_then(|n| page.duration(n, MINUTE, 30 * DAY));
    let until = section.need("until", "the status that ends it").and_then(|n| page.named(n, Sort::Status));
    let rounds = section.get("rounds").and_then(|n| page.integer(n, 1, 20)).and_then(|n| u32::try_from(n).ok());
    let again = section.get("again").and_then(|n| page.duration(n, MINUTE, 30 * DAY)).map(|(d, _)| d);
    let pages = section.get("pages").and_then(|n| read_pages(page, n, section.at("pages")));
    section.done();
    Some(Escalate { to, every: every?.0, until: until?, rounds, again, pages })
}

fn read_pages(page: &Page, node: &Node, at: At) -> Option<Pages> {
    let section = Section::of(page, node, at, "`pages`")?;
    let when = section.need("when", "when somebody is called at once").and_then(|n| page.expression(n, TICKET));
    let answer = section.need("answer", "how long each has to answer").and_then(|n| page.duration(n, MINUTE, DAY));
    section.done();
    Some(Pages { when: when?, answer: answer?.0 })
}

/// Reads `notifies`.
pub(super) fn read_notifies(page: &Page, node: &Node) -> Vec<Notify> {
    let mut out = Vec::new();
    for item in page.one_or_more(node, 50) {
        let Some(section) = Section::of(page, item, item.at, "a notice") else { continue };
        let groups = section.need("groups", "who hears of it").map(|n| page.names(n, &Sort::Group)).unwrap_or_default();
        let when = section.need("when", "the condition").and_then(|n| page.expression(n, EVENT));
        let must_acknowledge = section.get("must_acknowledge").and_then(|n| page.duration(n, MINUTE, 30 * DAY)).map(|(d, _)| d);
        section.done();
        out.extend(when.map(|when| Notify { groups, when, must_acknowledge }));
    }
    out
}

/// Reads `opens`. A kind that is not in the library is allowed: the engine passes over it.
pub(super) fn read_opens(page: &Page, node: &Node) -> Vec<Opens> {
    let mut out = Vec::new();
    for item in page.one_or_more(node, 50) {
        let Some(section) = Section::of(page, item, item.at, "a record to open") else { continue };
        let kind = section.need("kind", "the kind of record").and_then(|n| page.word(n));
        let of_type = section.need("type", "its sub-type").and_then(|n| page.word(n));
        let when = section.need("when", "the condition").and_then(|n| page.expression(n, EVENT));
        let due = section.need("due", "how long it may take").and_then(|n| page.duration(n, MINUTE, LONGEST));
        let link = section.get("link").and_then(|n| page.word(n));
        section.done();
        if let (Some(kind), Some(of_type), Some(when), Some((due, _))) = (kind, of_type, when, due) {
            let link = link.unwrap_or_else(|| if kind == "review" { "reviewed_by" } else { "followed_by" }.to_owned());
            out.push(Opens { kind, of_type, when, due, link });
        }
    }
    out
}

/// Reads `channel`.
pub(super) fn read_channel(page: &Page, node: &Node, at: At, severities: &[String]) -> Option<Channel> {
    let section = Section::of(page, node, at, "`channel`")?;
    let mut own = BTreeMap::new();
    if let Some(node) = section.get("by_severity") {
        for (severity, value) in by_severity(page, node, severities, true) {
            let Some(word) = page.word(value) else { continue };
            match word.as_str() {
                "channel" => own.insert(severity, true),
                "thread" => own.insert(severity, false),
                _ => {
                    page.find(value.at, format!("`{word}` is neither `channel` nor `thread`."));
                    None
                }
            };
        }
    }
    let private = section.get("private").and_then(|n| page.truth(n)).unwrap_or(true);
    let archive_after = section.get("archive_after").and_then(|n| page.duration(n, MINUTE, 3660 * DAY)).map(|(d, _)| d);
    let sensitive = section.get("sensitive").and_then(|n| page.expression(n, TICKET));
    section.done();
    Some(Channel { own, private, archive_after, sensitive })
}
