//! Live news: events of videos to whoever listens, and wake-up calls inside the studio.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};

/// Events a slow listener may fall behind before it has to read the stored ones again.
const BACKLOG: usize = 64;

/// An event of a video.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its number when it is stored.
    pub number: Option<i64>,
    /// `progress`, `preview` or `done`.
    pub kind: &'static str,
    /// Its data.
    pub data: Value,
}

impl Event {
    /// An event that is not kept.
    pub fn live(kind: &'static str, data: Value) -> Self {
        Self {
            number: None,
            kind,
            data,
        }
    }

    /// A picture of a video in the making, base64 of a WebP.
    pub fn preview(webp: &str) -> Self {
        Self::live("preview", json!({ "webp": webp }))
    }

    /// An event that the store keeps.
    pub fn stored(number: i64, kind: &'static str, data: Value) -> Self {
        Self {
            number: Some(number),
            kind,
            data,
        }
    }
}

/// The channels of the process.
#[derive(Debug)]
pub struct Hub {
    videos: Mutex<HashMap<String, broadcast::Sender<Event>>>,
    queue: watch::Sender<()>,
    cancels: watch::Sender<()>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            videos: Mutex::default(),
            queue: watch::Sender::new(()),
            cancels: watch::Sender::new(()),
        }
    }
}

impl Hub {
    fn videos(&self) -> std::sync::MutexGuard<'_, HashMap<String, broadcast::Sender<Event>>> {
        self.videos.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens to a video. Its channel goes when it ends and when the last listener goes.
    pub fn listen(&self, id: &str) -> broadcast::Receiver<Event> {
        let mut videos = self.videos();
        videos.retain(|_, sender| sender.receiver_count() > 0);
        let sender = videos
            .entry(id.to_owned())
            .or_insert_with(|| broadcast::Sender::new(BACKLOG));
        sender.subscribe()
    }

    /// Tells the listeners of a video, if there are any.
    pub fn publish(&self, id: &str, event: Event) {
        if let Some(sender) = self.videos().get(id) {
            // No receiver is no mistake.
            let _ = sender.send(event);
        }
    }

    /// Whether somebody listens to a video.
    pub fn is_heard(&self, id: &str) -> bool {
        let videos = self.videos();
        videos
            .get(id)
            .is_some_and(|sender| sender.receiver_count() > 0)
    }

    /// Has everybody look at the store once more: anything may have happened.
    pub fn refresh(&self) {
        self.videos().clear();
        self.queue_changed();
        self.cancel_asked();
    }

    /// Closes the channel of a video: its listeners look at the store once more.
    pub fn ended(&self, id: &str) {
        self.videos().remove(id);
    }

    /// Says that a video was accepted, claimed or ended.
    pub fn queue_changed(&self) {
        self.queue.send_replace(());
    }

    /// Changes whenever the queue does.
    pub fn queue_changes(&self) -> watch::Receiver<()> {
        self.queue.subscribe()
    }

    /// Says that a stop was asked for.
    pub fn cancel_asked(&self) {
        self.cancels.send_replace(());
    }

    /// Changes whenever a stop is asked for.
    pub fn cancels(&self) -> watch::Receiver<()> {
        self.cancels.subscribe()
    }
}
