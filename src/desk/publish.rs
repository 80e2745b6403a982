//! Signed checkpoints.
//!
//! The order is: commit, sign, store the checkpoint outside the database, publish. Before every signature the tree in
//! the database is proven to continue the highest checkpoint known outside it; when it is behind (an older copy was
//! put back) or has grown differently, nothing is signed and a sentence says what to do. A log has one key: with
//! another one at hand nothing is signed, either.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use tokio::sync::Mutex;

use super::Desk;
use super::known::read_event;
use crate::ledger::checkpoint::{Checkpoint, CheckpointRefused};
use crate::ledger::key::VerifierKey;
use crate::ledger::merkle::{Frontier, Hash};
use crate::ledger::note::{Note, Signer};
use crate::ledger::prove;
use crate::ledger::tile::{Tile, TileKind, TileSet, decode_hashes, encode_entries, encode_hashes};
use crate::ledger::witness::{Accepted, AddCheckpoint, WitnessRefusal, judge};
use crate::store::{Store, StoreError};
use crate::ticket::event::{EpochOpened, Fact};

/// What the signer last did, or why it refuses.
#[derive(Clone, Debug, Default)]
pub struct Signing {
    /// The log's verifier key.
    pub vkey: Option<String>,
    /// The latest checkpoint that was signed here: size and note.
    pub latest: Option<(i64, String)>,
    /// Why nothing is signed, if so.
    pub refused: Option<String>,
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum NotSigned {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another key.
    #[error(
        "this log is signed by the key {log}, and the key here is {here}; nothing is signed. Put the log's own key file in place (`log.key`), or copy it from the replica that has it; after `countersign keys new-epoch`, restart `serve`"
    )]
    OtherKey {
        /// The log's.
        log: String,
        /// Ours.
        here: String,
    },
    /// The database is older than what was published.
    #[error(
        "the database holds {found} events, but a checkpoint over {known} events was signed before ({place}): an older copy was put back. Restore the newer database; if it is lost for good, `countersign keys new-epoch` starts a new log that says so"
    )]
    Behind {
        /// Events in the database.
        found: i64,
        /// Size of the known checkpoint.
        known: u64,
        /// Where it is kept.
        place: String,
    },
    /// The database has other events than what was published.
    #[error(
        "the database's first {known} events are not the ones that were signed before ({place}): the log was changed or grew differently. Nothing is signed; run `countersign verify --database` and restore the right copy; if it is lost for good, `countersign keys new-epoch` starts a new log that says so"
    )]
    Forked {
        /// Size of the known checkpoint.
        known: u64,
        /// Where it is kept.
        place: String,
    },
    /// What is remembered is no checkpoint of this log.
    #[error(
        "what is kept in {place} is not a checkpoint of this log, and nothing is signed over what it may have said. Put the log's own back, from a backup or another replica; if there is none, move it away, and the witnesses alone are asked"
    )]
    Strange {
        /// Where it is kept.
        place: String,
    },
    /// A witness knows another log than this one.
    #[error("{0}")]
    Distrusted(String),
    /// The tree cannot be read.
    #[error("the tree cannot be read: {0}")]
    Tree(String),
    /// The checkpoint could not be kept outside the database.
    #[error("the checkpoint could not be written to {place}: {error}")]
    Outside {
        /// The file.
        place: String,
        /// What went wrong.
        error: std::io::Error,
    },
}

/// Signs the log's checkpoints.
pub struct Publisher {
    desk: Desk,
    signer: Signer,
    outside: PathBuf,
    /// Outbox channels of the witnesses.
    witnesses: Vec<String>,
    /// Whoever signs: one at a time, so that an older checkpoint never replaces a newer one.
    turn: Mutex<()>,
}

/// Hashes of the wanted tiles, read off the database.
///
/// # Errors
/// When the database does not answer or a tile is missing.
pub(crate) async fn fetch_tiles(store: &Store, wanted: BTreeSet<Tile>) -> Result<TileSet, StoreError> {
    let mut tiles = TileSet::new();
    for tile in wanted {
        if let TileKind::Hashes(level) = tile.kind {
            tiles.insert((level, tile.index), hashes_of(store, level, tile).await?);
        }
    }
    Ok(tiles)
}

async fn hashes_of(store: &Store, level: u8, tile: Tile) -> Result<Vec<Hash>, StoreError> {
    let missing = || StoreError::Unreadable(format!("{tile} is missing or too short"));
    let (index, width) = (i64::try_from(tile.index).map_err(|_| missing())?, i64::from(tile.width));
    let from = index.checked_mul(256).ok_or_else(missing)?;
    let hashes: Vec<Hash> = if tile.width == 256 {
        let bytes = store.tile(i64::from(level), index).await?.ok_or_else(missing)?;
        decode_hashes(&bytes, 256).map_err(|_| missing())?
    } else if level == 0 {
        store.leaves(from, from + width).await?.into_iter().map(Hash).collect()
    } else {
        store.tile_roots(i64::from(level) - 1, from, from + width).await?.into_iter().map(Hash).collect()
    };
    if hashes.len() == usize::from(tile.width) { Ok(hashes) } else { Err(missing()) }
}

impl Publisher {
    /// A signer for this desk's log. `outside` is the file that remembers the highest checkpoint beside the key, apart
    /// from the database.
    #[must_use]
    pub fn new(desk: Desk, signer: Signer, outside: PathBuf, witnesses: Vec<String>) -> Self {
        desk.inner().signing.write().unwrap_or_else(PoisonError::into_inner).vkey = Some(signer.verifier().to_string());
        Self { desk, signer, outside, witnesses, turn: Mutex::new(()) }
    }

    /// The log's verifier key, as this signer has it.
    #[must_use]
    pub fn vkey(&self) -> String {
        self.signer.verifier().to_string()
    }

    /// Signs the log as it stands, unless that was done; tells the desk what came of it.
    ///
    /// # Errors
    /// Why nothing was signed.
    pub async fn publish(&self) -> Result<(), NotSigned> {
        let _turn = self.turn.lock().await;
        let outcome = self.sign().await;
        let mut signing = self.desk.inner().signing.write().unwrap_or_else(PoisonError::into_inner);
        signing.vkey = Some(self.vkey());
        match outcome {
            Ok(latest) => {
                signing.refused = None;
                if let Some(latest) = latest {
                    signing.latest = Some(latest);
                }
                Ok(())
            }
            Err(error) => {
                signing.refused = Some(error.to_string());
                Err(error)
            }
        }
    }

    async fn sign(&self) -> Result<Option<(i64, String)>, NotSigned> {
        let store = self.desk.store();
        let here = self.vkey();
        // What is known outside is read before the head: somebody else may sign in between, and the log only grows.
        let known_outside = self.known_outside().await?;
        let mut head = store.head().await?.ok_or_else(|| NotSigned::Tree("there is no log".to_owned()))?;
        if head.vkey.is_empty() {
            store.name_key(&here).await?;
            head = store.head().await?.ok_or_else(|| NotSigned::Tree("there is no log".to_owned()))?;
        }
        if head.vkey != here {
            return Err(NotSigned::OtherKey { log: head.vkey, here });
        }
        if head.size == 0 {
            return Ok(None);
        }
        let frontier = Frontier::from_bytes(&head.frontier).map_err(|e| NotSigned::Tree(e.to_string()))?;
        for (place, note) in known_outside {
            if let Some(known) = self.read_known(&place, &note).await? {
                continues(store, &known, head.size, place).await?;
            }
        }
        if let Some(why) = self.desk.inner().distrusted.read().unwrap_or_else(PoisonError::into_inner).clone() {
            return Err(NotSigned::Distrusted(why));
        }
        // Signed before, here or by another process: that one counts, with the cosignatures it has gathered.
        if let Some(note) = store.checkpoint_at(head.size).await? {
            return Ok(Some((head.size, note)));
        }
        let checkpoint = Checkpoint::of(&head.origin, &frontier);
        let note = checkpoint.sign(&self.signer).map_err(|e| NotSigned::Tree(e.to_string()))?.to_string();
        keep(&self.outside, &note, &checkpoint, self.signer.verifier())?;
        store.save_checkpoint(head.size, &note).await?;
        for channel in &self.witnesses {
            store.queue(channel, 0, self.desk.now().micros(), &format!("{{\"size\":{}}}", head.size)).await?;
        }
        Ok(Some((head.size, note)))
    }

    /// What a checkpoint that is known says: one of this log, or of what it was called before a new epoch, which then
    /// says nothing more.
    async fn read_known(&self, place: &str, note: &str) -> Result<Option<Checkpoint>, NotSigned> {
        match Checkpoint::open(note.as_bytes(), self.signer.verifier()) {
            Ok((known, _)) => return Ok(Some(known)),
            Err(CheckpointRefused::OtherLog { found, .. }) => {
                let earlier = epochs(self.desk.store()).await?.into_iter().find(|(_, epoch)| epoch.old_origin == found);
                let key = earlier.and_then(|(_, epoch)| VerifierKey::parse(&epoch.old_vkey).ok());
                if key.is_some_and(|key| Checkpoint::open(note.as_bytes(), &key).is_ok()) {
                    return Ok(None);
                }
            }
            Err(_) => {}
        }
        Err(NotSigned::Strange { place: place.to_owned() })
    }

    async fn known_outside(&self) -> Result<Vec<(String, String)>, NotSigned> {
        let mut known = Vec::new();
        match std::fs::read(&self.outside) {
            // What is not even text is no checkpoint, either, and is told as such.
            Ok(note) => known.push((self.outside.display().to_string(), String::from_utf8_lossy(&note).into_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(NotSigned::Outside { place: self.outside.display().to_string(), error }),
        }
        if let Some((_, note)) = self.desk.store().checkpoint().await? {
            known.push(("the database's own list".to_owned(), note));
        }
        Ok(known)
    }
}

/// Where the log went on under another name: the position of the event, and what it says.
///
/// # Errors
/// When the database does not answer, or such an event does not read.
pub async fn epochs(store: &Store) -> Result<Vec<(i64, EpochOpened)>, StoreError> {
    let events = store.events_of_kind("EpochOpened").await?;
    let read = |(seq, bytes): (i64, Vec<u8>)| match read_event(seq, &bytes).map(|event| event.fact) {
        Ok(Fact::EpochOpened(epoch)) => Ok((seq, epoch)),
        _ => Err(StoreError::Unreadable(format!("event {seq}"))),
    };
    events.into_iter().map(read).collect()
}

/// Whether the log in `store`, of `found` events, continues what is known of it.
///
/// # Errors
/// How it does not.
pub async fn continues(store: &Store, known: &Checkpoint, found: i64, place: String) -> Result<(), NotSigned> {
    if known.size > u64::try_from(found).unwrap_or(0) {
        return Err(NotSigned::Behind { found, known: known.size, place });
    }
    let mut tiles = fetch_tiles(store, prove::tiles_for_root(known.size)).await?;
    let root = prove::root(&mut tiles, known.size).map_err(|e| NotSigned::Tree(e.to_string()))?;
    if root == known.root { Ok(()) } else { Err(NotSigned::Forked { known: known.size, place }) }
}

/// Writes the note beside the key: whole or not at all, on the disk when this returns, and never over a larger one that
/// another process on this machine wrote meanwhile.
fn keep(place: &Path, note: &str, checkpoint: &Checkpoint, key: &VerifierKey) -> Result<(), NotSigned> {
    let write = || -> std::io::Result<()> {
        let turn = std::fs::File::create(place.with_extension("lock"))?;
        turn.lock()?;
        let there = std::fs::read(place).ok().and_then(|bytes| Checkpoint::open(&bytes, key).ok());
        if there.is_some_and(|(there, _)| there.size > checkpoint.size) {
            return Ok(());
        }
        let half = place.with_extension("new");
        let mut file = std::fs::File::create(&half)?;
        file.write_all(note.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&half, place)?;
        let folder = place.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::File::open(folder)?.sync_all()
    };
    write().map_err(|error| NotSigned::Outside { place: place.display().to_string(), error })
}

impl Desk {
    /// What to send a witness that knows the log up to `old` (0 for not at all): the latest signed checkpoint with its
    /// proof. None when there is none, or the witness knows more than we have signed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn for_witness(&self, old: u64) -> Result<Option<(i64, AddCheckpoint)>, StoreError> {
        let Some((size, note)) = self.store().checkpoint().await? else { return Ok(None) };
        let new = u64::try_from(size).unwrap_or(0);
        if old > new {
            return Ok(None);
        }
        let mut tiles = fetch_tiles(self.store(), prove::tiles_for_consistency(old, new)).await?;
        let proof = prove::consistency(&mut tiles, old, new).map_err(|e| StoreError::Unreadable(e.to_string()))?;
        let note = Note::parse(note.as_bytes()).map_err(|e| StoreError::Unreadable(e.to_string()))?;
        let request = AddCheckpoint::new(old, proof, note).map_err(|e| StoreError::Unreadable(e.to_string()))?;
        Ok(Some((size, request)))
    }

    /// Keeps a witness's cosignature beside the log's own signature.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn keep_cosigned(&self, size: i64, cosigned: &Note) -> Result<(), StoreError> {
        let unreadable = |e: crate::ledger::note::BadNote| StoreError::Unreadable(e.to_string());
        let text = loop {
            let held = self.store().checkpoint_at(size).await?.ok_or_else(|| StoreError::Unreadable(format!("checkpoint {size}")))?;
            let mut note = Note::parse(held.as_bytes()).map_err(unreadable)?;
            // Another witness's line may have come in meanwhile: both stay.
            for line in cosigned.signatures() {
                if !note.signatures().contains(line) {
                    note.add(line.clone());
                }
            }
            let more = note.to_string();
            if more == held || self.store().cosign_checkpoint(size, &held, &more).await? {
                break more;
            }
        };
        let mut signing = self.inner().signing.write().unwrap_or_else(PoisonError::into_inner);
        if signing.latest.as_ref().is_some_and(|(latest, _)| *latest == size) {
            signing.latest = Some((size, text));
        }
        Ok(())
    }

    /// A witness has cosigned what this database does not hold: nothing is signed any more until somebody looked.
    pub fn distrust(&self, why: String) {
        tracing::error!(why, "the log is not signed any more");
        *self.inner().distrusted.write().unwrap_or_else(PoisonError::into_inner) = Some(why.clone());
        self.inner().signing.write().unwrap_or_else(PoisonError::into_inner).refused = Some(why);
    }

    /// The latest signed checkpoint: size and note.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn checkpoint(&self) -> Result<Option<(i64, String)>, StoreError> {
        self.store().checkpoint().await
    }

    /// The bytes of a tile of the published log; none beyond it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
        let published = self.store().checkpoint().await?.map_or(0, |(size, _)| size);
        let published = u64::try_from(published).unwrap_or(0);
        let row = tile.kind.row_length(published);
        if tile.index.saturating_mul(256).saturating_add(u64::from(tile.width)) > row {
            return Ok(None);
        }
        let from = i64::try_from(tile.index * 256).unwrap_or(i64::MAX);
        match tile.kind {
            TileKind::Entries => {
                let events = self.store().events_from(from, i64::from(tile.width)).await?;
                let bytes =
                    encode_entries(events.iter().map(|(_, bytes)| bytes.as_slice())).map_err(|e| StoreError::Unreadable(e.to_string()))?;
                Ok(Some(bytes))
            }
            TileKind::Hashes(level) => Ok(Some(encode_hashes(&hashes_of(self.store(), level, tile).await?))),
        }
    }
}

impl Desk {
    /// Judges somebody else's checkpoint as their witness, and remembers it before it may be cosigned.
    ///
    /// # Errors
    /// When the database does not answer; inside, why it is not cosigned.
    pub async fn cosign(&self, request: &AddCheckpoint, logs: &[VerifierKey]) -> Result<Result<Accepted, WitnessRefusal>, StoreError> {
        let origin = &request.checkpoint.origin;
        // Somebody else may move it between the look and the step; then we look again.
        for _ in 0..3 {
            let known = self.store().witnessed(origin).await?;
            let judged = judge(known.map(|(size, root)| (u64::try_from(size).unwrap_or(0), Hash(root))), request, logs);
            let accepted = match judged {
                Ok(accepted) => accepted,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let size = i64::try_from(accepted.checkpoint.size).map_err(|_| StoreError::Unreadable("a tree of that size".to_owned()))?;
            if self.store().witness(origin, known, (size, accepted.checkpoint.root.0)).await? {
                return Ok(Ok(accepted));
            }
        }
        Err(StoreError::Unreadable("others move this log's checkpoint at the same time".to_owned()))
    }
}
