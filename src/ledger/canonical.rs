//! Canonical bytes: what is hashed and stored of an event, and nothing else.
//!
//! The form is RFC 8785 (JSON Canonicalization Scheme), made narrower where implementations of it are known to
//! disagree: no floats, integers within ±(2⁵³−1), no NUL in strings. Bytes are written once and never
//! serialised again to verify them; [`parse_event`] checks that they are in this form.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

/// The largest event, in bytes: a tile's entry carries its length in 16 bits (C2SP tlog-tiles).
pub const MAX_EVENT: usize = 65_535;

/// The largest integer that every JSON implementation reads alike: 2⁵³−1.
pub const MAX_INTEGER: i64 = (1 << 53) - 1;

/// The deepest nesting of arrays and objects.
pub(super) const MAX_DEPTH: usize = 64;

/// Why a value or its bytes are not canonical.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCanonical {
    /// Floats are written differently by different programs.
    #[error("it holds the number {0}, which is not a whole number")]
    Float(String),
    /// Beyond ±(2⁵³−1) some programs silently change the number.
    #[error("it holds the number {0}, which is beyond ±(2^53−1)")]
    IntegerTooLarge(String),
    /// PostgreSQL cannot store it, and nobody types it.
    #[error("it holds a text with a NUL character")]
    Nul,
    /// More than [`MAX_EVENT`] bytes.
    #[error("it is longer than 65,535 bytes")]
    TooLong,
    /// More than 64 levels.
    #[error("it is nested more than 64 levels deep")]
    TooDeep,
    /// Not JSON, or not UTF-8.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// JSON, but written in another way: other order, spaces, escapes, or a key twice.
    #[error("its bytes are not in canonical form")]
    OtherBytes,
    /// An event is a JSON object.
    #[error("it is not a JSON object")]
    NotAnObject,
}

/// The canonical bytes of `value`.
///
/// # Errors
/// When the value cannot be written so that everybody reads it alike, or is longer than [`MAX_EVENT`].
pub fn to_canonical(value: &Value) -> Result<Vec<u8>, NotCanonical> {
    let mut out = String::with_capacity(512);
    write_value(value, &mut out, 0)?;
    if out.len() > MAX_EVENT { Err(NotCanonical::TooLong) } else { Ok(out.into_bytes()) }
}

/// Reads an event's bytes and checks that they are its canonical bytes.
///
/// # Errors
/// When they are not JSON, not an object, or not exactly what [`to_canonical`] writes (so a repeated key, a space
/// or another order of keys is refused).
pub fn parse_event(bytes: &[u8]) -> Result<Value, NotCanonical> {
    if bytes.len() > MAX_EVENT {
        return Err(NotCanonical::TooLong);
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|e| NotCanonical::NotJson(e.to_string()))?;
    if !value.is_object() {
        return Err(NotCanonical::NotAnObject);
    }
    if to_canonical(&value)? == bytes { Ok(value) } else { Err(NotCanonical::OtherBytes) }
}

fn write_value(value: &Value, out: &mut String, depth: usize) -> Result<(), NotCanonical> {
    if depth > MAX_DEPTH {
        return Err(NotCanonical::TooDeep);
    }
    // A value may be far larger than an event: stop early, not after having copied it.
    if out.len() > MAX_EVENT {
        return Err(NotCanonical::TooLong);
    }
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(number, out)?,
        Value::String(text) => write_text(text, out)?,
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_value(item, out, depth + 1)?;
            }
            out.push(']');
        }
        Value::Object(members) => write_object(members, out, depth)?,
    }
    Ok(())
}

fn write_object(members: &Map<String, Value>, out: &mut String, depth: usize) -> Result<(), NotCanonical> {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_by(|(a, _), (b, _)| utf16_order(a, b));
    out.push('{');
    for (i, (key, value)) in sorted.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_text(key, out)?;
        out.push(':');
        write_value(value, out, depth + 1)?;
    }
    out.push('}');
    Ok(())
}

/// The order of keys, RFC 8785 section 3.2.3: by UTF-16 code units, which differs from UTF-8 order beyond U+FFFF.
pub(super) fn utf16_order(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

fn write_number(number: &Number, out: &mut String) -> Result<(), NotCanonical> {
    match number.as_i64() {
        Some(n) if (-MAX_INTEGER..=MAX_INTEGER).contains(&n) => {
            out.push_str(&n.to_string());
            Ok(())
        }
        Some(_) => Err(NotCanonical::IntegerTooLarge(number.to_string())),
        None if number.is_u64() => Err(NotCanonical::IntegerTooLarge(number.to_string())),
        None => Err(NotCanonical::Float(number.to_string())),
    }
}

pub(super) fn write_text(text: &str, out: &mut String) -> Result<(), NotCanonical> {
    out.push('"');
    // Most texts need no escape.
    if text.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\') {
        out.push_str(text);
        out.push('"');
        return Ok(());
    }
    for c in text.chars() {
        match c {
            '\0' => return Err(NotCanonical::Nul),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_sorted_by_utf16_and_nothing_is_padded() {
        let value = json!({"b": [1, true, null], "a": {"\u{10000}": 1, "\u{e000}": 2}, "": "é\n\u{1}\"\\"});
        let bytes = to_canonical(&value).unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "{\"\":\"é\\n\\u0001\\\"\\\\\",\"a\":{\"\u{10000}\":1,\"\u{e000}\":2},\"b\":[1,true,null]}"
        );
    }

    #[test]
    fn what_programs_read_differently_is_refused() {
        assert!(matches!(to_canonical(&json!(1.5)), Err(NotCanonical::Float(_))));
        assert!(matches!(to_canonical(&json!(-0.0)), Err(NotCanonical::Float(_))));
        assert!(matches!(to_canonical(&json!(9_007_199_254_740_992_i64)), Err(NotCanonical::IntegerTooLarge(_))));
        assert!(matches!(to_canonical(&json!(-9_007_199_254_740_992_i64)), Err(NotCanonical::IntegerTooLarge(_))));
        assert!(matches!(to_canonical(&json!(u64::MAX)), Err(NotCanonical::IntegerTooLarge(_))));
        assert_eq!(to_canonical(&json!(MAX_INTEGER)).unwrap(), b"9007199254740991");
        assert_eq!(to_canonical(&json!({"a": "x\0"})), Err(NotCanonical::Nul));
        assert_eq!(to_canonical(&json!({"a\0": 1})), Err(NotCanonical::Nul));
    }

    #[test]
    fn an_event_of_65535_bytes_fits_and_one_more_does_not() {
        let fits = json!({"a": "x".repeat(MAX_EVENT - 8)});
        assert_eq!(to_canonical(&fits).unwrap().len(), MAX_EVENT);
        assert_eq!(to_canonical(&json!({"a": "x".repeat(MAX_EVENT - 7)})), Err(NotCanonical::TooLong));
        assert_eq!(parse_event(&vec![b' '; MAX_EVENT + 1]), Err(NotCanonical::TooLong));
    }

    #[test]
    fn nesting_is_bounded() {
        let mut value = json!(1);
        for _ in 0..70 {
            value = json!([value]);
        }
        assert_eq!(to_canonical(&value), Err(NotCanonical::TooDeep));
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
        assert!(parse_event(deep.as_bytes()).is_err());
    }

    #[test]
    fn bytes_in_another_form_are_refused() {
        assert_eq!(parse_event(br#"{"a":1,"b":2}"#).unwrap(), json!({"a": 1, "b": 2}));
        for other in [r#"{"b":2,"a":1}"#, r#"{"a":1, "b":2}"#, r#"{"a":1,"a":1}"#, r#"{"a":2,"a":1}"#, r#"{"a":"\u0041"}"#, "{\"a\":1}\n"] {
            assert_eq!(parse_event(other.as_bytes()), Err(NotCanonical::OtherBytes), "{other}");
        }
        assert!(matches!(parse_event(br#"{"a":"\ud800"}"#), Err(NotCanonical::NotJson(_))));
        assert!(matches!(parse_event(b"{\"a\":\"\xff\"}"), Err(NotCanonical::NotJson(_))));
        assert_eq!(parse_event(b"[1]"), Err(NotCanonical::NotAnObject));
        assert!(matches!(parse_event(br#"{"a":1.0}"#), Err(NotCanonical::Float(_))));
        assert!(matches!(parse_event(br#"{"a":-0}"#), Err(NotCanonical::Float(_))));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-MAX_INTEGER..=MAX_INTEGER).prop_map(Value::from),
            "[^\u{0}]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[^\u{0}]{0,6}", inner, 0..6).prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn our_bytes_are_those_of_another_implementation(value in any_value()) {
            prop_assert_eq!(to_canonical(&value).unwrap(), serde_json_canonicalizer::to_vec(&value).unwrap());
        }

        #[test]
        fn what_is_written_reads_back(value in any_value()) {
            let event = json!({"data": value});
            prop_assert_eq!(parse_event(&to_canonical(&event).unwrap()).unwrap(), event);
        }
    }
}
