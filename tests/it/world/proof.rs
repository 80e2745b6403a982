//! What must hold after every story, whatever it was about: DESIGN §9, seen from outside.

use std::collections::{BTreeMap, BTreeSet};

use countersign::desk::rebuild::Rebuilt;
use countersign::ledger::canonical::{parse_event, to_canonical};
use countersign::ledger::checkpoint::Checkpoint;
use countersign::ledger::key::VerifierKey;
use countersign::ledger::merkle::{Frontier, Hash};
use countersign::store::Store;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Everything that is wrong with the log in `store`, a sentence each.
pub async fn faults(store: &Store) -> Vec<String> {
    let mut faults = Vec::new();
    let head = store.head().await.expect("the head can be read").expect("there is a log");
    let rows = store.events_from(0, i64::MAX).await.expect("events can be read");
    let leaves = store.leaves(0, i64::MAX).await.expect("leaves can be read");
    if i64::try_from(rows.len()) != Ok(head.size) {
        faults.push(format!("the head counts {} events, and there are {}", head.size, rows.len()));
    }
    let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut frontier = Frontier::new();
    let mut roots = BTreeMap::new();
    let mut story = Story::default();
    for (at, ((seq, bytes), leaf)) in rows.iter().zip(&leaves).enumerate() {
        if i64::try_from(at) != Ok(*seq) {
            faults.push(format!("event {at} is missing; {seq} stands in its place"));
        }
        match parse_event(bytes) {
            Ok(event) => {
                if to_canonical(&event).ok().as_deref() != Some(bytes) {
                    faults.push(format!("event {seq} is not canonical"));
                }
                story.take(*seq, &event, &mut faults);
            }
            Err(error) => faults.push(format!("event {seq} does not read: {error}")),
        }
        if Hash::leaf(bytes).0 != *leaf {
            faults.push(format!("event {seq} is not what its leaf says"));
        }
        tree.push(bytes.clone());
        frontier.append(Hash::leaf(bytes));
        roots.insert(frontier.size(), frontier.root());
    }
    // An independent implementation of RFC 6962 finds the same root as ours and as the head.
    if tree.root().as_bytes().as_slice() != frontier.root().0 {
        faults.push("two implementations of the tree disagree".to_owned());
    }
    if Frontier::from_bytes(&head.frontier).map(|f| f.root()) != Ok(frontier.root()) {
        faults.push("the head's tree is not the events' tree".to_owned());
    }
    if let Some((_, note)) = store.checkpoint().await.expect("checkpoints can be read") {
        let key = VerifierKey::parse(&head.vkey).expect("the log's key reads");
        match Checkpoint::open(note.as_bytes(), &key) {
            Ok((signed, _)) if roots.get(&signed.size) == Some(&signed.root) => {}
            Ok((signed, _)) => faults.push(format!("the checkpoint over {} events is not over these", signed.size)),
            Err(error) => faults.push(format!("the checkpoint does not verify: {error}")),
        }
    }
    sealed(store, &story, &mut faults).await;
    match Rebuilt::of(store).await {
        Ok(rebuilt) => faults.extend(rebuilt.differences(store).await.expect("projections can be read")),
        Err(error) => faults.push(format!("the log does not replay: {error}")),
    }
    faults
}

/// What one pass over the events remembers.
#[derive(Default)]
struct Story {
    last_at: String,
    revs: BTreeMap<String, i64>,
    numbers: BTreeMap<String, u64>,
    people: BTreeSet<String>,
    accounts: BTreeSet<String>,
    commitments: BTreeMap<(i64, String), String>,
}

impl Story {
    fn take(&mut self, seq: i64, event: &Value, faults: &mut Vec<String>) {
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        if event["seq"] != seq {
            faults.push(format!("event {seq} calls itself {}", event["seq"]));
        }
        // Always six digits and Z, so the order of the texts is the order of the moments.
        let at = text("at");
        if at.len() != 27 || !at.ends_with('Z') || at < self.last_at {
            faults.push(format!("event {seq} at {at:?} after {:?}", self.last_at));
        }
        self.last_at = at;
        if text("kind") == "PersonAdded" {
            self.people.insert(event["data"]["person"].as_str().unwrap_or_default().to_owned());
        }
        if text("kind") == "AccountSeen" {
            self.accounts.insert(event["data"]["account"].as_str().unwrap_or_default().to_owned());
        }
        let actor = &event["actor"];
        let named = match actor["type"].as_str() {
            Some("person") => actor["id"].as_str().is_some_and(|id| self.people.contains(id)),
            Some("source") => actor["name"].as_str().is_some_and(|name| !name.is_empty()),
            Some("account") => actor["id"].as_str().is_some_and(|id| self.accounts.contains(id)),
            Some("scheduler") => true,
            _ => false,
        };
        if !named {
            faults.push(format!("event {seq} was done by nobody we know: {actor}"));
        }
        let ticket = text("ticket");
        if !ticket.is_empty() {
            let rev = self.revs.entry(ticket.clone()).or_default();
            *rev += 1;
            if event["rev"] != *rev {
                faults.push(format!("event {seq} is revision {} of {ticket}, and {rev} was next", event["rev"]));
            }
            if text("kind") == "TicketOpened" {
                let (prefix, count) = ticket.split_once('-').unwrap_or_default();
                let next = self.numbers.entry(prefix.to_owned()).or_default();
                *next += 1;
                if count.parse() != Ok(*next) {
                    faults.push(format!("event {seq} opens {ticket}, and {next} was next"));
                }
            }
        }
        for (name, commitment) in event["sealed"].as_object().into_iter().flatten() {
            self.commitments.insert((seq, name.clone()), commitment.as_str().unwrap_or_default().to_owned());
        }
    }
}

async fn sealed(store: &Store, story: &Story, faults: &mut Vec<String>) {
    let rows = store.sealed_from(0, i64::MAX).await.expect("sealed values can be read");
    for row in &rows {
        let salt: [u8; 32] = row.salt.as_slice().try_into().expect("a salt has 32 bytes");
        let commitment = serde_json::to_value(countersign::ledger::sealed::Commitment::of(&salt, &row.bytes)).unwrap_or_default();
        if story.commitments.get(&(row.seq, row.name.clone())).map(String::as_str) != commitment.as_str() {
            faults.push(format!("the sealed value {} of event {} is not what the event commits to", row.name, row.seq));
        }
    }
    if rows.len() != story.commitments.len() {
        faults.push(format!("events commit to {} sealed values, and {} are kept", story.commitments.len(), rows.len()));
    }
}

/// Lower-case hex SHA-256.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
