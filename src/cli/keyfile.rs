//! The log's signing key on disk: made once, for its owner's eyes only, and never a second one for a log that has one.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};

use crate::desk::Desk;
use crate::env::Env;
use crate::ledger::note::Signer;
use crate::ledger::witness::Cosigner;

/// The signer of this desk's log: the key at `path`, made now if neither the file nor the log has one.
///
/// # Errors
/// When the log has a key and the file is missing, or the file does not read.
pub async fn signer(desk: &Desk, path: &Path, env: &Env) -> anyhow::Result<Signer> {
    let identity = desk.identity().await?;
    if let Some(text) = read(path)? {
        return Signer::parse(&text).map_err(|e| anyhow::anyhow!("the key in {}: {e}", path.display()));
    }
    if let Some(vkey) = identity.vkey {
        bail!(
            "this log is signed by the key {vkey}, and there is no key file at {}. Copy it from the backup or from the replica that has it; a log never gets a second key",
            path.display()
        );
    }
    let signer =
        Signer::from_seed(&identity.origin, &env.bytes()).map_err(|e| anyhow::anyhow!("the log's name {:?}: {e}", identity.origin))?;
    if write_new(path, &signer.to_secret_text())? {
        tracing::info!(path = %path.display(), vkey = %signer.verifier(), "a signing key was made; keep a copy of it in a safe place");
        return Ok(signer);
    }
    // Another process made it at the same moment.
    let text = read(path)?.with_context(|| format!("the key file {}", path.display()))?;
    Signer::parse(&text).map_err(|e| anyhow::anyhow!("the key in {}: {e}", path.display()))
}

/// Makes the key of a log that has none, and gives its verifier key.
///
/// # Errors
/// When there is a file already, or it cannot be written.
pub fn make(path: &Path, origin: &str, env: &Env) -> anyhow::Result<String> {
    let signer = Signer::from_seed(origin, &env.bytes()).map_err(|e| anyhow::anyhow!("the log's name {origin:?}: {e}"))?;
    if !write_new(path, &signer.to_secret_text())? {
        bail!("there is a key at {} already", path.display());
    }
    Ok(signer.verifier().to_string())
}

/// The verifier key of the key file, if there is one.
///
/// # Errors
/// When others may read it, or it does not read.
pub fn vkey(path: &Path) -> anyhow::Result<Option<String>> {
    let Some(text) = read(path)? else { return Ok(None) };
    let signer = Signer::parse(&text).map_err(|e| anyhow::anyhow!("the key in {}: {e}", path.display()))?;
    Ok(Some(signer.verifier().to_string()))
}

/// The verifier key of a witness's key file, if there is one.
///
/// # Errors
/// When others may read it, or it does not read.
pub fn witness_vkey(path: &Path) -> anyhow::Result<Option<String>> {
    let Some(text) = read(path)? else { return Ok(None) };
    let cosigner = Cosigner::parse(&text).map_err(|e| anyhow::anyhow!("the key in {}: {e}", path.display()))?;
    Ok(Some(cosigner.verifier().to_string()))
}

/// The cosigner of a witness: the key at `path`, made now if there is none.
///
/// # Errors
/// When the file does not read or cannot be written.
pub fn cosigner(path: &Path, name: &str, env: &Env) -> anyhow::Result<Cosigner> {
    if let Some(text) = read(path)? {
        return Cosigner::parse(&text).map_err(|e| anyhow::anyhow!("the key in {}: {e}", path.display()));
    }
    let cosigner = Cosigner::from_seed(name, &env.bytes()).map_err(|e| anyhow::anyhow!("the witness's name {name:?}: {e}"))?;
    write_new(path, &cosigner.to_secret_text())?;
    let text = read(path)?.with_context(|| format!("the key file {}", path.display()))?;
    Cosigner::parse(&text).map_err(|e| anyhow::anyhow!("the key in {}: {e}", path.display()))
}

fn read(path: &Path) -> anyhow::Result<Option<String>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => bail!("{} is not a key file", path.display()),
        Err(error) => return Err(error).with_context(|| format!("the key file {}", path.display())),
    };
    // Of a file that holds no key, others may read what they like.
    if Signer::parse(&text).is_err() && Cosigner::parse(&text).is_err() {
        bail!("{} is not a key file", path.display());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            bail!("others may read the key file {} (mode {mode:o}); run: chmod 600 {}", path.display(), path.display());
        }
    }
    Ok(Some(text))
}

/// Writes a secret file that was not there, mode 0600, on the disk when this returns; `false` when it was there.
///
/// # Errors
/// From the file system.
pub fn write_new(path: &Path, text: &str) -> anyhow::Result<bool> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = match options.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error).with_context(|| format!("the key file {}", path.display())),
    };
    writeln!(file, "{}", text.trim_end())?;
    file.sync_all()?;
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()?;
    Ok(true)
}
