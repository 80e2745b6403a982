//! The targets that are promised: for each kind of ticket and clock, how long, by severity or risk, in which hours. Written as
//! lines that people read and that read back to the same values, so that what is published can be held against what counts.

use std::time::Duration;

use super::duration::{parse as parse_duration, say};
use super::model::{Clock, Hours, Kind, Library};

/// The level under which what holds for all others stands.
const DEFAULT: &str = "default";

/// One target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Target {
    /// `incident`
    pub kind: String,
    /// `acknowledge`
    pub clock: String,
    /// `sev1`, or `default`.
    pub level: String,
    /// When it is due.
    pub due: Due,
    /// Also no later than the end of the local day on which it starts.
    pub end_of_day: bool,
}

/// When something is due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Due {
    /// So long after the start.
    Within {
        /// How long, in seconds.
        seconds: u64,
        /// The calendar whose hours count; every hour when none.
        hours: Option<String>,
    },
    /// At the moment that a field holds.
    At(String),
}

/// Every target of these procedures, in the order of kinds, clocks and levels.
#[must_use]
pub fn targets(library: &Library) -> Vec<Target> {
    library.kinds.values().flat_map(|kind| kind.clocks.values().flat_map(|clock| of_clock(kind, clock))).collect()
}

fn of_clock(kind: &Kind, clock: &Clock) -> Vec<Target> {
    let target = |level: &str, due: Due| Target {
        kind: kind.name.clone(),
        clock: clock.name.clone(),
        level: level.to_owned(),
        due,
        end_of_day: clock.timing.end_of_day,
    };
    if let Some(field) = &clock.timing.at {
        return vec![target(DEFAULT, Due::At(field.clone()))];
    }
    let within = |level: &String, within: &Duration| {
        let hours = match clock.hours_for(Some(level)) {
            Hours::Always => None,
            Hours::Calendar(name) => Some(name.clone()),
        };
        target(level, Due::Within { seconds: within.as_secs(), hours })
    };
    clock.within.iter().map(|(level, length)| within(level, length)).collect()
}

/// `incident acknowledge sev3: 4h of business`
#[must_use]
pub fn render(target: &Target) -> String {
    let due = match &target.due {
        Due::Within { seconds, hours } => {
            let of = hours.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
            format!("{}{of}", say(Duration::from_secs(*seconds)))
        }
        Due::At(field) => format!("at {field}"),
    };
    let day = if target.end_of_day { ", by the end of the day" } else { "" };
    format!("{} {} {}: {due}{day}", target.kind, target.clock, target.level)
}

/// The target that a line says; none when it is no such line.
#[must_use]
pub fn parse(line: &str) -> Option<Target> {
    let (of, rest) = line.trim().split_once(": ")?;
    let [kind, clock, level] = <[&str; 3]>::try_from(of.split(' ').collect::<Vec<_>>()).ok()?;
    let (due, end_of_day) = rest.strip_suffix(", by the end of the day").map_or((rest, false), |due| (due, true));
    let due = match due.strip_prefix("at ") {
        Some(field) => Due::At(field.to_owned()),
        None => {
            let (length, hours) = due.split_once(" of ").map_or((due, None), |(length, name)| (length, Some(name.to_owned())));
            Due::Within { seconds: parse_duration(length)?.0.as_secs(), hours }
        }
    };
    Some(Target { kind: kind.to_owned(), clock: clock.to_owned(), level: level.to_owned(), due, end_of_day })
}

/// What is published beside what counts: lines that promise something else, and targets that are not promised. Lines that begin
/// with `#`, and empty ones, say nothing.
#[must_use]
pub fn differences(published: &str, library: &Library) -> Vec<String> {
    let live = targets(library);
    let said = published.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let said: Vec<(&str, Option<Target>)> = said.map(|line| (line, parse(line))).collect();
    let wrong = said.iter().filter(|(_, target)| target.as_ref().is_none_or(|t| !live.contains(t)));
    let missing = live.iter().filter(|target| !said.iter().any(|(_, t)| t.as_ref() == Some(target)));
    wrong
        .map(|(line, _)| format!("published, and not so: {line}"))
        .chain(missing.map(|t| format!("not published: {}", render(t))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{built_in, built_in_profile, load, profiles};
    use super::*;

    #[test]
    fn what_is_published_reads_back_to_what_counts_and_any_other_word_is_noticed() {
        let all = profiles().iter().filter_map(|name| built_in_profile(name)).chain([built_in()]).collect::<Vec<_>>();
        for files in all {
            let library = load(files).unwrap();
            let live = targets(&library);
            let published = live.iter().map(render).collect::<Vec<_>>().join("\n");
            assert_eq!(published.lines().map(parse).collect::<Option<Vec<_>>>().as_ref(), Some(&live));
            assert_eq!(differences(&format!("# Targets\n\n{published}\n"), &library), Vec::<String>::new());
            assert!(published.contains("incident acknowledge sev3: 4h of business"), "{published}");
            assert!(published.contains("change document default: 1d, by the end of the day"), "{published}");
            assert!(published.contains("change carry_out default: at window_end"), "{published}");
            let other = published.replace("incident acknowledge sev1: 15m", "incident acknowledge sev1: 16m");
            assert_eq!(
                differences(&other, &library),
                ["published, and not so: incident acknowledge sev1: 16m", "not published: incident acknowledge sev1: 15m"]
            );
        }
        for wrong in ["", "incident acknowledge: 15m", "a b c", "a b c: soon", "a b c d: 15m"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
