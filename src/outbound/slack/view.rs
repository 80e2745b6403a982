//! Forms as Slack's views: at most 100 blocks, 24 characters of title, 3,000 of an input, 75 of an option, 100 options a
//! group (<https://docs.slack.dev/reference/views>).
//!
//! What comes back: `block_id` is the field's name and `action_id` is `value`. The kinds of element:
//!
//! | input | element |
//! |---|---|
//! | line, text, names, ticket | `plain_text_input` |
//! | number | `number_input` |
//! | choice, one of many, yes or no | `static_select` (`true`/`false`); beyond [`MOST_OPTIONS`], `external_select` |
//! | any number of a few | `checkboxes`, or `multi_static_select` beyond ten |
//! | moment | `datetimepicker`; when it happened: a `static_select` of minutes ago, and a `datetimepicker` under the name with [`EXACTLY`] behind it |
//! | file | `file_input` |
//!
//! A choice that means nothing is left out: its label stands where nothing is chosen. The button that keeps what was
//! typed has the `action_id` [`SAVE`].

use serde_json::{Value, json};

use super::blocks::{self, VIEW};
use super::ink::{BLOCK, Ink, clip, plain};
use crate::card::form::{Choice, Form, FormField, Input, Needed};
use crate::card::words::{Words, list};
use crate::desk::chat::Sheet;
use crate::env::Timestamp;

/// Behind the name of a moment's second input.
pub const EXACTLY: &str = ".exactly";
/// The `action_id` of the button that keeps what was typed.
pub const SAVE: &str = "save";
/// The `callback_id` of every form.
pub const FORM: &str = "form";
/// The title of a view in which nothing is filled in.
const SAYS: &str = "Countersign";
/// Characters of a view's title and buttons at most.
const TITLE: usize = 24;
/// Characters of an option at most.
const OPTION: usize = 75;
/// Characters of a hint or a label at most.
const HINT: usize = 2_000;
/// Characters of a placeholder at most.
const PLACEHOLDER: usize = 150;
/// Options of one group, and without groups, at most.
const GROUP: usize = 100;
/// Checkboxes at most.
const BOXES: usize = 10;
/// Beyond so many options Slack asks us for those that fit what is typed (`block_suggestion`).
pub const MOST_OPTIONS: usize = 1_000;
/// What may be answered to when it happened, in minutes ago.
const AGO: [(&str, &str); 5] =
    [("0", "Just now"), ("10", "10 minutes ago"), ("30", "30 minutes ago"), ("60", "An hour ago"), ("120", "Two hours ago")];

/// What stands below that.
const AGO_HELP: &str = "The nearest will do; or say it exactly below.";

/// A sheet as Slack's view.
#[must_use]
pub fn view(ink: &Ink<'_>, sheet: &Sheet) -> Value {
    match sheet {
        Sheet::Waiting { title } => modal(title, vec![ink.paragraph(&Words::of("One moment…"))]),
        Sheet::Says(reply) => modal(SAYS, blocks::reply(ink, reply).blocks),
        Sheet::Form { form, context } => form_view(ink, form, context),
    }
}

fn modal(title: &str, blocks: Vec<Value>) -> Value {
    json!({ "type": "modal", "title": plain(title, TITLE), "close": plain("Close", TITLE), "blocks": blocks })
}

fn form_view(ink: &Ink<'_>, form: &Form, context: &str) -> Value {
    let mut blocks = before(ink, form);
    if !form.blocked {
        for field in &form.fields {
            blocks.extend(inputs(ink, field));
        }
    }
    if form.blocked || blocks.len() > VIEW - 2 {
        if !form.blocked {
            blocks = before(ink, form);
            blocks.push(ink.paragraph(&Words::of("This form is longer than Slack can show. Please fill it in in the console.")));
        }
        blocks.truncate(VIEW);
        return modal(&form.title, blocks);
    }
    if let Some(save) = &form.save {
        let button = json!({ "type": "button", "action_id": SAVE, "text": plain(save, OPTION), "value": SAVE });
        blocks.push(json!({ "type": "actions", "block_id": SAVE, "elements": [button] }));
    }
    let mut view = modal(&form.title, blocks);
    view["callback_id"] = json!(FORM);
    // A button that does not fit says its verb alone: the title above says the rest.
    let whole = form.submit.chars().count() <= TITLE;
    let verb = form.submit.split(' ').next().unwrap_or_default();
    view["submit"] = plain(if whole { &form.submit } else { verb }, TITLE);
    view["close"] = plain("Cancel", TITLE);
    view["private_metadata"] = json!(clip(context, 3_000));
    view
}

/// What must be read before anything is typed.
fn before(ink: &Ink<'_>, form: &Form) -> Vec<Value> {
    let mut out = Vec::new();
    let long_title = form.title.chars().count() > TITLE;
    let title = if long_title { Words::new().strong(&form.title).text(". ") } else { Words::new() };
    let mut say = |words: Words| {
        if !words.is_empty() {
            out.push(ink.paragraph(&words));
        }
    };
    if let Some(error) = &form.error {
        say(Words::new().strong(error));
    }
    say(title.text(&form.intro));
    if let Some(first) = &form.first {
        say(first.clone());
    }
    let lines: Vec<Words> = form.statement.iter().map(|f| Words::new().strong(&f.label).text(": ").then(f.value.clone())).collect();
    lines.into_iter().for_each(&mut say);
    let missing: Vec<String> = form.missing.iter().map(|m| m.what.clone()).collect();
    if !missing.is_empty() {
        say(Words::of(format!("It still needs, beyond this form: {}.", list(&missing, "and"))));
    }
    form.notices.iter().cloned().for_each(&mut say);
    if form.fields.iter().any(|f| f.audit) && !form.blocked {
        say(Words::of("◆ Assessors look at these."));
    }
    // Whatever a procedure says before its inputs, the inputs have room.
    out.truncate(VIEW / 2);
    out
}

/// The blocks of one input.
fn inputs(ink: &Ink<'_>, field: &FormField) -> Vec<Value> {
    let held_too_long = match field.input {
        Input::Text(_) | Input::Names => field.values.join("\n").chars().count() > BLOCK,
        _ => false,
    };
    if held_too_long {
        // What stands there is kept as it is: an input that cuts it would lose the rest.
        let words = Words::new().strong(&field.label).text(" holds more than Slack can show. It stays as it is; change it in the console.");
        return vec![ink.paragraph(&words)];
    }
    let mut blocks = match &field.input {
        Input::Time if field.name == "occurred_at" => vec![
            input(&FormField { help: AGO_HELP.to_owned(), ..field.clone() }, &field.name, ago()),
            input(
                &FormField { label: "Or exactly".to_owned(), help: String::new(), values: Vec::new(), ..field.clone() },
                &format!("{}{EXACTLY}", field.name),
                moment(field),
            ),
        ],
        _ => vec![input(field, &field.name, element(field))],
    };
    if let Some(error) = &field.error {
        blocks.push(ink.paragraph(&Words::new().strong(format!("{}: ", field.label)).text(error)));
    }
    blocks
}

fn input(field: &FormField, name: &str, element: Value) -> Value {
    let mark = if field.audit { "◆ " } else { "" };
    let later = match &field.needed {
        Needed::OwedBy(step) => format!(" Can wait until “{step}”."),
        _ => String::new(),
    };
    let mut block = json!({
        "type": "input",
        "block_id": clip(name, 255),
        "optional": field.needed != Needed::Now,
        "label": plain(&format!("{mark}{}", field.label), HINT),
        "element": element,
    });
    let help = format!("{}{later}", field.help);
    if !help.is_empty() {
        block["hint"] = plain(&help, HINT);
    }
    block
}

fn element(field: &FormField) -> Value {
    let held = field.values.first().map_or("", String::as_str);
    match &field.input {
        Input::Line(most) => text(held, *most, false),
        Input::Text(most) => text(held, *most, true),
        Input::Names => text(&field.values.join("\n"), BLOCK, true),
        Input::Ticket => text(held, 32, false),
        Input::Number(min, max) => number(held, *min, *max),
        Input::Bool => {
            let choices = [("true", "Yes"), ("false", "No")].map(|(value, label)| Choice { value: value.into(), label: label.into() });
            one_of(&choices, held)
        }
        Input::Choice(choices) | Input::Pick(choices) => one_of(choices, held),
        Input::Choices(choices) => some_of(choices, &field.values),
        Input::Time => moment(field),
        Input::File => json!({ "type": "file_input", "action_id": "value", "max_files": 1 }),
    }
}

fn text(held: &str, most: usize, multiline: bool) -> Value {
    let most = most.clamp(1, BLOCK);
    let mut element = json!({ "type": "plain_text_input", "action_id": "value", "multiline": multiline, "max_length": most });
    if !held.is_empty() {
        element["initial_value"] = json!(clip(held, most));
    }
    element
}

fn number(held: &str, min: i64, max: i64) -> Value {
    let mut element = json!({
        "type": "number_input", "action_id": "value", "is_decimal_allowed": false,
        "min_value": min.to_string(), "max_value": max.to_string(),
    });
    if held.parse::<i64>().is_ok_and(|n| (min..=max).contains(&n)) {
        element["initial_value"] = json!(held);
    }
    element
}

fn moment(field: &FormField) -> Value {
    let mut element = json!({ "type": "datetimepicker", "action_id": "value" });
    if let Some(at) = field.values.first().and_then(|text| Timestamp::parse(text)) {
        element["initial_date_time"] = json!(at.seconds());
    }
    element
}

fn ago() -> Value {
    let choices = AGO.map(|(value, label)| Choice { value: value.into(), label: label.into() });
    one_of(&choices, "0")
}

fn option(choice: &Choice) -> Value {
    json!({ "text": plain(&choice.label, OPTION), "value": clip(&choice.value, 150) })
}

/// One of a list that can be searched by typing.
fn one_of(choices: &[Choice], held: &str) -> Value {
    let empty = choices.iter().find(|choice| choice.value.is_empty());
    let placeholder = empty.map_or("Choose", |choice| choice.label.as_str());
    let real: Vec<&Choice> = choices.iter().filter(|choice| !choice.value.is_empty()).collect();
    let mut element = match real.len() {
        // Slack takes no empty list.
        0 => json!({ "type": "static_select", "options": [{ "text": plain("There is nothing to choose", OPTION), "value": "-" }] }),
        1..=GROUP => json!({ "type": "static_select", "options": real.iter().map(|c| option(c)).collect::<Vec<_>>() }),
        101..=MOST_OPTIONS => json!({ "type": "static_select", "option_groups": groups(&real) }),
        _ => json!({ "type": "external_select", "min_query_length": 1 }),
    };
    element["action_id"] = json!("value");
    element["placeholder"] = plain(placeholder, PLACEHOLDER);
    if let Some(choice) = real.iter().find(|choice| choice.value == held) {
        element["initial_option"] = option(choice);
    }
    element
}

/// Groups of a hundred, each named after what begins and ends it.
fn groups(choices: &[&Choice]) -> Vec<Value> {
    let group = |part: &[&Choice]| {
        let edge = |choice: Option<&&Choice>| clip(choice.map_or("", |c| c.label.as_str()), 30);
        let label = format!("{} – {}", edge(part.first()), edge(part.last()));
        json!({ "label": plain(&label, OPTION), "options": part.iter().map(|c| option(c)).collect::<Vec<_>>() })
    };
    choices.chunks(GROUP).map(group).collect()
}

fn some_of(choices: &[Choice], held: &[String]) -> Value {
    let real: Vec<&Choice> = choices.iter().filter(|choice| !choice.value.is_empty()).collect();
    let mut element = match real.len() {
        0 => return one_of(&[], ""),
        1..=BOXES => json!({ "type": "checkboxes", "options": real.iter().map(|c| option(c)).collect::<Vec<_>>() }),
        11..=GROUP => json!({ "type": "multi_static_select", "options": real.iter().map(|c| option(c)).collect::<Vec<_>>() }),
        _ => json!({ "type": "multi_static_select", "option_groups": groups(&real) }),
    };
    element["action_id"] = json!("value");
    let chosen: Vec<Value> = real.iter().filter(|choice| held.contains(&choice.value)).map(|c| option(c)).collect();
    if !chosen.is_empty() {
        element["initial_options"] = Value::Array(chosen);
    }
    element
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::action_form::{declare_form, form};
    use crate::card::samples::{Stage, at, opened, organisation, recovered};
    use crate::card::transition_form::transition_form;

    fn ink() -> Ink<'static> {
        Ink { console: "https://cs.example.com", now: at("04:20") }
    }

    fn shown(form: Form) -> Value {
        view(&ink(), &Sheet::Form { form: Box::new(form), context: "INC-000042".to_owned() })
    }

    fn block<'v>(view: &'v Value, name: &str) -> &'v Value {
        view["blocks"].as_array().and_then(|b| b.iter().find(|b| b["block_id"] == name)).expect("the input")
    }

    #[test]
    fn closing_shows_every_field_with_its_help_and_marks_those_for_assessors() {
        let (stage, ticket) = (Stage::new(), recovered());
        let view = shown(transition_form(&stage.scene(&ticket, at("04:20")), &stage.kind.transitions["close"], &[]));
        let cause = block(&view, "field.root_cause");
        assert_eq!((&cause["label"]["text"], &cause["optional"]), (&json!("◆ Root cause"), &json!(false)));
        assert_eq!(cause["hint"]["text"], "Why it happened, not what happened. If unknown: what was ruled out.");
        assert_eq!(block(&view, "field.severity")["element"]["initial_option"]["value"], "sev1");
        assert_eq!(block(&view, "field.data_involved")["element"]["type"], "checkboxes");
        assert_eq!(view["private_metadata"], "INC-000042");
        assert_eq!(block(&view, "save")["elements"][0]["text"]["text"], "Save without closing");
    }

    #[test]
    fn a_phase_asks_how_long_ago() {
        let (stage, ticket) = (Stage::new(), opened());
        let view = shown(transition_form(&stage.scene(&ticket, at("03:10")), &stage.kind.transitions["contain"], &[]));
        let asked = block(&view, "occurred_at");
        let words: Vec<_> = asked["element"]["options"].as_array().expect("options").iter().map(|o| o["text"]["text"].clone()).collect();
        assert_eq!(words[..3], ["Just now", "10 minutes ago", "30 minutes ago"]);
        assert_eq!(asked["element"]["initial_option"]["value"], "0");
        assert_eq!(block(&view, "occurred_at.exactly")["element"]["type"], "datetimepicker");
    }

    #[test]
    fn a_form_that_somebody_else_must_send_cannot_be_sent() {
        let (stage, ticket) = (Stage::new(), recovered());
        let blocked = Form { blocked: true, ..transition_form(&stage.scene(&ticket, at("04:20")), &stage.kind.transitions["close"], &[]) };
        let view = shown(blocked);
        assert!(view.get("submit").is_none() && view["blocks"].as_array().expect("blocks").iter().all(|b| b["type"] != "input"));
    }

    #[test]
    fn long_lists_stay_within_slacks_limits_and_nothing_that_stands_is_cut() {
        let people: Vec<Choice> = (0..950).map(|n| Choice { value: format!("p_{n}"), label: format!("Person {n}") }).collect();
        let (stage, ticket) = (Stage::new(), opened());
        let scene = stage.scene(&ticket, at("03:10"));
        let view_of =
            |people: &[Choice]| shown(form(&scene, &crate::card::buttons::Action::Owner, people, &organisation()).expect("a form"));
        let grouped = view_of(&people);
        assert_eq!(block(&grouped, "person")["element"]["option_groups"].as_array().map(Vec::len), Some(10));
        let many: Vec<Choice> = people.iter().cycle().take(1_100).cloned().collect();
        assert_eq!(block(&view_of(&many), "person")["element"]["type"], "external_select");
        assert_eq!(block(&view_of(&[]), "person")["element"]["options"].as_array().map(Vec::len), Some(1));
        let long = FormField { values: vec!["y".repeat(4_000)], ..FormField::plain("x", "Story", "", Input::Text(10_000), Needed::No) };
        let view = shown(Form { fields: vec![long], ..Form::new("T", crate::card::buttons::Action::Edit, "Save") });
        assert!(view.to_string().contains("It stays as it is") && !view.to_string().contains("\"input\""));
    }

    #[test]
    fn declaring_opens_with_a_short_title_and_shows_the_long_one() {
        let stage = Stage::new();
        let form = Form { title: "A very long name of a procedure".to_owned(), ..declare_form(&stage.kind, &stage.taxonomies, &[], &[]) };
        let view = shown(form);
        assert_eq!(view["title"]["text"].as_str().map(|t| t.chars().count()), Some(24));
        assert!(view["blocks"][0].to_string().contains("A very long name of a procedure"));
    }
}
