//! What the demonstration's organisation has beside the built-in playbooks: two systems with an owner, who reports to whom,
//! and who is on call.

use std::path::Path;

use crate::procedure::built_in;

/// Added to the built-in `organisation.yaml`.
const ESTATE: &str = "
systems:
  web-shop:
    title: Web shop
    owner: dana@demo.invalid
    deployments: [acme/web-shop@production]
  payments-db:
    title: Payments database
    owner: dana@demo.invalid
    roles:
      read: { title: Read payments, most: 30d }
      admin: { title: Change anything, most: 8h, privileged: true }
    break_glass: 4h
reports_to: { ana@demo.invalid: chidi@demo.invalid, bo@demo.invalid: chidi@demo.invalid }
on_call:
  manager: chidi@demo.invalid
  layers:
    week: { people: [bo@demo.invalid, ana@demo.invalid], from: 2026-01-05 }
";

/// Writes the demonstration's playbooks into a folder, unless they are there.
///
/// # Errors
/// From the file system.
pub fn write(folder: &Path) -> std::io::Result<()> {
    if folder.exists() {
        return Ok(());
    }
    for (path, mut bytes) in built_in() {
        if path == "organisation.yaml" {
            bytes.extend_from_slice(ESTATE.as_bytes());
        }
        let file = folder.join(&path);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(file, bytes)?;
    }
    Ok(())
}
