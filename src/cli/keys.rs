//! `keys`: the log's signing key.

use std::process::ExitCode;

use anyhow::bail;
use serde_json::json;

use super::{beside, keyfile, say};
use crate::config::{Config, Database};
use crate::env::Env;

/// `keys`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make the log's signing key, unless the log has one: `serve` does so by itself at its first start.
    Init,
    /// Print the log's verifier key (public, one line), for auditors and witnesses.
    Show {
        /// The key with which this service cosigns other logs, for their owners and auditors.
        #[arg(long)]
        witness: bool,
    },
    /// After a loss that no backup mends: go on under a new name and a new key, and record what was lost and why.
    NewEpoch(super::epoch::Args),
}

/// What the file and the database say.
struct Keys {
    file: Option<String>,
    log: Option<String>,
    origin: String,
}

/// Runs it.
///
/// # Errors
/// With a sentence that says what to do.
pub async fn run(config: &Config, env: &Env, args: Args) -> anyhow::Result<ExitCode> {
    if let Action::NewEpoch(epoch) = args.action {
        return super::epoch::run(config, env, epoch, args.json).await;
    }
    if let Action::Show { witness: true } = args.action {
        return show_witness(config, args.json);
    }
    let keys = read(config).await?;
    let path = config.log.key.display();
    match args.action {
        Action::Init => {
            if let Some(vkey) = &keys.file {
                bail!("there is a key at {path} already: {vkey}");
            }
            if let Some(vkey) = &keys.log {
                bail!(
                    "this log is signed by the key {vkey}; copy its file to {path} from the backup or another replica. A log never gets a second key"
                );
            }
            let vkey = keyfile::make(&config.log.key, &keys.origin, env)?;
            if args.json {
                say::json(&json!({ "vkey": vkey, "file": config.log.key }))?;
            } else {
                say::line(format!("The signing key of {} is in {path} (mode 0600); keep a copy of it in a safe place.", keys.origin));
                say::line(vkey);
            }
        }
        Action::NewEpoch(_) | Action::Show { .. } => {
            let Some(vkey) = keys.log.clone().or_else(|| keys.file.clone()) else {
                bail!("this log has no key yet; `countersign keys init` or the first start of `serve` makes one at {path}");
            };
            if let Some(file) = keys.file.as_ref().filter(|file| **file != vkey) {
                say::aside(format!("the key in {path} is another one ({file}) and cannot sign for this log; put the log's own key there"));
            }
            if args.json {
                say::json(&json!({ "vkey": vkey, "origin": keys.origin, "file": config.log.key, "file_vkey": keys.file }))?;
            } else {
                say::line(vkey);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show_witness(config: &Config, as_json: bool) -> anyhow::Result<ExitCode> {
    let Some(witness) = &config.witness else {
        bail!("this service is nobody's witness; a section [witness] in the configuration, with the keys of the logs, makes it one");
    };
    let Some(vkey) = keyfile::witness_vkey(&witness.key)? else {
        bail!("the witness has no key yet; the first start of `serve` makes one at {}", witness.key.display());
    };
    if as_json {
        say::json(&json!({ "witness_vkey": vkey, "name": witness.name, "file": witness.key }))?;
    } else {
        say::line(vkey);
    }
    Ok(ExitCode::SUCCESS)
}

async fn read(config: &Config) -> anyhow::Result<Keys> {
    let file = keyfile::vkey(&config.log.key)?;
    let missing = matches!(&config.database, Database::Sqlite { path } if !path.exists());
    let head = if missing { None } else { beside::open_store(&config.database).await?.head().await? };
    Ok(Keys {
        file,
        log: head.as_ref().map(|h| h.vkey.clone()).filter(|v| !v.is_empty()),
        origin: head.map_or_else(|| config.log.origin.clone(), |h| h.origin),
    })
}
