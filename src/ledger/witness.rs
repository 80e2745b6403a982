//! Witnesses: cosignature/v1 (C2SP tlog-cosignature) and what a witness decides (C2SP tlog-witness).
//!
//! A witness remembers the largest checkpoint of each log that it cosigned, and cosigns only what continues it:
//! so whoever trusts the witness knows that the log was not rewritten for them. The decision here is pure; the
//! caller must make the check and the update of what it remembers one atomic step.

use std::fmt;

use super::checkpoint::{Checkpoint, CheckpointRefused, parse_decimal};
use super::key::{BadKey, KeyKind, SecretKey, VerifierKey};
use super::merkle::{Hash, verify_consistency};
use super::note::{BadNote, Note, NoteRefused, Signature};

/// The most lines of a consistency proof in a request.
const MAX_PROOF: usize = 63;

/// The largest request, in bytes: its proof and a checkpoint with some signatures.
pub const MAX_REQUEST: usize = 64 * 1024;

/// A witness's signing key. `Debug` shows the public half only.
pub struct Cosigner(SecretKey);

impl Cosigner {
    /// The key with this name from 32 secret bytes.
    ///
    /// # Errors
    /// [`BadKey::Name`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, BadKey> {
        SecretKey::from_seed(name, KeyKind::Cosignature, seed).map(Self)
    }

    /// Reads a key file: `PRIVATE+KEY+name+id+base64(0x04 ‖ seed)`.
    ///
    /// # Errors
    /// [`BadKey`]; it never repeats the text.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        SecretKey::parse(text, KeyKind::Cosignature).map(Self)
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

    /// Cosigns what [`judge`] accepted, at `time` in seconds since the Unix epoch.
    #[must_use]
    pub fn cosign(&self, accepted: &Accepted, time: u64) -> Signature {
        let key = self.verifier();
        let mut bytes = time.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.0.sign(&cosigned_message(&accepted.text, time)));
        Signature { name: key.name().to_owned(), key_id: key.id(), bytes }
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cosigner({})", self.verifier())
    }
}

fn cosigned_message(text: &str, time: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{text}").into_bytes()
}

/// When the witness with this key cosigned the note, in seconds since the Unix epoch; the latest if it did so more
/// than once.
///
/// # Errors
/// When it did not, or a signature that claims to be by it does not fit.
pub fn cosigned_at(note: &Note, witness: &VerifierKey) -> Result<u64, NoteRefused> {
    let name = || witness.name().to_owned();
    let mut latest = None;
    for signature in note.signatures().iter().filter(|s| s.claims(witness)) {
        let time = cosignature_time(signature).filter(|_| witness.kind() == KeyKind::Cosignature);
        let fits = |time| witness.accepts(&cosigned_message(note.text(), time), signature.bytes.get(8..).unwrap_or_default());
        match time {
            Some(time) if fits(time) => latest = latest.max(Some(time)),
            _ => return Err(NoteRefused::WrongSignature(name())),
        }
    }
    latest.ok_or_else(|| NoteRefused::NotSignedBy(name()))
}

fn cosignature_time(signature: &Signature) -> Option<u64> {
    let time = u64::from_be_bytes(*signature.bytes.first_chunk::<8>()?);
    // The specification's bound; it also keeps the time within an i64.
    i64::try_from(time).is_ok().then_some(time)
}

/// Reads a witness's answer: signature lines. Lines of unknown keys are left for the reader to ignore.
///
/// # Errors
/// When it is not UTF-8 or a line is not a signature.
pub fn parse_answer(bytes: &[u8]) -> Result<Vec<Signature>, BadNote> {
    if bytes.len() > MAX_REQUEST {
        return Err(BadNote::TooLong);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| BadNote::NotText)?;
    text.strip_suffix('\n').ok_or(BadNote::Form)?.split('\n').map(Signature::parse).collect()
}

/// Reads the body of a 409: the size that the witness knows, a decimal and a line feed.
#[must_use]
pub fn parse_known_size(body: &[u8]) -> Option<u64> {
    parse_decimal(std::str::from_utf8(body).ok()?.strip_suffix('\n')?)
}

/// A request to cosign: `POST <prefix>/add-checkpoint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the client believes the witness to know.
    pub old_size: u64,
    /// From there to the checkpoint.
    pub proof: Vec<Hash>,
    /// The signed checkpoint.
    pub note: Note,
    /// What its text says, not verified yet.
    pub checkpoint: Checkpoint,
}

impl AddCheckpoint {
    /// A request for a signed checkpoint.
    ///
    /// # Errors
    /// When the note is not a checkpoint.
    pub fn new(old_size: u64, proof: Vec<Hash>, note: Note) -> Result<Self, CheckpointRefused> {
        let checkpoint = Checkpoint::parse(note.text())?;
        Ok(Self { old_size, proof, note, checkpoint })
    }

    /// Reads a request's body.
    ///
    /// # Errors
    /// [`WitnessRefusal::Malformed`].
    pub fn parse(body: &[u8]) -> Result<Self, WitnessRefusal> {
        Self::read(body).ok_or(WitnessRefusal::Malformed)
    }

    fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok().filter(|text| text.len() <= MAX_REQUEST)?;
        let (old, mut rest) = text.split_once('\n')?;
        let old_size = parse_decimal(old.strip_prefix("old ")?)?;
        let mut proof = Vec::new();
        loop {
            let (line, after) = rest.split_once('\n')?;
            rest = after;
            if line.is_empty() {
                break;
            }
            if proof.len() == MAX_PROOF {
                return None;
            }
            proof.push(Hash::from_base64(line)?);
        }
        Self::new(old_size, proof, Note::parse(rest.as_bytes()).ok()?).ok()
    }
}

impl fmt::Display for AddCheckpoint {
    /// The request's body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.note)
    }
}

/// A checkpoint that the witness may remember, and then cosign. Only [`judge`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// What to remember for this origin.
    pub checkpoint: Checkpoint,
    text: String,
}

/// Why a witness does not cosign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessRefusal {
    /// The body does not have the form.
    #[error("this is not an add-checkpoint request")]
    Malformed,
    /// The old size is beyond the checkpoint.
    #[error("the old size is larger than the checkpoint")]
    OldSizeBeyond,
    /// No key is known for this origin.
    #[error("this log is not known here")]
    UnknownLog,
    /// No known key of the log signed it.
    #[error("the checkpoint is not signed by the log")]
    NotSigned,
    /// The witness knows another size than the client believes.
    #[error("the last checkpoint cosigned here is of size {known}")]
    OtherSize {
        /// What it knows.
        known: u64,
    },
    /// The same size with another root: the log was rewritten, or is shown differently to different people.
    #[error("a checkpoint of size {known} with another root was cosigned here")]
    Forked {
        /// The size.
        known: u64,
    },
    /// The consistency proof does not hold.
    #[error("the consistency proof does not hold")]
    NotConsistent,
}

impl WitnessRefusal {
    /// The HTTP status that C2SP tlog-witness gives.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed | Self::OldSizeBeyond => 400,
            Self::NotSigned => 403,
            Self::UnknownLog => 404,
            Self::OtherSize { .. } | Self::Forked { .. } => 409,
            Self::NotConsistent => 422,
        }
    }

    /// For a 409: the size that the body must consist of (media type `text/x.tlog.size`).
    #[must_use]
    pub fn known_size(self) -> Option<u64> {
        match self {
            Self::OtherSize { known } | Self::Forked { known } => Some(known),
            _ => None,
        }
    }
}

/// What a witness decides. `known` is the last checkpoint cosigned for this origin (size and root), `logs` the keys
/// of the logs that it serves.
///
/// # Errors
/// [`WitnessRefusal`], with the HTTP status to answer.
pub fn judge(known: Option<(u64, Hash)>, request: &AddCheckpoint, logs: &[VerifierKey]) -> Result<Accepted, WitnessRefusal> {
    let checkpoint = &request.checkpoint;
    let mut keys = logs.iter().filter(|key| key.name() == checkpoint.origin).peekable();
    if keys.peek().is_none() {
        return Err(WitnessRefusal::UnknownLog);
    }
    if !keys.any(|key| Checkpoint::of_note(&request.note, key).is_ok()) {
        return Err(WitnessRefusal::NotSigned);
    }
    if request.old_size > checkpoint.size {
        return Err(WitnessRefusal::OldSizeBeyond);
    }
    let (known, root) = known.unwrap_or_else(|| (0, Hash::empty()));
    if request.old_size != known {
        return Err(WitnessRefusal::OtherSize { known });
    }
    if known == checkpoint.size && root != checkpoint.root {
        return Err(WitnessRefusal::Forked { known });
    }
    verify_consistency(known, root, checkpoint.size, checkpoint.root, &request.proof).map_err(|_| WitnessRefusal::NotConsistent)?;
    Ok(Accepted { checkpoint: checkpoint.clone(), text: request.note.text().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::super::merkle::Frontier;
    use super::super::note::Signer;
    use super::super::prove;
    use super::super::tile::TileSet;
    use super::*;

    const LOG: &str = "log.invalid/a";

    fn log() -> Signer {
        Signer::from_seed(LOG, &[1; 32]).unwrap()
    }

    fn witness() -> Cosigner {
        Cosigner::from_seed("witness.invalid", &[2; 32]).unwrap()
    }

    /// A log of `size` entries, its tiles and its edge. Another `seed` gives another history.
    fn history(size: u64, seed: u8) -> (TileSet, Frontier) {
        let (mut tiles, mut tree) = (TileSet::new(), Frontier::new());
        for i in 0..size {
            let leaf = Hash::leaf(&[seed, u8::try_from(i % 256).unwrap()]);
            tree.append_noting(leaf, |level, position, hash| tiles.entry((level, position / 256)).or_default().push(hash));
        }
        (tiles, tree)
    }

    fn request(old: u64, size: u64) -> AddCheckpoint {
        let (mut tiles, tree) = history(size, 0);
        let note = Checkpoint::of(LOG, &tree).sign(&log()).unwrap();
        AddCheckpoint::new(old, prove::consistency(&mut tiles, old, size).unwrap(), note).unwrap()
    }

    fn known(size: u64) -> Option<(u64, Hash)> {
        Some((size, history(size, 0).1.root()))
    }

    fn logs() -> Vec<VerifierKey> {
        vec![log().verifier().clone()]
    }

    #[test]
    fn what_continues_the_known_log_is_cosigned() {
        for (old, size) in [(0, 0), (0, 5), (5, 5), (5, 300), (256, 300)] {
            let request = request(old, size);
            let known = if old == 0 { None } else { known(old) };
            let accepted = judge(known, &request, &logs()).unwrap();
            assert_eq!(accepted.checkpoint.size, size);
            let mut note = request.note.clone();
            note.add(witness().cosign(&accepted, 1_700_000_000));
            assert_eq!(cosigned_at(&note, witness().verifier()), Ok(1_700_000_000));
            assert_eq!(note.require(log().verifier()), Ok(()));
        }
    }

    #[test]
    fn each_refusal_has_its_status() {
        let refused = |known, request: &AddCheckpoint, logs: &[VerifierKey]| judge(known, request, logs).unwrap_err();
        let good = request(5, 300);
        assert_eq!(refused(known(5), &good, &[]).status(), 404);
        let impostor = Signer::from_seed(LOG, &[3; 32]).unwrap();
        assert_eq!(refused(known(5), &good, &[impostor.verifier().clone()]).status(), 403);
        assert_eq!(refused(known(7), &good, &logs()), WitnessRefusal::OtherSize { known: 7 });
        assert_eq!(refused(None, &good, &logs()).known_size(), Some(0));
        assert_eq!(refused(Some((5, Hash([0; 32]))), &good, &logs()).status(), 422);
        let mut beyond = request(0, 5);
        beyond.old_size = 6;
        assert_eq!(refused(known(6), &beyond, &logs()).status(), 400);
        let same = request(5, 5);
        assert_eq!(refused(Some((5, Hash([0; 32]))), &same, &logs()), WitnessRefusal::Forked { known: 5 });
        let mut padded = request(0, 5);
        padded.proof.push(Hash([0; 32]));
        assert_eq!(refused(None, &padded, &logs()).status(), 422);
    }

    #[test]
    fn a_rewritten_log_is_refused_however_it_proves_itself() {
        let (mut tiles, tree) = history(300, 9);
        let note = Checkpoint::of(LOG, &tree).sign(&log()).unwrap();
        let rewritten = AddCheckpoint::new(5, prove::consistency(&mut tiles, 5, 300).unwrap(), note).unwrap();
        assert_eq!(judge(known(5), &rewritten, &logs()), Err(WitnessRefusal::NotConsistent));
    }

    #[test]
    fn requests_are_read_as_they_are_written() {
        let request = request(5, 300);
        let body = request.to_string();
        assert_eq!(AddCheckpoint::parse(body.as_bytes()).unwrap(), request);
        let wrong = [
            body.replace("old 5", "old 05"),
            body.replace("old 5", "old"),
            body.replace("old 5", "new 5"),
            body.replacen('=', "", 1),
            body.replacen("\n\n", "\n", 1),
            format!("old 5\n{}\n{}", format!("{}\n", Hash([0; 32])).repeat(64), request.note),
            String::new(),
        ];
        for body in wrong {
            assert_eq!(AddCheckpoint::parse(body.as_bytes()), Err(WitnessRefusal::Malformed), "{body}");
        }
    }

    #[test]
    fn a_cosignature_holds_for_its_time_and_text_only() {
        let request = request(0, 5);
        let accepted = judge(None, &request, &logs()).unwrap();
        let line = witness().cosign(&accepted, 1_700_000_000);
        let with = |signature: Signature| {
            let mut note = request.note.clone();
            note.add(signature);
            cosigned_at(&note, witness().verifier())
        };
        for at in 0..line.bytes.len() {
            let mut changed = line.clone();
            changed.bytes[at] ^= 1;
            assert_eq!(with(changed), Err(NoteRefused::WrongSignature("witness.invalid".into())), "byte {at}");
        }
        assert!(with(Signature { bytes: line.bytes[..7].to_vec(), ..line.clone() }).is_err());
        assert_eq!(cosigned_at(&request.note, witness().verifier()), Err(NoteRefused::NotSignedBy("witness.invalid".into())));
        // A witness's key with the log's kind of signature, or the log's key as a witness, counts for nothing.
        assert!(cosigned_at(&request.note, log().verifier()).is_err());
        assert_eq!(parse_answer(format!("{line}\n").as_bytes()), Ok(vec![line]));
        assert!(parse_answer(b"no\n").is_err());
        assert_eq!(parse_known_size(b"42\n"), Some(42));
        assert_eq!([b"42".as_slice(), b"042\n", b"\n", b"-1\n", b"\xff\n"].map(parse_known_size), [None; 5]);
    }

    #[test]
    fn the_key_file_of_a_witness_is_not_a_logs() {
        let text = witness().to_secret_text();
        assert_eq!(Cosigner::parse(&text).unwrap().verifier(), witness().verifier());
        assert!(matches!(Signer::parse(&text), Err(BadKey::WrongKind(KeyKind::Cosignature))));
        assert!(!format!("{:?}", witness()).contains(&text[20..]));
    }
}
