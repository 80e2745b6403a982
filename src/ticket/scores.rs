//! Levels that follow from several choices, as a change's risk from how critical the system is, how exposed the data and
//! how hard the way back. Nobody sets such a level by hand; whoever wants another one answers the questions otherwise.

use std::collections::BTreeMap;

use serde_json::Value;

use super::command::{FieldInput, Fields};
use super::fields::FieldProblem;
use super::refusal::Refusal;
use super::state::Ticket;
use crate::procedure::model::{Ask, Kind, Transition};
use crate::procedure::rules::Score;

/// Adds the levels that follow from what is given and what stands.
pub(super) fn apply(kind: &Kind, ticket: Option<&Ticket>, fields: &mut Fields) -> Result<(), Refusal> {
    for score in &kind.scores {
        if fields.contains_key(&score.sets) {
            let label = |name: &str| kind.fields.get(name).map_or_else(|| name.to_owned(), |f| f.label.clone());
            let asked: Vec<String> = score.of.keys().map(|name| label(name)).collect();
            let problem = format!("follows from {}; answer those instead", asked.join(", "));
            return Err(Refusal::BadFields {
                problems: vec![FieldProblem { field: score.sets.clone(), label: label(&score.sets), problem }],
            });
        }
        if !score.of.keys().any(|name| fields.contains_key(name)) {
            continue;
        }
        let value = |name: &str| match fields.get(name) {
            Some(FieldInput::Plain(value)) => value.as_str(),
            Some(FieldInput::Sealed(_)) => None,
            None => ticket.and_then(|t| t.plain(name)).and_then(Value::as_str),
        };
        let level = score.judge(value).map_or(Value::Null, |(level, _)| Value::String(level.to_owned()));
        fields.insert(score.sets.clone(), FieldInput::Plain(level));
    }
    Ok(())
}

/// The levels with which a step ends that asks for their answers: whoever answers otherwise later does not undo that.
pub(super) fn judged(kind: &Kind, transition: &Transition, after: &Ticket) -> BTreeMap<String, String> {
    let asks = |score: &&Score| score.of.keys().any(|name| transition.asks.contains(&Ask::Field(name.clone())));
    let level = |score: &Score| Some((score.sets.clone(), after.plain(&score.sets)?.as_str()?.to_owned()));
    kind.scores.iter().filter(asks).filter_map(level).collect()
}

/// The reasons of a level, each as a sentence: "System criticality: High (3)".
#[must_use]
pub fn reasons(kind: &Kind, ticket: &Ticket, sets: &str) -> Vec<String> {
    let Some(score) = kind.scores.iter().find(|s| s.sets == sets) else { return Vec::new() };
    let Some((_, points)) = score.judge(|name| ticket.plain(name).and_then(Value::as_str)) else { return Vec::new() };
    let words = |(name, points): (&str, i64)| {
        let field = kind.fields.get(name)?;
        let value = ticket.plain(name)?.as_str()?;
        let said = match &field.of {
            crate::procedure::model::FieldType::Choice(options) => options.get(value).map_or(value, String::as_str),
            _ => value,
        };
        Some(format!("{}: {said} ({points})", field.label))
    };
    points.into_iter().filter_map(words).collect()
}
