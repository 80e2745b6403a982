//! What commands print: sentences, tables and JSON on stdout, and how far long work has come on a terminal.
//!
//! A reader that has gone away (`| head`) ends nothing: what was done is done.

use std::io::{IsTerminal, Write};

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

/// A bar on stderr for `total` steps; silent when stderr is no terminal.
#[must_use]
pub fn progress(total: u64, what: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(total).with_message(what);
    match ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["ana@example.com".to_owned(), "Ana Müller".to_owned()], vec!["b@c".to_owned(), String::new()]];
        assert_eq!(table(&["EMAIL", "NAME"], &rows), "EMAIL            NAME\nana@example.com  Ana Müller\nb@c");
    }
}
