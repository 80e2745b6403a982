//! Working hours: when a target is due, how much working time has passed, when the next working day begins.
//!
//! Pure arithmetic over the organisation's calendars and the time-zone tables of `chrono-tz`. The engine records what
//! comes out; nothing is ever recomputed from the tables. Around a change of the clocks, hours are real hours: a local
//! time that does not exist counts from the next one that does, and an hour that comes twice counts twice.

use std::time::Duration;

use chrono::{DateTime, Datelike, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

use super::model::{Calendar, Hours, Organisation};
use crate::env::Timestamp;

/// The calendar of owed items, where the organisation has one of that name.
pub const BUSINESS: &str = "business";

/// Nothing is looked for further away than this many days (about a century).
const HORIZON: usize = 36_600;

/// The moment at which `within` has passed since `start`, of the hours that count.
#[must_use]
pub fn due(start: Timestamp, within: Duration, hours: &Hours, organisation: &Organisation) -> Timestamp {
    let Some(calendar) = calendar(hours, organisation) else { return start.plus(within) };
    let mut left = within;
    for (from, to) in spans(calendar, start) {
        let from = from.max(start);
        let span = to.since(from);
        if span >= left && span > Duration::ZERO {
            return from.plus(left);
        }
        left -= span.min(left);
    }
    start.plus(within)
}

/// How much of the hours that count lies between `start` and `end`; zero when `end` is not after `start`.
#[must_use]
pub fn elapsed(start: Timestamp, end: Timestamp, hours: &Hours, organisation: &Organisation) -> Duration {
    let Some(calendar) = calendar(hours, organisation) else { return end.since(start) };
    let spans = spans(calendar, start).take_while(|(from, _)| *from < end);
    spans.map(|(from, to)| to.min(end).since(from.max(start))).sum()
}

/// The local time `at` on the first working day after the day of `after`, in the zone of the calendar `business`;
/// without such a calendar, Monday to Friday are the working days, in the organisation's zone.
#[must_use]
pub fn next_working_day_at(after: Timestamp, at: NaiveTime, organisation: &Organisation) -> Timestamp {
    let calendar = organisation.calendars.get(BUSINESS);
    let zone = calendar.map_or(organisation.zone, |c| c.zone);
    let works = |day: NaiveDate| calendar.map_or(day.weekday().num_days_from_monday() < 5, |c| !intervals(c, day).is_empty());
    let mut days = days_from(after, zone).skip(1);
    let day = days.find(|day| works(*day));
    day.map_or(after, |day| instant(zone, day.and_time(at), Edge::Begin))
}

fn calendar<'o>(hours: &Hours, organisation: &'o Organisation) -> Option<&'o Calendar> {
    match hours {
        Hours::Always => None,
        Hours::Calendar(name) => organisation.calendars.get(name),
    }
}

fn intervals(calendar: &Calendar, day: NaiveDate) -> &[(NaiveTime, NaiveTime)] {
    let weekday = day.weekday().num_days_from_monday() as usize;
    calendar.holidays.get(&day).unwrap_or(&calendar.week[weekday])
}

fn days_from(start: Timestamp, zone: Tz) -> impl Iterator<Item = NaiveDate> {
    start.utc().with_timezone(&zone).date_naive().iter_days().take(HORIZON)
}

/// The working spans that do not end before `start`, in order.
fn spans(calendar: &Calendar, start: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
    let zone = calendar.zone;
    days_from(start, zone).flat_map(move |day| {
        intervals(calendar, day).iter().filter_map(move |(from, to)| {
            let from = instant(zone, day.and_time(*from), Edge::Begin);
            let to = instant(zone, end_of(day, *to), Edge::End);
            (from < to && to > start).then_some((from, to))
        })
    })
}

/// `24:00` is kept as the day's last nanosecond; it means the next midnight.
fn end_of(day: NaiveDate, time: NaiveTime) -> NaiveDateTime {
    let last = time.nanosecond() == 999_999_999;
    match day.succ_opt() {
        Some(next) if last => next.and_time(NaiveTime::MIN),
        _ => day.and_time(time),
    }
}

/// The moment at which a local time begins: one that comes twice is the earlier, one that does not exist is the first
/// moment after the gap.
#[must_use]
pub fn begins(zone: Tz, local: NaiveDateTime) -> Timestamp {
    instant(zone, local, Edge::Begin)
}

/// The first moment of the local day after the day of `at`.
#[must_use]
pub fn end_of_day(at: Timestamp, zone: Tz) -> Timestamp {
    let next = at.utc().with_timezone(&zone).date_naive().succ_opt();
    next.map_or(at, |day| begins(zone, day.and_time(NaiveTime::MIN)))
}

#[derive(Clone, Copy)]
enum Edge {
    Begin,
    End,
}

/// The moment of a local time. One that comes twice is the earlier where something begins and the later where it ends;
/// one that does not exist is the first moment after the gap.
fn instant(zone: Tz, local: NaiveDateTime, edge: Edge) -> Timestamp {
    let found = match (zone.from_local_datetime(&local), edge) {
        (LocalResult::Single(at), _) | (LocalResult::Ambiguous(at, _), Edge::Begin) | (LocalResult::Ambiguous(_, at), Edge::End) => {
            at.to_utc()
        }
        (LocalResult::None, _) => after_gap(zone, local),
    };
    Timestamp::from(found)
}

/// Gaps are whole minutes long and shorter than a day and an hour (Samoa skipped one in 2011).
fn after_gap(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    let minute = local.with_second(0).and_then(|l| l.with_nanosecond(0)).unwrap_or(local);
    let later = (1..=25 * 60).map(|n| minute + chrono::Duration::minutes(n));
    let first = later.filter_map(|l| zone.from_local_datetime(&l).earliest()).next();
    first.map_or_else(|| local.and_utc(), |at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::super::{built_in, load};
    use super::*;

    /// Office hours with a lunch break on Fridays, a night shift on Sundays, a holiday and a half day.
    fn organisation(zone: &str) -> std::sync::Arc<Organisation> {
        let text = format!(
            "organisation: Test\nzone: {zone}\nroles: {{ responder: {{ purpose: Works. }} }}\ncalendars:\n  business:\n    week: {{ mon-thu: \"09:00-17:00\", fri: \"09:00-12:00, 13:00-16:00\" }}\n    holidays: {{ 2026-12-25: closed, 2026-12-24: \"09:00-13:00\", 2028-02-28: closed }}\n  night:\n    week: {{ sun: \"00:00-06:00\", sat: \"22:00-24:00\" }}\n"
        );
        load(vec![("organisation.yaml".to_owned(), text.into_bytes())]).unwrap().organisation
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn hours(n: u64) -> Duration {
        Duration::from_secs(n * 3600)
    }

    /// zone, calendar, start, hours, due
    const VECTORS: &[(&str, &str, &str, u64, &str)] = &[
        // Within a day, over night, over a weekend, from outside working hours.
        ("Europe/Vienna", "business", "2026-06-01T10:00:00+02:00", 4, "2026-06-01T14:00:00+02:00"),
        ("Europe/Vienna", "business", "2026-06-01T15:00:00+02:00", 4, "2026-06-02T11:00:00+02:00"),
        ("Europe/Vienna", "business", "2026-06-05T15:00:00+02:00", 4, "2026-06-08T12:00:00+02:00"),
        ("Europe/Vienna", "business", "2026-06-06T03:00:00+02:00", 1, "2026-06-08T10:00:00+02:00"),
        ("Europe/Vienna", "business", "2026-06-05T11:00:00+02:00", 2, "2026-06-05T14:00:00+02:00"),
        // The end of a day belongs to it: nothing spills into the next morning.
        ("Europe/Vienna", "business", "2026-06-01T09:00:00+02:00", 8, "2026-06-01T17:00:00+02:00"),
        // Ten working weeks of 38 hours.
        ("Europe/Vienna", "business", "2026-06-01T09:00:00+02:00", 380, "2026-08-07T16:00:00+02:00"),
        // Over the weekend on which clocks go forward (29 March 2026) and back (25 October 2026): the wall clock counts.
        ("Europe/Vienna", "business", "2026-03-27T15:00:00+01:00", 4, "2026-03-30T12:00:00+02:00"),
        ("Europe/Vienna", "business", "2026-10-23T15:00:00+02:00", 4, "2026-10-26T12:00:00+01:00"),
        ("America/New_York", "business", "2026-03-06T15:00:00-05:00", 4, "2026-03-09T12:00:00-04:00"),
        // A shift in the night of the change is an hour shorter or longer.
        ("Europe/Vienna", "night", "2026-03-29T00:00:00+01:00", 5, "2026-03-29T06:00:00+02:00"),
        ("Europe/Vienna", "night", "2026-10-25T00:00:00+02:00", 7, "2026-10-25T06:00:00+01:00"),
        ("Europe/Vienna", "night", "2026-06-06T23:00:00+02:00", 2, "2026-06-07T01:00:00+02:00"),
        // Half day on the 24th, holiday on the 25th, then the weekend.
        ("Europe/Vienna", "business", "2026-12-24T12:00:00+01:00", 2, "2026-12-28T10:00:00+01:00"),
        ("Europe/Vienna", "business", "2026-12-23T16:00:00+01:00", 6, "2026-12-28T10:00:00+01:00"),
        // A leap day is a working day like others (28 February 2028 is a holiday here).
        ("Europe/Vienna", "business", "2028-02-25T15:00:00+01:00", 9, "2028-02-29T17:00:00+01:00"),
        ("Pacific/Auckland", "business", "2026-06-01T23:30:00Z", 8, "2026-06-02T23:30:00Z"),
    ];

    // proves: SLA-08
    #[test]
    fn targets_fall_due_by_the_calendar_across_changes_of_the_clock_leap_days_holidays_and_half_days() {
        for (zone, calendar, start, within, expected) in VECTORS {
            let organisation = organisation(zone);
            let calendar = Hours::Calendar((*calendar).to_owned());
            let due = due(at(start), hours(*within), &calendar, &organisation);
            assert_eq!(due, at(expected), "{within} h from {start} in {zone}");
            assert_eq!(elapsed(at(start), due, &calendar, &organisation), hours(*within), "back from {expected} to {start}");
        }
    }

    #[test]
    fn every_hour_counts_when_the_hours_are_always() {
        let organisation = organisation("Europe/Vienna");
        assert_eq!(due(at("2026-03-28T12:00:00Z"), hours(24), &Hours::Always, &organisation), at("2026-03-29T12:00:00Z"));
        assert_eq!(elapsed(at("2026-03-28T12:00:00Z"), at("2026-03-28T13:00:00Z"), &Hours::Always, &organisation), hours(1));
        assert_eq!(elapsed(at("2026-03-28T13:00:00Z"), at("2026-03-28T12:00:00Z"), &Hours::Always, &organisation), Duration::ZERO);
    }

    #[test]
    fn nothing_passes_outside_working_hours() {
        let organisation = organisation("Europe/Vienna");
        let business = Hours::Calendar("business".to_owned());
        assert_eq!(elapsed(at("2026-06-05T14:00:00Z"), at("2026-06-08T07:00:00Z"), &business, &organisation), Duration::ZERO);
        assert_eq!(elapsed(at("2026-12-25T00:00:00Z"), at("2026-12-26T00:00:00Z"), &business, &organisation), Duration::ZERO);
    }

    #[test]
    fn what_is_owed_is_asked_for_on_the_next_working_day() {
        let organisation = organisation("Europe/Vienna");
        let nine = NaiveTime::from_hms_opt(9, 0, 0).unwrap();
        let next = |after: &str| next_working_day_at(at(after), nine, &organisation);
        assert_eq!(next("2026-06-02T03:20:00+02:00"), at("2026-06-03T09:00:00+02:00"));
        assert_eq!(next("2026-06-05T18:00:00+02:00"), at("2026-06-08T09:00:00+02:00"));
        assert_eq!(next("2026-12-24T12:00:00+01:00"), at("2026-12-28T09:00:00+01:00"));
        assert_eq!(next("2026-03-27T18:00:00+01:00"), at("2026-03-30T09:00:00+02:00"));
    }

    #[test]
    fn a_local_time_that_does_not_exist_is_the_next_one_that_does() {
        let organisation = organisation("Europe/Vienna");
        let half_past_two = NaiveDate::from_ymd_opt(2026, 3, 29).unwrap().and_hms_opt(2, 30, 0).unwrap();
        assert_eq!(instant(organisation.zone, half_past_two, Edge::Begin), at("2026-03-29T03:00:00+02:00"));
    }

    #[test]
    fn the_shipped_calendar_knows_working_days() {
        let organisation = load(built_in()).unwrap().organisation;
        let due = due(at("2026-06-05T16:00:00Z"), hours(8), &Hours::Calendar("business".to_owned()), &organisation);
        assert_eq!(due, at("2026-06-08T16:00:00Z"));
    }

    #[test]
    fn the_end_of_time_is_not_a_panic() {
        let organisation = organisation("Europe/Vienna");
        let business = Hours::Calendar("business".to_owned());
        let late = at("9999-12-31T23:00:00Z");
        assert!(due(late, hours(100_000), &business, &organisation) >= late);
        let _ = due(at("1970-01-01T00:00:00Z"), Duration::MAX, &business, &organisation);
        let _ = next_working_day_at(late, NaiveTime::MIN, &organisation);
    }

    proptest::proptest! {
        #[test]
        fn later_targets_never_fall_due_earlier(start in 0_i64..4_000_000_000, a in 0_u64..500, b in 0_u64..500) {
            let organisation = organisation("America/New_York");
            let business = Hours::Calendar("business".to_owned());
            let start = Timestamp::from_micros(start * 1_000_000).unwrap();
            let (x, y) = (due(start, hours(a.min(b)), &business, &organisation), due(start, hours(a.max(b)), &business, &organisation));
            proptest::prop_assert!(start <= x && x <= y);
            proptest::prop_assert_eq!(elapsed(start, y, &business, &organisation), hours(a.max(b)));
        }
    }
}
