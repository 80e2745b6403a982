//! Reads `offers`: records that a ticket's card lets one open, linked (`rules.rs`).

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::load_kind::TICKET;
use super::reader::{Page, Section, Sort, named_members};
use super::rules::Offered;
use super::yaml::Node;

/// `{ name: { label: …, help: …, kind: …, link: …, when: …, prominent: …, asks: […], sets: { … }, says: { … }, copies: […], takes: …, once: … } }`
pub(super) fn read_offers(page: &Page, node: &Node) -> IndexMap<String, Offered> {
    let mut out = IndexMap::new();
    for (name, key, value) in named_members(page, node, 20, "offers") {
        let Some(section) = Section::of(page, value, key.at, format!("offer `{name}`")) else { continue };
        let label = section.need("label", "what the button says").and_then(|n| page.text(n));
        let help = section.need("help", "one sentence on what it means").and_then(|n| page.text(n));
        let kind = section.need("kind", "the kind of the record").and_then(|n| page.word(n));
        let link = section.need("link", "the word of the link to it").and_then(|n| page.word(n));
        let of = kind.clone().unwrap_or_default();
        let when = section.get("when").and_then(|n| page.expression(n, TICKET));
        let prominent = section.get("prominent").and_then(|n| page.expression(n, TICKET));
        let asks = section.get("asks").map(|n| page.names(n, &Sort::FieldOf(of.clone()))).unwrap_or_default();
        let requires = section.get("requires").map(|n| page.names(n, &Sort::FieldOf(of.clone()))).unwrap_or_default();
        if let Some(missing) = requires.iter().find(|f| !asks.contains(f)) {
            page.find(section.at("requires"), format!("`{missing}` is required but not asked for; add it to `asks`."));
        }
        let mut sets = BTreeMap::new();
        for (field, key, value) in section.get("sets").map(|n| named_members(page, n, 20, "fields")).unwrap_or_default() {
            page.mention(key.at, Sort::FieldOf(of.clone()), &field);
            sets.extend(page.word(value).map(|word| (field, word)));
        }
        let mut says = BTreeMap::new();
        for (field, key, value) in section.get("says").map(|n| named_members(page, n, 20, "fields")).unwrap_or_default() {
            page.mention(key.at, Sort::FieldOf(of.clone()), &field);
            says.extend(page.template(value, TICKET).map(|template| (field, template)));
        }
        let copies = section.get("copies").map(|n| page.names(n, &Sort::Field)).unwrap_or_default();
        let takes = section.get("takes").and_then(|n| page.named(n, Sort::TransitionOf(of.clone())));
        let once = section.get("once").and_then(|n| page.named(n, Sort::FieldOf(of.clone())));
        section.done();
        let (Some(label), Some(help), Some(kind), Some(link)) = (label, help, kind, link) else { continue };
        out.insert(
            name.clone(),
            Offered { name, label, help, kind, link, when, prominent, asks, requires, sets, says, copies, takes, once },
        );
    }
    out
}
