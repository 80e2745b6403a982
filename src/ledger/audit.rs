//! Verifies an evidence bundle, or a bare C2SP tlog-tiles folder, from its first byte to its last.
//!
//! Two passes: the log, event by event with its tiles and the sealed values beside it; then every file against the
//! signed manifest. Damage is collected in that order, so the first that is named is the event, where there is one.

use std::collections::BTreeSet;
use std::io::{BufReader, Read};
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::ahead::{Ahead, ReadTile, read_hashes};
use super::bundle::Bundle;
use super::disclosed::{Disclosures, next_line};
use super::envelope::Envelope;
use super::key::VerifierKey;
use super::manifest::{self, FORMAT, MAX_MANIFEST, Manifest, ManifestRefused, completeness_of};
use super::merkle::Hash;
use super::note::{MAX_NOTE, Note};
use super::report::{Damage, MAX_DAMAGES, Report, Shown, Verdict};
use super::tile::{Tile, TileKind, decode_entries};
use super::verify::{LogWalk, Outside, Standing};

/// Verifies the bundle (zip or folder), or the folder of a log, at `path`.
#[must_use]
pub fn verify_path(path: &Path, outside: &Outside) -> Report {
    verify_path_telling(path, outside, &mut |_, _| {})
}

/// As [`verify_path`]; `tell` hears from time to time how many events of how many were read.
#[must_use]
pub fn verify_path_telling(path: &Path, outside: &Outside, tell: &mut dyn FnMut(u64, u64)) -> Report {
    let bundle = match Bundle::open(path) {
        Ok(bundle) => bundle,
        Err(verdict) => return Report::bare(verdict),
    };
    let whole = bundle.has("manifest.json") || bundle.has("log/checkpoint");
    if !whole && !bundle.has("checkpoint") {
        let why = format!("{} has neither manifest.json nor a checkpoint: it is no evidence bundle", path.display());
        return Report::bare(Verdict::Unreadable { why });
    }
    Audit { bundle, log: if whole { "log/" } else { "" }, damages: Vec::new(), sealed_shown: 0, unnamed: BTreeSet::new() }
        .run(outside, tell)
}

struct Audit {
    bundle: Bundle,
    /// The log's folder within the bundle.
    log: &'static str,
    damages: Vec<Damage>,
    sealed_shown: u64,
    /// Attachments that no disclosed value has named yet, by SHA-256.
    unnamed: BTreeSet<String>,
}

impl Audit {
    fn run(mut self, outside: &Outside, tell: &mut dyn FnMut(u64, u64)) -> Report {
        let (standing, key) = match self.standing(outside) {
            Ok(standing) => standing,
            Err(verdict) => return Report::bare(verdict),
        };
        self.unnamed = self.bundle.names().filter_map(|name| name.strip_prefix("attachments/")).map(str::to_owned).collect();
        let attachments = self.unnamed.len() as u64;
        let mut walk = LogWalk::new(standing.anchor.clone());
        let mut whole = false;
        if let Err(damage) = self.walk(&mut walk, standing.checkpoint.size, tell).and_then(|()| walk.agrees(&standing.checkpoint)) {
            self.damages.push(damage);
        } else {
            whole = true;
        }
        let mut all = true;
        if !self.log.is_empty() {
            let manifest = self.check_manifest(&standing, &key, &walk);
            all = manifest.as_ref().is_none_or(|manifest| manifest.all);
            // Of a log that was not read to its end, the tables cannot be judged.
            if whole {
                self.check_tickets(&walk, all);
            }
        }
        // Last: what disclosed it may be missing, and that was named then.
        if whole {
            for sha256 in std::mem::take(&mut self.unnamed) {
                self.blame(format!("attachments/{sha256}"), "no event that is shown names this file");
            }
        }
        let shown = Shown { sealed: self.sealed_shown, attachments, selection: !all, tables: !self.log.is_empty() };
        Report::of(&standing, &walk, shown, self.damages)
    }

    fn blame(&mut self, file: impl Into<String>, sentence: impl Into<String>) {
        self.damages.push(Damage::file(file, sentence));
    }

    fn read(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, Damage> {
        self.bundle.read(name, limit).map_err(|trouble| Damage::file(name, trouble.to_string()))
    }

    /// Reads the checkpoint and weighs it. The key in the bundle is a hint, and must be the one from outside.
    fn standing(&mut self, outside: &Outside) -> Result<(Standing, VerifierKey), Verdict> {
        let damaged = |first| Verdict::Damaged { first };
        let name = format!("{}checkpoint", self.log);
        let bytes = self.read(&name, MAX_NOTE as u64).map_err(damaged)?;
        let note = Note::parse(&bytes).map_err(|e| damaged(Damage::file(name, e.to_string())))?;
        let mut hint = None;
        if self.bundle.has("log.vkey") {
            let text = self.read("log.vkey", 4096).map_err(damaged)?;
            let wrong = |sentence: String| damaged(Damage::file("log.vkey", sentence));
            let key = VerifierKey::parse(&String::from_utf8_lossy(&text)).map_err(|e| wrong(e.to_string()))?;
            if let Some(given) = outside.log.as_ref().filter(|given| **given != key) {
                let sentence = other_key(&key, given);
                return Err(if given.name() == key.name() { wrong(sentence) } else { Verdict::Unreadable { why: sentence } });
            }
            hint = Some(key);
        }
        let standing = Standing::of(&note, hint.as_ref(), outside)?;
        match outside.log.clone().or(hint) {
            Some(key) => Ok((standing, key)),
            None => Err(Verdict::Unreadable { why: "there is no key of the log. Give it with --key".into() }),
        }
    }

    /// The first pass: the log, its tiles, and the sealed values beside it.
    fn walk(&mut self, walk: &mut LogWalk, size: u64, tell: &mut dyn FnMut(u64, u64)) -> Result<(), Damage> {
        let mut side = self.bundle.again().map_err(|_| Damage::file("the bundle", "it changed while it was read"))?;
        let mut disclosures = if side.has("sealed.jsonl") {
            let stream = side.stream("sealed.jsonl", u64::MAX - 1).map_err(|e| Damage::file("sealed.jsonl", e.to_string()))?;
            Disclosures::new(Some(stream))?
        } else {
            Disclosures::new(None)?
        };
        // The next tiles are read, hashed and parsed while the events of this one are looked at.
        std::thread::scope(|scope| {
            let tiles = Ahead::start(scope, &self.bundle, self.log, size);
            for read in tiles.map_err(|_| Damage::file("the bundle", "it changed while it was read"))? {
                let ReadTile { bytes, width, entries, other } = read?;
                for (place, (entry, (leaf, reading))) in
                    decode_entries(&bytes, width).unwrap_or_default().into_iter().zip(entries).enumerate()
                {
                    let seq = walk.chain().size();
                    if other == Some(place) {
                        let sentence = format!("it does not match its hash in {}tile/0: the event or the hash was changed", self.log);
                        return Err(Damage::event(seq, entry, sentence));
                    }
                    let (event, full) = walk.push_read(entry, leaf, reading)?;
                    self.check_disclosed(&mut disclosures, seq, entry, &event)?;
                    full.iter().try_for_each(|tile| self.compare(tile))?;
                }
                tell(walk.chain().size(), size);
            }
            Ok(())
        })?;
        walk.partial_tiles().iter().try_for_each(|tile| self.compare(tile))?;
        disclosures.end()
    }

    fn read_hashes(&mut self, tile: Tile) -> Result<Vec<Hash>, Damage> {
        read_hashes(&mut self.bundle, self.log, tile)
    }

    /// Compares a recomputed tile with its file; the lowest level was compared leaf by leaf.
    fn compare(&mut self, (tile, hashes): &(Tile, Vec<Hash>)) -> Result<(), Damage> {
        if tile.kind == TileKind::Hashes(0) || self.read_hashes(*tile)? == *hashes {
            return Ok(());
        }
        Err(Damage::file(format!("{}{tile}", self.log), "its hashes are not those of the events below it"))
    }

    fn check_disclosed<R: Read>(
        &mut self,
        disclosures: &mut Disclosures<R>,
        seq: u64,
        entry: &[u8],
        event: &Envelope<'_>,
    ) -> Result<(), Damage> {
        while let Some(shown) = disclosures.take(seq)? {
            if event.commitment(&shown.name).as_deref() != Some(shown.commitment().to_string().as_str()) {
                let sentence = format!("the value shown for {:?} in sealed.jsonl is not the one that the event speaks of", shown.name);
                return Err(Damage::event(seq, entry, sentence));
            }
            self.sealed_shown += 1;
            if shown.name.ends_with("sha256") {
                self.unnamed.remove(String::from_utf8_lossy(&shown.value).as_ref());
            }
        }
        Ok(())
    }

    /// The second pass: the manifest, and every file against it.
    fn check_manifest(&mut self, standing: &Standing, key: &VerifierKey, walk: &LogWalk) -> Option<Manifest> {
        let (bytes, note) = match (self.read("manifest.json", MAX_MANIFEST), self.read("manifest.note", MAX_NOTE as u64)) {
            (Ok(bytes), Ok(note)) => (bytes, note),
            (Err(damage), _) | (_, Err(damage)) => {
                self.damages.push(damage);
                return None;
            }
        };
        if let Err(refused) = manifest::check(&note, standing.checkpoint.size, &bytes, key) {
            let file = if refused == ManifestRefused::OtherManifest { "manifest.json" } else { "manifest.note" };
            self.blame(file, refused.to_string());
            return None;
        }
        let manifest: Manifest = match serde_json::from_slice(&bytes) {
            Ok(manifest) => manifest,
            Err(e) => {
                self.blame("manifest.json", format!("it does not have the form of a manifest: {e}"));
                return None;
            }
        };
        self.check_statements(&manifest, standing, walk);
        self.check_files(&manifest);
        Some(manifest)
    }

    fn check_statements(&mut self, manifest: &Manifest, standing: &Standing, walk: &LogWalk) {
        if manifest.format != FORMAT {
            self.blame("manifest.json", format!("its format is not {FORMAT}: a newer countersign may read it"));
        }
        if manifest.origin != standing.checkpoint.origin || manifest.position != standing.checkpoint.size {
            self.blame("manifest.json", "it describes another log or another position than the checkpoint");
        }
        // Comparing makes sense only when the whole log was read.
        let read = walk.chain().size() == standing.checkpoint.size;
        if read && manifest.completeness != completeness_of(walk.chain().populations()) {
            self.blame("manifest.json", "what it says of the ticket numbers is not what the log says");
        }
        if read && manifest.demonstration != walk.chain().is_demonstration() {
            self.blame("manifest.json", "it and the log disagree whether this is a demonstration");
        }
    }

    fn check_files(&mut self, manifest: &Manifest) {
        let listed = |name: &str| manifest.files.contains_key(name) || name == "manifest.json" || name == "manifest.note";
        let unlisted: Vec<String> = self.bundle.names().filter(|name| !listed(name)).map(str::to_owned).collect();
        for name in unlisted {
            self.blame(name, "the manifest does not list this file");
        }
        for (name, entry) in &manifest.files {
            match self.digest(name, entry.size) {
                Err(damage) => self.damages.push(damage),
                Ok((size, sha256)) if size != entry.size || sha256 != entry.sha256 => {
                    self.blame(name, "it is not the file that the manifest lists");
                }
                Ok((_, sha256)) => {
                    if digest_in_name(name).is_some_and(|said| said != sha256) {
                        self.blame(name, "its content is not what its name says");
                    }
                }
            }
            if self.damages.len() >= MAX_DAMAGES {
                return;
            }
        }
    }

    /// Length and SHA-256 of a file, reading one byte beyond `size` at most.
    fn digest(&mut self, name: &str, size: u64) -> Result<(u64, String), Damage> {
        let trouble = |e: &dyn std::fmt::Display| Damage::file(name, e.to_string());
        let mut stream = self.bundle.stream(name, size).map_err(|e| trouble(&e))?;
        let (mut hash, mut length, mut buffer) = (Sha256::new(), 0, vec![0; 64 * 1024]);
        loop {
            let read = stream.read(&mut buffer).map_err(|e| trouble(&format!("the file cannot be read: {e}")))?;
            if read == 0 {
                return Ok((length, hex::encode(hash.finalize())));
            }
            hash.update(buffer.get(..read).unwrap_or_default());
            length += read as u64;
        }
    }

    /// Each row of tickets.jsonl says of its ticket what the log says.
    fn check_tickets(&mut self, walk: &LogWalk, all: bool) {
        const FILE: &str = "tickets.jsonl";
        if !self.bundle.has(FILE) {
            if all {
                self.blame(FILE, "the file is missing");
            }
            return;
        }
        let tickets = walk.chain().tickets();
        let outcome = self.bundle.stream(FILE, u64::MAX - 1).map_err(|e| e.to_string()).and_then(|stream| {
            let (mut reader, mut line, mut seen) = (BufReader::new(stream), Vec::new(), BTreeSet::new());
            while next_line(&mut reader, &mut line).map_err(|e| e.to_string())? {
                let row: Value = serde_json::from_slice(&line).map_err(|e| format!("line {} is not JSON: {e}", seen.len() + 1))?;
                let number = row.get("number").and_then(Value::as_str).unwrap_or_default().to_owned();
                let said = (row.get("rev").and_then(Value::as_i64), row.get("seq").and_then(Value::as_u64));
                let in_log =
                    tickets.get(&number).ok_or_else(|| format!("line {} is of a ticket that the log does not know", seen.len() + 1))?;
                if said != (Some(in_log.rev), Some(in_log.seq)) {
                    return Err(format!(
                        "{number} is shown at another state than the log's: revision {}, event {}",
                        in_log.rev, in_log.seq
                    ));
                }
                if !seen.insert(number.clone()) {
                    return Err(format!("{number} occurs twice"));
                }
            }
            match tickets.keys().find(|number| all && !seen.contains(*number)) {
                Some(missing) => Err(format!("{missing} is missing")),
                None => Ok(()),
            }
        });
        if let Err(sentence) = outcome {
            self.blame(FILE, sentence);
        }
    }
}

/// The digest that a file's name promises: of attachments, and of playbooks.
fn digest_in_name(name: &str) -> Option<&str> {
    name.strip_prefix("attachments/").or_else(|| name.strip_prefix("playbooks/")?.strip_suffix(".yaml"))
}

/// Says of which logs two keys are.
fn other_key(found: &VerifierKey, given: &VerifierKey) -> String {
    let named = |key: &VerifierKey| format!("{} (key {})", key.name(), hex::encode(key.id()));
    format!(
        "this bundle is of the log {} and the key you gave is of {}: is it the right bundle, and the right key?",
        named(found),
        named(given)
    )
}
