//! A wall clock that jumps must not poison the log: one wild step forward, and every later event would bear it.
//!
//! The wall clock is held against the monotonic one, and against the log's own last event. When they disagree by more
//! than a minute nothing is committed until an administrator says that the clock is right.

use std::time::Duration;

use crate::env::{Env, Timestamp};

/// A wall clock further off than this stops commits.
const STEP: Duration = Duration::from_secs(60);

/// What is known of the clocks.
#[derive(Debug)]
pub struct ClockWatch {
    /// Wall clock and monotonic clock when they were last found to agree.
    agreed: (Timestamp, Duration),
    /// A last event in the future up to here (microseconds) was confirmed: time stands still until the clock gets there.
    excused: i64,
}

impl ClockWatch {
    /// Takes the clocks as they are.
    #[must_use]
    pub fn new(env: &Env) -> Self {
        Self { agreed: (env.now(), env.clock.monotonic()), excused: 0 }
    }

    /// How far off the wall clock is, if too far; `last_at` is the time of the log's last event, in microseconds.
    pub fn off(&mut self, env: &Env, last_at: i64) -> Option<Duration> {
        let (now, monotonic) = (env.now(), env.clock.monotonic());
        let expected = self.agreed.0.plus(monotonic.saturating_sub(self.agreed.1));
        let stepped = now.since(expected).max(expected.since(now));
        let ahead = Timestamp::from_micros(last_at).filter(|_| last_at > self.excused).map_or(Duration::ZERO, |last| last.since(now));
        let off = stepped.max(ahead);
        if off > STEP {
            return Some(off);
        }
        self.agreed = (now, monotonic);
        None
    }

    /// An administrator said that the wall clock is right.
    pub fn confirm(&mut self, env: &Env, last_at: i64) {
        self.agreed = (env.now(), env.clock.monotonic());
        self.excused = last_at;
    }
}

/// Why nothing is committed now, in words.
#[must_use]
pub fn sentence(off: Duration) -> String {
    format!(
        "the system clock is {} seconds away from where it should be. If it is right, an administrator confirms it with `countersign doctor --confirm-clock`",
        off.as_secs()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::ManualClock;

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn a_clock_that_jumps_is_noticed_in_both_directions_and_passing_time_is_not() {
        let clock = ManualClock::at(Timestamp::parse("2026-03-02T10:00:00Z").unwrap());
        let env = Env::manual(clock.clone());
        let mut watch = ClockWatch::new(&env);
        clock.advance(Duration::from_secs(86_400));
        assert_eq!(watch.off(&env, 0), None);
        clock.step(HOUR);
        assert_eq!(watch.off(&env, 0), Some(Duration::from_secs(3600)));
        clock.step(-2 * HOUR);
        assert_eq!(watch.off(&env, 0), Some(Duration::from_secs(3600)));
        clock.step(HOUR + 30_000_000);
        assert_eq!(watch.off(&env, 0), None, "half a minute is no jump");
    }

    #[test]
    fn a_confirmed_clock_counts_even_behind_the_logs_last_event() {
        let clock = ManualClock::at(Timestamp::parse("2026-03-02T10:00:00Z").unwrap());
        let env = Env::manual(clock.clone());
        let mut watch = ClockWatch::new(&env);
        let last = env.now().plus(Duration::from_secs(7200)).micros();
        assert_eq!(watch.off(&env, last), Some(Duration::from_secs(7200)));
        watch.confirm(&env, last);
        assert_eq!(watch.off(&env, last), None);
        assert!(watch.off(&env, last + HOUR).is_some(), "another jump is another matter");
    }
}
