//! Whoever changes the database past its triggers is found out by `verify --database`, whichever column it was.

use super::world::{World, labels, on_both};

/// A statement, how it is undone, and what `verify` must say of it.
type Alteration = (&'static str, &'static str, &'static str);

const ALTERATIONS: &[Alteration] = &[
    ("UPDATE event SET kind = 'X' || kind WHERE seq = 3", "UPDATE event SET kind = substr(kind, 2) WHERE seq = 3", "event 3"),
    ("UPDATE ticket SET status = 'X' || status", "UPDATE ticket SET status = substr(status, 2)", "ticket INC-000001"),
    ("UPDATE ticket SET kind = 'X' || kind", "UPDATE ticket SET kind = substr(kind, 2)", "ticket INC-000001"),
    ("UPDATE ticket SET ended = ended + 1", "UPDATE ticket SET ended = ended - 1", "ticket INC-000001"),
    ("UPDATE ticket SET opened_seq = opened_seq + 1", "UPDATE ticket SET opened_seq = opened_seq - 1", "ticket INC-000001"),
    ("UPDATE ticket_latest SET rev = rev + 1", "UPDATE ticket_latest SET rev = rev - 1", "ticket INC-000001"),
    ("UPDATE alert SET ticket = 'X' || ticket", "UPDATE alert SET ticket = substr(ticket, 2)", "alert alertmanager/"),
    ("UPDATE alert SET last_seen = last_seen + 1", "UPDATE alert SET last_seen = last_seen - 1", "alert alertmanager/"),
    ("UPDATE alert_group SET record = record || ' '", "UPDATE alert_group SET record = rtrim(record)", "alert group"),
    ("UPDATE person SET state = state || ' '", "UPDATE person SET state = rtrim(state)", "person"),
    ("UPDATE counter SET last = last + 1", "UPDATE counter SET last = last - 1", "counter INC"),
    ("UPDATE deadline SET due = due + 1", "UPDATE deadline SET due = due - 1", "deadline INC-000001/"),
    ("UPDATE adopted SET digest = 'X' || digest", "UPDATE adopted SET digest = substr(digest, 2)", "adoption"),
    ("UPDATE delivery SET received_at = received_at + 1", "UPDATE delivery SET received_at = received_at - 1", "delivery 1"),
    ("UPDATE delivery SET id = id + 1", "UPDATE delivery SET id = id - 1", "delivery 1 is missing"),
    ("UPDATE ledger_head SET deliveries = deliveries + 1", "UPDATE ledger_head SET deliveries = deliveries - 1", "deliveries"),
    ("UPDATE ledger_head SET last_at = last_at + 1", "UPDATE ledger_head SET last_at = last_at - 1", "last_at"),
    ("UPDATE ledger_head SET demo = 1 - demo", "UPDATE ledger_head SET demo = 1 - demo", "demo"),
    ("INSERT INTO counter (prefix, last) VALUES ('', 1)", "DELETE FROM counter WHERE prefix = ''", "no event made it"),
];

async fn every_changed_column_is_found_and_named(w: &mut World) {
    w.alertmanager().fires(&[labels("HighErrorRate", "checkout", "checkout-1", "critical")]).await.done();
    w.signed().await;
    w.stops().await;
    w.database.disarm().await;
    assert_eq!(w.verified().await.0, 3);
    for (alter, undo, named) in ALTERATIONS {
        w.database.execute(alter).await.expect(alter);
        let (code, words) = w.verified().await;
        assert!(code == 1 && words.contains(named), "{alter}: {code}: {words}");
        w.database.execute(undo).await.expect(undo);
    }
    let (code, words) = w.verified().await;
    assert!(code == 3 && words.contains("is the same"), "everything was put back: {words}");

    // An event's row says another ticket.
    let event = w.events_raw("TicketOpened").await;
    w.database.execute(&format!("UPDATE event SET ticket = 'INC-000002', rev = 9999 WHERE seq = {event}")).await.expect("all rights");
    let (code, words) = w.verified().await;
    assert!(code == 1 && words.contains(&format!("event {event} ")), "{code}: {words}");
    w.leave_broken();
}
on_both!(every_changed_column_is_found_and_named);

async fn what_was_taken_out_is_missed(w: &mut World) {
    let inc = w.person("ana").declares("Removed", "sev3").await;
    w.person("ana").files(&inc, "notes.txt", b"What happened.", None, None).await.done();
    w.alertmanager().fires(&[labels("HighErrorRate", "checkout", "checkout-1", "critical")]).await.done();
    w.signed().await;
    let file = w.replica(0).app.desk.attachments().path(&super::world::proof::sha256(b"What happened.")).expect("a path");
    w.stops().await;
    w.database.disarm().await;
    let folder = w.path("attachments").display().to_string();
    let address = w.database.address.clone();
    let verify = ["verify", "--database", &address, "--attachments", &folder];
    assert_eq!(w.runs(&verify).await.0, 3);

    let filed = w.events_raw("EvidenceAttached").await;
    std::fs::remove_file(file).expect("the file is there");
    let (code, words) = w.runs(&verify).await;
    assert!(code == 1 && words.contains(&format!("event {filed} ({inc})")), "{code}: {words}");

    // Each is worse than the one before it in the order of the check, so the later one is named.
    for (taken, named) in [
        ("DELETE FROM delivery", "delivery 1"),
        ("DELETE FROM playbook", "its bytes are missing"),
        ("DELETE FROM adopted", "adoption"),
        ("DELETE FROM ticket WHERE number = 'INC-000001'", "ticket INC-000001 is missing"),
        (
            "DELETE FROM sealed WHERE name = 'field.title' AND seq = (SELECT MIN(seq) FROM event WHERE kind = 'TicketOpened')",
            "(INC-000001)",
        ),
    ] {
        w.database.execute(taken).await.expect(taken);
        let (code, words) = w.verified().await;
        assert!(code == 1 && words.contains(named), "{taken}: {code}: {words}");
    }
    w.leave_broken();
}
on_both!(what_was_taken_out_is_missed);
