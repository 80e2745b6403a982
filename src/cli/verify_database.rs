//! `verify --database`: the log as the database holds it, through the same walk as a bundle's; its tiles, sealed values,
//! playbooks and files; and every projection rebuilt from the events and compared.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{bundle, say};
use crate::desk::rebuild::Rebuilt;
use crate::ledger::key::VerifierKey;
use crate::ledger::note::Note;
use crate::ledger::report::{Damage, Report, Shown, Verdict};
use crate::ledger::tile::{TileKind, WIDTH, encode_hashes};
use crate::ledger::verify::{LogWalk, Outside, Recomputed, Standing};
use crate::store::attachments::Attachments;
use crate::store::commit::{Head, SealedRow};
use crate::store::{Store, StoreError};

/// Events read at a time.
const PAGE: i64 = 1000;

/// Why a walk over the database ended.
enum Stopped {
    /// Something does not fit.
    Damage(Damage),
    /// The database does not answer.
    Store(StoreError),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Damage> for Stopped {
    fn from(damage: Damage) -> Self {
        Self::Damage(damage)
    }
}

/// Verifies the database at this address; files as well when their folder is named.
pub async fn verify(address: &str, files: Option<&Path>, outside: &Outside) -> Report {
    let unreadable = |why: String| Report::bare(Verdict::Unreadable { why });
    if let Some(path) = address.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path))
        && !Path::new(path).exists()
    {
        return unreadable(format!("there is no database at {path}"));
    }
    let store = match Store::open_existing(address).await {
        Ok(store) => store,
        Err(error) => return unreadable(error.to_string()),
    };
    let files = match files.map(existing).transpose() {
        Ok(files) => files,
        Err(why) => return unreadable(why),
    };
    // A service that goes on writing makes the projections run ahead of what was read; then it is read again.
    for _ in 0..3 {
        match (Look { store: &store, files: files.as_ref(), sealed: 0, attachments: 0 }).whole(outside).await {
            Ok(Some(report)) => return report,
            Ok(None) => {}
            Err(Stopped::Damage(damage)) => return Report::bare(Verdict::Damaged { first: damage }),
            Err(Stopped::Store(error)) => return unreadable(error.to_string()),
        }
    }
    unreadable("the log grows while it is read; verify it when less is going on, or verify an export".to_owned())
}

fn existing(folder: &Path) -> Result<Attachments, String> {
    if !folder.is_dir() {
        return Err(format!("there is no folder {}", folder.display()));
    }
    Attachments::open(folder).map_err(|e| format!("the folder {} cannot be read: {e}", folder.display()))
}

struct Look<'a> {
    store: &'a Store,
    files: Option<&'a Attachments>,
    sealed: u64,
    attachments: u64,
}

impl Look<'_> {
    /// `None` when the log grew meanwhile.
    async fn whole(mut self, outside: &Outside) -> Result<Option<Report>, Stopped> {
        let Some(head) = self.store.head().await? else {
            return Ok(Some(Report::bare(Verdict::Unreadable { why: "this database holds no log yet".to_owned() })));
        };
        let Some((_, note)) = self.store.checkpoint().await? else {
            let why = "nothing in this database was signed yet; start `countersign serve` once".to_owned();
            return Ok(Some(Report::bare(Verdict::Unreadable { why })));
        };
        let note = Note::parse(note.as_bytes()).map_err(|e| Damage::file("the signed checkpoint", e.to_string()))?;
        let hint = VerifierKey::parse(&head.vkey).ok();
        let standing = match Standing::of(&note, hint.as_ref(), outside) {
            Ok(standing) => standing,
            Err(verdict) => return Ok(Some(Report::bare(verdict))),
        };
        let mut walk = LogWalk::new(standing.anchor.clone());
        let mut damages = Vec::new();
        match self.walk(&mut walk, &head, &standing).await {
            Ok(()) => {}
            Err(Stopped::Damage(damage)) => damages.push(damage),
            Err(other) => return Err(other),
        }
        if damages.is_empty() {
            damages = self.compare().await?;
        }
        if self.store.size().await? != head.size {
            return Ok(None);
        }
        let shown = Shown { sealed: self.sealed, attachments: self.attachments, selection: false, tables: false };
        let mut report = Report::of(&standing, &walk, shown, damages);
        self.remark(&mut report, &head, &standing);
        Ok(Some(report))
    }

    fn remark(&self, report: &mut Report, head: &Head, standing: &Standing) {
        let signed = i64::try_from(standing.checkpoint.size).unwrap_or(i64::MAX);
        if head.size > signed {
            report.remarks.push(format!("{} events after the signed checkpoint fit, but are not signed yet.", head.size - signed));
        }
        if self.files.is_none() {
            report.remarks.push("Attachments were not looked at; name their folder with --attachments.".to_owned());
        }
        if !matches!(report.verdict, Verdict::Damaged { .. }) {
            report.remarks.push("Every projection was rebuilt from the events, and is the same.".to_owned());
        }
    }

    /// Every event, with its hash, its tiles and what it seals.
    async fn walk(&mut self, walk: &mut LogWalk, head: &Head, standing: &Standing) -> Result<(), Stopped> {
        let bar = say::progress(u64::try_from(head.size).unwrap_or(0), "reading the log ");
        let mut from = 0;
        while from < head.size {
            let to = head.size.min(from + PAGE);
            let events = self.store.events_from(from, to - from).await?;
            let leaves = self.store.leaves(from, to).await?;
            let mut sealed: BTreeMap<i64, Vec<SealedRow>> = BTreeMap::new();
            for row in self.store.sealed_from(from, to).await? {
                sealed.entry(row.seq).or_default().push(row);
            }
            for (expected, (seq, bytes)) in (from..).zip(&events) {
                if expected != *seq {
                    return Err(Damage::file("the log", format!("event {expected} is missing")).into());
                }
                let place = u64::try_from(*seq).unwrap_or(0);
                let leaf = leaves.get(usize::try_from(seq - from).unwrap_or(usize::MAX));
                if leaf != Some(&crate::ledger::merkle::Hash::leaf(bytes).0) {
                    return Err(Damage::event(place, bytes, "its bytes do not match the hash that was stored with it").into());
                }
                let (event, full) = walk.push(bytes)?;
                for tile in &full {
                    self.compare_tile(tile).await?;
                }
                self.check_sealed(place, bytes, &event, sealed.remove(seq).unwrap_or_default()).await?;
                if place + 1 == standing.checkpoint.size {
                    walk.finish(&standing.checkpoint)?;
                }
            }
            if events.len() != usize::try_from(to - from).unwrap_or(0) {
                return Err(Damage::file("the log", format!("event {} is missing", from + i64::try_from(events.len()).unwrap_or(0))).into());
            }
            from = to;
            bar.set_position(u64::try_from(from).unwrap_or(0));
        }
        bar.finish_and_clear();
        if u64::try_from(head.size).unwrap_or(0) < standing.checkpoint.size {
            walk.finish(&standing.checkpoint)?;
        }
        if walk.tree().to_bytes() != head.frontier {
            return Err(Damage::file("the log's head", "its tree is not the one that the events make").into());
        }
        Ok(())
    }

    async fn compare_tile(&self, (tile, hashes): &Recomputed) -> Result<(), Stopped> {
        let TileKind::Hashes(level) = tile.kind else { return Ok(()) };
        let stored = self.store.tile(i64::from(level), i64::try_from(tile.index).unwrap_or(i64::MAX)).await?;
        if tile.width == WIDTH && stored.as_deref() != Some(encode_hashes(hashes).as_slice()) {
            return Err(Damage::file(tile.to_string(), "the stored hashes are not those of the events below it").into());
        }
        Ok(())
    }

    async fn check_sealed(&mut self, seq: u64, bytes: &[u8], event: &Map<String, Value>, rows: Vec<SealedRow>) -> Result<(), Stopped> {
        let evidence = event.get("kind").and_then(Value::as_str) == Some("EvidenceAttached");
        for row in rows {
            let name = row.name.clone();
            let shown = bundle::disclosed(row).map_err(|e| Damage::event(seq, bytes, e.to_string()))?;
            let commitment = event.get("sealed").and_then(|sealed| sealed.get(&name)).and_then(Value::as_str);
            if commitment != Some(shown.commitment().to_string().as_str()) {
                let sentence = format!("the stored value {name:?} is not the one that the event speaks of");
                return Err(Damage::event(seq, bytes, sentence).into());
            }
            self.sealed += 1;
            if let (true, "sha256", Some(files)) = (evidence, name.as_str(), self.files) {
                let sha256 = String::from_utf8_lossy(&shown.value).into_owned();
                check_file(files, &sha256).await.map_err(|why| Damage::event(seq, bytes, format!("its file {sha256} {why}")))?;
                self.attachments += 1;
            }
        }
        Ok(())
    }

    /// Projections and playbooks against the events.
    async fn compare(&self) -> Result<Vec<Damage>, Stopped> {
        let lost = |error: crate::desk::DeskError| Damage::file("the log", error.to_string());
        for (digest, path, bytes) in self.store.playbooks().await? {
            if hex::encode(Sha256::digest(&bytes)) != digest {
                return Ok(vec![Damage::file(
                    format!("playbook {path}"),
                    format!("the stored bytes are not those that were adopted ({digest})"),
                )]);
            }
        }
        let rebuilt = Rebuilt::of(self.store).await.map_err(lost)?;
        let differences = rebuilt.differences(self.store).await.map_err(lost)?;
        Ok(differences.into_iter().map(|sentence| Damage::file("the projections", sentence)).collect())
    }
}

async fn check_file(files: &Attachments, sha256: &str) -> Result<(), String> {
    use tokio::io::AsyncReadExt;
    let mut file = files.open_file(sha256).await.map_err(|e| format!("cannot be read: {e}"))?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        let read = file.read(&mut buffer).await.map_err(|e| format!("cannot be read: {e}"))?;
        if read == 0 {
            break;
        }
        hash.update(buffer.get(..read).unwrap_or_default());
    }
    if hex::encode(hash.finalize()) == sha256 { Ok(()) } else { Err("is not the one that was filed".to_owned()) }
}
