//! The first start of a log, and every later one: the playbooks are those that were adopted, or the service does not start.

use std::sync::Arc;

use super::procedures::read;
use super::request::{Ask, Request, Unanswered};
use super::{Desk, DeskError, SCHEMA};
use crate::env::Env;
use crate::ledger::merkle::Frontier;
use crate::procedure::model::Library;
use crate::store::Store;
use crate::store::attachments::Attachments;

/// What a log is started with.
pub struct Founding {
    /// The log's name, unless it has one.
    pub origin: String,
    /// It is a demonstration. A log is one for ever, or never.
    pub demo: bool,
    /// The playbooks at hand: path and bytes.
    pub playbooks: Vec<(String, Vec<u8>)>,
    /// They are the organisation's own files. Those that come with the program only found a log: a log that was founded
    /// goes on with what it adopted, whatever a newer program brings.
    pub own: bool,
}

fn unanswered(error: &Unanswered) -> DeskError {
    DeskError::Wrong(error.to_string())
}

/// Opens the desk, founding the log if there is none.
///
/// # Errors
/// When the database does not answer, the log is of another sort, or the playbooks are not the adopted ones.
pub async fn open(store: Store, attachments: Attachments, env: Env, founding: Founding) -> Result<Desk, DeskError> {
    let library = Arc::new(read(founding.playbooks)?);
    store.found(&founding.origin, SCHEMA, &Frontier::new().to_bytes(), founding.demo, env.bytes()).await?;
    let desk = open_existing(store, attachments, env).await?;
    let head = desk.store().head().await?.ok_or_else(|| DeskError::Log("the log has no head".to_owned()))?;
    match (head.demo, founding.demo) {
        (true, false) => {
            return Err(DeskError::Wrong(
                "this database is a demonstration's, and a demonstration never becomes a record; point `database` at another one"
                    .to_owned(),
            ));
        }
        (false, true) => {
            return Err(DeskError::Wrong(
                "this database holds a real log; a demonstration needs a folder of its own (--data DIR)".to_owned(),
            ));
        }
        _ => {}
    }
    if desk.snapshot().size == 0 {
        let ask = Ask::OpenLog { origin: head.origin, demo: head.demo };
        desk.ask_as_scheduler(ask).await.map_err(|e| unanswered(&e))?;
    }
    match desk.snapshot().procedures.current().cloned() {
        None => {
            let why = desk.seal("The first start of this log.");
            desk.ask_as_scheduler(Ask::Adopt { library, why }).await.map_err(|e| unanswered(&e))?;
        }
        Some(adopted) => {
            if let Some(difference) = difference(&adopted, &library) {
                if !founding.own {
                    tracing::info!(
                        difference,
                        "this version comes with other playbooks; the log goes on with the adopted ones until `countersign playbooks adopt`"
                    );
                    return Ok(desk);
                }
                return Err(DeskError::Playbooks(format!(
                    "the playbooks here are not the ones that were adopted ({difference}). Record the change with `countersign playbooks adopt --why \"…\"`, or put the adopted files back"
                )));
            }
        }
    }
    Ok(desk)
}

/// A desk on a SQLite file in this folder: for the tests of rooms that know nothing of databases.
#[cfg(test)]
pub(crate) async fn open_in(folder: &std::path::Path, env: Env, founding: Founding) -> Result<Desk, DeskError> {
    let store = Store::open(&format!("sqlite:{}", folder.join("test.db").display())).await?;
    let attachments = Attachments::open(&folder.join("files")).map_err(|e| DeskError::Wrong(e.to_string()))?;
    open(store, attachments, env, founding).await
}

/// Opens the desk on a log as it stands.
///
/// # Errors
/// When the database does not answer, or there is no log in it.
pub async fn open_existing(store: Store, attachments: Attachments, env: Env) -> Result<Desk, DeskError> {
    Desk::open(store, attachments, env).await
}

/// Adopts the playbooks at hand, as a person.
///
/// # Errors
/// When they do not load, or the person may not.
pub async fn adopt(desk: &Desk, person: Option<String>, files: Vec<(String, Vec<u8>)>, why: &str) -> Result<Option<String>, DeskError> {
    let library = Arc::new(read(files)?);
    let before = desk.snapshot().procedures.current().cloned();
    let change = before.as_ref().and_then(|b| difference(b, &library));
    if before.is_some() && change.is_none() {
        return Ok(None);
    }
    let ask = Ask::Adopt { library, why: desk.seal(why) };
    desk.ask(Request::of_operator(person, ask)).await.map_err(|e| unanswered(&e))?;
    Ok(Some(change.unwrap_or_else(|| "first adoption".to_owned())))
}

/// What the playbooks at hand change against the adopted ones, in words; `None` when they are the same.
///
/// # Errors
/// When they do not load.
pub fn changes(desk: &Desk, files: Vec<(String, Vec<u8>)>) -> Result<Option<String>, DeskError> {
    let library = read(files)?;
    Ok(match desk.snapshot().procedures.current() {
        Some(adopted) => difference(adopted, &library),
        None => Some("none were adopted yet".to_owned()),
    })
}

/// What differs between two sets of files, in words; none when nothing does.
fn difference(adopted: &Library, found: &Library) -> Option<String> {
    let mut words = Vec::new();
    for file in &found.files {
        match adopted.files.iter().find(|f| f.path == file.path) {
            None => words.push(format!("{} is new", file.path)),
            Some(other) if other.digest != file.digest => words.push(format!("{} differs", file.path)),
            Some(_) => {}
        }
    }
    let gone = adopted.files.iter().filter(|f| !found.files.iter().any(|o| o.path == f.path));
    words.extend(gone.map(|f| format!("{} is gone", f.path)));
    (!words.is_empty()).then(|| words.join(", "))
}
