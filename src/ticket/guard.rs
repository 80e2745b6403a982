//! What must not stand in chat or in a record that is handed out: protective markings (CUI and above), credentials,
//! payment card numbers. Pure. Found by their shape; nothing of what was found leaves this file.
//!
//! A marking says that the whole text is not for here, so it is refused. A credential or a card number is a slip: the rest
//! is kept without it. To find one more: a pattern below, with an example and a counter-example in the tests.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// So much of a text is looked through, bytes.
const MOST: usize = 1 << 20;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Found {
    /// A marking such as `CUI//SP-CTI` (32 CFR 2002.20), or a classification.
    Marking,
    /// A password, a key, a token.
    Credential,
    /// A payment card number (ISO/IEC 7812: a known prefix, a known length, and Luhn's check digit).
    Card,
}

impl Found {
    /// As events have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Marking => "marking",
            Self::Credential => "credential",
            Self::Card => "card",
        }
    }

    /// As people read it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Marking => "a protective marking such as CUI",
            Self::Credential => "a password, key or token",
            Self::Card => "a payment card number",
        }
    }

    fn in_its_place(self) -> &'static str {
        match self {
            Self::Marking => "[marking removed]",
            Self::Credential => "[credential removed]",
            Self::Card => "[card number removed]",
        }
    }
}

/// What a text holds, and the text without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Screened {
    /// What was found; empty when all is well.
    pub found: BTreeSet<Found>,
    /// The text, with a word in the place of each find.
    pub masked: String,
}

impl Screened {
    /// The text is not for here at all.
    #[must_use]
    pub fn refused(&self) -> bool {
        self.found.contains(&Found::Marking)
    }

    /// Names of what was found, as events have them.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.found.iter().map(|f| f.name().to_owned()).collect()
    }
}

/// Banners and portion markings: a line of nothing else, or words that are only ever markings.
const MARKINGS: [&str; 5] = [
    r"(?m)^[\s*_>|]*(?:CUI|CONTROLLED|SECRET|TOP SECRET|CONFIDENTIAL//[A-Z]+|FOUO)[\s*_|]*$",
    r"\b(?:CUI|CONTROLLED|CONFIDENTIAL|SECRET|TOP SECRET|UNCLASSIFIED)//[A-Z][A-Z/ -]*",
    r"(?i)\bcontrolled unclassified information\b\s*(?://|\(CUI\)|banner|$)",
    r"(?:^|\s)\((?:CUI|U//FOUO|C|S|TS)(?://[A-Z -]+)?\)\s",
    r"\b(?:NOFORN|FOUO//|DISTRIBUTION STATEMENT [B-F])\b",
];

/// Things that open something.
const CREDENTIALS: [&str; 10] = [
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----)?",
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    r"\bxox[abeoprs]-[0-9A-Za-z-]{10,}",
    r"\bxapp-[0-9A-Za-z-]{10,}",
    r"\bgh[opusr]_[0-9A-Za-z]{36,}\b",
    r"\bglpat-[0-9A-Za-z_-]{20,}",
    r"\beyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}",
    r"\b(?:sk|rk)_live_[0-9A-Za-z]{16,}|\bAIza[0-9A-Za-z_-]{35}|\bcs_[0-9a-z]+_[0-9A-Za-z_-]{20,}",
    r"(?i)\b(?:password|passwd|passphrase|pwd|api[_ -]?key|secret[_ -]?key|access[_ -]?token|client[_ -]?secret)\b\s*(?:is\s|[:=])\s*[^\s,;]{6,}",
    r"\b[a-z][a-z0-9+]{1,20}://[^\s/:@]+:[^\s/:@]{3,}@",
];

/// Thirteen to nineteen digits, in groups or not.
const DIGITS: &str = r"\d(?:[ -]?\d){12,18}";

static PATTERNS: LazyLock<Vec<(Found, Regex)>> = LazyLock::new(|| {
    let of = |found: Found| move |pattern: &&str| Some((found, Regex::new(pattern).ok()?));
    let markings = MARKINGS.iter().filter_map(of(Found::Marking));
    let credentials = CREDENTIALS.iter().filter_map(of(Found::Credential));
    markings.chain(credentials).chain([DIGITS].iter().filter_map(of(Found::Card))).collect()
});

/// Looks through a text; what lies beyond the first mebibyte is not looked at.
#[must_use]
pub fn screen(text: &str) -> Screened {
    let mut end = text.len().min(MOST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let (seen, rest) = text.split_at(end);
    let mut finds: Vec<(Range<usize>, Found)> = Vec::new();
    for (found, pattern) in PATTERNS.iter() {
        let matches = pattern.find_iter(seen).map(|m| m.range());
        finds.extend(matches.filter(|range| *found != Found::Card || is_card(seen, range)).map(|range| (range, *found)));
    }
    finds.sort_by_key(|(range, _)| range.start);
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    for (range, found) in &finds {
        if range.start >= at {
            masked.push_str(&seen[at..range.start]);
            masked.push_str(found.in_its_place());
        }
        at = at.max(range.end);
    }
    masked.push_str(&seen[at..]);
    masked.push_str(rest);
    Screened { found: finds.into_iter().map(|(_, found)| found).collect(), masked }
}

/// Whether digits are a card's: not part of a longer number, a prefix and a length that are issued, and Luhn's check digit.
fn is_card(text: &str, range: &Range<usize>) -> bool {
    let before = text[..range.start].chars().next_back();
    let after = text[range.end..].chars().next();
    let part_of_more = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if part_of_more(before) || after.is_some_and(char::is_alphanumeric) {
        return false;
    }
    let digits: Vec<u32> = text[range.clone()].chars().filter_map(|c| c.to_digit(10)).collect();
    let prefix = |n: usize| digits.iter().take(n).fold(0, |sum, d| sum * 10 + d);
    let issued = match digits.len() {
        13 | 19 => prefix(1) == 4,
        14 => matches!(prefix(2), 36 | 38 | 39) || matches!(prefix(3), 300..=305),
        15 => matches!(prefix(2), 34 | 37),
        16 => {
            prefix(1) == 4
                || matches!(prefix(2), 51..=55 | 65)
                || matches!(prefix(4), 2221..=2720 | 3528..=3589 | 6011)
                || matches!(prefix(3), 644..=649)
        }
        _ => false,
    };
    issued && luhn(&digits)
}

/// ISO/IEC 7812-1, annex B.
fn luhn(digits: &[u32]) -> bool {
    let doubled = |d: u32| if d > 4 { d * 2 - 9 } else { d * 2 };
    let sum: u32 = digits.iter().rev().enumerate().map(|(i, d)| if i % 2 == 1 { doubled(*d) } else { *d }).sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<Found> {
        screen(text).found.into_iter().collect()
    }

    #[test]
    fn markings_credentials_and_card_numbers_are_found() {
        for text in [
            "CUI",
            "CUI//SP-CTI\nThe drawing of the part",
            "> **CUI**\nmore",
            "(CUI) the lot number",
            "SECRET//NOFORN",
            "CONTROLLED//SP-PRVCY",
        ] {
            assert!(found(text).contains(&Found::Marking), "{text}");
            assert!(screen(text).refused());
        }
        for text in [
            "use AKIAIOSFODNN7EXAMPLE for it",
            "password: hunter2hunter2",
            "the api key is 8f2ad81b99",
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
            "postgres://app:s3cret@db/orders",
            "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
            &format!("xox{}-123456789012-abcdef", "b"),
        ] {
            assert_eq!(found(text), [Found::Credential], "{text}");
        }
        for text in ["4111 1111 1111 1111", "card 5555-5555-5555-4444 was charged", "378282246310005"] {
            assert_eq!(found(text), [Found::Card], "{text}");
        }
    }

    #[test]
    fn everyday_talk_of_an_incident_is_left_alone() {
        for text in [
            "Was CUI involved? I don't think so.",
            "the password was rotated, and the token revoked",
            "trace 4111111111111112, order 1234567890123456",
            "since 1772445600123456 (see https://grafana.example.com/d/4111111111111111x)",
            "Kill pid 4111; the secret santa list is fine",
            "ring +49 4111 1111 1111 11",
            "postgres://db.example.com:5432/orders",
            "",
        ] {
            assert_eq!(found(text), [], "{text}");
            assert_eq!(screen(text).masked, text);
        }
    }

    #[test]
    fn what_is_masked_is_gone_and_the_rest_stands() {
        let screened = screen("ana: password: hunter2hunter2, card 4111 1111 1111 1111; drained zone b");
        assert_eq!(screened.masked, "ana: [credential removed], card [card number removed]; drained zone b");
        assert_eq!(screened.names(), ["credential", "card"]);
        assert!(!screened.refused());
    }
}
