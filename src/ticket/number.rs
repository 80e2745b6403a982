//! Ticket numbers: `INC-000042`, gapless per kind.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A ticket's number: its kind's prefix and a count from 1, six digits or more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number {
    prefix: String,
    count: u64,
}

impl Number {
    /// The `count`-th ticket of the kind with this prefix.
    #[must_use]
    pub fn new(prefix: &str, count: u64) -> Self {
        Self { prefix: prefix.to_owned(), count }
    }

    /// `INC`
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// 42
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:06}", self.prefix, self.count)
    }
}

/// Not a ticket number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a ticket number looks like INC-000042")]
pub struct NotANumber;

impl FromStr for Number {
    type Err = NotANumber;

    /// Case does not matter and leading zeros may be left out: `inc-42` is `INC-000042`.
    fn from_str(text: &str) -> Result<Self, NotANumber> {
        let (prefix, digits) = text.trim().split_once('-').ok_or(NotANumber)?;
        let good_prefix = (2..=5).contains(&prefix.len()) && prefix.bytes().all(|b| b.is_ascii_alphabetic());
        let good_digits = (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        let count = digits.parse().map_err(|_| NotANumber)?;
        if good_prefix && good_digits && count > 0 { Ok(Self { prefix: prefix.to_ascii_uppercase(), count }) } else { Err(NotANumber) }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
