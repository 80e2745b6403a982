//! Verification: what can be said of a log, and what was found.
//!
//! It never trusts the server. [`LogWalk`] takes the entries one by one and recomputes everything, with memory for
//! one tile a level. [`Standing`] weighs signatures against keys that come from *outside*: "proven" needs the log's
//! key and a witness or an earlier checkpoint that did not come with the log.

use super::chain::{Chain, Misfit};
use super::checkpoint::{Checkpoint, CheckpointRefused};
use super::envelope::Envelope;
use super::key::VerifierKey;
use super::merkle::{Frontier, Hash};
use super::note::{Note, NoteRefused};
use super::reading::Reading;
use super::report::{Damage, Verdict};
use super::tile::{Tile, TileKind, WIDTH};
use super::witness::cosigned_at;

/// What the person who verifies brings along: nothing of it comes from the log's owner at the time of the export.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    /// The log's key.
    pub log: Option<VerifierKey>,
    /// Keys of witnesses.
    pub witnesses: Vec<VerifierKey>,
    /// How many of the witnesses must have cosigned; all of them if not said.
    pub quorum: Option<usize>,
    /// A checkpoint of the log that was kept elsewhere, as bytes.
    pub anchor: Option<Vec<u8>>,
    /// The anchor lies where whoever changes the log can change it as well: it is compared, and proves nothing.
    pub anchor_beside: bool,
}

/// What the signatures on a checkpoint are worth.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The checkpoint, signed by the key that was used.
    pub checkpoint: Checkpoint,
    /// An earlier state that the log must continue, signed by the same key.
    pub anchor: Option<Checkpoint>,
    /// Which outside witnesses cosigned it, and when (seconds since the Unix epoch).
    pub witnesses: Vec<(String, u64)>,
    /// The anchor lies beside the log, so it is compared, and proves nothing.
    anchor_beside: bool,
    /// Whether the log's key came from outside.
    trusted_key: bool,
    /// How many witnesses are needed; zero when none can prove anything.
    quorum: usize,
}

impl Standing {
    /// Weighs a signed checkpoint. `hint` is the key that came along with the log, used only if none came from outside.
    ///
    /// # Errors
    /// A [`Verdict::Damaged`] when a signature does not fit, a [`Verdict::Unreadable`] when there is no key or the
    /// anchor cannot be read.
    pub fn of(note: &Note, hint: Option<&VerifierKey>, outside: &Outside) -> Result<Self, Verdict> {
        let damaged = |sentence: String| Verdict::Damaged { first: Damage::file("log/checkpoint", sentence) };
        let key = outside.log.as_ref().or(hint);
        let key = key.ok_or_else(|| unreadable("no key of the log was given, and none came with it. Give it with --key"))?;
        let checkpoint = Checkpoint::of_note(note, key).map_err(|refused| damaged(refused.to_string()))?;
        // One key is one witness, whatever its names; and the log's own key is none.
        let (mut witnesses, mut counted) = (Vec::new(), vec![key.public()]);
        for witness in &outside.witnesses {
            match cosigned_at(note, witness) {
                Ok(time) if !counted.contains(&witness.public()) => {
                    counted.push(witness.public());
                    witnesses.push((witness.name().to_owned(), time));
                }
                Ok(_) | Err(NoteRefused::NotSignedBy(_)) => {}
                Err(wrong) => return Err(damaged(wrong.to_string())),
            }
        }
        let quorum = outside.quorum.unwrap_or(outside.witnesses.len());
        let anchor = outside.anchor.as_deref().map(|bytes| open_anchor(bytes, key)).transpose()?;
        let (anchor_beside, trusted_key) = (outside.anchor_beside, outside.log.is_some());
        Ok(Self { checkpoint, anchor, witnesses, anchor_beside, trusted_key, quorum })
    }

    /// Whether as many witnesses as needed cosigned this very checkpoint, and the log's key came from outside.
    #[must_use]
    pub fn witnessed(&self) -> bool {
        self.trusted_key && self.quorum > 0 && self.witnesses.len() >= self.quorum
    }

    /// The verdict when everything in the log fits the checkpoint and the anchor.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let consistent = |why: String| Verdict::Consistent { why };
        // What lies between the two cannot be seen here, so not even a witness makes this a proof.
        let size = self.checkpoint.size;
        if let Some(anchor) = self.anchor.as_ref().filter(|anchor| anchor.size > size) {
            return consistent(format!(
                "the anchor knows {} events and this bundle holds {size}: the export is older than the anchor, or was cut. Ask for a newer \
                 export, or use an anchor of at most {size} events",
                anchor.size
            ));
        }
        if !self.trusted_key {
            return consistent(
                "the log's key came with the log itself, so it proves nothing. Ask for the key in another way, and give it with --key"
                    .into(),
            );
        }
        if self.witnessed() {
            return Verdict::Proven { up_to: self.checkpoint.size };
        }
        match &self.anchor {
            Some(_) if self.anchor_beside => consistent(
                "the anchor lies beside the record that it should vouch for, where whoever changes the one can change the other, so it does \
                 not count. Keep a checkpoint somewhere else, and give it from there with --anchor"
                    .into(),
            ),
            Some(anchor) if anchor.size > 0 => Verdict::Proven { up_to: anchor.size },
            _ if self.quorum > 0 => {
                consistent(format!("{} of the {} witnesses needed have cosigned the log at this size", self.witnesses.len(), self.quorum))
            }
            _ => consistent(
                "nobody outside vouches for the log: its owner could have cut or rewritten it before signing. Give a witness's key with \
                 --witness, or a checkpoint that was kept elsewhere with --anchor"
                    .into(),
            ),
        }
    }
}

fn unreadable(why: &str) -> Verdict {
    Verdict::Unreadable { why: why.to_owned() }
}

fn open_anchor(bytes: &[u8], key: &VerifierKey) -> Result<Checkpoint, Verdict> {
    match Checkpoint::open(bytes, key) {
        Ok((anchor, _)) => Ok(anchor),
        Err(CheckpointRefused::OtherLog { found, wanted }) => {
            Err(unreadable(&format!("the anchor is a checkpoint of the log {found}, not of {wanted}")))
        }
        Err(refused) => Err(unreadable(&format!("the anchor cannot be used: {refused}"))),
    }
}

/// A tile that is complete, recomputed from the entries.
pub type Recomputed = (Tile, Vec<Hash>);

/// Takes a log's entries one by one, from the first, and recomputes what must hold.
#[derive(Clone, Debug, Default)]
pub struct LogWalk {
    chain: Chain,
    tree: Frontier,
    /// The tile being filled, by level.
    rows: Vec<Vec<Hash>>,
    anchor: Option<Checkpoint>,
}

impl LogWalk {
    /// Before the first entry.
    #[must_use]
    pub fn new(anchor: Option<Checkpoint>) -> Self {
        Self { anchor, ..Self::default() }
    }

    /// Takes the next entry. Returns the event and the tiles that it completed.
    ///
    /// # Errors
    /// The entry does not follow the one before it, or the log departs from the anchor here.
    pub fn push<'a>(&mut self, bytes: &'a [u8]) -> Result<(Envelope<'a>, Vec<Recomputed>), Damage> {
        self.push_read(bytes, Hash::leaf(bytes), Reading::of(bytes))
    }

    /// As [`Self::push`], for whoever has hashed and read the entry already.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_read<'a>(&mut self, bytes: &'a [u8], leaf: Hash, reading: Reading) -> Result<(Envelope<'a>, Vec<Recomputed>), Damage> {
        let seq = self.chain.size();
        let event = self.chain.push_read(bytes, reading).map_err(|misfit: Misfit| Damage::event(seq, bytes, misfit.to_string()))?;
        let (rows, mut full) = (&mut self.rows, Vec::new());
        self.tree.append_noting(leaf, |level, position, hash| {
            if rows.len() <= usize::from(level) {
                rows.push(Vec::with_capacity(256));
            }
            let Some(row) = rows.get_mut(usize::from(level)) else { return };
            row.push(hash);
            if row.len() == usize::from(WIDTH) {
                full.push((Tile { kind: TileKind::Hashes(level), index: position / 256, width: WIDTH }, std::mem::take(row)));
            }
        });
        match &self.anchor {
            Some(anchor) if anchor.size == self.tree.size() && anchor.root != self.tree.root() => {
                let sentence = format!(
                    "the first {} events are not those of the anchor: one of them was changed, or events were inserted",
                    anchor.size
                );
                Err(Damage::event(seq, bytes, sentence))
            }
            _ => Ok((event, full)),
        }
    }

    /// The tiles that are not full, at the end.
    #[must_use]
    pub fn partial_tiles(&self) -> Vec<Recomputed> {
        let size = self.tree.size();
        let tile = |level| {
            let length = TileKind::Hashes(level).row_length(size);
            length.checked_sub(1).and_then(|last| Tile::of_hash(level, last, size))
        };
        let rows = self.rows.iter().zip(0_u8..).filter(|(row, _)| !row.is_empty());
        rows.filter_map(|(row, level)| Some((tile(level)?, row.clone()))).collect()
    }

    /// Compares what was taken so far with a checkpoint over as many events.
    ///
    /// # Errors
    /// The log is shorter or longer, belongs to another origin, or leads to another root.
    pub fn agrees(&self, checkpoint: &Checkpoint) -> Result<(), Damage> {
        let size = self.tree.size();
        let file = |sentence| Err(Damage::file("log/checkpoint", sentence));
        if size != checkpoint.size {
            return file(format!("the log has {size} events, the signed checkpoint says {}", checkpoint.size));
        }
        if let Some(origin) = self.chain.origin().filter(|origin| *origin != checkpoint.origin) {
            return file(format!("the checkpoint is of the log {}, the events are of {origin}", checkpoint.origin));
        }
        if self.tree.root() != checkpoint.root {
            return file("the events do not lead to the root that was signed: the log was rewritten after it was signed".to_owned());
        }
        Ok(())
    }

    /// Compares the end with the signed checkpoint.
    ///
    /// # Errors
    /// It does not agree ([`Self::agrees`]), or the anchor lies beyond it.
    pub fn finish(&self, checkpoint: &Checkpoint) -> Result<(), Damage> {
        self.agrees(checkpoint)?;
        let size = self.tree.size();
        match &self.anchor {
            Some(anchor) if anchor.size > size => {
                let sentence = format!(
                    "the anchor knows {} events, here are {size}: the log was cut here, or this export is older than the anchor",
                    anchor.size
                );
                Err(Damage { seq: Some(size), ticket: None, file: None, sentence })
            }
            _ => Ok(()),
        }
    }

    /// What was learnt of events and tickets.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The tree so far.
    #[must_use]
    pub fn tree(&self) -> &Frontier {
        &self.tree
    }
}
