//! The procedures that count now, and every older version that some ticket is pinned to.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::procedure::model::{Kind, Library, Response};
use crate::store::{Store, StoreError};

use super::DeskError;

/// Paths and digests of the files of a set, sorted.
type Set = Vec<(String, String)>;

/// Loaded procedures.
#[derive(Clone, Debug, Default)]
pub struct Procedures {
    current: Option<Arc<Library>>,
    /// Every set that was adopted, by its files' paths and digests: reading the log again compiles none of them again.
    sets: HashMap<Set, Arc<Library>>,
    kinds: HashMap<String, Arc<Kind>>,
    responses: HashMap<String, Arc<Response>>,
}

impl Procedures {
    /// Everything that was ever adopted. Sets that `before` has are taken from there.
    ///
    /// # Errors
    /// When the database does not answer, or an adopted set does not load any more.
    pub async fn load(store: &Store, before: &Self) -> Result<Self, DeskError> {
        let mut sets: BTreeMap<i64, Set> = BTreeMap::new();
        for (seq, path, digest) in store.adopted().await? {
            sets.entry(seq).or_default().push((path, digest));
        }
        let mut all = Self::default();
        let mut bytes: Option<HashMap<String, Vec<u8>>> = None;
        for mut set in sets.into_values() {
            set.sort_unstable();
            if let Some(library) = before.sets.get(&set) {
                all.adopt(Arc::clone(library));
                continue;
            }
            if bytes.is_none() {
                bytes = Some(store.playbooks().await?.into_iter().map(|(digest, _, bytes)| (digest, bytes)).collect());
            }
            let of = |(path, digest): (String, String)| match bytes.as_ref().and_then(|b| b.get(&digest)) {
                Some(bytes) => Ok((path, bytes.clone())),
                None => Err(StoreError::Unreadable(format!("playbook {path} ({digest})"))),
            };
            let files = set.into_iter().map(of).collect::<Result<_, _>>()?;
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
        self.sets.insert(set_of(&library), Arc::clone(&library));
        self.current = Some(library);
    }

    /// A copy, into which another set can be adopted.
    #[must_use]
    pub fn with(&self, library: Arc<Library>) -> Self {
        let mut next = self.clone();
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

fn set_of(library: &Library) -> Set {
    let mut set: Set = library.files.iter().map(|file| (file.path.clone(), file.digest.clone())).collect();
    set.sort_unstable();
    set
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
