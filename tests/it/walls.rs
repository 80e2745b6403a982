//! The walls of the house (`src/lib.rs`): who may import whom, and what only one room may touch.
//!
//! Each rule reads the tokens of `src/**/*.rs`, so neither a comment nor a string can trip or hide anything; only SQL is
//! looked for in strings. To add a room, give it a place in [`FLOORS`]; to add a rule, a function here, a line in
//! [`broken`], and a made-up offender in the tests below.

use std::path::Path;

use super::source::{self, Reference, Token};

/// From the ground up. Rooms of one floor stand in order: each may import those before it, never those after.
const FLOORS: [&[&str]; 5] = [
    &["env", "ledger", "procedure", "ticket", "card", "config"],
    &["store", "people"],
    &["desk", "evidence"],
    &["inbound", "outbound"],
    &["cli"],
];

/// What is forbidden although the floors would allow it: who, whom, why.
const SEPARATED: [(&str, &[&str], &str); 4] = [
    ("ledger", &["ticket", "procedure", "card"], "the ledger sees bytes, never tickets"),
    ("inbound", &["store"], "what comes in goes through the desk"),
    ("outbound", &["store", "inbound"], "what goes out is given to it"),
    ("inbound", &["outbound"], "an answer goes through the outbox"),
];

/// Crates that mean a database, a network or a runtime.
const IMPURE_CRATES: [&str; 10] =
    ["sqlx", "tokio", "tokio_stream", "futures_util", "reqwest", "axum", "tower", "tower_http", "hyper", "fantoccini"];

/// Types of the standard library that open a connection.
const SOCKETS: [&str; 5] = ["TcpStream", "TcpListener", "UdpSocket", "UnixStream", "ToSocketAddrs"];

/// Ways to the system's clock.
const CLOCKS: [[&str; 2]; 3] = [["Utc", "now"], ["Local", "now"], ["SystemTime", "now"]];

/// Ways to the system's entropy.
const ENTROPY: [&str; 8] = ["getrandom", "rand", "rand_core", "fastrand", "OsRng", "SysRng", "thread_rng", "new_v4"];

/// How a statement begins. Only whole words in capitals at the start of a string count.
const SQL: [&str; 14] = [
    "SELECT ",
    "INSERT INTO ",
    "INSERT OR ",
    "UPDATE ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "CREATE INDEX ",
    "CREATE TRIGGER ",
    "ALTER TABLE ",
    "DROP TABLE ",
    "PRAGMA ",
    "WITH ",
    "BEGIN",
    "TRUNCATE ",
];

/// The sentences that say which walls `text`, the contents of `file`, breaks.
fn broken(file: &Path, text: &str) -> Vec<String> {
    let module = source::module_of(file);
    let room = module.first().map_or("", String::as_str);
    let names: Vec<&str> = module.iter().map(String::as_str).collect();
    let references = source::references(text, &names);
    let mut found = Vec::new();
    for reference in &references {
        let reasons = [floor(room, reference), separation(room, reference), purity(room, reference), clock(room, reference)];
        found.extend(reasons.into_iter().flatten().map(|reason| (reference.line, reason)));
    }
    for (line, token) in source::tokens(text) {
        let reasons = [asynchrony(room, &token), statement(room, &token), entropy(room, &token)];
        found.extend(reasons.into_iter().flatten().map(|reason| (line, reason)));
    }
    found.sort();
    found.dedup();
    found.into_iter().map(|(line, reason)| format!("{}:{line}: {reason}", file.display())).collect()
}

/// Which floor a room is on, and its place there.
fn place(room: &str) -> Option<(usize, usize)> {
    FLOORS.iter().enumerate().find_map(|(floor, rooms)| Some((floor, rooms.iter().position(|r| *r == room)?)))
}

fn on_the_ground(room: &str) -> bool {
    place(room).is_some_and(|(floor, _)| floor == 0)
}

fn room_named(reference: &Reference) -> Option<&str> {
    (reference.path[0] == "crate").then(|| reference.path.get(1).map(String::as_str)).flatten()
}

fn floor(room: &str, reference: &Reference) -> Option<String> {
    let named = room_named(reference).filter(|named| *named != room)?;
    if room.is_empty() {
        return (named != "cli").then(|| format!("the program's entry is thin: it may use `cli`, not `{named}`"));
    }
    match (place(room), place(named)) {
        (None, _) => Some(format!("`{room}` is no room of the map")),
        // Not a room: an item at the crate's root, such as a macro.
        (_, None) => None,
        (Some(ours), Some(theirs)) => (theirs >= ours).then(|| format!("`{room}` (F{}) may not import `{named}` (F{})", ours.0, theirs.0)),
    }
}

fn separation(room: &str, reference: &Reference) -> Option<String> {
    let named = room_named(reference)?;
    let (_, _, why) = SEPARATED.iter().find(|(who, whom, _)| *who == room && whom.contains(&named))?;
    Some(format!("`{room}` may not import `{named}`: {why}"))
}

fn purity(room: &str, reference: &Reference) -> Option<String> {
    let first = reference.path[0].as_str();
    if first == "sqlx" && room != "store" {
        return Some("`sqlx` is only for `store`".to_owned());
    }
    let impure = IMPURE_CRATES.contains(&first) || reference.path.iter().any(|part| SOCKETS.contains(&part.as_str()));
    (on_the_ground(room) && impure).then(|| format!("`{room}` is pure, but names `{}`", reference.path.join("::")))
}

fn clock(room: &str, reference: &Reference) -> Option<String> {
    let ends_with = |way: &[&str; 2]| reference.path.windows(2).any(|pair| pair == way);
    let asks = CLOCKS.iter().any(ends_with) || (on_the_ground(room) && ends_with(&["Instant", "now"]));
    (room != "env" && asks).then(|| format!("only `env` asks for the time, but here is `{}`", reference.path.join("::")))
}

fn entropy(room: &str, token: &Token) -> Option<String> {
    match token {
        Token::Word(word) if room != "env" && ENTROPY.contains(&word.as_str()) => {
            Some(format!("only `env` asks for entropy, but here is `{word}`"))
        }
        _ => None,
    }
}

fn asynchrony(room: &str, token: &Token) -> Option<String> {
    match token {
        Token::Word(word) if on_the_ground(room) && (word == "async" || word == "await") => {
            Some(format!("`{room}` is pure, but has `{word}`"))
        }
        _ => None,
    }
}

fn statement(room: &str, token: &Token) -> Option<String> {
    match token {
        Token::Text(text) if room != "store" && is_sql(text) => Some("SQL is only for `store`".to_owned()),
        _ => None,
    }
}

fn is_sql(text: &str) -> bool {
    let text = text.trim_start();
    SQL.iter().any(|start| match *start {
        // These words begin English sentences in capitals, too (`-----BEGIN PRIVATE KEY-----` aside).
        "UPDATE " => text.starts_with(start) && text.contains(" SET "),
        "WITH " => text.starts_with(start) && text.contains(" AS "),
        "BEGIN" => text == "BEGIN" || text.starts_with("BEGIN ") || text.starts_with("BEGIN;"),
        _ => text.starts_with(start),
    })
}

#[test]
fn no_room_reaches_through_a_wall() {
    let files = source::rust_files("src");
    assert!(!files.is_empty(), "there is source to read");
    let found: Vec<_> = files.iter().flat_map(|(file, text)| broken(file, text)).collect();
    assert!(found.is_empty(), "{} broken walls:\n{}", found.len(), found.join("\n"));
}

#[test]
fn every_room_has_its_place_on_the_map() {
    for (file, _) in source::rust_files("src") {
        if let Some(room) = source::module_of(&file).first() {
            assert!(place(room).is_some(), "{}: `{room}` has no floor in tests/it/walls.rs", file.display());
        }
    }
}

#[test]
fn each_wall_stops_somebody_who_walks_into_it() {
    let offenders = [
        ("src/ticket/decide.rs", "use crate::{env::Env, store::Store};", "`ticket` (F0) may not import `store` (F1)"),
        ("src/store/mod.rs", "fn f() { crate::desk::execute() }", "`store` (F1) may not import `desk` (F2)"),
        ("src/procedure/load.rs", "use crate::card::Card;", "`procedure` (F0) may not import `card` (F0)"),
        ("src/ledger/tree.rs", "use super::super::ticket::event::Event;", "the ledger sees bytes, never tickets"),
        ("src/inbound/hooks/mod.rs", "use crate::store::Store;", "what comes in goes through the desk"),
        ("src/inbound/hooks/mod.rs", "use crate::outbound::http;", "an answer goes through the outbox"),
        ("src/outbound/slack.rs", "use crate::{inbound, env};", "what goes out is given to it"),
        ("src/outbound/slack.rs", "use crate::store;", "what goes out is given to it"),
        ("src/main.rs", "fn main() { countersign::desk::run() }", "the program's entry is thin"),
        ("src/drawer/mod.rs", "use crate::env::Env;", "`drawer` is no room of the map"),
        ("src/desk/query.rs", "use sqlx::Row;", "`sqlx` is only for `store`"),
        ("src/desk/query.rs", "const Q: &str = \"SELECT seq FROM events\";", "SQL is only for `store`"),
        ("src/desk/query.rs", "const Q: &str = r\"\n UPDATE head SET seq = $1\";", "SQL is only for `store`"),
        ("src/card/render.rs", "pub async fn render() {}", "`card` is pure, but has `async`"),
        ("src/procedure/load.rs", "fn f() { tokio::fs::read(p) }", "`procedure` is pure, but names `tokio::fs::read`"),
        ("src/ticket/decide.rs", "use std::net::TcpStream;", "`ticket` is pure, but names `std::net::TcpStream`"),
        ("src/desk/tick.rs", "let now = chrono::Utc::now();", "only `env` asks for the time"),
        ("src/ticket/clock.rs", "let now = std::time::Instant::now();", "only `env` asks for the time"),
        ("src/people/keys.rs", "getrandom::fill(&mut key)", "only `env` asks for entropy"),
        ("src/people/keys.rs", "let key = SigningKey::generate(&mut OsRng);", "only `env` asks for entropy"),
    ];
    for (file, text, reason) in offenders {
        let found = broken(Path::new(file), text);
        assert!(found.iter().any(|sentence| sentence.contains(reason)), "{file} with {text:?} should be told {reason:?}, but: {found:?}");
        let hidden = broken(Path::new(file), &format!("/* {text} */"));
        assert!(hidden.is_empty(), "a comment is not code: {hidden:?}");
    }
}

#[test]
fn what_the_map_allows_is_not_stopped() {
    let neighbours = [
        ("src/main.rs", "fn main() { countersign::cli::run() }"),
        ("src/env.rs", "fn now() { Utc::now(); getrandom::fill(&mut b); }"),
        ("src/ticket/decide.rs", "use crate::{env::Timestamp, ledger::sealed::Sealed, procedure::model::Field}; use super::state::State;"),
        ("src/store/events.rs", "use sqlx::Row; const Q: &str = \"SELECT 1\"; async fn f() {}"),
        ("src/desk/mod.rs", "use crate::{store::Store, people::Person, ticket}; use tokio::sync::mpsc; let t = Instant::now();"),
        ("src/cli/serve.rs", "use crate::{inbound, outbound, store};"),
        ("src/card/words.rs", "const HINT: &str = \"UPDATE the ticket, please\"; // sqlx::query, async\nlet ip: std::net::IpAddr;"),
    ];
    for (file, text) in neighbours {
        assert_eq!(broken(Path::new(file), text), Vec::<String>::new());
    }
}
