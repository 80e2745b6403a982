//! Drawing tickets at random so that anybody can draw them again: from the numbers of those that could have been drawn, and a
//! seed that stands in the log beside a digest of these numbers.
//!
//! Each number's place is the SHA-256 (hex) of `SEED NUMBER`, the seed, a space and the number; the tickets with the smallest
//! ones are drawn. `printf '%s %s' SEED NUMBER | sha256sum` says it of each, and `sort | head` draws.

use sha2::{Digest, Sha256};

use super::number::Number;

/// SHA-256 (hex) of the numbers that could be drawn, in the order of their prefixes and counts, each on a line of its own.
#[must_use]
pub fn digest(population: &[Number]) -> String {
    let mut sorted: Vec<&Number> = population.iter().collect();
    sorted.sort_unstable();
    let mut hash = Sha256::new();
    for number in sorted {
        hash.update(number.to_string());
        hash.update(b"\n");
    }
    hex::encode(hash.finalize())
}

/// The `size` tickets that the seed draws, in the order of their numbers; all of them where there are no more.
#[must_use]
pub fn draw(population: &[Number], seed: &str, size: usize) -> Vec<Number> {
    let place = |number: &Number| (Sha256::digest(format!("{seed} {number}")).to_vec(), number.clone());
    let mut places: Vec<(Vec<u8>, Number)> = population.iter().map(place).collect();
    places.sort_unstable();
    places.dedup();
    let mut drawn: Vec<Number> = places.into_iter().take(size).map(|(_, number)| number).collect();
    drawn.sort_unstable();
    drawn
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn numbers(count: u64) -> Vec<Number> {
        (1..=count).map(|n| Number::new("CHG", n)).collect()
    }

    #[test]
    fn the_same_seed_draws_the_same_in_whatever_order_the_numbers_come() {
        let all = numbers(50);
        let mut turned = all.clone();
        turned.reverse();
        let drawn = draw(&all, "a seed", 7);
        assert_eq!((drawn.len(), &draw(&turned, "a seed", 7)), (7, &drawn));
        assert!(drawn.is_sorted());
        assert_ne!(draw(&all, "another", 7), drawn);
        assert_eq!(digest(&all), digest(&turned));
        assert_ne!(digest(&all), digest(&all[1..]));
        // What `printf 'CHG-000001\nCHG-000002\n' | sha256sum` says.
        assert_eq!(digest(&numbers(2)), hex::encode(Sha256::digest("CHG-000001\nCHG-000002\n")));
    }

    #[test]
    fn there_is_never_more_than_there_is_and_nothing_twice() {
        assert_eq!(draw(&numbers(3), "a", 10), numbers(3));
        assert_eq!(draw(&[], "a", 10), []);
        let twice = [numbers(3), numbers(3)].concat();
        assert_eq!(draw(&twice, "a", 10), numbers(3));
    }

    #[test]
    fn every_ticket_is_as_likely_as_another() {
        let mut times: BTreeMap<Number, u32> = BTreeMap::new();
        for seed in 0..2_000 {
            for number in draw(&numbers(20), &seed.to_string(), 5) {
                *times.entry(number).or_default() += 1;
            }
        }
        // 500 each is expected, with a standard deviation of 19.4; the seeds are fixed, so this never comes out otherwise.
        assert!(times.len() == 20 && times.values().all(|n| (400..600).contains(n)), "{times:?}");
    }
}
