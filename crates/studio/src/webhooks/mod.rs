//! Webhooks: tells other programs that a video ended, signed as Standard Webhooks
//! (<https://www.standardwebhooks.com>).
//!
//! What is to be told stands in the store, written with the end of the video, so it survives whatever
//! happens to the studio. It is told at least once: when the studio dies between an endpoint's answer
//! and its record, the same event is sent again under the same id.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch::Receiver;
use tokio::task::JoinSet;
use tokio::time::sleep;

mod post;
mod sign;

use crate::hub::Hub;
use crate::store::{Attempt, Delivery, Endpoint, Result, Store};
use crate::worker::Closing;
pub use post::Post;
pub use sign::Secret;

/// Time before each try after the first; then an event is given up.
const RETRIES: [Duration; 6] = [
    Duration::from_secs(5),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(6),
];
/// Endpoints that are told at the same time.
const AT_ONCE: i64 = 8;
/// How often the store is looked at when nothing was announced.
const IDLE: Duration = Duration::from_secs(1);

/// The task that tells endpoints what the store says they should know.
#[derive(Clone)]
pub struct Courier {
    /// Where deliveries stand.
    pub store: Store,
    /// Says when a video ended.
    pub hub: Arc<Hub>,
    /// How they are sent.
    pub post: Post,
    /// How far the studio is on its way out.
    pub closing: Receiver<Closing>,
}

impl Courier {
    /// Delivers until the studio closes.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn run(mut self) -> Result<()> {
        self.store.forget_deliveries().await?;
        let longest = RETRIES.map(|wait| wait.as_millis() as i64);
        let longest = longest.into_iter().max().unwrap_or_default();
        let mut changes = self.hub.queue_changes();
        while *self.closing.borrow() < Closing::Now {
            let mut tries = JoinSet::new();
            for (delivery, endpoint) in self.store.due_deliveries(AT_ONCE, longest).await? {
                tries.spawn(deliver(
                    self.store.clone(),
                    self.post.clone(),
                    delivery,
                    endpoint,
                ));
            }
            if tries.is_empty() {
                tokio::select! {
                    _ = changes.changed() => {}
                    () = closed(&mut self.closing) => {}
                    () = sleep(IDLE) => {}
                }
                continue;
            }
            tokio::select! {
                ended = tries.join_all() => ended.into_iter().collect::<Result<()>>()?,
                () = closed(&mut self.closing) => {} // not recorded, so it is sent again
            }
        }
        Ok(())
    }
}

/// Waits until nothing may go on. Clips that are drained are still told about.
async fn closed(closing: &mut Receiver<Closing>) {
    let _ = closing.wait_for(|closing| *closing == Closing::Now).await;
}

async fn deliver(store: Store, post: Post, delivery: Delivery, endpoint: Endpoint) -> Result<()> {
    let sent = post
        .send(&endpoint, &delivery.event_id, &delivery.body, store.now())
        .await;
    let status_code = sent.as_ref().ok().copied();
    let error = match sent {
        Ok(200..300) => None,
        Ok(300..400) => Some("it answered with a redirect, and none is followed".to_owned()),
        Ok(status) => Some(format!("it answered {status}")),
        Err(reason) => Some(reason),
    };
    let wait = RETRIES.get(delivery.attempts as usize);
    let attempt = Attempt {
        status_code,
        error,
        again_at: wait.map(|wait| store.now() + wait.as_millis() as i64),
    };
    if attempt.error.is_some() && attempt.again_at.is_none() {
        let (endpoint, event) = (&endpoint.id, &delivery.event_id);
        tracing::warn!(endpoint, event, "a webhook was given up");
    }
    store.settle_delivery(delivery.number, &attempt).await
}
