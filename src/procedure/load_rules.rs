//! Reads the words of a procedure that speak of duties, standing approvals, time and other records (`rules.rs`).

use std::collections::BTreeMap;
use std::time::Duration;

use indexmap::IndexMap;

use super::finding::At;
use super::load_kind::{TICKET, roles};
use super::model::{Field, FieldType};
use super::reader::{Page, Section, Sort, members, named_members, short};
use super::rules::{
    Also, Approved, Confirmed, Linked, Score, Separate, Silence, Substance, TemplateRule, Then, Unfrozen, Verbal, Window, WindowMust,
};
use super::yaml::{Node, Yaml};

const DAY: Duration = Duration::from_secs(86_400);

/// A field that must be of one type.
fn typed(page: &Page, node: &Node, fields: &IndexMap<String, Field>, what: &str, fits: impl Fn(&FieldType) -> bool) -> Option<String> {
    let name = page.named(node, Sort::Field)?;
    if fields.get(&name).is_some_and(|f| !fits(&f.of)) {
        page.find(node.at, format!("`{name}` must be of type {what} to stand here."));
    }
    Some(name)
}

fn time(page: &Page, node: &Node, fields: &IndexMap<String, Field>) -> Option<String> {
    typed(page, node, fields, "time", |of| matches!(of, FieldType::Time))
}

/// `{ when: …, fields: […], evidence: […] }`, one or several.
pub(super) fn read_also(page: &Page, node: &Node) -> Vec<Also> {
    let mut out = Vec::new();
    for item in page.one_or_more(node, 50) {
        let Some(section) = Section::of(page, item, item.at, "`also`") else { continue };
        let when = section.need("when", "while what more is required").and_then(|n| page.expression(n, TICKET));
        let fields = section.get("fields").map(|n| page.names(n, &Sort::Field)).unwrap_or_default();
        let evidence = section.get("evidence").map(|n| page.names(n, &Sort::Phase)).unwrap_or_default();
        if fields.is_empty() && evidence.is_empty() {
            page.find(item.at, "Nothing more is required here; name `fields` or `evidence`.");
        }
        section.done();
        out.extend(when.map(|when| Also { when, fields, evidence }));
    }
    out
}

/// `{ by: approve, lead: 24h, when: … }`, one or several.
pub(super) fn read_approved(page: &Page, node: &Node) -> Vec<Approved> {
    let mut out = Vec::new();
    for item in page.one_or_more(node, 10) {
        let Some(section) = Section::of(page, item, item.at, "`approved`") else { continue };
        let by = section.need("by", "the step whose approval must stand").and_then(|n| page.named(n, Sort::Approval));
        let when = section.get("when").and_then(|n| page.expression(n, TICKET));
        let lead = section.get("lead").and_then(|n| page.duration(n, Duration::from_secs(1), 365 * DAY)).map_or(Duration::ZERO, |(d, _)| d);
        section.done();
        out.extend(by.map(|by| Approved { by, when, lead }));
    }
    out
}

/// `{ from: …, to: …, must: lie-ahead | be-open | end-ahead, when: … }`, one or several.
pub(super) fn read_window(page: &Page, node: &Node, fields: &IndexMap<String, Field>) -> Vec<Window> {
    let mut out = Vec::new();
    for item in page.one_or_more(node, 10) {
        let Some(section) = Section::of(page, item, item.at, "`window`") else { continue };
        let from = section.need("from", "the field that says when it begins").and_then(|n| time(page, n, fields));
        let to = section.need("to", "the field that says when it ends").and_then(|n| time(page, n, fields));
        let when = section.get("when").and_then(|n| page.expression(n, TICKET));
        let must = section.need("must", "`lie-ahead`, `be-open` or `end-ahead`").and_then(|n| match page.word(n)?.as_str() {
            "lie-ahead" => Some(WindowMust::LieAhead),
            "be-open" => Some(WindowMust::BeOpen),
            "end-ahead" => Some(WindowMust::EndAhead),
            other => {
                page.find(n.at, format!("`{other}` is none of `lie-ahead`, `be-open` and `end-ahead`."));
                None
            }
        });
        section.done();
        if let (Some(from), Some(to), Some(must)) = (from, to, must) {
            out.push(Window { from, to, when, must });
        }
    }
    out
}

/// `{ system: …, window: [from, to], when: … }`, one or several.
pub(super) fn read_unfrozen(page: &Page, node: &Node, fields: &IndexMap<String, Field>) -> Vec<Unfrozen> {
    let mut out = Vec::new();
    for item in page.one_or_more(node, 10) {
        let Some(section) = Section::of(page, item, item.at, "`unfrozen`") else { continue };
        let system = section.get("system").and_then(|n| typed(page, n, fields, "system", |of| matches!(of, FieldType::System)));
        let when = section.get("when").and_then(|n| page.expression(n, TICKET));
        let window = section.get("window").and_then(|n| {
            let ends: Vec<String> = page.list(n, 2).iter().filter_map(|item| time(page, item, fields)).collect();
            let [from, to] = ends.as_slice() else {
                page.find(n.at, "A window has two fields: from when and until when.");
                return None;
            };
            Some((from.clone(), to.clone()))
        });
        section.done();
        out.push(Unfrozen { when, system, window });
    }
    out
}

/// `{ link: …, kind: …, type: …, if_any: true, own: true, standing: […], says: …, when: … }`, one or several.
pub(super) fn read_linked(page: &Page, node: &Node) -> Vec<Linked> {
    let mut out = Vec::new();
    for item in page.one_or_more(node, 20) {
        let Some(section) = Section::of(page, item, item.at, "`linked`") else { continue };
        let link = section.need("link", "the link's word, as in `reviewed_by`").and_then(|n| page.word(n));
        let kind = section.need("kind", "the other record's kind").and_then(|n| page.word(n));
        let standing = section.need("standing", "the statuses in which it counts").map(|n| {
            let sort = Sort::StatusOf(kind.clone().unwrap_or_default());
            page.names(n, &sort)
        });
        let of_type = section.get("type").and_then(|n| page.word(n));
        let if_any = section.get("if_any").and_then(|n| page.truth(n)).unwrap_or(false);
        let same = section.get("same").map(|n| page.names(n, &Sort::Field)).unwrap_or_default();
        let own = section.get("own").and_then(|n| page.truth(n)).unwrap_or(false);
        let when = section.get("when").and_then(|n| page.expression(n, TICKET));
        let says = section.need("says", "the sentence that says what to do").and_then(|n| page.text(n));
        section.done();
        if let (Some(link), Some(kind), Some(standing), Some(says)) = (link, kind, standing, says) {
            out.push(Linked { link, kind, of_type, if_any, standing, same, own, when, says });
        }
    }
    out
}

/// `{ system: …, role: …, until: … }`
pub(super) fn read_template(page: &Page, node: &Node, at: At, fields: &IndexMap<String, Field>) -> Option<TemplateRule> {
    let section = Section::of(page, node, at, "`template`")?;
    let system = section.need("system", "the field that names the system");
    let system = system.and_then(|n| typed(page, n, fields, "system", |of| matches!(of, FieldType::System)));
    let role = section.need("role", "the field that names the role on it");
    let role = role.and_then(|n| typed(page, n, fields, "word", |of| matches!(of, FieldType::Word)));
    let until = section.need("until", "the field that says until when").and_then(|n| time(page, n, fields));
    let way = section.get("way").and_then(|n| typed(page, n, fields, "choice", |of| matches!(of, FieldType::Choice(_))));
    section.done();
    Some(TemplateRule { system: system?, role: role?, until: until?, way })
}

/// `{ of: approve, giver: …, when: …, silence: { of: …, link: …, severities: […] } }`
pub(super) fn read_verbal(page: &Page, node: &Node, at: At, fields: &IndexMap<String, Field>) -> Option<Verbal> {
    let section = Section::of(page, node, at, "`verbal`")?;
    let of = section.need("of", "the step whose approval was spoken").and_then(|n| page.named(n, Sort::Approval));
    let giver = section.need("giver", "the field that says who spoke it");
    let giver = giver.and_then(|n| typed(page, n, fields, "person", |of| matches!(of, FieldType::Person)));
    let when = section.get("when").and_then(|n| page.expression(n, TICKET));
    let silence = section.get("silence").and_then(|n| {
        let section = Section::of(page, n, section.at("silence"), "`silence`")?;
        let of = section.need("of", "the group that was asked").and_then(|n| page.named(n, Sort::Group));
        let link = section.need("link", "the link to the incident").and_then(|n| page.word(n));
        let severities = section.need("severities", "the incident's severities that allow it");
        let severities = severities.map(|n| page.one_or_more(n, 20).iter().filter_map(|item| page.word(item)).collect());
        section.done();
        Some(Silence { of: of?, link: link?, severities: severities? })
    });
    section.done();
    Some(Verbal { when, of: of?, giver: giver?, silence })
}

/// `[{ duties: [request, approve], when: … }]`; `has_subject`: the kind names the person whom it is about.
pub(super) fn read_separate(page: &Page, node: &Node, has_subject: bool) -> Vec<Separate> {
    let mut out = Vec::new();
    for item in page.one_or_more(node, 20) {
        let Some(section) = Section::of(page, item, item.at, "`separate`") else { continue };
        let mut duties: Vec<String> = Vec::new();
        if let Some(node) = section.need("duties", "the steps that different persons take, `request`, `owner`, `subject` or `reviewed`") {
            for item in page.list(node, 20) {
                let Some(name) = page.word(item) else { continue };
                match name.as_str() {
                    "request" | "owner" | "reviewed" => {}
                    "subject" if has_subject => {}
                    "subject" => page.find(item.at, "This kind is about nobody: name the field of type person as its `subject`."),
                    step => page.mention(item.at, Sort::Transition, step),
                }
                duties.push(name);
            }
            if duties.len() < 2 {
                page.find(node.at, "Two duties at least are kept apart; name both.");
            }
        }
        let when = section.get("when").and_then(|n| page.expression(n, TICKET));
        section.done();
        out.push(Separate { duties, when });
    }
    out
}

/// `true`, or `{ or: [spoken-approval] }`: types of exception that stand in for the click.
pub(super) fn read_confirmed(page: &Page, node: &Node, at: At) -> Option<Confirmed> {
    if let Yaml::Scalar(_) = node.value {
        return page.truth(node)?.then(Confirmed::default);
    }
    let section = Section::of(page, node, at, "`confirmed`")?;
    let or = section.need("or", "the types of exception that stand in for it");
    let or = or.map(|n| page.one_or_more(n, 20).iter().filter_map(|item| page.word(item)).collect()).unwrap_or_default();
    section.done();
    Some(Confirmed { or })
}

/// `{ words: 6, example: … }`
pub(super) fn read_substance(page: &Page, node: &Node, at: At) -> Option<Substance> {
    let section = Section::of(page, node, at, "`substance`")?;
    let words = section.need("words", "how many words it has at least").and_then(|n| page.integer(n, 1, 50));
    let example = section.need("example", "a good one, which people are shown").and_then(|n| page.text(n));
    section.done();
    let (words, example) = (usize::try_from(words?).unwrap_or(1), example?);
    let substance = Substance { words, example };
    if crate::procedure::substance::lacks(&substance, &substance.example) {
        page.find(at, "The example would itself be refused; write one that says something.");
    }
    Some(substance)
}

/// `[{ sets: risk, of: { criticality: { low: 1, … } }, levels: { low: 0, medium: 5 } }]`
pub(super) fn read_scores(page: &Page, node: &Node, fields: &IndexMap<String, Field>) -> Vec<Score> {
    let mut out = Vec::new();
    for item in page.one_or_more(node, 10) {
        let Some(section) = Section::of(page, item, item.at, "`scores`") else { continue };
        let sets = section.need("sets", "the field that holds the level").and_then(|n| page.named(n, Sort::Field).map(|name| (name, n.at)));
        let of =
            section.need("of", "the fields that add up, with points for each value").map(|n| points(page, n, fields)).unwrap_or_default();
        let levels = section.need("levels", "the levels, each with the points from which on it counts");
        let levels = match (&sets, levels) {
            (Some((sets, at)), Some(node)) => levels_of(page, node, (sets, *at), fields),
            _ => Vec::new(),
        };
        section.done();
        if let (Some((sets, _)), false, false) = (sets, of.is_empty(), levels.is_empty()) {
            out.push(Score { sets, of, levels });
        }
    }
    out
}

fn points(page: &Page, node: &Node, fields: &IndexMap<String, Field>) -> IndexMap<String, BTreeMap<String, i64>> {
    let mut out = IndexMap::new();
    for (name, key, value) in named_members(page, node, 20, "fields") {
        page.mention(key.at, Sort::Field, &name);
        let Some(field) = fields.get(&name) else { continue };
        let FieldType::Choice(options) = &field.of else {
            page.find(key.at, format!("`{name}` must be of type choice to be scored."));
            continue;
        };
        let mut of = BTreeMap::new();
        for (option, points) in members(page, value, 100, "values") {
            if !options.contains_key(&option.text) {
                page.find(option.at, format!("`{}` is not a value of `{name}`.", short(&option.text)));
            }
            of.extend(page.integer(points, 0, 1000).map(|points| (option.text.clone(), points)));
        }
        for option in options.keys().filter(|o| !of.contains_key(*o)) {
            page.find(key.at, format!("The points for `{option}` are missing."));
        }
        out.insert(name, of);
    }
    out
}

fn levels_of(page: &Page, node: &Node, (sets, at): (&str, At), fields: &IndexMap<String, Field>) -> Vec<(i64, String)> {
    let mut out: Vec<(i64, String)> = Vec::new();
    let Some(field) = fields.get(sets) else { return out };
    let FieldType::Choice(options) = &field.of else {
        page.find(at, format!("`{sets}` must be of type choice to hold a level."));
        return out;
    };
    for (level, from) in members(page, node, 20, "levels") {
        if !options.contains_key(&level.text) {
            page.find(level.at, format!("`{}` is not a value of `{sets}`.", short(&level.text)));
        }
        let Some(points) = page.integer(from, 0, 100_000) else { continue };
        if out.last().is_some_and(|(before, _)| *before >= points) {
            page.find(from.at, "Levels begin with more points one after the other; write them in ascending order.");
        }
        out.push((points, level.text.clone()));
    }
    out
}

/// `{ field: other }`: the field takes over the other's value.
pub(super) fn read_moves(page: &Page, node: &Node) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for (name, key, value) in named_members(page, node, 20, "fields") {
        page.mention(key.at, Sort::Field, &name);
        out.extend(page.named(value, Sort::Field).map(|other| (name, other)));
    }
    out
}

/// `{ steps: [verify, close], label: Done and verified, when: … }`
pub(super) fn read_then(page: &Page, node: &Node, at: At) -> Option<Then> {
    let section = Section::of(page, node, at, "`then`")?;
    let steps = section.need("steps", "the steps that are taken with it").map(|n| page.names(n, &Sort::Transition)).unwrap_or_default();
    let label = section.need("label", "what the button says then").and_then(|n| page.text(n));
    let when = section.get("when").and_then(|n| page.expression(n, TICKET));
    section.done();
    Some(Then { steps, label: label?, when })
}

/// Roles, and the words for whoever the ticket names.
pub(super) fn authorities(page: &Page, node: &Node) -> Vec<String> {
    roles(page, node, &["owner-of-system", "manager-of-subject"])
}
