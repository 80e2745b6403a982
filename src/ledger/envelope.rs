//! Reads an event's envelope straight off its canonical bytes, in one pass and without building a tree of values.
//!
//! [`Envelope::parse`] accepts exactly what [`parse_event`] accepts: a canonical text has one form, so whether it is in that
//! form can be seen while reading, without writing it once more to compare. This is what makes verification a matter of
//! hashing rather than of JSON.

use std::borrow::Cow;

use serde_json::Value;

use super::canonical::{MAX_DEPTH, MAX_EVENT, MAX_INTEGER, NotCanonical, parse_event};

/// A member as it stands in the bytes of its event: JSON, or nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Member<'a>(Option<&'a str>);

impl<'a> Member<'a> {
    /// Its JSON.
    #[must_use]
    pub fn raw(self) -> Option<&'a str> {
        self.0
    }

    /// It, if it is a text.
    #[must_use]
    pub fn text(self) -> Option<Cow<'a, str>> {
        unquoted(self.0?)
    }

    /// It, if it is a whole number.
    #[must_use]
    pub fn integer(self) -> Option<i64> {
        self.0?.parse().ok()
    }

    /// Whether it is missing or null.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.0.is_none_or(|raw| raw == "null")
    }

    /// It as a tree of values; null when it is missing.
    #[must_use]
    pub fn value(self) -> Value {
        self.0.and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or(Value::Null)
    }
}

/// What the log itself reads of an event; the other members are for those who know its kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// When it was recorded.
    pub at: Member<'a>,
    /// The event that led to it.
    pub cause: Member<'a>,
    /// What is particular to its kind.
    pub data: Member<'a>,
    /// Its kind.
    pub kind: Member<'a>,
    /// The ticket's revision.
    pub rev: Member<'a>,
    /// The commitments that it holds, by name.
    pub sealed: Member<'a>,
    /// Its number.
    pub seq: Member<'a>,
    /// The ticket.
    pub ticket: Member<'a>,
    /// The version of its kind.
    pub v: Member<'a>,
}

/// Where the members of an [`Envelope`] stand in the bytes of its event, for whoever reads in one thread and judges in another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outline([(u16, u16); 9]);

impl Outline {
    /// The envelope, of the bytes that the outline was made of; `None` if these are others.
    #[must_use]
    pub fn envelope<'a>(&self, bytes: &'a [u8]) -> Option<Envelope<'a>> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut envelope = Envelope::default();
        for (member, (from, to)) in envelope.members().into_iter().zip(self.0) {
            if to > 0 {
                *member = Member(Some(text.get(usize::from(from)..usize::from(to))?));
            }
        }
        Some(envelope)
    }
}

impl<'a> Envelope<'a> {
    /// Where its members stand in `bytes`, of which it was read.
    #[must_use]
    pub fn outline(mut self, bytes: &'a [u8]) -> Outline {
        let mut outline = Outline::default();
        for (member, place) in self.members().into_iter().zip(&mut outline.0) {
            // An event is at most 65,535 bytes long, and what was read of it lies within.
            let found = member.0.and_then(|raw| {
                let from = (raw.as_ptr() as usize).checked_sub(bytes.as_ptr() as usize)?;
                Some((u16::try_from(from).ok()?, u16::try_from(from + raw.len()).ok()?))
            });
            *place = found.unwrap_or_default();
        }
        outline
    }

    fn members(&mut self) -> [&mut Member<'a>; 9] {
        let Self { at, cause, data, kind, rev, sealed, seq, ticket, v } = self;
        [at, cause, data, kind, rev, sealed, seq, ticket, v]
    }

    /// Reads an event and checks that its bytes are canonical.
    ///
    /// # Errors
    /// As [`parse_event`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, NotCanonical> {
        // What does not fit is read again by the slower way, which says why.
        Self::scan(bytes).ok_or_else(|| parse_event(bytes).err().unwrap_or(NotCanonical::OtherBytes))
    }

    fn scan(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() > MAX_EVENT {
            return None;
        }
        let mut envelope = Self::default();
        members_of(std::str::from_utf8(bytes).ok()?, &mut |name, value| {
            let member = match name {
                "at" => &mut envelope.at,
                "cause" => &mut envelope.cause,
                "data" => &mut envelope.data,
                "kind" => &mut envelope.kind,
                "rev" => &mut envelope.rev,
                "sealed" => &mut envelope.sealed,
                "seq" => &mut envelope.seq,
                "ticket" => &mut envelope.ticket,
                "v" => &mut envelope.v,
                _ => return,
            };
            *member = Member(Some(value));
        })?;
        Some(envelope)
    }

    /// The commitments that the event holds, by name; `None` when `sealed` is not an object of texts.
    #[must_use]
    pub fn commitments(&self) -> Option<Vec<(Cow<'a, str>, Cow<'a, str>)>> {
        let (mut all, mut fit) = (Vec::new(), true);
        members_of(self.sealed.raw()?, &mut |name, value| match (unescaped(name), unquoted(value)) {
            (Some(name), Some(value)) => all.push((name, value)),
            _ => fit = false,
        })?;
        fit.then_some(all)
    }

    /// The commitment of this name.
    #[must_use]
    pub fn commitment(&self, name: &str) -> Option<Cow<'a, str>> {
        self.commitments()?.into_iter().find_map(|(found, commitment)| (found == name).then_some(commitment))
    }
}

fn unquoted(raw: &str) -> Option<Cow<'_, str>> {
    unescaped(raw.strip_prefix('"')?.strip_suffix('"')?)
}

fn unescaped(inner: &str) -> Option<Cow<'_, str>> {
    if inner.contains('\\') { serde_json::from_str(&format!("\"{inner}\"")).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

/// Tells the members of a text that is one canonical object; `None` if it is not.
fn members_of<'a>(text: &'a str, note: &mut dyn FnMut(&'a str, &'a str)) -> Option<()> {
    let mut scanner = Scanner { text, at: 0 };
    scanner.object(0, note)?;
    (scanner.at == text.len()).then_some(())
}

/// Walks over canonical JSON; `None` as soon as a byte is not the one that the canonical form has there.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.text.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' => self.object(depth, &mut |_, _| ()),
            b'[' => self.array(depth),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number(),
        }
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.eat(b'[')?;
        if self.eat(b']').is_some() {
            return Some(());
        }
        loop {
            self.value(depth + 1)?;
            if self.eat(b',').is_none() {
                return self.eat(b']');
            }
        }
    }

    fn object(&mut self, depth: usize, note: &mut dyn FnMut(&'a str, &'a str)) -> Option<()> {
        self.eat(b'{')?;
        if self.eat(b'}').is_some() {
            return Some(());
        }
        let mut before: Option<Text<'a>> = None;
        loop {
            let name = self.string()?;
            if before.is_some_and(|before| !name.comes_after(before)) {
                return None;
            }
            before = Some(name);
            self.eat(b':')?;
            let from = self.at;
            self.value(depth + 1)?;
            note(name.inner, self.text.get(from..self.at)?);
            if self.eat(b',').is_none() {
                return self.eat(b'}');
            }
        }
    }

    fn string(&mut self) -> Option<Text<'a>> {
        self.eat(b'"')?;
        let (from, mut escaped) = (self.at, false);
        loop {
            self.at += plain_bytes(self.text.as_bytes().get(self.at..)?);
            match self.peek()? {
                b'"' => {
                    let inner = self.text.get(from..self.at)?;
                    self.at += 1;
                    return Some(Text { inner, escaped });
                }
                b'\\' => self.escape()?,
                _ => return None,
            }
            escaped = true;
        }
    }

    /// The escapes that RFC 8785 section 3.2.2.2 writes, and only those; a NUL is never written.
    fn escape(&mut self) -> Option<()> {
        let escape = self.text.as_bytes().get(self.at..)?;
        match *escape.get(1)? {
            b'"' | b'\\' | b'b' | b't' | b'n' | b'f' | b'r' => self.at += 2,
            b'u' => {
                let digits = self.text.get(self.at + 2..self.at + 6)?;
                let plain = digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                let code = u32::from_str_radix(digits, 16).ok().filter(|_| plain)?;
                if !matches!(code, 1..=7 | 0xb | 0xe..=0x1f) {
                    return None;
                }
                self.at += 6;
            }
            _ => return None,
        }
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let sign = usize::from(rest.first() == Some(&b'-'));
        let digits = rest.get(sign..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = self.text.get(self.at..self.at + sign + digits)?;
        let padded = rest.get(sign) == Some(&b'0') && (digits > 1 || sign == 1);
        let fits = number.parse::<i64>().is_ok_and(|n| (-MAX_INTEGER..=MAX_INTEGER).contains(&n));
        self.at += number.len();
        (fits && !padded).then_some(())
    }
}

/// A text, without its quotes, with its escapes.
#[derive(Clone, Copy)]
struct Text<'a> {
    inner: &'a str,
    escaped: bool,
}

impl Text<'_> {
    /// Whether this name follows another in an object: by UTF-16 code units (RFC 8785 section 3.2.3).
    fn comes_after(self, before: Self) -> bool {
        let simple = |name: Self| !name.escaped && name.inner.is_ascii();
        if simple(self) && simple(before) {
            return self.inner > before.inner;
        }
        match (unescaped(self.inner), unescaped(before.inner)) {
            (Some(name), Some(before)) => name.encode_utf16().gt(before.encode_utf16()),
            _ => false,
        }
    }
}

/// How many bytes go by before a quote, a backslash or a control character: eight at a time, since most texts are
/// digests and ids.
fn plain_bytes(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    // The lowest byte that is marked is below `limit`; those above it may be marked by its borrow.
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGH;
    let (words, rest) = bytes.as_chunks::<8>();
    for (n, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let marked = below(word, b' ') | below(word ^ (ONES * u64::from(b'"')), 1) | below(word ^ (ONES * u64::from(b'\\')), 1);
        if marked != 0 {
            return n * 8 + marked.trailing_zeros() as usize / 8;
        }
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..b' ');
    words.len() * 8 + rest.iter().position(special).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::ledger::canonical::to_canonical;

    /// Both ways of reading agree on these bytes, and on what they say.
    fn alike(bytes: &[u8]) -> bool {
        let (fast, slow) = (Envelope::scan(bytes), parse_event(bytes));
        assert_eq!(fast.is_some(), slow.is_ok(), "{}: {slow:?}", String::from_utf8_lossy(bytes));
        assert_eq!(Envelope::parse(bytes).err(), slow.as_ref().err().cloned());
        if let (Some(fast), Ok(slow)) = (&fast, &slow) {
            assert_eq!(fast.clone().outline(bytes).envelope(bytes).as_ref(), Some(fast));
            for (name, member) in [("data", fast.data), ("kind", fast.kind), ("seq", fast.seq)] {
                let value = slow.get(name).unwrap_or(&Value::Null);
                assert_eq!(&member.value(), value);
                assert_eq!(member.text().as_deref(), value.as_str());
                assert_eq!(member.integer(), value.as_i64());
                assert_eq!(member.is_null(), value.is_null());
            }
        }
        slow.is_ok()
    }

    #[test]
    fn an_envelope_says_what_the_event_says() {
        let event = json!({"seq": 7, "kind": "A\"b\n", "sealed": {"note": "ab", "a\u{1}": "cd"}, "ticket": null, "data": {"x": [1, {}]}});
        let bytes = to_canonical(&event).unwrap();
        let envelope = Envelope::parse(&bytes).unwrap();
        assert_eq!((envelope.seq.integer(), envelope.kind.text().as_deref()), (Some(7), Some("A\"b\n")));
        assert_eq!((envelope.commitment("a\u{1}").as_deref(), envelope.commitment("zz")), (Some("cd"), None));
        assert!(envelope.ticket.is_null() && envelope.rev.is_null() && !envelope.data.is_null());
        assert_eq!(envelope.data.value(), event["data"]);
    }

    #[test]
    fn whatever_is_not_canonical_is_refused_for_the_same_reason() {
        for sound in [r#"{}"#, r#"{"":0,"a":[true,false,null,-1,"\u001f\\"],"b":{"é":{}}}"#] {
            assert!(alike(sound.as_bytes()), "{sound}");
        }
        for other in [
            r#"{"a":1 }"#,
            r#" {"a":1}"#,
            r#"{"b":1,"a":2}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":01}"#,
            r#"{"a":-0}"#,
            r#"{"a":1.5}"#,
            r#"{"a":1e3}"#,
            r#"{"a":-}"#,
            r#"{"a":+1}"#,
            r#"{"a":9007199254740992}"#,
            r#"{"a":-99999999999999999999}"#,
            r#"{"a":"\/"}"#,
            r#"{"a":"\u0041"}"#,
            r#"{"a":"\u0000"}"#,
            r#"{"a":"\u000a"}"#,
            r#"{"a":"\u001F"}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":1,}"#,
            r#"{,}"#,
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":tru}"#,
            r#"{"a":1}x"#,
            "",
            "[]",
            "1",
            "{",
            r#"{"a"#,
            "{\"a\":\"\t\"}",
            r#"{"\u0061":1}"#,
        ] {
            assert!(!alike(other.as_bytes()), "{other}");
        }
        assert!(!alike(b"{\"a\":\"\xff\"}"));
        assert!(!alike(format!("{{\"a\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000)).as_bytes()));
        for depth in 62..68 {
            let ok = alike(format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth)).as_bytes());
            assert_eq!(ok, depth <= MAX_DEPTH, "{depth}");
        }
        // Beyond U+FFFF the order of UTF-16 is another than that of UTF-8.
        assert!(alike("{\"\u{10000}\":1,\"\u{e000}\":2}".as_bytes()) && !alike("{\"\u{e000}\":2,\"\u{10000}\":1}".as_bytes()));
    }

    #[test]
    fn what_ends_a_text_is_found_wherever_it_stands() {
        for length in 0..40 {
            for special in [b'"', b'\\', 0, 0x1f] {
                for place in 0..length {
                    for other in [b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xff] {
                        let mut bytes = vec![other; length];
                        assert_eq!(plain_bytes(&bytes), length);
                        bytes[place..].fill(special);
                        assert_eq!(plain_bytes(&bytes), place, "{special} at {place} of {length} beside {other}");
                    }
                }
            }
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-MAX_INTEGER..=MAX_INTEGER).prop_map(Value::from),
            "[a-c\u{1}\u{1f}\"\\\\\u{e000}\u{10000}é\n]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-c\u{1}\"\u{e000}\u{10000}é]{0,3}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn both_ways_of_reading_agree(value in any_json(), edits in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), prop::sample::select(&b"\"\\{}[],:0-u1"[..])]), 0..3)) {
            let mut bytes = to_canonical(&json!({"data": value.clone(), "kind": value.clone(), "seq": value})).unwrap();
            prop_assert!(alike(&bytes));
            for (at, byte) in edits {
                let at = at.index(bytes.len());
                bytes[at] = byte;
                alike(&bytes);
            }
        }
    }
}
