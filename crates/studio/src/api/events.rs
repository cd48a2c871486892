//! A video's events as server-sent events: first what the store kept, then what happens.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event as Sent, KeepAlive};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::Studio;
use super::error::ApiError;
use super::path::Path;
use super::videos::{find, view};
use crate::hub::Event;
use crate::places::PACE;
use crate::store;

const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `GET /v1/videos/{id}/events`.
pub async fn events(
    State(studio): State<Studio>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Sent, Infallible>>>, ApiError> {
    find(&studio, &id).await?;
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let listener = Listener {
        // Before the store is read, so that nothing falls between.
        live: studio.hub.listen(&id),
        queue: studio.hub.queue_changes(),
        studio,
        id,
        last: last.unwrap_or(0),
        waiting: Vec::new(),
        position: None,
        looked: Instant::now(),
        is_moved: false,
        is_behind: true,
        is_over: false,
    };
    let stream = unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok(event), listener))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// One client that listens to one video.
struct Listener {
    studio: Studio,
    id: String,
    live: Receiver<Event>,
    queue: watch::Receiver<()>,
    /// Number of the last stored event that was sent.
    last: i64,
    /// Events to send, the next one last.
    waiting: Vec<Event>,
    /// Position in the queue that was told last.
    position: Option<i64>,
    /// When the position was looked up last.
    looked: Instant,
    /// Whether the queue has changed since.
    is_moved: bool,
    /// Whether the store may hold events that were not sent.
    is_behind: bool,
    is_over: bool,
}

impl Listener {
    /// The next event to send; `None` at the end, and when the database fails.
    async fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some(event) = self.waiting.pop() {
                return Some(self.sent(&event));
            }
            if self.is_over {
                return None;
            }
            if self.is_behind {
                self.is_behind = false;
                self.catch_up().await?;
                continue;
            }
            tokio::select! {
                event = self.live.recv() => match event {
                    Ok(event) if event.number.is_some_and(|number| number <= self.last) => {}
                    Ok(event) => self.waiting.push(event),
                    // Too slow for the channel, or the video ended: the store knows.
                    Err(RecvError::Lagged(_)) => self.is_behind = true,
                    Err(RecvError::Closed) => {
                        self.live = self.studio.hub.listen(&self.id);
                        self.is_behind = true;
                    }
                },
                _ = self.queue.changed(), if self.position.is_some() && !self.is_moved => {
                    self.is_moved = true;
                }
                // In a busy queue, which changes many times a second, not at every change.
                () = sleep_until(self.looked + PACE), if self.is_moved => self.look().await?,
            }
        }
    }

    /// Collects what the store has and, while the video waits, its place in the queue.
    async fn catch_up(&mut self) -> Option<()> {
        let store = &self.studio.store;
        // First the video: its end is written with `done`, so one that has ended here has it among its events.
        let video = store.video(&self.id).await.ok()?;
        let stored = store.events_after(&self.id, self.last).await.ok()?;
        for event in stored.into_iter().rev() {
            self.waiting.push(match event.kind.as_str() {
                "done" => Event::stored(event.number, "done", self.video().await?),
                _ => Event::stored(event.number, "progress", event.data),
            });
        }
        let Some(video) = video else {
            self.is_over = true; // deleted
            return Some(());
        };
        // A client that has seen the end already gets no other one.
        self.is_over = video.state.is_final();
        let position = match video.state {
            store::State::Queued => Some(store.position(&self.id).await.ok()?),
            _ => None,
        };
        self.place(position);
        Some(())
    }

    /// Looks where the video waits now.
    async fn look(&mut self) -> Option<()> {
        let Studio { places, store, .. } = &self.studio;
        let position = places.of(store, &self.id).await.ok()?;
        self.place(position);
        Some(())
    }

    /// Tells a new place in the queue.
    fn place(&mut self, position: Option<i64>) {
        (self.looked, self.is_moved) = (Instant::now(), false);
        if position == self.position {
            return;
        }
        self.position = position;
        if let Some(position) = position {
            let event = Event::live("queued", json!({ "position": position }));
            self.waiting.insert(0, event);
        }
    }

    async fn video(&self) -> Option<Value> {
        self.studio
            .store
            .video(&self.id)
            .await
            .ok()?
            .as_ref()
            .map(view)
    }

    fn sent(&mut self, event: &Event) -> Sent {
        let mut sent = Sent::default()
            .event(event.kind)
            .data(event.data.to_string());
        if let Some(number) = event.number {
            self.last = number;
            sent = sent.id(number.to_string());
        }
        self.is_over |= event.kind == "done";
        sent
    }
}
