//! The connection to PostgreSQL is cut while a COMMIT is on its way: nobody is told what is not so, and a retry with the
//! same key records once.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::world::{Answered, Kind, Person, World, labels, tell, until};

/// What the wire does to the next COMMIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// Nothing.
    None = 0,
    /// The COMMIT never arrives.
    Before = 1,
    /// It arrives and takes effect; its answer does not come back.
    After = 2,
    /// It is sent, and both ends are cut at once: who knows.
    Between = 3,
}

/// A wire to PostgreSQL that can be cut at a COMMIT: it follows the messages that the client sends (PostgreSQL's
/// frontend protocol 3: a byte and a length, but for the first messages of a connection, which have a length only).
#[derive(Default)]
pub struct Wire {
    next: AtomicU8,
    cuts: AtomicUsize,
    /// With the next cut every connection goes down, and no new one comes up.
    falls: AtomicBool,
    pub down: watch::Sender<bool>,
    /// Nothing is carried, and nothing says so.
    pub still: watch::Sender<bool>,
    /// What the server says is not taken.
    pub deaf: watch::Sender<bool>,
    port: Mutex<u16>,
}

const SSL_REQUEST: u32 = 80_877_103;

impl Wire {
    /// Lays a wire to the server at `address`.
    pub async fn to(address: String) -> Arc<Self> {
        let wire = Arc::new(Self::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        *wire.port.lock().expect("a lock") = listener.local_addr().expect("an address").port();
        let laid = Arc::clone(&wire);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !*laid.down.borrow()
                    && let Ok(server) = TcpStream::connect(&address).await
                {
                    tokio::spawn(Arc::clone(&laid).carry(client, server));
                }
            }
        });
        wire
    }

    fn arm(&self, cut: Cut) {
        self.next.store(cut as u8, Ordering::SeqCst);
    }

    fn take(&self) -> Cut {
        match self.next.swap(0, Ordering::SeqCst) {
            1 => Cut::Before,
            2 => Cut::After,
            3 => Cut::Between,
            _ => Cut::None,
        }
    }

    /// Carries one connection until it ends or is cut: both ends are closed when this returns.
    async fn carry(self: Arc<Self>, mut client: TcpStream, mut server: TcpStream) {
        let (mut sent, mut heard) = (Vec::new(), Vec::new());
        let mut started = false;
        let (mut down, mut still, mut deaf) = (self.down.subscribe(), self.still.subscribe(), self.deaf.subscribe());
        loop {
            let silent = *still.borrow_and_update();
            let hears = !silent && !*deaf.borrow_and_update();
            tokio::select! {
                () = async { drop(down.wait_for(|down| *down).await) } => return,
                _ = still.changed() => continue,
                _ = deaf.changed() => continue,
                read = client.read_buf(&mut sent), if !silent => if !matches!(read, Ok(1..)) { return },
                read = server.read_buf(&mut heard), if hears => {
                    if !matches!(read, Ok(1..)) || client.write_all(&heard).await.is_err() {
                        return;
                    }
                    heard.clear();
                }
            }
            while let Some(message) = next_message(&mut sent, &mut started) {
                let mut falls = false;
                let cut = if message == b"Q\0\0\0\x0bCOMMIT\0" { self.take() } else { Cut::None };
                if cut != Cut::None {
                    self.cuts.fetch_add(1, Ordering::SeqCst);
                    falls = self.falls.swap(false, Ordering::SeqCst);
                }
                if cut == Cut::Before {
                    self.down.send_replace(falls);
                }
                if cut == Cut::Before || server.write_all(&message).await.is_err() || cut == Cut::Between {
                    return;
                }
                if cut == Cut::After {
                    // CommandComplete and ReadyForQuery: it is done, and nobody hears of it.
                    let told = |heard: &[u8]| heard.windows(7).any(|w| w == b"COMMIT\0");
                    while !told(&heard) && matches!(server.read_buf(&mut heard).await, Ok(1..)) {}
                    self.down.send_replace(falls);
                    return;
                }
            }
        }
    }
}

/// Takes one whole message off the front.
fn next_message(sent: &mut Vec<u8>, started: &mut bool) -> Option<Vec<u8>> {
    let head = usize::from(*started);
    let length = u32::from_be_bytes(sent.get(head..head + 4)?.try_into().expect("four bytes"));
    let whole = head + usize::try_from(length).expect("a length");
    if sent.len() < whole {
        return None;
    }
    let message: Vec<u8> = sent.drain(..whole).collect();
    if !*started {
        *started = message.get(4..8) != Some(&SSL_REQUEST.to_be_bytes());
    }
    Some(message)
}

/// The story's database, at the end of a wire.
pub async fn at_the_end_of_a_wire(w: &World) -> (Arc<Wire>, String) {
    let (head, name) = w.database.address.rsplit_once('/').expect("an address ends with a database");
    let (user, host) = head.rsplit_once('@').expect("an address has a host");
    let wire = Wire::to(host.to_owned()).await;
    let port = *wire.port.lock().expect("a lock");
    (wire, format!("{user}@127.0.0.1:{port}/{name}"))
}

/// A service whose database is at the end of a wire, and one of its people there.
async fn wired(w: &mut World) -> (Arc<Wire>, countersign::cli::service::Running, Person) {
    let (wire, address) = at_the_end_of_a_wire(w).await;
    let running = w.opens(w.config_at(&address, "")).await.expect("it opens at the end of a wire");
    let ana = Person { base: format!("http://{}", running.address), ..w.person("ana") };
    (wire, running, ana)
}

pub async fn titled(w: &World, title: &str) -> i64 {
    w.database.number(&format!("SELECT COUNT(*) FROM sealed WHERE bytes = '{title}'::bytea AND name = 'field.title'")).await
}

async fn declares(ana: &Person, title: &str) -> Answered {
    ana.opens(json!({ "title": title, "severity": "sev3" })).await
}

#[test]
fn a_commit_that_was_cut_off_is_told_as_it_is() {
    tell(Kind::Postgres, async |w| {
        let (wire, running, ana) = wired(w).await;
        for (n, cut) in [Cut::Before, Cut::After, Cut::Before, Cut::After, Cut::After].into_iter().enumerate() {
            let (with_key, without) = (format!("With a key {n}"), format!("Without a key {n}"));
            let tool = w.alertmanager().at(&ana.base);
            wire.arm(cut);
            let cuts = wire.cuts.load(Ordering::SeqCst);
            let keyed = ana.under_key(&format!("key-{n}"));
            let host = format!("h-{n}");
            let fired = [labels("HighErrorRate", "shop", &host, "warning")];
            let answers = tokio::join!(declares(&keyed, &with_key), declares(&ana, &without), tool.fires(&fired));
            assert_eq!(wire.cuts.load(Ordering::SeqCst), cuts + 1, "{cut:?}");
            // One of them met the cut, perhaps all; whoever is told "done" stands in the log, whoever is told "not stored" does not.
            for (answered, title) in [(&answers.0, &with_key), (&answers.1, &without)] {
                assert_eq!(titled(w, title).await, i64::from(answered.status == 201), "{cut:?} {title}: {}", answered.text());
                if answered.status != 201 {
                    assert_eq!(cut, Cut::Before, "{title}: {}", answered.text());
                    answered.clone().refused("NotStored").with_status(503);
                }
            }
            let attached = w.log_of("AlertAttached").await.len();
            if answers.2.status != 202 {
                assert_eq!((cut, answers.2.status), (Cut::Before, 503));
                tool.fires(&fired).await.done();
            }
            assert_eq!(w.log_of("AlertAttached").await.len(), attached + usize::from(answers.2.status != 202));
            let first = answers.0.status == 201;
            let number = declares(&keyed, &with_key).await.number();
            assert!(!first || number == answers.0.json()["ticket"], "{cut:?}: the same answer again");
            assert_eq!(titled(w, &with_key).await, 1, "{cut:?}: once");
        }
        running.stop().await;
    });
}

#[test]
fn when_nobody_can_know_that_is_what_is_said_and_a_retry_records_once() {
    tell(Kind::Postgres, async |w| {
        let (wire, running, ana) = wired(w).await;
        // Cut in the middle: either way, but the answer and the log agree.
        for n in 0..6 {
            let title = format!("Between {n}");
            let keyed = ana.under_key(&title);
            wire.arm(Cut::Between);
            let answered = declares(&keyed, &title).await;
            assert_eq!(titled(w, &title).await, i64::from(answered.status == 201), "{}", answered.text());
            let _ = declares(&keyed, &title).await.number();
            assert_eq!(titled(w, &title).await, 1);
        }
        // The database is gone when one would look: the answer says that it is not known.
        for (n, cut) in [Cut::After, Cut::Before].into_iter().enumerate() {
            let title = format!("Gone {n}");
            let keyed = ana.under_key(&title);
            wire.arm(cut);
            wire.falls.store(true, Ordering::SeqCst);
            let answered = declares(&keyed, &title).await;
            answered.refused("UnknownOutcome").with_status(503).says("same key");
            assert_eq!(titled(w, &title).await, i64::from(cut == Cut::After));
            wire.down.send_replace(false);
            until("the database is back", async || declares(&keyed, &title).await.status == 201).await;
            assert_eq!(titled(w, &title).await, 1);
        }
        running.stop().await;
    });
}
