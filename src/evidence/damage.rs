//! Bundles that were damaged in every way we could think of, and what `verify` says of them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::bundle::{BundleWriter, ExportFailed, Scope};
use super::package::Package;
use crate::env::Timestamp;
use crate::ledger::audit::verify_path;
use crate::ledger::canonical::to_canonical;
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::disclosed::Disclosed;
use crate::ledger::manifest::Period;
use crate::ledger::merkle::{Frontier, Hash};
use crate::ledger::note::{Note, Signer};
use crate::ledger::report::{Report, Verdict};
use crate::ledger::tile::{Tile, TileKind, encode_entries, encode_hashes};
use crate::ledger::verify::Outside;
use crate::ledger::witness::{AddCheckpoint, Cosigner, judge};

const ORIGIN: &str = "log.invalid/a";
const FILE: &[u8] = b"firewall rule 17 before and after";

fn signer() -> Signer {
    Signer::from_seed(ORIGIN, &[1; 32]).unwrap()
}

fn witness() -> Cosigner {
    Cosigner::from_seed("witness.invalid", &[2; 32]).unwrap()
}

/// A log of `size` events about incidents of five events each, with everything that its bundle shows.
struct Story {
    events: Vec<(Vec<u8>, Vec<Disclosed>)>,
    tickets: Vec<Map<String, Value>>,
}

impl Story {
    fn of(size: u64) -> Self {
        let mut story = Self { events: Vec::new(), tickets: Vec::new() };
        for seq in 0..size {
            story.add(seq);
        }
        story
    }

    fn add(&mut self, seq: u64) {
        let at = Timestamp::from_micros(1_767_225_600_000_000 + i64::try_from(seq).unwrap() * 1_500_000).unwrap();
        let (name, value) = if seq == 4 { ("sha256", hex::encode(Sha256::digest(FILE))) } else { ("note", format!("note {seq}")) };
        let shown = Disclosed { seq, name: name.into(), salt: [u8::try_from(seq % 251).unwrap(); 32], value: value.into_bytes() };
        let mut event = json!({
            "v": 1, "seq": seq, "at": at, "kind": "NoteAdded", "data": {"note": seq}, "ticket": null, "rev": null,
            "actor": {"type": "scheduler"}, "via": {"surface": "tick", "auth": "internal"}, "cause": null, "playbook": null,
            "sealed": {name: shown.commitment()},
        });
        if seq == 0 {
            event["kind"] = json!("LogOpened");
            event["data"] = json!({"origin": ORIGIN, "demo": true, "schema": 1});
        } else {
            let (number, rev) = (format!("INC-{:06}", (seq - 1) / 5 + 1), (seq - 1) % 5 + 1);
            event["ticket"] = json!(number);
            event["rev"] = json!(rev);
            if rev == 1 {
                event["kind"] = json!("TicketOpened");
                event["data"] = json!({"ticket_kind": "incident"});
                self.tickets.push(Map::new());
            }
            let row = json!({"number": number, "rev": rev, "seq": seq, "title": "=1+1"});
            *self.tickets.last_mut().unwrap() = row.as_object().unwrap().clone();
        }
        self.events.push((to_canonical(&event).unwrap(), vec![shown]));
    }

    fn tree(&self) -> Frontier {
        let mut tree = Frontier::new();
        self.events.iter().for_each(|(bytes, _)| tree.append(Hash::leaf(bytes)));
        tree
    }

    fn checkpoint(&self) -> Note {
        Checkpoint::of(ORIGIN, &self.tree()).sign(&signer()).unwrap()
    }

    /// As an honest witness that sees the log for the first time cosigns it.
    fn cosigned(&self) -> Note {
        let mut note = self.checkpoint();
        let request = AddCheckpoint::new(0, Vec::new(), note.clone()).unwrap();
        let accepted = judge(None, &request, &[signer().verifier().clone()]).unwrap();
        note.add(witness().cosign(&accepted, 1_800_000_000));
        note
    }

    fn write(&self, package: Package, checkpoint: &Note) -> Result<String, ExportFailed> {
        let scope = Scope { all: true, query: json!({"all": true}), period: Period::default() };
        let key = signer().verifier().clone();
        let mut writer = BundleWriter::begin(package, scope, checkpoint, &key, &[witness().verifier().clone()], &json!([]))?;
        for (bytes, shown) in &self.events {
            writer.event(bytes, shown.clone())?;
        }
        if self.events.len() > 4 {
            writer.attachment(&hex::encode(Sha256::digest(FILE)), FILE)?;
        }
        writer.playbook(b"kind: incident\n")?;
        writer.tickets(&["number", "rev", "seq", "title"], &self.tickets)?;
        writer.people(&["person", "roles"], &[])?;
        writer.finish(&signer())
    }

    fn folder(&self, dir: &TempDir, name: &str) -> PathBuf {
        let path = dir.path().join(name);
        self.write(Package::folder(&path).unwrap(), &self.cosigned()).unwrap();
        path
    }

    fn zip(&self, dir: &TempDir, name: &str) -> PathBuf {
        let path = dir.path().join(name);
        self.write(Package::zip(&path).unwrap(), &self.cosigned()).unwrap();
        path
    }
}

fn outside() -> Outside {
    Outside { log: Some(signer().verifier().clone()), witnesses: vec![witness().verifier().clone()], ..Outside::default() }
}

fn verify(path: &Path) -> Report {
    verify_path(path, &outside())
}

fn code(path: &Path) -> u8 {
    verify(path).verdict.exit_code()
}

fn files_below(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

#[track_caller]
fn assert_first(report: &Report, seq: Option<u64>, file: Option<&str>, words: &str) {
    let Verdict::Damaged { first } = &report.verdict else { panic!("not damaged: {report}") };
    assert_eq!((first.seq, first.file.as_deref()), (seq, file), "{report}");
    assert!(first.sentence.contains(words), "{report}");
}

// proves: REC-13, FIL-07
#[test]
fn a_sound_bundle_is_proven_with_keys_from_outside() {
    let dir = TempDir::new().unwrap();
    let story = Story::of(300);
    for path in [story.folder(&dir, "folder"), story.zip(&dir, "bundle.zip")] {
        let report = verify(&path);
        assert_eq!(report.verdict, Verdict::Proven { up_to: 300 }, "{report}");
        assert!(report.demonstration && report.to_string().contains("demonstration"));
        assert_eq!((report.sealed, report.attachments, report.tickets["incident"]), ((300, 300), 1, 60));
        assert!(serde_json::to_string(&report).unwrap().contains("\"verdict\":\"proven\""));
    }
}

#[test]
fn what_came_with_the_bundle_proves_nothing() {
    let dir = TempDir::new().unwrap();
    let path = Story::of(20).folder(&dir, "bundle");
    let with = |change: fn(&mut Outside)| {
        let mut outside = outside();
        change(&mut outside);
        verify_path(&path, &outside)
    };
    assert_eq!(with(|o| *o = Outside::default()).verdict.exit_code(), 3);
    assert_eq!(with(|o| o.log = None).verdict.exit_code(), 3);
    assert_eq!(with(|o| o.witnesses.clear()).verdict.exit_code(), 3);
    assert_eq!(with(|o| o.quorum = Some(0)).verdict.exit_code(), 3);
    assert_eq!(with(|o| o.quorum = Some(2)).verdict.exit_code(), 3);
    // One witness given twice is one witness.
    assert_eq!(with(|o| (o.witnesses.push(o.witnesses[0].clone()), o.quorum = Some(2)).1).verdict.exit_code(), 3);
    // Nor is the log's owner one, nor the same key under another name.
    let same = Cosigner::from_seed("other.invalid", &[2; 32]).unwrap().verifier().clone();
    assert_eq!(verify_path(&path, &Outside { witnesses: vec![same], ..outside() }).verdict.exit_code(), 3);
    let owner = Cosigner::from_seed("witness.invalid", &[1; 32]).unwrap().verifier().clone();
    assert_eq!(verify_path(&path, &Outside { witnesses: vec![owner], ..outside() }).verdict.exit_code(), 3);
    let other = Cosigner::from_seed("other.invalid", &[3; 32]).unwrap().verifier().clone();
    assert_eq!(verify_path(&path, &Outside { witnesses: vec![other], ..outside() }).verdict.exit_code(), 3);
}

// proves: EXP-01, EXP-06
#[test]
fn one_flipped_byte_in_any_file_is_found_and_named() {
    let dir = TempDir::new().unwrap();
    let root = Story::of(300).folder(&dir, "bundle");
    for path in files_below(&root) {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let good = fs::read(&path).unwrap();
        for at in [0, good.len() / 3, good.len() / 2, good.len().saturating_sub(1)].into_iter().filter(|at| *at < good.len()) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, &bad).unwrap();
            let report = verify(&root);
            let Verdict::Damaged { first } = &report.verdict else { panic!("{name} at {at}: {report}") };
            let named = report.damages.iter().any(|d| d.file.as_deref() == Some(&name)) || first.seq.is_some();
            assert!(named, "{name} at {at}: {report}");
        }
        fs::write(&path, &good).unwrap();
    }
    assert_eq!(code(&root), 0);
}

#[test]
fn a_changed_event_is_named_with_its_ticket() {
    let dir = TempDir::new().unwrap();
    let root = Story::of(300).folder(&dir, "bundle");
    let path = root.join("log/tile/entries/001.p/44");
    let text = fs::read(&path).unwrap();
    let at = text.windows(10).position(|w| w == b"\"note\":279").unwrap();
    let mut bad = text.clone();
    bad[at + 9] = b'8';
    fs::write(&path, bad).unwrap();
    let report = verify(&root);
    assert_first(&report, Some(279), None, "does not match its hash");
    assert!(report.to_string().starts_with("Damaged (demonstration): event 279 (INC-000056): it does not match"), "{report}");
}

// proves: EXP-06
#[test]
fn a_missing_extra_or_swapped_file_is_named() {
    let dir = TempDir::new().unwrap();
    let story = Story::of(600);
    let root = story.folder(&dir, "bundle");
    for path in files_below(&root) {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let aside = dir.path().join("aside");
        fs::rename(&path, &aside).unwrap();
        let report = verify(&root);
        assert_eq!(report.verdict.exit_code(), 1, "without {name}: {report}");
        assert!(report.damages.iter().any(|d| d.file.as_deref() == Some(&name)), "without {name}: {report}");
        fs::rename(&aside, &path).unwrap();
    }
    fs::write(root.join("log/extra"), b"").unwrap();
    assert_first(&verify(&root), None, Some("log/extra"), "does not list");
    fs::remove_file(root.join("log/extra")).unwrap();
    let (a, b) = (root.join("log/tile/entries/000"), root.join("log/tile/entries/001"));
    let (one, two) = (fs::read(&a).unwrap(), fs::read(&b).unwrap());
    fs::write(&a, &two).unwrap();
    fs::write(&b, &one).unwrap();
    assert_first(&verify(&root), Some(0), None, "does not match its hash");
}

#[test]
fn a_truncated_zip_is_never_proven() {
    let dir = TempDir::new().unwrap();
    let good = fs::read(Story::of(30).zip(&dir, "good.zip")).unwrap();
    let path = dir.path().join("bad.zip");
    for length in (0..good.len()).step_by(211) {
        fs::write(&path, &good[..length]).unwrap();
        assert_eq!(code(&path), 2, "cut at {length}");
    }
}

#[test]
fn a_flipped_byte_in_a_zip_never_damages_unnoticed_content() {
    let dir = TempDir::new().unwrap();
    let good = fs::read(Story::of(30).zip(&dir, "good.zip")).unwrap();
    let path = dir.path().join("bad.zip");
    let mut unnoticed = 0;
    for at in (0..good.len()).step_by(13) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&path, &bad).unwrap();
        // A few bytes of zip headers (times, versions) carry no content; what is read is then still whole.
        match code(&path) {
            0 => unnoticed += 1,
            code => assert!(code == 1 || code == 2, "byte {at}: {code}"),
        }
    }
    assert!(unnoticed * 8 < good.len() / 13, "{unnoticed} of {}", good.len() / 13);
}

#[test]
fn a_log_cut_and_signed_again_is_seen_from_outside_only() {
    let dir = TempDir::new().unwrap();
    let (whole, cut) = (Story::of(300), Story::of(280));
    // The owner signs the shorter log; the witness, which saw 300, will not.
    let path = dir.path().join("cut");
    cut.write(Package::folder(&path).unwrap(), &cut.checkpoint()).unwrap();
    assert_eq!(code(&path), 3);
    let anchored = |note: Note| Outside { witnesses: Vec::new(), anchor: Some(note.to_string().into_bytes()), ..outside() };
    let report = verify_path(&path, &anchored(whole.checkpoint()));
    assert_eq!(report.verdict.exit_code(), 3);
    assert!(report.to_string().contains("the anchor knows 300 events and this bundle holds 280"), "{report}");
    // An earlier checkpoint proves as far as it knows, and says so.
    let report = verify_path(&path, &anchored(Story::of(100).checkpoint()));
    assert_eq!(report.verdict, Verdict::Proven { up_to: 100 });
    assert!(report.to_string().contains("knows the first 100 events"), "{report}");
    assert_eq!(verify_path(&path, &anchored(Story::of(0).checkpoint())).verdict.exit_code(), 3);
    let other = Signer::from_seed(ORIGIN, &[7; 32]).unwrap();
    let forged = Checkpoint::of(ORIGIN, &whole.tree()).sign(&other).unwrap();
    assert_eq!(verify_path(&path, &anchored(forged)).verdict.exit_code(), 2);
}

#[test]
fn a_log_rewritten_and_signed_again_departs_from_the_anchor() {
    let dir = TempDir::new().unwrap();
    let (before, mut after) = (Story::of(50).checkpoint(), Story::of(300));
    let mut event: Value = serde_json::from_slice(&after.events[20].0).unwrap();
    event["data"]["note"] = json!(21);
    after.events[20].0 = to_canonical(&event).unwrap();
    let path = dir.path().join("rewritten");
    after.write(Package::folder(&path).unwrap(), &after.checkpoint()).unwrap();
    let outside = Outside { witnesses: Vec::new(), anchor: Some(before.to_string().into_bytes()), ..outside() };
    assert_first(&verify_path(&path, &outside), Some(49), None, "are not those of the anchor");
}

/// Writes these events as a log's folder, signed, without asking whether they make sense: as an owner with the key could.
fn forge(root: &Path, events: &[Vec<u8>]) {
    let (mut tree, mut rows) = (Frontier::new(), std::collections::BTreeMap::<(u8, u64), Vec<Hash>>::new());
    for bytes in events {
        tree.append_noting(Hash::leaf(bytes), |level, at, hash| rows.entry((level, at / 256)).or_default().push(hash));
    }
    let put = |tile: Tile, bytes: Vec<u8>| {
        let path = root.join(tile.path());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    for tile in Tile::all(tree.size()) {
        match tile.kind {
            TileKind::Hashes(level) => put(tile, encode_hashes(&rows[&(level, tile.index)])),
            TileKind::Entries => {
                let some = events.chunks(256).nth(usize::try_from(tile.index).unwrap()).unwrap();
                put(tile, encode_entries(some.iter().map(Vec::as_slice)).unwrap());
            }
        }
    }
    let mut note = Checkpoint::of(ORIGIN, &tree).sign(&signer()).unwrap();
    let request = AddCheckpoint::new(0, Vec::new(), note.clone()).unwrap();
    note.add(witness().cosign(&judge(None, &request, &[signer().verifier().clone()]).unwrap(), 1_800_000_000));
    fs::write(root.join("checkpoint"), note.to_string()).unwrap();
}

// proves: REC-12
#[test]
fn dropped_repeated_swapped_and_altered_events_are_told_apart_even_when_everything_is_signed_again() {
    let dir = TempDir::new().unwrap();
    let events: Vec<Vec<u8>> = Story::of(300).events.into_iter().map(|(bytes, _)| bytes).collect();
    let check = |name: &str, change: fn(&mut Vec<Vec<u8>>), seq: Option<u64>, words: &str| {
        let mut events = events.clone();
        change(&mut events);
        let root = dir.path().join(name);
        fs::create_dir(&root).unwrap();
        forge(&root, &events);
        match seq {
            Some(_) => assert_first(&verify(&root), seq, None, words),
            None => assert_eq!(code(&root), 0, "{}", verify(&root)),
        }
    };
    check("whole", |_| {}, None, "");
    check("dropped", |e| drop(e.remove(280)), Some(280), "the event with number 281");
    check("repeated", |e| e.insert(281, e[280].clone()), Some(281), "the event with number 280");
    check("swapped", |e| e.swap(17, 18), Some(17), "the event with number 18");
    check("without-head", |e| drop(e.remove(0)), Some(0), "the event with number 1");
    check("reformatted", |e| e[9].push(b' '), Some(9), "not in canonical form");
    check("emptied", |e| e[9].clear(), Some(9), "not JSON");
    let renumber = |e: &mut Vec<Vec<u8>>| {
        e.remove(278);
        for (seq, bytes) in e.iter_mut().enumerate().skip(278) {
            let mut event: Value = serde_json::from_slice(bytes).unwrap();
            event["seq"] = json!(seq);
            *bytes = to_canonical(&event).unwrap();
        }
    };
    check("renumbered", renumber, Some(278), "it is revision 4 of INC-000056, but 3 comes next");
}

#[test]
fn another_key_is_never_accepted() {
    let dir = TempDir::new().unwrap();
    let root = Story::of(20).folder(&dir, "bundle");
    let other = Signer::from_seed(ORIGIN, &[9; 32]).unwrap();
    let wrong = Outside { log: Some(other.verifier().clone()), ..outside() };
    assert_first(&verify_path(&root, &wrong), None, Some("log.vkey"), "is it the right bundle, and the right key?");
    fs::write(root.join("log.vkey"), other.verifier().to_string()).unwrap();
    assert_first(&verify(&root), None, Some("log.vkey"), "is it the right bundle, and the right key?");
    assert_first(&verify_path(&root, &Outside::default()), None, Some("log/checkpoint"), "not signed by");
    fs::remove_file(root.join("log.vkey")).unwrap();
    assert_first(&verify_path(&root, &wrong), None, Some("log/checkpoint"), "not signed by");
    assert_eq!(verify_path(&root, &Outside::default()).verdict.exit_code(), 2);
    // A cosignature that claims to be the witness's and is not.
    let path = root.join("log/checkpoint");
    let lines: Vec<String> = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    let forged: String = lines.iter().map(|l| if l.starts_with("— witness") { l.replace("A", "B") } else { l.clone() } + "\n").collect();
    fs::write(&path, forged).unwrap();
    assert_eq!(code(&root), 1);
}

#[test]
fn shown_values_must_be_those_of_their_events() {
    let dir = TempDir::new().unwrap();
    let root = Story::of(20).folder(&dir, "bundle");
    let path = root.join("sealed.jsonl");
    let good: Vec<String> = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    let check = |lines: &[String], seq, file, words| {
        fs::write(&path, lines.iter().map(|l| format!("{l}\n")).collect::<String>()).unwrap();
        assert_first(&verify(&root), seq, file, words);
    };
    let changed = |at: usize, change: fn(&mut Disclosed)| {
        let mut lines = good.clone();
        let mut value = Disclosed::parse(lines[at].as_bytes()).unwrap();
        change(&mut value);
        lines[at] = value.to_line().unwrap();
        lines
    };
    check(&changed(7, |v| v.value.push(b'!')), Some(7), None, "is not the one that the event speaks of");
    check(&changed(7, |v| v.salt[0] ^= 1), Some(7), None, "is not the one that the event speaks of");
    check(&changed(7, |v| v.name = "reason".into()), Some(7), None, "is not the one that the event speaks of");
    check(&changed(19, |v| v.seq = 20), None, Some("sealed.jsonl"), "which the log does not have");
    let repeated: Vec<_> = good[..8].iter().chain(&good[7..]).cloned().collect();
    check(&repeated, None, Some("sealed.jsonl"), "occurs twice");
    // Without the value that names it, a file could be anything.
    let unnamed: Vec<_> = good.iter().enumerate().filter(|(i, _)| *i != 4).map(|(_, l)| l.clone()).collect();
    check(&unnamed, None, Some("sealed.jsonl"), "is not the file that the manifest lists");
    sign_again(&root, |_| {});
    let file = format!("attachments/{}", hex::encode(Sha256::digest(FILE)));
    assert_first(&verify(&root), None, Some(&file), "no event that is shown names");
}

/// Signs the manifest of a folder again, as its owner could after having changed files.
fn sign_again(root: &Path, change: impl Fn(&mut Value)) {
    let mut manifest: Value = serde_json::from_slice(&fs::read(root.join("manifest.json")).unwrap()).unwrap();
    let names: Vec<String> = manifest["files"].as_object().unwrap().keys().cloned().collect();
    for name in names {
        let bytes = fs::read(root.join(&name)).unwrap();
        manifest["files"][&name] = json!({"sha256": hex::encode(Sha256::digest(&bytes)), "size": bytes.len()});
    }
    change(&mut manifest);
    let bytes = serde_json::to_vec(&manifest).unwrap();
    let position = manifest["position"].as_u64().unwrap();
    let note = crate::ledger::manifest::sign(position, &bytes, &signer()).unwrap();
    fs::write(root.join("manifest.json"), bytes).unwrap();
    fs::write(root.join("manifest.note"), note.to_string()).unwrap();
}

#[test]
fn even_the_owner_cannot_restate_the_log_in_tables_and_manifest() {
    let dir = TempDir::new().unwrap();
    let root = Story::of(20).folder(&dir, "bundle");
    sign_again(&root, |_| {});
    assert_eq!(code(&root), 0);
    sign_again(&root, |m| m["completeness"]["incident"]["count"] = json!(3));
    assert_first(&verify(&root), None, Some("manifest.json"), "ticket numbers");
    sign_again(&root, |m| {
        m["completeness"]["incident"]["count"] = json!(4);
        m["demonstration"] = json!(false);
    });
    assert_first(&verify(&root), None, Some("manifest.json"), "demonstration");
    sign_again(&root, |m| m["demonstration"] = json!(true));
    let rows = fs::read_to_string(root.join("tickets.jsonl")).unwrap();
    let wrong = [
        (rows.replace("\"rev\":5", "\"rev\":4"), "at another state"),
        (rows.replace("INC-000002", "INC-000009"), "does not know"),
        (rows.lines().skip(1).map(|l| format!("{l}\n")).collect(), "INC-000001 is missing"),
        (format!("{rows}{rows}"), "occurs twice"),
    ];
    for (text, words) in wrong {
        fs::write(root.join("tickets.jsonl"), text).unwrap();
        sign_again(&root, |_| {});
        assert_first(&verify(&root), None, Some("tickets.jsonl"), words);
    }
}

#[test]
fn the_folder_of_a_log_alone_can_be_verified() {
    let dir = TempDir::new().unwrap();
    let root = Story::of(300).folder(&dir, "bundle");
    let report = verify(&root.join("log"));
    assert_eq!(report.verdict, Verdict::Proven { up_to: 300 }, "{report}");
    fs::remove_file(root.join("log/tile/1/000.p/1")).unwrap();
    assert_first(&verify(&root.join("log")), None, Some("tile/1/000.p/1"), "missing");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let dir = TempDir::new().unwrap();
    let (a, b) = (Story::of(300).zip(&dir, "a.zip"), Story::of(300).zip(&dir, "b.zip"));
    assert_eq!(fs::read(a).unwrap(), fs::read(b).unwrap());
    assert!(!dir.path().join("a.zip.part").exists());
}

#[test]
fn a_damaged_log_or_store_is_not_handed_out() {
    let dir = TempDir::new().unwrap();
    let mut tries = 0;
    let mut fails = |story: &Story, note: &Note, words: &str| {
        tries += 1;
        let failed = story.write(Package::folder(&dir.path().join(format!("{tries}"))).unwrap(), note).unwrap_err();
        assert!(failed.to_string().contains(words), "{failed}");
    };
    let good = Story::of(30);
    let mut gap = Story::of(30);
    gap.events.remove(7);
    fails(&gap, &good.checkpoint(), "event 7");
    let mut changed = Story::of(30);
    changed.events[7].1[0].value.push(b'!');
    fails(&changed, &good.checkpoint(), "event 7 (INC-000002)");
    fails(&Story::of(29), &good.checkpoint(), "was not read to the checkpoint");
    fails(&Story::of(31), &good.checkpoint(), "more events");
    let mut stale = Story::of(30);
    stale.tickets[2].insert("rev".into(), json!(4));
    fails(&stale, &good.checkpoint(), "INC-000003");
    let other = Checkpoint { origin: ORIGIN.into(), size: 30, root: Hash([0; 32]), extensions: Vec::new() };
    fails(&good, &other.sign(&signer()).unwrap(), "the root that was signed");
}

#[cfg(unix)]
#[test]
fn links_are_refused_not_followed() {
    let dir = TempDir::new().unwrap();
    let root = Story::of(20).folder(&dir, "bundle");
    std::os::unix::fs::symlink("/etc/hostname", root.join("link")).unwrap();
    assert_first(&verify(&root), None, Some("link"), "plain files");
    fs::remove_file(root.join("link")).unwrap();
    std::os::unix::fs::symlink("/etc", root.join("folder")).unwrap();
    assert_first(&verify(&root), None, Some("folder"), "plain files");
}

#[test]
fn zips_that_are_built_to_deceive_are_refused() {
    use std::io::Write as _;
    use zip::write::SimpleFileOptions;
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("hostile.zip");
    let build = |entries: &[&str]| {
        let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
        for name in entries {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(b"x").unwrap();
        }
        zip.finish().unwrap();
    };
    for name in ["../up", "/absolute", "a/../../b", "a\\..\\b", "./a", "a//b", "C:/a"] {
        build(&["log/checkpoint", name]);
        assert_eq!(code(&path), 1, "{name}: {}", verify(&path));
        assert!(verify(&path).to_string().contains("leaves the bundle"), "{name}: {}", verify(&path));
    }
    build(&["README.txt", "readme.txt"]);
    assert!(verify(&path).to_string().contains("occurs twice"));
    build(&["a"]);
    assert_eq!(code(&path), 2);
    // The same name twice: the library will not write it, so two names of one length are made equal afterwards.
    build(&["aaaa.txt", "bbbb.txt"]);
    let text = fs::read(&path).unwrap();
    let doubled: Vec<u8> = text.iter().map(|b| if *b == b'b' { b'a' } else { *b }).collect();
    fs::write(&path, &doubled).unwrap();
    assert_eq!(code(&path), 1, "{}", verify(&path));
    let mut linked = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    linked.add_symlink("link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    linked.finish().unwrap();
    assert!(verify(&path).to_string().contains("symbolic links"), "{}", verify(&path));
    // Bytes in front of the archive.
    let good = fs::read(Story::of(20).zip(&dir, "good.zip")).unwrap();
    fs::write(&path, [b"MZ".as_slice(), &good].concat()).unwrap();
    assert_ne!(code(&path), 0);
    assert_eq!(code(&dir.path().join("nothing")), 2);
}

#[test]
fn what_unpacks_to_more_than_it_says_is_cut_off() {
    use std::io::Write as _;
    use zip::write::SimpleFileOptions;
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("bomb.zip");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    zip.start_file("log/checkpoint", SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated)).unwrap();
    (0..64).for_each(|_| zip.write_all(&vec![b'a'; 1 << 20]).unwrap());
    zip.finish().unwrap();
    assert_first(&verify(&path), None, Some("log/checkpoint"), "longer than");
}
