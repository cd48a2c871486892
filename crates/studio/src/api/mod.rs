//! The HTTP API, as `docs/api.md` describes it, and the web page.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use kinora_engine::Engine;
use tracing::Instrument;
use uuid::Uuid;

mod auth;
mod body;
mod content;
mod create;
mod cuts;
mod error;
mod events;
mod home;
mod inputs;
mod models;
mod object;
mod openapi;
mod page;
mod path;
mod prompts;
mod queue;
mod range;
mod sign_in;
mod storyboards;
mod tiers;
mod videos;
mod view;
mod webhooks;

use crate::config::Config;
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::outputs::Outputs;
use crate::places::Places;
use crate::shelf::Shelf;
use crate::store::Store;
use crate::webhooks::Post;
use error::ApiError;
pub use webhooks::configured;

/// The page talks to its own server only.
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; \
    object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What every handler shares.
#[derive(Clone)]
pub struct Studio {
    /// What the operator decided.
    pub config: Arc<Config>,
    /// Prompts, videos, events.
    pub store: Store,
    /// Live news.
    pub hub: Arc<Hub>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where videos wait.
    pub places: Arc<Places>,
    /// Finished files.
    pub outputs: Outputs,
    /// The models of this machine.
    pub shelf: Arc<Shelf>,
    /// Reads and validates requests; never loads weights here.
    pub engine: Arc<Engine>,
    /// Sends webhooks.
    pub post: Post,
}

/// The whole service.
pub fn router(studio: Studio) -> Router {
    let limits = &studio.config.limits;
    let upload = || DefaultBodyLimit::max(limits.upload_bytes.max(limits.body_bytes));
    let largest = limits.body_bytes;
    let keyed = middleware::from_fn_with_state(studio.clone(), auth::guard);
    let videos = Router::new()
        .route(
            "/videos",
            post(create::create).layer(upload()).get(videos::list),
        )
        .route(
            "/videos/{id}",
            get(videos::retrieve)
                .delete(videos::delete)
                .patch(videos::change),
        )
        .route("/videos/{id}/content", get(content::content))
        .route("/videos/{id}/remix", post(create::remix).layer(upload()))
        .route("/videos/{id}/cancel", post(videos::cancel))
        .route("/videos/{id}/retry", post(queue::retry))
        .route("/videos/{id}/move", post(queue::reorder))
        .route("/videos/{id}/recipe", get(videos::recipe))
        .route("/videos/{id}/events", get(events::events))
        .route("/videos/edits", post(unsupported))
        .route("/videos/extensions", post(create::extend).layer(upload()))
        .route("/videos/characters", post(unsupported))
        .route("/queue", get(queue::retrieve).patch(queue::change))
        .route("/cuts", post(cuts::create))
        .route(
            "/storyboards",
            post(storyboards::create).get(storyboards::list),
        )
        .route(
            "/storyboards/{id}",
            get(storyboards::retrieve)
                .put(storyboards::change)
                .delete(storyboards::delete),
        )
        .route("/models", get(models::list))
        .route(
            "/webhook_endpoints",
            post(webhooks::create).get(webhooks::list),
        )
        .route(
            "/webhook_endpoints/{id}",
            get(webhooks::retrieve).delete(webhooks::delete),
        )
        .route("/webhook_endpoints/{id}/test", post(webhooks::test))
        .route(
            "/webhook_endpoints/{id}/deliveries",
            get(webhooks::deliveries),
        )
        .route("/webhook_event_types", get(webhooks::event_types))
        .route("/prompts", get(prompts::list))
        .route("/prompts/analysis", post(prompts::analysis))
        .route("/prompts/export", get(prompts::export))
        .route(
            "/prompts/{id}",
            get(prompts::retrieve).patch(prompts::annotate),
        )
        .layer(keyed.clone());
    Router::new()
        .nest("/v1", videos)
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics).layer(keyed))
        .route("/sign-in", post(sign_in::enter))
        .route("/sign-in.css", get(sign_in::sheet))
        .route("/sign-out", get(sign_in::leave))
        .route("/openapi.json", get(openapi::serve))
        .fallback(page::file)
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .layer(DefaultBodyLimit::max(largest))
        .layer(middleware::from_fn_with_state(studio.clone(), home::guard))
        .layer(middleware::from_fn_with_state(studio.clone(), answer))
        .with_state(studio)
}

async fn ready(State(studio): State<Studio>) -> Response {
    if studio.store.is_ready().await {
        "ready".into_response()
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the database does not answer",
        )
            .into_response()
    }
}

async fn unsupported() -> ApiError {
    ApiError::unsupported(
        "no model of this studio edits clips or keeps characters",
        None,
    )
}

/// `GET /metrics`, for Prometheus.
async fn metrics(State(studio): State<Studio>) -> Result<Response, ApiError> {
    let (depths, paused) = studio.store.depths().await?;
    let kind = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, studio.metrics.text(&depths, paused)).into_response())
}

/// Counts and logs every request, and gives its answer the id and the rules for browsers.
async fn answer(State(studio): State<Studio>, request: Request, next: Next) -> Response {
    const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
    let id = format!("req_{}", Uuid::now_v7().simple());
    let begun = Instant::now();
    let method = request.method().clone();
    // Everything else is a file of the page.
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("page", MatchedPath::as_str).to_owned();
    let span = tracing::error_span!("request", id, %method, path = request.uri().path());
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    studio.metrics.answered(&route, method.as_str(), status);
    let milliseconds = begun.elapsed().as_millis() as u64;
    span.in_scope(|| tracing::info!(status, milliseconds, "answered"));
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, HeaderValue::from_str(&id).expect("hexadecimal"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
