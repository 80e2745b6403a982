//! `doctor`: looks at everything that a service stands on, says of each whether it is in order, and if not, what to do.
//!
//! What it looks at on the machine itself stands in `doctor_machine`. To add a check: a function that gives
//! [`Finding`]s, a line in [`examine`].

use std::process::ExitCode;

use serde::Serialize;

use super::beside::{self, Beside};
use super::doctor_machine::{clock, disk, open_to_others, serve};
use super::{doctor_oncall, doctor_slack, keyfile, say, service};
use crate::config::{Config, Database};
use crate::desk::founding;
use crate::desk::request::{Ask, Request};
use crate::env::Env;
use crate::ledger::key::VerifierKey;
use crate::ledger::note::Note;
use crate::ledger::witness::cosigned_at;
use crate::procedure::model::Permission;
use crate::store::commit::Head;

/// `doctor`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Confirm that the system clock is right after it jumped, so that commits go on.
    #[arg(long)]
    confirm_clock: bool,
    /// Who confirms, by e-mail address; left out, the only active administrator.
    #[arg(long, value_name = "EMAIL", requires = "confirm_clock")]
    by: Option<String>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Ok,
    Warn,
    Fail,
}

/// What was found of one thing.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    check: &'static str,
    pub(super) state: State,
    says: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to_do: Option<String>,
}

/// A finding of this sort.
pub(super) fn ok(check: &'static str, says: impl Into<String>) -> Finding {
    Finding { check, state: State::Ok, says: says.into(), to_do: None }
}

/// A finding of this sort.
pub(super) fn warn(check: &'static str, says: impl Into<String>, to_do: &str) -> Finding {
    Finding { check, state: State::Warn, says: says.into(), to_do: Some(to_do.to_owned()) }
}

/// A finding of this sort.
pub(super) fn fail(check: &'static str, says: impl Into<String>, to_do: &str) -> Finding {
    Finding { state: State::Fail, ..warn(check, says, to_do) }
}

/// Runs it. `config` is the configuration, or every problem that it has.
///
/// # Errors
/// Only when the clock was to be confirmed and could not be.
pub async fn run(config: anyhow::Result<Config>, env: &Env, args: Args) -> anyhow::Result<ExitCode> {
    let mut findings = Vec::new();
    match config {
        Err(error) => {
            findings.extend(error.to_string().lines().map(|line| fail("configuration", line, "correct it, then run doctor again")));
        }
        Ok(config) => {
            if args.confirm_clock {
                confirm_clock(&config, env, args.by.as_deref()).await?;
            }
            findings = examine(&config, env).await;
        }
    }
    let failed = findings.iter().any(|f| f.state == State::Fail);
    if args.json {
        say::json(&serde_json::json!({ "ok": !failed, "findings": findings }))?;
    } else {
        for finding in &findings {
            let word = match finding.state {
                State::Ok => "ok  ",
                State::Warn => "warn",
                State::Fail => "FAIL",
            };
            say::line(format!("{word}  {:<13}  {}", finding.check, finding.says));
            if let Some(to_do) = &finding.to_do {
                say::line(format!("                     → {to_do}"));
            }
        }
    }
    Ok(ExitCode::from(u8::from(failed)))
}

async fn confirm_clock(config: &Config, env: &Env, by: Option<&str>) -> anyhow::Result<()> {
    let desk = beside::open(config, env).await?.desk;
    let person = beside::acting_with(&desk, by, Permission::Administer, "administer")?;
    desk.ask(Request::of_operator(Some(person.state.id), Ask::ConfirmClock)).await?;
    say::aside(format!(
        "{} confirmed that the clock is right ({}). A `serve` on this machine goes on within a second.",
        person.name,
        env.now()
    ));
    Ok(())
}

async fn examine(config: &Config, env: &Env) -> Vec<Finding> {
    let mut findings = configuration(config);
    match beside::open_store(&config.database).await {
        Err(error) => {
            findings.push(fail("database", format!("{error:#}"), "see to that first; without the database nothing else can be looked at"))
        }
        Ok(store) => {
            findings.extend(database(config, &store).await);
            let head = store.head().await.ok().flatten();
            findings.extend(key(config, head.as_ref()));
            if let Some(head) = &head {
                findings.push(clock(env.now(), head));
            }
            match beside::open(config, env).await {
                Err(error) => findings.push(fail("log", format!("{error:#}"), "see to that, then run doctor again")),
                Ok(beside) => {
                    findings.extend(desk(config, &beside).await);
                    findings.extend(doctor_slack::noted(config, &beside).await);
                    findings.extend(doctor_oncall::examine(config, &beside).await);
                }
            }
        }
    }
    findings.extend(doctor_slack::slack(config, env).await);
    findings.extend(disk(config));
    findings.push(serve(config).await);
    findings
}

fn configuration(config: &Config) -> Vec<Finding> {
    let named = config.file.as_ref().map_or_else(|| "no file; the defaults and the environment".to_owned(), |f| f.display().to_string());
    let sources: Vec<&str> = config.sources.iter().map(|s| s.name.as_str()).collect();
    let mut findings = vec![ok("configuration", format!("{named}; {} at {}", config.log.origin, config.public_url))];
    findings.extend(
        config
            .warnings
            .iter()
            .map(|warning| warn("configuration", warning.clone(), "change that in the configuration, or leave it if it is meant so")),
    );
    findings.push(match sources.as_slice() {
        [] => warn("sources", "no monitoring tool may send alerts", "add a [[source]] to the configuration"),
        names => ok("sources", names.join(", ")),
    });
    findings
}

async fn database(config: &Config, store: &crate::store::Store) -> Vec<Finding> {
    let mut findings = Vec::new();
    let place = match &config.database {
        Database::Sqlite { path } => format!("SQLite, {}", path.display()),
        Database::Postgres { .. } => "PostgreSQL".to_owned(),
    };
    findings.push(match store.durability().await {
        Ok(durable) if durable == "on" => ok("database", format!("{place}; commits are on the disk before anybody is answered")),
        Ok(durable) => {
            fail("database", format!("{place} does not make commits durable: {durable}"), "switch it on; `serve` does not start otherwise")
        }
        Err(error) => fail("database", format!("{place}: {error}"), "look whether it runs and lets us in"),
    });
    if let Database::Sqlite { path } = &config.database
        && let Some(mode) = open_to_others(path)
    {
        let to_do = format!("chmod 600 {}", path.display());
        findings.push(warn("database", format!("other users of this machine may read {} (mode {mode:o})", path.display()), &to_do));
    }
    findings
}

fn key(config: &Config, head: Option<&Head>) -> Vec<Finding> {
    let path = config.log.key.display();
    let log = head.map(|h| h.vkey.as_str()).filter(|v| !v.is_empty());
    vec![match (keyfile::vkey(&config.log.key), log) {
        (Err(error), _) => fail("key", format!("{error:#}"), "put the log's own key file there, for its owner's eyes only"),
        (Ok(None), Some(vkey)) => fail(
            "key",
            format!("the log is signed by {vkey}, and there is no key file at {path}"),
            "copy it from the backup or another replica; a log never gets a second key",
        ),
        (Ok(None), None) => {
            warn("key", format!("there is no key at {path} yet"), "the first start of `serve` makes it, or `countersign keys init`")
        }
        (Ok(Some(file)), Some(vkey)) if file != vkey => fail(
            "key",
            format!("the key in {path} is {file}, but the log is signed by {vkey}"),
            "put the log's own key file there; nothing is signed with another one",
        ),
        (Ok(Some(file)), _) => ok("key", format!("{path}, for its owner's eyes only: {file}")),
    }]
}

async fn desk(config: &Config, beside: &Beside) -> Vec<Finding> {
    let mut findings = vec![signed(beside).await];
    if let Some(why) = beside.desk.stopped() {
        findings.push(fail("clock", why, "nothing is recorded until then"));
    }
    findings.extend(witnesses(config, beside).await);
    findings.push(match service::playbooks_of(config) {
        Err(error) => fail("playbooks", format!("{error:#}"), "put the folder there, or correct `playbooks` in the configuration"),
        Ok(files) => match founding::changes(&beside.desk, files) {
            Err(error) => fail("playbooks", error.to_string(), "`countersign playbooks check` shows each place"),
            Ok(Some(change)) => fail(
                "playbooks",
                format!("not the ones that were adopted: {change}"),
                "record the change with `countersign playbooks adopt --why TEXT`, or put the adopted files back",
            ),
            Ok(None) => ok("playbooks", "those that were adopted"),
        },
    });
    let snapshot = beside.desk.snapshot();
    let administrators: Vec<&str> = snapshot.procedures.current().map_or_else(Vec::new, |library| {
        snapshot.directory.administrators(&library.organisation).into_iter().map(|p| p.email.as_str()).collect()
    });
    findings.push(match administrators.as_slice() {
        [] => fail("people", "nobody may administer", "countersign people add EMAIL --name NAME --role administrator"),
        names => ok("people", format!("{} in the directory; {} may administer", snapshot.directory.iter().count(), names.join(", "))),
    });
    findings
}

async fn signed(beside: &Beside) -> Finding {
    match (beside.desk.size().await, beside.desk.checkpoint().await) {
        (Ok(size), Ok(Some((signed, _)))) if signed == size => ok("log", format!("{size} events, all under a signed checkpoint")),
        (Ok(size), Ok(Some((signed, _)))) if signed < size => warn(
            "log",
            format!("{size} events, {signed} of them under a signed checkpoint"),
            "`serve` signs the rest within a second; start it",
        ),
        (Ok(size), Ok(Some((signed, _)))) => fail(
            "log",
            format!("{size} events, but {signed} were signed: an older copy of the database was put back"),
            "restore the newer database; nothing is signed until then",
        ),
        (Ok(size), Ok(None)) => warn("log", format!("{size} events, none signed yet"), "`serve` signs them within a second; start it"),
        (Err(error), _) | (_, Err(error)) => fail("log", error.to_string(), "look whether the database runs, then run doctor again"),
    }
}

async fn witnesses(config: &Config, beside: &Beside) -> Vec<Finding> {
    let found = match service::witnesses_of(config) {
        Ok(found) => found,
        Err(error) => {
            return vec![fail(
                "witnesses",
                format!("{error:#}"),
                "ask the witness's operator for its key, and write it under [log] witnesses",
            )];
        }
    };
    if found.is_empty() {
        let to_do = "name a witness under [log] witnesses; another organisation's Countersign can be one";
        return vec![warn("witnesses", "none, so exports show consistency, but never prove that nothing was left out", to_do)];
    }
    let mut findings = Vec::new();
    let mut answered = 0;
    let note = beside.desk.checkpoint().await.ok().flatten().and_then(|(_, note)| Note::parse(note.as_bytes()).ok());
    for named in &config.log.witnesses {
        let signed = VerifierKey::parse(&named.vkey).ok().zip(note.as_ref()).is_some_and(|(key, note)| cosigned_at(note, &key).is_ok());
        if signed {
            answered += 1;
            findings.push(ok("witnesses", format!("{} has cosigned the latest checkpoint", named.url)));
        } else {
            findings.push(warn(
                "witnesses",
                format!("{} has not cosigned the latest checkpoint", named.url),
                "`serve` asks it again by itself; if this stays, ask its operator whether it runs and knows our key (`countersign keys show`)",
            ));
        }
    }
    if answered < config.log.quorum {
        let says = format!("{answered} of {} witnesses cosigned, {} have to", found.len(), config.log.quorum);
        findings.push(fail("witnesses", says, "until then nothing new is proven; recording goes on"));
    }
    findings
}
