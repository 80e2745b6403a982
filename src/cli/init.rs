//! `init`: a few questions, and everything that a service needs stands in a folder: the configuration, the playbooks of
//! a profile, the founded log, the first administrator. Nothing that is there is ever overwritten.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::service::Service;
use super::{init_text, keyfile, people, say, zone};
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
    /// The organisation's time zone, such as Europe/Vienna; left out, this machine's.
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// Ask nothing: what was not said is as proposed.
    #[arg(long)]
    yes: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Everything that was answered.
struct Plan {
    profile: String,
    dir: PathBuf,
    organisation: String,
    zone: String,
    public_url: String,
    admin_name: String,
    admin_email: String,
}

const ORGANISATION: &str = "Example organisation";
const PUBLIC_URL: &str = "http://127.0.0.1:8080";
/// The longest answer, in bytes.
const MOST_ANSWER: u64 = 4096;

/// Runs it.
///
/// # Errors
/// With a sentence that says what to do.
pub async fn run(env: &Env, args: Args) -> anyhow::Result<ExitCode> {
    let as_json = args.json;
    let plan = plan(args, &mut std::io::stdin().lock())?;
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
    if as_json {
        say::json(&serde_json::json!({
            "folder": plan.dir,
            "configuration": plan.dir.join("countersign.toml"),
            "profile": plan.profile,
            "zone": plan.zone,
            "person": id,
            "roles": roles,
            "link": link.address,
            "link_expires_at": link.expires_at,
        }))?;
    } else {
        done(&plan, &library, &roles, &link.address);
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what was made, and what to do next.
fn done(plan: &Plan, library: &Library, roles: &[String], link: &str) {
    say::line(format!(
        "Done. In {}: countersign.toml, playbooks ({}, working hours in {}), the log and its signing key (log.key; keep a copy in a safe place).",
        plan.dir.display(),
        plan.profile,
        plan.zone
    ));
    say::line(format!("{} is the first person, as {}.", plan.admin_name, roles.join(", ")));
    say::line("\nNext");
    let configuration = plan.dir.join("countersign.toml");
    say::line(format!("  1. countersign --config {} serve", configuration.display()));
    say::line(format!("  2. open this link; it signs {} in once, within a day:\n     {link}", plan.admin_name));
    say::line("  3. point your monitoring at it: countersign.toml shows how, with a token that was made for it");
    let may_read = roles.iter().filter_map(|role| library.organisation.roles.get(role)).any(|role| role.may.contains(&Permission::Read));
    if !may_read && library.organisation.roles.contains_key("responder") {
        say::line(format!("  4. {} may not read tickets here, so add somebody who may:", plan.admin_name));
        say::line(format!("     countersign --config {} people add EMAIL --name NAME --role responder", configuration.display()));
    }
}

/// The answers, asked for on a terminal where they are missing.
fn plan(args: Args, input: &mut impl BufRead) -> anyhow::Result<Plan> {
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
    answers(args, asking.then_some(input))
}

/// Every answer: given as a flag (and then it has to be right), asked for until it is right, or as proposed.
fn answers(args: Args, mut input: Option<&mut impl BufRead>) -> anyhow::Result<Plan> {
    let mut ask = |given: Option<String>, question: &str, proposed: Option<&str>, right: &dyn Fn(&str) -> Result<(), String>| {
        if given.is_none()
            && let Some(input) = &mut input
        {
            return question_of(*input, question, proposed, right);
        }
        let answer = given.or_else(|| proposed.map(str::to_owned)).unwrap_or_default();
        right(&answer).map_err(|wrong| anyhow::anyhow!(wrong))?;
        Ok(answer)
    };
    let profile = ask(args.profile, &format!("Profile ({})", profiles().join(", ")), Some("small-team"), &|answer| {
        if profiles().iter().any(|p| p == answer) {
            return Ok(());
        }
        Err(format!("there is no profile {answer}; there are {}", profiles().join(", ")))
    })?;
    let dir = ask(args.dir.map(|d| d.display().to_string()), "Folder", Some("."), &|answer| {
        refuse_to_overwrite(Path::new(answer)).map_err(|e| e.to_string())
    })?;
    let organisation = ask(args.organisation, "What is the organisation called?", Some(ORGANISATION), &|answer| {
        let good = !answer.trim().is_empty() && !answer.chars().any(char::is_control);
        if good { Ok(()) } else { Err("an organisation's name is one line of text".to_owned()) }
    })?;
    let zone = ask(args.zone, "In which time zone are your working hours?", Some(&zone::of_this_machine()), &zone::check)?;
    let public_url = ask(args.public_url, "Which address will people open?", Some(PUBLIC_URL), &init_text::check_address)?;
    let admin_name = ask(args.admin_name, "What is the first administrator called?", None, &|answer| {
        decide::check_name(answer).map_err(|e| e.to_string())
    })?;
    let admin_email = ask(args.admin_email, "And their e-mail address?", None, &|answer| {
        decide::check_address(&answer.trim().to_lowercase()).map_err(|e| e.to_string())
    })?;
    Ok(Plan { profile, dir: dir.into(), organisation, zone, public_url, admin_name, admin_email })
}

/// Asks until the answer is right, saying each time what is wrong with it.
fn question_of(
    input: &mut impl BufRead,
    question: &str,
    proposed: Option<&str>,
    right: &dyn Fn(&str) -> Result<(), String>,
) -> anyhow::Result<String> {
    loop {
        let hint = proposed.map(|p| format!(" [{p}]")).unwrap_or_default();
        let mut out = std::io::stdout().lock();
        write!(out, "{question}{hint} ")?;
        out.flush()?;
        let mut answer = String::new();
        if std::io::Read::take(&mut *input, MOST_ANSWER).read_line(&mut answer)? == 0 {
            bail!("the questions were not answered; nothing was written");
        }
        let answer = match (answer.trim(), proposed) {
            ("", Some(proposed)) => proposed,
            ("", None) => {
                writeln!(out, "This one needs an answer.")?;
                continue;
            }
            (answer, _) => answer,
        };
        match right(answer) {
            Ok(()) => return Ok(answer.to_owned()),
            Err(wrong) => writeln!(out, "That does not work: {wrong}.")?,
        }
    }
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

/// The profile's playbooks, with the organisation's own name and time zone.
fn playbooks(plan: &Plan) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut files = built_in_profile(&plan.profile).with_context(|| format!("there is no profile {}", plan.profile))?;
    let quoted = serde_json::to_string(plan.organisation.trim())?;
    for (path, bytes) in &mut files {
        if path == "organisation.yaml" {
            let text = String::from_utf8(std::mem::take(bytes))?;
            let named = text.replacen(&format!("organisation: {ORGANISATION}"), &format!("organisation: {quoted}"), 1);
            *bytes = zone::written(&named, &plan.zone).into_bytes();
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

    fn any(_: &str) -> Result<(), String> {
        Ok(())
    }

    #[test]
    fn an_empty_answer_takes_what_is_proposed_and_nothing_where_nothing_is() {
        assert_eq!(question_of(&mut b"\n".as_slice(), "Folder", Some("."), &any).unwrap(), ".");
        assert_eq!(question_of(&mut b" soc2 \n".as_slice(), "Profile", Some("small-team"), &any).unwrap(), "soc2");
        assert_eq!(question_of(&mut b"\n\nAna\n".as_slice(), "Name?", None, &any).unwrap(), "Ana");
        let silent = question_of(&mut b"\n\n".as_slice(), "Name?", None, &any).unwrap_err();
        assert!(silent.to_string().contains("nothing was written"));
    }

    #[test]
    fn a_wrong_answer_is_asked_for_again() {
        let typed = "iso\nsoc2\n.\nHouse of Ana\nEurope/Vianna\nEurope/Vienna\nnowhere\nhttps://c.example.com\nAna\nana\nana@example.com\n";
        let folder = tempfile::tempdir().unwrap();
        let args = Args {
            profile: None,
            dir: Some(folder.path().to_owned()),
            admin_name: None,
            admin_email: None,
            organisation: None,
            public_url: None,
            zone: None,
            yes: false,
            json: false,
        };
        let typed = typed.replacen(".\n", "", 1);
        let plan = answers(args, Some(&mut typed.as_bytes())).unwrap();
        assert_eq!((plan.profile.as_str(), plan.zone.as_str()), ("soc2", "Europe/Vienna"));
        assert_eq!((plan.public_url.as_str(), plan.admin_email.as_str()), ("https://c.example.com", "ana@example.com"));
    }

    #[test]
    fn every_profile_has_playbooks_that_load_under_the_organisations_name() {
        for profile in profiles() {
            let plan = Plan {
                profile: profile.clone(),
                dir: ".".into(),
                organisation: "Müller & \"Söhne\"".into(),
                zone: "Asia/Kolkata".into(),
                public_url: PUBLIC_URL.into(),
                admin_name: "Ana".into(),
                admin_email: "Ana@Example.com".into(),
            };
            let library = load(playbooks(&plan).unwrap()).unwrap();
            assert_eq!(library.organisation.name, "Müller & \"Söhne\"");
            assert_eq!(library.organisation.zone, chrono_tz::Asia::Kolkata);
            let roles = first_roles(&profile, &library);
            check_administrator(&plan, &library, &roles, &Env::system()).unwrap();
            let nobody = Plan { admin_email: "ana".into(), ..plan };
            assert!(check_administrator(&nobody, &library, &roles, &Env::system()).is_err());
        }
    }
}
