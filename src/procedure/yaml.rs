//! YAML as a tree in which every key and value knows its place.
//!
//! Built on the events of `saphyr-parser`, which say where each thing stands. Anchors, aliases and tags are refused:
//! a procedure is read by people, and should stand there in full. Nothing here recurses deeper than [`MAX_DEPTH`].

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::finding::At;

/// A playbook has at most so many bytes.
pub(super) const MAX_FILE: usize = 1 << 20;
/// Lists and maps stand at most so deep within each other.
const MAX_DEPTH: usize = 16;
/// A playbook has at most so many values.
const MAX_NODES: usize = 50_000;

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub at: At,
    pub value: Yaml,
}

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Yaml {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<(Scalar, Node)>),
}

/// A word, number or text.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    pub text: String,
    /// Written without quotes, so `true` and `3` are not text.
    pub plain: bool,
    /// Where it begins, quote included.
    pub at: At,
    /// The place of each of its lines, where they can be told; otherwise empty.
    lines: Vec<At>,
    /// Positions in the file fall behind positions in the text by one at each of these characters of a line (escapes).
    escapes: Vec<usize>,
}

impl Scalar {
    /// The place in the file of a line and column (from 1) of the text.
    pub fn place(&self, line: usize, column: usize) -> At {
        let Some(start) = self.lines.get(line - 1) else { return self.at };
        let behind = self.escapes.iter().filter(|c| **c < column).count();
        At { line: start.line, column: start.column + column - 1 + behind }
    }

    /// Nothing was written: `key:` or `~` or `null`.
    pub fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}

/// Where reading had to stop, and why.
type Refusal = (At, String);
/// The tree, and the keys that stand twice with their places.
type Tree = (Node, Vec<(At, String)>);

/// Reads one file: the tree, or the place and the reason why there is none; beside it, the keys that stand twice.
pub(super) fn parse(bytes: &[u8]) -> Result<Tree, Refusal> {
    let begin = At { line: 1, column: 1 };
    if bytes.len() > MAX_FILE {
        return Err((begin, format!("This file has {} bytes; a playbook has at most {MAX_FILE}. Split it.", bytes.len())));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let good = String::from_utf8_lossy(&bytes[..e.valid_up_to()]).into_owned();
        (end_of(&good), "This is not UTF-8 text; save the file as UTF-8.".to_owned())
    })?;
    if let Some(offset) = text.find(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err((end_of(&text[..offset]), "A control character stands here; remove it.".to_owned()));
    }
    let lines = text.lines().collect::<Vec<_>>();
    Builder { lines: &lines, stack: Vec::new(), nodes: 0, root: None, twice: Vec::new() }.build(text)
}

fn end_of(text: &str) -> At {
    At { line: text.matches('\n').count() + 1, column: text.rsplit('\n').next().unwrap_or("").chars().count() + 1 }
}

enum Open {
    List(At, Vec<Node>),
    Map(At, Vec<(Scalar, Node)>, Option<Scalar>),
}

struct Builder<'t> {
    lines: &'t [&'t str],
    stack: Vec<Open>,
    nodes: usize,
    root: Option<Node>,
    twice: Vec<(At, String)>,
}

impl Builder<'_> {
    fn build(mut self, text: &str) -> Result<Tree, Refusal> {
        let mut parser = Parser::new_from_str(text);
        let mut documents = 0;
        while let Some(next) = parser.next_event() {
            let (event, span) = next.map_err(|e| {
                let at = At { line: e.marker().line().max(1), column: e.marker().col() + 1 };
                (at, format!("This is not YAML: {}.", e.info()))
            })?;
            let at = place(span);
            match event {
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        return Err((at, "A second document begins here; one file holds one. Remove the `---`.".to_owned()));
                    }
                }
                Event::Alias(_) => return Err((at, "Aliases (`*name`) are not understood here; write it out.".to_owned())),
                Event::Scalar(text, style, anchor, tag) => {
                    self.plain(at, anchor, tag.is_some())?;
                    let scalar = self.scalar(text.into_owned(), style, span);
                    self.add_scalar(scalar)?;
                }
                Event::SequenceStart(anchor, tag) => {
                    self.plain(at, anchor, tag.is_some())?;
                    self.open(at, Open::List(at, Vec::new()))?;
                }
                Event::MappingStart(anchor, tag) => {
                    self.plain(at, anchor, tag.is_some())?;
                    self.open(at, Open::Map(at, Vec::new(), None))?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.close()?,
            }
        }
        let Some(root) = self.root else {
            return Err((At { line: 1, column: 1 }, "This file is empty; remove it, or write a playbook.".to_owned()));
        };
        Ok((root, self.twice))
    }

    fn plain(&mut self, at: At, anchor: usize, tagged: bool) -> Result<(), Refusal> {
        self.nodes += 1;
        if anchor > 0 {
            return Err((at, "Anchors (`&name`) are not understood here; write it out where it is needed.".to_owned()));
        }
        if tagged {
            return Err((at, "Tags (`!name`) are not understood here; remove it.".to_owned()));
        }
        if self.nodes > MAX_NODES {
            return Err((at, format!("This file has more than {MAX_NODES} values; split it.")));
        }
        Ok(())
    }

    fn open(&mut self, at: At, open: Open) -> Result<(), Refusal> {
        if let Some(Open::Map(_, _, None)) = self.stack.last() {
            return Err((at, "A key is one word; a list or a map cannot be one. If this begins with `{`, put it in quotes.".to_owned()));
        }
        if self.stack.len() >= MAX_DEPTH {
            return Err((at, format!("Lists and maps stand more than {MAX_DEPTH} deep here; a playbook is flatter.")));
        }
        self.stack.push(open);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Refusal> {
        match self.stack.pop() {
            Some(Open::List(at, items)) => self.add(Node { at, value: Yaml::List(items) }),
            Some(Open::Map(at, members, _)) => self.add(Node { at, value: Yaml::Map(members) }),
            None => Ok(()),
        }
    }

    fn add_scalar(&mut self, scalar: Scalar) -> Result<(), Refusal> {
        if let Some(Open::Map(_, members, key @ None)) = self.stack.last_mut() {
            if members.iter().any(|(k, _)| k.text == scalar.text) {
                self.twice.push((scalar.at, scalar.text.clone()));
            }
            *key = Some(scalar);
            return Ok(());
        }
        self.add(Node { at: scalar.at, value: Yaml::Scalar(scalar) })
    }

    fn add(&mut self, node: Node) -> Result<(), Refusal> {
        match self.stack.last_mut() {
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, members, key)) => match key.take() {
                Some(key) => members.push((key, node)),
                None => return Err((node.at, "A key is one word; a list or a map cannot be one.".to_owned())),
            },
            None => self.root = Some(node),
        }
        Ok(())
    }

    fn scalar(&self, text: String, style: ScalarStyle, span: Span) -> Scalar {
        let at = place(span);
        let first = self.lines.get(at.line - 1).copied().unwrap_or("");
        let one_line = span.start.line() == span.end.line();
        let (mut lines, mut escapes) = (Vec::new(), Vec::new());
        match style {
            ScalarStyle::Plain if one_line => lines.push(at),
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted if one_line => {
                lines.push(At { line: at.line, column: at.column + 1 });
                let inside = first.chars().skip(at.column).take(span.end.index().saturating_sub(span.start.index() + 2));
                escapes = escaped(inside, if style == ScalarStyle::SingleQuoted { '\'' } else { '\\' });
            }
            ScalarStyle::Literal => lines = self.block_lines(at, &text),
            _ => {}
        }
        Scalar { text, plain: style == ScalarStyle::Plain, at, lines, escapes }
    }

    /// Where the lines of a `|` block stand: they are the file's lines after the sign, without their indentation.
    fn block_lines(&self, at: At, text: &str) -> Vec<At> {
        let sign = self.lines.get(at.line - 1).copied().unwrap_or("");
        let first = if sign.contains('|') { at.line } else { at.line - 1 };
        let indent = self.lines[first..].iter().find(|l| !l.trim().is_empty()).map_or(0, |l| l.len() - l.trim_start().len());
        (0..text.lines().count()).map(|n| At { line: first + n + 1, column: indent + 1 }).collect()
    }
}

fn place(span: Span) -> At {
    At { line: span.start.line().max(1), column: span.start.col() + 1 }
}

/// The columns (in the text, from 1) after which the file is one character ahead.
fn escaped(inside: impl Iterator<Item = char>, by: char) -> Vec<usize> {
    let (mut out, mut column, mut pending) = (Vec::new(), 1, false);
    for c in inside {
        if c == by && !pending {
            pending = true;
            continue;
        }
        if pending {
            out.push(column);
        }
        pending = false;
        column += 1;
    }
    out
}
