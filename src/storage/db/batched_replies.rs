//! Batched replies: results of a batch on their way to the callers, which wait on the web server's threads.
//!
//! Waking a task on another thread costs a system call each time. So only one caller per thread is woken; it
//! gets the replies of the others on its thread and wakes them, which costs none. Each caller must wait in a
//! task of its own, or in one that is polled when it is woken: a caller that is woken but not polled would
//! hold back the others.

use std::collections::HashMap;
use std::thread::{self, ThreadId};

use tokio::sync::oneshot;

use crate::domain::{Error, ErrorCode, Result};

pub(crate) struct ReplySender<T> {
    /// The thread on which the reply is awaited, probably: a task that has migrated costs one more wake-up.
    thread: ThreadId,
    sender: oneshot::Sender<(T, OtherReplies<T>)>,
}

pub(crate) struct ReplyReceiver<T>(oneshot::Receiver<(T, OtherReplies<T>)>);

/// Replies for callers on the same thread, which travel with one reply. Forwarded on drop: by the caller that
/// receives them, or at once if that has gone.
struct OtherReplies<T>(Vec<(ReplySender<T>, T)>);

/// A channel to a caller on the current thread.
pub(crate) fn channel<T>() -> (ReplySender<T>, ReplyReceiver<T>) {
    let (sender, receiver) = oneshot::channel();
    (ReplySender { thread: thread::current().id(), sender }, ReplyReceiver(receiver))
}

impl<T> ReplySender<T> {
    /// Whether the caller has gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    fn send(self, reply: T, others: Vec<(Self, T)>) {
        // The caller may have gone.
        drop(self.sender.send((reply, OtherReplies(others))));
    }
}

impl<T> ReplyReceiver<T> {
    /// Waits for the reply.
    ///
    /// # Errors
    /// If the sender was dropped.
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

/// Sends one reply per thread directly, the others with it.
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
    async fn each_caller_gets_its_reply_whichever_has_gone() {
        for (cancelled, early) in (0..4).flat_map(|cancelled| [(cancelled, true), (cancelled, false)]) {
            let (replies, mut waiting): (Vec<_>, Vec<_>) = (0..4).map(|_| channel()).unzip();
            let mut leaves = Some(waiting.remove(cancelled)).filter(|_| !early);
            send_all(replies.into_iter().zip(0..));
            // Received, but never read.
            drop(leaves.take());
            let received = join_all(waiting.into_iter().map(ReplyReceiver::receive)).await;
            let received: Vec<usize> = received.into_iter().map(Result::unwrap).collect();
            let expected: Vec<usize> = (0..4).filter(|reply| *reply != cancelled).collect();
            assert_eq!(received, expected);
        }
    }

    /// Counts wake-ups.
    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl ArcWake for Wakes {
        fn wake_by_ref(wakes: &Arc<Self>) {
            wakes.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn one_caller_is_woken_and_wakes_the_others() {
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
    async fn a_dropped_sender_is_an_error() {
        let (cancelled, received) = channel::<()>();
        drop(cancelled);
        assert_eq!(received.receive().await.unwrap_err().code(), ErrorCode::Internal);
    }
}
