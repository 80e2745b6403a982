//! What a verification says: the verdict with its exit code, every damage by its place, and what was not proven.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::chain::Epoch;
use super::verify::{LogWalk, Standing};
use crate::env::Timestamp;

/// How many damages a report names.
pub const MAX_DAMAGES: usize = 20;

/// Something that does not fit, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// The event's number, when it is an event.
    pub seq: Option<u64>,
    /// The event's ticket, when it is known.
    pub ticket: Option<String>,
    /// The file, when it is a file.
    pub file: Option<String>,
    /// What is wrong with it.
    pub sentence: String,
}

impl Damage {
    /// An event that does not fit.
    #[must_use]
    pub fn event(seq: u64, bytes: &[u8], sentence: impl Into<String>) -> Self {
        // The bytes may be damaged; if they still say a ticket, that helps to find it.
        let said = serde_json::from_slice::<Value>(bytes).ok();
        let ticket = said.as_ref().and_then(|event| event.get("ticket")).and_then(Value::as_str);
        // Only what looks like a number is repeated.
        let ticket = ticket.filter(|t| t.len() <= 24 && t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
        Self { seq: Some(seq), ticket: ticket.map(str::to_owned), file: None, sentence: sentence.into() }
    }

    /// A file that does not fit.
    #[must_use]
    pub fn file(name: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { seq: None, ticket: None, file: Some(name.into()), sentence: sentence.into() }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.seq, &self.ticket, &self.file) {
            (Some(seq), Some(ticket), _) => write!(f, "event {seq} ({ticket})"),
            (Some(seq), None, _) => write!(f, "event {seq}"),
            (None, _, Some(file)) => f.write_str(file),
            (None, _, None) => f.write_str("the log"),
        }?;
        write!(f, ": {}", self.sentence)
    }
}

/// The result, with the exit code of `countersign verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// 0: everything fits, and somebody outside saw the log at this size.
    Proven {
        /// Events before this number are proven to be complete and unchanged.
        up_to: u64,
    },
    /// 1: something does not fit.
    Damaged {
        /// The first thing that does not.
        first: Damage,
    },
    /// 2: nothing could be checked.
    Unreadable {
        /// Why, and what to do.
        why: String,
    },
    /// 3: everything fits, but nobody outside vouches for it.
    Consistent {
        /// What is missing for a proof.
        why: String,
    },
}

impl Verdict {
    /// The exit code of `countersign verify`.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Proven { .. } => 0,
            Self::Damaged { .. } => 1,
            Self::Unreadable { .. } => 2,
            Self::Consistent { .. } => 3,
        }
    }
}

/// Everything that a verification says. `Display` gives the words, serde the `--json` form.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The result.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The log says of itself that it is a demonstration.
    pub demonstration: bool,
    /// Which log.
    pub origin: Option<String>,
    /// Where the log went on under another name, after a loss.
    pub epochs: Vec<Epoch>,
    /// How many events the checkpoint covers.
    pub size: Option<u64>,
    /// The times of the first and the last event.
    pub period: Option<(Timestamp, Timestamp)>,
    /// How many tickets the log holds, by kind.
    pub tickets: BTreeMap<String, u64>,
    /// Witnesses that cosigned, with the time in seconds since the Unix epoch.
    pub witnesses: Vec<(String, u64)>,
    /// How many sealed values were shown and fit, and how many the log holds commitments to.
    pub sealed: (u64, u64),
    /// How many files were shown and fit.
    pub attachments: u64,
    /// What this export can and cannot prove.
    pub remarks: Vec<String>,
    /// Everything that does not fit, the first twenty.
    pub damages: Vec<Damage>,
}

/// What was shown beside the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown {
    /// Sealed values that fit their commitments.
    pub sealed: u64,
    /// Attachments.
    pub attachments: u64,
    /// Only some tickets were asked for.
    pub selection: bool,
    /// There are tables that restate the log.
    pub tables: bool,
}

impl Report {
    /// What is to be said after everything was walked: the damages in the order in which they were found, or
    /// what the signatures are worth.
    #[must_use]
    pub fn of(standing: &Standing, walk: &LogWalk, shown: Shown, mut damages: Vec<Damage>) -> Self {
        damages.truncate(MAX_DAMAGES);
        let verdict = match damages.first() {
            Some(first) => Verdict::Damaged { first: first.clone() },
            None => standing.verdict(),
        };
        let chain = walk.chain();
        Self {
            demonstration: chain.is_demonstration(),
            origin: Some(standing.checkpoint.origin.clone()),
            epochs: chain.epochs().to_vec(),
            size: Some(standing.checkpoint.size),
            period: chain.period(),
            tickets: chain.populations().values().map(|population| (population.kind.clone(), population.count)).collect(),
            witnesses: standing.witnesses.clone(),
            sealed: (shown.sealed, chain.sealed()),
            attachments: shown.attachments,
            remarks: remarks(&verdict, standing, walk, shown),
            damages,
            verdict,
        }
    }

    /// A report that says nothing but its verdict.
    #[must_use]
    pub fn bare(verdict: Verdict) -> Self {
        let damages = if let Verdict::Damaged { first } = &verdict { vec![first.clone()] } else { Vec::new() };
        Self {
            verdict,
            demonstration: false,
            origin: None,
            epochs: Vec::new(),
            size: None,
            period: None,
            tickets: BTreeMap::new(),
            witnesses: Vec::new(),
            sealed: (0, 0),
            attachments: 0,
            remarks: Vec::new(),
            damages,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let demonstration = if self.demonstration { " (demonstration)" } else { "" };
        match &self.verdict {
            Verdict::Proven { up_to } => writeln!(f, "Proven{demonstration}: the first {up_to} events are complete and unchanged.")?,
            Verdict::Damaged { first } => writeln!(f, "Damaged{demonstration}: {}", ended(first.to_string()))?,
            Verdict::Unreadable { why } => writeln!(f, "Cannot be checked: {}", ended(why.clone()))?,
            Verdict::Consistent { why } => writeln!(f, "Consistent{demonstration}, not proven: {why}.")?,
        }
        if let (Some(origin), Some(size)) = (&self.origin, self.size) {
            write!(f, "  log {origin}, {size} events")?;
            if let Some((first, last)) = &self.period {
                write!(f, ", {first} to {last}")?;
            }
            writeln!(f)?;
        }
        for (kind, count) in &self.tickets {
            writeln!(f, "  {kind}: {count}, no number missing")?;
        }
        for (name, time) in &self.witnesses {
            let at = i64::try_from(*time).ok().and_then(|s| s.checked_mul(1_000_000)).and_then(Timestamp::from_micros);
            writeln!(f, "  witnessed by {name}, {}", at.map_or_else(|| format!("at {time} s"), |at| at.to_string()))?;
        }
        if self.size.is_some() {
            writeln!(f, "  {} of {} sealed values shown, {} files", self.sealed.0, self.sealed.1, self.attachments)?;
        }
        for remark in &self.remarks {
            writeln!(f, "  {remark}")?;
        }
        self.damages.iter().skip(1).try_for_each(|damage| writeln!(f, "  also: {damage}"))
    }
}

/// A sentence with its full stop, unless it is a question.
fn ended(sentence: String) -> String {
    if sentence.ends_with('?') { sentence } else { sentence + "." }
}

/// What this export can and cannot prove, in words.
fn remarks(verdict: &Verdict, standing: &Standing, walk: &LogWalk, shown: Shown) -> Vec<String> {
    let mut remarks = Vec::new();
    if walk.chain().is_demonstration() {
        remarks.push("The log says of itself that it is a demonstration: it is evidence of nothing.".to_owned());
    }
    remarks.extend(walk.chain().epochs().iter().map(Epoch::sentence));
    if let Verdict::Proven { up_to } = verdict
        && *up_to < standing.checkpoint.size
    {
        remarks.push(format!("The anchor knows the first {up_to} events; those after it fit, but nobody outside vouches for them."));
    }
    let hidden = walk.chain().sealed().saturating_sub(shown.sealed);
    if hidden > 0 {
        remarks.push(format!(
            "{hidden} sealed values are not shown here, because they were withheld or redacted: the log proves when they were recorded, not what they say."
        ));
    }
    if shown.selection {
        remarks.push("This is a selection: the log is whole, but texts and files are shown for the selected tickets only.".to_owned());
    }
    if shown.tables {
        remarks.push(
            "Tables (tickets, people) restate the log and are signed by its owner; numbers, revisions and positions were compared with the log.".to_owned(),
        );
    }
    remarks
}
