//! What was typed into a form, as Slack sends it (`view.state.values`: block → action → element), becomes the texts that
//! [`typed`](crate::inbound::console::typed) reads. An input that was not shown keeps what stands in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::card::form::{Form, Input};
use crate::desk::chat::ChatFile;
use crate::env::Timestamp;
use crate::inbound::console::typed::Data;
use crate::ticket::guard::{self, Found};

/// Behind the name of a moment's second input: the exact one.
const EXACTLY: &str = ".exactly";
/// Inputs that are read at most.
const MOST: usize = 200;
/// Bytes of one value at most.
const MOST_TEXT: usize = 64 << 10;

/// What was typed: values by input, and files.
#[derive(Clone, Debug, Default)]
pub struct Filled {
    values: BTreeMap<String, Vec<String>>,
    /// The same as it was pressed and typed: "ten minutes ago" is that, whenever it is sent again.
    pressed: BTreeMap<String, Vec<String>>,
    /// Files that were chosen.
    pub files: Vec<ChatFile>,
}

/// A file as a payload announces it.
pub(super) fn file_of(file: &Value) -> Option<ChatFile> {
    let text = |name: &str, most: usize| file[name].as_str().filter(|t| t.len() <= most).map(str::to_owned);
    Some(ChatFile {
        id: text("id", 64)?,
        name: text("name", 400).unwrap_or_default(),
        url: text("url_private_download", 2_000).or_else(|| text("url_private", 2_000))?,
        size: file["size"].as_u64().unwrap_or(0),
    })
}

fn texts(element: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().filter(|t| t.len() <= MOST_TEXT).map(str::to_owned);
    let chosen = |option: &Value| text(&option["value"]).filter(|value| value != "-");
    if let Some(options) = element["selected_options"].as_array() {
        return options.iter().filter_map(chosen).collect();
    }
    if let Some(at) = element["selected_date_time"].as_i64() {
        return Timestamp::from_micros(at.saturating_mul(1_000_000)).map(|at| at.to_string()).into_iter().collect();
    }
    chosen(&element["selected_option"]).or_else(|| text(&element["value"])).into_iter().filter(|t| !t.is_empty()).collect()
}

impl Filled {
    /// Reads `view.state.values`.
    #[must_use]
    pub fn read(view: &Value, now: Timestamp) -> Self {
        let mut filled = Self::default();
        let blocks = view["state"]["values"].as_object();
        let mut exact = Vec::new();
        for (block, elements) in blocks.into_iter().flatten().take(MOST) {
            let Some(element) = elements.as_object().and_then(|e| e.values().next()) else { continue };
            filled.files.extend(element["files"].as_array().into_iter().flatten().take(10).filter_map(file_of));
            let texts = texts(element);
            match block.strip_suffix(EXACTLY) {
                Some(name) if !texts.is_empty() => exact.push((name.to_owned(), texts)),
                Some(_) => {}
                None => drop(filled.values.insert(block.clone(), texts)),
            }
        }
        filled.pressed = filled.values.clone();
        filled.pressed.extend(exact.iter().map(|(name, texts)| (format!("{name}{EXACTLY}"), texts.clone())));
        // "Ten minutes ago" is said as it is pressed, and means a moment.
        if let Some(ago) = filled.values.get_mut("occurred_at")
            && let Some(minutes) = ago.first().and_then(|text| text.parse::<u64>().ok()).filter(|m| *m <= 10_000)
        {
            *ago = if minutes == 0 { Vec::new() } else { vec![now.minus(Duration::from_secs(minutes * 60)).to_string()] };
        }
        filled.values.extend(exact);
        filled
    }

    /// Values that somebody gave by a command, or long ago.
    #[must_use]
    pub fn of(values: BTreeMap<String, Vec<String>>) -> Self {
        Self { pressed: values.clone(), values, files: Vec::new() }
    }

    /// What tells a form that was sent again from another one.
    #[must_use]
    pub fn pressed(&self) -> &BTreeMap<String, Vec<String>> {
        &self.pressed
    }

    /// Everything that was typed.
    #[must_use]
    pub fn values(&self) -> &BTreeMap<String, Vec<String>> {
        &self.values
    }

    /// The texts of `form`, for reading it: what was not shown stands as it stood.
    #[must_use]
    pub fn data(&self, form: &Form, binding: Option<&str>) -> Data {
        let standing = form.fields.iter().filter(|field| !self.values.contains_key(&field.name));
        let standing = standing.flat_map(|field| field.values.iter().map(|value| (field.name.clone(), value.clone())));
        let typed = self.values.iter().flat_map(|(name, values)| values.iter().map(|value| (name.clone(), value.clone())));
        let binding = binding.into_iter().map(|binding| ("binding".to_owned(), binding.to_owned()));
        Data::of(standing.chain(typed).chain(binding).collect::<Vec<_>>())
    }

    /// Inputs that hold what must not stand here, and what that is.
    #[must_use]
    pub fn unfit(&self, form: &Form) -> BTreeMap<String, BTreeSet<Found>> {
        let free = |input: &Input| matches!(input, Input::Line(_) | Input::Text(_) | Input::Names);
        let typed =
            form.fields.iter().filter(|field| free(&field.input)).filter_map(|field| Some((&field.name, self.values.get(&field.name)?)));
        let found = typed.map(|(name, values)| (name.clone(), guard::screen(&values.join("\n")).found));
        found.filter(|(_, found)| !found.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::card::buttons::Action;
    use crate::card::form::{FormField, Needed};

    fn now() -> Timestamp {
        Timestamp::parse("2026-11-22T04:20:00Z").expect("a moment")
    }

    fn view(values: Value) -> Value {
        json!({ "state": { "values": values } })
    }

    #[test]
    fn every_kind_of_element_is_read() {
        let filled = Filled::read(
            &view(json!({
                "field.title": { "value": { "type": "plain_text_input", "value": "db down" } },
                "field.severity": { "value": { "type": "static_select", "selected_option": { "value": "sev2" } } },
                "field.data_involved": { "value": { "type": "checkboxes", "selected_options": [{ "value": "card" }, { "value": "cui" }] } },
                "person": { "value": { "type": "static_select", "selected_option": { "value": "-" } } },
                "empty": { "value": { "type": "plain_text_input", "value": null } },
                "file": { "value": { "type": "file_input", "files": [{ "id": "F1", "name": "a.txt", "url_private_download": "https://files.slack.com/a", "size": 3 }] } },
            })),
            now(),
        );
        assert_eq!(filled.values["field.title"], ["db down"]);
        assert_eq!(filled.values["field.severity"], ["sev2"]);
        assert_eq!(filled.values["field.data_involved"], ["card", "cui"]);
        assert!(filled.values["person"].is_empty() && filled.values["empty"].is_empty());
        assert_eq!(filled.files[0].id, "F1");
    }

    #[test]
    fn ten_minutes_ago_is_a_moment_and_an_exact_one_counts_more() {
        let ago = |minutes: &str| json!({ "value": { "selected_option": { "value": minutes } } });
        let read = |values: Value| Filled::read(&view(values), now()).values["occurred_at"].clone();
        assert_eq!(read(json!({ "occurred_at": ago("10") })), ["2026-11-22T04:10:00.000000Z"]);
        assert!(read(json!({ "occurred_at": ago("0") })).is_empty());
        let exact = json!({ "value": { "type": "datetimepicker", "selected_date_time": 1_795_316_400 } });
        assert_eq!(read(json!({ "occurred_at": ago("10"), "occurred_at.exactly": exact })).len(), 1);
        assert_ne!(read(json!({ "occurred_at": ago("10"), "occurred_at.exactly": exact })), ["2026-11-22T04:10:00.000000Z"]);
    }

    #[test]
    fn a_form_that_is_sent_again_a_minute_later_is_the_same_form() {
        let view = view(json!({ "occurred_at": { "value": { "selected_option": { "value": "10" } } } }));
        let (first, again) = (Filled::read(&view, now()), Filled::read(&view, now().plus(Duration::from_secs(60))));
        assert_ne!(first.values(), again.values(), "the moment is another one");
        assert_eq!(first.pressed(), again.pressed(), "what was pressed is not");
    }

    #[test]
    fn what_was_not_shown_keeps_its_value_and_what_must_not_stand_here_is_named() {
        let field = |name: &str, value: &str| FormField {
            values: vec![value.to_owned()],
            ..FormField::plain(name, name, "", Input::Text(100), Needed::No)
        };
        let form = Form { fields: vec![field("a", "stands"), field("b", "stood")], ..Form::new("T", Action::Edit, "Save") };
        let typed = Filled::read(&view(json!({ "b": { "value": { "value": "card 4111 1111 1111 1111" } } })), now());
        let data = typed.data(&form, Some("d"));
        assert_eq!((data.one("a"), data.one("b"), data.one("binding")), (Some("stands"), Some("card 4111 1111 1111 1111"), Some("d")));
        assert_eq!(typed.unfit(&form).keys().collect::<Vec<_>>(), ["b"]);
    }
}
