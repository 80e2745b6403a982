//! What is said in chat to one person: answers to commands, invitations to link an account, what could not be kept.

use super::words::{Words, list, one_line};
use crate::env::Timestamp;
use crate::ticket::guard::Found;
use crate::ticket::number::Number;

/// The account is nobody's yet.
#[must_use]
pub fn not_linked(kept: bool) -> Words {
    let kept = if kept {
        "Linking takes a minute, and what you typed is kept until then."
    } else {
        "Linking takes a minute; please do this again afterwards."
    };
    Words::of(format!("I don't know yet who you are here. {kept}"))
}

/// Where an account is linked.
#[must_use]
pub fn how_to_link() -> Vec<Words> {
    vec![
        Words::of(
            "Open the console and sign in; it shows a short code. Then type in any channel: /countersign link CODE. Only you see that.",
        ),
        Words::of("The code lasts ten minutes and is for you alone. Nobody needs it from you, and nobody sends you one."),
    ]
}

/// Somebody is called soon whose account is not linked.
#[must_use]
pub fn on_call_invitation(turn: Timestamp) -> Vec<Words> {
    let first = Words::of("You are on call from ").time(turn).text(", and I don't know yet that this account is yours.");
    let mut words = vec![first.text(" Until you link it I can neither call you here nor bring you into an incident's channel.")];
    words.extend(how_to_link());
    words
}

/// A code was typed: whose it is.
#[must_use]
pub fn is_this_you(name: &str, shown_as: &str) -> Vec<Words> {
    vec![
        Words::of("This links your account here (").name(shown_as).text(") to ").strong(name).text("."),
        Words::of("Only go on if that is you: from then on, what is done here counts as done by ").name(name).text("."),
    ]
}

/// It is linked.
#[must_use]
pub fn linked(name: &str) -> Words {
    Words::of("Your account here is linked to ").strong(name).text(". If that was not you, take it back in the console.")
}

/// The code was somebody else's.
#[must_use]
pub fn not_me() -> Words {
    Words::of("Good that you looked. Nothing was linked, the code is void, and the attempt is on record.")
}

/// A form that was held was recorded after linking.
#[must_use]
pub fn completed(what: &str) -> Words {
    Words::of(format!("What you had filled in is recorded now: {what}."))
}

/// A form that was held cannot be recorded any more.
#[must_use]
pub fn not_completed(what: &str, why: &str, typed: &[String]) -> Words {
    let words = Words::of(format!("What you had filled in ({what}) is not recorded: {why}"));
    if typed.is_empty() { words } else { words.text(" You had typed: ").quote(typed.join(" / ")) }
}

/// An unknown word after a command.
#[must_use]
pub fn unknown_word(command: &str, word: &str, near: &[&str]) -> Words {
    if near.is_empty() {
        return Words::of(format!("I don't know “{word}”. {command} help shows what there is."));
    }
    let near: Vec<String> = near.iter().map(|word| format!("{command} {word}")).collect();
    Words::of(format!("I don't know “{word}”. Did you mean {}?", list(&near, "or")))
}

/// A command that needs a ticket, typed where there is none.
#[must_use]
pub fn which_ticket(command: &str, word: &str) -> Words {
    Words::of(format!("Which ticket? In its channel the number can be left out; elsewhere write it: {command} {word} INC-000042."))
}

/// A log was asked for, and not how far back.
#[must_use]
pub fn how_far_back(kind: &str) -> Words {
    Words::of(format!("How far back? Write it like /{kind} log --since 6mo; 30d, 2w, 1y or a day such as 2026-03-01 will do as well."))
}

/// How many tickets of a kind were opened since then.
#[must_use]
pub fn logged(count: i64, title: &str, from: Timestamp) -> Words {
    let title = title.to_lowercase();
    Words::new().strong(super::words::count(count, &title, &format!("{title}s"))).text(" since ").time(from).text(". The latest:")
}

/// The procedure of this ticket divides its way into no parts.
#[must_use]
pub fn no_trace(number: &Number) -> Words {
    Words::new().ticket(number).text(" has no parts to follow; its timeline in the console says everything that happened.")
}

/// The way of a ticket of which chat shows no content.
#[must_use]
pub fn traced_in_the_console(number: &Number) -> Words {
    Words::of("Who did what on ").ticket(number).text(" is shown in the console.")
}

/// The organisation has no such procedure.
#[must_use]
pub fn no_procedure(what: &str) -> Words {
    Words::of(format!("There is no procedure for {what} here yet. An administrator adds one with the playbooks."))
}

/// Somebody is named whom nobody knows: by a mention, whose account is not linked, or in another way.
#[must_use]
pub fn nobody_behind(named: &str) -> Words {
    if named.starts_with("<@") {
        return Words::of("That account is not linked, so I don't know whose it is. Ask them to type /countersign link.");
    }
    Words::of(format!(
        "I don't know who “{}” is. Mention somebody with @, write their e-mail address, or write “me” for yourself.",
        one_line(named, 60)
    ))
}

/// What was said holds something that must not be kept.
#[must_use]
pub fn withheld(of: &str, found: &[Found], masked: bool) -> Words {
    let things: Vec<String> = found.iter().map(|f| f.words().to_owned()).collect();
    let things = list(&things, "and");
    if masked {
        return Words::of(format!(
            "Your {of} holds {things}. I kept it without that; please delete it here as well, and change what was shown."
        ));
    }
    Words::of(format!(
        "Your {of} holds {things}, which must not stand in chat. I did not keep it; please delete it here, and put it where it belongs."
    ))
}

/// A field of a form holds something that must not be kept.
#[must_use]
pub fn withheld_field(found: &[Found]) -> String {
    let things: Vec<String> = found.iter().map(|f| f.words().to_owned()).collect();
    format!("This looks like {}. Please take it out.", list(&things, "and"))
}

/// It is saved, and nothing else is to be said of it.
pub const SAVED: &str = "That is saved now.";
/// The app is not installed in Slack any more, or its tokens were revoked there.
pub const APP_IS_GONE: &str = "The app was removed from Slack, or its tokens were revoked there. Install it again (Slack: OAuth & Permissions), put the new token into slack.bot_token, and restart. Nothing is lost: it is said as soon as the token works.";
/// A file that was announced in Slack never came.
pub const FILE_NEVER_CAME: &str =
    "A file that somebody sent for this ticket in Slack could not be fetched, although I tried for hours. File it here by hand.";
/// What was said could not be filed when the work ended.
pub const NO_TRANSCRIPT: &str = "What was said in this ticket's channel could not be read from Slack when the work ended, although I tried for a day. Export it there, and file it here by hand.";
/// A form that was sent is not saved yet.
pub const STILL_SAVING_FORM: &str =
    "I am still saving that. Everything you typed stays here; please send it once more in a few seconds. It is recorded only once.";

/// The fields of a form were kept without taking its step.
#[must_use]
pub fn saved_without_the_step() -> Words {
    Words::of("What you filled in is saved. The ticket stands where it stood; take the step when you are ready.")
}

/// A button or a form of something that there is not any more.
#[must_use]
pub fn no_such_action() -> Words {
    Words::of(
        "I don't know this button any more; it may be an old one. Type /incident show with the ticket's number to see what can be done.",
    )
}

/// A form that somebody else made.
#[must_use]
pub fn not_my_form() -> Words {
    Words::of("I did not make this form, so nothing of it was recorded. Please open it again with a command or a button of mine.")
}

/// A form was recorded before, with something else in it.
#[must_use]
pub fn form_recorded_before() -> Words {
    Words::of("This form was recorded when you sent it before, as it was then. To change something, please open it again.")
}

/// A file cannot be had from the platform now.
#[must_use]
pub fn file_follows() -> Words {
    Words::of(
        "Slack does not hand that file over right now. I keep trying, and tell you if it does not work. There is nothing you need to do.",
    )
}

/// A file is not to be had any more.
#[must_use]
pub fn file_gone(why: &str) -> String {
    format!("I could not fetch that file ({why}). Please send it again, or file it in the console.")
}

/// A file was not to be had for hours.
#[must_use]
pub fn file_never_came(ticket: &Number) -> Words {
    Words::of("I tried for hours, and Slack did not hand over the file that you sent for ")
        .ticket(ticket)
        .text(". Please file it in the console.")
}

/// What is decided must be read where content is shown.
#[must_use]
pub fn decided_in_the_console(number: &Number) -> Words {
    Words::of("What is decided on ").ticket(number).text(" is not shown in chat. The console shows all of it, and takes your decision.")
}

/// Nothing was saved in time; the answer follows.
#[must_use]
pub fn still_saving() -> Words {
    Words::of("I am still saving that. I will say here when it is done.")
}

/// The platform let the form's time run out.
#[must_use]
pub fn too_slow() -> Words {
    Words::of("That took too long for Slack, and nothing was recorded. Please try once more.")
}

/// Who somebody is cannot be looked up.
#[must_use]
pub fn cannot_look_up() -> Words {
    Words::of("I cannot look up who you are right now. Nothing was recorded; please try again in a minute, or use the console.")
}

/// What every command of a kind of ticket knows beside its steps.
const EVERYDAY: &str = "All of these know as well: list · log --since 6mo · show · note TEXT · evidence · edit · link · withdraw WHY · assign @somebody · lead @somebody · escalate WHY · page @somebody WHY.";

/// The commands, for `help`. `kinds`: those that have a command of their own, with their steps' words.
#[must_use]
pub fn help(kinds: &[(String, Vec<String>)]) -> Vec<Words> {
    let mut out = Vec::new();
    for (name, steps) in kinds {
        let opens = if name == "incident" { "declare TITLE" } else { "request TITLE" };
        let severity = if name == "incident" { " · severity sev2 WHY" } else { "" };
        out.push(Words::new().strong(format!("/{name} {opens}")).text(format!("{severity} · {}", steps.join(" · "))));
    }
    out.push(Words::of(EVERYDAY));
    out.push(
        Words::new()
            .strong("/countersign")
            .text(" link · whoami · inbox · new · oncall · freezes · audit · report NAME · sla · trace CHG-000042 · help"),
    );
    out.push(Words::of("Leave out what follows the word, and its form opens. In a ticket's channel you can leave out its number."));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::samples::at;

    #[test]
    fn what_is_said_in_chat_is_short_says_what_to_do_and_never_shouts() {
        let said = [
            not_linked(true),
            unknown_word("/incident", "aknowledge", &["acknowledge"]),
            unknown_word("/incident", "zebra", &[]),
            which_ticket("/incident", "note"),
            withheld("note", &[Found::Card], true),
            withheld("file", &[Found::Marking, Found::Credential], false),
            not_completed("Contain on INC-000042", "it is closed.", &["cut off".to_owned()]),
        ];
        let said: Vec<String> = said.iter().map(|words| words.plain(chrono_tz::UTC, at("03:00"))).collect();
        assert!(said.iter().all(|s| !s.contains('!')), "{said:?}");
        insta::assert_snapshot!(said.join("\n"), @r"
        I don't know yet who you are here. Linking takes a minute, and what you typed is kept until then.
        I don't know “aknowledge”. Did you mean /incident acknowledge?
        I don't know “zebra”. /incident help shows what there is.
        Which ticket? In its channel the number can be left out; elsewhere write it: /incident note INC-000042.
        Your note holds a payment card number. I kept it without that; please delete it here as well, and change what was shown.
        Your file holds a protective marking such as CUI and a password, key or token, which must not stand in chat. I did not keep it; please delete it here, and put it where it belongs.
        What you had filled in (Contain on INC-000042) is not recorded: it is closed. You had typed: “cut off”
        ");
    }
}
