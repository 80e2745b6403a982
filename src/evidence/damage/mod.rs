//! Bundles that were damaged in every way we could think of, and what `verify` says of them.

mod deceiving;
mod files;
mod handed_out;
mod rewritten;

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
