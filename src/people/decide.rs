//! What may be asked of the directory, and by whom. Pure: the desk brings the facts and writes the events.

use super::accounts::is_handle;
use super::directory::{CALENDAR, Directory, Person};
use crate::ledger::sealed::Sealed;
use crate::procedure::model::{Organisation, Permission};
use crate::ticket::event::{Actor, Fact, NewEvent};

/// A request about people.
#[derive(Clone, Debug, PartialEq)]
pub enum PeopleCommand {
    /// Add somebody whom the asker has verified.
    Add {
        /// A fresh opaque id.
        id: String,
        /// Sealed UTF-8.
        name: Sealed,
        /// Sealed UTF-8, lower case.
        email: Sealed,
        /// Roles.
        roles: Vec<String>,
    },
    /// Add several people, each by an event of their own: all of them, or nobody.
    AddAll(Vec<Newcomer>),
    /// Give exactly these roles.
    SetRoles {
        /// Whose.
        person: String,
        /// All of them.
        roles: Vec<String>,
    },
    /// Stop all accounts at once.
    Disable {
        /// Whose.
        person: String,
        /// Why.
        reason: Sealed,
    },
    /// A new API key.
    IssueKey {
        /// Whose.
        person: String,
        /// Public id.
        key: String,
        /// Of the secret, hex.
        sha256: String,
    },
    /// An API key stops.
    RevokeKey {
        /// Public id.
        key: String,
    },
    /// A new secret for the address of one's own calendar; the one before it stops.
    IssueCalendar {
        /// Public id.
        key: String,
        /// Of the secret, hex.
        sha256: String,
    },
    /// The address of one's own calendar stops.
    StopCalendar,
    /// A chat account is somebody's: an administrator has verified it.
    LinkAccount {
        /// Whose.
        person: String,
        /// A fresh opaque id, for an account that was never seen.
        account: String,
        /// What the platform calls it (`slack:T012/U345`), sealed.
        handle: Sealed,
    },
    /// A chat account is nobody's any more; its owner may ask that, too.
    UnlinkAccount {
        /// Its opaque id.
        account: String,
        /// Why.
        reason: Sealed,
    },
}

/// Somebody to be added with others.
#[derive(Clone, Debug, PartialEq)]
pub struct Newcomer {
    /// A fresh opaque id.
    pub id: String,
    /// Sealed UTF-8.
    pub name: Sealed,
    /// Sealed UTF-8, lower case.
    pub email: Sealed,
    /// Roles.
    pub roles: Vec<String>,
}

/// The most people that are added at once.
pub const MOST_AT_ONCE: usize = 200;

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeopleRefusal {
    /// The asker may not.
    #[error("managing people needs a role that may administer; ask an administrator")]
    NotAllowed,
    /// Nobody has that id or address.
    #[error("I know nobody by {0}; `people list` shows everybody")]
    Unknown(String),
    /// There is somebody with that address.
    #[error("{0} is in the directory already")]
    Known(String),
    /// The role is not in organisation.yaml.
    #[error("there is no role {0}; organisation.yaml has {1}")]
    NoSuchRole(String, String),
    /// An address that is none.
    #[error("{0:?} is not an e-mail address")]
    NotAnAddress(String),
    /// More people at once than one request may bring.
    #[error("that are {0} people at once; add at most {MOST_AT_ONCE} at a time")]
    TooMany(usize),
    /// A name that is empty or too long.
    #[error("a person's name has 1 to 200 characters")]
    BadName,
    /// The last administrator.
    #[error("this is the last person who may administer; give somebody else that role first")]
    LastAdministrator,
    /// Stopped already.
    #[error("this person is disabled; a disabled person gets no keys, roles or links")]
    Disabled,
    /// The account is somebody else's.
    #[error("that chat account belongs to another person; unlink it there first, if it has really changed hands")]
    AccountTaken,
    /// Nobody's account.
    #[error("there is no linked chat account {0}")]
    NoSuchAccount(String),
    /// What no platform calls an account.
    #[error("{0:?} is not a chat account; write it as the platform does: slack:T0123/U0456")]
    NotAHandle(String),
    /// No such key.
    #[error("there is no API key {0}")]
    NoSuchKey(String),
}

impl PeopleRefusal {
    /// Every name that [`Self::code`] gives.
    pub const CODES: &[&'static str] = &[
        "AccountTaken",
        "BadName",
        "KnownPerson",
        "LastAdministrator",
        "NoSuchAccount",
        "NoSuchKey",
        "NoSuchPerson",
        "NoSuchRole",
        "NotAHandle",
        "NotAllowed",
        "NotAnAddress",
        "PersonDisabled",
    ];

    /// Its name, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAllowed => "NotAllowed",
            Self::Unknown(_) => "NoSuchPerson",
            Self::Known(_) => "KnownPerson",
            Self::NoSuchRole(..) => "NoSuchRole",
            Self::NotAnAddress(_) => "NotAnAddress",
            Self::TooMany(_) => "TooMany",
            Self::BadName => "BadName",
            Self::LastAdministrator => "LastAdministrator",
            Self::Disabled => "PersonDisabled",
            Self::AccountTaken => "AccountTaken",
            Self::NoSuchAccount(_) => "NoSuchAccount",
            Self::NotAHandle(_) => "NotAHandle",
            Self::NoSuchKey(_) => "NoSuchKey",
        }
    }
}

/// Roles that exist, in order and each once.
///
/// # Errors
/// [`PeopleRefusal::NoSuchRole`].
pub fn check_roles(organisation: &Organisation, roles: &[String]) -> Result<Vec<String>, PeopleRefusal> {
    if let Some(unknown) = roles.iter().find(|r| !organisation.roles.contains_key(*r)) {
        let known: Vec<&str> = organisation.roles.keys().map(String::as_str).collect();
        return Err(PeopleRefusal::NoSuchRole(unknown.clone(), known.join(", ")));
    }
    let mut roles = roles.to_vec();
    roles.sort();
    roles.dedup();
    Ok(roles)
}

/// Whether a person can be called so.
///
/// # Errors
/// [`PeopleRefusal::BadName`].
pub fn check_name(name: &str) -> Result<(), PeopleRefusal> {
    let good = !name.trim().is_empty() && name.chars().count() <= 200 && !name.chars().any(char::is_control);
    if good { Ok(()) } else { Err(PeopleRefusal::BadName) }
}

/// Whether this is an e-mail address, in lower case.
///
/// # Errors
/// [`PeopleRefusal::NotAnAddress`].
pub fn check_address(email: &str) -> Result<(), PeopleRefusal> {
    let parts: Vec<&str> = email.split('@').collect();
    let good = email.len() <= 254
        && parts.len() == 2
        && parts.iter().all(|p| !p.is_empty())
        && email == email.to_lowercase()
        && !email.chars().any(|c| c.is_whitespace() || c.is_control());
    if good { Ok(()) } else { Err(PeopleRefusal::NotAnAddress(email.to_owned())) }
}

fn check_identity(directory: &Directory, name: &Sealed, email: &Sealed) -> Result<String, PeopleRefusal> {
    check_name(&String::from_utf8_lossy(&name.bytes))?;
    let email = String::from_utf8_lossy(&email.bytes).into_owned();
    check_address(&email)?;
    if directory.by_email(&email).is_some() { Err(PeopleRefusal::Known(email)) } else { Ok(email) }
}

fn administrates(organisation: &Organisation, roles: &[String]) -> bool {
    roles.iter().filter_map(|r| organisation.roles.get(r)).any(|r| r.may.contains(&Permission::Administer))
}

fn last_administrator(directory: &Directory, organisation: &Organisation, person: &Person) -> bool {
    directory.administrators(organisation).iter().all(|p| p.state.id == person.state.id) && person.may(organisation, Permission::Administer)
}

fn added(directory: &Directory, organisation: &Organisation, newcomer: Newcomer) -> Result<NewEvent, PeopleRefusal> {
    let Newcomer { id, name, email, roles } = newcomer;
    if directory.get(&id).is_some() {
        return Err(PeopleRefusal::Known(id));
    }
    check_identity(directory, &name, &email)?;
    let roles = check_roles(organisation, &roles)?;
    Ok(NewEvent::outside(Fact::PersonAdded { person: id, roles }).seal("name", name).seal("email", email))
}

fn all_added(directory: &Directory, organisation: &Organisation, newcomers: Vec<Newcomer>) -> Result<Vec<NewEvent>, PeopleRefusal> {
    if newcomers.len() > MOST_AT_ONCE {
        return Err(PeopleRefusal::TooMany(newcomers.len()));
    }
    let mut seen = std::collections::BTreeSet::new();
    for newcomer in &newcomers {
        let email = check_identity(directory, &newcomer.name, &newcomer.email)?;
        if !seen.insert(email.clone()) || !seen.insert(newcomer.id.clone()) {
            return Err(PeopleRefusal::Known(email));
        }
    }
    newcomers.into_iter().map(|newcomer| added(directory, organisation, newcomer)).collect()
}

/// An account that is linked to somebody, perhaps seen here for the first time. Of two accounts with one handle there is
/// never a second.
///
/// # Errors
/// When it is somebody else's.
pub fn linked(directory: &Directory, person: &str, (fresh, handle): (&str, &Sealed), method: &str) -> Result<Vec<NewEvent>, PeopleRefusal> {
    let text = String::from_utf8_lossy(&handle.bytes).into_owned();
    if !is_handle(&text) {
        return Err(PeopleRefusal::NotAHandle(text.chars().take(100).collect()));
    }
    let known = directory.by_handle(&text);
    match known.and_then(|a| a.state.person.as_deref()) {
        Some(owner) if owner == person => return Ok(Vec::new()),
        Some(_) => return Err(PeopleRefusal::AccountTaken),
        None => {}
    }
    let platform = text.split(':').next().unwrap_or_default().to_owned();
    let account = known.map_or_else(|| fresh.to_owned(), |a| a.state.id.clone());
    let mut events = Vec::new();
    if known.is_none() {
        events.push(NewEvent::outside(Fact::AccountSeen { account: account.clone(), platform }).seal("handle", handle.clone()));
    }
    events.push(NewEvent::outside(Fact::AccountLinked { account, person: person.to_owned(), method: method.to_owned() }));
    Ok(events)
}

/// Decides a request about people.
///
/// The very first person of a directory needs nobody's leave, and must be able to administer: whoever can write the
/// database founded the log, and the event says that it came by the command line.
///
/// # Errors
/// When the asker may not, or the request does not fit the directory.
pub fn decide(
    directory: &Directory,
    organisation: &Organisation,
    actor: &Actor,
    command: PeopleCommand,
) -> Result<Vec<NewEvent>, PeopleRefusal> {
    let founding = directory.administrators(organisation).is_empty();
    let allowed = actor.person().and_then(|id| directory.active(id)).is_some_and(|p| p.may(organisation, Permission::Administer));
    let active = |id: &str| match directory.get(id) {
        None => Err(PeopleRefusal::Unknown(id.to_owned())),
        Some(p) if p.state.disabled => Err(PeopleRefusal::Disabled),
        Some(p) => Ok(p),
    };
    let own_key = matches!(&command, PeopleCommand::IssueKey { person, .. } if actor.person() == Some(person.as_str()));
    let founds = matches!(&command, PeopleCommand::Add { roles, .. } if founding && administrates(organisation, roles));
    let own_account = matches!(&command, PeopleCommand::UnlinkAccount { account, .. } if actor.person().is_some()
        && directory.account(account).and_then(|a| a.state.person.as_deref()) == actor.person());
    let own_calendar = matches!(command, PeopleCommand::IssueCalendar { .. } | PeopleCommand::StopCalendar);
    if !(allowed || founds || own_key || own_account || own_calendar) {
        return Err(PeopleRefusal::NotAllowed);
    }
    let event = match command {
        PeopleCommand::Add { id, name, email, roles } => added(directory, organisation, Newcomer { id, name, email, roles })?,
        PeopleCommand::AddAll(newcomers) => return all_added(directory, organisation, newcomers),
        PeopleCommand::SetRoles { person, roles } => {
            let before = active(&person)?;
            let roles = check_roles(organisation, &roles)?;
            if last_administrator(directory, organisation, before) && !administrates(organisation, &roles) {
                return Err(PeopleRefusal::LastAdministrator);
            }
            NewEvent::outside(Fact::RolesChanged { person, roles })
        }
        PeopleCommand::Disable { person, reason } => {
            if last_administrator(directory, organisation, active(&person)?) {
                return Err(PeopleRefusal::LastAdministrator);
            }
            NewEvent::outside(Fact::PersonDisabled { person }).seal("reason", reason)
        }
        PeopleCommand::IssueKey { person, key, sha256 } => {
            active(&person)?;
            NewEvent::outside(Fact::KeyIssued { person, key, sha256, opens: None })
        }
        PeopleCommand::LinkAccount { person, account, handle } => {
            active(&person)?;
            return linked(directory, &person, (&account, &handle), "administrator");
        }
        PeopleCommand::UnlinkAccount { account, reason } => {
            let known = directory.account(&account).ok_or_else(|| PeopleRefusal::NoSuchAccount(account.clone()))?;
            let person = known.state.person.clone().ok_or_else(|| PeopleRefusal::NoSuchAccount(account.clone()))?;
            let why = if actor.person() == Some(person.as_str()) { "taken_back" } else { "administrator" };
            let fact = Fact::AccountUnlinked { account, person, why: why.to_owned() };
            NewEvent::outside(fact).seal("reason", reason)
        }
        PeopleCommand::RevokeKey { key } => {
            let owner = directory.iter().find(|p| p.state.keys.get(&key).is_some_and(|k| !k.revoked));
            let person = owner.ok_or_else(|| PeopleRefusal::NoSuchKey(key.clone()))?.state.id.clone();
            NewEvent::outside(Fact::KeyRevoked { person, key })
        }
        PeopleCommand::IssueCalendar { key, sha256 } => return calendar(directory, actor, Some((key, sha256))),
        PeopleCommand::StopCalendar => return calendar(directory, actor, None),
    };
    Ok(vec![event])
}

/// Everybody's own business: an address for their calendar, one at a time, and its end.
fn calendar(directory: &Directory, actor: &Actor, issued: Option<(String, String)>) -> Result<Vec<NewEvent>, PeopleRefusal> {
    let person = actor.person().and_then(|id| directory.active(id)).ok_or(PeopleRefusal::NotAllowed)?;
    let of = person.state.id.clone();
    let stops = person.calendar_keys().map(|key| NewEvent::outside(Fact::KeyRevoked { person: of.clone(), key: key.to_owned() }));
    let mut events: Vec<NewEvent> = stops.collect();
    if let Some((key, sha256)) = issued {
        events.push(NewEvent::outside(Fact::KeyIssued { person: of, key, sha256, opens: Some(CALENDAR.to_owned()) }));
    }
    Ok(events)
}
