//! What other processes wrote: on a server its tables tell of changes, so that no listener waits for
//! the next look. News can be lost with a connection, and then say so; nothing depends on them alone.

use std::future::pending;
use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::time::timeout;

use super::{Place, Result};

/// The channel that `schema/postgres` tells on.
const CHANNEL: &str = "kinora";
/// Silence after which the server is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(15);
/// How long it may take to say so.
const PATIENCE: Duration = Duration::from_secs(5);

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A video was accepted, claimed, given back or ended, or the queue paused or resumed.
    Queue,
    /// A stop was asked for.
    Cancel,
    /// A video is further.
    Progress {
        /// Its id.
        video: String,
        /// The number of the event.
        number: i64,
    },
    /// There is a picture of a video.
    Preview {
        /// Its id.
        video: String,
    },
    /// A video ended.
    Done {
        /// Its id.
        video: String,
    },
    /// Anything: the connection was lost for a while.
    Missed,
}

impl News {
    fn read(text: &str) -> Self {
        let words: Vec<_> = text.split(' ').collect();
        match words[..] {
            ["queue"] => Self::Queue,
            ["cancel"] => Self::Cancel,
            ["progress", number, video] => number.parse().map_or(Self::Missed, |number| {
                let video = video.into();
                Self::Progress { video, number }
            }),
            ["preview", video] => Self::Preview {
                video: video.into(),
            },
            ["done", _, video] => Self::Done {
                video: video.into(),
            },
            _ => Self::Missed,
        }
    }
}

/// Hears the news of a database.
#[derive(Debug)]
pub struct Listener {
    server: Option<PgListener>,
}

impl Listener {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn new(place: &Place) -> Result<Self> {
        let Place::Server(url) = place else {
            return Ok(Self { server: None });
        };
        let mut server = PgListener::connect(url).await?;
        server.listen(CHANNEL).await?;
        Ok(Self {
            server: Some(server),
        })
    }

    /// The next news; of a file, which one process writes, there are none.
    ///
    /// # Errors
    /// When the server cannot be reached any more; listen anew.
    pub async fn next(&mut self) -> Result<News> {
        let Some(server) = &mut self.server else {
            return pending().await;
        };
        loop {
            if let Ok(told) = timeout(SILENCE, server.try_recv()).await {
                return Ok(told?.map_or(News::Missed, |told| News::read(told.payload())));
            }
            // A connection that broke without a word is silent, too.
            let asked = timeout(PATIENCE, sqlx::query("SELECT 1").execute(&mut *server)).await;
            asked.map_err(|_| sqlx::Error::PoolTimedOut)??;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_may_be_anything() {
        let video = || "video_a".to_owned();
        for (text, news) in [
            ("queue", News::Queue),
            ("cancel", News::Cancel),
            (
                "progress 7 video_a",
                News::Progress {
                    video: video(),
                    number: 7,
                },
            ),
            ("preview video_a", News::Preview { video: video() }),
            ("done 8 video_a", News::Done { video: video() }),
            ("progress x video_a", News::Missed),
            ("", News::Missed),
        ] {
            assert_eq!(News::read(text), news, "{text}");
        }
    }
}
