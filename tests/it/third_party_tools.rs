//! The log as an assessor receives it, under programs that share no code with us: Go's own `sumdb/note` and `tlog`, and
//! openssl. They accept it, and refuse every copy that somebody tampered with, however careful.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::server::{self, Api, BEARER, Server, until};
use super::tools::{accepted_and_no_damaged_copy, go_verifier};

/// Entries in a tile (C2SP tlog-tiles).
const WIDTH: u64 = 256;

/// One delivery of Alertmanager's with `services` alerts, each of a service of its own.
fn delivery(day: usize, services: usize) -> Value {
    let alert = |n: usize| {
        let labels = json!({ "alertname": "ApiDown", "service": format!("service-{day}-{n}"), "severity": "critical" });
        json!({ "status": "firing", "labels": labels, "startsAt": "2026-01-01T00:00:00Z" })
    };
    json!({ "version": "4", "status": "firing", "alerts": (0..services).map(alert).collect::<Vec<_>>() })
}

async fn deliver(server: &Server, day: usize, services: usize) {
    let (status, answer) = server.api(BEARER).post("/hooks/alertmanager", &delivery(day, services)).await;
    assert_eq!(status, 202, "{answer}");
}

/// The number of entries that a checkpoint speaks of: its second line.
fn size(checkpoint: &[u8]) -> u64 {
    let text = std::str::from_utf8(checkpoint).expect("a checkpoint is text");
    text.lines().nth(1).and_then(|line| line.parse().ok()).expect("a checkpoint's second line is its size")
}

/// A tile's path, as C2SP tlog-tiles spells it: three digits a folder, all but the last with an `x` before.
fn tile_path(level: &str, index: u64, width: u64) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    let partial = if width == WIDTH { String::new() } else { format!(".p/{width}") };
    format!("tile/{level}/{path}{partial}")
}

/// Every tile of a log with `size` entries.
fn tiles(size: u64) -> Vec<String> {
    let row = |level: String, length: u64| {
        (0..length.div_ceil(WIDTH)).map(move |index| tile_path(&level, index, WIDTH.min(length - index * WIDTH))).collect::<Vec<_>>()
    };
    let hashes = (0..8).map(|level| (level.to_string(), size >> (8 * level))).take_while(|(_, length)| *length > 0);
    hashes.chain([("entries".to_owned(), size)]).flat_map(|(level, length)| row(level, length)).collect()
}

/// Copies the log from where it is served, and gives the size of its checkpoint: at least `least`.
async fn fetch(api: &Api, into: &Path, least: u64) -> u64 {
    let checkpoint = until("the checkpoint covers the log", async || {
        let (status, bytes) = api.bytes("/log/checkpoint").await;
        (status == 200 && size(&bytes) >= least).then_some(bytes)
    })
    .await;
    write(&into.join("log/checkpoint"), &checkpoint);
    for tile in tiles(size(&checkpoint)) {
        let (status, bytes) = api.bytes(&format!("/log/{tile}")).await;
        assert_eq!(status, 200, "{tile}");
        write(&into.join("log").join(tile), &bytes);
    }
    size(&checkpoint)
}

fn write(file: &Path, bytes: &[u8]) {
    fs::create_dir_all(file.parent().expect("a file stands in a folder")).expect("a temporary folder can be written");
    fs::write(file, bytes).expect("a temporary folder can be written");
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder can be read").filter_map(Result::ok) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            write(&target, &fs::read(entry.path()).expect("a file can be read"));
        }
    }
}

/// Unpacks a bundle, as an assessor does.
fn unpack(bundle: &Path, into: &Path) {
    let file = fs::File::open(bundle).expect("the bundle was written");
    zip::ZipArchive::new(file).expect("it is a zip file").extract(into).expect("a temporary folder can be written");
}

/// A log that somebody fetched twice, and what they need to judge it.
struct Fetched {
    folder: TempDir,
    vkey: PathBuf,
    older: PathBuf,
    size: u64,
}

/// Fetches the log early, then again when it has `events` or more.
async fn fetched(server: &Server, events: u64) -> Fetched {
    let auditor = {
        server.person("ada@example.com", &["administrator"]).await;
        server.person("otto@example.com", &["auditor"]).await
    };
    deliver(server, 0, 10).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let early = tempfile::tempdir().expect("a temporary folder");
    fetch(&auditor, early.path(), 20).await;
    let older = folder.path().join("older");
    fs::copy(early.path().join("log/checkpoint"), &older).expect("a temporary folder can be written");
    for day in 1.. {
        deliver(server, day, 50).await;
        let (_, checkpoint) = auditor.bytes("/log/checkpoint").await;
        if size(&checkpoint) >= events {
            break;
        }
    }
    let vkey = folder.path().join("log.vkey");
    fs::write(&vkey, server.run(&["keys", "show"])).expect("a temporary folder can be written");
    let size = fetch(&auditor, &folder.path().join("bundle"), events).await;
    Fetched { folder, vkey, older, size }
}

/// Entries of an entries tile, each with its length in two bytes before it.
fn entries(tile: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = tile;
    let mut found = Vec::new();
    while let [high, low, more @ ..] = rest {
        let (entry, after) = more.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        found.push(entry.to_vec());
        rest = after;
    }
    found
}

fn entries_tile(entries: &[Vec<u8>]) -> Vec<u8> {
    entries.iter().flat_map(|e| [&u16::try_from(e.len()).expect("an entry is short").to_be_bytes(), e.as_slice()].concat()).collect()
}

/// Replaces the first tile of entries, and the hashes of its leaves with it, as a forger without the key would.
fn forge(log: &Path, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let file = log.join("tile/entries/000");
    let mut list = entries(&fs::read(&file).expect("the log has more than one tile"));
    change(&mut list);
    let hashes: Vec<u8> = list.iter().flat_map(|entry| Sha256::new_with_prefix([0]).chain_update(entry).finalize()).collect();
    write(&file, &entries_tile(&list));
    write(&log.join("tile/0/000"), &hashes);
}

#[tokio::test(flavor = "multi_thread")]
async fn go_and_openssl_accept_a_log_of_a_thousand_events_and_no_damaged_copy() {
    let server = Server::start();
    let log = fetched(&server, 1000).await;
    assert!(log.size >= 1000, "{} events", log.size);
    let bundle = log.folder.path().join("bundle");
    let said = accepted_and_no_damaged_copy(&bundle, &log.vkey, None, Some(&log.older)).expect("accepted, and each damage refused");
    assert!(said.contains(&format!("signature and {} entries hold", log.size)), "{said}");
    assert!(
        said.contains(&format!("consistent with the checkpoint of {} entries", size(&fs::read(&log.older).expect("it was kept")))),
        "{said}"
    );
    assert!(said.contains("openssl: the signatures hold"), "{said}");

    let forged = |name: &str, change: fn(&mut Vec<Vec<u8>>)| {
        let copied = log.folder.path().join(name);
        copy(&bundle, &copied);
        forge(&copied.join("log"), change);
        go_verifier(&copied, &log.vkey, Some(&log.older)).expect_err(name)
    };
    forged("swapped", |entries| entries.swap(7, 8));
    forged("rewritten", |entries| {
        let text = String::from_utf8_lossy(&entries[9]).replace("\"source\"", "\"sourcf\"");
        entries[9] = text.into_bytes();
    });
    let said = forged("left out", |entries| {
        entries.remove(5);
    });
    assert!(said.contains("refused"), "{said}");

    // An earlier checkpoint than the one that was kept: somebody rolled the log back.
    let back = go_verifier(&bundle, &log.vkey, Some(&bundle.join("log/checkpoint")));
    assert!(back.is_ok(), "a log is consistent with itself: {back:?}");
    let rolled = log.folder.path().join("rolled back");
    copy(&bundle, &rolled);
    fs::copy(&log.older, rolled.join("log/checkpoint")).expect("a temporary folder can be written");
    let refused = go_verifier(&rolled, &log.vkey, Some(&bundle.join("log/checkpoint")));
    assert!(refused.is_err(), "{refused:?}");
}

// proves: EXP-01, REC-13
#[tokio::test(flavor = "multi_thread")]
async fn go_and_openssl_accept_an_exported_bundle_and_no_damaged_copy() {
    let server = Server::start();
    let log = fetched(&server, 1000).await;
    let unpacked = log.folder.path().join("unpacked");
    let zip = server.path("bundle.zip");
    server.run(&["export", "--all", "--out", &zip.display().to_string(), "--by", "otto@example.com"]);
    unpack(&zip, &unpacked);
    let said = accepted_and_no_damaged_copy(&unpacked, &log.vkey, None, Some(&log.older)).expect("accepted, and each damage refused");
    assert!(said.contains("consistent with the checkpoint") && said.contains("sealed values fit their commitments"), "{said}");
    let exported = size(&fs::read(unpacked.join("log/checkpoint")).expect("a bundle has a checkpoint"));
    assert!(exported >= log.size && exported >= 1000, "{exported} events");
}

#[tokio::test(flavor = "multi_thread")]
async fn go_finds_the_witness_in_the_bundle_of_the_demonstration() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let mut story = server::program();
    let told = story.args(["demo", "--script", "--data"]).arg(data.path()).output().expect("the program can be started");
    let words = String::from_utf8_lossy(&told.stdout);
    assert!(told.status.success(), "{words}{}", String::from_utf8_lossy(&told.stderr));
    let unpacked = data.path().join("unpacked");
    unpack(&data.path().join("bundle.zip"), &unpacked);
    let (vkey, witness) = (data.path().join("log.vkey"), data.path().join("witness.vkey"));
    accepted_and_no_damaged_copy(&unpacked, &vkey, Some(&witness), None).expect("accepted, and each damage refused");
    let swapped = accepted_and_no_damaged_copy(&unpacked, &witness, Some(&vkey), None);
    assert!(swapped.is_err(), "the log's key is no witness's: {swapped:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn go_refuses_a_log_regrown_with_the_same_key_and_one_of_another_key() {
    let server = Server::start();
    let kept = fetched(&server, 100).await;
    let again = Server::start_with_key(&server.path("log.key"));
    let regrown = fetched(&again, 100).await;
    assert_eq!(fs::read(&kept.vkey).expect("it was written"), fs::read(&regrown.vkey).expect("it was written"), "the same name and key");
    let bundle = regrown.folder.path().join("bundle");
    go_verifier(&bundle, &regrown.vkey, Some(&regrown.older)).expect("by itself it is in order");
    let refused = go_verifier(&bundle, &regrown.vkey, Some(&kept.older)).expect_err("but it is not the log that was seen before");
    assert!(refused.contains("consistency with the older checkpoint"), "{refused}");

    let stranger = Server::start();
    let theirs = regrown.folder.path().join("stranger.vkey");
    fs::write(&theirs, stranger.run(&["keys", "show"])).expect("a temporary folder can be written");
    let refused = go_verifier(&bundle, &theirs, None).expect_err("another key");
    assert!(refused.contains("checkpoint"), "{refused}");
}
