//! `report` and `trace`: what an assessor asks over many tickets, and the way of one.

use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::Value;

use super::beside::{self, Acting};
use super::say;
use crate::card::scene::Known;
use crate::card::trace::lines;
use crate::config::Config;
use crate::env::{Env, Timestamp};
use crate::evidence::report::ALL;
use crate::inbound::reports::{self, Wanted};
use crate::procedure::model::Permission;
use crate::ticket::number::Number;
use crate::ticket::period::since;
use crate::ticket::trace::trace;

/// `report`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    acting: Acting,
    /// Which report; left out, the reports that there are.
    name: Option<String>,
    /// From when on: 6mo, 30d, 2w, 1y, a day, or an RFC 3339 moment.
    #[arg(long, alias = "from", value_name = "D")]
    since: Option<String>,
    /// Until before this day or moment.
    #[arg(long, value_name = "D")]
    to: Option<String>,
    /// Of this kind of ticket, for the report log.
    #[arg(long, value_name = "K")]
    kind: Option<String>,
    /// Of this role, for the report roles.
    #[arg(long, value_name = "R")]
    role: Option<String>,
}

/// `trace`
#[derive(Debug, clap::Args)]
pub struct TraceArgs {
    #[command(flatten)]
    acting: Acting,
    /// The ticket, as in CHG-000042.
    ticket: Number,
}

fn moment(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    let at = Timestamp::parse(text).or_else(|| since(text, now));
    at.with_context(|| format!("{text:?} is no time; write 6mo, 30d, 2w, 1y, 2026-03-01 or 2026-03-01T14:30:00Z"))
}

/// Runs `report`.
///
/// # Errors
/// With a sentence that says what to do.
pub async fn run(config: &Config, env: &Env, args: Args) -> anyhow::Result<ExitCode> {
    let Some(name) = &args.name else {
        let rows: Vec<Vec<String>> = ALL.iter().map(|r| vec![r.name.to_owned(), r.answers.to_owned()]).collect();
        match args.acting.json {
            true => say::json(&ALL.iter().map(|r| serde_json::json!({ "report": r.name, "answers": r.answers })).collect::<Vec<_>>())?,
            false => say::line(say::table(&["report", "answers"], &rows)),
        }
        return Ok(ExitCode::SUCCESS);
    };
    let Some(report) = reports::find(name) else { bail!("{}", reports::none_of_that_name()) };
    let given = [("from", &args.since), ("to", &args.to), ("kind", &args.kind), ("role", &args.role)];
    if let Some((what, _)) = given.into_iter().find(|(what, value)| value.is_some() && !report.takes.contains(what)) {
        bail!("the report {name} takes no {what}");
    }
    let desk = beside::open(config, env).await?.desk;
    let person = beside::acting_with(&desk, args.acting.by.as_deref(), Permission::Read, "read tickets")?;
    let snapshot = desk.snapshot();
    let kinds = || snapshot.procedures.current().map(|l| l.kinds.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    if let Some(kind) = args.kind.as_ref().filter(|kind| !kinds().contains(kind)) {
        bail!("there is no kind {kind}; there are {}", kinds().join(", "));
    }
    let moment = |text: &Option<String>| text.as_deref().map(|text| moment(text, desk.now())).transpose();
    let wanted = Wanted { from: moment(&args.since)?, to: moment(&args.to)?, at: None, role: args.role.clone(), kind: args.kind.clone() };
    let answer = reports::report(&desk, &person, report, &wanted).await?;
    if args.acting.json {
        say::json(&answer)?;
    } else {
        say::line(format!("{}.", report.answers));
        for (name, value) in answer["summary"].as_object().into_iter().flatten() {
            say::line(format!("  {name}: {}", told(value)));
        }
        print_rows(answer["rows"].as_array().map(Vec::as_slice).unwrap_or_default());
    }
    Ok(ExitCode::SUCCESS)
}

fn told(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(told).collect::<Vec<_>>().join(", "),
        Value::Object(members) => members.iter().map(|(name, value)| format!("{name}: {}", told(value))).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    }
}

fn print_rows(rows: &[Value]) {
    let Some(first) = rows.first().and_then(Value::as_object) else { return };
    // Names stand in the place of ids.
    let names: Vec<&str> = first.keys().map(String::as_str).filter(|name| !first.contains_key(&format!("{name}_name"))).collect();
    let heads: Vec<&str> = names.iter().map(|name| name.trim_end_matches("_name")).collect();
    let cells: Vec<Vec<String>> = rows.iter().map(|row| names.iter().map(|name| told(&row[*name])).collect()).collect();
    say::line(say::table(&heads, &cells));
}

/// Runs `trace`.
///
/// # Errors
/// With a sentence that says what to do.
pub async fn run_trace(config: &Config, env: &Env, args: TraceArgs) -> anyhow::Result<ExitCode> {
    let desk = beside::open(config, env).await?.desk;
    let person = beside::acting_with(&desk, args.acting.by.as_deref(), Permission::Read, "read tickets")?;
    let ticket = desk.ticket(&person, &args.ticket).await?;
    let snapshot = desk.snapshot();
    let kind = snapshot.procedures.kind(&ticket.kind_digest).with_context(|| format!("the procedure of {} is not known", args.ticket))?;
    let Some(way) = trace(&ticket, kind) else { bail!("the procedure of {} names no parts to follow", args.ticket) };
    if args.acting.json {
        say::json(&way)?;
    } else {
        let name = |id: &str| Some(snapshot.directory.name_of(id));
        let known = Known { name: &name, plaintext: &|_, _| None };
        say::line(format!("{} ({}):", args.ticket, ticket.status));
        // With its date, whatever day it is.
        let long_ago = Timestamp::from_micros(0).unwrap_or(desk.now());
        for line in lines(&way, kind, &known) {
            say::line(format!("  {}", line.plain(chrono_tz::UTC, long_ago)));
        }
    }
    Ok(if way.lacks.is_empty() && way.in_order { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
