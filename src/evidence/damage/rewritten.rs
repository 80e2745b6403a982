//! The log's own owner cuts, rewrites and signs again.

use super::*;

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
