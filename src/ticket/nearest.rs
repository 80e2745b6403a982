//! The known word that somebody probably meant.

/// The nearest of `known` to `word`: one that begins with it, or that is a few slips of the finger away. Case does
/// not matter. Looks at the first 64 characters only.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(64).flat_map(char::to_lowercase).collect();
    if word.is_empty() {
        return None;
    }
    let limit = (word.len() / 3).clamp(1, 3);
    known
        .into_iter()
        .filter_map(|candidate| {
            let letters: Vec<char> = candidate.chars().take(64).flat_map(char::to_lowercase).collect();
            let begins = word.len() >= 3 && (letters.starts_with(&word) || letters.split(|c| *c == '/').any(|part| part == word));
            let slips = if begins { 0 } else { distance(&word, &letters) };
            (slips <= limit).then_some((slips, candidate))
        })
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (slot, y) in row.iter_mut().skip(1).zip(b) {
            let replaced = diagonal + usize::from(x != y);
            diagonal = *slot;
            left = replaced.min(diagonal + 1).min(left + 1);
            *slot = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_its_word_and_a_strange_word_finds_none() {
        let known = ["acknowledge", "contain", "close"];
        assert_eq!(nearest("aknowledge", known), Some("acknowledge"));
        assert_eq!(nearest("Contian", known), Some("contain"));
        assert_eq!(nearest("ack", known), Some("acknowledge"));
        assert_eq!(nearest("zebra", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest("outage", ["fraud/phishing", "availability/outage"]), Some("availability/outage"));
    }
}
