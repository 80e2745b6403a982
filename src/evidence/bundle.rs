//! Writes evidence bundles (see `ledger::manifest` for the signed part, `ledger::audit` for the reader).
//!
//! The caller pushes [`BundleWriter::event`] from the first to the checkpoint's last, each with the sealed values
//! that the recipient may see of it; then, in any order but always the same, [`BundleWriter::attachment`],
//! [`BundleWriter::playbook`], [`BundleWriter::tickets`] and [`BundleWriter::people`]; then
//! [`BundleWriter::finish`]. What is pushed is checked on the way: a damaged log, a value that does not fit its
//! commitment or a file that is not what it is called is not handed out. Memory holds one tile; the same input
//! gives the same bytes.

use std::io::{self, Read, Seek, SeekFrom, Write};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::package::{Package, Spool};
use super::readme::readme;
use super::table::render_csv;
use crate::ledger::checkpoint::{Checkpoint, CheckpointRefused};
use crate::ledger::disclosed::Disclosed;
use crate::ledger::key::VerifierKey;
use crate::ledger::manifest::{self, FORMAT, Manifest, Period, completeness_of};
use crate::ledger::note::{BadNote, Note, Signer};
use crate::ledger::report::Damage;
use crate::ledger::tile::{BadTile, Tile, WIDTH, encode_entries, encode_hashes};
use crate::ledger::verify::{LogWalk, Recomputed};

/// Why a bundle was not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportFailed {
    /// The disk, or a reader that was handed in.
    #[error("the bundle could not be written: {0}")]
    Io(#[from] io::Error),
    /// The log that was pushed does not hold.
    #[error("the log is damaged, so nothing is exported: {0}")]
    Damaged(Box<Damage>),
    /// The checkpoint is not this log's.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointRefused),
    /// Something that was pushed does not fit what was pushed before.
    #[error("{0}")]
    Refused(String),
    /// An event too long for a tile.
    #[error(transparent)]
    Tile(#[from] BadTile),
    /// Serialising failed.
    #[error("a row could not be written: {0}")]
    Json(#[from] serde_json::Error),
    /// A table failed.
    #[error("a table could not be written: {0}")]
    Csv(#[from] csv::Error),
    /// The manifest could not be signed.
    #[error("the manifest could not be signed: {0}")]
    Note(#[from] BadNote),
}

impl From<Damage> for ExportFailed {
    fn from(damage: Damage) -> Self {
        Self::Damaged(Box::new(damage))
    }
}

/// What the export is of.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Every ticket, or a selection.
    pub all: bool,
    /// What was asked for, for the manifest.
    pub query: Value,
    /// From when to when.
    pub period: Period,
}

/// Writes one bundle.
pub struct BundleWriter {
    package: Package,
    scope: Scope,
    key: VerifierKey,
    checkpoint: Checkpoint,
    walk: LogWalk,
    /// Entries of the tile being filled.
    pending: Vec<Vec<u8>>,
    /// The lines of sealed.jsonl, until the log's files are written.
    sealed: Option<Spool>,
}

impl BundleWriter {
    /// Begins a bundle of the log up to this signed checkpoint. `witnesses` are written beside the log's key as
    /// hints; `history` is the signed history of the log's keys, oldest first.
    ///
    /// # Errors
    /// When the checkpoint is not signed by `key`, or the disk says no.
    pub fn begin(
        mut package: Package,
        scope: Scope,
        checkpoint: &Note,
        key: &VerifierKey,
        witnesses: &[VerifierKey],
        history: &Value,
    ) -> Result<Self, ExportFailed> {
        let head = Checkpoint::of_note(checkpoint, key)?;
        package.file("README.txt", readme(&head, witnesses).as_bytes())?;
        package.file("log.vkey", format!("{key}\n").as_bytes())?;
        package.file("log-keys.json", &pretty(history)?)?;
        for (i, witness) in witnesses.iter().enumerate() {
            let name = if i == 0 { "witness.vkey".to_owned() } else { format!("witness-{}.vkey", i + 1) };
            package.file(&name, format!("{witness}\n").as_bytes())?;
        }
        package.file("log/checkpoint", checkpoint.to_string().as_bytes())?;
        let sealed = Some(package.spool()?);
        let pending = Vec::with_capacity(usize::from(WIDTH));
        Ok(Self { package, scope, key: key.clone(), checkpoint: head, walk: LogWalk::new(None), pending, sealed })
    }

    /// Pushes the next event's bytes, as stored, and the sealed values of it that the recipient may see.
    ///
    /// # Errors
    /// When the event does not follow the one before it, a value is not the one that it speaks of, or the log is
    /// longer than the checkpoint.
    pub fn event(&mut self, bytes: &[u8], mut shown: Vec<Disclosed>) -> Result<(), ExportFailed> {
        let seq = self.walk.chain().size();
        if seq >= self.checkpoint.size {
            return Err(ExportFailed::Refused("more events were read than the checkpoint covers".into()));
        }
        let (event, full) = self.walk.push(bytes)?;
        self.pending.push(bytes.to_vec());
        shown.sort_by(|a, b| a.name.cmp(&b.name));
        for value in &shown {
            let commitment = event.commitment(&value.name);
            if value.seq != seq || commitment.as_deref() != Some(value.commitment().to_string().as_str()) {
                let sentence = format!("the stored value {:?} is not the one that the event speaks of", value.name);
                return Err(Damage::event(seq, bytes, sentence).into());
            }
            if let Some(spool) = &mut self.sealed {
                writeln!(spool, "{}", value.to_line()?)?;
            }
        }
        if self.pending.len() == usize::from(WIDTH) {
            self.write_entries()?;
        }
        self.write_tiles(&full)
    }

    fn write_entries(&mut self) -> Result<(), ExportFailed> {
        let size = self.walk.chain().size();
        if let Some(tile) = size.checked_sub(1).and_then(|last| Tile::of_entry(last, size)).filter(|_| !self.pending.is_empty()) {
            self.package.file(&format!("log/{tile}"), &encode_entries(self.pending.iter().map(Vec::as_slice))?)?;
            self.pending.clear();
        }
        Ok(())
    }

    fn write_tiles(&mut self, tiles: &[Recomputed]) -> Result<(), ExportFailed> {
        for (tile, hashes) in tiles {
            self.package.file(&format!("log/{tile}"), &encode_hashes(hashes))?;
        }
        Ok(())
    }

    /// Once the last event is there: writes what is left of the log and the sealed values.
    fn close_log(&mut self) -> Result<(), ExportFailed> {
        let Some(mut spool) = self.sealed.take() else { return Ok(()) };
        if self.walk.chain().size() != self.checkpoint.size {
            return Err(ExportFailed::Refused("the log was not read to the checkpoint, so nothing is exported".into()));
        }
        self.walk.finish(&self.checkpoint)?;
        self.write_entries()?;
        self.write_tiles(&self.walk.partial_tiles())?;
        self.package.begin("sealed.jsonl")?;
        spool.seek(SeekFrom::Start(0))?;
        io::copy(&mut spool, &mut self.package)?;
        Ok(self.package.end()?)
    }

    /// Copies an attachment, by its SHA-256 in hex.
    ///
    /// # Errors
    /// When the bytes are not what they are called.
    pub fn attachment(&mut self, sha256: &str, mut content: impl Read) -> Result<(), ExportFailed> {
        self.close_log()?;
        let name = format!("attachments/{sha256}");
        self.package.begin(&name)?;
        io::copy(&mut content, &mut self.package)?;
        self.package.end()?;
        match self.package.files().get(&name) {
            Some(entry) if entry.sha256 == sha256 => Ok(()),
            _ => Err(ExportFailed::Refused(format!("the stored file {sha256} is damaged, so nothing is exported"))),
        }
    }

    /// Writes a playbook under its digest.
    ///
    /// # Errors
    /// From the disk.
    pub fn playbook(&mut self, bytes: &[u8]) -> Result<(), ExportFailed> {
        self.close_log()?;
        let digest = hex::encode(Sha256::digest(bytes));
        Ok(self.package.file(&format!("playbooks/{digest}.yaml"), bytes)?)
    }

    /// Writes `tickets.jsonl` and `tickets.csv`. A row has at least `number`, `rev` and `seq` (of the ticket's last
    /// event), which must be the log's.
    ///
    /// # Errors
    /// When a row says something else than the log.
    pub fn tickets(&mut self, columns: &[&str], rows: &[Map<String, Value>]) -> Result<(), ExportFailed> {
        self.close_log()?;
        self.package.begin("tickets.jsonl")?;
        for row in rows {
            let number = row.get("number").and_then(Value::as_str).unwrap_or_default();
            let said = (row.get("rev").and_then(Value::as_i64), row.get("seq").and_then(Value::as_u64));
            let in_log = self.walk.chain().tickets().get(number).map(|p| (Some(p.rev), Some(p.seq)));
            if in_log != Some(said) {
                return Err(ExportFailed::Refused(format!("the row of {number:?} is not at the state of the log, so nothing is exported")));
            }
            writeln!(self.package, "{}", serde_json::to_string(row)?)?;
        }
        self.package.end()?;
        Ok(self.package.file("tickets.csv", &render_csv(columns, rows)?)?)
    }

    /// Writes `people.csv`: roles with their dates.
    ///
    /// # Errors
    /// From the disk.
    pub fn people(&mut self, columns: &[&str], rows: &[Map<String, Value>]) -> Result<(), ExportFailed> {
        self.close_log()?;
        Ok(self.package.file("people.csv", &render_csv(columns, rows)?)?)
    }

    /// Writes and signs the manifest and closes the bundle. Returns the SHA-256 of `manifest.json` in hex, for the
    /// event that records the export.
    ///
    /// # Errors
    /// When the log is not complete, or the signer is not this log's.
    pub fn finish(mut self, signer: &Signer) -> Result<String, ExportFailed> {
        self.close_log()?;
        if signer.verifier() != &self.key {
            return Err(ExportFailed::Refused("the manifest must be signed by the log's own key".into()));
        }
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            origin: self.checkpoint.origin.clone(),
            position: self.checkpoint.size,
            demonstration: self.walk.chain().is_demonstration(),
            all: self.scope.all,
            query: self.scope.query.clone(),
            period: self.scope.period.clone(),
            completeness: completeness_of(self.walk.chain().populations()),
            files: self.package.files().clone(),
        };
        let bytes = pretty(&serde_json::to_value(&manifest)?)?;
        let note = manifest::sign(self.checkpoint.size, &bytes, signer)?;
        self.package.file("manifest.json", &bytes)?;
        self.package.file("manifest.note", note.to_string().as_bytes())?;
        self.package.finish()?;
        Ok(hex::encode(Sha256::digest(&bytes)))
    }
}

fn pretty(value: &Value) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}
