//! `serve`: runs the service until it is told to stop.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;

use super::doctor_machine::listening_file;
use super::service::Service;
use crate::config::{Config, Database};
use crate::desk::Ending;
use crate::env::Env;

/// When a newer program has taken the database over, `/readyz` says so for this long before the process ends: whoever
/// shares out requests looks every few seconds.
const DRAIN: Duration = Duration::from_secs(10);

/// `serve`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Listen here instead of where the configuration says.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    listen: Option<SocketAddr>,
}

/// An address and a port; `localhost` is 127.0.0.1.
fn address(text: &str) -> Result<SocketAddr, String> {
    let named = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    named.parse().map_err(|_| "write an IP address and a port, such as 127.0.0.1:18080".to_owned())
}

/// Runs until SIGINT or SIGTERM.
///
/// # Errors
/// With a sentence that says why the service does not start.
pub async fn run(mut config: Config, env: Env, args: Args) -> anyhow::Result<ExitCode> {
    // Nobody said under which address people come: then it is the one that is listened on.
    let here = config.public_url == format!("http://{}", config.listen);
    if let Some(listen) = args.listen {
        config.listen = listen;
        if here && listen.port() != 0 {
            config.public_url = format!("http://{listen}");
        }
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}; choose another address with --listen 127.0.0.1:PORT", config.listen))?;
    let begins = begins(&config);
    let listening = listening_file(&config);
    let public_url = config.public_url.clone();
    let service = Service::open(config, env, false).await?;
    let running = service.start(listener)?;
    if let Some(begins) = begins {
        tracing::info!("{begins}");
    }
    let open = if here { format!("http://{}", running.address) } else { public_url };
    tracing::info!(address = %running.address, "listening; people open {open}/console/");
    // For `doctor`; without it, doctor looks where the configuration says.
    if let Err(error) = std::fs::write(&listening, format!("{}\n", running.address)) {
        tracing::warn!(%error, path = %listening.display(), "where this listens could not be written down");
    }
    let desk = running.app.desk.clone();
    let mut replaced = None;
    tokio::select! {
        heard = told_to_stop() => heard?,
        ending = desk.broken() => match ending {
            // Nothing is flushed or signed any more: the next start reads what the disk really holds.
            Ending::AtOnce(why) => anyhow::bail!(why),
            Ending::Drained(why) => {
                tracing::error!("{why}");
                replaced = Some(why);
                tokio::select! {
                    heard = told_to_stop() => heard?,
                    () = tokio::time::sleep(DRAIN) => {}
                }
            }
        },
    }
    tracing::info!("stopping");
    // What is left behind names an address at which nobody answers: that does no harm.
    drop(std::fs::remove_file(&listening));
    running.stop().await;
    match replaced {
        Some(why) => anyhow::bail!(why),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// What is said when a new log is about to be founded without a configuration: where, and how to get somebody in.
fn begins(config: &Config) -> Option<String> {
    let Database::Sqlite { path } = &config.database else { return None };
    if config.file.is_some() || path.exists() {
        return None;
    }
    let here = std::env::current_dir().map_or_else(|_| String::new(), |folder| format!(" in {}", folder.display()));
    Some(format!(
        "there is no configuration here, so a new log begins in {}{here}, signed by {}; add the first administrator, from the same folder, with: countersign people add EMAIL --name NAME --role administrator",
        path.display(),
        config.log.key.display()
    ))
}

/// Waits for SIGINT or SIGTERM.
///
/// # Errors
/// When signals cannot be heard.
pub async fn told_to_stop() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            heard = tokio::signal::ctrl_c() => heard?,
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}
