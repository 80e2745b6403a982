//! The time zone that `init` writes: this machine's, or the one that was named, and always one that exists.

use std::path::Path;

use chrono_tz::Tz;

/// This machine's zone by its IANA name: `$TZ`, `/etc/timezone`, or where `/etc/localtime` leads; UTC when none says.
pub fn of_this_machine() -> String {
    let variable = std::env::var("TZ").ok().map(|name| name.trim_start_matches(':').to_owned());
    let file = || std::fs::read_to_string("/etc/timezone").ok().map(|name| name.trim().to_owned());
    let link = || std::fs::read_link("/etc/localtime").ok().and_then(|to| name_in(&to));
    let known = |name: &String| check(name).is_ok();
    let found = variable.filter(known).or_else(|| file().filter(known)).or_else(|| link().filter(known));
    match found.as_deref() {
        None | Some("Etc/UTC" | "Universal" | "Zulu" | "Etc/Universal") => "UTC".to_owned(),
        Some(name) => name.to_owned(),
    }
}

/// `Europe/Vienna` of `/usr/share/zoneinfo/Europe/Vienna`.
fn name_in(path: &Path) -> Option<String> {
    path.to_str()?.split_once("zoneinfo/").map(|(_, name)| name.to_owned())
}

/// Whether there is such a zone.
///
/// # Errors
/// With a sentence that says how one looks, and the nearest ones.
pub fn check(name: &str) -> Result<(), String> {
    if name.parse::<Tz>().is_ok() {
        return Ok(());
    }
    let wanted = name.to_lowercase().replace([' ', '-'], "_");
    let last = wanted.rsplit('/').next().unwrap_or_default();
    let near = |zone: &&Tz| {
        let zone = zone.name().to_lowercase();
        !last.is_empty() && (zone.contains(last) || zone.rsplit('/').next().is_some_and(|city| city == last))
    };
    let near: Vec<&str> = chrono_tz::TZ_VARIANTS.iter().filter(near).map(|zone| zone.name()).take(3).collect();
    let hint = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) };
    let shown: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
    Err(format!("{shown} is not a time zone of the IANA list, such as Europe/Vienna or America/New_York{hint}")
        .trim_end_matches('?')
        .to_owned())
}

/// `organisation.yaml` with this zone in place of its own.
pub fn written(organisation: &str, zone: &str) -> String {
    let line = |line: &str| if line.starts_with("zone: ") { format!("zone: {zone}") } else { line.to_owned() };
    let mut out: String = organisation.lines().map(line).collect::<Vec<_>>().join("\n");
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_zones_that_exist_are_taken_and_the_nearest_are_named() {
        assert_eq!(check("Europe/Vienna"), Ok(()));
        assert_eq!(check(&of_this_machine()), Ok(()));
        assert!(check("vienna").unwrap_err().ends_with("did you mean Europe/Vienna"));
        assert!(check("new york").unwrap_err().contains("America/New_York"));
        assert!(check("CEST2").unwrap_err().starts_with("CEST2 is not a time zone"));
        assert!(check("").is_err());
    }

    #[test]
    fn the_zone_is_read_from_where_the_clock_leads() {
        assert_eq!(name_in(Path::new("/usr/share/zoneinfo/Europe/Vienna")).as_deref(), Some("Europe/Vienna"));
        assert_eq!(name_in(Path::new("/somewhere")), None);
    }

    #[test]
    fn only_the_zone_of_the_organisation_is_written() {
        assert_eq!(written("zone: UTC\n# zone: this\nx: 1\n", "Asia/Kolkata"), "zone: Asia/Kolkata\n# zone: this\nx: 1\n");
    }
}
