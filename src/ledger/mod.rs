//! The ledger's formats: canonical bytes, the Merkle tree, tiles, checkpoints, proofs, sealed values, verification.
//!
//! Pure: bytes in, bytes out; it never sees a ticket. The one thing that touches the disk is [`bundle`], which reads
//! what somebody handed over.
//!
//! | | |
//! |---|---|
//! | [`canonical`], [`writer`], [`envelope`] | what is hashed of an event (RFC 8785, made narrower), and how it is read |
//! | [`merkle`], [`tile`], [`prove`] | the tree (RFC 6962), its files (C2SP tlog-tiles), proofs made from them |
//! | [`key`], [`note`], [`checkpoint`], [`witness`], [`proof`] | keys, signed notes, checkpoints, cosignatures, receipts (C2SP) |
//! | [`sealed`], [`disclosed`] | commitments to what the log must not show, and their opening for a recipient |
//! | [`reading`], [`chain`], [`verify`], [`bundle`], [`manifest`], [`audit`], [`report`] | verification of events, logs and evidence bundles |

mod ahead;
pub mod audit;
pub mod bundle;
pub mod canonical;
pub mod chain;
pub mod checkpoint;
pub mod disclosed;
pub mod envelope;
pub mod key;
pub mod manifest;
pub mod merkle;
pub mod note;
pub mod proof;
pub mod prove;
pub mod reading;
pub mod report;
pub mod sealed;
pub mod tile;
pub mod verify;
pub mod witness;
pub mod writer;

#[cfg(test)]
mod hostile;
