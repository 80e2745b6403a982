//! The command line: one file per subcommand, and the wiring of everything.
//!
//! To add a command: a variant of [`Command`], a file with `run`, a line in [`run`]. Errors are sentences that say what
//! to do next; they go to stderr, and the exit code is not 0.

pub mod beside;
pub mod bundle;
pub mod demo;
mod demo_estate;
pub mod doctor;
mod doctor_machine;
mod doctor_oncall;
mod doctor_slack;
pub mod epoch;
pub mod export;
pub mod folder;
mod hand;
pub mod init;
mod init_text;
pub mod keyfile;
pub mod keys;
pub mod logging;
mod monitor;
mod packs;
pub mod people;
mod people_import;
mod pipeline;
pub mod playbooks;
pub mod report;
pub mod reviews;
pub mod say;
pub mod selection;
pub mod serve;
pub mod service;
mod story;
mod story_time;
pub mod verify;
mod verify_database;
mod zone;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Config;
use crate::env::Env;

/// Chat-ops incidents, changes and access, with a record that an assessor can check.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, about, max_term_width = 100)]
pub struct Cli {
    /// The configuration; `countersign.toml` here, if it is there.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a configuration, playbooks and the first administrator, after a few questions.
    Init(init::Args),
    /// Run the service.
    Serve(serve::Args),
    /// A complete service with example people and alerts, to look at. Nothing in it is evidence.
    Demo(demo::Args),
    /// The directory: who may do what, and with which keys.
    People(people::Args),
    /// The procedures: check them, adopt changed ones, read them.
    Playbooks(playbooks::Args),
    /// Access reviews: hand in lists of users, freeze the lines, read them.
    Reviews(reviews::Args),
    /// What an assessor asks over many tickets: the register of a kind, approvals, roles, corrective actions.
    Report(report::Args),
    /// The way of one ticket, from the request to the proof. Exit code 1 while a part of it is missing.
    Trace(report::TraceArgs),
    /// The log's signing key.
    Keys(keys::Args),
    /// Look at everything that the service stands on, and say what to do. Exit code 1 when something fails.
    Doctor(doctor::Args),
    /// Write an evidence bundle.
    Export(export::Args),
    /// Verify evidence bundles, a log's folder, or a database.
    Verify(verify::Args),
}

/// Runs the command line and gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::keep_panics_quiet();
    logging::start(match cli.command {
        Command::Serve(_) => "info",
        // Its two instances talk to each other all the time; what matters to people is printed.
        Command::Demo(_) => "error",
        _ => "warn",
    });
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    match runtime.block_on(run(cli)) {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let env = Env::system();
    match cli.command {
        Command::Init(args) => init::run(&env, args).await,
        Command::Serve(args) => serve::run(load(cli.config)?, env, args).await,
        Command::People(args) => people::run(&load(cli.config)?, &env, args).await,
        Command::Playbooks(args) => playbooks::run(|| load(cli.config), &env, args).await,
        Command::Reviews(args) => reviews::run(&load(cli.config)?, &env, args).await,
        Command::Report(args) => report::run(&load(cli.config)?, &env, args).await,
        Command::Trace(args) => report::run_trace(&load(cli.config)?, &env, args).await,
        Command::Demo(args) => demo::run(&Env::demonstration(), args).await,
        Command::Doctor(args) => doctor::run(load(cli.config), &env, args).await,
        Command::Export(args) => export::run(&load(cli.config)?, &env, args).await,
        Command::Verify(args) => verify::run(args).await,
        Command::Keys(args) => keys::run(&load(cli.config)?, &env, args).await,
    }
}

/// The configuration: the file that was named, or `countersign.toml` here, or the defaults.
fn load(named: Option<PathBuf>) -> anyhow::Result<Config> {
    let here = PathBuf::from("countersign.toml");
    let path = named.or_else(|| here.exists().then_some(here));
    Ok(Config::load(path.as_deref(), crate::config::environment())?)
}

#[expect(clippy::print_stderr, reason = "errors of the command line go to stderr")]
fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("countersign: {error:#}");
    ExitCode::from(2)
}
