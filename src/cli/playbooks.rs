//! `playbooks`: check a folder, adopt a changed one, show a procedure as people read it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::json;

use super::{beside, folder, say, service};
use crate::config::Config;
use crate::desk::founding;
use crate::env::Env;
use crate::procedure::model::{Library, Permission};
use crate::procedure::policy;
use crate::procedure::render::render_kind;
use crate::procedure::targets::{differences, render, targets};

/// Path and bytes of each file.
type Files = Vec<(String, Vec<u8>)>;

/// `playbooks`
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
    /// Find every mistake in a folder of playbooks. Exit code 1 when there is one, or no response at all.
    Check {
        /// The folder; left out, the configured one, or those built in.
        dir: Option<PathBuf>,
    },
    /// Record that changed playbooks count from now on.
    Adopt {
        /// The folder; left out, the configured one, or those built in.
        dir: Option<PathBuf>,
        /// Why; it is recorded.
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// Who acts, by e-mail address; left out, the only active administrator.
        #[arg(long, value_name = "EMAIL")]
        by: Option<String>,
    },
    /// Print what is promised: every target of every clock, one to a line, as it is published. With --compare, exit code 1 when
    /// what was published says something else.
    Targets {
        /// The folder; left out, the configured one, or those built in.
        dir: Option<PathBuf>,
        /// What was published: a file with such lines.
        #[arg(long, value_name = "FILE")]
        compare: Option<PathBuf>,
    },
    /// Print a page of policy, made from the playbooks: what needs a record, who approves, when, emergencies, and proof. With
    /// --compare, exit code 1 when the page that was signed off says something else.
    Policy {
        /// The folder; left out, the configured one, or those built in.
        dir: Option<PathBuf>,
        /// Of which kind.
        #[arg(long, value_name = "KIND", default_value = "change")]
        kind: String,
        /// What was signed off: a file with such a page.
        #[arg(long, value_name = "FILE")]
        compare: Option<PathBuf>,
    },
    /// Print a procedure as people read it, with the responses that open it.
    Show {
        /// The kind, such as incident.
        kind: String,
        /// The folder; left out, the configured one, or those built in.
        dir: Option<PathBuf>,
    },
}

/// Runs it.
///
/// # Errors
/// With a sentence that says what to do.
pub async fn run(config: impl FnOnce() -> anyhow::Result<Config>, env: &Env, args: Args) -> anyhow::Result<ExitCode> {
    match args.action {
        Action::Check { dir } => check(config, dir, args.json),
        Action::Adopt { dir, why, by } => adopt(&config()?, env, dir, &why, by.as_deref(), args.json).await,
        Action::Show { kind, dir } => show(config, dir, &kind, args.json),
        Action::Policy { dir, kind, compare } => page(config, dir, &kind, compare.as_deref(), args.json),
        Action::Targets { dir, compare } => promised(config, dir, compare.as_deref(), args.json),
    }
}

/// Where the files come from, as people call it, and the files.
fn files(config: impl FnOnce() -> anyhow::Result<Config>, dir: Option<PathBuf>) -> anyhow::Result<(Option<PathBuf>, Files)> {
    let read = |dir: &Path| folder::read(dir).with_context(|| format!("the playbooks in {}", dir.display()));
    match dir {
        Some(dir) => Ok((Some(dir.clone()), read(&dir)?)),
        None => {
            let config = config()?;
            Ok((config.playbooks.clone(), service::playbooks_of(&config)?))
        }
    }
}

fn check(config: impl FnOnce() -> anyhow::Result<Config>, dir: Option<PathBuf>, as_json: bool) -> anyhow::Result<ExitCode> {
    let (place, files) = files(config, dir)?;
    let count = files.len();
    let named = place.as_deref().map_or_else(|| "the built-in playbooks".to_owned(), |p| p.display().to_string());
    let findings = match crate::procedure::load(files) {
        Ok(library) => {
            let none = library.responses.is_empty();
            if as_json {
                let kinds: Vec<&String> = library.kinds.keys().collect();
                let responses: Vec<&String> = library.responses.iter().map(|r| &r.name).collect();
                say::json(&json!({ "findings": [], "files": count, "kinds": kinds, "responses": responses }))?;
            } else {
                let found = if none { "no mistake in what is there" } else { "nothing to correct" };
                say::line(format!("{named}: {count} files, {found}. {}", summary(&library)));
            }
            if none {
                say::aside("WARNING: no response playbook: no alert would open anything. Put at least one into responses/");
            }
            return Ok(ExitCode::from(u8::from(none)));
        }
        Err(findings) => findings,
    };
    if as_json {
        let rows: Vec<_> =
            findings.iter().map(|f| json!({ "file": f.file, "line": f.line, "column": f.column, "message": f.message })).collect();
        say::json(&json!({ "findings": rows, "files": count }))?;
    } else {
        let before = place.map(|p| format!("{}/", p.display().to_string().trim_end_matches('/'))).unwrap_or_default();
        for finding in &findings {
            say::line(format!("{before}{finding}"));
        }
        let mistakes = if findings.len() == 1 { "1 mistake".to_owned() } else { format!("{} mistakes", findings.len()) };
        say::aside(format!("{named}: {mistakes} in {count} files"));
    }
    Ok(ExitCode::from(1))
}

fn show(config: impl FnOnce() -> anyhow::Result<Config>, dir: Option<PathBuf>, kind: &str, as_json: bool) -> anyhow::Result<ExitCode> {
    let (_, files) = files(config, dir)?;
    let Ok(library) = crate::procedure::load(files) else {
        bail!("these playbooks have mistakes; `countersign playbooks check` shows each place");
    };
    let Some((found, text)) = library.kinds.get(kind).zip(render_kind(&library, kind)) else {
        let known: Vec<&str> = library.kinds.keys().map(String::as_str).collect();
        bail!("there is no kind {kind}; there are {}", known.join(", "));
    };
    if as_json {
        say::json(&json!({ "kind": kind, "digest": found.digest, "text": text }))?;
    } else {
        say::line(text.trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

fn promised(
    config: impl FnOnce() -> anyhow::Result<Config>,
    dir: Option<PathBuf>,
    compare: Option<&Path>,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let (_, files) = files(config, dir)?;
    let Ok(library) = crate::procedure::load(files) else {
        bail!("these playbooks have mistakes; `countersign playbooks check` shows each place");
    };
    let Some(compare) = compare else {
        let all = targets(&library);
        match as_json {
            true => say::json(&all)?,
            false => all.iter().for_each(|target| say::line(render(target))),
        }
        return Ok(ExitCode::SUCCESS);
    };
    let published = std::fs::read_to_string(compare).with_context(|| format!("{} cannot be read", compare.display()))?;
    let found = differences(&published, &library);
    match as_json {
        true => say::json(&json!({ "differences": found }))?,
        false if found.is_empty() => say::line("What was published is what counts."),
        false => found.iter().for_each(say::line),
    }
    Ok(ExitCode::from(u8::from(!found.is_empty())))
}

/// The lines of each kind's policy that are no more, or new.
fn changed_policies(before: &Library, after: &Library) -> BTreeMap<String, Vec<String>> {
    let of = |name: &String| {
        let now = policy::policy(after, name)?;
        let then = policy::policy(before, name).map(|page| page.lines).unwrap_or_default();
        Some((name.clone(), policy::differences(&then, &now.lines))).filter(|(_, lines)| !lines.is_empty())
    };
    after.kinds.keys().filter_map(of).collect()
}

fn page(
    config: impl FnOnce() -> anyhow::Result<Config>,
    dir: Option<PathBuf>,
    kind: &str,
    compare: Option<&Path>,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let (_, files) = files(config, dir)?;
    let Ok(library) = crate::procedure::load(files) else {
        bail!("these playbooks have mistakes; `countersign playbooks check` shows each place");
    };
    let Some(page) = policy::policy(&library, kind) else {
        let known: Vec<&str> = library.kinds.keys().map(String::as_str).collect();
        bail!("there is no kind {kind}; there are {}", known.join(", "));
    };
    let Some(compare) = compare else {
        if as_json {
            say::json(&page)?;
        } else {
            say::line(format!("# {}", page.title));
            say::line(format!("Version {}, of the procedure {} and the organisation {}.", page.version, page.procedure, page.organisation));
            page.lines.iter().for_each(say::line);
        }
        return Ok(ExitCode::SUCCESS);
    };
    let signed = std::fs::read_to_string(compare).with_context(|| format!("{} cannot be read", compare.display()))?;
    // Its title and the line of its version are not rules.
    let signed: Vec<String> = signed.lines().filter(|l| l.starts_with("- ") || l.starts_with("## ")).map(str::to_owned).collect();
    let found = policy::differences(&signed, &page.lines);
    match as_json {
        true => say::json(&json!({ "differences": found }))?,
        false if found.is_empty() => say::line("What was signed off is what counts."),
        false => found.iter().for_each(say::line),
    }
    Ok(ExitCode::from(u8::from(!found.is_empty())))
}

fn summary(library: &Library) -> String {
    let kinds: Vec<&str> = library.kinds.keys().map(String::as_str).collect();
    let responses: Vec<&str> = library.responses.iter().map(|r| r.name.as_str()).collect();
    format!(
        "{}: {} roles. Kinds: {}. Responses, in the order in which they are tried: {}.",
        library.organisation.name,
        library.organisation.roles.len(),
        kinds.join(", "),
        responses.join(", ")
    )
}

async fn adopt(config: &Config, env: &Env, dir: Option<PathBuf>, why: &str, by: Option<&str>, as_json: bool) -> anyhow::Result<ExitCode> {
    if why.trim().is_empty() {
        bail!("say why with --why; it is part of the record");
    }
    let given = dir.is_some();
    let (place, files) = files(|| Ok(config.clone()), dir)?;
    let desk = beside::open(config, env).await?.desk;
    let person = beside::acting_with(&desk, by, Permission::Administer, "administer")?;
    let before = desk.snapshot().procedures.current().cloned();
    let change = founding::adopt(&desk, Some(person.state.id), files, why).await?;
    let after = desk.snapshot().procedures.current().cloned();
    let changed = before.zip(after).map(|(before, after)| changed_policies(&before, &after)).unwrap_or_default();
    let same = |a: &Path, b: &Path| a.canonicalize().ok().is_some_and(|a| b.canonicalize().ok() == Some(a));
    if given && !place.as_deref().zip(config.playbooks.as_deref()).is_some_and(|(a, b)| same(a, b)) {
        let served = config.playbooks.as_deref().map_or_else(|| "the built-in ones".to_owned(), |p| p.display().to_string());
        say::aside(format!(
            "`serve` reads {served}, and starts only when they are what was adopted: put the same files there, or set `playbooks`."
        ));
    }
    if as_json {
        say::json(&json!({ "adopted": change.is_some(), "change": change, "policies": changed }))?;
    } else {
        match change {
            Some(change) => say::line(format!("Adopted by {}: {change}. Open tickets keep the version that they began with.", person.name)),
            None => say::line("These are the playbooks that count already; nothing was recorded."),
        }
        for (kind, lines) in &changed {
            say::line(format!("The {kind} policy changes:"));
            lines.iter().for_each(say::line);
        }
    }
    Ok(ExitCode::SUCCESS)
}
