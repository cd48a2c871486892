//! Holds every answer that a test gets against the document that the studio serves: an undocumented
//! status or type, a missing key and one that is not described all fail the test.

use std::sync::OnceLock;

use serde_json::{Value, json};
use ureq::http::{Request, Response};
use ureq::middleware::{Middleware, MiddlewareNext};
use ureq::{Body, SendBody};

/// The document of the studio under test: the same for all.
static DOCUMENT: OnceLock<Value> = OnceLock::new();

/// Checks all answers of an agent.
pub struct Contract;

impl Contract {
    /// The contract that the studio at `base` publishes.
    pub fn of(base: &str) -> Self {
        DOCUMENT.get_or_init(|| {
            let mut answer = ureq::get(format!("{base}/openapi.json"))
                .call()
                .expect("an answer");
            let mut document = answer.body_mut().read_json().expect("JSON");
            close(&mut document);
            document
        });
        Self
    }
}

impl Middleware for Contract {
    fn handle(
        &self,
        request: Request<SendBody>,
        next: MiddlewareNext,
    ) -> Result<Response<Body>, ureq::Error> {
        let method = request.method().as_str().to_lowercase();
        let path = request.uri().path().to_owned();
        let (parts, mut body) = next.handle(request)?.into_parts();
        let kind = parts.headers.get("content-type");
        let kind = kind.map_or("", |kind| kind.to_str().expect("text"));
        let status = parts.status.as_u16();
        if kind != "application/json" {
            if let Some(operation) = operation(&method, &path) {
                check_kind(operation, status, kind, &path);
            }
            return Ok(Response::from_parts(parts, body));
        }
        let bytes = body.read_to_vec()?;
        let answer = serde_json::from_slice(&bytes).expect("JSON");
        check_answer(&method, &path, status, &answer);
        let body = Body::builder().mime_type(kind).data(bytes);
        Ok(Response::from_parts(parts, body))
    }
}

fn document() -> &'static Value {
    DOCUMENT.get().expect("it was read")
}

/// Objects have no other keys than those that are described: the document does not promise this to
/// clients, so that later versions can add some, but it must be whole.
fn close(value: &mut Value) {
    match value {
        Value::Object(entries) => {
            if entries.get("properties").is_some_and(Value::is_object)
                && entries.contains_key("type")
            {
                entries.insert("additionalProperties".into(), json!(false));
            }
            entries.values_mut().for_each(close);
        }
        Value::Array(values) => values.iter_mut().for_each(close),
        _ => {}
    }
}

/// The description of a call; literal paths come before those with an id.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let fits = |template: &str| {
        template.split('/').count() == path.split('/').count()
            && template
                .split('/')
                .zip(path.split('/'))
                .all(|(a, b)| a == b || (a.starts_with('{') && !b.is_empty()))
    };
    let paths = document()["paths"].as_object().expect("paths");
    let found = paths.get(path).or_else(|| {
        let mut fitting = paths.iter().filter(|(template, _)| fits(template));
        fitting.next().map(|(_, operations)| operations)
    });
    found?.get(method)
}

/// What a call may answer with a status.
fn response(operation: &'static Value, status: u16) -> Option<&'static Value> {
    let responses = &operation["responses"];
    let exact = responses.get(status.to_string());
    let found = exact.or_else(|| responses.get(format!("{}XX", status / 100)))?;
    match found["$ref"].as_str() {
        Some(pointer) => document().pointer(&pointer[1..]),
        None => Some(found),
    }
}

fn check_kind(operation: &'static Value, status: u16, kind: &str, path: &str) {
    let described = response(operation, status);
    let described = described.unwrap_or_else(|| panic!("{path}: {status} is not described"));
    let is_described = match described["content"].as_object() {
        Some(kinds) => kinds.contains_key(kind),
        None => kind.is_empty(),
    };
    assert!(
        is_described || status >= 400,
        "{path}: {kind} is not described"
    );
}

fn check_answer(method: &str, path: &str, status: u16, answer: &Value) {
    let described = operation(method, path).map(|operation| {
        let response = response(operation, status);
        response.unwrap_or_else(|| panic!("{method} {path}: {status} is not described"))
    });
    let schema = match described {
        Some(response) => &response["content"]["application/json"]["schema"],
        None => &json!({"$ref": "#/components/schemas/Error"}), // no such call
    };
    check_schema(schema, answer, &format!("{method} {path}: {status}"));
}

fn check_schema(schema: &Value, value: &Value, place: &str) {
    let schema = json!({"allOf": [schema], "components": document()["components"]});
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<_> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{place} {value}, but: {errors:#?}");
}

/// Holds a whole stream of events against the schemas that its description names.
pub fn check_events(stream: &str) {
    for event in stream
        .split("\n\n")
        .filter(|event| event.contains("event: "))
    {
        let line = |name: &str| {
            let line = event.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {event}"))
        };
        let schema = match line("event: ") {
            "queued" => "QueuedEvent",
            "progress" => "ProgressEvent",
            "preview" => "PreviewEvent",
            "done" => "Video",
            other => panic!("no event {other} is described"),
        };
        let schema = json!({"$ref": format!("#/components/schemas/{schema}")});
        let data = serde_json::from_str(line("data: ")).expect("JSON");
        check_schema(&schema, &data, event);
    }
}
