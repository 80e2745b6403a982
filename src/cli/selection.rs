//! Which tickets an export is of.

use std::collections::BTreeSet;

use anyhow::bail;
use chrono::{NaiveDate, NaiveTime};
use serde_json::{Value, json};

use crate::env::Timestamp;
use crate::ledger::manifest::Period;
use crate::ticket::number::Number;
use crate::ticket::state::Ticket;

/// What to export.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Selection {
    /// Tickets on which work went on at this day or later: 2026-03-01 (UTC), or an RFC 3339 moment.
    #[arg(long, value_name = "D", conflicts_with = "all")]
    pub from: Option<String>,
    /// Tickets that were opened by the end of this day, or before this RFC 3339 moment.
    #[arg(long, value_name = "D", conflicts_with = "all")]
    pub to: Option<String>,
    /// Tickets of this kind.
    #[arg(long, value_name = "K", conflicts_with = "all")]
    pub kind: Option<String>,
    /// This ticket; several may be given.
    #[arg(long = "ticket", value_name = "N", conflicts_with = "all")]
    pub tickets: Vec<Number>,
    /// Everything.
    #[arg(long)]
    pub all: bool,
}

/// A selection, with its moments read.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    selection: Selection,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl Wanted {
    /// Everything.
    #[must_use]
    pub fn everything() -> Self {
        Self { selection: Selection { all: true, ..Selection::default() }, from: None, to: None }
    }

    /// Reads a selection.
    ///
    /// # Errors
    /// When nothing was selected, or a day cannot be read.
    pub fn of(selection: Selection) -> anyhow::Result<Self> {
        let Selection { from, to, kind, tickets, all } = &selection;
        if !all && from.is_none() && to.is_none() && kind.is_none() && tickets.is_empty() {
            bail!("say what to export: --all, or some of --from, --to, --kind and --ticket");
        }
        let from = from.as_deref().map(|text| moment(text, false)).transpose()?;
        let to = to.as_deref().map(|text| moment(text, true)).transpose()?;
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            bail!("the period ends before it begins; look at --from and --to");
        }
        Ok(Self { selection, from, to })
    }

    /// Whether it is everything.
    #[must_use]
    pub fn all(&self) -> bool {
        self.selection.all
    }

    /// The kind that was asked for.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        self.selection.kind.as_deref()
    }

    /// Whether a ticket is part of it: every condition that was given holds, and the period is one in which the ticket
    /// was open.
    #[must_use]
    pub fn takes(&self, ticket: &Ticket) -> bool {
        let Selection { kind, tickets, all, .. } = &self.selection;
        *all || (kind.as_ref().is_none_or(|kind| *kind == ticket.kind)
            && (tickets.is_empty() || tickets.contains(&ticket.number))
            && self.to.is_none_or(|to| ticket.opened_at < to)
            && self.from.is_none_or(|from| ticket.ended_at.is_none_or(|ended| ended >= from)))
    }

    /// The tickets that were named and are not among these.
    #[must_use]
    pub fn missing<'a>(&'a self, known: &BTreeSet<&Number>) -> Vec<&'a Number> {
        self.selection.tickets.iter().filter(|number| !known.contains(number)).collect()
    }

    /// What was asked for, as the manifest says it.
    #[must_use]
    pub fn query(&self) -> Value {
        let Selection { from, to, kind, tickets, all } = &self.selection;
        json!({ "all": all, "from": from, "to": to, "kind": kind, "tickets": tickets })
    }

    /// From when to when.
    #[must_use]
    pub fn period(&self) -> Period {
        Period { from: self.from.map(|t| t.to_string()), to: self.to.map(|t| t.to_string()) }
    }
}

/// A day in UTC (its beginning, or the beginning of the next one), or a moment.
fn moment(text: &str, end: bool) -> anyhow::Result<Timestamp> {
    if let Some(at) = Timestamp::parse(text) {
        return Ok(at);
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let day = if end { day.and_then(|d| d.succ_opt()) } else { day };
    let at = day.and_then(|d| Timestamp::from_micros(d.and_time(NaiveTime::MIN).and_utc().timestamp_micros()));
    match at {
        Some(at) => Ok(at),
        None => bail!("{text:?} is not a day; write 2026-03-01, or 2026-03-01T14:30:00Z"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_in_utc_and_the_last_one_counts_whole() {
        assert_eq!(moment("2026-03-01", false).unwrap().to_string(), "2026-03-01T00:00:00.000000Z");
        assert_eq!(moment("2026-02-28", true).unwrap().to_string(), "2026-03-01T00:00:00.000000Z");
        assert_eq!(moment("2026-03-01T01:00:00+01:00", true).unwrap().to_string(), "2026-03-01T00:00:00.000000Z");
        for wrong in ["yesterday", "2026-13-01", "2026-02-30", "01.03.2026", ""] {
            assert!(moment(wrong, false).unwrap_err().to_string().contains("is not a day"), "{wrong}");
        }
    }

    #[test]
    fn nothing_selected_and_backward_periods_are_refused() {
        assert!(Wanted::of(Selection::default()).unwrap_err().to_string().contains("--all"));
        let backward = Selection { from: Some("2026-03-02".into()), to: Some("2026-03-01".into()), ..Selection::default() };
        assert!(Wanted::of(backward).is_err());
        let one_day = Selection { from: Some("2026-03-01".into()), to: Some("2026-03-01".into()), ..Selection::default() };
        let period = Wanted::of(one_day).unwrap().period();
        assert_eq!(period.to.as_deref(), Some("2026-03-02T00:00:00.000000Z"));
    }
}
