//! The words of a CEL expression, read before the parser sees it: this is where expressions are bounded.
//!
//! The parser and the evaluator recurse, so how deep and how long an expression may be is decided here, on a flat
//! list of tokens; and so are the variables, functions and literals that it may use, each with its exact place.
//! To allow one more function: add it to [`FUNCTIONS`] or [`METHODS`].

use super::expression::{ExpressionError, MAX_EXPRESSION};
use super::nearest::nearest;

/// Brackets may stand so deep within each other.
const MAX_DEPTH: usize = 12;
/// An expression has at most so many tokens.
const MAX_TOKENS: usize = 600;
/// So many operators and steps may follow each other on the way to any one value: each is a level of the tree.
/// `&&`, `||` and commas begin anew, since the parser balances the former and lists are flat.
const MAX_CHAIN: usize = 32;
/// Comprehensions (`exists`, `all`, …) stand at most so deep within each other.
const MAX_COMPREHENSIONS: usize = 2;
/// The longest pattern of `matches`, in bytes, quotes included.
const MAX_PATTERN: usize = 512;

/// Functions that are called with their arguments only.
const FUNCTIONS: &[&str] = &["has", "size", "int", "uint", "string", "bool"];
/// Functions that are called on a value.
const METHODS: &[&str] = &["size", "contains", "startsWith", "endsWith", "matches"];
/// Methods that bind a variable and walk a list or a map.
const COMPREHENSIONS: &[&str] = &["all", "exists", "exists_one", "filter", "map"];
/// Words that are not names.
const LITERALS: &[&str] = &["true", "false", "null", "in"];

/// What an expression reads: `ticket.fields.class` is `["ticket", "fields", "class"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The variable, then its members as far as they are written out.
    pub path: Vec<String>,
    /// Where each of them stands: line and column within the expression, from 1.
    pub at: Vec<(usize, usize)>,
}

/// What the tokens say of an expression.
#[derive(Clone, Debug, Default)]
pub(super) struct Scan {
    /// The variables that it reads.
    pub reads: Vec<Read>,
    /// How deep its comprehensions stand within each other.
    pub comprehensions: usize,
    /// The patterns that it matches, as they are written, with their places.
    pub patterns: Vec<(String, (usize, usize))>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Name,
    Number,
    Text,
    Sign,
}

#[derive(Clone, Copy, Debug)]
struct Token<'s> {
    sort: Sort,
    text: &'s str,
    start: usize,
}

/// Reads `source` and refuses what is not allowed in an expression over the variables in `known`.
pub(super) fn scan(source: &str, known: &[&str]) -> Result<Scan, ExpressionError> {
    if source.trim().is_empty() {
        return Err(refuse(source, 0, "Nothing stands here; write a condition, or leave the key out."));
    }
    if source.len() > MAX_EXPRESSION {
        let message = format!("This expression has {} bytes; {MAX_EXPRESSION} are allowed. Say it shorter, or in two steps.", source.len());
        return Err(refuse(source, 0, message));
    }
    let tokens = tokens(source)?;
    if let Some(token) = tokens.get(MAX_TOKENS) {
        return Err(refuse(source, token.start, format!("This expression is too long: at most {MAX_TOKENS} words and signs are allowed.")));
    }
    Walk { source, known, tokens: &tokens, open: Vec::new(), chain: 0, scan: Scan::default() }.run()
}

/// Line and column, from 1, of the byte `offset` in `source`.
pub(super) fn place(source: &str, offset: usize) -> (usize, usize) {
    let before = source.get(..offset).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

fn refuse(source: &str, offset: usize, message: impl Into<String>) -> ExpressionError {
    let (line, column) = place(source, offset);
    ExpressionError { message: message.into(), line, column }
}

fn tokens(source: &str) -> Result<Vec<Token<'_>>, ExpressionError> {
    let bytes = source.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        let sort = match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {
                at += 1;
                continue;
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at += bytes[at..].iter().position(|b| *b == b'\n').unwrap_or(bytes.len() - at);
                continue;
            }
            b'0'..=b'9' => {
                at = number_end(source, at)?;
                Sort::Number
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                at = run(bytes, at, |b| b.is_ascii_alphanumeric() || b == b'_');
                let quoted = matches!(bytes.get(at), Some(b'\'' | b'"')) && is_text_prefix(&source[start..at]);
                if quoted {
                    at = text_end(source, at, source[start..at].to_ascii_lowercase().contains('r'))?
                };
                if quoted { Sort::Text } else { Sort::Name }
            }
            b'\'' | b'"' => {
                at = text_end(source, at, false)?;
                Sort::Text
            }
            b'&' | b'|' | b'=' | b'!' | b'<' | b'>' => {
                let two = source.get(at..at + 2).unwrap_or("");
                at += if matches!(two, "&&" | "||" | "==" | "!=" | "<=" | ">=") { 2 } else { 1 };
                Sort::Sign
            }
            b'+' | b'-' | b'*' | b'/' | b'%' | b'?' | b':' | b'.' | b',' | b'(' | b')' | b'[' | b']' | b'{' | b'}' => {
                at += 1;
                Sort::Sign
            }
            _ => {
                let sign = source[at..].chars().next().unwrap_or(' ');
                return Err(refuse(source, at, format!("{sign:?} has no meaning here; text stands in quotes.")));
            }
        };
        out.push(Token { sort, text: &source[start..at], start });
    }
    Ok(out)
}

fn run(bytes: &[u8], from: usize, keep: impl Fn(u8) -> bool) -> usize {
    bytes[from..].iter().position(|b| !keep(*b)).map_or(bytes.len(), |n| from + n)
}

fn is_text_prefix(word: &str) -> bool {
    matches!(word.to_ascii_lowercase().as_str(), "r" | "b" | "br" | "rb")
}

fn number_end(source: &str, start: usize) -> Result<usize, ExpressionError> {
    let bytes = source.as_bytes();
    let end = run(bytes, start, |b| b.is_ascii_alphanumeric());
    let word = source[start..end].to_ascii_lowercase();
    let fraction = bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
    if fraction || (!word.starts_with("0x") && word.contains('e')) {
        return Err(refuse(source, start, "Numbers here are whole numbers; a fraction is not exact enough to decide by."));
    }
    Ok(end)
}

fn text_end(source: &str, quote_at: usize, raw: bool) -> Result<usize, ExpressionError> {
    let bytes = source.as_bytes();
    let quote = bytes[quote_at];
    let triple = bytes.get(quote_at..quote_at + 3).is_some_and(|b| b.iter().all(|x| *x == quote));
    let mut at = quote_at + if triple { 3 } else { 1 };
    while let Some(&byte) = bytes.get(at) {
        let closes = byte == quote && (!triple || bytes.get(at..at + 3).is_some_and(|b| b.iter().all(|x| *x == quote)));
        if closes {
            return Ok(at + if triple { 3 } else { 1 });
        }
        if byte == b'\n' && !triple {
            break;
        }
        at += if byte == b'\\' && !raw { 2 } else { 1 };
    }
    Err(refuse(source, quote_at, "This text has no end; close it with the same quote."))
}

/// An open bracket.
struct Open<'s> {
    sign: &'s str,
    start: usize,
    /// How long the chain is that leads to it.
    chain: usize,
    /// The variable that a comprehension binds inside.
    binds: Option<&'s str>,
}

struct Walk<'w, 's> {
    source: &'s str,
    known: &'w [&'w str],
    tokens: &'w [Token<'s>],
    open: Vec<Open<'s>>,
    chain: usize,
    scan: Scan,
}

impl<'s> Walk<'_, 's> {
    fn run(mut self) -> Result<Scan, ExpressionError> {
        for i in 0..self.tokens.len() {
            let token = self.tokens[i];
            match token.sort {
                Sort::Sign => self.sign(i, token)?,
                Sort::Name => self.name(i, token)?,
                Sort::Number | Sort::Text => {}
            }
        }
        match self.open.pop() {
            Some(open) => Err(refuse(self.source, open.start, format!("`{}` is never closed.", open.sign))),
            None => Ok(self.scan),
        }
    }

    fn text(&self, i: Option<usize>) -> &'s str {
        i.and_then(|i| self.tokens.get(i)).map_or("", |t| t.text)
    }

    fn sign(&mut self, i: usize, token: Token<'s>) -> Result<(), ExpressionError> {
        match token.text {
            "(" | "[" | "{" => self.open_bracket(i, token),
            ")" | "]" | "}" => self.close_bracket(token),
            "," | "&&" | "||" => {
                self.chain = self.open.last().map_or(0, |o| o.chain);
                Ok(())
            }
            "=" => Err(refuse(self.source, token.start, "To compare, write `==`.")),
            "&" | "|" => Err(refuse(self.source, token.start, format!("Write `{0}{0}`.", token.text))),
            "." if !self.ends_value(i.checked_sub(1)) => {
                Err(refuse(self.source, token.start, "A dot follows a name, as in `alert.labels`."))
            }
            _ => {
                self.chain += 1;
                if self.chain > MAX_CHAIN {
                    let message = format!(
                        "More than {MAX_CHAIN} operators follow each other here; split it with `&&` or `||`, or use a list with `in`."
                    );
                    return Err(refuse(self.source, token.start, message));
                }
                Ok(())
            }
        }
    }

    fn ends_value(&self, i: Option<usize>) -> bool {
        i.and_then(|i| self.tokens.get(i)).is_some_and(|t| match t.sort {
            Sort::Name => t.text != "in",
            Sort::Number => false,
            Sort::Text => true,
            Sort::Sign => matches!(t.text, ")" | "]" | "}"),
        })
    }

    fn open_bracket(&mut self, i: usize, token: Token<'s>) -> Result<(), ExpressionError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(refuse(self.source, token.start, format!("Brackets stand more than {MAX_DEPTH} deep here; say it flatter.")));
        }
        let before = i.checked_sub(1).and_then(|i| self.tokens.get(i)).copied();
        if token.text == "{" && before.is_some_and(|t| t.sort == Sort::Name && !LITERALS.contains(&t.text)) {
            return Err(refuse(self.source, token.start, "Values of a named type cannot be made here."));
        }
        let is_method = i >= 2 && self.text(i.checked_sub(2)) == ".";
        let comprehension = token.text == "(" && is_method && before.is_some_and(|t| COMPREHENSIONS.contains(&t.text));
        let binds = if comprehension { Some(self.bound_variable(i, token)?) } else { None };
        self.open.push(Open { sign: token.text, start: token.start, chain: self.chain, binds });
        let depth = self.open.iter().filter(|o| o.binds.is_some()).count();
        self.scan.comprehensions = self.scan.comprehensions.max(depth);
        if depth > MAX_COMPREHENSIONS {
            let message = format!("`{}` stands inside {MAX_COMPREHENSIONS} others; that is too deep.", before.map_or("", |t| t.text));
            return Err(refuse(self.source, token.start, message));
        }
        Ok(())
    }

    fn bound_variable(&self, i: usize, token: Token<'s>) -> Result<&'s str, ExpressionError> {
        let name = self.tokens.get(i + 1).filter(|t| t.sort == Sort::Name && self.text(Some(i + 2)) == ",");
        let Some(name) = name else {
            return Err(refuse(self.source, token.start, "Name each element first, as in `list.exists(one, one == 'x')`."));
        };
        if self.known.contains(&name.text) || self.is_bound(name.text) || LITERALS.contains(&name.text) {
            return Err(refuse(self.source, name.start, format!("`{}` means something else already; choose another name.", name.text)));
        }
        Ok(name.text)
    }

    fn is_bound(&self, name: &str) -> bool {
        self.open.iter().any(|o| o.binds == Some(name))
    }

    fn close_bracket(&mut self, token: Token<'s>) -> Result<(), ExpressionError> {
        let wanted = match token.text {
            ")" => "(",
            "]" => "[",
            _ => "{",
        };
        match self.open.pop() {
            Some(open) if open.sign == wanted => {
                self.chain = open.chain;
                Ok(())
            }
            _ => Err(refuse(self.source, token.start, format!("`{}` closes nothing that is open.", token.text))),
        }
    }

    fn name(&mut self, i: usize, token: Token<'s>) -> Result<(), ExpressionError> {
        let after_dot = i > 0 && self.text(i.checked_sub(1)) == ".";
        if self.text(Some(i + 1)) == "(" && token.text != "in" {
            return self.call(i, token, after_dot);
        }
        if after_dot || LITERALS.contains(&token.text) || self.is_bound(token.text) {
            if token.text == "in" {
                self.chain += 1;
            }
            return Ok(());
        }
        if !self.known.contains(&token.text) {
            let hint = nearest(token.text, self.known.iter().copied());
            let names = self.known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
            let message = format!("`{}` is not known here{hint}The expression may read {names}. Text stands in quotes.", token.text);
            return Err(refuse(self.source, token.start, message));
        }
        let read = self.read(i);
        self.scan.reads.push(read);
        Ok(())
    }

    fn call(&mut self, i: usize, token: Token<'s>, method: bool) -> Result<(), ExpressionError> {
        let allowed = if method { [METHODS, COMPREHENSIONS].concat() } else { FUNCTIONS.to_vec() };
        if !allowed.contains(&token.text) {
            let hint = nearest(token.text, allowed.iter().copied());
            let names = allowed.join(", ");
            return Err(refuse(self.source, token.start, format!("`{}` is not a function here{hint}There are {names}.", token.text)));
        }
        if token.text == "matches" {
            let pattern = self.tokens.get(i + 2).filter(|t| t.sort == Sort::Text && self.text(Some(i + 3)) == ")");
            match pattern {
                Some(p) if p.text.len() <= MAX_PATTERN => self.scan.patterns.push((p.text.to_owned(), place(self.source, p.start))),
                Some(p) => return Err(refuse(self.source, p.start, format!("A pattern has at most {MAX_PATTERN} bytes."))),
                None => return Err(refuse(self.source, token.start, "`matches` needs a pattern that is written out in quotes.")),
            }
        }
        Ok(())
    }

    /// Follows `.name` and `['name']` from the variable at `i`.
    fn read(&self, i: usize) -> Read {
        let mut read = Read { path: vec![self.text(Some(i)).to_owned()], at: vec![place(self.source, self.tokens[i].start)] };
        let mut at = i + 1;
        loop {
            let member = match self.text(Some(at)) {
                "." if self.text(Some(at + 2)) != "(" => self.tokens.get(at + 1).map(|t| (t.text, t.start, 2)),
                "[" if self.text(Some(at + 2)) == "]" => {
                    let key = self.tokens.get(at + 1).filter(|t| t.sort == Sort::Text);
                    key.map(|t| (t.text.trim_matches(['\'', '"']), t.start, 3))
                }
                _ => None,
            };
            let Some((name, start, step)) = member else { return read };
            read.path.push(name.to_owned());
            read.at.push(place(self.source, start));
            at += step;
        }
    }
}
