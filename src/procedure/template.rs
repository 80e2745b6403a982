//! Text with places for values: `{alert.labels.service} is down`.

use serde_json::Value;

use super::expression::{Expression, ExpressionError, MAX_EXPRESSION, Seen, Variables};
use super::tokens::{Read, place};

/// Text with `{alert.labels.service}`-like places, each a CEL expression; a missing value becomes nothing.
/// `{{` and `}}` stand for the braces themselves.
#[derive(Clone, Debug)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Words(String),
    /// The expression, and where it begins in the template: line and column, from 1.
    Place(Expression, (usize, usize)),
}

impl Template {
    /// Compiles `source`.
    ///
    /// # Errors
    /// When it is longer than [`MAX_EXPRESSION`], a brace has no partner, or a place holds no good expression.
    pub fn compile(source: &str, known: &[&str]) -> Result<Self, ExpressionError> {
        let refuse = |offset: usize, message: String| {
            let (line, column) = place(source, offset);
            Err(ExpressionError { message, line, column })
        };
        if source.len() > MAX_EXPRESSION {
            return refuse(0, format!("This text has {} bytes; {MAX_EXPRESSION} are allowed.", source.len()));
        }
        let mut parts = Vec::new();
        let mut words = String::new();
        let mut at = 0;
        while let Some(c) = source[at..].chars().next() {
            let next = at + c.len_utf8();
            match c {
                '{' | '}' if source[next..].starts_with(c) => {
                    words.push(c);
                    at = next + 1;
                }
                '{' => {
                    let Some(end) = place_end(&source[next..]) else {
                        return refuse(at, "`{` is never closed; write `{{` for a brace itself.".to_owned());
                    };
                    let begins = place(source, next);
                    let expression = Expression::compile(&source[next..next + end], known).map_err(|e| moved(e, begins))?;
                    if !words.is_empty() {
                        parts.push(Part::Words(std::mem::take(&mut words)));
                    }
                    parts.push(Part::Place(expression, begins));
                    at = next + end + 1;
                }
                '}' => return refuse(at, "`}` closes nothing; write `}}` for a brace itself.".to_owned()),
                _ => {
                    words.push(c);
                    at = next;
                }
            }
        }
        if !words.is_empty() {
            parts.push(Part::Words(words));
        }
        Ok(Self { source: source.to_owned(), parts })
    }

    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text on these variables. What is missing, null or cannot be evaluated becomes nothing; lists are joined with
    /// commas. White space is tidied to single spaces. The caller bounds its length.
    #[must_use]
    pub fn render(&self, variables: &Variables) -> String {
        self.render_in(&Seen::of(variables))
    }

    /// [`Template::render`] on variables that are ready.
    #[must_use]
    pub fn render_in(&self, seen: &Seen) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Words(words) => out.push_str(words),
                Part::Place(expression, _) => out.push_str(&expression.value_in(seen).map(|v| words_of(&v)).unwrap_or_default()),
            }
        }
        out.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// What its expressions read, with places within the template.
    pub(crate) fn reads(&self) -> Vec<Read> {
        let places = self.parts.iter().filter_map(|p| match p {
            Part::Place(expression, begins) => Some((expression, *begins)),
            Part::Words(_) => None,
        });
        let mut out = Vec::new();
        for (expression, begins) in places {
            out.extend(
                expression
                    .reads()
                    .iter()
                    .map(|read| Read { path: read.path.clone(), at: read.at.iter().map(|at| shifted(*at, begins)).collect() }),
            );
        }
        out
    }
}

/// Where the `}` stands that ends the place that `text` begins with.
fn place_end(text: &str) -> Option<usize> {
    let (mut quote, mut depth, mut escaped) = (None, 0_usize, false);
    for (i, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(q), _) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') if depth == 0 => return Some(i),
            (None, '}') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

fn shifted((line, column): (usize, usize), begins: (usize, usize)) -> (usize, usize) {
    (line + begins.0 - 1, if line == 1 { column + begins.1 - 1 } else { column })
}

fn moved(error: ExpressionError, begins: (usize, usize)) -> ExpressionError {
    let (line, column) = shifted((error.line, error.column), begins);
    ExpressionError { line, column, ..error }
}

fn words_of(value: &Value) -> String {
    match value {
        Value::Null | Value::Object(_) => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(words_of).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(", "),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Template;

    fn render(template: &str) -> String {
        let variables = json!({ "alert": { "labels": { "service": "payments-api", "count": 3 }, "annotations": {} } });
        Template::compile(template, &["alert"]).unwrap().render(variables.as_object().unwrap())
    }

    #[test]
    fn a_place_takes_its_value_and_a_missing_one_leaves_nothing() {
        assert_eq!(render("{alert.labels.service}: {alert.annotations.summary} down"), "payments-api: down");
        assert_eq!(render("{alert.labels.count} of {[1, 2]} {alert.labels}"), "3 of 1, 2");
        assert_eq!(render("{has(alert.labels.service) ? alert.labels.service + '}' : ''}"), "payments-api}");
    }

    #[test]
    fn doubled_braces_stand_for_themselves() {
        assert_eq!(render("{{x}} {alert.labels.count}"), "{x} 3");
    }

    #[test]
    fn a_mistake_is_shown_where_it_stands_in_the_text() {
        let place = |t: &str| Template::compile(t, &["alert"]).map_err(|e| (e.line, e.column, e.message)).unwrap_err();
        assert_eq!(place("ab {alert"), (1, 4, "`{` is never closed; write `{{` for a brace itself.".to_owned()));
        assert_eq!(place("ab }").1, 4);
        let (line, column, message) = place("two\nlines {alrt.x}");
        assert_eq!((line, column), (2, 8));
        assert!(message.starts_with("`alrt` is not known here; did you mean `alert`?"), "{message}");
        assert!(Template::compile("{}", &["alert"]).is_err());
        assert!(Template::compile(&"x".repeat(5000), &[]).is_err());
    }
}
