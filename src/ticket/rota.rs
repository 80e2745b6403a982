//! Who is on call, as people: whoever takes over, then what the calendar of shifts says, then the layers of
//! organisation.yaml; and whether it is night for them. Pure. Whoever is not a verified, active person is passed over.

use chrono::{NaiveTime, Timelike};

use super::decide::PeopleView;
use super::event::Shift;
use crate::env::Timestamp;
use crate::procedure::calendar::begins;
use crate::procedure::estate::Rota;
use crate::procedure::model::Organisation;

/// From this local hour on it is night.
const NIGHT: u32 = 22;
/// Until this one.
const DAY: u32 = 7;
/// At this one, whoever was woken is told what is owed.
const MORNING: u32 = 9;

/// Everybody who is asked at `at`, in this order. Ids of persons, each once.
#[must_use]
pub fn order(rota: &Rota, people: &dyn PeopleView, at: Timestamp) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut ask = |person: Option<String>| out.extend(person.filter(|p| people.is_active(p) && !out.contains(p)));
    ask(rota.taken_over(at).and_then(|email| people.by_email(email)));
    if rota.calendar {
        let mut shifts: Vec<&Shift> = people.shifts().iter().filter(|shift| shift.to > at).collect();
        // Those whose shift it is, the one that began first before others; then those who come next.
        shifts.sort_by_key(|shift| (shift.from > at, shift.from));
        for shift in shifts {
            ask(Some(shift.person.clone()));
        }
    }
    for email in rota.order(at) {
        ask(people.by_email(email));
    }
    out
}

/// Whose turn it is at `at`: the first of those who are asked, unless that is somebody whose shift only comes later.
#[must_use]
pub fn first(rota: &Rota, people: &dyn PeopleView, at: Timestamp) -> Option<String> {
    let asked = order(rota, people, at);
    let now = |person: &String| {
        rota.taken_over(at).and_then(|email| people.by_email(email)).as_ref() == Some(person)
            || people.shifts().iter().any(|s| s.person == *person && s.from <= at && at < s.to)
            || rota.order(at).first().and_then(|email| people.by_email(email)).as_ref() == Some(person)
    };
    if rota.calendar { asked.iter().find(|person| now(person)).or(asked.first()).cloned() } else { asked.first().cloned() }
}

/// Who stands behind a place of the rota at `at`: `on-call`, `on-call.next`, `on-call.manager`. None when the rota does not
/// say, or `place` is a role.
#[must_use]
pub fn place(organisation: &Organisation, people: &dyn PeopleView, place: &str, at: Timestamp) -> Option<String> {
    let rota = organisation.estate.on_call.as_ref()?;
    match place {
        "on-call" => first(rota, people, at),
        "on-call.next" => {
            let first = first(rota, people, at);
            order(rota, people, at).into_iter().find(|person| Some(person) != first.as_ref())
        }
        "on-call.manager" => rota.manager.as_ref().and_then(|who| people.by_email(who)),
        _ => None,
    }
}

/// When somebody who is called at `at` is told what is owed, if it is night where shifts change.
#[must_use]
pub fn morning_after(organisation: &Organisation, at: Timestamp) -> Option<Timestamp> {
    let zone = organisation.estate.on_call.as_ref().map_or(organisation.zone, |rota| rota.zone);
    let local = at.utc().with_timezone(&zone).naive_local();
    let today = local.date();
    let day = match local.hour() {
        NIGHT.. => today.succ_opt()?,
        ..DAY => today,
        _ => return None,
    };
    Some(begins(zone, day.and_time(NaiveTime::from_hms_opt(MORNING, 0, 0)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procedure::load;

    fn organisation(on_call: &str) -> std::sync::Arc<Organisation> {
        let text = format!("organisation: Test\nzone: Europe/Berlin\nroles: {{ responder: {{ purpose: Works. }} }}\n{on_call}");
        load(vec![("organisation.yaml".to_owned(), text.into_bytes())]).unwrap().organisation
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    /// Everybody whose name is four letters at most is active.
    struct People(Vec<Shift>);

    impl PeopleView for People {
        fn is_active(&self, person: &str) -> bool {
            person.len() <= 4
        }
        fn roles(&self, _: &str) -> Vec<String> {
            Vec::new()
        }
        fn has_email(&self, _: &str, _: &str) -> bool {
            false
        }
        fn by_email(&self, email: &str) -> Option<String> {
            email.strip_suffix("@example.com").map(str::to_owned).filter(|name| self.is_active(name))
        }
        fn shifts(&self) -> &[Shift] {
            &self.0
        }
    }

    const ROTA: &str = "on_call:\n  calendar: true\n  manager: mia@example.com\n  layers: { main: { people: [ana@example.com, bo@example.com], from: 2026-03-02 } }\n  overrides: [{ person: dee@example.com, from: 2026-03-05, to: 2026-03-06 }]\n";

    #[test]
    fn the_calendar_is_asked_before_the_layers_and_whoever_takes_over_before_both() {
        let shift = |person: &str, from: &str, to: &str| Shift { person: person.to_owned(), from: at(from), to: at(to) };
        let people = People(vec![
            shift("cal", "2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z"),
            shift("departed", "2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z"),
            shift("next", "2026-03-04T12:00:00Z", "2026-03-06T00:00:00Z"),
        ]);
        let organisation = organisation(ROTA);
        let who = |moment: &str, of: &str| place(&organisation, &people, of, at(moment));
        assert_eq!(who("2026-03-03T10:00:00Z", "on-call").as_deref(), Some("cal"));
        assert_eq!(who("2026-03-03T10:00:00Z", "on-call.next").as_deref(), Some("next"));
        assert_eq!(who("2026-03-04T10:00:00Z", "on-call").as_deref(), Some("ana"), "a gap in the calendar: the layers");
        assert_eq!(who("2026-03-05T10:00:00Z", "on-call").as_deref(), Some("dee"));
        assert_eq!(who("2026-03-05T10:00:00Z", "on-call.next").as_deref(), Some("next"));
        assert_eq!(who("2026-03-20T10:00:00Z", "on-call.manager").as_deref(), Some("mia"));
        assert_eq!(who("2026-03-20T10:00:00Z", "responder"), None);
    }

    #[test]
    fn whoever_is_called_between_ten_and_seven_hears_at_nine_local_time_also_when_the_clocks_change() {
        let organisation = organisation(ROTA);
        for (called, told) in [
            ("2026-03-28T22:00:00+01:00", Some("2026-03-29T09:00:00+02:00")),
            ("2026-03-29T03:30:00+02:00", Some("2026-03-29T09:00:00+02:00")),
            ("2026-03-30T06:59:59+02:00", Some("2026-03-30T09:00:00+02:00")),
            ("2026-03-30T07:00:00+02:00", None),
            ("2026-03-30T21:59:59+02:00", None),
        ] {
            assert_eq!(morning_after(&organisation, at(called)), told.map(at), "{called}");
        }
    }
}
