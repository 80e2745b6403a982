//! The configuration as it was written: one tree of values from the file, overlaid by the environment, where each
//! value still knows its line or its variable.

use std::collections::BTreeMap;
use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// Line of the file, from 1.
    Line(usize),
    /// This environment variable.
    Variable(String),
    /// Nowhere in particular: the whole configuration.
    Whole,
}

/// One value and where it was written.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) at: At,
}

/// The kinds of value that the configuration knows.
#[derive(Clone)]
pub(super) enum Kind {
    Table(BTreeMap<String, Node>),
    List(Vec<Node>),
    Text(String),
    Integer(i64),
    Bool(bool),
    /// A TOML value that no key takes; the word names it.
    Other(&'static str),
}

impl Kind {
    /// The kind in a reader's words.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Table(_) => "a table",
            Self::List(_) => "a list",
            Self::Text(_) => "text",
            Self::Integer(_) => "a number",
            Self::Bool(_) => "true or false",
            Self::Other(word) => word,
        }
    }
}

// Values may be secrets that have not been recognised as such yet.
impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Something wrong with the configuration: where, and a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it was written.
    pub at: At,
    /// What is wrong and what to do. Never holds a secret's text.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            At::Line(line) => write!(f, "line {line}: {}", self.message),
            At::Variable(name) => write!(f, "environment variable {name}: {}", self.message),
            At::Whole => f.write_str(&self.message),
        }
    }
}

/// Reads a whole TOML document; what could not be read is told in `problems` and left out.
pub(super) fn read_document(text: &str, problems: &mut Vec<Problem>) -> Node {
    let (table, errors) = DeTable::parse_recoverable(text);
    problems.extend(errors.iter().map(|error| Problem {
        at: error.span().map_or(At::Whole, |span| At::Line(line_of(text, span.start))),
        message: format!("this is not TOML: {}.", error.message().lines().collect::<Vec<_>>().join(", ")),
    }));
    Node { kind: Kind::Table(table_of(text, table.get_ref())), at: At::Whole }
}

/// Reads a TOML value from an environment variable's text, for lists and tables.
pub(super) fn read_value(text: &str, at: &At) -> Option<Node> {
    let value = DeValue::parse(text).ok()?;
    let mut node = node_of(text, &value);
    node.relocate(at);
    Some(node)
}

impl Node {
    fn relocate(&mut self, at: &At) {
        self.at = at.clone();
        match &mut self.kind {
            Kind::Table(entries) => entries.values_mut().for_each(|n| n.relocate(at)),
            Kind::List(items) => items.iter_mut().for_each(|n| n.relocate(at)),
            _ => {}
        }
    }
}

fn table_of(text: &str, table: &DeTable<'_>) -> BTreeMap<String, Node> {
    table
        .iter()
        .map(|(key, value)| {
            let mut node = node_of(text, value);
            node.at = At::Line(line_of(text, key.span().start));
            (key.get_ref().to_string(), node)
        })
        .collect()
}

fn node_of(text: &str, value: &Spanned<DeValue<'_>>) -> Node {
    let at = At::Line(line_of(text, value.span().start));
    let kind = match value.get_ref() {
        DeValue::String(s) => Kind::Text(s.to_string()),
        DeValue::Integer(i) => {
            i64::from_str_radix(&i.as_str().replace('_', ""), i.radix()).map_or(Kind::Other("a number out of range"), Kind::Integer)
        }
        DeValue::Boolean(b) => Kind::Bool(*b),
        DeValue::Array(items) => Kind::List(items.iter().map(|item| node_of(text, item)).collect()),
        DeValue::Table(table) => Kind::Table(table_of(text, table)),
        DeValue::Float(_) => Kind::Other("a fractional number"),
        DeValue::Datetime(_) => Kind::Other("a date"),
    };
    Node { kind, at }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|b| **b == b'\n').count() + 1
}

/// Keys whose value is a list of tables, so that the environment may add to them.
const LISTS: [&str; 3] = ["source", "log.witnesses", "witness.logs"];

/// Puts `text` where the variable's name points: `COUNTERSIGN_LOG__ORIGIN` is `log.origin`. An element of a list is
/// named by its position from 0 or by its `name` (`COUNTERSIGN_SOURCE__PROMETHEUS__AUTH__BEARER`); a new position
/// or name adds an element.
pub(super) fn overlay(root: &mut Node, variable: &str, segments: &[String], text: &str, problems: &mut Vec<Problem>) {
    let at = At::Variable(variable.to_owned());
    let mut node = root;
    let mut path = String::new();
    for (i, segment) in segments.iter().enumerate() {
        if segment.is_empty() {
            problems
                .push(Problem { at, message: "the name has an empty part; write two underscores between a section and its key.".into() });
            return;
        }
        if LISTS.contains(&path.as_str()) && !matches!(node.kind, Kind::List(_)) {
            node.kind = Kind::List(Vec::new());
        }
        path = if i == 0 { segment.clone() } else { format!("{path}.{segment}") };
        if !matches!(node.kind, Kind::List(_) | Kind::Table(_)) {
            node.kind = Kind::Table(BTreeMap::new());
            node.at = at.clone();
        }
        node = match &mut node.kind {
            Kind::Table(entries) => {
                entries.entry(segment.clone()).or_insert_with(|| Node { kind: Kind::Table(BTreeMap::new()), at: at.clone() })
            }
            Kind::List(items) => {
                let Some(position) = position_in(items, segment, &at) else {
                    let message = format!("the list has no element {segment}; use its position, from 0 to {}.", items.len());
                    problems.push(Problem { at, message });
                    return;
                };
                &mut items[position]
            }
            _ => return,
        };
    }
    *node = Node { kind: Kind::Text(text.to_owned()), at };
}

/// The position that `segment` names, after adding an element where it names a new one.
fn position_in(items: &mut Vec<Node>, segment: &str, at: &At) -> Option<usize> {
    let empty = |entries| Node { kind: Kind::Table(entries), at: at.clone() };
    if let Ok(position) = segment.parse::<usize>() {
        if position == items.len() {
            items.push(empty(BTreeMap::new()));
        }
        return (position < items.len()).then_some(position);
    }
    let named = |node: &Node| match &node.kind {
        Kind::Table(entries) => match entries.get("name").map(|n| &n.kind) {
            Some(Kind::Text(name)) => name.to_ascii_lowercase().replace('-', "_") == segment,
            _ => false,
        },
        _ => false,
    };
    if let Some(position) = items.iter().position(named) {
        return Some(position);
    }
    let name = Node { kind: Kind::Text(segment.replace('_', "-")), at: at.clone() };
    items.push(empty(BTreeMap::from([("name".to_owned(), name)])));
    Some(items.len() - 1)
}
