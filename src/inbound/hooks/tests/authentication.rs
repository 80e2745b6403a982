//! Only a genuine sender is believed. The signatures here were made with Python's hmac module.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::{fixture, now, source, sources};
use crate::config::{Auth, Covers, Encoding, Format, Hmac, Secret};
use crate::env::Timestamp;
use crate::inbound::hooks::auth::{AuthRefusal, Verified, source_by_credential, verify_source};
use crate::inbound::hooks::reply::not_authentic;

const BODY: &[u8] = br#"{"a":1}"#;
const OVER_BODY: &str = "88a67f24bbcdaed0e6c997404bb79a743baf44c6bab2f4c27328e3009d22e342";
const OVER_BODY_BASE64: &str = "iKZ/JLvNrtDmyZdAS7eadDuvRMa6svTCcyjjAJ0i40I";
const OVER_COLON: &str = "10b1da69ddf18e74456ef702cce54ac93c327a0e39cf38b993405b260e85fca6";
const OVER_DOT: &str = "c9ab90639ad95fbbac3404005fe86d66f2bd63643cf8232151e5b9abc6c6f5ff";
const SIGNED_AT: &str = "1772334000";

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let one = |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
    let mut map = HeaderMap::new();
    for (name, value) in pairs.iter().map(one) {
        map.append(name, value);
    }
    map
}

fn check(auth: &Auth, pairs: &[(&str, &str)], query: Option<&str>) -> Result<Verified, AuthRefusal> {
    verify_source(auth, &headers(pairs), query, BODY, now())
}

fn signature() -> Hmac {
    Hmac {
        secret: Secret::new("key"),
        header: "x-signature".into(),
        encoding: Encoding::Hex,
        prefix: String::new(),
        timestamp_header: None,
        window: Duration::from_secs(300),
        covers: Covers::Body,
    }
}

fn stamped(covers: Covers) -> Hmac {
    Hmac { timestamp_header: Some("x-time".into()), covers, ..signature() }
}

fn signed(hmac: Hmac, pairs: &[(&str, &str)]) -> Result<(), AuthRefusal> {
    check(&Auth::Hmac(hmac), pairs, None).map(|v| assert_eq!((v.method, v.credential.as_str()), ("hmac", "x-signature")))
}

#[test]
fn a_bearer_token_has_to_be_the_whole_token_and_sent_once() {
    let auth = source("alertmanager").auth;
    assert_eq!(check(&auth, &[("authorization", "bearer  sesame ")], None).unwrap().method, "bearer");
    for (pairs, why) in [
        (&[][..], AuthRefusal::Missing),
        (&[("authorization", "Bearer sesam")], AuthRefusal::Wrong),
        (&[("authorization", "Bearer sesamee")], AuthRefusal::Wrong),
        (&[("authorization", "Bearer")], AuthRefusal::Malformed),
        (&[("authorization", "Basic sesame")], AuthRefusal::Malformed),
        (&[("authorization", "Bearer sesame"), ("authorization", "Bearer sesame")], AuthRefusal::Malformed),
    ] {
        assert_eq!(check(&auth, pairs, None).unwrap_err(), why, "{pairs:?}");
    }
}

#[test]
fn basic_takes_a_password_with_a_colon_and_names_the_user() {
    let auth = source("api").auth;
    // am:pa:ss, with and without padding.
    for right in ["Basic YW06cGE6c3M=", "Basic YW06cGE6c3M"] {
        assert_eq!(check(&auth, &[("authorization", right)], None).unwrap(), Verified { method: "basic", credential: "am".into() });
    }
    assert_eq!(check(&auth, &[("authorization", "Basic YW06cGE=")], None).unwrap_err(), AuthRefusal::Wrong);
    assert_eq!(check(&auth, &[("authorization", "Basic %%%")], None).unwrap_err(), AuthRefusal::Malformed);
    assert_eq!(check(&auth, &[], None).unwrap_err(), AuthRefusal::Missing);
}

#[test]
fn a_token_in_the_address_is_decoded_and_may_stand_once() {
    let auth = source("doors").auth;
    for right in ["token=s%20p", "a=b&token=s+p", "%74oken=s%20p&token2=x"] {
        assert_eq!(check(&auth, &[], Some(right)).unwrap().credential, "token", "{right}");
    }
    for (query, why) in [
        (None, AuthRefusal::Missing),
        (Some("tokens=s+p"), AuthRefusal::Missing),
        (Some("token="), AuthRefusal::Wrong),
        (Some("token=s%2"), AuthRefusal::Wrong),
        (Some("token=s+p&token=s+p"), AuthRefusal::Malformed),
    ] {
        assert_eq!(check(&auth, &[], query).unwrap_err(), why, "{query:?}");
    }
}

#[test]
fn a_signature_covers_every_byte_of_the_body() {
    assert_eq!(signed(signature(), &[("x-signature", OVER_BODY)]), Ok(()));
    assert_eq!(signed(signature(), &[("x-signature", &OVER_BODY.to_uppercase())]), Ok(()));
    let auth = Auth::Hmac(signature());
    let other = verify_source(&auth, &headers(&[("x-signature", OVER_BODY)]), None, br#"{"a":1} "#, now());
    assert_eq!(other.unwrap_err(), AuthRefusal::Wrong);
    let stranger = Hmac { secret: Secret::new("kez"), ..signature() };
    assert_eq!(signed(stranger, &[("x-signature", OVER_BODY)]), Err(AuthRefusal::Wrong));
    assert_eq!(signed(signature(), &[]), Err(AuthRefusal::Missing));
    for malformed in ["", "xyz", &OVER_BODY[..62], "sha256=00"] {
        assert_eq!(signed(signature(), &[("x-signature", malformed)]), Err(AuthRefusal::Malformed), "{malformed}");
    }
}

#[test]
fn a_prefix_and_base64_are_read_as_configured() {
    let github = || Hmac { prefix: "sha256=".into(), ..signature() };
    assert_eq!(signed(github(), &[("x-signature", &format!("sha256={OVER_BODY}"))]), Ok(()));
    assert_eq!(signed(github(), &[("x-signature", OVER_BODY)]), Err(AuthRefusal::Malformed));
    let base64 = || Hmac { encoding: Encoding::Base64, ..signature() };
    assert_eq!(signed(base64(), &[("x-signature", OVER_BODY_BASE64)]), Ok(()));
    assert_eq!(signed(base64(), &[("x-signature", &format!("{OVER_BODY_BASE64}="))]), Ok(()));
}

#[test]
fn one_right_signature_among_several_is_enough_while_keys_change() {
    let several = || Hmac { prefix: "v1=".into(), ..signature() };
    let old = "0".repeat(64);
    assert_eq!(signed(several(), &[("x-signature", &format!("v1={old}, v1={OVER_BODY}"))]), Ok(()));
    assert_eq!(signed(several(), &[("x-signature", &format!("v0={OVER_BODY},v1={old}"))]), Err(AuthRefusal::Wrong));
    let flood = format!("{}v1={OVER_BODY}", format!("v1={old},").repeat(50));
    assert_eq!(signed(several(), &[("x-signature", &flood)]), Err(AuthRefusal::Wrong), "only the first few are tried");
}

#[test]
fn a_signed_timestamp_bounds_how_long_a_delivery_can_be_replayed() {
    let (colon, dot) = (|| stamped(Covers::TimestampColonBody), || stamped(Covers::TimestampDotBody));
    assert_eq!(signed(colon(), &[("x-signature", OVER_COLON), ("x-time", SIGNED_AT)]), Ok(()));
    assert_eq!(signed(dot(), &[("x-signature", OVER_DOT), ("x-time", SIGNED_AT)]), Ok(()));
    assert_eq!(signed(colon(), &[("x-signature", OVER_DOT), ("x-time", SIGNED_AT)]), Err(AuthRefusal::Wrong));
    assert_eq!(signed(colon(), &[("x-signature", OVER_COLON)]), Err(AuthRefusal::Missing));
    assert_eq!(
        signed(colon(), &[("x-signature", OVER_COLON), ("x-time", "1772334001")]),
        Err(AuthRefusal::Wrong),
        "a moved time is a forgery"
    );
    let at = |now: Timestamp| {
        let pairs = headers(&[("x-signature", OVER_COLON), ("x-time", SIGNED_AT)]);
        verify_source(&Auth::Hmac(colon()), &pairs, None, BODY, now).map(|_| ())
    };
    let window = Duration::from_secs(300);
    assert_eq!((at(now().plus(window)), at(now().minus(window))), (Ok(()), Ok(())));
    let outside = window + Duration::from_secs(1);
    assert_eq!((at(now().plus(outside)), at(now().minus(outside))), (Err(AuthRefusal::Stale), Err(AuthRefusal::Stale)));
}

#[test]
fn grafanas_signature_works_as_its_documentation_configures_it() {
    let auth = source("grafana").auth;
    let found = check(&auth, &[("X-Grafana-Alerting-Signature", OVER_BODY)], None).unwrap();
    assert_eq!(found.credential, "x-grafana-alerting-signature");
}

#[test]
fn a_route_without_a_name_finds_its_source_by_the_credentials() {
    let (sources, body) = (sources(), fixture("alertmanager-api.json"));
    let find = |pairs: &[(&str, &str)]| {
        let found = source_by_credential(&sources, Format::AlertmanagerApi, &headers(pairs), None, &body, now());
        found.map(|(source, _)| source.name.clone())
    };
    assert_eq!(find(&[("authorization", "Basic YW06cGE6c3M=")]), Ok("api".into()));
    assert_eq!(find(&[("authorization", "Basic YW06cGE=")]), Err(AuthRefusal::Wrong));
    assert_eq!(find(&[]), Err(AuthRefusal::Missing));
    // The bearer token belongs to a source of another format.
    assert_eq!(find(&[("authorization", "Bearer sesame")]), Err(AuthRefusal::Malformed));
}

#[test]
fn whoever_is_not_believed_is_told_how_to_prove_it_and_nothing_else() {
    let answer = not_authentic(Format::AlertmanagerApi, &source("api").auth, AuthRefusal::Wrong);
    assert_eq!(answer.status.as_u16(), 401);
    assert!(answer.headers.iter().any(|(name, value)| *name == "www-authenticate" && value.starts_with("Basic ")));
    let text = answer.body.unwrap().to_string();
    assert!(!text.contains("pa:ss") && text.contains("check them in the monitoring tool"), "{text}");
    let reasons = [AuthRefusal::Missing, AuthRefusal::Malformed, AuthRefusal::Wrong, AuthRefusal::Stale].map(AuthRefusal::reason);
    assert_eq!(reasons, ["missing", "malformed", "wrong", "stale"]);
}
