//! Reading one table of the configuration: each key once, typed, with every problem noted and none fatal, so that
//! a person sees all of them at once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::secret::Secret;
use super::tree::{At, Kind, Node, Problem, read_value};

/// The largest file that a `{ file = "…" }` may name, in bytes.
const MAX_SECRET_FILE: u64 = 64 * 1024;

/// What all sections share: where relative paths start, and what has been found wrong so far.
pub(super) struct Report {
    folder: PathBuf,
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<String>>,
}

impl Report {
    pub(super) fn new(folder: &Path, problems: Vec<Problem>) -> Self {
        Self { folder: folder.to_owned(), problems: RefCell::new(problems), warnings: RefCell::default() }
    }

    /// Notes a problem.
    pub(super) fn problem(&self, at: &At, message: impl Into<String>) {
        self.problems.borrow_mut().push(Problem { at: at.clone(), message: message.into() });
    }

    /// Notes something that works but deserves a look.
    pub(super) fn warning(&self, message: impl Into<String>) {
        self.warnings.borrow_mut().push(message.into());
    }

    /// `path` as seen from the configuration's folder.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    pub(super) fn finish(self) -> (Vec<Problem>, Vec<String>) {
        (self.problems.into_inner(), self.warnings.into_inner())
    }
}

/// A table whose keys are taken one by one; [`Section::finish`] refuses what nobody took.
pub(super) struct Section<'a> {
    path: String,
    at: At,
    entries: BTreeMap<String, Node>,
    known: Vec<&'static str>,
    report: &'a Report,
}

impl<'a> Section<'a> {
    /// Opens `node`, which `path` names, as a table. `None`, with the problem noted, when it is not one.
    pub(super) fn open(path: &str, node: Node, report: &'a Report) -> Option<Self> {
        let at = node.at;
        let kind = match (&at, node.kind) {
            (At::Variable(_), Kind::Text(text)) => read_value(&text, &at).map_or(Kind::Text(text), |n| n.kind),
            (_, kind) => kind,
        };
        if let Kind::Table(entries) = kind {
            return Some(Self { path: path.to_owned(), at, entries, known: Vec::new(), report });
        }
        report.problem(&at, format!("{path} is {}, but it has to be a table of keys.", kind.word()));
        None
    }

    pub(super) fn report(&self) -> &'a Report {
        self.report
    }

    /// The key's full name, as a person would look for it.
    pub(super) fn full(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Notes a problem with this section as a whole.
    pub(super) fn problem(&self, message: impl Into<String>) {
        self.report.problem(&self.at, message);
    }

    /// Passes `value` on; notes that `key` is missing when it was not even `written`.
    pub(super) fn needed<T>(&self, key: &str, value: Option<T>, written: bool) -> Option<T> {
        if !written {
            self.problem(format!("{} is missing; fill it in.", self.full(key)));
        }
        value
    }

    /// The key's value as written.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Node> {
        self.known.push(key);
        self.entries.remove(key)
    }

    /// Whether the key is there and not yet taken.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// A table below this one.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Self> {
        let full = self.full(key);
        self.take(key).and_then(|node| Self::open(&full, node, self.report))
    }

    /// A list of tables below this one, each opened.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Self> {
        let full = self.full(key);
        let items = self.list(key);
        items.into_iter().filter_map(|item| Self::open(&full, item, self.report)).collect()
    }

    /// A list; empty when absent. From the environment: a TOML list, or words between commas.
    pub(super) fn list(&mut self, key: &'static str) -> Vec<Node> {
        let Some(Node { kind, at }) = self.take(key) else { return Vec::new() };
        match (kind, &at) {
            (Kind::List(items), _) => items,
            (Kind::Text(text), At::Variable(_)) => match read_value(&text, &at).map(|n| n.kind) {
                Some(Kind::List(items)) => items,
                _ => text
                    .split(',')
                    .map(str::trim)
                    .filter(|word| !word.is_empty())
                    .map(|word| Node { kind: Kind::Text(word.to_owned()), at: at.clone() })
                    .collect(),
            },
            (other, _) => {
                self.wrong(key, &at, &other, "a list: [ … ]");
                Vec::new()
            }
        }
    }

    /// Text, with where it was written.
    pub(super) fn text(&mut self, key: &'static str) -> Option<(String, At)> {
        let Node { kind, at } = self.take(key)?;
        match kind {
            Kind::Text(text) if text.is_empty() => {
                self.report.problem(&at, format!("{} is empty; fill it in or leave it out.", self.full(key)));
                None
            }
            Kind::Text(text) => Some((text, at)),
            other => {
                self.wrong(key, &at, &other, "text in quotes");
                None
            }
        }
    }

    /// Text that `parse` understands; its error is the problem's second half.
    pub(super) fn parsed<T>(&mut self, key: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let (text, at) = self.text(key)?;
        // Whatever has an @ may be an address with a password in it.
        let shown = if text.contains('@') { String::new() } else { format!(" = {text:?}") };
        parse(&text).map_err(|why| self.report.problem(&at, format!("{}{shown} does not fit: {why}.", self.full(key)))).ok()
    }

    /// A path, relative to the configuration's folder.
    pub(super) fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        self.text(key).map(|(text, _)| self.report.path(&text))
    }

    /// True or false.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let Node { kind, at } = self.take(key)?;
        match (&kind, &at) {
            (Kind::Bool(flag), _) => Some(*flag),
            (Kind::Text(text), At::Variable(_)) if text == "true" || text == "false" => Some(text == "true"),
            _ => {
                self.wrong(key, &at, &kind, "true or false");
                None
            }
        }
    }

    /// A whole number within `range`.
    pub(super) fn number(&mut self, key: &'static str, range: std::ops::RangeInclusive<usize>) -> Option<usize> {
        let Node { kind, at } = self.take(key)?;
        let number = match (&kind, &at) {
            (Kind::Integer(n), _) => usize::try_from(*n).ok(),
            (Kind::Text(text), At::Variable(_)) => text.trim().parse().ok(),
            _ => None,
        };
        let found = number.filter(|n| range.contains(n));
        if found.is_none() {
            let message = format!("{} has to be a whole number from {} to {}.", self.full(key), range.start(), range.end());
            self.report.problem(&at, message);
        }
        found
    }

    /// A length of time such as `"10m"`, never zero.
    pub(super) fn duration(&mut self, key: &'static str) -> Option<Duration> {
        self.parsed(key, parse_duration)
    }

    /// A secret: text, or `{ file = "…" }`. Its text never reaches a message.
    pub(super) fn secret(&mut self, key: &'static str) -> Option<Secret> {
        let full = self.full(key);
        let Node { kind, at } = self.take(key)?;
        let text = match kind {
            Kind::Text(text) => text,
            Kind::Table(entries) => {
                let mut inner = Section::open(&full, Node { kind: Kind::Table(entries), at: at.clone() }, self.report)?;
                let file = inner.text("file");
                if file.is_none() {
                    inner.problem(format!("{full} has to be text, or {{ file = \"…\" }}."));
                }
                inner.finish();
                let (file, at) = file?;
                self.read_secret(&full, &file, &at)?
            }
            other => {
                self.wrong(key, &at, &other, "text in quotes, or { file = \"…\" }");
                return None;
            }
        };
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            self.report.problem(&at, format!("{full} is empty or holds control characters; give it the secret alone, on one line."));
            return None;
        }
        Some(Secret::new(text))
    }

    fn read_secret(&self, full: &str, file: &str, at: &At) -> Option<String> {
        let path = self.report.path(file);
        let mut text = String::new();
        let read = File::open(&path).and_then(|f| f.take(MAX_SECRET_FILE + 1).read_to_string(&mut text));
        match read {
            Err(error) => {
                self.report.problem(
                    at,
                    format!("{full} names the file {}, which cannot be read ({error}); create it or correct the path.", path.display()),
                );
                None
            }
            Ok(n) if n as u64 > MAX_SECRET_FILE => {
                self.report
                    .problem(at, format!("{full} names the file {}, which is larger than 64 KiB; that is no secret.", path.display()));
                None
            }
            Ok(_) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
        }
    }

    fn wrong(&self, key: &str, at: &At, found: &Kind, wanted: &str) {
        self.report.problem(at, format!("{} is {}, but it has to be {wanted}.", self.full(key), found.word()));
    }

    /// What has not been taken, for keys that are free words.
    pub(super) fn rest(&mut self) -> BTreeMap<String, Node> {
        std::mem::take(&mut self.entries)
    }

    /// Refuses every key that nobody took, with the nearest known word.
    pub(super) fn finish(self) {
        for (key, node) in &self.entries {
            let near = nearest(key, self.known.iter().copied());
            let hint = near.map_or_else(|| format!("Known here: {}", self.known.join(", ")), |word| format!("Did you mean {word}"));
            let end = if near.is_some() { "?" } else { "." };
            self.report.problem(&node.at, format!("there is no key {}. {hint}{end}", self.full(key)));
        }
    }
}

/// Reads `"90s"`, `"10m"`, `"36h"`, `"7d"`.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wanted = || "a length of time looks like \"90s\", \"10m\", \"36h\" or \"7d\"".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wanted()),
    };
    let number: u32 = digits.parse().map_err(|_| wanted())?;
    if number == 0 { Err("it has to be longer than nothing".into()) } else { Ok(Duration::from_secs(u64::from(number) * unit)) }
}

/// The known word nearest to `word`, if one is near enough to be a slip of the finger.
pub(super) fn nearest<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let limit = (word.chars().count() / 3).max(2);
    known.map(|k| (distance(word, k), k)).filter(|(d, k)| *d <= limit && *d < k.len()).min_by_key(|(d, _)| *d).map(|(_, k)| k)
}

/// Levenshtein's distance on the first 64 characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let above = *cell;
            let best = (diagonal + usize::from(x != *y)).min(above + 1).min(left + 1);
            diagonal = above;
            *cell = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
