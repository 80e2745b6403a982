//! Clocks in words. A clock that a phase of work stops is called as the response playbook calls that phase: an outage is
//! “Mitigated” by seven, not contained.

use super::scene::Scene;
use super::words::{capitalise, duration, humanise, remaining, uncapitalise};
use crate::env::Timestamp;
use crate::procedure::model::{Kind, Response};
use crate::ticket::state::ClockState;

/// A clock in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockLine {
    /// `Acknowledge`
    pub label: String,
    /// When it is due.
    pub due: Timestamp,
    /// `14 min left`, `2 h 5 min late`, `in time, after 3 min`
    pub words: String,
    /// The target was missed, or the moment has passed.
    pub breached: bool,
    /// It still runs.
    pub running: bool,
    /// How much of its time has gone, in percent, at most 100.
    pub gone: u8,
}

/// What a clock is called on a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Called {
    /// What people do, in the procedure's word: `acknowledge`.
    Verb(String),
    /// What people reach, in the response playbook's word: `Mitigated`.
    Goal(String),
}

impl Called {
    /// What `clock` is called.
    #[must_use]
    pub fn of(kind: Option<&Kind>, response: Option<&Response>, clock: &str) -> Self {
        let found = kind.and_then(|kind| Some((kind, kind.clocks.get(clock)?)));
        let Some((kind, found)) = found else { return Self::Verb(uncapitalise(&humanise(clock))) };
        let phase = found.stops.iter().find(|step| kind.transitions.get(*step).is_some_and(|t| t.phase));
        let goal = phase.and_then(|step| response?.labels.get(step));
        goal.map_or_else(|| Self::Verb(uncapitalise(&found.label)), |goal| Self::Goal(goal.clone()))
    }

    /// At the beginning of a line: `Acknowledge`, `Mitigated`.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Verb(verb) => capitalise(verb),
            Self::Goal(goal) => goal.clone(),
        }
    }

    /// Within a sentence: `acknowledge`, `“Mitigated”`.
    #[must_use]
    pub fn within(&self) -> String {
        match self {
            Self::Verb(verb) => verb.clone(),
            Self::Goal(goal) => format!("“{goal}”"),
        }
    }

    /// After an amount of time: `to acknowledge`, `for “Mitigated”`.
    #[must_use]
    pub fn aim(&self) -> String {
        match self {
            Self::Verb(verb) => format!("to {verb}"),
            Self::Goal(goal) => format!("for “{goal}”"),
        }
    }

    /// Before a moment: `Acknowledge by `, `“Mitigated” is due by `, which is no report that it was reached.
    #[must_use]
    pub fn by(&self) -> String {
        match self {
            Self::Verb(_) => format!("{} by ", self.label()),
            Self::Goal(_) => format!("{} is due by ", self.within()),
        }
    }

    /// What stands between [`Called::aim`] and a ticket: nothing, or `on `.
    #[must_use]
    pub fn on(&self) -> &'static str {
        match self {
            Self::Verb(_) => "",
            Self::Goal(_) => "on ",
        }
    }
}

fn named(scene: &Scene<'_>, clock: &str) -> Called {
    Called::of(Some(scene.kind), scene.response, clock)
}

/// The clock that runs out next.
pub(super) fn next_running<'a>(scene: &Scene<'a>) -> Option<(Called, &'a ClockState)> {
    let running = scene.ticket.clocks.iter().filter(|(_, c)| c.stopped.is_none() && c.paused.is_none());
    running.min_by_key(|(_, c)| c.due).map(|(name, clock)| (named(scene, name), clock))
}

/// Running clocks by due time, then stopped ones.
pub(super) fn clocks(scene: &Scene<'_>) -> Vec<ClockLine> {
    let mut sorted: Vec<_> = scene.ticket.clocks.iter().collect();
    sorted.sort_by_key(|(_, c)| (c.stopped.is_some(), c.due));
    sorted.into_iter().map(|(name, clock)| clock_line(named(scene, name).label(), clock, scene.now, scene.ticket.ended)).collect()
}

/// A clock in words. On a ticket that has ended (merged into another, say) a clock that was not stopped rests.
fn clock_line(label: String, clock: &ClockState, now: Timestamp, ended: bool) -> ClockLine {
    let rests = ended || clock.paused.is_some();
    let until = clock.stopped.or(clock.paused).unwrap_or(now);
    let (whole, gone) = (clock.due.since(clock.started).as_secs().max(1), until.since(clock.started).as_secs());
    let words = match clock.stopped {
        Some(at) if clock.breached || at > clock.due => format!("late, after {}", duration(at.since(clock.started))),
        Some(at) => format!("in time, after {}", duration(at.since(clock.started))),
        None if rests => "stands still".to_owned(),
        None => remaining(clock.due, now),
    };
    ClockLine {
        label,
        due: clock.due,
        words,
        breached: clock.breached || (until > clock.due && !(ended && clock.stopped.is_none())),
        running: clock.stopped.is_none() && !rests,
        gone: u8::try_from(gone.saturating_mul(100).div_euclid(whole).min(100)).unwrap_or(100),
    }
}

#[cfg(test)]
mod tests {
    use super::super::live::card;
    use super::super::samples::{Stage, at, contained};
    use super::*;

    #[test]
    fn clocks_say_in_time_left_or_late() {
        let (stage, ticket) = (Stage::new(), contained());
        let card = card(&stage.scene(&ticket, at("12:02")));
        let said: Vec<_> = card.clocks.iter().map(|c| (c.label.as_str(), c.words.as_str(), c.breached, c.gone)).collect();
        let wanted = [
            ("Restored", "1 h late", true, 100),
            ("Acknowledge", "in time, after 2 min", false, 13),
            ("Mitigated", "in time, after 29 min", false, 12),
        ];
        assert_eq!(said, wanted);
    }

    #[test]
    fn on_a_merged_ticket_the_clocks_rest() {
        let (stage, mut ticket) = (Stage::new(), contained());
        ticket.ended = true;
        let card = card(&stage.scene(&ticket, at("23:00")));
        let resolve = card.clocks.iter().find(|c| c.label == "Restored").expect("a clock");
        assert_eq!((resolve.words.as_str(), resolve.running, resolve.breached), ("stands still", false, false));
    }

    #[test]
    fn without_a_word_of_the_response_the_procedure_has_the_word() {
        let stage = Stage::new();
        let called = |response: Option<&Response>, clock: &str| Called::of(Some(&stage.kind), response, clock);
        assert_eq!(called(Some(&stage.response), "contain").aim(), "for “Mitigated”");
        assert_eq!(called(None, "contain").aim(), "to contain");
        assert_eq!(called(Some(&stage.response), "contain").by(), "“Mitigated” is due by ");
        assert_eq!(called(None, "contain").by(), "Contain by ");
        assert_eq!(called(Some(&stage.response), "acknowledge").label(), "Acknowledge");
        assert_eq!(Called::of(None, None, "time_to_fix").within(), "time to fix");
    }
}
