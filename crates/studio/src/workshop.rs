//! Where videos are made: in the studio and, on other machines, by `kinora worker`.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::outputs::{Bucket, Outputs};
use crate::relay::Relay;
use crate::remotes::Driver;
use crate::shelf::Shelf;
use crate::store::{Place, Store, StoreError};
use crate::worker::{Crew, Keeper, Supervisor};
use crate::{Options, ServeError, in_data, log, stopped};

/// What every process has that makes videos.
pub struct Workshop {
    pub config: Arc<Config>,
    pub store: Store,
    pub hub: Arc<Hub>,
    pub metrics: Arc<Metrics>,
    pub outputs: Outputs,
    pub shelf: Arc<Shelf>,
    pub crew: Crew,
    place: Place,
    /// What every worker of this process is like.
    supervisor: Supervisor,
}

impl Workshop {
    /// A workshop on an open database, in which nobody works yet.
    pub async fn new(options: Options, place: Place, store: Store) -> Result<Self, ServeError> {
        let outputs = Outputs::open(&options.data);
        let mut outputs = outputs.map_err(|source| in_data(&options.data, source))?;
        if let Some(bucket) = options.config.storage.bucket() {
            outputs = outputs.beside(Bucket::open(bucket).await?);
        }
        let config = Arc::new(options.config);
        let hub = Arc::new(Hub::default());
        let metrics = Arc::new(Metrics::default());
        let shelf = Arc::new(Shelf::new(Arc::clone(&config), options.published));
        let crew = Crew::default();
        let supervisor = Supervisor {
            store: store.clone(),
            hub: Arc::clone(&hub),
            metrics: Arc::clone(&metrics),
            outputs: outputs.clone(),
            shelf: Arc::clone(&shelf),
            told: config.rules.warn.clone(),
            program: options.worker,
            only: None,
            aging: Duration::from_secs(config.queue.aging_seconds.into()),
            closing: crew.closing(),
        };
        Ok(Self {
            config,
            store,
            hub,
            metrics,
            outputs,
            shelf,
            crew,
            place,
            supervisor,
        })
    }

    /// Puts back what the last studio was making, where no other process can be making it: beside a
    /// file. On a server its leases tell.
    pub async fn recover(&self) -> Result<(), StoreError> {
        match self.place {
            Place::File(_) => Keeper::new(&self.supervisor).recover().await,
            Place::Server(_) => Ok(()),
        }
    }

    /// Begins to make videos, to look after leases and to hear of what others do.
    pub fn start(&mut self) {
        let keeper = Keeper::new(&self.supervisor);
        self.crew.help(move || keeper.clone().run());
        let relay = Relay {
            place: self.place.clone(),
            store: self.store.clone(),
            hub: Arc::clone(&self.hub),
            closing: self.crew.closing(),
        };
        self.crew.help(move || relay.clone().run());
        for only in self.config.queue.reservations() {
            let supervisor = Supervisor {
                only,
                ..self.supervisor.clone()
            };
            self.crew.make(move || supervisor.clone().run());
        }
    }

    /// Begins to have remotes make their videos.
    pub fn start_remotes(&mut self) {
        let most_bytes = self.config.limits.download_bytes as u64;
        for remote in &self.config.remotes {
            let driver = Driver::new(remote.clone(), most_bytes, &self.supervisor);
            for _ in 0..remote.concurrency {
                let driver = driver.clone();
                self.crew.make(move || driver.clone().run());
            }
        }
    }
}

/// Makes the videos of a studio elsewhere until Ctrl-C or SIGTERM; `ready` is called when it begins.
///
/// # Errors
/// Everything that keeps it from working.
pub fn work(mut options: Options, ready: impl FnOnce()) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        log::start(&options.config.log);
        // It is there to make videos, however many the studio makes.
        let workers = &mut options.config.queue.workers;
        *workers = (*workers).max(1);
        let place = Place::of(&options.config, &options.data);
        if let Place::File(_) = place {
            return Err(ServeError::NoServer);
        }
        let store = Store::join(&place).await?;
        let studio = store.storage().await?;
        let here = options.config.storage.clone();
        if studio != here {
            return Err(ServeError::OtherStorage { studio, here });
        }
        let mut workshop = Workshop::new(options, place, store).await?;
        workshop.start();
        ready();
        stopped().await;
        let drain = Duration::from_secs(workshop.config.server.drain_seconds);
        Ok(workshop.crew.leave(drain, stopped()).await?)
    })
}
