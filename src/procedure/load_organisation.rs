//! `organisation.yaml` and `taxonomies.yaml`: roles, calendars, groups, the organisation's own rules, lists of values.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{NaiveDate, NaiveTime};
use indexmap::IndexMap;

use super::load_estate::read_estate;
use super::model::{Calendar, Organisation, Permission, Role};
use super::nearest::nearest;
use super::reader::{Page, Section, Sort, members, named_members, short};
use super::yaml::{Node, Scalar};

/// Hours of a day, in order.
type Intervals = Vec<(NaiveTime, NaiveTime)>;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const PERMISSIONS: [(&str, Permission); 4] =
    [("read", Permission::Read), ("work", Permission::Work), ("administer", Permission::Administer), ("export", Permission::Export)];
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// What `taxonomies.yaml` says.
#[derive(Default)]
pub(super) struct TaxonomyDraft {
    pub lists: BTreeMap<String, IndexMap<String, String>>,
    pub crosswalks: BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>,
}

/// Reads `organisation.yaml`. What is wrong stands on the page afterwards, and a harmless value in its place.
pub(super) fn read_organisation(page: &Page, section: Section<'_, '_>, digest: &str) -> Organisation {
    let name = section.need("organisation", "the organisation's name").and_then(|n| page.text(n)).unwrap_or_default();
    let zone = section.need("zone", "the IANA time zone in which days begin, as in `Europe/Vienna`").and_then(|n| zone(page, n));
    let zone = zone.unwrap_or(chrono_tz::UTC);
    let roles = section.need("roles", "who may do what").map(|n| roles(page, n)).unwrap_or_default();
    let calendars = section.get("calendars").map(|n| calendars(page, n, zone)).unwrap_or_default();
    let groups = section.get("groups").map(|n| groups(page, n)).unwrap_or_default();
    let duration = |key, default: Duration, max| {
        let node = section.get(key);
        node.map_or(default, |n| page.duration(n, Duration::from_secs(1), max).map_or(default, |(d, _)| d))
    };
    let late_after = duration("late_after", 15 * MINUTE, 30 * DAY);
    let repeats_every = duration("repeats_every", 10 * MINUTE, DAY);
    let archive_channels_after = duration("archive_channels_after", 7 * DAY, 3660 * DAY);
    let refusals = section.get("refusals_per_hour").and_then(|n| page.integer(n, 1, 1000)).unwrap_or(20);
    let public_log = section.get("public_log").and_then(|n| page.truth(n)).unwrap_or(false);
    let estate = read_estate(page, &section, zone);
    section.done();
    Organisation {
        estate,
        name,
        zone,
        roles,
        calendars,
        groups,
        late_after,
        repeats_every,
        archive_channels_after,
        refusals_per_hour: u32::try_from(refusals).unwrap_or(20),
        public_log,
        digest: digest.to_owned(),
    }
}

/// An IANA time zone.
pub(super) fn zone(page: &Page, node: &Node) -> Option<chrono_tz::Tz> {
    let scalar = page.scalar(node, "an IANA time zone")?;
    let zone = scalar.text.parse().ok();
    if zone.is_none() {
        let hint = nearest(&scalar.text, chrono_tz::TZ_VARIANTS.iter().map(|z| z.name()));
        page.find(node.at, format!("`{}` is not an IANA time zone{hint}Write one like `Europe/Vienna` or `UTC`.", short(&scalar.text)));
    }
    zone
}

fn roles(page: &Page, node: &Node) -> IndexMap<String, Role> {
    let mut out = IndexMap::new();
    for (name, key, value) in named_members(page, node, 100, "roles") {
        if matches!(name.as_str(), "owner" | "lead" | "anyone" | "on-call") {
            page.find(key.at, format!("`{name}` means something already; call the role something else."));
        }
        let Some(section) = Section::of(page, value, key.at, format!("role `{name}`")) else { continue };
        let purpose = section.need("purpose", "one sentence on what the role is for").and_then(|n| page.text(n)).unwrap_or_default();
        let may = section.get("may").map(|n| permissions(page, n)).unwrap_or_default();
        section.done();
        out.insert(name, Role { purpose, may });
    }
    if out.is_empty() {
        page.find(node.at, "There is no role; at least one is needed, or nobody may do anything.");
    }
    out
}

fn permissions(page: &Page, node: &Node) -> BTreeSet<Permission> {
    let mut out = BTreeSet::new();
    for item in page.one_or_more(node, 20) {
        let Some(word) = page.word(item) else { continue };
        match PERMISSIONS.iter().find(|(name, _)| *name == word) {
            Some((_, permission)) => {
                out.insert(*permission);
            }
            None => {
                let hint = nearest(&word, PERMISSIONS.iter().map(|(n, _)| *n));
                page.find(item.at, format!("`{word}` is not a permission{hint}There are read, work, administer and export."));
            }
        }
    }
    out
}

fn groups(page: &Page, node: &Node) -> BTreeMap<String, Vec<String>> {
    let mut out = BTreeMap::new();
    for (name, _, value) in named_members(page, node, 100, "groups") {
        let mut who = Vec::new();
        for item in page.one_or_more(value, 100) {
            let Some(scalar) = page.scalar(item, "a role or an e-mail address") else { continue };
            if !scalar.text.contains('@') {
                page.mention(item.at, Sort::Role, &scalar.text);
            }
            who.push(scalar.text.clone());
        }
        out.insert(name, who);
    }
    out
}

fn calendars(page: &Page, node: &Node, default: chrono_tz::Tz) -> BTreeMap<String, Calendar> {
    let mut out = BTreeMap::new();
    for (name, key, value) in named_members(page, node, 20, "calendars") {
        if name == "always" {
            page.find(key.at, "`always` means every hour already; call the calendar something else.");
        }
        let Some(section) = Section::of(page, value, key.at, format!("calendar `{name}`")) else { continue };
        let zone = section.get("zone").and_then(|n| zone(page, n)).unwrap_or(default);
        let week = section.need("week", "the working hours, as in `mon-fri: \"09:00-17:00\"`").map(|n| week(page, n)).unwrap_or_default();
        let holidays = section.get("holidays").map(|n| holidays(page, n)).unwrap_or_default();
        section.done();
        out.insert(name, Calendar { zone, week, holidays });
    }
    out
}

fn week(page: &Page, node: &Node) -> [Intervals; 7] {
    let mut out: [Intervals; 7] = Default::default();
    let mut said = [false; 7];
    for (key, value) in members(page, node, 7, "days") {
        let Some(days) = days_of(&key.text) else {
            page.find(key.at, format!("`{}` is not a day; write `mon`, or `mon-fri` for several.", short(&key.text)));
            continue;
        };
        let hours = intervals(page, value);
        for day in days {
            if std::mem::replace(&mut said[day], true) {
                page.find(key.at, format!("`{}` has hours already; say them once.", DAYS[day]));
            }
            out[day].clone_from(&hours);
        }
    }
    if out.iter().all(Vec::is_empty) {
        page.find(node.at, "No day has working hours, so a clock on this calendar would never end.");
    }
    out
}

fn days_of(text: &str) -> Option<std::ops::RangeInclusive<usize>> {
    let day = |t: &str| DAYS.iter().position(|d| *d == t);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (day(first)?, day(last)?);
    (first <= last).then_some(first..=last)
}

fn holidays(page: &Page, node: &Node) -> BTreeMap<NaiveDate, Intervals> {
    let mut out = BTreeMap::new();
    for (key, value) in members(page, node, 2000, "holidays") {
        match NaiveDate::parse_from_str(&key.text, "%Y-%m-%d") {
            Ok(date) if key.text.len() == 10 => {
                out.insert(date, intervals(page, value));
            }
            _ => page.find(key.at, format!("`{}` is not a date; write it like `2026-12-25`.", short(&key.text))),
        }
    }
    out
}

/// `"09:00-12:00, 13:00-17:00"`, or `closed`.
fn intervals(page: &Page, node: &Node) -> Intervals {
    let Some(scalar) = page.scalar(node, "hours") else { return Vec::new() };
    if scalar.text == "closed" {
        return Vec::new();
    }
    let Some(hours) = parse_intervals(&scalar.text) else {
        page.find(node.at, format!("`{}` are not hours; write them like `09:00-12:30, 13:00-17:00`, or `closed`.", short(&scalar.text)));
        return Vec::new();
    };
    if hours.iter().any(|(from, to)| from >= to) || hours.windows(2).any(|pair| pair[0].1 > pair[1].0) {
        page.find(node.at, "These hours overlap or run backwards; put them in order, each ending after it begins.");
        return Vec::new();
    }
    hours
}

fn parse_intervals(text: &str) -> Option<Intervals> {
    let mut out = Vec::new();
    for part in text.split(',').take(10) {
        let (from, to) = part.trim().split_once('-')?;
        out.push((parse_time(from.trim())?, parse_time(to.trim())?));
    }
    (!out.is_empty()).then_some(out)
}

/// `09:00`; `24:00` is the last moment of the day.
pub(super) fn parse_time(text: &str) -> Option<NaiveTime> {
    if text == "24:00" {
        return NaiveTime::from_num_seconds_from_midnight_opt(86_399, 999_999_999);
    }
    (text.len() == 5).then(|| NaiveTime::parse_from_str(text, "%H:%M").ok())?
}

/// Reads `taxonomies.yaml`.
pub(super) fn read_taxonomies(page: &Page, section: Section<'_, '_>) -> TaxonomyDraft {
    let mut draft = TaxonomyDraft::default();
    if let Some(node) = section.need("taxonomies", "the lists of values by name") {
        for (name, key, value) in named_members(page, node, 100, "taxonomies") {
            let Some(list) = Section::of(page, value, key.at, format!("taxonomy `{name}`")) else { continue };
            list.need("source", "where the list comes from, and its version").and_then(|n| page.text(n));
            let values = list.need("values", "the values, each with its title").map(|n| values(page, n)).unwrap_or_default();
            list.done();
            draft.lists.insert(name, values);
        }
    }
    if let Some(node) = section.get("crosswalks") {
        for (name, key, value) in named_members(page, node, 20, "crosswalks") {
            page.mention(key.at, Sort::Taxonomy, &name);
            let rows = members(page, value, 2000, "values").iter();
            let rows = rows.map(|(of, others)| (of.text.clone(), crosswalk(page, &name, of, others))).collect();
            draft.crosswalks.insert(name, rows);
        }
    }
    section.done();
    draft
}

fn crosswalk(page: &Page, list: &str, of: &Scalar, others: &Node) -> BTreeMap<String, String> {
    page.mention(of.at, Sort::ValueOf(list.to_owned()), &of.text);
    let mut out = BTreeMap::new();
    for (other, key, value) in named_members(page, others, 20, "lists") {
        let Some(scalar) = page.scalar(value, "a value") else { continue };
        page.mention(key.at, Sort::Taxonomy, &other);
        page.mention(value.at, Sort::ValueOf(other.clone()), &scalar.text);
        out.insert(other, scalar.text.clone());
    }
    out
}

fn values(page: &Page, node: &Node) -> IndexMap<String, String> {
    let mut out = IndexMap::new();
    for (key, value) in members(page, node, 2000, "values") {
        if key.text.is_empty() || key.text.len() > 100 || key.text.chars().any(|c| c.is_whitespace()) {
            page.find(key.at, format!("`{}` is not a value; it has 1 to 100 characters and no spaces.", short(&key.text)));
        }
        out.insert(key.text.clone(), page.text(value).unwrap_or_default());
    }
    if out.is_empty() {
        page.find(node.at, "There are no values here; a field could never be filled in.");
    }
    out
}
