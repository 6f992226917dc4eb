//! One way to ask the workers, to cancel what nobody waits for any more, and to drop what comes late. An answer about other
//! data than the page shows is forgotten the moment the data changes, so nothing stale is ever shown.

use std::sync::Arc;

use leptos::prelude::*;

use crate::protocol::jobs::Listed;
use crate::protocol::{Bytes, DataId, Job};
use crate::web::{OnProgress, Parcel, Pool, PoolError};

/// Where the reader is told what failed.
pub(super) type Failure = RwSignal<Option<String>>;

/// A question of the page with its last answer.
pub(super) struct Query<T: Send + Sync + 'static> {
    answer: RwSignal<Option<Arc<T>>>,
    /// While a question is under way: work done and all, 0 if not known.
    progress: RwSignal<Option<(u64, u64)>>,
    asked: StoredValue<Asked, LocalStorage>,
}

impl<T: Send + Sync> Clone for Query<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync> Copy for Query<T> {}

/// What was asked last.
#[derive(Default)]
struct Asked {
    /// Its number: the answer to an older one is void.
    ticket: u32,
    /// The data that it is about.
    of: Option<DataId>,
    /// What ends each part of it that is under way.
    ends: Vec<(u32, Box<dyn FnOnce()>)>,
    next: u32,
}

impl<T: Send + Sync + 'static> Query<T> {
    pub(super) fn new() -> Self {
        Self {
            answer: RwSignal::default(),
            progress: RwSignal::default(),
            asked: StoredValue::new_local(Asked::default()),
        }
    }

    /// The last answer.
    pub(super) fn get(self) -> Option<Arc<T>> {
        self.answer.get()
    }

    /// The same, without following it.
    pub(super) fn get_untracked(self) -> Option<Arc<T>> {
        self.answer.get_untracked()
    }

    /// Reads the last answer.
    pub(super) fn with<R>(self, read: impl FnOnce(&Option<Arc<T>>) -> R) -> R {
        self.answer.with(read)
    }

    /// How far a question under way is: done and all; none if there is none.
    pub(super) fn progress(self) -> Option<(u64, u64)> {
        self.progress.get()
    }

    /// Ends what is under way. The last answer stays.
    pub(super) fn cancel(self) {
        let ends = self.asked.try_update_value(|asked| {
            asked.ticket = asked.ticket.wrapping_add(1);
            std::mem::take(&mut asked.ends)
        });
        ends.into_iter().flatten().for_each(|(_, end)| end());
        if self.progress.with_untracked(Option::is_some) {
            self.progress.set(None);
        }
    }

    /// Ends what is under way, and forgets the last answer.
    pub(super) fn clear(self) {
        self.cancel();
        if self.answer.with_untracked(Option::is_some) {
            self.answer.set(None);
        }
    }

    /// Begins a question about some data: what was asked before is void, and an answer about other data forgotten. One about
    /// the same data stays until the new one is there: a moving slider never blinks.
    pub(super) fn ask(self, pool: &Pool, of: &DataId) -> Ticket<T> {
        let same = self.asked.try_update_value(|asked| asked.of.replace(of.clone()).as_ref() == Some(of));
        if same == Some(true) {
            self.cancel();
        } else {
            self.clear();
        }
        self.ticket(pool)
    }

    /// Begins a question whose last answer is forgotten.
    pub(super) fn ask_anew(self, pool: &Pool) -> Ticket<T> {
        self.clear();
        self.ticket(pool)
    }

    /// Begins a question whose last answer stays, whatever it was about.
    pub(super) fn ask_again(self, pool: &Pool) -> Ticket<T> {
        self.cancel();
        self.ticket(pool)
    }

    fn ticket(self, pool: &Pool) -> Ticket<T> {
        self.progress.set(Some((0, 0)));
        Ticket { query: self, number: self.asked.with_value(|a| a.ticket), pool: pool.clone() }
    }

    /// Takes an answer that came with another.
    pub(super) fn put(self, of: &DataId, answer: T) {
        self.cancel();
        self.asked.update_value(|asked| asked.of = Some(of.clone()));
        self.answer.set(Some(Arc::new(answer)));
    }
}

/// A question under way. Once another is asked, its parts end, and what comes of them is [`PoolError::Void`].
pub(super) struct Ticket<T: Send + Sync + 'static> {
    query: Query<T>,
    number: u32,
    pool: Pool,
}

impl<T: Send + Sync> Clone for Ticket<T> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), ..*self }
    }
}

impl<T: Send + Sync + 'static> Ticket<T> {
    /// Whether no other question was asked since.
    pub(super) fn is_last(&self) -> bool {
        self.query.asked.try_with_value(|a| a.ticket) == Some(self.number)
    }

    /// Asks a worker as a part of this question.
    pub(super) async fn job<J: Listed>(&self, worker: usize, job: J) -> Result<J::Reply, PoolError> {
        self.job_with(worker, job, None, Box::new(|_, _| {})).await
    }

    /// The same, on a parcel and with progress.
    pub(super) async fn job_with<J: Listed>(
        &self,
        worker: usize,
        job: J,
        parcel: Option<Parcel>,
        on_progress: OnProgress,
    ) -> Result<J::Reply, PoolError> {
        if !self.is_last() {
            return Err(PoolError::Void);
        }
        let (number, reply) = self.pool.ask(worker, &job, parcel, on_progress);
        self.wait(number, reply).await
    }

    /// Asks a worker for bytes that are only handed on.
    pub(super) async fn parcel<J: Listed + Job<Reply = Bytes>>(
        &self,
        worker: usize,
        job: J,
    ) -> Result<Parcel, PoolError> {
        if !self.is_last() {
            return Err(PoolError::Void);
        }
        let (number, reply) = self.pool.parcel(worker, &job);
        self.wait(number, reply).await
    }

    async fn wait<R>(&self, job: u32, reply: impl Future<Output = Result<R, PoolError>>) -> Result<R, PoolError> {
        let pool = self.pool.clone();
        let end = self.on_end(move || pool.cancel(job));
        let reply = reply.await;
        self.query.asked.update_value(|asked| asked.ends.retain(|(e, _)| *e != end));
        if self.is_last() { reply } else { Err(PoolError::Void) }
    }

    /// Does something when the question ends before its answer.
    pub(super) fn on_end(&self, end: impl FnOnce() + 'static) -> u32 {
        let added = self.query.asked.try_update_value(|asked| {
            asked.next = asked.next.wrapping_add(1);
            asked.ends.push((asked.next, Box::new(end)));
            asked.next
        });
        added.unwrap_or_default()
    }

    /// Says how far it is.
    pub(super) fn tell(&self, done: u64, total: u64) {
        if self.is_last() {
            self.query.progress.set(Some((done, total)));
        }
    }

    /// What hears of progress and says it.
    pub(super) fn teller(&self) -> OnProgress {
        let ticket = self.clone();
        Box::new(move |done, total| ticket.tell(done, total))
    }

    /// A part of the answer: the question goes on.
    pub(super) fn answer_so_far(&self, answer: T) {
        if self.is_last() {
            self.query.answer.set(Some(Arc::new(answer)));
        }
    }

    /// Ends without an answer of its own.
    pub(super) fn end(&self) {
        if self.is_last() {
            self.query.asked.update_value(|asked| asked.ends.clear());
            self.query.progress.set(None);
        }
    }

    /// The answer. What comes late is dropped.
    pub(super) fn answer(&self, answer: T) {
        self.answer_so_far(answer);
        self.end();
    }

    /// The answer, or a word to the reader on why there is none; then what was shown goes too.
    pub(super) fn settle(&self, failure: Failure, answer: Result<T, PoolError>) {
        match answer {
            Ok(answer) => self.answer(answer),
            Err(why) => self.fail(failure, &why),
        }
    }

    /// There is no answer; what else is under way of the question ends too.
    pub(super) fn fail(&self, failure: Failure, why: &PoolError) {
        if !self.is_last() {
            return;
        }
        // Whoever replaced the data asks again.
        if *why == PoolError::Void {
            return self.query.cancel();
        }
        self.query.clear();
        failure.set(Some(why.to_string()));
    }
}
