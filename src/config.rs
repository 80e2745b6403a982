//! `countersign.toml` and the environment, parsed once into typed values; secrets hide themselves.
//!
//! Nothing here talks to a database or a network; it reads the file, the files that secrets live in, and the
//! variables that it is handed. Every problem is found in one go and says what to do; a key that this version does
//! not act on is refused, never ignored. To add a key: a field here, one line in its `read`, a line in the README.

mod address;
mod authentication;
mod log;
mod mapping;
mod network;
mod paging;
mod secret;
mod section;
mod slack;
mod source;
mod tree;

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub use authentication::{Auth, Covers, Encoding, Hmac};
pub use log::{Log, Witness, WitnessService};
pub use mapping::{Mapping, Pairs};
pub use network::{IpRange, NotARange};
pub use paging::{PAGERDUTY_API, PagerDuty, Paging};
pub use secret::Secret;
pub use slack::{Notes, SLACK_API, Slack};
pub use source::{Format, MAX_BODY, MAX_BODY_PAGERDUTY, SourceConfig};
pub use tree::{At, Problem};

use address::parse_url;
use log::{read_log, read_witness};
use paging::read_paging;
use section::{Report, Section};
use slack::read_slack;
use tree::{Kind, Node, overlay, read_document};

/// The largest configuration file, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// What every variable of ours begins with.
const PREFIX: &str = "COUNTERSIGN_";

/// Sections that belong to later versions.
const LATER_SECTIONS: [&str; 6] = ["discord", "oidc", "scim", "smtp", "siem", "tls"];

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// The address that people use: scheme and host, perhaps a path, no slash at the end.
    pub public_url: String,
    /// Where the record lives.
    pub database: Database,
    /// Folder of the playbooks; `None` means those built in.
    pub playbooks: Option<PathBuf>,
    /// Folder of the attachments.
    pub attachments: PathBuf,
    /// The log's own settings.
    pub log: Log,
    /// Whether and for whom this service is a witness.
    pub witness: Option<WitnessService>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpRange>,
    /// Slack, if it is used.
    pub slack: Option<Slack>,
    /// The calendar of shifts, and how people are paged beside chat.
    pub on_call: Paging,
    /// Who may send alerts.
    pub sources: Vec<SourceConfig>,
    /// What works but deserves a look, each a sentence.
    pub warnings: Vec<String>,
}

/// Where the record lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// One SQLite file.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
    /// A PostgreSQL database.
    Postgres {
        /// Its URL, which may hold a password.
        url: Secret,
    },
}

/// Everything that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors {
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// Each problem, in the order of the file, never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.file.as_deref().map(|p| p.display().to_string());
        for (i, problem) in self.problems.iter().enumerate() {
            let gap = if i == 0 { "" } else { "\n" };
            match (&name, &problem.at) {
                (Some(name), At::Line(_) | At::Whole) => write!(f, "{gap}{name}: {problem}")?,
                _ => write!(f, "{gap}{problem}")?,
            }
        }
        Ok(())
    }
}

/// The process's variables, for [`Config::load`]; those that are not UTF-8 are left out.
#[must_use]
pub fn environment() -> Vec<(String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}

impl Config {
    /// Reads `path`, if given, and the variables of `env` over it.
    ///
    /// `COUNTERSIGN_LOG__ORIGIN` is `origin` of `[log]`; an element of a list is named by position or `name`:
    /// `COUNTERSIGN_SOURCE__0__ROUTING_KEY`, `COUNTERSIGN_SOURCE__PAGER__ROUTING_KEY`. `COUNTERSIGN_CONFIG` and
    /// `COUNTERSIGN_SHARED` belong to others, as do the names that Kubernetes gives a service of our name.
    /// Relative paths start at the file's folder, or at the current folder without a file.
    ///
    /// # Errors
    /// All problems at once.
    pub fn load(path: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigErrors> {
        let errors = |problems| ConfigErrors { file: path.map(Path::to_owned), problems };
        let text = match path {
            Some(path) => read_file(path).map_err(|message| errors(vec![Problem { at: At::Whole, message }]))?,
            None => String::new(),
        };
        let mut problems = Vec::new();
        let mut root = read_document(&text, &mut problems);
        if !problems.is_empty() {
            return Err(errors(problems));
        }
        for (variable, segments, value) in variables(env) {
            overlay(&mut root, &variable, &segments, &value, &mut problems);
        }
        let folder = path.and_then(Path::parent).unwrap_or(Path::new(""));
        let report = Report::new(folder, problems);
        let config = Self::read(path, root, &report);
        let (mut problems, warnings) = report.finish();
        match config {
            Some(config) if problems.is_empty() => Ok(Self { warnings, ..config }),
            _ => {
                problems.sort_by_key(|p| if let At::Line(line) = p.at { line } else { usize::MAX });
                Err(errors(problems))
            }
        }
    }

    /// `None` only together with a problem noted in `report`.
    fn read(file: Option<&Path>, root: Node, report: &Report) -> Option<Self> {
        let mut top = Section::open("", root, report)?;
        let listen = top.parsed("listen", |t| t.parse().map_err(|_| "an address and a port look like 127.0.0.1:8080".to_owned()));
        let listen = listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
        let wrote_url = top.has("public_url");
        let public_url = top.parsed("public_url", |t| parse_url(t).map(str::to_owned)).unwrap_or_else(|| format!("http://{listen}"));
        let database = read_database(&mut top);
        let playbooks = top.path("playbooks");
        let attachments = read_attachments(&mut top);
        let trusted_proxies = read_proxies(&mut top);
        let log = read_log(top.section("log"), &public_url, report);
        let witness = top.section("witness").and_then(|section| read_witness(section, &log.origin));
        let slack = top.section("slack").and_then(read_slack);
        let on_call = top.section("on_call").map(read_paging).unwrap_or_default();
        let sources: Vec<_> = top.sections("source").into_iter().filter_map(SourceConfig::read).collect();
        check_sources(&sources, report);
        for later in LATER_SECTIONS {
            if let Some(node) = top.take(later) {
                report.problem(&node.at, format!("[{later}] is not supported by this version; remove it."));
            }
        }
        top.finish();
        if !wrote_url && !listen.ip().to_canonical().is_loopback() {
            report.warning(format!(
                "public_url is not set, so links point to {public_url} and the log is called {}; set public_url before the first start.",
                log.origin
            ));
        }
        check_exposure(listen, &public_url, &trusted_proxies, report);
        let file = file.map(Path::to_owned);
        Some(Self {
            file,
            listen,
            public_url,
            database,
            playbooks,
            attachments,
            log,
            witness,
            trusted_proxies,
            slack,
            on_call,
            sources,
            warnings: Vec::new(),
        })
    }

    /// The source called `name`.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<&SourceConfig> {
        self.sources.iter().find(|s| s.name == name)
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    use std::io::Read;
    let mut text = String::new();
    let file =
        std::fs::File::open(path).map_err(|e| format!("cannot be opened ({e}); check the path, or run `countersign init` to make one."))?;
    match file.take(MAX_FILE + 1).read_to_string(&mut text) {
        Err(e) => Err(format!("cannot be read ({e}); it has to be a text file in UTF-8.")),
        Ok(n) if n as u64 > MAX_FILE => Err("is larger than 1 MiB; that is no configuration.".into()),
        Ok(_) => Ok(text),
    }
}

/// Our variables in a fixed order: name, path of keys, text. Positions sort as numbers.
fn variables(env: impl IntoIterator<Item = (String, String)>) -> Vec<(String, Vec<String>, String)> {
    let mut found: Vec<_> = env
        .into_iter()
        .filter_map(|(name, value)| {
            let rest = name.strip_prefix(PREFIX)?;
            // Kubernetes sets COUNTERSIGN_PORT, COUNTERSIGN_PORT_8080_TCP, COUNTERSIGN_SERVICE_HOST, … for a service of our name.
            let foreign =
                ["CONFIG", "SHARED", "LOG_LEVEL", "PORT"].contains(&rest) || rest.starts_with("PORT_") || rest.starts_with("SERVICE_");
            let segments = rest.to_ascii_lowercase().split("__").map(str::to_owned).collect();
            (!foreign).then_some((name, segments, value))
        })
        .collect::<Vec<(String, Vec<String>, String)>>();
    found.sort_by_cached_key(|(_, segments, _)| {
        segments.iter().map(|s| if s.parse::<usize>().is_ok() { format!("{s:0>20}") } else { s.clone() }).collect::<Vec<_>>()
    });
    found
}

fn read_database(top: &mut Section<'_>) -> Database {
    let fallback = Database::Sqlite { path: top.report().path("countersign.db") };
    let Some(node) = top.take("database") else { return fallback };
    let at = node.at.clone();
    let wanted = "database has to be sqlite:FILE or postgres://user@host/name; a password may stand in { file = \"…\" }.";
    let Some(url) = secret_of(top, "database", node) else { return fallback };
    let text = url.expose();
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Database::Postgres { url };
    }
    let file = text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:"));
    match file {
        Some(":memory:") => {
            top.report().problem(&at, "a database in memory forgets everything at the next start; name a file: sqlite:countersign.db.")
        }
        Some(file) if !file.is_empty() && !file.contains('?') => return Database::Sqlite { path: top.report().path(file) },
        _ => top.report().problem(&at, wanted),
    }
    fallback
}

/// A secret from a node that was already taken.
fn secret_of(top: &Section<'_>, key: &'static str, node: Node) -> Option<Secret> {
    let table = Node { kind: Kind::Table([(key.to_owned(), node)].into()), at: At::Whole };
    Section::open("", table, top.report())?.secret(key)
}

fn read_attachments(top: &mut Section<'_>) -> PathBuf {
    let fallback = top.report().path("attachments");
    let Some((text, at)) = top.text("attachments") else { return fallback };
    match text.strip_prefix("file:") {
        Some(folder) if !folder.is_empty() => return top.report().path(folder),
        _ if text.starts_with("s3:") => {
            top.report().problem(&at, "attachments in an object store (s3://) are not supported by this version; use file:FOLDER.");
        }
        _ => top.report().problem(&at, format!("attachments = {text:?} does not fit: write file:FOLDER, such as \"file:attachments\".")),
    }
    fallback
}

fn read_proxies(top: &mut Section<'_>) -> Vec<IpRange> {
    let report = top.report();
    let mut ranges = Vec::new();
    for node in top.list("trusted_proxies") {
        match &node.kind {
            Kind::Text(text) => match text.parse() {
                Ok(range) => ranges.push(range),
                Err(why) => report.problem(&node.at, format!("trusted_proxies holds {text:?}: {why}.")),
            },
            other => report
                .problem(&node.at, format!("trusted_proxies holds {}, but it has to be a list of address ranges in quotes.", other.word())),
        }
    }
    ranges
}

/// What no source can know alone: names, keys and credentials are each one source's.
fn check_sources(sources: &[SourceConfig], report: &Report) {
    let mut names = BTreeSet::new();
    let mut keys = BTreeSet::new();
    for source in sources {
        if !names.insert(source.name.as_str()) {
            report.problem(&At::Whole, format!("two sources are called {}; give each its own name.", source.name));
        }
        if let Some(key) = &source.routing_key
            && !keys.insert(key.expose())
        {
            report.problem(&At::Whole, format!("source {} has another source's routing_key; give each its own.", source.name));
        }
    }
    let apis: Vec<_> = sources.iter().filter(|s| s.format == Format::AlertmanagerApi).collect();
    for (i, source) in apis.iter().enumerate() {
        if apis.len() > 1 && source.auth == Auth::None {
            let message = format!(
                "source {} has auth = \"none\", but there are {} sources of format alertmanager-api, which only their credentials tell apart; give it one.",
                source.name,
                apis.len()
            );
            report.problem(&At::Whole, message);
        } else if apis.iter().take(i).any(|other| other.auth == source.auth) {
            let message = format!(
                "source {} has another alertmanager-api source's credentials, which are all that tells them apart; give it its own.",
                source.name
            );
            report.problem(&At::Whole, message);
        }
    }
}

fn check_exposure(listen: SocketAddr, public_url: &str, proxies: &[IpRange], report: &Report) {
    if listen.ip().to_canonical().is_loopback() {
        return;
    }
    if proxies.is_empty() {
        report.warning(format!(
            "{listen} is reachable from other machines without encryption. Put a proxy with TLS in front and name it in trusted_proxies, or listen on 127.0.0.1."
        ));
    }
    if public_url.starts_with("http://") {
        report.warning(format!("public_url is {public_url}, so passwords and tokens travel in the clear; make it https:// once a proxy with TLS stands in front."));
    }
}

#[cfg(test)]
mod tests;
