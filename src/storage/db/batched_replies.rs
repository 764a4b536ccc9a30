//! Answers on their way to those who wait for them on the threads of the web server.
//!
//! To wake somebody on another thread is a system call, each time: a thread's runtime does not remember that
//! it has been called already. So of all who wait on a thread one is called, and wakes the others there, which
//! needs none. (Each waits in a task of its own, or together with others that are polled when it is called:
//! who is called and not polled would keep the others waiting.)

use std::collections::HashMap;
use std::thread::{self, ThreadId};

use tokio::sync::oneshot;

use crate::domain::{Error, ErrorCode, Result};

/// Where an answer goes.
pub(crate) struct ReplySender<T> {
    /// Where it is waited for, as far as one can know: whoever has moved on costs one more call.
    thread: ThreadId,
    sender: oneshot::Sender<(T, OtherReplies<T>)>,
}

/// Where it comes from.
pub(crate) struct ReplyReceiver<T>(oneshot::Receiver<(T, OtherReplies<T>)>);

/// Answers of others on the same thread, which come with one's own. They are handed over when this is dropped:
/// by who gets it, or where nobody waits for it any more, on the spot.
struct OtherReplies<T>(Vec<(ReplySender<T>, T)>);

/// For whoever is on this thread.
pub(crate) fn channel<T>() -> (ReplySender<T>, ReplyReceiver<T>) {
    let (sender, receiver) = oneshot::channel();
    (ReplySender { thread: thread::current().id(), sender }, ReplyReceiver(receiver))
}

impl<T> ReplySender<T> {
    /// Whether nobody waits for it any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    fn send(self, reply: T, others: Vec<(Self, T)>) {
        // Whoever has gone away does not hear of it.
        drop(self.sender.send((reply, OtherReplies(others))));
    }
}

impl<T> ReplyReceiver<T> {
    /// Waits for it.
    ///
    /// # Errors
    /// Where whoever was to answer has ended without.
    pub(crate) async fn receive(self) -> Result<T> {
        let (reply, _others) = self.0.await.map_err(|error| Error::caused_by(ErrorCode::Internal, error))?;
        Ok(reply)
    }
}

impl<T> Drop for OtherReplies<T> {
    fn drop(&mut self) {
        for (sender, reply) in self.0.drain(..) {
            sender.send(reply, Vec::new());
        }
    }
}

/// Answers all of them.
pub(crate) fn send_all<T>(replies: impl IntoIterator<Item = (ReplySender<T>, T)>) {
    let mut threads: HashMap<ThreadId, Vec<(ReplySender<T>, T)>> = HashMap::new();
    for (sender, reply) in replies {
        threads.entry(sender.thread).or_default().push((sender, reply));
    }
    for mut others in threads.into_values() {
        let Some((first, reply)) = others.pop() else { continue };
        first.send(reply, others);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Context;

    use futures_util::future::join_all;
    use futures_util::task::{ArcWake, waker};

    use super::*;

    #[tokio::test]
    async fn each_gets_its_own_whoever_goes_away() {
        for (cancelled, early) in (0..4).flat_map(|cancelled| [(cancelled, true), (cancelled, false)]) {
            let (replies, mut waiting): (Vec<_>, Vec<_>) = (0..4).map(|_| channel()).unzip();
            let mut leaves = Some(waiting.remove(cancelled)).filter(|_| !early);
            send_all(replies.into_iter().zip(0..));
            // It has had its answer, and did not look at it.
            drop(leaves.take());
            let received = join_all(waiting.into_iter().map(ReplyReceiver::receive)).await;
            let received: Vec<usize> = received.into_iter().map(Result::unwrap).collect();
            let expected: Vec<usize> = (0..4).filter(|reply| *reply != cancelled).collect();
            assert_eq!(received, expected);
        }
    }

    /// Counts how often it was called.
    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl ArcWake for Wakes {
        fn wake_by_ref(wakes: &Arc<Self>) {
            wakes.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn one_is_called_and_calls_the_others() {
        let wakes = Arc::new(Wakes::default());
        let waker = waker(Arc::clone(&wakes));
        let mut context = Context::from_waker(&waker);
        let (replies, waiting): (Vec<_>, Vec<_>) = (0..4).map(|_| channel()).unzip();
        let mut waiting: Vec<_> = waiting.into_iter().map(|received| Box::pin(received.receive())).collect();
        let mut received = || {
            waiting
                .iter_mut()
                .map(|wait| usize::from(wait.as_mut().poll(&mut context).is_ready()))
                .sum::<usize>()
        };
        assert_eq!(received(), 0);
        send_all(replies.into_iter().zip(0..));
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        assert_eq!(received(), 1);
        assert_eq!(wakes.0.load(Ordering::Relaxed), 4);
    }

    #[tokio::test]
    async fn who_is_never_answered_is_told() {
        let (cancelled, received) = channel::<()>();
        drop(cancelled);
        assert_eq!(received.receive().await.unwrap_err().code(), ErrorCode::Internal);
    }
}
