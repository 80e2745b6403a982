//! `cron` expressions in a local zone: when something that is done again and again comes due next.
//!
//! The expression is read on the local wall clock. A local time that does not exist runs at the next instant that does;
//! one that comes twice runs once, the first time.
//!
//! Where the day of the month and the day of the week are both restricted, either of them is enough, as crontab(5) has it;
//! a part that begins with `*` restricts nothing.

use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;

use super::calendar::begins;
use crate::env::Timestamp;

/// A schedule.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// As it was written: `0 9 1 */3 *`, minutes first.
    pub source: String,
    /// IANA zone.
    pub zone: Tz,
    /// Every way in which it can come due: the crate asks for both days at once, crontab(5) for one of them.
    either: Vec<cron::Schedule>,
}

impl Schedule {
    /// Reads five fields (minute, hour, day, month, weekday).
    ///
    /// # Errors
    /// What is wrong, as the reader of the expression says it.
    pub fn parse(source: &str, zone: Tz) -> Result<Self, String> {
        let parts: Vec<&str> = source.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = parts[..] else {
            return Err("it has five parts: minute, hour, day of the month, month, day of the week".to_owned());
        };
        let every = weekday.starts_with(['*', '?']);
        let weekday = weekdays(weekday)?;
        let read = |day: &str, weekday: &str| {
            cron::Schedule::from_str(&format!("0 {minute} {hour} {day} {month} {weekday}")).map_err(|e| e.to_string())
        };
        let either =
            if every || day.starts_with(['*', '?']) { vec![read(day, &weekday)?] } else { vec![read(day, "*")?, read("*", &weekday)?] };
        Ok(Self { source: source.to_owned(), zone, either })
    }

    /// The first time after `after`; none when it never comes again.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let local = after.utc().with_timezone(&self.zone).naive_local();
        // Looked for a day earlier as well: around a change of the clocks the wall clock shows some hours twice.
        let from = local.checked_sub_signed(chrono::Duration::days(1)).unwrap_or(local);
        let wall: DateTime<Utc> = from.and_utc();
        let next = |cron: &cron::Schedule| {
            let times = cron.after(&wall).map(|at: DateTime<Utc>| self.instant(at.naive_utc()));
            times.take(100_000).find(|at| *at > after)
        };
        self.either.iter().filter_map(next).min()
    }

    fn instant(&self, local: NaiveDateTime) -> Timestamp {
        begins(self.zone, local)
    }
}

const DAYS: [&str; 8] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];

/// Days of the week by their names: crontab(5) counts them from Sunday, which is 0 and 7, and the crate counts from 1.
fn weekdays(part: &str) -> Result<String, String> {
    let wrong = |item: &str| format!("`{item}` is no day of the week: Sunday is 0 or 7, Monday 1; or write MON");
    let mut out = Vec::new();
    for item in part.split(',') {
        let (base, step) = item.split_once('/').map_or((item, None), |(base, step)| (base, Some(step)));
        let step =
            step.map_or(Ok(1), |step| step.parse::<usize>().ok().filter(|step| (1..=7).contains(step)).ok_or_else(|| wrong(item)))?;
        let number = |text: &str| text.parse::<usize>().ok().filter(|n| *n <= 7).ok_or_else(|| wrong(item));
        let (from, to) = match base.split_once('-') {
            _ if base == "*" && step == 1 => {
                out.push("*");
                continue;
            }
            _ if base == "*" => (0, 6),
            Some((from, to)) if from.starts_with(|c: char| c.is_ascii_digit()) => (number(from)?, number(to)?),
            None if base.starts_with(|c: char| c.is_ascii_digit()) => (number(base)?, if item.contains('/') { 6 } else { number(base)? }),
            // By name: the crate reads it.
            _ => {
                out.push(item);
                continue;
            }
        };
        if from > to {
            return Err(wrong(item));
        }
        out.extend((from..=to).step_by(step).map(|day| DAYS[day]));
    }
    Ok(out.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn next(expression: &str, zone: &str, after: &str) -> Timestamp {
        Schedule::parse(expression, zone.parse().unwrap()).unwrap().next(at(after)).unwrap()
    }

    #[test]
    fn a_quarter_begins_at_nine_wherever_one_is() {
        let quarterly = "0 9 1 1,4,7,10 *";
        assert_eq!(next(quarterly, "Europe/Berlin", "2026-01-01T08:00:00Z"), at("2026-04-01T09:00:00+02:00"));
        assert_eq!(next(quarterly, "America/New_York", "2026-12-31T00:00:00Z"), at("2027-01-01T09:00:00-05:00"));
        assert_eq!(next("0 9 29 2 *", "UTC", "2026-03-01T00:00:00Z"), at("2028-02-29T09:00:00Z"));
    }

    #[test]
    fn a_local_time_that_does_not_exist_runs_at_the_next_instant_that_does() {
        assert_eq!(next("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z"), at("2026-03-29T03:00:00+02:00"));
        assert_eq!(next("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z"), at("2026-03-08T03:00:00-04:00"));
        // Lord Howe changes by half an hour: 02:00 becomes 02:30.
        assert_eq!(next("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z"), at("2026-10-04T02:30:00+11:00"));
    }

    #[test]
    fn a_local_time_that_comes_twice_runs_once() {
        let vectors = [
            ("30 2 * * *", "Europe/Berlin", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"),
            ("30 1 * * *", "America/New_York", "2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"),
            ("45 1 * * *", "Australia/Lord_Howe", "2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"),
        ];
        for (expression, zone, first, second) in vectors {
            let before = at(first).minus(std::time::Duration::from_secs(1)).to_string();
            assert_eq!(next(expression, zone, &before), at(first), "{zone}");
            assert_eq!(next(expression, zone, &at(first).to_string()), at(second), "{zone}: not a second time");
        }
    }

    #[test]
    fn days_of_the_week_are_counted_as_crontab_counts_them() {
        // 2 March 2026 is a Monday.
        let days = [("1", 2), ("MON", 2), ("0", 8), ("7", 8), ("5-7", 6), ("1-5", 2), ("6,3", 4), ("*/3", 4), ("TUE-THU", 3), ("*", 2)];
        for (weekday, day) in days {
            let expression = format!("0 9 * * {weekday}");
            assert_eq!(next(&expression, "UTC", "2026-03-02T00:00:00Z"), at(&format!("2026-03-{day:02}T09:00:00Z")), "{weekday}");
        }
        for wrong in ["8", "5-1", "1/0", "1-x", "-1"] {
            assert!(Schedule::parse(&format!("0 9 * * {wrong}"), Tz::UTC).is_err(), "{wrong}");
        }
    }

    /// The first times of an expression, from 1 January 2026 on (a Thursday), as month and day.
    fn first(expression: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::parse(expression, Tz::UTC).unwrap();
        let mut now = at("2026-01-01T00:00:00Z");
        let mut out = Vec::new();
        while out.len() < count {
            now = schedule.next(now).unwrap();
            assert_eq!(now.utc().format("%H:%M:%S").to_string(), "09:00:00");
            out.push(now.utc().format("%m-%d").to_string());
        }
        out
    }

    #[test]
    fn either_the_day_of_the_month_or_the_day_of_the_week_is_enough_where_both_are_said() {
        // The first of the month, and each Monday; 1 June 2026 is both, and runs once.
        assert_eq!(first("0 9 1 * 1", 7), ["01-01", "01-05", "01-12", "01-19", "01-26", "02-01", "02-02"]);
        let june = first("0 9 1 6 1", 6);
        assert_eq!(june, ["06-01", "06-08", "06-15", "06-22", "06-29", "06-01"], "each Monday of June, and its first day");
        // Friday the 13th is no expression of crontab(5); what it does say is this.
        assert_eq!(first("0 9 13 * FRI", 4), ["01-02", "01-09", "01-13", "01-16"]);
        assert_eq!(first("0 9 1,15 * 1-5", 3), ["01-01", "01-02", "01-05"]);
        // A part that begins with a star restricts nothing, so that the other one alone decides.
        assert_eq!(first("0 9 1 * *", 3), ["01-01", "02-01", "03-01"]);
        assert_eq!(first("0 9 * * 1", 3), ["01-05", "01-12", "01-19"]);
        assert_eq!(first("0 9 */2 * 1", 3), ["01-05", "01-19", "02-09"], "each Monday with an odd date");
        assert_eq!(
            first("0 9 1 * */2", 2),
            ["01-01", "02-01"],
            "the first of a month, where that is a Sunday, Tuesday, Thursday or Saturday"
        );
        // What one half never comes to, the other half does.
        assert_eq!(first("0 9 30 2 1", 2), ["02-02", "02-09"]);
    }

    #[test]
    fn what_is_no_schedule_is_told() {
        assert!(Schedule::parse("every day", Tz::UTC).is_err());
        assert!(Schedule::parse("61 9 * * *", Tz::UTC).is_err());
        assert!(Schedule::parse("0 0 9 1 * *", Tz::UTC).is_err(), "seconds are not said");
        assert_eq!(Schedule::parse("0 9 30 2 *", Tz::UTC).unwrap().next(at("2026-01-01T00:00:00Z")), None);
    }
}
