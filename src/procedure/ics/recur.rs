//! When an event comes again, on the wall clock of its own zone.

use calcard::common::timezone::Tz as AnyTz;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarFrequency, ICalendarProperty, ICalendarRecurrenceRule, ICalendarValue,
};

use super::read::{When, floating, until_on};
use super::{BadCalendar, MAX_SLOTS};
use crate::env::Timestamp;

/// Years that a recurrence without an end is followed.
const YEARS: i64 = 50;
/// Times of day that one rule may name.
const MAX_TIMES: usize = 24;
/// Recurrences that are looked at in one calendar, whether they are kept or not.
const MAX_LOOKED_AT: usize = 10 * MAX_SLOTS;
/// Rules of one calendar that lead nowhere: to find that out takes the longest.
const MAX_NOWHERE: usize = 5;

/// How much work one calendar may be.
#[derive(Debug, Default)]
pub(super) struct Budget {
    looked_at: usize,
    nowhere: usize,
}

impl Budget {
    pub(super) fn spend(&mut self, recurrences: usize) -> Result<(), BadCalendar> {
        self.looked_at = self.looked_at.saturating_add(recurrences);
        if self.looked_at > MAX_LOOKED_AT { Err(BadCalendar::TooOften) } else { Ok(()) }
    }
}

/// Every time that an event begins, its own beginning first; inside, why its rule is not followed.
pub(super) fn starts_of(
    rule: &ICalendarRecurrenceRule,
    start: When,
    until: Option<Timestamp>,
    budget: &mut Budget,
) -> Result<Result<Vec<When>, String>, BadCalendar> {
    let times = [&rule.byhour, &rule.byminute, &rule.bysecond].map(|list| list.len().max(1)).into_iter().product::<usize>();
    let often = matches!(rule.freq, ICalendarFrequency::Secondly | ICalendarFrequency::Minutely | ICalendarFrequency::Hourly);
    if often || times > MAX_TIMES {
        return Ok(Err("recurs more often than a calendar needs: at most daily, at 24 times of the day".to_owned()));
    }
    if rule.rscale.is_some() {
        return Ok(Err("recurs by another calendar than the Gregorian one".to_owned()));
    }
    let far = start.wall.checked_add_signed(chrono::TimeDelta::try_days(YEARS * 366).unwrap_or_default()).unwrap_or(start.wall);
    let mut last = far;
    if let Some(until) = &rule.until {
        let Some(until) = until_on(start, until) else { return Ok(Err("recurs until a time that cannot be read".to_owned())) };
        last = last.min(until);
    }
    if let Some(until) = until {
        last = last.min(start.zone.wall(until));
    }
    if last <= start.wall {
        return Ok(Ok(vec![start]));
    }
    let rule = ICalendarRecurrenceRule { until: Some(floating(last)), ..rule.clone() };
    let expanded = floating_calendar(start, rule).expand_dates(AnyTz::Floating, MAX_SLOTS + 1);
    if let Some(error) = expanded.errors.first() {
        return Ok(Err(format!("recurs by a rule that makes no sense ({})", words(&error.error.to_string()))));
    }
    if expanded.events.is_empty() {
        budget.nowhere += 1;
        if budget.nowhere > MAX_NOWHERE {
            return Err(BadCalendar::Never);
        }
    }
    if expanded.events.len() > MAX_SLOTS {
        return Err(BadCalendar::TooOften);
    }
    budget.spend(expanded.events.len())?;
    let mut starts: Vec<When> = expanded.events.iter().map(|event| When { wall: event.start.naive_local(), ..start }).collect();
    if starts.first().is_none_or(|first| first.wall != start.wall) {
        starts.insert(0, start);
    }
    Ok(Ok(starts))
}

/// A calendar with nothing but this rule, on no zone's clock.
fn floating_calendar(start: When, rule: ICalendarRecurrenceRule) -> ICalendar {
    let mut root = ICalendarComponent::new(ICalendarComponentType::VCalendar);
    root.component_ids.push(1);
    let mut event = ICalendarComponent::new(ICalendarComponentType::VEvent);
    event.add_property(ICalendarProperty::Dtstart, ICalendarValue::PartialDateTime(Box::new(floating(start.wall))));
    event.add_property(ICalendarProperty::Rrule, ICalendarValue::RecurrenceRule(Box::new(rule)));
    ICalendar { components: vec![root, event] }
}

fn words(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}
