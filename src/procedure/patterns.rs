//! `matches` of CEL, with each pattern compiled once. Compiling one costs a thousand times what matching does, and every
//! alert is held against dozens of them.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use cel::ExecutionError;
use cel::common::types::{CelBool, CelString};
use regex::Regex;

/// Patterns that are kept at most. They are literals of playbooks and mappings, never an alert's words.
const MOST: usize = 4096;

static COMPILED: LazyLock<RwLock<HashMap<String, Arc<Regex>>>> = LazyLock::new(RwLock::default);

/// The standard functions of CEL, with `matches` as it is here (cel's own, left out by its feature, compiles each time).
pub(super) fn functions() -> cel::Env {
    let mut env = cel::Env::stdlib();
    // Nothing else has that name; if it had, no playbook with a pattern would load.
    let _ = cel::add_member_overload!(env, fn matches: (CelString, CelString) -> Result<CelBool>);
    env
}

fn matches(text: &CelString<'_>, pattern: &CelString<'_>) -> Result<CelBool, ExecutionError> {
    let pattern = compiled(pattern.inner())?;
    Ok(CelBool::from(pattern.is_match(text.inner())))
}

fn compiled(pattern: &str) -> Result<Arc<Regex>, ExecutionError> {
    if let Some(found) = COMPILED.read().unwrap_or_else(PoisonError::into_inner).get(pattern) {
        return Ok(Arc::clone(found));
    }
    let wrong = |error: regex::Error| ExecutionError::FunctionError { function: "matches".to_owned(), message: error.to_string() };
    let regex = Arc::new(Regex::new(pattern).map_err(wrong)?);
    let mut kept = COMPILED.write().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= MOST {
        kept.clear();
    }
    kept.insert(pattern.to_owned(), Arc::clone(&regex));
    Ok(regex)
}
