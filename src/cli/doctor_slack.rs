//! What `doctor` looks at of Slack: tokens, scopes, Socket Mode, what does not work there, and who has no account linked.

use super::beside::Beside;
use super::doctor::{Finding, fail, ok, warn};
use crate::config::Config;
use crate::desk::reachable::unreachable;
use crate::env::Env;
use crate::outbound::slack::Slack;
use crate::outbound::slack::deliver::PLATFORM;
use crate::outbound::slack::rota::AHEAD;
use crate::outbound::slack::wire::Trouble;
use crate::procedure::model::Permission;

/// Names that one sentence lists at most.
const NAMES: usize = 8;

/// Everything about Slack; nothing when it is not used.
pub(super) async fn slack(config: &Config, env: &Env) -> Vec<Finding> {
    let Some(settings) = config.slack.clone() else { return Vec::new() };
    let in_minimal = settings.minimal_content;
    let slack = match Slack::new(settings, &config.public_url, env.clone()) {
        Ok(slack) => slack,
        Err(error) => return vec![fail("slack", error.to_string(), "look at the machine's certificates")],
    };
    let mut findings = Vec::new();
    match slack.examine().await {
        Ok(found) => {
            let how = if in_minimal { "; chat shows numbers, status and links only" } else { "" };
            findings.push(ok("slack", format!("the bot token is good: {}{how}", found.who)));
            findings.push(scopes(found.lacks));
            findings.push(manifest(slack.compare_manifest().await));
        }
        Err(trouble) => findings.push(token(&trouble)),
    }
    findings.push(match slack.opens_sockets().await {
        Ok(true) => ok("slack", "Socket Mode opens"),
        Ok(false) => ok("slack", format!("without Socket Mode: Slack posts to {}/slack/…", config.public_url)),
        Err(trouble) => fail(
            "slack",
            format!("Socket Mode does not open: {trouble}"),
            "make an app-level token with connections:write (Basic Information), put it into slack.app_token, and switch Socket Mode on",
        ),
    });
    findings
}

fn token(trouble: &Trouble) -> Finding {
    match trouble {
        Trouble::Said(word) => fail(
            "slack",
            format!("Slack does not take the bot token ({word})"),
            "install the app again (OAuth & Permissions), and put the new token into slack.bot_token",
        ),
        other => warn("slack", other.to_string(), "look whether this machine reaches slack.api_url; what waits is said later"),
    }
}

fn scopes(lacks: Option<Vec<String>>) -> Finding {
    match lacks {
        None => warn("slack", "Slack does not say which scopes the app has", "compare it with deploy/slack-manifest.yaml by hand"),
        Some(lacks) if lacks.is_empty() => ok("slack", "the app has every scope of deploy/slack-manifest.yaml"),
        Some(lacks) => fail(
            "slack",
            format!("the app lacks {}", lacks.join(", ")),
            "paste deploy/slack-manifest.yaml into the app's manifest (App Manifest), and install it again",
        ),
    }
}

/// Whether commands, events and addresses of the app are those of the manifest.
fn manifest(compared: Result<Option<Vec<String>>, Trouble>) -> Finding {
    match compared {
        Ok(None) => ok(
            "slack",
            "its commands and events were not compared: for that, put an app configuration token (api.slack.com/apps, good for twelve hours) into COUNTERSIGN_SLACK__CONFIGURATION_TOKEN for this one run",
        ),
        Ok(Some(differs)) if differs.is_empty() => ok("slack", "the app's manifest is as deploy/slack-manifest.yaml has it"),
        Ok(Some(differs)) => fail(
            "slack",
            format!("the app's manifest differs from deploy/slack-manifest.yaml: {}", differs.join("; ")),
            "paste that file into the app's manifest (App Manifest), and install the app again",
        ),
        Err(trouble) => warn(
            "slack",
            format!("the app's manifest cannot be read: {trouble}"),
            "make a new configuration token (api.slack.com/apps): it lasts twelve hours",
        ),
    }
}

/// What the running service noted, and people who would be called and have no account linked.
pub(super) async fn noted(config: &Config, beside: &Beside) -> Vec<Finding> {
    if config.slack.is_none() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    match beside.desk.chat_troubles().await {
        Ok(troubles) => {
            for trouble in troubles.iter().filter(|t| t.platform == PLATFORM) {
                let of = if trouble.subject.is_empty() { String::new() } else { format!("{}: ", trouble.subject) };
                findings.push(warn("slack", format!("{of}{}", trouble.words), "it goes by itself once that is mended"));
            }
        }
        Err(error) => findings.push(fail("slack", error.to_string(), "look whether the database runs, then run doctor again")),
    }
    let snapshot = beside.desk.snapshot();
    let Some(library) = snapshot.procedures.current() else { return findings };
    let linked: Vec<&str> = snapshot
        .directory
        .iter()
        .filter(|person| snapshot.directory.accounts_of(&person.state.id).any(|account| account.state.platform == PLATFORM))
        .map(|person| person.state.id.as_str())
        .collect();
    let soon = unreachable(&snapshot, PLATFORM, beside.desk.now(), AHEAD);
    if !soon.is_empty() {
        let names: Vec<&str> = soon.iter().map(|(person, _)| person.email.as_str()).take(NAMES).collect();
        let to_do =
            "they were invited in Slack, if that address is known there; ask them to type /countersign link before their turn begins";
        findings.push(fail("slack", format!("on call within a week, and without an account in Slack: {}", names.join(", ")), to_do));
    }
    let works = |p: &&crate::people::Person| !p.state.disabled && p.may(&library.organisation, Permission::Work);
    let without: Vec<&str> =
        snapshot.directory.iter().filter(works).filter(|p| !linked.contains(&p.state.id.as_str())).map(|p| p.email.as_str()).collect();
    if !without.is_empty() {
        let more = if without.len() > NAMES { format!(" and {} more", without.len() - NAMES) } else { String::new() };
        let names = without.iter().take(NAMES).copied().collect::<Vec<_>>().join(", ");
        let to_do = "they type /countersign link in Slack; until then they are not invited to an incident's channel";
        findings.push(warn("slack", format!("no account in Slack is linked for {names}{more}"), to_do));
    }
    findings
}
