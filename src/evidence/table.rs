//! Tables as CSV (RFC 4180) that a spreadsheet may open without harm.
//!
//! A text that a spreadsheet would take for a formula (`=`, `+`, `-`, `@`, a tab or a carriage return in front) gets
//! an apostrophe before it. Numbers are written as they are.

use serde_json::{Map, Value};

/// Writes `rows` under these column names, lines ending with CR LF. A column that a row does not have stays empty;
/// lists and objects are written as JSON.
///
/// # Errors
/// Never in practice; writing to memory is declared to be fallible.
pub fn render_csv(columns: &[&str], rows: &[Map<String, Value>]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(columns)?;
    for row in rows {
        writer.write_record(columns.iter().map(|column| cell(row.get(*column))))?;
    }
    writer.into_inner().map_err(|e| csv::Error::from(std::io::Error::other(e.to_string())))
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => harmless(text),
        Some(other) => other.to_string(),
    }
}

fn harmless(text: &str) -> String {
    // Spreadsheets skip spaces in front; the full-width forms count as signs in some locales.
    let risky = text.trim_start_matches(' ').starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if risky { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    // proves: EXP-02
    #[test]
    fn formulas_are_neutralised_and_everything_else_reads_back() {
        let texts = ["plain", "with, comma", "with \"quotes\"", "two\r\nlines", "é ✓", ""];
        let formulas = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1"];
        let rows: Vec<_> = texts.iter().chain(&formulas).map(|text| row(json!({"number": 7, "title": text}))).collect();
        let bytes = render_csv(&["number", "title"], &rows).unwrap();
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let read: Vec<String> = reader.records().map(|record| record.unwrap()[1].to_owned()).collect();
        let expected = texts.iter().map(|t| (*t).to_owned()).chain(formulas.iter().map(|f| format!("'{f}")));
        assert_eq!(read, expected.collect::<Vec<_>>());
        assert!(bytes.starts_with(b"number,title\r\n7,plain\r\n"));
    }

    #[test]
    fn numbers_lists_and_gaps_keep_their_form() {
        let bytes = render_csv(&["a", "b", "c"], &[row(json!({"a": -5, "b": ["x", 1], "other": 1}))]).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), "a,b,c\r\n-5,\"[\"\"x\"\",1]\",\r\n");
    }
}
