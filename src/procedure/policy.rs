//! A page of policy, made from the procedure that counts: what needs such a record, who approves it, when it may be done, what
//! an emergency allows, and how it is shown to be done. The same files give the same page, so that it can be signed off once and
//! held against what counts ever after.

use sha2::{Digest, Sha256};

use super::duration::say;
use super::expression::Expression;
use super::model::{FieldType, Kind, Library, Transition};
use super::render::{label, labels, list};
use super::rules::Unfrozen;
use super::targets::{render, targets};

/// A page of policy.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Policy {
    /// What it is called.
    pub title: String,
    /// SHA-256 (hex) of its lines, each ended by a line feed.
    pub version: String,
    /// The digest of the procedure that it was made from.
    pub procedure: String,
    /// The digest of `organisation.yaml`.
    pub organisation: String,
    /// What it says: headings begin with `##`, rules with `-`.
    pub lines: Vec<String>,
}

/// The page of the kind with this name; none when there is no such kind.
#[must_use]
pub fn policy(library: &Library, name: &str) -> Option<Policy> {
    let kind = library.kinds.get(name)?;
    let mut lines = needed(kind);
    lines.extend(approved(kind));
    lines.extend(timed(library, kind));
    lines.extend(urgent(kind));
    lines.extend(shown(kind));
    let mut hash = Sha256::new();
    for line in &lines {
        hash.update(line);
        hash.update(b"\n");
    }
    Some(Policy {
        title: format!("{} policy of {}", kind.title, library.organisation.name),
        version: hex::encode(hash.finalize()),
        procedure: kind.digest.clone(),
        organisation: library.organisation.digest.clone(),
        lines,
    })
}

/// What a page says that was signed off beside what counts now: lines that are no more, and lines that are new.
#[must_use]
pub fn differences(before: &[String], now: &[String]) -> Vec<String> {
    let gone = before.iter().filter(|line| !now.contains(line)).map(|line| format!("no longer: {line}"));
    let new = now.iter().filter(|line| !before.contains(line)).map(|line| format!("new: {line}"));
    gone.chain(new).collect()
}

fn section(title: &str, rules: Vec<String>) -> Vec<String> {
    if rules.is_empty() { Vec::new() } else { std::iter::once(format!("## {title}")).chain(rules).collect() }
}

/// `, while …`
fn while_(when: Option<&Expression>) -> String {
    when.map_or_else(String::new, |when| format!(", while `{}`", when.source()))
}

fn step<'k>(kind: &'k Kind, name: &'k str) -> &'k str {
    kind.transitions.get(name).map_or(name, |t| t.label.as_str())
}

fn needed(kind: &Kind) -> Vec<String> {
    let mut rules = vec![format!("- {}", kind.purpose)];
    for field in ["type", "category"].iter().filter_map(|name| kind.fields.get(*name)) {
        if let FieldType::Choice(options) = &field.of {
            let options: Vec<String> = options.values().cloned().collect();
            rules.push(format!("- {}: {}.", field.label, options.join("; ")));
        }
    }
    rules.push(format!("- Asked for by {}.", list(&kind.declare.by, "or")));
    for transition in kind.transitions.values() {
        if !transition.requires.fields.is_empty() {
            rules.push(format!("- “{}” needs {}.", transition.label, labels(kind, &transition.requires.fields)));
        }
        for also in transition.requires.also.iter().filter(|also| !also.fields.is_empty()) {
            let needs = labels(kind, &also.fields);
            rules.push(format!("- “{}” needs {needs}{}.", transition.label, while_(Some(&also.when))));
        }
    }
    for score in &kind.scores {
        let of: Vec<String> = score.of.keys().map(|field| label(kind, field)).collect();
        rules.push(format!("- {} follows from {}.", label(kind, &score.sets), list(&of, "and")));
    }
    section("What needs it, and what is written down", rules)
}

fn approved(kind: &Kind) -> Vec<String> {
    let mut rules = Vec::new();
    for transition in kind.transitions.values() {
        let Some(approval) = &transition.approval else { continue };
        for (n, stage) in (1..).zip(&approval.stages) {
            let people = if stage.count == 1 { "one of".to_owned() } else { format!("{} of", stage.count) };
            let next = if stage.otherwise.is_empty() {
                String::new()
            } else {
                format!("; where none of them is there and apart, {}", list(&stage.otherwise, "or"))
            };
            rules.push(format!(
                "- “{}”, stage {n}: {people} {}{next}{}.",
                transition.label,
                list(&stage.by, "or"),
                while_(stage.when.as_ref())
            ));
        }
        rules.push(format!("- “{}” is agreed to exactly as it stands: {}.", transition.label, labels(kind, &approval.of)));
    }
    for rule in &kind.separate {
        let duties: Vec<String> = rule.duties.iter().map(|duty| format!("“{}”", step(kind, duty))).collect();
        rules.push(format!("- Never one person: {}{}.", list(&duties, "and"), while_(rule.when.as_ref())));
    }
    section("Who approves it", rules)
}

fn timed(library: &Library, kind: &Kind) -> Vec<String> {
    let mut rules = Vec::new();
    for transition in kind.transitions.values() {
        let name = &transition.label;
        for rule in &transition.requires.approved {
            let lead = if rule.lead.is_zero() { String::new() } else { format!(" at least {}", say(rule.lead)) };
            rules.push(format!("- “{name}” comes{lead} after “{}”{}.", step(kind, &rule.by), while_(rule.when.as_ref())));
        }
        for rule in &transition.requires.window {
            let (from, to) = (label(kind, &rule.from), label(kind, &rule.to));
            rules.push(format!("- “{name}” looks at the window from {from} to {to}{}.", while_(rule.when.as_ref())));
        }
        let frozen = |rule: &Unfrozen| format!("- “{name}” waits for the end of a freeze{}.", while_(rule.when.as_ref()));
        rules.extend(transition.requires.unfrozen.iter().map(frozen));
    }
    let own = targets(library).into_iter().filter(|target| target.kind == kind.name);
    rules.extend(own.map(|target| format!("- Target: {}.", render(&target))));
    section("When", rules)
}

fn urgent(kind: &Kind) -> Vec<String> {
    let mut rules = Vec::new();
    for transition in kind.transitions.values() {
        let Some(verbal) = &transition.verbal else { continue };
        let (name, of) = (&transition.label, step(kind, &verbal.of));
        let giver = label(kind, &verbal.giver);
        rules.push(format!(
            "- “{name}” may go ahead on “{of}” that was only spoken{}; whoever stands under {giver} confirms it with an own click.",
            while_(verbal.when.as_ref())
        ));
        if let Some(silence) = &verbal.silence {
            rules.push(format!(
                "- It may also go ahead when everybody of {} was reached and nobody answered in time, for {} only; that is an exception of its own.",
                silence.of,
                list(&silence.severities, "and")
            ));
        }
    }
    for opens in &kind.opens {
        rules.push(format!(
            "- A {} of type {} is opened, due within {}, when `{}`.",
            opens.kind,
            opens.of_type,
            say(opens.due),
            opens.when.source()
        ));
    }
    section("Emergencies, and what follows", rules)
}

fn shown(kind: &Kind) -> Vec<String> {
    let proof = |name: &String| kind.proofs.get(name).cloned().unwrap_or_else(|| step(kind, name).to_owned());
    let proofs = |names: &[String]| names.iter().map(proof).collect::<Vec<_>>().join("; ");
    let mut rules = Vec::new();
    for transition in kind.transitions.values() {
        let Transition { label: name, requires, .. } = transition;
        if !requires.evidence.is_empty() {
            rules.push(format!("- “{name}” needs on file: {}.", proofs(&requires.evidence)));
        }
        for also in requires.also.iter().filter(|also| !also.evidence.is_empty()) {
            rules.push(format!("- “{name}” needs on file: {}{}.", proofs(&also.evidence), while_(Some(&also.when))));
        }
        for linked in &requires.linked {
            rules.push(format!("- “{name}” needs another record{}: {}", while_(linked.when.as_ref()), linked.says));
        }
    }
    rules.push(format!("- Kept: {}", kind.retention));
    section("How it is shown to be done", rules)
}

#[cfg(test)]
mod tests {
    use super::super::{built_in, load};
    use super::*;

    fn of(change: impl Fn(&str, String) -> String) -> Policy {
        let files = built_in().into_iter().map(|(path, bytes)| {
            let text = change(&path, String::from_utf8(bytes).unwrap());
            (path, text.into_bytes())
        });
        policy(&load(files.collect()).unwrap(), "change").unwrap()
    }

    #[test]
    fn the_page_is_made_again_to_the_letter_and_a_rule_that_changes_changes_its_line_alone() {
        let page = of(|_, text| text);
        assert_eq!(page, of(|_, text| text));
        let says = |words: &str| page.lines.iter().any(|line| line.contains(words));
        for words in [
            "Category: Access of a user; Installation of software; Configuration; Hardware; Patch; Upgrade of a system.",
            "“Approve”, stage 1: one of owner-of-system, approver or system-owner; where none of them is there and apart, security-officer.",
            "Never one person: “request” and “Approve”.",
            "“Start” comes at least 1d after “Approve”, while `ticket.fields.type == 'normal'`.",
            "“Start” may go ahead on “Approve” that was only spoken, while `ticket.fields.type == 'emergency'`",
            "A review of type emergency is opened, due within 3d",
            "“Verify” needs on file: How it stood before; How it stands now, while",
            "Target: change document default: 1d, by the end of the day.",
        ] {
            assert!(says(words), "{words}\n{}", page.lines.join("\n"));
        }
        // One or two printed pages.
        let long: usize = page.lines.iter().map(|line| line.chars().count().div_ceil(95)).sum();
        assert!(long <= 120, "{long} lines");
        let other = of(|path, text| if path == "kinds/change.yaml" { text.replace("lead: 24h", "lead: 48h") } else { text });
        assert_ne!((&other.version, &other.procedure), (&page.version, &page.procedure));
        assert_eq!(
            differences(&page.lines, &other.lines),
            [
                "no longer: - “Start” comes at least 1d after “Approve”, while `ticket.fields.type == 'normal'`.",
                "new: - “Start” comes at least 2d after “Approve”, while `ticket.fields.type == 'normal'`.",
            ]
        );
        // A comment changes the file, and no rule.
        let comment = of(|path, text| if path == "kinds/change.yaml" { format!("{text}# Signed off.\n") } else { text });
        assert_eq!((&comment.version, differences(&page.lines, &comment.lines)), (&page.version, Vec::new()));
        assert_ne!(comment.procedure, page.procedure);
    }

    #[test]
    fn every_kind_has_its_page_and_what_is_no_kind_has_none() {
        let library = load(built_in()).unwrap();
        assert!(library.kinds.keys().all(|name| policy(&library, name).is_some_and(|page| page.lines.len() > 3)));
        assert_eq!(policy(&library, "chnage"), None);
    }
}
