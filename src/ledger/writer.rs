//! Canonical bytes straight from a value, without building a tree of it first: what an append does for every event.
//! Writes what [`super::canonical::to_canonical`] writes of the same value, and refuses the same.

use std::fmt::Display;

use serde::Serialize;
use serde::ser;

use super::canonical::{MAX_DEPTH, MAX_EVENT, MAX_INTEGER, NotCanonical, utf16_order, write_text};

/// The canonical bytes of `value`.
///
/// # Errors
/// When the value cannot be written so that everybody reads it alike, or is longer than [`MAX_EVENT`].
pub fn canonical_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, NotCanonical> {
    let mut out = String::with_capacity(1024);
    value.serialize(Writer { out: &mut out, depth: 0 })?;
    if out.len() > MAX_EVENT { Err(NotCanonical::TooLong) } else { Ok(out.into_bytes()) }
}

impl ser::Error for NotCanonical {
    fn custom<T: Display>(message: T) -> Self {
        Self::NotJson(message.to_string())
    }
}

/// Writes one value.
struct Writer<'o> {
    out: &'o mut String,
    depth: usize,
}

impl Writer<'_> {
    fn integer(self, number: i64) -> Result<(), NotCanonical> {
        if !(-MAX_INTEGER..=MAX_INTEGER).contains(&number) {
            return Err(NotCanonical::IntegerTooLarge(number.to_string()));
        }
        let mut digits = [0_u8; 20];
        let (mut at, mut rest) = (digits.len(), number.unsigned_abs());
        loop {
            at -= 1;
            // A digit.
            digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            self.out.push('-');
        }
        self.out.extend(digits[at..].iter().map(|digit| char::from(*digit)));
        Ok(())
    }

    fn float<T>(number: f64) -> Result<T, NotCanonical> {
        Err(NotCanonical::Float(number.to_string()))
    }
}

/// An object whose members may come in any order; they are put in theirs at its end.
struct Members<'o> {
    out: &'o mut String,
    depth: usize,
    /// Where the first member begins.
    from: usize,
    /// Where each member begins, where its value does, and its key as it was given, if that is not how it is written.
    places: Vec<(usize, usize, Option<String>)>,
    /// `{"Variant":` was written before, and is closed after.
    wrapped: bool,
}

/// An array.
struct Items<'o> {
    out: &'o mut String,
    depth: usize,
    empty: bool,
    wrapped: bool,
}

impl<'o> Writer<'o> {
    fn members(self, wrapped: bool) -> Members<'o> {
        self.out.push('{');
        Members { from: self.out.len(), depth: self.depth + 1, out: self.out, places: Vec::with_capacity(12), wrapped }
    }

    fn items(self, wrapped: bool) -> Items<'o> {
        self.out.push('[');
        Items { out: self.out, depth: self.depth + 1, empty: true, wrapped }
    }

    /// `{"Variant":`, whose value comes next.
    fn wrap(self, variant: &str) -> Result<Self, NotCanonical> {
        self.out.push('{');
        write_text(variant, self.out)?;
        self.out.push(':');
        inside(self.out, self.depth + 1)
    }
}

/// A value within another; never too deep, nor behind more than an event holds.
fn inside(out: &mut String, depth: usize) -> Result<Writer<'_>, NotCanonical> {
    if depth > MAX_DEPTH {
        return Err(NotCanonical::TooDeep);
    }
    // A value may be far larger than an event: stop early, not after having copied it.
    if out.len() > MAX_EVENT {
        return Err(NotCanonical::TooLong);
    }
    Ok(Writer { out, depth })
}

impl Members<'_> {
    fn key(&mut self, key: &str) -> Result<(), NotCanonical> {
        let begins = self.out.len();
        write_text(key, self.out)?;
        self.place(begins)
    }

    /// The key that was written from `begins` on has its place.
    fn place(&mut self, begins: usize) -> Result<(), NotCanonical> {
        let written = self.out.get(begins..).unwrap_or_default();
        // What is written otherwise than it was given is ordered as it was given.
        let given = if written.is_ascii() && !written.contains('\\') { None } else { serde_json::from_str(written).ok() };
        if !written.starts_with('"') {
            return Err(NotCanonical::NotJson("a key is not a text".to_owned()));
        }
        self.out.push(':');
        self.places.push((begins, self.out.len(), given));
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotCanonical> {
        value.serialize(inside(self.out, self.depth)?)?;
        self.out.push(',');
        Ok(())
    }

    fn key_of<'s>(&'s self, place: &'s (usize, usize, Option<String>)) -> &'s str {
        // Between the quotes.
        place.2.as_deref().unwrap_or_else(|| self.out.get(place.0 + 1..place.1 - 2).unwrap_or_default())
    }

    fn close(self) -> Result<(), NotCanonical> {
        if !self.places.is_empty() {
            // The comma after the last member.
            self.out.pop();
        }
        let in_order = self.places.is_sorted_by(|a, b| utf16_order(self.key_of(a), self.key_of(b)).is_lt());
        if !in_order {
            let mut order: Vec<usize> = (0..self.places.len()).collect();
            order.sort_by(|a, b| utf16_order(self.key_of(&self.places[*a]), self.key_of(&self.places[*b])));
            let twice = |pair: &[usize]| self.key_of(&self.places[pair[0]]) == self.key_of(&self.places[pair[1]]);
            if order.windows(2).any(twice) {
                return Err(NotCanonical::NotJson("a key stands twice".to_owned()));
            }
            let mut sorted = String::with_capacity(self.out.len() - self.from);
            for (n, place) in order.into_iter().enumerate() {
                if n > 0 {
                    sorted.push(',');
                }
                let ends = self.places.get(place + 1).map_or(self.out.len(), |next| next.0 - 1);
                sorted.push_str(self.out.get(self.places[place].0..ends).unwrap_or_default());
            }
            self.out.truncate(self.from);
            self.out.push_str(&sorted);
        }
        self.out.push('}');
        if self.wrapped {
            self.out.push('}');
        }
        Ok(())
    }
}

impl Items<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotCanonical> {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        value.serialize(inside(self.out, self.depth)?)
    }

    fn close(self) -> Result<(), NotCanonical> {
        self.out.push_str(if self.wrapped { "]}" } else { "]" });
        Ok(())
    }
}

impl<'o> ser::Serializer for Writer<'o> {
    type Ok = ();
    type Error = NotCanonical;
    type SerializeSeq = Items<'o>;
    type SerializeTuple = Items<'o>;
    type SerializeTupleStruct = Items<'o>;
    type SerializeTupleVariant = Items<'o>;
    type SerializeMap = Members<'o>;
    type SerializeStruct = Members<'o>;
    type SerializeStructVariant = Members<'o>;

    fn serialize_bool(self, value: bool) -> Result<(), NotCanonical> {
        self.out.push_str(if value { "true" } else { "false" });
        Ok(())
    }
    fn serialize_i8(self, value: i8) -> Result<(), NotCanonical> {
        self.integer(value.into())
    }
    fn serialize_i16(self, value: i16) -> Result<(), NotCanonical> {
        self.integer(value.into())
    }
    fn serialize_i32(self, value: i32) -> Result<(), NotCanonical> {
        self.integer(value.into())
    }
    fn serialize_i64(self, value: i64) -> Result<(), NotCanonical> {
        self.integer(value)
    }
    fn serialize_u8(self, value: u8) -> Result<(), NotCanonical> {
        self.integer(value.into())
    }
    fn serialize_u16(self, value: u16) -> Result<(), NotCanonical> {
        self.integer(value.into())
    }
    fn serialize_u32(self, value: u32) -> Result<(), NotCanonical> {
        self.integer(value.into())
    }
    fn serialize_u64(self, value: u64) -> Result<(), NotCanonical> {
        let number = i64::try_from(value).map_err(|_| NotCanonical::IntegerTooLarge(value.to_string()))?;
        self.integer(number)
    }
    fn serialize_f32(self, value: f32) -> Result<(), NotCanonical> {
        Self::float(value.into())
    }
    fn serialize_f64(self, value: f64) -> Result<(), NotCanonical> {
        Self::float(value)
    }
    fn serialize_char(self, value: char) -> Result<(), NotCanonical> {
        write_text(value.encode_utf8(&mut [0; 4]), self.out)
    }
    fn serialize_str(self, value: &str) -> Result<(), NotCanonical> {
        write_text(value, self.out)
    }
    fn serialize_bytes(self, value: &[u8]) -> Result<(), NotCanonical> {
        value.serialize(self)
    }
    fn serialize_none(self) -> Result<(), NotCanonical> {
        self.serialize_unit()
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NotCanonical> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), NotCanonical> {
        self.out.push_str("null");
        Ok(())
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), NotCanonical> {
        self.serialize_unit()
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), NotCanonical> {
        write_text(variant, self.out)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), NotCanonical> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), NotCanonical> {
        let Writer { out, depth } = self.wrap(variant)?;
        value.serialize(Writer { out, depth })?;
        out.push('}');
        Ok(())
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'o>, NotCanonical> {
        Ok(self.items(false))
    }
    fn serialize_tuple(self, _: usize) -> Result<Items<'o>, NotCanonical> {
        Ok(self.items(false))
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'o>, NotCanonical> {
        Ok(self.items(false))
    }
    fn serialize_tuple_variant(self, _: &'static str, _: u32, variant: &'static str, _: usize) -> Result<Items<'o>, NotCanonical> {
        Ok(self.wrap(variant)?.items(true))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Members<'o>, NotCanonical> {
        Ok(self.members(false))
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members<'o>, NotCanonical> {
        Ok(self.members(false))
    }
    fn serialize_struct_variant(self, _: &'static str, _: u32, variant: &'static str, _: usize) -> Result<Members<'o>, NotCanonical> {
        Ok(self.wrap(variant)?.members(true))
    }
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), NotCanonical> {
        write_text(&value.to_string(), self.out)
    }
}

macro_rules! items {
    ($($part:ident :: $add:ident),*) => {$(
        impl ser::$part for Items<'_> {
            type Ok = ();
            type Error = NotCanonical;
            fn $add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotCanonical> {
                self.item(value)
            }
            fn end(self) -> Result<(), NotCanonical> {
                self.close()
            }
        }
    )*};
}
items!(SerializeSeq::serialize_element, SerializeTuple::serialize_element);
items!(SerializeTupleStruct::serialize_field, SerializeTupleVariant::serialize_field);

macro_rules! members {
    ($($part:ident),*) => {$(
        impl ser::$part for Members<'_> {
            type Ok = ();
            type Error = NotCanonical;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), NotCanonical> {
                self.key(key)?;
                self.value(value)
            }
            fn end(self) -> Result<(), NotCanonical> {
                self.close()
            }
        }
    )*};
}
members!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Members<'_> {
    type Ok = ();
    type Error = NotCanonical;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotCanonical> {
        let begins = self.out.len();
        key.serialize(Writer { out: self.out, depth: self.depth })?;
        self.place(begins)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotCanonical> {
        self.value(value)
    }
    fn end(self) -> Result<(), NotCanonical> {
        self.close()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::canonical::to_canonical;
    use super::*;

    #[derive(Serialize)]
    #[serde(tag = "kind", content = "data")]
    enum Fact {
        Empty,
        One(i64),
        Two(i64, bool),
        Named { zeta: Option<u8>, alpha: char },
    }

    #[derive(Serialize)]
    struct Whole {
        seq: u64,
        #[serde(flatten)]
        fact: Fact,
        actor: (i8, String),
        map: BTreeMap<String, Value>,
        plain: Plain,
    }

    #[derive(Serialize)]
    enum Plain {
        Unit,
        New(u16),
        Tuple(u32, i16),
        Struct { b: (), a: i32 },
    }

    #[test]
    fn every_shape_is_written_as_its_tree_would_be() {
        let facts = [Fact::Empty, Fact::One(-7), Fact::Two(0, true), Fact::Named { zeta: None, alpha: '\u{e9}' }];
        let plains = [Plain::Unit, Plain::New(1), Plain::Tuple(2, -3), Plain::Struct { b: (), a: i32::MIN }];
        for (fact, plain) in facts.into_iter().zip(plains) {
            let map = BTreeMap::from([
                ("\u{e000}".to_owned(), json!([])),
                ("\u{10000}".to_owned(), json!({})),
                ("a\n".to_owned(), json!([{"b": 1, "a": null}])),
            ]);
            let whole = Whole { seq: 9_007_199_254_740_991, fact, actor: (-1, "\"\\\u{1}".to_owned()), map, plain };
            let tree = serde_json::to_value(&whole).unwrap();
            assert_eq!(
                String::from_utf8(canonical_bytes(&whole).unwrap()).unwrap(),
                String::from_utf8(to_canonical(&tree).unwrap()).unwrap()
            );
        }
    }

    #[test]
    fn what_a_tree_is_refused_for_is_refused() {
        let refused = [
            json!(1.5),
            json!(u64::MAX),
            json!(9_007_199_254_740_992_i64),
            json!(-9_007_199_254_740_992_i64),
            json!({"a": "x\0"}),
            json!({"a\0": 1}),
            json!({"a": "x".repeat(MAX_EVENT)}),
            json!(["x".repeat(40_000), "y".repeat(40_000)]),
        ];
        for value in refused {
            assert_eq!(canonical_bytes(&value), to_canonical(&value), "{value}");
            assert!(canonical_bytes(&value).is_err());
        }
        let mut deep = json!(1);
        for _ in 0..70 {
            deep = json!([deep]);
        }
        assert_eq!(canonical_bytes(&deep), Err(NotCanonical::TooDeep));
        assert!(canonical_bytes(&BTreeMap::from([(1, 2)])).is_err(), "a key is a text");
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-MAX_INTEGER..=MAX_INTEGER).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_value_is_written_as_its_tree_is(value in any_value()) {
            prop_assert_eq!(canonical_bytes(&value), to_canonical(&value));
        }
    }
}
