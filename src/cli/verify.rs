//! `verify`: what a bundle, a log's folder or a database proves, and where it does not fit. It trusts nothing that
//! stands in what it verifies; keys and anchors come from whoever runs it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::{say, verify_database};
use crate::ledger::audit::verify_path_telling;
use crate::ledger::key::{KeyKind, VerifierKey};
use crate::ledger::note::MAX_NOTE;
use crate::ledger::report::{Report, Verdict};
use crate::ledger::verify::Outside;

/// `verify`
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 proven, 1 damaged, 2 cannot be read, 3 consistent but not proven.")]
pub struct Args {
    /// Evidence bundles, zip or folder, or folders of a log (C2SP tlog-tiles).
    #[arg(value_name = "PATH", required_unless_present = "database", conflicts_with = "database")]
    paths: Vec<PathBuf>,
    /// Verify a database, and rebuild every projection from its events: sqlite:FILE or postgres://…
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// The folder of the database's attachments, to verify them as well.
    #[arg(long, value_name = "DIR", requires = "database")]
    attachments: Option<PathBuf>,
    /// The log's verifier key, from another place than the bundle.
    #[arg(long, value_name = "VKEY-FILE")]
    key: Option<PathBuf>,
    /// A witness's verifier key, from the witness; several may be given.
    #[arg(long = "witness", value_name = "VKEY-FILE")]
    witnesses: Vec<PathBuf>,
    /// How many of the witnesses must have cosigned; all of them if not said.
    #[arg(long, value_name = "N", requires = "witnesses")]
    quorum: Option<usize>,
    /// A checkpoint of the log that was kept elsewhere: not beside the database, and not in the bundle.
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// With a sentence that says what to do: wrong usage.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let outside = outside(&args)?;
    let mut reports = Vec::new();
    if let Some(database) = &args.database {
        let place = database.strip_prefix("sqlite:").map(|path| Path::new(path.strip_prefix("//").unwrap_or(path)));
        let folder = place.and_then(|path| std::fs::canonicalize(path).ok()).and_then(|path| path.parent().map(Path::to_owned));
        let beside = anchor_folder(&args).is_some_and(|anchor| folder == Some(anchor));
        let outside = Outside { anchor_beside: beside, ..outside.clone() };
        reports.push((database_label(database), verify_database::verify(database, args.attachments.as_deref(), &outside).await));
    }
    for path in &args.paths {
        let folder = std::fs::canonicalize(path).ok().filter(|path| path.is_dir());
        let beside = anchor_folder(&args).zip(folder).is_some_and(|(anchor, folder)| anchor.starts_with(folder));
        let (path, outside) = (path.clone(), Outside { anchor_beside: beside, ..outside.clone() });
        let label = path.display().to_string();
        let report = tokio::task::spawn_blocking(move || {
            let mut bar = None;
            verify_path_telling(&path, &outside, &mut |done, total| {
                bar.get_or_insert_with(|| say::progress(total, "reading the bundle")).set_position(done);
            })
        });
        reports.push((label, report.await?));
    }
    let code = worst(reports.iter().map(|(_, report)| &report.verdict));
    match (args.json, reports.as_slice()) {
        (true, [(_, report)]) => say::json(report)?,
        (true, several) => say::json(&several.iter().map(|(path, report)| with_path(path, report)).collect::<Result<Vec<_>, _>>()?)?,
        (false, [(_, report)]) => say::line(report.to_string().trim_end()),
        (false, several) => {
            for (path, report) in several {
                say::line(format!("{path}\n{report}"));
            }
        }
    }
    Ok(ExitCode::from(code))
}

/// The folder in which the anchor really lies.
fn anchor_folder(args: &Args) -> Option<PathBuf> {
    let anchor = std::fs::canonicalize(args.anchor.as_deref()?).ok()?;
    anchor.parent().map(Path::to_owned)
}

/// A database's address without its password.
fn database_label(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((_, rest)) => format!("postgres://…@{rest}"),
        None => address.to_owned(),
    }
}

fn with_path(path: &str, report: &Report) -> Result<serde_json::Value, serde_json::Error> {
    let mut value = serde_json::to_value(report)?;
    if let Some(object) = value.as_object_mut() {
        object.insert("path".to_owned(), path.into());
    }
    Ok(value)
}

/// The exit code of several verdicts: damage before what cannot be read, before what is not proven.
fn worst<'a>(verdicts: impl Iterator<Item = &'a Verdict>) -> u8 {
    let codes: Vec<u8> = verdicts.map(Verdict::exit_code).collect();
    [1, 2, 3].into_iter().find(|code| codes.contains(code)).unwrap_or(0)
}

fn outside(args: &Args) -> anyhow::Result<Outside> {
    let log = args.key.as_deref().map(|path| key(path, KeyKind::Ed25519)).transpose()?;
    let witnesses = args.witnesses.iter().map(|path| key(path, KeyKind::Cosignature)).collect::<anyhow::Result<Vec<_>>>()?;
    if let Some(quorum) = args.quorum
        && !(1..=witnesses.len()).contains(&quorum)
    {
        bail!("--quorum {quorum} does not fit {} witnesses; give the key of each with --witness", witnesses.len());
    }
    let anchor = args.anchor.as_deref().map(|path| read(path, MAX_NOTE as u64)).transpose()?;
    Ok(Outside { log, witnesses, quorum: args.quorum, anchor, anchor_beside: false })
}

fn key(path: &Path, wanted: KeyKind) -> anyhow::Result<VerifierKey> {
    let text = String::from_utf8(read(path, 4096)?).with_context(|| format!("{} is not a verifier key", path.display()))?;
    let key = VerifierKey::parse(&text).map_err(|e| anyhow::anyhow!("{}: {e}", path.display()))?;
    match (key.kind() == wanted, wanted) {
        (true, _) => Ok(key),
        (false, KeyKind::Ed25519) => bail!("{} is the key of a witness; --key takes the log's", path.display()),
        (false, KeyKind::Cosignature) => bail!("{} is the key of a log; --witness takes a witness's", path.display()),
    }
}

fn read(path: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).with_context(|| format!("{} cannot be opened", path.display()))?;
    std::io::Read::read_to_end(&mut std::io::Read::take(file, most + 1), &mut bytes)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    if bytes.len() as u64 > most {
        bail!("{} is too long for what it should be", path.display());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::report::Damage;

    #[test]
    fn of_several_verdicts_damage_counts_first() {
        let proven = Verdict::Proven { up_to: 1 };
        let consistent = Verdict::Consistent { why: String::new() };
        let unreadable = Verdict::Unreadable { why: String::new() };
        let damaged = Verdict::Damaged { first: Damage::file("x", "y") };
        assert_eq!(worst([&proven, &proven].into_iter()), 0);
        assert_eq!(worst([&proven, &consistent].into_iter()), 3);
        assert_eq!(worst([&consistent, &unreadable].into_iter()), 2);
        assert_eq!(worst([&unreadable, &damaged, &proven].into_iter()), 1);
    }

    #[test]
    fn a_databases_label_holds_no_password() {
        assert_eq!(database_label("postgres://ana:secret@db.example.com/x"), "postgres://…@db.example.com/x");
        assert_eq!(database_label("sqlite:countersign.db"), "sqlite:countersign.db");
    }
}
