//! `demo`: a complete service on embedded defaults, with example people, a simulated monitoring tool and a second
//! instance as its witness. What it records says of itself that it is a demonstration.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use tokio::net::TcpListener;

use super::monitor::{Monitor, SOURCE};
use super::pipeline::{self, Pipeline};
use super::serve::told_to_stop;
use super::service::{Running, Service};
use super::{demo_estate, keyfile, people, say, story};
use crate::config::Config;
use crate::env::{Env, Timestamp};
use crate::store::Store;

/// The log's name.
const ORIGIN: &str = "demo.invalid/log";
/// The witness's name, and that of the log that it keeps itself.
const WITNESS: &str = "witness.demo.invalid/witness";
const WITNESS_LOG: &str = "witness.demo.invalid/log";
/// Where the demonstration listens when nothing else is said.
const PORT: u16 = 8080;

/// The example people: name, address, roles. The first one may administer.
const PEOPLE: [(&str, &str, &str); 6] = [
    ("Fay Adeyemi", "fay@demo.invalid", "administrator"),
    ("Ana Moreau", "ana@demo.invalid", "responder"),
    ("Bo Lindqvist", "bo@demo.invalid", "responder"),
    ("Chidi Okafor", "chidi@demo.invalid", "incident-manager"),
    ("Dana Reyes", "dana@demo.invalid", "security-officer"),
    ("Eve Tanaka", "eve@demo.invalid", "auditor"),
];

/// `demo`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Keep the data in this folder; left out, in a new temporary one.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Listen here, on loopback; left out, 127.0.0.1:8080, or another port when that one is taken.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Play the whole story without anybody, over HTTP, and exit 0 only if every step held. Leaves bundle.zip, log.vkey
    /// and witness.vkey in the data folder.
    #[arg(long)]
    script: bool,
}

/// A demonstration that runs: the service and its witness.
pub struct Demo {
    /// The service's configuration.
    pub config: Config,
    /// The service.
    pub service: Running,
    /// The instance that cosigns its log.
    pub witness: Running,
    /// What the monitoring tool proves itself with.
    pub token: String,
    /// What the pipeline proves itself with.
    pub pipeline: String,
}

/// Runs it.
///
/// # Errors
/// With a sentence that says what to do.
pub async fn run(env: &Env, args: Args) -> anyhow::Result<ExitCode> {
    let listener = listen(args.listen, args.script).await?;
    let data = match args.data {
        Some(data) => data,
        None => std::env::temp_dir().join(env.id("countersign-demo-")),
    };
    if args.script {
        let left: Vec<&str> =
            ["countersign.db", "bundle.zip", "log.vkey", "witness.vkey"].into_iter().filter(|name| data.join(name).exists()).collect();
        if !left.is_empty() {
            bail!("the story begins with an empty folder, and {} holds {}; choose another with --data", data.display(), left.join(", "));
        }
    }
    private_folder(&data).with_context(|| format!("the folder {} cannot be made", data.display()))?;
    let demo = start(&data, listener, env).await?;
    if args.script {
        let held = story::tell(&demo, &data, env).await;
        demo.stop().await;
        return Ok(if held { ExitCode::SUCCESS } else { ExitCode::from(1) });
    }
    say::line("This is a demonstration of Countersign: nothing in it is evidence of anything.");
    say::line(format!("  Open http://{}/ and choose who you are: responder, incident manager, auditor, ...", demo.service.address));
    say::line("  Alerts arrive by themselves: 200 in a storm that becomes one incident, then something else, then the all-clear.");
    say::line("  “What to try” leads through a change, an access and a call by night; time passes there when you say so.");
    say::line(format!("  The data is in {}. Ctrl-C ends it.", data.display()));
    let monitor = Monitor::new(&format!("http://{}", demo.service.address), &demo.token, env.clone())?;
    let playing = async {
        if let Err(error) = monitor.play().await {
            say::aside(format!("the simulated monitoring tool stopped: {error:#}"));
        }
        std::future::pending::<()>().await;
    };
    let desk = demo.service.app.desk.clone();
    let pipeline = Pipeline::new(&format!("http://{}", demo.service.address), &demo.pipeline)?;
    let reader = desk.snapshot().directory.by_email(PEOPLE[0].1).cloned().context("the first of the example people")?;
    let deploying = async {
        if let Err(error) = pipeline.works(&desk, &reader).await {
            say::aside(format!("the simulated pipeline stopped: {error:#}"));
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        heard = told_to_stop() => heard?,
        ending = desk.broken() => bail!("the demonstration cannot go on: {}", ending.why()),
        () = playing => {}
        () = deploying => {}
    }
    demo.stop().await;
    Ok(ExitCode::SUCCESS)
}

async fn listen(wanted: Option<SocketAddr>, script: bool) -> anyhow::Result<TcpListener> {
    let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if let Some(address) = wanted {
        if !address.ip().is_loopback() {
            bail!(
                "{address} can be reached from other machines, where anybody could be anybody; a demonstration listens on loopback only, such as 127.0.0.1:8080"
            );
        }
        return TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}; choose another with --listen"));
    }
    if script {
        return Ok(TcpListener::bind(loopback(0)).await?);
    }
    match TcpListener::bind(loopback(PORT)).await {
        Ok(listener) => Ok(listener),
        Err(_) => Ok(TcpListener::bind(loopback(0)).await?),
    }
}

fn private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Starts the service and its witness, each with its own database and key, and adds the example people.
///
/// # Errors
/// With a sentence that says what to do.
pub async fn start(data: &Path, listener: TcpListener, env: &Env) -> anyhow::Result<Demo> {
    let address = listener.local_addr()?;
    let witness_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let witness_address = witness_listener.local_addr()?;
    let witness_data = data.join("witness");
    private_folder(&witness_data)?;
    let witness_key = keyfile::cosigner(&witness_data.join("witness.key"), WITNESS, env)?.verifier().to_string();
    let token = hex::encode(env.bytes::<24>());
    let pipeline = hex::encode(env.bytes::<24>());
    let playbooks = data.join("playbooks");
    demo_estate::write(&playbooks).with_context(|| format!("the playbooks cannot be written to {}", playbooks.display()))?;
    where_it_left_off(data, env).await?;
    let config = configuration(
        data,
        address,
        ORIGIN,
        &[
            ("LOG__WITNESSES__0__URL", &format!("http://{witness_address}/witness")),
            ("LOG__WITNESSES__0__VKEY", &witness_key),
            ("LOG__QUORUM", "1"),
            ("SOURCE__0__NAME", SOURCE),
            ("SOURCE__0__FORMAT", "alertmanager"),
            ("SOURCE__0__AUTH__BEARER", &token),
            ("SOURCE__1__NAME", pipeline::SOURCE),
            ("SOURCE__1__FORMAT", "deployment"),
            ("SOURCE__1__AUTH__BEARER", &pipeline),
            ("PLAYBOOKS", &playbooks.display().to_string()),
        ],
    )?;
    let service = Service::open(config.clone(), env.clone(), true).await?;
    let witness_config = configuration(
        &witness_data,
        witness_address,
        WITNESS_LOG,
        &[
            ("WITNESS__KEY", &witness_data.join("witness.key").display().to_string()),
            ("WITNESS__NAME", WITNESS),
            ("WITNESS__LOGS__0__VKEY", &service.publisher.vkey()),
        ],
    )?;
    let witness = Service::open(witness_config, env.clone(), true).await.context("the second instance, the witness")?;
    add_people(&service).await?;
    let witness = witness.start(witness_listener)?;
    let service = service.start(listener)?;
    Ok(Demo { config, service, witness, token, pipeline })
}

/// A demonstration that goes on in a folder goes on at the time that its record has come to.
async fn where_it_left_off(data: &Path, env: &Env) -> anyhow::Result<()> {
    let path = data.join("countersign.db");
    if !path.exists() {
        return Ok(());
    }
    let head = Store::open_existing(&format!("sqlite:{}", path.display())).await?.head().await?;
    if let Some(last) = head.and_then(|head| Timestamp::from_micros(head.last_at)) {
        env.clock.pass(last.since(env.now()));
    }
    Ok(())
}

/// A configuration that takes nothing from this machine's environment.
fn configuration(data: &Path, address: SocketAddr, origin: &str, more: &[(&str, &str)]) -> anyhow::Result<Config> {
    let place = |name: &str| data.join(name).display().to_string();
    let usual = [
        ("LISTEN", address.to_string()),
        ("PUBLIC_URL", format!("http://{address}")),
        ("DATABASE", format!("sqlite:{}", place("countersign.db"))),
        ("ATTACHMENTS", format!("file:{}", place("attachments"))),
        ("LOG__ORIGIN", origin.to_owned()),
        ("LOG__KEY", place("log.key")),
    ];
    let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
    let variables = usual.into_iter().chain(more).map(|(name, value)| (format!("COUNTERSIGN_{name}"), value));
    Ok(Config::load(None, variables)?)
}

async fn add_people(service: &Service) -> anyhow::Result<()> {
    let desk = &service.app.desk;
    let mut administrator = None;
    for (name, email, roles) in PEOPLE {
        let known = desk.snapshot().directory.by_email(email).map(|p| p.state.id.clone());
        let id = match known {
            Some(id) => id,
            None => people::add(desk, administrator.clone(), name, email, roles.split(' ').map(str::to_owned).collect()).await?,
        };
        administrator.get_or_insert(id);
    }
    Ok(())
}

impl Demo {
    /// Stops both instances.
    pub async fn stop(self) {
        self.service.stop().await;
        self.witness.stop().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_demonstration_listens_on_loopback_only() {
        for open in ["0.0.0.0:0", "192.0.2.1:8080", "[::]:0"] {
            let refused = listen(Some(open.parse().unwrap()), false).await.unwrap_err().to_string();
            assert!(refused.contains("loopback only"), "{open}: {refused}");
        }
        assert!(listen(Some("127.0.0.1:0".parse().unwrap()), false).await.is_ok());
    }
}
