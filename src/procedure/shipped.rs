//! The playbooks that the program brings along, embedded as they stand in `playbooks/`.

use include_dir::{Dir, include_dir};

static PLAYBOOKS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/playbooks");

/// The folder of profiles: what `init` puts in place of the files with the same names.
const PROFILES: &str = "profiles";

/// The built-in playbooks as they stand: pairs of path (below `playbooks/`, with `/`) and bytes, in path order.
#[must_use]
pub fn built_in() -> Vec<(String, Vec<u8>)> {
    let mut out = Vec::new();
    collect(&PLAYBOOKS, "", &mut out);
    out.sort();
    out
}

/// The built-in playbooks of a profile (`small-team`, `soc2`, `cmmc`); `None` when there is no such profile.
#[must_use]
pub fn built_in_profile(name: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let folder = PLAYBOOKS.get_dir(format!("{PROFILES}/{name}"))?;
    let mut own = Vec::new();
    collect(folder, &format!("{PROFILES}/{name}/"), &mut own);
    let mut out = built_in();
    out.retain(|(path, _)| !own.iter().any(|(p, _)| p == path));
    out.extend(own);
    out.sort();
    Some(out)
}

/// The names of the profiles, in order.
#[must_use]
pub fn profiles() -> Vec<String> {
    let folder = PLAYBOOKS.get_dir(PROFILES);
    let names = folder.into_iter().flat_map(Dir::dirs).filter_map(|d| d.path().file_name()?.to_str().map(str::to_owned));
    let mut names = names.collect::<Vec<_>>();
    names.sort();
    names
}

fn collect(dir: &Dir<'static>, strip: &str, out: &mut Vec<(String, Vec<u8>)>) {
    for file in dir.files() {
        let path = file.path().components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
        out.push((path.strip_prefix(strip).unwrap_or(&path).to_owned(), file.contents().to_vec()));
    }
    for sub in dir.dirs().filter(|d| d.path() != std::path::Path::new(PROFILES)) {
        collect(sub, strip, out);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::expression::Variables;
    use super::super::model::{Library, Response};
    use super::super::{built_in, load};
    use super::{built_in_profile, profiles};

    fn library() -> Library {
        load(built_in()).map_err(|f| f.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")).unwrap()
    }

    fn alert(rule: &str, severity: &str, labels: Value, summary: &str) -> Variables {
        let alert = json!({ "source": "prometheus", "fingerprint": "9ec01dd17427d418", "alert_id": "9ec0", "rule": rule, "status": "firing",
            "title": summary, "description": "", "severity": severity, "labels": labels, "annotations": { "summary": summary },
            "starts_at": null, "ends_at": null, "url": "" });
        json!({ "alert": alert }).as_object().unwrap().clone()
    }

    fn taken<'l>(library: &'l Library, alert: &Variables) -> Option<&'l Response> {
        let takes = |r: &&std::sync::Arc<Response>| r.matches.as_ref().is_some_and(|m| m.holds(alert).unwrap());
        library.responses.iter().find(takes).map(|r| &**r)
    }

    #[test]
    fn every_profile_has_no_findings_and_its_own_organisation() {
        assert_eq!(profiles(), ["cmmc", "small-team", "soc2"]);
        for name in profiles() {
            let files = built_in_profile(&name).unwrap();
            assert!(files.iter().all(|(path, _)| !path.contains("profiles")));
            let library = load(files).map_err(|f| f.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
            assert_ne!(library.unwrap().organisation.digest, self::library().organisation.digest);
        }
        assert!(built_in_profile("none").is_none());
    }

    #[test]
    fn the_catch_all_is_tried_last() {
        let library = library();
        let names = library.responses.iter().map(|r| r.name.as_str()).collect::<Vec<_>>();
        assert_eq!(names, ["malware", "data-leak", "unauthorised-access", "phishing", "denial-of-service", "outage", "other"]);
    }

    #[test]
    fn alerts_find_the_response_that_suits_them_and_the_severity_that_it_says() {
        let library = library();
        let vectors = [
            ("InstanceDown", "critical", "Instance 127.0.0.1:9914 down", Some(("outage", "sev1"))),
            ("DatasourceNoData", "", "[no value] DatasourceNoData", Some(("outage", "sev3"))),
            ("HighErrorRate", "error", "5xx above 2 %", Some(("outage", "sev2"))),
            ("node_disk_full", "warning", "The root filesystem is 97 % full", Some(("outage", "sev3"))),
            ("UnauthorizedAccess:EC2/SSHBruteForce", "2", "203.0.113.1 tries SSH brute force", Some(("unauthorised-access", "sev3"))),
            ("Terminal shell in container", "notice", "A shell was spawned in a container", Some(("unauthorised-access", "sev3"))),
            ("Trojan:EC2/DNSDataExfiltration", "8", "i-99999999 speaks to a trojan's domain", Some(("malware", "sev2"))),
            ("Ransomware behaviour", "high", "Many files were rewritten", Some(("malware", "sev1"))),
            ("secret-scanning", "high", "Leaked secret in a public repository", Some(("data-leak", "sev2"))),
            ("Suspicious email", "medium", "A user submitted a phishing message and clicked", Some(("phishing", "sev2"))),
            ("DDoS", "critical", "Volumetric attack", Some(("denial-of-service", "sev1"))),
            ("BackupsLate", "warning", "The nightly backup did not finish", Some(("other", "sev4"))),
            ("BackupsLate", "", "The nightly backup did not finish", Some(("other", "sev3"))),
            ("Watchdog", "none", "Always firing", None),
            ("InfoInhibitor", "info", "Node information", None),
        ];
        for (rule, severity, summary, expected) in vectors {
            let alert = alert(rule, severity, json!({ "job": "canary" }), summary);
            let response = taken(&library, &alert);
            let found = response.map(|r| (r.name.clone(), r.severity.as_ref().unwrap().value(&alert).unwrap()));
            assert_eq!(found, expected.map(|(name, severity)| (name.to_owned(), json!(severity))), "{rule} {severity}");
            if let Some(response) = response {
                assert!(response.ticket_title.as_ref().unwrap().render(&alert).contains(summary), "{rule}");
                let group = response.group_by.iter().map(|g| g.value(&alert).unwrap()).collect::<Vec<_>>();
                assert!(group.iter().all(Value::is_string), "{rule}: {group:?}");
            }
        }
    }

    #[test]
    fn a_storm_of_instances_and_rules_of_one_service_is_one_group() {
        let library = library();
        let group = |rule: &str, labels: Value| {
            let alert = alert(rule, "critical", labels, "api is down");
            let response = taken(&library, &alert).unwrap();
            response.group_by.iter().map(|g| g.value(&alert).unwrap()).collect::<Vec<_>>()
        };
        let first = group("InstanceDown", json!({ "service": "api", "instance": "a:1" }));
        assert_eq!(first, group("HighErrorRate", json!({ "service": "api", "instance": "b:1" })));
        assert_ne!(first, group("InstanceDown", json!({ "service": "billing", "instance": "a:1" })));
    }

    // proves: INC-15
    #[test]
    fn every_class_of_the_main_taxonomy_is_called_something_in_the_others() {
        let library = library();
        assert_eq!(library.taxonomies["rsit"].len(), 39);
        for class in library.taxonomies["rsit"].keys() {
            assert_eq!(library.crosswalks["rsit"][class].len(), 3, "{class}");
        }
    }

    // proves: SLA-05
    #[test]
    fn impact_and_urgency_propose_a_severity_that_has_a_target_on_every_clock() {
        let library = library();
        let incident = &library.kinds["incident"];
        let matrix = incident.matrix.as_ref().unwrap();
        let table = [("high", ["sev1", "sev2", "sev3"]), ("medium", ["sev2", "sev3", "sev4"]), ("low", ["sev3", "sev4", "sev4"])];
        for (impact, row) in table {
            for (urgency, expected) in ["high", "medium", "low"].into_iter().zip(row) {
                assert_eq!(matrix.propose(impact, urgency), Some(expected));
                assert!(incident.clocks.values().all(|c| c.target(Some(expected)).is_some()));
            }
        }
    }

    #[test]
    fn nothing_is_needed_to_acknowledge_and_everything_an_assessor_asks_for_to_close() {
        let library = library();
        let incident = &library.kinds["incident"];
        let acknowledge = &incident.transitions["acknowledge"];
        assert!(acknowledge.asks.is_empty() && acknowledge.requires.fields.is_empty() && acknowledge.wants.is_empty());
        let close = &incident.transitions["close"].requires;
        for field in [
            "class",
            "severity",
            "detection_source",
            "data_involved",
            "systems_affected",
            "reporting_duties",
            "root_cause",
            "resolution",
            "disposition",
        ] {
            assert!(close.fields.iter().any(|f| f == field), "{field}");
        }
        assert_eq!((close.notes, close.tasks, close.evidence.len(), close.links.len()), (1, true, 2, 2));
    }
}
