//! Signed notes (C2SP signed-note): text, a blank line, and one line for each signature.
//!
//! The signature covers the text with its last line feed. A reader always names the key that it
//! requires: a note that somebody signed is not a note that *this log* signed.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::key::{BadKey, KeyKind, SecretKey, VerifierKey, is_name};

/// The largest note that is read, in bytes.
pub const MAX_NOTE: usize = 1_000_000;

/// The largest number of signatures that is read (Go's limit as well).
const MAX_SIGNATURES: usize = 100;

/// A log's signing key. `Debug` shows the public half only.
pub struct Signer(SecretKey);

impl Signer {
    /// The key with this name (the log's origin) from 32 secret bytes.
    ///
    /// # Errors
    /// [`BadKey::Name`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, BadKey> {
        SecretKey::from_seed(name, KeyKind::Ed25519, seed).map(Self)
    }

    /// Reads a key file: `PRIVATE+KEY+name+id+base64(0x01 ‖ seed)`.
    ///
    /// # Errors
    /// [`BadKey`]; it never repeats the text.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        SecretKey::parse(text, KeyKind::Ed25519).map(Self)
    }

    /// The content of the key file, secret.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        self.0.to_text()
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        self.0.verifier()
    }

    /// Signs the note's text.
    #[must_use]
    pub fn sign(&self, text: &str) -> Signature {
        let key = self.verifier();
        Signature { name: key.name().to_owned(), key_id: key.id(), bytes: self.0.sign(text.as_bytes()).to_vec() }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.verifier())
    }
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The signing key's name.
    pub name: String,
    /// The signing key's id.
    pub key_id: [u8; 4],
    /// What follows the id: for Ed25519 64 bytes, for a cosignature the time before them.
    pub bytes: Vec<u8>,
}

impl Signature {
    /// Reads one line, without its line feed.
    ///
    /// # Errors
    /// [`BadNote::Signature`].
    pub fn parse(line: &str) -> Result<Self, BadNote> {
        let (name, blob) = line.strip_prefix("— ").and_then(|rest| rest.split_once(' ')).ok_or(BadNote::Signature)?;
        let blob = STANDARD.decode(blob).map_err(|_| BadNote::Signature)?;
        match blob.split_first_chunk::<4>() {
            Some((key_id, bytes)) if is_name(name) && !bytes.is_empty() => {
                Ok(Self { name: name.to_owned(), key_id: *key_id, bytes: bytes.to_vec() })
            }
            _ => Err(BadNote::Signature),
        }
    }

    /// Whether the line says that it is by `key`. It is no proof: see [`Note::require`].
    #[must_use]
    pub fn claims(&self, key: &VerifierKey) -> bool {
        self.name == key.name() && self.key_id == key.id()
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut blob = self.key_id.to_vec();
        blob.extend_from_slice(&self.bytes);
        write!(f, "— {} {}", self.name, STANDARD.encode(blob))
    }
}

/// Bytes that are not a signed note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadNote {
    /// More than [`MAX_NOTE`] bytes, or more than 100 signatures.
    #[error("the note is too long")]
    TooLong,
    /// Not UTF-8, or with control characters.
    #[error("the note is not plain UTF-8 text")]
    NotText,
    /// No text, no blank line or no signature.
    #[error("the note has no signed text: a text, a blank line and signatures are expected")]
    Form,
    /// A line after the blank one is not a signature.
    #[error("a signature line of the note is not of the form \"— name base64\"")]
    Signature,
}

/// Why a note does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteRefused {
    /// It does not carry a signature by the required key.
    #[error("it is not signed by {0}")]
    NotSignedBy(String),
    /// It carries one that does not fit the text.
    #[error("the signature of {0} does not fit the text")]
    WrongSignature(String),
}

/// A text and its signatures. Nothing is verified until [`Note::require`] (or, for witnesses,
/// [`super::witness::cosigned_at`]) says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

impl Note {
    /// A note without signatures yet. The text ends with a line feed.
    ///
    /// # Errors
    /// When the text holds control characters, is too long, or does not end with a line feed.
    pub fn new(text: String) -> Result<Self, BadNote> {
        if text.len() > MAX_NOTE {
            Err(BadNote::TooLong)
        } else if !is_plain(&text) {
            Err(BadNote::NotText)
        } else if text.ends_with('\n') {
            Ok(Self { text, signatures: Vec::new() })
        } else {
            Err(BadNote::Form)
        }
    }

    /// Reads a note.
    ///
    /// # Errors
    /// [`BadNote`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BadNote> {
        if bytes.len() > MAX_NOTE {
            return Err(BadNote::TooLong);
        }
        let whole = std::str::from_utf8(bytes).map_err(|_| BadNote::NotText)?;
        if !is_plain(whole) {
            return Err(BadNote::NotText);
        }
        // The text is everything before the last blank line, with its own line feed.
        let at = whole.rfind("\n\n").ok_or(BadNote::Form)?;
        let (text, lines) = (&whole[..=at], &whole[at + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(BadNote::Form)?;
        let signatures = lines.split('\n').take(MAX_SIGNATURES + 1).map(Signature::parse).collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MAX_SIGNATURES { Err(BadNote::TooLong) } else { Ok(Self { text: text.to_owned(), signatures }) }
    }

    /// The signed text, with its last line feed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, verified or not.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Adds a signature; one that is already there is not added twice.
    pub fn add(&mut self, signature: Signature) {
        if !self.signatures.contains(&signature) {
            self.signatures.push(signature);
        }
    }

    /// Checks that `key` signed the text. Signatures by other keys are ignored.
    ///
    /// # Errors
    /// When the key's signature is missing, or one that claims to be by it does not fit.
    pub fn require(&self, key: &VerifierKey) -> Result<(), NoteRefused> {
        let mut found = Err(NoteRefused::NotSignedBy(key.name().to_owned()));
        for signature in self.signatures.iter().filter(|s| s.claims(key)) {
            if key.kind() != KeyKind::Ed25519 || !key.accepts(self.text.as_bytes(), &signature.bytes) {
                return Err(NoteRefused::WrongSignature(key.name().to_owned()));
            }
            found = Ok(());
        }
        found
    }
}

impl fmt::Display for Note {
    /// The note's bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| b >= b' ' || b == b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Go's sumdb/note documentation.
    const GO_KEY: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const GO_VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn the_example_of_another_implementation_is_read_and_written_alike() {
        let (signer, key) = (Signer::parse(GO_KEY).unwrap(), VerifierKey::parse(GO_VKEY).unwrap());
        assert_eq!(signer.verifier(), &key);
        assert_eq!(key.to_string(), GO_VKEY);
        assert_eq!(signer.to_secret_text().trim(), GO_KEY);
        let note = Note::parse(GO_NOTE.as_bytes()).unwrap();
        assert_eq!(note.require(&key), Ok(()));
        assert_eq!(note.to_string(), GO_NOTE);
        let mut ours = Note::new(note.text().to_owned()).unwrap();
        ours.add(signer.sign(note.text()));
        ours.add(signer.sign(note.text()));
        assert_eq!(ours, note);
    }

    #[test]
    fn a_signature_of_another_key_or_text_does_not_count() {
        let key = VerifierKey::parse(GO_VKEY).unwrap();
        let changed = Note::parse(GO_NOTE.replace("your problem", "my problem").as_bytes()).unwrap();
        assert_eq!(changed.require(&key), Err(NoteRefused::WrongSignature("PeterNeumann".into())));
        let other = Signer::from_seed("PeterNeumann", &[7; 32]).unwrap();
        let note = Note::parse(GO_NOTE.as_bytes()).unwrap();
        assert_eq!(note.require(other.verifier()), Err(NoteRefused::NotSignedBy("PeterNeumann".into())));
        // One good signature does not excuse a second one that claims to be by the same key and is wrong.
        let mut twice = note.clone();
        twice.add(Signature { bytes: vec![0; 64], ..note.signatures()[0].clone() });
        assert!(twice.require(&key).is_err());
    }

    #[test]
    fn every_byte_of_a_note_matters() {
        let key = VerifierKey::parse(GO_VKEY).unwrap();
        for at in 0..GO_NOTE.len() {
            let mut bytes = GO_NOTE.as_bytes().to_vec();
            bytes[at] ^= 1;
            assert!(Note::parse(&bytes).is_err() || Note::parse(&bytes).unwrap().require(&key).is_err(), "byte {at}");
            assert!(Note::parse(&GO_NOTE.as_bytes()[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn what_is_not_a_note_is_refused() {
        assert_eq!(Note::parse(b"text\n"), Err(BadNote::Form));
        assert_eq!(Note::parse(b"text\n\n"), Err(BadNote::Form));
        assert_eq!(Note::parse(b"text\n\n\n"), Err(BadNote::Form));
        assert_eq!(Note::parse(b"te\rxt\n\n\xe2\x80\x94 a AAAAAAA=\n"), Err(BadNote::NotText));
        assert_eq!(Note::parse(b"te\xffxt\n"), Err(BadNote::NotText));
        assert_eq!(Note::parse("text\n\n— a AAAA\n".as_bytes()), Err(BadNote::Signature));
        assert_eq!(Note::parse("text\n\n— a+b AAAAAAA=\n".as_bytes()), Err(BadNote::Signature));
        assert_eq!(Note::parse("text\n\n- a AAAAAAA=\n".as_bytes()), Err(BadNote::Signature));
        assert_eq!(Note::parse(&vec![b'a'; MAX_NOTE + 1]), Err(BadNote::TooLong));
        let many = format!("text\n\n{}", "— a AAAAAAA=\n".repeat(101));
        assert_eq!(Note::parse(many.as_bytes()), Err(BadNote::TooLong));
        assert_eq!(Note::new("no line feed".into()), Err(BadNote::Form));
        assert_eq!(Note::new("a\ttab\n".into()), Err(BadNote::NotText));
    }

    #[test]
    fn keys_that_are_wrong_say_how() {
        assert_eq!(VerifierKey::parse("x"), Err(BadKey::Form));
        assert_eq!(VerifierKey::parse(&GO_VKEY.replace("c74f", "c74e")), Err(BadKey::Id));
        assert_eq!(VerifierKey::parse(&GO_VKEY.replace("PeterNeumann", "Peter")), Err(BadKey::Id));
        assert_eq!(VerifierKey::parse(&GO_VKEY.replace("+AR", "+BR")), Err(BadKey::Kind));
        assert_eq!(VerifierKey::parse(&GO_VKEY.replace("PeterNeumann", "Peter Neumann")), Err(BadKey::Name));
        assert!(matches!(Signer::from_seed("", &[0; 32]), Err(BadKey::Name)));
        assert!(matches!(Signer::from_seed("a+b", &[0; 32]), Err(BadKey::Name)));
    }

    #[test]
    fn a_signer_does_not_show_its_secret() {
        let signer = Signer::parse(GO_KEY).unwrap();
        assert_eq!(format!("{signer:?}"), format!("Signer({GO_VKEY})"));
    }
}
