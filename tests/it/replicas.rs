//! Several processes on one database.

use std::collections::BTreeSet;
use std::fs;

use countersign::cli::beside;
use countersign::desk::request::{Ask, Request};
use countersign::people::PeopleCommand;
use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::{Value, json};

use super::world::{World, labels, on_both, until};

async fn two_replicas_under_load_keep_one_gapless_order(w: &mut World) {
    w.starts().await;
    let at = |n: usize, name: &str| w.person_at(n % 2, name);
    // People, tools, and the command line beside them, all at once.
    let config = w.config("");
    let cli = beside::open(&config, &w.env()).await.expect("the command line opens the same database");
    let ada = w.person("ada").id;
    let work = stream::iter(0..200).map(|n| {
        let (ana, ben) = (at(n, "ana"), at(n + 1, "ben"));
        let (tool, desk, ada) = (w.alertmanager().at(&w.base(n % 2)), cli.desk.clone(), ada.clone());
        let env = w.env();
        async move {
            match n % 5 {
                0 | 1 => {
                    let inc = ana.declares(&format!("Number {n}"), "sev3").await;
                    ben.acknowledges(&inc).await.done();
                    ana.notes(&inc, "Looking.").await.done();
                }
                2 | 3 => drop(tool.fires(&[labels("HighErrorRate", &format!("s-{}", n % 7), &format!("h-{n}"), "warning")]).await.done()),
                _ => {
                    let person = env.id("p_");
                    let add = PeopleCommand::Add {
                        id: person.clone(),
                        name: desk.seal(format!("Person {n}")),
                        email: desk.seal(format!("person-{n}@example.com")),
                        roles: vec!["responder".into()],
                    };
                    desk.ask(Request::of_operator(Some(ada), Ask::People(add))).await.expect("the command line adds somebody");
                }
            }
        }
    });
    work.buffer_unordered(24).collect::<Vec<()>>().await;
    let log = w.log().await;
    let count = |kind: &str| log.iter().filter(|e| e["kind"] == kind).count();
    assert_eq!((count("NoteAdded"), count("AlertAttached"), count("PersonAdded")), (80, 80, 48));
    assert_eq!(count("TicketOpened"), 80 + 7);
    // Both tell the same story, whoever wrote it.
    w.tick().await;
    for ticket in ["INC-000001", "INC-000050", "INC-000087"] {
        let both = [w.person_at(0, "aud").sees(ticket).await, w.person_at(1, "aud").sees(ticket).await];
        assert_eq!(both[0], both[1]);
    }
    let names: BTreeSet<String> = w.person_at(1, "aud").gets("/api/v1/people").await.done()["people"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|p| p["name"].to_string())
        .collect();
    assert_eq!(names.len(), 48);
}
on_both!(two_replicas_under_load_keep_one_gapless_order);

async fn a_replica_with_another_key_signs_nothing_and_says_so(w: &mut World) {
    w.person("ana").declares("Before", "sev3").await;
    w.signed().await;
    // Without any key it does not even start: a log never gets a second one.
    let error = w.starts_in("stranger").await.expect_err("it has no key");
    assert!(format!("{error:#}").contains("a log never gets a second key"), "{error:#}");
    let other = countersign::ledger::note::Signer::from_seed("countersign.example.com/log", &[7; 32]).expect("a key");
    let file = w.path("stranger/log.key");
    fs::write(&file, other.to_secret_text()).expect("a key file");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("for its owner alone");
    w.starts_in("stranger").await.expect("it starts, and works");
    let stranger = w.person_at(1, "ana");
    let inc = stranger.declares("By way of the stranger", "sev3").await;
    until("the stranger tried to sign", async || stranger.gets("/readyz").await.status == 503).await;
    let ready = stranger.gets("/readyz").await.json();
    assert_eq!(ready["ready"], false);
    let trouble = ready["trouble"].to_string();
    assert!(trouble.contains("this log is signed by the key") && trouble.contains("nothing is signed"), "{trouble}");
    // The first replica signs what both recorded.
    w.tick().await;
    let note = w.signed().await;
    let vkey = w.person("aud").gets("/log/vkey").await.text();
    let key = countersign::ledger::key::VerifierKey::parse(vkey.trim()).expect("a key");
    countersign::ledger::checkpoint::Checkpoint::open(note.as_bytes(), &key).expect("the log's own key signed it");
    assert_eq!(w.person("aud").gets("/readyz").await.status, 200);
    assert_eq!(w.person("aud").sees(&inc).await["status"], "open");
}
on_both!(a_replica_with_another_key_signs_nothing_and_says_so);

async fn somebody_disabled_at_one_replica_is_stopped_at_the_other(w: &mut World) {
    w.starts().await;
    let there = w.person_at(1, "ana");
    let inc = there.declares("By ana", "sev3").await;
    let session = w.signed_in("ana").await;
    let session_there = super::world::Person { base: w.base(1), ..session };
    session_there.gets("/api/v1/me").await.done();
    let size = w.size().await;
    w.disables("ana").await;
    // The other replica need not have heard of it: who acts is looked up again where the event is written.
    for answer in [there.notes(&inc, "One more.").await, there.acknowledges(&inc).await, session_there.notes(&inc, "One more.").await] {
        assert_eq!(answer.status, 401, "{}", answer.text());
    }
    session_there.gets("/api/v1/me").await.refused("SignedOut");
    w.tick().await;
    there.gets("/api/v1/me").await.refused("NotAuthentic");
    let after: Vec<Value> = w.log().await.split_off(usize::try_from(size).expect("a size"));
    assert!(after.iter().all(|e| e["kind"] != "NoteAdded" && e["kind"] != "TransitionTaken"), "{after:?}");
    assert_eq!(after[0]["kind"], json!("PersonDisabled"));
}
on_both!(somebody_disabled_at_one_replica_is_stopped_at_the_other);
