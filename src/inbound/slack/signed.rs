//! Slack's signature: HMAC-SHA256 under the signing secret over `v0:TIMESTAMP:BODY`, the raw bytes, in constant time;
//! five minutes either way (<https://docs.slack.dev/authentication/verifying-requests-from-slack>).
//!
//! The SDK's verifier does the same by the system's clock; ours asks the one clock of the house, and a test holds the
//! two against each other.

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::env::Timestamp;
use crate::inbound::hooks::auth::AuthRefusal;

/// How old a request may be, and how far ahead of us Slack's clock, in seconds.
const WINDOW: u64 = 300;

fn the(headers: &HeaderMap, name: &str) -> Result<String, AuthRefusal> {
    let mut all = headers.get_all(name).iter();
    let first = all.next().ok_or(AuthRefusal::Missing)?;
    if all.next().is_some() {
        return Err(AuthRefusal::Malformed);
    }
    first.to_str().map(str::to_owned).map_err(|_| AuthRefusal::Malformed)
}

/// Refuses what is not signed with `secret` within five minutes of `now`.
///
/// # Errors
/// The reason, for counting.
pub fn verify(secret: &str, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), AuthRefusal> {
    let stamp = the(headers, "x-slack-request-timestamp")?;
    let sent = the(headers, "x-slack-signature")?;
    let at: i64 = stamp.parse().map_err(|_| AuthRefusal::Malformed)?;
    let sent = sent.strip_prefix("v0=").and_then(|hex| hex::decode(hex).ok()).ok_or(AuthRefusal::Malformed)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_| AuthRefusal::Malformed)?;
    mac.update(b"v0:");
    mac.update(stamp.as_bytes());
    mac.update(b":");
    mac.update(body);
    // The signature before the time: only a genuine request is ever called stale.
    if !bool::from(mac.finalize().into_bytes().as_slice().ct_eq(&sent)) {
        return Err(AuthRefusal::Wrong);
    }
    if now.seconds().abs_diff(at) > WINDOW { Err(AuthRefusal::Stale) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};
    use slack_morphism::signature_verifier::SlackEventSignatureVerifier;

    use super::*;
    use crate::env::Env;

    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const BODY: &str = "token=x&command=%2Fincident&text=list";

    fn sign(at: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key will do");
        mac.update(format!("v0:{at}:{body}").as_bytes());
        format!("v0={}", hex::encode(mac.finalize().into_bytes()))
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_str(text).expect("a header");
        let mut map = HeaderMap::new();
        for (name, text) in pairs {
            map.append(HeaderName::from_static(name), value(text));
        }
        map
    }

    #[test]
    fn what_slack_signed_is_believed_for_five_minutes_either_way() {
        let now = Env::system().now();
        for (apart, verdict) in [
            (0, Ok(())),
            (300, Ok(())),
            (-300, Ok(())),
            (301, Err(AuthRefusal::Stale)),
            (-301, Err(AuthRefusal::Stale)),
            (86_400, Err(AuthRefusal::Stale)),
        ] {
            let at = now.seconds() + apart;
            let sent = headers(&[("x-slack-request-timestamp", &at.to_string()), ("x-slack-signature", &sign(at, BODY))]);
            assert_eq!(verify(SECRET, &sent, BODY.as_bytes(), now), verdict, "{apart} seconds apart");
        }
    }

    #[test]
    fn another_body_another_secret_or_no_proof_is_refused() {
        let now = Env::system().now();
        let (at, good) = (now.seconds().to_string(), sign(now.seconds(), BODY));
        let both = |at: &str, signature: &str| headers(&[("x-slack-request-timestamp", at), ("x-slack-signature", signature)]);
        assert_eq!(verify(SECRET, &both(&at, &good), b"token=y", now), Err(AuthRefusal::Wrong));
        assert_eq!(verify("another", &both(&at, &good), BODY.as_bytes(), now), Err(AuthRefusal::Wrong));
        assert_eq!(verify(SECRET, &both("1", &good), BODY.as_bytes(), now), Err(AuthRefusal::Wrong));
        assert_eq!(verify(SECRET, &HeaderMap::new(), BODY.as_bytes(), now), Err(AuthRefusal::Missing));
        for bad in ["", "v0=", "v0=zz", "v1=00", &good[3..]] {
            assert!(
                matches!(verify(SECRET, &both(&at, bad), BODY.as_bytes(), now), Err(AuthRefusal::Malformed | AuthRefusal::Wrong)),
                "{bad}"
            );
        }
        let twice = headers(&[("x-slack-request-timestamp", &at), ("x-slack-signature", &good), ("x-slack-signature", &good)]);
        assert_eq!(verify(SECRET, &twice, BODY.as_bytes(), now), Err(AuthRefusal::Malformed));
    }

    #[test]
    fn the_sdks_own_verifier_believes_the_same() {
        let now = Env::system().now();
        let sdk = SlackEventSignatureVerifier::new(&SECRET.to_owned().into());
        for (at, body, secret_is_ours) in
            [(now.seconds(), BODY, true), (now.seconds(), "other", false), (now.seconds() - 1_000, BODY, true)]
        {
            let signature = sign(at, if secret_is_ours { body } else { BODY });
            let sent = headers(&[("x-slack-request-timestamp", &at.to_string()), ("x-slack-signature", &signature)]);
            let ours = verify(SECRET, &sent, body.as_bytes(), now).is_ok();
            assert_eq!(ours, sdk.verify(&signature, body, &at.to_string()).is_ok(), "{body} at {at}");
        }
    }
}
