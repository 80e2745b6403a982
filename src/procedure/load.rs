//! From files to a [`Library`]: every file is read to its end, everything that is wrong is said at once.
//!
//! What a file is follows from its path: `organisation.yaml`, `taxonomies.yaml`, `kinds/<name>.yaml`,
//! `responses/<name>.yaml`, `freezes.ics`. To add a sort of file: give it a module with a `read` function, a branch in [`read_one`],
//! and its cross-checks in `check.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::check;
use super::estate::OTHER_SYSTEM;
use super::finding::{At, Finding};
use super::load_freezes::{is_calendar, read_freezes};
use super::load_kind::{KindDraft, read_kind};
use super::load_organisation::{TaxonomyDraft, read_organisation, read_taxonomies};
use super::load_response::{ResponseDraft, read_response};
use super::model::{Library, Organisation, PlaybookFile, SYSTEMS};
use super::nearest::nearest;
use super::reader::{Page, Section};
use super::yaml::{self, MAX_FILE, Node};

/// A library has at most so many files.
const MAX_FILES: usize = 500;
/// And at most so many findings are told.
const MAX_FINDINGS: usize = 1000;

/// The sorts of file that there are, and where later ones stand that this version keeps but does not read.
const KEPT: &[&str] = &["controls.yaml", "regulatory-clocks.yaml"];

/// Everything that was read, before it is checked as a whole.
#[derive(Default)]
pub(super) struct Drafts {
    pub kinds: Vec<(Page, KindDraft)>,
    pub responses: Vec<(Page, ResponseDraft)>,
    pub organisation: Option<(Page, Organisation)>,
    pub taxonomies: Option<(Page, TaxonomyDraft)>,
    /// Pages of which nothing could be made.
    pub broken: Vec<Page>,
    /// Names of kinds whose files have mistakes: whoever mentions them is not told so a second time.
    pub broken_kinds: BTreeSet<String>,
}

/// Reads and checks a folder of playbooks: pairs of path (below the folder, with `/`) and bytes.
///
/// # Errors
/// Every mistake in every file, in the order of files, lines and columns.
pub fn load(files: Vec<(String, Vec<u8>)>) -> Result<Library, Vec<Finding>> {
    let outside = |path: &str, message: String| Finding { file: path.to_owned(), line: 1, column: 1, message };
    if files.len() > MAX_FILES {
        let message = format!("There are {} files; a folder of playbooks has at most {MAX_FILES}.", files.len());
        return Err(vec![outside("", message)]);
    }
    let mut files = files;
    files.sort();
    let mut findings = Vec::new();
    let mut drafts = Drafts::default();
    let mut kept = Vec::new();
    for (path, bytes) in files {
        if kept.iter().any(|f: &PlaybookFile| f.path == path) {
            findings.push(outside(&path, "This file was given twice.".to_owned()));
            continue;
        }
        let digest = if bytes.len() > MAX_FILE { String::new() } else { hex::encode(Sha256::digest(&bytes)) };
        if !is_calendar(&path) {
            read_one(&path, &bytes, &digest, &mut drafts);
        }
        kept.push(PlaybookFile { path, bytes, digest });
    }
    read_calendars(&kept, &mut drafts);
    findings.extend(check::whole(&mut drafts));
    findings.sort();
    findings.dedup();
    findings.truncate(MAX_FINDINGS);
    if !findings.is_empty() {
        return Err(findings);
    }
    assemble(drafts, kept).ok_or_else(|| vec![outside("organisation.yaml", "The playbooks could not be put together.".to_owned())])
}

/// Calendars speak of the organisation's zone and systems, so they are read once these are known.
fn read_calendars(kept: &[PlaybookFile], drafts: &mut Drafts) {
    for file in kept.iter().filter(|file| is_calendar(&file.path)) {
        let page = Page::new(&file.path);
        if let Some((_, organisation)) = &mut drafts.organisation {
            let freezes = read_freezes(&page, &file.bytes, organisation.zone, &organisation.estate.systems);
            organisation.estate.freezes.extend(freezes);
        }
        drafts.broken.push(page);
    }
}

fn read_one(path: &str, bytes: &[u8], digest: &str, drafts: &mut Drafts) {
    let page = Page::new(path);
    if KEPT.contains(&path) {
        if let Err((at, message)) = yaml::parse(bytes) {
            page.find(at, message);
        }
        drafts.broken.push(page);
        return;
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let known =
        matches!(path, "organisation.yaml" | "taxonomies.yaml") || (matches!(folder, "kinds" | "responses") && path.ends_with(".yaml"));
    if !known {
        let hint = nearest(path, ["organisation.yaml", "taxonomies.yaml"].into_iter().chain(KEPT.iter().copied()));
        let message = format!(
            "This is not a playbook that is known{hint}There may be organisation.yaml, taxonomies.yaml, kinds/<name>.yaml, responses/<name>.yaml, freezes.ics and freezes/<name>.ics."
        );
        page.find(At { line: 1, column: 1 }, message);
        drafts.broken.push(page);
        return;
    }
    let name = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".yaml").to_owned();
    let root = match yaml::parse(bytes) {
        Ok((root, twice)) => {
            for (at, key) in twice {
                page.find(at, format!("`{key}` stands here a second time; only one can count."));
            }
            root
        }
        Err((at, message)) => {
            page.find(at, message);
            if folder == "kinds" {
                drafts.broken_kinds.insert(name);
            }
            drafts.broken.push(page);
            return;
        }
    };
    read_root(page, &root, folder, &name, digest, drafts);
}

fn read_root(page: Page, root: &Node, folder: &str, name: &str, digest: &str, drafts: &mut Drafts) {
    let start = At { line: 1, column: 1 };
    let what = match (folder, name) {
        ("kinds", _) => "a kind",
        ("responses", _) => "a response",
        (_, "organisation") => "the organisation",
        _ => "the taxonomies",
    };
    let Some(section) = Section::of(&page, root, start, what) else {
        drafts.broken.push(page);
        return;
    };
    match (folder, name) {
        ("kinds", _) => {
            let draft = read_kind(&page, section, name, digest);
            drafts.kinds.push((page, draft));
        }
        ("responses", _) => {
            let draft = read_response(&page, section, name, digest);
            drafts.responses.push((page, draft));
        }
        (_, "organisation") => {
            let organisation = read_organisation(&page, section, digest);
            drafts.organisation = Some((page, organisation));
        }
        _ => {
            let taxonomies = read_taxonomies(&page, section);
            drafts.taxonomies = Some((page, taxonomies));
        }
    }
}

fn assemble(drafts: Drafts, files: Vec<PlaybookFile>) -> Option<Library> {
    let (_, organisation) = drafts.organisation?;
    let mut kinds = BTreeMap::new();
    for (_, draft) in drafts.kinds {
        kinds.insert(draft.kind.name.clone(), Arc::new(draft.kind));
    }
    let mut responses = drafts.responses.into_iter().map(|(_, draft)| draft).collect::<Vec<_>>();
    responses.sort_by(|a, b| (a.priority, &a.response.name).cmp(&(b.priority, &b.response.name)));
    let (mut taxonomies, crosswalks) = drafts.taxonomies.map(|(_, t)| (t.lists, t.crosswalks)).unwrap_or_default();
    let systems = organisation.estate.systems.iter().map(|(name, system)| (name.clone(), system.title.clone()));
    let other = (OTHER_SYSTEM.to_owned(), "Something else: whoever answers for systems takes it from there".to_owned());
    taxonomies.insert(SYSTEMS.to_owned(), systems.chain([other]).collect());
    Some(Library {
        kinds,
        responses: responses.into_iter().map(|d| Arc::new(d.response)).collect(),
        organisation: Arc::new(organisation),
        taxonomies,
        crosswalks,
        files,
    })
}
