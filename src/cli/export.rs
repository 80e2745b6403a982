//! `export`: an evidence bundle of the log as it stands, cosigned by its witnesses where they answer. The export itself
//! is an event, after the position that the bundle describes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::json;

use super::beside::{self, Beside};
use super::bundle::{self, Written};
use super::selection::{Selection, Wanted};
use super::{keyfile, say, service};
use crate::config::Config;
use crate::desk::Desk;
use crate::desk::publish::{NotSigned, Publisher};
use crate::desk::request::{Ask, Request};
use crate::env::Env;
use crate::evidence::package::Package;
use crate::ledger::key::VerifierKey;
use crate::ledger::note::{Note, Signer};
use crate::ledger::witness::cosigned_at;
use crate::outbound::witness::Witness;
use crate::people::Person;
use crate::procedure::model::Permission;
use crate::ticket::event::{Event, Fact};

/// `export`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bundle to write, a zip file; there must be none yet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Write the same as a folder.
    #[arg(long)]
    folder: bool,
    #[command(flatten)]
    selection: Selection,
    /// Who exports, by e-mail address; left out, the only active administrator.
    #[arg(long, value_name = "EMAIL")]
    by: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What came of an export.
pub struct Exported {
    /// What was written.
    pub written: Written,
    /// Names of the witnesses that cosigned.
    pub witnesses: Vec<String>,
    /// Why others did not, a sentence each.
    pub troubles: Vec<String>,
    /// Who exported.
    pub person: Person,
}

/// Runs it.
///
/// # Errors
/// With a sentence that says what to do.
pub async fn run(config: &Config, env: &Env, args: Args) -> anyhow::Result<ExitCode> {
    let wanted = Wanted::of(args.selection)?;
    let exported = export(config, env, args.by.as_deref(), &wanted, &args.out, args.folder).await?;
    let Exported { written, witnesses, troubles, person } = exported;
    for trouble in &troubles {
        say::aside(trouble);
    }
    if args.json {
        say::json(&json!({
            "bundle": args.out,
            "manifest_sha256": written.digest,
            "position": written.position,
            "tickets": written.tickets,
            "files": written.files,
            "witnesses": witnesses,
            "exported_by": person.state.id,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    say::line(format!(
        "{}: {} and {} files, from a log of {} events.",
        args.out.display(),
        if written.tickets == 1 { "1 ticket".to_owned() } else { format!("{} tickets", written.tickets) },
        written.files,
        written.position
    ));
    match witnesses.as_slice() {
        [] => say::line("No witness cosigned it, so by itself it shows consistency, not completeness."),
        names => say::line(format!("Cosigned by {}.", names.join(", "))),
    }
    say::line(format!("Recorded as exported by {}, with the manifest's digest {}.", person.name, written.digest));
    say::line(format!("Check it with: countersign verify {} --key LOG-VKEY-FILE --witness WITNESS-VKEY-FILE", args.out.display()));
    Ok(ExitCode::SUCCESS)
}

/// Writes a bundle and records that it was handed out. Either both are done, or neither.
///
/// # Errors
/// With a sentence that says what to do.
pub async fn export(config: &Config, env: &Env, by: Option<&str>, wanted: &Wanted, out: &Path, folder: bool) -> anyhow::Result<Exported> {
    if out.symlink_metadata().is_ok() {
        bail!("{} is there already, and nothing is ever overwritten; choose another name", out.display());
    }
    let beside = beside::open(config, env).await?;
    let person = beside::acting_with(&beside.desk, by, Permission::Export, "export")?;
    let signer = keyfile::signer(&beside.desk, &config.log.key, env).await?;
    if let Some(log) = beside.desk.identity().await?.vkey.filter(|log| *log != signer.verifier().to_string()) {
        return Err(NotSigned::OtherKey { log, here: signer.verifier().to_string() }.into());
    }
    let (note, keys, troubles) = match unchanged_since_export(config, &beside).await? {
        Some((note, keys)) => (note, keys, Vec::new()),
        None => fresh_checkpoint(config, env, &beside).await?,
    };
    let cosigned = cosigned_by(&note, &keys);
    let mut half = out.as_os_str().to_owned();
    half.push(".unfinished");
    let half = PathBuf::from(half);
    match write(&beside, wanted, &note, &signer, &keys, (&half, folder), person.state.id.clone()).await {
        Ok(written) => {
            std::fs::rename(&half, out).with_context(|| format!("the bundle stays at {}", half.display()))?;
            Ok(Exported { written, witnesses: cosigned, troubles, person })
        }
        Err(error) => {
            // What is left behind stops the next export of this name with a clear error.
            let _ = if folder { std::fs::remove_dir_all(&half) } else { std::fs::remove_file(&half) };
            Err(error)
        }
    }
}

async fn write(
    beside: &Beside,
    wanted: &Wanted,
    note: &Note,
    signer: &Signer,
    keys: &[VerifierKey],
    (half, folder): (&Path, bool),
    person: String,
) -> anyhow::Result<Written> {
    let package = if folder { Package::folder(half) } else { Package::zip(half) };
    let package = package.with_context(|| format!("{} cannot be written", half.display()))?;
    let written = bundle::write(beside, package, wanted, note, signer, keys, true).await?;
    let query = beside.desk.seal(wanted.query().to_string());
    let record = Ask::RecordExport { digest: written.digest.clone(), position: written.position, tickets: written.tickets, query };
    let recorded = beside.desk.ask(Request::of_operator(Some(person), record)).await;
    recorded.context("the export could not be recorded, so no bundle was left")?;
    Ok(written)
}

/// The checkpoint that an earlier export described, when nothing but exports was recorded since: the same question about
/// the same record gets the same bytes. None when a witness has not cosigned it.
async fn unchanged_since_export(config: &Config, beside: &Beside) -> anyhow::Result<Option<(Note, Vec<VerifierKey>)>> {
    let store = &beside.store;
    let (mut next, mut position) = (store.size().await?, None);
    while next > position.unwrap_or(0) {
        let bytes = store.event(next - 1).await?.context("the log's last event is missing")?;
        let event: Event = serde_json::from_slice(&bytes).context("the log's last event does not read back")?;
        let Fact::Exported { position: described, .. } = event.fact else { break };
        next -= 1;
        position = Some(described);
    }
    // What the oldest of these exports described must be where they begin.
    let Some(size) = position.filter(|described| *described == next) else { return Ok(None) };
    let Some(note) = store.checkpoint_at(size).await? else { return Ok(None) };
    let note = Note::parse(note.as_bytes())?;
    let keys: Vec<VerifierKey> = config.log.witnesses.iter().map(|w| VerifierKey::parse(&w.vkey)).collect::<Result<_, _>>()?;
    Ok((cosigned_by(&note, &keys).len() == keys.len()).then_some((note, keys)))
}

/// The log signed as it stands, and cosigned by as many witnesses as answer.
async fn fresh_checkpoint(config: &Config, env: &Env, beside: &Beside) -> anyhow::Result<(Note, Vec<VerifierKey>, Vec<String>)> {
    let desk = &beside.desk;
    let (witnesses, channels): (Vec<Witness>, Vec<String>) = service::witnesses_of(config)?.into_iter().unzip();
    let keys: Vec<VerifierKey> = config.log.witnesses.iter().map(|w| VerifierKey::parse(&w.vkey)).collect::<Result<_, _>>()?;
    let outside = config.log.key.with_extension("checkpoint");
    let publisher = Publisher::new(desk.clone(), keyfile::signer(desk, &config.log.key, env).await?, outside, channels);
    let (note, troubles) = checkpoint(desk, &publisher, &witnesses, &keys).await?;
    Ok((note, keys, troubles))
}

/// The same by whoever signs already; why witnesses did not cosign, a sentence each.
///
/// # Errors
/// When nothing can be signed, or the log is written too quickly for all of its witnesses.
pub async fn checkpoint(
    desk: &Desk,
    publisher: &Publisher,
    witnesses: &[Witness],
    keys: &[VerifierKey],
) -> anyhow::Result<(Note, Vec<String>)> {
    let mut troubles = Vec::new();
    // A running `serve` may sign a newer checkpoint between two witnesses; then both are asked again.
    for _ in 0..3 {
        if desk.checkpoint().await?.map(|(size, _)| size) != Some(desk.size().await?) {
            publisher.publish().await?;
        }
        troubles.clear();
        for (witness, key) in witnesses.iter().zip(keys) {
            if let Err(error) = witness.cosign_latest(desk).await {
                troubles.push(format!("the witness {} did not cosign: {error}", key.name()));
            }
        }
        let (_, note) = desk.checkpoint().await?.context("nothing was signed yet")?;
        let note = Note::parse(note.as_bytes())?;
        if !troubles.is_empty() || cosigned_by(&note, keys).len() == keys.len() {
            return Ok((note, troubles));
        }
    }
    bail!("the log is being written so quickly that no checkpoint was cosigned by every witness; try again in a minute")
}

fn cosigned_by(note: &Note, keys: &[VerifierKey]) -> Vec<String> {
    keys.iter().filter(|key| cosigned_at(note, key).is_ok()).map(|key| key.name().to_owned()).collect()
}
