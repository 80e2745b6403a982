//! Sentences and moments as HTML. Everything is escaped by the templates; these are the only values that may stand
//! in a page as they are.

use askama::Template;
use askama::filters::HtmlSafe;

use super::views::ROOT;
use crate::card::words::{Span, Words, moment, remaining};
use crate::env::Timestamp;

/// A moment: UTC on the server, turned into the reader's zone by the script, with UTC beside it on hover.
#[derive(Clone, Copy, Debug, Template)]
#[template(
    ext = "html",
    source = r#"<time datetime="{{ self.iso() }}" title="{{ self.full() }}">{{ self.shown() }}<span class="zone"> UTC</span></time>"#
)]
pub struct Moment {
    /// The moment.
    pub at: Timestamp,
    /// The moment of rendering: times on its day carry no date.
    pub now: Timestamp,
}

impl HtmlSafe for Moment {}

impl Moment {
    fn iso(&self) -> String {
        self.at.utc().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    }

    fn full(&self) -> String {
        self.at.utc().format("%a %-d %b %Y %H:%M:%S UTC").to_string()
    }

    fn shown(&self) -> String {
        moment(self.at, chrono_tz::UTC, self.now)
    }
}

/// A moment with its date and seconds, UTC beside it: for records.
#[derive(Clone, Copy, Debug, Template)]
#[template(ext = "html", source = r#"{{ moment }}<span class="utc">{{ self.utc() }}</span>"#)]
pub struct Stamp {
    /// The moment.
    pub moment: Moment,
}

impl HtmlSafe for Stamp {}

impl Stamp {
    fn utc(&self) -> String {
        self.moment.at.utc().format("%Y-%m-%d %H:%M:%S UTC").to_string()
    }
}

/// A sentence.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "console/words.html")]
pub struct Sentence<'a> {
    /// What is said.
    pub words: &'a Words,
    /// The moment of rendering.
    pub now: Timestamp,
}

impl HtmlSafe for Sentence<'_> {}

impl Sentence<'_> {
    fn left(&self, due: &Timestamp) -> String {
        remaining(*due, self.now)
    }

    fn moment(&self, at: &Timestamp) -> Moment {
        Moment { at: *at, now: self.now }
    }
}

/// One or two letters for a person without a picture.
#[must_use]
pub fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|word| word.chars().next());
    let (first, last) = (words.next(), words.next_back());
    first.into_iter().chain(last).flat_map(char::to_uppercase).collect()
}

/// One of eight colours for a name, always the same one (FNV-1a over its bytes).
#[must_use]
pub fn hue(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)) % 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticket::number::Number;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    #[test]
    fn hostile_words_are_escaped_wherever_they_stand() {
        let bad = "<img src=x onerror=alert(1)>\"'&";
        let words = Words::of(bad).strong(bad).name(bad).quote(bad).ticket(&Number::new("INC", 7)).time(at("2026-11-22T03:04:00Z"));
        let html = Sentence { words: &words, now: at("2026-11-22T03:10:00Z") }.to_string();
        assert!(!html.contains("<img") && !html.contains("\"'"), "{html}");
        assert!(html.contains(r#"<a href="/console/c/INC-000007">INC-000007</a>"#), "{html}");
        assert!(html.contains(r#"<time datetime="2026-11-22T03:04:00Z" title="Sun 22 Nov 2026 03:04:00 UTC">03:04"#), "{html}");
    }

    #[test]
    fn initials_are_two_letters_at_most() {
        assert_eq!(["Ana Lima", "bo", "Maria del Mar Ruiz", ""].map(initials), ["AL", "B", "MR", ""]);
        assert_eq!(hue("Ana Lima"), hue("Ana Lima"));
    }
}
