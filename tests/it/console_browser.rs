//! The console in headless Chromium: people at a desk and on a phone, with nothing but a keyboard, in light and dark.
//! Screenshots of every page stand in `target/screenshots` afterwards, for people to look at.

use fantoccini::key::Key;
use serde_json::json;
use tempfile::TempDir;

use super::browser::{Browser, DESK, PHONE};
use super::machine::{self, Running};
use super::server::{self, Server};

/// The demonstration: example people, and alerts that arrive by themselves. The program drops before its folder.
struct Demo {
    _program: Running,
    _folder: TempDir,
    base: String,
}

impl Demo {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let address = format!("127.0.0.1:{}", machine::free_port());
        let mut command = server::program();
        command.args(["demo", "--listen", &address, "--data"]).arg(folder.path());
        let mut program = Running::spawn(command);
        program.wait_for("Open http");
        Self { _program: program, _folder: folder, base: format!("http://{address}") }
    }

    fn page(&self, path: &str) -> String {
        format!("{}/console/{path}", self.base)
    }
}

/// A person who has only a keyboard.
struct Keyboard<'b>(&'b Browser);

impl Keyboard<'_> {
    /// Presses Tab until what has the focus matches the CSS selector and has these words.
    async fn tab_to(&self, css: &str, words: &str) {
        let here = format!(
            "const e = document.activeElement; return e.matches({css}) && (e.innerText + (e.getAttribute('aria-label') || '')).includes({words})",
            css = json!(css),
            words = json!(words)
        );
        for _ in 0..200 {
            self.0.press(&[Key::Tab]).await;
            if self.0.client.execute(&here, Vec::new()).await.is_ok_and(|there| there == json!(true)) {
                return;
            }
        }
        panic!("Tab never came to {css} {words:?}");
    }

    async fn enter(&self) {
        self.0.press(&[Key::Enter]).await;
    }

    /// Opens a form by its link or button, and waits until it is there with the focus in it.
    async fn open_form(&self, css: &str, words: &str) {
        self.tab_to(css, words).await;
        self.enter().await;
        self.0.until("document.querySelector('#dialog').open && document.activeElement.closest('#dialog')").await;
    }

    /// Sends the form that is open. The focus is somewhere in it.
    async fn send_form(&self) {
        self.tab_to("#dialog .sheet-foot button", "").await;
        self.enter().await;
    }

    async fn form_is_closed(&self) {
        self.0.until("!document.querySelector('#dialog').open").await;
    }

    async fn type_into(&self, css: &str, text: &str) {
        self.tab_to(css, "").await;
        self.0.type_text(text).await;
    }

    /// Becomes somebody else: the name's first letter in the list of people.
    async fn be(&self, name: &str) {
        self.0.client.execute("window.old = true", Vec::new()).await.expect("scripts run");
        self.tab_to("select#be", "").await;
        self.0.type_text(&name[..1]).await;
        self.0
            .until(&format!("!window.old && document.querySelector('select#be')?.selectedOptions[0].text.startsWith({})", json!(name)))
            .await;
    }

    /// Takes a phase of the work, with one line.
    async fn phase(&self, label: &str) {
        self.open_form("#card a.button", label).await;
        self.type_into("#f-line", "Traffic moved to zone c.").await;
        self.send_form().await;
        self.form_is_closed().await;
        self.0.until(&format!("document.querySelector('#card .status').innerText === {}", json!(label))).await;
    }

    /// Does, or gives the reason for leaving out, everything that the form for closing lists as missing.
    async fn settle_what_is_missing(&self) {
        for _ in 0..30 {
            self.open_form("#card .buttons a.button", "Close").await;
            let missing = "return document.querySelectorAll('#dialog .missing li').length";
            let left = self.0.client.execute(missing, Vec::new()).await.expect("scripts run");
            if left == json!(0) {
                return;
            }
            self.tab_to("#dialog .missing li:first-child a:last-child", "").await;
            self.enter().await;
            self.0.until("!document.querySelector('#dialog .missing') && document.activeElement.closest('#dialog')").await;
            // The fields that a note, a reason and a link have.
            let field = "#dialog :is(#f-note, .sheet-body:not(:has(#f-note)) #f-reason)";
            self.type_into(field, "Looked through the deployments of that day; there is none.").await;
            self.send_form().await;
            self.form_is_closed().await;
        }
        panic!("what the form lists as missing is still missing when it was settled as the form says");
    }
}

async fn none_complained(browser: &Browser) {
    assert_eq!(browser.complaints().await, Vec::<String>::new(), "errors in the browser's console");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_arrives_by_itself_and_is_worked_by_keyboard_until_it_closes() {
    let demo = Demo::start();
    let browser = Browser::start().await;
    let keys = Keyboard(&browser);
    browser.open(&demo.page("sign-in")).await;
    keys.tab_to("button.person", "Ana Moreau").await;
    keys.enter().await;

    // The page that was open before the storm shows it, without being loaded again.
    browser.until("document.querySelector('#incidents')").await;
    browser.client.execute("window.same = true", Vec::new()).await.expect("scripts run");
    browser.until("document.querySelector('#card-INC-000001')?.innerText.includes('200 alerts')").await;
    browser.until("window.same").await;
    browser.screenshot("story-1-storm-desk").await;
    keys.tab_to("a.channel", "INC-000001").await;
    keys.enter().await;
    browser.until("document.querySelector('#card')").await;

    browser.client.execute("window.same = true", Vec::new()).await.expect("scripts run");
    keys.tab_to("#card button", "Acknowledge").await;
    keys.enter().await;
    browser.until("document.querySelector('#card .status').innerText === 'Acknowledged'").await;
    browser.until("document.querySelector('#card .state').innerText.includes('Ana Moreau has it')").await;
    keys.tab_to("#note", "").await;
    browser.type_text("Certificate of the gateway expired at 01:40.").await;
    keys.enter().await;
    browser.until("document.querySelector('#messages').innerText.includes('Certificate of the gateway expired')").await;

    // A form that was opened by mistake is left with Escape, and the focus is back where it was.
    keys.open_form("#card a.button", "Mitigated").await;
    browser.screenshot("story-2-form-desk").await;
    browser.press(&[Key::Escape]).await;
    keys.form_is_closed().await;
    browser.until("document.activeElement.innerText === 'Mitigated'").await;
    for phase in ["Mitigated", "Cause removed", "Restored"] {
        keys.phase(phase).await;
    }
    browser.until("window.same").await;

    // The second pair of eyes on a sev1 is somebody else's.
    keys.be("Chidi").await;
    let reviewed = browser.client.execute_async(LOOKED_BACK, Vec::new()).await.expect("scripts run");
    assert_eq!(reviewed, json!("completed"));
    keys.settle_what_is_missing().await;
    keys.type_into("#f-field-systems_affected", "payments-api").await;
    keys.tab_to("input[name='field.reporting_duties'][value=none]", "").await;
    browser.type_text(" ").await;
    keys.type_into("#f-field-resolution", "New certificate; error rate watched for an hour by Bo.").await;
    keys.tab_to("input[name='field.disposition']", "").await;
    browser.type_text(" ").await;
    keys.type_into("#f-reason", "Looked through with Ana; nothing is open.").await;
    keys.send_form().await;
    // Refused: the field that is missing says so, and has the focus. What was typed is still there.
    browser.until("document.querySelector('#dialog .wrong .field-error')?.innerText.length > 0").await;
    browser.until("document.activeElement.id === 'f-field-root_cause'").await;
    browser.until("document.activeElement.getAttribute('aria-invalid') === 'true'").await;
    browser.until("document.querySelector('#f-field-resolution').value.startsWith('New certificate')").await;
    browser.assert_open_to_everybody().await;
    browser.screenshot("story-3-refused-desk").await;
    browser.resize(PHONE).await;
    browser.at_rest().await;
    browser.screenshot("story-3-refused-phone").await;
    browser.resize(DESK).await;
    browser.type_text("Nobody was told that the certificate would expire.").await;
    keys.send_form().await;
    keys.form_is_closed().await;
    browser.until("document.querySelector('#card .status').innerText === 'Closed'").await;
    browser.screenshot("story-4-closed-desk").await;
    // The last thing that this browser was refused was the form: the answer 422 is in its console, and nothing else.
    let complaints = browser.complaints().await;
    assert!(complaints.iter().all(|line| line.contains("/do/step.close") && line.contains("422")), "{complaints:?}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_open_to_everybody_at_a_desk_and_on_a_phone_in_light_and_dark() {
    let demo = Demo::start();
    let browser = Browser::start().await;
    browser.open(&demo.page("sign-in")).await;
    look_at(&browser, "sign-in").await;
    browser.find("button.person").await.click().await.expect("a person can be chosen");
    browser.until("document.querySelector('#card-INC-000001')?.innerText.includes('200 alerts')").await;
    let pages = [
        ("incidents", ""),
        ("ticket", "c/INC-000001"),
        ("timeline", "c/INC-000001/timeline"),
        ("people", "people"),
        ("declare", "declare"),
        ("form-evidence", "c/INC-000001/form/evidence"),
        ("form-edit", "c/INC-000001/form/edit"),
        ("form-link", "c/INC-000001/form/link"),
        ("form-close", "c/INC-000001/form/step.close"),
        ("form-merge", "c/INC-000001/form/step.merge"),
        ("ended", "ended"),
    ];
    for (name, path) in pages {
        browser.open(&demo.page(path)).await;
        look_at(&browser, name).await;
    }
    browser.open(&demo.page("c/INC-000001")).await;
    browser.resize(DESK).await;
    let keys = Keyboard(&browser);
    keys.tab_to("#more summary", "").await;
    keys.enter().await;
    look_at(&browser, "menu").await;
    // Somebody who only looks is offered nothing to do, and is told who does it.
    browser.open(&demo.page("sign-in")).await;
    browser.resize(DESK).await;
    keys.tab_to("button.person", "Eve").await;
    keys.enter().await;
    browser.until("document.querySelector('#incidents')").await;
    browser.open(&demo.page("c/INC-000001")).await;
    browser.until("document.querySelector('.for-others')?.innerText.includes('is for')").await;
    browser.until("!document.querySelector('#card .button') && !document.querySelector('#note')").await;
    look_at(&browser, "ticket-auditor").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_into_a_form_that_was_left_is_there_when_it_is_opened_again() {
    let demo = Demo::start();
    let browser = Browser::start().await;
    let keys = Keyboard(&browser);
    browser.open(&demo.page("sign-in")).await;
    keys.tab_to("button.person", "Ana").await;
    keys.enter().await;
    browser.until("document.querySelector('#card-INC-000001')?.innerText.includes('200 alerts')").await;
    browser.open(&demo.page("c/INC-000001")).await;
    let edit = async || {
        keys.tab_to("#more summary", "").await;
        keys.enter().await;
        keys.open_form("#more a", "Edit fields").await;
    };
    edit().await;
    keys.type_into("#f-field-root_cause", "A full disk.").await;
    browser.press(&[Key::Escape]).await;
    keys.form_is_closed().await;
    edit().await;
    browser.until("document.querySelector('#f-field-root_cause').value === 'A full disk.'").await;
    keys.send_form().await;
    keys.form_is_closed().await;
    edit().await;
    browser.until("document.querySelector('#f-field-root_cause').defaultValue === 'A full disk.'").await;
    none_complained(&browser).await;
    browser.close().await;
}

/// Looks at the page as it stands on both screens in both lights, as people with a screen reader would, too.
async fn look_at(browser: &Browser, name: &str) {
    for (screen, screen_name) in [(DESK, "desk"), (PHONE, "phone")] {
        browser.resize(screen).await;
        for scheme in ["dark", "light"] {
            browser.prefer(scheme).await;
            browser.at_rest().await;
            browser.screenshot(&format!("{name}-{screen_name}-{scheme}")).await;
            browser.assert_open_to_everybody().await;
            browser.until("document.documentElement.scrollWidth <= window.innerWidth").await;
        }
    }
    none_complained(browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_from_the_command_line_signs_in_once() {
    let server = Server::start();
    let added = server.run(&["people", "add", "ana@example.com", "--name", "Ana Moreau", "--role", "administrator", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&added).expect("--json prints JSON");
    let link = answer["link"].as_str().expect("a new person gets a link");
    let browser = Browser::start().await;
    let keys = Keyboard(&browser);
    browser.open(link).await;
    browser.until("document.querySelector('main button')").await;
    browser.assert_open_to_everybody().await;
    keys.tab_to("button", "Sign in").await;
    keys.enter().await;
    browser.until("document.querySelector('.who')?.innerText.includes('Ana Moreau')").await;
    browser.screenshot("signed-in-desk").await;
    assert!(!browser.text().await.contains("emonstration"), "a real desk lets nobody choose who they are");
    none_complained(&browser).await;
    browser.close().await;

    let other = Browser::start().await;
    let keys = Keyboard(&other);
    other.open(link).await;
    other.until("document.querySelector('main button')").await;
    keys.tab_to("button", "Sign in").await;
    keys.enter().await;
    other.until("document.querySelector('.refused')?.innerText.includes('used already')").await;
    other.assert_open_to_everybody().await;
    other.close().await;
}

/// Completes the post-incident review, as its page would: a sev1 is not closed before.
const LOOKED_BACK: &str = r#"
const done = arguments[arguments.length - 1];
const act = async () => {
  const post = async (path, body) => {
    const answer = await fetch('/api/v1/tickets/REV-000001/' + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    const told = await answer.json();
    if (!answer.ok) throw new Error(path + ': ' + JSON.stringify(told));
    return told.status;
  };
  await post('links', { link: 'corrected_by', reason: 'The certificate renews by itself from now on.' });
  return post('complete', { fields: { findings: 'A certificate was renewed by hand, and no reminder existed.', outcome: 'improve' } });
};
act().then(done, (error) => done('failed: ' + error));
"#;

/// Fills the demonstration with requests and a review, as its people would, and gives the review's number.
const PEOPLE_AT_WORK: &str = r#"
const done = arguments[arguments.length - 1];
const act = async () => {
  const person = (name) => [...document.querySelectorAll('#be option')].find((o) => o.text.startsWith(name)).value;
  const be = (name) => fetch('/console/be', { method: 'POST', body: new URLSearchParams({ person: person(name) }) });
  const post = async (path, body) => {
    const json = typeof body !== 'string';
    const answer = await fetch('/api/v1/tickets' + path, { method: 'POST', headers: { 'content-type': json ? 'application/json' : 'text/csv' }, body: json ? JSON.stringify(body) : body });
    const told = await answer.json();
    if (!answer.ok) throw new Error(path + ': ' + JSON.stringify(told));
    return told.ticket;
  };
  const approve = async (number) => {
    const seen = await (await fetch('/api/v1/tickets/' + number)).json();
    const digest = seen.can.map((c) => c.approval).find((d) => d);
    await post('/' + number + '/approvals', { decision: 'approve', reason: 'It is needed for the reports.', digest });
  };
  const until = (days) => new Date(Date.now() + days * 86400000).toISOString();
  const access = (name, days) => post('', { kind: 'access', fields: {
    title: 'Read payments for the month-end reports', system: 'payments-db', role: 'read', requested_for: person(name),
    justification: name + ' runs the month-end reports on the payments of this month.', expires_at: until(days) } });
  await be('Ana');
  const first = await access('Ana', 5);
  await be('Dana');
  await approve(first);
  await post('/' + first + '/grant', { line: 'Role granted.' });
  await be('Bo');
  await access('Bo', 20);
  const change = await post('', { kind: 'change', fields: { title: 'Renew the gateway certificate by itself', category: 'software', system: 'web-shop', version: 'v14',
    description: 'Deploy version 14 of the web shop, which renews the client certificate of the gateway by itself.',
    justification: 'The certificate expired tonight and payments failed for an hour.', security_impact: 'None: the key stays in the vault, and no port changes.',
    rollback_plan: 'The pipeline deploys version 13 again; it takes three minutes.', window_start: until(1.1), window_end: until(1.3) } });
  await post('/' + change + '/submit', {});
  await be('Ana');
  await post('/' + change + '/assess', { fields: { assessment: 'Feasible; it has run on staging for a week.', criticality: 'medium', exposure: 'medium', rollback_complexity: 'low' } });
  await be('Dana');
  const review = await post('', { kind: 'review', fields: { title: 'Who may see payments', type: 'access', system: 'payments-db' } });
  const users = 'account,name,email,role,last_used\nana.moreau,Ana Moreau,ana@demo.invalid,read,2026-11-20\nsvc_reports,Report job,,read,2026-11-21\nj.novak,Jan Novak,,admin,2025-02-11\n';
  // Whoever hands in a list decides nothing that stands on it.
  await be('Bo');
  await post('/' + review + '/users?system=payments-db', users);
  await be('Dana');
  return review;
};
act().then(done, (error) => done('failed: ' + error));
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_what_is_reviewed_and_what_to_try_are_open_to_everybody() {
    let demo = Demo::start();
    let browser = Browser::start().await;
    browser.open(&demo.page("sign-in")).await;
    browser.find("button.person").await.click().await.expect("a person can be chosen");
    browser.until("document.querySelector('#card-INC-000001')?.innerText.includes('200 alerts')").await;
    let made = browser.client.execute_async(PEOPLE_AT_WORK, Vec::new()).await.expect("scripts run");
    let review = made.as_str().expect("a number").to_owned();
    assert!(review.starts_with("REV-"), "{review}");
    browser.open(&demo.page("inbox")).await;
    browser.until("document.querySelector('.differs')?.innerText.includes('Other than in')").await;
    look_at(&browser, "inbox").await;
    browser.open(&demo.page("list/change")).await;
    look_at(&browser, "changes").await;
    browser.open(&demo.page("reports")).await;
    look_at(&browser, "reports").await;
    browser.open(&demo.page("reports/deployments")).await;
    look_at(&browser, "report-deployments").await;
    browser.open(&demo.page("reports/dispositions")).await;
    look_at(&browser, "report-dispositions").await;
    browser.open(&demo.page("try")).await;
    look_at(&browser, "try").await;
    browser.open(&demo.page(&format!("c/{review}"))).await;
    browser.until("document.querySelector('.lines-note')").await;
    look_at(&browser, "review").await;
    browser.open(&demo.page(&format!("c/{review}/lines"))).await;
    look_at(&browser, "lines-gathering").await;
    browser.resize(DESK).await;
    let keys = Keyboard(&browser);
    keys.tab_to("button", "Freeze the lines").await;
    keys.enter().await;
    browser.until("document.querySelector('.review-line')").await;
    browser.open(&demo.page(&format!("c/{review}/lines?mine=true&open=true"))).await;
    browser.until("document.querySelectorAll('fieldset.review-line').length === 2").await;
    look_at(&browser, "lines").await;
    // By keyboard alone: one kept with a reason, the other left for later.
    browser.resize(DESK).await;
    keys.tab_to("input[type=radio][value=keep]", "").await;
    browser.type_text(" ").await;
    keys.type_into(".line-reason", "It makes the reports each night.").await;
    keys.tab_to("button", "Record my decisions").await;
    keys.enter().await;
    browser.until("document.querySelectorAll('fieldset.review-line').length === 1").await;
    browser.open(&demo.page(&format!("c/{review}/lines"))).await;
    browser.until("document.querySelector('.review-lines').innerText.includes('kept')").await;
    look_at(&browser, "lines-all").await;
    // A decision in place, from the inbox: whoever decides stays there.
    browser.open(&demo.page("inbox")).await;
    browser.resize(DESK).await;
    keys.type_into(".in-place input[name=reason]", "He runs them from now on.").await;
    keys.tab_to(".in-place button", "Approve").await;
    keys.enter().await;
    browser.until("location.pathname.endsWith('/inbox') && !document.querySelector('.differs')").await;
    browser.resize(PHONE).await;
    browser.at_rest().await;
    browser.screenshot("inbox-after-phone").await;
    // Access that ends soon, as its holder sees it; one press asks for its renewal.
    browser.resize(DESK).await;
    keys.be("Ana").await;
    browser.open(&demo.page("inbox")).await;
    look_at(&browser, "inbox-renew").await;
    browser.resize(DESK).await;
    keys.tab_to(".ending button", "Renew").await;
    keys.enter().await;
    browser.until("document.querySelector('.ending')?.innerText.includes('Renewal asked for')").await;
    none_complained(&browser).await;
    browser.close().await;
}
