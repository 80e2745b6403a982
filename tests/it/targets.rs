//! What has to be answered, contained and resolved by when: every cell of impact and urgency.

use serde_json::json;

use super::world::{World, on_both};

// proves: INC-19, SLA-05
async fn impact_and_urgency_set_the_severity_every_target_and_who_is_called(w: &mut World) {
    let ana = w.person("ana");
    // It is Monday, ten o'clock; business hours are nine to five.
    let targets = [
        ("sev1", ["02T10:15", "02T14:00", "02T18:00"]),
        ("sev2", ["02T10:30", "02T18:00", "03T10:00"]),
        ("sev3", ["02T14:00", "05T10:00", "07T10:00"]),
        ("sev4", ["03T10:00", "09T10:00", "22T10:00"]),
    ];
    let table = [("high", ["sev1", "sev2", "sev3"]), ("medium", ["sev2", "sev3", "sev4"]), ("low", ["sev3", "sev4", "sev4"])];
    let mut opened = Vec::new();
    for (impact, row) in table {
        for (urgency, severity) in ["high", "medium", "low"].into_iter().zip(row) {
            let inc = ana.opens(json!({ "title": "Something", "impact": impact, "urgency": urgency })).await.number();
            let shown = ana.sees(&inc).await;
            assert_eq!(shown["severity"], severity, "{impact} and {urgency}");
            let (_, due) = targets.iter().find(|(of, _)| *of == severity).expect("a target");
            for (clock, due) in ["acknowledge", "contain", "resolve"].into_iter().zip(due) {
                assert_eq!(shown["clocks"][clock]["due"], json!(format!("2026-03-{due}:00.000000Z")), "{clock} of {impact} and {urgency}");
            }
            opened.push((inc, severity));
        }
    }
    assert_eq!(opened.len(), 9);
    // Nobody answers: at its time each is taken to the first of those who are called, and not before.
    let mut called = Vec::new();
    for (severity, due) in targets {
        w.advance_to(&format!("2026-03-{}:00Z", due[0])).await;
        called.extend(opened.iter().filter(|(_, of)| *of == severity).map(|(inc, _)| inc.clone()));
        let escalated = w.log_of("Escalated").await;
        // A target that is missed later calls anew, once the rounds of the first are over.
        let first = escalated.iter().filter(|e| e["data"]["from_tier"] == 0 && e["data"]["clock"] == "acknowledge");
        let first: Vec<String> = first
            .map(|e| (e["ticket"].as_str().unwrap_or_default().to_owned(), e["data"]["to"].clone()))
            .map(|(inc, to)| {
                assert_eq!(to, "incident-manager", "without a rota the first behind whom somebody stands: {inc}");
                inc
            })
            .collect();
        assert_eq!(first.len(), called.len(), "{severity}: {first:?}");
        assert!(called.iter().all(|inc| first.contains(inc)), "{severity}: {first:?}");
    }
    // Whoever takes another than what is proposed says why.
    let path = format!("/api/v1/tickets/{}/fields", opened[0].0);
    ana.posts(&path, json!({ "fields": { "severity": "sev3" } })).await.refused("ReasonMissing").says("from sev1 to sev3");
}
on_both!(impact_and_urgency_set_the_severity_every_target_and_who_is_called);
