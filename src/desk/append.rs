//! Events into the log's bytes: canonical JSON, leaf hashes, full tiles.

use std::collections::BTreeMap;

use crate::env::Timestamp;
use crate::ledger::canonical::NotCanonical;
use crate::ledger::merkle::{Frontier, Hash};
use crate::ledger::sealed::Sealed;
use crate::ledger::writer::canonical_bytes;
use crate::store::commit::{EventRow, SealedRow, TileRow};
use crate::ticket::event::Event;

/// Hashes of a full tile.
const TILE: usize = 256;

/// The tree's right edge: the compact range, and for each level the hashes of the tile that is not full yet.
#[derive(Clone, Debug)]
pub struct Edge {
    frontier: Frontier,
    /// By level: index of the open tile, and its hashes so far.
    open: Vec<(i64, Vec<Hash>)>,
}

impl Edge {
    /// The edge of a tree of which these are the hashes of the open tiles, level by level.
    #[must_use]
    pub fn new(frontier: Frontier, open: Vec<(i64, Vec<Hash>)>) -> Self {
        Self { frontier, open }
    }

    /// The compact range.
    #[must_use]
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Appends a leaf and gives the tiles that became full.
    pub fn append(&mut self, leaf: Hash) -> Vec<TileRow> {
        self.frontier.append(leaf);
        let mut full = Vec::new();
        let mut hash = leaf;
        let mut level = 0;
        loop {
            if self.open.len() == level {
                self.open.push((0, Vec::with_capacity(TILE)));
            }
            let (n, hashes) = &mut self.open[level];
            hashes.push(hash);
            if hashes.len() < TILE {
                return full;
            }
            let root = root_of_full(hashes);
            let bytes = hashes.iter().flat_map(|h| h.0).collect();
            full.push(TileRow { level: i64::try_from(level).unwrap_or(i64::MAX), n: *n, root: root.0, hashes: bytes });
            *n += 1;
            hashes.clear();
            hash = root;
            level += 1;
        }
    }
}

fn root_of_full(hashes: &[Hash]) -> Hash {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row.chunks(2).map(|pair| Hash::node(&pair[0], &pair[1])).collect();
    }
    row[0]
}

/// What an event becomes in the database.
pub struct Rows {
    /// The event's row.
    pub event: EventRow,
    /// Its sealed values.
    pub sealed: Vec<SealedRow>,
}

/// Renders an event. The bytes made here are hashed and stored, and never made again.
///
/// # Errors
/// When it is longer than 65,535 bytes or holds what canonical JSON cannot.
pub fn render(event: &Event, sealed: BTreeMap<String, Sealed>) -> Result<Rows, NotCanonical> {
    let kind = event.fact.kind().to_owned();
    let bytes = canonical_bytes(event)?;
    let leaf = Hash::leaf(&bytes);
    let ticket = event.ticket.as_ref().map(ToString::to_string);
    let sealed =
        sealed.into_iter().map(|(name, value)| SealedRow { seq: event.seq, name, salt: value.salt.to_vec(), bytes: value.bytes }).collect();
    Ok(Rows { event: EventRow { seq: event.seq, kind, ticket, rev: event.rev, leaf: leaf.0, bytes }, sealed })
}

/// Microseconds of a moment that cannot lie before the one before it.
#[must_use]
pub fn not_before(now: Timestamp, last: i64) -> Timestamp {
    Timestamp::from_micros(last).map_or(now, |last| now.max(last))
}
