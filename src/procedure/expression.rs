//! CEL expressions and text templates of the playbooks: bounded, compiled once, evaluated on plain JSON values.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr};
use cel::objects::{Key, Map as CelMap};
use serde_json::{Map, Number, Value};

use super::patterns;
use super::remembered::Remembered;
pub use super::template::Template;
pub use super::tokens::Read;
use super::tokens::scan;

/// Variables that an expression sees: `alert`, `ticket`, `phases`, `event`, or `body`.
pub type Variables = Map<String, Value>;

/// The longest expression that is accepted, in bytes.
pub const MAX_EXPRESSION: usize = 4096;

/// The syntax tree is at most so deep: evaluation recurses over it, on whatever stack the caller has left.
const MAX_TREE: usize = 20;
/// Variables hold at most so many values altogether.
const MAX_VALUES: usize = 100_000;
/// Values stand at most so deep within each other.
const MAX_VALUE_DEPTH: usize = 64;
/// The largest list or map, when one comprehension walks it and when one walks it within another.
const MAX_ELEMENTS: [usize; 3] = [MAX_VALUES, 10_000, 500];

/// Variables made ready for many expressions, so that each need not read them anew.
#[derive(Debug, Default)]
pub struct Seen(Vec<(String, Option<Ready>)>);

#[derive(Debug)]
struct Ready {
    value: cel::Value,
    /// Members of the largest list or map within.
    widest: usize,
}

impl Seen {
    /// All of them.
    #[must_use]
    pub fn of(variables: &Variables) -> Self {
        Self::only(variables, |_| true)
    }

    /// Those that are wanted. What is too large to be looked at is kept as such.
    fn only(variables: &Variables, wanted: impl Fn(&str) -> bool) -> Self {
        let mut budget = MAX_VALUES;
        let ready = variables.iter().filter(|(name, _)| wanted(name)).map(|(name, value)| {
            let mut widest = 0;
            let value = to_cel(value, 0, &mut widest, &mut budget);
            (name.clone(), value.map(|value| Ready { value, widest }))
        });
        Self(ready.collect())
    }
}

/// A compiled CEL expression.
#[derive(Clone)]
pub struct Expression {
    source: String,
    program: Arc<cel::Program>,
    reads: Arc<[Read]>,
    largest: usize,
    remembered: Remembered,
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

/// Why there is no value.
enum NoValue {
    /// A member that is read is not there.
    Missing(String),
    /// Anything else.
    Other(String),
}

/// The standard functions, built once.
static FUNCTIONS: LazyLock<Arc<cel::Env>> = LazyLock::new(|| Arc::new(patterns::functions()));

impl Expression {
    /// Compiles `source`.
    ///
    /// # Errors
    /// When it is too long, is not CEL, nests comprehensions over two, uses floats or a clock, or names a variable that is not in `known`.
    pub fn compile(source: &str, known: &[&str]) -> Result<Self, ExpressionError> {
        let scan = scan(source, known)?;
        let program = parse(source)?;
        for (pattern, (line, column)) in &scan.patterns {
            let works = cel::Program::compile(&format!("''.matches({pattern})"));
            let works = works.is_ok_and(|p| p.execute(&cel::Context::with_env(Arc::clone(&FUNCTIONS))).is_ok());
            if !works {
                let message = format!("{pattern} is not a regular expression that can be matched (syntax of the Rust crate regex).");
                return Err(ExpressionError { message, line: *line, column: *column });
            }
        }
        let largest = MAX_ELEMENTS[scan.comprehensions.min(2)];
        let remembered = Remembered::of(&scan.reads);
        Ok(Self { source: source.to_owned(), program: Arc::new(program), reads: scan.reads.into(), largest, remembered })
    }

    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The variables and members that it reads, in the order in which they are written.
    #[must_use]
    pub fn reads(&self) -> &[Read] {
        &self.reads
    }

    /// The value on these variables.
    ///
    /// # Errors
    /// When a key is missing, types do not fit, or the result is not a JSON value.
    pub fn value(&self, variables: &Variables) -> Result<Value, EvaluationError> {
        self.value_in(&self.seen(variables))
    }

    /// [`Expression::value`] on variables that are ready.
    ///
    /// # Errors
    /// As there.
    pub fn value_in(&self, seen: &Seen) -> Result<Value, EvaluationError> {
        self.evaluate(seen).map_err(|e| match e {
            NoValue::Missing(key) => EvaluationError(format!("there is no `{key}`")),
            NoValue::Other(message) => EvaluationError(message),
        })
    }

    /// Whether it holds on these variables. A missing key is "does not hold": playbooks say
    /// `alert.labels.service_tier == '1'` of alerts that have no such label.
    ///
    /// # Errors
    /// When types do not fit or the result is neither true nor false.
    pub fn holds(&self, variables: &Variables) -> Result<bool, EvaluationError> {
        let key = self.remembered.key(variables);
        if let Some(answer) = key.as_ref().and_then(|key| self.remembered.answer(key)) {
            return Ok(answer);
        }
        let answer = self.holds_in(&self.seen(variables))?;
        if let Some(key) = key {
            self.remembered.remember(key, answer);
        }
        Ok(answer)
    }

    /// [`Expression::holds`] on variables that are ready.
    ///
    /// # Errors
    /// As there.
    pub fn holds_in(&self, seen: &Seen) -> Result<bool, EvaluationError> {
        match self.evaluate(seen) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(_) => Err(EvaluationError(format!("`{}` is neither true nor false", self.source))),
            Err(NoValue::Missing(_)) => Ok(false),
            Err(NoValue::Other(message)) => Err(EvaluationError(message)),
        }
    }

    fn reads_of(&self, name: &str) -> bool {
        self.reads.iter().any(|r| r.path.first().is_some_and(|first| first == name))
    }

    fn seen(&self, variables: &Variables) -> Seen {
        Seen::only(variables, |name| self.reads_of(name))
    }

    fn evaluate(&self, seen: &Seen) -> Result<Value, NoValue> {
        let mut context = cel::Context::with_env(Arc::clone(&FUNCTIONS));
        for (name, ready) in seen.0.iter().filter(|(name, _)| self.reads_of(name)) {
            let Some(ready) = ready.as_ref().filter(|ready| ready.widest <= self.largest) else {
                return Err(NoValue::Other("what the expression should look at is too large".to_owned()));
            };
            context.add_variable_from_value(name.clone(), ready.value.clone());
        }
        match self.program.execute(&context) {
            Ok(value) => to_json(&value, 0),
            Err(cel::ExecutionError::NoSuchKey(key)) => Err(NoValue::Missing(key.to_string())),
            Err(error) => Err(NoValue::Other(self.why(&error))),
        }
    }

    /// The reason without the values, which may be sealed or long.
    fn why(&self, error: &cel::ExecutionError) -> String {
        let reason = match error {
            cel::ExecutionError::NoSuchOverload(_)
            | cel::ExecutionError::UnexpectedType { .. }
            | cel::ExecutionError::UnsupportedTargetType { .. }
            | cel::ExecutionError::NotSupportedAsMethod { .. }
            | cel::ExecutionError::ValuesNotComparable(..)
            | cel::ExecutionError::UnsupportedBinaryOperator(..) => "the types of its values do not fit together",
            cel::ExecutionError::UndeclaredReference(_) => "a variable that it reads is not there",
            cel::ExecutionError::IndexOutOfBounds(_) => "a list is shorter than it expects",
            cel::ExecutionError::DivisionByZero(_) | cel::ExecutionError::RemainderByZero(_) => "it divides by zero",
            cel::ExecutionError::Overflow(..) => "a number becomes too large",
            _ => "it has no value here",
        };
        format!("`{}` cannot be evaluated: {reason}", self.source)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.source)
    }
}

/// The parser's frames are large (some 100 KiB for each bracket without optimisation), so it runs on a stack of its own;
/// should it panic on something, that is an error of the expression.
fn parse(source: &str) -> Result<cel::Program, ExpressionError> {
    const STACK: usize = 16 << 20;
    let failed = || ExpressionError { message: "This expression cannot be read; say it more simply.".to_owned(), line: 1, column: 1 };
    std::thread::scope(|scope| {
        let parser = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || {
            let program = cel::Program::compile(source).map_err(|e| first_of(&e))?;
            if depth(program.expression()) > MAX_TREE {
                let message =
                    "This expression is too deep to be evaluated; split it with `&&` or `||`, or use a list with `in`.".to_owned();
                return Err(ExpressionError { message, line: 1, column: 1 });
            }
            Ok(program)
        });
        parser.map_err(|_| failed())?.join().map_err(|_| failed())?
    })
}

/// How deep the syntax tree is.
fn depth(expression: &IdedExpr) -> usize {
    let below = match &expression.expr {
        Expr::Call(call) => call.args.iter().chain(call.target.as_deref()).map(depth).max(),
        Expr::Comprehension(c) => [&c.iter_range, &c.accu_init, &c.loop_cond, &c.loop_step, &c.result].into_iter().map(depth).max(),
        Expr::List(list) => list.elements.iter().map(depth).max(),
        Expr::Map(map) => map.entries.iter().map(|e| entry_depth(&e.expr)).max(),
        Expr::Struct(made) => made.entries.iter().map(|e| entry_depth(&e.expr)).max(),
        Expr::Select(select) => Some(depth(&select.operand)),
        _ => None,
    };
    1 + below.unwrap_or(0)
}

fn entry_depth(entry: &EntryExpr) -> usize {
    match entry {
        EntryExpr::StructField(field) => depth(&field.value),
        EntryExpr::MapEntry(entry) => depth(&entry.key).max(depth(&entry.value)),
    }
}

fn first_of(errors: &cel::ParseErrors) -> ExpressionError {
    let Some(error) = errors.errors.first() else {
        return ExpressionError { message: "This is not an expression.".to_owned(), line: 1, column: 1 };
    };
    let words = error.msg.lines().next().unwrap_or("").trim_start_matches("Syntax error:").trim();
    ExpressionError {
        message: format!("This is not an expression: {words}."),
        line: usize::try_from(error.pos.0).unwrap_or(1).max(1),
        column: usize::try_from(error.pos.1).unwrap_or(1).max(1),
    }
}

/// None when it is too deep, or there is too much of it altogether.
fn to_cel(value: &Value, depth: usize, widest: &mut usize, budget: &mut usize) -> Option<cel::Value> {
    let size = match value {
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        _ => 0,
    };
    *widest = size.max(*widest);
    if depth > MAX_VALUE_DEPTH || *budget == 0 {
        return None;
    }
    *budget -= 1;
    Some(match value {
        Value::Null => cel::Value::Null,
        Value::Bool(b) => cel::Value::Bool(*b),
        Value::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(i), _) => cel::Value::Int(i),
            (None, Some(u)) => cel::Value::UInt(u),
            (None, None) => cel::Value::Float(n.as_f64().unwrap_or(0.0)),
        },
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(items) => {
            let items = items.iter().map(|item| to_cel(item, depth + 1, widest, budget));
            cel::Value::List(Arc::new(items.collect::<Option<_>>()?))
        }
        Value::Object(members) => {
            let members = members.iter().map(|(k, v)| Some((Key::String(Arc::new(k.clone())), to_cel(v, depth + 1, widest, budget)?)));
            cel::Value::Map(CelMap { map: Arc::new(members.collect::<Option<HashMap<_, _>>>()?) })
        }
    })
}

fn to_json(value: &cel::Value, depth: usize) -> Result<Value, NoValue> {
    let not_json = || NoValue::Other("its result is not text, a whole number, true or false, a list or a map".to_owned());
    if depth > MAX_VALUE_DEPTH {
        return Err(not_json());
    }
    Ok(match value {
        cel::Value::Null => Value::Null,
        cel::Value::Bool(b) => Value::Bool(*b),
        cel::Value::Int(i) => Value::from(*i),
        cel::Value::UInt(u) => Value::from(*u),
        cel::Value::Float(f) => Number::from_f64(*f).map(Value::Number).ok_or_else(not_json)?,
        cel::Value::String(text) => Value::String(text.to_string()),
        cel::Value::List(items) => Value::Array(items.iter().map(|item| to_json(item, depth + 1)).collect::<Result<_, _>>()?),
        cel::Value::Map(members) => {
            let mut out = Map::new();
            for (key, value) in members.map.iter() {
                let Key::String(key) = key else { return Err(not_json()) };
                out.insert(key.to_string(), to_json(value, depth + 1)?);
            }
            Value::Object(out)
        }
        _ => return Err(not_json()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn variables() -> Variables {
        let value = json!({ "alert": { "labels": { "service": "payments", "tier": "1" }, "n": 9_007_199_254_740_991_i64 },
                            "ticket": { "severity": "sev1", "fields": { "data": ["cui", "health"] } } });
        value.as_object().unwrap().clone()
    }

    fn compile(source: &str) -> Result<Expression, ExpressionError> {
        Expression::compile(source, &["alert", "ticket"])
    }

    fn holds(source: &str) -> Result<bool, EvaluationError> {
        compile(source).unwrap().holds(&variables())
    }

    fn refusal(source: &str) -> (usize, usize, String) {
        compile(source).map_err(|e| (e.line, e.column, e.message)).unwrap_err()
    }

    #[test]
    fn conditions_hold_or_not() {
        assert_eq!(holds("alert.labels.service == 'payments' && ticket.severity in ['sev1', 'sev2']"), Ok(true));
        assert_eq!(holds("ticket.fields.data.exists(d, d == 'unknown')"), Ok(false));
        assert_eq!(holds("alert.labels.service.matches('(?i)^PAY')"), Ok(true));
    }

    #[test]
    fn a_missing_key_does_not_hold_but_a_wrong_type_is_an_error() {
        assert_eq!(holds("alert.labels.nothing == '1'"), Ok(false));
        assert_eq!(holds("alert.labels.nothing == '1' || alert.labels.tier == '1'"), Ok(true));
        assert_eq!(holds("!has(alert.labels.nothing)"), Ok(true));
        assert_eq!(holds("ticket.fields.nothing.exists(d, d == 'unknown')"), Ok(false));
        assert_eq!(holds("ticket.fields.nothing.size() > 1 && ticket.fields.data.exists(d, d == 'cui')"), Ok(false));
        assert!(holds("alert.labels.tier > 3").is_err());
        assert!(holds("alert.labels.tier").is_err());
        assert!(compile("alert.labels.tier == '1'").unwrap().holds(&Variables::new()).is_err());
    }

    #[test]
    fn integers_stay_integers() {
        let value = |source: &str| compile(source).unwrap().value(&variables());
        assert_eq!(value("alert.n"), Ok(json!(9_007_199_254_740_991_i64)));
        assert_eq!(value("{'a': [1, 'x', null, true]}"), Ok(json!({ "a": [1, "x", null, true] })));
        assert_eq!(value("alert.nothing"), Err(EvaluationError("there is no `nothing`".to_owned())));
        assert!(value("1 / 0").is_err());
        assert!(value("9223372036854775807 + 1").is_err());
    }

    #[test]
    fn an_evaluation_error_never_repeats_values() {
        let error = holds("alert.labels.service > 3").unwrap_err();
        assert!(!error.0.contains("payments"), "{error}");
    }

    #[test]
    fn mistakes_are_shown_where_they_stand() {
        assert_eq!((refusal("alert.labels.a ==\n  alrt.b").0, refusal("alert.labels.a ==\n  alrt.b").1), (2, 3));
        assert_eq!(refusal("ticket.severity = 'sev1'"), (1, 17, "To compare, write `==`.".to_owned()));
        assert_eq!(refusal("ticket.n > 1.5").1, 12);
        assert_eq!(refusal("ticket.n > 1e3").1, 12);
        assert_eq!(refusal("(alert.a").2, "`(` is never closed.");
        assert_eq!(refusal("'abc").2, "This text has no end; close it with the same quote.");
        assert!(refusal("alert.a ==").2.starts_with("This is not an expression"));
        assert!(refusal("now() > ticket.opened").2.contains("`now` is not a function here"));
        assert!(refusal("timestamp('2026-01-01T00:00:00Z') == ticket.x").2.contains("not a function"));
        assert!(refusal("alert.title.matches(alert.labels.re)").2.contains("written out"));
        assert_eq!(refusal("alert.title.matches('(')").1, 21);
        assert!(refusal("").2.contains("Nothing stands here"));
    }

    #[test]
    fn expressions_are_bounded() {
        assert!(refusal(&format!("'{}' == alert.a", "x".repeat(5000))).2.contains("5013 bytes"));
        assert!(refusal(&"(".repeat(4000)).2.contains("too long"));
        assert!(refusal(&"[".repeat(500)).2.contains("deep"));
        assert!(refusal(&"!".repeat(4000)).2.contains("too long"));
        assert!(refusal(&"!".repeat(500)).2.contains("follow each other"));
        assert!(refusal(&format!("1{}", "+1".repeat(33))).2.contains("follow each other"));
        assert!(refusal(&"(1+1+1+1+".repeat(11)).2.contains("follow each other"));
        assert!(refusal(&format!("1{}", "+1".repeat(25))).2.contains("too deep to be evaluated"));
        assert!(refusal("[1].all(a, [1].all(b, [1].all(c, c == a)))").2.contains("too deep"));
        assert!(compile("[1].all(a, [1].all(b, b == a))").is_ok());
    }

    #[test]
    fn the_largest_allowed_shapes_fit_a_small_stack() {
        let shapes = [
            format!("{}true{}", "(".repeat(12), ")".repeat(12)),
            format!("{}1{} == alert.n", "[".repeat(12), "]".repeat(12)),
            format!("{}1{} == alert.n", "{'a':".repeat(12), "}".repeat(12)),
            format!("1{} == alert.n", "+1".repeat(18)),
            format!("{}true", "!".repeat(18)),
            format!("alert{} == 1", ".a".repeat(18)),
            format!("{}true", "false ? true : ".repeat(16)),
            format!("{}alert.n == 1{}", "!(!".repeat(8), ")".repeat(8)),
            format!("true{}", " && true".repeat(200)),
            format!("alert.n == 0{}", " || alert.n == 1".repeat(90)),
            "[1].all(a, [1].exists(b, b + a + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 == 12))".to_owned(),
        ];
        let compiled = shapes.iter().map(|s| compile(s).map_err(|e| format!("{e} {s}")).unwrap()).collect::<Vec<_>>();
        let check = move || {
            for expression in &compiled {
                let _ = expression.holds(&variables());
            }
        };
        std::thread::Builder::new().stack_size(1 << 20).spawn(check).unwrap().join().unwrap();
    }

    #[test]
    fn what_is_looked_at_is_bounded() {
        let expression = compile("alert.list.all(a, alert.list.all(b, a == b))").unwrap();
        let with = |n: usize| json!({ "alert": { "list": vec![1; n] } }).as_object().unwrap().clone();
        assert_eq!(expression.holds(&with(500)), Ok(true));
        assert!(expression.holds(&with(501)).unwrap_err().0.contains("too large"));
    }

    #[test]
    fn reads_say_what_an_expression_looks_at() {
        let reads = compile("has(ticket.fields.data) && alert['labels'].x.size() > 1").unwrap();
        let paths = reads.reads().iter().map(|r| r.path.join(".")).collect::<Vec<_>>();
        assert_eq!(paths, ["ticket.fields.data", "alert.labels.x"]);
        assert_eq!(reads.reads()[0].at, [(1, 5), (1, 12), (1, 19)]);
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_is_typed_makes_it_panic(source in "[a-z0-9.()\\[\\]{}!&|=<>?:,+*/%'\" \\n\u{e9}-]{0,80}") {
            if let Ok(expression) = compile(&source) {
                let _ = expression.holds(&variables());
            }
        }

        #[test]
        fn no_expression_of_known_words_makes_it_panic(words in proptest::collection::vec(proptest::sample::select(vec![
            "alert", "ticket", ".labels", ".n", "['a']", "[0]", "(", ")", "&&", "||", "!", "-", "==", "in", "1", "'x'", "?", ":", "+", "%", "/",
            ".exists(", "x,", "x", "has(", "size(", ".matches('a')", "[", "]", "{", "}", ",", "null", "true", "9223372036854775807", "0u", "string(",
        ]), 0..24)) {
            if let Ok(expression) = compile(&words.join(" ")) {
                let _ = expression.holds(&variables());
            }
        }
    }
}
