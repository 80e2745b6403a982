//! What is said to one person only: refusals that say what to do, and short confirmations.
//!
//! A refusal is a value with its own words where it is decided; these are the sentences of the situations that a
//! surface meets by itself, in the tone of the house.

use super::words::{list, number_word, uncapitalise};

/// The step cannot be taken yet: names every missing thing.
#[must_use]
pub fn missing(number: &str, step: &str, things: &[String]) -> String {
    let things: Vec<String> = things.iter().map(|t| uncapitalise(t)).collect();
    let count = number_word(things.len());
    let verb = if things.len() == 1 { "thing is" } else { "things are" };
    format!("“{step}” on {number} can be done once {count} {verb} there: {}.", list(&things, "and"))
}

/// The ticket moved on between the showing and the click.
#[must_use]
pub fn moved_on(number: &str, status: &str) -> String {
    format!("{number} changed while you were reading: it is now “{status}”. Nothing was recorded; please look again.")
}

/// The database did not take it.
#[must_use]
pub fn not_stored() -> String {
    "I could not save that (the database does not answer). Nothing was recorded; please try again in a minute.".to_owned()
}

/// A file could not be written.
#[must_use]
pub fn not_kept() -> String {
    "I could not keep that file (the disk does not take it). Nothing was recorded; please try again in a minute.".to_owned()
}

/// Whether it was taken is not known; the same key makes a second try safe.
#[must_use]
pub fn unknown_outcome() -> String {
    "I do not know yet whether that was saved. Please send it again as it stands: it is recorded only once.".to_owned()
}

/// Nobody is signed in.
#[must_use]
pub fn signed_out() -> String {
    "You are not signed in any more. Sign in again; what you typed is kept.".to_owned()
}

/// A one-time link that opens nothing.
#[must_use]
pub fn used_link() -> String {
    "This link was used already, or is too old. Ask an administrator for a new one: countersign people invite.".to_owned()
}

/// An input that must be filled in is empty.
#[must_use]
pub fn empty_field(label: &str) -> String {
    format!("Please fill in: {}.", uncapitalise(label))
}

/// An input holds more than it can.
#[must_use]
pub fn too_long(label: &str, max: usize) -> String {
    format!("{label} can hold {max} characters; please shorten it.")
}

/// An input that wants a moment holds something else.
#[must_use]
pub fn not_a_time() -> String {
    "Please give a day and a time, such as 2026-11-22 03:04.".to_owned()
}

/// An input that wants a ticket's number holds something else.
#[must_use]
pub fn not_a_ticket() -> String {
    "A ticket's number looks like INC-000042.".to_owned()
}

/// The page asked for does not exist, or its reader may not see it; which of the two is not said.
#[must_use]
pub fn not_found() -> String {
    "There is nothing at this address, or nothing that you may see.".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_every_missing_thing() {
        let things = ["Root cause", "evidence for “Mitigated”"].map(str::to_owned);
        insta::assert_snapshot!(missing("INC-000042", "Close", &things), @"“Close” on INC-000042 can be done once two things are there: root cause and evidence for “Mitigated”.");
        insta::assert_snapshot!(missing("INC-000042", "Close", &things[..1]), @"“Close” on INC-000042 can be done once one thing is there: root cause.");
    }

    #[test]
    fn a_refusal_says_what_to_do_and_never_shouts() {
        let said =
            [moved_on("INC-000001", "Closed"), not_stored(), unknown_outcome(), signed_out(), used_link(), not_found(), not_a_time()];
        assert!(said.iter().all(|s| s.ends_with('.') && !s.contains('!')), "{said:?}");
    }
}
