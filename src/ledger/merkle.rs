//! The Merkle tree of RFC 6962: leaf and node hashes, the running root, proofs and their verification.
//!
//! A [`Frontier`] is all that must be kept to append and to say the root: at most 64 hashes. Proofs are made from
//! tiles in [`super::prove`] and checked here, by the loops of RFC 9162 section 2.1.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// A SHA-256 of the tree. Written as standard base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The root of the empty tree: SHA-256 of nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self(Sha256::digest(b"").into())
    }

    /// The hash of a leaf: SHA-256(0x00 ‖ entry).
    #[must_use]
    pub fn leaf(entry: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update([0]);
        hash.update(entry);
        Self(hash.finalize().into())
    }

    /// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
    #[must_use]
    pub fn node(left: &Self, right: &Self) -> Self {
        let mut hash = Sha256::new();
        hash.update([1]);
        hash.update(left.0);
        hash.update(right.0);
        Self(hash.finalize().into())
    }

    /// Reads standard base64 with padding of exactly 32 bytes.
    #[must_use]
    pub fn from_base64(text: &str) -> Option<Self> {
        // 44 characters: refuse anything longer before decoding it.
        if text.len() != 44 {
            return None;
        }
        STANDARD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The right edge of a tree: its size and the roots of its perfect subtrees, largest first. Enough to append and
/// to say the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

/// Bytes that are not a stored [`Frontier`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are not the edge of a Merkle tree")]
pub struct NotAFrontier;

impl Frontier {
    /// The edge of the empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves the tree has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends one leaf hash (see [`Hash::leaf`]).
    pub fn append(&mut self, leaf: Hash) {
        self.append_noting(leaf, |_, _, _| {});
    }

    /// Appends one leaf hash and says every hash that belongs into a tile now, lowest first: the tile's level,
    /// the position within that level (so tile `position / 256`, slot `position % 256`) and the hash.
    pub fn append_noting(&mut self, leaf: Hash, mut note: impl FnMut(u8, u64, Hash)) {
        let position = self.size;
        let mut hash = leaf;
        let mut height: u8 = 0;
        note(0, position, hash);
        // Each low one-bit of the old size is a subtree that the new leaf completes into the next larger one.
        while (position >> height) & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            hash = Hash::node(&left, &hash);
            height += 1;
            if height.is_multiple_of(8) {
                note(height / 8, position >> height, hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The tree's root (RFC 6962 section 2.1).
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return Hash::empty() };
        peaks.fold(*last, |right, left| Hash::node(left, &right))
    }

    /// The size (8 bytes, big-endian) and the peaks: at most 2,056 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(8 + 32 * self.peaks.len());
        out.extend_from_slice(&self.size.to_be_bytes());
        for peak in &self.peaks {
            out.extend_from_slice(&peak.0);
        }
        out
    }

    /// Reads what [`Frontier::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the number of hashes does not belong to the size.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotAFrontier> {
        let (size, peaks) = bytes.split_first_chunk::<8>().ok_or(NotAFrontier)?;
        let size = u64::from_be_bytes(*size);
        let (hashes, rest) = peaks.as_chunks::<32>();
        // Sequence numbers are signed 64-bit integers in the database: no tree grows beyond them.
        if i64::try_from(size).is_err() || !rest.is_empty() || hashes.len() != size.count_ones() as usize {
            return Err(NotAFrontier);
        }
        Ok(Self { size, peaks: hashes.iter().copied().map(Hash).collect() })
    }
}

/// A proof that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofRefused {
    /// The leaf is not below this root at this place.
    #[error("the inclusion proof does not lead to the root")]
    NotIncluded,
    /// The larger tree does not continue the smaller one.
    #[error("the consistency proof does not hold: the larger tree does not continue the smaller one")]
    NotConsistent,
}

/// Checks that `leaf` stands at `index` of the tree with this size and root (RFC 9162 section 2.1.3.2).
///
/// # Errors
/// [`ProofRefused::NotIncluded`].
pub fn verify_inclusion(index: u64, size: u64, leaf: Hash, proof: &[Hash], root: Hash) -> Result<(), ProofRefused> {
    if index >= size {
        return Err(ProofRefused::NotIncluded);
    }
    let (mut position, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in proof {
        if last == 0 {
            return Err(ProofRefused::NotIncluded);
        }
        if position & 1 == 1 || position == last {
            hash = Hash::node(sibling, &hash);
            while position & 1 == 0 && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            hash = Hash::node(&hash, sibling);
        }
        position >>= 1;
        last >>= 1;
    }
    if last == 0 && hash == root { Ok(()) } else { Err(ProofRefused::NotIncluded) }
}

/// Checks that the tree of `new_size` continues the tree of `old_size` (RFC 9162 section 2.1.4.2). Every tree
/// continues the empty one, with an empty proof.
///
/// # Errors
/// [`ProofRefused::NotConsistent`].
pub fn verify_consistency(old_size: u64, old_root: Hash, new_size: u64, new_root: Hash, proof: &[Hash]) -> Result<(), ProofRefused> {
    let refused = Err(ProofRefused::NotConsistent);
    if old_size > new_size {
        return refused;
    }
    if old_size == 0 || old_size == new_size {
        let known_empty = old_size != 0 || old_root == Hash::empty();
        let unchanged = old_size != new_size || old_root == new_root;
        return if proof.is_empty() && known_empty && unchanged { Ok(()) } else { refused };
    }
    let (mut position, mut last) = (old_size - 1, new_size - 1);
    while position & 1 == 1 {
        position >>= 1;
        last >>= 1;
    }
    let mut hashes = proof.iter();
    // A smaller tree that is perfect is a node of the larger one: then its root is where the proof starts.
    let start = if old_size.is_power_of_two() { Some(&old_root) } else { hashes.next() };
    let Some(start) = start else { return refused };
    let (mut old, mut new) = (*start, *start);
    for sibling in hashes {
        if last == 0 {
            return refused;
        }
        if position & 1 == 1 || position == last {
            old = Hash::node(sibling, &old);
            new = Hash::node(sibling, &new);
            while position & 1 == 0 && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            new = Hash::node(&new, sibling);
        }
        position >>= 1;
        last >>= 1;
    }
    if last == 0 && old == old_root && new == new_root { Ok(()) } else { refused }
}

#[cfg(test)]
mod tests {
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use proptest::prelude::*;

    use super::*;

    fn entry(i: u64) -> Vec<u8> {
        format!("entry {i}").into_bytes()
    }

    fn theirs(size: u64) -> MemoryBackedTree<Sha256, Vec<u8>> {
        let mut tree = MemoryBackedTree::new();
        (0..size).for_each(|i| tree.push(entry(i)));
        tree
    }

    fn ours(size: u64) -> Frontier {
        let mut frontier = Frontier::new();
        (0..size).for_each(|i| frontier.append(Hash::leaf(&entry(i))));
        frontier
    }

    fn hashes(bytes: &[u8]) -> Vec<Hash> {
        bytes.as_chunks::<32>().0.iter().copied().map(Hash).collect()
    }

    #[test]
    fn known_answers_of_rfc_6962() {
        assert_eq!(hex::encode(Hash::empty().0), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(hex::encode(Hash::leaf(b"").0), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        assert_eq!(Frontier::new().root(), Hash::empty());
    }

    #[test]
    fn roots_equal_those_of_another_implementation() {
        let (mut tree, mut frontier) = (theirs(0), Frontier::new());
        for i in 0..600 {
            tree.push(entry(i));
            frontier.append(Hash::leaf(&entry(i)));
            assert_eq!(frontier.root().0, <[u8; 32]>::from(*tree.root().as_bytes()), "size {}", i + 1);
        }
    }

    #[test]
    fn a_frontier_survives_storage_and_wrong_bytes_are_refused() {
        for size in [0, 1, 2, 3, 255, 256, 257, 600] {
            let frontier = ours(size);
            assert_eq!(Frontier::from_bytes(&frontier.to_bytes()), Ok(frontier));
        }
        let bytes = ours(7).to_bytes();
        assert_eq!(Frontier::from_bytes(&bytes[..bytes.len() - 1]), Err(NotAFrontier));
        assert_eq!(Frontier::from_bytes(&bytes[..bytes.len() - 32]), Err(NotAFrontier));
        assert_eq!(Frontier::from_bytes(&[]), Err(NotAFrontier));
        assert_eq!(Frontier::from_bytes(&[0xff; 8 + 64 * 32]), Err(NotAFrontier));
        let mut largest = Frontier::from_bytes(&[i64::MAX.to_be_bytes().as_slice(), &[1; 63 * 32]].concat()).unwrap();
        largest.append(Hash::empty());
        assert_eq!(largest.to_bytes().len(), 8 + 32);
    }

    #[test]
    fn appending_says_which_hashes_belong_into_tiles() {
        let mut frontier = Frontier::new();
        let mut above = Vec::new();
        for i in 0..513 {
            frontier.append_noting(Hash::leaf(&entry(i)), |level, position, hash| {
                if level == 0 {
                    assert_eq!((position, hash), (i, Hash::leaf(&entry(i))));
                } else {
                    above.push((level, position, hash));
                }
            });
        }
        let second = {
            let mut frontier = Frontier::new();
            (256..512).for_each(|i| frontier.append(Hash::leaf(&entry(i))));
            frontier.root()
        };
        assert_eq!(above, vec![(1, 0, ours(256).root()), (1, 1, second)]);
    }

    proptest! {
        #[test]
        fn their_inclusion_proofs_hold_here_and_no_other(size in 1_u64..300, at in any::<prop::sample::Index>(), flip in any::<prop::sample::Index>()) {
            let index = at.index(usize::try_from(size).unwrap()) as u64;
            let tree = theirs(size);
            let mut proof = hashes(tree.prove_inclusion(usize::try_from(index).unwrap()).as_bytes());
            let (leaf, root) = (Hash::leaf(&entry(index)), ours(size).root());
            prop_assert_eq!(verify_inclusion(index, size, leaf, &proof, root), Ok(()));
            prop_assert!(verify_inclusion(size, size, leaf, &proof, root).is_err());
            prop_assert!(verify_inclusion(index, size, Hash::leaf(b"other"), &proof, root).is_err());
            proof.push(root);
            prop_assert!(verify_inclusion(index, size, leaf, &proof, root).is_err());
            proof.pop();
            if !proof.is_empty() {
                let i = flip.index(proof.len());
                proof[i].0[0] ^= 1;
                prop_assert!(verify_inclusion(index, size, leaf, &proof, root).is_err());
                proof[i].0[0] ^= 1;
                proof.pop();
                prop_assert!(verify_inclusion(index, size, leaf, &proof, root).is_err());
            }
        }

        #[test]
        fn their_consistency_proofs_hold_here_and_no_other(old in 1_u64..200, more in 1_u64..200, flip in any::<prop::sample::Index>()) {
            let size = old + more;
            let mut proof = hashes(theirs(size).prove_consistency(usize::try_from(more).unwrap()).as_bytes());
            let (before, after) = (ours(old).root(), ours(size).root());
            prop_assert_eq!(verify_consistency(old, before, size, after, &proof), Ok(()));
            prop_assert!(verify_consistency(old, Hash::leaf(b""), size, after, &proof).is_err());
            prop_assert!(verify_consistency(old, before, size, Hash::leaf(b""), &proof).is_err());
            prop_assert!(verify_consistency(size, after, old, before, &proof).is_err());
            let i = flip.index(proof.len());
            proof[i].0[31] ^= 1;
            prop_assert!(verify_consistency(old, before, size, after, &proof).is_err());
            proof[i].0[31] ^= 1;
            proof.push(before);
            prop_assert!(verify_consistency(old, before, size, after, &proof).is_err());
        }
    }

    #[test]
    fn equal_and_empty_trees_need_an_empty_proof() {
        let root = ours(5).root();
        assert!(verify_consistency(5, root, 5, root, &[]).is_ok());
        assert!(verify_consistency(5, root, 5, root, &[root]).is_err());
        assert!(verify_consistency(5, root, 5, ours(4).root(), &[]).is_err());
        assert!(verify_consistency(0, Hash::empty(), 5, root, &[]).is_ok());
        assert!(verify_consistency(0, root, 5, root, &[]).is_err());
        assert!(verify_consistency(0, Hash::empty(), 0, root, &[]).is_err());
        assert!(verify_consistency(4, ours(4).root(), 5, root, &[]).is_err());
    }
}
