//! Bodies of the calls that make videos: JSON or multipart, both leniently typed as the SDKs send
//! them, read into one map of fields.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::Json;
use axum::body::{Bytes, to_bytes};
use axum::extract::multipart::MultipartError;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::Studio;
use super::error::ApiError;

/// Most fields of a form.
const MOST_FIELDS: usize = 64;

/// The fields and files of a body and the hash of what they say.
pub struct Body {
    fields: Map<String, Value>,
    files: BTreeMap<String, Bytes>,
    /// SHA-256 of the fields and files.
    pub hash: [u8; 32],
}

impl FromRequest<Studio> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, studio: &Studio) -> Result<Self, ApiError> {
        let kind = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or("application/json").to_ascii_lowercase();
        let (fields, files) = if kind.starts_with("multipart/form-data") {
            let form = Multipart::from_request(request, studio).await;
            let form = form.map_err(|error| bad_form(&error.body_text()))?;
            read_form(form).await?
        } else if kind.contains("json") {
            // Only forms carry files, and may be as large as these.
            let limit = studio.config.limits.body_bytes;
            let bytes = to_bytes(request.into_body(), limit).await;
            let fields = read_json(&bytes.map_err(|_| ApiError::too_large())?)?;
            (fields, BTreeMap::new())
        } else {
            return Err(ApiError::unsupported_media_type());
        };
        let mut hash = Sha256::new();
        hash.update(Value::Object(fields.clone()).to_string());
        for (name, file) in &files {
            hash.update(name);
            hash.update(Sha256::digest(file));
        }
        let hash = hash.finalize().into();
        Ok(Self {
            fields,
            files,
            hash,
        })
    }
}

/// A body that is a JSON object, read into a struct. Serde alone takes an array for a struct, too, which
/// no document promises and which leaves out every field that has a default.
pub struct Object<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Object<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let Json(fields) = Json::<Map<String, Value>>::from_request(request, state).await?;
        let read = serde_path_to_error::deserialize(Value::Object(fields));
        read.map(Self)
            .map_err(|error| ApiError::bad_request("invalid_body", None, error.to_string()))
    }
}

/// A field that is an object: see [`Object`].
pub fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(field: D) -> Result<T, D::Error> {
    let fields = Map::deserialize(field)?;
    T::deserialize(Value::Object(fields)).map_err(D::Error::custom)
}

/// A field that is a list of objects: see [`Object`].
pub fn objects<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    field: D,
) -> Result<Vec<T>, D::Error> {
    let all = Vec::<Map<String, Value>>::deserialize(field)?;
    let all = all
        .into_iter()
        .map(|one| T::deserialize(Value::Object(one)));
    all.collect::<Result<_, _>>().map_err(D::Error::custom)
}

/// A body that says nothing. It is read all the same: left unread, it would cost the client its
/// connection.
pub struct Ignored;

impl<S: Send + Sync> FromRequest<S> for Ignored {
    type Rejection = Infallible;

    async fn from_request(request: Request, state: &S) -> Result<Self, Infallible> {
        let _ = Bytes::from_request(request, state).await;
        Ok(Self)
    }
}

fn unread(error: &MultipartError) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        ApiError::too_large()
    } else {
        bad_form(&error.body_text())
    }
}

fn bad_form(reason: &str) -> ApiError {
    ApiError::bad_request(
        "invalid_body",
        None,
        format!("the form cannot be read: {reason}"),
    )
}

fn read_json(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        ApiError::bad_request(
            "invalid_body",
            None,
            format!("the body is not JSON: {error}"),
        )
    })?;
    let Value::Object(mut fields) = value else {
        return Err(ApiError::bad_request(
            "invalid_body",
            None,
            "the body must be a JSON object",
        ));
    };
    fields.retain(|_, value| !value.is_null()); // an SDK's way to leave a field out
    Ok(fields)
}

async fn read_form(
    mut form: Multipart,
) -> Result<(Map<String, Value>, BTreeMap<String, Bytes>), ApiError> {
    let (mut fields, mut files) = (Map::new(), BTreeMap::new());
    while let Some(field) = form.next_field().await.map_err(|error| unread(&error))? {
        let Some(name) = field.name().map(str::to_owned) else {
            return Err(bad_form("a part has no name"));
        };
        if field.file_name().is_some() {
            let content = field.bytes().await.map_err(|error| unread(&error))?;
            files.insert(name, content);
        } else {
            let text = field.text().await.map_err(|error| unread(&error))?;
            insert(&mut fields, &name, text);
        }
        if fields.len() + files.len() > MOST_FIELDS {
            return Err(bad_form("it has too many fields"));
        }
    }
    Ok((fields, files))
}

/// `input_reference[image_url]` is the member `image_url` of `input_reference`.
fn insert(fields: &mut Map<String, Value>, name: &str, text: String) {
    let member = name.strip_suffix(']').and_then(|name| name.split_once('['));
    let value = Value::String(text);
    match member {
        Some((name, member)) if !member.is_empty() => {
            fields.insert(name.to_owned(), json!({ member: value }));
        }
        _ => {
            fields.insert(name.to_owned(), value);
        }
    }
}

impl Body {
    /// All fields, as they came.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// A file of a form.
    pub fn file(&mut self, name: &str) -> Option<Bytes> {
        self.files.remove(name)
    }

    /// A value of any kind.
    pub fn value(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name)
    }

    /// Takes a field out under the first of its names that is there.
    fn take(&mut self, names: &[&str]) -> Option<(String, Value)> {
        names
            .iter()
            .find_map(|&name| Some((name.to_owned(), self.fields.remove(name)?)))
    }

    /// A text.
    pub fn text(&mut self, names: &[&str]) -> Result<Option<String>, ApiError> {
        match self.take(names) {
            None => Ok(None),
            Some((_, Value::String(text))) => Ok(Some(text)),
            Some((name, _)) => Err(ApiError::invalid(&name, format!("{name} must be a text"))),
        }
    }

    /// A value that reads itself from a text, or a number in its place.
    pub fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
        &mut self,
        names: &[&str],
    ) -> Result<Option<T>, ApiError> {
        let name = names.iter().find(|&&name| self.fields.contains_key(name));
        let Some(&name) = name else { return Ok(None) };
        if let Some(Value::Number(number)) = self.fields.get(name) {
            let text = number.to_string();
            self.fields.insert(name.to_owned(), text.into());
        }
        let Some(text) = self.text(&[name])? else {
            return Ok(None);
        };
        let value = text.trim().parse();
        value
            .map(Some)
            .map_err(|error| ApiError::invalid(name, format!("{name} `{text}`: {error}")))
    }

    /// A switch: true, false, or the same as a text.
    pub fn switch(&mut self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.take(&[name]) {
            None => Ok(None),
            Some((_, Value::Bool(on))) => Ok(Some(on)),
            Some((_, Value::String(text))) if text == "true" || text == "1" => Ok(Some(true)),
            Some((_, Value::String(text))) if text == "false" || text == "0" => Ok(Some(false)),
            Some(_) => Err(ApiError::invalid(
                name,
                format!("{name} must be true or false"),
            )),
        }
    }

    /// Refuses what nobody took: a field that does nothing would be a false success.
    pub fn finish(self) -> Result<(), ApiError> {
        let Some(name) = self.fields.keys().chain(self.files.keys()).next() else {
            return Ok(());
        };
        let message = format!("there is no field `{name}`; docs/api.md lists the fields");
        Err(ApiError::bad_request("unknown_field", Some(name), message))
    }
}
