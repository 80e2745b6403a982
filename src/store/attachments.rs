//! Files by content: each stands under the SHA-256 of its bytes, and is on the disk before an event names it.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};

/// The folder of packs, beside the files' own.
const PACKS: &str = "packs";

/// What is known of a file while requests are at it.
#[derive(Debug, Default)]
struct Flight {
    /// So many requests are at it.
    holders: usize,
    /// One of them brought it.
    new: bool,
    /// An event names it, or may.
    named: bool,
}

type Flights = Arc<Mutex<BTreeMap<String, Flight>>>;

/// A file that was kept for a request that is not answered yet.
#[derive(Debug)]
pub struct KeptFile {
    sha256: String,
    new: bool,
    refused: bool,
    place: PathBuf,
    flights: Flights,
}

impl KeptFile {
    /// Hex SHA-256 of its bytes: its name.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// It was not there before.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.new
    }

    /// The request was refused, so no event names the file because of it. The file goes, unless it was there before or
    /// another request brought the same bytes meanwhile. Where it is not known whether an event names it, it stays.
    pub fn discard(mut self) {
        self.refused = true;
    }
}

impl Drop for KeptFile {
    fn drop(&mut self) {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(flight) = flights.get_mut(&self.sha256) else { return };
        flight.holders = flight.holders.saturating_sub(1);
        flight.named |= !self.refused;
        if flight.holders > 0 {
            return;
        }
        // Under the lock, so that nobody finds it just before it goes.
        if flight.new
            && !flight.named
            && let Err(error) = std::fs::remove_file(&self.place)
        {
            tracing::warn!(%error, "a file that was refused could not be removed");
        }
        flights.remove(&self.sha256);
    }
}

/// A folder of files.
#[derive(Clone, Debug)]
pub struct Attachments {
    folder: PathBuf,
    flights: Flights,
}

impl Attachments {
    /// The folder, made (for its owner only) if it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
        Ok(Self { folder: folder.to_owned(), flights: Flights::default() })
    }

    /// The folder as it is: nothing is made, and whether it is there shows when a file is asked for.
    #[must_use]
    pub fn existing(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), flights: Flights::default() }
    }

    fn place(&self, sha256: &str) -> PathBuf {
        self.folder.join(sha256.get(..2).unwrap_or("__")).join(sha256)
    }

    /// Keeps `bytes` under their SHA-256. When this returns, the disk has them under that name.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub async fn keep(&self, bytes: &[u8], unique: &str) -> io::Result<KeptFile> {
        let sha256 = hex::encode(Sha256::digest(bytes));
        let place = self.place(&sha256);
        self.flight(&sha256, |flight| flight.holders += 1);
        let (flights, refused) = (self.flights.clone(), true);
        let mut kept = KeptFile { sha256, new: false, refused, place, flights };
        let folder = kept.place.parent().unwrap_or(&self.folder).to_owned();
        let length = tokio::fs::metadata(&kept.place).await.ok().map(|there| there.len());
        // What stands there with another length was damaged, and is mended.
        if length == u64::try_from(bytes.len()).ok() {
            // Somebody else may have put it there just now, and not yet made sure that its name is on the disk.
            self.settle(&folder).await?;
        } else {
            tokio::fs::create_dir_all(&folder).await?;
            let half = folder.join(format!(".{unique}"));
            if let Err(error) = put(&half, bytes, &kept.place).await {
                // What is half there would fill a full disk for ever.
                let _ = tokio::fs::remove_file(&half).await;
                return Err(error);
            }
            kept.new = length.is_none();
            self.flight(&kept.sha256, |flight| flight.new |= length.is_none());
            self.settle(&folder).await?;
        }
        // From here on it stays, unless somebody says that it was refused.
        kept.refused = false;
        Ok(kept)
    }

    fn flight(&self, sha256: &str, change: impl FnOnce(&mut Flight)) {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        change(flights.entry(sha256.to_owned()).or_default());
    }

    /// A rename is on the disk once its folder is; and the folder, once the one above it is.
    async fn settle(&self, folder: &Path) -> io::Result<()> {
        for folder in [folder, self.folder.as_path()] {
            tokio::fs::File::open(folder).await?.sync_all().await?;
        }
        Ok(())
    }

    /// The file with this SHA-256.
    ///
    /// # Errors
    /// When it is not there, cannot be read, or its name is not 64 hex digits.
    pub async fn open_file(&self, sha256: &str) -> io::Result<tokio::fs::File> {
        tokio::fs::File::open(self.path(sha256)?).await
    }

    /// Where the file with this SHA-256 stands.
    ///
    /// # Errors
    /// When the name is not 64 hex digits.
    pub fn path(&self, sha256: &str) -> io::Result<PathBuf> {
        if sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a SHA-256 in hex"));
        }
        Ok(self.place(sha256))
    }

    /// Where the pack whose file has this SHA-256 stands, beside the files.
    ///
    /// # Errors
    /// When the name is not 64 hex digits.
    pub fn pack(&self, sha256: &str) -> io::Result<PathBuf> {
        self.path(sha256)?;
        Ok(self.folder.join(PACKS).join(format!("{sha256}.zip")))
    }

    /// A file in the packs' folder that nobody else writes, until it has its name.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn unfinished_pack(&self, unique: &str) -> io::Result<PathBuf> {
        let folder = self.folder.join(PACKS);
        std::fs::create_dir_all(&folder)?;
        Ok(folder.join(format!(".{unique}")))
    }

    /// Gives an unfinished pack its name. When this returns, the disk has it under that name.
    ///
    /// # Errors
    /// When the disk says no, or the name is not 64 hex digits.
    pub fn finish_pack(&self, unfinished: &Path, sha256: &str) -> io::Result<()> {
        let place = self.pack(sha256)?;
        std::fs::File::open(unfinished)?.sync_all()?;
        std::fs::rename(unfinished, &place)?;
        for folder in place.parent().into_iter().chain([self.folder.as_path()]) {
            std::fs::File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Removes what a process that died left half written, `age` ago or longer: others may be at theirs.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn sweep(&self, age: Duration) -> io::Result<()> {
        for shelf in std::fs::read_dir(&self.folder)? {
            let shelf = shelf?.path();
            for file in std::fs::read_dir(&shelf).into_iter().flatten().filter_map(Result::ok) {
                let hidden = file.file_name().to_string_lossy().starts_with('.');
                let old = file.metadata().and_then(|m| m.modified()).is_ok_and(|then| then.elapsed().is_ok_and(|past| past >= age));
                if hidden && old {
                    std::fs::remove_file(file.path())?;
                }
            }
        }
        Ok(())
    }

    /// Whether a small file can be written now.
    ///
    /// # Errors
    /// When it cannot: the disk is full, or the folder is not ours.
    pub async fn probe(&self, unique: &str) -> io::Result<()> {
        let place = self.folder.join(format!(".probe-{unique}"));
        tokio::fs::write(&place, b"probe").await?;
        tokio::fs::remove_file(&place).await
    }
}

/// Writes a file under a name of its own first, so that under its true one it is whole.
///
/// Not through `tokio::fs::File`: that one says of a write that failed (a full disk) only when it is asked to write again,
/// and syncs what there is without a word.
async fn put(half: &Path, bytes: &[u8], place: &Path) -> io::Result<()> {
    let (half, bytes, place) = (half.to_owned(), bytes.to_vec(), place.to_owned());
    let write = move || {
        let mut file = std::fs::File::create(&half)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        drop(file);
        std::fs::rename(&half, &place)
    };
    tokio::task::spawn_blocking(write).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_was_cut_is_mended_when_it_comes_again_and_stays_when_that_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let files = Attachments::open(folder.path()).unwrap();
        let name = files.keep(b"a log", "1").await.unwrap().sha256().to_owned();
        std::fs::write(files.path(&name).unwrap(), b"a l").unwrap();
        files.keep(b"a log", "2").await.unwrap().discard();
        assert_eq!(std::fs::read(files.path(&name).unwrap()).unwrap(), b"a log");
    }

    #[tokio::test]
    async fn what_a_dead_process_left_half_written_is_swept_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let files = Attachments::open(folder.path()).unwrap();
        let name = files.keep(b"a log", "1").await.unwrap().sha256().to_owned();
        let half = files.path(&name).unwrap().with_file_name(".half");
        std::fs::write(&half, b"a l").unwrap();
        files.sweep(Duration::from_secs(3600)).unwrap();
        assert!(half.exists(), "somebody may be at it");
        files.sweep(Duration::ZERO).unwrap();
        assert!(!half.exists() && files.open_file(&name).await.is_ok());
    }

    #[tokio::test]
    async fn what_was_refused_is_taken_back_and_what_was_there_before_stays() {
        let folder = tempfile::tempdir().unwrap();
        let files = Attachments::open(folder.path()).unwrap();
        let kept = files.keep(b"a log", "1").await.unwrap();
        let name = kept.sha256().to_owned();
        assert!(kept.is_new());
        kept.discard();
        assert!(files.open_file(&name).await.is_err(), "nothing names it");
        drop(files.keep(b"a log", "2").await.unwrap());
        let again = files.keep(b"a log", "3").await.unwrap();
        assert!(!again.is_new());
        again.discard();
        assert!(files.open_file(&name).await.is_ok(), "it was there before");
        assert!(files.flights.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn of_two_requests_with_the_same_bytes_the_refused_one_takes_nothing_from_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let files = Attachments::open(folder.path()).unwrap();
        for bytes in [b"one", b"two"] {
            let (first, second) = (files.keep(bytes, "1").await.unwrap(), files.keep(bytes, "2").await.unwrap());
            let name = first.sha256().to_owned();
            let (accepted, refused) = if bytes == b"one" { (first, second) } else { (second, first) };
            drop(accepted);
            refused.discard();
            assert!(files.open_file(&name).await.is_ok());
        }
        let (first, second) = (files.keep(b"three", "1").await.unwrap(), files.keep(b"three", "2").await.unwrap());
        let name = first.sha256().to_owned();
        first.discard();
        assert!(files.open_file(&name).await.is_ok(), "the other may still be accepted");
        second.discard();
        assert!(files.open_file(&name).await.is_err());
    }
}
