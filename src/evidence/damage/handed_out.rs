//! Keys and values that belong elsewhere, and what is not handed out at all.

use super::*;

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
