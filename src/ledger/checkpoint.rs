//! Checkpoints (C2SP tlog-checkpoint): a signed note that says how long the log is and what its root is.
//!
//! ```text
//! countersign.example.com/log
//! 42
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//! ```

use std::fmt;

use super::key::{KeyKind, VerifierKey};
use super::merkle::{Frontier, Hash, verify_consistency};
use super::note::{BadNote, Note, NoteRefused, Signer};

/// The log's size and root at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: its name, which is also the name of its key.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
    /// Further lines of another log's checkpoint; ours have none. Not empty, without line feeds.
    pub extensions: Vec<String>,
}

/// A text that is not a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a checkpoint: origin, size and root are expected, one a line")]
pub struct NotACheckpoint;

/// Why a checkpoint does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointRefused {
    /// Not a signed note.
    #[error("the checkpoint cannot be read: {0}")]
    Note(#[from] BadNote),
    /// A note about something else.
    #[error(transparent)]
    Form(#[from] NotACheckpoint),
    /// Another log's.
    #[error("the checkpoint is of the log {found}, not of {wanted}")]
    OtherLog {
        /// Its origin.
        found: String,
        /// The key's name.
        wanted: String,
    },
    /// Not signed by the required key.
    #[error("the checkpoint does not count: {0}")]
    Signature(#[from] NoteRefused),
    /// A witness's key was given as the log's.
    #[error("the key {0} is a witness's, not a log's")]
    NotALogKey(String),
}

impl Checkpoint {
    /// What the tree with this edge is, as the log `origin`.
    #[must_use]
    pub fn of(origin: &str, tree: &Frontier) -> Self {
        Self { origin: origin.to_owned(), size: tree.size(), root: tree.root(), extensions: Vec::new() }
    }

    /// Reads the note's text.
    ///
    /// # Errors
    /// [`NotACheckpoint`] for anything that [`fmt::Display`] would not write.
    pub fn parse(text: &str) -> Result<Self, NotACheckpoint> {
        let mut lines = text.strip_suffix('\n').ok_or(NotACheckpoint)?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else { return Err(NotACheckpoint) };
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        let checkpoint = Self {
            origin: origin.to_owned(),
            size: parse_decimal(size).ok_or(NotACheckpoint)?,
            root: Hash::from_base64(root).ok_or(NotACheckpoint)?,
            extensions,
        };
        let good = !origin.is_empty() && checkpoint.extensions.iter().all(|line| !line.is_empty());
        if good { Ok(checkpoint) } else { Err(NotACheckpoint) }
    }

    /// Signs it.
    ///
    /// # Errors
    /// When the signer's name is not the origin, or the origin holds control characters.
    pub fn sign(&self, signer: &Signer) -> Result<Note, CheckpointRefused> {
        let wanted = signer.verifier().name();
        if self.origin != wanted {
            return Err(CheckpointRefused::OtherLog { found: self.origin.clone(), wanted: wanted.to_owned() });
        }
        let mut note = Note::new(self.to_string())?;
        Self::parse(note.text())?;
        note.add(signer.sign(note.text()));
        Ok(note)
    }

    /// Reads a signed checkpoint and requires the log's signature.
    ///
    /// # Errors
    /// [`CheckpointRefused`]: wrong form, another log, or not signed by `key`.
    pub fn open(bytes: &[u8], key: &VerifierKey) -> Result<(Self, Note), CheckpointRefused> {
        let note = Note::parse(bytes)?;
        Self::of_note(&note, key).map(|checkpoint| (checkpoint, note))
    }

    /// The checkpoint in a note that `key` must have signed.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn of_note(note: &Note, key: &VerifierKey) -> Result<Self, CheckpointRefused> {
        if key.kind() != KeyKind::Ed25519 {
            return Err(CheckpointRefused::NotALogKey(key.name().to_owned()));
        }
        let checkpoint = Self::parse(note.text())?;
        if checkpoint.origin != key.name() {
            return Err(CheckpointRefused::OtherLog { found: checkpoint.origin, wanted: key.name().to_owned() });
        }
        note.require(key)?;
        Ok(checkpoint)
    }
}

/// Why a log must not sign: what it would say contradicts what is known outside.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MustNotSign {
    /// The database lost events.
    #[error(
        "this database has {here} events, but a checkpoint of {known} was already published: it was restored from an older copy. Restore a \
         newer one; if the events are lost for good, `countersign keys new-epoch` starts a new log that says so"
    )]
    Behind {
        /// Events here.
        here: u64,
        /// Events of the published checkpoint.
        known: u64,
    },
    /// The database holds another history.
    #[error(
        "the first {known} events of this database are not those of the checkpoint that was already published: it is another copy, or it was \
         changed. Find the right one, and run `countersign verify` on both"
    )]
    Forked {
        /// Events of the published checkpoint.
        known: u64,
    },
    /// It is another log.
    #[error("the published checkpoint is of the log {known}, this database is {here}")]
    OtherLog {
        /// The origin here.
        here: String,
        /// The origin of the published checkpoint.
        known: String,
    },
}

impl Checkpoint {
    /// Whether the log may sign this checkpoint, given the highest one that is `known` outside and the consistency
    /// proof from it (see [`super::prove::consistency`]).
    ///
    /// # Errors
    /// [`MustNotSign`]. Signing anyway would be proof of misbehaviour for ever.
    pub fn may_follow(&self, known: &Self, proof: &[Hash]) -> Result<(), MustNotSign> {
        if self.origin != known.origin {
            return Err(MustNotSign::OtherLog { here: self.origin.clone(), known: known.origin.clone() });
        }
        if self.size < known.size {
            return Err(MustNotSign::Behind { here: self.size, known: known.size });
        }
        verify_consistency(known.size, known.root, self.size, self.root, proof).map_err(|_| MustNotSign::Forked { known: known.size })
    }
}

impl fmt::Display for Checkpoint {
    /// The note's text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, self.root)?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// An ASCII decimal without sign or leading zeros, as C2SP formats write numbers.
pub(super) fn parse_decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        Signer::from_seed("log.invalid/a", &[1; 32]).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: "log.invalid/a".into(), size: 42, root: Hash([9; 32]), extensions: Vec::new() }
    }

    #[test]
    fn a_signed_checkpoint_opens_with_the_logs_key() {
        let note = checkpoint().sign(&signer()).unwrap();
        let (opened, again) = Checkpoint::open(note.to_string().as_bytes(), signer().verifier()).unwrap();
        assert_eq!((opened, again), (checkpoint(), note));
    }

    #[test]
    fn it_does_not_open_with_another_key_or_for_another_log() {
        let note = checkpoint().sign(&signer()).unwrap().to_string();
        let same_name = Signer::from_seed("log.invalid/a", &[2; 32]).unwrap();
        assert!(matches!(Checkpoint::open(note.as_bytes(), same_name.verifier()), Err(CheckpointRefused::Signature(_))));
        let other_log = Signer::from_seed("log.invalid/b", &[1; 32]).unwrap();
        assert!(matches!(Checkpoint::open(note.as_bytes(), other_log.verifier()), Err(CheckpointRefused::OtherLog { .. })));
        assert!(matches!(checkpoint().sign(&other_log), Err(CheckpointRefused::OtherLog { .. })));
        // A note of the right key about something else is not a checkpoint.
        let mut note = Note::new("log.invalid/a\n42\n".into()).unwrap();
        note.add(signer().sign(note.text()));
        assert!(matches!(Checkpoint::of_note(&note, signer().verifier()), Err(CheckpointRefused::Form(_))));
    }

    #[test]
    fn only_one_text_says_it() {
        let root = Hash([9; 32]).to_string();
        let wrong = [
            format!("a\n042\n{root}\n"),
            format!("a\n+42\n{root}\n"),
            format!("a\n\n{root}\n"),
            format!("a\n42\n{root}"),
            format!("\n42\n{root}\n"),
            format!("a\n42\n{root}\n\n"),
            format!("a\n18446744073709551616\n{root}\n"),
            format!("a\n42\n{}\n", &root[..43]),
            format!("a\n42\n{root}AAAA\n"),
            String::new(),
        ];
        for text in wrong {
            assert_eq!(Checkpoint::parse(&text), Err(NotACheckpoint), "{text:?}");
        }
    }

    #[test]
    fn a_log_that_was_restored_or_regrown_must_not_sign() {
        let tree = |entries: &[&[u8]]| {
            let mut tree = Frontier::new();
            entries.iter().for_each(|entry| tree.append(Hash::leaf(entry)));
            Checkpoint::of("log.invalid/a", &tree)
        };
        let (known, grown) = (tree(&[b"a", b"b"]), tree(&[b"a", b"b", b"c"]));
        assert_eq!(grown.may_follow(&known, &[Hash::leaf(b"c")]), Ok(()));
        assert_eq!(known.may_follow(&known, &[]), Ok(()));
        assert_eq!(tree(&[b"a"]).may_follow(&known, &[]), Err(MustNotSign::Behind { here: 1, known: 2 }));
        assert_eq!(tree(&[b"a", b"x"]).may_follow(&known, &[]), Err(MustNotSign::Forked { known: 2 }));
        assert_eq!(tree(&[b"a", b"x", b"c"]).may_follow(&known, &[Hash::leaf(b"c")]), Err(MustNotSign::Forked { known: 2 }));
        let other = Checkpoint { origin: "log.invalid/b".into(), ..known.clone() };
        assert!(matches!(grown.may_follow(&other, &[]), Err(MustNotSign::OtherLog { .. })));
    }

    #[test]
    fn extension_lines_are_kept_and_signed() {
        let extended = Checkpoint { extensions: vec!["more".into(), "still more".into()], ..checkpoint() };
        let note = extended.sign(&signer()).unwrap();
        assert_eq!(Checkpoint::of_note(&note, signer().verifier()).unwrap(), extended);
        let stripped = Note::parse(note.to_string().replace("still more\n", "").as_bytes()).unwrap();
        assert!(matches!(Checkpoint::of_note(&stripped, signer().verifier()), Err(CheckpointRefused::Signature(_))));
        let broken = Checkpoint { extensions: vec![String::new()], ..checkpoint() };
        assert!(broken.sign(&signer()).is_err());
    }
}
