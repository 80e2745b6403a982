//! `[source.mapping]`: how any JSON becomes alerts.

use std::collections::BTreeMap;

use super::section::Section;
use super::tree::{At, Kind};
use crate::procedure::expression::Expression;

/// Labels or annotations of a mapped alert.
#[derive(Clone, Debug)]
pub enum Pairs {
    /// One expression whose value is a map.
    Whole(Expression),
    /// One expression for each name.
    Each(BTreeMap<String, Expression>),
}

/// How any JSON becomes alerts (`format = "generic"`): CEL expressions over `body`, the whole document, and
/// `item`, one element of `each` (the whole document where there is no `each`).
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Gives the list of which each element is an alert; without it the document is one alert.
    pub each: Option<Expression>,
    /// The tool's own identifier.
    pub alert_id: Expression,
    /// What it is about, in one line.
    pub title: Expression,
    /// The rule or check that fired.
    pub rule: Option<Expression>,
    /// `firing`, `acknowledged`, `resolved`, a usual synonym, or true for firing and false for resolved.
    pub status: Option<Expression>,
    /// More words.
    pub description: Option<Expression>,
    /// Severity as the tool spells it.
    pub severity: Option<Expression>,
    /// When it began: RFC 3339, or seconds since 1970.
    pub starts_at: Option<Expression>,
    /// When it ended.
    pub ends_at: Option<Expression>,
    /// Where a person sees it in the tool.
    pub url: Option<Expression>,
    /// What identifies the thing.
    pub labels: Option<Pairs>,
    /// Words and links for people.
    pub annotations: Option<Pairs>,
}

/// Variables that a mapping's expressions see.
const MAPPING_VARIABLES: [&str; 2] = ["body", "item"];

fn compile(section: &Section<'_>, key: &str, text: &str, at: &At) -> Option<Expression> {
    let compiled = Expression::compile(text, &MAPPING_VARIABLES);
    compiled
        .map_err(|why| section.report().problem(at, format!("{} is not an expression that can be used: {why}.", section.full(key))))
        .ok()
}

fn expression(section: &mut Section<'_>, key: &'static str) -> Option<Expression> {
    let (text, at) = section.text(key)?;
    compile(section, key, &text, &at)
}

fn pairs(section: &mut Section<'_>, key: &'static str) -> Option<Pairs> {
    let full = section.full(key);
    let node = section.take(key)?;
    if let Kind::Text(text) = &node.kind {
        return compile(section, key, text, &node.at).map(Pairs::Whole);
    }
    let mut table = Section::open(&full, node, section.report())?;
    let mut each = BTreeMap::new();
    for (name, node) in table.rest() {
        match node.kind {
            Kind::Text(text) => {
                if let Some(compiled) = compile(&table, &name, &text, &node.at) {
                    each.insert(name, compiled);
                }
            }
            other => {
                table.report().problem(&node.at, format!("{full}.{name} is {}, but it has to be an expression in quotes.", other.word()))
            }
        }
    }
    Some(Pairs::Each(each))
}

/// Reads `[source.mapping]`; `None`, with the problems noted, when it cannot be used.
pub(super) fn read_mapping(mut section: Section<'_>) -> Option<Mapping> {
    let (wrote_id, wrote_title) = (section.has("alert_id"), section.has("title"));
    let alert_id = expression(&mut section, "alert_id");
    let alert_id = section.needed("alert_id", alert_id, wrote_id);
    let title = expression(&mut section, "title");
    let title = section.needed("title", title, wrote_title);
    let each = expression(&mut section, "each");
    let rule = expression(&mut section, "rule");
    let status = expression(&mut section, "status");
    let description = expression(&mut section, "description");
    let severity = expression(&mut section, "severity");
    let starts_at = expression(&mut section, "starts_at");
    let ends_at = expression(&mut section, "ends_at");
    let url = expression(&mut section, "url");
    let labels = pairs(&mut section, "labels");
    let annotations = pairs(&mut section, "annotations");
    section.finish();
    Some(Mapping {
        each,
        alert_id: alert_id?,
        title: title?,
        rule,
        status,
        description,
        severity,
        starts_at,
        ends_at,
        url,
        labels,
        annotations,
    })
}
