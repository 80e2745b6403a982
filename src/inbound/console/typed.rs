//! What was typed into a form becomes a command. Pure but for the sealing, which the caller hands in.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::card::buttons::Action;
use crate::card::form::{FIELD, Form, Input, Needed, Typed};
use crate::card::replies;
use crate::card::scene::Scene;
use crate::env::Timestamp;
use crate::ledger::sealed::Sealed;
use crate::procedure::model::{Kind, Library};
use crate::ticket::command::{Command, Fields, LineChoice, Offer, Open, Step, Take};
use crate::ticket::fields;
use crate::ticket::lines::Verdict;
use crate::ticket::number::Number;

/// Inputs of one form at most.
const MOST_VALUES: usize = 400;

/// What a form held: values by input name.
#[derive(Clone, Debug, Default)]
pub struct Data(BTreeMap<String, Vec<String>>);

impl Data {
    /// Reads pairs as a browser sends them; beyond four hundred the rest is dropped.
    #[must_use]
    pub fn of(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut data: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in pairs.into_iter().take(MOST_VALUES) {
            data.entry(name).or_default().push(value);
        }
        Self(data)
    }

    /// The first value of an input, without white space around it; none when it is empty.
    #[must_use]
    pub fn one(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(|values| values.first()).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn all(&self, name: &str) -> Vec<&str> {
        self.0.get(name).into_iter().flatten().map(|value| value.trim()).filter(|value| !value.is_empty()).collect()
    }

    /// What was typed, to be shown again.
    #[must_use]
    pub fn typed(&self) -> Typed {
        Typed { values: self.0.clone(), ..Typed::default() }
    }
}

/// What reading a form needs.
pub struct Reading<'a> {
    /// What the form held.
    pub data: &'a Data,
    /// Fresh salts.
    pub salt: &'a dyn Fn() -> [u8; 32],
    /// The playbooks that count now.
    pub library: &'a Library,
}

/// Collects what is wrong while a form is read.
struct Reader<'a> {
    of: &'a Reading<'a>,
    wrong: Typed,
    /// Fields of the procedure that are needed and empty. Where the desk decides, it names them together with
    /// everything else that is missing.
    empty: BTreeMap<String, String>,
}

impl<'a> Reader<'a> {
    fn new(of: &'a Reading<'a>) -> Self {
        Self { of, wrong: Typed::default(), empty: BTreeMap::new() }
    }

    fn text(&mut self, name: &str, label: &str, most: usize) -> Option<Sealed> {
        match fields::text(self.of.data.one(name).unwrap_or_default(), most) {
            Ok(text) => text.map(|text| Sealed::new((self.of.salt)(), text.into_bytes())),
            Err(problem) => {
                self.wrong.errors.insert(name.to_owned(), format!("{label} {problem}."));
                None
            }
        }
    }

    fn needed(&mut self, name: &str, label: &str, most: usize) -> Option<Sealed> {
        let text = self.text(name, label, most);
        if text.is_none() {
            self.wrong.errors.entry(name.to_owned()).or_insert_with(|| replies::empty_field(label));
        }
        text
    }

    /// One of several, which has to be chosen.
    fn chosen(&mut self, name: &str) -> Option<String> {
        let chosen = self.of.data.one(name).map(str::to_owned);
        if chosen.is_none() {
            self.wrong.errors.insert(name.to_owned(), "Please choose one.".to_owned());
        }
        chosen
    }

    fn time(&mut self, name: &str) -> Option<Timestamp> {
        let typed = self.of.data.one(name)?;
        let at = read_time(typed);
        if at.is_none() {
            self.wrong.errors.insert(name.to_owned(), replies::not_a_time());
        }
        at
    }

    fn ticket(&mut self, name: &str) -> Option<Number> {
        let number = self.of.data.one(name)?.parse().ok();
        if number.is_none() {
            self.wrong.errors.insert(name.to_owned(), replies::not_a_ticket());
        }
        number
    }

    /// Fields of the procedure that now hold something else than `form` showed.
    fn fields(&mut self, kind: &Kind, form: &Form) -> Fields {
        let mut raw = BTreeMap::new();
        for shown in &form.fields {
            let Some(name) = shown.name.strip_prefix(FIELD) else { continue };
            let typed = self.of.data.all(&shown.name);
            let lines: Vec<&str> = typed.iter().flat_map(|text| text.split(['\n', ','])).map(str::trim).filter(|t| !t.is_empty()).collect();
            let (same, value) = match shown.input {
                Input::Choices(_) => (same(&typed, &shown.values), Value::from(typed)),
                Input::Names => (same(&lines, &shown.values), Value::from(lines)),
                Input::Time => {
                    let (at, before) = (self.time(&shown.name), shown.values.first().and_then(|v| Timestamp::parse(v)));
                    // A form shows minutes: what is the same minute was left as it stood.
                    let same = at.map(minute) == before.map(minute);
                    (same, at.map_or(Value::Null, |at| Value::String(at.to_string())))
                }
                _ => {
                    let text = typed.first().map(|text| text.replace("\r\n", "\n"));
                    (text.as_deref() == shown.values.first().map(String::as_str), text.map_or(Value::Null, Value::String))
                }
            };
            let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
            if empty && shown.needed == Needed::Now {
                self.empty.insert(shown.name.clone(), replies::empty_field(&shown.label));
            }
            if !same {
                raw.insert(name.to_owned(), value);
            }
        }
        let salt = self.of.salt;
        fields::seal(kind, self.of.library, &raw, &mut || salt()).unwrap_or_else(|problems| {
            self.wrong.errors.extend(problems.into_iter().map(|p| (format!("{FIELD}{}", p.field), p.sentence())));
            Fields::new()
        })
    }

    fn note(&mut self, ticket: Number) -> Option<Command> {
        self.needed("note", "A note", fields::MAX_TEXT).map(|note| Command::AddNote {
            ticket,
            note,
            occurred_at: self.time("occurred_at"),
            reason: self.text("reason", "The reason", fields::MAX_LINE),
        })
    }

    /// The value, unless something cannot be understood. What is only empty is left to the desk.
    fn done<T>(mut self, value: Option<T>) -> Result<T, Typed> {
        match value {
            Some(value) if self.wrong.errors.is_empty() => Ok(value),
            _ => {
                for (name, error) in self.empty {
                    self.wrong.errors.entry(name).or_insert(error);
                }
                Err(Typed { values: self.of.data.0.clone(), ..self.wrong })
            }
        }
    }
}

fn minute(at: Timestamp) -> i64 {
    at.seconds().div_euclid(60)
}

fn same(typed: &[&str], shown: &[String]) -> bool {
    let (mut a, mut b): (Vec<&str>, Vec<&str>) = (typed.to_vec(), shown.iter().map(String::as_str).collect());
    a.sort_unstable();
    b.sort_unstable();
    a == b
}

/// A moment as the script sends it (RFC 3339), or as a browser without the script does (`2026-11-22T03:04`, in UTC).
#[must_use]
pub fn read_time(typed: &str) -> Option<Timestamp> {
    let seconds = if typed.len() == 16 { ":00Z" } else { "Z" };
    Timestamp::parse(typed).or_else(|| Timestamp::parse(&format!("{typed}{seconds}")))
}

/// The command of a form on a ticket. Filing evidence is not here, since its bytes must be on the disk first.
///
/// # Errors
/// What is wrong, at its fields, with everything that was typed.
pub fn command(scene: &Scene<'_>, form: &Form, reading: &Reading<'_>) -> Result<Command, Typed> {
    let mut reader = Reader::new(reading);
    let ticket = scene.ticket.number.clone();
    let command = match &form.action {
        Action::Step(_) => step(&mut reader, scene, form).map(Command::Take),
        Action::Offer(offer) => take_up(&mut reader, scene, form, offer),
        Action::Edit => {
            let fields = reader.fields(scene.kind, form);
            Some(Command::SetFields { ticket, fields, reason: reader.text("reason", "The reason", 2_000) })
        }
        Action::Note => reader.note(ticket),
        Action::WaiveEvidence(phase) => {
            reader.needed("reason", "A reason", 2_000).map(|reason| Command::WaiveEvidence { ticket, phase: phase.clone(), reason })
        }
        Action::TaskDone(task) => Some(Command::SettleTask { ticket, task: *task, waived: None }),
        Action::TaskWaive(task) => {
            reader.needed("reason", "A reason", 2_000).map(|reason| Command::SettleTask { ticket, task: *task, waived: Some(reason) })
        }
        Action::Owner => reader.chosen("person").map(|person| Command::AssignOwner { ticket, person }),
        Action::Lead => reader.chosen("person").map(|person| Command::AssignLead { ticket, person }),
        Action::Link(_) => reader.chosen("link").map(|link| Command::Link {
            ticket,
            link,
            to: reader.ticket("to"),
            target: reader.text("target", "The address", fields::MAX_LINE),
            reason: reader.text("reason", "The reason", 2_000),
        }),
        Action::Unlink(link) => reader.needed("reason", "A reason", 2_000).map(|reason| Command::Unlink { ticket, link: *link, reason }),
        Action::Decide(transition) => decide(&mut reader).map(|(approve, reason)| Command::Decide {
            ticket,
            transition: transition.clone(),
            approve,
            digest: reading.data.one("binding").unwrap_or_default().to_owned(),
            reason,
        }),
        Action::Withdraw(transition) => reader.needed("reason", "A reason", 2_000).map(|reason| Command::WithdrawDecision {
            ticket,
            transition: transition.clone(),
            reason,
        }),
        Action::Escalate => {
            let to = reading.data.one("to").map(str::to_owned);
            reader.needed("reason", "A reason", 2_000).map(|reason| Command::Escalate { ticket, to, reason })
        }
        Action::Nudge => Some(Command::Nudge { ticket }),
        Action::Seen => Some(Command::AcknowledgeEscalation { ticket }),
        Action::ReadBy(group) => Some(Command::AcknowledgeNotification { ticket, group: group.clone() }),
        Action::Line(line) => {
            let reason = reader.text("reason", "The reason", 2_000);
            let verdict = reader.chosen("verdict").and_then(|chosen| Verdict::named(&chosen));
            verdict.map(|verdict| Command::DecideLines { ticket, choices: vec![LineChoice::of(*line, verdict, reason)] })
        }
        Action::Declare(_) | Action::Evidence(_) => None,
    };
    reader.done(command)
}

/// A record that the ticket offers, with the fields of its own kind.
fn take_up(reader: &mut Reader<'_>, scene: &Scene<'_>, form: &Form, offer: &str) -> Option<Command> {
    let kind = scene.kind.offers.get(offer).and_then(|o| reader.of.library.kinds.get(&o.kind))?;
    let fields = reader.fields(kind, form);
    // What is needed and empty is said at once: nothing of it can follow later here.
    let empty = std::mem::take(&mut reader.empty);
    reader.wrong.errors.extend(empty);
    let (ticket, seed) = (scene.ticket.number.clone(), (reader.of.salt)());
    Some(Command::TakeUp(Offer { ticket, offer: offer.to_owned(), fields, received_at: scene.now, seed }))
}

/// The command of a note's form alone: nothing of the ticket is looked at.
///
/// # Errors
/// What is wrong, at its fields, with everything that was typed.
pub fn note(ticket: Number, reading: &Reading<'_>) -> Result<Command, Typed> {
    let mut reader = Reader::new(reading);
    let command = reader.note(ticket);
    reader.done(command)
}

fn decide(reader: &mut Reader<'_>) -> Option<(bool, Sealed)> {
    let decision = reader.chosen("decision");
    let reason = reader.needed("reason", "A reason", 2_000);
    decision.map(|decision| decision == "approve").zip(reason)
}

/// What was typed into the fields of a step's form, to be kept without taking the step.
///
/// # Errors
/// What cannot be understood, at its fields, with everything that was typed.
pub fn save(scene: &Scene<'_>, form: &Form, reading: &Reading<'_>) -> Result<Command, Typed> {
    let mut reader = Reader::new(reading);
    let fields = reader.fields(scene.kind, form);
    let reason = reader.text("reason", "The reason", 2_000);
    reader.done(Some(Command::SetFields { ticket: scene.ticket.number.clone(), fields, reason }))
}

fn step(reader: &mut Reader<'_>, scene: &Scene<'_>, form: &Form) -> Option<Take> {
    let Action::Step(transition) = &form.action else { return None };
    // The reason and the procedure's fields are left to the desk, which names everything that is missing at once.
    for field in form.fields.iter().filter(|f| f.needed == Needed::Now && f.input == Input::Ticket && !f.name.starts_with(FIELD)) {
        if reader.of.data.one(&field.name).is_none() {
            reader.wrong.errors.insert(field.name.clone(), replies::empty_field(&field.label));
        }
    }
    let step = Step {
        transition: transition.clone(),
        fields: reader.fields(scene.kind, form),
        line: reader.text("line", "The line", fields::MAX_LINE),
        reason: reader.text("reason", "The reason", 2_000),
        other: reader.ticket("other"),
        occurred_at: reader.time("occurred_at"),
    };
    let binding = reader.of.data.one("binding").map(str::to_owned);
    // What one form takes with it, in the same commit.
    let all = scene.kind.transitions.get(transition).map(|t| scene.with_then(t)).unwrap_or_default();
    let more = all.into_iter().skip(1).map(|t| Step { transition: t.name.clone(), ..Step::default() });
    let steps = std::iter::once(step).chain(more).collect();
    Some(Take { ticket: scene.ticket.number.clone(), steps, rev: None, binding })
}

/// The command that opens a ticket of `kind`.
///
/// # Errors
/// What is wrong, at its fields, with everything that was typed.
pub fn declare(kind: &Kind, form: &Form, reading: &Reading<'_>, received_at: Timestamp) -> Result<Command, Typed> {
    let mut reader = Reader::new(reading);
    // The form shows defaults; what is left as it was shown counts as said.
    let mut blank = form.clone();
    blank.fields.iter_mut().for_each(|field| field.values.clear());
    let fields = reader.fields(kind, &blank);
    let response = reading.data.one("response").map(str::to_owned);
    let intake = "console".to_owned();
    reader.done(Some(Command::Open(Open { kind: kind.name.clone(), fields, response, occurred_at: None, intake, received_at })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::action_form::{declare_form, form};
    use crate::card::samples::{Stage, at, contained, opened, organisation, recovered};
    use crate::procedure;

    fn library() -> Library {
        let mut library = procedure::load(procedure::built_in()).expect("the shipped playbooks load");
        library.taxonomies = crate::card::samples::taxonomies();
        library
    }

    fn data(pairs: &[(&str, &str)]) -> Data {
        Data::of(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    fn read(ticket: &crate::ticket::state::Ticket, action: &str, pairs: &[(&str, &str)]) -> Result<Command, Typed> {
        let (stage, library, data) = (Stage::new(), library(), data(pairs));
        let scene = stage.scene(ticket, at("04:20"));
        let form = form(&scene, &action.parse().expect("an action"), &[], &organisation()).expect("a form");
        command(&scene, &form, &Reading { data: &data, salt: &|| [7; 32], library: &library })
    }

    fn text(sealed: &Sealed) -> &str {
        std::str::from_utf8(&sealed.bytes).expect("text")
    }

    #[test]
    fn one_click_takes_a_step_bound_to_what_was_shown() {
        let Ok(Command::Take(take)) = read(&opened(), "step.acknowledge", &[("binding", "abc"), ("dedupe", "k")]) else { panic!("a step") };
        assert_eq!((take.steps[0].transition.as_str(), take.binding.as_deref(), take.rev), ("acknowledge", Some("abc"), None));
        assert!(take.steps[0].fields.is_empty());
    }

    #[test]
    fn a_line_and_a_claimed_time_travel_with_the_step() {
        let typed = [("line", " drained zone b "), ("occurred_at", "2026-11-22T03:20")];
        let Ok(Command::Take(take)) = read(&contained(), "step.eradicate", &typed) else { panic!("a step") };
        assert_eq!(take.steps[0].line.as_ref().map(text), Some("drained zone b"));
        assert_eq!(take.steps[0].occurred_at, Some(at("03:20")));
    }

    #[test]
    fn closing_sends_only_what_changed_and_leaves_what_is_missing_to_the_desk() {
        let typed =
            [("field.severity", "sev1"), ("field.data_involved", "none"), ("field.systems_affected", "payments-api\r\nledger-db\r\n")];
        let Ok(Command::Take(take)) = read(&recovered(), "step.close", &typed) else { panic!("a step") };
        let names: Vec<_> = take.steps[0].fields.keys().map(String::as_str).collect();
        assert_eq!(names, ["data_involved", "systems_affected"], "the severity stands as it was");
        assert_eq!(take.steps[0].reason, None);
    }

    #[test]
    fn what_cannot_be_understood_is_said_together_with_what_is_empty() {
        let long = "x".repeat(2_001);
        let Err(wrong) = read(&recovered(), "step.close", &[("reason", &long), ("field.root_cause", "a full disk")]) else {
            panic!("it is refused")
        };
        let named = ["field.class", "field.data_involved", "field.severity", "field.systems_affected", "reason"];
        assert_eq!(wrong.errors.keys().collect::<Vec<_>>(), named);
        assert_eq!(wrong.values["field.root_cause"], ["a full disk"], "what was typed is kept");
    }

    #[test]
    fn saving_without_closing_sets_the_fields_that_were_typed_and_nothing_else() {
        let (stage, library, ticket) = (Stage::new(), library(), recovered());
        let data = data(&[("field.root_cause", "a full disk"), ("field.severity", "sev1"), ("reason", "so far")]);
        let scene = stage.scene(&ticket, at("04:20"));
        let form = form(&scene, &"step.close".parse().expect("an action"), &[], &organisation()).expect("a form");
        assert_eq!(form.save.as_deref(), Some("Save without closing"));
        let reading = Reading { data: &data, salt: &|| [7; 32], library: &library };
        let Ok(Command::SetFields { fields, reason, .. }) = save(&scene, &form, &reading) else { panic!("fields") };
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["root_cause"]);
        assert_eq!(reason.as_ref().map(text), Some("so far"), "the reason stands beside them in the record");
    }

    #[test]
    fn a_decision_is_bound_to_what_was_shown_and_says_why() {
        let typed = [("decision", "reject"), ("reason", "not on a Friday"), ("binding", "d1")];
        let (mut stage, library, data) = (Stage::new(), library(), data(&typed));
        let by = vec!["incident-manager".to_owned()];
        let stages = vec![crate::procedure::model::ApprovalStage { by, count: 1, when: None, otherwise: Vec::new() }];
        stage.kind.transitions["acknowledge"].approval =
            Some(crate::procedure::model::Approval { stages, of: Vec::new(), on_rejection: None });
        let ticket = opened();
        let scene = stage.scene(&ticket, at("04:20"));
        let form = form(&scene, &"decide.acknowledge".parse().expect("an action"), &[], &organisation()).expect("a form");
        let reading = Reading { data: &data, salt: &|| [7; 32], library: &library };
        let Ok(Command::Decide { approve, digest, reason, .. }) = command(&scene, &form, &reading) else { panic!("a decision") };
        assert_eq!((approve, digest.as_str(), text(&reason)), (false, "d1", "not on a Friday"));
        let nothing = Data::default();
        let wrong = command(&scene, &form, &Reading { data: &nothing, ..reading }).expect_err("both are wanted");
        assert_eq!(wrong.errors.keys().collect::<Vec<_>>(), ["decision", "reason"]);
    }

    #[test]
    fn a_field_that_is_emptied_is_cleared() {
        let Ok(Command::SetFields { fields, .. }) = read(&opened(), "edit", &[("field.title", "payments-api is down")]) else {
            panic!("an edit")
        };
        assert_eq!(fields.len(), 1, "{fields:?}");
        assert_eq!(fields.get("severity"), Some(&crate::ticket::command::FieldInput::Plain(Value::Null)));
    }

    #[test]
    fn an_empty_note_a_missing_reason_and_a_wrong_time_are_said_at_their_fields() {
        for (action, typed, field) in [
            ("note", [("note", " \n ")], "note"),
            ("waive-evidence.contain", [("x", "")], "reason"),
            ("owner", [("person", "")], "person"),
            ("link", [("target", "https://dash.example.com")], "link"),
            ("step.merge", [("other", "nonsense")], "other"),
            ("step.contain", [("occurred_at", "yesterday")], "occurred_at"),
        ] {
            let wrong = read(&opened(), action, &typed).expect_err(action);
            assert!(wrong.errors.contains_key(field), "{action}: {wrong:?}");
        }
    }

    #[test]
    fn declaring_takes_the_defaults_that_the_form_showed() {
        let (stage, library) = (Stage::new(), library());
        let data = data(&[("field.title", "the lift is stuck"), ("field.severity", "sev3"), ("response", "outage")]);
        let form = declare_form(&stage.kind, &stage.taxonomies, &[], &[]);
        let reading = Reading { data: &data, salt: &|| [7; 32], library: &library };
        let Ok(Command::Open(open)) = declare(&stage.kind, &form, &reading, at("04:20")) else { panic!("an opening") };
        assert_eq!(open.fields.keys().collect::<Vec<_>>(), ["severity", "title"]);
        assert_eq!((open.kind.as_str(), open.intake.as_str(), open.response.as_deref()), ("incident", "console", Some("outage")));
    }

    #[test]
    fn a_time_is_read_with_and_without_the_script() {
        for typed in ["2026-11-22T03:20", "2026-11-22T03:20:00", "2026-11-22T04:20:00+01:00", "2026-11-22T03:20:00.000Z"] {
            assert_eq!(read_time(typed), Some(at("03:20")), "{typed}");
        }
        assert_eq!(read_time("22.11.2026"), None);
    }
}
