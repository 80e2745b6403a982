//! `keys new-epoch`: when an older copy of the database is all that is left.
//!
//! Somebody outside knows a checkpoint that this database does not continue, so nothing is signed under the log's name
//! any more, and rightly so. What is left goes on as the content of a log with a new name and a new key; the first event
//! under them says which checkpoint was lost, who knows it, who decided so, and why.
//!
//! The steps, in an order that may be broken off anywhere and begun again: the new key is written beside the old one;
//! the event, the new name and the new key go into the database in one commit; the new key takes the old one's place;
//! the log is signed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::json;

use super::beside::{self, Beside};
use super::{keyfile, say, service};
use crate::config::Config;
use crate::desk::publish::{self, NotSigned, Publisher};
use crate::desk::request::{Ask, Request};
use crate::env::Env;
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::key::VerifierKey;
use crate::ledger::note::Signer;
use crate::outbound::witness::{NotCosigned, Witness};
use crate::procedure::model::Permission;
use crate::ticket::event::EpochOpened;

/// `keys new-epoch`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Why the newer database cannot be restored: it is part of the record.
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// Who decides, by e-mail address; left out, the only active administrator.
    #[arg(long, value_name = "EMAIL")]
    by: Option<String>,
}

/// A checkpoint that somebody outside knows and this database does not continue.
struct Lost {
    size: u64,
    root: Option<String>,
    known_by: String,
}

/// Runs it.
///
/// # Errors
/// With a sentence that says what to do; in particular when nothing was lost.
pub async fn run(config: &Config, env: &Env, args: Args, as_json: bool) -> anyhow::Result<ExitCode> {
    if args.why.trim().is_empty() {
        bail!("say why the newer database cannot be restored: --why TEXT");
    }
    let beside = beside::open(config, env).await?;
    let identity = beside.desk.identity().await?;
    let Some(old_vkey) = identity.vkey.clone() else { bail!("this log was never signed, so nothing of it can be lost") };
    let next = config.log.key.with_extension("key.next");
    if keyfile::vkey(&next)?.as_ref() == Some(&old_vkey) {
        // An earlier run was broken off after its commit.
        return finish(&beside, config, &next, &identity.origin, as_json).await;
    }
    let person = beside::acting_with(&beside.desk, args.by.as_deref(), Permission::Administer, "administer")?;
    let key = VerifierKey::parse(&old_vkey).map_err(|e| anyhow::anyhow!("the key that the database names: {e}"))?;
    let lost = lost(&beside, config, &key).await?;
    let origin = next_name(&identity.origin);
    let vkey = new_key(&next, &origin, env)?;
    let epoch = EpochOpened {
        origin: origin.clone(),
        vkey,
        old_origin: identity.origin,
        old_vkey,
        lost_size: i64::try_from(lost.size)?,
        lost_root: lost.root,
        known_by: lost.known_by,
    };
    let ask = Ask::OpenEpoch { epoch, reason: beside.desk.seal(args.why.trim()) };
    beside.desk.ask(Request::of_operator(Some(person.state.id), ask)).await?;
    finish(&beside, config, &next, &origin, as_json).await
}

/// What is known outside and not continued here.
async fn lost(beside: &Beside, config: &Config, key: &VerifierKey) -> anyhow::Result<Lost> {
    let size = beside.desk.size().await?;
    let held = |known: Checkpoint| async move {
        match publish::continues(&beside.store, &known, size, String::new()).await {
            Ok(()) => Ok(None),
            Err(NotSigned::Behind { .. } | NotSigned::Forked { .. }) => Ok(Some(known)),
            Err(error) => Err(anyhow::Error::from(error)),
        }
    };
    if let Some((_, note)) = beside.desk.checkpoint().await? {
        let (known, _) = Checkpoint::open(note.as_bytes(), key).context("the latest signed checkpoint in the database")?;
        if held(known).await?.is_some() {
            bail!(
                "this database does not hold what it says itself was signed: it was changed, not restored. Run `countersign verify --database`, and restore a whole copy first"
            );
        }
    }
    let place = memory(&config.log.key);
    if let Ok(note) = std::fs::read(&place) {
        let (known, _) = Checkpoint::open(&note, key).with_context(|| format!("the checkpoint kept in {}", place.display()))?;
        if let Some(known) = held(known).await? {
            return Ok(Lost { size: known.size, root: Some(known.root.to_string()), known_by: "checkpoint".to_owned() });
        }
    }
    let witnesses: Vec<Witness> = service::witnesses_of(config)?.into_iter().map(|(witness, _)| witness).collect();
    for witness in &witnesses {
        if let Err(NotCosigned::KnowsAnother { witness, known }) = witness.cosign_latest(&beside.desk).await {
            return Ok(Lost { size: known, root: None, known_by: format!("witness {witness}") });
        }
    }
    bail!(
        "nothing was lost: this database continues every checkpoint that {} and the witnesses know. A new epoch is only for a log whose newer events are gone",
        place.display()
    )
}

/// The file beside the key that remembers the highest checkpoint.
fn memory(key: &Path) -> PathBuf {
    key.with_extension("checkpoint")
}

/// `a.example/log` is followed by `a.example/log/2`, that by `a.example/log/3`.
fn next_name(origin: &str) -> String {
    match origin.rsplit_once('/').and_then(|(stem, last)| Some((stem, last.parse::<u32>().ok()?))) {
        Some((stem, number)) if number >= 2 => format!("{stem}/{}", number.saturating_add(1)),
        _ => format!("{origin}/2"),
    }
}

/// The key of the new epoch: made now, or left by an earlier run that was broken off before its commit.
fn new_key(next: &Path, origin: &str, env: &Env) -> anyhow::Result<String> {
    if let Some(vkey) = keyfile::vkey(next)? {
        if VerifierKey::parse(&vkey).is_ok_and(|key| key.name() == origin) {
            return Ok(vkey);
        }
        bail!("{} is in the way: it is the key of another log; move it elsewhere", next.display());
    }
    keyfile::make(next, origin, env)
}

/// Puts the new key into the old one's place, and signs.
async fn finish(beside: &Beside, config: &Config, next: &Path, origin: &str, as_json: bool) -> anyhow::Result<ExitCode> {
    let path = &config.log.key;
    let number = publish::epochs(&beside.store).await?.len();
    let kept = path.with_extension(format!("epoch-{number}.key"));
    set_aside(path, &kept)?;
    set_aside(&memory(path), &path.with_extension(format!("epoch-{number}.checkpoint")))?;
    std::fs::rename(next, path).with_context(|| format!("the new key could not be put in place at {}", path.display()))?;
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()?;
    let text = std::fs::read_to_string(path)?;
    let signer = Signer::parse(&text).map_err(|e| anyhow::anyhow!("the key in {}: {e}", path.display()))?;
    let vkey = signer.verifier().to_string();
    let channels = service::witnesses_of(config)?.into_iter().map(|(_, channel)| channel).collect();
    Publisher::new(beside.desk.clone(), signer, memory(path), channels).publish().await?;
    if as_json {
        say::json(&json!({ "origin": origin, "vkey": vkey, "old_key": kept }))?;
    } else {
        say::line(format!("The log goes on as {origin}; its first event says what was lost, and why. Its key:"));
        say::line(&vkey);
        say::aside(format!(
            "Now: restart `serve`, on every replica with the new {}. Give the new key to the witnesses and to your auditors. The old key is kept in {}; it signs nothing any more.",
            path.display(),
            kept.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// A copy of what is replaced, unless there is one: an earlier run may have made it.
fn set_aside(path: &Path, kept: &Path) -> anyhow::Result<()> {
    if path.exists() && !kept.exists() {
        std::fs::copy(path, kept).with_context(|| format!("{} could not be kept as {}", path.display(), kept.display()))?;
        std::fs::File::open(kept)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_numbered_from_the_second() {
        assert_eq!(next_name("a.example/log"), "a.example/log/2");
        assert_eq!(next_name("a.example/log/2"), "a.example/log/3");
        assert_eq!(next_name("a.example/log/1"), "a.example/log/1/2");
        assert_eq!(next_name("log"), "log/2");
    }
}
