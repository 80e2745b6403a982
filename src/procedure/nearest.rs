//! The nearest known word to one that is not known.

/// "did you mean `responder`? " when a known word is near enough, otherwise nothing.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let limit = (word.chars().count() / 3).clamp(1, 3);
    let best = known.into_iter().map(|k| (distance(word, k), k)).filter(|(d, _)| *d <= limit).min();
    best.map_or_else(String::new, |(_, k)| format!("did you mean `{k}`? "))
}

/// Levenshtein's distance where case counts nothing, over at most 64 characters of each.
fn distance(a: &str, b: &str) -> usize {
    let lower = |s: &str| s.chars().take(64).flat_map(char::to_lowercase).collect::<Vec<_>>();
    let (a, b) = (lower(a), lower(b));
    let mut row = (0..=b.len()).collect::<Vec<_>>();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_the_hand_finds_its_word_and_a_strange_word_finds_none() {
        assert_eq!(nearest("responsder", ["approver", "responder"]), "did you mean `responder`? ");
        assert_eq!(nearest("Responder", ["approver", "responder"]), "did you mean `responder`? ");
        assert_eq!(nearest("zebra", ["approver", "responder"]), "");
        assert_eq!(nearest("", ["a", "b"]), "did you mean `a`? ");
    }
}
