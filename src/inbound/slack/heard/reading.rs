//! Slack's mark-up and Slack's times, as people and files read them. Nothing is asked of anybody here.

use super::MOST;
use crate::card::words::{one_line, paragraphs};
use crate::desk::chat::ChatMessage;
use crate::env::Timestamp;
use crate::inbound::app::App;
use crate::inbound::slack::speaker::person_by_user;
use crate::ticket::guard;

/// Slack's time of a message, `1772445600.123456`.
pub(super) fn said_at(ts: &str) -> Option<Timestamp> {
    let (seconds, fraction) = ts.split_once('.')?;
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    Timestamp::from_micros(seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(micros)?)
}

/// Slack's mark-up as people read it: `<@U1|ana>` is @ana, an address is itself.
pub(super) fn readable(app: &App, team: &str, marked: &str) -> String {
    let directory = app.desk.snapshot().directory;
    let mut out = String::with_capacity(marked.len());
    let mut rest = marked;
    while let Some(from) = rest.find('<') {
        out.push_str(&rest[..from]);
        let Some(to) = rest[from..].find('>') else {
            rest = &rest[from..];
            break;
        };
        let inner = &rest[from + 1..from + to];
        let (target, label) = inner.split_once('|').unwrap_or((inner, ""));
        match target.split_at_checked(1) {
            Some(("@", user)) => {
                let name = person_by_user(&directory, team, user).map(|person| person.name.clone());
                out.push('@');
                out.push_str(&name.unwrap_or_else(|| if label.is_empty() { user.to_owned() } else { label.to_owned() }));
            }
            Some((sign @ ("#" | "!"), name)) => {
                out.push_str(if sign == "!" { "@" } else { "#" });
                out.push_str(if label.is_empty() { name } else { label.trim_start_matches('@') });
            }
            _ => out.push_str(target),
        }
        rest = &rest[from + to + 1..];
    }
    out.push_str(rest);
    out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// One message on a line: when, who, what.
pub(in crate::inbound::slack) fn line(app: &App, team: &str, message: &ChatMessage) -> String {
    let at = said_at(&message.at).map_or_else(|| message.at.clone(), |at| at.to_string());
    let who = message.user.as_ref().map_or_else(
        || "(a program)".to_owned(),
        |user| {
            let directory = app.desk.snapshot().directory;
            let person = person_by_user(&directory, team, user).map(|p| p.name.clone());
            person.unwrap_or_else(|| format!("{user} (not verified)"))
        },
    );
    let within = if message.thread.is_empty() { "" } else { " (in a thread)" };
    let files: String = message.files.iter().map(|file| format!(" [file: {}]", one_line(&file.name, 120))).collect();
    // What must not be kept is not kept by this way either; a banner stands at the beginning of its own text.
    let screened = guard::screen(&paragraphs(&readable(app, team, &message.text), MOST));
    let said = if screened.refused() { "(held back: it bears a marking)" } else { screened.masked.as_str() };
    format!("{at} {who}{within}: {said}{files}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slacks_times_are_moments_to_the_microsecond() {
        assert_eq!(said_at("1772445600.000100").map(Timestamp::micros), Some(1_772_445_600_000_100));
        assert_eq!(said_at("1772445600.5").map(Timestamp::micros), Some(1_772_445_600_500_000));
        for odd in ["", "x", "1", "1.x", "99999999999999999999.0"] {
            assert_eq!(said_at(odd), None, "{odd}");
        }
    }
}
