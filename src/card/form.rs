//! Forms as values: fields with their help, what is needed now and what is owed later, and what was typed.

use std::collections::BTreeMap;

use super::buttons::Action;
use super::live::FactLine;
use super::missing::Missing;
use super::scene::{Scene, Taxonomies};
use super::words::Words;
use crate::procedure::model::{Field, FieldType, SYSTEMS};

/// Prefix of the names of inputs that hold a field of the procedure.
pub const FIELD: &str = "field.";

/// A form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// What it is for.
    pub title: String,
    /// A sentence on what it means.
    pub intro: String,
    /// What sending it does.
    pub action: Action,
    /// What must be known before anything is typed: somebody else has to do it.
    pub first: Option<Words>,
    /// The reader is the one who cannot send it.
    pub blocked: bool,
    /// What a decision is about, exactly as it is bound.
    pub statement: Vec<FactLine>,
    /// Its inputs, in order.
    pub fields: Vec<FormField>,
    /// A press takes the step with nothing said; the form is for whoever wants to say more.
    pub at_once: bool,
    /// What it still waits for that cannot be typed here.
    pub missing: Vec<Missing>,
    /// What else is good to know before sending it.
    pub notices: Vec<Words>,
    /// Why it was refused, when that belongs to no single field.
    pub error: Option<String>,
    /// What the sending button says.
    pub submit: String,
    /// What the button says that keeps the fields without taking the step, where there is something to keep.
    pub save: Option<String>,
    /// Digest of what it is bound to, for steps and decisions.
    pub binding: Option<String>,
}

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormField {
    /// The name it is sent under.
    pub name: String,
    /// What it is called.
    pub label: String,
    /// The sentence under it.
    pub help: String,
    /// What kind of input.
    pub input: Input,
    /// Whether it must be filled in now.
    pub needed: Needed,
    /// Assessors look at it.
    pub audit: bool,
    /// What stands in it.
    pub values: Vec<String>,
    /// What is wrong with it, and what to do.
    pub error: Option<String>,
}

/// What kind of input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// One line of so many characters at most.
    Line(usize),
    /// Text of so many characters at most.
    Text(usize),
    /// One of a few.
    Choice(Vec<Choice>),
    /// Any number of a few.
    Choices(Vec<Choice>),
    /// One of a long list.
    Pick(Vec<Choice>),
    /// Names, one per line, or `none`.
    Names,
    /// A whole number.
    Number(i64, i64),
    /// Yes or no.
    Bool,
    /// A moment.
    Time,
    /// A ticket's number.
    Ticket,
    /// A file.
    File,
}

/// One of the values of a choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What people read.
    pub label: String,
}

/// Whether an input must be filled in now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needed {
    /// It is refused without.
    Now,
    /// It can wait for the step with this label.
    OwedBy(String),
    /// It can stay empty.
    No,
}

/// What somebody typed, and what was wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// Values by input name.
    pub values: BTreeMap<String, Vec<String>>,
    /// What is wrong, by input name (with or without the prefix `field.`).
    pub errors: BTreeMap<String, String>,
    /// What is wrong with the whole.
    pub error: Option<String>,
}

impl Form {
    /// A form without inputs.
    #[must_use]
    pub fn new(title: impl Into<String>, action: Action, submit: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            intro: String::new(),
            action,
            first: None,
            blocked: false,
            statement: Vec::new(),
            fields: Vec::new(),
            at_once: false,
            missing: Vec::new(),
            notices: Vec::new(),
            error: None,
            submit: submit.into(),
            save: None,
            binding: None,
        }
    }

    /// The same form of a ticket where no content is shown: what stands in a field stays in it, unseen, and everything else
    /// begins empty. How bad the ticket is, a card says there as well.
    #[must_use]
    pub fn without_content(mut self) -> Self {
        let shown = |field: &FormField| !field.name.starts_with(FIELD) || field.values.is_empty() || field.name == "field.severity";
        let before = self.fields.len();
        self.fields.retain(shown);
        if self.fields.len() < before {
            self.notices
                .push(Words::of("What is known already is not shown here. It stays as it is; the console shows it and changes it."));
        }
        for field in self.fields.iter_mut().filter(|field| field.name != "field.severity") {
            field.values.clear();
        }
        if matches!(self.action, Action::TaskDone(_) | Action::TaskWaive(_)) {
            self.title = "Task".to_owned();
        }
        self.statement.clear();
        self.first = self.first.map(|_| Words::of("Somebody else must do this; the console says who."));
        self
    }

    /// The form with what was typed kept in place, each error at its field. An error of a field that the form does
    /// not show stands above all of them.
    #[must_use]
    pub fn with(mut self, typed: &Typed) -> Self {
        let mut homeless: Vec<&str> = typed.error.as_deref().into_iter().collect();
        for field in &mut self.fields {
            if let Some(values) = typed.values.get(&field.name) {
                field.values.clone_from(values);
            }
        }
        for (name, error) in &typed.errors {
            let its = |f: &&mut FormField| f.name == *name || f.name.strip_prefix(FIELD) == Some(name);
            match self.fields.iter_mut().find(its) {
                Some(field) => field.error = Some(error.clone()),
                None => homeless.push(error),
            }
        }
        if !homeless.is_empty() {
            self.error = Some(homeless.join(" "));
        }
        self
    }
}

impl FormField {
    /// An input that is not a field of the procedure.
    #[must_use]
    pub fn plain(name: &str, label: &str, help: &str, input: Input, needed: Needed) -> Self {
        let (name, label, help) = (name.to_owned(), label.to_owned(), help.to_owned());
        Self { name, label, help, input, needed, audit: false, values: Vec::new(), error: None }
    }

    /// The input for a field of the procedure, empty.
    #[must_use]
    pub fn of(field: &Field, taxonomies: &Taxonomies, people: &[Choice], needed: Needed) -> Self {
        Self {
            name: format!("{FIELD}{}", field.name),
            label: field.label.clone(),
            help: field.help.clone(),
            input: input(&field.of, taxonomies, people),
            needed,
            audit: field.audit,
            values: Vec::new(),
            error: None,
        }
    }

    /// The input for a field of the procedure, with what stands in it on this ticket.
    #[must_use]
    pub fn held(scene: &Scene<'_>, field: &Field, people: &[Choice], needed: Needed) -> Self {
        Self { values: scene.texts(&field.name), ..Self::of(field, scene.taxonomies, people, needed) }
    }
}

fn input(of: &FieldType, taxonomies: &Taxonomies, people: &[Choice]) -> Input {
    match of {
        FieldType::Line => Input::Line(200),
        FieldType::Text => Input::Text(10_000),
        FieldType::Choice(values) => Input::Choice(choices(values)),
        FieldType::Choices(values) => Input::Choices(choices(values)),
        FieldType::Taxonomy(list) => Input::Pick(taxonomies.get(list).map(choices).unwrap_or_default()),
        FieldType::Assets => Input::Names,
        FieldType::Number { min, max } => Input::Number(*min, *max),
        FieldType::Bool => Input::Bool,
        FieldType::Time => Input::Time,
        FieldType::Person => Input::Pick(people.to_vec()),
        FieldType::Ticket => Input::Ticket,
        FieldType::System => Input::Pick(taxonomies.get(SYSTEMS).map(choices).unwrap_or_default()),
        FieldType::Word => Input::Line(60),
    }
}

fn choices(values: &indexmap::IndexMap<String, String>) -> Vec<Choice> {
    values.iter().map(|(value, label)| Choice { value: value.clone(), label: label.clone() }).collect()
}
