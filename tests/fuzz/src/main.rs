//! One fuzzer for all targets: COUNTERSIGN_FUZZ names the one that it feeds.

#![no_main]

use std::sync::LazyLock;

#[path = "../targets.rs"]
mod targets;

static TARGET: LazyLock<targets::Target> = LazyLock::new(|| {
    let name = std::env::var("COUNTERSIGN_FUZZ").unwrap_or_default();
    targets::TARGETS.into_iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("there is no target {name:?}")).1
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET(bytes));
