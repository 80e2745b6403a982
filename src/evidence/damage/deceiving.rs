//! Bundles that were built to deceive whoever opens them.

use super::*;

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
