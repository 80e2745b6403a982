//! `organisation.yaml` as the engine reads it: who may do what, working hours, and what the organisation has.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{NaiveDate, NaiveTime};
use indexmap::IndexMap;

use super::estate::Estate;

/// `organisation.yaml`
#[derive(Debug)]
pub struct Organisation {
    /// The organisation's name.
    pub name: String,
    /// IANA zone in which days begin and end when nothing else says so.
    pub zone: chrono_tz::Tz,
    /// Role → what it may do, in words. A role that is not here cannot be given.
    pub roles: IndexMap<String, Role>,
    /// Working hours by name.
    pub calendars: BTreeMap<String, Calendar>,
    /// Notify groups: name → roles or person e-mails, as written.
    pub groups: BTreeMap<String, Vec<String>>,
    /// A note whose claimed time differs from the recorded one by more than this is a late entry and needs a reason.
    pub late_after: Duration,
    /// Identical repeats of an alert become one event at most this often.
    pub repeats_every: Duration,
    /// Refusals that are recorded one by one per person and hour; beyond it they are summarised.
    pub refusals_per_hour: u32,
    /// How long after a ticket's end its channel in chat is archived, where its kind says nothing else.
    pub archive_channels_after: Duration,
    /// The log may be read without signing in.
    pub public_log: bool,
    /// What it has and has agreed.
    pub estate: Estate,
    /// SHA-256 (hex) of the file.
    pub digest: String,
}

/// One role.
#[derive(Debug, Clone)]
pub struct Role {
    /// What the role is for.
    pub purpose: String,
    /// What its holders may do beyond procedures: see [`Permission`].
    pub may: BTreeSet<Permission>,
}

/// Permissions that are not transitions. Default deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// See tickets.
    Read,
    /// Add notes, evidence, links and ticks to tickets, set fields, take ownership.
    Work,
    /// Manage people, keys and playbooks.
    Administer,
    /// Export bundles and read the log.
    Export,
}

/// Working hours.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// IANA zone.
    pub zone: chrono_tz::Tz,
    /// Monday (0) to Sunday (6): local intervals, in order, not overlapping.
    pub week: [Vec<(NaiveTime, NaiveTime)>; 7],
    /// Days without work, or with other hours (a half day).
    pub holidays: BTreeMap<NaiveDate, Vec<(NaiveTime, NaiveTime)>>,
}
