//! Tiles: the tree and its entries as files that never change once full (C2SP tlog-tiles).
//!
//! A tile of hashes at level L holds up to 256 hashes, each the root of 256^L leaves; a tile of entries holds up
//! to 256 entries, each behind its length. Paths are `tile/<L>/<N>[.p/<W>]` and `tile/entries/<N>[.p/<W>]`.

use std::collections::BTreeMap;
use std::fmt;

use super::canonical::MAX_EVENT;
use super::merkle::Hash;

/// Hashes or entries in a full tile.
pub const WIDTH: u16 = 256;

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// The entries themselves.
    Entries,
    /// Hashes of subtrees of 256^level leaves.
    Hashes(u8),
}

/// Which tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// What it holds.
    pub kind: TileKind,
    /// Its place in the row of its kind, from 0.
    pub index: u64,
    /// How many hashes or entries it holds: 1 to 256. Less than 256 is a partial tile.
    pub width: u16,
}

impl Tile {
    /// The tile's path below the log's directory, with slashes.
    #[must_use]
    pub fn path(&self) -> String {
        let row = match self.kind {
            TileKind::Entries => "entries".to_owned(),
            TileKind::Hashes(level) => level.to_string(),
        };
        let mut number = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest > 0 {
            number = format!("x{:03}/{number}", rest % 1000);
            rest /= 1000;
        }
        if self.width == WIDTH { format!("tile/{row}/{number}") } else { format!("tile/{row}/{number}.p/{}", self.width) }
    }

    /// Reads a path as [`Tile::path`] writes it; anything else (`tile/00/000`, `tile/0/x000/001`) is `None`.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        // The longest possible path has seven groups of digits.
        if path.len() > 64 {
            return None;
        }
        let (row, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let kind = if row == "entries" { TileKind::Entries } else { TileKind::Hashes(row.parse().ok().filter(|level| *level < 64)?) };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok().filter(|w| (1..WIDTH).contains(w))?),
            None => (rest, WIDTH),
        };
        let mut index: u64 = 0;
        for group in number.split('/') {
            let digits = group.trim_start_matches('x');
            if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
        }
        let tile = Self { kind, index, width };
        // Writing it again settles every question of leading zeros and of where an `x` stands.
        (tile.path() == path).then_some(tile)
    }

    /// The tile of hashes that holds `position` of tile level `level` in a tree of `size` leaves, as wide as it is
    /// at that size; `None` when the tree has no such hash.
    #[must_use]
    pub fn of_hash(level: u8, position: u64, size: u64) -> Option<Self> {
        let row = row_length(level, size);
        (position < row).then(|| Self { kind: TileKind::Hashes(level), index: position / 256, width: width_at(row, position / 256) })
    }

    /// The tile of entries that holds `seq` in a tree of `size` leaves; `None` beyond its end.
    #[must_use]
    pub fn of_entry(seq: u64, size: u64) -> Option<Self> {
        (seq < size).then(|| Self { kind: TileKind::Entries, index: seq / 256, width: width_at(size, seq / 256) })
    }

    /// Every tile of a tree of `size` leaves: the entries, then the levels from below, each from the left.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        let levels = (0..8).map(TileKind::Hashes).filter(move |kind| kind.row_length(size) > 0);
        std::iter::once(TileKind::Entries).chain(levels).flat_map(move |kind| {
            let row = kind.row_length(size);
            (0..row.div_ceil(256)).map(move |index| Self { kind, index, width: width_at(row, index) })
        })
    }
}

impl TileKind {
    /// How many hashes or entries a tree of `size` leaves has in this row.
    #[must_use]
    pub fn row_length(self, size: u64) -> u64 {
        match self {
            Self::Entries => size,
            Self::Hashes(level) => row_length(level, size),
        }
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

fn row_length(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level) * 8).unwrap_or(0)
}

fn width_at(row: u64, index: u64) -> u16 {
    u16::try_from(row.saturating_sub(index.saturating_mul(256)).min(256)).unwrap_or(WIDTH)
}

/// Gives the hashes of tiles, from wherever they are kept.
pub trait TileReader {
    /// What can go wrong where they are kept.
    type Error;

    /// The first `width` hashes of the tile `index` at tile level `level`. A reader that has a wider tile there
    /// returns its beginning.
    ///
    /// # Errors
    /// When they cannot be had; never fewer hashes than asked.
    fn hashes(&mut self, level: u8, index: u64, width: u16) -> Result<Vec<Hash>, Self::Error>;
}

/// Tiles fetched beforehand, by level and index.
pub type TileSet = BTreeMap<(u8, u64), Vec<Hash>>;

/// A tile that a [`TileSet`] does not hold, or not as wide as needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tile {0} is missing or too short")]
pub struct TileMissing(pub Tile);

impl TileReader for TileSet {
    type Error = TileMissing;

    fn hashes(&mut self, level: u8, index: u64, width: u16) -> Result<Vec<Hash>, TileMissing> {
        let held = self.get(&(level, index)).and_then(|hashes| hashes.get(..usize::from(width)));
        held.map(<[Hash]>::to_vec).ok_or(TileMissing(Tile { kind: TileKind::Hashes(level), index, width }))
    }
}

/// A tile's file does not have the right form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTile {
    /// The number of bytes does not belong to the number of hashes.
    #[error("a tile of {0} hashes has 32 bytes for each")]
    WrongSize(u16),
    /// The entries end early, go on, or there is a wrong number of them.
    #[error("the entries do not fill the tile exactly")]
    WrongEntries,
    /// An entry of more than 65,535 bytes.
    #[error("an entry is longer than 65,535 bytes")]
    EntryTooLong,
}

/// A tile of hashes as bytes.
#[must_use]
pub fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// Reads a tile of exactly `width` hashes.
///
/// # Errors
/// [`BadTile::WrongSize`].
pub fn decode_hashes(bytes: &[u8], width: u16) -> Result<Vec<Hash>, BadTile> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if rest.is_empty() && hashes.len() == usize::from(width) {
        Ok(hashes.iter().copied().map(Hash).collect())
    } else {
        Err(BadTile::WrongSize(width))
    }
}

/// A tile of entries as bytes: each behind its length in 16 bits, big-endian.
///
/// # Errors
/// [`BadTile::EntryTooLong`].
pub fn encode_entries<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, BadTile> {
    let mut out = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len()).map_err(|_| BadTile::EntryTooLong)?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(entry);
    }
    Ok(out)
}

/// Reads a tile of exactly `width` entries.
///
/// # Errors
/// [`BadTile::WrongEntries`].
pub fn decode_entries(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, BadTile> {
    let mut entries = Vec::with_capacity(usize::from(width));
    let mut rest = bytes;
    for _ in 0..width {
        let (length, after) = rest.split_first_chunk::<2>().ok_or(BadTile::WrongEntries)?;
        let (entry, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(BadTile::WrongEntries)?;
        entries.push(entry);
        rest = after;
    }
    if rest.is_empty() { Ok(entries) } else { Err(BadTile::WrongEntries) }
}

/// The largest file that a tile of this kind can be, in bytes.
#[must_use]
pub fn max_file(kind: TileKind) -> u64 {
    match kind {
        TileKind::Entries => 256 * (2 + MAX_EVENT as u64),
        TileKind::Hashes(_) => 256 * 32,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hashes(level: u8, index: u64, width: u16) -> Tile {
        Tile { kind: TileKind::Hashes(level), index, width }
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        assert_eq!(hashes(0, 1_234_067, 256).path(), "tile/0/x001/x234/067");
        assert_eq!(hashes(1, 0, 7).path(), "tile/1/000.p/7");
        assert_eq!(Tile { kind: TileKind::Entries, index: 999, width: 256 }.path(), "tile/entries/999");
    }

    #[test]
    fn only_one_path_names_a_tile() {
        let wrong = [
            "tile/0/0",
            "tile/0/1000",
            "tile/00/000",
            "tile/+0/000",
            "tile/0/x000/001",
            "tile/0/001/002",
            "tile/0/x001",
            "tile/0/xx001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/+1",
            "tile/64/000",
            "tile/0/",
            "tile/0",
            "tile/entries",
            "tile/0/000/",
            "/tile/0/000",
            "tile/0/x999/x999/x999/x999/x999/x999/999",
            "tile/data/000",
            "tile/0/..",
        ];
        for path in wrong {
            assert_eq!(Tile::parse(path), None, "{path}");
        }
    }

    #[test]
    fn all_tiles_of_a_size() {
        let paths = |size| Tile::all(size).map(|t| t.path()).collect::<Vec<_>>();
        assert_eq!(paths(0), Vec::<String>::new());
        assert_eq!(paths(1), ["tile/entries/000.p/1", "tile/0/000.p/1"]);
        assert_eq!(paths(256), ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]);
        assert_eq!(paths(257), ["tile/entries/000", "tile/entries/001.p/1", "tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1"]);
        assert_eq!(Tile::all(65_536).last(), Some(hashes(2, 0, 1)));
        assert_eq!(Tile::of_hash(1, 1, 511), None);
        assert_eq!(Tile::of_hash(1, 1, 512), Some(hashes(1, 0, 2)));
        assert_eq!(Tile::of_entry(256, 300), Some(Tile { kind: TileKind::Entries, index: 1, width: 44 }));
        assert_eq!(Tile::of_entry(300, 300), None);
    }

    #[test]
    fn entries_must_fill_their_tile_exactly() {
        let bytes = encode_entries([b"one".as_slice(), b"", b"three"]).unwrap();
        assert_eq!(decode_entries(&bytes, 3).unwrap(), [b"one".as_slice(), b"", b"three"]);
        assert_eq!(decode_entries(&bytes, 2), Err(BadTile::WrongEntries));
        assert_eq!(decode_entries(&bytes, 4), Err(BadTile::WrongEntries));
        assert_eq!(decode_entries(&bytes[..bytes.len() - 1], 3), Err(BadTile::WrongEntries));
        assert_eq!(encode_entries([vec![0; 65_536].as_slice()]), Err(BadTile::EntryTooLong));
        assert_eq!(decode_hashes(&[0; 63], 2), Err(BadTile::WrongSize(2)));
        assert_eq!(decode_hashes(&[0; 64], 2).unwrap().len(), 2);
        assert_eq!(decode_hashes(&[0; 64], 3), Err(BadTile::WrongSize(3)));
    }

    proptest! {
        #[test]
        fn every_tile_is_named_and_read_back(level in 0_u8..8, index in any::<u64>(), width in 1_u16..=256, entries in any::<bool>()) {
            let kind = if entries { TileKind::Entries } else { TileKind::Hashes(level) };
            let tile = Tile { kind, index, width };
            prop_assert_eq!(Tile::parse(&tile.path()), Some(tile));
        }
    }
}
