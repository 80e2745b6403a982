//! Packs: what a run drew at random, written as a signed bundle and kept beside the files (`attachments/packs`), where
//! `countersign verify` reads it like any other bundle.
//!
//! The order is: the run is on record, the pack is on the disk under its digest, the pack is on record. A process that dies in
//! between leaves a file that nothing names, or starts over; two replicas may each write one, and the first that is recorded
//! counts.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::beside::Beside;
use super::selection::{Selection, Wanted};
use super::{bundle, export};
use crate::desk::draws::DrawSeen;
use crate::desk::publish::Publisher;
use crate::evidence::package::Package;
use crate::ledger::key::VerifierKey;
use crate::ledger::note::Signer;
use crate::outbound::witness::Witness;
use crate::ticket::event::Pack;

/// How often one looks whether something was drawn.
const LOOK: Duration = Duration::from_millis(250);
/// What could not be written is tried again after this.
const AGAIN: Duration = Duration::from_secs(2);
/// So long a witness that does not answer is waited for; then the pack is written without its word.
const PATIENCE: Duration = Duration::from_secs(86_400);

/// Writes packs.
pub struct Archivist {
    /// The desk, with what it stands on.
    pub beside: Beside,
    /// Signs checkpoints.
    pub publisher: Arc<Publisher>,
    /// Signs manifests.
    pub signer: Signer,
    /// Cosign checkpoints.
    pub witnesses: Arc<Vec<Witness>>,
    /// Their keys.
    pub keys: Vec<VerifierKey>,
}

/// Writes what was drawn, as long as the service runs.
pub async fn keep(archivist: Arc<Archivist>, mut stopped: watch::Receiver<bool>) {
    let mut pause = LOOK;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        let desk = &archivist.beside.desk;
        if desk.is_replaced() {
            return;
        }
        pause = LOOK;
        if desk.is_held() {
            continue;
        }
        let working = Arc::clone(&archivist);
        // Hashing and compressing a long log would keep others waiting.
        let written = tokio::task::spawn_blocking(move || Handle::current().block_on(working.write_owed())).await;
        if let Err(error) = written.map_err(anyhow::Error::from).and_then(|written| written) {
            tracing::warn!(error = format!("{error:#}"), "a pack of samples could not be written; it is tried again");
            desk.packs_stay_owed();
            pause = AGAIN;
        }
    }
}

impl Archivist {
    async fn write_owed(&self) -> anyhow::Result<()> {
        for seen in self.beside.desk.packs_owed().await? {
            self.write(&seen).await?;
        }
        Ok(())
    }

    async fn write(&self, seen: &DrawSeen) -> anyhow::Result<()> {
        let Some(record) = seen.owes() else { return Ok(()) };
        let Beside { desk, attachments, .. } = &self.beside;
        let (note, troubles) = export::checkpoint(desk, &self.publisher, &self.witnesses, &self.keys).await?;
        if let Some(trouble) = troubles.first().filter(|_| desk.now().since(seen.at) < PATIENCE) {
            anyhow::bail!("{trouble}");
        }
        let half = attachments.unfinished_pack(&hex::encode(desk.env().bytes::<16>()))?;
        let tickets = seen.drawn.drawn.iter().chain([record]).cloned().collect();
        let wanted = Wanted::of(Selection { tickets, ..Selection::default() })?;
        let package = Package::zip(&half).with_context(|| format!("{} cannot be written", half.display()))?;
        let written = bundle::write(&self.beside, package, &wanted, &note, &self.signer, &self.keys, false).await;
        let kept = async {
            let written = written?;
            let (sha256, size) = digest(&half)?;
            attachments.finish_pack(&half, &sha256)?;
            let pack = Pack { sha256, size, manifest: written.digest, position: written.position, tickets: written.tickets };
            let counts = desk.keep_pack(record, pack.clone()).await?;
            if counts.sha256 != pack.sha256 {
                std::fs::remove_file(attachments.pack(&pack.sha256)?)?;
            }
            anyhow::Ok(())
        };
        let kept = kept.await;
        if kept.is_err() {
            // What is left behind is swept at the next start.
            let _ = std::fs::remove_file(&half);
        }
        kept
    }
}

/// SHA-256 (hex) and length of a file.
fn digest(path: &Path) -> io::Result<(String, i64)> {
    let (mut file, mut hash, mut size, mut chunk) = (File::open(path)?, Sha256::new(), 0_usize, vec![0; 1 << 16]);
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok((hex::encode(hash.finalize()), i64::try_from(size).unwrap_or(i64::MAX))),
            n => {
                hash.update(&chunk[..n]);
                size += n;
            }
        }
    }
}
