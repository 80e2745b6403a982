//! The ledger's formats: canonical bytes, the Merkle tree, tiles, checkpoints, proofs, sealed values, verification.
//!
//! Pure: bytes in, bytes out. It never sees a ticket.

pub mod sealed;
