//! The procedures that count now, and every older version that some ticket is pinned to.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::procedure::model::{Kind, Library, Response};
use crate::store::{Store, StoreError};

use super::DeskError;

/// Loaded procedures.
#[derive(Debug, Default)]
pub struct Procedures {
    current: Option<Arc<Library>>,
    kinds: HashMap<String, Arc<Kind>>,
    responses: HashMap<String, Arc<Response>>,
}

impl Procedures {
    /// Everything that was ever adopted.
    ///
    /// # Errors
    /// When the database does not answer, or an adopted set does not load any more.
    pub async fn load(store: &Store) -> Result<Self, DeskError> {
        let bytes: HashMap<String, Vec<u8>> = store.playbooks().await?.into_iter().map(|(digest, _, bytes)| (digest, bytes)).collect();
        let mut sets: BTreeMap<i64, Vec<(String, Vec<u8>)>> = BTreeMap::new();
        for (seq, path, digest) in store.adopted().await? {
            let found = bytes.get(&digest).cloned().ok_or_else(|| StoreError::Unreadable(format!("playbook {path} ({digest})")))?;
            sets.entry(seq).or_default().push((path, found));
        }
        let mut all = Self::default();
        for (_, files) in sets {
            all.adopt(Arc::new(read(files)?));
        }
        Ok(all)
    }

    /// These count from now on.
    pub fn adopt(&mut self, library: Arc<Library>) {
        for kind in library.kinds.values() {
            self.kinds.insert(kind.digest.clone(), Arc::clone(kind));
        }
        for response in &library.responses {
            self.responses.insert(response.digest.clone(), Arc::clone(response));
        }
        self.current = Some(library);
    }

    /// A copy, into which another set can be adopted.
    #[must_use]
    pub fn with(&self, library: Arc<Library>) -> Self {
        let mut next = Self { current: self.current.clone(), kinds: self.kinds.clone(), responses: self.responses.clone() };
        next.adopt(library);
        next
    }

    /// What counts now; none before the first adoption.
    #[must_use]
    pub fn current(&self) -> Option<&Arc<Library>> {
        self.current.as_ref()
    }

    /// A kind by the digest that a ticket is pinned to.
    #[must_use]
    pub fn kind(&self, digest: &str) -> Option<&Arc<Kind>> {
        self.kinds.get(digest)
    }

    /// A response playbook by the digest that a ticket is pinned to.
    #[must_use]
    pub fn response(&self, digest: &str) -> Option<&Arc<Response>> {
        self.responses.get(digest)
    }
}

/// Loads a set of files, as one sentence when it does not load.
///
/// # Errors
/// Every finding, a line each.
pub fn read(files: Vec<(String, Vec<u8>)>) -> Result<Library, DeskError> {
    crate::procedure::load(files).map_err(|findings| {
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        DeskError::Playbooks(lines.join("\n"))
    })
}
