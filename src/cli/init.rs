//! `init`: a few questions, and everything that a service needs stands in a folder: the configuration, the playbooks of
//! a profile, the founded log, the first administrator. Nothing that is there is ever overwritten.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::service::Service;
use super::{init_text, keyfile, people, say};
use crate::config::{Config, environment};
use crate::env::Env;
use crate::ledger::sealed::Sealed;
use crate::people::{Directory, PeopleCommand, decide};
use crate::procedure::model::{Library, Permission};
use crate::procedure::{built_in_profile, load, profiles};
use crate::ticket::event::Actor;

/// `init`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to begin with: small-team, soc2 or cmmc.
    #[arg(long)]
    profile: Option<String>,
    /// The folder to write to; made if it is not there.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// What the first administrator is called.
    #[arg(long, value_name = "NAME")]
    admin_name: Option<String>,
    /// The first administrator's e-mail address.
    #[arg(long, value_name = "EMAIL")]
    admin_email: Option<String>,
    /// What the organisation is called.
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// The address that people will open.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Ask nothing: what was not said is as proposed.
    #[arg(long)]
    yes: bool,
}

/// Everything that was answered.
struct Plan {
    profile: String,
    dir: PathBuf,
    organisation: String,
    public_url: String,
    admin_name: String,
    admin_email: String,
}

const ORGANISATION: &str = "Example organisation";
const PUBLIC_URL: &str = "http://127.0.0.1:8080";

/// Runs it.
///
/// # Errors
/// With a sentence that says what to do.
pub async fn run(env: &Env, args: Args) -> anyhow::Result<ExitCode> {
    let plan = plan(args)?;
    let files = playbooks(&plan)?;
    let library =
        load(files.clone()).map_err(|f| anyhow::anyhow!("{}", f.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
    let roles = first_roles(&plan.profile, &library);
    check_administrator(&plan, &library, &roles, env)?;
    refuse_to_overwrite(&plan.dir)?;
    write(&plan, &files, env)
        .with_context(|| format!("not everything could be written to {}; look what is there before you try again", plan.dir.display()))?;
    let config = Config::load(Some(&plan.dir.join("countersign.toml")), environment())?;
    let public_url = config.public_url.clone();
    let service = Service::open(config, env.clone(), false).await?;
    let id = people::add(&service.app.desk, None, &plan.admin_name, &plan.admin_email, roles.clone()).await?;
    let link = people::link(&service.app.desk, Some(id.clone()), &id, &public_url).await?;
    service.publisher.publish().await?;
    say::line(format!(
        "Done. In {}: countersign.toml, playbooks ({}), the log and its signing key (log.key; keep a copy in a safe place).",
        plan.dir.display(),
        plan.profile
    ));
    say::line(format!("{} is the first person, as {}.", plan.admin_name, roles.join(", ")));
    say::line("\nNext");
    say::line(format!("  1. countersign --config {} serve", plan.dir.join("countersign.toml").display()));
    say::line(format!("  2. open this link; it signs {} in once, within a day:\n     {}", plan.admin_name, link.address));
    say::line("  3. point your monitoring at it: countersign.toml shows how, with a token that was made for it");
    let may_read = roles.iter().filter_map(|role| library.organisation.roles.get(role)).any(|role| role.may.contains(&Permission::Read));
    if !may_read && library.organisation.roles.contains_key("responder") {
        say::line(format!("  4. {} may not read tickets here, so add somebody who may:", plan.admin_name));
        say::line(format!(
            "     countersign --config {} people add EMAIL --name NAME --role responder",
            plan.dir.join("countersign.toml").display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// The answers, asked for on a terminal where they are missing.
fn plan(args: Args) -> anyhow::Result<Plan> {
    let asking = !args.yes && std::io::stdin().is_terminal();
    if !asking {
        let missing: Vec<&str> = [
            (args.profile.is_none() && !args.yes, "--profile"),
            (args.admin_name.is_none(), "--admin-name"),
            (args.admin_email.is_none(), "--admin-email"),
        ]
        .into_iter()
        .filter_map(|(missing, flag)| missing.then_some(flag))
        .collect();
        if !missing.is_empty() {
            bail!("nobody can be asked here, so {} must be given", missing.join(", "));
        }
    }
    let ask = |given: Option<String>, question: &str, proposed: Option<&str>| match given {
        Some(answer) => Ok(answer),
        None if asking => question_of(&mut std::io::stdin().lock(), question, proposed),
        None => Ok(proposed.unwrap_or_default().to_owned()),
    };
    let profile = ask(args.profile, &format!("Profile ({})", profiles().join(", ")), Some("small-team"))?;
    if !profiles().contains(&profile) {
        bail!("there is no profile {profile}; there are {}", profiles().join(", "));
    }
    let dir = ask(args.dir.map(|d| d.display().to_string()), "Folder", Some("."))?;
    let organisation = ask(args.organisation, "What is the organisation called?", Some(ORGANISATION))?;
    if organisation.trim().is_empty() || organisation.chars().any(char::is_control) {
        bail!("an organisation's name is one line of text");
    }
    let public_url = ask(args.public_url, "Which address will people open?", Some(PUBLIC_URL))?;
    let admin_name = ask(args.admin_name, "What is the first administrator called?", None)?;
    let admin_email = ask(args.admin_email, "And their e-mail address?", None)?;
    Ok(Plan { profile, dir: dir.into(), organisation, public_url, admin_name, admin_email })
}

fn question_of(input: &mut impl BufRead, question: &str, proposed: Option<&str>) -> anyhow::Result<String> {
    for _ in 0..3 {
        let hint = proposed.map(|p| format!(" [{p}]")).unwrap_or_default();
        let mut out = std::io::stdout().lock();
        write!(out, "{question}{hint} ")?;
        out.flush()?;
        let mut answer = String::new();
        if input.read_line(&mut answer)? == 0 {
            bail!("the questions were not answered; nothing was written");
        }
        match (answer.trim(), proposed) {
            ("", Some(proposed)) => return Ok(proposed.to_owned()),
            ("", None) => {}
            (answer, _) => return Ok(answer.to_owned()),
        }
    }
    bail!("{question} needs an answer; nothing was written")
}

/// In a small team the first person works incidents as well; elsewhere administering is a duty of its own.
fn first_roles(profile: &str, library: &Library) -> Vec<String> {
    let wanted: &[&str] = if profile == "small-team" { &["administrator", "incident-manager", "responder"] } else { &["administrator"] };
    wanted.iter().filter(|r| library.organisation.roles.contains_key(**r)).map(|r| (*r).to_owned()).collect()
}

/// What the directory would refuse later is refused before anything is written.
fn check_administrator(plan: &Plan, library: &Library, roles: &[String], env: &Env) -> anyhow::Result<()> {
    let seal = |text: &str| Sealed::new(env.bytes(), text.as_bytes().to_vec());
    let command = PeopleCommand::Add {
        id: env.id("p_"),
        name: seal(plan.admin_name.trim()),
        email: seal(&plan.admin_email.trim().to_lowercase()),
        roles: roles.to_vec(),
    };
    decide::decide(&Directory::default(), &library.organisation, &Actor::Scheduler, command)?;
    Ok(())
}

/// The profile's playbooks, with the organisation's own name.
fn playbooks(plan: &Plan) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut files = built_in_profile(&plan.profile).with_context(|| format!("there is no profile {}", plan.profile))?;
    let quoted = serde_json::to_string(plan.organisation.trim())?;
    for (path, bytes) in &mut files {
        if path == "organisation.yaml" {
            let text = String::from_utf8(std::mem::take(bytes))?;
            *bytes = text.replacen(&format!("organisation: {ORGANISATION}"), &format!("organisation: {quoted}"), 1).into_bytes();
        }
    }
    Ok(files)
}

fn refuse_to_overwrite(dir: &Path) -> anyhow::Result<()> {
    let ours = ["countersign.toml", "playbooks", "secrets", "countersign.db", "log.key", "attachments"];
    let there: Vec<&str> = ours.into_iter().filter(|name| dir.join(name).symlink_metadata().is_ok()).collect();
    if there.is_empty() {
        return Ok(());
    }
    bail!(
        "in {} there is already: {}. Nothing is ever overwritten; choose another folder with --dir, or move it away",
        dir.display(),
        there.join(", ")
    )
}

fn write(plan: &Plan, files: &[(String, Vec<u8>)], env: &Env) -> anyhow::Result<()> {
    let secrets = plan.dir.join("secrets");
    std::fs::create_dir_all(&secrets)?;
    #[cfg(unix)]
    std::fs::set_permissions(&secrets, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    let token = hex::encode(env.bytes::<32>());
    keyfile::write_new(&secrets.join("alertmanager.token"), &token)?;
    for (path, bytes) in files {
        let place = plan.dir.join("playbooks").join(path);
        if let Some(folder) = place.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(place, bytes)?;
    }
    let origin = init_text::origin_of(&plan.public_url, &hex::encode(env.bytes::<4>()));
    std::fs::write(plan.dir.join("countersign.toml"), init_text::configuration(&plan.public_url, &origin)?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_answer_takes_what_is_proposed_and_nothing_where_nothing_is() {
        assert_eq!(question_of(&mut b"\n".as_slice(), "Folder", Some(".")).unwrap(), ".");
        assert_eq!(question_of(&mut b" soc2 \n".as_slice(), "Profile", Some("small-team")).unwrap(), "soc2");
        assert_eq!(question_of(&mut b"\n\nAna\n".as_slice(), "Name?", None).unwrap(), "Ana");
        assert!(question_of(&mut b"\n\n\n".as_slice(), "Name?", None).unwrap_err().to_string().contains("needs an answer"));
        assert!(question_of(&mut b"".as_slice(), "Name?", None).is_err());
    }

    #[test]
    fn every_profile_has_playbooks_that_load_under_the_organisations_name() {
        for profile in profiles() {
            let plan = Plan {
                profile: profile.clone(),
                dir: ".".into(),
                organisation: "Müller & \"Söhne\"".into(),
                public_url: PUBLIC_URL.into(),
                admin_name: "Ana".into(),
                admin_email: "Ana@Example.com".into(),
            };
            let library = load(playbooks(&plan).unwrap()).unwrap();
            assert_eq!(library.organisation.name, "Müller & \"Söhne\"");
            let roles = first_roles(&profile, &library);
            check_administrator(&plan, &library, &roles, &Env::system()).unwrap();
            let nobody = Plan { admin_email: "ana".into(), ..plan };
            assert!(check_administrator(&nobody, &library, &roles, &Env::system()).is_err());
        }
    }
}
