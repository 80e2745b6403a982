//! Reads what a procedure says of reports on deployments (`rules.rs`).

use std::collections::BTreeMap;
use std::time::Duration;

use indexmap::IndexMap;

use super::finding::At;
use super::model::{Field, FieldType};
use super::reader::{Page, Section, Sort, named_members, short};
use super::rules::{Deployments, FindingRule, ModelRule};
use super::yaml::Node;

const MINUTE: Duration = Duration::from_secs(60);
const YEAR: Duration = Duration::from_secs(366 * 86_400);

/// `{ system: …, start: …, finish: …, proof: …, model: { … }, finding: { … } }`
pub(super) fn read_deployments(page: &Page, node: &Node, at: At, fields: &IndexMap<String, Field>) -> Option<Deployments> {
    let section = Section::of(page, node, at, "`deployments`")?;
    let system = section.need("system", "the field that names the system").and_then(|n| {
        let name = page.named(n, Sort::Field)?;
        if fields.get(&name).is_some_and(|f| !matches!(f.of, FieldType::System)) {
            page.find(n.at, format!("`{name}` must be of type system to stand here."));
        }
        Some(name)
    });
    let step = |key: &'static str, what: &'static str| section.need(key, what).and_then(|n| page.named(n, Sort::Transition));
    let start = step("start", "the step that a deployment takes when it begins");
    let finish = step("finish", "the step that it takes when it has succeeded");
    let proof = section.get("proof").and_then(|n| page.named(n, Sort::Phase));
    let model = section.get("model").and_then(|n| read_model(page, n, section.at("model"), fields));
    let finding = section.need("finding", "the record that is opened for a deployment that nothing covers");
    let finding = finding.and_then(|n| read_finding(page, n, section.at("finding")));
    section.done();
    Some(Deployments { system: system?, start: start?, finish: finish?, proof, model, finding: finding? })
}

/// `{ kind: change-model, status: live, link: modelled_by, needs: …, opens: { type: standard } }`
fn read_model(page: &Page, node: &Node, at: At, fields: &IndexMap<String, Field>) -> Option<ModelRule> {
    let section = Section::of(page, node, at, "`model`")?;
    let kind = section.need("kind", "the kind of the record that covers deployments").and_then(|n| page.word(n));
    let status = section.need("status", "the status in which it counts");
    let status = status.and_then(|n| page.named(n, Sort::StatusOf(kind.clone().unwrap_or_default())));
    let link = section.need("link", "the link's word, as in `modelled_by`").and_then(|n| page.word(n));
    let needs = section.get("needs").and_then(|n| page.word(n));
    let mut opens = BTreeMap::new();
    for (name, key, value) in section.get("opens").map(|n| named_members(page, n, 20, "fields")).unwrap_or_default() {
        page.mention(key.at, Sort::Field, &name);
        let Some(text) = page.word(value) else { continue };
        match fields.get(&name).map(|f| &f.of) {
            Some(FieldType::Choice(options)) if !options.contains_key(&text) => {
                page.find(value.at, format!("`{}` is not a value of `{name}`.", short(&text)));
            }
            Some(FieldType::Choice(_)) | None => {
                opens.insert(name, text);
            }
            Some(_) => page.find(key.at, format!("`{name}` must be of type choice to stand here.")),
        }
    }
    section.done();
    Some(ModelRule { kind: kind?, status: status?, link: link?, needs, opens })
}

/// `{ kind: finding, without: …, outside: …, due: 3d }`
fn read_finding(page: &Page, node: &Node, at: At) -> Option<FindingRule> {
    let section = Section::of(page, node, at, "`finding`")?;
    let kind = section.need("kind", "the record's kind").and_then(|n| page.word(n));
    let without = section.need("without", "its sub-type where the deployment names no ticket").and_then(|n| page.word(n));
    let outside = section.need("outside", "its sub-type where it names one that does not cover it").and_then(|n| page.word(n));
    let due = section.need("due", "how long it may take").and_then(|n| page.duration(n, MINUTE, YEAR)).map(|(d, _)| d);
    section.done();
    Some(FindingRule { kind: kind?, without: without?, outside: outside?, due: due? })
}
