//! The desk beside a running `serve`: commands that change something ask the same desk by the same algorithm, and the
//! database decides who goes first.

use anyhow::bail;

use super::service::address_of;
use crate::config::{Config, Database};
use crate::desk::{Desk, founding};
use crate::env::Env;
use crate::people::Person;
use crate::procedure::model::{Organisation, Permission};
use crate::store::Store;
use crate::store::attachments::Attachments;

/// Who acts with a command, and in which form its answer is wanted.
#[derive(Debug, clap::Args)]
pub struct Acting {
    /// Who acts, by e-mail address; left out, the only active administrator.
    #[arg(long, global = true, value_name = "EMAIL")]
    pub by: Option<String>,
    /// Print JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

/// An opened desk, with what it stands on.
pub struct Beside {
    /// The desk.
    pub desk: Desk,
    /// Its database, for reading.
    pub store: Store,
    /// Its files.
    pub attachments: Attachments,
}

/// Opens the database that the configuration names; nothing is made or founded.
///
/// # Errors
/// With a sentence that says what to do.
pub async fn open(config: &Config, env: &Env) -> anyhow::Result<Beside> {
    let store = open_store(&config.database).await?;
    if store.head().await?.is_none_or(|head| head.size == 0) {
        bail!("this database holds no log yet; start `countersign serve` once, or begin with `countersign init`");
    }
    let attachments = Attachments::existing(&config.attachments);
    let desk = founding::open_existing(store.clone(), attachments.clone(), env.clone()).await?;
    if config.slack.is_some() {
        desk.tells_on(crate::outbound::slack::deliver::PLATFORM);
    }
    Ok(Beside { desk, store, attachments })
}

/// Opens a database that is there already.
///
/// # Errors
/// With a sentence that says what to do.
pub async fn open_store(database: &Database) -> anyhow::Result<Store> {
    if let Database::Sqlite { path } = database
        && !path.exists()
    {
        bail!(
            "there is no database at {}; begin with `countersign init`, or name the configuration of the service with --config FILE",
            path.display()
        );
    }
    Ok(Store::open_existing(&address_of(database)).await?)
}

/// Who acts: the person with the address `by`, or the only one who may administer. `None` while nobody may.
///
/// # Errors
/// When `by` is nobody active, or several may administer and none was named.
pub fn acting(desk: &Desk, by: Option<&str>) -> anyhow::Result<Option<Person>> {
    let snapshot = desk.snapshot();
    if let Some(email) = by {
        return match snapshot.directory.by_email(email) {
            Some(person) if !person.state.disabled => Ok(Some(person.clone())),
            Some(_) => bail!("{email} is disabled; somebody else has to act"),
            None => bail!("I know nobody by {email}; `countersign people list` shows everybody"),
        };
    }
    let Some(library) = snapshot.procedures.current() else { return Ok(None) };
    let administrators = snapshot.directory.administrators(&library.organisation);
    match administrators.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some((*one).clone())),
        several => {
            let names: Vec<&str> = several.iter().map(|p| p.email.as_str()).collect();
            bail!("several people may administer ({}); say who you are with --by EMAIL", names.join(", "))
        }
    }
}

/// Who acts, and may do so.
///
/// # Errors
/// As [`acting`], and when that person may not, naming those who may.
pub fn acting_with(desk: &Desk, by: Option<&str>, permission: Permission, what: &str) -> anyhow::Result<Person> {
    let snapshot = desk.snapshot();
    let Some(library) = snapshot.procedures.current() else { bail!("no playbooks were adopted yet; start `countersign serve` once") };
    let organisation: &Organisation = &library.organisation;
    let allowed = || {
        let names: Vec<&str> =
            snapshot.directory.iter().filter(|p| !p.state.disabled && p.may(organisation, permission)).map(|p| p.email.as_str()).collect();
        if names.is_empty() {
            let roles: Vec<&str> =
                organisation.roles.iter().filter(|(_, r)| r.may.contains(&permission)).map(|(name, _)| name.as_str()).collect();
            return format!("nobody can yet: `countersign people add` somebody with a role that may ({})", roles.join(", "));
        }
        format!("{} can: name one with --by EMAIL", names.join(", "))
    };
    match acting(desk, by)? {
        Some(person) if person.may(organisation, permission) => Ok(person),
        Some(person) => bail!("{} has no role that may {what}; {}", person.email, allowed()),
        None => bail!("there is nobody to act yet; add the first administrator with `countersign people add`"),
    }
}
