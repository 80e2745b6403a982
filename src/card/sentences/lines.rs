//! What is said of a review's lines.

use super::{Teller, said};
use crate::card::story::{Said, Tone};
use crate::card::words::{Words, count, list, one_line};
use crate::ticket::event::Fact;
use crate::ticket::lines::{LinesScope, Verdict};

impl Teller<'_> {
    pub(super) fn lines(&self) -> Said {
        match &self.event.fact {
            Fact::LinesGathering { until } => {
                said(Tone::Quiet, Words::of("Lists of users can be handed in until ").time(*until).text("; then the lines are frozen."))
            }
            Fact::UsersListed { system, rows, file, replaces } => {
                let what = format!(" handed in the list of {}: {}.", one_line(system, 60), count(*rows, "user", "users"));
                let text = self.who().text(what);
                let text = match replaces {
                    None => text,
                    Some(before) => text
                        .text(format!(
                            " It (file {file}) takes the place of file {}, {} by ",
                            before.file,
                            count(before.rows, "user", "users")
                        ))
                        .name(self.person(&before.by))
                        .text("."),
                };
                said(Tone::Step, text)
            }
            Fact::LinesListed { first, lines } => {
                let last = first + i64::try_from(lines.len()).unwrap_or(0) - 1;
                said(Tone::Quiet, Words::of(format!("Lines {first} to {last} were written down.")))
            }
            Fact::LinesFrozen { lines, digest, scope, .. } => {
                let digest = digest.get(..12).unwrap_or_default();
                let text = Words::of(format!("{} frozen (digest {digest}…).", was(*lines)));
                let text = scope.iter().fold(text, |text, scope| self.scope(text, scope));
                said(Tone::Step, text.text(" Everybody who is asked has them now."))
            }
            Fact::LineDecided { line, verdict, follow_up, alone, .. } => {
                let verb = match verdict {
                    Verdict::Keep => "kept",
                    Verdict::Revoke => "revoked",
                    Verdict::Change => "asked to change",
                };
                let mut text = self.who().text(format!(" {verb} line {line}"));
                if let Some(record) = follow_up {
                    text = text.text(" (").ticket(record).text(")");
                }
                if *alone {
                    text = text.text(", alone by the declared exception");
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

    /// ` Looked at as of 09:00, prod-db alone: 3 access (granted); 2 users of prod-db (file 1, by Sec).`
    fn scope(&self, text: Words, scope: &LinesScope) -> Words {
        let system = scope.system.as_ref().map_or_else(|| ", every system".to_owned(), |s| format!(", {} alone", one_line(s, 60)));
        let mut text = text.text(" Looked at as of ").time(scope.at).text(format!("{system}:"));
        for (at, source) in scope.sources.iter().enumerate() {
            let between = if at == 0 { " " } else { "; " };
            text = match (&source.system, source.file) {
                (Some(system), Some(file)) => {
                    let users = count(source.count, "user", "users");
                    text = text.text(format!("{between}{users} of {} (file {file}", one_line(system, 60)));
                    match &source.by {
                        Some(by) => text.text(", by ").name(self.person(by)).text(")"),
                        None => text.text(")"),
                    }
                }
                _ => text.text(format!("{between}{} {} ({})", source.count, one_line(&source.of, 40), list(&source.standing, "or"))),
            };
        }
        text.text(".")
    }
}

fn was(lines: i64) -> String {
    let verb = if lines == 1 { "was" } else { "were" };
    format!("{} {verb}", count(lines, "line", "lines"))
}
