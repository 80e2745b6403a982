//! One commit that hangs: whoever comes after it is served as if it had not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::env::ManualClock;
use countersign::store::faults::{Faults, Moment};
use futures_util::future::join_all;

use crate::world::{World, hours, on_both};

/// Notes at once: so many in one commit that the next one waits for more of them.
const NOTES: usize = 40;

/// While it is on, each commit takes an hour by the service's clock, and long enough for others to queue up.
#[derive(Debug)]
struct Hangs {
    on: AtomicBool,
    clock: Mutex<Arc<ManualClock>>,
}

impl Faults for Hangs {
    fn strike(&self, statement: &'static str, moment: Moment) -> Option<sqlx::Error> {
        if statement == "commit" && moment == Moment::Before && self.on.load(Ordering::SeqCst) {
            tokio::task::block_in_place(|| std::thread::sleep(Duration::from_millis(500)));
            self.clock.lock().expect("nobody broke down").advance(hours(1));
        }
        None
    }
}

async fn after_a_commit_that_took_an_hour_nobody_is_kept_waiting_for_company(w: &mut World) {
    let inc = w.person("ana").declares("The disk hung", "sev3").await;
    w.stops().await;
    let plan = Arc::new(Hangs { on: AtomicBool::new(false), clock: Mutex::new(Arc::clone(&w.clock)) });
    w.starts_breaking(Arc::clone(&plan) as Arc<dyn Faults>).await;
    let (ana, ben) = (w.person("ana"), w.person("ben"));
    plan.on.store(true, Ordering::SeqCst);
    let texts: Vec<String> = (0..NOTES).map(|n| format!("Note {n}.")).collect();
    for answer in join_all(texts.iter().map(|text| ana.notes(&inc, text))).await {
        answer.done();
    }
    plan.on.store(false, Ordering::SeqCst);
    let next = tokio::time::timeout(Duration::from_secs(60), ben.notes(&inc, "Still there?")).await;
    next.expect("it is recorded, though nobody else comes").done();
}
on_both!(after_a_commit_that_took_an_hour_nobody_is_kept_waiting_for_company);
