//! The content of a bundle, read off the database at one position: the log twice (first for what there is, then to hand
//! it out), and the tables that restate it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

use super::beside::Beside;
use super::say;
use super::selection::Wanted;
use crate::desk::publish;
use crate::desk::rebuild::Rebuilt;
use crate::env::Timestamp;
use crate::evidence::bundle::{BundleWriter, Scope};
use crate::evidence::package::Package;
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::disclosed::Disclosed;
use crate::ledger::key::VerifierKey;
use crate::ledger::note::{Note, Signer};
use crate::store::Store;
use crate::store::commit::SealedRow;
use crate::ticket::event::{Actor, Event, Fact};
use crate::ticket::followed::followed;
use crate::ticket::number::Number;
use crate::ticket::state::{Held, Ticket};

/// Events read at a time.
const PAGE: i64 = 1000;

/// The columns of tickets.csv.
const TICKET_COLUMNS: [&str; 18] = [
    "number",
    "kind",
    "title",
    "status",
    "severity",
    "opened_at",
    "updated_at",
    "ended_at",
    "opened_by",
    "owner",
    "lead",
    "intake",
    "response",
    "kind_digest",
    "completion_percent",
    "merged_into",
    "rev",
    "seq",
];
/// The columns of people.csv: one row for each set of roles that a person held.
const PEOPLE_COLUMNS: [&str; 7] = ["person", "name", "email", "roles", "from", "until", "ended_by"];

/// What was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// SHA-256 of the manifest, hex.
    pub digest: String,
    /// Number of events that it describes.
    pub position: i64,
    /// Tickets in it.
    pub tickets: i64,
    /// Attachments in it.
    pub files: usize,
}

/// What the first pass over the log found.
#[derive(Default)]
struct Found {
    rebuilt: Rebuilt,
    people: Vec<Map<String, Value>>,
}

/// Writes the bundle of the log up to the signed checkpoint; `watched` when somebody wants to see how far it is.
///
/// # Errors
/// When the database does not answer, or something in it is damaged.
pub async fn write(
    beside: &Beside,
    package: Package,
    wanted: &Wanted,
    note: &Note,
    signer: &Signer,
    witnesses: &[VerifierKey],
    watched: bool,
) -> anyhow::Result<Written> {
    let key = signer.verifier();
    let size = i64::try_from(Checkpoint::of_note(note, key)?.size)?;
    let bar = |what| if watched { say::progress(size.unsigned_abs(), what) } else { say::Progress::quiet() };
    let found = read(&beside.store, size, bar("reading the log")).await?;
    let known: BTreeSet<&Number> = found.rebuilt.tickets.keys().collect();
    if let [first, ..] = wanted.missing(&known).as_slice() {
        bail!("there is no ticket {first}; nothing was exported");
    }
    // A kind that the playbooks no longer have is still the kind of older tickets.
    let mut kinds: BTreeSet<String> = found.rebuilt.tickets.values().map(|ticket| ticket.kind.clone()).collect();
    kinds.extend(beside.desk.snapshot().procedures.current().into_iter().flat_map(|library| library.kinds.keys().cloned()));
    if let Some(kind) = wanted.kind().filter(|kind| !kinds.contains(*kind)) {
        let known: Vec<&str> = kinds.iter().map(String::as_str).collect();
        bail!("there is no kind {kind}; there are {}. Nothing was exported", known.join(", "));
    }
    let tickets: BTreeMap<&Number, &Ticket> = found.rebuilt.tickets.iter().filter(|(_, t)| wanted.takes(t)).collect();
    let scope = Scope { all: wanted.all(), query: wanted.query(), period: wanted.period() };
    let mut history = Vec::new();
    let mut from = 0;
    for (seq, epoch) in publish::epochs(&beside.store).await? {
        history.push(json!({ "vkey": epoch.old_vkey, "from": from }));
        from = seq;
    }
    history.push(json!({ "vkey": key.to_string(), "from": from }));
    let history = Value::from(history);
    let mut writer = BundleWriter::begin(package, scope, note, key, witnesses, &history)?;
    let chosen: BTreeSet<&Number> = tickets.keys().copied().collect();
    let files = hand_out_log(&beside.store, &mut writer, size, (&chosen, wanted.all()), bar("writing the bundle")).await?;
    for sha256 in &files {
        let path = beside.attachments.path(sha256)?;
        let file = std::fs::File::open(&path).with_context(|| format!("an attachment is missing: {}", path.display()))?;
        writer.attachment(sha256, std::io::BufReader::new(file))?;
    }
    hand_out_playbooks(&beside.store, &mut writer, size).await?;
    let mut rows = Vec::with_capacity(tickets.len());
    for ticket in tickets.values() {
        rows.push(ticket_row(&beside.store, ticket).await?);
    }
    writer.tickets(&TICKET_COLUMNS, &rows)?;
    writer.people(&PEOPLE_COLUMNS, &found.people)?;
    let digest = writer.finish(signer)?;
    Ok(Written { digest, position: size, tickets: i64::try_from(rows.len())?, files: files.len() })
}

/// The first pass: every ticket as it stood at this position, and who held which roles when.
async fn read(store: &Store, size: i64, bar: say::Progress) -> anyhow::Result<Found> {
    let mut found = Found::default();
    while found.rebuilt.size < size {
        let from = found.rebuilt.size;
        for (seq, bytes) in store.events_from(from, PAGE.min(size - from)).await? {
            let event: Event = serde_json::from_slice(&bytes)
                .with_context(|| format!("event {seq} does not read back; run `countersign verify --database`"))?;
            found.rebuilt.take(&event);
            note_person(store, &mut found.people, &event).await?;
        }
        if found.rebuilt.size == from {
            bail!("event {from} is missing; run `countersign verify --database`");
        }
        bar.set_position(u64::try_from(found.rebuilt.size)?);
    }
    bar.finish();
    Ok(found)
}

/// The second pass: every event, with the values that go with it. Gives the attachments that it names.
async fn hand_out_log(
    store: &Store,
    writer: &mut BundleWriter,
    size: i64,
    (chosen, all): (&BTreeSet<&Number>, bool),
    bar: say::Progress,
) -> anyhow::Result<BTreeSet<String>> {
    let mut files = BTreeSet::new();
    let mut from = 0;
    while from < size {
        let to = size.min(from + PAGE);
        let mut sealed: BTreeMap<i64, Vec<SealedRow>> = BTreeMap::new();
        for row in store.sealed_from(from, to).await? {
            sealed.entry(row.seq).or_default().push(row);
        }
        for (seq, bytes) in store.events_from(from, to - from).await? {
            let event: Event = serde_json::from_slice(&bytes)?;
            // Names are shown in every bundle: without them nobody can read who did it.
            let shown = all || matches!(event.fact, Fact::PersonAdded { .. }) || event.ticket.as_ref().is_some_and(|n| chosen.contains(n));
            let rows = sealed.remove(&seq).filter(|_| shown).unwrap_or_default();
            if let Fact::EvidenceAttached(_) = event.fact {
                files.extend(rows.iter().filter(|r| r.name == "sha256").map(|r| String::from_utf8_lossy(&r.bytes).into_owned()));
            }
            let disclosed = rows.into_iter().map(disclosed).collect::<anyhow::Result<Vec<_>>>()?;
            writer.event(&bytes, disclosed)?;
        }
        from = to;
        bar.set_position(u64::try_from(from)?);
    }
    bar.finish();
    Ok(files)
}

/// A sealed value as the bundle shows it.
///
/// # Errors
/// When its salt does not have 32 bytes.
pub fn disclosed(row: SealedRow) -> anyhow::Result<Disclosed> {
    let salt = row.salt.try_into().map_err(|_| anyhow::anyhow!("the salt of {:?} of event {} is damaged", row.name, row.seq))?;
    Ok(Disclosed { seq: u64::try_from(row.seq)?, name: row.name, salt, value: row.bytes })
}

async fn hand_out_playbooks(store: &Store, writer: &mut BundleWriter, size: i64) -> anyhow::Result<()> {
    let adopted: BTreeSet<String> = store.adopted().await?.into_iter().filter(|(seq, ..)| *seq < size).map(|(.., digest)| digest).collect();
    let stored: BTreeMap<String, Vec<u8>> = store.playbooks().await?.into_iter().map(|(digest, _, bytes)| (digest, bytes)).collect();
    for digest in adopted {
        let bytes = stored.get(&digest).with_context(|| format!("the adopted playbook {digest} is missing in the database"))?;
        writer.playbook(bytes)?;
    }
    Ok(())
}

/// Keeps people.csv in step: a row ends when the roles change or the person is disabled.
async fn note_person(store: &Store, rows: &mut Vec<Map<String, Value>>, event: &Event) -> anyhow::Result<()> {
    let (person, roles) = match &event.fact {
        Fact::PersonAdded { person, roles } | Fact::RolesChanged { person, roles } => (person, Some(roles)),
        Fact::PersonDisabled { person } => (person, None),
        _ => return Ok(()),
    };
    let latest = rows.iter_mut().rev().find(|row| row.get("person").and_then(Value::as_str) == Some(person));
    let (mut name, mut email) = (Value::Null, Value::Null);
    if let Some(row) = latest {
        row.insert("until".to_owned(), json!(event.at));
        row.insert("ended_by".to_owned(), json!(if roles.is_some() { "other roles" } else { "disabled" }));
        name = row.get("name").cloned().unwrap_or_default();
        email = row.get("email").cloned().unwrap_or_default();
    } else {
        for value in store.sealed_at(event.seq).await? {
            let text = Value::String(String::from_utf8_lossy(&value.bytes).into_owned());
            match value.name.as_str() {
                "name" => name = text,
                "email" => email = text,
                _ => {}
            }
        }
    }
    if let Some(roles) = roles {
        let row = json!({ "person": person, "name": name, "email": email, "roles": roles.join(" "), "from": event.at });
        rows.extend(row.as_object().cloned());
    }
    Ok(())
}

/// A ticket's row: flat columns for the table, and in the JSON lines everything that people may want beside them.
async fn ticket_row(store: &Store, ticket: &Ticket) -> anyhow::Result<Map<String, Value>> {
    let mut fields = Map::new();
    for (name, held) in &ticket.fields {
        let value = match held {
            Held::Plain(value) => value.clone(),
            Held::Sealed(sealed) => {
                let rows = store.sealed_at(sealed.seq).await?;
                let found = rows.into_iter().find(|row| row.name == sealed.name);
                found.map_or(Value::Null, |row| Value::String(String::from_utf8_lossy(&row.bytes).into_owned()))
            }
        };
        fields.insert(name.clone(), value);
    }
    let moment = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let followed = followed(ticket);
    let row = json!({
        "number": ticket.number,
        "kind": ticket.kind,
        "title": fields.get("title"),
        "status": ticket.status,
        "severity": fields.get("severity"),
        "opened_at": ticket.opened_at,
        "updated_at": ticket.updated_at,
        "ended_at": moment(ticket.ended_at),
        "opened_by": actor(&ticket.opened_by),
        "owner": ticket.owner,
        "lead": ticket.lead,
        "intake": ticket.intake,
        "response": ticket.response.as_ref().map(|r| r.name.clone()),
        "merged_into": ticket.merged_into.as_ref().map(|(number, _)| number),
        "rev": ticket.rev,
        "seq": ticket.seq,
        "kind_digest": ticket.kind_digest,
        "fields": fields,
        "steps": ticket.steps,
        "tasks": ticket.tasks,
        "links": ticket.links,
        "files": ticket.files,
        "clocks": ticket.clocks,
        "owed": ticket.owed,
        "alerts": ticket.alerts,
        "completion_percent": followed.completion_percent,
        "followed": followed,
        "merged_from": ticket.merged_from,
    });
    Ok(row.as_object().cloned().unwrap_or_default())
}

fn actor(actor: &Actor) -> String {
    match actor {
        Actor::Person { id, .. } => id.clone(),
        Actor::Source { name } => format!("source {name}"),
        Actor::Account { id } => format!("unverified account {id}"),
        Actor::Scheduler => "scheduler".to_owned(),
    }
}
