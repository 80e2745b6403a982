//! What commands print: sentences, tables and JSON on stdout, and how far long work has come on a terminal.
//!
//! A reader that has gone away (`| head`) ends nothing: what was done is done.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// Prints a line.
pub fn line(text: impl AsRef<str>) {
    // Nobody may be reading any more.
    let _ = writeln!(std::io::stdout().lock(), "{}", text.as_ref());
}

/// Prints a line on stderr: a warning, or what belongs beside the data.
pub fn aside(text: impl AsRef<str>) {
    // Nobody may be reading any more.
    let _ = writeln!(std::io::stderr().lock(), "{}", text.as_ref());
}

/// Prints a value as indented JSON.
///
/// # Errors
/// Never in practice; serialising to memory is declared to be fallible.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Rows in columns, under their names.
#[must_use]
pub fn table(names: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(names.get(column).map(|name| name.len())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..names.len()).map(width).collect();
    let render = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let head = render(names.to_vec());
    let body = rows.iter().map(|row| render(row.iter().map(String::as_str).collect()));
    std::iter::once(head).chain(body).collect::<Vec<_>>().join("\n")
}

/// Work shorter than so many steps is done before anybody asks how far it is.
const LONG: u64 = 2_000;

/// How far long work is: a bar on a terminal, a line for every tenth otherwise; on stderr.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    total: u64,
    bar: Option<ProgressBar>,
    told: AtomicU64,
}

/// Progress of `total` steps.
#[must_use]
pub fn progress(total: u64, what: &'static str) -> Progress {
    let bar = std::io::stderr().is_terminal().then(|| {
        let bar = ProgressBar::new(total).with_message(what);
        match ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    });
    Progress { what, total, bar, told: AtomicU64::new(0) }
}

impl Progress {
    /// Of what nobody waits for.
    #[must_use]
    pub fn quiet() -> Self {
        Self { what: "", total: 0, bar: None, told: AtomicU64::new(0) }
    }

    /// So many steps are done.
    pub fn set_position(&self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        } else if let Some(line) = self.line(done) {
            aside(line);
        }
    }

    /// What is said of it without a terminal, if a tenth was passed.
    fn line(&self, done: u64) -> Option<String> {
        let tenth = done.saturating_mul(10).checked_div(self.total)?;
        let news = self.total >= LONG && self.told.fetch_max(tenth, Ordering::Relaxed) < tenth;
        news.then(|| format!("{}: {done} of {}", self.what, self.total))
    }

    /// It is done.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_terminal_every_tenth_is_a_line_and_short_work_is_silent() {
        let lines = |total: u64, step: usize| {
            let progress = Progress { what: "reading", total, bar: None, told: AtomicU64::new(0) };
            (0..=total).step_by(step).filter_map(|done| progress.line(done)).collect::<Vec<_>>()
        };
        let said = lines(10_000, 256);
        assert_eq!((said.len(), said[0].as_str()), (9, "reading: 1024 of 10000"));
        assert!(lines(100, 1).is_empty() && lines(0, 1).is_empty());
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["ana@example.com".to_owned(), "Ana Müller".to_owned()], vec!["b@c".to_owned(), String::new()]];
        assert_eq!(table(&["EMAIL", "NAME"], &rows), "EMAIL            NAME\nana@example.com  Ana Müller\nb@c");
    }
}
