//! How far back somebody wants to look: `6mo`, `30d`, `2w`, `1y`, or a day.

use chrono::{Months, NaiveDate, NaiveTime};

use crate::env::Timestamp;

/// The most months back: a hundred years.
const MOST_MONTHS: u32 = 1_200;

/// The moment so long before `now`; months and years by the calendar, in UTC. None when the text is no such length or day.
#[must_use]
pub fn since(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Timestamp::from_micros(day.and_time(NaiveTime::MIN).and_utc().timestamp_micros());
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u32 = number.parse().ok().filter(|n| (1..=36_500).contains(n))?;
    let days = |days: u32| Some(now.minus(std::time::Duration::from_secs(u64::from(days) * 86_400)));
    let months = |months: u32| {
        let back = now.utc().checked_sub_months(Months::new(Some(months).filter(|m| *m <= MOST_MONTHS)?))?;
        Timestamp::from_micros(back.timestamp_micros())
    };
    match unit {
        "d" => days(number),
        "w" => days(number.checked_mul(7).filter(|d| *d <= 36_500)?),
        "mo" => months(number),
        "y" => months(number.checked_mul(12)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::since;
    use crate::env::Timestamp;

    #[test]
    fn months_go_by_the_calendar_and_nonsense_is_nothing() {
        let now = Timestamp::parse("2026-08-31T10:00:00Z").unwrap();
        let told = |text: &str| since(text, now).map(|at| at.to_string()[..10].to_owned());
        assert_eq!(told("6mo").as_deref(), Some("2026-02-28"), "February has no 31st");
        assert_eq!(told("1y").as_deref(), Some("2025-08-31"));
        assert_eq!((told("30d").as_deref(), told("2w").as_deref()), (Some("2026-08-01"), Some("2026-08-17")));
        assert_eq!(told("2026-03-01").as_deref(), Some("2026-03-01"));
        for wrong in ["", "6", "mo", "0d", "6 mo", "-6mo", "99999999d", "6m", "é1", "1é", "2026-02-30", "101y"] {
            assert_eq!(told(wrong), None, "{wrong}");
        }
    }
}
