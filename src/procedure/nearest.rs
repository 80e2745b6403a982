//! The nearest known word to one that is not known.

/// What follows "`x` is not a role": "; did you mean `y`? " when a known word is near enough, otherwise ". ".
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let limit = (word.chars().count() / 3).clamp(1, 3);
    let best = known.into_iter().map(|k| (distance(word, k), k)).filter(|(d, _)| *d <= limit).min();
    best.map_or_else(|| ". ".to_owned(), |(_, k)| format!("; did you mean `{k}`? "))
}

/// How many letters are wrong, missing, too many or swapped with their neighbour, where case counts nothing; over at most
/// 64 characters of each.
fn distance(a: &str, b: &str) -> usize {
    let lower = |s: &str| s.chars().take(64).flat_map(char::to_lowercase).collect::<Vec<_>>();
    let (a, b) = (lower(a), lower(b));
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_the_hand_finds_its_word_and_a_strange_word_finds_none() {
        let known = ["approver", "responder", "start"];
        assert_eq!(nearest("responsder", known), "; did you mean `responder`? ");
        assert_eq!(nearest("Responder", known), "; did you mean `responder`? ");
        assert_eq!(nearest("strat", known), "; did you mean `start`? ");
        assert_eq!(nearest("zebra", known), ". ");
        assert_eq!(nearest("", ["a", "b"]), "; did you mean `a`? ");
    }
}
