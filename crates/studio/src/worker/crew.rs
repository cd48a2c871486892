//! Everyone who works in a process, from the start to the farewell.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::pause;
use super::supervisor::Closing;
use crate::store::Result;

/// The loops of a process. A database that fails for a while stops none of them.
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
    pub fn make(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.makers.spawn(work);
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
        let Err(error) = work().await else {
            return Ok(());
        };
        if *closing.borrow() == Closing::Now {
            return Err(error);
        }
        pause(&error, &closing).await;
    }
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
}
