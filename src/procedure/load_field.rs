//! A kind's fields: their types, options, help texts and defaults; and which values suit a field.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::Value;

use super::finding::At;
use super::load_rules::read_substance;
use super::model::{Field, FieldType, Matrix};
use super::nearest::nearest;
use super::reader::{Page, Section, Sort, members, named_members, short};
use super::yaml::{Node, Yaml};

const TYPES: [&str; 13] =
    ["line", "text", "choice", "choices", "taxonomy", "assets", "number", "bool", "time", "person", "ticket", "system", "word"];
/// Whole numbers stay within ±(2⁵³−1), as everywhere in the log.
const LARGEST: i64 = 9_007_199_254_740_991;

/// Reads `fields`.
pub(super) fn read_fields(page: &Page, node: &Node) -> (IndexMap<String, Field>, BTreeMap<String, At>) {
    let (mut out, mut at) = (IndexMap::new(), BTreeMap::new());
    for (name, key, value) in named_members(page, node, 100, "fields") {
        let Some(section) = Section::of(page, value, key.at, format!("field `{name}`")) else { continue };
        let field = read_field(page, section, &name);
        at.insert(name.clone(), key.at);
        out.insert(name, field);
    }
    match out.get("title").map(|f: &Field| &f.of) {
        None => page.find_unknown(node.at, "title", "There is no field `title`; every ticket has one, of type line."),
        Some(FieldType::Line) => {}
        Some(_) => page.find(at.get("title").copied().unwrap_or_default(), "The field `title` must be of type line."),
    }
    (out, at)
}

fn read_field(page: &Page, section: Section<'_, '_>, name: &str) -> Field {
    let sort = section.need("type", "what may stand in it").and_then(|n| sort(page, n));
    let of = field_type(page, &section, sort.as_deref());
    let help = section.need("help", "the sentence that the form shows under it").and_then(|n| page.text(n)).unwrap_or_default();
    let label = section.get("label").and_then(|n| page.text(n)).unwrap_or_else(|| humanised(name));
    let audit = section.get("audit").and_then(|n| page.truth(n)).unwrap_or(false);
    let always = matches!(of, FieldType::Line | FieldType::Text | FieldType::Assets);
    let sealed = section.get("sealed").and_then(|n| {
        let sealed = page.truth(n)?;
        if always && !sealed {
            page.find(n.at, "Free text and assets are always sealed; leave `sealed` out.");
        }
        Some(sealed)
    });
    let sealed = always || sealed.unwrap_or(false);
    let default = section.get("default").filter(|_| sort.is_some()).and_then(|n| {
        if sealed {
            page.find(n.at, "What is sealed is only ever said by a person; it has no default.");
            return None;
        }
        value(page, n, &of)
    });
    let substance = section.get("substance").and_then(|n| {
        if !matches!(of, FieldType::Line | FieldType::Text) {
            page.find(n.at, "Only a line or a text can be asked to say something.");
        }
        read_substance(page, n, section.at("substance"))
    });
    section.done();
    Field { name: name.to_owned(), label, of, help, audit, sealed, default, substance }
}

fn sort(page: &Page, node: &Node) -> Option<String> {
    let name = page.word(node)?;
    if !TYPES.contains(&name.as_str()) {
        let hint = nearest(&name, TYPES);
        page.find(node.at, format!("`{name}` is not a type of field{hint}There are {}.", TYPES.join(", ")));
        return None;
    }
    Some(name)
}

fn field_type(page: &Page, section: &Section<'_, '_>, sort: Option<&str>) -> FieldType {
    let Some(sort) = sort else {
        // That the type is not known is told already; what would belong to it is not told as well.
        for key in ["of", "list", "min", "max", "default"] {
            section.get(key);
        }
        return FieldType::Bool;
    };
    let chosen = |why| section.need("of", why).map(|n| options(page, n)).unwrap_or_default();
    match sort {
        "choice" => FieldType::Choice(chosen("the values of which one is chosen")),
        "choices" => FieldType::Choices(chosen("the values of which some are chosen")),
        "taxonomy" => {
            let list = section.need("list", "the taxonomy by name").and_then(|n| page.named(n, Sort::Taxonomy));
            FieldType::Taxonomy(list.unwrap_or_default())
        }
        "number" => {
            let bound = |key, otherwise| section.get(key).and_then(|n| page.integer(n, -LARGEST, LARGEST)).unwrap_or(otherwise);
            let (min, max) = (bound("min", 0), bound("max", LARGEST));
            if min > max {
                page.find(section.at("min"), format!("`min` is {min} and `max` is {max}; nothing lies between."));
            }
            FieldType::Number { min, max }
        }
        "text" => FieldType::Text,
        "assets" => FieldType::Assets,
        "bool" => FieldType::Bool,
        "time" => FieldType::Time,
        "person" => FieldType::Person,
        "ticket" => FieldType::Ticket,
        "system" => FieldType::System,
        "word" => FieldType::Word,
        _ => FieldType::Line,
    }
}

/// `[a, b]`, or `{ a: What a means, b: … }`.
fn options(page: &Page, node: &Node) -> IndexMap<String, String> {
    let mut out = IndexMap::new();
    match &node.value {
        Yaml::Map(_) => {
            for (name, _, label) in named_members(page, node, 100, "values") {
                out.insert(name, page.text(label).unwrap_or_default());
            }
        }
        Yaml::List(_) | Yaml::Scalar(_) => {
            for item in page.list(node, 100) {
                let Some(name) = page.word(item) else { continue };
                if out.contains_key(&name) {
                    page.find(item.at, format!("`{name}` stands here twice; once is enough."));
                }
                out.insert(name.clone(), humanised(&name));
            }
        }
    }
    if out.is_empty() {
        page.find(node.at, "There are no values to choose from.");
    }
    out
}

/// `root_cause` is "Root cause".
pub(super) fn humanised(name: &str) -> String {
    let words = name.replace(['_', '-'], " ");
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// The value that stands at `node`, if it suits the type; otherwise a finding. Values of taxonomies become mentions.
pub(super) fn value(page: &Page, node: &Node, of: &FieldType) -> Option<Value> {
    match of {
        FieldType::Line | FieldType::Text => {
            let text = page.text(node)?;
            if matches!(of, FieldType::Line) && (text.chars().count() > 200 || text.contains('\n')) {
                page.find(node.at, "This field holds one line of at most 200 characters.");
                return None;
            }
            Some(Value::String(text))
        }
        FieldType::Choice(options) => option(page, node, options).map(Value::String),
        FieldType::Choices(options) => {
            let mut chosen = page.one_or_more(node, 100).iter().filter_map(|item| option(page, item, options)).collect::<Vec<_>>();
            chosen.sort();
            chosen.dedup();
            Some(Value::from(chosen))
        }
        FieldType::Taxonomy(list) => {
            let scalar = page.scalar(node, "a value of the taxonomy")?;
            page.mention(node.at, Sort::ValueOf(list.clone()), &scalar.text);
            Some(Value::String(scalar.text.clone()))
        }
        FieldType::Assets => {
            let assets = page.one_or_more(node, 50).iter().filter_map(|item| page.text(item)).collect::<Vec<_>>();
            Some(Value::from(assets))
        }
        FieldType::Number { min, max } => page.integer(node, *min, *max).map(Value::from),
        FieldType::Bool => page.truth(node).map(Value::Bool),
        FieldType::Word => page.word(node).map(Value::String),
        FieldType::Time | FieldType::Person | FieldType::Ticket | FieldType::System => {
            page.find(node.at, "A time, a person, a system or a ticket differs from case to case; it cannot be said in advance.");
            None
        }
    }
}

fn option(page: &Page, node: &Node, options: &IndexMap<String, String>) -> Option<String> {
    let scalar = page.scalar(node, "one of the field's values")?;
    if !options.contains_key(&scalar.text) {
        let hint = nearest(&scalar.text, options.keys().map(String::as_str));
        let known = options.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        page.find(node.at, format!("`{}` is not a value of this field{hint}There are {known}.", short(&scalar.text)));
        return None;
    }
    Some(scalar.text.clone())
}

/// Reads `matrix`: two choices that propose a third, every pair of values with its cell.
pub(super) fn read_matrix(page: &Page, node: &Node, at: At, fields: &IndexMap<String, Field>) -> Option<Matrix> {
    let section = Section::of(page, node, at, "`matrix`")?;
    let sets = section.need("sets", "the field that is proposed").and_then(|n| choice(page, n, fields));
    let rows = section.need("rows", "the field whose values are the rows").and_then(|n| choice(page, n, fields));
    let columns = section.need("columns", "the field whose values are the columns").and_then(|n| choice(page, n, fields));
    let cells = section.need("cells", "for each row, each column's value");
    section.done();
    let ((sets, values), (rows, row_values), (columns, column_values)) = (sets?, rows?, columns?);
    let cells = cells?;
    let mut out: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (row, value) in members(page, cells, 100, "rows") {
        if !row_values.contains_key(&row.text) {
            page.find(row.at, format!("`{}` is not a value of `{rows}`.", short(&row.text)));
        }
        for (column, cell) in members(page, value, 100, "columns") {
            if !column_values.contains_key(&column.text) {
                page.find(column.at, format!("`{}` is not a value of `{columns}`.", short(&column.text)));
            }
            if let Some(proposed) = option(page, cell, values) {
                out.entry(row.text.clone()).or_default().insert(column.text.clone(), proposed);
            }
        }
        for column in column_values.keys().filter(|c| row_values.contains_key(&row.text) && !has_key(value, c)) {
            page.find(row.at, format!("The cell for {rows} {} and {columns} {column} is missing.", row.text));
        }
    }
    for row in row_values.keys().filter(|r| !has_key(cells, r)) {
        page.find(cells.at, format!("The row for {rows} {row} is missing."));
    }
    Some(Matrix { sets, rows, columns, cells: out })
}

fn has_key(node: &Node, key: &str) -> bool {
    matches!(&node.value, Yaml::Map(members) if members.iter().any(|(k, _)| k.text == key))
}

type Options<'f> = &'f IndexMap<String, String>;

fn choice<'f>(page: &Page, node: &Node, fields: &'f IndexMap<String, Field>) -> Option<(String, Options<'f>)> {
    let name = page.named(node, Sort::Field)?;
    match fields.get(&name).map(|f| &f.of) {
        Some(FieldType::Choice(options)) => Some((name, options)),
        Some(_) => {
            page.find(node.at, format!("`{name}` must be of type choice to stand in a matrix."));
            None
        }
        None => None,
    }
}
