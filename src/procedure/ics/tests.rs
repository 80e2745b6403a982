use chrono_tz::Tz;

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn calendar(events: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//T//T//EN\r\n{events}END:VCALENDAR\r\n").replace("\r\n", "\n").replace('\n', "\r\n")
}

fn event(lines: &str) -> String {
    calendar(&format!("BEGIN:VEVENT\nUID:1\nSUMMARY:F\n{lines}\nEND:VEVENT\n"))
}

fn spans(text: &str, here: &str) -> Vec<(Timestamp, Timestamp)> {
    let found = read(text.as_bytes(), here.parse::<Tz>().unwrap(), None).unwrap();
    assert_eq!(found.problems, Vec::<String>::new(), "{text}");
    found.slots.iter().map(|s| (s.starts, s.ends)).collect()
}

fn problem(text: &str) -> String {
    let found = read(text.as_bytes(), Tz::UTC, None).unwrap();
    assert_eq!(found.slots, [], "{text}");
    found.problems.join(" ")
}

/// What an event says, in which zone it is read, and its slots.
type Vector = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const VECTORS: &[Vector] = &[
    // A whole day is the local day, 23, 24 or 25 hours long.
    (
        "DTSTART;VALUE=DATE:20260308\nDTEND;VALUE=DATE:20260309",
        "America/New_York",
        &[("2026-03-08T00:00:00-05:00", "2026-03-09T00:00:00-04:00")],
    ),
    ("DTSTART;VALUE=DATE:20261025", "Europe/Berlin", &[("2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00")]),
    ("DTSTART;VALUE=DATE:20261004\nDURATION:P1D", "Australia/Lord_Howe", &[("2026-10-04T00:00:00+10:30", "2026-10-05T00:00:00+11:00")]),
    // A day that there is only every four years; and the whole of it, to its last second.
    (
        "DTSTART;VALUE=DATE:20280229\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;COUNT=2",
        "UTC",
        &[("2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"), ("2032-02-29T00:00:00Z", "2032-03-01T00:00:00Z")],
    ),
    // A time that does not exist counts from the offset before the gap (RFC 5545 §3.3.5's own example, in our years).
    ("DTSTART;TZID=America/New_York:20260308T023000\nDURATION:PT1H", "UTC", &[("2026-03-08T03:30:00-04:00", "2026-03-08T04:30:00-04:00")]),
    (
        "DTSTART;TZID=Australia/Lord_Howe:20261004T021500\nDURATION:PT1H",
        "UTC",
        &[("2026-10-04T02:45:00+11:00", "2026-10-04T03:45:00+11:00")],
    ),
    // One that comes twice is the first.
    ("DTSTART;TZID=America/New_York:20261101T013000\nDURATION:PT1H", "UTC", &[("2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00")]),
    ("DTSTART;TZID=Europe/Berlin:20261025T023000\nDURATION:PT2H", "UTC", &[("2026-10-25T02:30:00+02:00", "2026-10-25T03:30:00+01:00")]),
    (
        "DTSTART;TZID=Australia/Lord_Howe:20260405T014500\nDURATION:PT1H",
        "UTC",
        &[("2026-04-05T01:45:00+11:00", "2026-04-05T02:15:00+10:30")],
    ),
    // An end that is said is as far away each time, in real hours.
    (
        "DTSTART;TZID=Europe/Berlin:20260327T220000\nDTEND;TZID=Europe/Berlin:20260328T060000\nRRULE:FREQ=DAILY;COUNT=3",
        "UTC",
        &[
            ("2026-03-27T22:00:00+01:00", "2026-03-28T06:00:00+01:00"),
            ("2026-03-28T22:00:00+01:00", "2026-03-29T07:00:00+02:00"),
            ("2026-03-29T22:00:00+02:00", "2026-03-30T06:00:00+02:00"),
        ],
    ),
    // Month-ends: the last working day; UNTIL in UTC counts on the event's own clock.
    (
        "DTSTART;TZID=America/New_York:20260130T180000\nDURATION:PT6H\nRRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;UNTIL=20260331T220000Z",
        "UTC",
        &[
            ("2026-01-30T18:00:00-05:00", "2026-01-31T00:00:00-05:00"),
            ("2026-02-27T18:00:00-05:00", "2026-02-28T00:00:00-05:00"),
            ("2026-03-31T18:00:00-04:00", "2026-04-01T00:00:00-04:00"),
        ],
    ),
    // Exceptions and additions.
    (
        "DTSTART;VALUE=DATE:20260101\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE;VALUE=DATE:20260102\nRDATE;VALUE=DATE:20260110",
        "UTC",
        &[
            ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
            ("2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z"),
            ("2026-01-10T00:00:00Z", "2026-01-11T00:00:00Z"),
        ],
    ),
    // No zone of its own: the organisation's.
    ("DTSTART:20260601T090000\nDTEND:20260601T100000", "Asia/Kolkata", &[("2026-06-01T09:00:00+05:30", "2026-06-01T10:00:00+05:30")]),
    ("DTSTART:20260601T090000Z\nDTEND:20260601T100000Z", "Asia/Kolkata", &[("2026-06-01T09:00:00Z", "2026-06-01T10:00:00Z")]),
    // What Outlook calls a zone.
    (
        "DTSTART;TZID=\"W. Europe Standard Time\":20260701T090000\nDURATION:PT1H",
        "UTC",
        &[("2026-07-01T09:00:00+02:00", "2026-07-01T10:00:00+02:00")],
    ),
];

#[test]
fn events_fall_on_the_moments_that_rfc_5545_says_also_in_nights_when_the_clocks_change() {
    for (lines, here, expected) in VECTORS {
        let expected: Vec<_> = expected.iter().map(|(from, to)| (at(from), at(to))).collect();
        assert_eq!(spans(&event(lines), here), expected, "{lines} in {here}");
    }
}

#[test]
fn an_event_may_take_the_place_of_one_recurrence_and_another_may_be_cancelled() {
    let text = calendar(
        "BEGIN:VEVENT\nUID:a\nSUMMARY:Turn\nDTSTART:20260105T090000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=3\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:a\nSUMMARY:Moved\nRECURRENCE-ID:20260112T090000Z\nDTSTART:20260113T090000Z\nDURATION:PT2H\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:a\nSUMMARY:Off\nRECURRENCE-ID:20260119T090000Z\nDTSTART:20260119T090000Z\nDURATION:PT1H\nSTATUS:CANCELLED\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:b\nSUMMARY:Other\nDTSTART:20260112T090000Z\nDURATION:PT1H\nEND:VEVENT\n",
    );
    let found = read(text.as_bytes(), Tz::UTC, None).unwrap();
    let told: Vec<_> = found.slots.iter().map(|s| format!("{} {}", s.name, s.starts)).collect();
    assert_eq!(
        told,
        ["Turn 2026-01-05T09:00:00.000000Z", "Other 2026-01-12T09:00:00.000000Z", "Moved 2026-01-13T09:00:00.000000Z"],
        "another event at the same time stays"
    );
}

#[test]
fn words_categories_and_people_are_read() {
    let text = event(
        "DTSTART;VALUE=DATE:20260101\nDESCRIPTION:The books\\, closed.\\nReally.\nCATEGORIES:orders-db,payments\nATTENDEE;CN=Ana:mailto:Ana@Example.com\nORGANIZER:MAILTO:boss@example.com",
    );
    let slot = read(text.as_bytes(), Tz::UTC, None).unwrap().slots.remove(0);
    assert_eq!((slot.name.as_str(), slot.about.as_str()), ("F", "The books, closed. Really."));
    assert_eq!(slot.categories, ["orders-db", "payments"]);
    assert_eq!(slot.people, ["ana@example.com"]);
}

#[test]
fn only_what_overlaps_a_stretch_is_kept_and_nothing_recurs_beyond_it() {
    let text = event("DTSTART:20160105T090000Z\nDURATION:PT24H\nRRULE:FREQ=DAILY");
    let within = (at("2026-01-01T08:00:00Z"), at("2026-01-03T09:00:00Z"));
    let found = read(text.as_bytes(), Tz::UTC, Some(within)).unwrap();
    let starts: Vec<_> = found.slots.iter().map(|s| s.starts).collect();
    assert_eq!(starts, [at("2025-12-31T09:00:00Z"), at("2026-01-01T09:00:00Z"), at("2026-01-02T09:00:00Z")]);
}

#[test]
fn what_cannot_be_understood_is_told_and_the_rest_is_read() {
    assert!(problem(&event("DTSTART;TZID=Mars/Olympus:20260101T000000\nDURATION:PT1H")).contains("zone that is not known"));
    assert!(problem(&event("DURATION:PT1H")).contains("says no beginning"));
    assert!(problem(&event("DTSTART:20260101T000000Z")).contains("says no end"));
    assert!(problem(&event("DTSTART:20260102T000000Z\nDTEND:20260101T000000Z")).contains("ends before it begins"));
    assert!(problem(&event("DTSTART:99990101T000000Z\nDURATION:PT1H")).contains("cannot be read"));
    assert!(problem(&event("DTSTART:20260101T000000Z\nDURATION:-PT1H")).contains("length that cannot be read"));
    let every_second = event("DTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:FREQ=SECONDLY");
    assert!(problem(&every_second).contains("more often"));
    let every_minute = format!("RRULE:FREQ=DAILY;BYMINUTE={}", (0..60).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
    assert!(problem(&event(&format!("DTSTART:20260101T000000Z\nDURATION:PT1H\n{every_minute}"))).contains("more often"));
    let two = calendar(
        "BEGIN:VEVENT\nUID:x\nSUMMARY:Bad\nEND:VEVENT\nBEGIN:VEVENT\nUID:y\nSUMMARY:Good\nDTSTART;VALUE=DATE:20260101\nEND:VEVENT\n",
    );
    let found = read(two.as_bytes(), Tz::UTC, None).unwrap();
    assert_eq!((found.slots.len(), found.problems.len()), (1, 1));
}

#[test]
fn bombs_are_refused() {
    assert_eq!(read(&vec![b'x'; MAX_BYTES + 1], Tz::UTC, None), Err(BadCalendar::TooLarge(MAX_BYTES + 1)));
    for text in ["", "hello", "BEGIN:VCARD\nEND:VCARD\n", "BEGIN:VCALENDAR\n"] {
        assert!(read(text.as_bytes(), Tz::UTC, None) != Ok(Read { problems: vec![String::new()], ..Read::default() }), "{text}");
    }
    assert_eq!(read(b"\xff\xfe", Tz::UTC, None), Err(BadCalendar::NotACalendar));
    let daily = "DTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY";
    let many: String = (0..20).map(|n| format!("BEGIN:VEVENT\nUID:{n}\nSUMMARY:F\n{daily}\nEND:VEVENT\n")).collect();
    assert_eq!(read(calendar(&many).as_bytes(), Tz::UTC, None), Err(BadCalendar::TooOften));
    let never = "DTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:FREQ=YEARLY;BYWEEKNO=1;BYMONTH=6";
    let many: String = (0..200).map(|n| format!("BEGIN:VEVENT\nUID:{n}\nSUMMARY:F\n{never}\nEND:VEVENT\n")).collect();
    assert_eq!(read(calendar(&many).as_bytes(), Tz::UTC, None), Err(BadCalendar::Never));
    let events = "BEGIN:VEVENT\nUID:1\nEND:VEVENT\n".repeat(MAX_EVENTS + 1);
    assert_eq!(read(calendar(&events).as_bytes(), Tz::UTC, None), Err(BadCalendar::TooManyEvents));
    let deep = "BEGIN:VEVENT\n".repeat(20_000);
    let _ = read(calendar(&deep).as_bytes(), Tz::UTC, None);
}

#[test]
fn a_calendar_that_was_written_reads_back() {
    let entry = Entry {
        uid: "freeze-1@countersign".to_owned(),
        name: "Freeze: year-end, with a comma; and a very long name that has to be folded somewhere around here".to_owned(),
        about: "Line one\nLine two".to_owned(),
        categories: vec!["orders-db".to_owned(), "payments".to_owned()],
        url: Some("https://countersign.example.com/console/t/CHG-000001".to_owned()),
        starts: at("2026-12-24T00:00:00Z"),
        ends: at("2027-01-02T00:00:00Z"),
    };
    let text = write("Changes", std::slice::from_ref(&entry), at("2026-03-01T00:00:00Z"));
    assert!(text.lines().all(|line| line.len() <= 75), "{text}");
    let slot = read(text.as_bytes(), Tz::UTC, None).unwrap().slots.remove(0);
    assert_eq!((slot.starts, slot.ends, slot.categories), (entry.starts, entry.ends, entry.categories));
    assert_eq!(slot.name, entry.name);
}
