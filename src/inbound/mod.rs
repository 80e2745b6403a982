//! Bytes in: each adapter turns what arrives into a verified credential and a typed request.

pub mod hooks;
