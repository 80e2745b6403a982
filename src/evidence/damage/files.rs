//! A byte, a file or an event of a bundle is not what it was.

use super::*;

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
