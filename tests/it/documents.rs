//! What is written beside the code: the commands that the README shows exist, and the two databases have the same
//! migrations.

use std::fs;
use std::path::Path;

use super::server;

fn repository(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// What stands between backquotes in a line of prose.
fn spans(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// The command lines of a Markdown text: the lines of its shell blocks, and what stands between backquotes.
fn command_lines(markdown: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut block: Option<&str> = None;
    for line in markdown.lines() {
        match (block, line.strip_prefix("```")) {
            (None, Some(language)) => block = Some(language),
            (Some(_), Some(_)) => block = None,
            (Some("sh"), None) => lines.push(line),
            (Some(_), None) => {}
            (None, None) => lines.extend(spans(line)),
        }
    }
    // A comment follows two spaces.
    lines.iter().map(|line| line.split("  #").next().unwrap_or_default().trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// The arguments of a command line that runs our program, however it is started.
fn ours(line: &str) -> Option<Vec<&str>> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let starts: [&[&str]; 2] = [&["countersign"], &["cargo", "run", "--release", "--"]];
    let rest = starts.into_iter().find_map(|start| words.strip_prefix(start))?;
    (!rest.is_empty()).then(|| rest.to_vec())
}

fn help(arguments: &[&str]) -> Option<String> {
    let output = server::program().args(arguments).arg("--help").output().expect("the program can be started");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What `--help` knows nothing of in a command line, if anything.
fn unknown(words: &[&str]) -> Option<String> {
    let command = words[0];
    let Some(mut text) = help(&[command]) else { return Some(format!("there is no command {command}")) };
    if text.contains("\nCommands:\n")
        && let Some(action) = words.get(1)
    {
        match help(&[command, action]) {
            Some(more) => text = more,
            None => return Some(format!("{command} has no {action}")),
        }
    }
    let flags = words.iter().filter(|word| word.starts_with("--"));
    let strange = flags.map(|flag| flag.split('=').next().unwrap_or(flag)).find(|flag| !text.contains(*flag));
    strange.map(|flag| format!("{command} has no {flag}"))
}

#[test]
fn every_command_of_the_readme_exists() {
    let mut seen = 0;
    let mut wrong = Vec::new();
    for document in ["README.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(repository(document)).expect("the document is part of the repository");
        for line in command_lines(&text) {
            if let Some(words) = ours(&line) {
                seen += 1;
                wrong.extend(unknown(&words).map(|what| format!("{document}: `{line}`: {what}")));
            } else if let Some(script) = line.strip_prefix("./") {
                let file = script.split_whitespace().next().unwrap_or_default();
                if !repository(file).exists() {
                    wrong.push(format!("{document}: `{line}`: there is no such file"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 5, "the README shows commands");
}

#[test]
fn a_command_that_nobody_wrote_is_noticed() {
    let shown =
        "Say `countersign srve`.\n```sh\ncountersign people invent EMAIL   # a comment\ncargo run --release -- serve --lisen X\n```\n";
    let lines = command_lines(shown);
    let wrong: Vec<_> = lines.iter().filter_map(|line| ours(line)).filter_map(|words| unknown(&words)).collect();
    assert_eq!(wrong, ["there is no command srve", "people has no invent", "serve has no --lisen"]);
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |database: &str| {
        let entries = fs::read_dir(repository("migrations").join(database)).expect("the migrations are part of the repository");
        let mut names: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    let sqlite = names("sqlite");
    assert!(!sqlite.is_empty(), "there are migrations");
    assert_eq!(sqlite, names("postgres"));
}
