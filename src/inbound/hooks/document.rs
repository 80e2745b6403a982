//! Reading hostile JSON: one document of bounded size, and out of it values that are fit for the record.

use std::collections::BTreeMap;
use std::fmt;

use chrono::DateTime;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};

use super::ParseRefusal;
use crate::env::Timestamp;
use crate::inbound::code::Code;

/// The most values, counting each list, object, text and number, in one document.
const MAX_VALUES: usize = 200_000;

/// The most labels and annotations together of one alert.
pub const MAX_PAIRS: usize = 256;

/// The longest label or annotation, in bytes; what is longer is cut.
pub const MAX_VALUE: usize = 8 * 1024;

/// The longest title, rule or identifier, in bytes; what is longer is cut.
pub const MAX_LINE: usize = 1024;

/// The longest name of a label or annotation, in bytes.
const MAX_NAME: usize = 1024;

/// Reads `body` as one JSON document, whatever its content type says.
///
/// # Errors
/// 413 when it is longer than `limit` bytes; 400 when it is not UTF-8, not JSON, nested deeper than 128, repeats a
/// key, or holds more than 200,000 values.
pub fn read_json(body: &[u8], limit: usize) -> Result<Value, ParseRefusal> {
    if body.len() > limit {
        return Err(ParseRefusal::too_large(format!(
            "The body has {} bytes; at most {limit} are read. Send fewer alerts at a time.",
            body.len()
        )));
    }
    let text = std::str::from_utf8(body).map_err(|_| ParseRefusal::new(Code::NotUtf8, "The body is not UTF-8; JSON has to be."))?;
    let mut left = MAX_VALUES;
    let mut reader = serde_json::Deserializer::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let value = Strict { left: &mut left }.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    // The reader's own words may quote a key, so they are not passed on; its position is.
    value.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let what = error.to_string();
        if what.starts_with(REPEATED) {
            ParseRefusal::new(
                Code::RepeatedKey,
                format!("The same key stands twice in one object (line {line}, column {column}); send each once."),
            )
        } else if what.starts_with(TOO_MANY) {
            ParseRefusal::new(Code::TooManyValues, format!("The body holds more than {MAX_VALUES} values. Send fewer alerts at a time."))
        } else if what.starts_with("recursion limit") {
            ParseRefusal::new(Code::TooDeep, "The body is nested deeper than 128 levels.")
        } else {
            ParseRefusal::new(Code::NotJson, format!("The body is not JSON (line {line}, column {column})."))
        }
    })
}

const REPEATED: &str = "repeated key";
const TOO_MANY: &str = "too many values";

/// Builds a [`Value`] as serde_json does, but counts and refuses repeated keys.
struct Strict<'c> {
    left: &'c mut usize,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        *self.left = self.left.checked_sub(1).ok_or_else(|| D::Error::custom(TOO_MANY))?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Strict { left: self.left })? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(Strict { left: self.left })?;
            if entries.insert(key, value).is_some() {
                return Err(A::Error::custom(REPEATED));
            }
        }
        Ok(Value::Object(entries))
    }
}

/// A value as text: text as it is, numbers and truth values in JSON's spelling, lists and objects as JSON, nothing
/// for null.
#[must_use]
pub fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// `key` of `object` as text, when it is there and more than spaces.
#[must_use]
pub fn text_at(object: &Value, key: &str) -> Option<String> {
    object.get(key).and_then(text_of).filter(|text| !text.trim().is_empty())
}

/// Makes text fit for the record: NUL becomes U+FFFD, and what is longer than `limit` bytes is cut and says so.
#[must_use]
pub fn fit(text: &str, limit: usize) -> String {
    let mut kept = text.get(..floor(text, limit)).unwrap_or_default().replace('\0', "\u{fffd}");
    if text.len() > limit {
        kept.push_str(&format!("… (cut, {} bytes)", text.len()));
    }
    kept
}

/// The same for text that stands on one line: line breaks and other control characters become spaces.
#[must_use]
pub fn fit_line(text: &str) -> String {
    let line: String = fit(text.trim(), MAX_LINE).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim().to_owned()
}

/// A title: the first of `texts` that says anything on one line.
#[must_use]
pub fn first_title<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    texts.into_iter().map(fit_line).find(|line| !line.is_empty()).unwrap_or_else(|| "An alert without a name".to_owned())
}

/// The largest boundary between characters that is at most `limit`.
fn floor(text: &str, limit: usize) -> usize {
    (0..=limit.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

/// An address that a person may click: http or https, at most 2,048 bytes, no spaces or control characters.
/// Anything else becomes nothing.
#[must_use]
pub fn fit_url(text: &str) -> String {
    let web = text.starts_with("https://") || text.starts_with("http://");
    let plain = text.len() <= 2048 && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    if web && plain { text.to_owned() } else { String::new() }
}

/// Labels or annotations from an object; values of any kind become text, null is left out. `what` names it in the
/// refusal.
///
/// # Errors
/// When there are more than 256, or a name is longer than 1 KiB; when it is something other than an object or null.
pub fn pairs(value: Option<&Value>, what: &str) -> Result<BTreeMap<String, String>, ParseRefusal> {
    let entries = match value {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(entries)) => entries,
        Some(_) => return Err(ParseRefusal::new(Code::WrongShape, format!("{what} has to be an object of names and values."))),
    };
    check_count(entries.len(), what)?;
    let mut pairs = BTreeMap::new();
    for (name, value) in entries {
        if name.len() > MAX_NAME {
            let start = fit_line(name.get(..floor(name, 40)).unwrap_or_default());
            let message = format!("{what} has the name {start}…, which is {} bytes long; a name has at most {MAX_NAME}.", name.len());
            return Err(ParseRefusal::new(Code::NameTooLong, message));
        }
        if let Some(text) = text_of(value) {
            pairs.insert(name.replace('\0', "\u{fffd}"), fit(&text, MAX_VALUE));
        }
    }
    Ok(pairs)
}

/// Holds the count of labels and annotations of one alert to its bound.
///
/// # Errors
/// When there are more than 256.
pub fn check_count(count: usize, what: &str) -> Result<(), ParseRefusal> {
    if count <= MAX_PAIRS {
        return Ok(());
    }
    let message = format!("{what} has {count} entries; an alert has at most {MAX_PAIRS} labels and annotations together.");
    Err(ParseRefusal::new(Code::TooManyLabels, message))
}

/// A moment: RFC 3339, the same with an offset such as `+0000`, or seconds or milliseconds since 1970. `None` for
/// anything else, and outside 1970..=9999 (Go's zero time, year 1, means "open").
#[must_use]
pub fn moment(value: Option<&Value>) -> Option<Timestamp> {
    match value? {
        Value::String(text) if text.len() <= 64 => {
            let text = text.trim();
            let compact = || DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z").ok();
            Timestamp::parse(text).or_else(|| compact().and_then(|t| Timestamp::from_micros(t.timestamp_micros())))
        }
        Value::Number(number) => {
            const LARGEST_SECONDS: i64 = 100_000_000_000;
            #[expect(clippy::cast_possible_truncation, reason = "a cast from float saturates; fractions of a microsecond do not matter")]
            let micros = match number.as_i64() {
                Some(whole) if whole < LARGEST_SECONDS => whole.checked_mul(1_000_000)?,
                Some(whole) => whole.checked_mul(1000)?,
                None => (number.as_f64()? * 1_000_000.0) as i64,
            };
            Timestamp::from_micros(micros).filter(|t| t.micros() > 0)
        }
        _ => None,
    }
}

/// The alert's fingerprint: the tool's own when it is 16 to 64 lower-case hex digits, otherwise the first 32 hex
/// digits of SHA-256(source ‖ 0x00 ‖ id).
#[must_use]
pub fn fingerprint(source: &str, alert_id: &str) -> String {
    let hex_digits = alert_id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if hex_digits && (16..=64).contains(&alert_id.len()) {
        return alert_id.to_owned();
    }
    let mut hash = Sha256::new();
    hash.update(source.as_bytes());
    hash.update([0]);
    hash.update(alert_id.as_bytes());
    hex::encode(hash.finalize()).chars().take(32).collect()
}
