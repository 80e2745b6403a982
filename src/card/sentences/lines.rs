//! What is said of a review's lines.

use super::{Teller, said};
use crate::card::story::{Said, Tone};
use crate::card::words::{Words, count, one_line};
use crate::ticket::event::Fact;
use crate::ticket::lines::Verdict;

impl Teller<'_> {
    pub(super) fn lines(&self) -> Said {
        match &self.event.fact {
            Fact::LinesGathering { until } => {
                said(Tone::Quiet, Words::of("Lists of users can be handed in until ").time(*until).text("; then the lines are frozen."))
            }
            Fact::UsersListed { system, rows, .. } => {
                let what = format!(" handed in the list of {}: {}.", one_line(system, 60), count(*rows, "user", "users"));
                said(Tone::Step, self.who().text(what))
            }
            Fact::LinesListed { first, lines } => {
                let last = first + i64::try_from(lines.len()).unwrap_or(0) - 1;
                said(Tone::Quiet, Words::of(format!("Lines {first} to {last} were written down.")))
            }
            Fact::LinesFrozen { lines, digest, .. } => {
                let digest = digest.get(..12).unwrap_or_default();
                said(Tone::Step, Words::of(format!("{} frozen (digest {digest}…). Everybody who is asked has them now.", was(*lines))))
            }
            Fact::LineDecided { line, verdict, follow_up, .. } => {
                let verb = match verdict {
                    Verdict::Keep => "kept",
                    Verdict::Revoke => "revoked",
                    Verdict::Change => "asked to change",
                };
                let mut text = self.who().text(format!(" {verb} line {line}"));
                if let Some(record) = follow_up {
                    text = text.text(" (").ticket(record).text(")");
                }
                said(Tone::Quiet, text.then(self.because(&["reason"])))
            }
            Fact::LineSettled { line, record, done, .. } => {
                let rest = if *done { " shows that it is done." } else { " ended without that, so it is to be decided anew." };
                said(Tone::Quiet, Words::of(format!("Line {line}: ")).ticket(record).text(rest))
            }
            _ => said(Tone::Quiet, Words::new()),
        }
    }
}

fn was(lines: i64) -> String {
    let verb = if lines == 1 { "was" } else { "were" };
    format!("{} {verb}", count(lines, "line", "lines"))
}
