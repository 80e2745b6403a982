//! Every parser of the ledger meets bytes that nobody would write: none may panic, and what is accepted is written
//! back as the same bytes.

use proptest::prelude::*;

use super::canonical::{parse_event, to_canonical};
use super::checkpoint::Checkpoint;
use super::disclosed::Disclosed;
use super::envelope::Envelope;
use super::key::VerifierKey;
use super::merkle::{Frontier, Hash, verify_consistency, verify_inclusion};
use super::note::Note;
use super::proof::Receipt;
use super::tile::{Tile, decode_entries, decode_hashes};
use super::witness::{AddCheckpoint, parse_answer};

const SOUND: [&str; 5] = [
    "log.invalid/a\n42\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n\n— log.invalid/a AAAAAAA=\n",
    "old 3\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n\nlog.invalid/a\n42\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n\n— log.invalid/a AAAAAAA=\n",
    "c2sp.org/tlog-proof@v1\nextra AAAA\nindex 4\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n\nlog.invalid/a\n42\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n\n— log.invalid/a AAAAAAA=\n",
    "tile/0/x001/x234/067.p/12",
    "{\"a\":[1,\"b\",null],\"b\":{}}",
];

fn all_parsers(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let event = parse_event(bytes);
    assert_eq!(Envelope::parse(bytes).err(), event.as_ref().err().cloned());
    if let Ok(value) = event {
        assert_eq!(to_canonical(&value).unwrap(), bytes);
    }
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(Note::parse(note.to_string().as_bytes()).unwrap(), note);
    }
    if let Ok(checkpoint) = Checkpoint::parse(&text) {
        assert_eq!(checkpoint.to_string(), text);
    }
    if let Some(tile) = Tile::parse(&text) {
        assert_eq!(tile.path(), text);
    }
    if let Ok(receipt) = Receipt::parse(bytes) {
        assert_eq!(receipt.to_string().as_bytes(), bytes);
    }
    if let Ok(request) = AddCheckpoint::parse(bytes) {
        assert_eq!(request.to_string().as_bytes(), bytes);
    }
    if let Ok(frontier) = Frontier::from_bytes(bytes) {
        assert_eq!(frontier.to_bytes(), bytes);
    }
    let _ = (VerifierKey::parse(&text), Disclosed::parse(bytes), parse_answer(bytes), decode_entries(bytes, 3), decode_hashes(bytes, 3));
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        all_parsers(&bytes);
    }

    #[test]
    fn sound_texts_with_changes_never_panic(which in 0..SOUND.len(), edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), cut in any::<prop::sample::Index>(), keep in any::<bool>()) {
        let mut bytes = SOUND[which].as_bytes().to_vec();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if !keep {
            bytes.truncate(cut.index(bytes.len()));
        }
        all_parsers(&bytes);
    }

    #[test]
    fn proofs_of_any_size_never_panic(a in any::<u64>(), b in any::<u64>(), length in 0_usize..70) {
        let proof = vec![Hash::empty(); length];
        prop_assert!(verify_inclusion(a, b, Hash::empty(), &proof, Hash::leaf(b"")).is_err());
        let _ = verify_consistency(a, Hash::empty(), b, Hash::leaf(b""), &proof);
    }
}

#[test]
fn the_sound_texts_are_sound() {
    assert!(Note::parse(SOUND[0].as_bytes()).is_ok());
    assert!(AddCheckpoint::parse(SOUND[1].as_bytes()).is_ok());
    assert!(Receipt::parse(SOUND[2].as_bytes()).is_ok());
    assert!(Tile::parse(SOUND[3]).is_some());
    assert!(parse_event(SOUND[4].as_bytes()).is_ok());
}
