//! API keys as the operator handles them, from the command line, also while the studio runs.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::config::Config;
pub use crate::store::{Key, Tier};
use crate::store::{NewKey, Place, Store, StoreError};
use crate::{ServeError, in_data};

/// What every key begins with, so that it is known when it turns up somewhere.
const PREFIX: &str = "sk-kinora-";
/// Random bytes of a key: 256 bits.
const LENGTH: usize = 32;

/// What a key may do.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    /// What the operator calls it.
    pub name: String,
    /// The highest tier that it may ask for.
    pub tier: Tier,
    /// Most unfinished videos at a time; 0 is any number, `None` what is configured.
    pub max_queued: Option<u32>,
}

/// Makes a key; returns its id and the key itself, which is not kept and cannot be shown again.
///
/// # Errors
/// When the data folder or its database cannot be used.
pub fn create(data: &Path, config: &Config, grant: Grant) -> Result<(String, String), ServeError> {
    let (mut secret, mut number) = ([0; LENGTH], [0; 4]);
    for bytes in [&mut secret[..], &mut number[..]] {
        getrandom::fill(bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    }
    let key = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(secret));
    let id = format!("key_{:08x}", u32::from_le_bytes(number));
    let new = NewKey {
        id: id.clone(),
        name: grant.name,
        hash: hash(&key),
        tier: grant.tier,
        max_queued: grant.max_queued,
    };
    with_store(data, config, async |store| store.add_key(&new).await)?;
    Ok((id, key))
}

/// All keys of a studio, revoked ones too, the oldest first.
///
/// # Errors
/// When the data folder or its database cannot be used.
pub fn list(data: &Path, config: &Config) -> Result<Vec<Key>, ServeError> {
    with_store(data, config, async |store| store.keys().await)
}

/// Ends a key; false without an active one of that id.
///
/// # Errors
/// When the data folder or its database cannot be used.
pub fn revoke(data: &Path, config: &Config, id: &str) -> Result<bool, ServeError> {
    with_store(data, config, async |store| store.revoke_key(id).await)
}

/// What is stored of a key. It has 256 random bits, so a plain hash is enough.
pub(crate) fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

fn with_store<T>(
    data: &Path,
    config: &Config,
    work: impl AsyncFnOnce(Store) -> Result<T, StoreError>,
) -> Result<T, ServeError> {
    fs::create_dir_all(data).map_err(|source| in_data(data, source))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let store = Store::open(&Place::of(config, data)).await?;
        Ok(work(store).await?)
    })
}
