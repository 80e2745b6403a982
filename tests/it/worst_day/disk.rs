//! A disk that is full: nothing is half written, everybody is told, and when there is room again all goes on by itself.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use reqwest::multipart::{Form, Part};
use serde_json::json;

use countersign::store::faults::{Faults, Moment};

use super::process::{Process, as_person, attempt, under_key};
use crate::world::{Answered, Kind, Person, World, copy, labels, tell, until, webhook};

/// A small file system of its own.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// One of so many MiB at `place`.
    fn new(place: &Path, mebibytes: u32) -> Self {
        fs::create_dir_all(place).expect("a folder");
        let size = format!("size={mebibytes}m");
        assert!(
            as_root(&["mount", "-t", "tmpfs", "-o", &format!("{size},mode=0777"), "tmpfs", &place.display().to_string()]),
            "this test mounts a small file system: run it as root, or with sudo that asks for no password"
        );
        Self(place.to_owned())
    }

    /// Fills it to the last byte.
    fn fills(&self) {
        let mut file = fs::File::create(self.0.join("filler")).expect("a file");
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![7; size]).is_ok() {}
        }
    }

    /// There is room again.
    fn makes_room(&self) {
        fs::remove_file(self.0.join("filler")).expect("the filler");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        as_root(&["umount", "--lazy", &self.0.display().to_string()]);
    }
}

fn as_root(command: &[&str]) -> bool {
    let direct = |program: &str, arguments: &[&str]| Command::new(program).args(arguments).output().is_ok_and(|o| o.status.success());
    direct(command[0], &command[1..]) || direct("sudo", &[&["-n"], command].concat())
}

async fn files(who: &Person, ticket: &str, bytes: Vec<u8>) -> Answered {
    let form = Form::new().part("file", Part::bytes(bytes).file_name("file.bin"));
    let request = who.client.post(format!("{}/api/v1/tickets/{ticket}/attachments", who.base)).multipart(form);
    attempt(as_person(who, request), "a file").await.expect("an answer")
}

/// 503, with a sentence and the time after which to try again.
#[track_caller]
fn refused(answer: &Answered) {
    assert_eq!(answer.status, 503, "{}: {}", answer.asked, answer.text());
    assert!(answer.headers.contains_key("retry-after"), "{}", answer.asked);
}

/// Names of everything below `folder`.
fn names(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() { found.extend(names(&path)) } else { found.push(entry.file_name().to_string_lossy().into_owned()) }
    }
    found.sort();
    found
}

#[test]
fn a_full_disk_refuses_everybody_says_so_and_is_forgotten_once_there_is_room() {
    tell(Kind::Sqlite, async |w: &mut World| {
        let inc = w.person("ana").declares("Before the disk was full", "sev3").await;
        let (ana, tool) = (w.person("ana"), w.alertmanager());
        w.signed().await;
        w.stops().await;
        let small = SmallDisk::new(&w.path("small"), 24);
        w.database.keeps_a_copy(&small.0).await;
        for (from, to) in
            [("small/copy.db", "small/countersign.db"), ("log.key", "small/log.key"), ("log.checkpoint", "small/log.checkpoint")]
        {
            copy(&w.path(from), &w.path(to));
        }
        fs::remove_file(w.path("small/copy.db")).expect("the copy");
        fs::create_dir(w.path("small/attachments")).expect("a folder");
        // Where the configuration looks for files; nothing was filed so far.
        fs::remove_dir(w.path("attachments")).expect("an empty folder");
        std::os::unix::fs::symlink(w.path("small/attachments"), w.path("attachments")).expect("a link");
        let database = format!("sqlite:{}", w.path("small/countersign.db").display());
        let mut serve = Process::at(w, &database, "small");
        serve.starts().await;
        let (ana, tool) = (serve.person(&ana), serve.tool(&tool));
        let kept = files(&ana, &inc, vec![1; 200_000]).await;
        assert_eq!(kept.status, 201, "{}", kept.text());
        until("it is ready", async || serve.ready().await.0).await;

        small.fills();
        let mut told = Vec::new();
        // What the write-ahead log still has room for is recorded; then people and tools are refused.
        for n in 0.. {
            assert!(n < 2000, "the disk is full, and everything was recorded");
            let text = format!("Note {n}: {}", "x".repeat(9_000));
            let path = format!("/api/v1/tickets/{inc}/comments");
            let answer = attempt(under_key(&ana, &path, &format!("note-{n}"), &json!({ "text": text })), "a note").await;
            let answer = answer.unwrap_or_else(|| panic!("no answer; it said:\n{}", serve.said()));
            if answer.status == 503 {
                refused(&answer);
                break;
            }
            answer.done();
            told.push(text);
        }
        for n in 0.. {
            assert!(n < 200, "the disk is full, and every alert was recorded");
            let alert = webhook("firing", &[labels("HighErrorRate", "checkout", &format!("{n}-{}", "h".repeat(5_000)), "critical")]);
            let request = tool.client.post(format!("{}{}", tool.base, tool.path)).bearer_auth(crate::world::BEARER).json(&alert);
            let answer = attempt(request, "an alert").await.expect("an answer");
            if answer.status == 503 {
                refused(&answer);
                break;
            }
            answer.done();
        }
        let before = names(&w.path("small/attachments"));
        refused(&files(&ana, &inc, vec![2; 300_000]).await);
        refused(&files(&ana, &inc, vec![3; 300_000]).await);
        assert_eq!(names(&w.path("small/attachments")), before, "a file that was refused left nothing behind");
        until("it is not ready, and says why", async || {
            let (ready, words) = serve.ready().await;
            !ready && words.contains("the disk is full") && words.contains("small")
        })
        .await;
        let seen = attempt(as_person(&ana, ana.client.get(format!("{}/api/v1/tickets/{inc}", ana.base))), "a look").await;
        assert_eq!(seen.expect("an answer").status, 200, "what is there can be read");

        // Nobody asks for anything, and it finds out by itself.
        small.makes_room();
        until("it is ready again", async || serve.ready().await.0).await;
        attempt(under_key(&ana, &format!("/api/v1/tickets/{inc}/comments"), "after", &json!({ "text": "Room." })), "a note")
            .await
            .expect("an answer")
            .done();
        assert_eq!(files(&ana, &inc, vec![2; 300_000]).await.status, 201);
        serve.ends().await;
        let folder = w.path("small/attachments").display().to_string();
        let (code, words) = w.runs(&["verify", "--database", &database, "--attachments", &folder]).await;
        assert!(code == 3 && words.contains("is the same"), "{code}: {words}");
        let look = crate::world::Database::sqlite(&w.path("small/countersign.db")).await;
        let noted = look.texts("SELECT CAST(bytes AS TEXT) FROM sealed WHERE name = 'note' ORDER BY seq").await;
        told.push("Room.".to_owned());
        assert_eq!(noted, told, "what was acknowledged is there, and nothing else");
        look.drop().await;
    });
}

#[test]
fn where_only_the_files_disk_is_full_everything_else_is_recorded() {
    tell(Kind::Postgres, async |w: &mut World| {
        let inc = w.person("ana").declares("The files' disk is full", "sev3").await;
        let ana = w.person("ana");
        w.stops().await;
        let small = SmallDisk::new(&w.path("attachments"), 4);
        let mut serve = Process::new(w, "");
        serve.starts().await;
        let ana = serve.person(&ana);
        small.fills();
        until("it is not ready, and says why", async || {
            let (ready, words) = serve.ready().await;
            !ready && words.contains("the disk is full") && words.contains("attachments")
        })
        .await;
        refused(&files(&ana, &inc, vec![2; 100_000]).await);
        ana.notes(&inc, "Recorded all the same.").await.done();
        assert_eq!(names(&w.path("attachments")), ["filler"]);
        small.makes_room();
        until("it is ready again", async || serve.ready().await.0).await;
        assert_eq!(files(&ana, &inc, vec![2; 100_000]).await.status, 201);
        serve.ends().await;
        let (address, folder) = (w.database.address.clone(), w.path("attachments").display().to_string());
        let (code, words) = w.runs(&["verify", "--database", &address, "--attachments", &folder]).await;
        assert!(code == 3 && words.contains("1 files"), "{code}: {words}");
    });
}

/// A disk that takes nothing and says nothing, until it does again: `COMMIT` waits in it.
#[derive(Debug, Default)]
struct Hanging {
    hangs: Mutex<bool>,
    waited_for: AtomicU32,
    freed: Condvar,
}

impl Hanging {
    fn hangs(&self, now: bool) {
        *self.hangs.lock().expect("nobody broke down") = now;
        self.freed.notify_all();
    }
}

impl Faults for Hanging {
    fn strike(&self, statement: &'static str, moment: Moment) -> Option<sqlx::Error> {
        if (statement, moment) == ("commit", Moment::Before) {
            let hangs = self.hangs.lock().expect("nobody broke down");
            self.waited_for.fetch_add(u32::from(*hangs), Ordering::SeqCst);
            drop(self.freed.wait_while(hangs, |hangs| *hangs));
        }
        None
    }
}

#[test]
fn a_disk_that_hangs_is_said_and_what_waited_in_it_is_recorded_when_it_goes_on() {
    tell(Kind::Sqlite, async |w: &mut World| {
        w.stops().await;
        let disk = Arc::new(Hanging::default());
        w.starts_breaking(Arc::clone(&disk) as Arc<dyn Faults>).await;
        let ana = w.person("ana");
        until("it is ready", async || ana.gets("/readyz").await.status == 200).await;

        disk.hangs(true);
        let declaring = tokio::spawn({
            let ana = ana.under_key("in-the-hanging-disk");
            async move { ana.opens(json!({ "title": "The disk hangs", "severity": "sev3" })).await }
        });
        until("a commit waits in the disk", async || disk.waited_for.load(Ordering::SeqCst) > 0).await;
        w.clock.advance(Duration::from_secs(11));
        let ready = ana.gets("/readyz").await;
        assert_eq!(ready.status, 503, "{}", ready.text());
        assert!(ready.text().contains("a commit has been waiting for the disk for 11 seconds"), "{}", ready.text());
        assert!(!declaring.is_finished(), "nobody is told that it is recorded while it is not");
        // Readers are not kept waiting.
        assert_eq!(ana.gets("/api/v1/tickets").await.status, 200);

        disk.hangs(false);
        let answer = declaring.await.expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.text());
        until("it is ready again by itself", async || ana.gets("/readyz").await.status == 200).await;
        let again = ana.under_key("in-the-hanging-disk").opens(json!({ "title": "The disk hangs", "severity": "sev3" })).await;
        assert_eq!(again.json()["number"], answer.json()["number"], "once");
        assert_eq!(w.log_of("TicketOpened").await.len(), 1);
    });
}
