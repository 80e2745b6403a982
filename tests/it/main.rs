//! The integration tests: one binary, so that one link serves them all.
//!
//! `walls` and `rows` read the repository itself. Everything else speaks to a running server. What a test
//! needs from outside (a database, a browser, a monitoring tool) it finds through [`machine`], and fails, saying what
//! to install, when it is missing: a test that skips itself proves nothing.
//!
//! To add a story: a file here, `mod` it below, and name each test for the behaviour it shows; [`world`] is what it
//! happens in.

#![expect(clippy::expect_used, reason = "a helper of a test may stop it, saying why")]
#![expect(clippy::print_stdout, reason = "some tests list what they found, for people to read")]

mod altered;
mod api;
mod approvals;
mod assessor;
mod browser;
mod calendar;
mod changes;
mod cli;
mod clocks;
mod console_browser;
mod controls;
mod correlation;
mod deployments;
mod documents;
mod draws;
mod exports;
mod hostile;
mod inbox;
mod integrity;
mod learning;
mod life;
mod machine;
mod numbers;
mod oncall;
mod operator;
mod outbox;
mod persons;
mod real_tools;
mod refusals;
mod replicas;
mod reports;
mod reviews;
mod rows;
mod schema;
mod server;
mod silence;
mod slack;
mod slack_peer;
mod slack_rooms;
mod source;
mod sources;
mod targets;
mod third_party_tools;
mod tools;
mod transitions;
mod versions;
mod walls;
mod witness;
mod world;
mod worst_day;
