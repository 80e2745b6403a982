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
        loop {
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
