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
    use crate::slack::hand::{Hand, button, chosen, form as posted_form, posts, typed};
    use crate::slack::tools::signed;
    use crate::world::slack::FakeSlack;
    use crate::world::{World, days, hours, labels, minutes, on_both, until};

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

    /// The service talks to the emulator, in which ana is linked: it, its team and her.
    async fn emulated(w: &mut World) -> (Emulator, String, String) {
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
        (slack, team, user)
    }

    async fn a_form_opens_in_a_slack_that_we_did_not_write_by_its_own_trigger_signed_by_slacks_own_library(w: &mut World) {
        let (slack, team, user) = emulated(w).await;
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

    /// Somebody of the emulated workspace, with it in front of them: what they press and send is signed by Slack's own library,
    /// and bears trigger ids of the emulator's.
    struct Emulated<'w> {
        w: &'w World,
        slack: &'w Emulator,
        team: String,
        user: String,
    }

    impl Emulated<'_> {
        async fn trigger(&self, view: &str) -> String {
            let of_view = [("user_id", self.user.as_str()), ("view_id", view)];
            let arguments = if view.is_empty() { &of_view[..1] } else { &of_view[..] };
            self.slack.tells("views.generateTriggerId", arguments).await["trigger_id"].as_str().expect("one").to_owned()
        }

        /// An interaction's body, as Slack posts it.
        fn body(&self, kind: &str, trigger: &str, rest: &Value) -> String {
            let mut payload = json!({
                "type": kind, "trigger_id": trigger, "response_url": "", "api_app_id": "A000000001",
                "team": { "id": self.team, "domain": "proof" }, "user": { "id": self.user, "team_id": self.team, "username": "whatever" },
            });
            for (name, value) in rest.as_object().cloned().unwrap_or_default() {
                payload[name] = value;
            }
            posted_form(&[("payload", &payload.to_string())])
        }

        async fn posts(&self, body: &str, secret: &str) -> crate::world::Answered {
            let now = self.w.now().seconds();
            posts(self.w, "/slack/interactions", body, (now, &signed(secret, now, body))).await
        }

        async fn presses(&self, value: &str, trigger: &str) -> crate::world::Answered {
            let actions = json!({ "actions": [{ "type": "button", "block_id": "b", "action_id": "x", "value": value }] });
            self.posts(&self.body("block_actions", trigger, &actions), "emulated-secret").await
        }
    }

    async fn a_button_and_a_form_of_a_slack_that_we_did_not_write_are_taken_by_its_own_trigger_ids(w: &mut World) {
        let (slack, team, user) = emulated(w).await;
        let inc = w.person("ben").declares("payments-api is down", "sev1").await;
        w.slack_is_told().await;
        let ana = Emulated { w, slack: &slack, team, user };
        // The button is read off the card that stands in the emulator.
        let channel = slack.channel("inc-000001").await["id"].as_str().expect("an id").to_owned();
        let history = slack.tells("conversations.history", &[("channel", &channel), ("limit", "50")]).await;
        let card =
            history["messages"].as_array().expect("messages").iter().find(|m| m.to_string().contains("False alarm")).expect("a card");
        let trigger = ana.trigger("").await;
        let pressed = ana.presses(&button(card, "False alarm"), &trigger).await;
        assert_eq!((pressed.status, pressed.text().as_str()), (200, ""), "the form stands there");
        let held = async || -> Vec<Value> {
            let url = slack.base.replace("/api", "/views");
            let views: Value = slack.client.get(url).send().await.expect("it answers").json().await.expect("JSON");
            views.as_object().expect("views").values().cloned().collect()
        };
        let mut view = Value::Null;
        until("the form has its content", async || {
            view = held().await.into_iter().find(|view| view.to_string().contains("\"reason\"")).unwrap_or_default();
            !view.is_null()
        })
        .await;
        let inspector = slack.client.get(slack.base.replace("/api", "/?tab=views")).send().await.expect("it answers");
        assert!(inspector.text().await.expect("a page").contains(view["id"].as_str().expect("an id")), "its own page shows the window");
        // A trigger is good once: pressed again, no second window opens.
        let again = ana.presses(&button(card, "False alarm"), &trigger).await;
        assert_eq!((again.status, held().await.len()), (200, 1));

        // What is sent from it bears a trigger of that view.
        let id = view["id"].as_str().expect("an id").to_owned();
        let mut sent = view.clone();
        sent["state"] = json!({ "values": { "reason": typed("The probe itself was broken.") } });
        let body = ana.body("view_submission", &ana.trigger(&id).await, &json!({ "view": sent }));
        assert_eq!(ana.posts(&body, "another-secret").await.status, 401);
        assert_eq!(w.person("ana").sees(&inc).await["status"], "open");
        let taken = ana.posts(&body, "emulated-secret").await;
        assert_eq!((taken.status, &taken.json()["response_action"]), (200, &json!("clear")));
        assert_eq!(w.person("ana").sees(&inc).await["status"], "closed");
        let repeated = ana.posts(&body, "emulated-secret").await;
        assert_eq!(repeated.status, 200);
        let closed = w.events(&inc).await.into_iter().filter(|e| e["data"]["transition"] == "false_positive").collect::<Vec<_>>();
        assert_eq!((closed.len(), &closed[0]["actor"]["id"]), (1, &json!(w.id_of("ana"))));
        w.slack_is_told().await;
        let history = slack.tells("conversations.history", &[("channel", &channel), ("limit", "50")]).await.to_string();
        assert!(history.contains("The probe itself was broken."), "and the emulator's channel tells it");
    }
    on_both!(a_button_and_a_form_of_a_slack_that_we_did_not_write_are_taken_by_its_own_trigger_ids);

    async fn a_file_in_a_slack_that_we_did_not_write_is_fetched_with_the_bots_token_and_filed(w: &mut World) {
        let (slack, team, user) = emulated(w).await;
        let inc = w.person("ben").declares("payments-api is down", "sev1").await;
        w.slack_is_told().await;
        let channel = slack.channel("inc-000001").await["id"].as_str().expect("an id").to_owned();
        // Ana sends it as people do: with her own account, into the incident's channel.
        let bytes: &[u8] = b"worker 7 hung";
        let sends = async |method: &str, arguments: &[(&str, &str)]| -> Value {
            let body = posted_form(arguments);
            let request = slack.client.post(format!("{}/{method}", slack.base)).bearer_auth(format!("{TOKEN}-ana"));
            let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
            let answer: Value = request.send().await.expect("it answers").json().await.expect("JSON");
            assert_eq!(answer["ok"], true, "{method}: {answer}");
            answer
        };
        let place = sends("files.getUploadURLExternal", &[("filename", "worker.log"), ("length", &bytes.len().to_string())]).await;
        let uploaded = slack.client.post(place["upload_url"].as_str().expect("an address")).body(bytes).send().await.expect("it answers");
        assert_eq!(uploaded.status(), 200);
        let files = json!([{ "id": place["file_id"], "title": "worker.log" }]).to_string();
        sends("files.completeUploadExternal", &[("files", &files), ("channel_id", &channel)]).await;
        // The message that stands in the emulator now is told to us.
        let history = slack.tells("conversations.history", &[("channel", &channel), ("limit", "50")]).await;
        let found = history["messages"].as_array().expect("messages").iter().find(|m| m["files"].is_array()).cloned();
        let mut event = found.unwrap_or_else(|| panic!("no message with a file: {history}"));
        assert_eq!((&event["user"], &event["files"][0]["size"]), (&json!(user), &json!(bytes.len())));
        (event["channel"], event["type"]) = (json!(channel), json!("message"));
        let told = json!({ "type": "event_callback", "team_id": team, "event_id": "EvFile", "event": event }).to_string();
        let now = w.now().seconds();
        for _ in 0..2 {
            assert_eq!(posts(w, "/slack/events", &told, (now, &signed("emulated-secret", now, &told))).await.status, 200);
        }
        let ticket = w.person("ana").sees(&inc).await;
        assert_eq!(ticket["files"].as_array().map(Vec::len), Some(1), "{ticket}");
        let filed = w.events(&inc).await.into_iter().find(|e| e["kind"] == "EvidenceAttached").expect("it is filed");
        assert_eq!((&filed["actor"]["id"], &filed["texts"]["name"]), (&json!(w.id_of("ana")), &json!("worker.log")));
        let kept = w.person("ana").gets(&format!("/api/v1/tickets/{inc}/attachments/{}", filed["data"]["file"])).await;
        assert_eq!(kept.bytes, bytes);
        w.slack_is_told().await;
        let history = slack.tells("conversations.history", &[("channel", &channel), ("limit", "50")]).await.to_string();
        assert!(history.contains("ana filed") && history.contains("worker.log"), "and the emulator's channel tells it: {history}");
    }
    on_both!(a_file_in_a_slack_that_we_did_not_write_is_fetched_with_the_bots_token_and_filed);

    /// A rota, and a system with an owner.
    const ESTATE: &str = "on_call:
  manager: mia@example.com
  layers: { main: { people: [ana@example.com, ben@example.com], from: 2026-03-02, at: \"09:00\" } }
systems: { logs: { title: Logs, owner: approver, roles: { read: { title: Reads, most: 30d } } } }
";

    /// A working week of people in Slack, so that everything is said at least once: in channels, directly, in answers, on first
    /// pages. What they are answered is returned; the rest stands in the fake.
    async fn a_week_in_slack(w: &mut World) -> (FakeSlack, Vec<Value>) {
        w.hires("chi", &["approver"]).await;
        let mut files = countersign::procedure::built_in();
        let organisation = files.iter_mut().find(|(path, _)| path == "organisation.yaml").expect("the organisation");
        organisation.1.extend_from_slice(ESTATE.as_bytes());
        w.adopts(files, "Who is on call, and what there is.").await;
        let slack = w.uses_slack().await;
        slack.joins("ben");
        let stranger = slack.joins("stranger");
        let mut hands = Vec::new();
        for name in ["ana", "mia", "chi", "lea", "nil"] {
            let user = slack.joins(name);
            w.links(name, &user).await;
            hands.push((name, user));
        }
        let hand = |name: &str| {
            let user = hands.iter().find(|(of, _)| *of == name).map_or(stranger.as_str(), |(_, user)| user.as_str());
            Hand::of(w, &slack, user)
        };
        let (ana, mia, chi, nobody) = (hand("ana"), hand("mia"), hand("chi"), hand("stranger"));
        let mut answers = Vec::new();
        w.tick().await;
        w.pages_are_sent().await;
        // A night: ana is called; ben, who comes next, linked no account.
        w.advance(hours(17)).await;
        let inc = w.alertmanager().fires(&[labels("HighErrorRate", "payments <api> & more", "host-1", "critical")]).await.done();
        let inc = inc["tickets"][0].as_str().expect("a ticket").to_owned();
        w.advance(minutes(6)).await;
        w.pages_are_sent().await;
        w.slack_is_told().await;
        let channel = slack.channel_like("inc-000001").id;
        let there = ana.within(&channel);
        for line in [
            "/incident acknowledge",
            "/incident note Zone b looks healthy again.",
            "/incident show",
            "/incident list",
            "/incident zebra",
            "/countersign",
            "/countersign whoami",
            "/countersign oncall",
            "/countersign audit",
            "/countersign inbox",
            "/countersign link",
            "/incident page mia The database needs its owner.",
            "/change standard",
            "/incident nte",
        ] {
            answers.push(there.types(line).await);
        }
        answers.push(there.presses(&format!("1|{inc}|!more||")).await);
        answers.push(there.presses(&format!("1|{inc}|step.acknowledge|open|{}", "0".repeat(64))).await);
        for line in ["/incident declare it burns", "/incident acknowledge INC-000001", "/countersign inbox", "/countersign link 123456"] {
            answers.push(nobody.types(line).await);
        }
        there.says("CUI//SP-CTI\nThe wing spar is 4 mm.").await;
        there.says("use password: hunter2hunter2 for now").await;
        w.alertmanager().resolves(&[labels("HighErrorRate", "payments <api> & more", "host-1", "critical")]).await.done();
        w.person("ana").sets(&inc, json!({ "data_involved": ["personal", "health"] })).await.done();
        w.advance(minutes(40)).await;
        w.readies(&inc, "remediated").await;
        w.advance(hours(8)).await;
        w.pages_are_sent().await;
        // Access: asked for, asked again, granted, renewed.
        let fields = json!({
            "title": "Ana reads the logs", "system": "logs", "role": "read", "requested_for": w.id_of("ana"),
            "justification": "Ana searches the logs of the shop for the errors of last night.", "expires_at": w.now().plus(days(9)).to_string(),
        });
        let acc = w.person("ana").posts("/api/v1/tickets", json!({ "kind": "access", "fields": fields })).await.number();
        answers.push(chi.types("/countersign inbox").await);
        answers.push(ana.types(&format!("/access show {acc}")).await);
        answers.push(ana.types(&format!("/access nudge {acc}")).await);
        answers.push(ana.types(&format!("/access nudge {acc}")).await);
        chi.types(&format!("/access approve {acc}")).await;
        let approval = chi.form();
        chi.submits(&approval, json!({ "decision": chosen("approve"), "reason": typed("She looks after the shop.") })).await;
        w.person("ben").takes("grant", &acc, json!({})).await.done();
        w.pages_are_sent().await;
        w.advance(days(8)).await;
        answers.push(ana.types(&format!("/access show {acc}")).await);
        // Something sensitive, and something small.
        let leak = json!({ "title": "drawings left the house", "severity": "sev1", "data_involved": ["cui"] });
        let leak = w.person("ana").opens(leak).await.number();
        answers.push(mia.types(&format!("/incident show {leak}")).await);
        w.person("ana").declares("The lift in building 2 is stuck between two floors and somebody is in it", "sev3").await;
        mia.types(&format!("/incident close {inc}")).await;
        w.slack_is_told().await;
        w.pages_are_sent().await;
        for (n, hand) in [&ana, &mia, &chi, &nobody].into_iter().enumerate() {
            hand.told(&format!("EvHome{n}"), json!({ "type": "app_home_opened", "user": hand.user, "tab": "home" })).await.text();
        }
        // On her own page she looks what else there is, and at a card.
        let page = slack.lock().homes[&ana.user].clone();
        ana.presses_on(&page, &format!("1|{inc}|!more||")).await;
        ana.presses_on(&page, &format!("1|{inc}|!show||")).await;
        (slack.clone(), answers.into_iter().filter(|answer| answer["blocks"].is_array()).collect())
    }

    /// Every message of a week, in groups with a title, and every form that its people can open.
    async fn everything_we_show(w: &mut World) -> (Vec<(String, Vec<Value>)>, Vec<Value>) {
        let (slack, answers) = a_week_in_slack(w).await;
        let inc = "INC-000001";
        let telling = w.desk().telling(&inc.parse().expect("a number")).await.expect("the ticket");
        let ink = Ink { console: "https://countersign.example.com", now: w.now() };
        let people: Vec<Choice> = (0..120).map(|n| Choice { value: format!("p_{n}"), label: format!("Person {n}") }).collect();
        let organisation = &telling.library.organisation;
        let mut views = vec![view::view(&ink, &Sheet::Waiting { title: "Close".to_owned() })];
        let mut show = |form: countersign::card::form::Form| {
            views.push(view::view(&ink, &Sheet::Form { form: Box::new(form), context: inc.to_owned() }));
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
        let blocks_of = |message: &Value| message["blocks"].clone();
        let state = slack.lock();
        views.extend(state.views.values().map(as_sent));
        views.extend(state.homes.values().map(as_sent));
        let channels = state.channels.values();
        let mut groups: Vec<(String, Vec<Value>)> = channels
            .map(|c| {
                let to =
                    c.members.iter().find_map(|member| state.users.get(member).filter(|user| !user.bot)).map(|user| user.name.as_str());
                let title = if c.im { format!("Directly, to {}", to.unwrap_or_default()) } else { format!("#{}", c.name) };
                (title, c.messages.iter().map(blocks_of).collect())
            })
            .collect();
        groups.push(("Answers to commands and presses".to_owned(), answers.iter().map(blocks_of).collect()));
        groups.push(("Answers that come later".to_owned(), state.answers.iter().map(|(_, answer)| blocks_of(answer)).collect()));
        groups.push(("For one person, in a channel".to_owned(), state.whispers.iter().map(|(_, _, said)| blocks_of(said)).collect()));
        let bare = json!(blocks::bare_card(&ink, &card).blocks);
        let reply = json!(blocks::reply(&ink, &Reply { card: Some(Box::new(card)), ..Reply::of("Here it is.") }).blocks);
        groups.push(("Cards".to_owned(), vec![bare, reply]));
        groups.iter_mut().for_each(|(_, messages)| messages.retain(|blocks| blocks.as_array().is_some_and(|all| !all.is_empty())));
        (groups, views)
    }

    /// A view without what only Slack adds.
    fn as_sent(view: &Value) -> Value {
        let mut view = view.clone();
        for added in ["id", "hash", "team_id"] {
            view.as_object_mut().expect("a view").remove(added);
        }
        view
    }

    async fn slacks_own_types_take_every_message_and_form_of_ours(w: &mut World) {
        let (groups, views) = everything_we_show(w).await;
        let messages: Vec<&Value> = groups.iter().flat_map(|(_, messages)| messages).collect();
        assert!(messages.len() > 60 && views.len() > 30, "{} messages, {} views", messages.len(), views.len());
        let given = json!({ "blocks": messages, "views": views, "groups": groups }).to_string();
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
        assert!(shown && page.contains("payments &#60;api&#62; &#38; more"));
        // For people to look at.
        fs::write(folder.join("preview.html"), page).expect("the page can be written");
    }
    on_both!(slacks_own_types_take_every_message_and_form_of_ours);
}
