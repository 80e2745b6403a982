//! The configuration that `init` writes.

/// The log's name: the public host's, or a made-up one when there is none that others know.
pub fn origin_of(public_url: &str, unique: &str) -> String {
    let rest = public_url.split_once("://").map_or(public_url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = if authority.starts_with('[') { "" } else { authority.split(':').next().unwrap_or_default() };
    let local = host.is_empty() || host == "localhost" || host.parse::<std::net::IpAddr>().is_ok();
    if local { format!("countersign-{unique}/log") } else { format!("{host}/log") }
}

/// Whether people can open this address.
///
/// # Errors
/// With a sentence that says how one looks.
pub fn check_address(url: &str) -> Result<(), String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let good = !host.is_empty() && !url.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\\' | '#' | '?'));
    if good { Ok(()) } else { Err("an address begins with https:// (or http:// on this machine) and a host".to_owned()) }
}

/// Where to listen: the public address itself when it is plain HTTP on this machine with a port, the usual place otherwise.
pub fn listen_of(public_url: &str) -> String {
    let authority = public_url.strip_prefix("http://").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let address = authority.strip_prefix("localhost:").map_or_else(|| authority.to_owned(), |port| format!("127.0.0.1:{port}"));
    let address = address.parse::<std::net::SocketAddr>().ok().filter(|a| a.ip().is_loopback() && a.port() != 0);
    address.map_or_else(|| "127.0.0.1:8080".to_owned(), |a| a.to_string())
}

/// The text of `countersign.toml`.
///
/// # Errors
/// Never in practice; quoting is declared to be fallible.
pub fn configuration(public_url: &str, origin: &str) -> Result<String, serde_json::Error> {
    // A JSON string without control characters is a TOML basic string.
    let listen = listen_of(public_url);
    let (public_url, origin) = (serde_json::to_string(public_url)?, serde_json::to_string(origin)?);
    Ok(format!(
        r#"# Countersign. Every key can also come from the environment (COUNTERSIGN_LISTEN, COUNTERSIGN_LOG__KEY, ...), and
# every secret from a file: {{ file = "..." }}. Paths begin at this file's folder. `countersign doctor` checks all of it.

# Loopback only. To serve others, put a proxy with TLS in front, and name it in trusted_proxies.
listen      = "{listen}"
public_url  = {public_url}
# trusted_proxies = ["10.0.0.2"]

database    = "sqlite:countersign.db"        # or "postgres://countersign@db.example.com/countersign"
playbooks   = "playbooks"                    # after a change: countersign playbooks adopt --why "..."
attachments = "file:attachments"

[log]
origin = {origin}      # the log's name for ever; it cannot change later
key    = "log.key"                           # signs the log; keep a copy in a safe place, and nobody else's eyes on it
# Only with a witness outside is the log ever proven to be complete. Another organisation's Countersign can be one:
# witnesses = [{{ url = "https://witness.example.org/witness", vkey = "witness.example.org/witness+...+..." }}]
# quorum    = 1
# public    = false                          # true lets anybody read the log; its entries are sealed

# Who may send alerts. This one is for Prometheus Alertmanager:
#
#   receivers:
#     - name: countersign
#       webhook_configs:
#         - url: http://{listen}/hooks/alertmanager
#           http_config:
#             authorization: {{ credentials_file: /path/to/secrets/alertmanager.token }}
#
[[source]]
name   = "alertmanager"
format = "alertmanager"                      # or alertmanager-api, grafana-unified, pagerduty, generic
auth   = {{ bearer = {{ file = "secrets/alertmanager.token" }} }}
"#
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_named_for_the_public_host_or_made_up() {
        assert_eq!(origin_of("https://countersign.example.com", "ab"), "countersign.example.com/log");
        assert_eq!(origin_of("https://countersign.example.com:8443/desk", "ab"), "countersign.example.com/log");
        for local in ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"] {
            assert_eq!(origin_of(local, "ab"), "countersign-ab/log");
        }
    }

    #[test]
    fn a_public_address_on_this_machine_is_where_it_listens() {
        assert_eq!(listen_of("http://127.0.0.1:18200"), "127.0.0.1:18200");
        assert_eq!(listen_of("http://localhost:18200/"), "127.0.0.1:18200");
        assert_eq!(listen_of("http://[::1]:18200"), "[::1]:18200");
        for other in ["https://127.0.0.1:8443", "http://10.0.0.1:9000", "https://countersign.example.com", "http://127.0.0.1"] {
            assert_eq!(listen_of(other), "127.0.0.1:8080", "{other}");
        }
    }

    #[test]
    fn what_is_written_is_a_configuration_without_warnings() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("secrets")).unwrap();
        std::fs::write(folder.path().join("secrets/alertmanager.token"), "0123456789abcdef0123456789abcdef").unwrap();
        let path = folder.path().join("countersign.toml");
        std::fs::write(&path, configuration("https://countersign.example.com", "countersign.example.com/log").unwrap()).unwrap();
        let config = crate::config::Config::load(Some(&path), []).unwrap();
        assert_eq!(config.warnings, Vec::<String>::new());
        assert_eq!(config.log.origin, "countersign.example.com/log");
        assert_eq!(config.sources.len(), 1);
    }
}
