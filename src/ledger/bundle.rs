//! Opens an evidence bundle, zip or folder, without ever extracting it.
//!
//! A bundle comes from somebody else: names that leave the bundle, symbolic links, duplicate, overlapping or hidden
//! zip entries are refused before anything is read, and every read has a limit.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::read::{ArchiveOffset, Config};

use super::report::{Damage, Verdict};

/// The most files in a bundle.
const MAX_FILES: usize = 1_000_000;
/// The longest name of a file, in bytes.
const MAX_NAME: usize = 300;

/// An opened bundle: names and sizes are known, nothing has been read.
#[derive(Debug)]
pub struct Bundle {
    path: PathBuf,
    /// Sizes as the folder or the zip's directory says, by name.
    files: BTreeMap<String, u64>,
    zip: Option<ZipArchive<BufReader<File>>>,
}

/// Why a file of a bundle was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadTrouble {
    /// It is not there.
    #[error("the file is missing")]
    Missing,
    /// It is longer than such a file can be.
    #[error("the file is longer than the {0} bytes that it may have")]
    TooLong(u64),
    /// The system or the zip's checksum says no.
    #[error("the file cannot be read: {0}")]
    Io(#[from] io::Error),
}

impl Bundle {
    /// Opens the zip file or folder at `path`.
    ///
    /// # Errors
    /// [`Verdict::Unreadable`] when it is neither, [`Verdict::Damaged`] when it is built to deceive.
    pub fn open(path: &Path) -> Result<Self, Verdict> {
        let unreadable = |e: io::Error| Verdict::Unreadable { why: format!("{} cannot be opened: {e}", path.display()) };
        if std::fs::metadata(path).map_err(unreadable)?.is_dir() {
            let mut files = BTreeMap::new();
            list_folder(path, "", &mut files)?;
            check_names(files.keys())?;
            return Ok(Self { path: path.to_owned(), files, zip: None });
        }
        let zip = open_zip(path)?;
        let files = list_zip(&zip)?;
        check_names(files.keys())?;
        Ok(Self { path: path.to_owned(), files, zip: Some(zip) })
    }

    /// Opens the same bundle once more, to read two files side by side. Its names and sizes are not looked for again.
    ///
    /// # Errors
    /// [`Verdict::Unreadable`] when it is no longer there.
    pub fn again(&self) -> Result<Self, Verdict> {
        let zip = self.zip.as_ref().map(|_| open_zip(&self.path)).transpose()?;
        Ok(Self { path: self.path.clone(), files: self.files.clone(), zip })
    }

    /// The names of all files, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Whether there is a file of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// Streams a file. It ends after `limit` bytes and one, so that the caller sees that it is too long.
    ///
    /// # Errors
    /// When it is missing or cannot be opened.
    pub fn stream(&mut self, name: &str, limit: u64) -> Result<impl Read + '_, ReadTrouble> {
        if !self.files.contains_key(name) {
            return Err(ReadTrouble::Missing);
        }
        let reader: Box<dyn Read + '_> = match &mut self.zip {
            Some(zip) => Box::new(zip.by_name(name).map_err(io::Error::other)?),
            None => Box::new(File::open(self.path.join(name))?),
        };
        Ok(reader.take(limit.saturating_add(1)))
    }

    /// Reads a whole file of at most `limit` bytes.
    ///
    /// # Errors
    /// [`ReadTrouble`].
    pub fn read(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, ReadTrouble> {
        let mut bytes = Vec::new();
        self.stream(name, limit)?.read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit { Err(ReadTrouble::TooLong(limit)) } else { Ok(bytes) }
    }
}

fn refused(name: &str, sentence: &str) -> Verdict {
    Verdict::Damaged { first: Damage::file(printable(name), sentence) }
}

/// A name from a hostile bundle, fit for a terminal.
fn printable(name: &str) -> String {
    name.chars().take(MAX_NAME).flat_map(char::escape_debug).collect()
}

fn open_zip(path: &Path) -> Result<ZipArchive<BufReader<File>>, Verdict> {
    let unreadable = |e: &dyn std::fmt::Display| Verdict::Unreadable { why: format!("{} is not a bundle: {e}", path.display()) };
    let file = File::open(path).map_err(|e| unreadable(&e))?;
    // Bytes in front of the archive could hide a second one.
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    let mut zip = ZipArchive::with_config(config, BufReader::new(file)).map_err(|e| unreadable(&e))?;
    if zip.len() > MAX_FILES {
        return Err(unreadable(&"it has more than a million files"));
    }
    match zip.validate_header_consistency() {
        Ok(()) => Ok(zip),
        Err(e) => Err(refused("the zip file", &format!("its directory and its entries disagree ({e})"))),
    }
}

fn list_zip(zip: &ZipArchive<BufReader<File>>) -> Result<BTreeMap<String, u64>, Verdict> {
    let mut files = BTreeMap::new();
    for index in 0..zip.len() {
        let broken = |e: zip::result::ZipError| refused("the zip file", &format!("an entry cannot be read ({e})"));
        let name = zip.name_for_index(index).ok_or_else(|| refused("the zip file", "an entry has no name"))?.map_err(broken)?;
        let entry = zip.by_index_data(index).map_err(broken)?;
        if entry.is_symlink() {
            return Err(refused(&name, "symbolic links are refused"));
        }
        if entry.encrypted() {
            return Err(refused(&name, "encrypted entries are refused"));
        }
        // A folder's own entry carries nothing; archivers add them.
        if name.ends_with('/') && entry.size() == 0 {
            continue;
        }
        if files.insert(name.to_string(), entry.size()).is_some() {
            return Err(refused(&name, "the name occurs twice"));
        }
    }
    Ok(files)
}

fn list_folder(root: &Path, below: &str, files: &mut BTreeMap<String, u64>) -> Result<(), Verdict> {
    let unreadable = |e: io::Error| Verdict::Unreadable { why: format!("{} cannot be read: {e}", root.join(below).display()) };
    for entry in std::fs::read_dir(root.join(below)).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let file_name = entry.file_name();
        let part = file_name.to_str().ok_or_else(|| refused(&file_name.to_string_lossy(), "the name is not UTF-8"))?;
        let name = if below.is_empty() { part.to_owned() } else { format!("{below}/{part}") };
        // Of the entry itself: a link is refused, not followed.
        let metadata = entry.metadata().map_err(unreadable)?;
        if metadata.is_dir() && name.len() <= MAX_NAME {
            list_folder(root, &name, files)?;
        } else if metadata.is_file() {
            files.insert(name, metadata.len());
        } else {
            return Err(refused(&name, "only plain files are accepted: no symbolic links, no devices"));
        }
        if files.len() > MAX_FILES {
            return Err(Verdict::Unreadable { why: "the folder has more than a million files".into() });
        }
    }
    Ok(())
}

fn check_names<'a>(names: impl Iterator<Item = &'a String>) -> Result<(), Verdict> {
    let mut folded = BTreeSet::new();
    for name in names {
        let parts_fit = name.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
        let plain = !name.chars().any(|c| c.is_control() || c == '\\' || c == ':');
        if name.len() > MAX_NAME || !parts_fit || !plain {
            return Err(refused(name, "the name leaves the bundle or is not plain"));
        }
        // Two files that one system would keep apart and another would not.
        if !folded.insert(name.to_lowercase()) {
            return Err(refused(name, "the name occurs twice"));
        }
    }
    Ok(())
}
