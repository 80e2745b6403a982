//! What `doctor` asks Slack: whether the tokens open what they should, and whether the app is the one that
//! `deploy/slack-manifest.yaml` makes. Slack tells an app its scopes; which commands and events were set up, it tells only
//! whoever has a configuration token (<https://docs.slack.dev/app-manifests/configuring-apps-with-app-manifests>).

use serde_json::{Value, json};

use super::Slack;
use super::wire::{Api, Trouble};
use crate::outbound::http::Asking;

/// The app's manifest, as it is pasted.
pub const MANIFEST: &str = include_str!("../../../deploy/slack-manifest.yaml");
/// Bytes of an answer that are read.
const ANSWER: usize = 64 << 10;

/// What Slack says of the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The workspace and the bot's user.
    pub who: String,
    /// Scopes that the manifest wants and the app lacks; none when Slack does not say.
    pub lacks: Option<Vec<String>>,
}

/// The plain list below this line of the manifest.
fn below(head: &str) -> Vec<&'static str> {
    let lines = MANIFEST.lines().skip_while(|line| line.trim() != head).skip(1);
    lines.map_while(|line| line.trim().strip_prefix("- ")).collect()
}

/// The scopes that the manifest wants.
#[must_use]
pub fn wanted_scopes() -> Vec<&'static str> {
    below("bot:")
}

/// The commands that the manifest has.
fn wanted_commands() -> impl Iterator<Item = &'static str> {
    MANIFEST.lines().filter_map(|line| line.trim().strip_prefix("- command: "))
}

/// How the manifest of an app differs from ours, in words. `posts_to`: where Slack is to post, without Socket Mode.
fn differences(manifest: &Value, posts_to: Option<&str>) -> Vec<String> {
    let (features, settings) = (&manifest["features"], &manifest["settings"]);
    let commands = features["slash_commands"].as_array().map(Vec::as_slice).unwrap_or_default();
    let events = settings["event_subscriptions"]["bot_events"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut out = Vec::new();
    for wanted in wanted_commands() {
        match commands.iter().find(|command| command["command"] == wanted) {
            None => out.push(format!("the command {wanted} is missing")),
            Some(found) if found["should_escape"] != true => {
                out.push(format!("the command {wanted} does not escape users (should_escape)"))
            }
            Some(found) => out.extend(led_elsewhere(&format!("the command {wanted}"), &found["url"], posts_to, "commands")),
        }
    }
    let missing = below("bot_events:").into_iter().filter(|wanted| !events.iter().any(|event| event == wanted));
    out.extend(missing.map(|wanted| format!("the event {wanted} is missing")));
    if settings["interactivity"]["is_enabled"] != true {
        out.push("buttons and forms are off (interactivity)".to_owned());
    }
    for (what, address, path) in [
        ("interactivity", &settings["interactivity"]["request_url"], "interactions"),
        ("searching in long lists", &settings["interactivity"]["message_menu_options_url"], "interactions"),
        ("the list of events", &settings["event_subscriptions"]["request_url"], "events"),
    ] {
        out.extend(led_elsewhere(what, address, posts_to, path));
    }
    match (posts_to, settings["socket_mode_enabled"] == true) {
        (None, false) => out.push("Socket Mode is off, although slack.app_token is set".to_owned()),
        (Some(_), true) => out.push("Socket Mode is on, although slack.app_token is not set: Slack posts nothing".to_owned()),
        _ => {}
    }
    if features["app_home"]["home_tab_enabled"] != true {
        out.push("the home tab is off".to_owned());
    }
    out
}

/// Without Socket Mode, Slack posts to us; this it posts elsewhere.
fn led_elsewhere(what: &str, address: &Value, posts_to: Option<&str>, path: &str) -> Option<String> {
    let wanted = format!("{}/slack/{path}", posts_to?);
    (address != wanted.as_str()).then(|| format!("{what} is not posted to {wanted}"))
}

impl Slack {
    /// Asks who we are, and what we may do.
    ///
    /// # Errors
    /// Why Slack does not say.
    pub async fn examine(&self) -> Result<Found, Trouble> {
        let who = self.api.who().await?;
        let url = format!("{}/auth.test", self.settings.api_url);
        let token = Some(self.settings.bot_token.expose());
        let asking = Asking { url: &url, body: Some(("application/json; charset=utf-8", b"{}".to_vec())), bearer: token, at_most: ANSWER };
        let answered = self.client.ask(asking).await.map_err(|error| Trouble::Unknown(error.to_string()))?;
        let has: Option<Vec<String>> = answered.scopes.map(|all| all.split(',').map(|scope| scope.trim().to_owned()).collect());
        let lacks = |has: Vec<String>| wanted_scopes().into_iter().filter(|s| !has.iter().any(|h| h == s)).map(str::to_owned).collect();
        Ok(Found { who: format!("user {} in the workspace {}", who.user_id, who.team_id), lacks: has.map(lacks) })
    }

    /// How the app's manifest differs from ours; none without a configuration token.
    ///
    /// # Errors
    /// Why Slack does not say.
    pub async fn compare_manifest(&self) -> Result<Option<Vec<String>>, Trouble> {
        let Some(token) = &self.settings.configuration_token else { return Ok(None) };
        let app = self.api.who().await?.app_id.ok_or_else(|| Trouble::Said("it does not say which app this is".to_owned()))?;
        let configuration = Api::new(self.client.clone(), &self.settings.api_url, token);
        let found: Value = configuration.post("apps.manifest.export", &json!({ "app_id": app })).await?;
        let posts_to = Some(self.console.as_str()).filter(|_| self.app.is_none());
        Ok(Some(differences(&found["manifest"], posts_to)))
    }

    /// Whether a socket can be opened; `false` when Socket Mode is not configured.
    ///
    /// # Errors
    /// Why Slack opens none.
    pub async fn opens_sockets(&self) -> Result<bool, Trouble> {
        let Some(app) = &self.app else { return Ok(false) };
        app.post::<super::methods::Done>("apps.connections.open", &serde_json::json!({})).await.map(|_| true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_names_the_scopes_that_our_methods_need() {
        let scopes = wanted_scopes();
        for needed in [
            "chat:write",
            "commands",
            "groups:write",
            "groups:history",
            "im:history",
            "pins:write",
            "files:read",
            "users:read",
            "channels:join",
        ] {
            assert!(scopes.contains(&needed), "{needed}");
        }
        assert!(scopes.iter().all(|scope| scope.bytes().all(|b| b.is_ascii_lowercase() || b":._".contains(&b))), "{scopes:?}");
        let events = below("bot_events:");
        let heard = [
            "app_home_opened",
            "app_uninstalled",
            "member_joined_channel",
            "message.channels",
            "message.groups",
            "pin_added",
            "reaction_added",
            "tokens_revoked",
            "user_change",
        ];
        assert_eq!(events, heard, "Slack tells us of what we hear, and of nothing else");
        assert!(MANIFEST.contains("message_menu_options_url"), "long lists are searched over HTTP as well");
        let escaped = MANIFEST.matches("should_escape: true").count();
        assert_eq!(escaped, wanted_commands().count(), "whoever is mentioned in a command comes as an id");
        for command in
            ["/incident", "/change", "/access", "/review", "/exception", "/change-model", "/corrective-action", "/finding", "/countersign"]
        {
            assert!(MANIFEST.contains(&format!("command: {command}\n")), "{command}");
        }
    }

    /// The manifest as Slack exports it, over Socket Mode.
    fn exported() -> Value {
        let commands: Vec<Value> = wanted_commands().map(|command| json!({ "command": command, "should_escape": true })).collect();
        json!({
            "features": { "slash_commands": commands, "app_home": { "home_tab_enabled": true } },
            "settings": {
                "event_subscriptions": { "bot_events": below("bot_events:") },
                "interactivity": { "is_enabled": true }, "socket_mode_enabled": true,
            },
        })
    }

    #[test]
    fn what_an_apps_manifest_has_otherwise_is_said_one_by_one() {
        assert_eq!(differences(&exported(), None), Vec::<String>::new());
        let mut odd = exported();
        odd["features"]["slash_commands"].as_array_mut().expect("commands").retain(|command| command["command"] != "/finding");
        odd["features"]["slash_commands"][0]["should_escape"] = json!(false);
        odd["settings"]["event_subscriptions"]["bot_events"].as_array_mut().expect("events").retain(|event| event != "user_change");
        odd["settings"]["interactivity"]["is_enabled"] = json!(false);
        odd["settings"]["socket_mode_enabled"] = json!(false);
        let told = [
            "the command /incident does not escape users (should_escape)",
            "the command /finding is missing",
            "the event user_change is missing",
            "buttons and forms are off (interactivity)",
            "Socket Mode is off, although slack.app_token is set",
        ];
        assert_eq!(differences(&odd, None), told);
        assert!(differences(&Value::Null, None).len() > told.len(), "of an app without anything, all of it is said");
        let posted = differences(&exported(), Some("https://cs.example.com"));
        assert!(posted.contains(&"the command /incident is not posted to https://cs.example.com/slack/commands".to_owned()), "{posted:?}");
        assert!(posted.contains(&"Socket Mode is on, although slack.app_token is not set: Slack posts nothing".to_owned()), "{posted:?}");
    }
}
