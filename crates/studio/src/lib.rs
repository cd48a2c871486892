//! The studio: a web page to create in, an API that the official SDKs speak, a queue that survives.
//!
//! A request becomes a row of the `store`; a `worker` supervisor claims it, has it made by a
//! child process and ends the row; the `hub` carries news to whoever listens. The row is the
//! only truth: everything in memory can be lost at any time.
//!
//! ```text
//! api ──► store ◄── worker::supervisor ══ pipes ══ worker::child ──► engine
//!  │         ▲ └────── remotes::driver ══ HTTPS ══ another machine
//!  └───────► hub ◄────────┘
//! ```

use std::fs::{self, File, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kinora_engine::Engine;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

mod api;
pub mod config;
mod hub;
pub mod keys;
mod log;
mod metrics;
mod outbound;
mod outputs;
mod remotes;
mod shelf;
mod store;
mod webhooks;
mod worker;

use api::Studio;
use config::Config;
use hub::Hub;
use metrics::Metrics;
use outputs::Outputs;
use remotes::Driver;
pub use shelf::Published;
use shelf::Shelf;
use store::{Store, StoreError};
use webhooks::{Courier, Post};
pub use worker::child::run as run_worker;
use worker::{Closing, Supervisor};

/// Name of the database in the data folder.
const DATABASE: &str = "studio.sqlite";

/// What the studio is and where it keeps its things.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the operator decided.
    pub config: Config,
    /// Folder of the database and the videos.
    pub data: PathBuf,
    /// Program and arguments that start a worker, which calls [`run_worker`].
    pub worker: (PathBuf, Vec<String>),
    /// The published models as they are now, asked whenever a model is named.
    pub published: fn() -> Vec<Published>,
}

/// Why the studio does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A place that others could reach, without a key.
    #[error("{place} can be reached from other machines, and the studio has no API key")]
    NoKey {
        /// The address or name.
        place: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Address and port.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// Another studio uses the folder.
    #[error("another studio uses {}", data.display())]
    InUse {
        /// The data folder.
        data: PathBuf,
    },
    /// The data folder cannot be used.
    #[error("the data folder {}: {source}", data.display())]
    Data {
        /// The data folder.
        data: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server failed.
    #[error("the studio failed: {0}")]
    Io(#[from] io::Error),
}

impl ServeError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoKey { .. } => {
                "`kinora keys create` makes one; --host 127.0.0.1 keeps the studio to this machine"
            }
            Self::Listen { .. } => "another --port may be free; the studio may run already",
            Self::InUse { .. } => "open the one that runs, or choose another --data-dir",
            Self::Data { .. } => "choose a folder that you may write to with --data-dir",
            Self::Store(_) => "the folder may belong to a later version; choose another --data-dir",
            Self::Io(_) => "start it again; nothing that was accepted is lost",
        }
    }
}

/// Serves until Ctrl-C or SIGTERM; `ready` is called with the address once it answers.
///
/// # Errors
/// Everything that keeps the studio from running.
pub fn serve(options: Options, ready: impl FnOnce(SocketAddr)) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Runtime::new()?;
    let served = runtime.block_on(run(options, ready));
    // A webhook on its way is not waited for: it is sent again by the next studio.
    runtime.shutdown_background();
    served
}

async fn run(options: Options, ready: impl FnOnce(SocketAddr)) -> Result<(), ServeError> {
    let config = Arc::new(options.config);
    log::start(&config.log);
    let _lock = lock(&options.data)?;
    let store = Store::open(&options.data.join(DATABASE)).await?;
    check_keys(&config.server, &store).await?;
    let address = SocketAddr::new(config.server.host, config.server.port);
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|source| ServeError::Listen { address, source })?;
    let outputs = Outputs::open(&options.data);
    let outputs = outputs.map_err(|source| in_data(&options.data, source))?;
    let now = store.now();
    let endpoints = config.webhooks.iter();
    let endpoints: Vec<_> = endpoints.map(|one| api::configured(one, now)).collect();
    store.configure_endpoints(&endpoints).await?;
    for lease in store.recover().await? {
        outputs.remove(&lease.output_key());
        tracing::warn!(video = lease.id, "was unfinished and goes on");
    }
    let remotes: Vec<_> = config.remotes.iter().map(|one| one.name.as_str()).collect();
    store.end_orphans(&remotes).await?;

    let hub = Arc::new(Hub::default());
    let metrics = Arc::new(Metrics::default());
    let shelf = Arc::new(Shelf::new(Arc::clone(&config), options.published));
    let close = watch::Sender::new(Closing::Open);
    let supervisor = Supervisor {
        store: store.clone(),
        hub: Arc::clone(&hub),
        metrics: Arc::clone(&metrics),
        outputs: outputs.clone(),
        shelf: Arc::clone(&shelf),
        told: config.rules.warn.clone(),
        command: options.worker,
        only: None,
        aging: Duration::from_secs(config.queue.aging_seconds.into()),
        closing: close.subscribe(),
    };
    let workers = start_workers(&config, &supervisor);
    let post = Post::new(config.network.allow_private_webhooks);
    let courier = Courier {
        store: store.clone(),
        hub: Arc::clone(&hub),
        post: post.clone(),
        closing: close.subscribe(),
    };
    let courier = tokio::spawn(courier.run());
    let engine = Arc::new(Engine::new());
    let drain = Duration::from_secs(config.server.drain_seconds);
    let router = api::router(Studio {
        config,
        store,
        hub,
        metrics,
        outputs,
        shelf,
        engine,
        post,
    });
    ready(listener.local_addr()?);
    // A connection is not what matters at the end, so the server needs no farewell.
    let server = tokio::spawn(axum::serve(listener, router).into_future());
    let served = server.abort_handle();
    let result = tokio::select! {
        served = server => served.unwrap_or_else(|lost| Err(io::Error::other(lost))),
        () = stopped() => Ok(()),
    };
    // Who watches a clip that is drained watches it to its end: the server goes on meanwhile.
    drain_workers(&close, workers, drain).await?;
    if let Ok(ended) = courier.await {
        ended?;
    }
    served.abort();
    Ok(result?)
}

/// The loops that feed the workers.
type Workers = JoinSet<store::Result<()>>;

/// Starts what makes videos: the workers of this machine and those who ask remotes.
fn start_workers(config: &Config, supervisor: &Supervisor) -> Workers {
    let mut workers = Workers::new();
    for only in config.queue.reservations() {
        let supervisor = supervisor.clone();
        workers.spawn(Supervisor { only, ..supervisor }.run());
    }
    for remote in &config.remotes {
        let most_bytes = config.limits.download_bytes as u64;
        let driver = Driver::new(remote.clone(), most_bytes, supervisor);
        for _ in 0..remote.concurrency {
            workers.spawn(driver.clone().run());
        }
    }
    workers
}

/// Lets workers end what they make, for so long and until a second signal; then has it put back.
async fn drain_workers(
    close: &watch::Sender<Closing>,
    mut workers: Workers,
    drain: Duration,
) -> Result<(), StoreError> {
    close.send_replace(Closing::Drain);
    tokio::select! {
        () = sleep(drain) => {}
        () = stopped() => {}
        ended = finish(&mut workers) => ended?,
    }
    close.send_replace(Closing::Now);
    finish(&mut workers).await
}

/// Waits until every worker has ended.
async fn finish(workers: &mut Workers) -> Result<(), StoreError> {
    while let Some(ended) = workers.join_next().await {
        if let Ok(ended) = ended {
            ended?;
        }
    }
    Ok(())
}

/// Makes sure that what others can reach has a key. One that is revoked later leaves the studio
/// closed, not open.
async fn check_keys(server: &config::Server, store: &Store) -> Result<(), ServeError> {
    if !server.is_public() || !store.active_keys().await?.is_empty() {
        return Ok(());
    }
    let name = server.public_names.first().cloned();
    let place = name.filter(|_| server.host.is_loopback());
    Err(ServeError::NoKey {
        place: place.unwrap_or_else(|| server.host.to_string()),
    })
}

fn in_data(data: &std::path::Path, source: io::Error) -> ServeError {
    ServeError::Data {
        data: data.into(),
        source,
    }
}

/// Makes sure that nobody else uses the data folder, as long as the file is open.
fn lock(data: &std::path::Path) -> Result<File, ServeError> {
    fs::create_dir_all(data).map_err(|source| in_data(data, source))?;
    let file = File::create(data.join("lock")).map_err(|source| in_data(data, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ServeError::InUse { data: data.into() }),
        Err(TryLockError::Error(source)) => Err(in_data(data, source)),
    }
}

/// Waits for Ctrl-C or SIGTERM.
async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
