//! What a person sees when the configuration is right, and when it is not.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Auth, Config, Covers, Database, Encoding, Format, MAX_BODY, MAX_BODY_PAGERDUTY, Notes, Pairs, SLACK_API, Secret};

const VKEY: &str = "witness.example.com/w1+0a1b2c3d+BEVMSVJkLXNvLWxvbmctdGhhdC1pdC1sb29rcy1yZWFs";

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn load_with(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.toml");
    fs::write(&file, text).unwrap();
    fs::write(folder.path().join("token.txt"), "from-a-file\n").unwrap();
    fs::write(folder.path().join("app.txt"), "xapp-from-a-file\n").unwrap();
    Config::load(Some(&file), env(variables)).map_err(|e| e.to_string().replace(&format!("{}: ", file.display()), ""))
}

fn load(text: &str) -> Config {
    load_with(text, &[]).unwrap()
}

fn refusal(text: &str) -> String {
    load_with(text, &[]).unwrap_err()
}

#[test]
fn without_a_file_there_is_sqlite_here_on_loopback_with_the_built_in_playbooks() {
    let config = Config::load(None, []).unwrap();
    assert_eq!(config.listen, SocketAddr::from(([127, 0, 0, 1], 8080)));
    assert_eq!(config.public_url, "http://127.0.0.1:8080");
    assert_eq!(config.database, Database::Sqlite { path: PathBuf::from("countersign.db") });
    assert_eq!(config.attachments, Path::new("attachments"));
    assert_eq!((config.playbooks, config.sources.len(), config.warnings.len()), (None, 0, 0));
    assert_eq!((config.log.origin.as_str(), config.log.quorum, config.log.public), ("127.0.0.1/log", 0, false));
    assert!(config.witness.is_none());
}

#[test]
fn every_key_is_read_and_paths_start_at_the_files_folder() {
    let config = load(&format!(
        r#"
        listen = "0.0.0.0:8443"
        public_url = "https://countersign.example.com/"
        database = "postgres://app:hunter22@db/countersign"
        playbooks = "playbooks"
        attachments = "file:files"
        trusted_proxies = ["10.0.0.0/8", "::1"]
        [log]
        origin = "log.example.com/one"
        key = "keys/log.key"
        quorum = 1
        public = true
        witnesses = [{{ url = "https://w.example.com", vkey = "{VKEY}" }}]
        [witness]
        key = "keys/witness.key"
        logs = [{{ vkey = "{VKEY}" }}]
        [[source]]
        name = "prometheus"
        format = "alertmanager"
        auth = {{ bearer = {{ file = "token.txt" }} }}
        heartbeat = "10m"
        "#
    ));
    let folder = config.file.as_deref().and_then(Path::parent).unwrap();
    assert_eq!(config.public_url, "https://countersign.example.com");
    assert_eq!(config.database, Database::Postgres { url: Secret::new("postgres://app:hunter22@db/countersign") });
    assert_eq!(config.playbooks, Some(folder.join("playbooks")));
    assert_eq!(config.attachments, folder.join("files"));
    assert_eq!(config.log.key, folder.join("keys/log.key"));
    assert_eq!((config.log.origin.as_str(), config.log.quorum, config.log.public), ("log.example.com/one", 1, true));
    assert_eq!((config.log.witnesses[0].url.as_str(), config.log.witnesses[0].vkey.as_str()), ("https://w.example.com", VKEY));
    let witness = config.witness.as_ref().unwrap();
    assert_eq!((witness.name.as_str(), witness.logs.as_slice()), ("log.example.com/witness", [VKEY.to_owned()].as_slice()));
    let source = config.source("prometheus").unwrap();
    assert_eq!(source.auth, Auth::Bearer { token: Secret::new("from-a-file") });
    assert_eq!((source.heartbeat, source.max_body), (Some(Duration::from_secs(600)), MAX_BODY));
    assert!(config.trusted_proxies[0].contains("10.9.8.7".parse().unwrap()));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn the_example_that_we_ship_is_read_as_it_says() {
    let shipped = include_str!("../../deploy/countersign.toml");
    let here = shipped.replace("/etc/countersign/secrets/", "secret-").replace("{ file = \"secret-", "{ file = \"");
    let folder = tempfile::tempdir().unwrap();
    for name in ["alertmanager", "prometheus", "grafana", "backups", "pipeline"] {
        fs::write(folder.path().join(name), format!("secret of {name}\n")).unwrap();
    }
    let file = folder.path().join("countersign.toml");
    fs::write(&file, here).unwrap();
    let config = Config::load(Some(&file), []).unwrap();
    let names: Vec<&str> = config.sources.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["alertmanager", "prometheus", "grafana", "backups", "pipeline"]);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let Auth::Hmac(hmac) = &config.source("backups").unwrap().auth else { panic!("signed") };
    assert_eq!((hmac.prefix.as_str(), hmac.encoding, hmac.covers), ("sha256=", Encoding::Hex, Covers::Body));
}

#[test]
fn each_kind_of_authentication_is_read() {
    let config = load(
        r#"
        [[source]]
        name = "a"
        format = "alertmanager"
        auth = { basic = { user = "am", password = "pw" } }
        [[source]]
        name = "b"
        format = "grafana"
        auth = { hmac = { secret = "s", header = "X-Grafana-Alerting-Signature", timestamp_header = "X-Grafana-Alerting-Timestamp", window = "2m" } }
        [[source]]
        name = "c"
        format = "generic"
        auth = { query = { param = "token", token = "t" } }
        [source.mapping]
        each = "body.items"
        alert_id = "item.id"
        title = "item.text"
        labels = "item.tags"
        annotations = { runbook = "item.link" }
        [[source]]
        name = "d"
        format = "pagerduty"
        routing_key = "0123456789abcdef0123456789abcdef"
        [[source]]
        name = "e"
        format = "alertmanager-api"
        auth = "none"
        max_body = 4096
        "#,
    );
    assert_eq!(config.source("a").unwrap().auth, Auth::Basic { user: "am".into(), password: Secret::new("pw") });
    let Auth::Hmac(hmac) = &config.source("b").unwrap().auth else { panic!("a signature") };
    assert_eq!((hmac.header.as_str(), hmac.encoding, hmac.prefix.as_str()), ("x-grafana-alerting-signature", Encoding::Hex, ""));
    assert_eq!((hmac.covers, hmac.window), (Covers::TimestampColonBody, Duration::from_secs(120)));
    let mapping = config.source("c").unwrap().mapping.as_ref().unwrap();
    assert_eq!(mapping.alert_id.source(), "item.id");
    assert!(matches!(&mapping.labels, Some(Pairs::Whole(e)) if e.source() == "item.tags"));
    assert!(matches!(&mapping.annotations, Some(Pairs::Each(e)) if e["runbook"].source() == "item.link"));
    let pagerduty = config.source("d").unwrap();
    assert_eq!((pagerduty.format, &pagerduty.auth, pagerduty.max_body), (Format::PagerDuty, &Auth::None, MAX_BODY_PAGERDUTY));
    assert_eq!(config.source("e").unwrap().max_body, 4096);
    assert_eq!(config.warnings, ["source e has auth = \"none\": anyone who reaches this address can open incidents."]);
}

#[test]
fn a_format_may_be_called_by_its_usual_other_name() {
    for (written, format) in
        [("grafana", Format::Grafana), ("grafana-unified", Format::Grafana), ("alertmanager-api-v2", Format::AlertmanagerApi)]
    {
        let config = load(&format!("[[source]]\nname = \"a\"\nformat = \"{written}\"\nauth = \"none\"\n"));
        assert_eq!(config.sources[0].format, format, "{written}");
    }
}

#[test]
fn the_environment_stands_over_the_file_key_by_key() {
    let text = "[log]\norigin = \"a.example/log\"\n[[source]]\nname = \"on-call\"\nformat = \"pagerduty\"\nrouting_key = \"old\"\n";
    let variables = [
        ("COUNTERSIGN_LISTEN", "127.0.0.1:9000"),
        ("COUNTERSIGN_LOG__ORIGIN", "b.example/log"),
        ("COUNTERSIGN_LOG__PUBLIC", "true"),
        ("COUNTERSIGN_TRUSTED_PROXIES", "10.0.0.1, 10.0.0.2"),
        ("COUNTERSIGN_SOURCE__ON_CALL__ROUTING_KEY", "new"),
        ("COUNTERSIGN_SOURCE__1__NAME", "prometheus"),
        ("COUNTERSIGN_SOURCE__1__FORMAT", "alertmanager"),
        ("COUNTERSIGN_SOURCE__1__AUTH__BEARER__FILE", "token.txt"),
        ("COUNTERSIGN_SOURCE__GRAFANA__FORMAT", "grafana"),
        ("COUNTERSIGN_SOURCE__GRAFANA__AUTH", "none"),
        ("COUNTERSIGN_SOURCE__GRAFANA__MAX_BODY", "2048"),
        ("PATH", "/bin"),
    ];
    let config = load_with(text, &variables).unwrap();
    assert_eq!(config.listen.port(), 9000);
    assert_eq!((config.log.origin.as_str(), config.log.public), ("b.example/log", true));
    assert_eq!(config.trusted_proxies.len(), 2);
    assert_eq!(config.source("on-call").unwrap().routing_key, Some(Secret::new("new")));
    assert_eq!(config.source("prometheus").unwrap().auth, Auth::Bearer { token: Secret::new("from-a-file") });
    assert_eq!(config.source("grafana").unwrap().max_body, 2048);
}

#[test]
fn variables_that_kubernetes_makes_for_a_service_of_our_name_are_not_ours() {
    let variables = [
        ("COUNTERSIGN_PORT", "tcp://10.0.0.1:80"),
        ("COUNTERSIGN_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("COUNTERSIGN_SERVICE_HOST", "10.0.0.1"),
        ("COUNTERSIGN_CONFIG", "x"),
    ];
    assert!(Config::load(None, env(&variables)).is_ok());
}

#[test]
fn all_problems_are_told_at_once_with_their_lines() {
    let told = refusal(
        "listen = \"here\"\npublik_url = \"https://a.example\"\nattachments = \"s3://bucket/x\"\n[log]\nquorum = 3\ntsa_url = \"x\"\n[discord]\nbot_token = \"x\"\n[[source]]\nname = \"p\"\nformat = \"alertmanger\"\nauth = \"none\"\n",
    );
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(
        lines,
        [
            "line 1: listen = \"here\" does not fit: an address and a port look like 127.0.0.1:8080.",
            "line 2: there is no key publik_url. Did you mean public_url?",
            "line 3: attachments in an object store (s3://) are not supported by this version; use file:FOLDER.",
            "line 5: log.quorum has to be a whole number from 0 to 0.",
            "line 6: log.tsa_url (timestamps, RFC 3161) is not supported by this version; remove it.",
            "line 7: [discord] is not supported by this version; remove it.",
            "line 11: source.format = \"alertmanger\" does not fit: did you mean alertmanager.",
        ]
    );
}

#[test]
fn slack_is_read_with_what_stands_for_what_is_left_out() {
    let config = load("[slack]\nbot_token = \"xoxb-1\"\napp_token = { file = \"app.txt\" }\n");
    let slack = config.slack.unwrap();
    assert_eq!((slack.api_url.as_str(), slack.channel.as_str(), slack.notes), (SLACK_API, "incidents", Notes::All));
    assert_eq!((slack.bot_token, slack.app_token), (Secret::new("xoxb-1"), Some(Secret::new("xapp-from-a-file"))));
    assert!(slack.signing_secret.is_none() && !slack.minimal_content && !slack.allow_guests && !slack.allow_external && !slack.match_email);
    let all = "[slack]\nbot_token = \"xoxb-1\"\nsigning_secret = \"s\"\napi_url = \"http://127.0.0.1:9/api/\"\nchannel = \"#ops\"\n\
        notes = \"reaction:memo\"\nminimal_content = true\nallow_guests = true\nallow_external = true\nmatch_email = true\n";
    let slack = load(all).slack.unwrap();
    assert_eq!((slack.api_url.as_str(), slack.channel.as_str()), ("http://127.0.0.1:9/api", "ops"));
    assert_eq!((slack.notes, slack.signing_secret), (Notes::Reaction("memo".into()), Some(Secret::new("s"))));
    assert!(slack.minimal_content && slack.allow_guests && slack.allow_external && slack.match_email);
    assert!(load("").slack.is_none());
}

#[test]
fn a_slack_that_cannot_work_says_what_it_needs_and_shows_no_token() {
    for (text, sentence) in [
        ("signing_secret = \"s\"", "slack.bot_token is missing"),
        ("bot_token = \"xoxb-1\"", "[slack] needs a way for Slack to reach us: app_token"),
        ("bot_token = \"xoxp-hunter22\"\nsigning_secret = \"s\"", "slack.bot_token does not look right: it begins with xoxb-"),
        ("bot_token = \"xoxb-1\"\napp_token = \"hunter22\"", "slack.app_token does not look right: it begins with xapp-"),
        (
            "bot_token = \"xoxb-1\"\nsigning_secret = \"s\"\nconfiguration_token = \"hunter22\"",
            "slack.configuration_token does not look right: it begins with xoxe.",
        ),
        ("bot_token = \"xoxb-1\"\nsigning_secret = \"s\"\nchannel = \"a b\"", "a channel is its name"),
        ("bot_token = \"xoxb-1\"\nsigning_secret = \"s\"\nnotes = \"some\"", "it is one of all, pinned, command, or reaction:EMOJI"),
        ("bot_token = \"xoxb-1\"\nsigning_secret = \"s\"\nchanel = \"a\"", "Did you mean channel?"),
    ] {
        let told = refusal(&format!("[slack]\n{text}\n"));
        assert!(told.contains(sentence) && !told.contains("hunter22"), "{text}\n{told}");
    }
}

#[test]
fn an_unknown_variable_is_refused_by_name() {
    let told = load_with("", &[("COUNTERSIGN_LOG__ORIGN", "x")]).unwrap_err();
    assert_eq!(told, "environment variable COUNTERSIGN_LOG__ORIGN: there is no key log.orign. Did you mean origin?");
}

#[test]
fn a_source_that_cannot_work_says_what_it_needs() {
    for (source, sentence) in [
        ("format = \"grafana\"\nauth = \"none\"", "a [[source]] needs a name"),
        ("name = \"A b\"\nformat = \"grafana\"\nauth = \"none\"", "a name has lower-case letters"),
        (
            "name = \"a\"\nauth = \"none\"",
            "source a needs a format: one of alertmanager, alertmanager-api, grafana-unified, pagerduty, generic, deployment.",
        ),
        (
            "name = \"a\"\nformat = \"zabbix\"\nauth = \"none\"",
            "the format zabbix is not supported by this version; use generic with a mapping",
        ),
        ("name = \"a\"\nformat = \"smoke-signals\"\nauth = \"none\"", "the known formats are alertmanager (Prometheus"),
        ("name = \"a\"\nformat = \"grafana\"", "source a needs auth"),
        ("name = \"a\"\nformat = \"grafana\"\nauth = \"basic\"", "source.auth has to be \"none\", or one of"),
        ("name = \"a\"\nformat = \"grafana\"\nauth = { bearer = \"x\", none = true }", "source.auth has to be exactly one of"),
        ("name = \"a\"\nformat = \"grafana\"\nauth = { sns = {} }", "source.auth.sns is not supported by this version"),
        ("name = \"a\"\nformat = \"grafana\"\nauth = { barer = \"x\" }", "there is no key source.auth.barer. Did you mean bearer?"),
        ("name = \"a\"\nformat = \"grafana\"\nauth = { bearer = \"\" }", "source.auth.bearer is empty"),
        ("name = \"a\"\nformat = \"grafana\"\nauth = { bearer = { file = \"nowhere\" } }", "which cannot be read"),
        (
            "name = \"a\"\nformat = \"grafana\"\nauth = { bearer = { fil = \"x\" } }",
            "source.auth.bearer has to be text, or { file = \"…\" }.",
        ),
        (
            "name = \"a\"\nformat = \"grafana\"\nauth = { basic = { user = \"a:b\", password = \"x\" } }",
            "a user name for Basic has no colon",
        ),
        ("name = \"a\"\nformat = \"grafana\"\nauth = { basic = { user = \"a\" } }", "source.auth.basic.password is missing"),
        (
            "name = \"a\"\nformat = \"grafana\"\nauth = { hmac = { secret = \"s\", header = \"X-S\", covers = \"ts.body\" } }",
            "it needs timestamp_header",
        ),
        (
            "name = \"a\"\nformat = \"grafana\"\nauth = { hmac = { secret = \"s\", header = \"X-S\", timestamp_header = \"X-T\", covers = \"body\" } }",
            "the timestamp is not signed and proves nothing",
        ),
        (
            "name = \"a\"\nformat = \"grafana\"\nauth = { hmac = { secret = \"s\", header = \"X-S\", algorithm = \"md5\" } }",
            "sha256 is the only algorithm",
        ),
        ("name = \"a\"\nformat = \"grafana\"\nauth = \"none\"\nheartbeat = \"0m\"", "it has to be longer than nothing"),
        ("name = \"a\"\nformat = \"grafana\"\nauth = \"none\"\nheartbeat = \"soon\"", "a length of time looks like"),
        ("name = \"a\"\nformat = \"grafana\"\nauth = \"none\"\nrouting_key = \"k\"", "only the format pagerduty uses one"),
        ("name = \"a\"\nformat = \"pagerduty\"", "source a needs a routing_key"),
        ("name = \"a\"\nformat = \"pagerduty\"\nrouting_key = \"k\"\nauth = { bearer = \"x\" }", "proved by its routing_key"),
        ("name = \"a\"\nformat = \"generic\"\nauth = \"none\"", "source a needs a mapping"),
        ("name = \"a\"\nformat = \"generic\"\nauth = \"none\"\nmapping = { title = \"body.t\" }", "source.mapping.alert_id is missing"),
        (
            "name = \"a\"\nformat = \"generic\"\nauth = \"none\"\nmapping = { alert_id = \"body.(\", title = \"body.t\" }",
            "source.mapping.alert_id is not an expression",
        ),
        (
            "name = \"a\"\nformat = \"grafana\"\nauth = \"none\"\nmapping = { alert_id = \"body.i\", title = \"body.t\" }",
            "only the format generic uses one",
        ),
        ("name = \"a\"\nformat = \"grafana\"\nauth = \"none\"\nmax_body = 3", "source.max_body has to be a whole number from 1024"),
    ] {
        let told = refusal(&format!("[[source]]\n{source}\n"));
        assert!(told.contains(sentence), "{source}\n{told}");
    }
}

#[test]
fn sources_that_could_be_mistaken_for_each_other_are_refused() {
    let api = |name: &str, auth: &str| format!("[[source]]\nname = \"{name}\"\nformat = \"alertmanager-api\"\nauth = {auth}\n");
    let told = refusal(&(api("a", "{ bearer = \"x\" }") + &api("b", "\"none\"")));
    assert!(told.contains("source b has auth = \"none\", but there are 2 sources"), "{told}");
    let told = refusal(&(api("a", "{ bearer = \"x\" }") + &api("b", "{ bearer = \"x\" }")));
    assert!(told.contains("source b has another alertmanager-api source's credentials"), "{told}");
    let told = refusal(&(api("a", "{ bearer = \"x\" }") + &api("a", "{ bearer = \"y\" }")));
    assert!(told.contains("two sources are called a"), "{told}");
    let pager = |name: &str| format!("[[source]]\nname = \"{name}\"\nformat = \"pagerduty\"\nrouting_key = \"k\"\n");
    assert!(refusal(&(pager("a") + &pager("b"))).contains("source b has another source's routing_key"));
}

#[test]
fn what_is_not_toml_or_not_there_is_refused_before_anything_else() {
    assert!(refusal("listen = \n").starts_with("line 1: this is not TOML: "));
    assert!(refusal("listen = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"\n").starts_with("line 2: this is not TOML: duplicate key"));
    let missing = Config::load(Some(Path::new("/nowhere/countersign.toml")), []).unwrap_err().to_string();
    assert!(missing.contains("cannot be opened") && missing.contains("countersign init"), "{missing}");
}

#[test]
fn a_database_or_an_address_that_cannot_be_meant_is_refused() {
    for (line, sentence) in [
        ("database = \"mysql://x\"", "database has to be sqlite:FILE or postgres://user@host/name"),
        ("database = \"sqlite::memory:\"", "a database in memory forgets everything"),
        ("public_url = \"countersign.example.com\"", "an address looks like https://countersign.example.com"),
        ("public_url = \"https://user:pw@a.example\"", "an address looks like"),
        ("public_url = \"https://a.example:99999\"", "an address looks like"),
        ("log = { origin = \"https://a.example/log\" }", "an origin looks like countersign.example.com/log"),
        ("log = { witnesses = [{ url = \"https://w.example\", vkey = \"x\" }] }", "a verifier key is one line"),
        ("log = { witnesses = [{ url = \"https://w.example\" }] }", "log.witnesses.vkey is missing"),
        ("witness = {}", "[witness] names no logs"),
        ("trusted_proxies = [\"10.0.0.0/40\"]", "an address range looks like"),
        ("log = 3", "log is a number, but it has to be a table"),
        ("listen = 8080", "listen is a number, but it has to be text in quotes"),
    ] {
        let told = refusal(line);
        assert!(told.contains(sentence), "{line}\n{told}");
    }
}

#[test]
fn listening_to_the_world_without_tls_is_warned_about() {
    let config = load("listen = \"0.0.0.0:8080\"\npublic_url = \"http://a.example\"");
    assert_eq!(config.warnings.len(), 2, "{:?}", config.warnings);
    assert!(config.warnings[0].contains("without encryption") && config.warnings[1].contains("in the clear"));
}

#[test]
fn a_log_that_would_be_named_after_a_mere_address_is_warned_about() {
    let config = load("listen = \"0.0.0.0:8080\"\ntrusted_proxies = [\"10.0.0.1\"]");
    assert!(config.warnings[0].contains("the log is called 0.0.0.0/log; set public_url"), "{:?}", config.warnings);
}

#[test]
fn no_secret_is_ever_shown() {
    let config =
        load("database = \"postgres://u:hunter22@db/x\"\n[[source]]\nname = \"a\"\nformat = \"pagerduty\"\nrouting_key = \"hunter22\"\n");
    assert!(!format!("{config:?}").contains("hunter22"));
    let secret = Secret::new("hunter22");
    assert_eq!(
        (format!("{secret}"), format!("{secret:?}"), serde_json::to_string(&secret).unwrap()),
        ("***".into(), "***".into(), "\"***\"".into())
    );
    let told = refusal("database = \"mysql://u:hunter22@db\"\n[[source]]\nname = \"a\"\nformat = \"grafana\"\nauth = \"hunter22\"\n");
    assert!(!told.contains("hunter22"), "{told}");
    let told = refusal("public_url = \"https://u:hunter22@a.example\"");
    assert!(!told.contains("hunter22"), "{told}");
}

#[test]
fn a_source_cannot_speak_under_our_own_names() {
    let named = |name: &str| {
        format!(
            "[[source]]\nname = \"{name}\"\nformat = \"generic\"\nauth = \"none\"\nmapping = {{ alert_id = \"body.id\", title = \"body.t\" }}\n"
        )
    };
    assert!(refusal(&named("countersign")).contains("the name countersign is our own"));
    assert!(refusal(&named("(unknown)")).contains("names in parentheses are our own"));
    assert_eq!(load(&named("countersign-2")).sources[0].name, "countersign-2");
}
