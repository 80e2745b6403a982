//! Durations as playbooks write them: `15m`, `1h30m`, `2d`.

use std::time::Duration;

/// A duration as playbooks write it, and whether days or weeks are in it; `None` when it is not one.
pub(super) fn parse(text: &str) -> Option<(Duration, bool)> {
    let (mut seconds, mut days, mut rest) = (0_u64, false, text);
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = rest.get(..digits).filter(|d| d.len() <= 6)?.parse().ok()?;
        let unit = match rest.as_bytes().get(digits)? {
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        days |= unit >= 86_400;
        seconds += number * unit;
        rest = &rest[digits + 1..];
    }
    (!text.is_empty()).then_some((Duration::from_secs(seconds), days))
}

/// The words that [`parse`] reads.
pub(super) fn say(duration: Duration) -> String {
    let mut rest = duration.as_secs();
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    for (unit, seconds) in [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)] {
        if rest >= seconds {
            out.push_str(&format!("{}{unit}", rest / seconds));
            rest %= seconds;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{parse, say};

    #[test]
    fn what_is_written_is_said_again() {
        for text in ["15m", "1h30m", "2d", "45s", "1d2h3m4s"] {
            assert_eq!(say(parse(text).unwrap().0), text);
        }
        assert_eq!(parse("1w").map(|(d, days)| (say(d), days)), Some(("7d".to_owned(), true)));
        assert!(["", "15", "m", "-1h", "1.5h", "1 h", "9999999m", "1é"].iter().all(|t| parse(t).is_none()));
    }
}
