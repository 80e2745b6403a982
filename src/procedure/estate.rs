//! What an organisation has and has agreed: systems and their owners, who reports to whom, who stands in for whom,
//! freezes, recurring obligations, and who is on call. Read from `organisation.yaml`; applies as adopted at the moment of
//! the decision.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{Datelike, Months, NaiveDate, NaiveTime};
use indexmap::IndexMap;

use super::calendar::begins;
use super::expression::Expression;
use crate::env::Timestamp;

/// A role name or an e-mail address, as written.
pub type WhoWritten = String;

/// The value of a field of type `system` for something that has no entry yet.
pub const OTHER_SYSTEM: &str = "other";

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Estate {
    /// Systems by name.
    pub systems: IndexMap<String, System>,
    /// E-mail address → the manager's e-mail address.
    pub reports_to: BTreeMap<String, String>,
    /// Monitoring tool → the e-mail address of whoever answers for what it asks for.
    pub sources: BTreeMap<String, String>,
    /// Login at a code platform, perhaps with the source before it (`pipeline/ana-gh`), small letters → the e-mail address of
    /// whose it is.
    pub logins: BTreeMap<String, String>,
    /// Pairs of roles: whoever holds both does not approve by either of them.
    pub conflicts: Vec<(String, String)>,
    /// Who stands in for whom.
    pub delegations: Vec<Delegation>,
    /// The declared exception that one person may approve what that person asked for.
    pub single_operator: Option<SingleOperator>,
    /// When nothing is changed.
    pub freezes: Vec<Freeze>,
    /// What must be done again and again.
    pub obligations: Vec<Obligation>,
    /// Who is on call.
    pub on_call: Option<Rota>,
}

/// A system, and the template by which access to it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// What people call it.
    pub title: String,
    /// Who answers for it: e-mail addresses or roles.
    pub owners: Vec<WhoWritten>,
    /// Roles on it by name; none: any may be asked for.
    pub roles: IndexMap<String, SystemRole>,
    /// Who may carry out changes on it; none: whoever the procedure names.
    pub implementers: Vec<WhoWritten>,
    /// How long an emergency use may last; none: it is not allowed.
    pub break_glass: Option<Duration>,
    /// What is deployed to it.
    pub deployments: Vec<DeployedFrom>,
}

/// A repository (or application) from which a system is deployed, as the deploying tool calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployedFrom {
    /// `acme/web-shop`, small letters.
    pub repository: String,
    /// Into this environment only, small letters; into any when none is said.
    pub environment: Option<String>,
}

/// Whose a deployment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeployedTo<'e> {
    /// This system's.
    System(&'e str),
    /// The repository belongs to a system, but this environment is none of its own: nothing runs there that matters.
    Elsewhere,
    /// No system says that it is deployed from there.
    Unknown,
}

impl Estate {
    /// The e-mail address behind what a source calls somebody: an address itself, or a login that the organisation knows.
    #[must_use]
    pub fn address_of(&self, source: &str, said: &str) -> Option<String> {
        let login = said.trim().trim_start_matches('@').to_lowercase();
        let known = self.logins.get(&format!("{}/{login}", source.to_lowercase())).or_else(|| self.logins.get(&login));
        known.cloned().or_else(|| Some(login).filter(|login| login.contains('@')))
    }

    /// Which system a deployment from `repository` into `environment` changes.
    #[must_use]
    pub fn deployed_to(&self, repository: &str, environment: &str) -> DeployedTo<'_> {
        let (repository, environment) = (repository.to_lowercase(), environment.to_lowercase());
        let mut known = false;
        for (name, system) in &self.systems {
            for from in system.deployments.iter().filter(|d| d.repository == repository) {
                known = true;
                if from.environment.as_ref().is_none_or(|e| *e == environment) {
                    return DeployedTo::System(name);
                }
            }
        }
        if known { DeployedTo::Elsewhere } else { DeployedTo::Unknown }
    }
}

/// A role on a system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemRole {
    /// What it lets one do.
    pub title: String,
    /// How long it is given at most.
    pub most: Duration,
    /// It asks for a second approval.
    pub privileged: bool,
}

/// Somebody stands in for somebody else, for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// Whose authority, by e-mail address.
    pub from: String,
    /// Who stands in, by e-mail address.
    pub to: String,
    /// Of the roles of `from`, these; all when empty.
    pub roles: Vec<String>,
    /// From this moment on.
    pub starts: Timestamp,
    /// Until this moment.
    pub ends: Timestamp,
}

impl Delegation {
    /// Whether it counts now.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.starts <= now && now < self.ends
    }
}

/// See [`Estate::single_operator`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SingleOperator {
    /// Who, by e-mail address.
    pub person: String,
    /// For which kinds.
    pub kinds: Vec<String>,
    /// Why.
    pub why: String,
    /// Until this moment.
    pub until: Timestamp,
}

/// A time in which nothing is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// `year-end`
    pub name: String,
    /// Why.
    pub why: String,
    /// From this moment on.
    pub starts: Timestamp,
    /// The first moment after it.
    pub ends: Timestamp,
    /// The systems that it covers; all when empty.
    pub systems: Vec<String>,
}

impl Freeze {
    /// Whether it covers a system at any moment from `from` until before `to`. What names no system is covered by every
    /// freeze.
    #[must_use]
    pub fn covers(&self, from: Timestamp, to: Timestamp, system: Option<&str>) -> bool {
        let scope = self.systems.is_empty() || system.is_none_or(|s| self.systems.iter().any(|x| x == s));
        // A moment is a window of no length: it is covered from the freeze's first instant to its last.
        scope && from < self.ends && (to > self.starts || (from == to && from >= self.starts))
    }
}

/// Something that must be done again and again. Each run opens a record; each missed run is one.
#[derive(Clone, Debug)]
pub struct Obligation {
    /// `access-review`
    pub name: String,
    /// What the record is called.
    pub title: String,
    /// When, in `zone`.
    pub schedule: super::schedule::Schedule,
    /// The kind of record that it opens.
    pub kind: String,
    /// The record's sub-type.
    pub of_type: String,
    /// How long it may take.
    pub due: Duration,
    /// Each run looks for something, and opens such a record for every ticket that it finds, once; none: each run opens one.
    pub check: Option<Check>,
    /// Each run draws tickets at random, and its record names them.
    pub draw: Option<Draw>,
}

/// What a run draws at random from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Kinds of ticket.
    pub kinds: Vec<String>,
    /// Statuses in which they ended; any when empty.
    pub standing: Vec<String>,
    /// They ended in the last whole one of these before the run came due.
    pub ended_in: Span,
    /// How many are drawn; all where there are no more.
    pub size: usize,
    /// What is drawn is written as a signed bundle that is kept.
    pub pack: bool,
}

/// A part of the calendar, in the zone of the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// From the first of a month on.
    Month,
    /// From the first of January, April, July or October on.
    Quarter,
}

impl Span {
    /// When the last whole one before `at` began, and when it was over.
    #[must_use]
    pub fn last_before(self, at: Timestamp, zone: chrono_tz::Tz) -> (Timestamp, Timestamp) {
        let months = match self {
            Self::Month => 1,
            Self::Quarter => 3,
        };
        let today = at.utc().with_timezone(&zone).date_naive();
        let this = today.with_day(1).and_then(|day| day.checked_sub_months(Months::new(today.month0() % months)));
        let last = this.and_then(|this| this.checked_sub_months(Months::new(months)));
        let starts = |day: Option<NaiveDate>| day.map_or(at, |day| begins(zone, day.and_time(NaiveTime::MIN)));
        (starts(last), starts(this))
    }
}

/// What a run looks for.
#[derive(Clone, Debug)]
pub enum Check {
    /// Approvals by whoever asked, by reading the log again.
    SelfApprovals,
    /// Open tickets of which something holds.
    Tickets {
        /// The kind of ticket.
        kind: String,
        /// On `ticket`.
        when: Expression,
        /// Only those whose subject has left.
        left: bool,
    },
}

/// Who is on call: layers, tried in order; the first that names somebody is asked first, the next ones after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rota {
    /// IANA zone in which shifts change.
    pub zone: chrono_tz::Tz,
    /// Shifts that take turns.
    pub layers: Vec<Layer>,
    /// Exceptions, the last one that fits counts.
    pub overrides: Vec<Override>,
    /// Who is asked when the rota does not answer: an e-mail address or a role.
    pub manager: Option<WhoWritten>,
    /// A calendar outside says whose shift it is; its address, which is a secret, stands in the configuration. Layers are
    /// asked after it.
    pub calendar: bool,
    /// PagerDuty's id of a user → that person's e-mail address.
    pub pagerduty: BTreeMap<String, String>,
}

/// People who take turns week by week, perhaps only for some hours of the day (follow the sun).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// E-mail addresses, in their order.
    pub people: Vec<String>,
    /// The first day of the first one's first turn.
    pub starts: NaiveDate,
    /// At this local time turns change.
    pub at: NaiveTime,
    /// Days of one turn.
    pub days: u32,
    /// Zone of this layer's hours.
    pub zone: chrono_tz::Tz,
    /// Only between these local times; always when none. The second may lie on the next day.
    pub hours: Option<(NaiveTime, NaiveTime)>,
}

/// Somebody takes over for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// E-mail address.
    pub person: String,
    /// From this moment on.
    pub starts: Timestamp,
    /// Until this moment.
    pub ends: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_quarter_and_month_are_whole_and_in_the_local_calendar() {
        let at = |text: &str| Timestamp::parse(text).expect("a time");
        let (utc, berlin) = (chrono_tz::UTC, chrono_tz::Europe::Berlin);
        for (span, zone, now, from, to) in [
            (Span::Quarter, utc, "2026-04-08T09:00:00Z", "2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z"),
            (Span::Quarter, utc, "2026-03-31T23:59:59Z", "2025-10-01T00:00:00Z", "2026-01-01T00:00:00Z"),
            (Span::Quarter, utc, "2026-04-01T00:00:00Z", "2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z"),
            // Where it is summer already, the quarter is over two hours earlier.
            (Span::Quarter, berlin, "2026-07-08T07:00:00Z", "2026-03-31T22:00:00Z", "2026-06-30T22:00:00Z"),
            (Span::Quarter, berlin, "2026-03-31T22:00:00Z", "2025-12-31T23:00:00Z", "2026-03-31T22:00:00Z"),
            (Span::Month, utc, "2028-03-31T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
        ] {
            assert_eq!(span.last_before(at(now), zone), (at(from), at(to)), "{span:?} before {now}");
        }
    }
}
