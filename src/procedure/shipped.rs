//! The playbooks that the program brings along, embedded as they stand in `playbooks/`.

use include_dir::{Dir, include_dir};

static PLAYBOOKS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/playbooks");

/// The folder of profiles: what `init` puts in place of the files with the same names.
const PROFILES: &str = "profiles";

/// The profile that counts when nobody chose one.
pub const DEFAULT_PROFILE: &str = "small-team";

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
    use super::super::load;
    use super::{built_in, built_in_profile, profiles};

    #[test]
    fn the_shipped_playbooks_have_no_findings() {
        let library = load(built_in()).map_err(|f| f.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")).unwrap();
        assert!(library.kinds.contains_key("incident"));
    }

    #[test]
    fn every_profile_has_no_findings_and_its_own_organisation() {
        for name in profiles() {
            let files = built_in_profile(&name).unwrap();
            assert!(files.iter().all(|(path, _)| !path.contains("profiles")));
            let library = load(files).map_err(|f| f.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
            assert!(library.is_ok(), "{name}: {}", library.unwrap_err());
        }
        assert!(built_in_profile("none").is_none());
    }
}
