//! Slacks that we did not write: npm's `emulate` takes an incident as it comes from Alertmanager, with strict scopes, and
//! its own state shows it; and the types that Slack publishes take every message and form that we send. Both are started
//! or run from `tests/tools/slack/`, with the packages that `./test` installs from npm.

mod tools {
    use std::fs;
    use std::io::Write as _;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};

    use countersign::card::action_form::{declare_form, form};
    use countersign::card::form::Choice;
    use countersign::card::{buttons, live};
    use countersign::desk::chat::{Reply, Sheet};
    use countersign::outbound::slack::check::wanted_scopes;
    use countersign::outbound::slack::ink::Ink;
    use countersign::outbound::slack::{blocks, view};
    use serde_json::{Value, json};

    use crate::machine::{self, Running};
    use crate::slack::hand::{form as posted_form, posts};
    use crate::slack::tools::signed;
    use crate::world::{World, labels, minutes, on_both};

    const TOKEN: &str = "xoxb-emulated-1357";

    /// The folder with npm's packages, and our scripts in it: they find their packages beside themselves.
    fn folder() -> PathBuf {
        let folder = machine::tools().join("slack");
        assert!(folder.join("node_modules/emulate").is_dir(), "this test needs npm's packages: run `./test install`");
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/slack");
        for name in ["emulator.mjs", "shapes.mjs", "preview.mjs"] {
            fs::copy(ours.join(name), folder.join(name)).expect("a script can be copied");
        }
        folder
    }

    /// The emulator, and what it says about itself.
    struct Emulator {
        base: String,
        client: reqwest::Client,
        _program: Running,
    }

    impl Emulator {
        fn starts() -> Self {
            let port = machine::free_port();
            let mut command = Command::new(machine::program("node", "nodejs"));
            command.current_dir(folder()).args(["emulator.mjs", TOKEN, &port.to_string(), &wanted_scopes().join(",")]);
            let mut program = Running::spawn(command);
            program.wait_for("\"port\"");
            let client = reqwest::Client::builder().no_proxy().build().expect("a client");
            Self { base: format!("http://127.0.0.1:{port}/api"), client, _program: program }
        }

        async fn tells(&self, method: &str, arguments: &[(&str, &str)]) -> Value {
            let asked: Vec<String> = arguments.iter().map(|(k, v)| format!("{k}={v}")).collect();
            let url = format!("{}/{method}?{}", self.base, asked.join("&"));
            let answer: Value = self.client.get(url).bearer_auth(TOKEN).send().await.expect("it answers").json().await.expect("JSON");
            assert_eq!(answer["ok"], true, "{method}: {answer}");
            answer
        }

        async fn channel(&self, beginning: &str) -> Value {
            let all = self.tells("conversations.list", &[("types", "public_channel,private_channel"), ("limit", "200")]).await;
            let found =
                all["channels"].as_array().expect("channels").iter().find(|c| c["name"].as_str().is_some_and(|n| n.starts_with(beginning)));
            found.cloned().unwrap_or_else(|| panic!("no channel {beginning}: {all}"))
        }
    }

    async fn an_incident_from_alertmanager_stands_in_a_slack_that_we_did_not_write(w: &mut World) {
        let slack = Emulator::starts();
        w.settings
            .push_str(&format!("[slack]\nbot_token = \"{TOKEN}\"\nsigning_secret = \"emulated-secret\"\napi_url = \"{}\"\n", slack.base));
        w.stops().await;
        w.starts().await;
        let team = slack.tells("auth.test", &[]).await["team_id"].as_str().expect("a team").to_owned();
        let users = slack.tells("users.list", &[]).await;
        let user = |name: &str| {
            let found = users["members"].as_array().expect("members").iter().find(|m| m["name"] == name).expect("somebody");
            found["id"].as_str().expect("an id").to_owned()
        };
        for name in ["ana", "ben"] {
            w.links_in(name, &team, &user(name)).await;
        }
        let tool = w.alertmanager();
        let payload = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/alerts/alertmanager.json"));
        tool.posts_bytes(payload.expect("a captured payload")).await.done();
        w.slack_is_told().await;
        let alerted = "INC-000001";
        w.person("ana").notes(alerted, "Looking at the disk.").await.done();
        w.slack_is_told().await;
        let threads = slack.channel("incidents").await;
        let id = threads["id"].as_str().expect("an id");
        let history = slack.tells("conversations.history", &[("channel", id), ("limit", "100")]).await;
        let messages = history["messages"].as_array().expect("messages");
        let parent = messages.iter().find(|m| m["text"].as_str().is_some_and(|t| t.contains(alerted))).expect("the live card");
        let ts = parent["ts"].as_str().expect("a place");
        let replies = slack.tells("conversations.replies", &[("channel", id), ("ts", ts)]).await.to_string();
        assert!(replies.contains("Looking at the disk."), "{replies}");

        // And a serious one, in a channel of its own.
        let inc = w.person("ana").declares("payments-api is down", "sev1").await;
        w.person("ana").acknowledges(&inc).await.done();
        w.slack_is_told().await;
        let channel = slack.channel("inc-000002-payments-api-is-down").await;
        let id = channel["id"].as_str().expect("an id");
        assert_eq!(channel["is_private"], true, "{channel}");
        assert_eq!(channel["topic"]["value"], "sev1 · Acknowledged · payments-api is down");
        let history = slack.tells("conversations.history", &[("channel", id), ("limit", "100")]).await;
        let texts: Vec<&str> = history["messages"].as_array().expect("messages").iter().filter_map(|m| m["text"].as_str()).collect();
        assert!(texts.iter().any(|t| t.contains(&inc) && t.contains("ana has it")), "the live card: {texts:?}");
        let pins = slack.tells("pins.list", &[("channel", id)]).await;
        assert_eq!(pins["items"].as_array().map(Vec::len), Some(1), "{pins}");
        let members = slack.tells("conversations.members", &[("channel", id)]).await;
        for name in ["ana", "ben"] {
            assert!(members["members"].as_array().expect("members").contains(&json!(user(name))), "{name} was invited: {members}");
        }
        assert_eq!(w.desk().chat_troubles().await.expect("looked"), [], "nothing was refused with the scopes of our manifest");
    }
    on_both!(an_incident_from_alertmanager_stands_in_a_slack_that_we_did_not_write);

    async fn a_form_opens_in_a_slack_that_we_did_not_write_by_its_own_trigger_signed_by_slacks_own_library(w: &mut World) {
        let slack = Emulator::starts();
        w.settings
            .push_str(&format!("[slack]\nbot_token = \"{TOKEN}\"\nsigning_secret = \"emulated-secret\"\napi_url = \"{}\"\n", slack.base));
        w.stops().await;
        w.starts().await;
        let team = slack.tells("auth.test", &[]).await["team_id"].as_str().expect("a team").to_owned();
        let users = slack.tells("users.list", &[]).await;
        let found = users["members"].as_array().expect("members").iter().find(|m| m["name"] == "ana").expect("ana");
        let user = found["id"].as_str().expect("an id").to_owned();
        w.links_in("ana", &team, &user).await;
        let trigger = slack.tells("views.generateTriggerId", &[("user_id", &user)]).await["trigger_id"].as_str().expect("one").to_owned();
        let typed = |text: &str| {
            posted_form(&[
                ("team_id", &team),
                ("user_id", &user),
                ("channel_id", "C0GENERAL"),
                ("command", "/incident"),
                ("text", text),
                ("trigger_id", &trigger),
                ("response_url", ""),
            ])
        };
        let now = w.now().seconds();
        let body = typed("declare");
        let answered = posts(w, "/slack/commands", &body, (now, &signed("emulated-secret", now, &body))).await;
        assert_eq!((answered.status, answered.text().as_str()), (200, ""), "the form stands there, and nothing else is said");
        // It is good once, as Slack's are.
        let used = posts(w, "/slack/commands", &body, (now, &signed("emulated-secret", now, &body))).await;
        assert!(used.text().contains("too long for Slack"), "{}", used.text());
        let wrong = posts(w, "/slack/commands", &body, (now, &signed("another-secret", now, &body))).await;
        assert_eq!(wrong.status, 401);
    }
    on_both!(a_form_opens_in_a_slack_that_we_did_not_write_by_its_own_trigger_signed_by_slacks_own_library);

    /// Every message of an incident's life, and every form that its people can open.
    async fn everything_we_show(w: &mut World) -> (Vec<Value>, Vec<Value>) {
        let slack = w.uses_slack().await;
        let ana = w.person("ana");
        let inc = ana.declares("payments-api <is> & down", "sev1").await;
        w.alertmanager().fires(&[labels("HighErrorRate", "api", "host-1", "critical")]).await.done();
        ana.acknowledges(&inc).await.done();
        ana.notes(&inc, "Error rate is falling.\nZone b looks healthy again.").await.done();
        w.advance(minutes(40)).await;
        w.readies(&inc, "remediated").await;
        w.slack_is_told().await;
        let number = inc.parse().expect("a number");
        let telling = w.desk().telling(&number).await.expect("the ticket");
        let ink = Ink { console: "https://countersign.example.com", now: w.now() };
        let people: Vec<Choice> = (0..120).map(|n| Choice { value: format!("p_{n}"), label: format!("Person {n}") }).collect();
        let organisation = &telling.library.organisation;
        let mut views = vec![view::view(&ink, &Sheet::Waiting { title: "Close".to_owned() })];
        let mut show = |form: countersign::card::form::Form| {
            views.push(view::view(&ink, &Sheet::Form { form: Box::new(form), context: inc.clone() }));
        };
        for kind in telling.library.kinds.values() {
            show(declare_form(kind, &telling.library.taxonomies, &people, &people[..3]));
        }
        let steps = telling.kind.transitions.keys().map(|name| format!("step.{name}"));
        let others = ["edit", "note", "evidence.contain", "waive-evidence.contain", "task-waive.1", "owner", "lead", "link", "escalate"];
        for action in steps.chain(others.map(str::to_owned)) {
            let action: buttons::Action = action.parse().expect("an action");
            telling.scene(|scene| form(scene, &action, &people, organisation)).into_iter().for_each(&mut show);
        }
        let card = telling.scene(live::card);
        let mut messages: Vec<Value> = {
            let state = slack.lock();
            state.channels.values().flat_map(|c| c.messages.iter()).map(|m| m["blocks"].clone()).collect()
        };
        messages.push(json!(blocks::bare_card(&ink, &card).blocks));
        messages.push(json!(blocks::reply(&ink, &Reply { card: Some(Box::new(card)), ..Reply::of("Here it is.") }).blocks));
        (messages, views)
    }

    async fn slacks_own_types_take_every_message_and_form_of_ours(w: &mut World) {
        let (messages, views) = everything_we_show(w).await;
        assert!(messages.len() > 5 && views.len() > 20, "{} messages, {} views", messages.len(), views.len());
        let given = json!({ "blocks": messages, "views": views }).to_string();
        let folder = folder();
        let run = |script: &str| {
            let mut command = Command::new(machine::program("node", "nodejs"));
            command.current_dir(&folder).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
            let mut program = command.spawn().expect("node starts");
            program.stdin.take().expect("its input").write_all(given.as_bytes()).expect("it reads");
            let ended = program.wait_with_output().expect("it ends");
            (ended.status.success(), String::from_utf8_lossy(&ended.stdout).into_owned())
        };
        let (fits, said) = run("shapes.mjs");
        assert!(fits, "{said}");
        println!("{said}");
        let (shown, page) = run("preview.mjs");
        assert!(shown && page.contains("payments-api &#60;is&#62; &#38; down"));
        // For people to look at.
        fs::write(folder.join("preview.html"), page).expect("the page can be written");
    }
    on_both!(slacks_own_types_take_every_message_and_form_of_ours);
}
