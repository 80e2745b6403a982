//! What an expression said of the values that it reads: a procedure's conditions look at few fields, over and over.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::expression::Variables;
use super::tokens::Read;

/// Answers that are remembered at most; then all are forgotten.
const REMEMBERED: usize = 256;
/// Bytes of values under which an answer is remembered at most.
const LONGEST_KEY: usize = 512;

/// Answers by what was read. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Remembered {
    /// Members that are read, without those that stand below another.
    paths: Arc<[Vec<String>]>,
    answers: Arc<Mutex<HashMap<Vec<u8>, bool>>>,
}

impl Remembered {
    /// Of an expression that reads this.
    pub fn of(reads: &[Read]) -> Self {
        // A member that is not written plainly (with an escape, say) may mean another one: then all above it counts.
        let plain = |member: &&String| member.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let sorted: BTreeSet<Vec<String>> = reads.iter().map(|r| r.path.iter().take_while(plain).cloned().collect()).collect();
        let mut paths: Vec<Vec<String>> = Vec::new();
        for path in sorted {
            // Sorted, a path stands before those below it.
            if !paths.last().is_some_and(|above| path.starts_with(above)) {
                paths.push(path);
            }
        }
        Self { paths: paths.into(), answers: Arc::default() }
    }

    /// The values that decide the answer; none when they are too long to be remembered.
    pub fn key(&self, variables: &Variables) -> Option<Vec<u8>> {
        let mut key = Vec::with_capacity(64);
        for path in self.paths.iter() {
            let (first, rest) = path.split_first()?;
            let mut value: Option<&Value> = variables.get(first);
            // How far the path is there: what is missing early is another answer than what is missing late.
            let mut depth = u8::from(value.is_some());
            for member in rest {
                value = value.and_then(|v| v.get(member));
                depth = depth.saturating_add(u8::from(value.is_some()));
            }
            key.push(depth);
            if let Some(value) = value {
                serde_json::to_writer(&mut key, value).ok()?;
            }
            key.push(b'\n');
            if key.len() > LONGEST_KEY {
                return None;
            }
        }
        Some(key)
    }

    /// What was said under this key.
    pub fn answer(&self, key: &[u8]) -> Option<bool> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }

    /// Remembers it.
    pub fn remember(&self, key: Vec<u8>, answer: bool) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= REMEMBERED {
            answers.clear();
        }
        answers.insert(key, answer);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::expression::{Expression, Variables};

    fn of(value: Value) -> Variables {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn an_answer_is_that_of_its_values_however_often_one_asks() {
        let when = Expression::compile("has(ticket.fields.risk) && ticket.fields.risk == 'high' || ticket.status in ['open']", &["ticket"])
            .unwrap();
        let risk = |risk: Value, status: &str| of(json!({ "ticket": { "fields": { "risk": risk, "noise": status }, "status": status } }));
        for _ in 0..3 {
            assert_eq!(when.holds(&risk(json!("high"), "done")), Ok(true));
            assert_eq!(when.holds(&risk(json!("low"), "done")), Ok(false));
            assert_eq!(when.holds(&risk(json!("low"), "open")), Ok(true));
            assert_eq!(when.holds(&of(json!({ "ticket": { "fields": {}, "status": "done" } }))), Ok(false));
            assert!(when.holds(&of(json!({}))).is_err(), "without a ticket there is no answer, and none is remembered");
            assert!(when.holds(&risk(json!("low"), "done")).is_ok());
        }
    }

    #[test]
    fn a_list_that_is_walked_is_read_as_a_whole() {
        let when = Expression::compile("ticket.seen.exists(s, s in ['sev1', 'sev2'])", &["ticket"]).unwrap();
        for _ in 0..2 {
            assert_eq!(when.holds(&of(json!({ "ticket": { "seen": ["sev3", "sev1"] } }))), Ok(true));
            assert_eq!(when.holds(&of(json!({ "ticket": { "seen": ["sev3"] } }))), Ok(false));
        }
        let member = Expression::compile("ticket.fields['a-b'] == 'x'", &["ticket"]).unwrap();
        for _ in 0..2 {
            assert_eq!(member.holds(&of(json!({ "ticket": { "fields": { "a-b": "x" } } }))), Ok(true));
            assert_eq!(member.holds(&of(json!({ "ticket": { "fields": { "a-b": "y" } } }))), Ok(false));
        }
        // More values than are remembered.
        for n in 0..1_000 {
            let expected = n % 7 == 0;
            let words = if expected { "sev1" } else { "sev3" };
            assert_eq!(when.holds(&of(json!({ "ticket": { "seen": [words, format!("{n}")] } }))), Ok(expected));
        }
    }
}
