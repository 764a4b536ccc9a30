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
pub(crate) struct Answer<T> {
    /// Where it is waited for, as far as one can know: whoever has moved on costs one more call.
    thread: ThreadId,
    sender: oneshot::Sender<(T, Others<T>)>,
}

/// Where it comes from.
pub(crate) struct Answered<T>(oneshot::Receiver<(T, Others<T>)>);

/// Answers of others on the same thread, which come with one's own. They are handed over when this is dropped:
/// by who gets it, or where nobody waits for it any more, on the spot.
struct Others<T>(Vec<(Answer<T>, T)>);

/// For whoever is on this thread.
pub(crate) fn answer<T>() -> (Answer<T>, Answered<T>) {
    let (sender, receiver) = oneshot::channel();
    (Answer { thread: thread::current().id(), sender }, Answered(receiver))
}

impl<T> Answer<T> {
    /// Whether nobody waits for it any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    fn send(self, own: T, others: Vec<(Self, T)>) {
        // Whoever has gone away does not hear of it.
        drop(self.sender.send((own, Others(others))));
    }
}

impl<T> Answered<T> {
    /// Waits for it.
    ///
    /// # Errors
    /// Where whoever was to answer has ended without.
    pub(crate) async fn get(self) -> Result<T> {
        let (own, _others) = self.0.await.map_err(|error| Error::caused_by(ErrorCode::Internal, error))?;
        Ok(own)
    }
}

impl<T> Drop for Others<T> {
    fn drop(&mut self) {
        for (answer, own) in self.0.drain(..) {
            answer.send(own, Vec::new());
        }
    }
}

/// Answers all of them.
pub(crate) fn send<T>(answers: impl IntoIterator<Item = (Answer<T>, T)>) {
    let mut threads: HashMap<ThreadId, Vec<(Answer<T>, T)>> = HashMap::new();
    for (answer, own) in answers {
        threads.entry(answer.thread).or_default().push((answer, own));
    }
    for mut others in threads.into_values() {
        let Some((first, own)) = others.pop() else { continue };
        first.send(own, others);
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
        for (gone, early) in (0..4).flat_map(|gone| [(gone, true), (gone, false)]) {
            let (answers, mut waiting): (Vec<_>, Vec<_>) = (0..4).map(|_| answer()).unzip();
            let mut leaves = Some(waiting.remove(gone)).filter(|_| !early);
            send(answers.into_iter().zip(0..));
            // It has had its answer, and did not look at it.
            drop(leaves.take());
            let answered = join_all(waiting.into_iter().map(Answered::get)).await;
            let answered: Vec<usize> = answered.into_iter().map(Result::unwrap).collect();
            let expected: Vec<usize> = (0..4).filter(|own| *own != gone).collect();
            assert_eq!(answered, expected);
        }
    }

    /// Counts how often it was called.
    #[derive(Default)]
    struct Calls(AtomicUsize);

    impl ArcWake for Calls {
        fn wake_by_ref(calls: &Arc<Self>) {
            calls.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn one_is_called_and_calls_the_others() {
        let calls = Arc::new(Calls::default());
        let waker = waker(Arc::clone(&calls));
        let mut context = Context::from_waker(&waker);
        let (answers, waiting): (Vec<_>, Vec<_>) = (0..4).map(|_| answer()).unzip();
        let mut waiting: Vec<_> = waiting.into_iter().map(|answered| Box::pin(answered.get())).collect();
        let mut answered = || {
            waiting
                .iter_mut()
                .map(|wait| usize::from(wait.as_mut().poll(&mut context).is_ready()))
                .sum::<usize>()
        };
        assert_eq!(answered(), 0);
        send(answers.into_iter().zip(0..));
        assert_eq!(calls.0.load(Ordering::Relaxed), 1);
        assert_eq!(answered(), 1);
        assert_eq!(calls.0.load(Ordering::Relaxed), 4);
    }

    #[tokio::test]
    async fn who_is_never_answered_is_told() {
        let (gone, answered) = answer::<()>();
        drop(gone);
        assert_eq!(answered.get().await.unwrap_err().code(), ErrorCode::Internal);
    }
}
