//! Freezes from calendars: `freezes.ics`, and every `freezes/<name>.ics`.
//!
//! An event is a freeze: its summary names it, its description says why, its categories are the systems that it covers
//! (all, when it has none). What recurs is followed for fifty years from its beginning.

use indexmap::IndexMap;

use super::estate::{Freeze, System};
use super::finding::At;
use super::ics;
use super::nearest::nearest;
use super::reader::{Page, short};

const START: At = At { line: 1, column: 1 };

/// Whether a file of this path is a calendar of freezes.
pub(super) fn is_calendar(path: &str) -> bool {
    let name = path.strip_prefix("freezes/").unwrap_or(path);
    path == "freezes.ics" || (name != path && !name.contains('/') && name.len() > 4 && name.ends_with(".ics"))
}

/// Reads such a file. What is wrong with it stands on the page afterwards.
pub(super) fn read_freezes(page: &Page, bytes: &[u8], zone: chrono_tz::Tz, systems: &IndexMap<String, System>) -> Vec<Freeze> {
    let read = match ics::read(bytes, zone, None) {
        Ok(read) => read,
        Err(why) => {
            page.find(START, format!("This calendar cannot be read: {why}."));
            return Vec::new();
        }
    };
    for problem in read.problems {
        page.find(START, format!("An event of this calendar cannot be a freeze: {problem}"));
    }
    let freeze = |slot: ics::Slot| {
        if slot.name.is_empty() {
            page.find(START, format!("The event at {} has no summary; a freeze has a name.", slot.starts));
        }
        for name in slot.categories.iter().filter(|name| !systems.contains_key(*name)) {
            let hint = nearest(name, systems.keys().map(String::as_str));
            page.find(
                START,
                format!(
                    "`{}` is not a system of organisation.yaml{hint}A freeze's categories are the systems that it covers.",
                    short(name)
                ),
            );
        }
        let why = if slot.about.is_empty() { slot.name.clone() } else { slot.about };
        Freeze { name: slot.name, why, starts: slot.starts, ends: slot.ends, systems: slot.categories }
    };
    read.slots.into_iter().map(freeze).collect()
}

#[cfg(test)]
mod tests {
    use super::super::load;
    use crate::env::Timestamp;
    use crate::procedure::model::Library;

    const ORGANISATION: &str = "organisation: Test\nzone: Europe/Berlin\nroles: { responder: { purpose: Works. } }\nsystems: { orders: { title: Orders, owner: responder } }\nfreezes: { audit: { why: The auditors are here., from: 2026-05-01, to: 2026-05-02 } }\n";

    fn calendar(lines: &str) -> Vec<u8> {
        format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:T\r\nBEGIN:VEVENT\r\nUID:1\r\n{lines}END:VEVENT\r\nEND:VCALENDAR\r\n")
            .into_bytes()
    }

    fn loaded(path: &str, bytes: Vec<u8>) -> Result<Library, String> {
        let files = vec![("organisation.yaml".to_owned(), ORGANISATION.as_bytes().to_vec()), (path.to_owned(), bytes)];
        load(files).map_err(|findings| findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn a_month_end_is_frozen_each_month_beside_what_organisation_yaml_says() {
        let lines = "SUMMARY:Month-end\r\nDESCRIPTION:The books close.\r\nCATEGORIES:orders\r\nDTSTART;VALUE=DATE:20260131\r\nRRULE:FREQ=MONTHLY;BYMONTHDAY=-1\r\n";
        let library = loaded("freezes.ics", calendar(lines)).unwrap();
        let freezes = &library.organisation.estate.freezes;
        assert_eq!(freezes[0].name, "audit");
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let covers = |text: &str, system| freezes.iter().any(|f| f.covers(at(text), at(text), system));
        for (moment, frozen) in [
            ("2028-02-28T23:59:59+01:00", false),
            ("2028-02-29T00:00:00+01:00", true),
            ("2028-02-29T23:59:59+01:00", true),
            ("2028-03-01T00:00:00+01:00", false),
            ("2026-10-31T12:00:00+01:00", true),
        ] {
            assert_eq!(covers(moment, Some("orders")), frozen, "{moment}");
        }
        assert!(!covers("2028-02-29T12:00:00+01:00", Some("other-system")), "it covers what its categories name");
    }

    #[test]
    fn a_calendar_that_cannot_be_kept_stops_the_start_and_says_why() {
        let told = |path: &str, bytes: Vec<u8>| loaded(path, bytes).map(|_| ()).unwrap_err();
        assert!(told("freezes.ics", b"hello".to_vec()).starts_with("freezes.ics:1:1: This calendar cannot be read: it is not an RFC 5545"));
        let day = "DTSTART;VALUE=DATE:20260131\r\n";
        assert!(told("freezes.ics", calendar(&format!("SUMMARY:X\r\nCATEGORIES:order\r\n{day}"))).contains("did you mean `orders`"));
        assert!(told("freezes/a.ics", calendar(day)).contains("has no summary"));
        assert!(
            told("freezes/a.ics", calendar("SUMMARY:X\r\nDTSTART;TZID=Mars/One:20260131T090000\r\nDURATION:PT1H\r\n"))
                .contains("zone that is not known")
        );
        assert!(told("calendar.ics", calendar(day)).contains("not a playbook that is known"));
    }
}
