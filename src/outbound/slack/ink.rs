//! Words as Slack takes them, within its limits (<https://docs.slack.dev/reference/block-kit>).
//!
//! Sentences become `rich_text`, whose text nobody parses: what a stranger wrote can neither call a channel together nor
//! look like a link or a button. Where Slack takes nothing but mark-up (the text of a notification), `&`, `<` and `>` are
//! escaped, and with them everything that could mention somebody.

use serde_json::{Value, json};

use crate::card::words::{Span, Words, moment, remaining};
use crate::env::Timestamp;
use crate::ticket::number::Number;

/// The most characters of one block's text.
pub(super) const BLOCK: usize = 3_000;

/// At most `max` characters, `…` where it was cut.
pub(super) fn clip(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max.saturating_sub(1)).chain(['…']).collect()
}

/// Text that Slack takes as mark-up, with nothing in it that it would act on.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A `plain_text` object; a space stands for nothing, since Slack takes no empty ones.
pub(super) fn plain(text: &str, max: usize) -> Value {
    let text = clip(text, max);
    json!({ "type": "plain_text", "text": if text.is_empty() { " " } else { &text }, "emoji": false })
}

/// Renders sentences as of one moment.
#[derive(Clone, Copy, Debug)]
pub struct Ink<'a> {
    /// The console's address, without a slash at the end.
    pub console: &'a str,
    /// The moment of rendering.
    pub now: Timestamp,
}

impl Ink<'_> {
    /// Where a ticket's page is.
    #[must_use]
    pub fn page(&self, number: &str) -> String {
        format!("{}/console/c/{number}", self.console)
    }

    /// A sentence as elements of a `rich_text_section`, at most `max` characters.
    pub(super) fn elements(&self, words: &Words, max: usize) -> Vec<Value> {
        let mut left = max;
        let mut out = Vec::new();
        let mut in_brackets = false;
        for span in &words.0 {
            if left == 0 {
                break;
            }
            let (element, length) = self.element(span, left, in_brackets);
            out.extend(element);
            left = left.saturating_sub(length);
            in_brackets = matches!(span, Span::Text(text) if text.ends_with('('));
        }
        out.into_iter().flatten().collect()
    }

    fn element(&self, span: &Span, left: usize, in_brackets: bool) -> (Option<Vec<Value>>, usize) {
        let styled = |text: &str, style: Option<&str>| {
            let text = clip(text, left);
            let length = text.chars().count();
            let mut element = json!({ "type": "text", "text": text });
            if let Some(style) = style {
                element["style"] = json!({ style: true });
            }
            ((length > 0).then(|| vec![element]), length)
        };
        match span {
            Span::Text(text) => styled(text, None),
            Span::Strong(text) | Span::Name(text) => styled(text, Some("bold")),
            Span::Quote(text) => styled(&format!("“{text}”"), None),
            Span::Time(at) => (Some(self.moment(*at, in_brackets)), 24),
            Span::Left(due) => {
                let lead = if self.now <= *due { "time until " } else { "late since " };
                let mut both = vec![json!({ "type": "text", "text": lead })];
                both.extend(self.moment(*due, in_brackets));
                (Some(both), 36)
            }
            Span::Ticket(number) => (Some(vec![self.ticket(number)]), 12),
        }
    }

    /// A ticket's number, leading to its page.
    fn ticket(&self, number: &Number) -> Value {
        let text = number.to_string();
        json!({ "type": "link", "url": self.page(&text), "text": text })
    }

    /// A moment in the reader's zone, with UTC beside it: in brackets, unless it stands in brackets itself.
    fn moment(&self, at: Timestamp, in_brackets: bool) -> Vec<Value> {
        let utc = moment(at, chrono_tz::UTC, self.now);
        let beside = if in_brackets { format!(", {utc} UTC") } else { format!(" ({utc} UTC)") };
        let format = if utc.len() == 5 { "{time}" } else { "{date_short_pretty} {time}" };
        vec![
            json!({ "type": "date", "timestamp": at.seconds(), "format": format, "fallback": format!("{utc} UTC") }),
            json!({ "type": "text", "text": beside }),
        ]
    }

    /// One paragraph.
    pub(super) fn paragraph(&self, words: &Words) -> Value {
        json!({ "type": "rich_text", "elements": [{ "type": "rich_text_section", "elements": self.elements(words, BLOCK) }] })
    }

    /// A short list under a word in bold; what does not fit is counted.
    pub(super) fn list(&self, title: &str, lines: &[Words], most: usize) -> Option<Value> {
        if lines.is_empty() {
            return None;
        }
        let share = (BLOCK - 200) / lines.len().min(most).max(1);
        let item = |line: &Words| json!({ "type": "rich_text_section", "elements": self.elements(line, share) });
        let mut items: Vec<Value> = lines.iter().take(most).filter(|line| !line.is_empty()).map(item).collect();
        if lines.len() > most {
            items.push(json!({ "type": "rich_text_section", "elements": [{ "type": "text", "text": format!("and {} more", lines.len() - most) }] }));
        }
        let head =
            json!({ "type": "rich_text_section", "elements": [{ "type": "text", "text": clip(title, 150), "style": { "bold": true } }] });
        Some(json!({ "type": "rich_text", "elements": [head, { "type": "rich_text_list", "style": "bullet", "elements": items }] }))
    }

    /// Somebody's own words, of several lines perhaps, in blocks of a bearable size.
    pub(super) fn quoted(body: &str) -> Vec<Value> {
        let letters: Vec<char> = body.chars().collect();
        let block = |part: &[char]| {
            let text: String = part.iter().collect();
            json!({ "type": "rich_text", "elements": [{ "type": "rich_text_quote", "elements": [{ "type": "text", "text": text }] }] })
        };
        letters.chunks(BLOCK).map(block).collect()
    }

    /// The sentence for a notification, or where blocks are not shown: mark-up, escaped.
    pub(super) fn fallback(&self, words: &Words) -> String {
        let plain: String = words
            .0
            .iter()
            .map(|span| match span {
                Span::Text(text) | Span::Strong(text) | Span::Name(text) => text.clone(),
                Span::Quote(text) => format!("“{text}”"),
                Span::Time(at) => format!("{} UTC", moment(*at, chrono_tz::UTC, self.now)),
                Span::Left(due) => remaining(*due, self.now),
                Span::Ticket(number) => number.to_string(),
            })
            .collect();
        escaped(&clip(&plain, BLOCK))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    fn ink() -> Ink<'static> {
        Ink { console: "https://cs.example.com", now: at("2026-11-22T03:10:00Z") }
    }

    #[test]
    fn what_a_stranger_wrote_mentions_nobody() {
        let bad = "<!channel> <@U1> *bold* :fire: & <https://evil.example|here>";
        let words = Words::of(bad).quote(bad).name(bad);
        assert_eq!(ink().fallback(&Words::of(bad)), "&lt;!channel&gt; &lt;@U1&gt; *bold* :fire: &amp; &lt;https://evil.example|here&gt;");
        let kinds: Vec<_> = ink().elements(&words, BLOCK).iter().map(|e| e["type"].clone()).collect();
        assert_eq!(kinds, ["text", "text", "text"], "text alone, which Slack does not parse");
    }

    #[test]
    fn a_moment_is_the_readers_with_utc_beside_it_and_a_limit_is_told_as_a_moment() {
        let words = Words::of("Due ").left(at("2026-11-22T03:17:00Z")).text(", ").time(at("2026-11-20T22:04:00Z"));
        let elements = ink().elements(&words, BLOCK);
        assert_eq!(elements[1]["text"], "time until ");
        assert_eq!(elements[2], json!({ "type": "date", "timestamp": 1_795_317_420, "format": "{time}", "fallback": "03:17 UTC" }));
        assert_eq!(elements[3]["text"], " (03:17 UTC)");
        assert_eq!(elements[5]["format"], "{date_short_pretty} {time}");
        assert_eq!(ink().fallback(&words), "Due 7 min left, Fri 20 Nov 22:04 UTC");
        let bracketed = ink().elements(&Words::of("Ana has it (").time(at("2026-11-22T03:04:00Z")).text(")."), BLOCK);
        assert_eq!(bracketed[2]["text"], ", 03:04 UTC", "no brackets within brackets");
    }

    #[test]
    fn a_sentence_is_cut_within_its_limit_and_long_words_of_a_person_are_not() {
        let long = "x".repeat(9_000);
        let cut = ink().elements(&Words::of(&long).text("more"), 3_000);
        assert_eq!(cut[0]["text"].as_str().map(|t| t.chars().count()), Some(3_000));
        assert_eq!(Ink::quoted(&long).len(), 3);
        assert_eq!(plain("", 24)["text"], " ");
    }
}
