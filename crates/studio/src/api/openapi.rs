//! The `OpenAPI` document that `GET /openapi.json` serves.
//!
//! It is written by hand, in one file a part of the API, for answers are built by hand too. What keeps
//! it true are tests: every route and method of the router is in it and nothing else
//! (`every_route_is_in_the_document_and_nothing_else`), and every JSON answer that any test of the
//! studio gets is held against it (`crates/kinora/tests/studio/contract.rs`).

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// What holds for the document as a whole.
const DOCUMENT: &str = include_str!("openapi/document.json");
/// Its parts: paths, and the schemas that they use.
const PARTS: [&str; 7] = [
    include_str!("openapi/videos.json"),
    include_str!("openapi/video-schemas.json"),
    include_str!("openapi/queue.json"),
    include_str!("openapi/prompts.json"),
    include_str!("openapi/storyboards.json"),
    include_str!("openapi/webhooks.json"),
    include_str!("openapi/service.json"),
];
/// Names of the operations in a path.
const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());

/// `GET /openapi.json`.
pub async fn serve() -> Response {
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, TEXT.as_str()).into_response()
}

/// The whole document.
fn document() -> Value {
    let mut document = read(DOCUMENT);
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    for part in PARTS {
        let part = read(part);
        for section in ["paths", "webhooks"] {
            join(&mut document[section], &part[section]);
        }
        let schemas = &mut document["components"]["schemas"];
        join(schemas, &part["schemas"]);
    }
    for path in entries(&mut document["paths"]).values_mut() {
        for method in METHODS {
            if let Some(operation) = entries(path).get_mut(method) {
                refusals(&mut operation["responses"]);
            }
        }
    }
    document
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).expect("the parts of the document are JSON")
}

fn entries(value: &mut Value) -> &mut Map<String, Value> {
    value.as_object_mut().expect("an object")
}

fn join(target: &mut Value, part: &Value) {
    for (name, value) in part.as_object().into_iter().flatten() {
        let earlier = entries(target).insert(name.clone(), value.clone());
        assert!(earlier.is_none(), "{name} is described twice");
    }
}

/// Every call may be refused or fail, always in the same form.
fn refusals(responses: &mut Value) {
    for (status, name) in [("4XX", "Refused"), ("5XX", "Failed")] {
        responses[status] = json!({"$ref": format!("#/components/responses/{name}")});
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use axum::body::Body;
    use axum::http::Request;
    use axum::http::header::ALLOW;
    use kinora_engine::Engine;
    use tower::ServiceExt;

    use super::*;
    use crate::api::{Studio, router};
    use crate::outputs::Outputs;
    use crate::shelf::Shelf;
    use crate::store::{Place, Store};
    use crate::webhooks::Post;

    /// The paths of a router: axum keeps them to itself, but tells them to a debugger.
    fn paths(router: &axum::Router) -> BTreeSet<String> {
        let text = format!("{router:?}");
        let paths = text.split('"').filter(|text| text.starts_with('/'));
        paths
            .filter(|path| *path != "/" && !path.contains('*')) // the fallback
            .filter(|path| !path.starts_with("/sign-")) // the page's door
            .map(str::to_owned)
            .collect()
    }

    #[tokio::test]
    async fn every_route_is_in_the_document_and_nothing_else() {
        let data = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(&Place::File(data.path().join("studio.sqlite"))).await;
        let router = router(Studio {
            config: Arc::default(),
            store: store.expect("a store"),
            hub: Arc::default(),
            places: Arc::default(),
            metrics: Arc::default(),
            outputs: Outputs::open(data.path()).expect("outputs"),
            shelf: Arc::new(Shelf::new(Arc::default(), Vec::new)),
            engine: Arc::new(Engine::new()),
            post: Post::new(false),
        });
        let (mut served, mut described) = (BTreeSet::new(), BTreeSet::new());
        for path in paths(&router) {
            // A method that nobody takes is refused with those that are.
            let request = Request::builder()
                .method("TRACE")
                .uri(path.replace("{id}", "x"));
            let request = request.body(Body::empty()).expect("a request");
            let answer = router.clone().oneshot(request).await.expect("an answer");
            let allowed = answer.headers().get(ALLOW).expect("what is allowed");
            for method in allowed.to_str().expect("text").split(',') {
                served.insert((path.clone(), method.trim().to_lowercase()));
            }
        }
        served.retain(|(_, method)| method != "head"); // comes with every GET
        for (path, operations) in entries(&mut document()["paths"]) {
            let methods = METHODS
                .iter()
                .filter(|&&method| operations.get(method).is_some());
            described.extend(methods.map(|&method| (path.clone(), method.to_owned())));
        }
        assert!(served.len() > 30, "routes were found: {served:?}");
        assert_eq!(served, described);
    }

    #[test]
    fn what_is_referred_to_is_there() {
        let document = document();
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().expect("a text");
            assert!(document.pointer(pointer).is_some(), "{pointer} is missing");
        }
        for name in document["components"]["schemas"]
            .as_object()
            .expect("schemas")
            .keys()
        {
            let is_event = name.ends_with("Event"); // told in words
            let reference = format!("\"#/components/schemas/{name}\"");
            assert!(is_event || text.contains(&reference), "{name} is not used");
        }
    }
}
