//! `manifest.json` and `manifest.note`: what an evidence bundle consists of, signed by the log's key.
//!
//! The note is a signed note (C2SP) whose text is three lines: `<origin>/manifest`, the number of events that the
//! bundle describes, and the SHA-256 of `manifest.json` in lower-case hex. The first line keeps it from ever being
//! taken for a checkpoint of the log. The manifest lists every other file of the bundle but these two.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::chain::{Population, number};
use super::key::VerifierKey;
use super::note::{BadNote, Note, NoteRefused, Signer};

/// The value of [`Manifest::format`].
pub const FORMAT: &str = "countersign/bundle/v1";

/// The largest manifest that is read, in bytes.
pub const MAX_MANIFEST: u64 = 256 * 1024 * 1024;

/// What a bundle is, and what it consists of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// Which log.
    pub origin: String,
    /// How many events the log had: everything here describes it at this position.
    pub position: u64,
    /// The log says of itself that it is a demonstration.
    pub demonstration: bool,
    /// Whether every ticket is in `tickets.jsonl`, or a selection.
    pub all: bool,
    /// What was asked for, in words and values.
    pub query: Value,
    /// From when to when, RFC 3339; `null` when not limited.
    pub period: Period,
    /// The whole population by kind, whatever the selection.
    pub completeness: BTreeMap<String, Completeness>,
    /// Every file but `manifest.json` and `manifest.note`, by name.
    pub files: BTreeMap<String, FileEntry>,
}

/// The period of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// The first moment, if limited.
    pub from: Option<String>,
    /// The moment after the last, if limited.
    pub to: Option<String>,
}

/// That no number of a kind is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completeness {
    /// `INC-000001`
    pub first: String,
    /// The highest number.
    pub last: String,
    /// How many there are.
    pub count: u64,
    /// How many numbers are missing between them.
    pub gaps: u64,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// SHA-256 of its bytes, lower-case hex.
    pub sha256: String,
    /// Its length in bytes.
    pub size: u64,
}

/// What the log says of its tickets, by kind.
#[must_use]
pub fn completeness_of(populations: &BTreeMap<String, Population>) -> BTreeMap<String, Completeness> {
    let of = |(prefix, population): (&String, &Population)| {
        let (first, last) = (number(prefix, 1), number(prefix, population.count));
        (population.kind.clone(), Completeness { first, last, count: population.count, gaps: 0 })
    };
    populations.iter().map(of).collect()
}

/// The text that the log's key signs for a manifest.
#[must_use]
pub fn note_text(origin: &str, position: u64, manifest: &[u8]) -> String {
    format!("{origin}/manifest\n{position}\n{}\n", hex::encode(Sha256::digest(manifest)))
}

/// Signs a manifest's bytes.
///
/// # Errors
/// When the origin holds control characters.
pub fn sign(position: u64, manifest: &[u8], signer: &Signer) -> Result<Note, BadNote> {
    let mut note = Note::new(note_text(signer.verifier().name(), position, manifest))?;
    note.add(signer.sign(note.text()));
    Ok(note)
}

/// Why a manifest does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestRefused {
    /// The note cannot be read.
    #[error("the note cannot be read: {0}")]
    Note(#[from] BadNote),
    /// Not signed by the log.
    #[error(transparent)]
    Signature(#[from] NoteRefused),
    /// The note is about other bytes, another position or another log.
    #[error("this is not the manifest that manifest.note was signed for")]
    OtherManifest,
}

/// Checks that the log's key signed this manifest for this position.
///
/// # Errors
/// [`ManifestRefused`].
pub fn check(note: &[u8], position: u64, manifest: &[u8], key: &VerifierKey) -> Result<(), ManifestRefused> {
    let note = Note::parse(note)?;
    note.require(key)?;
    if note.text() == note_text(key.name(), position, manifest) { Ok(()) } else { Err(ManifestRefused::OtherManifest) }
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::Checkpoint;
    use super::*;

    #[test]
    fn a_manifest_counts_only_for_its_bytes_position_and_log() {
        let signer = Signer::from_seed("log.invalid/a", &[1; 32]).unwrap();
        let note = sign(7, b"{}", &signer).unwrap().to_string();
        assert_eq!(check(note.as_bytes(), 7, b"{}", signer.verifier()), Ok(()));
        assert_eq!(check(note.as_bytes(), 7, b"{ }", signer.verifier()), Err(ManifestRefused::OtherManifest));
        assert_eq!(check(note.as_bytes(), 8, b"{}", signer.verifier()), Err(ManifestRefused::OtherManifest));
        let other = Signer::from_seed("log.invalid/a", &[2; 32]).unwrap();
        assert!(matches!(check(note.as_bytes(), 7, b"{}", other.verifier()), Err(ManifestRefused::Signature(_))));
        assert!(matches!(check(b"no", 7, b"{}", other.verifier()), Err(ManifestRefused::Note(_))));
        // The same key signs checkpoints: neither may pass for the other.
        assert!(Checkpoint::open(note.as_bytes(), signer.verifier()).is_err());
    }
}
