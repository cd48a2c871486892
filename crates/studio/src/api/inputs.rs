//! The files that a video begins with: a picture, or a clip of this studio or of anyone.

use std::path::Path;

use axum::body::Bytes;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kinora_engine::Given;
use kinora_media::{ClipReader, MediaError, read_still};
use serde_json::Value;
use tokio::task::block_in_place;

use super::Studio;
use super::body::Body;
use super::error::ApiError;
use super::videos::find;
use crate::outputs::{LocalFile, Outputs, StorageError};
use crate::store::Inputs;

const IMAGE: &str = "input_reference";
const CLIP: &str = "video";

/// Keeps the picture of `input_reference`, if there is one: a file, or `{image_url}` with a data URL.
pub async fn image(studio: &Studio, body: &mut Body) -> Result<Option<String>, ApiError> {
    let content = match (body.file(IMAGE), body.value(IMAGE)) {
        (Some(file), None) => file,
        (None, Some(value)) => from_url(&value)?,
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            let message = "input_reference is a file or an image_url, not both";
            return Err(ApiError::invalid(IMAGE, message));
        }
    };
    let check = |path: &Path| read_still(path).map(|_| ());
    keep(studio, &content, IMAGE, check).await.map(Some)
}

fn from_url(value: &Value) -> Result<Bytes, ApiError> {
    if value.get("file_id").is_some() {
        let message = "this studio keeps no files; send the picture itself as a file or a data URL";
        return Err(ApiError::unsupported(message, Some(IMAGE)));
    }
    let Some(url) = value.get("image_url").and_then(Value::as_str) else {
        let message =
            "input_reference must be a file, or {\"image_url\": \"data:image/png;base64,...\"}";
        return Err(ApiError::invalid(IMAGE, message));
    };
    let Some(data) = url.strip_prefix("data:") else {
        let message = "pictures are not fetched from the network; send a file or a data URL";
        return Err(ApiError::unsupported(message, Some(IMAGE)));
    };
    let encoded = data.split_once(";base64,").map(|(_, encoded)| encoded);
    encoded
        .and_then(|encoded| BASE64_STANDARD.decode(encoded).ok())
        .map(Bytes::from)
        .ok_or_else(|| ApiError::invalid(IMAGE, "the data URL must hold base64"))
}

/// Keeps the clip of `video`: a file, or a finished video of this studio by its id.
pub async fn clip(studio: &Studio, body: &mut Body) -> Result<String, ApiError> {
    if let Some(file) = body.file(CLIP) {
        let check = |path: &Path| ClipReader::open(path).map(|_| ());
        return keep(studio, &file, CLIP, check).await;
    }
    let value = body.value(CLIP);
    let id = value
        .as_ref()
        .and_then(|value| value.get("id").unwrap_or(value).as_str());
    let Some(id) = id else {
        let message = "video must be a file, or {\"id\": ...} of a finished video";
        return Err(ApiError::invalid(CLIP, message));
    };
    let video = find(studio, id).await?;
    let Some(key) = &video.output_key else {
        let message = format!("video `{id}` is not finished; wait for it");
        return Err(ApiError::bad_request("not_completed", Some(CLIP), message));
    };
    // A copy, for the clip may be deleted before its continuation is made.
    let content = tokio::fs::read(studio.outputs.video(key).await?.path()).await?;
    let hash = studio.outputs.keep(&content)?;
    share(studio, hash).await
}

async fn keep(
    studio: &Studio,
    content: &[u8],
    param: &str,
    check: impl Fn(&Path) -> Result<(), MediaError>,
) -> Result<String, ApiError> {
    let hash = block_in_place(|| studio.outputs.keep(content))?;
    let file = studio.outputs.input(&hash).await?;
    let Err(error) = block_in_place(|| check(file.path())) else {
        return share(studio, hash).await;
    };
    // What is no clip may be the picture of another video.
    forget(studio, &hash).await?;
    match error {
        MediaError::BadPicture { reason, .. } | MediaError::BadMp4 { reason, .. } => {
            let message = format!("{param} cannot be read: {reason}");
            Err(ApiError::invalid(param, message))
        }
        other => Err(ApiError::internal(&other)),
    }
}

/// Lets every worker have a kept file.
async fn share(studio: &Studio, hash: String) -> Result<String, ApiError> {
    if let Err(error) = studio.outputs.share(&hash).await {
        forget(studio, &hash).await?;
        return Err(error.into());
    }
    Ok(hash)
}

/// Removes files that no video of the library begins with.
pub async fn forget_unused(studio: &Studio, inputs: &Inputs) -> Result<(), ApiError> {
    for hash in inputs.hashes() {
        forget(studio, hash).await?;
    }
    Ok(())
}

async fn forget(studio: &Studio, hash: &str) -> Result<(), ApiError> {
    if !studio.store.uses_input(hash).await? {
        studio.outputs.forget(hash).await;
    }
    Ok(())
}

/// Where the files of a video are, for the engine, as long as the files are held.
pub async fn given(
    outputs: &Outputs,
    inputs: &Inputs,
) -> Result<(Given, Vec<LocalFile>), StorageError> {
    let (mut given, mut held) = (Given::default(), Vec::new());
    for (hash, path) in [
        (&inputs.image, &mut given.image),
        (&inputs.clip, &mut given.extend),
    ] {
        let Some(hash) = hash else { continue };
        let file = outputs.input(hash).await?;
        *path = Some(file.path().to_owned());
        held.push(file);
    }
    Ok((given, held))
}
