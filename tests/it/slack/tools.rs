//! Signed by Slack's own library, which we did not write.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::hand::{Hand, posts, words};
use crate::machine;
use crate::world::slack::SIGNING_SECRET;
use crate::world::{World, on_both};

/// What PyPI's `slack-sdk` signs a body with.
pub fn signed(secret: &str, at: i64, body: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/slack_sign.py");
    let mut command = Command::new(machine::tools().join("venv/bin/python"));
    command.arg(script).args([secret, &at.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = command.spawn().expect("./test tools installs the Python of tests/tools/requirements.txt");
    running.stdin.take().expect("its input").write_all(body.as_bytes()).expect("it reads");
    let said = running.wait_with_output().expect("it ends");
    assert!(said.status.success(), "slack_sign.py failed");
    String::from_utf8(said.stdout).expect("text").trim().to_owned()
}

async fn what_slacks_own_library_signs_is_believed_and_nothing_else(w: &mut World) {
    let slack = w.uses_slack().await;
    let ana = slack.joins("ana");
    w.links("ana", &ana).await;
    let hand = Hand::of(w, &slack, &ana);
    let body = hand.command("/incident declare die Datenbank ist weg: ä ö ü 🔥", "17.fake");
    let now = w.now().seconds();
    let good = posts(w, "/slack/commands", &body, (now, &signed(SIGNING_SECRET, now, &body))).await;
    assert!(good.status == 200 && words(&good.json()).contains("INC-000001"), "{}", good.text());
    for (at, secret) in [(now - 301, SIGNING_SECRET), (now, "another-secret")] {
        assert_eq!(posts(w, "/slack/commands", &body, (at, &signed(secret, at, &body))).await.status, 401);
    }
    let replayed = posts(w, "/slack/commands", &body, (now, &signed(SIGNING_SECRET, now, &body))).await;
    assert_eq!(replayed.status, 200);
    assert_eq!(w.log_of("TicketOpened").await.len(), 1);
}
on_both!(what_slacks_own_library_signs_is_believed_and_nothing_else);
