//! What Slack refuses of blocks and views (<https://docs.slack.dev/reference/block-kit>): required fields, counts and
//! lengths. Unknown kinds are refused as well, so that nothing slips through by being new.

use std::collections::BTreeSet;

use serde_json::Value;

type Checked = Result<(), String>;

fn text<'v>(of: &'v Value, key: &str, min: usize, max: usize) -> Result<&'v str, String> {
    let found = of[key].as_str().ok_or_else(|| format!("{key} is missing in {of}"))?;
    let length = found.chars().count();
    if length < min || length > max { Err(format!("{key} has {length} characters, not {min} to {max}: {found}")) } else { Ok(found) }
}

fn optional(of: &Value, key: &str, max: usize) -> Checked {
    if of.get(key).is_some() { text(of, key, 1, max).map(drop) } else { Ok(()) }
}

fn list<'v>(of: &'v Value, key: &str, min: usize, max: usize) -> Result<&'v Vec<Value>, String> {
    let found = of[key].as_array().ok_or_else(|| format!("{key} is missing in {of}"))?;
    if found.len() < min || found.len() > max {
        return Err(format!("{key} has {} elements, not {min} to {max}", found.len()));
    }
    Ok(found)
}

/// A text object.
fn words(of: &Value, kinds: &[&str], max: usize) -> Checked {
    let kind = text(of, "type", 1, 20)?;
    if !kinds.contains(&kind) {
        return Err(format!("{kind} is not one of {kinds:?} here"));
    }
    text(of, "text", 1, max).map(drop)
}

const PLAIN: &[&str] = &["plain_text"];
const ANY: &[&str] = &["plain_text", "mrkdwn"];

/// Blocks of a message (at most 50) or a view (at most 100).
pub fn blocks(blocks: &[Value], max: usize, in_view: bool) -> Checked {
    if blocks.len() > max {
        return Err(format!("{} blocks, at most {max}", blocks.len()));
    }
    let mut ids = BTreeSet::new();
    for each in blocks {
        optional(each, "block_id", 255)?;
        if let Some(id) = each["block_id"].as_str()
            && !ids.insert(id)
        {
            return Err(format!("block_id {id} is there twice"));
        }
        block(each, in_view)?;
    }
    Ok(())
}

fn block(of: &Value, in_view: bool) -> Checked {
    match text(of, "type", 1, 40)? {
        "divider" => Ok(()),
        "header" => words(&of["text"], PLAIN, 150),
        "section" => {
            if of.get("text").is_some() {
                words(&of["text"], ANY, 3_000)?;
            } else {
                list(of, "fields", 1, 10)?;
            }
            for field in of["fields"].as_array().into_iter().flatten() {
                words(field, ANY, 2_000)?;
            }
            of.get("accessory").map_or(Ok(()), element)
        }
        "context" => list(of, "elements", 1, 10)?.iter().try_for_each(|e| words(e, ANY, 3_000)),
        "actions" => {
            let mut ids = BTreeSet::new();
            for each in list(of, "elements", 1, 25)? {
                element(each)?;
                if !ids.insert(each["action_id"].as_str().unwrap_or_default()) {
                    return Err(format!("action_id {} is there twice", each["action_id"]));
                }
            }
            Ok(())
        }
        "input" if in_view => {
            words(&of["label"], PLAIN, 2_000)?;
            if of.get("hint").is_some() {
                words(&of["hint"], PLAIN, 2_000)?;
            }
            element(&of["element"])
        }
        "rich_text" => list(of, "elements", 1, 200)?.iter().try_for_each(rich),
        other => Err(format!("a block {other} is not known here")),
    }
}

fn rich(of: &Value) -> Checked {
    match text(of, "type", 1, 40)? {
        "rich_text_section" | "rich_text_quote" | "rich_text_preformatted" => list(of, "elements", 1, 1_000)?.iter().try_for_each(rich),
        "rich_text_list" => {
            text(of, "style", 1, 10)?;
            list(of, "elements", 1, 200)?.iter().try_for_each(rich)
        }
        "text" => text(of, "text", 1, 3_000).map(drop),
        "link" => text(of, "url", 1, 3_000).map(drop),
        "user" => text(of, "user_id", 1, 20).map(drop),
        "date" => {
            of["timestamp"].as_i64().ok_or("a date without a timestamp")?;
            text(of, "format", 1, 100).map(drop)
        }
        other => Err(format!("a rich element {other} is not known here")),
    }
}

fn options(of: &Value, key: &str, most: usize) -> Checked {
    for option in list(of, key, 1, most)? {
        words(&option["text"], ANY, 75)?;
        text(option, "value", 1, 150)?;
    }
    Ok(())
}

fn chosen(of: &Value) -> Checked {
    let offered: Vec<&Value> = of["options"]
        .as_array()
        .into_iter()
        .flatten()
        .chain(of["option_groups"].as_array().into_iter().flatten().flat_map(|group| group["options"].as_array().into_iter().flatten()))
        .collect();
    let initial = of.get("initial_option").into_iter().chain(of["initial_options"].as_array().into_iter().flatten());
    for each in initial {
        if of["type"] != "external_select" && !offered.contains(&each) {
            return Err(format!("{each} is chosen but not offered"));
        }
    }
    Ok(())
}

fn element(of: &Value) -> Checked {
    text(of, "action_id", 1, 255)?;
    if of.get("placeholder").is_some() {
        words(&of["placeholder"], PLAIN, 150)?;
    }
    match text(of, "type", 1, 40)? {
        "button" => {
            words(&of["text"], PLAIN, 75)?;
            optional(of, "value", 2_000)?;
            optional(of, "url", 3_000)?;
            match of["style"].as_str() {
                None | Some("primary" | "danger") => Ok(()),
                Some(other) => Err(format!("a button of style {other}")),
            }
        }
        "overflow" => options(of, "options", 5),
        "static_select" | "multi_static_select" => {
            match (of.get("options"), of.get("option_groups")) {
                (Some(_), None) => options(of, "options", 100)?,
                (None, Some(_)) => {
                    for group in list(of, "option_groups", 1, 100)? {
                        words(&group["label"], PLAIN, 75)?;
                        options(group, "options", 100)?;
                    }
                }
                _ => return Err("either options or option_groups".to_owned()),
            }
            chosen(of)
        }
        "external_select" => Ok(()),
        "checkboxes" | "radio_buttons" => options(of, "options", 10).and_then(|()| chosen(of)),
        "plain_text_input" => {
            let most = of["max_length"].as_u64().unwrap_or(3_000);
            if most == 0 || most > 3_000 {
                return Err(format!("max_length {most}"));
            }
            optional(of, "initial_value", usize::try_from(most).unwrap_or(0))
        }
        "number_input" => match of["is_decimal_allowed"].as_bool() {
            Some(_) => Ok(()),
            None => Err("number_input without is_decimal_allowed".to_owned()),
        },
        "datetimepicker" => Ok(()),
        "file_input" => Ok(()),
        other => Err(format!("an element {other} is not known here")),
    }
}

/// A view: a modal or a home tab.
pub fn view(of: &Value) -> Checked {
    let all = list(of, "blocks", 0, 100)?;
    blocks(all, 100, true)?;
    match text(of, "type", 1, 10)? {
        "home" => Ok(()),
        "modal" => {
            words(&of["title"], PLAIN, 24)?;
            for key in ["submit", "close"] {
                if of.get(key).is_some() {
                    words(&of[key], PLAIN, 24)?;
                }
            }
            optional(of, "callback_id", 255)?;
            optional(of, "private_metadata", 3_000)?;
            if all.iter().any(|b| b["type"] == "input") && of.get("submit").is_none() {
                return Err("a view with inputs needs submit".to_owned());
            }
            let size = of.to_string().len();
            if size > 250_000 { Err(format!("a view of {size} bytes")) } else { Ok(()) }
        }
        other => Err(format!("a view {other}")),
    }
}
