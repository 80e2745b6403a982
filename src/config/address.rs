//! Web addresses, as far as the configuration has to understand them.

/// Takes `http(s)://host[:port][/path]` without user, query, fragment or a slash at the end.
pub(super) fn parse_url(text: &str) -> Result<&str, String> {
    let wanted = || "an address looks like https://countersign.example.com".to_owned();
    let text = text.strip_suffix('/').unwrap_or(text);
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or_else(wanted)?;
    let plain = rest.bytes().all(|b| b.is_ascii_graphic() && !b"?#@\"<>\\".contains(&b));
    let (host, port) = host_and_port(rest);
    let good_port = port.is_none_or(|p| p.parse::<u16>().is_ok_and(|p| p > 0));
    if plain && !host.is_empty() && good_port && !rest.ends_with('/') { Ok(text) } else { Err(wanted()) }
}

/// Host (an IPv6 address keeps its brackets) and port of `host[:port][/path]`.
fn host_and_port(rest: &str) -> (&str, Option<&str>) {
    let authority = rest.split('/').next().unwrap_or_default();
    let end_of_host = authority.rfind(']').map_or(0, |i| i + 1);
    match authority[end_of_host..].split_once(':') {
        Some((host, port)) => (&authority[..end_of_host + host.len()], Some(port)),
        None => (authority, None),
    }
}

/// The host of an address that [`parse_url`] took.
pub(super) fn host(url: &str) -> &str {
    host_and_port(url.split_once("://").map_or(url, |(_, rest)| rest)).0
}
