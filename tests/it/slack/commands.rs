//! What is typed: every word of `/incident` and `/countersign`.

use serde_json::{Value, json};

use super::hand::{Hand, button, genuine, words};
use crate::world::slack::FakeSlack;
use crate::world::{World, on_both};

async fn linked(w: &mut World) -> FakeSlack {
    let slack = w.uses_slack().await;
    for name in ["ana", "ben", "mia"] {
        let user = slack.joins(name);
        w.links(name, &user).await;
    }
    slack
}

fn hand<'w>(w: &'w World, slack: &FakeSlack, name: &str) -> Hand<'w> {
    let user = slack.lock().users.values().find(|u| u.name == name).map(|u| u.id.clone()).expect("somebody in the workspace");
    Hand::of(w, slack, &user)
}

async fn an_incident_is_worked_from_its_channel_without_a_number(w: &mut World) {
    let slack = linked(w).await;
    let ana = hand(w, &slack, "ana");
    let said = ana.types("/incident declare sev1 payments-api is down").await;
    assert!(said["response_type"] == "ephemeral" || said["type"] == "modal", "to her alone: {said}");
    assert!(words(&said).contains("INC-000001") && button(&said, "Open in the console").ends_with("/console/c/INC-000001"), "{said}");
    w.slack_is_told().await;
    let here = ana.within(&slack.channel_like("inc-000001").id);
    let ben = slack.lock().users.values().find(|u| u.name == "ben").map(|u| u.id.clone()).expect("ben");
    for line in [
        "/incident acknowledge",
        "/incident note 3 hosts are affected",
        &format!("/incident assign <@{ben}|ben>"),
        "/incident lead me",
        "/incident severity sev2 Customers can pay again.",
        "/incident contain Drained zone b",
        "/incident escalate I need a second pair of eyes.",
    ] {
        assert!(here.hears(line).await.contains("Recorded on INC-000001."), "{line}");
    }
    let said = w.said("INC-000001").await;
    let has = |what: &str| assert!(said.iter().any(|line| line.contains(what)), "{what} is not in {said:#?}");
    has("ana: TransitionTaken acknowledge");
    has("ana: NoteAdded “3 hosts are affected”");
    has("ana: TransitionTaken contain “Drained zone b”");
    has("ana: FieldsSet “Customers can pay again.”");
    has("ana: Escalated “I need a second pair of eyes.”");
    let ticket = w.person("ana").sees("INC-000001").await;
    assert_eq!(
        (&ticket["owner"], &ticket["lead"], &ticket["fields"]["severity"]),
        (&json!(w.id_of("ben")), &json!(w.id_of("ana")), &json!("sev2"))
    );
    assert_eq!(slack.violations(), Vec::<String>::new());
}
on_both!(an_incident_is_worked_from_its_channel_without_a_number);

async fn two_incidents_are_merged_and_shown_and_listed(w: &mut World) {
    let slack = linked(w).await;
    let ana = hand(w, &slack, "ana");
    ana.types("/incident declare sev2 the shop is slow").await;
    ana.types("/incident declare sev1 the database is down").await;
    let listed = ana.hears("/incident list").await;
    let (worse, other) = (listed.find("INC-000002"), listed.find("INC-000001"));
    assert!(worse.is_some() && worse < other, "the worst comes first: {listed}");
    assert!(ana.hears("/incident merge INC-000001 INC-000002").await.contains("Recorded"));
    assert_eq!(w.person("ana").sees("INC-000001").await["merged_into"], "INC-000002");
    let shown = ana.types("/incident show 000002").await;
    assert!(words(&shown).contains("the database is down"), "{shown}");
    assert!(ana.hears("/incident show 000009").await.contains("There is no INC-000009"));
}
on_both!(two_incidents_are_merged_and_shown_and_listed);

async fn an_unknown_word_gets_the_nearest_and_a_missing_ticket_is_asked_for(w: &mut World) {
    let slack = linked(w).await;
    let ana = hand(w, &slack, "ana");
    assert!(ana.hears("/incident aknowledge").await.contains("Did you mean /incident acknowledge?"));
    assert!(ana.hears("/countersign inbx").await.contains("/countersign inbox"));
    assert!(ana.hears("/incident zzzzzz").await.contains("/incident help shows what there is"));
    assert!(ana.hears("/incident acknowledge").await.contains("Which ticket?"));
    assert!(ana.hears("/incident help").await.contains("/incident declare TITLE"));
    let help = ana.hears("/countersign").await;
    for there in ["/incident declare", "/change request", "/access request", "/countersign", "whoami", "acknowledge", "severity sev2"] {
        assert!(help.contains(there), "{there}: {help}");
    }
    assert!(ana.hears("/change aprove").await.contains("Did you mean /change approve?"));
    assert!(ana.hears("/access aprove").await.contains("Did you mean /access approve?"));
    assert!(ana.hears("/incident page INC-000001 <@U0NOBODY> Come").await.contains("not linked"));
    assert!(w.log_of("TicketOpened").await.is_empty());
}
on_both!(an_unknown_word_gets_the_nearest_and_a_missing_ticket_is_asked_for);

async fn what_waits_for_me_who_is_called_and_the_record_are_looked_up(w: &mut World) {
    let slack = linked(w).await;
    let (ana, ben) = (hand(w, &slack, "ana"), hand(w, &slack, "ben"));
    assert!(ana.hears("/countersign inbox").await.contains("Nothing waits for you."));
    ana.types("/incident declare sev3 a typo").await;
    ana.types("/incident declare sev1 the shop is down").await;
    ana.types("/incident acknowledge INC-000002").await;
    let inbox = ben.hears("/countersign inbox").await;
    assert!(inbox.contains("INC-000001") && !inbox.contains("INC-000002"), "ana has the other one: {inbox}");
    let oncall = ana.hears("/countersign oncall").await;
    assert!(oncall.contains("Incident: ") && oncall.contains("; then incident manager: max (not linked in chat) and mia."), "{oncall}");
    let audit = ana.types("/countersign audit").await;
    assert!(
        words(&audit).contains("events") && button(&audit, "Open the record").starts_with("https://countersign.example.com/console/"),
        "{audit}"
    );
}
on_both!(what_waits_for_me_who_is_called_and_the_record_are_looked_up);

async fn a_command_that_slack_sends_again_is_recorded_once(w: &mut World) {
    let slack = linked(w).await;
    let ana = hand(w, &slack, "ana");
    let body = ana.command("/incident declare the shop is down", "17.fake");
    for _ in 0..3 {
        assert_eq!(genuine(w, "/slack/commands", &body).await.status, 200);
    }
    w.slack_is_told().await;
    assert_eq!(w.log_of("TicketOpened").await.len(), 1);
}
on_both!(a_command_that_slack_sends_again_is_recorded_once);

async fn secrets_and_markings_in_a_command_are_refused_and_stand_nowhere(w: &mut World) {
    let slack = linked(w).await;
    let ana = hand(w, &slack, "ana");
    ana.types("/incident declare sev1 the shop is down").await;
    for (line, what) in [
        ("/incident note INC-000001 the card 4111 1111 1111 1111 was charged twice", "a payment card number"),
        ("/incident note INC-000001 password: hunter2hunter2", "a password, key or token"),
        ("/incident note INC-000001 (CUI) the drawing", "a protective marking"),
        ("/incident declare password: hunter2hunter2", "a password, key or token"),
    ] {
        assert!(ana.hears(line).await.contains(what), "{line}");
    }
    let withheld = w.log_of("ContentWithheld").await;
    assert_eq!(
        withheld.iter().map(|e| e["data"]["found"][0].as_str().unwrap_or_default()).collect::<Vec<_>>(),
        ["card", "credential", "marking", "credential"]
    );
    assert_eq!(withheld[3]["ticket"], Value::Null, "of what would have opened a ticket, the attempt is on record as well");
    assert_eq!(w.log_of("NoteAdded").await.len() + w.log_of("TicketOpened").await.len(), 1);
    for table in ["sealed", "event"] {
        for secret in ["hunter2", "4111 1111", "the drawing"] {
            let column = if w.database.kind == crate::world::Kind::Sqlite { "CAST(bytes AS TEXT)" } else { "convert_from(bytes, 'UTF8')" };
            let found = w.database.number(&format!("SELECT COUNT(*) FROM {table} WHERE {column} LIKE '%{secret}%'")).await;
            assert_eq!(found, 0, "{secret} stands in {table}");
        }
    }
}
on_both!(secrets_and_markings_in_a_command_are_refused_and_stand_nowhere);

async fn somebody_without_a_role_reads_nothing_through_slack(w: &mut World) {
    let slack = linked(w).await;
    let nil = slack.joins("nil");
    w.links("nil", &nil).await;
    w.person("ana").declares("the shop is down", "sev1").await;
    let nil = Hand::of(w, &slack, &nil);
    for line in [
        "/incident list",
        "/incident show INC-000001",
        "/incident note INC-000001 x",
        "/countersign inbox",
        "/countersign oncall",
        "/countersign audit",
    ] {
        let said = nil.hears(line).await;
        assert!(said.contains("Your roles do not allow"), "{line}: {said}");
        assert!(!said.contains("shop"), "{line}: {said}");
    }
}
on_both!(somebody_without_a_role_reads_nothing_through_slack);
