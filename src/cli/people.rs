//! `people`: the directory. Each change is asked at the desk by a person, and is an event.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use serde_json::{Value, json};

use super::beside::{self, Acting};
use super::{people_import, say};
use crate::config::Config;
use crate::desk::Desk;
use crate::desk::request::{Ask, Request};
use crate::env::{Env, Timestamp};
use crate::people::{PeopleCommand, Person, secret};
use crate::procedure::model::Permission;

/// How long a one-time link opens.
const LINK_OPENS: Duration = Duration::from_secs(24 * 3600);

/// `people`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    acting: Acting,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Add a person, and print a link with which they sign in once.
    Add {
        /// E-mail address.
        email: String,
        /// What the person is called.
        #[arg(long)]
        name: String,
        /// A role of playbooks/organisation.yaml; several may be given.
        #[arg(long = "role", value_name = "ROLE", required = true, num_args = 1.., value_delimiter = ',')]
        roles: Vec<String>,
    },
    /// Add everybody in a table with the columns email,name,roles: all of them, or nobody. People who are in the
    /// directory already are left as they are.
    Import {
        /// A CSV file (UTF-8); several roles are separated by spaces, commas or semicolons.
        #[arg(value_name = "FILE.csv")]
        file: PathBuf,
    },
    /// Show everybody, with roles and keys.
    List,
    /// Give a person these roles, and no others.
    Roles {
        /// E-mail address.
        email: String,
        /// The full set of roles from now on.
        #[arg(value_name = "ROLE", required = true, value_delimiter = ',')]
        roles: Vec<String>,
    },
    /// Stop a person's sessions, keys and links at once, for good.
    Disable {
        /// E-mail address.
        email: String,
        /// Why; it is recorded.
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
    /// Make an API key for a person and print it once; or revoke one.
    Key {
        /// E-mail address.
        email: String,
        /// Revoke the key with this id instead (`people list` shows ids).
        #[arg(long, value_name = "KEY")]
        revoke: Option<String>,
    },
    /// Link a chat account to a person whom you have verified yourself; or take a link back. People usually do this
    /// themselves: they sign in to the console, get a code, and type /countersign link CODE.
    Link {
        /// E-mail address.
        email: String,
        /// The account as the platform names it: slack:T0123/U0456 (in Slack: the profile's "Copy member ID").
        account: String,
        /// Take the link back instead, and why.
        #[arg(long, value_name = "WHY")]
        unlink: Option<String>,
    },
    /// Print a fresh link with which a person signs in once.
    Invite {
        /// E-mail address.
        email: String,
    },
}

/// A one-time link.
pub struct Link {
    /// The address to open, secret.
    pub address: String,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Runs it.
///
/// # Errors
/// With a sentence that says what to do.
pub async fn run(config: &Config, env: &Env, args: Args) -> anyhow::Result<ExitCode> {
    let desk = beside::open(config, env).await?.desk;
    let (words, data) = if matches!(args.action, Action::List) {
        list(&desk)
    } else {
        let by = beside::acting(&desk, args.acting.by.as_deref())?.map(|p| p.state.id);
        change(config, &desk, by, args.action).await?
    };
    if args.acting.json {
        say::json(&data)?;
    } else {
        say::line(words);
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks for what is wanted; gives what to say of it, and the same as data.
async fn change(config: &Config, desk: &Desk, by: Option<String>, action: Action) -> anyhow::Result<(String, Value)> {
    Ok(match action {
        Action::List => list(desk),
        Action::Import { file } => people_import::import(desk, by, &file).await?,
        Action::Add { email, name, roles } => {
            let id = add(desk, by.clone(), &name, &email, roles.clone()).await?;
            // The first administrator was added by nobody else, and acts from now on.
            let link = link(desk, by.or_else(|| Some(id.clone())), &id, &config.public_url).await?;
            (
                format!("{name} <{}> is in the directory, as {}.\n{}", email.to_lowercase(), roles.join(", "), said(&link)),
                json!({ "person": id, "name": name, "email": email.to_lowercase(), "roles": roles, "link": link.address, "link_expires_at": link.expires_at }),
            )
        }
        Action::Roles { email, roles } => {
            let person = find(desk, &email)?;
            ask(desk, by, PeopleCommand::SetRoles { person: person.state.id.clone(), roles: roles.clone() }).await?;
            (
                format!("From now on {} is {}.", person.name, roles.join(", ")),
                json!({ "person": person.state.id, "email": person.email, "roles": roles }),
            )
        }
        Action::Disable { email, why } => {
            let person = find(desk, &email)?;
            if why.trim().is_empty() {
                bail!("say why with --why; it is part of the record");
            }
            ask(desk, by, PeopleCommand::Disable { person: person.state.id.clone(), reason: desk.seal(why) }).await?;
            (
                format!("{} is disabled: sessions, keys and links of theirs open nothing any more.", person.name),
                json!({ "person": person.state.id, "email": person.email, "disabled": true }),
            )
        }
        Action::Key { email, revoke: None } => {
            let person = find(desk, &email)?;
            let (id, key) = make_key(desk, by, &person.state.id).await?;
            (
                format!(
                    "A new API key of {} (id {id}). It is shown once and kept nowhere:\n  {key}\nSend it as `Authorization: Bearer …`.",
                    person.name
                ),
                json!({ "person": person.state.id, "email": person.email, "key": id, "secret": key }),
            )
        }
        Action::Key { email, revoke: Some(key) } => {
            let person = find(desk, &email)?;
            if !person.state.keys.contains_key(&key) {
                bail!("{} has no key {key}; `countersign people list` shows the ids", person.email);
            }
            ask(desk, by, PeopleCommand::RevokeKey { key: key.clone() }).await?;
            (
                format!("The key {key} of {} opens nothing any more.", person.name),
                json!({ "person": person.state.id, "email": person.email, "key": key, "revoked": true }),
            )
        }
        Action::Link { email, account, unlink } => link_account(desk, by, &find(desk, &email)?, &account, unlink).await?,
        Action::Invite { email } => {
            let person = find(desk, &email)?;
            let link = link(desk, by, &person.state.id, &config.public_url).await?;
            (
                said(&link),
                json!({ "person": person.state.id, "email": person.email, "link": link.address, "link_expires_at": link.expires_at }),
            )
        }
    })
}

/// Links a chat account to somebody, or takes that back.
async fn link_account(
    desk: &Desk,
    by: Option<String>,
    person: &Person,
    handle: &str,
    unlink: Option<String>,
) -> anyhow::Result<(String, Value)> {
    let id = person.state.id.clone();
    let Some(why) = unlink else {
        let handle_sealed = desk.seal(handle.trim());
        ask(desk, by, PeopleCommand::LinkAccount { person: id.clone(), account: desk.env().id("a_"), handle: handle_sealed }).await?;
        let words = format!("The chat account {handle} is {}'s from now on; what is done there counts as done by them.", person.name);
        return Ok((words, json!({ "person": id, "email": person.email, "account": handle, "linked": true })));
    };
    let account =
        desk.snapshot().directory.by_handle(handle).filter(|a| a.state.person.as_deref() == Some(&id)).map(|a| a.state.id.clone());
    let Some(account) = account else { bail!("the chat account {handle} is not linked to {}", person.email) };
    if why.trim().is_empty() {
        bail!("say why with --unlink; it is part of the record");
    }
    ask(desk, by, PeopleCommand::UnlinkAccount { account, reason: desk.seal(why) }).await?;
    let words = format!("The chat account {handle} is nobody's any more.");
    Ok((words, json!({ "person": id, "email": person.email, "account": handle, "linked": false })))
}

fn said(link: &Link) -> String {
    format!("This link signs in once, until {}; hand it over privately:\n  {}", minute(link.expires_at), link.address)
}

fn minute(at: Timestamp) -> String {
    at.utc().format("%Y-%m-%d %H:%M UTC").to_string()
}

/// The person with this address.
fn find(desk: &Desk, email: &str) -> anyhow::Result<Person> {
    match desk.snapshot().directory.by_email(email) {
        Some(person) => Ok(person.clone()),
        None => bail!("I know nobody by {email}; `countersign people list` shows everybody"),
    }
}

async fn ask(desk: &Desk, by: Option<String>, command: PeopleCommand) -> anyhow::Result<()> {
    desk.ask(Request::of_operator(by, Ask::People(command))).await?;
    Ok(())
}

/// Adds a person, and gives their id.
///
/// # Errors
/// When the directory refuses; the first person must be able to administer.
pub async fn add(desk: &Desk, by: Option<String>, name: &str, email: &str, roles: Vec<String>) -> anyhow::Result<String> {
    let snapshot = desk.snapshot();
    if let (None, Some(library)) = (&by, snapshot.procedures.current()) {
        let may: Vec<&str> = library
            .organisation
            .roles
            .iter()
            .filter(|(_, role)| role.may.contains(&Permission::Administer))
            .map(|(name, _)| name.as_str())
            .collect();
        if !roles.iter().any(|role| may.contains(&role.as_str())) {
            bail!(
                "the first person must be able to administer, so that there is somebody to add the others; give the role {}",
                may.join(" or ")
            );
        }
    }
    let id = desk.env().id("p_");
    let command = PeopleCommand::Add { id: id.clone(), name: desk.seal(name.trim()), email: desk.seal(email.trim().to_lowercase()), roles };
    ask(desk, by, command).await?;
    Ok(id)
}

/// Makes an API key: its public id, and the key itself, which is kept nowhere.
///
/// # Errors
/// When the directory refuses.
pub async fn make_key(desk: &Desk, by: Option<String>, person: &str) -> anyhow::Result<(String, String)> {
    let id = desk.env().id("k");
    let minted = secret::mint_key(desk.env(), &id);
    ask(desk, by, PeopleCommand::IssueKey { person: person.to_owned(), key: id.clone(), sha256: minted.sha256 }).await?;
    Ok((id, minted.shown))
}

/// Makes a one-time link. The token stands in the fragment, which browsers send to nobody and which no log holds.
///
/// # Errors
/// When the directory refuses.
pub async fn link(desk: &Desk, by: Option<String>, person: &str, public_url: &str) -> anyhow::Result<Link> {
    let minted = secret::mint(desk.env());
    let expires_at = desk.now().plus(LINK_OPENS);
    let ask = Ask::IssueLink { person: person.to_owned(), hash: minted.sha256, expires_at };
    desk.ask(Request::of_operator(by, ask)).await?;
    Ok(Link { address: format!("{public_url}/console/sign-in#{}", minted.shown), expires_at })
}

fn list(desk: &Desk) -> (String, Value) {
    let snapshot = desk.snapshot();
    let mut people: Vec<&Person> = snapshot.directory.iter().collect();
    people.sort_by(|a, b| (a.state.disabled, &a.email).cmp(&(b.state.disabled, &b.email)));
    let accounts = |p: &Person| snapshot.directory.accounts_of(&p.state.id).map(|a| a.handle.clone()).collect::<Vec<_>>();
    let data = people.iter().map(|p| row(p, &accounts(p))).collect();
    if people.is_empty() {
        let words = "There is nobody yet. Add the first administrator:\n  countersign people add EMAIL --name NAME --role administrator";
        return (words.to_owned(), data);
    }
    let rows: Vec<Vec<String>> = people
        .iter()
        .map(|p| {
            let open = p.state.keys.iter().filter(|(_, key)| !key.revoked && !p.state.disabled);
            let keys: Vec<&str> = open.map(|(id, _)| id.as_str()).collect();
            let status = if p.state.disabled { "disabled" } else { "active" };
            vec![p.email.clone(), p.name.clone(), status.to_owned(), p.state.roles.join(" "), keys.join(" "), accounts(p).join(" ")]
        })
        .collect();
    (say::table(&["EMAIL", "NAME", "STATUS", "ROLES", "KEYS", "CHAT"], &rows), data)
}

fn row(person: &Person, accounts: &[String]) -> Value {
    let keys: Vec<Value> = person.state.keys.iter().map(|(id, key)| json!({ "key": id, "revoked": key.revoked })).collect();
    json!({
        "person": person.state.id,
        "name": person.name,
        "email": person.email,
        "roles": person.state.roles,
        "disabled": person.state.disabled,
        "keys": keys,
        "accounts": accounts,
    })
}
