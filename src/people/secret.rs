//! API keys, session tokens and one-time links: 256 random bits each, shown once, of which only the SHA-256 is kept.
//!
//! A key reads `cs_<id>_<secret>`: the id is public and finds the key, the secret proves it. Since the secret has
//! 256 bits of entropy, a plain hash cannot be guessed back and needs no stretching.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::env::Env;

/// A new secret: what its owner is shown once, and what is kept.
#[derive(Clone)]
pub struct Minted {
    /// The text to hand over. Never logged, never stored.
    pub shown: String,
    /// Lower-case hex SHA-256, as kept.
    pub sha256: String,
}

/// Lower-case hex SHA-256 of a token as it was presented.
#[must_use]
pub fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// A session token or one-time link.
#[must_use]
pub fn mint(env: &Env) -> Minted {
    let shown = URL_SAFE_NO_PAD.encode(env.bytes::<32>());
    let sha256 = hash(&shown);
    Minted { shown, sha256 }
}

/// An API key with the public id `id`.
#[must_use]
pub fn mint_key(env: &Env, id: &str) -> Minted {
    let secret = mint(env);
    Minted { shown: format!("cs_{id}_{}", secret.shown), sha256: secret.sha256 }
}

/// Reads a presented API key into its public id and its secret's hash; `None` when it does not look like one.
#[must_use]
pub fn read_key(presented: &str) -> Option<(String, String)> {
    let (id, secret) = presented.strip_prefix("cs_")?.split_once('_')?;
    let good = (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric()) && (20..=200).contains(&secret.len());
    good.then(|| (id.to_owned(), hash(secret)))
}

/// Whether two hashes are the same, in a time that does not depend on where they differ.
#[must_use]
pub fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_handed_out_is_recognised_and_another_is_not() {
        let env = Env::system();
        let key = mint_key(&env, "ab12");
        let (id, sha256) = read_key(&key.shown).unwrap();
        assert_eq!(id, "ab12");
        assert!(same(&sha256, &key.sha256));
        assert!(!same(&sha256, &mint_key(&env, "ab12").sha256));
        assert!(!key.shown.contains(&key.sha256));
    }

    #[test]
    fn what_does_not_look_like_a_key_is_not_hashed_at_all() {
        for text in ["", "cs_", "cs__x", "cs_ab", "Bearer x", "cs_a b_0123456789012345678901234", "cs_ab_short"] {
            assert_eq!(read_key(text), None, "{text:?}");
        }
    }
}
