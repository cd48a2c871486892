//! Threads that wait for chunks of work.
//!
//! A job is a number of chunks and a function; caller and workers draw chunks from one counter. A
//! worker that wakes too late finds the job closed and is not waited for. What a chunk computes
//! never depends on who computes it, so results are the same for any number of threads.

#![allow(unsafe_code)]
#![allow(clippy::inline_always, reason = "see `simd`")]

use std::any::Any;
use std::marker::PhantomData;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, LazyLock, Mutex, PoisonError, TryLockError};

use super::isa;

/// How often a waiting thread looks before it sleeps: some tens of microseconds.
const SPINS: u32 = 20_000;

/// A worker may join the job.
const OPEN: u64 = 1;
/// One worker at work.
const WORKER: u64 = 2;
/// The number of the job.
const JOB: u64 = 1 << 32;

type Task<'a> = dyn Fn(usize) + Sync + 'a;

struct Pool {
    /// `OPEN`, workers at work, number of the job.
    state: AtomicU64,
    next: AtomicUsize,
    chunks: AtomicUsize,
    /// The job's function; valid while the state is open or a worker is at work.
    task: AtomicTask,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    sleepers: AtomicUsize,
    gate: Mutex<()>,
    wake: Condvar,
    /// Held by the thread whose job runs; holds the number of workers started.
    owner: Mutex<usize>,
    threads: AtomicUsize,
}

/// A fat pointer in two words.
#[derive(Default)]
struct AtomicTask {
    words: [AtomicUsize; 2],
}

impl AtomicTask {
    fn store(&self, task: &Task<'_>) {
        // SAFETY: a reference to a trait object is two words.
        let words: [usize; 2] = unsafe { std::mem::transmute::<&Task<'_>, [usize; 2]>(task) };
        self.words[0].store(words[0], Ordering::Relaxed);
        self.words[1].store(words[1], Ordering::Relaxed);
    }

    /// # Safety
    /// `store` has been called, and its argument lives as long as the result is used.
    unsafe fn load<'a>(&self) -> &'a Task<'a> {
        let words = [0, 1].map(|i| self.words[i].load(Ordering::Relaxed));
        // SAFETY: the words came from a reference that the caller says is alive.
        unsafe { std::mem::transmute::<[usize; 2], &'a Task<'a>>(words) }
    }
}

static POOL: LazyLock<Pool> = LazyLock::new(|| Pool {
    state: AtomicU64::new(0),
    next: AtomicUsize::new(0),
    chunks: AtomicUsize::new(0),
    task: AtomicTask::default(),
    panic: Mutex::new(None),
    sleepers: AtomicUsize::new(0),
    gate: Mutex::new(()),
    wake: Condvar::new(),
    owner: Mutex::new(0),
    threads: AtomicUsize::new(physical_cores()),
});

/// How many threads compute, the caller included.
pub fn threads() -> usize {
    POOL.threads.load(Ordering::Relaxed)
}

/// Sets how many threads compute, the caller included; at least one. Results do not change.
pub fn set_threads(threads: usize) {
    POOL.threads.store(threads.max(1), Ordering::Relaxed);
}

/// Calls `task(i)` once for each `i` below `chunks`, on several threads, and returns when all are
/// done. From within a task, or while another thread's job runs, the calling thread does it alone. A
/// [`with_isa`](super::with_isa) around the call holds for all tasks.
///
/// # Panics
/// When a task panics, after all tasks have ended.
pub fn parallel_for(chunks: usize, task: impl Fn(usize) + Sync) {
    let forced = isa::forced();
    let task = |i| isa::with_forced(forced, || task(i));
    if chunks > 1 && threads() > 1 {
        let owner = match POOL.owner.try_lock() {
            Ok(owner) => Some(owner),
            Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        if let Some(mut workers) = owner {
            POOL.start_workers(&mut workers);
            POOL.run(chunks, &task);
            let panic = POOL
                .panic
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            drop(workers);
            if let Some(panic) = panic {
                resume_unwind(panic);
            }
            return;
        }
    }
    (0..chunks).for_each(task);
}

impl Pool {
    fn start_workers(&'static self, started: &mut usize) {
        while *started + 1 < threads() {
            let index = *started;
            let name = format!("tensor-{index}");
            let worker = std::thread::Builder::new()
                .name(name)
                .spawn(move || self.work(index));
            if worker.is_err() {
                // Fewer threads compute the same result.
                return;
            }
            *started += 1;
        }
    }

    fn run(&self, chunks: usize, task: &Task<'_>) {
        self.next.store(0, Ordering::Relaxed);
        self.chunks.store(chunks, Ordering::Relaxed);
        self.task.store(task);
        let job = (self.state.load(Ordering::Relaxed) & !(JOB - 1)).wrapping_add(JOB);
        self.state.store(job | OPEN, Ordering::SeqCst);
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            drop(self.gate.lock());
            self.wake.notify_all();
        }
        self.draw(task);
        self.state.fetch_and(!OPEN, Ordering::AcqRel);
        let mut spins = 0;
        while self.state.load(Ordering::Acquire) != job {
            spins += 1;
            if spins < SPINS {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
    }

    /// Computes chunks until none is left.
    fn draw(&self, task: &Task<'_>) {
        let chunks = self.chunks.load(Ordering::Relaxed);
        loop {
            let i = self.next.fetch_add(1, Ordering::Relaxed);
            if i >= chunks {
                return;
            }
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| task(i))) {
                self.panic
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get_or_insert(panic);
            }
        }
    }

    /// The life of a worker.
    fn work(&self, index: usize) {
        let mut done = 0;
        loop {
            let state = self.wait(index, done);
            let joined = state + WORKER;
            let join =
                self.state
                    .compare_exchange(state, joined, Ordering::Acquire, Ordering::Relaxed);
            if join.is_ok() {
                // SAFETY: the job was open when this worker joined, so the caller waits for it.
                self.draw(unsafe { self.task.load() });
                done = state & !(JOB - 1);
                self.state.fetch_sub(WORKER, Ordering::Release);
            }
        }
    }

    /// Returns an open state of a job other than `done`.
    fn wait(&self, index: usize, done: u64) -> u64 {
        let open = || {
            let state = self.state.load(Ordering::SeqCst);
            let new = state & OPEN != 0 && state & !(JOB - 1) != done && index + 1 < threads();
            new.then_some(state)
        };
        for _ in 0..SPINS {
            if let Some(state) = open() {
                return state;
            }
            std::hint::spin_loop();
        }
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        let state = loop {
            if let Some(state) = open() {
                break state;
            }
            gate = self.wake.wait(gate).unwrap_or_else(PoisonError::into_inner);
        };
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
        state
    }
}

/// Cores, counting the two threads of a core once; at most what this process may use.
fn physical_cores() -> usize {
    let logical = std::thread::available_parallelism().map_or(1, usize::from);
    let siblings = std::fs::read_to_string("/sys/devices/system/cpu/smt/active");
    let shared = siblings.is_ok_and(|active| active.trim() == "1");
    if shared { logical.div_ceil(2) } else { logical }
}

/// An output that the chunks of a job write, each its own part.
pub(super) struct Shared<'a, T> {
    pointer: *mut T,
    len: usize,
    lifetime: PhantomData<&'a mut [T]>,
}

impl<T> Clone for Shared<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<'_, T> {}

// SAFETY: it stands for the unique slice it was made from; see `part`.
unsafe impl<T: Send> Send for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub(super) fn new(slice: &'a mut [T]) -> Self {
        Self {
            pointer: slice.as_mut_ptr(),
            len: slice.len(),
            lifetime: PhantomData,
        }
    }

    /// A part of the output.
    ///
    /// # Safety
    /// No other thread holds an overlapping part, and this one holds none.
    #[inline(always)]
    #[expect(clippy::mut_from_ref, reason = "the caller keeps parts apart")]
    pub(super) unsafe fn part(&self, range: Range<usize>) -> &mut [T] {
        assert!(
            range.start <= range.end && range.end <= self.len,
            "a part outside its output"
        );
        // SAFETY: inside the slice, which is borrowed for `'a`; unique as the caller promises.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.add(range.start), range.len()) }
    }
}

/// `task(i)` of each `i` below `count`, in order; see [`parallel_for`].
pub fn parallel_map<T: Send>(count: usize, task: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let mut results: Vec<Option<T>> = (0..count).map(|_| None).collect();
    parallel_parts(&mut results, 1, |i, result| result[0] = Some(task(i)));
    let results = results
        .into_iter()
        .map(|result| result.expect("every task ran"));
    results.collect()
}

/// Divides `out` into parts of `len` elements and calls `task(i, part)` for each; see [`parallel_for`].
pub fn parallel_parts<T: Send>(out: &mut [T], len: usize, task: impl Fn(usize, &mut [T]) + Sync) {
    let len = len.max(1);
    let (total, shared) = (out.len(), Shared::new(out));
    parallel_for(total.div_ceil(len), |i| {
        // SAFETY: parts of different chunks do not overlap.
        task(i, unsafe { shared.part(i * len..total.min((i + 1) * len)) });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[test]
    fn every_chunk_runs_once() {
        for chunks in [0, 1, 2, 7, 1000] {
            let counts: Vec<AtomicUsize> = (0..chunks).map(|_| AtomicUsize::new(0)).collect();
            for _ in 0..50 {
                parallel_for(chunks, |i| {
                    counts[i].fetch_add(1, Ordering::Relaxed);
                });
            }
            assert!(
                counts
                    .iter()
                    .all(|count| count.load(Ordering::Relaxed) == 50),
                "{chunks}"
            );
        }
    }

    #[test]
    fn a_job_within_a_job_runs() {
        let total = AtomicUsize::new(0);
        parallel_for(8, |_| {
            parallel_for(8, |i| {
                total.fetch_add(i, Ordering::Relaxed);
            });
        });
        assert_eq!(total.into_inner(), 8 * 28);
    }

    #[test]
    fn a_forced_set_holds_in_all_tasks() {
        let sets = isa::with_isa(Isa::Reference, || parallel_map(64, |_| Isa::current()));
        assert!(sets.into_iter().all(|set| set == Isa::Reference));
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        let result = catch_unwind(|| parallel_for(16, |i| assert_ne!(i, 9, "nine")));
        assert!(result.is_err());
        parallel_for(4, |_| ());
    }
}
