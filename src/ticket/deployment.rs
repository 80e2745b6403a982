//! A deployment as every tool's format is read into.

use serde::{Deserialize, Serialize};

use super::number::Number;
use crate::env::Timestamp;

/// How far a deployment is, says the tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeploymentState {
    /// It is under way.
    Started,
    /// It is done, and went well.
    Succeeded,
    /// It did not go well, or was broken off.
    Failed,
}

impl DeploymentState {
    /// In one word, as JSON has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// One report on a deployment, in our words, whatever tool sent it. Bounded by the parser: 1 KiB a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deployment {
    /// Name of the source in the configuration.
    pub source: String,
    /// The tool's own identifier, the same in every report on this deployment.
    pub id: String,
    /// How far it is.
    pub state: DeploymentState,
    /// Repository or application, as the tool calls it: `acme/web-shop`.
    pub repository: String,
    /// Environment; empty when the tool says none.
    pub environment: String,
    /// It is said to be short-lived: nothing that lasts runs there.
    pub transient: bool,
    /// What was deployed: a commit, a version.
    pub revision: String,
    /// What it is about in one line; perhaps empty.
    pub title: String,
    /// Numbers of tickets that the report names, each once.
    pub names: Vec<Number>,
    /// The pull request's address or number; perhaps empty.
    pub pull_request: String,
    /// Who wrote what was deployed; perhaps empty.
    pub author: String,
    /// Who reviewed it.
    pub reviewers: Vec<String>,
    /// Who started the deployment; perhaps empty.
    pub by: String,
    /// Where a person sees it in the tool; empty when unknown.
    pub url: String,
    /// When it began, says the tool.
    pub began_at: Option<Timestamp>,
    /// When it ended, says the tool.
    pub ended_at: Option<Timestamp>,
}

impl Deployment {
    /// Whether somebody other than its author reviewed what was deployed. `who`: whose a login is; one person may have
    /// several.
    #[must_use]
    pub fn is_reviewed(&self, who: impl Fn(&str) -> String) -> bool {
        let author = who(&self.author);
        let reviewed = self.reviewers.iter().map(|r| who(r)).any(|reviewer| !reviewer.is_empty() && reviewer != author);
        !self.pull_request.is_empty() && !author.is_empty() && reviewed
    }

    /// `acme/web-shop to production`
    #[must_use]
    pub fn of(&self) -> String {
        if self.environment.is_empty() { self.repository.clone() } else { format!("{} to {}", self.repository, self.environment) }
    }
}

/// The most numbers of tickets that are looked for in one report.
pub const MOST_NAMES: usize = 10;

/// Numbers of tickets that stand in a text (`CHG-000107`, `chg-107`), each once and in order, at most [`MOST_NAMES`].
#[must_use]
pub fn numbers_in(text: &str) -> Vec<Number> {
    let mut out: Vec<Number> = Vec::new();
    for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')) {
        // A branch may be called `chg-107-more-connections`, or `fix-chg-107`.
        let parts: Vec<&str> = word.split('-').collect();
        for pair in parts.windows(2) {
            let [prefix, digits] = pair else { continue };
            if let Ok(number) = format!("{prefix}-{digits}").parse::<Number>()
                && !out.contains(&number)
                && out.len() < MOST_NAMES
            {
                out.push(number);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_where_people_write_them() {
        let found = |text: &str| numbers_in(text).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(found("CHG-000107: more connections"), ["CHG-000107"]);
        assert_eq!(found("feature/chg-107-more-connections (CHG-107)"), ["CHG-000107"]);
        assert_eq!(found("[CHG-12, CHG-13]"), ["CHG-000012", "CHG-000013"]);
        assert_eq!(found("CHG- 107, CHG107, CHG-, -107, CHG-0, utf-8x, a-1"), Vec::<String>::new());
        assert_eq!(found(&"CHG-1 CHG-2 ".repeat(1000)).len(), 2);
        let many: String = (1..100).map(|n| format!("CHG-{n} ")).collect();
        assert_eq!(found(&many).len(), MOST_NAMES);
    }

    #[test]
    fn a_review_is_by_somebody_else_and_names_what_was_reviewed() {
        let of = |pull_request: &str, author: &str, reviewers: &[&str]| Deployment {
            source: "ci".into(),
            id: "1".into(),
            state: DeploymentState::Started,
            repository: "acme/web-shop".into(),
            environment: String::new(),
            transient: false,
            revision: String::new(),
            title: String::new(),
            names: Vec::new(),
            pull_request: pull_request.into(),
            author: author.into(),
            reviewers: reviewers.iter().map(|r| (*r).to_owned()).collect(),
            by: String::new(),
            url: String::new(),
            began_at: None,
            ended_at: None,
        };
        let who = |login: &str| login.to_lowercase();
        assert!(of("7", "ana", &["Ana", "bo"]).is_reviewed(who));
        assert!(!of("7", "ana", &["ANA"]).is_reviewed(who) && !of("7", "ana", &[]).is_reviewed(who));
        assert!(!of("7", "", &["bo"]).is_reviewed(who) && !of("", "ana", &["bo"]).is_reviewed(who));
        assert!(!of("7", "ana", &[""]).is_reviewed(who), "nobody is no reviewer");
    }
}
