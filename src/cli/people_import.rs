//! `people import`: a table of people into the directory, all of them or nobody. People who are there already are left
//! alone, so that the same table can be imported again.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::desk::request::{Ask, Request};
use crate::people::decide::{self, MOST_AT_ONCE, Newcomer};
use crate::people::{Directory, PeopleCommand};
use crate::procedure::model::{Organisation, Permission};

/// The columns, in any order.
const COLUMNS: [&str; 3] = ["email", "name", "roles"];
/// The largest table, in bytes.
const MOST_BYTES: u64 = 1 << 20;
/// Bad lines that are named.
const MOST_NAMED: usize = 20;

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    /// Where it stands in the file, from 1.
    line: u64,
    email: String,
    name: String,
    roles: Vec<String>,
}

/// Imports the table at `path`; gives what to say, and the same as data.
///
/// # Errors
/// With every bad line by its number; then nobody was added.
pub async fn import(desk: &Desk, by: Option<String>, path: &Path) -> anyhow::Result<(String, Value)> {
    let lines = read(path)?;
    let snapshot = desk.snapshot();
    let Some(library) = snapshot.procedures.current() else { bail!("no playbooks were adopted yet; start `countersign serve` once") };
    let (new, known) = judge(&lines, &snapshot.directory, &library.organisation)?;
    if by.is_none() && !new.is_empty() {
        let may: Vec<&str> =
            library.organisation.roles.iter().filter(|(_, r)| r.may.contains(&Permission::Administer)).map(|(n, _)| n.as_str()).collect();
        bail!(
            "there is nobody yet who may administer; add the first one with `countersign people add EMAIL --name NAME --role {}`",
            may.join("|")
        );
    }
    let mut added = Vec::new();
    let newcomer = |line: &&Line| {
        let id = desk.env().id("p_");
        added.push(json!({ "person": id, "email": line.email, "name": line.name, "roles": line.roles }));
        let (name, email) = (desk.seal(line.name.as_str()), desk.seal(line.email.as_str()));
        Newcomer { id, name, email, roles: line.roles.clone() }
    };
    let newcomers: Vec<Newcomer> = new.iter().map(newcomer).collect();
    if !newcomers.is_empty() {
        desk.ask(Request::of_operator(by, Ask::People(PeopleCommand::AddAll(newcomers)))).await?;
    }
    Ok((said(&new, &known), json!({ "added": added, "known": known })))
}

fn said(new: &[&Line], known: &[String]) -> String {
    let mut out = match new.len() {
        0 => "Nobody was added.".to_owned(),
        1 => "1 person is in the directory now.".to_owned(),
        n => format!("{n} people are in the directory now."),
    };
    if !known.is_empty() {
        out.push_str(&format!("\nThere already, and left as they were: {}.", known.join(", ")));
    }
    if !new.is_empty() {
        out.push_str("\nEach signs in with a link of their own: countersign people invite EMAIL");
    }
    out
}

fn read(path: &Path) -> anyhow::Result<Vec<Line>> {
    let file = std::fs::File::open(path).with_context(|| format!("{} cannot be opened", path.display()))?;
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(file, MOST_BYTES + 1), &mut bytes)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    if bytes.len() as u64 > MOST_BYTES {
        bail!("{} is larger than 1 MiB; is it the right file?", path.display());
    }
    let text = String::from_utf8(bytes).map_err(|_| anyhow::anyhow!("{} is not UTF-8 text; save it as CSV in UTF-8", path.display()))?;
    parse(text.trim_start_matches('\u{feff}')).with_context(|| path.display().to_string())
}

/// Reads the table (RFC 4180, but no cell goes over two lines, since no name does).
fn parse(text: &str) -> anyhow::Result<Vec<Line>> {
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let (_, header) = lines.next().context("there is nothing in it")?;
    let place: BTreeMap<String, usize> = cells(header).into_iter().enumerate().map(|(at, name)| (name.to_lowercase(), at)).collect();
    let missing: Vec<&str> = COLUMNS.into_iter().filter(|name| !place.contains_key(*name)).collect();
    if !missing.is_empty() {
        bail!("the first line must name the columns email,name,roles; {} is not there", missing.join(" and "));
    }
    let mut out = Vec::new();
    for (line, text) in lines {
        let cells = cells(text);
        let cell = |name: &str| place.get(name).and_then(|at| cells.get(*at)).map_or("", String::as_str);
        let roles = cell("roles").split([' ', ',', ';', '|']).filter(|role| !role.is_empty()).map(str::to_owned).collect();
        out.push(Line { line, email: cell("email").to_lowercase(), name: cell("name").to_owned(), roles });
    }
    if out.is_empty() {
        bail!("there is nobody in it");
    }
    Ok(out)
}

/// The cells of one line.
fn cells(line: &str) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(line.as_bytes());
    // Text in memory always reads: what is quoted wrongly stands in a cell as it is, and is judged there.
    reader.records().filter_map(Result::ok).flat_map(|record| record.iter().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Who is new, and the addresses of those who are there already.
fn judge<'l>(lines: &'l [Line], directory: &Directory, organisation: &Organisation) -> anyhow::Result<(Vec<&'l Line>, Vec<String>)> {
    let (mut new, mut known, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    let mut first: BTreeMap<&str, u64> = BTreeMap::new();
    for line in lines {
        let mut bad = |why: String| wrong.push(format!("line {}: {why}", line.line));
        if let Err(why) = decide::check_address(&line.email) {
            bad(why.to_string());
        } else if let Some(earlier) = first.insert(&line.email, line.line) {
            bad(format!("{} stands in line {earlier} already", line.email));
        }
        if let Err(why) = decide::check_name(&line.name) {
            bad(why.to_string());
        }
        if line.roles.is_empty() {
            bad("it gives no role".to_owned());
        }
        if let Err(why) = decide::check_roles(organisation, &line.roles) {
            bad(why.to_string());
        }
        if directory.by_email(&line.email).is_some() { known.push(line.email.clone()) } else { new.push(line) }
    }
    if new.len() > MOST_AT_ONCE {
        wrong.push(format!("{} people at once are too many; import at most {MOST_AT_ONCE} at a time", new.len()));
    }
    if !wrong.is_empty() {
        let more = wrong.len().saturating_sub(MOST_NAMED);
        wrong.truncate(MOST_NAMED);
        let more = if more == 0 { String::new() } else { format!("\n  and {more} more") };
        bail!("nobody was added; correct these, then import it again:\n  {}{more}", wrong.join("\n  "));
    }
    Ok((new, known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procedure;

    #[test]
    fn columns_stand_in_any_order_and_roles_are_separated_as_people_do() {
        let table = "\u{feff}Name,Email,Roles\r\n\"Moreau, Ana\",Ana@Example.com,\"responder, auditor\"\r\n\r\nBo,bo@example.com,responder;approver\r\n";
        let lines = parse(table.trim_start_matches('\u{feff}')).unwrap();
        assert_eq!(
            lines[0],
            Line {
                line: 2,
                email: "ana@example.com".into(),
                name: "Moreau, Ana".into(),
                roles: vec!["responder".into(), "auditor".into()]
            }
        );
        assert_eq!((lines[1].line, lines[1].roles.len()), (4, 2));
        assert!(parse("email,name\na@example.com,A\n").unwrap_err().to_string().contains("roles is not there"));
        assert!(parse("email,name,roles\n").unwrap_err().to_string().contains("nobody in it"));
    }

    #[test]
    fn every_bad_line_is_named_with_its_number() {
        let library = procedure::load(procedure::built_in()).expect("the shipped playbooks load");
        let table = "email,name,roles\nana@example.com,Ana,responder\nnobody,Bo,king\nana@example.com,Ana,responder\nc@example.com,,\n";
        let wrong = judge(&parse(table).unwrap(), &Directory::default(), &library.organisation).unwrap_err().to_string();
        for line in [
            "line 3: \"nobody\" is not an e-mail",
            "line 3: there is no role king",
            "line 4: ana@example.com stands in line 2 already",
            "line 5: a person's name",
            "line 5: it gives no role",
        ] {
            assert!(wrong.contains(line), "{line}: {wrong}");
        }
        assert!(!wrong.contains("line 2:"));
    }
}
