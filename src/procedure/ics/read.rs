//! From a calendar's text to slots.

use std::collections::BTreeMap;
use std::time::Duration;

use calcard::common::PartialDateTime;
use calcard::common::timezone::Tz as AnyTz;
use calcard::icalendar::timezone::TzResolver;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarDuration, ICalendarEntry, ICalendarParameterName,
    ICalendarParameterValue, ICalendarParticipationStatus, ICalendarPeriod, ICalendarProperty, ICalendarStatus, ICalendarValue,
};
use chrono::{Datelike, FixedOffset, NaiveDateTime, NaiveTime, Offset};
use chrono_tz::Tz;

use super::recur::{Budget, starts_of};
use super::{BadCalendar, MAX_BYTES, MAX_EVENTS, MAX_SLOTS, MAX_WORDS_KEPT, Read, Slot};
use crate::env::Timestamp;
use crate::procedure::calendar::begins;

/// Characters of a summary at most.
const MAX_NAME: usize = 200;
/// Characters of a description at most.
const MAX_ABOUT: usize = 2_000;
/// Categories and people of one event at most.
const MAX_WORDS: usize = 50;
/// Problems that are told.
const MAX_PROBLEMS: usize = 20;
/// Years that a calendar may speak of.
const YEARS: std::ops::RangeInclusive<u16> = 1970..=2199;

/// Where a wall clock hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    Named(Tz),
    Fixed(FixedOffset),
}

impl Zone {
    /// The moment of a wall-clock time (RFC 5545 §3.3.5).
    fn instant(self, wall: NaiveDateTime) -> Timestamp {
        match self {
            Self::Fixed(offset) => Timestamp::from((wall - offset).and_utc()),
            Self::Named(zone) => {
                let after = begins(zone, wall);
                if after.utc().with_timezone(&zone).naive_local() == wall {
                    return after;
                }
                // It does not exist: by the offset before the gap.
                let before = after.minus(Duration::from_secs(1)).utc().with_timezone(&zone).offset().fix();
                Timestamp::from((wall - before).and_utc())
            }
        }
    }

    /// What the wall clock shows.
    pub(super) fn wall(self, at: Timestamp) -> NaiveDateTime {
        match self {
            Self::Fixed(offset) => at.utc().with_timezone(&offset).naive_local(),
            Self::Named(zone) => at.utc().with_timezone(&zone).naive_local(),
        }
    }
}

/// A time as an event says it.
#[derive(Clone, Copy, Debug)]
pub(super) struct When {
    pub wall: NaiveDateTime,
    pub zone: Zone,
    pub all_day: bool,
}

impl When {
    pub(super) fn instant(self) -> Timestamp {
        self.zone.instant(self.wall)
    }
}

/// How long it takes: days on the wall clock, and then real time.
#[derive(Clone, Copy, Debug)]
struct Length {
    days: i64,
    then: Duration,
}

impl Length {
    fn after(self, start: When) -> Option<Timestamp> {
        let day = start.wall.checked_add_signed(chrono::TimeDelta::try_days(self.days)?)?;
        Some(start.zone.instant(day).plus(self.then))
    }
}

/// One event, before it recurs.
struct Event<'c> {
    component: &'c ICalendarComponent,
    start: When,
    length: Length,
}

/// What all events of a calendar share.
struct Around<'c> {
    here: Tz,
    zones: TzResolver<&'c str>,
    within: Option<(Timestamp, Timestamp)>,
}

/// Reads a calendar. Times that name no zone are `here`'s; with `within`, only what overlaps it is kept, and nothing recurs
/// beyond it.
///
/// # Errors
/// When it is none, or there is too much of it. A single event that cannot be understood is told among the problems.
pub fn read(bytes: &[u8], here: Tz, within: Option<(Timestamp, Timestamp)>) -> Result<Read, BadCalendar> {
    if bytes.len() > MAX_BYTES {
        return Err(BadCalendar::TooLarge(bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| BadCalendar::NotACalendar)?;
    let calendar = ICalendar::parse(text).map_err(|_| BadCalendar::NotACalendar)?;
    let events: Vec<&ICalendarComponent> =
        calendar.components.iter().filter(|c| c.component_type == ICalendarComponentType::VEvent).collect();
    if events.len() > MAX_EVENTS {
        return Err(BadCalendar::TooManyEvents);
    }
    let around = Around { here, zones: calendar.build_tz_resolver().with_default(AnyTz::Floating), within };
    let mut families: BTreeMap<String, Vec<&ICalendarComponent>> = BTreeMap::new();
    for (n, event) in events.into_iter().enumerate() {
        // An event without a name of its own is nobody's exception.
        let uid = event.uid().map_or_else(|| format!("\u{0}{n}"), str::to_owned);
        families.entry(uid).or_default().push(event);
    }
    let (mut out, mut budget) = (Read::default(), Budget::default());
    for family in families.values() {
        around.family(family, &mut out, &mut budget)?;
    }
    out.problems.truncate(MAX_PROBLEMS);
    out.slots.sort_by(|a, b| (a.starts, a.ends, &a.name).cmp(&(b.starts, b.ends, &b.name)));
    Ok(out)
}

impl<'c> Around<'c> {
    /// Events of one name: those that recur, and those that take the place of one recurrence.
    fn family(&self, family: &[&'c ICalendarComponent], out: &mut Read, budget: &mut Budget) -> Result<(), BadCalendar> {
        let mut instead: BTreeMap<Timestamp, &ICalendarComponent> = BTreeMap::new();
        let mut masters = Vec::new();
        for component in family {
            match component.property(&ICalendarProperty::RecurrenceId) {
                None => masters.push(*component),
                Some(entry) if entry.has_parameter(&ICalendarParameterName::Range) => {
                    out.problems.push(format!("“{}” changes all later recurrences at once; change them one by one.", name_of(component)));
                }
                Some(entry) => match self.time(entry) {
                    Some(when) => drop(instead.insert(when.instant(), component)),
                    None => out.problems.push(format!("“{}” takes the place of a time that cannot be read.", name_of(component))),
                },
            }
        }
        for component in masters {
            match self.event(component) {
                Ok(event) => {
                    for start in self.starts(&event, budget, &mut out.problems)? {
                        if !instead.contains_key(&start.instant()) {
                            self.keep(component, start, event.length, out)?;
                        }
                    }
                }
                Err(why) => out.problems.push(format!("“{}” {why}.", name_of(component))),
            }
        }
        for component in instead.values() {
            match self.event(component) {
                Ok(event) => self.keep(component, event.start, event.length, out)?,
                Err(why) => out.problems.push(format!("“{}” {why}.", name_of(component))),
            }
        }
        Ok(())
    }

    fn keep(&self, component: &ICalendarComponent, start: When, length: Length, out: &mut Read) -> Result<(), BadCalendar> {
        if component.status() == Some(&ICalendarStatus::Cancelled) {
            return Ok(());
        }
        let starts = start.instant();
        let Some(ends) = length.after(start).filter(|ends| *ends > starts) else { return Ok(()) };
        if self.within.is_none_or(|(from, to)| starts < to && ends > from) {
            let kept = slot(component, starts, ends);
            out.bytes += kept.name.len() + kept.about.len() + kept.categories.iter().chain(&kept.people).map(String::len).sum::<usize>();
            out.slots.push(kept);
        }
        if out.slots.len() > MAX_SLOTS || out.bytes > MAX_WORDS_KEPT { Err(BadCalendar::TooOften) } else { Ok(()) }
    }

    /// Every start of an event, those that are excepted left out.
    fn starts(&self, event: &Event<'_>, budget: &mut Budget, problems: &mut Vec<String>) -> Result<Vec<When>, BadCalendar> {
        let mut excepted = Vec::new();
        let mut days = Vec::new();
        for entry in event.component.properties(&ICalendarProperty::Exdate) {
            for when in self.times(entry) {
                if when.all_day { days.push(when.wall.date()) } else { excepted.push(when.instant()) }
            }
        }
        let rule = event.component.property(&ICalendarProperty::Rrule).map(|entry| entry.values.first());
        let mut starts = match rule {
            None => vec![event.start],
            Some(Some(ICalendarValue::RecurrenceRule(rule))) => match starts_of(rule, event.start, self.within.map(|w| w.1), budget)? {
                Ok(starts) => starts,
                Err(why) => {
                    problems.push(format!("“{}” {why}.", name_of(event.component)));
                    Vec::new()
                }
            },
            Some(_) => {
                problems.push(format!("“{}” recurs by a rule that cannot be read.", name_of(event.component)));
                Vec::new()
            }
        };
        for entry in event.component.properties(&ICalendarProperty::Rdate) {
            starts.extend(self.times(entry));
            budget.spend(entry.values.len())?;
        }
        starts.retain(|s| !excepted.contains(&s.instant()) && !days.contains(&s.wall.date()));
        starts.sort_by_key(|s| s.instant());
        starts.dedup_by_key(|s| s.instant());
        Ok(starts)
    }

    fn event(&self, component: &'c ICalendarComponent) -> Result<Event<'c>, String> {
        let entry = component.property(&ICalendarProperty::Dtstart).ok_or("says no beginning")?;
        let start = self.time(entry).ok_or("begins at a time that cannot be read, or in a zone that is not known")?;
        let length = self.length(component, start)?;
        if length.after(start).is_none_or(|end| end <= start.instant()) {
            return Err("ends before it begins".to_owned());
        }
        Ok(Event { component, start, length })
    }

    fn length(&self, component: &ICalendarComponent, start: When) -> Result<Length, String> {
        let exactly = |then: Duration| Length { days: 0, then };
        if let Some(entry) = component.property(&ICalendarProperty::Dtend) {
            let end = self.time(entry).ok_or("ends at a time that cannot be read, or in a zone that is not known")?;
            if start.all_day {
                return Ok(Length { days: (end.wall.date() - start.wall.date()).num_days(), then: Duration::ZERO });
            }
            if end.instant() <= start.instant() {
                return Err("ends before it begins".to_owned());
            }
            return Ok(exactly(end.instant().since(start.instant())));
        }
        match component.property(&ICalendarProperty::Duration).map(|entry| entry.values.first()) {
            Some(Some(ICalendarValue::Duration(duration))) => {
                nominal(duration).ok_or_else(|| "has a length that cannot be read".to_owned())
            }
            Some(_) => Err("has a length that cannot be read".to_owned()),
            // Without either, an all-day event takes its day (RFC 5545 §3.6.1).
            None if start.all_day => Ok(Length { days: 1, then: Duration::ZERO }),
            None => Err("says no end".to_owned()),
        }
    }

    fn time(&self, entry: &ICalendarEntry) -> Option<When> {
        self.times(entry).into_iter().next()
    }

    fn times(&self, entry: &ICalendarEntry) -> Vec<When> {
        let zone = match entry.tz_id() {
            Some(id) => match self.zones.resolve(id) {
                Some(AnyTz::Tz(zone)) => Some(Zone::Named(zone)),
                Some(AnyTz::Fixed(offset)) => Some(Zone::Fixed(offset)),
                _ => None,
            },
            None => Some(Zone::Named(self.here)),
        };
        let Some(zone) = zone else { return Vec::new() };
        let read = |value: &ICalendarValue| match value {
            ICalendarValue::PartialDateTime(at) => when(at, zone),
            ICalendarValue::Period(ICalendarPeriod::Range { start, .. } | ICalendarPeriod::Duration { start, .. }) => when(start, zone),
            _ => None,
        };
        entry.values.iter().filter_map(read).collect()
    }
}

fn when(at: &PartialDateTime, zone: Zone) -> Option<When> {
    if !YEARS.contains(&at.year?) {
        return None;
    }
    // The last second of a minute with 61 of them (RFC 5545 §3.3.12).
    let at = PartialDateTime { second: at.second.map(|s| s.min(59)), ..at.clone() };
    let read = at.to_date_time()?;
    let zone = read.offset.map_or(zone, Zone::Fixed);
    Some(When { wall: read.date_time, zone, all_day: !at.has_time() })
}

fn nominal(duration: &ICalendarDuration) -> Option<Length> {
    if duration.neg || duration.weeks > 5_000 || duration.days > 36_500 {
        return None;
    }
    let days = i64::from(duration.weeks) * 7 + i64::from(duration.days);
    let seconds = u64::from(duration.hours) * 3_600 + u64::from(duration.minutes) * 60 + u64::from(duration.seconds);
    (seconds <= 36_500 * 86_400).then(|| Length { days, then: Duration::from_secs(seconds) })
}

fn words(text: &str, most: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect();
    clean.trim().to_owned()
}

fn text(component: &ICalendarComponent, property: &ICalendarProperty, most: usize) -> String {
    let value = component.property(property).and_then(|entry| entry.values.first()).and_then(|value| value.as_text());
    value.map(|value| words(value, most)).unwrap_or_default()
}

fn name_of(component: &ICalendarComponent) -> String {
    text(component, &ICalendarProperty::Summary, 60)
}

/// Whether somebody who was invited has said no.
fn has_declined(entry: &ICalendarEntry) -> bool {
    let said = entry.parameter(&ICalendarParameterName::Partstat);
    matches!(said, Some(ICalendarParameterValue::Partstat(ICalendarParticipationStatus::Declined)))
}

fn slot(component: &ICalendarComponent, starts: Timestamp, ends: Timestamp) -> Slot {
    let categories = component.properties(&ICalendarProperty::Categories).flat_map(|entry| &entry.values);
    let categories = categories.filter_map(|value| value.as_text()).map(|text| words(text, MAX_NAME)).filter(|text| !text.is_empty());
    let people = component.entries.iter().filter(|entry| entry.name == ICalendarProperty::Attendee && !has_declined(entry));
    let people = people.filter_map(|entry| entry.calendar_address()).map(|address| words(address, 254).to_lowercase());
    Slot {
        name: text(component, &ICalendarProperty::Summary, MAX_NAME),
        about: text(component, &ICalendarProperty::Description, MAX_ABOUT),
        categories: categories.take(MAX_WORDS).collect(),
        people: people.filter(|address| address.contains('@')).take(MAX_WORDS).collect(),
        starts,
        ends,
    }
}

/// The last moment of a wall-clock day.
pub(super) fn last_of_day(wall: NaiveDateTime) -> NaiveDateTime {
    wall.date().and_time(NaiveTime::from_hms_opt(23, 59, 59).unwrap_or(NaiveTime::MIN))
}

/// A wall-clock time as the crate writes it, without a zone.
pub(super) fn floating(wall: NaiveDateTime) -> PartialDateTime {
    let mut at = PartialDateTime::from_naive_timestamp(wall.and_utc().timestamp());
    at.year = u16::try_from(wall.year()).ok();
    at
}

/// An UNTIL on the wall clock of `start`.
pub(super) fn until_on(start: When, until: &PartialDateTime) -> Option<NaiveDateTime> {
    let until = when(until, start.zone)?;
    if until.all_day { Some(last_of_day(until.wall)) } else { Some(start.zone.wall(until.instant())) }
}
