//! A folder of playbooks, read as pairs of path and bytes.

use std::path::Path;

use anyhow::{Context, bail};

/// Files in a folder of playbooks at most.
const MOST_FILES: usize = 500;
/// Bytes in a file at most: one more than the loader accepts, so that it can say so.
const MOST_BYTES: u64 = (1 << 20) + 1;

/// Every `.yaml` and `.ics` file below the folder, in path order, except `profiles/`. Links are not followed.
///
/// # Errors
/// When something cannot be read, or there is too much of it.
pub fn read(folder: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    walk(folder, "", &mut files)?;
    files.sort();
    if files.is_empty() {
        bail!("there are no .yaml files in {}; `countersign init` writes a set to start from", folder.display());
    }
    Ok(files)
}

fn walk(folder: &Path, below: &str, files: &mut Vec<(String, Vec<u8>)>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { bail!("{} is not a name that everybody can read", entry.path().display()) };
        let path = format!("{below}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() && path != "profiles" && !name.starts_with('.') {
            walk(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file() && (name.ends_with(".yaml") || name.ends_with(".ics")) {
            if files.len() == MOST_FILES {
                bail!("there are more than {MOST_FILES} playbooks; is this the right folder?");
            }
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut std::io::Read::take(std::fs::File::open(entry.path())?, MOST_BYTES), &mut bytes)?;
            files.push((path, bytes));
        }
    }
    Ok(())
}
