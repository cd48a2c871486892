//! The studio's part of the command line.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use kinora_studio::keys::Tier;

#[derive(Debug, Default, Args)]
#[command(
    after_help = "Options win over KINORA_SECTION_KEY variables, these over kinora.toml; `kinora config check` shows\nwhat holds and why."
)]
pub struct Serve {
    #[command(flatten)]
    pub place: Place,

    /// Address to listen on [default: 127.0.0.1]
    #[arg(long)]
    pub host: Option<IpAddr>,

    /// Port to listen on [default: 8765]
    #[arg(long)]
    pub port: Option<u16>,

    /// A bucket for finished files, `s3://BUCKET/PREFIX` [default: the data folder]
    #[arg(long, value_name = "URL")]
    pub storage: Option<String>,

    /// Clips that are made at the same time, 1 to 64, with a database also 0 [default: 1]
    #[arg(long, value_name = "NUMBER")]
    pub workers: Option<u32>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "It takes the configuration of the studio; what is only of the studio, such as its address, has no\nmeaning here. Finished files go where the studio hands them out: the bucket or the data folder must be the same."
)]
pub struct Worker {
    /// The studio's database, `postgres://USER@HOST/NAME` [default: `database` of the configuration]
    #[arg(long, value_name = "URL")]
    pub connect: Option<String>,

    /// The studio's bucket, `s3://BUCKET/PREFIX` [default: `storage` of the configuration]
    #[arg(long, value_name = "URL")]
    pub storage: Option<String>,

    /// The data folder that it shares with the studio [default: `KINORA_DATA_DIR`, or the user's data
    /// folder]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Configuration to read [default: kinora.toml in the data folder, if it is there]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Clips that are made at the same time, 1 to 64 [default: `queue.workers`, at least 1]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub workers: Option<u32>,
}

/// Which studio is meant.
#[derive(Debug, Default, Args)]
pub struct Place {
    /// Folder of the studio's database and videos [default: `KINORA_DATA_DIR`, or the user's data folder]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Configuration to read [default: kinora.toml in the data folder, if it is there]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// A `PostgreSQL` database, `postgres://USER@HOST/NAME` [default: a file in the data folder]
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
}

/// They work while the studio runs. Without any key everyone on this machine may use it, and nobody
/// from elsewhere.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make a key and show it, this once
    Create(CreateKey),
    /// List the keys that were made
    List(Place),
    /// End a key
    Revoke(RevokeKey),
}

#[derive(Debug, Args)]
pub struct CreateKey {
    /// What the key is called in lists
    #[arg(long, default_value = "", hide_default_value = true)]
    pub name: String,

    /// The highest tier it may ask for: standard or pro
    #[arg(long, default_value_t = Tier::Standard)]
    pub tier: Tier,

    /// Most unfinished clips at a time, 0 for any number [default: `queue.max_queued_per_key`]
    #[arg(long, value_name = "NUMBER")]
    pub max_queued: Option<u32>,

    #[command(flatten)]
    pub place: Place,
}

#[derive(Debug, Args)]
pub struct RevokeKey {
    /// Its id, as listed
    pub id: String,

    #[command(flatten)]
    pub place: Place,
}

#[derive(Debug, Subcommand)]
pub enum Config {
    /// Print every value that holds and where it was said; refuse what is wrong
    Check(Place),
}
