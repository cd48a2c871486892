//! Keeps one worker process busy with the queue.

use std::sync::Arc;
use std::time::Duration;

use kinora_engine::safety::Category;
use kinora_engine::{DEFAULT_MODEL, Stage};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::block_in_place;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

mod handover;

use super::pause;
use super::process::{Program, Worker};
use super::protocol::{Make, Order, Position, Report};
use crate::hub::{Event, Hub};
use crate::metrics::Metrics;
use crate::outputs::{LocalFile, Outputs};
use crate::shelf::Shelf;
use crate::store::{Claim, Ending, Lease, Result, Store, Tier};

/// How often the queue is looked at when nothing was announced.
const IDLE: Duration = Duration::from_secs(1);
/// How often a lease is prolonged and a stop is looked for.
pub const HEARTBEAT: Duration = Duration::from_secs(5);
/// Time between two stored progress events of a video.
const STORED_EVERY: Duration = Duration::from_secs(1);
/// Pause after a worker that could not be started or was lost at once.
const PAUSE: Duration = Duration::from_secs(1);

/// One worker process and the loop that feeds it.
#[derive(Clone)]
pub struct Supervisor {
    /// Where videos come from and end.
    pub store: Store,
    /// Where listeners are.
    pub hub: Arc<Hub>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where files go.
    pub outputs: Outputs,
    /// Where models lie.
    pub shelf: Arc<Shelf>,
    /// Categories of the content rules that are told instead of refused.
    pub told: Vec<Category>,
    /// What starts a worker.
    pub program: Program,
    /// The only tier that this worker serves.
    pub only: Option<Tier>,
    /// Wait after which a standard clip counts as Pro.
    pub aging: Duration,
    /// How the studio closes.
    pub closing: watch::Receiver<Closing>,
}

/// How far the studio is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closing {
    /// It stays.
    Open,
    /// What runs goes on to its end, nothing new begins.
    Drain,
    /// What runs goes back to the queue.
    Now,
}

/// How the making of one video came to its end, seen from here.
enum Outcome {
    /// The worker reported an end.
    Ended(Ending),
    /// The worker is gone or silent.
    Lost,
    /// The video is made, and its files cannot be brought to where they belong.
    Unstored,
    /// The studio closes.
    Closing,
    /// Another holds the lease.
    LeaseLost,
}

impl Supervisor {
    /// Makes videos until the studio closes. A database that fails is waited for.
    pub async fn run(mut self) {
        let mut worker: Option<Worker> = None;
        let mut queue = self.hub.queue_changes();
        while *self.closing.borrow() == Closing::Open {
            let claim = match self.next().await {
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
            if claim.lease.attempt == 1 {
                self.metrics.waited(claim.tier, claim.waited);
            }
            tracing::info!(
                video = claim.lease.id,
                attempt = claim.lease.attempt,
                "begins"
            );
            let ready = match worker.take() {
                Some(worker) => Ok(worker),
                None => Worker::start(&self.program),
            };
            match ready {
                Ok(mut ready) => {
                    let outcome = self.make(&mut ready, &claim).await;
                    if matches!(outcome, Outcome::Ended(_)) {
                        worker = Some(ready);
                    } else {
                        ready.close().await;
                    }
                    self.conclude(&claim.lease, outcome).await;
                }
                Err(error) => {
                    tracing::error!(%error, "a worker could not be started");
                    self.conclude(&claim.lease, Outcome::Lost).await;
                }
            }
        }
        if let Some(worker) = worker {
            worker.close().await;
        }
    }

    async fn next(&self) -> Result<Option<Claim>> {
        self.store.age(self.aging).await?;
        self.store.claim(self.only).await
    }

    async fn make(&self, worker: &mut Worker, claim: &Claim) -> Outcome {
        let lease = &claim.lease;
        let files = self.outputs.files(&lease.output_key());
        let model = claim.request.model.as_deref().unwrap_or(DEFAULT_MODEL);
        let model = match block_in_place(|| self.shelf.place(model)) {
            Ok(place) => place,
            // It was there when the video was accepted.
            Err(missing) => {
                return Outcome::Ended(Ending::Failed {
                    code: missing.code().into(),
                    message: missing.to_string(),
                });
            }
        };
        let held = match self.hold(lease, &claim.inputs).await {
            Ok(held) => held,
            Err(outcome) => return outcome,
        };
        let path = |file: &Option<LocalFile>| file.as_ref().map(|file| file.path().to_owned());
        let make = Order::Make(Box::new(Make {
            id: lease.id.clone(),
            request: claim.request.clone(),
            model,
            told: self.told.clone(),
            video: files.video,
            thumbnail: files.thumbnail,
            spritesheet: files.spritesheet,
            image: path(&held.image),
            extend: path(&held.clip),
            signer: self.outputs.signer(),
        }));
        if worker.order(&make).await.is_err() {
            return Outcome::Lost;
        }
        let mut beat = interval(HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut cancels = self.hub.cancels();
        let mut closing = self.closing.clone();
        let (mut progress, mut stored) = (0, None);
        let mut pace = Pace::default();
        loop {
            tokio::select! {
                report = worker.report() => match report {
                    None => return Outcome::Lost,
                    Some(Report::Alive | Report::Inspected(_)) => {} // no clip was given to look at
                    Some(Report::Preview(webp)) => self.show(lease, &webp).await,
                    Some(Report::Update(position)) => {
                        progress = position.percent();
                        if let Some(time) = pace.step(&position) {
                            self.metrics.stepped(time);
                        }
                        self.tell(lease, &position, &mut stored).await;
                    }
                    Some(Report::Done(made)) => return self.hand_over(lease, made).await,
                    Some(Report::Failed { code, message }) => {
                        return Outcome::Ended(Ending::Failed { code, message });
                    }
                },
                _ = beat.tick() => match self.store.heartbeat(lease, progress).await {
                    Ok(None) => return Outcome::LeaseLost,
                    Ok(Some(true))
                        if worker.order(&Order::Cancel(lease.id.clone())).await.is_err() =>
                    {
                        return Outcome::Lost;
                    }
                    Ok(Some(_)) => {}
                    // The worker goes on: the next beat may be written.
                    Err(error) => tracing::warn!(%error, video = lease.id, "no heartbeat"),
                },
                // Someone asked for a stop: look at once instead of at the next beat.
                _ = cancels.changed() => beat.reset_immediately(),
                () = closed(&mut closing) => return Outcome::Closing,
            }
        }
    }

    /// Tells listeners how far a video is; one event a second is kept for those who come later.
    async fn tell(&self, lease: &Lease, position: &Position, stored: &mut Option<Instant>) {
        let data = json!({
            "stage": position.stage,
            "step": position.step,
            "total": position.total,
            "progress": position.percent(),
            "eta_seconds": position.eta_seconds,
        });
        let due = stored.is_none_or(|last| last.elapsed() >= STORED_EVERY);
        let event = if due {
            *stored = Some(Instant::now());
            match self.keep(lease, position, &data).await {
                Ok(Some(number)) => Event::stored(number, "progress", data),
                Ok(None) => return, // another makes it now, as the next beat tells
                Err(error) => {
                    tracing::warn!(%error, video = lease.id, "its progress is not kept");
                    Event::live("progress", data)
                }
            }
        } else {
            Event::live("progress", data)
        };
        self.hub.publish(&lease.id, event);
    }

    /// Shows listeners a picture; on a server this process hears of it like all others.
    async fn show(&self, lease: &Lease, webp: &str) {
        match self.store.show(lease, webp).await {
            Ok(true) => {}
            Ok(false) => self.hub.publish(&lease.id, Event::preview(webp)),
            Err(error) => tracing::warn!(%error, video = lease.id, "a picture is not shown"),
        }
    }

    /// Keeps an event of progress and returns its number; retrieval shows the progress too. `None` when the
    /// lease is lost.
    async fn keep(&self, lease: &Lease, position: &Position, data: &Value) -> Result<Option<i64>> {
        let number = self.store.add_progress(lease, data).await?;
        if number.is_some() {
            self.store.heartbeat(lease, position.percent()).await?;
        }
        Ok(number)
    }

    /// Counts and logs the end of a video, if this is one.
    fn count(&self, lease: &Lease, outcome: &Outcome) {
        let lost = Ending::worker_lost();
        let ending = match outcome {
            Outcome::Ended(ending) => ending,
            Outcome::Lost if lease.is_last() => &lost,
            _ => return,
        };
        self.metrics.ended(ending);
        match ending {
            Ending::Completed { .. } => tracing::info!(video = lease.id, "completed"),
            Ending::Failed { code, message } => {
                tracing::info!(video = lease.id, code, message, "failed");
            }
        }
    }

    /// Writes what became of a video until the database takes it: whether it was still ours; `None`
    /// when the process closes before.
    async fn write(&self, lease: &Lease, outcome: &Outcome) -> Option<bool> {
        loop {
            let written = match outcome {
                Outcome::Ended(ending) => self.store.conclude(lease, ending).await,
                Outcome::Lost | Outcome::Unstored => self.give_back(lease, true).await,
                Outcome::Closing => self.give_back(lease, false).await,
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
        if matches!(outcome, Outcome::Lost) {
            tracing::warn!(
                video = lease.id,
                attempt = lease.attempt,
                "its worker was lost"
            );
            self.metrics.worker_lost();
        }
        let key = lease.output_key();
        match self.write(lease, &outcome).await {
            Some(true) => {
                self.count(lease, &outcome);
                match outcome {
                    Outcome::Ended(Ending::Completed { .. }) => self.outputs.settle(&key),
                    Outcome::Ended(Ending::Failed { .. }) => self.outputs.sweep(&key).await,
                    _ => {}
                }
            }
            Some(false) => self.outputs.discard(&key).await,
            // What could not be written may have been: the next studio looks.
            None => {}
        }
        self.hub.ended(&lease.id);
        self.hub.queue_changed();
        if matches!(outcome, Outcome::Lost | Outcome::Unstored) {
            sleep(PAUSE).await;
        }
    }

    /// Cleans up and gives a video back, in this order: whoever claims it next writes into the same
    /// folder. One that was to stop ends instead. False when the lease was lost.
    async fn give_back(&self, lease: &Lease, lost: bool) -> Result<bool> {
        let Some(is_cancelled) = self.store.heartbeat(lease, 0).await? else {
            return Ok(false);
        };
        self.outputs.sweep(&lease.output_key()).await;
        if is_cancelled {
            return self.store.finish(lease, &Ending::cancelled()).await;
        }
        self.store.give_back(lease, lost).await
    }
}

/// Measures denoising steps by their reports.
#[derive(Default)]
struct Pace {
    last: Option<(u32, Instant)>,
}

impl Pace {
    /// How long the step took that this report ends, if it ends one.
    fn step(&mut self, position: &Position) -> Option<Duration> {
        if position.stage != Stage::Denoise {
            self.last = None;
            return None;
        }
        let last = self.last.replace((position.step, Instant::now()));
        last.filter(|(step, _)| step + 1 == position.step)
            .map(|(_, begun)| begun.elapsed())
    }
}

/// Waits until running clips have to stop, too.
pub async fn closed(closing: &mut watch::Receiver<Closing>) {
    // A studio that is gone without a word is closed as well.
    let _ = closing.wait_for(|closing| *closing == Closing::Now).await;
}
