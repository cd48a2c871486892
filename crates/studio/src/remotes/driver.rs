//! Has the videos of one remote made, one at a time, and tells the store what came of it.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use kinora_engine::Cancel;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::client::{Client, Stage, Told};
use super::failure::Failure;
use super::request;
use crate::config::Remote;
use crate::hub::{Event, Hub};
use crate::metrics::Metrics;
use crate::outputs::{LocalFile, Outputs, patiently};
use crate::store::{Ending, Lease, Made, RemoteClaim, Result, Store, Tier};
use crate::worker::{self, Closing, Inspect, Program, Supervisor, pause};

/// How often the queue is looked at when nothing was announced.
const IDLE: Duration = Duration::from_secs(1);
/// How often a lease is prolonged and a stop is looked for.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often a create, a download or a stop is tried before it is given up.
const MOST_TRIES: u32 = 5;
/// Waits after failed tries: the first, and the longest.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// Waits between looks at a video of which the remote does not say when to look: the first, and the
/// longest.
const FIRST_LOOK: Duration = Duration::from_secs(1);
const LAST_LOOK: Duration = Duration::from_secs(15);
/// The shortest wait that a remote may ask for.
const SHORTEST_LOOK: Duration = Duration::from_millis(200);
/// Longest time that a worker may look at a clip.
const INSPECTION: Duration = Duration::from_mins(5);
/// Progress of the fetching and the looking; before them comes the remote's own.
const FETCHES: i64 = 95;
const LOOKS: i64 = 97;

/// The loop that keeps one place of a remote busy with the queue.
#[derive(Clone)]
pub struct Driver {
    store: Store,
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
    outputs: Outputs,
    /// What starts a worker, which looks at finished clips.
    program: Program,
    client: Client,
    remote: Remote,
    /// Largest video that it may send.
    most_bytes: u64,
    closing: watch::Receiver<Closing>,
}

/// How the making of one video came to its end, seen from here.
enum Outcome {
    Ended(Ending),
    /// The studio closes; the remote goes on.
    Closing,
    /// Another holds the lease.
    LeaseLost,
}

/// Why a video is not waited for any more.
enum Stop {
    Cancelled,
    Closing,
    LeaseLost,
}

/// One video on its way.
struct Job<'a> {
    driver: &'a Driver,
    claim: &'a RemoteClaim,
    progress: AtomicI64,
}

impl Driver {
    /// A driver of a remote, which works where the workers of this machine do.
    pub fn new(remote: Remote, most_bytes: u64, beside: &Supervisor) -> Self {
        Self {
            store: beside.store.clone(),
            hub: Arc::clone(&beside.hub),
            metrics: Arc::clone(&beside.metrics),
            outputs: beside.outputs.clone(),
            program: beside.program.clone(),
            client: Client::new(&remote),
            remote,
            most_bytes,
            closing: beside.closing.clone(),
        }
    }

    /// Has videos made until the studio closes. A database that fails is waited for.
    pub async fn run(mut self) {
        let mut queue = self.hub.queue_changes();
        while *self.closing.borrow() == Closing::Open {
            let claim = match self.store.claim_remote(&self.remote.name).await {
                Ok(Some(claim)) => claim,
                Ok(None) => {
                    tokio::select! {
                        _ = queue.changed() => {}
                        _ = self.closing.changed() => {}
                        () = sleep(IDLE) => {}
                    }
                    continue;
                }
                Err(error) => {
                    pause(&error, &self.closing).await;
                    continue;
                }
            };
            self.hub.queue_changed();
            let (video, remote) = (&claim.lease.id, &self.remote.name);
            if claim.asked.is_none() {
                self.metrics.waited(Tier::Standard, claim.waited);
                tracing::info!(video, remote, "begins");
            } else {
                tracing::info!(video, remote, "goes on");
            }
            let job = Job {
                driver: &self,
                claim: &claim,
                progress: AtomicI64::new(0),
            };
            let outcome = match job.run().await {
                Ok(outcome) => outcome,
                // Put back, it goes on where the database says that it is.
                Err(error) => {
                    pause(&error, &self.closing).await;
                    Outcome::Closing
                }
            };
            self.conclude(&claim.lease, outcome).await;
        }
    }

    /// Writes what became of a video until the database takes it: whether it was still ours; `None`
    /// when the studio closes before.
    async fn write(&self, lease: &Lease, outcome: &Outcome) -> Option<bool> {
        if let Outcome::Closing = outcome {
            // Before another studio goes on: its files lie in the same folder.
            self.outputs.sweep(&lease.output_key()).await;
        }
        loop {
            let written = match outcome {
                Outcome::Ended(ending) => self.store.conclude(lease, ending).await,
                Outcome::Closing => self.store.give_back(lease, false).await,
                Outcome::LeaseLost => Ok(false),
            };
            match written {
                Ok(is_ours) => return Some(is_ours),
                Err(error) if pause(&error, &self.closing).await => {}
                Err(_) => return None,
            }
        }
    }

    async fn conclude(&self, lease: &Lease, outcome: Outcome) {
        let key = lease.output_key();
        match (self.write(lease, &outcome).await, &outcome) {
            (Some(true), Outcome::Ended(ending)) => {
                self.metrics.ended(ending);
                match ending {
                    Ending::Completed { .. } => {
                        tracing::info!(video = lease.id, "completed");
                        self.outputs.settle(&key);
                    }
                    Ending::Failed { code, message } => {
                        tracing::info!(video = lease.id, code, message, "failed");
                        self.outputs.sweep(&key).await;
                    }
                }
            }
            (Some(false), _) => self.outputs.discard(&key).await,
            // Put back; or not written, and what could not be written may have been.
            _ => {}
        }
        self.hub.ended(&lease.id);
        self.hub.queue_changed();
    }
}

impl Job<'_> {
    async fn run(&self) -> Result<Outcome> {
        let claim = self.claim;
        let id = match (&claim.remote_id, &claim.asked) {
            (Some(id), _) => id.clone(),
            // Nobody knows whether that create arrived, and another may cost as much again.
            (None, Some(_)) if !self.driver.remote.idempotent => {
                return Ok(Outcome::Ended(if claim.is_cancelled {
                    self.cancelled_in_doubt("the answer to its create was lost")
                } else {
                    self.uncertain("the studio was stopped before it answered")
                }));
            }
            (None, None) if claim.is_cancelled => return Ok(Outcome::Ended(Ending::cancelled())),
            (None, earlier) => match self.ask(earlier.as_deref()).await? {
                Ok(id) => id,
                Err(outcome) => return Ok(outcome),
            },
        };
        tokio::select! {
            ending = self.follow(&id) => Ok(Outcome::Ended(ending?)),
            stop = self.stopped() => Ok(match stop? {
                Stop::Cancelled => Outcome::Ended(self.keeping(self.call_off(&id)).await),
                Stop::Closing => Outcome::Closing,
                Stop::LeaseLost => Outcome::LeaseLost,
            }),
        }
    }

    /// Asks for the video and learns its id there. A create on its way is never left alone, for its
    /// answer is the only one that tells the id.
    async fn ask(&self, earlier: Option<&str>) -> Result<std::result::Result<String, Outcome>> {
        let Driver { store, remote, .. } = self.driver;
        let lease = &self.claim.lease;
        let key = format!("{}-{}", lease.id, lease.token);
        let key = earlier.unwrap_or(&key);
        let image = match self.claim.inputs.image.as_deref() {
            Some(hash) => match self.keeping(self.driver.outputs.input(hash)).await {
                Ok(image) => Some(image),
                Err(error) => return Ok(Err(Outcome::Ended(error.ending()))),
            },
            None => None,
        };
        let image = image.as_ref().map(LocalFile::path);
        let body = match request::body(remote, &self.claim.request, image, key) {
            Ok(body) => body,
            Err(error) => {
                let message = format!("the picture to begin with cannot be read: {error}");
                let failure = Failure::lasting("media_failed", message);
                return Ok(Err(Outcome::Ended(failure.ending(&remote.name))));
            }
        };
        let mut tries = 0;
        loop {
            if !store.ask_remote(lease, Some(key)).await? {
                return Ok(Err(Outcome::LeaseLost));
            }
            let created = self.keeping(self.driver.client.create(&body, key));
            let failure = match created.await {
                Ok(told) => {
                    // The only answer that tells it: it must not be forgotten for a lock.
                    while let Err(error) = store.name_remote(lease, &told.id).await {
                        if !pause(&error, &self.driver.closing).await {
                            return Err(error);
                        }
                    }
                    return Ok(Ok(told.id));
                }
                Err(failure) => failure,
            };
            if failure.is_unsure && !remote.idempotent {
                let progress = self.progress.load(Ordering::Relaxed);
                let ending = match store.heartbeat(lease, progress).await? {
                    Some(true) => self.cancelled_in_doubt(&failure.message),
                    _ => self.uncertain(&failure.message),
                };
                return Ok(Err(Outcome::Ended(ending)));
            }
            if !failure.is_unsure {
                store.ask_remote(lease, None).await?;
            }
            tries += 1;
            let Some(wait) = next_try(&failure, tries) else {
                return Ok(Err(Outcome::Ended(failure.ending(&remote.name))));
            };
            tracing::warn!(video = lease.id, reason = failure.message, "asks again");
            match timeout(wait, self.stopped()).await {
                Err(_) => {}
                // Only another create tells which video to stop.
                Ok(Ok(Stop::Cancelled)) if failure.is_unsure => {}
                Ok(stop) => {
                    return Ok(Err(match stop? {
                        Stop::Cancelled => Outcome::Ended(Ending::cancelled()),
                        Stop::Closing => Outcome::Closing,
                        Stop::LeaseLost => Outcome::LeaseLost,
                    }));
                }
            }
        }
    }

    /// Looks at the video until it has ended there, and fetches it.
    async fn follow(&self, id: &str) -> Result<Ending> {
        let remote = &self.driver.remote;
        let deadline = Instant::now() + Duration::from_secs(remote.timeout_seconds.into());
        let (mut look, mut failures) = (FIRST_LOOK, 0);
        self.tell("remote", 0, 100, 0).await?;
        loop {
            let looked = self.driver.client.retrieve(id).await;
            let wait = match &looked {
                Ok(Told {
                    stage: Stage::Completed,
                    ..
                }) => return self.fetch(id).await,
                Ok(Told {
                    stage: Stage::Failed(failure),
                    ..
                }) => return Ok(failure.ending(&remote.name)),
                Ok(Told {
                    stage: Stage::Made(percent),
                    again,
                    ..
                }) => {
                    self.tell("remote", *percent, 100, percent * FETCHES / 100)
                        .await?;
                    failures = 0;
                    look = (look * 5 / 4).min(LAST_LOOK);
                    again.unwrap_or(look).max(SHORTEST_LOOK)
                }
                Err(failure) => {
                    failures += 1;
                    match failure.again {
                        Some(least) => least.max(growing(failures)),
                        None => return Ok(failure.ending(&remote.name)),
                    }
                }
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(match looked {
                    // What was asked for is still there when the remote is.
                    Err(failure) => failure.ending(&remote.name),
                    Ok(_) => self.timed_out(id).await,
                });
            }
            sleep(wait.min(left)).await;
        }
    }

    /// Brings a finished video here.
    async fn fetch(&self, id: &str) -> Result<Ending> {
        let Driver {
            outputs, program, ..
        } = self.driver;
        self.tell("download", 0, 1, FETCHES).await?;
        let lease = &self.claim.lease;
        let files = outputs.files(&lease.output_key());
        let stop = StopWithJob::default();
        let mut tries = 0;
        loop {
            let target = files.video.clone();
            let most = self.driver.most_bytes;
            let fetched = self
                .driver
                .client
                .download(id, target, most, stop.0.clone());
            let Err(failure) = fetched.await else { break };
            tries += 1;
            match next_try(&failure, tries) {
                Some(wait) => sleep(wait).await,
                None => return Ok(failure.ending(&self.driver.remote.name)),
            }
        }
        self.tell("measure", 0, 1, LOOKS).await?;
        let clip = Inspect {
            prompt: self.claim.request.prompt.clone(),
            video: files.video,
            thumbnail: files.thumbnail,
            spritesheet: files.spritesheet,
        };
        // A clip that nobody can look at is there all the same.
        let inspected = timeout(INSPECTION, worker::inspect(program, clip)).await;
        let inspected = inspected.unwrap_or_default();
        let output_key = lease.output_key();
        let handed = patiently(&lease.id, || outputs.hand_over(&output_key)).await;
        if let Err(error) = handed {
            return Ok(error.ending());
        }
        Ok(Ending::Completed {
            output_key,
            made: Made {
                seed: self.claim.request.seed.unwrap_or_default(),
                adherence: inspected.adherence,
                film: inspected.film,
            },
        })
    }

    /// Waits for what must not be left alone, and keeps the lease meanwhile.
    async fn keeping<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut beat = interval(HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = beat.tick() => {
                    let progress = self.progress.load(Ordering::Relaxed);
                    // Whether it is still ours is asked before the next thing is done.
                    let _ = self.driver.store.heartbeat(&self.claim.lease, progress).await;
                }
            }
        }
    }

    /// Waits until nobody waits for the video any more, and keeps the lease meanwhile.
    async fn stopped(&self) -> Result<Stop> {
        let lease = &self.claim.lease;
        let mut cancels = self.driver.hub.cancels();
        let mut closing = self.driver.closing.clone();
        let mut beat = interval(HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = beat.tick() => {
                    let progress = self.progress.load(Ordering::Relaxed);
                    match self.driver.store.heartbeat(lease, progress).await? {
                        None => return Ok(Stop::LeaseLost),
                        Some(true) => return Ok(Stop::Cancelled),
                        Some(false) => {}
                    }
                }
                _ = cancels.changed() => beat.reset_immediately(),
                () = worker::closed(&mut closing) => return Ok(Stop::Closing),
            }
        }
    }

    /// Tells listeners how far the video is.
    async fn tell(&self, stage: &str, step: i64, total: i64, progress: i64) -> Result<()> {
        let before = self.progress.swap(progress, Ordering::Relaxed);
        if before == progress && progress > 0 {
            return Ok(());
        }
        let Driver { store, hub, .. } = self.driver;
        let lease = &self.claim.lease;
        let data = json!({
            "stage": stage, "step": step, "total": total, "progress": progress, "eta_seconds": null,
        });
        let Some(number) = store.add_progress(lease, &data).await? else {
            return Ok(()); // another asks now, as the next beat tells
        };
        store.heartbeat(lease, progress).await?;
        hub.publish(&lease.id, Event::stored(number, "progress", data));
        Ok(())
    }

    /// Stops the video there, as the user wants it.
    async fn call_off(&self, id: &str) -> Ending {
        match self.delete(id).await {
            Ok(()) => Ending::cancelled(),
            Err(failure) => self.cancelled_in_doubt(&failure.message),
        }
    }

    async fn timed_out(&self, id: &str) -> Ending {
        let Remote {
            name,
            timeout_seconds,
            ..
        } = &self.driver.remote;
        let stopped = match self.delete(id).await {
            Ok(()) => "it was stopped there".into(),
            Err(failure) => format!("it may go on there: {}", failure.message),
        };
        let message = format!("it took longer than {timeout_seconds} seconds; {stopped}");
        Failure::lasting("remote_timed_out", message).ending(name)
    }

    async fn delete(&self, id: &str) -> std::result::Result<(), Failure> {
        let mut tries = 0;
        loop {
            let Err(failure) = self.driver.client.delete(id).await else {
                return Ok(());
            };
            tries += 1;
            let Some(wait) = next_try(&failure, tries) else {
                let (video, reason) = (&self.claim.lease.id, &failure.message);
                tracing::warn!(video, id, reason, "could not be stopped at its remote");
                return Err(failure);
            };
            sleep(wait.min(LONGEST_WAIT)).await;
        }
    }

    fn cancelled_in_doubt(&self, reason: &str) -> Ending {
        let name = &self.driver.remote.name;
        Ending::Failed {
            code: "cancelled".into(),
            message: format!("the video was cancelled, but `{name}` may go on: {reason}"),
        }
    }

    fn uncertain(&self, reason: &str) -> Ending {
        let message = format!(
            "nobody knows whether it makes this video, for {reason}; look there before you try \
             again, which asks, and may pay, once more"
        );
        let failure = Failure::lasting("remote_uncertain", message);
        failure.ending(&self.driver.remote.name)
    }
}

/// Stops a download when the job that waits for it goes.
#[derive(Default)]
struct StopWithJob(Cancel);

impl Drop for StopWithJob {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// When to try again after so many failures; none: never.
fn next_try(failure: &Failure, tries: u32) -> Option<Duration> {
    let least = failure.again.filter(|_| tries < MOST_TRIES)?;
    Some(least.max(growing(tries)))
}

fn growing(failures: u32) -> Duration {
    let factor = 2_u32.saturating_pow(failures.saturating_sub(1));
    FIRST_WAIT.saturating_mul(factor).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_wait_longer_and_end() {
        let failure = |again| Failure {
            again,
            ..Failure::lasting("remote_unavailable", "")
        };
        let own = failure(Some(Duration::ZERO));
        let waits: Vec<_> = (1..=5).map(|tries| next_try(&own, tries)).collect();
        let expected = [Some(500), Some(1000), Some(2000), Some(4000), None];
        assert_eq!(waits, expected.map(|ms| ms.map(Duration::from_millis)));
        let told = failure(Some(Duration::from_secs(7)));
        assert_eq!(next_try(&told, 1), Some(Duration::from_secs(7)));
        assert_eq!(next_try(&failure(None), 1), None);
        assert_eq!(growing(99), LONGEST_WAIT);
    }
}
