//! The way out: the one HTTP client of the studio, and where it may go.

use ureq::Agent;
use ureq::config::{Config, ConfigBuilder};
use ureq::typestate::AgentScope;
use ureq::unversioned::transport::DefaultConnector;

mod address;

use address::Guard;
pub use address::{Target, TargetError};

/// A client that follows no redirect, asks no proxy and keeps no connection. Private addresses are
/// refused unless they are allowed; `configure` says how patient it is.
pub fn agent(
    allow_private: bool,
    configure: impl FnOnce(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope>,
) -> Agent {
    let config: Config = configure(
        Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None) // a proxy would look names up where nobody checks the address
            .max_idle_connections(0)
            .user_agent(concat!("kinora/", env!("CARGO_PKG_VERSION"))),
    )
    .build();
    let guard = Guard::new(allow_private);
    Agent::with_parts(config, DefaultConnector::default(), guard)
}
