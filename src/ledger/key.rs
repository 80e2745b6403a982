//! Keys of signed notes: a log's and a witness's, public and secret (C2SP signed-note).
//!
//! A key's id is the first four bytes of SHA-256(name ‖ 0x0A ‖ kind ‖ public key). The public half is written
//! `name+id+base64(kind ‖ public key)`, the secret half `PRIVATE+KEY+name+id+base64(kind ‖ seed)`, as Go's
//! `sumdb/note` does.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// The signature types of C2SP signed-note that are understood here. ML-DSA-44 cosignatures (0x06) would be the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// 0x01: Ed25519 over the text. Logs sign with it.
    Ed25519,
    /// 0x04: Ed25519 over the time and the text (cosignature/v1). Witnesses sign with it.
    Cosignature,
}

impl KeyKind {
    fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::Cosignature => 4,
        }
    }

    fn owner(self) -> &'static str {
        match self {
            Self::Ed25519 => "log",
            Self::Cosignature => "witness",
        }
    }

    fn of_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Ed25519),
            4 => Some(Self::Cosignature),
            _ => None,
        }
    }
}

/// A key's text that cannot be used. It never repeats the text, which may be secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Not of the form.
    #[error("this is not a key of the form name+id+base64")]
    Form,
    /// Empty, or with a space, a plus sign or a control character.
    #[error("a key's name must not be empty and must not contain spaces or plus signs")]
    Name,
    /// A signature type that is not understood.
    #[error("this key is of a type that is not supported (Ed25519 and cosignature/v1 are)")]
    Kind,
    /// The id does not belong to the name and the key: a typing mistake.
    #[error("the key's id does not belong to its name and key; was it copied completely?")]
    Id,
    /// A log's key where a witness's is needed, or the other way round.
    #[error("this is the key of a {}", .0.owner())]
    WrongKind(KeyKind),
}

/// The public half of a log's or a witness's key, with its name.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: KeyKind,
    id: [u8; 4],
    key: VerifyingKey,
}

impl VerifierKey {
    fn new(name: &str, kind: KeyKind, key: VerifyingKey) -> Result<Self, BadKey> {
        if !is_name(name) {
            return Err(BadKey::Name);
        }
        let mut hash = Sha256::new();
        hash.update(name);
        hash.update([b'\n', kind.byte()]);
        hash.update(key.as_bytes());
        let [a, b, c, d, ..] = <[u8; 32]>::from(hash.finalize());
        Ok(Self { name: name.to_owned(), kind, id: [a, b, c, d], key })
    }

    /// Reads the one-line form (`.vkey` files); space around it is ignored.
    ///
    /// # Errors
    /// [`BadKey`], saying what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(material)) = (parts.next(), parts.next(), parts.next()) else { return Err(BadKey::Form) };
        let (kind, public) = material_of(material)?;
        let key = Self::new(name, kind, VerifyingKey::from_bytes(&public).map_err(|_| BadKey::Form)?)?;
        if id == hex::encode(key.id) { Ok(key) } else { Err(BadKey::Id) }
    }

    /// The name: a log's origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whose signatures it checks.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The first bytes of every signature by this key.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// The Ed25519 public key (RFC 8032).
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// Whether `signature` is this key's Ed25519 signature of `message`.
    pub(super) fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = ed25519_dalek::Signature::from_slice(signature) else { return false };
        self.key.verify_strict(message, &signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut material = vec![self.kind.byte()];
        material.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id), STANDARD.encode(material))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The private half, of either kind. `Debug` shows the public half.
pub(super) struct SecretKey {
    verifier: VerifierKey,
    key: SigningKey,
}

impl SecretKey {
    pub(super) fn from_seed(name: &str, kind: KeyKind, seed: &[u8; 32]) -> Result<Self, BadKey> {
        let key = SigningKey::from_bytes(seed);
        Ok(Self { verifier: VerifierKey::new(name, kind, key.verifying_key())?, key })
    }

    pub(super) fn parse(text: &str, kind: KeyKind) -> Result<Self, BadKey> {
        let rest = text.trim().strip_prefix("PRIVATE+KEY+").ok_or(BadKey::Form)?;
        let mut parts = rest.splitn(3, '+');
        let (Some(name), Some(id), Some(material)) = (parts.next(), parts.next(), parts.next()) else { return Err(BadKey::Form) };
        let (found, seed) = material_of(material)?;
        if found != kind {
            return Err(BadKey::WrongKind(found));
        }
        let secret = Self::from_seed(name, kind, &seed)?;
        if id == hex::encode(secret.verifier.id) { Ok(secret) } else { Err(BadKey::Id) }
    }

    pub(super) fn to_text(&self) -> String {
        let mut material = vec![self.verifier.kind.byte()];
        material.extend_from_slice(self.key.as_bytes());
        format!("PRIVATE+KEY+{}+{}+{}\n", self.verifier.name, hex::encode(self.verifier.id), STANDARD.encode(material))
    }

    pub(super) fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

fn material_of(text: &str) -> Result<(KeyKind, [u8; 32]), BadKey> {
    let bytes = STANDARD.decode(text).map_err(|_| BadKey::Form)?;
    let (kind, key) = bytes.split_first().ok_or(BadKey::Form)?;
    let kind = KeyKind::of_byte(*kind).ok_or(BadKey::Kind)?;
    Ok((kind, key.try_into().map_err(|_| BadKey::Form)?))
}

pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}
