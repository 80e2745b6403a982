//! Sealed values: the log holds a commitment, the bytes and their salt stand in one side table.
//!
//! `commitment = SHA-256("countersign/sealed/v1" ‖ 0x00 ‖ salt32 ‖ bytes)`. Whoever holds the bytes and the salt
//! can prove that they are what the log speaks of; when both are deleted (redaction), nothing can be guessed
//! and every proof of the log still holds.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// Domain separation for [`Commitment`].
pub const DOMAIN: &[u8] = b"countersign/sealed/v1\0";

/// Domain separation for salts that are made of a seed.
const SALT_DOMAIN: &[u8] = b"countersign/salt/v1\0";

/// What an event holds of a sealed value: 32 bytes, written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commitment(pub [u8; 32]);

impl Commitment {
    /// The commitment to `bytes` under `salt`.
    #[must_use]
    pub fn of(salt: &[u8; 32], bytes: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        hash.update(salt);
        hash.update(bytes);
        Self(hash.finalize().into())
    }
}

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Commitment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Commitment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut out = [0; 32];
        hex::decode_to_slice(&text, &mut out).map_err(|_| serde::de::Error::custom("a commitment is 64 hex digits"))?;
        Ok(Self(out))
    }
}

/// A value on its way into the log, with the salt that hides it. Its `Debug` shows the commitment only.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// What the event will hold.
    pub commitment: Commitment,
    /// Makes equal values look different.
    pub salt: [u8; 32],
    /// The value: UTF-8 text, or JSON for structured values.
    pub bytes: Vec<u8>,
}

impl Sealed {
    /// Seals `bytes` under a fresh `salt`.
    #[must_use]
    pub fn new(salt: [u8; 32], bytes: Vec<u8>) -> Self {
        Self { commitment: Commitment::of(&salt, &bytes), salt, bytes }
    }

    /// The same value under another salt: SHA-256 over its domain, `seed`, which nobody can guess and which nothing keeps,
    /// and `name`, which is another one for each value of a seed.
    #[must_use]
    pub fn anew(&self, seed: &[u8; 32], name: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(SALT_DOMAIN);
        hash.update(seed);
        hash.update(name);
        Self::new(hash.finalize().into(), self.bytes.clone())
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({})", self.commitment)
    }
}
