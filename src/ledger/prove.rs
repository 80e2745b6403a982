//! Proofs made from tiles: that an entry stands in the log, and that a log continues an earlier one.
//!
//! A proof is a list of subtree roots. Each is first named as a range of leaves, then read from tiles, so a caller
//! that reads asynchronously can ask [`tiles_for_inclusion`] or [`tiles_for_consistency`] what to fetch.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::merkle::Hash;
use super::tile::{Tile, TileKind, TileReader};

/// Why there is no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoProof<E> {
    /// The entry, or the smaller tree, lies beyond the tree.
    #[error("the tree has only {size} entries")]
    Beyond {
        /// The tree's size.
        size: u64,
    },
    /// The tiles could not be read.
    #[error(transparent)]
    Tiles(#[from] E),
}

/// The inclusion proof of the entry `index` in the tree of `size` leaves: siblings from the leaf upwards (RFC 6962
/// section 2.1.1).
///
/// # Errors
/// When the tree has no such entry, or a tile cannot be read.
pub fn inclusion<R: TileReader>(reader: &mut R, index: u64, size: u64) -> Result<Vec<Hash>, NoProof<R::Error>> {
    if index >= size {
        return Err(NoProof::Beyond { size });
    }
    let mut tiles = Cache::new(reader, size);
    inclusion_ranges(index, size).into_iter().map(|range| Ok(tiles.root_of(range)?)).collect()
}

/// The consistency proof from the tree of `old_size` leaves to that of `size` (RFC 6962 section 2.1.2). Empty when
/// the sizes are equal or the old tree is empty.
///
/// # Errors
/// When the old tree is the larger one, or a tile cannot be read.
pub fn consistency<R: TileReader>(reader: &mut R, old_size: u64, size: u64) -> Result<Vec<Hash>, NoProof<R::Error>> {
    if old_size > size {
        return Err(NoProof::Beyond { size });
    }
    let mut tiles = Cache::new(reader, size);
    consistency_ranges(old_size, size).into_iter().map(|range| Ok(tiles.root_of(range)?)).collect()
}

/// The root of the tree of `size` leaves, read from the tiles' tops.
///
/// # Errors
/// When a tile cannot be read.
pub fn root<R: TileReader>(reader: &mut R, size: u64) -> Result<Hash, R::Error> {
    if size == 0 { Ok(Hash::empty()) } else { Cache::new(reader, size).root_of(0..size) }
}

/// The tiles that [`inclusion`] will read.
#[must_use]
pub fn tiles_for_inclusion(index: u64, size: u64) -> BTreeSet<Tile> {
    if index < size { tiles_of(inclusion_ranges(index, size), size) } else { BTreeSet::new() }
}

/// The tiles that [`consistency`] will read.
#[must_use]
pub fn tiles_for_consistency(old_size: u64, size: u64) -> BTreeSet<Tile> {
    tiles_of(consistency_ranges(old_size, size), size)
}

/// The tiles that [`root`] will read.
#[must_use]
pub fn tiles_for_root(size: u64) -> BTreeSet<Tile> {
    if size == 0 { BTreeSet::new() } else { tiles_of(std::iter::once(0..size), size) }
}

fn tiles_of(ranges: impl IntoIterator<Item = Range<u64>>, size: u64) -> BTreeSet<Tile> {
    ranges.into_iter().flat_map(perfect_subtrees).filter_map(|subtree| subtree.tile(size)).collect()
}

/// The largest power of two below `n`; `n` is at least 2.
fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

fn inclusion_ranges(index: u64, size: u64) -> Vec<Range<u64>> {
    let (mut low, mut high, mut ranges) = (0, size, Vec::new());
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            ranges.push(middle..high);
            high = middle;
        } else {
            ranges.push(low..middle);
            low = middle;
        }
    }
    ranges.reverse();
    ranges
}

fn consistency_ranges(old_size: u64, size: u64) -> Vec<Range<u64>> {
    let (mut low, mut high, mut ranges) = (0, size, Vec::new());
    if old_size == 0 || old_size >= size {
        return ranges;
    }
    while old_size < high {
        let middle = low + split(high - low);
        if old_size <= middle {
            ranges.push(middle..high);
            high = middle;
        } else {
            ranges.push(low..middle);
            low = middle;
        }
    }
    // The old tree itself is known to the verifier; a right part of it is not.
    if low > 0 {
        ranges.push(low..high);
    }
    ranges.reverse();
    ranges
}

/// 2^height leaves that begin at a multiple of 2^height.
#[derive(Clone, Copy)]
struct Subtree {
    height: u32,
    start: u64,
}

impl Subtree {
    fn tile_level(self) -> u8 {
        u8::try_from(self.height / 8).unwrap_or(u8::MAX)
    }

    /// Positions of the tile's row that lie below this subtree's root; at most 128 of them.
    fn slots(self) -> Range<u64> {
        let first = self.start >> (u32::from(self.tile_level()) * 8);
        first..first + (1 << (self.height % 8))
    }

    fn tile(self, size: u64) -> Option<Tile> {
        Tile::of_hash(self.tile_level(), self.slots().start, size)
    }
}

/// The perfect subtrees that a range of leaves of a proof consists of, from the left.
fn perfect_subtrees(range: Range<u64>) -> Vec<Subtree> {
    let (mut start, mut subtrees) = (range.start, Vec::new());
    while start < range.end {
        let height = (range.end - start).ilog2().min(start.trailing_zeros());
        subtrees.push(Subtree { height, start });
        start += 1 << height;
    }
    subtrees
}

/// Reads each tile of one proof once.
struct Cache<'a, R: TileReader> {
    reader: &'a mut R,
    size: u64,
    tiles: BTreeMap<Tile, Vec<Hash>>,
}

impl<'a, R: TileReader> Cache<'a, R> {
    fn new(reader: &'a mut R, size: u64) -> Self {
        Self { reader, size, tiles: BTreeMap::new() }
    }

    fn root_of(&mut self, range: Range<u64>) -> Result<Hash, R::Error> {
        let mut roots = Vec::new();
        for subtree in perfect_subtrees(range) {
            roots.push(self.root_of_subtree(subtree)?);
        }
        let right = roots.pop().unwrap_or_else(Hash::empty);
        Ok(roots.iter().rev().fold(right, |right, left| Hash::node(left, &right)))
    }

    fn root_of_subtree(&mut self, subtree: Subtree) -> Result<Hash, R::Error> {
        let slots = subtree.slots();
        let mut row = Vec::new();
        if let Some(tile) = subtree.tile(self.size) {
            let held = match self.tiles.entry(tile) {
                std::collections::btree_map::Entry::Occupied(held) => held.into_mut(),
                std::collections::btree_map::Entry::Vacant(free) => {
                    let TileKind::Hashes(level) = tile.kind else { return Ok(Hash::empty()) };
                    free.insert(self.reader.hashes(level, tile.index, tile.width)?)
                }
            };
            let first = usize::try_from(slots.start % 256).unwrap_or(0);
            row.extend(held.iter().skip(first).take(1 << (subtree.height % 8)));
        }
        // Fold the row into its root, pair by pair.
        while row.len() > 1 {
            row = row.chunks(2).map(|pair| pair.get(1).map_or(pair[0], |right| Hash::node(&pair[0], right))).collect();
        }
        Ok(row.first().copied().unwrap_or_else(Hash::empty))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::merkle::{Frontier, verify_consistency, verify_inclusion};
    use super::super::tile::TileSet;
    use super::*;

    /// The tiles of a tree, with only those hashes that the tree has.
    fn grow(size: u64) -> (TileSet, Vec<Hash>) {
        let (mut tiles, mut frontier, mut roots) = (TileSet::new(), Frontier::new(), vec![Hash::empty()]);
        for i in 0..size {
            frontier.append_noting(Hash::leaf(&i.to_be_bytes()), |level, position, hash| {
                tiles.entry((level, position / 256)).or_default().push(hash);
            });
            roots.push(frontier.root());
        }
        (tiles, roots)
    }

    #[test]
    fn proofs_from_tiles_hold_at_every_size_near_the_edges_of_tiles() {
        let (mut tiles, roots) = grow(66_000);
        for size in [1, 2, 3, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 65_793, 66_000] {
            let at = |size: u64| roots[usize::try_from(size).unwrap()];
            assert_eq!(root(&mut tiles, size), Ok(at(size)));
            for index in [0, 1, 255, 256, size / 2, size - 1].into_iter().filter(|i| *i < size) {
                let proof = inclusion(&mut tiles, index, size).unwrap();
                assert_eq!(verify_inclusion(index, size, Hash::leaf(&index.to_be_bytes()), &proof, at(size)), Ok(()));
            }
            for old in [0, 1, 2, 255, 256, 257, size / 2, size].into_iter().filter(|old| *old <= size) {
                let proof = consistency(&mut tiles, old, size).unwrap();
                assert_eq!(verify_consistency(old, at(old), size, at(size), &proof), Ok(()), "{old} to {size}");
            }
        }
    }

    #[test]
    fn the_named_tiles_are_enough() {
        let (all, roots) = grow(1_000);
        let only = |wanted: BTreeSet<Tile>| -> TileSet {
            let level = |tile: &Tile| if let TileKind::Hashes(level) = tile.kind { level } else { 0 };
            wanted.iter().map(|t| ((level(t), t.index), all[&(level(t), t.index)][..usize::from(t.width)].to_vec())).collect()
        };
        for (index, size) in [(0, 1), (3, 700), (699, 700), (512, 1_000)] {
            assert!(inclusion(&mut only(tiles_for_inclusion(index, size)), index, size).is_ok());
            assert!(consistency(&mut only(tiles_for_consistency(index, size)), index, size).is_ok());
            assert_eq!(root(&mut only(tiles_for_root(size)), size), Ok(roots[usize::try_from(size).unwrap()]));
        }
    }

    #[test]
    fn beyond_the_tree_there_is_no_proof() {
        let (mut tiles, _) = grow(5);
        assert_eq!(inclusion(&mut tiles, 5, 5), Err(NoProof::Beyond { size: 5 }));
        assert_eq!(consistency(&mut tiles, 6, 5), Err(NoProof::Beyond { size: 5 }));
        assert!(matches!(inclusion(&mut TileSet::new(), 0, 5), Err(NoProof::Tiles(_))));
    }

    proptest! {
        #[test]
        fn any_proof_holds(size in 1_u64..2_000, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
            let (mut tiles, roots) = grow(size);
            let top = usize::try_from(size).unwrap();
            let (index, old) = (a.index(top) as u64, b.index(top + 1) as u64);
            let proof = inclusion(&mut tiles, index, size).unwrap();
            prop_assert_eq!(verify_inclusion(index, size, Hash::leaf(&index.to_be_bytes()), &proof, roots[top]), Ok(()));
            let proof = consistency(&mut tiles, old, size).unwrap();
            prop_assert_eq!(verify_consistency(old, roots[b.index(top + 1)], size, roots[top], &proof), Ok(()));
        }
    }
}
