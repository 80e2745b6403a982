//! Alerts: one storm is one incident, and nothing is lost or told twice.

use proptest::prelude::*;

use crate::ticket::alert::AlertStatus::{Acknowledged, Firing, Resolved};
use crate::ticket::bench::{Bench, HOUR, MINUTE, matched, number, person, text};
use crate::ticket::command::{Command, Receive, Remainder, Step};
use crate::ticket::correlation::{RepeatCount, repeated};
use crate::ticket::event::{Actor, Fact};

fn end(b: &mut Bench, n: &crate::ticket::number::Number) {
    let step = Step { transition: "false_positive".into(), reason: Some(text("a test")), ..Step::default() };
    b.step("p_ana", n, step).unwrap();
}

// proves: ALR-08
#[test]
fn a_storm_of_two_hundred_in_one_delivery_is_one_incident_with_every_alert() {
    let mut b = Bench::new();
    let storm = (0..200).map(|i| matched(&format!("{i:016x}"), Firing, Some("g"))).collect();
    let decision = b.alerts_of("am", storm).unwrap();
    assert_eq!(decision.tickets, [number(1)]);
    let ticket = b.ticket(&number(1));
    assert_eq!((ticket.alerts.attached, ticket.alerts.firing), (200, 200));
    assert_eq!(b.facts("TicketOpened").len(), 1);
    let Fact::AlertAttached(seen) = &b.facts("AlertAttached")[199].fact else { panic!() };
    assert_eq!((seen.fingerprint.as_str(), seen.delivery), ("00000000000000c7", 1));
    b.assert_replay_equals_state();
}

#[test]
fn an_identical_repeat_is_counted_and_not_an_event_and_keeps_the_group_awake() {
    let mut b = Bench::new();
    b.alert("aa", Firing, Some("g"));
    let events = b.log.len();
    for _ in 0..3 {
        b.wait(90 * MINUTE);
        let again = b.alert("aa", Firing, Some("g"));
        assert_eq!((again.events.len(), again.repeats.len(), again.tickets), (0, 1, vec![number(1)]));
    }
    assert_eq!(b.log.len(), events);
    // Heard of half an hour ago, though the last event is five hours old.
    b.wait(30 * MINUTE);
    assert_eq!(b.alert("bb", Firing, Some("g")).tickets, [number(1)]);
    let counted = RepeatCount { count: 3, first: b.now, last: b.now, first_delivery: 2, last_delivery: 4 };
    let event = repeated("am", "aa", b.alerts.get(&("am".into(), "aa".into())), &counted);
    b.record(&event, &Actor::Scheduler);
    assert_eq!(b.ticket(&number(1)).alerts.repeats, 3);
    assert_eq!(b.groups["g"].last_seen, b.now);
}

#[test]
fn a_resolve_is_recorded_and_closes_nothing_and_firing_again_comes_back() {
    let mut b = Bench::new();
    b.alert("aa", Firing, Some("g"));
    b.alert("aa", Acknowledged, Some("g"));
    assert_eq!(b.ticket(&number(1)).alerts.firing, 1, "acknowledged is still happening");
    b.alert("aa", Resolved, Some("g"));
    assert_eq!((b.ticket(&number(1)).alerts.firing, b.ticket(&number(1)).ended), (0, false));
    assert_eq!(b.alert("aa", Resolved, Some("g")).repeats.len(), 1);
    b.wait(HOUR);
    assert_eq!(b.alert("aa", Firing, Some("g")).tickets, [number(1)]);
    assert_eq!((b.ticket(&number(1)).alerts.attached, b.ticket(&number(1)).alerts.firing), (1, 1));
}

#[test]
fn after_the_quiet_time_the_next_alert_opens_a_linked_recurrence() {
    let mut b = Bench::new();
    b.alert("aa", Firing, Some("g"));
    b.wait(2 * HOUR);
    assert_eq!(b.alert("bb", Firing, Some("g")).tickets, [number(1)], "the window's last moment still counts");
    b.wait(2 * HOUR + MINUTE);
    let opened = b.alert("cc", Firing, Some("g"));
    assert_eq!(opened.tickets, [number(2)]);
    let link = &b.ticket(&number(2)).links[0];
    assert_eq!((link.link.as_str(), &link.to), ("recurrence", &Some(number(1))));
    b.wait(5 * HOUR);
    let again = b.alert("aa", Firing, Some("g"));
    assert_eq!((again.tickets.as_slice(), again.events.len()), ([number(1)].as_slice(), 0), "what never stopped firing is no news");
}

#[test]
fn an_ended_incident_takes_resolves_only_and_what_fires_anew_opens_another() {
    let mut b = Bench::new();
    b.alert("aa", Firing, Some("g"));
    end(&mut b, &number(1));
    assert_eq!(b.alert("aa", Firing, Some("g")).repeats.len(), 1, "the tool has not noticed yet");
    assert_eq!(b.alert("bb", Firing, Some("g")).tickets, [number(2)]);
    let resolved = b.alert("aa", Resolved, Some("g"));
    assert_eq!(resolved.tickets, [number(1)]);
    let Fact::AlertChanged(seen) = &resolved.events[0].fact else { panic!() };
    assert!(seen.after_end);
    assert_eq!(b.ticket(&number(1)).status, "closed");
}

#[test]
fn an_alert_that_still_fires_a_whole_window_after_the_end_opens_another() {
    let mut b = Bench::new();
    b.alert("aa", Firing, Some("g"));
    end(&mut b, &number(1));
    for _ in 0..4 {
        b.wait(30 * MINUTE);
        assert!(b.alert("aa", Firing, Some("g")).events.is_empty());
    }
    b.wait(MINUTE);
    assert_eq!(b.alert("aa", Firing, Some("g")).tickets, [number(2)]);
}

#[test]
fn a_merged_group_goes_on_in_the_ticket_that_survives() {
    let mut b = Bench::new();
    b.alert("aa", Firing, Some("g"));
    b.alert("zz", Firing, Some("h"));
    b.step("p_ana", &number(1), Step { transition: "merge".into(), other: Some(number(2)), ..Step::default() }).unwrap();
    assert_eq!(b.alert("bb", Firing, Some("g")).tickets, [number(2)]);
    assert_eq!(b.alert("aa", Resolved, Some("g")).tickets, [number(1)], "what is known of an alert stays with its ticket");
    let Fact::AlertChanged(seen) = &b.facts("AlertChanged")[0].fact else { panic!() };
    assert!(!seen.after_end, "the work goes on in the other ticket");
    b.take("p_ana", &number(1), "unmerge").unwrap();
    assert_eq!(b.alert("cc", Firing, Some("g")).tickets, [number(1)]);
}

#[test]
fn what_nothing_takes_is_kept_once_and_what_nobody_knows_is_dropped() {
    let mut b = Bench::new();
    let kept = b.alert("aa", Firing, None);
    assert!(matches!(kept.events[0].fact, Fact::AlertUnmapped(_)) && kept.tickets.is_empty());
    assert_eq!((b.alert("aa", Firing, None).events.len(), b.repeats.len()), (0, 1));
    for status in [Resolved, Acknowledged] {
        let dropped = b.alert("bb", status, Some("g"));
        assert_eq!((dropped.events.len(), dropped.dropped), (0, 1));
    }
    b.alert("cc", Firing, Some("g"));
    b.alert("cc", Resolved, Some("g"));
    assert_eq!(b.alert("cc", Acknowledged, Some("g")).dropped, 1, "there is nothing open to acknowledge");
    assert_eq!(b.alert("aa", Firing, Some("g")).tickets, [number(1)], "and when a playbook takes it later, it is new");
}

// proves: ALR-01
#[test]
fn only_a_source_brings_alerts_and_only_its_own() {
    let mut b = Bench::new();
    let receive = crate::ticket::command::Receive {
        source: "am".into(),
        received_at: b.now,
        alerts: vec![matched("aa", Firing, Some("g"))],
        remainder: None,
    };
    for actor in [person("p_ana"), Actor::Scheduler, Actor::Source { name: "other".into() }] {
        assert_eq!(b.ask(&actor, &Command::Receive(receive.clone())).unwrap_err().code(), "NotForYou");
    }
    b.alert("aa", Firing, Some("g"));
    assert_eq!(b.ticket(&number(1)).opened_by, Actor::Source { name: "am".into() });
    let Fact::AlertAttached(seen) = &b.facts("AlertAttached")[0].fact else { panic!() };
    assert_eq!((seen.source.as_str(), seen.fingerprint.as_str()), ("am", "aa"));
}

#[test]
fn an_alert_of_an_unknown_kind_is_kept_as_unmapped() {
    let mut b = Bench::new();
    let mut alert = matched("aa", Firing, Some("g"));
    if let Some(m) = &mut alert.matched {
        m.kind = "earthquake".into();
    }
    let decision = b.alerts_of("am", vec![alert]).unwrap();
    assert!(matches!(decision.events[0].fact, Fact::AlertUnmapped(_)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Against a plain model: within the window and while the group's ticket is at work, one ticket; else a new one.
    #[test]
    fn groups_are_never_split_or_mixed(steps in prop::collection::vec((0u8..3, 0u8..4, 0u64..150, any::<bool>()), 1..40)) {
        let mut b = Bench::new();
        let mut model: std::collections::BTreeMap<String, (u64, crate::env::Timestamp)> = std::collections::BTreeMap::new();
        let mut opened = 0;
        let mut serial = 0;
        for (group, _, minutes, ends) in steps {
            b.wait(MINUTE * u32::try_from(minutes).unwrap());
            let group = format!("g{group}");
            serial += 1;
            let decision = b.alert(&format!("{serial:016x}"), Firing, Some(&group));
            let current = model.get(&group).copied().filter(|(n, heard)| {
                b.now.since(*heard) <= 2 * HOUR && !b.ticket(&number(*n)).ended
            });
            let expected = current.map_or_else(|| { opened += 1; opened }, |(n, _)| n);
            prop_assert_eq!(&decision.tickets, &[number(expected)]);
            model.insert(group, (expected, b.now));
            if ends && !b.ticket(&number(expected)).ended {
                end(&mut b, &number(expected));
            }
        }
        let attached: i64 = b.tickets.values().map(|t| t.alerts.attached).sum();
        prop_assert_eq!(attached, serial);
        b.assert_replay_equals_state();
    }
}

#[test]
fn what_became_no_alert_is_kept_with_its_bytes_on_no_ticket() {
    let mut b = Bench::new();
    let remainder = Remainder { unmapped: 2, truncated: 3, body: text("{\"hello\":\"world\"}"), payload_sha256: text("00") };
    let receive = Receive { source: "am".into(), received_at: b.now, alerts: Vec::new(), remainder: Some(remainder.clone()) };
    let stranger = Command::Receive(Receive { source: "other".into(), ..receive.clone() });
    let source = Actor::Source { name: "am".into() };
    assert_eq!(b.ask(&source, &stranger).unwrap_err().code(), "NotForYou");
    let decision = b.ask(&source, &Command::Receive(receive)).unwrap();
    let [kept] = decision.events.as_slice() else { panic!("{decision:?}") };
    assert!(matches!(&kept.fact, Fact::DeliveryKept { source, unmapped: 2, truncated: 3, .. } if source == "am"), "{kept:?}");
    assert!(kept.ticket.is_none() && decision.tickets.is_empty());
    assert_eq!(kept.sealed["body"], remainder.body);
    assert!(kept.sealed.contains_key("payload_sha256"));
}
