//! A person's browser: headless Chromium, steered through ChromeDriver (Debian packages `chromium`, `chromium-driver`).
//!
//! [`Browser`] does what a person does: open a page, look at it (at a desk or on a phone), press keys, click. It also asks
//! what a person with a screen reader would notice: [`Browser::obstacles`] runs axe-core, and [`Browser::complaints`]
//! gives the console's errors, among them anything that the content security policy stopped.

use std::fmt::{self, Write};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use super::machine::{self, Running};

/// Keeps a test's browser small, quiet and alone.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// How long something on a page may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait before looking at a page again.
const GLANCE: Duration = Duration::from_millis(20);

/// The size of a screen, in CSS pixels.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    pub width: u32,
    pub height: u32,
    /// Whether the page is told that it is on a phone: touch, and the viewport that the page asks for.
    pub phone: bool,
}

/// A screen on a desk.
pub const DESK: Screen = Screen { width: 1440, height: 900, phone: false };
/// A small phone, held upright.
pub const PHONE: Screen = Screen { width: 390, height: 844, phone: true };

/// Something on a page that keeps people out, as axe-core reports it.
#[derive(Clone, Debug)]
pub struct Obstacle {
    /// axe-core's rule, such as `color-contrast`.
    pub rule: String,
    /// `serious` or `critical`.
    pub impact: String,
    /// What is wrong, where.
    pub what: String,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.rule, self.impact, self.what)
    }
}

/// One browser with its own profile. Fields drop in order: the driver goes before the profile's folder.
pub struct Browser {
    /// For what the functions here do not cover.
    pub client: Client,
    driver: Running,
    session: String,
    http: reqwest::Client,
    profile: tempfile::TempDir,
}

impl Browser {
    /// Starts ChromeDriver on a free port, and a browser with a new profile.
    pub async fn start() -> Self {
        let chromium = machine::program("chromium", "chromium");
        let port = machine::free_port();
        let mut driver = Running::start(&machine::program("chromedriver", "chromium-driver"), &[format!("--port={port}")]);
        driver.wait_for("started successfully");

        let profile = tempfile::tempdir().expect("a folder for the profile");
        let flags: Vec<_> = FLAGS.map(str::to_owned).into_iter().chain([format!("--user-data-dir={}", profile.path().display())]).collect();
        let wishes = json!({
            "goog:chromeOptions": { "binary": chromium, "args": flags },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let address = format!("http://127.0.0.1:{port}");
        let wishes = wishes.as_object().expect("it was written as an object").clone();
        let client = ClientBuilder::new(HttpConnector::new()).capabilities(wishes).connect(&address).await.expect("Chromium starts");
        let id = client.session_id().await.expect("ChromeDriver answers").expect("there is a session");
        let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        let browser = Self { client, driver, session: format!("{address}/session/{id}"), http, profile };
        browser.resize(DESK).await;
        browser
    }

    /// Goes to `url` and waits until it is loaded.
    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap_or_else(|error| panic!("{url} does not open: {error}"));
    }

    /// Looks at the page on another screen.
    pub async fn resize(&self, screen: Screen) {
        let Screen { width, height, phone } = screen;
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        self.devtools("Emulation.setTouchEmulationEnabled", json!({ "enabled": phone })).await;
    }

    /// Has the page believe that its reader prefers a dark screen, or a light one.
    pub async fn prefer(&self, scheme: &str) {
        let wish = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", wish).await;
    }

    /// Saves what is on the screen as `target/screenshots/<name>.png`, for people to look at.
    pub async fn screenshot(&self, name: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        fs::create_dir_all(&folder).expect("target/ can be written");
        let file = folder.join(format!("{name}.png"));
        let picture = self.client.screenshot().await.expect("the browser takes a picture");
        fs::write(&file, picture).expect("target/screenshots/ can be written");
        file
    }

    /// Presses one key after another, as on a keyboard, wherever the focus is.
    pub async fn press(&self, keys: &[Key]) {
        self.keys(keys.iter().map(|key| char::from(*key))).await;
    }

    /// Types `text`, wherever the focus is.
    pub async fn type_text(&self, text: &str) {
        self.keys(text.chars()).await;
    }

    async fn keys(&self, keys: impl Iterator<Item = char>) {
        let strokes = keys.fold(KeyActions::new("keyboard".to_owned()), |strokes, value| {
            strokes.then(KeyAction::Down { value }).then(KeyAction::Up { value })
        });
        self.client.perform_actions(strokes).await.expect("the keys can be pressed");
    }

    /// Waits until something matches the CSS selector, and gives it.
    pub async fn find(&self, css: &str) -> Element {
        let waiting = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(css));
        match waiting.await {
            Ok(element) => element,
            Err(error) => panic!("nothing on {} matches {css}: {error}", self.url().await),
        }
    }

    /// Waits until the JavaScript expression is true, also when it becomes so on a page that is still to be loaded.
    pub async fn until(&self, expression: &str) {
        let script = format!("return Boolean({expression})");
        let started = Instant::now();
        loop {
            let answer = self.client.execute(&script, Vec::new()).await;
            match answer {
                Ok(Value::Bool(true)) => return,
                // A page that is just being left, or has not what the expression asks about, is looked at again.
                _ if started.elapsed() < PATIENCE => tokio::time::sleep(GLANCE).await,
                _ => panic!("on {} this never came true: {expression}: {answer:?}\n{}", self.url().await, self.text().await),
            }
        }
    }

    /// Waits until nothing on the page moves or fades.
    pub async fn at_rest(&self) {
        self.until("document.getAnimations().every(a => a.playState !== 'running')").await;
    }

    /// The words that a reader sees on the page.
    pub async fn text(&self) -> String {
        let text = self.client.execute("return document.body.innerText", Vec::new()).await.expect("the page has a body");
        text.as_str().unwrap_or_default().to_owned()
    }

    /// What has the focus: its role or element, and its name or text.
    pub async fn focus(&self) -> String {
        let script = "const e = document.activeElement; return (e.getAttribute('role') || e.tagName.toLowerCase()) + ' ' + \
                      (e.getAttribute('aria-label') || e.innerText || e.name || '').trim()";
        let focus = self.client.execute(script, Vec::new()).await.expect("something has the focus");
        focus.as_str().unwrap_or_default().to_owned()
    }

    /// What axe-core finds on the page as it stands that is `serious` or `critical`.
    pub async fn obstacles(&self) -> Vec<Obstacle> {
        let file = machine::tools().join("axe.min.js");
        let axe = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}; run `./test install`", file.display()));
        self.client.execute(&axe, Vec::new()).await.expect("axe-core loads");
        let script = "const done = arguments[arguments.length - 1];
                      axe.run(document, { resultTypes: ['violations'] }).then(r => done(r.violations), e => done(String(e)));";
        let answer = self.client.execute_async(script, Vec::new()).await.expect("axe-core runs");
        let violations = answer.as_array().unwrap_or_else(|| panic!("axe-core: {answer}"));
        violations.iter().filter(|v| v["impact"] == "serious" || v["impact"] == "critical").map(obstacle).collect()
    }

    /// Stops the test when the page, as it stands, keeps somebody out.
    pub async fn assert_open_to_everybody(&self) {
        let list = self.obstacles().await.iter().fold(String::new(), |mut list, obstacle| {
            // Writing into a string cannot fail.
            let _ = writeln!(list, "{obstacle}");
            list
        });
        assert!(list.is_empty(), "on {}:\n{list}", self.url().await);
    }

    /// Errors in the browser's console since the last call: failed scripts, refused loads, broken security policy.
    pub async fn complaints(&self) -> Vec<String> {
        let entries = self.post("se/log", json!({ "type": "browser" })).await;
        let severe = entries.as_array().into_iter().flatten().filter(|entry| entry["level"] == "SEVERE");
        severe.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Closes the browser. Dropping one that was not closed ends it, too, only less politely.
    pub async fn close(self) {
        let Self { client, driver, profile, .. } = self;
        client.close().await.expect("the browser closes");
        drop(driver);
        profile.close().expect("the profile's folder can be removed");
    }

    async fn url(&self) -> String {
        self.client.current_url().await.map_or_else(|error| error.to_string(), |url| url.to_string())
    }

    /// A command of the DevTools protocol, for what WebDriver has no word for.
    async fn devtools(&self, command: &str, parameters: Value) {
        self.post("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await;
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.http.post(format!("{}/{path}", self.session)).json(&body).send().await.expect("ChromeDriver answers");
        let mut answer: Value = answer.error_for_status().expect("ChromeDriver obeys").json().await.expect("ChromeDriver speaks JSON");
        answer["value"].take()
    }
}

fn obstacle(violation: &Value) -> Obstacle {
    let nodes = violation["nodes"].as_array().into_iter().flatten();
    let places: Vec<_> = nodes.map(|node| format!("{}: {}", node["target"], node["failureSummary"].as_str().unwrap_or_default())).collect();
    let word = |key: &str| violation[key].as_str().unwrap_or_default().to_owned();
    Obstacle { rule: word("id"), impact: word("impact"), what: format!("{}\n{}", word("help"), places.join("\n")) }
}

/// A page with one button that works by keyboard, and whatever else is asked for.
fn page(extra: &str) -> String {
    format!(
        "data:text/html;charset=utf-8,<!doctype html><html lang='en'><meta name='viewport' content='width=device-width'>\
         <title>A page</title><main><h1>A page</h1><button onclick='document.title = `pressed`'>Press</button>\
         <label>Note <input name='note'></label>{extra}</main></html>"
    )
}

#[tokio::test]
async fn a_sound_page_has_no_obstacles_and_works_by_keyboard() {
    let browser = Browser::start().await;
    browser.open(&page("")).await;
    browser.assert_open_to_everybody().await;
    browser.press(&[Key::Tab]).await;
    assert_eq!(browser.focus().await, "button Press");
    browser.press(&[Key::Enter]).await;
    browser.until("document.title === 'pressed'").await;
    browser.press(&[Key::Tab]).await;
    browser.type_text("Drained zone b.").await;
    assert_eq!(browser.find("input").await.prop("value").await.expect("a field has a value").as_deref(), Some("Drained zone b."));
    assert!(browser.text().await.contains("A page"));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test]
async fn a_seeded_obstacle_and_a_seeded_error_are_found() {
    let browser = Browser::start().await;
    browser.open(&page("<img src='data:,'><input><script>nothing.here()</script>")).await;
    let rules: Vec<_> = browser.obstacles().await.into_iter().map(|obstacle| obstacle.rule).collect();
    assert!(rules.contains(&"image-alt".to_owned()) && rules.contains(&"label".to_owned()), "axe-core said only {rules:?}");
    let complaints = browser.complaints().await;
    assert!(complaints.iter().any(|line| line.contains("nothing is not defined")), "the console said only {complaints:?}");
    browser.close().await;
}

#[tokio::test]
async fn the_page_learns_which_light_its_reader_prefers() {
    let browser = Browser::start().await;
    browser.open(&page("")).await;
    for scheme in ["dark", "light"] {
        browser.prefer(scheme).await;
        browser.until(&format!("matchMedia('(prefers-color-scheme: {scheme})').matches")).await;
    }
    browser.close().await;
}

#[tokio::test]
async fn a_browser_that_nobody_closed_goes_with_its_test() {
    let browser = Browser::start().await;
    let profile = browser.profile.path().to_string_lossy().into_owned();
    let still_runs = || machine::command_lines().iter().any(|line| line.contains(&profile));
    assert!(still_runs(), "a browser with this profile runs");
    drop(browser);
    // Killed is not yet gone: the kernel takes each of its processes away in its own time.
    let patience = Instant::now();
    while still_runs() && patience.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!still_runs(), "nothing with this profile runs");
}

#[tokio::test]
async fn a_phone_is_as_narrow_as_a_phone() {
    let browser = Browser::start().await;
    for (screen, name) in [(DESK, "desk"), (PHONE, "phone")] {
        browser.resize(screen).await;
        browser.open(&page("")).await;
        let width = browser.client.execute("return window.innerWidth", Vec::new()).await.expect("a window has a width");
        assert_eq!(width, json!(screen.width), "on the {name}");
        let picture = fs::read(browser.screenshot(&format!("itself-{name}")).await).expect("the picture was saved");
        assert!(picture.starts_with(b"\x89PNG"), "it is a picture");
    }
    browser.close().await;
}
