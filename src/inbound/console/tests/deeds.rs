//! What people do at the console: close, save, approve, take back; and what those who may not are shown.

use super::*;

/// A small procedure of a house, whose start Dana has to approve.
const ALTERATION: &str = "kind: alteration
prefix: ALT
title: Alteration
purpose: Something is altered on purpose.
fields:
  title: { type: line, help: What is altered. }
  plan: { type: text, help: How it is done. }
  risk: { type: choice, of: [low, high], default: low, help: What can go wrong. }
statuses: [draft, implementing, closed]
ended: [closed]
declare: { by: responder, asks: [title, plan, risk], requires: [title] }
transitions:
  start: { from: draft, to: implementing, by: responder, help: It begins., approval: { of: [plan, risk], stages: [{ by: incident-manager, count: 1 }] } }
  close: { from: implementing, to: closed, by: responder, asks: reason, help: It is done. }
retention: Six years.
";

fn with_alterations() -> Vec<(String, Vec<u8>)> {
    let mut playbooks = crate::procedure::built_in();
    playbooks.push(("kinds/alteration.yaml".into(), ALTERATION.into()));
    playbooks
}

/// Ana works, Dana manages, Eve only looks.
async fn staffed(playbooks: Vec<(String, Vec<u8>)>) -> Browser {
    let browser = Browser::found(playbooks).await;
    add(&browser.desk, None, "p_dana", "Dana Okafor", &["administrator", "incident-manager"]).await;
    add(&browser.desk, Some("p_dana"), "p_ana", "Ana Lima", &["responder"]).await;
    add(&browser.desk, Some("p_dana"), "p_eve", "Eve Adams", &["auditor"]).await;
    browser
}

impl Browser {
    async fn does(&self, channel: &str, action: &str, pairs: &[(&str, &str)]) {
        let page = self.post(&format!("{channel}/do/{action}"), pairs).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{action}: {}", page.text);
    }

    /// Declares an incident and works it until it can be closed.
    async fn restored(&mut self) -> String {
        self.be("p_ana").await;
        let channel = self.declare().await;
        for step in ["acknowledge", "contain", "eradicate", "recover"] {
            self.does(&channel, &format!("step.{step}"), &[]).await;
        }
        channel
    }
}

/// The hidden value of an input, as a form shows it.
fn hidden(page: &Page, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let found = page.text.split(&start).nth(1).and_then(|rest| rest.split('"').next());
    found.unwrap_or_else(|| panic!("no {name}: {}", page.text)).to_owned()
}

#[tokio::test]
async fn a_refused_closing_names_everything_at_once_and_loses_nothing() {
    let mut browser = staffed(crate::procedure::built_in()).await;
    let channel = browser.restored().await;
    browser.be("p_dana").await;
    let typed = [("field.root_cause", "A full disk."), ("field.data_involved", "unknown"), ("field.severity", "sev2")];
    let page = browser.post(&format!("{channel}/do/step.close"), &typed).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    for named in [
        "Please fill in: class.",
        "id=\"f-reason-error\"",
        "a note on what was found and done",
        "evidence for “Contained”",
        "and a reason.",
        "Say which data was involved",
    ] {
        assert!(page.text.contains(named), "{named}: {}", page.text);
    }
    for kept in ["A full disk.</textarea>", "value=\"unknown\" checked", "value=\"sev2\" checked"] {
        assert!(page.text.contains(kept), "{kept}: {}", page.text);
    }
}

#[tokio::test]
async fn what_was_typed_is_saved_without_closing() {
    let mut browser = staffed(crate::procedure::built_in()).await;
    let channel = browser.restored().await;
    browser.be("p_dana").await;
    let form = browser.get(&format!("{channel}/form/step.close")).await;
    assert!(form.text.contains("Save without closing"), "{}", form.text);
    browser.be("p_ana").await;
    let typed = [("instead", "save"), ("field.root_cause", "A full disk."), ("field.severity", "sev3"), ("reason", "so far")];
    browser.does(&channel, "step.close", &typed).await;
    let page = browser.get(&channel).await;
    assert!(page.text.contains("Back to normal") && page.text.contains("set root cause") && page.text.contains("so far"), "{}", page.text);
    let form = browser.get(&format!("{channel}/form/step.close")).await;
    assert!(form.text.contains("A full disk.</textarea>"), "{}", form.text);
}

#[tokio::test]
async fn only_what_somebody_may_do_is_offered_and_the_desk_still_refuses() {
    let mut browser = staffed(crate::procedure::built_in()).await;
    let channel = browser.restored().await;
    let mut seen = Vec::new();
    for person in ["p_ana", "p_dana", "p_eve"] {
        browser.be(person).await;
        seen.push(browser.get(&channel).await.text);
    }
    let offers = |page: &str, action: &str| page.contains(&format!("/form/{action}")) || page.contains(&format!("/do/{action}"));
    let [ana, dana, eve] = [&seen[0], &seen[1], &seen[2]];
    assert!(offers(ana, "step.close"), "the owner closes");
    assert!(offers(dana, "step.close") && offers(dana, "step.void") && offers(dana, "edit") && offers(dana, "note"));
    assert!(offers(ana, "step.merge") && !offers(ana, "step.void"));
    for action in ["step.close", "step.merge", "step.void", "edit", "evidence", "owner", "link", "note", "escalate"] {
        assert!(!offers(eve, action), "{action}");
    }
    assert!(eve.contains("“Close” is for an incident manager or the ticket&#39;s owner."), "{eve}");
    let form = browser.get(&format!("{channel}/form/step.close")).await;
    assert!(form.text.contains("“Close” is for an incident manager") && !form.text.contains("Save without closing"), "{}", form.text);
    let refused = browser.post(&format!("{channel}/do/edit"), &[("field.root_cause", "x")]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text);
}

#[tokio::test]
async fn declaring_offers_the_kinds_and_the_playbooks_that_there_are() {
    let mut browser = staffed(with_alterations()).await;
    browser.be("p_ana").await;
    let form = browser.get("/console/declare").await;
    for words in [
        "New incident",
        "action=\"/console/declare/incident\"",
        "<option value=\"\" selected>None</option>",
        "<option value=\"phishing\">Phishing",
        "href=\"/console/declare/alteration\"",
    ] {
        let loose = words.replace(" selected", "");
        assert!(form.text.contains(words) || form.text.contains(&loose), "{words}: {}", form.text);
    }
    let page = browser.post("/console/declare/incident", &[("field.title", "mail with a strange link"), ("response", "phishing")]).await;
    let opened = browser.get(&page.location.expect("the new channel")).await;
    assert!(opened.text.contains("<dt>Playbook</dt><dd>Phishing"), "{}", opened.text);
    let wrong = browser.post("/console/declare/incident", &[("field.title", "x"), ("response", "no-such")]).await;
    assert!(wrong.status.is_client_error() && wrong.text.contains("no response playbook called"), "{}", wrong.text);
    browser.be("p_eve").await;
    assert_eq!(browser.get("/console/declare/alteration").await.status, StatusCode::NOT_FOUND, "for responders");
    assert_eq!(browser.get("/console/declare/party").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_approval_is_given_on_what_was_shown_and_can_be_taken_back() {
    let mut browser = staffed(with_alterations()).await;
    browser.be("p_ana").await;
    let fields = [("field.title", "a new disk"), ("field.plan", "swap it at noon"), ("field.risk", "low")];
    let channel = browser.post("/console/declare/alteration", &fields).await.location.expect("the new channel");
    let own = browser.get(&format!("{channel}/form/decide.start")).await;
    assert!(own.text.contains("You asked for this, so somebody else must decide."), "{}", own.text);
    let refused = browser.post(&format!("{channel}/do/step.start"), &[]).await;
    assert!(refused.text.contains("an approval by incident-manager"), "{}", refused.text);

    browser.be("p_dana").await;
    assert!(browser.get(&channel).await.text.contains("/form/decide.start"));
    let form = browser.get(&format!("{channel}/form/decide.start")).await;
    assert!(form.text.contains("swap it at noon"), "the whole statement is shown: {}", form.text);
    let shown = hidden(&form, "binding");
    let nothing = browser.post(&format!("{channel}/do/decide.start"), &[("binding", &shown)]).await;
    assert!(nothing.text.contains("id=\"f-decision-error\"") && nothing.text.contains("id=\"f-reason-error\""), "{}", nothing.text);
    browser.be("p_ana").await;
    browser.does(&channel, "edit", &[("field.title", "a new disk"), ("field.plan", "swap it at night"), ("field.risk", "high")]).await;
    browser.be("p_dana").await;
    let decision = |binding: &str| {
        [("decision", "approve"), ("reason", "the plan is sound")]
            .into_iter()
            .chain([("binding", binding)])
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect::<Vec<_>>()
    };
    let pairs = decision(&shown);
    let stale =
        browser.post(&format!("{channel}/do/decide.start"), &pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>()).await;
    assert_eq!(stale.status, StatusCode::CONFLICT, "{}", stale.text);
    assert!(stale.text.contains("swap it at night") && stale.text.contains("the plan is sound</textarea>"), "shown anew: {}", stale.text);
    let pairs = decision(&hidden(&stale, "binding"));
    browser.does(&channel, "decide.start", &pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>()).await;
    let page = browser.get(&channel).await;
    assert!(page.text.contains("approved “Start” at") && page.text.contains("/form/withdraw.start"), "{}", page.text);
    browser.does(&channel, "withdraw.start", &[("reason", "not on a Friday")]).await;
    let page = browser.get(&channel).await;
    assert!(page.text.contains("took back the decision on “Start”") && page.text.contains("still needs an approval"), "{}", page.text);
}

#[tokio::test]
async fn a_wrong_link_is_taken_back_with_a_reason() {
    let mut browser = staffed(crate::procedure::built_in()).await;
    browser.be("p_ana").await;
    let channel = browser.declare().await;
    browser.does(&channel, "link", &[("link", "dashboard"), ("target", "https://dash.example.com/9")]).await;
    let page = browser.get(&channel).await;
    let unlink = page.text.split("/form/unlink.").nth(1).and_then(|rest| rest.split('"').next()).expect("a way back").to_owned();
    assert!(page.text.contains("https://dash.example.com/9"), "{}", page.text);
    let empty = browser.post(&format!("{channel}/do/unlink.{unlink}"), &[]).await;
    assert!(empty.text.contains("id=\"f-reason-error\""), "{}", empty.text);
    browser.does(&channel, &format!("unlink.{unlink}"), &[("reason", "the wrong dashboard")]).await;
    let page = browser.get(&channel).await;
    assert!(page.text.contains("the wrong dashboard") && !page.text.contains("/form/unlink."), "{}", page.text);
    assert_eq!(browser.get(&format!("{channel}/form/unlink.{unlink}")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_same_key_on_another_ticket_is_another_request() {
    let mut browser = staffed(crate::procedure::built_in()).await;
    browser.be("p_ana").await;
    let (one, other) = (browser.declare().await, browser.declare().await);
    for channel in [&one, &other] {
        browser.does(channel, "note", &[("dedupe", "k1"), ("note", "the same words")]).await;
    }
    assert!(browser.get(&other).await.text.contains("the same words"));
}

#[tokio::test]
async fn all_that_ended_is_listed_a_page_at_a_time_the_latest_first() {
    let mut browser = staffed(crate::procedure::built_in()).await;
    browser.be("p_ana").await;
    for _ in 0..53 {
        let channel = browser.declare().await;
        browser.does(&channel, "step.false_positive", &[("reason", "a drill")]).await;
    }
    let board = browser.get("/console/").await;
    assert!(board.text.contains("/c/INC-000053\"") && board.text.contains("/c/INC-000044\"") && !board.text.contains("/c/INC-000043\""));
    let first = browser.get("/console/ended").await;
    assert!(first.text.contains("/c/INC-000053\"") && first.text.contains("/c/INC-000004\"") && !first.text.contains("/c/INC-000003\""));
    let older =
        first.text.split("href=\"/console/ended?before=").nth(1).and_then(|rest| rest.split('"').next()).expect("older ones").to_owned();
    let second = browser.get(&format!("/console/ended?before={older}")).await;
    assert!(second.text.contains("/c/INC-000003\"") && !second.text.contains("/c/INC-000004\"") && !second.text.contains("?before="));
    assert!(browser.get("/console/ended?before=-5").await.text.contains("Nothing older."));
}
