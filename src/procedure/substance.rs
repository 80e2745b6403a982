//! Whether a text says something. "Updated user permissions" tells nobody in a year what was done, why, for whom and by
//! what authority; a few words that carry meaning do.

use super::rules::Substance;

/// Words that could stand in any ticket: they carry no meaning of their own.
const EMPTY: &[&str] = &[
    "a",
    "access",
    "add",
    "added",
    "admin",
    "all",
    "an",
    "and",
    "applied",
    "as",
    "asked",
    "asap",
    "at",
    "be",
    "been",
    "business",
    "by",
    "change",
    "changed",
    "changes",
    "changing",
    "config",
    "configuration",
    "configured",
    "do",
    "done",
    "etc",
    "fix",
    "fixed",
    "fixes",
    "fixing",
    "for",
    "foo",
    "general",
    "give",
    "given",
    "has",
    "have",
    "he",
    "her",
    "his",
    "i",
    "improve",
    "improved",
    "improvement",
    "improvements",
    "in",
    "install",
    "installed",
    "is",
    "issue",
    "issues",
    "it",
    "its",
    "job",
    "lorem",
    "ipsum",
    "made",
    "maintenance",
    "make",
    "misc",
    "miscellaneous",
    "modify",
    "modified",
    "my",
    "n/a",
    "na",
    "need",
    "needed",
    "needs",
    "new",
    "no",
    "none",
    "of",
    "ok",
    "on",
    "operational",
    "our",
    "per",
    "performed",
    "permission",
    "permissions",
    "please",
    "problem",
    "purposes",
    "purpose",
    "reason",
    "reasons",
    "request",
    "requested",
    "required",
    "requirement",
    "requirements",
    "same",
    "see",
    "set",
    "she",
    "software",
    "some",
    "something",
    "stuff",
    "system",
    "systems",
    "tbc",
    "tbd",
    "test",
    "that",
    "the",
    "their",
    "them",
    "they",
    "thing",
    "things",
    "this",
    "ticket",
    "to",
    "todo",
    "update",
    "updated",
    "updates",
    "updating",
    "upgrade",
    "upgraded",
    "urgent",
    "us",
    "user",
    "users",
    "various",
    "was",
    "we",
    "were",
    "will",
    "with",
    "work",
    "yes",
    "you",
];

/// Whether the text says too little: fewer words of meaning than half of what is wanted, or fewer words than wanted.
#[must_use]
pub fn lacks(wanted: &Substance, text: &str) -> bool {
    let words: Vec<String> = text.split_whitespace().map(bare).filter(|w| !w.is_empty()).collect();
    let mut telling: Vec<&String> = words.iter().filter(|w| !EMPTY.contains(&w.as_str()) && w.chars().any(char::is_alphanumeric)).collect();
    telling.sort_unstable();
    telling.dedup();
    words.len() < wanted.words || telling.len() < wanted.words.div_ceil(2)
}

fn bare(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Substance {
        Substance { words: 6, example: "Ana joins the payroll team on 1 December and runs month-end reports.".to_owned() }
    }

    #[test]
    fn phrases_that_could_stand_in_any_ticket_are_told_from_those_that_say_something() {
        let empty = [
            "Updated user permissions",
            "updated user permissions, updated user permissions",
            "As requested by the business, changed the configuration as needed.",
            "required for business purposes as per the request of the user",
            "n/a",
            "fix fix fix fix fix fix fix fix",
            "asdf asdf asdf asdf asdf asdf asdf",
            "- . - . - . -",
        ];
        for text in empty {
            assert!(lacks(&wanted(), text), "{text}");
        }
        let telling = [
            "Ana joins the payroll team on 1 December and runs month-end reports.",
            "The nightly backup of prod-db fails since the disk is full.",
            "Die Sicherung der Datenbank schlägt seit Montag fehl, weil die Platte voll ist.",
        ];
        for text in telling {
            assert!(!lacks(&wanted(), text), "{text}");
        }
    }
}
