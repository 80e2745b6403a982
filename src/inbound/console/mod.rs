//! The web console: the desk as a chat page, rendered on the server, in step with the log by server-sent events.
//!
//! | | |
//! |---|---|
//! | [`views`] | what a page is made from: cards, messages and forms of [`crate::card`], and who is looking |
//! | [`render`] | views become HTML, by the templates under `templates/console` |
//! | [`fragments`] | the parts of a page that are replaced while it is open, each by its id |
//! | [`html`] | sentences and moments as HTML |
//! | [`typed`] | what was typed into a form becomes a command |
//! | [`routes`] | the addresses and the pages that only look; `act`, `evidence`, `link`, `session`, `stream` do the rest |
//! | `inbox`, `lines`, `lists` | what waits for the reader; the lines of a review; every ticket of a kind |
//! | `record`, `reports` | the way of one ticket, what is promised; reports over many |
//! | `tour` | what to try in a demonstration |
//! | [`assets`] | the style sheet, the script and the icon, inside the binary |
//!
//! Pages work without the script: every action is a link to a form or a plain POST that is answered with a
//! redirect. Nothing is loaded from elsewhere and nothing stands inline, so the policy [`assets::POLICY`] holds.
//! To add a page: a view, a template, a function in `render`, and a sample in its tests.

pub(in crate::inbound) mod act;
pub mod assets;
mod calendar;
mod cards;
pub(in crate::inbound) mod evidence;
pub mod fragments;
pub mod html;
pub(in crate::inbound) mod inbox;
mod lines;
mod link;
mod lists;
mod record;
pub mod render;
mod reply;
mod reports;
pub mod routes;
mod session;
mod stream;
mod tour;
pub mod typed;
pub(in crate::inbound) mod view_of;
pub mod views;

pub use routes::routes;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
