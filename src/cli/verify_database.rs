//! `verify --database`: the log as the database holds it, through the same walk as a bundle's; its tiles, sealed values,
//! playbooks and files; and every projection rebuilt from the events and compared.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{bundle, say};
use crate::desk::DeskError;
use crate::desk::publish;
use crate::desk::rebuild::Rebuilt;
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::envelope::Envelope;
use crate::ledger::key::VerifierKey;
use crate::ledger::merkle::Hash;
use crate::ledger::note::Note;
use crate::ledger::reading::Reading;
use crate::ledger::report::{Damage, Report, Shown, Verdict};
use crate::ledger::tile::{TileKind, WIDTH, encode_hashes};
use crate::ledger::verify::{LogWalk, Outside, Recomputed, Standing};
use crate::store::attachments::Attachments;
use crate::store::commit::{EventRow, Head, SealedRow};
use crate::store::{Store, StoreError};
use crate::ticket::event::EpochOpened;

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

impl From<DeskError> for Stopped {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Store(error) => Self::Store(error),
            other => Self::Damage(Damage::file("the log", other.to_string())),
        }
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
        match Look::new(&store, files.as_ref(), outside).whole().await {
            Ok(Some(report)) => return report,
            Ok(None) => {}
            Err(Stopped::Damage(damage)) => return Report::bare(Verdict::Damaged { first: damage }),
            Err(Stopped::Store(error)) if error.malformed() => {
                return Report::bare(Verdict::Damaged { first: Damage::file("the database", error.to_string()) });
            }
            Err(Stopped::Store(error)) => return unreadable(error.to_string()),
        }
    }
    unreadable("the log grows while it is read; verify it when less is going on, or verify an export".to_owned())
}

fn existing(folder: &Path) -> Result<Attachments, String> {
    if !folder.is_dir() {
        return Err(format!("there is no folder {}", folder.display()));
    }
    Ok(Attachments::existing(folder))
}

struct Look<'a> {
    store: &'a Store,
    files: Option<&'a Attachments>,
    outside: &'a Outside,
    /// The key that the database names; used only if none came from outside.
    hint: Option<VerifierKey>,
    /// Where the log went on under another name: the position, and what the event says.
    epochs: Vec<(i64, EpochOpened)>,
    /// The highest checkpoint that enough witnesses cosigned.
    witnessed: Option<Standing>,
    sealed: u64,
    attachments: u64,
}

impl<'a> Look<'a> {
    fn new(store: &'a Store, files: Option<&'a Attachments>, outside: &'a Outside) -> Self {
        Self { store, files, outside, hint: None, epochs: Vec::new(), witnessed: None, sealed: 0, attachments: 0 }
    }

    /// `None` when the log grew meanwhile.
    async fn whole(mut self) -> Result<Option<Report>, Stopped> {
        let Some(head) = self.store.head().await? else {
            return Ok(Some(Report::bare(Verdict::Unreadable { why: "this database holds no log yet".to_owned() })));
        };
        self.epochs = publish::epochs(self.store).await?;
        let Some((size, note)) = self.store.checkpoint().await? else {
            let why = match head.size {
                0..2 => "nothing in this database was signed yet; start `countersign serve` once".to_owned(),
                size => format!(
                    "it holds {size} events and no signed checkpoint. If `countersign serve` ever ran on it, somebody took them out: log.checkpoint \
                     beside the log's key, and the witnesses, know the latest. If not, start it once"
                ),
            };
            return Ok(Some(Report::bare(Verdict::Unreadable { why })));
        };
        let note = Note::parse(note.as_bytes()).map_err(|e| Damage::file("the signed checkpoint", e.to_string()))?;
        self.hint = VerifierKey::parse(&head.vkey).ok();
        if let Some(why) = self.other_epoch(&note, &head) {
            return Ok(Some(Report::bare(Verdict::Unreadable { why })));
        }
        let latest = match Standing::of(&note, self.hint.as_ref(), self.outside) {
            Ok(standing) => standing,
            Err(verdict) => return Ok(Some(Report::bare(verdict))),
        };
        if i64::try_from(latest.checkpoint.size) != Ok(size) {
            let sentence = format!("it stands under another number of events than the {} that it says", latest.checkpoint.size);
            let first = Damage::file(format!("the signed checkpoint over {size} events"), sentence);
            return Ok(Some(Report::bare(Verdict::Damaged { first })));
        }
        let mut walk = LogWalk::new(latest.anchor.clone());
        let mut damages = Vec::new();
        match self.walk(&mut walk, &head, &latest).await {
            Ok(()) => {}
            Err(Stopped::Damage(damage)) => damages.push(damage),
            Err(other) => return Err(other),
        }
        if damages.is_empty() {
            damages = self.compare().await?;
        }
        if self.store.head().await?.as_ref() != Some(&head) {
            return Ok(None);
        }
        let standing = self.best(latest);
        let shown = Shown { sealed: self.sealed, attachments: self.attachments, selection: false, tables: false };
        let mut report = Report::of(&standing, &walk, shown, damages);
        self.remark(&mut report, &head, &standing);
        Ok(Some(report))
    }

    /// Why keys and checkpoints of two epochs cannot be held against each other, if that is so.
    fn other_epoch(&self, note: &Note, head: &Head) -> Option<String> {
        let given = self.outside.log.as_ref().map(VerifierKey::name);
        if let Some((seq, epoch)) = self.epochs.iter().find(|(_, epoch)| given == Some(epoch.old_origin.as_str())) {
            return Some(format!(
                "the key that was given is of {}; with event {seq} this log began a new epoch, {}, after a loss. Give the key of {}, from outside",
                epoch.old_origin, epoch.origin, head.origin
            ));
        }
        let unsigned = Checkpoint::parse(note.text()).is_ok_and(|c| c.origin != head.origin) && !self.epochs.is_empty();
        unsigned.then(|| {
            format!(
                "this log began a new epoch, {}, and nothing was signed under that name yet; start `countersign serve` once",
                head.origin
            )
        })
    }

    /// Whichever proves more: the latest checkpoint, or the highest that enough witnesses cosigned.
    fn best(&mut self, latest: Standing) -> Standing {
        let proven = |standing: &Standing| if let Verdict::Proven { up_to } = standing.verdict() { up_to } else { 0 };
        match self.witnessed.take() {
            Some(witnessed) if proven(&witnessed) > proven(&latest) => witnessed,
            _ => latest,
        }
    }

    fn remark(&self, report: &mut Report, head: &Head, standing: &Standing) {
        let signed = i64::try_from(standing.checkpoint.size).unwrap_or(i64::MAX);
        match (head.size - signed, standing.witnessed()) {
            (..=0, _) => {}
            (1, true) => report.remarks.push("The 1 newer event is consistent, but not yet witnessed.".to_owned()),
            (newer, true) => report.remarks.push(format!("The {newer} newer events are consistent, but not yet witnessed.")),
            (1, false) => report.remarks.push("1 event after the signed checkpoint fits, but is not signed yet.".to_owned()),
            (newer, false) => report.remarks.push(format!("{newer} events after the signed checkpoint fit, but are not signed yet.")),
        }
        if self.files.is_none() {
            report.remarks.push("Attachments were not looked at; name their folder with --attachments.".to_owned());
        }
        if !matches!(report.verdict, Verdict::Damaged { .. }) {
            report.remarks.push("Every projection was rebuilt from the events, and is the same.".to_owned());
        }
    }

    /// Every event, with its row, its tiles, what it seals, and every checkpoint that was signed over it.
    async fn walk(&mut self, walk: &mut LogWalk, head: &Head, latest: &Standing) -> Result<(), Stopped> {
        let bar = say::progress(u64::try_from(head.size).unwrap_or(0), "reading the log");
        let mut from = 0;
        while from < head.size {
            let to = head.size.min(from + PAGE);
            let events = self.store.event_rows(from, to - from).await?;
            let mut notes: BTreeMap<i64, String> = self.store.checkpoints_between(from, to).await?.into_iter().collect();
            let mut sealed: BTreeMap<i64, Vec<SealedRow>> = BTreeMap::new();
            for row in self.store.sealed_from(from, to).await? {
                sealed.entry(row.seq).or_default().push(row);
            }
            for (expected, row) in (from..).zip(&events) {
                if expected != row.seq {
                    return Err(Damage::file("the log", format!("event {expected} is missing")).into());
                }
                let place = u64::try_from(row.seq).unwrap_or(0);
                let leaf = Hash::leaf(&row.bytes);
                if row.leaf != leaf.0 {
                    return Err(Damage::event(place, &row.bytes, "its bytes do not match the hash that was stored with it").into());
                }
                let (event, full) = walk.push_read(&row.bytes, leaf, Reading::of(&row.bytes))?;
                check_columns(place, row, &event)?;
                for tile in &full {
                    self.compare_tile(tile).await?;
                }
                self.check_sealed(place, &row.bytes, &event, sealed.remove(&row.seq).unwrap_or_default()).await?;
                if let Some(note) = notes.remove(&(row.seq + 1)) {
                    self.check_signed(walk, &note)?;
                }
                if place + 1 == latest.checkpoint.size {
                    walk.finish(&latest.checkpoint)?;
                }
            }
            if events.len() != usize::try_from(to - from).unwrap_or(0) {
                return Err(Damage::file("the log", format!("event {} is missing", from + i64::try_from(events.len()).unwrap_or(0))).into());
            }
            from = to;
            bar.set_position(u64::try_from(from).unwrap_or(0));
        }
        bar.finish();
        self.finish(walk, head, latest).await
    }

    /// What is to be said once the last event was read.
    async fn finish(&self, walk: &LogWalk, head: &Head, latest: &Standing) -> Result<(), Stopped> {
        if u64::try_from(head.size).unwrap_or(0) < latest.checkpoint.size {
            walk.finish(&latest.checkpoint)?;
        }
        if walk.tree().to_bytes() != head.frontier {
            return Err(Damage::file("the log's head", "its tree is not the one that the events make").into());
        }
        if self.outside.log.is_some() && self.outside.log != self.hint {
            return Err(Damage::file("the log's head", "the key that it names is not the one that was given").into());
        }
        let counts = self.store.counts().await?;
        let (mut tiles, mut row) = (0, head.size / i64::from(WIDTH));
        while row > 0 {
            tiles += row;
            row /= i64::from(WIDTH);
        }
        let sealed = i64::try_from(walk.chain().sealed()).unwrap_or(i64::MAX);
        for (what, held, made) in
            [("events", counts.events, head.size), ("full tiles", counts.tiles, tiles), ("sealed values", counts.sealed, sealed)]
        {
            if held != made {
                return Err(Damage::file("the log", format!("the database holds {held} {what}, and the log has {made}")).into());
            }
        }
        Ok(())
    }

    /// A checkpoint over exactly the events so far. The highest that enough witnesses cosigned is remembered.
    fn check_signed(&mut self, walk: &LogWalk, note: &str) -> Result<(), Damage> {
        let file = |sentence: String| Damage::file(format!("the signed checkpoint over {} events", walk.tree().size()), sentence);
        let note = Note::parse(note.as_bytes()).map_err(|e| file(e.to_string()))?;
        // What an earlier epoch signed is checked with the key that the next one names; it proves nothing by itself.
        let size = i64::try_from(walk.tree().size()).unwrap_or(i64::MAX);
        let earlier = self.epochs.iter().find(|(seq, _)| size <= *seq).map(|(_, epoch)| VerifierKey::parse(&epoch.old_vkey));
        let standing = match earlier {
            Some(key) => Standing::of(&note, key.ok().as_ref(), &Outside::default()),
            None => Standing::of(&note, self.hint.as_ref(), self.outside),
        };
        let standing = standing.map_err(|verdict| match verdict {
            Verdict::Damaged { first } => file(first.sentence),
            Verdict::Unreadable { why } | Verdict::Consistent { why } => file(why),
            Verdict::Proven { .. } => file("it cannot be judged".to_owned()),
        })?;
        walk.agrees(&standing.checkpoint).map_err(|damage| file(damage.sentence))?;
        if standing.witnessed() {
            self.witnessed = Some(standing);
        }
        Ok(())
    }

    async fn compare_tile(&self, (tile, hashes): &Recomputed) -> Result<(), Stopped> {
        let TileKind::Hashes(level) = tile.kind else { return Ok(()) };
        let stored = self.store.whole_tile(i64::from(level), i64::try_from(tile.index).unwrap_or(i64::MAX)).await?;
        let mut row = hashes.clone();
        while row.len() > 1 {
            row = row.chunks(2).map(|pair| pair.iter().skip(1).fold(pair[0], |left, right| Hash::node(&left, right))).collect();
        }
        let root = row.first().map(|root| root.0.to_vec()).unwrap_or_default();
        if tile.width == WIDTH && stored != Some((root, encode_hashes(hashes))) {
            return Err(Damage::file(tile.to_string(), "the stored hashes are not those of the events below it").into());
        }
        Ok(())
    }

    async fn check_sealed(&mut self, seq: u64, bytes: &[u8], event: &Envelope<'_>, rows: Vec<SealedRow>) -> Result<(), Stopped> {
        let evidence = event.kind.text().as_deref() == Some("EvidenceAttached");
        let mut awaited: BTreeMap<_, _> = event.commitments().unwrap_or_default().into_iter().collect();
        for row in rows {
            let name = row.name.clone();
            let shown = bundle::disclosed(row).map_err(|e| Damage::event(seq, bytes, e.to_string()))?;
            let commitment = awaited.remove(name.as_str());
            if commitment.as_deref() != Some(shown.commitment().to_string().as_str()) {
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
        // No event of this version says that a value was redacted: every value must be there.
        match awaited.keys().next() {
            Some(name) => Err(Damage::event(seq, bytes, format!("its sealed value {name:?} is missing in the database")).into()),
            None => Ok(()),
        }
    }

    /// Projections, playbooks, deliveries and the head against the events.
    async fn compare(&self) -> Result<Vec<Damage>, Stopped> {
        let rebuilt = Rebuilt::of(self.store).await?;
        let differences = rebuilt.differences(self.store).await?;
        Ok(differences.into_iter().map(|sentence| Damage::file("the projections", sentence)).collect())
    }
}

/// The columns beside the bytes say what the bytes say.
fn check_columns(seq: u64, row: &EventRow, event: &Envelope<'_>) -> Result<(), Damage> {
    for (column, same) in [
        ("kind", event.kind.text().as_deref() == Some(row.kind.as_str())),
        ("ticket", event.ticket.text().as_deref() == row.ticket.as_deref()),
        ("rev", event.rev.integer() == row.rev),
    ] {
        if !same {
            return Err(Damage::event(seq, &row.bytes, format!("the column {column:?} of its row is not what its bytes say")));
        }
    }
    Ok(())
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
