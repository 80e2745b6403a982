//! The rules of a procedure that speak of duties, of approvals that still stand, of time, of other records, and of what
//! tools report that deploy.
//!
//! Each is one word of the language; `load_rules.rs` reads it, `ticket/` gives it its meaning. A condition (`when`) that
//! cannot be evaluated counts as true everywhere here: nobody gets round a rule because a field is empty.

use std::collections::BTreeMap;
use std::time::Duration;

use indexmap::IndexMap;

use super::expression::{Expression, Template, Variables};

/// Whether a rule applies: it has no condition, the condition holds, or it cannot be evaluated.
#[must_use]
pub fn applies(when: Option<&Expression>, variables: &Variables) -> bool {
    when.is_none_or(|when| when.holds(variables).unwrap_or(true))
}

/// `also`: more is required while something holds, as for a sub-type.
#[derive(Debug)]
pub struct Also {
    /// While this holds.
    pub when: Expression,
    /// These fields as well.
    pub fields: Vec<String>,
    /// Evidence of these phases or proofs as well.
    pub evidence: Vec<String>,
}

/// `approved`: the approval of an earlier step must still stand, for exactly what stands in the ticket now.
#[derive(Debug)]
pub struct Approved {
    /// The step that was approved.
    pub by: String,
    /// Only while this holds.
    pub when: Option<Expression>,
    /// So long before it must have been approved; zero for any time before.
    pub lead: Duration,
}

/// What a window must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowMust {
    /// It begins before it ends, and ends in the future.
    LieAhead,
    /// It has begun and is not over.
    BeOpen,
    /// It begins before it ends, and is not over.
    EndAhead,
}

/// `window`: two fields of type time, from when and until when.
#[derive(Debug)]
pub struct Window {
    /// The field that says when it begins.
    pub from: String,
    /// The field that says when it ends.
    pub to: String,
    /// Only while this holds.
    pub when: Option<Expression>,
    /// What it must do.
    pub must: WindowMust,
}

/// `unfrozen`: no freeze of the organisation may cover this moment or the window, unless an exception is linked that covers
/// this system and that time.
#[derive(Debug)]
pub struct Unfrozen {
    /// Only while this holds.
    pub when: Option<Expression>,
    /// The field that names the system, when freezes are judged by system.
    pub system: Option<String>,
    /// The window's two fields; the present moment when there is none.
    pub window: Option<(String, String)>,
}

/// `linked`: another record must be linked and stand in one of these statuses.
#[derive(Debug)]
pub struct Linked {
    /// The link's word.
    pub link: String,
    /// The other record's kind.
    pub kind: String,
    /// Its sub-type (its field `type`); a record of another one does not count. Any when `None`.
    pub of_type: Option<String>,
    /// Nothing has to be linked; what is linked must stand where it counts.
    pub if_any: bool,
    /// Where it must stand. Those that ended elsewhere (void) do not count; every other one must stand here.
    pub standing: Vec<String>,
    /// Fields that hold the same there as here, such as the system; a record of another one does not count.
    pub same: Vec<String>,
    /// It counts for one ticket alone: the one to which it was linked first, before it came to stand there.
    pub own: bool,
    /// Only while this holds.
    pub when: Option<Expression>,
    /// What the person reads: what to do about it.
    pub says: String,
}

/// `confirmed`: what may stand in for the click of whoever gave a spoken approval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confirmed {
    /// Types of exception, opened for the ticket alone; any when none is named.
    pub or: Vec<String>,
}

/// `template`: what is asked for is what the system's entry in organisation.yaml offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateRule {
    /// The field that names the system.
    pub system: String,
    /// The field that names the role on it.
    pub role: String,
    /// The field that says until when.
    pub until: String,
    /// The field whose value `break-glass` asks for emergency use, and `privileged` for a role that the entry marks as such,
    /// when there is one.
    pub way: Option<String>,
}

/// `verbal`: the step may be taken on an approval that was only spoken.
#[derive(Debug)]
pub struct Verbal {
    /// Only while this holds.
    pub when: Option<Expression>,
    /// The step whose approval was spoken.
    pub of: String,
    /// The field of type person that says who spoke it.
    pub giver: String,
    /// When nobody who may approve answers.
    pub silence: Option<Silence>,
}

/// A serious incident goes on although nobody who may approve answered in time: marked, confirmed and reviewed later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// The group that was asked and did not answer within its time.
    pub of: String,
    /// The link to the incident.
    pub link: String,
    /// Severities of the incident that allow it.
    pub severities: Vec<String>,
}

/// `separate`: these steps of one ticket are taken by different persons. `request` stands for whoever asked for it or
/// wrote it, `owner` for everybody who ever owned it, `subject` for the person whom it is about, `reviewed` for everybody who had
/// a part in the ticket that this one reviews.
#[derive(Debug)]
pub struct Separate {
    /// Transitions, `request`, `owner`, `subject` and `reviewed`.
    pub duties: Vec<String>,
    /// Only while this holds.
    pub when: Option<Expression>,
}

/// `scores`: several choices add up to a level. Nobody sets the level by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
    /// The field that holds the level.
    pub sets: String,
    /// Field → its value → points.
    pub of: IndexMap<String, BTreeMap<String, i64>>,
    /// From so many points on, this level; ascending.
    pub levels: Vec<(i64, String)>,
}

impl Score {
    /// The level and the points of each answer; none while an answer is missing.
    #[must_use]
    pub fn judge<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> Option<(&str, Vec<(&str, i64)>)> {
        let mut points = Vec::new();
        for (field, of) in &self.of {
            points.push((field.as_str(), *of.get(value(field)?)?));
        }
        let sum: i64 = points.iter().map(|(_, p)| p).sum();
        let level = self.levels.iter().rev().find(|(from, _)| sum >= *from).or(self.levels.first())?;
        Some((&level.1, points))
    }
}

/// `substance`: a text that says something. Empty phrases ("Updated user permissions") are refused with an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Substance {
    /// At least so many words that carry meaning.
    pub words: usize,
    /// A good one, which the person who wrote an empty one is shown.
    pub example: String,
}

/// `deployments`: a tool that deploys confirms a ticket that it names by number; where it names none, an approved model may
/// cover it, and the ticket is opened for it. What nothing covers becomes a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployments {
    /// The field that names the system.
    pub system: String,
    /// The step that a deployment takes when it begins, where everything that the step requires is there.
    pub start: String,
    /// The step that it takes when it has succeeded, if it took the first one.
    pub finish: String,
    /// The proof that a report of success counts as.
    pub proof: Option<String>,
    /// What covers a deployment that names no ticket.
    pub model: Option<ModelRule>,
    /// What becomes of one that nothing covers.
    pub finding: FindingRule,
}

/// The record that covers deployments in advance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRule {
    /// The record's kind.
    pub kind: String,
    /// The status in which it counts.
    pub status: String,
    /// The link from the ticket that is opened to the model.
    pub link: String,
    /// The model's field of type choice that says what a deployment must bring: `reviewed` asks for a pull request that
    /// somebody else than its author has reviewed.
    pub needs: Option<String>,
    /// Plain fields that the ticket opens with.
    pub opens: BTreeMap<String, String>,
}

/// The record that is opened for a deployment that nothing covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingRule {
    /// The record's kind.
    pub kind: String,
    /// Its sub-type where the deployment names no ticket.
    pub without: String,
    /// Its sub-type where it names one that does not cover it.
    pub outside: String,
    /// How long it may take.
    pub due: Duration,
}

/// `offers`: a record that the ticket's card lets one open, linked both ways, with its first step taken.
#[derive(Debug)]
pub struct Offered {
    /// `emergency-change`
    pub name: String,
    /// What the button says.
    pub label: String,
    /// One sentence on what it means.
    pub help: String,
    /// The record's kind.
    pub kind: String,
    /// The word of the link from this ticket to it.
    pub link: String,
    /// Only while this holds.
    pub when: Option<Expression>,
    /// While this holds it is seen at first sight, otherwise under "More…".
    pub prominent: Option<Expression>,
    /// Fields of the record that the form asks for.
    pub asks: Vec<String>,
    /// Of those, the ones that are needed.
    pub requires: Vec<String>,
    /// Plain fields that it opens with.
    pub sets: BTreeMap<String, String>,
    /// Texts that it opens with, made of this ticket.
    pub says: BTreeMap<String, Template>,
    /// Plain fields that are copied from this ticket.
    pub copies: Vec<String>,
    /// The step that is taken at once.
    pub takes: Option<String>,
    /// It is taken only if this field was given; otherwise the record waits for it.
    pub once: Option<String>,
}

/// `then`: steps that are taken with this one, in one commit and from one form.
#[derive(Debug)]
pub struct Then {
    /// Further steps, in order.
    pub steps: Vec<String>,
    /// What the button says instead.
    pub label: String,
    /// Only while this holds.
    pub when: Option<Expression>,
}

/// What more a clock may say of its target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// The field by whose value targets and hours are said; `severity` when none is named.
    pub by: Option<String>,
    /// The field of type time that holds the target itself.
    pub at: Option<String>,
    /// The step that is taken by itself when the time has come; nothing was missed then.
    pub takes: Option<String>,
    /// The target is never later than the end of the local day on which the clock starts.
    pub end_of_day: bool,
    /// It stops as soon as all of these fields hold something.
    pub filled: Vec<String>,
    /// It stops as soon as the giver of a spoken approval has answered.
    pub answered: bool,
    /// Reminders so long before the target, beside the kind's percentages.
    pub before: Vec<Duration>,
}

/// `lines`: the ticket looks again at what stands elsewhere, line by line: live records of another kind, and lists of
/// users that were handed in. The lines are frozen once, and each is decided by somebody whose it is to decide.
#[derive(Debug)]
pub struct LinesRule {
    /// Only while this holds.
    pub when: Option<Expression>,
    /// The kind whose live records are looked at.
    pub of: String,
    /// Its statuses in which a record is live.
    pub standing: Vec<String>,
    /// The step of that kind which takes away what is not kept.
    pub takes: String,
    /// The field of the review that narrows it to one system, when it holds one.
    pub system: Option<String>,
    /// Who decides a line: the first of these who is there and is not the one whose line it is.
    pub reviewers: Vec<String>,
    /// Roles that decide when none of those can, and what nobody decided in time.
    pub otherwise: Vec<String>,
    /// So long lists can be handed in before the lines are frozen by themselves.
    pub gather: Duration,
    /// So long reviewers have from the opening, unless the ticket says when it is due.
    pub within: Duration,
    /// The kind of record that is opened for what is to be taken away or changed, where no record of `of` can be.
    pub opens: String,
    /// So long that may take.
    pub done_within: Duration,
}
