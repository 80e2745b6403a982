//! What `doctor` asks of being on call: whether the rota names people whom we know, whether its calendar can be read, and
//! whether pages arrive.

use super::beside::Beside;
use super::doctor::{Finding, fail, ok, warn};
use crate::config::Config;
use crate::desk::Snapshot;
use crate::desk::oncall::read_shifts;
use crate::outbound::shifts::{Shifts, TROUBLE};
use crate::procedure::estate::Rota;

/// Names that are told at most.
const NAMES: usize = 10;
const CHECK: &str = "on call";

fn few(names: &[String]) -> String {
    let more = if names.len() > NAMES { format!(" and {} more", names.len() - NAMES) } else { String::new() };
    format!("{}{more}", names.iter().take(NAMES).cloned().collect::<Vec<_>>().join(", "))
}

/// The rota of the adopted organisation, its calendar, and what the running service noted of pages.
pub(super) async fn examine(config: &Config, beside: &Beside) -> Vec<Finding> {
    let snapshot = beside.desk.snapshot();
    let rota = snapshot.procedures.current().and_then(|library| library.organisation.estate.on_call.clone());
    let mut findings = Vec::new();
    if let Some(rota) = &rota {
        findings.extend(strangers(rota, &snapshot));
        findings.push(match beside.desk.on_call_at(beside.desk.now()).first() {
            Some(person) => ok(CHECK, format!("{} is on call now", snapshot.directory.name_of(person))),
            None => fail(CHECK, "nobody is on call now", "name active people in `on_call` of organisation.yaml, then adopt it"),
        });
        if rota.calendar && config.on_call.calendar.is_none() {
            findings.push(fail(
                CHECK,
                "organisation.yaml says that a calendar has the shifts, but none is configured",
                "set calendar in [on_call]",
            ));
        }
    }
    if let Some(url) = config.on_call.calendar.clone() {
        findings.push(calendar(url, beside, &snapshot).await);
        if rota.is_none_or(|rota| !rota.calendar) {
            let to_do = "say `calendar: true` in `on_call` of organisation.yaml, then adopt it";
            findings.push(warn(CHECK, "a calendar of shifts is configured, but organisation.yaml does not use it", to_do));
        }
    }
    for trouble in beside.desk.chat_troubles().await.unwrap_or_default() {
        if trouble.platform == TROUBLE || trouble.platform.starts_with("page:") {
            findings.push(warn(CHECK, trouble.words, "it goes by itself once that is mended"));
        }
    }
    findings
}

/// Addresses of the rota that are no active person's.
fn strangers(rota: &Rota, snapshot: &Snapshot) -> Option<Finding> {
    let addresses = rota.layers.iter().flat_map(|layer| &layer.people).chain(rota.overrides.iter().map(|o| &o.person));
    let addresses = addresses.chain(rota.pagerduty.values());
    let known = |email: &str| snapshot.directory.by_email(email).is_some_and(|person| !person.state.disabled);
    let mut unknown: Vec<String> = addresses.filter(|email| !known(email)).cloned().collect();
    unknown.sort();
    unknown.dedup();
    let to_do = "add them with `countersign people add`, or take them off the rota; until then whoever comes next is called";
    (!unknown.is_empty()).then(|| warn(CHECK, format!("the rota names nobody whom I know: {}", few(&unknown)), to_do))
}

async fn calendar(url: crate::config::Secret, beside: &Beside, snapshot: &Snapshot) -> Finding {
    let fetched = match Shifts::new(url) {
        Ok(shifts) => shifts.fetch().await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let read = fetched.and_then(|bytes| read_shifts(&bytes, snapshot, beside.desk.now()).map_err(|error| error.to_string()));
    match read {
        Err(error) => fail(
            CHECK,
            format!("the calendar of shifts cannot be read: {error}"),
            "correct calendar in [on_call]; what was read last goes on counting",
        ),
        Ok(read) if !read.unknown.is_empty() => {
            let names: Vec<String> = read.unknown.into_iter().collect();
            let to_do = "use e-mail addresses of people who are in the directory; until then whoever comes next is called";
            warn(CHECK, format!("the calendar of shifts names nobody whom I know: {}", few(&names)), to_do)
        }
        Ok(read) => ok(CHECK, format!("the calendar has {} shifts of the next two months", read.shifts.len())),
    }
}
