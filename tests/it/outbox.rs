//! The outbox: what waits for a channel is sent once, and what replaces it while it is on its way is not forgotten.

use super::world::{World, on_both};

const CHANNEL: &str = "witness:test.invalid/witness";

async fn what_is_queued_while_an_older_one_is_on_its_way_is_due_as_soon_as_that_arrived(w: &mut World) {
    let store = w.store().await;
    store.queue(CHANNEL, 0, 1, "1").await.expect("queued");
    let first = store.lease(CHANNEL, 10, 1000).await.expect("looked").expect("it is due");
    store.queue(CHANNEL, 0, 11, "2").await.expect("queued");
    assert!(store.lease(CHANNEL, 12, 1000).await.expect("looked").is_none(), "one at a time on a channel");
    store.delivered(CHANNEL, &first, 12).await.expect("noted");
    let second = store.lease(CHANNEL, 13, 1000).await.expect("looked").expect("the newer one is due at once");
    assert_eq!((second.payload.as_str(), second.attempts), ("2", 0));
    store.delivered(CHANNEL, &second, 14).await.expect("noted");
    assert!(store.lease(CHANNEL, 2000, 3000).await.expect("looked").is_none(), "nothing is left");
}
on_both!(what_is_queued_while_an_older_one_is_on_its_way_is_due_as_soon_as_that_arrived);

async fn who_was_too_slow_does_not_end_anybody_elses_turn(w: &mut World) {
    let store = w.store().await;
    store.queue(CHANNEL, 0, 1, "1").await.expect("queued");
    let slow = store.lease(CHANNEL, 10, 100).await.expect("looked").expect("it is due");
    store.queue(CHANNEL, 0, 11, "2").await.expect("queued");
    let other = store.lease(CHANNEL, 200, 300).await.expect("looked").expect("the turn ran out, another replica takes it");
    store.delivered(CHANNEL, &slow, 205).await.expect("noted");
    assert!(store.lease(CHANNEL, 210, 400).await.expect("looked").is_none(), "it is still the other's");
    store.delivered(CHANNEL, &other, 220).await.expect("noted");
    assert!(store.lease(CHANNEL, 2000, 3000).await.expect("looked").is_none(), "nothing is left");
}
on_both!(who_was_too_slow_does_not_end_anybody_elses_turn);

async fn who_was_too_slow_does_not_put_off_what_is_anothers_turn(w: &mut World) {
    let store = w.store().await;
    store.queue(CHANNEL, 0, 1, "1").await.expect("queued");
    let slow = store.lease(CHANNEL, 10, 100).await.expect("looked").expect("it is due");
    let other = store.lease(CHANNEL, 200, 300).await.expect("looked").expect("the turn ran out, another replica takes it");
    assert_eq!((slow.attempts, other.attempts), (0, 1), "and sees that it was tried");
    store.later(CHANNEL, &slow, 205).await.expect("noted");
    assert!(store.lease(CHANNEL, 210, 400).await.expect("looked").is_none(), "it is still the other's");
    store.later(CHANNEL, &other, 250).await.expect("noted");
    assert!(store.lease(CHANNEL, 249, 400).await.expect("looked").is_none(), "it waits as long as the other said");
    let third = store.lease(CHANNEL, 250, 400).await.expect("looked").expect("it is due again");
    store.delivered(CHANNEL, &third, 260).await.expect("noted");
}
on_both!(who_was_too_slow_does_not_put_off_what_is_anothers_turn);
