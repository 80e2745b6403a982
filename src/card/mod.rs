//! Every message, form and button as platform-neutral values, and every sentence the bot says.
//!
//! Pure and without mark-up: a surface (the console, later Slack and Discord) turns these values into its own
//! shapes. Where a sentence speaks of a person, a time or a ticket, it says so ([`words::Span`]), so that each
//! surface can show names and the reader's own time zone in its way.
//!
//! | | |
//! |---|---|
//! | [`words`] | sentences made of spans; durations as people say them; cleaning of hostile text |
//! | [`scene`] | what a card is made from: the ticket, its procedure, names and plaintext |
//! | [`live`] | the live card of a ticket |
//! | [`clocks`] | clocks, in the words of the response playbook |
//! | [`approvals`] | what was decided on steps that need approvals, and the form to decide |
//! | [`buttons`] | which steps and actions are offered, and in which order |
//! | [`form`], [`transition_form`], [`action_form`] | forms generated from the procedure |
//! | [`freezes`] | freezes, on forms on which a time is chosen |
//! | [`missing`] | what a step still waits for, and what to do about it |
//! | [`story`] | one message per event; the conversation of a channel |
//! | [`sentences`] | the sentence for each kind of fact |
//! | [`trace`] | a ticket's way on one screen: who did what, and when |
//! | [`chat`] | what is said to one person in chat |
//! | [`replies`] | what is said to one person only: refusals, reminders, confirmations |
//!
//! To let the bot say something new: a fact's sentence goes into `sentences.rs`, an answer into `replies.rs`; the
//! tone is short, plain, kind and exact, without exclamation marks, and a refusal says what to do.

pub mod action_form;
pub mod approvals;
pub mod buttons;
pub mod chat;
pub mod clocks;
pub mod form;
pub mod freezes;
pub mod live;
pub mod missing;
pub mod replies;
pub mod scene;
pub mod sentences;
pub mod story;
pub mod trace;
pub mod transition_form;
pub mod words;

#[cfg(test)]
pub(crate) mod samples;
