//! What `doctor` asks Slack: whether the tokens open what they should, and whether the app is the one that
//! `deploy/slack-manifest.yaml` makes. Slack tells an app its scopes; it does not tell it which commands and events were
//! set up, so those are named for a person to compare.

use super::Slack;
use super::wire::Trouble;
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

/// The scopes that the manifest wants.
#[must_use]
pub fn wanted_scopes() -> Vec<&'static str> {
    let lines = MANIFEST.lines().skip_while(|line| line.trim() != "bot:").skip(1);
    lines.map_while(|line| line.trim().strip_prefix("- ")).collect()
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
        let events = MANIFEST.lines().skip_while(|line| line.trim() != "bot_events:").skip(1);
        let events: Vec<&str> = events.map_while(|line| line.trim().strip_prefix("- ")).collect();
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
        for command in
            ["/incident", "/change", "/access", "/review", "/exception", "/change-model", "/corrective-action", "/finding", "/countersign"]
        {
            assert!(MANIFEST.contains(&format!("command: {command}\n")), "{command}");
        }
    }
}
