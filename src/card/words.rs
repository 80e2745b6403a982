//! Sentences made of spans, durations as people say them, and the cleaning of text that strangers wrote.

use std::fmt::Write as _;
use std::time::Duration;

use chrono_tz::Tz;

use crate::env::Timestamp;
use crate::ticket::number::Number;

/// A part of a sentence. All text is plain; a surface escapes it for its own mark-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// Ordinary words.
    Text(String),
    /// Words that matter most.
    Strong(String),
    /// A person's or system's name.
    Name(String),
    /// A moment; shown in the reader's zone, with UTC beside it.
    Time(Timestamp),
    /// What is left until a moment, or by how much it was missed; a surface may keep it current.
    Left(Timestamp),
    /// Another ticket.
    Ticket(Number),
    /// What a person typed, in quotation marks.
    Quote(String),
}

/// A sentence or two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(pub Vec<Span>);

impl Words {
    /// Nothing said yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only ordinary words.
    #[must_use]
    pub fn of(text: impl Into<String>) -> Self {
        Self::new().text(text)
    }

    /// Adds ordinary words.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Span::Text(last)) => last.push_str(&text),
            _ => self.0.push(Span::Text(text)),
        }
        self
    }

    /// Adds words that matter most.
    #[must_use]
    pub fn strong(self, text: impl Into<String>) -> Self {
        self.span(Span::Strong(text.into()))
    }

    /// Adds a name.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        self.span(Span::Name(name.into()))
    }

    /// Adds a moment.
    #[must_use]
    pub fn time(self, at: Timestamp) -> Self {
        self.span(Span::Time(at))
    }

    /// Adds what is left until a moment.
    #[must_use]
    pub fn left(self, due: Timestamp) -> Self {
        self.span(Span::Left(due))
    }

    /// Adds a ticket's number.
    #[must_use]
    pub fn ticket(self, number: &Number) -> Self {
        self.span(Span::Ticket(number.clone()))
    }

    /// Adds what a person typed.
    #[must_use]
    pub fn quote(self, text: impl Into<String>) -> Self {
        self.span(Span::Quote(text.into()))
    }

    /// Adds one span.
    #[must_use]
    pub fn span(mut self, span: Span) -> Self {
        self.0.push(span);
        self
    }

    /// Adds other words behind these.
    #[must_use]
    pub fn then(mut self, more: Self) -> Self {
        for span in more.0 {
            self = match span {
                Span::Text(text) => self.text(text),
                other => self.span(other),
            };
        }
        self
    }

    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As plain text in `zone` at the moment `reference`. Times on its day are `03:04`, others carry their date.
    #[must_use]
    pub fn plain(&self, zone: Tz, reference: Timestamp) -> String {
        let mut out = String::new();
        for span in &self.0 {
            match span {
                Span::Text(text) | Span::Strong(text) | Span::Name(text) => out.push_str(text),
                Span::Time(at) => out.push_str(&moment(*at, zone, reference)),
                Span::Left(due) => out.push_str(&remaining(*due, reference)),
                Span::Ticket(number) => {
                    let _ = write!(out, "{number}");
                }
                Span::Quote(text) => {
                    let _ = write!(out, "“{text}”");
                }
            }
        }
        out
    }
}

impl From<&str> for Words {
    fn from(text: &str) -> Self {
        Self::of(text)
    }
}

/// A moment as people say it in `zone`: `03:04` on the day of `reference`, otherwise `Sat 22 Nov 03:04`, with the
/// year when it is another one.
#[must_use]
pub fn moment(at: Timestamp, zone: Tz, reference: Timestamp) -> String {
    use chrono::Datelike as _;
    let (local, day) = (at.utc().with_timezone(&zone), reference.utc().with_timezone(&zone));
    let shape = if local.date_naive() == day.date_naive() {
        "%H:%M"
    } else if local.year() == day.year() {
        "%a %-d %b %H:%M"
    } else {
        "%-d %b %Y %H:%M"
    };
    local.format(shape).to_string()
}

/// A length of time as people say it: `40 s`, `14 min`, `2 h 5 min`, `3 days 4 h`.
#[must_use]
pub fn duration(length: Duration) -> String {
    let seconds = length.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let pair = |big: String, rest: u64, unit: &str| if rest == 0 { big } else { format!("{big} {rest} {unit}") };
    match () {
        () if seconds < 60 => format!("{seconds} s"),
        () if hours < 1 => format!("{minutes} min"),
        () if days < 1 => pair(format!("{hours} h"), minutes % 60, "min"),
        () if days == 1 => pair("1 day".to_owned(), hours % 24, "h"),
        () => pair(format!("{days} days"), hours % 24, "h"),
    }
}

/// What is left until `due`, or by how much it was missed: `14 min left`, `2 h 5 min late`.
#[must_use]
pub fn remaining(due: Timestamp, now: Timestamp) -> String {
    if now <= due { format!("{} left", duration(due.since(now))) } else { format!("{} late", duration(now.since(due))) }
}

/// A length in seconds as an event records it.
#[must_use]
pub fn seconds(count: i64) -> String {
    duration(Duration::from_secs(u64::try_from(count).unwrap_or(0)))
}

/// `1 alert`, `37 alerts`.
#[must_use]
pub fn count(n: i64, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

/// Small numbers in words, as in "two things are owed".
#[must_use]
pub fn number_word(n: usize) -> String {
    const WORDS: [&str; 10] = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    WORDS.get(n).map_or_else(|| n.to_string(), |w| (*w).to_owned())
}

/// `Ana`, `Ana and Bo`, `Ana, Bo and Chidi`; with `last` between the final two.
#[must_use]
pub fn list(items: &[String], last: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., tail] => format!("{} {last} {tail}", head.join(", ")),
    }
}

/// A name from YAML as people read it: `root_cause` becomes `Root cause`.
#[must_use]
pub fn humanise(name: &str) -> String {
    capitalise(&name.replace(['_', '-'], " "))
}

/// The same text with its first letter large.
#[must_use]
pub fn capitalise(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The same text with its first letter small, unless it is an abbreviation (`CUI`).
#[must_use]
pub fn uncapitalise(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), second) if !second.is_some_and(char::is_uppercase) => first.to_lowercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

/// A file's size: `812 bytes`, `14 kB`, `3.2 MB`.
#[must_use]
pub fn size(bytes: i64) -> String {
    match bytes {
        ..1_000 => count(bytes, "byte", "bytes"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

/// Hostile text as one line of at most `max` characters: no control characters, no direction overrides (which make
/// a text read differently from what it is), runs of white space as one space, `…` where it was cut.
#[must_use]
pub fn one_line(text: &str, max: usize) -> String {
    let mut out = String::new();
    let mut kept = 0;
    for letter in text.chars() {
        let letter = if letter.is_whitespace() || letter.is_control() { ' ' } else { letter };
        if is_invisible_direction(letter) || (letter == ' ' && (out.is_empty() || out.ends_with(' '))) {
            continue;
        }
        if kept == max {
            out.push('…');
            return out;
        }
        out.push(letter);
        kept += 1;
    }
    out.trim_end().to_owned()
}

/// Hostile text of several lines: as [`one_line`], with its line breaks kept.
#[must_use]
pub fn paragraphs(text: &str, max: usize) -> String {
    let mut out: String =
        text.chars().filter(|c| (*c == '\n' || *c == '\t' || !c.is_control()) && !is_invisible_direction(*c)).take(max + 1).collect();
    if out.chars().count() > max {
        out.pop();
        out.push('…');
    }
    out.trim().to_owned()
}

/// Unicode's explicit direction marks (UAX #9, section 2): embeddings, overrides and isolates.
fn is_invisible_direction(letter: char) -> bool {
    matches!(letter, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}' | '\u{061C}')
}

/// `an incident manager or the ticket's owner`: who holds one of these roles.
#[must_use]
pub fn any_of(roles: &[String]) -> String {
    let word = |role: &String| match role.as_str() {
        "anyone" => "anybody here".to_owned(),
        "owner" => "the ticket's owner".to_owned(),
        "lead" => "the ticket's lead".to_owned(),
        "requester" => "whoever asked for it".to_owned(),
        "owner-of-system" => "the system's owner".to_owned(),
        "manager-of-subject" => "the manager of whoever it is for".to_owned(),
        "implementer-of-system" => "whoever may change the system".to_owned(),
        role => with_article(&role.replace(['-', '.', '_'], " ")),
    };
    list(&roles.iter().map(word).collect::<Vec<_>>(), "or")
}

/// `an incident`, `a change`
#[must_use]
pub fn with_article(word: &str) -> String {
    let article = if word.starts_with(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O']) { "an" } else { "a" };
    format!("{article} {word}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    #[test]
    fn durations_read_as_people_say_them() {
        let said: Vec<String> = [0, 59, 60, 14 * 60, 3600, 2 * 3600 + 300, 86_400, 90_000, 3 * 86_400 + 4 * 3600 + 59]
            .map(|s| duration(Duration::from_secs(s)))
            .into();
        assert_eq!(said, ["0 s", "59 s", "1 min", "14 min", "1 h", "2 h 5 min", "1 day", "1 day 1 h", "3 days 4 h"]);
    }

    #[test]
    fn what_is_left_turns_into_what_is_late_after_the_due_moment() {
        let due = at("2026-11-22T03:17:00Z");
        assert_eq!(remaining(due, at("2026-11-22T03:03:00Z")), "14 min left");
        assert_eq!(remaining(due, due), "0 s left");
        assert_eq!(remaining(due, at("2026-11-22T05:22:00Z")), "2 h 5 min late");
    }

    #[test]
    fn a_time_carries_its_date_only_on_another_day() {
        let zone = chrono_tz::Europe::Berlin;
        let now = at("2026-11-22T03:17:00Z");
        assert_eq!(moment(at("2026-11-22T02:04:00Z"), zone, now), "03:04");
        assert_eq!(moment(at("2026-11-20T22:04:00Z"), zone, now), "Fri 20 Nov 23:04");
        assert_eq!(moment(at("2025-12-31T22:04:00Z"), zone, now), "31 Dec 2025 23:04");
    }

    #[test]
    fn hostile_text_becomes_one_honest_line() {
        assert_eq!(one_line("  db\r\n down\u{202E}gpj.exe\u{0007} ", 40), "db downgpj.exe");
        assert_eq!(one_line("abcdef", 3), "abc…");
        assert_eq!(one_line("abc", 3), "abc");
        assert_eq!(paragraphs("one\n\ntwo\u{2066}\u{0}three", 40), "one\n\ntwothree");
        assert_eq!(paragraphs("abcdef", 3), "abc…");
    }

    #[test]
    fn lists_and_names_read_naturally() {
        let names = ["Ana", "Bo", "Chidi"].map(str::to_owned);
        assert_eq!(list(&names, "or"), "Ana, Bo or Chidi");
        assert_eq!(list(&names[..2], "and"), "Ana and Bo");
        assert_eq!(humanise("root_cause"), "Root cause");
        assert_eq!(uncapitalise("CUI data"), "CUI data");
        assert_eq!(uncapitalise("Root cause"), "root cause");
        assert_eq!((size(1), size(14_200), size(3_250_000)), ("1 byte".into(), "14 kB".into(), "3.2 MB".into()));
    }

    #[test]
    fn words_join_into_plain_text() {
        let words = Words::new().name("Ana").text(" has it (").time(at("2026-11-22T03:04:00Z")).text("). ").then("Next.".into());
        assert_eq!(words.plain(chrono_tz::UTC, at("2026-11-22T03:09:00Z")), "Ana has it (03:04). Next.");
    }
}
