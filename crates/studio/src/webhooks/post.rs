//! Sends one event.

use std::time::Duration;

use ureq::Agent;

use super::sign::Secret;
use crate::outbound::agent;
use crate::store::Endpoint;

/// Longest time that an endpoint may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends events to endpoints, and to nothing that is not allowed.
#[derive(Debug, Clone)]
pub struct Post {
    agent: Agent,
    /// Whether addresses of this machine and its networks are allowed.
    pub allow_private: bool,
}

impl Post {
    /// A post; private addresses are refused unless they are allowed.
    pub fn new(allow_private: bool) -> Self {
        let agent = agent(allow_private, |config| {
            config.timeout_global(Some(PATIENCE))
        });
        Self {
            agent,
            allow_private,
        }
    }

    /// Sends an event, `now` in milliseconds since 1970, and answers the endpoint's status.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub async fn send(
        &self,
        endpoint: &Endpoint,
        id: &str,
        body: &str,
        now: i64,
    ) -> Result<u16, String> {
        let secret = Secret::read(&endpoint.secret).map_err(|error| error.to_string())?;
        let timestamp = now / 1000;
        let request = self
            .agent
            .post(&endpoint.url)
            .content_type("application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", secret.sign(id, timestamp, body));
        let body = body.to_owned();
        let sent = tokio::task::spawn_blocking(move || request.send(body)).await;
        let answer = sent.map_err(|error| error.to_string())?;
        let answer = answer.map_err(|error| error.to_string())?;
        Ok(answer.status().as_u16())
    }
}
