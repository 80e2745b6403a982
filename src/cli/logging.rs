//! Structured logs: words on a terminal, JSON lines otherwise. No secret and no sealed value ever goes in.
//!
//! `COUNTERSIGN_LOG_LEVEL` takes a tracing filter (`info`, `countersign=debug`).

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging to stderr, from this level on if nothing else is wanted; nothing happens when it was started.
pub fn start(level: &str) {
    let filter = EnvFilter::try_from_env("COUNTERSIGN_LOG_LEVEL").unwrap_or_else(|_| EnvFilter::new(level));
    // A line that cannot be written (a full disk) is lost: complaining of it on stderr, which is where it could not be
    // written, would break down whoever had something to say, the clerk among them.
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    let started = if std::io::stderr().is_terminal() { builder.with_target(false).try_init() } else { builder.json().try_init() };
    // A second start (a test, an embedding program) keeps the first.
    drop(started);
}

/// From now on a panic tells where it was and not what it said.
pub fn keep_panics_quiet() {
    // A panic's own words may quote what was being read, so only its place is told.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "something broke down; this is a fault of ours, please report the place");
    }));
}
