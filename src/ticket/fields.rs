//! What people sent, checked against the procedure's fields and sealed: done before the queue, and checked once more
//! in the decision, because the ticket may be pinned to another version of the procedure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::command::{FieldInput, Fields};
use super::nearest::nearest;
use super::number::Number;
use crate::env::Timestamp;
use crate::ledger::sealed::Sealed;
use crate::procedure::estate::OTHER_SYSTEM;
use crate::procedure::model::{Field, FieldType, Kind, Library};
use crate::procedure::substance;

/// The longest line, in characters.
pub const MAX_LINE: usize = 200;
/// The longest text, in characters.
pub const MAX_TEXT: usize = 10_000;
/// The most systems in one field.
pub const MAX_ASSETS: usize = 50;

/// A value that cannot stand in its field, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field's name, as it was sent.
    pub field: String,
    /// What the form calls it.
    pub label: String,
    /// What is wrong, without a full stop: "must be one of sev1, sev2".
    pub problem: String,
}

impl FieldProblem {
    /// One sentence for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let stop = if self.problem.ends_with(['?', '”']) { "" } else { "." };
        format!("{} {}{stop}", self.label, self.problem)
    }
}

/// Checks everything that was sent and seals what the kind wants sealed. Empty values clear their fields. Says
/// everything that is wrong at once.
///
/// # Errors
/// One problem for each value that cannot stand.
pub fn seal(
    kind: &Kind,
    library: &Library,
    raw: &BTreeMap<String, Value>,
    salt: &mut dyn FnMut() -> [u8; 32],
) -> Result<Fields, Vec<FieldProblem>> {
    let mut out = Fields::new();
    let mut problems = Vec::new();
    for (name, value) in raw {
        let Some(field) = kind.fields.get(name) else {
            problems.push(unknown(kind, name));
            continue;
        };
        match read(field, library, value) {
            Err(problem) => problems.push(FieldProblem { field: name.clone(), label: field.label.clone(), problem }),
            Ok(None) => {
                out.insert(name.clone(), FieldInput::Plain(Value::Null));
            }
            Ok(Some(value)) => {
                let input =
                    if is_sealed(field) { FieldInput::Sealed(Sealed::new(salt(), bytes(&value))) } else { FieldInput::Plain(value) };
                out.insert(name.clone(), input);
            }
        }
    }
    if problems.is_empty() { Ok(out) } else { Err(problems) }
}

/// Checks values that were sealed elsewhere, perhaps by another version of the procedure.
///
/// # Errors
/// One problem for each value that cannot stand.
pub fn check(kind: &Kind, library: &Library, fields: &Fields) -> Result<(), Vec<FieldProblem>> {
    let mut problems = Vec::new();
    for (name, input) in fields {
        let Some(field) = kind.fields.get(name) else {
            problems.push(unknown(kind, name));
            continue;
        };
        let verdict = match input {
            FieldInput::Plain(Value::Null) => Ok(()),
            FieldInput::Plain(_) if is_sealed(field) => Err("must be sealed; please send it again".to_owned()),
            FieldInput::Sealed(_) if !is_sealed(field) => Err("is not sealed any more; please send it again".to_owned()),
            FieldInput::Plain(value) => match read(field, library, value) {
                Ok(Some(canonical)) if canonical == *value => Ok(()),
                Ok(_) => Err("is not in its canonical form; please send it again".to_owned()),
                Err(problem) => Err(problem),
            },
            FieldInput::Sealed(sealed) => read_back(field, &sealed.bytes).and_then(|value| match read(field, library, &value) {
                Ok(Some(_)) => Ok(()),
                Ok(None) => Err("is empty; please leave it out".to_owned()),
                Err(problem) => Err(problem),
            }),
        };
        if let Err(problem) = verdict {
            problems.push(FieldProblem { field: name.clone(), label: field.label.clone(), problem });
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Free text for notes, reasons and lines: trimmed, bounded, without control characters; none when nothing is left.
///
/// # Errors
/// What is wrong, without a full stop.
pub fn text(raw: &str, most: usize) -> Result<Option<String>, String> {
    // Counted before anything is copied: what was sent may be large.
    if raw.len() > most.saturating_mul(4).saturating_add(64) {
        return Err(format!("is too long: at most {most} characters"));
    }
    let cleaned = raw.replace("\r\n", "\n").replace('\r', "\n");
    let cleaned = cleaned.trim();
    if cleaned.chars().count() > most {
        return Err(format!("is too long: at most {most} characters"));
    }
    if cleaned.chars().any(|c| hidden(c) && c != '\n' && c != '\t') {
        return Err("holds characters that cannot be seen; please type it again".into());
    }
    Ok((!cleaned.is_empty()).then(|| cleaned.to_owned()))
}

/// A line made of a machine's words: what cannot be seen becomes a space, and what is too long is cut. A tool's alert
/// is never refused for its title.
#[must_use]
pub fn fitted(raw: &str) -> String {
    let visible: String = raw.chars().take(MAX_LINE * 4).map(|c| if hidden(c) { ' ' } else { c }).collect();
    let words = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= MAX_LINE {
        return words;
    }
    words.chars().take(MAX_LINE - 1).chain(['…']).collect()
}

/// Whether the kind keeps this field's values sealed.
#[must_use]
pub fn is_sealed(field: &Field) -> bool {
    field.sealed || matches!(field.of, FieldType::Line | FieldType::Text | FieldType::Assets)
}

/// Controls, and the marks that make text read differently from how it is stored (Unicode TR 36 §3.1).
fn hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn unknown(kind: &Kind, name: &str) -> FieldProblem {
    let shown: String = name.chars().filter(|c| !hidden(*c)).take(60).collect();
    let problem = match nearest(name, kind.fields.keys().map(String::as_str)) {
        Some(near) => format!("is not a field of this kind; did you mean “{near}”?"),
        None => "is not a field of this kind".to_owned(),
    };
    FieldProblem { field: name.to_owned(), label: format!("“{shown}”"), problem }
}

/// The bytes that are sealed: text as it is, everything else as JSON.
fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        other => other.to_string().into_bytes(),
    }
}

fn read_back(field: &Field, bytes: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is not text; please send it again".to_owned())?;
    match field.of {
        FieldType::Choices(_) | FieldType::Assets | FieldType::Number { .. } | FieldType::Bool => {
            serde_json::from_str(text).map_err(|_| "cannot be read; please send it again".to_owned())
        }
        _ => Ok(Value::String(text.to_owned())),
    }
}

/// The canonical value, `None` for an empty one, or what is wrong.
fn read(field: &Field, library: &Library, value: &Value) -> Result<Option<Value>, String> {
    match value {
        Value::Null => return Ok(None),
        Value::String(s) if s.trim().is_empty() => return Ok(None),
        Value::Array(items) if items.is_empty() => return Ok(None),
        _ => {}
    }
    match &field.of {
        FieldType::Line => line(value).and_then(|t| telling(field, t)),
        FieldType::Text => text(string(value)?, MAX_TEXT).and_then(|t| telling(field, t)),
        FieldType::Choice(allowed) => one_of(value, allowed.keys().map(String::as_str)).map(Some),
        FieldType::Choices(allowed) => many_of(value, &allowed.keys().map(String::as_str).collect::<Vec<_>>()),
        FieldType::Taxonomy(list) => match library.taxonomies.get(list) {
            Some(values) => one_of(value, values.keys().map(String::as_str)).map(Some),
            None => Err(format!("needs the list “{list}”, which is not adopted; please tell an administrator")),
        },
        FieldType::Assets => assets(value),
        FieldType::Number { min, max } => number(value, *min, *max).map(Some),
        FieldType::Bool => truth(value).map(Some),
        FieldType::Time => match Timestamp::parse(string(value)?.trim()) {
            Some(at) => Ok(Some(Value::String(at.to_string()))),
            None => Err("must be a time with its zone, such as 2026-03-01T03:04:00Z".into()),
        },
        FieldType::Person => person(value).map(Some),
        FieldType::Ticket => match string(value)?.parse::<Number>() {
            Ok(number) => Ok(Some(Value::String(number.to_string()))),
            Err(_) => Err("must be a ticket's number, such as INC-000042".into()),
        },
        FieldType::System => {
            let systems = library.organisation.estate.systems.keys().map(String::as_str);
            one_of(value, systems.chain([OTHER_SYSTEM])).map(Some)
        }
        FieldType::Word => word(value).map(Some),
    }
}

/// A text that must say something does.
fn telling(field: &Field, text: Option<String>) -> Result<Option<Value>, String> {
    match (&field.substance, &text) {
        (Some(wanted), Some(said)) if substance::lacks(wanted, said) => {
            Err(format!("says too little for somebody who reads it in a year; a good one: “{}”", wanted.example))
        }
        _ => Ok(text.map(Value::String)),
    }
}

fn word(value: &Value) -> Result<Value, String> {
    let sent = string(value)?.trim();
    let good = sent.len() <= 60
        && sent.starts_with(|c: char| c.is_ascii_lowercase())
        && sent.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'));
    if good {
        Ok(Value::String(sent.to_owned()))
    } else {
        Err("must be one word of small letters, digits and hyphens, at most 60 characters long".into())
    }
}

fn string(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| "must be text".to_owned())
}

fn line(value: &Value) -> Result<Option<String>, String> {
    let cleaned = text(string(value)?, MAX_LINE)?;
    if cleaned.as_deref().is_some_and(|t| t.contains(['\n', '\t'])) {
        return Err("must be one line".into());
    }
    Ok(cleaned)
}

fn one_of<'a>(value: &Value, allowed: impl Iterator<Item = &'a str>) -> Result<Value, String> {
    let sent = string(value)?.trim();
    let allowed: Vec<&str> = allowed.collect();
    if allowed.contains(&sent) {
        return Ok(Value::String(sent.to_owned()));
    }
    // What was sent is not repeated: it may be anything.
    Err(match nearest(sent, allowed.iter().copied()) {
        Some(near) => format!("has no such choice; did you mean “{near}”?"),
        None if allowed.len() <= 12 => format!("must be one of {}", allowed.join(", ")),
        None => "has no such choice; please pick one from the list".into(),
    })
}

/// A JSON array, or one word, or words with commas between them.
fn words(value: &Value, most: usize) -> Result<Vec<String>, String> {
    let sent: Vec<&str> = match value {
        Value::Array(items) if items.len() > most => return Err(format!("holds too many: at most {most}")),
        Value::Array(items) => items.iter().map(string).collect::<Result<_, _>>()?,
        other => string(other)?.split([',', '\n']).take(most + 1).collect(),
    };
    let sent: Vec<String> = sent.iter().map(|s| s.trim().to_owned()).filter(|s| !s.is_empty()).collect();
    if sent.len() > most { Err(format!("holds too many: at most {most}")) } else { Ok(sent) }
}

fn many_of(value: &Value, allowed: &[&str]) -> Result<Option<Value>, String> {
    let sent = words(value, 100)?;
    let mut chosen = BTreeSet::new();
    for word in sent {
        if let Value::String(word) = one_of(&Value::String(word), allowed.iter().copied())? {
            chosen.insert(word);
        }
    }
    Ok((!chosen.is_empty()).then(|| Value::from(chosen.into_iter().collect::<Vec<_>>())))
}

fn assets(value: &Value) -> Result<Option<Value>, String> {
    let mut named = BTreeSet::new();
    for word in words(value, MAX_ASSETS)? {
        if let Some(word) = line(&Value::String(word))? {
            named.insert(word);
        }
    }
    if named.len() > 1 && named.contains("none") {
        return Err("is either “none” or a list of systems, not both".into());
    }
    Ok((!named.is_empty()).then(|| Value::from(named.into_iter().collect::<Vec<_>>())))
}

fn number(value: &Value, min: i64, max: i64) -> Result<Value, String> {
    let sent = match value {
        Value::Number(n) => n.as_i64(),
        Value::String(s) => s.trim().parse().ok(),
        _ => None,
    };
    match sent {
        Some(n) if (min..=max).contains(&n) => Ok(Value::from(n)),
        _ => Err(format!("must be a whole number from {min} to {max}")),
    }
}

fn truth(value: &Value) -> Result<Value, String> {
    match value {
        Value::Bool(b) => Ok(Value::Bool(*b)),
        Value::String(s) if matches!(s.trim(), "true" | "yes" | "on") => Ok(Value::Bool(true)),
        Value::String(s) if matches!(s.trim(), "false" | "no" | "off") => Ok(Value::Bool(false)),
        _ => Err("must be yes or no".into()),
    }
}

fn person(value: &Value) -> Result<Value, String> {
    let id = string(value)?.trim();
    let good = (3..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if good { Ok(Value::String(id.to_owned())) } else { Err("must be a person; please choose one from the list".into()) }
}
