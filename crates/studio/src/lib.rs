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
//!
//! With a `PostgreSQL` server as its store the supervisors of other machines work beside those of the
//! studio (`workshop`), and a `relay` brings what they write to the hub.

use std::fs::{self, File, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::serve::{Listener as _, ListenerExt as _};
use kinora_engine::Engine;
use tokio::net::TcpListener;

mod api;
pub mod config;
mod hub;
pub mod keys;
mod log;
mod metrics;
mod outbound;
mod outputs;
mod places;
mod relay;
mod remotes;
mod shelf;
mod store;
mod webhooks;
mod worker;
mod workshop;

use api::Studio;
use config::{Config, Storage};
use outputs::StorageError;
pub use shelf::Published;
pub use store::Made;
use store::{Place, Store, StoreError};
use webhooks::{Courier, Post};
pub use worker::child::run as run_worker_process;
pub use worker::{Program, protocol};
use workshop::Workshop;
pub use workshop::work;

/// What the studio is and where it keeps its things.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the operator decided.
    pub config: Config,
    /// Folder of the database and the videos.
    pub data: PathBuf,
    /// What starts a worker process.
    pub worker: Program,
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
    /// A worker without a database that a studio on another machine can share.
    #[error("a worker needs the studio's PostgreSQL server, and no URL was given")]
    NoServer,
    /// A worker whose files the studio would not find.
    #[error("the studio keeps its files in {studio}, this worker in {here}")]
    OtherStorage {
        /// As the studio has it.
        studio: Storage,
        /// As the worker has it.
        here: Storage,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bucket of finished files cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
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
            Self::NoServer => {
                "name it with --connect postgres://USER@HOST/NAME or as `database` in kinora.toml; \
                 the studio is opened with the same URL"
            }
            Self::OtherStorage { .. } => {
                "name the studio's with --storage or as `storage` in kinora.toml, as it is written there"
            }
            Self::Store(error) => error.hint(),
            Self::Storage(error) => error.hint(),
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
    log::start(&options.config.log);
    let _lock = lock(&options.data)?;
    let place = Place::of(&options.config, &options.data);
    let store = Store::open(&place).await?;
    check_keys(&options.config.server, &store).await?;
    let address = SocketAddr::new(options.config.server.host, options.config.server.port);
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|source| ServeError::Listen { address, source })?;
    // Events and the beginnings of answers are small, and wanted at once.
    let listener = listener.tap_io(|connection| {
        // Slower without it, and no worse.
        let _ = connection.set_nodelay(true);
    });
    let mut workshop = Workshop::new(options, place, store).await?;
    let (config, store) = (Arc::clone(&workshop.config), workshop.store.clone());
    let now = store.now();
    let endpoints = config.webhooks.iter();
    let endpoints: Vec<_> = endpoints.map(|one| api::configured(one, now)).collect();
    store.configure_endpoints(&endpoints).await?;
    store.set_storage(&config.storage).await?;
    workshop.recover().await?;
    let remotes: Vec<_> = config.remotes.iter().map(|one| one.name.as_str()).collect();
    store.end_orphans(&remotes).await?;

    workshop.start();
    workshop.start_remotes();
    let post = Post::new(config.network.allow_private_webhooks);
    let courier = Courier {
        store: store.clone(),
        hub: Arc::clone(&workshop.hub),
        post: post.clone(),
        closing: workshop.crew.closing(),
    };
    workshop.crew.help(move || courier.clone().run());
    let drain = Duration::from_secs(config.server.drain_seconds);
    let router = api::router(Studio {
        config,
        store,
        hub: workshop.hub,
        metrics: workshop.metrics,
        places: Arc::default(),
        outputs: workshop.outputs,
        shelf: workshop.shelf,
        engine: Arc::new(Engine::new()),
        post,
    });
    ready(listener.local_addr()?);
    // A connection is not what matters at the end, so the server needs no farewell.
    let server = tokio::spawn(axum::serve(listener, router.into_make_service()).into_future());
    let served = server.abort_handle();
    let result = tokio::select! {
        served = server => served.unwrap_or_else(|lost| Err(io::Error::other(lost))),
        () = stopped() => Ok(()),
    };
    // Who watches a clip that is drained watches it to its end: the server goes on meanwhile.
    workshop.crew.leave(drain, stopped()).await?;
    served.abort();
    Ok(result?)
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

fn in_data(data: &Path, source: io::Error) -> ServeError {
    ServeError::Data {
        data: data.into(),
        source,
    }
}

/// Makes sure that nobody else uses the data folder, as long as the file is open.
fn lock(data: &Path) -> Result<File, ServeError> {
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
