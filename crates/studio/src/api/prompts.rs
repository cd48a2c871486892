//! The prompt log, and what a model makes of a prompt.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use kinora_engine::prompt::Analysis;
use kinora_engine::safety::{Moderation, moderate, moderate_telling};
use kinora_engine::{ModelFiles, check_prompt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::block_in_place;

use super::Studio;
use super::body::Object;
use super::error::ApiError;
use super::path::Path;
use super::tiers;
use super::videos::{listed, page_limit};
use crate::remotes;
use crate::store::Prompt;

const PAGE: i64 = 50;
/// Most characters of a note.
const LONGEST_NOTE: usize = 10_000;
/// Prompts that an export reads at once.
const EXPORTED_AT_ONCE: i64 = 500;

/// The query of the log.
#[derive(Debug, Deserialize)]
pub struct Page {
    #[serde(default)]
    q: String,
    after: Option<String>,
    limit: Option<i64>,
}

/// `GET /v1/prompts`.
pub async fn list(
    State(studio): State<Studio>,
    query: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(page) = query?;
    let limit = page_limit(page.limit, PAGE)?;
    let prompts = studio
        .store
        .prompts(&page.q, page.after.as_deref(), limit + 1)
        .await?;
    Ok(Json(listed(
        prompts.iter().map(|prompt| json!(prompt)).collect(),
        limit,
    )))
}

/// `GET /v1/prompts/{id}`.
pub async fn retrieve(
    State(studio): State<Studio>,
    Path(id): Path<String>,
) -> Result<Json<Prompt>, ApiError> {
    let prompt = studio.store.prompt(&id).await?;
    let missing = || ApiError::not_found("prompt_not_found", format!("there is no prompt `{id}`"));
    prompt.map(Json).ok_or_else(missing)
}

/// What of a logged prompt can change.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Annotation {
    rating: Option<i64>,
    note: Option<String>,
}

/// `PATCH /v1/prompts/{id}`.
pub async fn annotate(
    State(studio): State<Studio>,
    Path(id): Path<String>,
    Object(Annotation { rating, note }): Object<Annotation>,
) -> Result<Json<Prompt>, ApiError> {
    if rating.is_some_and(|rating| !(0..=5).contains(&rating)) {
        return Err(ApiError::invalid("rating", "rating is 0 (none) to 5"));
    }
    if note
        .as_ref()
        .is_some_and(|note| note.chars().count() > LONGEST_NOTE)
    {
        return Err(ApiError::invalid(
            "note",
            format!("a note has at most {LONGEST_NOTE} characters"),
        ));
    }
    studio.store.annotate(&id, rating, note.as_deref()).await?;
    retrieve(State(studio), Path(id)).await
}

/// The query of an export.
#[derive(Debug, Deserialize)]
pub struct Export {
    format: Option<String>,
}

/// `GET /v1/prompts/export`: the whole log, newest first.
pub async fn export(
    State(studio): State<Studio>,
    query: Result<Query<Export>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(export) = query?;
    let format = export.format.as_deref().unwrap_or("jsonl");
    let (kind, line): (_, fn(&Prompt) -> String) = match format {
        "jsonl" => ("application/jsonl", |prompt| json!(prompt).to_string()),
        "csv" => ("text/csv; charset=utf-8", csv_line),
        other => {
            let message = format!("format is jsonl or csv, not `{other}`");
            return Err(ApiError::invalid("format", message));
        }
    };
    let mut text = String::new();
    if format == "csv" {
        text.push_str(CSV_HEAD);
    }
    let mut after: Option<String> = None;
    loop {
        let prompts = studio
            .store
            .prompts("", after.as_deref(), EXPORTED_AT_ONCE)
            .await?;
        let Some(last) = prompts.last() else { break };
        after = Some(last.id.clone());
        for prompt in &prompts {
            text.push_str(&line(prompt));
            text.push('\n');
        }
    }
    let name = format!("attachment; filename=\"kinora-prompts.{format}\"");
    Ok((
        [(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, name)],
        text,
    )
        .into_response())
}

const CSV_HEAD: &str = "id,created_at,model,prompt,negative_prompt,parameters,decision,warning,video_ids,parent_id,rating,note\n";

fn csv_line(prompt: &Prompt) -> String {
    let fields = [
        prompt.id.clone(),
        prompt.created_at.to_string(),
        prompt.model.clone(),
        prompt.prompt.clone(),
        prompt.negative_prompt.clone(),
        prompt.parameters.to_string(),
        prompt.decision.clone(),
        prompt.warning.clone().unwrap_or_default(),
        prompt.video_ids.join(" "),
        prompt.parent_id.clone().unwrap_or_default(),
        prompt.rating.to_string(),
        prompt.note.clone(),
    ];
    fields.map(|field| csv_field(&field)).join(",")
}

/// A field as RFC 4180 quotes it. What a spreadsheet would run as a formula gets an apostrophe.
fn csv_field(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        "'"
    } else {
        ""
    };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

/// The body of an analysis.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    prompt: String,
    model: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    prompt: String,
    model: String,
    moderation: Moderation,
    #[serde(flatten)]
    analysis: Analysis,
}

/// `POST /v1/prompts/analysis`.
pub async fn analysis(
    State(studio): State<Studio>,
    Object(Question { prompt, model }): Object<Question>,
) -> Result<Response, ApiError> {
    // Words that nobody knows are compared with all that are known, which takes its time.
    Ok(Json(block_in_place(|| analysed(&studio, prompt, model))?).into_response())
}

fn analysed(studio: &Studio, prompt: String, model: Option<String>) -> Result<Answer, ApiError> {
    let model = model.map(|name| tiers::named(studio, &name).0);
    let remote = model.as_deref().and_then(|name| studio.config.remote(name));
    // Nobody here knows which words a remote understands.
    let (model, moderation, analysis) = if let Some(remote) = remote {
        remotes::check_prompt(remote, &prompt)?;
        let analysis = Analysis::of(&prompt, None);
        (remote.name.clone(), moderate(&prompt), analysis)
    } else {
        let place = model.as_deref().map(|name| studio.shelf.place(name));
        let files = ModelFiles {
            place: place.transpose()?.flatten(),
            ..ModelFiles::default()
        };
        let family = studio.engine.family(model.as_deref(), &files)?;
        check_prompt(&prompt, family.info())?;
        let analysis = Analysis::of(&prompt, family.knowledge());
        let moderation = moderate_telling(&prompt, &studio.config.rules.warn);
        (family.info().name.clone(), moderation, analysis)
    };
    Ok(Answer {
        prompt,
        model,
        moderation,
        analysis,
    })
}

#[cfg(test)]
mod tests {
    use super::csv_field;

    #[test]
    fn fields_of_a_table_are_quoted_and_never_formulas() {
        assert_eq!(csv_field("a, \"b\"\nc"), "\"a, \"\"b\"\"\nc\"");
        assert_eq!(csv_field("=1+1"), "\"'=1+1\"");
        assert_eq!(csv_field(""), "\"\"");
    }
}
