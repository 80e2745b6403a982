//! `[slack]`: the app's tokens, where Slack is, and what the organisation allows there.

use super::address::parse_url;
use super::secret::Secret;
use super::section::Section;

/// Where Slack's Web API is, unless `api_url` says otherwise.
pub const SLACK_API: &str = "https://slack.com/api";
/// The channel for tickets that get a thread, unless `channel` names another.
const CHANNEL: &str = "incidents";

/// `[slack]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slack {
    /// The app's bot token (`xoxb-…`).
    pub bot_token: Secret,
    /// The app's signing secret: with it, Slack may post to `/slack/…`.
    pub signing_secret: Option<Secret>,
    /// The app-level token (`xapp-…`): with it, commands and clicks come through Socket Mode.
    pub app_token: Option<Secret>,
    /// An app configuration token (`xoxe.…`, good for twelve hours): with it, `doctor` compares the app's manifest.
    pub configuration_token: Option<Secret>,
    /// Base address of the Web API, without a slash at the end.
    pub api_url: String,
    /// The channel where tickets have threads: an id (`C…`, `G…`) or a name without `#`.
    pub channel: String,
    /// Chat shows numbers, status and links only.
    pub minimal_content: bool,
    /// Which messages of an incident's channel become notes.
    pub notes: Notes,
    /// Guests of the workspace may be linked and heard.
    pub allow_guests: bool,
    /// People of other workspaces (Slack Connect) may be linked and heard.
    pub allow_external: bool,
    /// A confirmed e-mail address in Slack may stand for the person of that address, never for one who approves.
    pub match_email: bool,
}

/// Which messages of an incident's channel become notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notes {
    /// All of them.
    All,
    /// Those that are pinned.
    Pinned,
    /// Those that somebody reacted to with this emoji (its name without colons).
    Reaction(String),
    /// None: only `/incident note` writes one.
    Command,
}

fn token(section: &mut Section<'_>, key: &'static str, prefix: &str, from: &str) -> Option<Secret> {
    let found = section.secret(key)?;
    if !found.expose().starts_with(prefix) || found.expose().contains(char::is_whitespace) {
        section.problem(format!("{} does not look right: it begins with {prefix} ({from}).", section.full(key)));
        return None;
    }
    Some(found)
}

fn parse_channel(text: &str) -> Result<String, String> {
    let name = text.trim_start_matches('#');
    let good = !name.is_empty() && name.len() <= 80 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if good { Ok(name.to_owned()) } else { Err("a channel is its name, such as incidents, or its id, such as C0123456789".into()) }
}

fn parse_notes(text: &str) -> Result<Notes, String> {
    let emoji =
        |name: &str| !name.is_empty() && name.len() <= 100 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_+".contains(&b));
    match text.split_once(':') {
        None if text == "all" => Ok(Notes::All),
        None if text == "pinned" => Ok(Notes::Pinned),
        None if text == "command" => Ok(Notes::Command),
        Some(("reaction", name)) if emoji(name) => Ok(Notes::Reaction(name.to_owned())),
        _ => Err("it is one of all, pinned, command, or reaction:EMOJI such as reaction:memo".into()),
    }
}

/// Reads `[slack]`.
pub(super) fn read_slack(mut section: Section<'_>) -> Option<Slack> {
    let wrote_token = section.has("bot_token");
    let bot_token = token(&mut section, "bot_token", "xoxb-", "Bot User OAuth Token on the app's page OAuth & Permissions");
    let bot_token = section.needed("bot_token", bot_token, wrote_token);
    let reachable = section.has("signing_secret") || section.has("app_token");
    let signing_secret = section.secret("signing_secret");
    let app_token = token(&mut section, "app_token", "xapp-", "App-Level Tokens on the app's page Basic Information");
    let from = "Your App Configuration Tokens on api.slack.com/apps";
    let configuration_token = token(&mut section, "configuration_token", "xoxe.", from);
    if !reachable {
        section.problem(
            "[slack] needs a way for Slack to reach us: app_token (Socket Mode, no public address needed), or signing_secret (Slack posts to public_url).",
        );
    }
    let api_url = section.parsed("api_url", |t| parse_url(t).map(str::to_owned)).unwrap_or_else(|| SLACK_API.to_owned());
    let channel = section.parsed("channel", parse_channel).unwrap_or_else(|| CHANNEL.to_owned());
    let notes = section.parsed("notes", parse_notes).unwrap_or(Notes::All);
    let mut flag = |key| section.flag(key).unwrap_or(false);
    let (minimal_content, allow_guests) = (flag("minimal_content"), flag("allow_guests"));
    let (allow_external, match_email) = (flag("allow_external"), flag("match_email"));
    section.finish();
    let bot_token = bot_token?;
    Some(Slack {
        bot_token,
        signing_secret,
        app_token,
        configuration_token,
        api_url,
        channel,
        minimal_content,
        notes,
        allow_guests,
        allow_external,
        match_email,
    })
}
