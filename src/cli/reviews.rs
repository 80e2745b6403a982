//! `reviews`: lists of users into an access review, its lines out.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::json;

use super::beside::{self, Acting, Beside};
use super::say;
use crate::config::Config;
use crate::desk::campaign::{Wanted, flag_words};
use crate::desk::request::{Ask, Request};
use crate::env::Env;
use crate::people::Person;
use crate::procedure::model::Permission;
use crate::ticket::command::{AttachEvidence, Command};
use crate::ticket::number::Number;
use crate::ticket::users;

/// Lines read at a time.
const PAGE: usize = 1_000;

/// `reviews`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    acting: Acting,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Hand in a list of a system's users: CSV with a column `account`, and perhaps name, email, role, last_used, privileged.
    Import {
        /// The review, as in REV-000001.
        review: String,
        /// The list.
        file: PathBuf,
        /// Whose users these are, by the system's name in organisation.yaml.
        #[arg(long)]
        system: String,
    },
    /// Freeze the lines of a review, and ask everybody about theirs.
    Freeze {
        /// The review.
        review: String,
    },
    /// Print the lines of a review and where each stands.
    Lines {
        /// The review.
        review: String,
    },
}

/// Runs it.
///
/// # Errors
/// With a sentence that says what to do.
pub async fn run(config: &Config, env: &Env, args: Args) -> anyhow::Result<ExitCode> {
    let beside = beside::open(config, env).await?;
    let person = |permission, what| beside::acting_with(&beside.desk, args.acting.by.as_deref(), permission, what);
    match &args.action {
        Action::Import { review, file, system } => {
            let person = person(Permission::Work, "hand in lists")?;
            let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
            let rows = users::read(&bytes).map_err(|problem| anyhow::anyhow!("{}: {problem}", file.display()))?.len();
            import(&beside, env, &person, &number(review)?, system, &bytes).await?;
            match args.acting.json {
                true => say::json(&json!({ "review": review, "system": system, "users": rows }))?,
                false => say::line(format!("{rows} users of {system} are handed in to {review}.")),
            }
        }
        Action::Freeze { review } => {
            let person = person(Permission::Work, "freeze lines")?;
            let number = number(review)?;
            let command = beside.desk.freezing(&number).await?;
            beside.desk.ask(Request::of_operator(Some(person.state.id.clone()), Ask::Ticket(Box::new(command)))).await?;
            let lines = beside.desk.ticket(&person, &number).await?.lines.unwrap_or_default();
            match args.acting.json {
                true => say::json(&json!({ "review": number, "lines": lines.total(), "digest": lines.digest }))?,
                false => {
                    say::line(format!("{} lines of {number} are frozen (digest {}).", lines.total(), lines.digest.unwrap_or_default()))
                }
            }
        }
        Action::Lines { review } => print(&beside, &person(Permission::Read, "read tickets")?, &number(review)?, args.acting.json).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn number(text: &str) -> anyhow::Result<Number> {
    match text.parse() {
        Ok(number) => Ok(number),
        Err(_) => bail!("{text} is no number of a review; it looks like REV-000001"),
    }
}

async fn import(beside: &Beside, env: &Env, person: &Person, review: &Number, system: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let kept = beside.attachments.keep(bytes, &env.id("")).await.context("the list cannot be kept")?;
    let sha256 = kept.sha256().to_owned();
    let file = AttachEvidence {
        ticket: review.clone(),
        name: beside.desk.seal(format!("users of {system}.csv")),
        sha256: beside.desk.seal(sha256),
        size: i64::try_from(bytes.len())?,
        media_type: "text/csv".to_owned(),
        phase: None,
        captured_at: None,
    };
    let rows = i64::try_from(users::read(bytes).map_or(0, |users| users.len()))?;
    let command = Command::ListUsers { file, system: system.to_owned(), rows };
    let request = Request::of_operator(Some(person.state.id.clone()), Ask::Ticket(Box::new(command)));
    if let Err(error) = beside.desk.ask(request).await {
        kept.discard();
        return Err(error.into());
    }
    Ok(())
}

async fn print(beside: &Beside, person: &Person, review: &Number, as_json: bool) -> anyhow::Result<()> {
    let directory = beside.desk.snapshot().directory;
    let (mut rows, mut shown, mut after) = (Vec::new(), Vec::new(), 0);
    loop {
        let page = beside.desk.lines(person, review, Wanted::default(), after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.line;
        for view in &page {
            let asked = &view.asked.reviewer;
            let asked = if directory.get(asked).is_some() { directory.name_of(asked) } else { asked.clone() };
            let (flags, stands) = (flag_words(&view.shown.flags).join(", "), view.mark.name());
            shown.push(json!({
                "line": view.line, "system": view.shown.system, "role": view.shown.role, "account": view.shown.account,
                "name": view.shown.name, "record": view.asked.record, "origin": view.asked.record.as_ref().map_or("orphan".to_owned(), ToString::to_string), "flags": view.shown.flags, "asked": asked, "stands": stands,
            }));
            let cells = [view.line.to_string(), view.shown.system.clone(), view.shown.role.clone(), view.shown.name.clone(), flags, asked];
            rows.push(cells.into_iter().chain([stands.to_owned()]).collect::<Vec<String>>());
        }
    }
    if as_json {
        return say::json(&shown);
    }
    say::line(say::table(&["line", "system", "role", "who", "to know", "asked", "stands"], &rows));
    Ok(())
}
