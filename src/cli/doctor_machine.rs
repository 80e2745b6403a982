//! What `doctor` looks at on the machine: the clock, the disk, who may read a file, and whether the service answers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::doctor::{Finding, fail, ok, warn};
use crate::config::{Config, Database};
use crate::env::Timestamp;
use crate::store::commit::Head;

/// Free space below which there is something to do soon, and below which at once; bytes.
const LITTLE_SPACE: u64 = 1 << 30;
const NO_SPACE: u64 = 100 << 20;
/// A recorded time this far ahead of the clock stops commits (see `desk::clerk`).
const CLOCK_STEP: Duration = Duration::from_secs(60);

/// The mode of a file that others than its owner may read.
pub(super) fn open_to_others(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
        (mode & 0o077 != 0).then_some(mode)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// The clock against the log's last event.
pub(super) fn clock(now: Timestamp, head: &Head) -> Finding {
    let last = Timestamp::from_micros(head.last_at).unwrap_or(now);
    let ahead = last.since(now);
    if head.size > 0 && ahead > CLOCK_STEP {
        return fail(
            "clock",
            format!("the clock says {now}, but the log's last event is of {last}, {} s later", ahead.as_secs()),
            "set the clock right; if it is right, confirm it with `countersign doctor --confirm-clock`",
        );
    }
    ok("clock", format!("{now}; the log's last event is of {last}"))
}

/// Room, and leave to write. Nothing is written to find out.
pub(super) fn disk(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Database::Sqlite { path } = &config.database {
        let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        findings.push(space("database", folder));
    }
    let folder = &config.attachments;
    findings.push(match std::fs::metadata(folder) {
        Ok(found) if found.is_dir() => space("attachments", folder.clone()),
        Ok(_) => {
            fail("disk", format!("{} is a file, but attachments need a folder", folder.display()), "name another folder in `attachments`")
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let to_do = "the next start of `serve` makes it, for its owner only; if it should be there, correct `attachments`";
            warn("disk", format!("there is no folder for attachments at {}", folder.display()), to_do)
        }
        Err(error) => fail("disk", format!("the attachments' folder {}: {error}", folder.display()), "let this user read and write there"),
    });
    findings
}

fn space(what: &str, folder: PathBuf) -> Finding {
    let free = match rustix::fs::statvfs(&folder) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => return fail("disk", format!("{}: {error}", folder.display()), "look whether the folder is there"),
    };
    let says = format!("{} MiB free for the {what} in {}", free >> 20, folder.display());
    if rustix::fs::access(&folder, rustix::fs::Access::WRITE_OK).is_err() {
        return fail(
            "disk",
            format!("this user may not write to {}", folder.display()),
            "run doctor as the user that serves, or let it write there",
        );
    }
    match free {
        free if free < NO_SPACE => fail("disk", says, "make room now: nothing can be recorded on a full disk"),
        free if free < LITTLE_SPACE => warn("disk", says, "make room soon"),
        _ => ok("disk", says),
    }
}

/// Where `serve` says that it listens, while it runs: beside the log's key, since `--listen` may differ from the
/// configuration.
pub(super) fn listening_file(config: &Config) -> PathBuf {
    config.log.key.with_extension("listening")
}

/// Whether our service answers: where it last said that it listens, otherwise where the configuration says.
pub(super) async fn serve(config: &Config) -> Finding {
    let said = std::fs::read_to_string(listening_file(config)).ok().and_then(|text| text.trim().parse::<SocketAddr>().ok());
    let really = said.filter(|address| *address != config.listen);
    if let Some(address) = really
        && let Answer::Ours { ready, said } = asked(config, address).await
    {
        return found(address, ready, &said);
    }
    match asked(config, config.listen).await {
        Answer::Ours { ready, said } => found(config.listen, ready, &said),
        Answer::Another => {
            fail("serve", format!("another service answers at {}", config.listen), "stop it, or set `listen` to another address")
        }
        Answer::Nobody => {
            warn("serve", format!("nothing answers at {}", config.listen), "start it with `countersign serve`, unless it is meant to rest")
        }
    }
}

fn found(address: SocketAddr, ready: bool, said: &str) -> Finding {
    if ready {
        return ok("serve", format!("it answers at {address}, and is ready"));
    }
    fail(
        "serve",
        format!("it answers at {address}, but is not ready: {}", said.trim()),
        "look at what `serve` logs, and at the lines above",
    )
}

/// Who answers at an address.
enum Answer {
    Ours { ready: bool, said: String },
    Another,
    Nobody,
}

async fn asked(config: &Config, mut address: SocketAddr) -> Answer {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { std::net::Ipv4Addr::LOCALHOST.into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
    }
    let asked = async {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).no_proxy().build()?;
        let answer = client.get(format!("http://{address}/readyz")).send().await?;
        let ready = answer.status().is_success();
        Ok::<_, reqwest::Error>((ready, answer.text().await?))
    };
    let Ok((ready, said)) = asked.await else { return Answer::Nobody };
    let ours = serde_json::from_str::<serde_json::Value>(&said).is_ok_and(|said| said["log"] == config.log.origin.as_str());
    if ours { Answer::Ours { ready, said } } else { Answer::Another }
}

#[cfg(test)]
mod tests {
    use super::super::doctor::State;
    use super::*;

    fn head(last_at: Timestamp) -> Head {
        Head {
            size: 1,
            frontier: Vec::new(),
            last_at: last_at.micros(),
            schema: 1,
            deliveries: 0,
            origin: "a/log".into(),
            demo: false,
            vkey: String::new(),
            secret: crate::store::commit::Secret(Vec::new()),
            migration: 0,
        }
    }

    #[test]
    fn a_log_that_is_ahead_of_the_clock_fails_and_says_what_to_do() {
        let now = Timestamp::parse("2026-03-01T12:00:00Z").unwrap();
        assert_eq!(clock(now, &head(now)).state, State::Ok);
        assert_eq!(clock(now, &head(now.plus(Duration::from_secs(59)))).state, State::Ok);
        assert_eq!(clock(now, &head(now.minus(Duration::from_secs(86_400)))).state, State::Ok);
        let ahead = clock(now, &head(now.plus(Duration::from_secs(3600))));
        assert_eq!(ahead.state, State::Fail);
        assert!(ahead.to_do.unwrap().contains("--confirm-clock"));
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_space() {
        assert_eq!(space("database", "/nowhere/at/all".into()).state, State::Fail);
        assert_ne!(space("database", std::env::temp_dir()).state, State::Fail);
    }
}
