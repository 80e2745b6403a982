//! `sealed.jsonl`: the sealed values that a recipient may see, one a line, in the order of the log.
//!
//! `{"name":"note","salt":"<base64 of 32 bytes>","seq":17,"value":"<base64>"}`, sorted by `seq`, then `name`; so a
//! verifier reads the log and this file side by side and keeps neither.

use std::io::{BufRead, BufReader, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::report::Damage;
use super::sealed::Commitment;

/// The longest line of a file of lines, in bytes.
pub const MAX_LINE: u64 = 8 * 1024 * 1024;

/// A sealed value with what opens it.
#[derive(Clone, PartialEq, Eq)]
pub struct Disclosed {
    /// The event that holds the commitment.
    pub seq: u64,
    /// The commitment's name in the event.
    pub name: String,
    /// What the commitment was made with.
    pub salt: [u8; 32],
    /// The value.
    pub value: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    salt: String,
    seq: u64,
    value: String,
}

impl Disclosed {
    /// The line, without its line feed.
    ///
    /// # Errors
    /// Never in practice; serialising to memory is declared to be fallible.
    pub fn to_line(&self) -> Result<String, serde_json::Error> {
        let line = Line { name: self.name.clone(), salt: STANDARD.encode(self.salt), seq: self.seq, value: STANDARD.encode(&self.value) };
        serde_json::to_string(&line)
    }

    /// Reads one line; `None` when it does not have the form.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let line: Line = serde_json::from_slice(line).ok()?;
        let salt = STANDARD.decode(line.salt).ok()?.try_into().ok()?;
        Some(Self { seq: line.seq, name: line.name, salt, value: STANDARD.decode(line.value).ok()? })
    }

    /// What the event must hold.
    #[must_use]
    pub fn commitment(&self) -> Commitment {
        Commitment::of(&self.salt, &self.value)
    }
}

impl std::fmt::Debug for Disclosed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Disclosed({}, {:?})", self.seq, self.name)
    }
}

/// Reads the next line of at most [`MAX_LINE`] bytes into `line`; `false` at the end.
///
/// # Errors
/// From the reader, or when a line is too long or the last one does not end.
pub fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    reader.by_ref().take(MAX_LINE).read_until(b'\n', line)?;
    match line.pop() {
        None => Ok(false),
        Some(b'\n') => Ok(true),
        Some(_) => Err(std::io::Error::other("a line does not end, or is longer than 8 MiB")),
    }
}

/// Reads `sealed.jsonl` beside the log.
pub(super) struct Disclosures<R: Read> {
    reader: Option<BufReader<R>>,
    next: Option<Disclosed>,
    line: Vec<u8>,
    last: Option<(u64, String)>,
}

impl<R: Read> Disclosures<R> {
    /// Reads the first line; without a stream there is nothing to show.
    pub(super) fn new(stream: Option<R>) -> Result<Self, Damage> {
        let mut new = Self { reader: stream.map(BufReader::new), next: None, line: Vec::new(), last: None };
        new.advance()?;
        Ok(new)
    }

    fn advance(&mut self) -> Result<(), Damage> {
        let damaged = |sentence: String| Damage::file("sealed.jsonl", sentence);
        self.next = None;
        let Some(reader) = &mut self.reader else { return Ok(()) };
        if next_line(reader, &mut self.line).map_err(|e| damaged(e.to_string()))? {
            let next = Disclosed::parse(&self.line).ok_or_else(|| damaged("a line does not have the form".into()))?;
            let place = (next.seq, next.name.clone());
            if self.last.as_ref().is_some_and(|last| *last >= place) {
                return Err(damaged(format!("the value {:?} of event {} is out of order or occurs twice", next.name, next.seq)));
            }
            self.last = Some(place);
            self.next = Some(next);
        }
        Ok(())
    }

    /// The next value, if it belongs to this event.
    pub(super) fn take(&mut self, seq: u64) -> Result<Option<Disclosed>, Damage> {
        if self.next.as_ref().is_none_or(|next| next.seq != seq) {
            return Ok(None);
        }
        let taken = self.next.take();
        self.advance()?;
        Ok(taken)
    }

    /// Nothing may be left at the end of the log.
    pub(super) fn end(&self) -> Result<(), Damage> {
        match &self.next {
            Some(next) => Err(Damage::file("sealed.jsonl", format!("it shows a value of event {}, which the log does not have", next.seq))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_are_written() {
        let value = Disclosed { seq: 17, name: "note".into(), salt: [3; 32], value: b"drained zone b".to_vec() };
        let line = value.to_line().unwrap();
        assert_eq!(Disclosed::parse(line.as_bytes()), Some(value.clone()));
        assert_eq!(value.commitment(), Commitment::of(&[3; 32], b"drained zone b"));
        assert_eq!(Disclosed::parse(line.replace("\"seq\"", "\"sequence\"").as_bytes()), None);
        assert_eq!(Disclosed::parse(line.replace("17", "17,\"more\":1").as_bytes()), None);
        assert_eq!(Disclosed::parse(line.replace("AwMD", "AwM").as_bytes()), None);
        assert!(!format!("{value:?}").contains("drained"));
    }

    #[test]
    fn lines_must_end() {
        let (mut reader, mut line) = (b"one\ntwo".as_slice(), Vec::new());
        assert!(next_line(&mut reader, &mut line).unwrap());
        assert_eq!(line, b"one");
        assert!(next_line(&mut reader, &mut line).is_err());
        assert!(!next_line(&mut b"".as_slice(), &mut line).unwrap());
    }
}
