//! Where a bundle is written to: a zip file or a folder, the same files in the same order, byte for byte reproducible.
//!
//! Files are written one after the other; the package remembers each one's length and SHA-256 for the manifest. In
//! a zip every entry carries the same time (1980-01-01, the format's first) and mode.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::ledger::manifest::FileEntry;

/// A bundle being written.
pub struct Package {
    sink: Sink,
    path: PathBuf,
    current: Option<Current>,
    files: BTreeMap<String, FileEntry>,
}

enum Sink {
    Zip(Box<ZipWriter<BufWriter<File>>>),
    Folder(PathBuf, Option<BufWriter<File>>),
}

/// See [`Package::spool`].
pub struct Spool {
    file: BufWriter<File>,
    path: PathBuf,
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Read for Spool {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.file.get_mut().read(into)
    }
}

impl Seek for Spool {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // Best effort: what is left behind stops the next export of this name with a clear error.
        let _ = std::fs::remove_file(&self.path);
    }
}

struct Current {
    name: String,
    hash: Sha256,
    size: u64,
}

impl Package {
    /// A new zip file at `path`; there must be none yet.
    ///
    /// # Errors
    /// From the file system.
    pub fn zip(path: &Path) -> io::Result<Self> {
        let file = BufWriter::new(File::create_new(path)?);
        let writer = ZipWriter::new(file).set_auto_large_file();
        Ok(Self { sink: Sink::Zip(Box::new(writer)), path: path.to_owned(), current: None, files: BTreeMap::new() })
    }

    /// A new folder at `path`; there must be none yet.
    ///
    /// # Errors
    /// From the file system.
    pub fn folder(path: &Path) -> io::Result<Self> {
        std::fs::create_dir(path)?;
        Ok(Self { sink: Sink::Folder(path.to_owned(), None), path: path.to_owned(), current: None, files: BTreeMap::new() })
    }

    /// A file beside the package for what can only be written later; it is deleted when it is dropped.
    ///
    /// # Errors
    /// From the file system, or when such a file was left by an export that was interrupted.
    pub fn spool(&self) -> io::Result<Spool> {
        let mut path = self.path.clone().into_os_string();
        path.push(".part");
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        Ok(Spool { file: BufWriter::new(file), path: path.into() })
    }

    /// Begins the next file; what is written from now on belongs to it.
    ///
    /// # Errors
    /// From the file system, or when there is a file of this name already.
    pub fn begin(&mut self, name: &str) -> io::Result<()> {
        self.end()?;
        if self.files.contains_key(name) {
            return Err(io::Error::other(format!("{name} is in the bundle already")));
        }
        match &mut self.sink {
            Sink::Zip(zip) => {
                let options = SimpleFileOptions::default()
                    .compression_method(CompressionMethod::Deflated)
                    .last_modified_time(DateTime::default())
                    .unix_permissions(0o644);
                zip.start_file(name, options)?;
            }
            Sink::Folder(root, open) => {
                let path = root.join(name);
                if let Some(parent) = path.parent() {
                    std::fs::create_dir_all(parent)?;
                }
                *open = Some(BufWriter::new(File::create_new(path)?));
            }
        }
        self.current = Some(Current { name: name.to_owned(), hash: Sha256::new(), size: 0 });
        Ok(())
    }

    /// Writes a whole file.
    ///
    /// # Errors
    /// As [`Package::begin`].
    pub fn file(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.begin(name)?;
        self.write_all(bytes)?;
        self.end()
    }

    /// Ends the file that was begun, if one was.
    ///
    /// # Errors
    /// From the file system.
    pub fn end(&mut self) -> io::Result<()> {
        if let Sink::Folder(_, open) = &mut self.sink
            && let Some(file) = open.take()
        {
            file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        }
        if let Some(done) = self.current.take() {
            self.files.insert(done.name, FileEntry { sha256: hex::encode(done.hash.finalize()), size: done.size });
        }
        Ok(())
    }

    /// The files so far, by name.
    #[must_use]
    pub fn files(&self) -> &BTreeMap<String, FileEntry> {
        &self.files
    }

    /// Closes the package and waits until it is on disk.
    ///
    /// # Errors
    /// From the file system.
    pub fn finish(mut self) -> io::Result<()> {
        self.end()?;
        match self.sink {
            Sink::Zip(zip) => zip.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all(),
            Sink::Folder(..) => Ok(()),
        }
    }
}

impl Write for Package {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let current = self.current.as_mut().ok_or_else(|| io::Error::other("no file was begun"))?;
        let written = match &mut self.sink {
            Sink::Zip(zip) => zip.write(bytes)?,
            Sink::Folder(_, Some(file)) => file.write(bytes)?,
            Sink::Folder(_, None) => return Err(io::Error::other("no file was begun")),
        };
        current.hash.update(bytes.get(..written).unwrap_or_default());
        current.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
