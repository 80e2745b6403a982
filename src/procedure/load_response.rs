//! `responses/<name>.yaml`: which alerts a response takes, and how it shapes the ticket that it opens.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use indexmap::IndexMap;

use super::finding::At;
use super::model::Response;
use super::reader::{Page, Section, Sort, members, named_members};
use super::yaml::Node;

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

/// A response, and what is needed to check it against its kind.
pub(super) struct ResponseDraft {
    pub response: Response,
    /// Tried before those with a higher one.
    pub priority: i64,
    /// Where the kind is named.
    pub kind_at: At,
    /// Where the condition on alerts stands.
    pub matches_at: At,
    /// Where the severity stands.
    pub severity_at: At,
    /// The prefilled values, to be judged by the kind's fields.
    pub prefill: Vec<(String, At, Node)>,
}

/// Reads a response. What is wrong stands on the page afterwards.
pub(super) fn read_response(page: &Page, section: Section<'_, '_>, file_name: &str, digest: &str) -> ResponseDraft {
    let name = section.need("response", "its name").and_then(|n| page.word(n)).unwrap_or_default();
    if !name.is_empty() && name != file_name {
        page.find(section.at("response"), format!("This response is called `{name}`, its file `{file_name}.yaml`; they must agree."));
    }
    let title = section.need("title", "what people read").and_then(|n| page.text(n)).unwrap_or_default();
    section.get("purpose").map(|n| page.text(n));
    let kind = section.need("for", "the kind that it opens").and_then(|n| page.word(n)).unwrap_or_default();
    let kind_at = section.get("for").map_or(section.at, |n| n.at);
    let priority = section.get("priority").and_then(|n| page.integer(n, 0, 1000)).unwrap_or(500);
    let matches = section.get("matches").and_then(|n| page.expression(n, &["alert"]));
    let group_by = section.get("group_by").map(|n| group_by(page, n)).unwrap_or_default();
    if section.get("matches").is_some() && section.get("group_by").is_none() {
        page.find(section.at("matches"), "A response that matches alerts lacks `group_by`: which alerts belong together.");
    }
    let window = section.get("window").and_then(|n| page.duration(n, MINUTE, 720 * HOUR)).map_or(2 * HOUR, |(d, _)| d);
    let severity = section.get("severity").and_then(|n| page.expression(n, &["alert"]));
    let ticket_title = section.get("ticket_title").and_then(|n| page.template(n, &["alert"]));
    let place = |key| section.get(key).map_or(section.at, |n| n.at);
    let (matches_at, severity_at) = (place("matches"), place("severity"));
    let mut prefill = Vec::new();
    if let Some(node) = section.get("prefill") {
        for (field, key, value) in named_members(page, node, 100, "fields") {
            page.mention(key.at, Sort::Field, &field);
            prefill.push((field, key.at, value.clone()));
        }
    }
    let phases = section.get("phases").and_then(|n| Section::of(page, n, section.at("phases"), "`phases`"));
    let (skippable, not_applicable, labels) = phases.map(|p| read_phases(page, p)).unwrap_or_default();
    let tasks = section.get("tasks").map(|n| tasks(page, n)).unwrap_or_default();
    section.done();
    let response = Response {
        name: file_name.to_owned(),
        title,
        kind,
        digest: digest.to_owned(),
        matches,
        group_by,
        window,
        severity,
        ticket_title,
        prefill: BTreeMap::new(),
        skippable,
        not_applicable,
        labels,
        tasks,
    };
    ResponseDraft { response, priority, kind_at, matches_at, severity_at, prefill }
}

fn group_by(page: &Page, node: &Node) -> Vec<super::expression::Expression> {
    let items = page.one_or_more(node, 10);
    if items.is_empty() {
        page.find(node.at, "`group_by` is empty, so all alerts would be one group; name what they share, as in `[alert.rule]`.");
    }
    items.iter().filter_map(|item| page.expression(item, &["alert"])).collect()
}

type Phases = (bool, BTreeSet<String>, BTreeMap<String, String>);

fn read_phases(page: &Page, section: Section<'_, '_>) -> Phases {
    let skippable = section.get("skippable").and_then(|n| page.truth(n)).unwrap_or(false);
    let not_applicable = section.get("not_applicable").map(|n| page.names(n, &Sort::Phase)).unwrap_or_default();
    let mut labels = BTreeMap::new();
    if let Some(node) = section.get("labels") {
        for (transition, key, value) in named_members(page, node, 100, "labels") {
            page.mention(key.at, Sort::Transition, &transition);
            if let Some(label) = page.text(value) {
                labels.insert(transition, label);
            }
        }
    }
    section.done();
    (skippable, not_applicable.into_iter().collect(), labels)
}

fn tasks(page: &Page, node: &Node) -> IndexMap<String, Vec<String>> {
    let mut out = IndexMap::new();
    for (key, value) in members(page, node, 50, "statuses") {
        page.mention(key.at, Sort::Status, &key.text);
        let tasks = page.list(value, 50).iter().filter_map(|item| page.text(item)).collect();
        out.insert(key.text.clone(), tasks);
    }
    out
}
