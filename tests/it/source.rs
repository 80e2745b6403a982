//! Rust source as far as a wall needs it: words, marks, string literals and comments, each with its line.
//!
//! Not a compiler: it knows enough of the lexical grammar (nested comments, raw strings, lifetimes) never to take a
//! comment or a string for code, and follows `mod name { … }` so that `super::` can be resolved.

use std::fs;
use std::path::{Path, PathBuf};

/// One lexical element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// An identifier or a number.
    Word(String),
    /// One mark of punctuation; `::` is one mark.
    Mark(&'static str),
    /// What stands between the quotes of a string literal, escapes as written.
    Text(String),
    /// A comment, with its slashes.
    Comment(String),
}

/// A path as written at some line: `crate::store::Store` is `["crate", "store", "Store"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub line: usize,
    pub path: Vec<String>,
}

/// Every `.rs` file below `directory` of this repository, sorted: its path from the repository's root, and its text.
pub fn rust_files(directory: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut waiting = vec![root.join(directory)];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).expect("the repository's folders can be read") {
            let path = entry.expect("a folder's entry can be read").path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).expect("a source file is UTF-8");
                found.push((path.strip_prefix(root).expect("it lies below the root").to_path_buf(), text));
            }
        }
    }
    found.sort();
    found
}

/// Splits `text` into tokens with their lines, counted from 1.
pub fn tokens(text: &str) -> Vec<(usize, Token)> {
    let mut reader = Reader { rest: text, line: 1 };
    let mut out = Vec::new();
    while let Some((line, token)) = reader.next() {
        out.push((line, token));
    }
    out
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    fn next(&mut self) -> Option<(usize, Token)> {
        loop {
            let first = self.rest.chars().next()?;
            let line = self.line;
            if self.rest.starts_with("//") {
                let length = self.rest.find('\n').unwrap_or(self.rest.len());
                return Some((line, Token::Comment(self.take(length).to_owned())));
            }
            if self.rest.starts_with("/*") {
                let length = block_comment(self.rest);
                return Some((line, Token::Comment(self.take(length).to_owned())));
            }
            if let Some((open, close)) = string_quotes(self.rest) {
                self.take(open);
                let length = if close == "\"" { plain_string(self.rest) } else { self.rest.find(&close).unwrap_or(self.rest.len()) };
                let text = self.take(length).to_owned();
                self.take(close.len().min(self.rest.len()));
                return Some((line, Token::Text(text)));
            }
            if first.is_alphanumeric() || first == '_' {
                let length = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
                return Some((line, Token::Word(self.take(length).to_owned())));
            }
            if first == '\'' {
                self.take(character_or_lifetime(self.rest));
                continue;
            }
            if self.rest.starts_with("::") {
                self.take(2);
                return Some((line, Token::Mark("::")));
            }
            self.take(first.len_utf8());
            if let Some(mark) = ["{", "}", "(", ")", ",", ";", "*", ".", "!", "#", "[", "]"].into_iter().find(|m| m.starts_with(first)) {
                return Some((line, Token::Mark(mark)));
            }
        }
    }
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// How long the opening of a string literal is, and what closes it.
fn string_quotes(text: &str) -> Option<(usize, String)> {
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|p| text.strip_prefix(p).is_some_and(|r| r.starts_with(['"', '#'])))?;
    let hashes = text[prefix.len()..].chars().take_while(|c| *c == '#').count();
    let raw = prefix.ends_with('r');
    let quoted = text[prefix.len() + hashes..].starts_with('"');
    (quoted && (raw || hashes == 0)).then(|| {
        // A raw string knows no escapes, so even without hashes it does not end like a plain one.
        let close = if raw { format!("\"{}", "#".repeat(hashes)) } else { "\"".to_owned() };
        (prefix.len() + hashes + 1, close)
    })
}

/// The length of a plain string's contents, up to the quote that is not escaped.
fn plain_string(text: &str) -> usize {
    let mut escaped = false;
    text.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })
    .unwrap_or(text.len())
}

fn character_or_lifetime(text: &str) -> usize {
    let inner = &text[1..];
    if let Some(escaped) = inner.strip_prefix('\\') {
        let escape = 1 + escaped.chars().next().map_or(0, char::len_utf8);
        return 2 + escape + inner[escape..].find('\'').unwrap_or(0);
    }
    match inner.chars().next() {
        Some(c) if inner[c.len_utf8()..].starts_with('\'') => 2 + c.len_utf8(),
        _ => 1,
    }
}

/// Every path that `text` names, in `use` declarations (groups spread out) and in expressions. `crate::`, `self::` and
/// `super::` are resolved against `module`, the path of the file's own module; other paths stay as written.
pub fn references(text: &str, module: &[&str]) -> Vec<Reference> {
    let tokens: Vec<_> = tokens(text).into_iter().filter(|(_, t)| !matches!(t, Token::Comment(_))).collect();
    let mut found = Vec::new();
    let mut modules: Vec<(String, usize)> = Vec::new();
    let (mut depth, mut at) = (0, 0);
    while at < tokens.len() {
        match &tokens[at].1 {
            Token::Mark("{") => depth += 1,
            Token::Mark("}") => {
                depth -= 1;
                if modules.last().is_some_and(|(_, opened)| *opened == depth) {
                    modules.pop();
                }
            }
            Token::Word(word) if word == "mod" => {
                if let (Some(name), Some((_, Token::Mark("{")))) = (word_at(&tokens, at + 1), tokens.get(at + 2)) {
                    modules.push((name.to_owned(), depth));
                }
            }
            Token::Word(_) => {
                let here: Vec<&str> = module.iter().copied().chain(modules.iter().map(|(name, _)| name.as_str())).collect();
                let mut branches = Vec::new();
                at = branch(&tokens, at, &[], &mut branches);
                found.extend(branches.into_iter().filter(|r| r.path.len() > 1).map(|r| resolve(r, &here)));
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn word_at(tokens: &[(usize, Token)], at: usize) -> Option<&str> {
    match tokens.get(at) {
        Some((_, Token::Word(word))) => Some(word),
        _ => None,
    }
}

/// Reads one path, or a group's worth of them, starting at `at`; returns where it ended.
fn branch(tokens: &[(usize, Token)], mut at: usize, before: &[String], out: &mut Vec<Reference>) -> usize {
    let line = tokens.get(at).map_or(0, |(line, _)| *line);
    let mut path = before.to_vec();
    while let Some(word) = word_at(tokens, at) {
        path.push(word.to_owned());
        at += 1;
        if !matches!(tokens.get(at), Some((_, Token::Mark("::")))) {
            break;
        }
        at += 1;
        match tokens.get(at) {
            Some((_, Token::Mark("{"))) => return group(tokens, at + 1, &path, out),
            Some((_, Token::Mark("*"))) => at += 1,
            _ => {}
        }
    }
    out.push(Reference { line, path });
    at
}

fn group(tokens: &[(usize, Token)], mut at: usize, before: &[String], out: &mut Vec<Reference>) -> usize {
    while let Some((_, token)) = tokens.get(at) {
        match token {
            Token::Mark("}") => return at + 1,
            Token::Word(_) => at = branch(tokens, at, before, out),
            Token::Mark("*") => {
                out.push(Reference { line: tokens[at].0, path: before.to_vec() });
                at += 1;
            }
            _ => at += 1,
        }
    }
    at
}

/// Turns `crate`, `self` and `super` at the front into the path from the crate's root, headed by `crate`.
fn resolve(reference: Reference, module: &[&str]) -> Reference {
    let Reference { line, path } = reference;
    let (mut base, mut rest): (Vec<&str>, &[String]) = match path[0].as_str() {
        "crate" | "countersign" => (Vec::new(), &path[1..]),
        "self" | "super" => (module.to_vec(), path.as_slice()),
        _ => return Reference { line, path },
    };
    while let Some((word, after)) = rest.split_first().filter(|(word, _)| *word == "self" || *word == "super") {
        if word == "super" {
            base.pop();
        }
        rest = after;
    }
    let path = std::iter::once("crate").chain(base).map(str::to_owned).chain(rest.iter().cloned()).collect();
    Reference { line, path }
}

/// The module that a file holds: `src/ticket/fact.rs` is `["ticket", "fact"]`, `src/ticket/mod.rs` is `["ticket"]`.
pub fn module_of(file: &Path) -> Vec<String> {
    let below_src = file.strip_prefix("src").unwrap_or(file).with_extension("");
    let mut parts: Vec<_> = below_src.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        parts.pop();
    }
    parts
}

#[test]
fn comments_and_strings_are_never_taken_for_code() {
    let text = "/* crate::a /* nested */ crate::b */ // crate::c\nlet x = r#\"crate::d \" crate::e\"#; '\\n'|'\"'|'\\u{1}'; 'a: loop { '\\'' ; '\"'; f(\"\\\" crate::g\") }";
    assert_eq!(references(text, &[]), []);
    assert!(tokens(text).contains(&(2, Token::Text("crate::d \" crate::e".to_owned()))));
}

#[test]
fn groups_are_spread_out_and_relative_paths_resolved() {
    let text =
        "use crate::{env::Env, store::{self, tiles::*}};\nmod tests { use super::super::card::Card; }\nfn f() { super::Store::open() }";
    let paths: Vec<_> = references(text, &["ticket", "decide"]).into_iter().map(|r| (r.line, r.path.join("::"))).collect();
    let expected = [
        (1, "crate::env::Env"),
        (1, "crate::store::self"),
        (1, "crate::store::tiles"),
        (2, "crate::ticket::card::Card"),
        (3, "crate::ticket::Store::open"),
    ];
    assert_eq!(paths, expected.map(|(line, path)| (line, path.to_owned())));
}
