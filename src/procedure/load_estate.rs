//! What `organisation.yaml` says of systems, of who stands in for whom, of freezes and of recurring obligations.

use std::collections::BTreeMap;
use std::time::Duration;

use indexmap::IndexMap;

use super::calendar::begins;
use super::estate::{Delegation, DeployedFrom, Estate, Freeze, OTHER_SYSTEM, Obligation, SingleOperator, System, SystemRole};
use super::load_obligations::{obligations, schedule};
use super::load_rota::read_rota;
use super::reader::{Page, Section, Sort, members, named_members, short};
use super::schedule::Schedule;
use super::yaml::Node;
use crate::env::Timestamp;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// Reads what the section says of them; `here` is the zone in which days begin.
pub(super) fn read_estate(page: &Page, section: &Section<'_, '_>, here: chrono_tz::Tz) -> Estate {
    let mut obligations = section.get("obligations").map(|n| obligations(page, n, here)).unwrap_or_default();
    let single_operator = section.get("single_operator").and_then(|n| {
        let (exception, review) = single_operator(page, n, section, here)?;
        obligations.push(review);
        Some(exception)
    });
    Estate {
        systems: section.get("systems").map(|n| systems(page, n)).unwrap_or_default(),
        reports_to: section.get("reports_to").map(|n| addresses(page, n, "people")).unwrap_or_default(),
        sources: section.get("sources").map(|n| addresses(page, n, "sources")).unwrap_or_default(),
        logins: section.get("logins").map(|n| addresses(page, n, "logins")).unwrap_or_default(),
        conflicts: section.get("conflicts").map(|n| conflicts(page, n)).unwrap_or_default(),
        delegations: section.get("delegations").map(|n| delegations(page, n, here)).unwrap_or_default(),
        single_operator,
        freezes: section.get("freezes").map(|n| freezes(page, n, here)).unwrap_or_default(),
        obligations,
        on_call: section.get("on_call").and_then(|n| read_rota(page, n, section.at("on_call"), here)),
    }
}

/// An e-mail address, in small letters.
pub(super) fn address(page: &Page, node: &Node) -> Option<String> {
    let scalar = page.scalar(node, "an e-mail address")?;
    let good = scalar.text.len() <= 254 && scalar.text.split('@').count() == 2 && !scalar.text.contains(char::is_whitespace);
    if !good {
        page.find(node.at, format!("`{}` is not an e-mail address.", short(&scalar.text)));
        return None;
    }
    Some(scalar.text.to_lowercase())
}

/// A role or an e-mail address.
pub(super) fn who(page: &Page, node: &Node) -> Option<String> {
    let scalar = page.scalar(node, "a role or an e-mail address")?;
    if scalar.text.contains('@') {
        return address(page, node);
    }
    page.named(node, Sort::Role)
}

fn whos(page: &Page, node: &Node) -> Vec<String> {
    page.one_or_more(node, 50).iter().filter_map(|item| who(page, item)).collect()
}

fn addresses(page: &Page, node: &Node, what: &str) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for (key, value) in members(page, node, 2000, what) {
        out.extend(address(page, value).map(|address| (key.text.to_lowercase(), address)));
    }
    out
}

/// A day (`2026-12-24`, from or until midnight in `here`), or a moment with its zone.
pub(super) fn moment(page: &Page, node: &Node, here: chrono_tz::Tz) -> Option<Timestamp> {
    let scalar = page.scalar(node, "a day or a moment")?;
    let day = chrono::NaiveDate::parse_from_str(&scalar.text, "%Y-%m-%d").ok().filter(|_| scalar.text.len() == 10);
    let at = day.map(|day| begins(here, day.and_time(chrono::NaiveTime::MIN))).or_else(|| Timestamp::parse(&scalar.text));
    if at.is_none() {
        page.find(
            node.at,
            format!("`{}` is neither a day like `2026-12-24` nor a moment like `2026-12-24T18:00:00+01:00`.", short(&scalar.text)),
        );
    }
    at
}

/// From when and until when; the second after the first.
pub(super) fn span(page: &Page, section: &Section<'_, '_>, here: chrono_tz::Tz) -> Option<(Timestamp, Timestamp)> {
    let starts = section.need("from", "from when on").and_then(|n| moment(page, n, here));
    let ends = section.need("to", "until when; the day itself no longer counts").and_then(|n| moment(page, n, here));
    let (starts, ends) = (starts?, ends?);
    if ends <= starts {
        page.find(section.at("to"), "It ends before it begins.");
        return None;
    }
    Some((starts, ends))
}

fn systems(page: &Page, node: &Node) -> IndexMap<String, System> {
    let mut out = IndexMap::new();
    for (name, key, value) in named_members(page, node, 500, "systems") {
        if name == OTHER_SYSTEM {
            page.find(key.at, "`other` means something already; call the system something else.");
        }
        let Some(section) = Section::of(page, value, key.at, format!("system `{name}`")) else { continue };
        let title = section.need("title", "what people call it").and_then(|n| page.text(n)).unwrap_or_default();
        let owners = section.need("owner", "who answers for it: an e-mail address or a role").map(|n| whos(page, n)).unwrap_or_default();
        let implementers = section.get("implementers").map(|n| whos(page, n)).unwrap_or_default();
        let break_glass = section.get("break_glass").and_then(|n| page.duration(n, MINUTE, 30 * DAY)).map(|(d, _)| d);
        let deployments = section.get("deployments").map(|n| deployed_from(page, n)).unwrap_or_default();
        let mut roles = IndexMap::new();
        if let Some(node) = section.get("roles") {
            for (role, key, value) in named_members(page, node, 100, "roles") {
                let Some(section) = Section::of(page, value, key.at, format!("role `{role}` of `{name}`")) else { continue };
                let title = section.need("title", "what it lets one do").and_then(|n| page.text(n)).unwrap_or_default();
                let most = section.need("most", "how long it is given at most").and_then(|n| page.duration(n, MINUTE, 3660 * DAY));
                let privileged = section.get("privileged").and_then(|n| page.truth(n)).unwrap_or(false);
                section.done();
                roles.insert(role, SystemRole { title, most: most.map_or(DAY, |(d, _)| d), privileged });
            }
        }
        section.done();
        out.insert(name, System { title, owners, roles, implementers, break_glass, deployments });
    }
    out
}

/// `acme/web-shop`, or `acme/web-shop@production` for one environment of it; one or several.
fn deployed_from(page: &Page, node: &Node) -> Vec<DeployedFrom> {
    let mut out = Vec::new();
    for item in page.one_or_more(node, 50) {
        let Some(scalar) = page.scalar(item, "a repository") else { continue };
        let text = scalar.text.to_lowercase();
        let (repository, environment) = text.split_once('@').map_or((text.as_str(), None), |(r, e)| (r, Some(e)));
        let plain = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@');
        if text.len() > 300 || !plain(repository) || environment.is_some_and(|e| !plain(e)) {
            page.find(
                item.at,
                format!("`{}` is not a repository; write it like `acme/web-shop` or `acme/web-shop@production`.", short(&scalar.text)),
            );
            continue;
        }
        out.push(DeployedFrom { repository: repository.to_owned(), environment: environment.map(str::to_owned) });
    }
    out
}

fn conflicts(page: &Page, node: &Node) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for item in page.list(node, 100) {
        let pair: Vec<String> = page.list(item, 2).iter().filter_map(|n| page.named(n, Sort::Role)).collect();
        match pair.as_slice() {
            [a, b] if a != b => out.push((a.clone(), b.clone())),
            _ => page.find(item.at, "A conflict is between two different roles, as in `[administrator, approver]`."),
        }
    }
    out
}

fn delegations(page: &Page, node: &Node, here: chrono_tz::Tz) -> Vec<Delegation> {
    let mut out = Vec::new();
    for item in page.list(node, 500) {
        let Some(section) = Section::of(page, item, item.at, "a delegation") else { continue };
        let of = section.need("of", "whose authority").and_then(|n| address(page, n));
        let by = section.need("by", "who stands in").and_then(|n| address(page, n));
        let roles = section.get("roles").map(|n| page.names(n, &Sort::Role)).unwrap_or_default();
        let dates = span(page, &section, here);
        section.done();
        if let (Some(from), Some(to), Some((starts, ends))) = (of, by, dates) {
            out.push(Delegation { from, to, roles, starts, ends });
        }
    }
    out
}

fn single_operator(page: &Page, node: &Node, parent: &Section<'_, '_>, here: chrono_tz::Tz) -> Option<(SingleOperator, Obligation)> {
    let section = Section::of(page, node, parent.at("single_operator"), "`single_operator`")?;
    let person = section.need("person", "who, by e-mail address").and_then(|n| address(page, n));
    let kinds = section
        .need("kinds", "for which kinds of ticket")
        .map(|n| page.one_or_more(n, 20).iter().filter_map(|item| page.word(item)).collect::<Vec<_>>());
    let why = section.need("why", "why nobody else can").and_then(|n| page.text(n));
    let until = section.need("until", "when this ends; a year from now at most is good practice").and_then(|n| moment(page, n, here));
    let review = section.get("review").and_then(|n| schedule(page, n, here)).or_else(|| Schedule::parse("0 9 1 * *", here).ok());
    section.done();
    let review = Obligation {
        name: "single-operator-review".to_owned(),
        title: "Review of what one person asked for and approved alone".to_owned(),
        schedule: review?,
        kind: "review".to_owned(),
        of_type: "single-operator".to_owned(),
        due: 7 * DAY,
        check: None,
        draw: None,
    };
    Some((SingleOperator { person: person?, kinds: kinds?, why: why?, until: until? }, review))
}

fn freezes(page: &Page, node: &Node, here: chrono_tz::Tz) -> Vec<Freeze> {
    let mut out = Vec::new();
    for (name, key, value) in named_members(page, node, 500, "freezes") {
        let Some(section) = Section::of(page, value, key.at, format!("freeze `{name}`")) else { continue };
        let why = section.need("why", "why nothing is changed then").and_then(|n| page.text(n)).unwrap_or_default();
        let dates = span(page, &section, here);
        let systems = section.get("systems").map(|n| page.names(n, &Sort::System)).unwrap_or_default();
        section.done();
        out.extend(dates.map(|(starts, ends)| Freeze { name, why, starts, ends, systems }));
    }
    out
}
