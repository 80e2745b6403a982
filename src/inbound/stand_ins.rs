//! Who stands in for whom now, in words. Delegations are declared in `organisation.yaml` (`delegations`) and adopted with it.

use super::console::view_of::Look;
use crate::card::words::{Words, list};
use crate::procedure::estate::Delegation;

/// Stand-ins of the person with this address that count now: for whom, and by whom. `you`: it is the reader.
pub(in crate::inbound) fn of(look: &Look<'_>, email: &str, you: bool) -> Vec<Words> {
    let directory = look.snapshot.directory.as_ref();
    let name = |email: &str| directory.by_email(email).map_or_else(|| email.to_owned(), |person| person.name.clone());
    let roles = |delegation: &Delegation| {
        let roles: Vec<String> = delegation.roles.iter().map(|role| role.replace('-', " ")).collect();
        if roles.is_empty() { String::new() } else { format!(" as {}", list(&roles, "and")) }
    };
    let live = look.library.organisation.estate.delegations.iter().filter(|d| d.is_live(look.now));
    let told = |d: &Delegation| {
        let until = |words: Words| words.text(format!("{} until ", roles(d))).time(d.ends).text(".");
        if d.from.eq_ignore_ascii_case(email) {
            let whom = if you { " stands in for you" } else { " stands in" };
            Some(until(Words::new().name(name(&d.to)).text(whom)))
        } else if d.to.eq_ignore_ascii_case(email) {
            let who = if you { "You stand in for " } else { "Stands in for " };
            Some(until(Words::of(who).name(name(&d.from))))
        } else {
            None
        }
    };
    live.filter_map(told).collect()
}
