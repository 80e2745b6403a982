//! What is said after Slack was answered: a sentence to one person, where Slack would wait in vain for us to say it. It
//! carries no state. A service that stops says it first.

use std::time::Duration;

use tokio::sync::watch;

/// How long a service that stops waits for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much is still to be said.
#[derive(Debug, Default)]
pub struct Afterwards(watch::Sender<usize>);

/// Counts itself out when it is done, however it ends.
struct UnderWay(watch::Sender<usize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|left| *left = left.saturating_sub(1));
    }
}

impl Afterwards {
    /// Says it beside everything else.
    pub fn say(&self, saying: impl Future<Output = ()> + Send + 'static) {
        self.0.send_modify(|left| *left += 1);
        let counted = UnderWay(self.0.clone());
        tokio::spawn(async move {
            let _counted = counted;
            saying.await;
        });
    }

    /// Waits until everything is said, or so long that nobody listens any more.
    pub async fn settled(&self) {
        let mut left = self.0.subscribe();
        if tokio::time::timeout(PATIENCE, left.wait_for(|left| *left == 0)).await.is_err() {
            tracing::warn!("something was still to be said in Slack");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_to_be_said_is_waited_for_also_when_it_breaks_down() {
        let after = Afterwards::default();
        let (tell, told) = tokio::sync::oneshot::channel::<()>();
        after.say(async {
            assert!(told.await.is_err(), "this one breaks down");
            panic!("as it was to");
        });
        assert_eq!(*after.0.borrow(), 1);
        drop(tell);
        after.settled().await;
        assert_eq!(*after.0.borrow(), 0);
    }
}
