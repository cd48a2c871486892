//! Passes on to who listens in this process what other processes wrote.

use std::sync::Arc;

use tokio::sync::watch::Receiver;

use crate::hub::{Event, Hub};
use crate::store::{Listener, News, Place, Result, Store};
use crate::worker::{Closing, closed};

/// The task that hears the news of the database.
#[derive(Clone)]
pub struct Relay {
    /// Which database.
    pub place: Place,
    /// Where the events stand.
    pub store: Store,
    /// Where listeners are.
    pub hub: Arc<Hub>,
    /// How far the process is on its way out.
    pub closing: Receiver<Closing>,
}

impl Relay {
    /// Passes news on until the process closes.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn run(mut self) -> Result<()> {
        let mut listener = Listener::new(&self.place).await?;
        // Nobody heard what happened before.
        self.hub.refresh();
        loop {
            let news = tokio::select! {
                news = listener.next() => news?,
                () = closed(&mut self.closing) => return Ok(()),
            };
            self.pass_on(news).await?;
        }
    }

    async fn pass_on(&self, news: News) -> Result<()> {
        match news {
            News::Queue => self.hub.queue_changed(),
            News::Cancel => self.hub.cancel_asked(),
            News::Done { video } => self.hub.ended(&video),
            News::Progress { video, number } if self.hub.is_heard(&video) => {
                // Who made it here has told it already; listeners know it by its number.
                for event in self.store.events_after(&video, number - 1).await? {
                    if event.kind == "progress" {
                        let event = Event::stored(event.number, "progress", event.data);
                        self.hub.publish(&video, event);
                    }
                }
            }
            News::Preview { video } if self.hub.is_heard(&video) => {
                if let Some(webp) = self.store.preview(&video).await? {
                    self.hub.publish(&video, Event::preview(&webp));
                }
            }
            News::Progress { .. } | News::Preview { .. } => {}
            News::Missed => self.hub.refresh(),
        }
        Ok(())
    }
}
