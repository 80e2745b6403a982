//! Who is on call at a moment: pure arithmetic over the rota of `organisation.yaml`.

use chrono::NaiveDateTime;

use super::estate::{Layer, Rota};
use crate::env::Timestamp;

impl Rota {
    /// Who takes over at `at`, if somebody does: an e-mail address.
    #[must_use]
    pub fn taken_over(&self, at: Timestamp) -> Option<&str> {
        self.overrides.iter().rev().find(|o| o.starts <= at && at < o.ends).map(|o| o.person.as_str())
    }

    /// Who is asked at `at`, in this order: whoever takes over, then each layer's turn, then those after them. E-mail
    /// addresses, each once.
    #[must_use]
    pub fn order(&self, at: Timestamp) -> Vec<&str> {
        let taken_over = self.taken_over(at);
        let live: Vec<(&Layer, usize)> = self.layers.iter().filter_map(|layer| Some((layer, turn(layer, at)?))).collect();
        let first = live.iter().filter_map(|(layer, turn)| layer.people.get(*turn));
        let after = live.iter().flat_map(|(layer, turn)| layer.people.iter().cycle().skip(turn + 1).take(layer.people.len() - 1));
        let mut out: Vec<&str> = taken_over.into_iter().collect();
        for person in first.chain(after).map(String::as_str) {
            if !out.contains(&person) {
                out.push(person);
            }
        }
        out
    }
}

/// Whose turn it is in a layer; none before its first turn, and outside its hours.
fn turn(layer: &Layer, at: Timestamp) -> Option<usize> {
    let local = at.utc().with_timezone(&layer.zone).naive_local();
    if let Some((from, to)) = layer.hours {
        let time = local.time();
        let inside = if from <= to { from <= time && time < to } else { from <= time || time < to };
        if !inside {
            return None;
        }
    }
    // Turns change on the wall clock, so that an hour more or less in one night moves nobody's turn.
    let first: NaiveDateTime = layer.starts.and_time(layer.at);
    let since = local.signed_duration_since(first);
    let turns = since.num_seconds().checked_div_euclid(i64::from(layer.days) * 86_400)?;
    let people = i64::try_from(layer.people.len()).ok()?;
    (turns >= 0).then(|| usize::try_from(turns % people).ok())?
}

#[cfg(test)]
mod tests {
    use super::super::load;
    use super::*;

    fn rota(on_call: &str) -> Rota {
        let text = format!("organisation: Test\nzone: Europe/Berlin\nroles: {{ responder: {{ purpose: Works. }} }}\non_call:\n{on_call}");
        load(vec![("organisation.yaml".to_owned(), text.into_bytes())]).unwrap().organisation.estate.on_call.clone().unwrap()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    const WEEKLY: &str = "  layers:\n    main: { people: [ana@example.com, bo@example.com, cy@example.com], from: 2026-03-23, at: \"09:00\" }\n  overrides:\n    - { person: dee@example.com, from: \"2026-04-01T12:00:00+02:00\", to: \"2026-04-01T18:00:00+02:00\" }\n";

    #[test]
    fn turns_change_each_week_at_nine_also_when_the_clocks_change_in_between() {
        let rota = rota(WEEKLY);
        assert_eq!(rota.order(at("2026-03-23T08:59:59+01:00")), Vec::<&str>::new(), "before the first turn");
        assert_eq!(rota.order(at("2026-03-23T09:00:00+01:00")), ["ana@example.com", "bo@example.com", "cy@example.com"]);
        assert_eq!(rota.order(at("2026-03-30T08:59:59+02:00"))[0], "ana@example.com", "the clocks went forward on the 29th");
        assert_eq!(rota.order(at("2026-03-30T09:00:00+02:00"))[0], "bo@example.com");
        assert_eq!(rota.order(at("2026-04-13T09:00:00+02:00"))[0], "ana@example.com", "round again");
    }

    #[test]
    fn whoever_takes_over_is_asked_first_and_only_for_that_time() {
        let rota = rota(WEEKLY);
        assert_eq!(rota.order(at("2026-04-01T11:59:59+02:00"))[0], "bo@example.com");
        assert_eq!(rota.order(at("2026-04-01T12:00:00+02:00"))[..2], ["dee@example.com", "bo@example.com"]);
        assert_eq!(rota.order(at("2026-04-01T18:00:00+02:00"))[0], "bo@example.com");
    }

    // proves: INC-20
    #[test]
    fn follow_the_sun_asks_whoever_is_awake_and_at_three_in_the_night_the_other_side_of_the_world() {
        let rota = rota(
            "  layers:\n    berlin: { people: [ana@example.com], from: 2026-01-01, hours: \"08:00-20:00\" }\n    sydney: { people: [sue@example.com], from: 2026-01-01, hours: \"20:00-08:00\" }\n",
        );
        assert_eq!(rota.order(at("2026-06-01T03:00:00+02:00")), ["sue@example.com"]);
        assert_eq!(rota.order(at("2026-06-01T08:00:00+02:00")), ["ana@example.com"]);
        assert_eq!(rota.order(at("2026-06-01T20:00:00+02:00")), ["sue@example.com"]);
    }
}
