//! The requirement rows: a test says `// proves: REC-05` above itself, and this says which rows have such a test.
//!
//! `tests/rows.txt` lists every row with its demand in a few words, so that a plain clone can tell a slip of the pen from
//! a row. A claim stands directly above the test's attribute.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{self, Token};

const ROWS: &str = include_str!("../rows.txt");

/// A test's claim to prove a row.
#[derive(Debug, PartialEq, Eq)]
struct Claim {
    line: usize,
    row: String,
    /// Whether an attribute or a function follows, as above a test.
    above_a_test: bool,
}

fn known_rows() -> BTreeMap<&'static str, &'static str> {
    ROWS.lines().filter_map(|line| line.split_once(' ')).collect()
}

fn is_row_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 6 && bytes[..3].iter().all(u8::is_ascii_uppercase) && bytes[3] == b'-' && bytes[4..].iter().all(u8::is_ascii_digit)
}

fn claims(text: &str) -> Vec<Claim> {
    let tokens = source::tokens(text);
    let mut found = Vec::new();
    for (at, (line, token)) in tokens.iter().enumerate() {
        let Token::Comment(comment) = token else { continue };
        let Some(rows) = comment.trim_start_matches(['/', '*', '!', ' ']).strip_prefix("proves:") else { continue };
        let next = tokens[at + 1..].iter().map(|(_, token)| token).find(|token| !matches!(token, Token::Comment(_)));
        let above_a_test = match next {
            Some(Token::Mark(mark)) => *mark == "#",
            Some(Token::Word(word)) => ["fn", "async"].contains(&word.as_str()),
            _ => false,
        };
        found.extend(rows.split(',').map(|row| Claim { line: *line, row: row.trim().to_owned(), above_a_test }));
    }
    found
}

/// What is wrong with a claim, if anything.
fn slip(claim: &Claim, known: &BTreeMap<&str, &str>) -> Option<String> {
    let Claim { line, row, above_a_test } = claim;
    if !is_row_id(row) {
        Some(format!("{line}: {row:?} is not a row's id, such as REC-05 (several are divided by commas)"))
    } else if !known.contains_key(row.as_str()) {
        Some(format!("{line}: there is no row {row} in tests/rows.txt"))
    } else {
        (!above_a_test).then(|| format!("{line}: the claim to prove {row} does not stand above a test"))
    }
}

#[test]
fn every_proof_names_a_row_that_exists() {
    let known = known_rows();
    let mut proved = BTreeSet::new();
    let mut slips = Vec::new();
    for (file, text) in source::rust_files("src").into_iter().chain(source::rust_files("tests")) {
        for claim in claims(&text) {
            slips.extend(slip(&claim, &known).map(|slip| format!("{}:{slip}", file.display())));
            proved.insert(claim.row);
        }
    }
    assert!(slips.is_empty(), "{}", slips.join("\n"));

    let mut groups: BTreeMap<&str, (usize, Vec<&str>)> = BTreeMap::new();
    for row in known.keys() {
        let (done, open) = groups.entry(&row[..3]).or_default();
        if proved.contains(*row) { *done += 1 } else { open.push(row) }
    }
    println!("rows that a test proves: {} of {}", proved.len(), known.len());
    for (group, (done, open)) in &groups {
        let names = if *done == 0 { "all".to_owned() } else { open.join(" ") };
        println!("  {group} {done:>2} of {:>2}; open: {}", done + open.len(), if open.is_empty() { "none" } else { &names });
    }
}

#[test]
fn the_list_of_rows_is_whole() {
    assert_eq!(known_rows().len(), 304, "one line a row, no row twice");
    assert_eq!(ROWS.lines().count(), 304);
    assert!(known_rows().iter().all(|(row, demand)| is_row_id(row) && !demand.trim().is_empty()));
}

#[test]
fn a_slip_of_the_pen_is_noticed() {
    let known = known_rows();
    let said = |text: &str| claims(text).iter().filter_map(|claim| slip(claim, &known)).collect::<Vec<_>>().join(" / ");
    assert_eq!(said("// proves: REC-05, ALR-01\n#[test]\nfn a() {}"), "");
    assert_eq!(said("let text = \"// proves: nothing\";"), "");
    assert!(said("// proves: REC-5\nfn a() {}").contains("is not a row's id"));
    assert!(said("// proves: REC-05 ALR-01\nfn a() {}").contains("is not a row's id"));
    assert!(said("// proves: REC-99\nfn a() {}").contains("there is no row REC-99"));
    assert!(said("// proves: REC-05\nstruct A;").contains("does not stand above a test"));
}
