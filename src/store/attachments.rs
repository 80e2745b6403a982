//! Files by content: each stands under the SHA-256 of its bytes, and is on the disk before an event names it.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

/// A folder of files.
#[derive(Clone, Debug)]
pub struct Attachments {
    folder: PathBuf,
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
        Ok(Self { folder: folder.to_owned() })
    }

    fn place(&self, sha256: &str) -> PathBuf {
        self.folder.join(sha256.get(..2).unwrap_or("__")).join(sha256)
    }

    /// Keeps `bytes` and gives their SHA-256 in hex. When this returns, the disk has them under that name.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub async fn keep(&self, bytes: &[u8], unique: &str) -> io::Result<String> {
        let sha256 = hex::encode(Sha256::digest(bytes));
        let place = self.place(&sha256);
        if tokio::fs::try_exists(&place).await? {
            return Ok(sha256);
        }
        let folder = place.parent().unwrap_or(&self.folder).to_owned();
        tokio::fs::create_dir_all(&folder).await?;
        let half = folder.join(format!(".{unique}"));
        let mut file = tokio::fs::File::create(&half).await?;
        file.write_all(bytes).await?;
        file.sync_all().await?;
        drop(file);
        tokio::fs::rename(&half, &place).await?;
        // A rename is on the disk once its folder is; and the folder, once the one above it is.
        for folder in [folder.as_path(), self.folder.as_path()] {
            tokio::fs::File::open(folder).await?.sync_all().await?;
        }
        Ok(sha256)
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
