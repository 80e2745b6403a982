//! Clocks of a procedure as the engine reads them, and whom it is taken to when one runs out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::NaiveTime;

use super::expression::Expression;
use super::rules::Timing;

/// A clock on a ticket.
#[derive(Debug)]
pub struct Clock {
    /// `acknowledge`
    pub name: String,
    /// What people read: "acknowledge", "contain".
    pub label: String,
    /// When it starts.
    pub starts: ClockStart,
    /// Transitions that stop it.
    pub stops: Vec<String>,
    /// Targets by severity (`sev1`…), and perhaps `default`.
    pub within: BTreeMap<String, Duration>,
    /// Which hours count, by severity and perhaps `default`.
    pub hours: BTreeMap<String, Hours>,
    /// It only runs while this holds (on `ticket` and `phases`).
    pub when: Option<Expression>,
    /// Statuses in which it is paused.
    pub pauses: BTreeSet<String>,
    /// What more it says of its target.
    pub timing: Timing,
}

impl Clock {
    /// The target for a severity, or the default one.
    #[must_use]
    pub fn target(&self, severity: Option<&str>) -> Option<Duration> {
        severity.and_then(|s| self.within.get(s)).or_else(|| self.within.get("default")).copied()
    }

    /// The hours that count for a severity; every hour when nothing is said.
    #[must_use]
    pub fn hours_for(&self, severity: Option<&str>) -> &Hours {
        severity.and_then(|s| self.hours.get(s)).or_else(|| self.hours.get("default")).unwrap_or(&Hours::Always)
    }
}

/// What starts a clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClockStart {
    /// The ticket's opening.
    Open,
    /// A transition.
    Transition(String),
}

/// Which hours of the week count for a clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hours {
    /// Every hour.
    Always,
    /// Those of the organisation's calendar with this name (`business`).
    Calendar(String),
}

/// Whom a breach is taken to.
#[derive(Debug, Clone)]
pub struct Escalate {
    /// Tiers in order: a role name, `on-call`, `on-call.next`, `on-call.manager`.
    pub to: Vec<String>,
    /// How long each tier has before the next is called.
    pub every: Duration,
    /// The status that ends it (a status name; leaving the status in which it began also ends it).
    pub until: String,
    /// How often the tiers are gone through, from 1; none: again and again, until `until`.
    pub rounds: Option<u32>,
    /// Whoever said that they have seen it is called again after this long, while what was missed is still missed.
    pub again: Option<Duration>,
    /// Who is on call is called at once.
    pub pages: Option<Pages>,
}

/// Who is on call hears at once, without any target having been missed.
#[derive(Debug, Clone)]
pub struct Pages {
    /// On `ticket`: as soon as this holds, while the ticket stands where it was opened.
    pub when: Expression,
    /// How long each of those who are called has before the next one is.
    pub answer: Duration,
}

/// Who owes what was left for later, and by when.
#[derive(Debug, Clone)]
pub struct OwedTo {
    /// `owner` or a role.
    pub who: String,
    /// Local time on the next working day by which it is asked for.
    pub at: NaiveTime,
}
