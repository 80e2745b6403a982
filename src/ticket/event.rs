//! An event of the log: what happened, to which ticket, by whom, by which way.
//!
//! An event's `data` is one [`Fact`], serialised with its `kind` beside it. Facts hold plain, structured values
//! only; whatever is free text, a name, an address or an alert's body is a [`Sealed`] value, of which the event
//! holds the commitment under a name in `sealed` (`note`, `field.title`, `name`). [`super::state`] reads facts and
//! never looks at plaintext, the clock, time-zone tables or CEL: instants, roles and outcomes are recorded values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use super::fact::Fact;
pub use super::facts::{
    AdoptedFile, AlertSeen, ApprovedAs, Brought, Checked, DeployedBy, DeploymentSeen, Drawn, EpochOpened, EvidenceAttached, NewTask,
    OwedItem, Pack, Pinned, Reminder, Shift, TicketOpened, TransitionTaken,
};
use super::number::Number;
use crate::env::Timestamp;
use crate::ledger::sealed::Sealed;

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Actor {
    /// A verified person, with the roles held at that moment.
    Person {
        /// Opaque id, `p_…`.
        id: String,
        /// Sorted.
        roles: Vec<String>,
    },
    /// A configured monitoring tool.
    Source {
        /// Its name in the configuration.
        name: String,
    },
    /// An account on a chat platform that belongs to nobody whom we have verified: what it says is kept, and believed
    /// by nobody.
    Account {
        /// Opaque id, `a_…`.
        id: String,
    },
    /// The service itself: deadlines, summaries, start.
    Scheduler,
}

impl Actor {
    /// The person's id, if it is a person.
    #[must_use]
    pub fn person(&self) -> Option<&str> {
        match self {
            Self::Person { id, .. } => Some(id),
            _ => None,
        }
    }

    /// Whether this actor holds `role`.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        matches!(self, Self::Person { roles, .. } if roles.iter().any(|r| r == role))
    }
}

/// By which way the request came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Via {
    /// `console`, `api`, `cli`, `hook`, `tick`, `demo` (later `slack`, `discord`).
    pub surface: String,
    /// How the caller proved who they are: `session`, `key`, `hmac`, `bearer`, `basic`, `none`, `operator`, `internal`.
    pub auth: String,
    /// Id of the key or session used, if there is one (never the secret).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    // The client's address travels as the sealed value `ip`, on events of people and sources. A chat platform hides it;
    // there, the sealed value `envelope` says by which message of whom the request came.
}

/// An event that was decided and is not yet in the log. The desk gives it its sequence number, time and actor.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// The ticket it belongs to, if any.
    pub ticket: Option<Number>,
    /// What happened.
    pub fact: Fact,
    /// Sealed values by name.
    pub sealed: BTreeMap<String, Sealed>,
    /// Digest of the playbook that decided it (kind or response), hex.
    pub playbook: Option<String>,
    /// When another actor than the request's did it (a clock that stops because of a person's step stays the person's).
    pub actor: Option<Actor>,
}

impl NewEvent {
    /// An event on a ticket.
    #[must_use]
    pub fn on(ticket: &Number, fact: Fact) -> Self {
        Self { ticket: Some(ticket.clone()), fact, sealed: BTreeMap::new(), playbook: None, actor: None }
    }

    /// An event on no ticket.
    #[must_use]
    pub fn outside(fact: Fact) -> Self {
        Self { ticket: None, fact, sealed: BTreeMap::new(), playbook: None, actor: None }
    }

    /// The event as it will stand in the log. `rev` is the ticket's revision after it.
    #[must_use]
    pub fn recorded(&self, seq: i64, at: Timestamp, actor: &Actor, via: &Via, rev: Option<i64>) -> Event {
        Event {
            v: 1,
            seq,
            at,
            fact: self.fact.clone(),
            ticket: self.ticket.clone(),
            rev,
            actor: self.actor.clone().unwrap_or_else(|| actor.clone()),
            via: via.clone(),
            cause: None,
            playbook: self.playbook.clone(),
            sealed: self.sealed.iter().map(|(name, value)| (name.clone(), value.commitment)).collect(),
        }
    }

    /// Names the playbook that decided it.
    #[must_use]
    pub fn by(mut self, digest: &str) -> Self {
        self.playbook = Some(digest.to_owned());
        self
    }

    /// Adds a sealed value under `name`.
    #[must_use]
    pub fn seal(mut self, name: impl Into<String>, value: Sealed) -> Self {
        self.sealed.insert(name.into(), value);
        self
    }
}

/// An event as it stands in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Version of the event kind's shape.
    pub v: i64,
    /// Position in the log, from 0.
    pub seq: i64,
    /// When it was recorded.
    pub at: Timestamp,
    /// What happened: `kind` and `data`.
    #[serde(flatten)]
    pub fact: Fact,
    /// The ticket, or null.
    pub ticket: Option<Number>,
    /// The ticket's revision after it, from 1; null without a ticket.
    pub rev: Option<i64>,
    /// Who.
    pub actor: Actor,
    /// By which way.
    pub via: Via,
    /// Sequence number of the event, in the same request, that this follows from.
    pub cause: Option<i64>,
    /// Digest of the playbook that decided it.
    pub playbook: Option<String>,
    /// Commitments by name.
    pub sealed: BTreeMap<String, crate::ledger::sealed::Commitment>,
}
