//! Reads `on_call` of `organisation.yaml`.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::estate::{Layer, Override, Rota};
use super::finding::At;
use super::load_estate::{address, span, who};
use super::load_organisation::{parse_time, zone};
use super::reader::{Page, Section, members, named_members, short};
use super::yaml::Node;

/// `{ zone, manager, layers: { name: { people, from, at, days, hours, zone } }, overrides: [{ person, from, to }], calendar,
/// pagerduty: { PABC123: address } }`
pub(super) fn read_rota(page: &Page, node: &Node, at: At, here: chrono_tz::Tz) -> Option<Rota> {
    let section = Section::of(page, node, at, "`on_call`")?;
    let zone = section.get("zone").and_then(|n| zone(page, n)).unwrap_or(here);
    let manager = section.get("manager").and_then(|n| who(page, n));
    let calendar = section.get("calendar").and_then(|n| page.truth(n)).unwrap_or(false);
    let turns = if calendar { section.get("layers") } else { section.need("layers", "who takes turns") };
    let layers = turns.map(|n| layers(page, n, zone)).unwrap_or_default();
    let mut pagerduty = BTreeMap::new();
    for (key, value) in section.get("pagerduty").map(|n| members(page, n, 500, "users")).unwrap_or_default() {
        pagerduty.extend(address(page, value).map(|address| (key.text.clone(), address)));
    }
    let mut overrides = Vec::new();
    if let Some(node) = section.get("overrides") {
        for item in page.list(node, 500) {
            let Some(section) = Section::of(page, item, item.at, "an override") else { continue };
            let person = section.need("person", "who takes over").and_then(|n| address(page, n));
            let dates = span(page, &section, zone);
            section.done();
            if let (Some(person), Some((starts, ends))) = (person, dates) {
                overrides.push(Override { person, starts, ends });
            }
        }
    }
    section.done();
    Some(Rota { zone, layers, overrides, manager, calendar, pagerduty })
}

fn layers(page: &Page, node: &Node, here: chrono_tz::Tz) -> Vec<Layer> {
    let mut out = Vec::new();
    for (name, key, value) in named_members(page, node, 20, "layers") {
        let Some(section) = Section::of(page, value, key.at, format!("layer `{name}`")) else { continue };
        let zone = section.get("zone").and_then(|n| zone(page, n)).unwrap_or(here);
        let people: Vec<String> = section
            .need("people", "who takes turns, by e-mail address")
            .map(|n| page.one_or_more(n, 100).iter().filter_map(|item| address(page, item)).collect())
            .unwrap_or_default();
        let starts = section.need("from", "the first day of the first one's first turn").and_then(|n| {
            let scalar = page.scalar(n, "a day")?;
            let day = NaiveDate::parse_from_str(&scalar.text, "%Y-%m-%d").ok();
            if day.is_none() {
                page.find(n.at, format!("`{}` is not a date; write it like `2026-12-25`.", short(&scalar.text)));
            }
            day
        });
        let time = |n: &Node| {
            let scalar = page.scalar(n, "a time of day")?;
            let time = parse_time(&scalar.text);
            if time.is_none() {
                page.find(n.at, format!("`{}` is not a time of day; write it like `\"09:00\"`.", short(&scalar.text)));
            }
            time
        };
        let at = section.get("at").and_then(time).or_else(|| parse_time("09:00"));
        let days = section.get("days").and_then(|n| page.integer(n, 1, 366)).unwrap_or(7);
        let hours = section.get("hours").and_then(|n| {
            let scalar = page.scalar(n, "hours")?;
            let hours = scalar.text.split_once('-').and_then(|(a, b)| Some((parse_time(a.trim())?, parse_time(b.trim())?)));
            if hours.is_none() {
                page.find(n.at, format!("`{}` are not hours; write them like `\"08:00-20:00\"`.", short(&scalar.text)));
            }
            hours
        });
        section.done();
        if people.is_empty() {
            page.find(key.at, format!("Nobody takes turns in layer `{name}`; name somebody."));
        } else if let (Some(starts), Some(at)) = (starts, at) {
            out.push(Layer { name, people, starts, at, days: u32::try_from(days).unwrap_or(7), zone, hours });
        }
    }
    out
}
