//! Everyone who works in a process, from the start to the farewell.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::pause;
use super::supervisor::Closing;
use crate::store::Result;

/// Pause after a loop that panicked.
const PAUSE: Duration = Duration::from_secs(1);

/// The loops of a process. Neither a database that fails for a while nor a panic stops one for good.
pub struct Crew {
    close: watch::Sender<Closing>,
    /// They end when nothing new begins.
    makers: JoinSet<()>,
    /// They go on as long as anything is made.
    helpers: JoinSet<Result<()>>,
}

impl Default for Crew {
    fn default() -> Self {
        Self {
            close: watch::Sender::new(Closing::Open),
            makers: JoinSet::new(),
            helpers: JoinSet::new(),
        }
    }
}

impl Crew {
    /// How far the process is on its way out.
    pub fn closing(&self) -> watch::Receiver<Closing> {
        self.close.subscribe()
    }

    /// Adds a loop that makes videos: it claims them until the process closes, and waits for a database
    /// that fails with what it has in hand.
    pub fn make<F>(&mut self, work: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.makers.spawn(async move {
            while let Err(panicked) = unharmed(work()).await {
                // What it had in hand is put back by a keeper.
                tracing::error!(panicked, "a loop begins again");
                sleep(PAUSE).await;
            }
        });
    }

    /// Adds a loop that goes on until nothing is made any more, and begins again where its database
    /// failed.
    pub fn help<F>(&mut self, work: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        self.helpers.spawn(steadily(self.closing(), work));
    }

    /// Lets videos be made to their end, for so long and until `hurry`; then has them put back.
    ///
    /// # Errors
    /// When the database failed at last: what it does not know is put back by others.
    pub async fn leave(mut self, drain: Duration, hurry: impl Future<Output = ()>) -> Result<()> {
        self.close.send_replace(Closing::Drain);
        tokio::select! {
            () = sleep(drain) => {}
            () = hurry => {}
            () = finish(&mut self.makers) => {}
        }
        self.close.send_replace(Closing::Now);
        finish(&mut self.makers).await;
        while let Some(ended) = self.helpers.join_next().await {
            if let Ok(ended) = ended {
                ended?;
            }
        }
        Ok(())
    }
}

/// Runs a loop again whenever its database fails, until the process closes.
async fn steadily<F>(closing: watch::Receiver<Closing>, work: impl Fn() -> F) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    loop {
        let ended = match unharmed(work()).await {
            Ok(ended) => ended,
            Err(panicked) => {
                tracing::error!(panicked, "a loop begins again");
                sleep(PAUSE).await;
                continue;
            }
        };
        let Err(error) = ended else {
            return Ok(());
        };
        if *closing.borrow() == Closing::Now {
            return Err(error);
        }
        pause(&error, &closing).await;
    }
}

/// What a loop comes to, or the message of its panic, which is a mistake of ours and ends nobody else.
async fn unharmed<T>(work: impl Future<Output = T>) -> std::result::Result<T, String> {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    ended.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        text.unwrap_or("without a message").to_owned()
    })
}

/// Waits until every loop has ended.
async fn finish(loops: &mut JoinSet<()>) {
    while loops.join_next().await.is_some() {}
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;
    use crate::store::StoreError;

    #[tokio::test]
    async fn a_loop_outlives_its_database_and_not_its_process() {
        let failed = || StoreError::Version { found: 0 };
        let mut crew = Crew::default();
        let (tries, mut tried) = watch::channel(0);
        crew.help(move || {
            tries.send_modify(|count| *count += 1);
            let is_back = *tries.borrow() == 2;
            async move { if is_back { Ok(()) } else { Err(failed()) } }
        });
        tried
            .wait_for(|count| *count == 2)
            .await
            .expect("it begins again");
        crew.help(move || async move { Err(failed()) });
        let left = crew.leave(Duration::ZERO, pending()).await;
        assert!(left.is_err(), "what failed at last is told");
    }

    #[tokio::test]
    async fn a_loop_that_panics_begins_again() {
        let mut crew = Crew::default();
        let (tries, mut tried) = watch::channel(0);
        let (maker, helper) = (tries.clone(), tries);
        crew.make(move || {
            maker.send_modify(|count| *count += 1);
            let is_well = *maker.borrow() > 1;
            async move { assert!(is_well, "a mistake") }
        });
        tried
            .wait_for(|count| *count == 2)
            .await
            .expect("it begins again");
        crew.help(move || {
            helper.send_modify(|count| *count += 10);
            let is_well = *helper.borrow() > 12;
            async move {
                assert!(is_well, "a mistake");
                Ok(())
            }
        });
        tried
            .wait_for(|count| *count == 22)
            .await
            .expect("it begins again");
        crew.leave(Duration::MAX, pending())
            .await
            .expect("all is well");
    }
}
