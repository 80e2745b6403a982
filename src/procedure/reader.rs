//! Reads the tree of a playbook into words, numbers, durations and expressions, and notes everything that is wrong.
//!
//! A reader never stops at the first mistake: it notes a [`Finding`], returns `None`, and goes on with the next thing.
//! Names that stand for something elsewhere (a role, a status) are noted as a [`Mention`] and resolved once all
//! files are read.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use super::duration::{parse, say};
use super::expression::{Expression, Template};
use super::finding::{At, Finding};
use super::nearest::nearest;
use super::tokens::Read;
use super::yaml::{Node, Scalar, Yaml};

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Role,
    Group,
    /// A kind of ticket.
    Kind,
    Calendar,
    Taxonomy,
    /// A value of the taxonomy with this name.
    ValueOf(String),
    Status,
    /// A status of the kind with this name.
    StatusOf(String),
    Field,
    /// A field of the kind with this name.
    FieldOf(String),
    Transition,
    /// A transition of the kind with this name.
    TransitionOf(String),
    /// A transition that needs approval.
    Approval,
    /// A transition that is a phase, or a proof.
    Phase,
    Clock,
    /// A system of the organisation.
    System,
}

/// A name that must exist elsewhere.
#[derive(Clone, Debug)]
pub(super) struct Mention {
    pub at: At,
    pub sort: Sort,
    pub name: String,
}

/// What an expression or template reads: resolved against the kind that it speaks of.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub path: Vec<String>,
    pub at: Vec<At>,
}

/// One file while it is read.
pub(super) struct Page {
    pub file: String,
    findings: RefCell<Vec<Finding>>,
    /// Findings of names that do not exist, by name: one name that was changed is told once, however often it stands.
    unknown: RefCell<Vec<(String, Finding)>>,
    mentions: RefCell<Vec<Mention>>,
    readings: RefCell<Vec<Reading>>,
}

/// A text of a playbook is at most so long, in characters.
const MAX_TEXT: usize = 2000;

impl Page {
    pub fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            findings: RefCell::default(),
            unknown: RefCell::default(),
            mentions: RefCell::default(),
            readings: RefCell::default(),
        }
    }

    /// Notes a mistake.
    pub fn find(&self, at: At, message: impl Into<String>) {
        self.findings.borrow_mut().push(Finding { file: self.file.clone(), line: at.line, column: at.column, message: message.into() });
    }

    /// Notes that `name` does not exist.
    pub fn find_unknown(&self, at: At, name: &str, message: impl Into<String>) {
        let finding = Finding { file: self.file.clone(), line: at.line, column: at.column, message: message.into() };
        self.unknown.borrow_mut().push((name.to_owned(), finding));
    }

    pub fn take_unknown(&self) -> Vec<(String, Finding)> {
        self.unknown.take()
    }

    /// Notes that `name` must exist elsewhere.
    pub fn mention(&self, at: At, sort: Sort, name: &str) {
        self.mentions.borrow_mut().push(Mention { at, sort, name: name.to_owned() });
    }

    pub fn take_findings(&self) -> Vec<Finding> {
        self.findings.take()
    }

    pub fn mentions(&self) -> Vec<Mention> {
        self.mentions.borrow().clone()
    }

    pub fn readings(&self) -> Vec<Reading> {
        self.readings.borrow().clone()
    }

    /// The scalar, if it is one and not empty.
    pub fn scalar<'n>(&self, node: &'n Node, what: &str) -> Option<&'n Scalar> {
        match &node.value {
            Yaml::Scalar(scalar) if scalar.is_null() => {
                self.find(node.at, format!("Nothing stands here; {what} is expected."));
                None
            }
            Yaml::Scalar(scalar) => Some(scalar),
            Yaml::List(_) => {
                self.find(node.at, format!("A list stands here; {what} is expected."));
                None
            }
            Yaml::Map(_) => {
                self.find(node.at, format!("A map stands here; {what} is expected."));
                None
            }
        }
    }

    /// Text for people.
    pub fn text(&self, node: &Node) -> Option<String> {
        let scalar = self.scalar(node, "text")?;
        let text = scalar.text.trim();
        if text.is_empty() {
            self.find(node.at, "Nothing stands between the quotes; text is expected.");
            return None;
        }
        if scalar.plain && (matches!(text, "true" | "false") || text.parse::<f64>().is_ok()) {
            self.find(node.at, format!("`{text}` is not text; put it in quotes if it is meant as text."));
            return None;
        }
        if text.chars().count() > MAX_TEXT {
            self.find(node.at, format!("This text is longer than {MAX_TEXT} characters; say it shorter."));
            return None;
        }
        Some(text.to_owned())
    }

    /// A name: small letters, digits, `-` and `_`, beginning with a letter, at most 40 characters.
    pub fn word(&self, node: &Node) -> Option<String> {
        let scalar = self.scalar(node, "a name")?;
        self.name_of(scalar)
    }

    /// As [`Page::word`], for a key.
    pub fn name_of(&self, scalar: &Scalar) -> Option<String> {
        let good = scalar.text.len() <= 40
            && scalar.text.starts_with(|c: char| c.is_ascii_lowercase())
            && scalar.text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
        if !good {
            let message = format!(
                "`{}` is not a name; names have small letters, digits, `-` and `_`, begin with a letter, and are at most 40 characters long.",
                short(&scalar.text)
            );
            self.find(scalar.at, message);
            return None;
        }
        Some(scalar.text.clone())
    }

    /// `true` or `false`.
    pub fn truth(&self, node: &Node) -> Option<bool> {
        let scalar = self.scalar(node, "`true` or `false`")?;
        match (scalar.plain, scalar.text.as_str()) {
            (true, "true") => Some(true),
            (true, "false") => Some(false),
            _ => {
                self.find(node.at, format!("`{}` is neither `true` nor `false`.", short(&scalar.text)));
                None
            }
        }
    }

    /// A whole number between `min` and `max`.
    pub fn integer(&self, node: &Node, min: i64, max: i64) -> Option<i64> {
        let scalar = self.scalar(node, "a whole number")?;
        let number = if scalar.plain { scalar.text.parse().ok() } else { None };
        let number = number.filter(|n| (min..=max).contains(n));
        if number.is_none() {
            self.find(node.at, format!("`{}` is not a whole number from {min} to {max}.", short(&scalar.text)));
        }
        number
    }

    /// `15m`, `1h30m`, `2d`: at least `min`, at most `max`. Says too whether days or weeks are in it.
    pub fn duration(&self, node: &Node, min: Duration, max: Duration) -> Option<(Duration, bool)> {
        let scalar = self.scalar(node, "a duration")?;
        let Some((duration, days)) = parse(&scalar.text) else {
            self.find(node.at, format!("`{}` is not a duration; write it like `15m`, `4h`, `2d` or `1h30m`.", short(&scalar.text)));
            return None;
        };
        if duration < min || duration > max {
            self.find(node.at, format!("`{}` is out of range; from {} to {} is allowed.", short(&scalar.text), say(min), say(max)));
            return None;
        }
        Some((duration, days))
    }

    /// The items of a list of at most `max`.
    pub fn list<'n>(&self, node: &'n Node, max: usize) -> &'n [Node] {
        match &node.value {
            Yaml::List(items) if items.len() <= max => items,
            Yaml::List(items) => {
                self.find(node.at, format!("This list has {} entries; at most {max} are allowed.", items.len()));
                &[]
            }
            Yaml::Scalar(_) | Yaml::Map(_) => {
                self.find(node.at, "A list is expected here, as in `[one, two]`.");
                &[]
            }
        }
    }

    /// The items of a list, or the one thing that stands there in its place.
    pub fn one_or_more<'n>(&self, node: &'n Node, max: usize) -> &'n [Node] {
        match &node.value {
            Yaml::List(_) => self.list(node, max),
            Yaml::Scalar(_) | Yaml::Map(_) => std::slice::from_ref(node),
        }
    }

    /// Names in a list (or a single one), without repeats, each noted as a mention of `sort`.
    pub fn names(&self, node: &Node, sort: &Sort) -> Vec<String> {
        let mut out = Vec::new();
        for item in self.one_or_more(node, 100) {
            let Some(name) = self.word(item) else { continue };
            if out.contains(&name) {
                self.find(item.at, format!("`{name}` stands here twice; once is enough."));
                continue;
            }
            self.mention(item.at, sort.clone(), &name);
            out.push(name);
        }
        out
    }

    /// One name, noted as a mention of `sort`.
    pub fn named(&self, node: &Node, sort: Sort) -> Option<String> {
        let name = self.word(node)?;
        self.mention(node.at, sort, &name);
        Some(name)
    }

    /// A CEL expression over `known`.
    pub fn expression(&self, node: &Node, known: &[&str]) -> Option<Expression> {
        let scalar = self.scalar(node, "an expression")?;
        self.expression_in(scalar, &scalar.text, 0, known)
    }

    /// A CEL expression that is the part `text` of the first line of `scalar`, beginning after `skip` characters.
    pub fn expression_in(&self, scalar: &Scalar, text: &str, skip: usize, known: &[&str]) -> Option<Expression> {
        let place = |line: usize, column: usize| scalar.place(line, if line == 1 { column + skip } else { column });
        match Expression::compile(text, known) {
            Ok(expression) => {
                self.note_readings(expression.reads(), place);
                Some(expression)
            }
            Err(error) => {
                self.find(place(error.line, error.column), error.message);
                None
            }
        }
    }

    /// Text with places over `known`.
    pub fn template(&self, node: &Node, known: &[&str]) -> Option<Template> {
        let scalar = self.scalar(node, "text")?;
        match Template::compile(&scalar.text, known) {
            Ok(template) => {
                self.note_readings(&template.reads(), |line, column| scalar.place(line, column));
                Some(template)
            }
            Err(error) => {
                self.find(scalar.place(error.line, error.column), error.message);
                None
            }
        }
    }

    fn note_readings(&self, reads: &[Read], place: impl Fn(usize, usize) -> At) {
        let readings = reads.iter().map(|r| Reading { path: r.path.clone(), at: r.at.iter().map(|(l, c)| place(*l, *c)).collect() });
        self.readings.borrow_mut().extend(readings);
    }
}

/// A map whose keys are known words.
pub(super) struct Section<'p, 'n> {
    page: &'p Page,
    /// Where it stands.
    pub at: At,
    what: String,
    members: &'n [(Scalar, Node)],
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'p, 'n> Section<'p, 'n> {
    /// The map at `node`, called `what` in findings. `at` is where a missing key is reported.
    pub fn of(page: &'p Page, node: &'n Node, at: At, what: impl Into<String>) -> Option<Self> {
        let what = what.into();
        let Yaml::Map(members) = &node.value else {
            page.find(node.at, format!("A map with keys is expected here for {what}."));
            return None;
        };
        Some(Self { page, at, what, members, asked: RefCell::default() })
    }

    /// The value of `key`, if it is there.
    pub fn get(&self, key: &'static str) -> Option<&'n Node> {
        self.asked.borrow_mut().insert(key);
        self.members.iter().find(|(k, _)| k.text == key).map(|(_, v)| v)
    }

    /// The value of `key`; a finding when it is not there. `why` says what belongs there.
    pub fn need(&self, key: &'static str, why: &str) -> Option<&'n Node> {
        let node = self.get(key);
        if node.is_none() {
            self.page.find(self.at, format!("{} lacks `{key}`: {why}.", capital(&self.what)));
        }
        node
    }

    /// Where `key` itself stands; where the map stands when it is not there.
    pub fn at(&self, key: &str) -> At {
        self.members.iter().find(|(k, _)| k.text == key).map_or(self.at, |(k, _)| k.at)
    }

    /// Reports the keys that nobody asked for.
    pub fn done(self) {
        let asked = self.asked.borrow();
        for (key, _) in self.members.iter().filter(|(k, _)| !asked.contains(k.text.as_str())) {
            let hint = nearest(&key.text, asked.iter().copied());
            let known = asked.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
            self.page.find(key.at, format!("`{}` is not a key of {}{hint}There may be {known}.", short(&key.text), self.what));
        }
    }
}

/// The members of a map whose keys are names; at most `max`.
pub(super) fn named_members<'n>(page: &Page, node: &'n Node, max: usize, what: &str) -> Vec<(String, &'n Scalar, &'n Node)> {
    let members = members(page, node, max, what).iter();
    members.filter_map(|(key, value)| Some((page.name_of(key)?, key, value))).collect()
}

/// The members of a map; at most `max`.
pub(super) fn members<'n>(page: &Page, node: &'n Node, max: usize, what: &str) -> &'n [(Scalar, Node)] {
    match &node.value {
        Yaml::Map(members) if members.len() <= max => members,
        Yaml::Map(members) => {
            page.find(node.at, format!("There are {} {what} here; at most {max} are allowed.", members.len()));
            &[]
        }
        Yaml::Scalar(_) | Yaml::List(_) => {
            page.find(node.at, format!("A map of {what} is expected here: `name: value`."));
            &[]
        }
    }
}

/// The first 60 characters, for findings.
pub(super) fn short(text: &str) -> String {
    let mut out = text.chars().take(60).collect::<String>();
    if out.len() < text.len() {
        out.push('…');
    }
    out.replace('\n', " ")
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}
