//! `[log]` and `[witness]`: the log's name and key, who watches it, and whom we watch.

use std::path::PathBuf;

use super::address::{host, parse_url};
use super::section::{Report, Section};

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The log's name for ever (C2SP tlog-checkpoint: a schema-less URL).
    pub origin: String,
    /// File of the signing key; made at the first start.
    pub key: PathBuf,
    /// Who cosigns our checkpoints.
    pub witnesses: Vec<Witness>,
    /// How many of them have to, at most their number.
    pub quorum: usize,
    /// Whether anyone may read the log (its entries are sealed).
    pub public: bool,
}

/// One witness of our log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Its base address, without the final `/add-checkpoint`.
    pub url: String,
    /// Its verifier key, one line (C2SP signed-note).
    pub vkey: String,
}

/// `[witness]`: this service cosigns the checkpoints of other logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessService {
    /// File of the cosigning key; made at the first start.
    pub key: PathBuf,
    /// Our name as a witness; the log's host and `/witness` when it is left out.
    pub name: String,
    /// Verifier keys of the logs that we cosign for.
    pub logs: Vec<String>,
}

/// A verifier key as signed-note writes it (C2SP): `name+hash+base64`. Its hash is checked where it is used.
fn parse_vkey(text: &str) -> Result<String, String> {
    let text = text.trim();
    let parts: Vec<_> = text.splitn(3, '+').collect();
    let good = matches!(parts.as_slice(), [name, hash, key]
        if !name.is_empty() && !name.contains(char::is_whitespace)
            && hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_hexdigit())
            && key.len() >= 40 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b)));
    if good { Ok(text.to_owned()) } else { Err("a verifier key is one line: name+hash+key, as `countersign keys show` prints it".into()) }
}

fn parse_origin(text: &str) -> Result<String, String> {
    let good = text.len() <= 255 && text.bytes().all(|b| b.is_ascii_graphic() && b != b'+') && !text.contains("://");
    if good {
        Ok(text.to_owned())
    } else {
        Err("an origin looks like countersign.example.com/log: no scheme, no space, no plus sign".into())
    }
}

/// `vkey` of `section`, given as text or as `{ file = "…" }`.
fn read_vkey(section: &mut Section<'_>) -> Option<String> {
    let written = section.has("vkey");
    let key = section.secret("vkey").and_then(|text| {
        parse_vkey(text.expose()).map_err(|why| section.problem(format!("{} does not fit: {why}.", section.full("vkey")))).ok()
    });
    if !written {
        section
            .problem(format!("{} is missing; it is the line that the other side's `countersign keys show` prints.", section.full("vkey")));
    }
    key
}

/// Reads `[log]`, or what stands for it when it is left out.
pub(super) fn read_log(section: Option<Section<'_>>, public_url: &str, report: &Report) -> Log {
    let default_origin = format!("{}/log", host(public_url));
    let key = report.path("log.key");
    let Some(mut section) = section else { return Log { origin: default_origin, key, witnesses: Vec::new(), quorum: 0, public: false } };
    let origin = section.parsed("origin", parse_origin).unwrap_or(default_origin);
    let key = section.path("key").unwrap_or(key);
    let mut witnesses = Vec::new();
    let mut written = 0;
    for mut one in section.sections("witnesses") {
        written += 1;
        let wrote_url = one.has("url");
        let url = one.parsed("url", |t| parse_url(t).map(str::to_owned));
        if !wrote_url {
            one.problem(format!("{} is missing; it is the witness's base address.", one.full("url")));
        }
        let vkey = read_vkey(&mut one);
        one.finish();
        witnesses.extend(url.zip(vkey).map(|(url, vkey)| Witness { url, vkey }));
    }
    let quorum = section.number("quorum", 0..=written).unwrap_or(written / 2 + usize::from(written > 0));
    let public = section.flag("public").unwrap_or(false);
    if let Some(node) = section.take("tsa_url") {
        report.problem(&node.at, "log.tsa_url (timestamps, RFC 3161) is not supported by this version; remove it.");
    }
    section.finish();
    Log { origin, key, witnesses, quorum, public }
}

/// Reads `[witness]`.
pub(super) fn read_witness(mut section: Section<'_>, origin: &str) -> Option<WitnessService> {
    let key = section.path("key").unwrap_or_else(|| section.report().path("witness.key"));
    let default_name = format!("{}/witness", origin.split('/').next().unwrap_or_default());
    let name = section.parsed("name", parse_origin).unwrap_or(default_name);
    let mut logs = Vec::new();
    for mut one in section.sections("logs") {
        logs.extend(read_vkey(&mut one));
        one.finish();
    }
    if logs.is_empty() {
        section.problem("[witness] names no logs; add logs = [{ vkey = \"…\" }], or remove the section.");
    }
    section.finish();
    Some(WitnessService { key, name, logs })
}
