//! `lines`: what a review looks at again, and who decides ([`LinesRule`]).

use std::time::Duration;

use super::finding::At;
use super::load_kind::{TICKET, roles};
use super::reader::{Page, Section, Sort};
use super::rules::LinesRule;
use super::yaml::Node;

const HOUR: Duration = Duration::from_secs(3_600);
const LONGEST: Duration = Duration::from_secs(366 * 86_400);
/// Those whom a line can name by itself.
pub(super) const REVIEWERS: &[&str] = &["manager-of-subject", "owner-of-system"];

/// Reads it.
pub(super) fn read_lines(page: &Page, node: &Node, at: At) -> Option<LinesRule> {
    let section = Section::of(page, node, at, "`lines`")?;
    let when = section.get("when").and_then(|n| page.expression(n, TICKET));
    let of = section.need("of", "the kind whose live records are looked at").and_then(|n| page.word(n));
    let standing: Vec<String> = section
        .need("standing", "the statuses in which such a record is live")
        .map(|n| page.one_or_more(n, 20).iter().filter_map(|item| page.word(item)).collect())
        .unwrap_or_default();
    if let Some(of) = &of {
        for status in &standing {
            page.mention(section.at("standing"), Sort::StatusOf(of.clone()), status);
        }
    }
    let takes = section.need("takes", "the step that takes away what is not kept").and_then(|n| page.word(n));
    let system = section.get("system").and_then(|n| page.named(n, Sort::Field));
    let reviewers = section.need("reviewers", "who decides a line").map(|n| roles(page, n, REVIEWERS)).unwrap_or_default();
    let otherwise =
        section.need("otherwise", "the roles that decide when none of those can").map(|n| roles(page, n, &[])).unwrap_or_default();
    let time = |name: &'static str, usual: Duration| {
        section.get(name).and_then(|n| page.duration(n, HOUR, LONGEST)).map_or(usual, |(duration, _)| duration)
    };
    let gather = time("gather", 48 * HOUR);
    let within = time("within", 336 * HOUR);
    let done_within = time("done_within", 168 * HOUR);
    let opens = section.need("opens", "the kind of record for what is to be taken away or changed").and_then(|n| page.word(n));
    section.done();
    Some(LinesRule { when, of: of?, standing, takes: takes?, system, reviewers, otherwise, gather, within, opens: opens?, done_within })
}
