//! Which deliveries were kept lately, so that a body that comes again and again is kept once an hour.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::env::Timestamp;

/// How long a body that was kept is not kept again.
const QUIET: Duration = Duration::from_secs(3600);

/// Bodies that are remembered of one source; of more, the oldest is forgotten and may be kept again.
const MOST: usize = 1024;

/// The SHA-256 of a body.
type Print = [u8; 32];

/// Bodies kept lately, by source. In memory: after a start each may be kept once more.
#[derive(Debug, Default)]
pub struct Kept {
    sources: Mutex<BTreeMap<String, VecDeque<(Print, Timestamp)>>>,
}

impl Kept {
    /// Whether this body of this source was kept within the last hour.
    #[must_use]
    pub fn lately(&self, source: &str, body: &[u8], now: Timestamp) -> bool {
        let print: Print = Sha256::digest(body).into();
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(prints) = sources.get_mut(source) else { return false };
        prints.retain(|(_, at)| now.since(*at) < QUIET);
        prints.iter().any(|(known, _)| *known == print)
    }

    /// Remembers that this body is kept. `source` is a configured one, so there are only so many.
    pub fn remember(&self, source: &str, body: &[u8], now: Timestamp) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let prints = sources.entry(source.to_owned()).or_default();
        prints.push_back((Sha256::digest(body).into(), now));
        while prints.len() > MOST {
            prints.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn the_same_body_of_the_same_source_is_kept_once_an_hour() {
        let kept = Kept::default();
        let (noon, later) = (at("2026-03-02T12:00:00Z"), at("2026-03-02T13:00:00Z"));
        assert!(!kept.lately("doors", b"{}", noon));
        kept.remember("doors", b"{}", noon);
        assert!(kept.lately("doors", b"{}", at("2026-03-02T12:59:59Z")));
        assert!(!kept.lately("doors", b"[]", noon), "another body");
        assert!(!kept.lately("lab", b"{}", noon), "another source");
        assert!(!kept.lately("doors", b"{}", later), "an hour later");
    }

    #[test]
    fn however_many_bodies_come_so_many_are_remembered() {
        let kept = Kept::default();
        let noon = at("2026-03-02T12:00:00Z");
        for i in 0..=MOST {
            kept.remember("doors", i.to_string().as_bytes(), noon);
        }
        assert!(!kept.lately("doors", b"0", noon) && kept.lately("doors", b"1", noon));
    }
}
