//! The ledger's formats: canonical bytes, the Merkle tree, tiles, checkpoints, proofs, sealed values, verification.
//!
//! Pure: bytes in, bytes out. It never sees a ticket.

pub mod canonical;
pub mod merkle;
pub mod prove;
pub mod sealed;
pub mod tile;
