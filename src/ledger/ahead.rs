//! Tiles of entries, read ahead of whoever judges them: several threads read, hash and parse, one goes through in order.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, available_parallelism};

use super::bundle::Bundle;
use super::merkle::Hash;
use super::reading::Reading;
use super::report::{Damage, Verdict};
use super::tile::{Tile, TileKind, decode_entries, decode_hashes, max_file};

/// The most threads that read ahead. A tile can have 16 MiB, so their number bounds the memory as well.
const MAX_LANES: usize = 4;
/// How many tiles each of them may be ahead.
const TILES_AHEAD: usize = 2;

/// A tile of entries as it was read.
pub(super) struct ReadTile {
    /// Its file.
    pub bytes: Vec<u8>,
    /// How many entries it holds.
    pub width: u16,
    /// Hash and reading of each entry.
    pub entries: Vec<(Hash, Reading)>,
    /// The first entry whose hash is another in the tile of hashes.
    pub other: Option<usize>,
}

/// The tiles of entries of a log, one after the other, until the last or one that is damaged.
pub(super) struct Ahead {
    lanes: Vec<Receiver<Result<ReadTile, Damage>>>,
    next: usize,
}

impl Ahead {
    /// Starts to read the log of `size` events in the folder `log` of the bundle. The threads end when this is dropped.
    ///
    /// # Errors
    /// The bundle cannot be opened once more.
    pub fn start<'scope>(scope: &'scope Scope<'scope, '_>, bundle: &Bundle, log: &'static str, size: u64) -> Result<Self, Verdict> {
        let lanes = available_parallelism().map_or(1, NonZero::get).clamp(1, MAX_LANES);
        let start = |lane: usize| {
            let (bundle, (send, receive)) = (bundle.again()?, sync_channel(TILES_AHEAD));
            scope.spawn(move || read_lane(bundle, log, size, (lane, lanes), &send));
            Ok(receive)
        };
        Ok(Self { lanes: (0..lanes).map(start).collect::<Result<_, Verdict>>()?, next: 0 })
    }
}

impl Iterator for Ahead {
    type Item = Result<ReadTile, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        let lane = self.lanes.get(self.next)?;
        self.next = (self.next + 1) % self.lanes.len();
        lane.recv().ok()
    }
}

/// Reads every `lanes`-th tile, until the last, one that is damaged, or nobody listens any more.
fn read_lane(mut bundle: Bundle, log: &str, size: u64, (lane, lanes): (usize, usize), send: &SyncSender<Result<ReadTile, Damage>>) {
    for tile in (0..size.div_ceil(256)).skip(lane).step_by(lanes).map_while(|index| Tile::of_entry(index * 256, size)) {
        let read = read_entries(&mut bundle, log, tile);
        let damaged = read.is_err();
        if send.send(read).is_err() || damaged {
            return;
        }
    }
}

fn read_entries(bundle: &mut Bundle, log: &str, tile: Tile) -> Result<ReadTile, Damage> {
    let bytes = read_tile(bundle, log, tile)?;
    let entries = decode_entries(&bytes, tile.width).map_err(|e| Damage::file(format!("{log}{tile}"), e.to_string()))?;
    let entries: Vec<_> = entries.into_iter().map(|entry| (Hash::leaf(entry), Reading::of(entry))).collect();
    let said = read_hashes(bundle, log, Tile { kind: TileKind::Hashes(0), ..tile })?;
    let other = entries.iter().zip(&said).position(|((leaf, _), said)| leaf != said);
    Ok(ReadTile { bytes, width: tile.width, entries, other })
}

fn read_tile(bundle: &mut Bundle, log: &str, tile: Tile) -> Result<Vec<u8>, Damage> {
    let name = format!("{log}{tile}");
    bundle.read(&name, max_file(tile.kind)).map_err(|trouble| Damage::file(name, trouble.to_string()))
}

/// Reads a tile of hashes.
///
/// # Errors
/// It is missing, or not a tile of as many hashes.
pub(super) fn read_hashes(bundle: &mut Bundle, log: &str, tile: Tile) -> Result<Vec<Hash>, Damage> {
    let bytes = read_tile(bundle, log, tile)?;
    decode_hashes(&bytes, tile.width).map_err(|e| Damage::file(format!("{log}{tile}"), e.to_string()))
}
