//! Every kind of mistake, told with its file, line and column: one story for each, on a small good folder.

mod words;

use super::{Finding, load};

const ORGANISATION: &str = "organisation: Test
zone: Europe/Vienna
roles:
  responder: { purpose: Works., may: [read, work] }
  manager: { purpose: Leads. }
calendars:
  business: { week: { mon-fri: \"09:00-17:00\" }, holidays: { 2026-12-24: \"09:00-13:00\" } }
groups: { legal: [manager, law@example.com] }
";

const TAXONOMIES: &str = "taxonomies:
  rsit: { source: Test, values: { availability/outage: Outage, fraud/phishing: Phishing } }
";

const INCIDENT: &str = "kind: incident
prefix: INC
title: Incident
purpose: Something broke.
fields:
  title: { type: line, help: What is wrong. }
  severity: { type: choice, of: [sev1, sev2], default: sev2, audit: true, help: How bad. }
  class: { type: taxonomy, list: rsit, audit: true, help: The closest match. }
  cause: { type: text, audit: true, help: Why. }
  data: { type: choices, of: [personal, none], help: Which data. }
  count: { type: number, min: 1, max: 9, help: How many. }
statuses: [open, working, closed]
ended: [closed]
declare: { by: anyone, asks: [title, class], requires: [title] }
transitions:
  start: { from: open, to: working, by: [responder, owner], phase: true, help: It begins., wants: { evidence: 1, owed_by: close } }
  close:
    from: [working, \"open if phases.skippable\"]
    to: closed
    by: manager
    asks: reason
    help: It is over.
    requires:
      fields: [class, cause]
      evidence: start
      not: [{ when: \"ticket.severity == 'sev1' && ticket.fields.count > 3\", says: Count again. }]
  reopen: { from: closed, to: working, by: manager, reopens: true, help: Too early. }
owed_to: { who: owner, at: \"09:00\" }
clocks:
  take: { starts: open, stops: start, within: { sev1: 15m, default: 8h }, hours: { default: business } }
remind: [50%, 75%]
escalate: { to: [on-call, manager], every: 15m, until: working }
notifies: [{ groups: legal, when: \"ticket.severity == 'sev1'\", must_acknowledge: 2h }]
channel: { by_severity: { sev1: channel, default: thread } }
retention: Six years.
";

const OUTAGE: &str = "response: outage
title: Outage
for: incident
matches: alert.severity == 'critical'
group_by: [alert.rule]
severity: \"alert.severity == 'critical' ? 'sev1' : 'sev2'\"
ticket_title: \"{alert.title}\"
prefill: { class: availability/outage, data: none }
phases: { skippable: true, labels: { start: Mitigated } }
tasks: { working: [Look around] }
";

fn folder() -> Vec<(String, Vec<u8>)> {
    [
        ("organisation.yaml", ORGANISATION),
        ("taxonomies.yaml", TAXONOMIES),
        ("kinds/incident.yaml", INCIDENT),
        ("responses/outage.yaml", OUTAGE),
    ]
    .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
    .to_vec()
}

fn findings(folder: Vec<(String, Vec<u8>)>) -> Vec<Finding> {
    load(folder).err().unwrap_or_default()
}

/// The folder with `old` replaced by `new` in the one file that holds it: that file's path and new text, and what is found.
fn with(old: &str, new: &str) -> (String, String, Vec<Finding>) {
    let mut folder = folder();
    let holds = |(_, bytes): &&mut (String, Vec<u8>)| std::str::from_utf8(bytes).unwrap().contains(old);
    let file = folder.iter_mut().find(holds).unwrap_or_else(|| panic!("no file holds {old}"));
    let text = String::from_utf8(file.1.clone()).unwrap();
    assert_eq!(text.matches(old).count(), 1, "{old} stands once");
    let text = text.replace(old, new);
    file.1 = text.clone().into_bytes();
    (file.0.clone(), text, findings(folder))
}

/// Replacing `old` by `new` gives exactly one finding, at the place of `at` in the file, whose message begins with `message`.
fn mistake(old: &str, new: &str, at: &str, message: &str) {
    let (file, text, findings) = with(old, new);
    assert_eq!(text.matches(at).count(), 1, "`{at}` stands once after `{new}`");
    let offset = text.find(at).unwrap();
    let line = text[..offset].matches('\n').count() + 1;
    let column = text[..offset].rsplit('\n').next().unwrap().chars().count() + 1;
    let told = findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert_eq!(findings.len(), 1, "`{new}`:\n{told}");
    assert!(told.starts_with(&format!("{file}:{line}:{column}: {message}")), "`{new}` expected at {line}:{column}: {message}\n{told}");
}

#[test]
fn the_small_folder_is_good() {
    let told = findings(folder()).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(told, Vec::<String>::new());
}

#[test]
fn places_are_lines_and_columns_from_one() {
    let (_, _, findings) = with("by: [responder, owner]", "by: [responsder, owner]");
    let told = findings.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(told, ["kinds/incident.yaml:16:42: `responsder` is not a role; did you mean `responder`?"]);
}

#[test]
fn keys() {
    mistake(
        "purpose: Something broke.\n",
        "purpose: Something broke.\npourpose: x\n",
        "pourpose",
        "`pourpose` is not a key of a kind; did you mean `purpose`?",
    );
    mistake("title: Incident\n", "title: Incident\ntitle: Again\n", "title: Again", "`title` stands here a second time");
    mistake("title: Incident\n", "", "kind: incident", "A kind lacks `title`: what people call such a ticket.");
    mistake(
        "help: What is wrong. }",
        "hepl: What is wrong., help: x }",
        "hepl",
        "`hepl` is not a key of field `title`; did you mean `help`?",
    );
    mistake(", help: How many. }", " }", "count: { type", "Field `count` lacks `help`");
    mistake("may: [read, work]", "may: [read, wrok]", "wrok", "`wrok` is not a permission; did you mean `work`?");
    mistake("Leads. }", "Leads., mya: [] }", "mya", "`mya` is not a key of role `manager`; did you mean `may`?");
    mistake("for: incident\n", "for: incident\nwindwo: 2h\n", "windwo", "`windwo` is not a key of a response; did you mean `window`?");
}

#[test]
fn types() {
    mistake("title: Incident\n", "title: [Incident]\n", "[Incident]", "A list stands here; text is expected.");
    mistake("title: Incident\n", "title: { a: b }\n", "{ a: b }", "A map stands here; text is expected.");
    mistake("title: Incident\n", "title: 3\n", "3\npurpose", "`3` is not text; put it in quotes");
    mistake("title: Incident\n", "title:\n", ":\npurpose: Something", "Nothing stands here; text is expected.");
    mistake("tasks: { working: [Look around] }", "tasks: words", "words", "A map of statuses is expected here");
    mistake("audit: true, help: How bad.", "audit: yes, help: How bad.", "yes", "`yes` is neither `true` nor `false`.");
    mistake("max: 9", "max: nine", "nine", "`nine` is not a whole number");
    mistake("max: 9", "max: 1.5", "1.5", "`1.5` is not a whole number");
    mistake("min: 1, max: 9", "min: 10, max: 9", "min: 10", "`min` is 10 and `max` is 9");
    mistake("type: number,", "type: nubmer,", "nubmer", "`nubmer` is not a type of field; did you mean `number`?");
    mistake("statuses: [open", "statuses: [Open, open", "Open,", "`Open` is not a name");
    mistake("statuses: [open", "statuses: [open, open", "open, working", "`open` stands here twice");
    mistake("prefix: INC", "prefix: Inc", "Inc\n", "`Inc` is not a prefix");
    mistake("at: \"09:00\"", "at: \"9 o'clock\"", "\"9 o'clock\"", "`9 o'clock` is not a time of day");
}

#[test]
fn durations_and_percentages() {
    mistake("sev1: 15m", "sev1: 15 minutes", "15 minutes", "`15 minutes` is not a duration");
    mistake("sev1: 15m", "sev1: 15s", "15s", "`15s` is out of range; from 1m to 3660d is allowed.");
    mistake("sev1: 15m", "sev1: 999999w", "999999w", "`999999w` is out of range");
    mistake("default: 8h", "default: 1d", "1d", "Only the hours of calendar `business` count here");
    mistake("[50%, 75%]", "[50%, 100%]", "100%", "`100%` is not a percentage from 1% to 99%");
    mistake("[50%, 75%]", "[75%, 50%]", "50%", "`50%` does not come after the one before it");
    mistake("[50%, 75%]", "[50, 75%]", "50,", "`50` is not a percentage");
    mistake("must_acknowledge: 2h", "must_acknowledge: 0s", "0s", "`0s` is out of range");
}

#[test]
fn one_name_that_changed_is_one_finding_that_names_every_place() {
    let (_, _, found) = with("  cause: { type: text", "  reason_why: { type: text");
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    let (_, _, found) = with("  data: { type: choices", "  datum: { type: choices");
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("responses/outage.yaml:8:"), "{told:?}");
    let (_, _, found) = with("  class: { type: taxonomy", "  sort_of: { type: taxonomy");
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("It stands in line 24, responses/outage.yaml:8 as well."), "{told:?}");
}

#[test]
fn one_renamed_field_of_the_shipped_procedure_is_one_finding() {
    let shipped = crate::procedure::built_in();
    let library = load(shipped.clone()).expect("the shipped playbooks load");
    for name in library.kinds["incident"].fields.keys() {
        let mut folder = shipped.clone();
        let file = folder.iter_mut().find(|(path, _)| path == "kinds/incident.yaml").expect("it is shipped");
        let text = String::from_utf8(file.1.clone()).expect("text");
        file.1 = text.replacen(&format!("\n  {name}:\n"), &format!("\n  {name}_x:\n"), 1).into_bytes();
        let told: Vec<String> = findings(folder).iter().map(ToString::to_string).collect();
        assert!(told.len() <= 1, "{name}: {}", told.join("\n"));
    }
}

#[test]
fn names_that_stand_for_nothing() {
    mistake("from: open, to: working", "from: opne, to: working", "opne", "`opne` is not a status of this kind; did you mean `open`?");
    mistake("fields: [class, cause]", "fields: [class, casue]", "casue", "`casue` is not a field of this kind; did you mean `cause`?");
    mistake("evidence: start", "evidence: close", "close\n      not", "`close` is not a phase of this kind.");
    mistake("stops: start", "stops: strat", "strat", "`strat` is not a transition of this kind; did you mean `start`?");
    mistake("asks: reason\n", "asks: reason\n    stops: tkae\n", "tkae", "`tkae` is not a clock of this kind; did you mean `take`?");
    mistake("list: rsit", "list: rist", "rist", "`rist` is not a list of taxonomies.yaml; did you mean `rsit`?");
    mistake(
        "default: business",
        "default: buisness",
        "buisness",
        "`buisness` is not a calendar of organisation.yaml; did you mean `business`?",
    );
    mistake("groups: legal", "groups: leagl", "leagl", "`leagl` is not a group of organisation.yaml; did you mean `legal`?");
    mistake("[on-call, manager]", "[on-call, mangaer]", "mangaer", "`mangaer` is not a role; did you mean `manager`?");
    mistake("[manager, law@example.com]", "[manger, law@example.com]", "manger", "`manger` is not a role; did you mean `manager`?");
    mistake("until: working", "until: taken", "taken", "`taken` is not a status of this kind. There are open, working, closed.");
    mistake("owed_by: close", "owed_by: clsoe", "clsoe", "`clsoe` is not a transition of this kind; did you mean `close`?");
    mistake(
        "zone: Europe/Vienna",
        "zone: Europe/Viena",
        "Europe/Viena",
        "`Europe/Viena` is not an IANA time zone; did you mean `Europe/Vienna`?",
    );
    mistake("within: { sev1: 15m", "within: { sve1: 15m", "sve1", "`sve1` is not a severity of this kind; did you mean `sev1`?");
}

#[test]
fn who_may_do_what() {
    mistake("by: manager\n    asks", "by: []\n    asks", "[]\n    asks", "Nobody may do this; name at least one role.");
    mistake("    by: manager\n    asks", "    asks", "close:\n", "Transition `close` lacks `by`: the roles that may take it.");
    mistake("by: [responder, owner]", "by: [responder, anyone]", "anyone]", "`anyone` is not a role.");
}

#[test]
fn statuses_and_ways() {
    mistake("[open, working, closed]", "[open, working, lost, closed]", "lost", "No transition leads to `lost` from `open`");
    mistake(
        "statuses: [open, working, closed]\nended: [closed]",
        "statuses: [open, working, closed, void]\nended: [closed]",
        "void]",
        "No transition leads to `void`",
    );
    mistake(
        "by: manager, reopens: true,",
        "by: manager,",
        "reopen:",
        "`reopen` leaves `closed`, where the work has ended; say `reopens: true`",
    );
    mistake(
        "from: closed, to: working, by: manager, reopens",
        "from: open, to: working, by: manager, reopens",
        "reopen:",
        "`reopen` reopens, but in `open`",
    );
    mistake(
        "help: Too early. }",
        "help: Too early., wants: { fields: cause, owed_by: start } }",
        "start } }",
        "After `reopen` the ticket never comes to where `start` starts",
    );
    mistake("asks: reason\n", "asks: reason\n    automatic: true\n", "close:\n", "`close` is automatic, so it cannot need a reason");
    mistake("to: closed\n", "to: closed\n    merges: true\n", "merges", "A transition that merges must ask for the other ticket");
    mistake("to: closed\n", "to: previous\n", "previous", "Only a transition with `unmerges: true` leads to `previous`");
}

#[test]
fn a_status_without_a_way_out_is_told_where_it_stands() {
    let mut folder = folder();
    let parked = INCIDENT.replace("[open, working, closed]", "[open, parked, working, closed]");
    let parked = parked.replace("  reopen:", "  park: { from: open, to: parked, by: manager, help: Later. }\n  reopen:");
    folder[2].1 = parked.into_bytes();
    let told = findings(folder).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(told, ["kinds/incident.yaml:12:18: Nothing leads out of `parked`; add a transition, or list it under `ended`."]);
}

#[test]
fn fields_and_values() {
    mistake(
        "cause: { type: text, audit: true,",
        "cause: { type: text,",
        "cause: { type",
        "`cause` is required to close, so assessors look at it; say `audit: true`.",
    );
    mistake("default: sev2,", "default: sev3,", "sev3", "`sev3` is not a value of this field; did you mean `sev1`?");
    mistake("count: { type: number,", "count: { type: number, default: 10,", "10", "`10` is not a whole number from 1 to 9.");
    mistake("cause: { type: text,", "cause: { type: text, default: Rust,", "Rust", "What is sealed is only ever said by a person");
    mistake("requires: [title] }", "requires: [title, count] }", "requires: [title, count]", "`count` is required but not asked for");
    mistake("title: { type: line, help", "title: { type: text, help", "title: { type: text", "The field `title` must be of type line.");
    mistake("to: closed\n", "to: closed\n    sets: { cause: Rust }\n", "cause: Rust", "`cause` is sealed");
    mistake(
        "to: closed\n",
        "to: closed\n    sets: { data: [perosnal] }\n",
        "perosnal",
        "`perosnal` is not a value of this field; did you mean `personal`?",
    );
}

#[test]
fn clocks_have_a_target_for_everybody() {
    mistake(
        "within: { sev1: 15m, default: 8h }",
        "within: { sev1: 15m }",
        "{ sev1: 15m }",
        "This lacks sev2 and has no `default`; every ticket needs a target.",
    );
    mistake("by_severity: { sev1: channel, default: thread }", "by_severity: { sev1: channel }", "{ sev1: channel }", "This lacks sev2");
    mistake("by_severity: { sev1: channel,", "by_severity: { sev1: chanel,", "chanel", "`chanel` is neither `channel` nor `thread`.");
}

#[test]
fn a_clock_stands_still_only_where_somebody_said_why() {
    let told = |pauses: &str, reason: &str| {
        let mut folder = folder();
        let text = INCIDENT.replace("within: { sev1: 15m,", &format!("{pauses}within: {{ sev1: 15m,"));
        folder[2].1 = text.replace("phase: true, help: It begins.,", &format!("phase: true, help: It begins., {reason}")).into_bytes();
        findings(folder).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert!(told("pauses: working, ", "").contains("Clock `take` pauses in `working`, but `start` leads there without a reason"));
    let reopens = "Clock `take` pauses in `working`, but `reopen` leads there without a reason";
    assert!(told("pauses: working, ", "asks: reason, ").contains(reopens));
    assert!(told("pauses: open, ", "").contains("where a ticket starts"));
    assert!(told("pauses: nowhere, ", "").contains("`nowhere` is not a status"), "only named states pause");
    assert_eq!(told("pauses: closed, ", ""), "", "whoever closes gives a reason");
}

#[test]
fn paging_says_when_and_how_long() {
    let told = |more: &str| {
        let mut folder = folder();
        folder[2].1 = INCIDENT.replace("until: working }", &format!("until: working, {more} }}")).into_bytes();
        findings(folder).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(told("rounds: 3, pages: { when: \"ticket.severity == 'sev1'\", answer: 5m }"), "");
    assert!(told("rounds: 0").contains("rounds") || told("rounds: 0").contains('0'), "{}", told("rounds: 0"));
    assert!(told("pages: { when: \"ticket.severity == 'sev1'\" }").contains("lacks `answer`"));
    assert!(!told("pages: { when: \"ticket.\", answer: 5m }").is_empty());
    assert!(!told("pages: { when: \"ticket.severity == 'sev1'\", answer: 2d }").is_empty(), "an answer within a day");
}

// proves: SLA-05
#[test]
fn the_matrix_is_complete() {
    let choice = |name: &str| format!("  {name}: {{ type: choice, of: [high, low], help: How much. }}\n");
    let fields = format!("{}{}  count:", choice("impact"), choice("urgency"));
    let matrix = |cells: &str| format!("matrix: {{ sets: severity, rows: impact, columns: urgency, cells: {cells} }}\nstatuses: [");
    let told = |cells: &str| {
        let mut folder = folder();
        folder[2].1 = INCIDENT.replace("  count:", &fields).replace("statuses: [", &matrix(cells)).into_bytes();
        findings(folder).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(told("{ high: { high: sev1, low: sev2 }, low: { high: sev2, low: sev2 } }"), Vec::<String>::new());
    assert_eq!(told("{ high: { high: sev1, low: sev2 } }"), ["kinds/incident.yaml:14:66: The row for impact low is missing."]);
    let missing = told("{ high: { high: sev1 }, low: { high: sev2, low: sev2 } }");
    assert_eq!(missing, ["kinds/incident.yaml:14:68: The cell for impact high and urgency low is missing."]);
    let wrong = told("{ high: { high: sev0, low: sev2 }, low: { high: sev2, low: sev2 } }");
    assert_eq!(wrong, ["kinds/incident.yaml:14:82: `sev0` is not a value of this field; did you mean `sev1`? There are sev1, sev2."]);
}

#[test]
fn expressions_are_told_where_they_stand_in_the_file() {
    mistake("ticket.severity == 'sev1' &&", "ticket.severity = 'sev1' &&", "= 'sev1' && ", "To compare, write `==`.");
    mistake(
        "open if phases.skippable",
        "open if phases.skipable",
        "skipable",
        "`skipable` is not part of the phases of this kind; did you mean `skippable`?",
    );
    mistake("open if phases.skippable", "open if phase.skippable", "phase.skippable", "`phase` is not known here; did you mean `phases`?");
    mistake("ticket.fields.count > 3", "ticket.fields.cuont > 3", "cuont", "`cuont` is not a field of this kind; did you mean `count`?");
    mistake(
        "ticket.fields.count > 3",
        "ticket.fields.cause == 'rust'",
        "cause == 'rust'",
        "`cause` is sealed, so no expression can read it",
    );
    mistake("ticket.fields.count > 3", "ticket.fields['cause'] == 'rust'", "'cause'] ==", "`cause` is sealed");
    mistake("ticket.fields.count > 3", "ticket.count > 3", "count > 3", "`count` is not part of a ticket. There are");
    mistake("ticket.fields.count > 3", "ticket.fields.count > 3.5", "3.5", "Numbers here are whole numbers");
    mistake(
        "ticket.fields.count > 3",
        "ticket.alerts.firng > 3",
        "firng",
        "`firng` is not part of `ticket.alerts`; did you mean `firing`?",
    );
    mistake(
        "when: \"ticket.severity == 'sev1'\", must",
        "when: \"event.transitoin == 'close'\", must",
        "transitoin",
        "`transitoin` is not part of an event; did you mean `transition`?",
    );
    mistake(
        "matches: alert.severity == 'critical'",
        "matches: alert.severty == 'critical'",
        "severty",
        "`severty` is not part of an alert; did you mean `severity`?",
    );
    mistake(
        "matches: alert.severity == 'critical'",
        "matches: ticket.severity == 'critical'",
        "ticket.severity",
        "`ticket` is not known here",
    );
    mistake("{alert.title}", "{alert.tilte}", "tilte", "`tilte` is not part of an alert; did you mean `title`?");
    mistake("{alert.title}", "{alert.title", "{alert.title", "`{` is never closed");
    mistake("group_by: [alert.rule]", "group_by: [\"alert.labels.x.matches('(')\"]", "'(')", "'(' is not a regular expression");
    mistake("group_by: [alert.rule]", "group_by: []", "[]", "`group_by` is empty");
}

#[test]
fn expressions_in_blocks_and_quotes_keep_their_places() {
    let says = "`alrt` is not known here; did you mean `alert`?";
    let plain = "matches: alert.severity == 'critical'";
    mistake(plain, "matches: |\n  alert.severity == 'critical'\n    || alrt.title == 'x'", "alrt", says);
    mistake(plain, "matches: 'alert.rule == ''a'' && alrt.x == ''b'''", "alrt", says);
    mistake(plain, "matches: \"alert.rule == \\\"a\\\" && alrt.x\"", "alrt", says);
    mistake(plain, "matches: \"alert.rule == 'é' && alrt.x\"", "alrt", says);
}

#[test]
fn responses_suit_their_kind() {
    mistake("for: incident", "for: incidnet", "incidnet", "`incidnet` is not a kind; did you mean `incident`?");
    mistake(
        "response: outage",
        "response: outrage",
        "response: outrage",
        "This response is called `outrage`, its file `outage.yaml`; they must agree.",
    );
    mistake("data: none }", "data: nothing }", "nothing", "`nothing` is not a value of this field. There are personal, none.");
    mistake(
        "class: availability/outage, data",
        "class: availability/outrage, data",
        "availability/outrage",
        "`availability/outrage` is not a value of that list; did you mean",
    );
    mistake(
        "class: availability/outage, data",
        "clas: availability/outage, data",
        "clas:",
        "`clas` is not a field of this kind; did you mean `class`?",
    );
    mistake("data: none }", "severity: sev1 }", "severity: sev1", "`severity` is said twice");
    mistake(
        "labels: { start:",
        "not_applicable: [strat], labels: { start:",
        "strat]",
        "`strat` is not a phase of this kind; did you mean `start`?",
    );
    mistake("labels: { start:", "labels: { strat:", "strat", "`strat` is not a transition of this kind; did you mean `start`?");
    mistake("tasks: { working:", "tasks: { wroking:", "wroking", "`wroking` is not a status of this kind; did you mean `working`?");
    mistake(
        "'sev1' : 'sev2'\"",
        "'sev1' : 'sve2'\"",
        "\"alert.severity",
        "On an alert whose severity is \"\" this says \"sve2\", which is not a severity.",
    );
    mistake(
        "matches: alert.severity == 'critical'",
        "matches: alert.labels > 3",
        "alert.labels > 3",
        "On an alert whose severity is \"\", `alert.labels > 3` cannot be evaluated: the types",
    );
    mistake(
        "matches: alert.severity == 'critical'",
        "matches: alert.severity",
        "alert.severity\n",
        "On an alert whose severity is \"\", `alert.severity` is neither true nor false.",
    );
    mistake("group_by: [alert.rule]\n", "", "matches:", "A response that matches alerts lacks `group_by`");
}

#[test]
fn calendars() {
    let week = "mon-fri: \"09:00-17:00\"";
    mistake(week, "mon-fry: \"09:00-17:00\", sat: \"09:00-10:00\"", "mon-fry", "`mon-fry` is not a day;");
    mistake(week, "mon-fri: \"09:00-25:00\", sat: \"09:00-10:00\"", "\"09:00-25:00\"", "`09:00-25:00` are not hours;");
    mistake(week, "mon-fri: \"17:00-09:00\", sat: \"09:00-10:00\"", "\"17:00-09:00\"", "These hours overlap or run backwards;");
    mistake(week, "mon-fri: \"09:00-17:00\", fri: closed", "fri: closed", "`fri` has hours already;");
    mistake(week, "mon-fri: closed", "{ mon-fri", "No day has working hours");
    mistake("2026-12-24: ", "24.12.2026: ", "24.12.2026", "`24.12.2026` is not a date;");
}

#[test]
fn kinds_have_prefixes_of_their_own() {
    let mut folder = folder();
    folder.push(("kinds/zebra.yaml".to_owned(), INCIDENT.replace("kind: incident", "kind: zebra").into_bytes()));
    let told = findings(folder).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(told, ["kinds/zebra.yaml:2:9: `INC` is the prefix of kinds/incident.yaml already; choose another."]);
}

#[test]
fn yaml_that_is_none_or_too_much() {
    let alone = |bytes: &[u8]| {
        let mut folder = folder();
        folder[3].1 = bytes.to_vec();
        let findings = findings(folder);
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings[0].to_string()
    };
    assert!(alone(b"response: [a\n").contains("This is not YAML: "));
    assert_eq!(alone(b"a: x\nb: \xff"), "responses/outage.yaml:2:4: This is not UTF-8 text; save the file as UTF-8.");
    assert_eq!(alone(b"a: \x07"), "responses/outage.yaml:1:4: A control character stands here; remove it.");
    assert!(alone(b"a: &x [1]\nb: *x\n").contains("Anchors"));
    assert!(alone(b"a: !!str x\n").contains("Tags"));
    assert!(alone(b"").ends_with("1:1: This file is empty; remove it, or write a playbook."));
    assert!(alone(b"a: b\n---\nc: d\n").contains(":2:1: A second document begins here"));
    assert!(alone(b"? [a]\n: b\n").contains("A key is one word"));
    assert!(alone(b"just words").contains("A map with keys is expected here"));
    assert!(alone(&[b'['; 100]).contains("more than 16 deep"));
    assert!(alone(&[b'['; 100_000]).contains("This is not YAML: recursion limit exceeded"));
    assert!(alone("- ".repeat(100_000).as_bytes()).contains("more than 16 deep"));
    assert!(alone("{a: ".repeat(100).as_bytes()).contains("more than 16 deep"));
    assert!(alone(&vec![b' '; (1 << 20) + 1]).contains("a playbook has at most 1048576"));
    assert!(alone(format!("a: [{}]", "x,".repeat(60_000)).as_bytes()).contains("more than 50000 values"));
}

#[test]
fn files_that_are_not_known_or_missing() {
    let mut unknown = folder();
    unknown.push(("organization.yaml".to_owned(), b"a: b".to_vec()));
    assert!(findings(unknown)[0].message.starts_with("This is not a playbook that is known; did you mean `organisation.yaml`?"));
    let missing = folder().split_off(1);
    assert!(findings(missing)[0].to_string().contains("organisation.yaml:1:1: This file is missing"));
    let twice = [folder(), folder()].concat();
    assert_eq!(findings(twice)[0].message, "This file was given twice.");
}

#[test]
fn all_findings_are_told_at_once_in_order() {
    let mut folder = folder();
    folder[0].1 = ORGANISATION.replace("work]", "wrok]").into_bytes();
    folder[2].1 = INCIDENT.replace("prefix: INC", "prefix: inc").replace("evidence: start", "evidence: strat").into_bytes();
    folder[3].1 = OUTAGE.replace("skippable: true", "skipable: true").into_bytes();
    let told = findings(folder).iter().map(|f| format!("{}:{}", f.file, f.line)).collect::<Vec<_>>();
    assert_eq!(told, ["kinds/incident.yaml:2", "kinds/incident.yaml:25", "organisation.yaml:4", "responses/outage.yaml:9"]);
}

#[test]
fn a_broken_kind_is_not_told_again_by_its_responses() {
    let mut folder = folder();
    folder[2].1 = b"kind: [".to_vec();
    let told = findings(folder).iter().map(|f| f.file.clone()).collect::<Vec<_>>();
    assert_eq!(told, ["kinds/incident.yaml"]);
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]
    #[test]
    fn nothing_in_a_file_makes_the_loader_panic(at in 0_usize..1600, cut in 0_usize..40, put in "[ -~\\n\u{e9}]{0,12}", file in 0_usize..4) {
        let mut folder = folder();
        let text = String::from_utf8(folder[file].1.clone()).unwrap().chars().collect::<Vec<_>>();
        let at = at % text.len();
        let changed = text[..at].iter().copied().chain(put.chars()).chain(text[(at + cut).min(text.len())..].iter().copied());
        folder[file].1 = changed.collect::<String>().into_bytes();
        let lines = |file: &str| folder.iter().find(|(p, _)| p == file).map_or(1, |(_, b)| b.iter().filter(|c| **c == b'\n').count() + 1);
        for finding in findings(folder.clone()) {
            proptest::prop_assert!(finding.line >= 1 && finding.column >= 1, "{finding}");
            proptest::prop_assert!(finding.line <= lines(&finding.file) + 1, "{finding}");
        }
    }
}
