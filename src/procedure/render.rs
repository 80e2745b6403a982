//! A procedure as a person reads it: Markdown that is readable as plain text too.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use indexmap::IndexMap;

use super::duration::say;
use super::expression::Expression;
use super::model::{
    Ask, ClockStart, Escalate, Field, FieldType, Hours, Kind, Library, Matrix, Owed, OwedWhat, Requires, Response, Transition,
};
use super::rules::WindowMust;

/// The kind with this name, with the responses that open it; `None` when there is no such kind.
#[must_use]
pub fn render_kind(library: &Library, name: &str) -> Option<String> {
    let kind = library.kinds.get(name)?;
    let mut out = String::new();
    head(&mut out, kind);
    ways(&mut out, kind);
    transitions(&mut out, kind);
    clocks(&mut out, kind);
    consequences(&mut out, kind);
    fields(&mut out, kind);
    for response in library.responses.iter().filter(|r| r.kind == kind.name) {
        render_response(&mut out, response, kind);
    }
    Some(out)
}

/// Writing into a `String` cannot fail.
fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
    out.push('\n');
}

fn head(out: &mut String, kind: &Kind) {
    line(out, format_args!("# {} ({}-000001)\n\n{}\n", kind.title, kind.prefix, kind.purpose));
    let required = if kind.declare.requires.is_empty() { "nothing".to_owned() } else { labels(kind, &kind.declare.requires) };
    line(
        out,
        format_args!(
            "Opened by hand by {}; needs {required}, asks for {}.",
            list(&kind.declare.by, "or"),
            labels(kind, &kind.declare.asks)
        ),
    );
    line(out, format_args!("Records are kept: {}", kind.retention));
    line(out, format_args!("File digest: {}", kind.digest));
}

fn ways(out: &mut String, kind: &Kind) {
    line(out, format_args!("\n## Statuses\n\n| status | leads to |\n|---|---|"));
    for status in &kind.statuses {
        let leaves = kind.transitions.values().filter(|t| t.from.iter().any(|f| f.status == *status));
        let ways = leaves.map(|t| format!("{} → {}", t.name, destination(t))).collect::<Vec<_>>().join(", ");
        let ended = if kind.ended.contains(status) { " (the work has ended; fields are locked)" } else { "" };
        line(out, format_args!("| {status}{ended} | {} |", if ways.is_empty() { "nothing" } else { &ways }));
    }
}

fn destination(transition: &Transition) -> &str {
    if transition.unmerges { "where it was before" } else { &transition.to }
}

fn transitions(out: &mut String, kind: &Kind) {
    line(out, format_args!("\n## Steps"));
    for transition in kind.transitions.values() {
        line(out, format_args!("\n### {} (`{}`)\n\n{}\n", transition.label, transition.name, transition.help));
        let from = transition.from.iter().map(|f| match &f.when {
            Some(when) => format!("{} (if `{}`)", f.status, when.source()),
            None => f.status.clone(),
        });
        line(out, format_args!("- From {} to {}.", list(&from.collect::<Vec<_>>(), "or"), destination(transition)));
        line(out, format_args!("- By {}.", list(&transition.by, "or")));
        for sentence in needed_now(kind, transition) {
            line(out, format_args!("- Needed now: {sentence}."));
        }
        for guard in &transition.requires.not {
            line(out, format_args!("- Refused while `{}`: {}", guard.when.source(), guard.says));
        }
        for (by, what) in owed_words(kind, &transition.wants) {
            line(out, format_args!("- Owed by `{by}`: {}.", list(&what, "and")));
        }
        for (field, value) in &transition.sets {
            line(out, format_args!("- Sets {} to {value}.", label(kind, field)));
        }
        if !transition.fixes.is_empty() {
            line(out, format_args!("- Afterwards {} stays as it is.", labels(kind, &transition.fixes)));
        }
    }
    line(
        out,
        format_args!("\nWhat is owed is asked of the {} at {} on the next working day.", kind.owed_to.who, kind.owed_to.at.format("%H:%M")),
    );
}

/// What is owed, by the transition that will not pass without it.
fn owed_words<'k>(kind: &Kind, wants: &'k [Owed]) -> IndexMap<&'k str, Vec<String>> {
    let mut out: IndexMap<&str, Vec<String>> = IndexMap::new();
    for owed in wants {
        let words = match &owed.what {
            OwedWhat::Evidence(1) => "a piece of evidence".to_owned(),
            OwedWhat::Evidence(count) => format!("{count} pieces of evidence"),
            OwedWhat::Field(field) => label(kind, field),
        };
        out.entry(&owed.by).or_default().push(words);
    }
    out
}

fn needed_now(kind: &Kind, transition: &Transition) -> Vec<String> {
    let mut out = Vec::new();
    for ask in &transition.asks {
        match ask {
            Ask::Reason => out.push("a reason".to_owned()),
            Ask::Ticket => out.push("the other ticket".to_owned()),
            Ask::Line | Ask::When | Ask::Field(_) => {}
        }
    }
    let Requires { fields, notes, evidence, links, tasks, second_person, .. } = &transition.requires;
    if !fields.is_empty() {
        out.push(labels(kind, fields));
    }
    if *notes > 0 {
        out.push(if *notes == 1 { "a note by a person".to_owned() } else { format!("{notes} notes by people") });
    }
    if !evidence.is_empty() {
        out.push(format!("evidence of {}, or a reasoned waiver, where the phase applies", list(evidence, "and")));
    }
    for (link, reason_will_do) in links {
        out.push(format!("a link `{link}`{}", if *reason_will_do { ", or the reason why there is none" } else { "" }));
    }
    if *tasks {
        out.push("all tasks done or waived".to_owned());
    }
    if let Some(second) = second_person {
        let when = second.when.as_ref().map_or_else(String::new, |w| format!(" (if `{}`)", w.source()));
        out.push(format!("a second person{when}"));
    }
    for (n, stage) in transition.approval.iter().flat_map(|a| &a.stages).enumerate() {
        let otherwise = if stage.otherwise.is_empty() { String::new() } else { format!(" (otherwise {})", list(&stage.otherwise, "or")) };
        out.push(format!("approval {} by {} of {}{otherwise}{}", n + 1, stage.count, list(&stage.by, "or"), while_(stage.when.as_ref())));
    }
    rules(kind, &transition.requires, &mut out);
    if transition.fresh_auth {
        out.push("a passkey signature".to_owned());
    }
    out
}

fn while_(when: Option<&Expression>) -> String {
    when.map_or_else(String::new, |when| format!(" (if `{}`)", when.source()))
}

/// What `requires` says beyond fields, evidence and links.
fn rules(kind: &Kind, requires: &Requires, out: &mut Vec<String>) {
    for also in &requires.also {
        let mut what = also.fields.iter().map(|f| label(kind, f)).collect::<Vec<_>>();
        what.extend(also.evidence.iter().map(|e| format!("evidence of {e}")));
        out.push(format!("{}{}", list(&what, "and"), while_(Some(&also.when))));
    }
    for approved in &requires.approved {
        let lead = if approved.lead.is_zero() { String::new() } else { format!(", given {} before at least", say(approved.lead)) };
        out.push(format!("the approval of `{}`, still standing{lead}{}", approved.by, while_(approved.when.as_ref())));
    }
    for window in &requires.window {
        let must = match window.must {
            WindowMust::LieAhead => "ahead",
            WindowMust::BeOpen => "open",
            WindowMust::EndAhead => "not over",
        };
        let (from, to) = (label(kind, &window.from), label(kind, &window.to));
        out.push(format!("the window from {from} to {to} {must}{}", while_(window.when.as_ref())));
    }
    for unfrozen in &requires.unfrozen {
        out.push(format!("no freeze, or a linked exception that covers this system and time{}", while_(unfrozen.when.as_ref())));
    }
    for linked in &requires.linked {
        let standing = list(&linked.standing, "or");
        let same = if linked.same.is_empty() { String::new() } else { format!(" and is of the same {}", labels(kind, &linked.same)) };
        let own = if linked.own { ", opened for this one alone" } else { "" };
        let of_type = linked.of_type.as_ref().map(|of_type| format!(" of type {of_type}")).unwrap_or_default();
        let (link, of, while_so) = (&linked.link, &linked.kind, while_(linked.when.as_ref()));
        out.push(if linked.if_any {
            format!("each {of}{of_type} that is linked as `{link}`{same}{own} {standing}{while_so}")
        } else {
            format!("a `{link}` link to a {of}{of_type} that is {standing}{same}{own}{while_so}")
        });
    }
    if !requires.ahead.is_empty() {
        out.push(format!("{} in the future", labels(kind, &requires.ahead)));
    }
    if requires.lines {
        out.push("every line decided, and what was decided done".to_owned());
    }
    if let Some(confirmed) = &requires.confirmed {
        let of = if confirmed.or.is_empty() { String::new() } else { format!(" of type {}", list(&confirmed.or, "or")) };
        out.push(format!("a spoken approval confirmed by its giver, or an exception{of} that was opened for it and approved"));
    }
}

fn clocks(out: &mut String, kind: &Kind) {
    if kind.clocks.is_empty() {
        return;
    }
    let mut columns = match kind.fields.get("severity").map(|f| &f.of) {
        Some(FieldType::Choice(options)) => options.keys().cloned().collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    if columns.is_empty() {
        columns.push("default".to_owned());
    }
    line(out, format_args!("\n## Clocks\n\n| clock | starts | stops | {} |", columns.join(" | ")));
    line(out, format_args!("|---|---|---|{}", "---|".repeat(columns.len())));
    for clock in kind.clocks.values() {
        let starts = match &clock.starts {
            ClockStart::Open => "when it is opened",
            ClockStart::Transition(name) => name,
        };
        let cells = columns.iter().map(|severity| {
            let target = clock.target(Some(severity)).map_or_else(|| "none".to_owned(), say);
            match clock.hours_for(Some(severity)) {
                Hours::Always => target,
                Hours::Calendar(calendar) => {
                    let minutes = clock.target(Some(severity)).unwrap_or_default().as_secs() / 60;
                    let target = if minutes % 60 == 0 { format!("{} h", minutes / 60) } else { format!("{minutes} min") };
                    format!("{target} of {calendar}")
                }
            }
        });
        let when = clock.when.as_ref().map_or_else(String::new, |w| format!(" (if `{}`)", w.source().replace('|', "\\|")));
        let cells = cells.collect::<Vec<_>>().join(" | ");
        line(out, format_args!("| {}{when} | {starts} | {} | {cells} |", clock.label, list(&clock.stops, "or")));
    }
    if !kind.remind.is_empty() {
        let points = kind.remind.iter().map(|p| format!("{p} %")).collect::<Vec<_>>();
        line(out, format_args!("\nReminders at {} of the time.", list(&points, "and")));
    }
    if let Some(Escalate { to, every, until, rounds, again, pages }) = &kind.escalate {
        let times = match rounds {
            None => ", again and again".to_owned(),
            Some(1) => String::new(),
            Some(rounds) => format!(", {rounds} times over"),
        };
        line(out, format_args!("A breach is taken to {}, one every {}{times}, until {until}.", list(to, "then"), say(*every)));
        if let Some(again) = again {
            line(out, format_args!("Whoever has seen it is called again after {} while it is still missed.", say(*again)));
        }
        if let Some(pages) = pages {
            let (when, answer) = (pages.when.source(), say(pages.answer));
            line(out, format_args!("Who is on call is called at once when `{when}`; no answer within {answer} goes to the next."));
        }
    }
    if let Some(matrix) = &kind.matrix {
        proposed(out, kind, matrix);
    }
}

fn proposed(out: &mut String, kind: &Kind, matrix: &Matrix) {
    let values = |field: &str| match kind.fields.get(field).map(|f| &f.of) {
        Some(FieldType::Choice(options)) => options.keys().cloned().collect(),
        _ => Vec::new(),
    };
    let (rows, columns) = (values(&matrix.rows), values(&matrix.columns));
    line(
        out,
        format_args!("\n{} proposed by {} and {}:\n", label(kind, &matrix.sets), label(kind, &matrix.rows), label(kind, &matrix.columns)),
    );
    line(out, format_args!("| {} \\ {} | {} |\n|---|{}", matrix.rows, matrix.columns, columns.join(" | "), "---|".repeat(columns.len())));
    for row in rows {
        let cells = columns.iter().map(|column| matrix.propose(&row, column).unwrap_or("")).collect::<Vec<_>>().join(" | ");
        line(out, format_args!("| {row} | {cells} |"));
    }
}

fn consequences(out: &mut String, kind: &Kind) {
    if kind.notifies.is_empty() && kind.opens.is_empty() && kind.deployments.is_none() && kind.lines.is_none() {
        return;
    }
    line(out, format_args!("\n## What follows\n"));
    for notify in &kind.notifies {
        let read = notify.must_acknowledge.map_or_else(String::new, |d| format!(", and must say within {} that they have read it", say(d)));
        line(out, format_args!("- {} hear of it{read}, when `{}`.", list(&notify.groups, "and"), notify.when.source()));
    }
    for opens in &kind.opens {
        line(
            out,
            format_args!("- A {} ({}) is opened, due in {}, when `{}`.", opens.kind, opens.of_type, say(opens.due), opens.when.source()),
        );
    }
    if let Some(rule) = &kind.lines {
        let (standing, asked, next) = (list(&rule.standing, "or"), list(&rule.reviewers, "or"), list(&rule.otherwise, "or"));
        let (gather, within, done) = (say(rule.gather), say(rule.within), say(rule.done_within));
        line(
            out,
            format_args!(
                "- Every {} that is {standing}, and every user of a list that is handed in, is a line{}; after {gather} at the latest they are frozen.",
                rule.of,
                while_(rule.when.as_ref())
            ),
        );
        line(out, format_args!("- Asked about a line is its {asked}, otherwise {next}; within {within}, then {next}."));
        line(out, format_args!("- What is not kept takes “{}”, or opens a {}, due in {done}.", rule.takes, rule.opens));
    }
    let Some(of) = &kind.deployments else { return };
    line(
        out,
        format_args!(
            "- A reported deployment takes “{}” and, after success, “{}”, or confirms what somebody started.",
            label_of(kind, &of.start),
            label_of(kind, &of.finish)
        ),
    );
    if let Some(model) = &of.model {
        line(out, format_args!("- Where it names no number, a {} of the system that is {} covers it.", model.kind, model.status));
    }
    line(out, format_args!("- Where nothing covers it, a {} is opened, due in {}.", of.finding.kind, say(of.finding.due)));
}

fn label_of<'k>(kind: &'k Kind, step: &'k str) -> &'k str {
    kind.transitions.get(step).map_or(step, |t| t.label.as_str())
}

fn fields(out: &mut String, kind: &Kind) {
    line(out, format_args!("\n## Fields\n\n| field | what | help |\n|---|---|---|"));
    for field in kind.fields.values() {
        let mut marks = Vec::new();
        marks.extend(field.audit.then_some("audit-critical"));
        marks.extend(field.sealed.then_some("sealed"));
        let marks = if marks.is_empty() { String::new() } else { format!("; {}", marks.join(", ")) };
        line(out, format_args!("| {} (`{}`) | {}{marks} | {} |", field.label, field.name, type_words(field), field.help));
    }
}

fn type_words(field: &Field) -> String {
    let options = |options: &IndexMap<String, String>| options.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    match &field.of {
        FieldType::Line => "one line".to_owned(),
        FieldType::Text => "text".to_owned(),
        FieldType::Choice(of) => format!("one of {}", options(of)),
        FieldType::Choices(of) => format!("any of {}", options(of)),
        FieldType::Taxonomy(list) => format!("a value of {list}"),
        FieldType::Assets => "names of systems, or none".to_owned(),
        FieldType::Number { min, max } => format!("a whole number from {min} to {max}"),
        FieldType::Bool => "yes or no".to_owned(),
        FieldType::Time => "a moment".to_owned(),
        FieldType::Person => "a person".to_owned(),
        FieldType::Ticket => "another ticket".to_owned(),
        FieldType::System => "a system of the organisation, or other".to_owned(),
        FieldType::Word => "one word".to_owned(),
    }
}

fn render_response(out: &mut String, response: &Response, kind: &Kind) {
    line(out, format_args!("\n## Response: {} (`{}`)\n", response.title, response.name));
    match &response.matches {
        Some(matches) => line(out, format_args!("- Takes an alert when:\n\n```\n{}\n```\n", matches.source().trim())),
        None => line(out, format_args!("- Chosen by people only.")),
    }
    if !response.group_by.is_empty() {
        let keys = response.group_by.iter().map(|g| format!("`{}`", g.source())).collect::<Vec<_>>();
        line(out, format_args!("- One ticket for each {}, until it is quiet for {}.", list(&keys, "and"), say(response.window)));
    }
    if let Some(severity) = &response.severity {
        line(out, format_args!("- Severity: `{}`", severity.source().split_whitespace().collect::<Vec<_>>().join(" ")));
    }
    for (field, value) in &response.prefill {
        line(out, format_args!("- Fills in {}: {value}.", label(kind, field)));
    }
    if response.skippable {
        line(out, format_args!("- Phases may be passed over; what they owe stays owed."));
    }
    if !response.not_applicable.is_empty() {
        let phases = response.not_applicable.iter().cloned().collect::<Vec<_>>();
        line(out, format_args!("- Does not apply: {}.", list(&phases, "and")));
    }
    let labels: &BTreeMap<String, String> = &response.labels;
    for (transition, label) in labels {
        line(out, format_args!("- Calls `{transition}` \"{label}\"."));
    }
    for (status, tasks) in &response.tasks {
        line(out, format_args!("\nTasks when it is {status}:\n"));
        for task in tasks {
            line(out, format_args!("- [ ] {task}"));
        }
    }
}

pub(super) fn label(kind: &Kind, field: &str) -> String {
    kind.fields.get(field).map_or_else(|| field.to_owned(), |f| f.label.clone())
}

pub(super) fn labels(kind: &Kind, fields: &[String]) -> String {
    list(&fields.iter().map(|f| label(kind, f)).collect::<Vec<_>>(), "and")
}

/// `a, b and c`
pub(super) fn list(words: &[String], last: &str) -> String {
    match words {
        [] => "nobody".to_owned(),
        [one] => one.clone(),
        [first @ .., end] => format!("{} {last} {end}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{built_in, load};
    use super::render_kind;

    #[test]
    fn the_incident_reads_as_a_person_would_tell_it() {
        let library = load(built_in()).unwrap();
        let text = render_kind(&library, "incident").unwrap();
        for expected in [
            "# Incident (INC-000001)",
            "Opened by hand by anyone; needs Title,",
            "| recovered | close → closed, merge → merged, void → void |",
            "### Contained (`contain`)",
            "- From acknowledged to contained.",
            "- Owed by `close`: a piece of evidence.",
            "- Refused while `ticket.fields.reporting_duties.exists(d, d == 'undecided')`: Decide whom",
            "| medium | sev2 | sev3 | sev4 |",
            "- By incident-manager or owner.",
            "- Needed now: a second person (if `ticket.severities_seen.exists(s, s in ['sev1', 'sev2'])`).",
            "| acknowledge | when it is opened | acknowledge, false_positive, merge or void | 15m | 30m | 4 h of business | 8 h of business |",
            "Reminders at 50 %, 75 % and 90 % of the time.",
            "A breach is taken to on-call.next, on-call.manager then incident-manager, one every 15m, 3 times over, until acknowledged.",
            "Who is on call is called at once when `ticket.severity in ['sev1', 'sev2']`; no answer within 5m goes to the next.",
            "## Response: Outage (`outage`)",
            "- Calls `contain` \"Mitigated\".",
            "- [ ] Watch the error rate for 30 minutes",
        ] {
            assert!(text.contains(expected), "{expected}\n---\n{text}");
        }
        assert!(render_kind(&library, "nothing").is_none());
    }
}
