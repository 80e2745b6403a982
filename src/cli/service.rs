//! The running service: the desk, what serves it, and what it does by itself. `serve`, `demo` and the tests start the
//! same one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::future::join_all;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::{Config, Database};
use crate::desk::chat::Chat;
use crate::desk::founding::{self, Founding};
use crate::desk::heartbeat::Expected;
use crate::desk::news::NEWS;
use crate::desk::publish::Publisher;
use crate::desk::{Desk, StoreError};
use crate::env::Env;
use crate::inbound::listen::{Bounds, Doors};
use crate::inbound::slack::socket::Patience;
use crate::inbound::{App, router, slack, witness as witness_service};
use crate::ledger::key::VerifierKey;
use crate::outbound::http::{Client, host_of};
use crate::outbound::page::chat::Direct;
use crate::outbound::page::news::News;
use crate::outbound::page::pagerduty::PagerDuty;
use crate::outbound::page::webhook::Webhook;
use crate::outbound::page::{Pager, deliver_once};
use crate::outbound::shifts::Shifts;
use crate::outbound::slack::Slack;
use crate::outbound::slack::deliver::PLATFORM as SLACK;
use crate::outbound::witness::Witness;
use crate::store::Store;
use crate::store::attachments::Attachments;

use super::beside::Beside;
use super::keyfile;
use super::packs::{self, Archivist};

/// How often the scheduler looks.
const TICK: Duration = Duration::from_millis(250);
/// A file that was half written so long ago belongs to a process that died.
const LEFT_BEHIND: Duration = Duration::from_secs(3600);
/// What could not be signed is tried again after this.
const SIGN_AGAIN: Duration = Duration::from_secs(2);
/// So long the witnesses may take to say what they know, before the first signature.
const WITNESSES_FIRST: Duration = Duration::from_secs(5);
/// So long one look may take. A database that was cut off may never answer, and then one looks again.
const LONGEST_LOOK: Duration = Duration::from_secs(30);
/// So long signing the last events and closing the database may take at the end.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// Checkpoints are signed at most this often.
const PUBLISH: Duration = Duration::from_millis(250);

/// A service that is ready to listen.
pub struct Service {
    /// What the handlers hold.
    pub app: App,
    /// Signs checkpoints.
    pub publisher: Arc<Publisher>,
    /// Cosign them.
    pub witnesses: Arc<Vec<Witness>>,
    /// Slack, if it is used.
    pub slack: Option<Arc<Slack>>,
    /// How people are paged.
    pub pagers: Vec<Arc<dyn Pager>>,
    /// The calendar of shifts, if there is one.
    pub shifts: Option<Arc<Shifts>>,
    /// Writes what was drawn at random.
    pub archivist: Arc<Archivist>,
}

/// A service that listens.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// What the handlers hold.
    pub app: App,
    /// Signs checkpoints.
    pub publisher: Arc<Publisher>,
    /// Cosign them.
    pub witnesses: Arc<Vec<Witness>>,
    /// Slack, if it is used.
    pub slack: Option<Arc<Slack>>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// The address of the database as the store wants it.
#[must_use]
pub fn address_of(database: &Database) -> String {
    match database {
        Database::Sqlite { path } => format!("sqlite:{}", path.display()),
        Database::Postgres { url } => url.expose().to_owned(),
    }
}

/// The playbooks that the configuration names: a folder's, or the built-in ones.
///
/// # Errors
/// When the folder cannot be read.
pub fn playbooks_of(config: &Config) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    match &config.playbooks {
        Some(folder) => super::folder::read(folder).with_context(|| format!("the playbooks in {}", folder.display())),
        None => Ok(crate::procedure::built_in()),
    }
}

/// The witnesses that the configuration names.
///
/// # Errors
/// When a key does not read.
pub fn witnesses_of(config: &Config) -> anyhow::Result<Vec<(Witness, String)>> {
    let client = Client::new(config.log.witnesses.iter().filter_map(|w| host_of(&w.url)))?;
    let make = |w: &crate::config::Witness| {
        let key: VerifierKey = VerifierKey::parse(&w.vkey).with_context(|| format!("the key of the witness at {}", w.url))?;
        Ok((Witness::new(&w.url, key.clone(), client.clone()), Witness::channel(&key)))
    };
    config.log.witnesses.iter().map(make).collect()
}

impl Service {
    /// Opens the database, the keys and the playbooks.
    ///
    /// # Errors
    /// With a sentence that says what to do.
    pub async fn open(config: Config, env: Env, demo: bool) -> anyhow::Result<Self> {
        let store = Store::open(&address_of(&config.database)).await?;
        Self::open_on(store, config, env, demo).await
    }

    /// The same, on a database that was opened before.
    ///
    /// # Errors
    /// With a sentence that says what to do.
    pub async fn open_on(store: Store, config: Config, env: Env, demo: bool) -> anyhow::Result<Self> {
        let durable = store.durability().await?;
        if durable != "on" {
            bail!("the database does not make commits durable: {durable}. Switch it on; an acknowledged click must be on the disk");
        }
        let attachments = Attachments::open(&config.attachments).with_context(|| format!("the folder {}", config.attachments.display()))?;
        attachments.sweep(LEFT_BEHIND).with_context(|| format!("the folder {}", config.attachments.display()))?;
        let own = config.playbooks.is_some();
        let founding = Founding { origin: config.log.origin.clone(), demo, playbooks: playbooks_of(&config)?, own };
        let desk = founding::open(store.clone(), attachments.clone(), env.clone(), founding).await?;
        let signer = keyfile::signer(&desk, &config.log.key, &env).await?;
        let (witnesses, channels): (Vec<Witness>, Vec<String>) = witnesses_of(&config)?.into_iter().unzip();
        let witnesses = Arc::new(witnesses);
        let keys = config.log.witnesses.iter().map(|w| VerifierKey::parse(&w.vkey)).collect::<Result<_, _>>()?;
        let outside = config.log.key.with_extension("checkpoint");
        let publisher = Arc::new(Publisher::new(desk.clone(), signer, outside, channels));
        let archivist = Arc::new(Archivist {
            beside: Beside { desk: desk.clone(), store, attachments },
            publisher: Arc::clone(&publisher),
            signer: keyfile::signer(&desk, &config.log.key, &env).await?,
            witnesses: Arc::clone(&witnesses),
            keys,
        });
        let witness = config.witness.as_ref().map(|w| cosigner(w, &env)).transpose()?;
        let slack = config.slack.clone().map(|settings| Slack::new(settings, &config.public_url, env)).transpose()?.map(Arc::new);
        if slack.is_some() {
            desk.tells_on(SLACK);
        }
        let chat = slack.clone().map(|slack| slack as Arc<dyn Chat>);
        let pagers = pagers_of(&config, chat.as_ref())?;
        // What concerns people goes the way of their calls, and is none of its own by which they are called.
        for pager in pagers.iter().filter(|pager| pager.channel() != NEWS) {
            desk.pages_by(pager.channel());
        }
        let shifts = config.on_call.calendar.clone().map(Shifts::new).transpose()?.map(Arc::new);
        let app = App::new(desk, Arc::new(config), witness, chat, demo);
        Ok(Self { app, publisher, witnesses, slack, pagers, shifts, archivist })
    }

    /// Starts to listen, and to do what time asks.
    ///
    /// # Errors
    /// When the address of the listener cannot be told.
    pub fn start(self, listener: TcpListener) -> anyhow::Result<Running> {
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = vec![
            tokio::spawn(scheduler(self.app.clone(), stopped.clone())),
            tokio::spawn(signer(Arc::clone(&self.publisher), Arc::clone(&self.witnesses), self.app.desk.clone(), stopped.clone())),
            tokio::spawn(cosigners(Arc::clone(&self.witnesses), self.app.desk.clone(), stopped.clone())),
            tokio::spawn(packs::keep(self.archivist, stopped.clone())),
        ];
        if self.app.chat.is_some() {
            tasks.push(tokio::spawn(slack::transcript::keep(self.app.clone(), stopped.clone())));
            tasks.push(tokio::spawn(slack::files::owed::fetch(self.app.clone(), stopped.clone())));
            tasks.push(tokio::spawn(slack::linking::complete_held(self.app.clone(), stopped.clone())));
        }
        if self.app.chat.is_some() && self.app.config.slack.as_ref().is_some_and(|slack| slack.app_token.is_some()) {
            tasks.push(tokio::spawn(slack::socket::listen(self.app.clone(), Patience::default(), stopped.clone())));
        }
        if let Some(slack) = &self.slack {
            tasks.push(tokio::spawn(speaker(Arc::clone(slack), self.app.desk.clone(), stopped.clone())));
        }
        for pager in self.pagers {
            tasks.push(tokio::spawn(paging(pager, self.app.desk.clone(), stopped.clone())));
        }
        if let Some(shifts) = self.shifts {
            tasks.push(tokio::spawn(reading_shifts(shifts, self.app.desk.clone(), stopped.clone())));
        }
        let routes = router(self.app.clone());
        let doors = Doors::new(Bounds::default(), self.app.config.trusted_proxies.clone(), Arc::clone(&self.app.metrics));
        let mut until = stopped;
        let told = async move {
            // An error means that whoever could tell is gone: that is a stop as well.
            let _ = until.wait_for(|stop| *stop).await;
        };
        tasks.push(tokio::spawn(doors.serve(listener, routes, told)));
        Ok(Running { address, app: self.app, publisher: self.publisher, witnesses: self.witnesses, slack: self.slack, stop, tasks })
    }
}

impl Running {
    /// Stops: requests under way are answered, the log is signed once more.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.app.stopping.send_replace(true);
        for task in self.tasks {
            if tokio::time::timeout(Duration::from_secs(10), task).await.is_err() {
                tracing::warn!("something did not stop in time");
            }
        }
        // A disk or a database that hangs keeps nobody from ending: what is recorded is recorded, and the next start signs it.
        let last_words = async {
            self.app.talk.after.settled().await;
            // What was counted in memory for the running minute.
            self.app.desk.tell_all_forgeries().await;
            if !self.app.desk.is_replaced()
                && let Err(error) = self.publisher.publish().await
            {
                tracing::warn!(%error, "the log was not signed at the end");
            }
            self.app.desk.fold().await;
        };
        if tokio::time::timeout(LAST_WORDS, last_words).await.is_err() {
            tracing::warn!("the database did not answer at the end; what was not signed is signed at the next start");
        }
    }
}

fn cosigner(config: &crate::config::WitnessService, env: &Env) -> anyhow::Result<witness_service::Service> {
    let cosigner = keyfile::cosigner(&config.key, &config.name, env)?;
    let logs: Result<Vec<VerifierKey>, _> = config.logs.iter().map(|k| VerifierKey::parse(k)).collect();
    Ok(witness_service::Service { cosigner, logs: logs.context("a key in [witness] logs")? })
}

/// The sources that must be heard every so often.
#[must_use]
pub fn expected(config: &Config) -> Vec<Expected> {
    let expect = |s: &crate::config::SourceConfig| s.heartbeat.map(|every| Expected { source: s.name.clone(), every });
    config.sources.iter().filter_map(expect).collect()
}

async fn scheduler(app: App, mut stopped: watch::Receiver<bool>) {
    let expected = expected(&app.config);
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        let looked = async {
            app.desk.tick().await?;
            app.desk.listen_for(&expected, app.started).await
        };
        match tokio::time::timeout(LONGEST_LOOK, looked).await {
            // Others do what is due.
            _ if app.desk.is_replaced() => return,
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the scheduler could not look; it looks again"),
            Err(_) => tracing::warn!("the scheduler waited for the database in vain; it looks again"),
        }
    }
}

async fn signer(publisher: Arc<Publisher>, witnesses: Arc<Vec<Witness>>, desk: Desk, mut stopped: watch::Receiver<bool>) {
    // Before the first signature they are asked what they know: an older copy may stand here, with nothing beside the
    // key that remembers. A witness that does not answer in time does not keep the log from being signed.
    tokio::select! {
        _ = tokio::time::timeout(WITNESSES_FIRST, join_all(witnesses.iter().map(|witness| witness.look(&desk)))) => {}
        _ = stopped.wait_for(|stop| *stop) => return,
    }
    let mut sizes = desk.sizes();
    sizes.mark_changed();
    loop {
        let before = desk.signing().refused;
        tokio::select! {
            changed = sizes.changed() => if changed.is_err() { return },
            // What stood in the way may be gone, although nothing new came.
            () = tokio::time::sleep(SIGN_AGAIN), if before.is_some() => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        if desk.is_replaced() {
            return;
        }
        let Ok(signed) = tokio::time::timeout(LONGEST_LOOK, publisher.publish()).await else {
            tracing::error!("the log is not signed: the database does not answer");
            continue;
        };
        if let Err(error) = signed
            && before.as_deref() != Some(error.to_string().as_str())
        {
            tracing::error!(%error, "the log is not signed");
        }
        tokio::time::sleep(PUBLISH).await;
    }
}

async fn cosigners(witnesses: Arc<Vec<Witness>>, desk: Desk, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        for witness in witnesses.iter().filter(|_| !desk.is_held()) {
            match tokio::time::timeout(LONGEST_LOOK, witness.deliver_once(&desk)).await {
                _ if desk.is_replaced() => return,
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the outbox could not be read; it is read again"),
                Err(_) => tracing::warn!("the outbox could not be read in time; it is read again"),
            }
        }
    }
}

/// The ways in which people are paged, as configured.
fn pagers_of(config: &Config, chat: Option<&Arc<dyn Chat>>) -> anyhow::Result<Vec<Arc<dyn Pager>>> {
    let mut pagers: Vec<Arc<dyn Pager>> = Vec::new();
    // Who wants no content in chat wants none on a pager's screen.
    let titles = !config.slack.as_ref().is_some_and(|slack| slack.minimal_content);
    if let Some(chat) = chat {
        pagers.push(Arc::new(Direct::new(SLACK, Arc::clone(chat))));
        pagers.push(Arc::new(News::new(SLACK, Arc::clone(chat), titles)));
    }
    if let Some((url, secret)) = config.on_call.webhook.clone() {
        pagers.push(Arc::new(Webhook::new(url, secret, &config.public_url, titles)?));
    }
    if let Some(settings) = config.on_call.pagerduty.clone() {
        pagers.push(Arc::new(PagerDuty::new(settings, &config.public_url, titles)?));
    }
    Ok(pagers)
}

/// Waits until something was recorded, or until what was put off may be due; `false` when it is time to stop.
async fn woken(sizes: &mut watch::Receiver<i64>, stopped: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = tokio::time::sleep(TICK) => true,
        Ok(()) = sizes.changed() => true,
        _ = stopped.wait_for(|stop| *stop) => false,
    }
}

/// Whether a deliverer goes on after this turn.
fn goes_on(desk: &Desk, turn: Result<(), StoreError>) -> bool {
    if let Err(error) = turn {
        tracing::warn!(%error, "the outbox could not be read; it is read again");
    }
    !desk.is_replaced()
}

/// Pages people: as soon as something was recorded, and what was put off when its time comes.
async fn paging(pager: Arc<dyn Pager>, desk: Desk, mut stopped: watch::Receiver<bool>) {
    let mut sizes = desk.sizes();
    while woken(&mut sizes, &mut stopped).await {
        if desk.is_held() {
            continue;
        }
        let sent = async {
            while deliver_once(pager.as_ref(), &desk).await? && !*stopped.borrow() {}
            Ok(())
        };
        if !goes_on(&desk, sent.await) {
            return;
        }
    }
}

async fn reading_shifts(shifts: Arc<Shifts>, desk: Desk, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        if desk.is_replaced() {
            return;
        }
        if !desk.is_held()
            && let Err(error) = shifts.look(&desk).await
        {
            tracing::warn!(%error, "the calendar of shifts could not be kept; it is read again");
        }
    }
}

/// Tells Slack what waits: as soon as something was recorded, and what was put off when its time comes.
async fn speaker(slack: Arc<Slack>, desk: Desk, mut stopped: watch::Receiver<bool>) {
    let mut sizes = desk.sizes();
    while woken(&mut sizes, &mut stopped).await {
        if desk.is_held() {
            continue;
        }
        let told = async {
            desk.wake_rooms(SLACK).await?;
            slack.invite_to_link(&desk).await?;
            while slack.deliver(&desk).await? && !*stopped.borrow() {}
            Ok(())
        };
        if !goes_on(&desk, told.await) {
            return;
        }
    }
}
