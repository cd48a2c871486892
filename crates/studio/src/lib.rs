//! The studio: a web page to create in, an API that the official SDKs speak, a queue that survives.
//!
//! A request becomes a row of the `store`; a `worker` supervisor claims it, has it made by a
//! child process and ends the row; the `hub` carries news to whoever listens. The row is the
//! only truth: everything in memory can be lost at any time.
//!
//! ```text
//! api ──► store ◄── worker::supervisor ══ pipes ══ worker::child ──► engine
//!  └───────► hub ◄────────┘
//! ```

use std::fs::{self, File, TryLockError};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use kinora_engine::Engine;
use tokio::net::TcpListener;
use tokio::sync::watch;

mod api;
pub mod config;
mod hub;
mod outputs;
mod store;
mod worker;

use api::Studio;
use config::Config;
use hub::Hub;
use outputs::Outputs;
use store::{Store, StoreError};
use worker::Supervisor;
pub use worker::child::run as run_worker;

/// What the studio is and where it keeps its things.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the operator decided.
    pub config: Config,
    /// Folder of the database and the videos.
    pub data: PathBuf,
    /// Program and arguments that start a worker, which calls [`run_worker`].
    pub worker: (PathBuf, Vec<String>),
}

/// Why the studio does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address that others could reach.
    #[error("{host} can be reached from other machines, and the studio has no API keys yet")]
    NotLoopback {
        /// The address.
        host: IpAddr,
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
            Self::NotLoopback { .. } => "--host 127.0.0.1 keeps it to this machine",
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
    runtime.block_on(run(options, ready))
}

async fn run(options: Options, ready: impl FnOnce(SocketAddr)) -> Result<(), ServeError> {
    let config = Arc::new(options.config);
    let host = config.server.host;
    if !host.is_loopback() {
        return Err(ServeError::NotLoopback { host });
    }
    let address = SocketAddr::new(host, config.server.port);
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|source| ServeError::Listen { address, source })?;
    let _lock = lock(&options.data)?;
    let outputs = Outputs::open(&options.data);
    let outputs = outputs.map_err(|source| in_data(&options.data, source))?;
    let store = Store::open(&options.data.join("studio.sqlite")).await?;
    let recovered = store.recover().await?;
    for lease in &recovered {
        outputs.remove(&lease.output_key());
        eprintln!("kinora: {} was unfinished and goes on", lease.id);
    }

    let hub = Arc::new(Hub::default());
    let (close, closing) = watch::channel(false);
    let supervisor = Supervisor {
        store: store.clone(),
        hub: Arc::clone(&hub),
        outputs: outputs.clone(),
        command: options.worker,
        closing: closing.clone(),
    };
    let worker = tokio::spawn(supervisor.run());
    let engine = Arc::new(Engine::new());
    let router = api::router(Studio {
        config,
        store,
        hub,
        outputs,
        engine,
    });
    ready(listener.local_addr()?);
    let server = axum::serve(listener, router);
    tokio::select! {
        served = server => served?,
        () = stopped() => {}
    }
    // Listeners of events would keep a patient shutdown waiting; what matters is in the store.
    close.send_replace(true);
    if let Ok(ended) = worker.await {
        ended?;
    }
    Ok(())
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
