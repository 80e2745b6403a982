//! What is drawn at random of each past quarter: anybody draws the same again, and what is kept of it verifies.

use std::collections::BTreeSet;

use countersign::ticket::number::Number;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::world::change::decides;
use super::world::proof::sha256;
use super::world::{Kind, World, hours, on_both, until};

const ESTATE: &str = "systems: { logs: { title: Logs, owner: chi@example.com, roles: { read: { title: Reads, most: 90d } } } }
obligations:
";
const QUALITY: &str = "  quality-check:
    title: Quality check of closed tickets
    cron: \"0 9 8 1,4,7,10 *\"
    type: qa
    due: 14d
    draw: { kinds: [access, change], standing: [closed], ended_in: quarter, size: 3 }
";
const ARCHIVE: &str = "  sample-archive:
    title: Archive of samples
    cron: \"0 9 22 1,4,7,10 *\"
    type: sample
    due: 14d
    draw: { kinds: [access, change], standing: [closed], ended_in: quarter, size: 2, pack: true }
";

async fn with_draws(w: &mut World, obligations: &[&str]) {
    let mut files = countersign::procedure::built_in();
    for (path, bytes) in &mut files {
        if path == "organisation.yaml" {
            bytes.extend_from_slice([ESTATE, &obligations.concat()].concat().as_bytes());
        }
    }
    w.adopts(files, "Closed tickets are looked at each quarter.").await;
    w.hires("chi", &["approver"]).await;
    w.hires("sec", &["security-officer"]).await;
    w.tick().await;
}

/// Access that was asked for, approved and given.
async fn granted(w: &World, subject: &str) -> String {
    let wanted = json!({
        "title": format!("{subject} reads the logs"), "system": "logs", "role": "read", "requested_for": w.id_of(subject),
        "justification": "They look after the nightly jobs of the shop from March on.", "expires_at": w.now().plus(hours(24 * 60)).to_string(),
    });
    let acc = w.person("mia").posts("/api/v1/tickets", json!({ "kind": "access", "fields": wanted })).await.number();
    decides(w, "chi", &acc).await.done();
    w.person("ana").takes("grant", &acc, json!({ "line": "Given." })).await.done();
    acc
}

/// The same, taken away and shown to be gone.
async fn closed(w: &World, subject: &str) -> String {
    let acc = granted(w, subject).await;
    let ana = w.person("ana");
    ana.takes("revoke", &acc, json!({ "reason": "It is not needed any more." })).await.done();
    ana.files(&acc, "users.csv", format!("account,role\nnot {acc},read\n").as_bytes(), Some("deprovisioning"), None).await.done();
    ana.takes("confirm", &acc, json!({})).await.done();
    acc
}

async fn runs_of(w: &World, obligation: &str) -> Vec<Value> {
    w.log_of("ObligationRun").await.into_iter().filter(|run| run["data"]["obligation"] == obligation).collect()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|t| t.as_str().map(str::to_owned)).collect()
}

/// What README tells everybody to do: hash the seed and each number, and take the smallest.
fn drawn_by_hand(seed: &str, population: &[String], size: usize) -> Vec<String> {
    let mut places: Vec<(String, &String)> =
        population.iter().map(|number| (hex::encode(Sha256::digest(format!("{seed} {number}"))), number)).collect();
    places.sort();
    let mut drawn: Vec<String> = places.into_iter().take(size).map(|(_, number)| number.clone()).collect();
    drawn.sort();
    drawn
}

async fn the_tickets_of_a_quality_check_are_drawn_at_random_and_by_anybody_again(w: &mut World) {
    with_draws(w, &[QUALITY]).await;
    let mut population = Vec::new();
    for subject in ["ben", "max", "lea", "ben", "max"] {
        population.push(closed(w, subject).await);
    }
    // Given and not yet taken away, and closed in the next quarter: neither of these.
    let live = granted(w, "lea").await;
    w.advance_to("2026-04-02T10:00:00Z").await;
    let later = closed(w, "ben").await;
    w.advance_to("2026-04-08T09:00:00Z").await;
    w.tick().await;
    let runs = runs_of(w, "quality-check").await;
    assert_eq!(runs.len(), 1, "once, by however many");
    let drawn = &runs[0]["data"]["drawn"];
    let numbers = texts(&drawn["drawn"]);
    assert_eq!((&drawn["population"], numbers.len(), &drawn["size"]), (&json!(5), 3, &json!(3)), "{drawn}");
    assert_eq!((&drawn["from"], &drawn["to"]), (&json!("2026-01-01T00:00:00.000000Z"), &json!("2026-04-01T00:00:00.000000Z")));
    assert_eq!(drawn["digest"], json!(sha256(format!("{}\n", population.join("\n")).as_bytes())), "which could be drawn");
    let seed = drawn["seed"].as_str().expect("a seed");
    assert_eq!((seed.len(), &numbers), (32, &drawn_by_hand(seed, &population, 3)));
    // The review names them, and they name it; nothing else does.
    let rev = runs[0]["data"]["opened"].as_str().expect("its review").to_owned();
    let seen = w.person("aud").sees(&rev).await;
    assert_eq!((&seen["fields"]["type"], &seen["fields"]["title"]), (&json!("qa"), &json!("Quality check of closed tickets, 2026-04-08")));
    let sampled: BTreeSet<String> = texts(&Value::from(
        seen["links"].as_array().into_iter().flatten().filter(|l| l["link"] == "samples").map(|l| l["to"].clone()).collect::<Vec<_>>(),
    ))
    .into_iter()
    .collect();
    assert_eq!(sampled, numbers.iter().cloned().collect());
    for number in population.iter().chain([&live, &later]) {
        let named = w.person("aud").sees(number).await["links"].to_string().contains("sampled_in");
        assert_eq!(named, numbers.contains(number), "{number}");
    }
    let page = w.signed_in("sec").await.gets(&format!("/console/c/{rev}")).await.text();
    assert!(numbers.iter().all(|number| page.contains(number)), "{page}");
    // A link that the draw made is not taken back, and the review is completed like another.
    let link = seen["links"].as_array().into_iter().flatten().find(|l| l["link"] == "samples").expect("a link")["id"].to_string();
    let back = json!({ "reason": "This one looks bad." });
    w.person("ana").posts(&format!("/api/v1/tickets/{rev}/links/{link}/remove"), back).await.refused("LinkStays");
    // Drawn again later, when the tickets have gone on, and after a restart: the same.
    w.person("ana").notes(&numbers[0], "Looked at once more.").await.done();
    w.stops().await;
    w.starts().await;
    w.tick().await;
    let report = w.person("aud").gets("/api/v1/reports/samples").await.done();
    assert_eq!(report["summary"], json!({ "draws": 1, "drawn_differently": 0, "packs": 0, "packs_missing": 0 }), "{report}");
    let row = &report["rows"][0];
    assert_eq!((&row["ticket"], &row["drawn_again"], &row["seed"]), (&json!(rev), &json!("the same"), &drawn["seed"]));
    assert_eq!(runs_of(w, "quality-check").await.len(), 1);
    let page = w.signed_in("aud").await.gets("/console/reports/samples").await.text();
    assert!(page.contains(seed) && page.contains("the same"), "{page}");
    // Somebody with all rights on the database puts another ticket in the place of a drawn one.
    w.signed().await;
    w.database.disarm().await;
    let other = population.iter().find(|number| !numbers.contains(number)).expect("one that was not drawn");
    let (was, is) = (format!("\"{}\"", numbers[0]), format!("\"{other}\""));
    let put = match w.database.kind {
        Kind::Sqlite => {
            format!("UPDATE event SET bytes = CAST(replace(CAST(bytes AS TEXT), '{was}', '{is}') AS BLOB) WHERE kind = 'ObligationRun'")
        }
        Kind::Postgres => {
            format!(
                "UPDATE event SET bytes = convert_to(replace(convert_from(bytes, 'UTF8'), '{was}', '{is}'), 'UTF8') WHERE kind = 'ObligationRun'"
            )
        }
    };
    w.database.execute(&put).await.expect("all rights");
    let report = w.person("aud").gets("/api/v1/reports/samples").await.done();
    assert_eq!((&report["summary"]["drawn_differently"], &report["rows"][0]["drawn_again"]), (&json!(1), &json!("something else")));
    w.person("nil").gets("/api/v1/reports/samples").await.refused("NotAllowed");
    w.leave_broken();
}
on_both!(the_tickets_of_a_quality_check_are_drawn_at_random_and_by_anybody_again);

async fn packs(w: &World) -> Vec<Value> {
    w.log_of("PackWritten").await
}

// proves: ACC-09
async fn each_quarter_leaves_a_signed_pack_of_samples_that_verifies_also_where_nobody_was_there(w: &mut World) {
    with_draws(w, &[ARCHIVE]).await;
    let mut closed_in_march = Vec::new();
    for subject in ["ben", "max", "lea"] {
        closed_in_march.push(closed(w, subject).await);
    }
    w.starts().await;
    w.advance_to("2026-04-22T09:00:00Z").await;
    w.tick().await;
    until("the pack is on record", async || !packs(w).await.is_empty()).await;
    let run = runs_of(w, "sample-archive").await.remove(0);
    let drawn = texts(&run["data"]["drawn"]["drawn"]);
    let rev = run["data"]["opened"].as_str().expect("its review").to_owned();
    let written = packs(w).await.remove(0);
    assert_eq!((&written["ticket"], &written["data"]["tickets"]), (&json!(rev), &json!(3)), "two that were drawn, and the review");
    assert!(written["data"]["position"].as_i64() > run["seq"].as_i64(), "with the draw itself in the log");
    let folder = w.path("attachments").join("packs");
    let place = |pack: &Value| folder.join(format!("{}.zip", pack["data"]["sha256"].as_str().expect("a digest")));
    let file = place(&written);
    let bytes = std::fs::read(&file).expect("the pack");
    assert_eq!((&written["data"]["sha256"], &written["data"]["size"]), (&json!(sha256(&bytes)), &json!(bytes.len())));
    let said = w.said(&rev).await.join("\n");
    assert!(said.contains("PackWritten"), "{said}");
    let sec = w.signed_in("sec").await;
    until("its page says so, whichever replica wrote it", async || {
        let page = sec.gets(&format!("/console/c/{rev}")).await.text();
        page.contains("The pack of 3 tickets was written") && page.contains(&sha256(&bytes))
    })
    .await;
    // Consistent by itself, and with nothing of what was not drawn.
    let path = file.display().to_string();
    let (code, words) = w.runs(&["verify", &path]).await;
    assert_eq!(code, 3, "{words}");
    let list = String::from_utf8(unzipped(&file, "tickets.jsonl")).expect("text");
    let numbers: BTreeSet<String> = list
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a row")["number"].as_str().expect("a number").to_owned())
        .collect();
    assert_eq!(numbers, drawn.iter().cloned().chain([rev.clone()]).collect());
    let manifest = unzipped(&file, "manifest.json");
    assert_eq!(written["data"]["manifest"], json!(sha256(&manifest)), "and its manifest is the one on record");
    let left_out = closed_in_march.iter().find(|number| !drawn.contains(number)).expect("one was not drawn");
    assert!(drawn.iter().all(|n| n.parse::<Number>().is_ok()) && !list.contains(left_out.as_str()));
    // Two quarters pass while nobody is there: each gets its pack, of its own tickets, as soon as somebody is.
    w.advance_to("2026-05-04T10:00:00Z").await;
    let in_may = closed(w, "max").await;
    w.stops().await;
    w.advance_to("2026-11-03T10:00:00Z").await;
    w.starts().await;
    w.tick().await;
    until("both packs are on record", async || packs(w).await.len() == 3).await;
    let runs = runs_of(w, "sample-archive").await;
    let due: Vec<&Value> = runs.iter().map(|run| &run["data"]["due"]).collect();
    assert_eq!(due, [&json!("2026-04-22T09:00:00.000000Z"), &json!("2026-07-22T09:00:00.000000Z"), &json!("2026-10-22T09:00:00.000000Z")]);
    assert_eq!(
        (texts(&runs[1]["data"]["drawn"]["drawn"]), texts(&runs[2]["data"]["drawn"]["drawn"])),
        (vec![in_may], Vec::<String>::new())
    );
    assert_eq!(w.log_of("ObligationMissed").await.len(), 0, "made up for, with both times");
    for pack in &packs(w).await {
        let (code, words) = w.runs(&["verify", &place(pack).display().to_string()]).await;
        assert_eq!(code, 3, "{words}");
    }
    let report = w.person("aud").gets("/api/v1/reports/samples").await.done();
    assert_eq!(report["summary"], json!({ "draws": 3, "drawn_differently": 0, "packs": 3, "packs_missing": 0 }), "{report}");
    w.stops().await;
    w.starts().await;
    w.tick().await;
    // Nothing is written twice. One that is cut short or gone is told, and does not verify.
    let mut cut = bytes.clone();
    cut[bytes.len() / 2] ^= 1;
    std::fs::write(&file, &cut).expect("changed");
    let (code, words) = w.runs(&["verify", &path]).await;
    assert!(code == 1 || code == 2, "{code} {words}");
    std::fs::remove_file(&file).expect("gone");
    let report = w.person("aud").gets("/api/v1/reports/samples").await.done();
    assert_eq!((&report["summary"]["packs_missing"], &report["rows"][0]["pack"]), (&json!(1), &json!("missing")));
    assert_eq!((packs(w).await.len(), runs_of(w, "sample-archive").await.len()), (3, 3));
}
on_both!(each_quarter_leaves_a_signed_pack_of_samples_that_verifies_also_where_nobody_was_there);

fn unzipped(file: &std::path::Path, name: &str) -> Vec<u8> {
    let mut zip = zip::ZipArchive::new(std::fs::File::open(file).expect("the pack")).expect("a zip");
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut zip.by_name(name).expect(name), &mut bytes).expect(name);
    bytes
}

async fn a_text_that_is_sent_as_it_stands_is_no_change_whoever_sends_it(w: &mut World) {
    with_draws(w, &[QUALITY]).await;
    let acc = granted(w, "ben").await;
    let mia = w.person("ana");
    let before = mia.sees(&acc).await;
    let (title, why) = (before["fields"]["title"].clone(), before["fields"]["justification"].clone());
    assert!(title.is_string() && why.is_string());
    // A program that sends back what it read changes nothing, and what was agreed to stands in nobody's way.
    mia.sets(&acc, json!({ "title": title, "justification": why })).await.refused("NothingToDo");
    mia.sets(&acc, json!({ "justification": why, "revocation": "The account goes with the next clean-up." })).await.done();
    let set = w.log_of("FieldsSet").await.pop().expect("an event");
    assert_eq!(set["data"]["sealed_fields"], json!(["revocation"]), "and only what is new is on record");
    mia.sets(&acc, json!({ "justification": "They look after something else from March on, and that is new." })).await.refused("Fixed");
    let sent = json!({ "reason": "Not needed any more.", "fields": { "justification": why } });
    mia.takes("revoke", &acc, sent).await.done();
}
on_both!(a_text_that_is_sent_as_it_stands_is_no_change_whoever_sends_it);
