//! A wall clock that jumps must not poison the log: one wild step forward, and every later event would bear it.
//!
//! The wall clock is held against the monotonic one, against the log's own last event, and on PostgreSQL against the
//! server's clock. What was last found right is left in the database under the machine's boot, so that a jump across a
//! restart is seen as well. When they disagree by more than a minute nothing is committed until an administrator says
//! that the clock is right.
//!
//! What no clock here can tell: a jump across a reboot, or across a restart of a system that does not name its boots.
//! There only the log's last event speaks, and it cannot see a jump forward.

use std::time::Duration;

use crate::env::{Env, Timestamp};

/// A wall clock further off than this stops commits.
const STEP: Duration = Duration::from_secs(60);
/// How often the database's clock is asked, and what was found right is left in the database.
const EVERY: Duration = Duration::from_secs(60);

/// A moment that both a wall clock and our monotonic clock know.
type Anchor = (Timestamp, Duration);

/// Of what the clock is off, and by how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Off {
    /// How far.
    pub by: Duration,
    against: Against,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Against {
    Itself,
    Log,
    Database,
}

/// What is known of the clocks.
#[derive(Debug)]
pub struct ClockWatch {
    /// Wall clock and monotonic clock when they were last found to agree.
    agreed: Anchor,
    /// The database's clock, when it was last asked.
    database: Option<Anchor>,
    /// An administrator said that our clock is right, although the database's is so many microseconds away.
    excused_database: i64,
    /// The time of the log's last event, microseconds.
    last_at: i64,
    /// A last event in the future up to here (microseconds) was confirmed: time stands still until the clock gets there.
    excused: i64,
    /// When (monotonic) an anchor was last left in the database.
    left: Option<Duration>,
}

impl ClockWatch {
    /// Takes the clocks as they are, unless an earlier process of the same boot left an anchor (wall clock in
    /// microseconds, and monotonic clock), or the database says what the time is.
    #[must_use]
    pub fn new(env: &Env, left: Option<(i64, Duration)>, database: Option<Timestamp>) -> Self {
        let (now, monotonic) = (env.now(), env.clock.monotonic());
        let left = left.filter(|(_, then)| *then <= monotonic).and_then(|(at, then)| Some((Timestamp::from_micros(at)?, then)));
        let database = database.map(|says| (says, monotonic));
        Self { agreed: left.or(database).unwrap_or((now, monotonic)), database, excused_database: 0, last_at: 0, excused: 0, left: None }
    }

    /// The time of the log's last event, microseconds.
    pub fn learn(&mut self, last_at: i64) {
        self.last_at = last_at;
    }

    /// Whether it is time to ask the database for its clock.
    #[must_use]
    pub fn wants_the_databases(&self, env: &Env) -> bool {
        env.clock.is_the_worlds() && self.database.is_none_or(|(_, at)| env.clock.monotonic().saturating_sub(at) >= EVERY)
    }

    /// What the database says that the time is.
    pub fn hear_the_database(&mut self, env: &Env, says: Timestamp) {
        self.database = Some((says, env.clock.monotonic()));
    }

    /// How far off the wall clock is, if too far.
    pub fn off(&mut self, env: &Env) -> Option<Off> {
        let (now, monotonic) = (env.now(), env.clock.monotonic());
        let stepped = Off { by: apart(now, at(self.agreed, monotonic)), against: Against::Itself };
        let ahead =
            Timestamp::from_micros(self.last_at).filter(|_| self.last_at > self.excused).map_or(Duration::ZERO, |last| last.since(now));
        let ahead = Off { by: ahead, against: Against::Log };
        let away = self.away(now, monotonic).abs_diff(self.excused_database);
        let away = Off { by: Duration::from_micros(away), against: Against::Database };
        let off = [away, stepped, ahead].into_iter().find(|off| off.by > STEP);
        if off.is_none() {
            self.agreed = (now, monotonic);
        }
        off
    }

    /// So many microseconds the wall clock is ahead of the database's.
    fn away(&self, now: Timestamp, monotonic: Duration) -> i64 {
        self.database.map_or(self.excused_database, |anchor| now.micros() - at(anchor, monotonic).micros())
    }

    /// An administrator said that the wall clock is right.
    pub fn confirm(&mut self, env: &Env) {
        let (now, monotonic) = (env.now(), env.clock.monotonic());
        self.agreed = (now, monotonic);
        self.excused = self.last_at;
        self.excused_database = self.away(now, monotonic);
        self.left = None;
    }

    /// Whether an administrator who found the clock right at `moment`, perhaps on another machine, spoke of ours.
    #[must_use]
    pub fn same_clock(env: &Env, moment: Timestamp) -> bool {
        apart(env.now(), moment) <= STEP
    }

    /// What to leave in the database for a later process of this boot, when it is time to: a key, the wall clock in
    /// microseconds, and the monotonic one in words.
    pub fn leave(&mut self, env: &Env) -> Option<(String, i64, String)> {
        let monotonic = env.clock.monotonic();
        if self.left.is_some_and(|left| monotonic.saturating_sub(left) < EVERY) {
            return None;
        }
        self.left = Some(monotonic);
        Some((key(env)?, env.now().micros(), monotonic.as_micros().to_string()))
    }
}

/// The key under which an anchor is left.
#[must_use]
pub fn key(env: &Env) -> Option<String> {
    Some(format!("clock:{}", env.clock.boot()?))
}

/// The monotonic clock in the words of [`ClockWatch::leave`].
#[must_use]
pub fn left(words: &str) -> Option<Duration> {
    words.parse().ok().map(Duration::from_micros)
}

fn at(anchor: Anchor, monotonic: Duration) -> Timestamp {
    anchor.0.plus(monotonic.saturating_sub(anchor.1))
}

fn apart(one: Timestamp, other: Timestamp) -> Duration {
    one.since(other).max(other.since(one))
}

/// Why nothing is committed now, in words.
#[must_use]
pub fn sentence(off: Off) -> String {
    let seconds = off.by.as_secs();
    let how = match off.against {
        Against::Itself => format!("the system clock is {seconds} seconds away from where it should be"),
        Against::Log => format!("the system clock is {seconds} seconds behind the log's last event"),
        Against::Database => format!("the system clock is {seconds} seconds away from the database server's"),
    };
    format!("{how}. Set it right; if it is right, an administrator confirms it with `countersign doctor --confirm-clock` on this machine")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::ManualClock;
    use std::sync::Arc;

    const HOUR: i64 = 3_600_000_000;

    fn monday() -> (Arc<ManualClock>, Env) {
        let clock = ManualClock::at(Timestamp::parse("2026-03-02T10:00:00Z").unwrap());
        (clock.clone(), Env::manual(clock))
    }

    fn seconds(off: Option<Off>) -> u64 {
        off.map_or(0, |off| off.by.as_secs())
    }

    #[test]
    fn a_clock_that_jumps_is_noticed_in_both_directions_and_passing_time_is_not() {
        let (clock, env) = monday();
        let mut watch = ClockWatch::new(&env, None, None);
        clock.advance(Duration::from_secs(86_400));
        assert_eq!(watch.off(&env), None);
        clock.step(HOUR);
        assert_eq!(seconds(watch.off(&env)), 3600);
        clock.step(-2 * HOUR);
        assert_eq!(seconds(watch.off(&env)), 3600);
        clock.step(HOUR + 30_000_000);
        assert_eq!(watch.off(&env), None, "half a minute is no jump");
    }

    #[test]
    fn a_confirmed_clock_counts_even_behind_the_logs_last_event() {
        let (_, env) = monday();
        let mut watch = ClockWatch::new(&env, None, None);
        let last = env.now().plus(Duration::from_secs(7200)).micros();
        watch.learn(last);
        assert_eq!(seconds(watch.off(&env)), 7200);
        watch.confirm(&env);
        assert_eq!(watch.off(&env), None);
        watch.learn(last + HOUR);
        assert!(watch.off(&env).is_some(), "another jump is another matter");
    }

    #[test]
    fn a_jump_across_a_restart_is_seen_by_what_the_earlier_process_left() {
        let (clock, env) = monday();
        let (_, at, words) = ClockWatch::new(&env, None, None).leave(&env).unwrap();
        let anchor = || Some((at, left(&words).unwrap()));
        clock.advance(Duration::from_secs(7200));
        assert_eq!(ClockWatch::new(&env, anchor(), None).off(&env), None);
        clock.step(5 * HOUR);
        let mut watch = ClockWatch::new(&env, anchor(), None);
        assert_eq!(seconds(watch.off(&env)), 5 * 3600);
        watch.confirm(&env);
        assert!(watch.off(&env).is_none() && watch.leave(&env).is_some() && watch.leave(&env).is_none());
        // An anchor of a later moment is of another boot, whatever it says.
        let (_, young) = monday();
        assert_eq!(ClockWatch::new(&young, Some((at, Duration::from_secs(9))), None).off(&young), None);
    }

    #[test]
    fn the_databases_clock_tells_a_clock_that_was_wrong_from_the_start() {
        let (clock, env) = monday();
        let says = env.now().minus(Duration::from_secs(10_800));
        let mut watch = ClockWatch::new(&env, None, Some(says));
        clock.advance(Duration::from_secs(600));
        assert!(watch.off(&env).is_some());
        clock.step(-3 * HOUR);
        assert_eq!(watch.off(&env), None, "it was set right");
        clock.step(3 * HOUR);
        let off = watch.off(&env).unwrap();
        assert_eq!(off.by.as_secs(), 10_800);
        assert!(sentence(off).contains("database server's"), "{}", sentence(off));
        watch.confirm(&env);
        assert_eq!(watch.off(&env), None);
        watch.hear_the_database(&env, env.now());
        assert!(watch.off(&env).is_some(), "what was excused was another difference");
    }
}
