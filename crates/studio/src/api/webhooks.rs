//! Webhook endpoints, as the SDKs manage them, and what was delivered to them.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Studio;
use super::body::{Ignored, Object};
use super::create::new_id;
use super::error::ApiError;
use super::path::Path;
use super::videos::{listed, page_limit};
use crate::config::Webhook;
use crate::outbound::{Target, TargetError};
use crate::store::{Delivery, EVENT_TYPES, Endpoint, event};
use crate::webhooks::Secret;

const PAGE: i64 = 20;
/// Longest name in characters.
const LONGEST_NAME: usize = 200;
/// Most endpoints: each costs a row an ended video.
const MOST_ENDPOINTS: usize = 100;

/// The query of a list.
#[derive(Debug, Deserialize)]
pub struct Page {
    after: Option<String>,
    limit: Option<i64>,
}

/// A new endpoint.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    event_types: Vec<String>,
    name: String,
    url: String,
}

fn view(endpoint: &Endpoint) -> Value {
    let shown = endpoint.secret.len().saturating_sub(4);
    json!({
        "id": endpoint.id,
        "object": "webhook_endpoint",
        "created_at": endpoint.created_at / 1000,
        "name": endpoint.name,
        "url": endpoint.url,
        "event_types": endpoint.event_types,
        "signing_secret_hint": format!("whsec_...{}", &endpoint.secret[shown..]),
        "configured": endpoint.configured,
    })
}

fn delivery_view(delivery: &Delivery) -> Value {
    let waits = delivery.state == "pending";
    json!({
        "id": delivery.event_id,
        "object": "webhook_delivery",
        "event_type": delivery.event_type,
        "created_at": delivery.created_at / 1000,
        "status": delivery.state,
        "attempts": delivery.attempts,
        "next_attempt_at": waits.then_some(delivery.next_at / 1000),
        "last_status_code": delivery.status_code,
        "last_error": delivery.error,
    })
}

/// The endpoint that a section of `kinora.toml` means.
pub fn configured(webhook: &Webhook, now: i64) -> Endpoint {
    Endpoint {
        id: new_id("we"),
        created_at: now,
        name: webhook.name.clone(),
        url: webhook.url.clone(),
        event_types: webhook.event_types.clone(),
        secret: webhook.secret.clone(),
        configured: true,
    }
}

async fn find(studio: &Studio, id: &str) -> Result<Endpoint, ApiError> {
    let found = studio.store.endpoint(id).await?;
    found.ok_or_else(|| {
        let message =
            format!("there is no webhook endpoint `{id}`; GET /v1/webhook_endpoints lists them");
        ApiError::not_found("webhook_endpoint_not_found", message)
    })
}

fn check_type(param: &str, kind: &str) -> Result<(), ApiError> {
    if EVENT_TYPES.contains(&kind) {
        return Ok(());
    }
    let message = format!(
        "there is no event `{kind}`; {} are told",
        EVENT_TYPES.join(" and ")
    );
    Err(ApiError::invalid(param, message))
}

/// `POST /v1/webhook_endpoints`: the only answer with the secret.
pub async fn create(
    State(studio): State<Studio>,
    Object(sent): Object<Sent>,
) -> Result<Json<Value>, ApiError> {
    let length = sent.name.chars().count();
    if !(1..=LONGEST_NAME).contains(&length) || sent.name.contains(char::is_control) {
        let message = format!("name must be one line of 1 to {LONGEST_NAME} characters");
        return Err(ApiError::invalid("name", message));
    }
    if sent.event_types.is_empty() {
        let message = format!("name the events: {}", EVENT_TYPES.join(", "));
        return Err(ApiError::invalid("event_types", message));
    }
    for kind in &sent.event_types {
        check_type("event_types", kind)?;
    }
    let Target(url) = Target::read(&sent.url, studio.post.allow_private)?;
    let known = studio.store.endpoints(None, i64::MAX).await?;
    if known.len() >= MOST_ENDPOINTS {
        let message =
            format!("a studio has at most {MOST_ENDPOINTS} webhook endpoints; delete one");
        return Err(ApiError::bad_request("too_many_endpoints", None, message));
    }
    let mut event_types = sent.event_types;
    event_types.sort();
    event_types.dedup();
    let endpoint = Endpoint {
        id: new_id("we"),
        created_at: studio.store.now(),
        name: sent.name,
        url,
        event_types,
        secret: Secret::random()?.text(),
        configured: false,
    };
    studio.store.add_endpoint(&endpoint).await?;
    let mut answer = view(&endpoint);
    answer["signing_secret"] = json!(endpoint.secret);
    Ok(Json(answer))
}

/// `GET /v1/webhook_endpoints`.
pub async fn list(
    State(studio): State<Studio>,
    query: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(page) = query?;
    let limit = page_limit(page.limit, PAGE)?;
    let found = studio.store.endpoints(page.after.as_deref(), limit + 1);
    Ok(Json(listed(found.await?.iter().map(view).collect(), limit)))
}

/// `GET /v1/webhook_endpoints/{id}`.
pub async fn retrieve(
    State(studio): State<Studio>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    Ok(Json(view(&find(&studio, &id).await?)))
}

/// `DELETE /v1/webhook_endpoints/{id}`.
pub async fn delete(
    State(studio): State<Studio>,
    Path(id): Path<String>,
    _: Ignored,
) -> Result<Json<Value>, ApiError> {
    if find(&studio, &id).await?.configured {
        let message = "this endpoint stands in kinora.toml; take it out there";
        return Err(ApiError::bad_request("configured", None, message));
    }
    studio.store.delete_endpoint(&id).await?;
    Ok(Json(
        json!({"id": id, "object": "webhook_endpoint.deleted", "deleted": true}),
    ))
}

/// `GET /v1/webhook_endpoints/{id}/deliveries`: the latest.
pub async fn deliveries(
    State(studio): State<Studio>,
    Path(id): Path<String>,
    query: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(page) = query?;
    let limit = page_limit(page.limit, PAGE)?;
    find(&studio, &id).await?;
    let found = studio.store.deliveries(&id, limit).await?;
    let data: Vec<_> = found.iter().map(delivery_view).collect();
    Ok(Json(json!({"object": "list", "data": data})))
}

/// The body of a test.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    event_type: String,
}

/// `POST /v1/webhook_endpoints/{id}/test`: sends an event about no video at once, and says what
/// the endpoint answered.
pub async fn test(
    State(studio): State<Studio>,
    Path(id): Path<String>,
    Object(Trial { event_type }): Object<Trial>,
) -> Result<Json<Value>, ApiError> {
    let endpoint = find(&studio, &id).await?;
    check_type("event_type", &event_type)?;
    let (event_id, body) = event(&event_type, "video_test", studio.store.now());
    let sent = studio
        .post
        .send(&endpoint, &event_id, &body, studio.store.now())
        .await;
    let status = sent.map_err(|reason| {
        let message = format!("the endpoint was not reached: {reason}");
        ApiError::bad_request("webhook_not_reached", None, message)
    })?;
    Ok(Json(json!({
        "object": "webhook_endpoint.test",
        "webhook_endpoint_id": id,
        "event_type": event_type,
        "status_code": status,
        "success": true,
    })))
}

/// `GET /v1/webhook_event_types`.
pub async fn event_types() -> Json<Value> {
    Json(json!({"object": "list", "data": EVENT_TYPES}))
}

impl From<TargetError> for ApiError {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Malformed => Self::invalid("url", error.to_string()),
            TargetError::Private => {
                Self::bad_request("private_target", Some("url"), error.to_string())
            }
        }
    }
}
