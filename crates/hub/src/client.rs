//! A hub: the list of a repository's files, and their bytes from any place on.

use std::env;
use std::path::{Component, Path};
use std::time::Duration;

use serde::Deserialize;
use ureq::config::RedirectAuthHeaders;
use ureq::http::{Response, header};
use ureq::{Agent, Body};

use crate::HubError;
use crate::digest::is_sha256;

/// The hub that is asked when no other is named.
const ENDPOINT: &str = "https://huggingface.co";
/// Pages of a list, a thousand files each.
const MAX_PAGES: usize = 50;
/// Bytes of one page.
const MAX_PAGE_BYTES: u64 = 16 << 20;
/// Bytes of a file. More is a list that lies.
const MAX_FILE_BYTES: u64 = 1 << 46;
/// How long a connection may say nothing.
const SILENCE: Duration = Duration::from_mins(1);

/// A hub, and how patient to be with it.
///
/// Reference: the hub's HTTP interface, <https://huggingface.co/docs/hub/api>.
pub struct Hub {
    agent: Agent,
    endpoint: String,
    token: Option<String>,
    /// How often to try again without progress, and how long to wait the first time.
    pub(crate) tries: u32,
    pub(crate) wait: Duration,
}

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFile {
    /// Its path in the repository, `/` between folders.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Its digest. Hubs tell it of large files; small ones, such as configurations, have none.
    pub sha256: Option<String>,
}

/// An entry of the hub's list.
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    oid: String,
    size: u64,
}

impl Hub {
    /// The hub that `HF_ENDPOINT` names, huggingface.co otherwise, with the token of `HF_TOKEN`.
    ///
    /// # Errors
    /// When `HF_ENDPOINT` is no address.
    pub fn from_env() -> Result<Self, HubError> {
        let variable = |name| env::var(name).ok().filter(|value| !value.trim().is_empty());
        let endpoint = variable("HF_ENDPOINT");
        Self::new(
            endpoint.as_deref().unwrap_or(ENDPOINT),
            variable("HF_TOKEN"),
        )
    }

    /// The hub at `endpoint`. The token is sent to it alone, never to where it redirects.
    ///
    /// # Errors
    /// When the endpoint is no address.
    pub fn new(endpoint: &str, token: Option<String>) -> Result<Self, HubError> {
        let endpoint = endpoint.trim().trim_end_matches('/').to_owned();
        let host = ["https://", "http://"]
            .iter()
            .find_map(|scheme| endpoint.strip_prefix(scheme));
        if host.is_none_or(|host| host.is_empty() || host.contains(char::is_whitespace)) {
            return Err(HubError::Endpoint { endpoint });
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .redirect_auth_headers(RedirectAuthHeaders::SameHost)
            .user_agent(concat!("kinora/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(SILENCE))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE));
        Ok(Self {
            agent: config.build().new_agent(),
            endpoint,
            token: token.map(|token| token.trim().to_owned()),
            tries: 5,
            wait: Duration::from_secs(1),
        })
    }

    /// The same hub, tried again up to `tries` times without progress, first after `wait`, then
    /// after twice as long each time.
    #[must_use]
    pub fn with_patience(self, tries: u32, wait: Duration) -> Self {
        Self {
            tries,
            wait,
            ..self
        }
    }

    /// All files of a repository at a revision.
    ///
    /// # Errors
    /// When the hub refuses or cannot be reached, or the list is not of the known form.
    pub fn list(&self, repo: &str, revision: &str) -> Result<Vec<RemoteFile>, HubError> {
        let (repo_path, revision) = (encoded(repo), encoded(revision).replace('/', "%2F"));
        let tree = format!("{}/api/models/{repo_path}/tree/{revision}", self.endpoint);
        let mut next = Some(format!("{tree}?recursive=true"));
        let mut files = Vec::new();
        for _ in 0..MAX_PAGES {
            let Some(url) = next else {
                return Ok(files);
            };
            let wrong = |reason: String| HubError::Listing {
                url: url.clone(),
                reason,
            };
            let mut response = self.get(&url, None)?;
            let body = response.body_mut().with_config().limit(MAX_PAGE_BYTES);
            let body = body
                .read_to_vec()
                .map_err(|error| wrong(error.to_string()))?;
            let entries: Vec<Entry> =
                serde_json::from_slice(&body).map_err(|error| wrong(error.to_string()))?;
            for entry in entries.into_iter().filter(|entry| entry.kind == "file") {
                let file = entry.file(repo)?;
                if file.size > MAX_FILE_BYTES {
                    return Err(wrong(format!("`{}` has {} bytes", file.path, file.size)));
                }
                files.push(file);
            }
            next = next_page(&response);
            if next.as_ref().is_some_and(|next| !next.starts_with(&tree)) {
                return Err(wrong("its next page is of another list".to_owned()));
            }
        }
        Err(HubError::Listing {
            url: tree,
            reason: format!("it has more than {MAX_PAGES} pages"),
        })
    }

    /// The address of a file.
    pub(crate) fn address(&self, repo: &str, revision: &str, path: &str) -> String {
        let (repo, path) = (encoded(repo), encoded(path));
        let revision = encoded(revision).replace('/', "%2F");
        format!("{}/{repo}/resolve/{revision}/{path}", self.endpoint)
    }

    /// Asks for `url`, from byte `from` on.
    pub(crate) fn get(&self, url: &str, from: Option<u64>) -> Result<Response<Body>, HubError> {
        // A body that was packed on the way could not be resumed.
        let mut request = self
            .agent
            .get(url)
            .header(header::ACCEPT_ENCODING, "identity");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(from) = from {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        let response = request.call().map_err(|source| HubError::Network {
            url: url.to_owned(),
            source: Box::new(source),
        })?;
        let url = url.to_owned();
        match response.status().as_u16() {
            200 | 206 | 416 => Ok(response),
            404 | 410 => Err(HubError::NotFound { url }),
            status @ (401 | 403) => Err(HubError::Refused {
                url,
                status,
                with_token: self.token.is_some(),
            }),
            status => Err(HubError::Status { url, status }),
        }
    }
}

impl Entry {
    /// The file, when its name stays within a folder.
    fn file(self, repo: &str) -> Result<RemoteFile, HubError> {
        let parts = Path::new(&self.path).components();
        let mut plain = parts.map(|part| matches!(part, Component::Normal(_)));
        let odd = |c: char| c == '\\' || c == ':' || c.is_control();
        if self.path.is_empty() || self.path.contains(odd) || !plain.all(|plain| plain) {
            return Err(HubError::Path {
                repo: repo.to_owned(),
                path: self.path,
            });
        }
        let size = self.lfs.as_ref().map_or(self.size, |lfs| lfs.size);
        let digest = self.lfs.map(|lfs| lfs.oid.to_lowercase());
        Ok(RemoteFile {
            path: self.path,
            size,
            sha256: digest.filter(|digest| is_sha256(digest)),
        })
    }
}

/// The address in a header `Link: <ADDRESS>; rel="next"`.
fn next_page(response: &Response<Body>) -> Option<String> {
    let links = response.headers().get(header::LINK)?.to_str().ok()?;
    let next = links
        .split(',')
        .find(|link| link.contains("rel=\"next\""))?;
    let (_, address) = next.split_once('<')?;
    Some(address.split_once('>')?.0.to_owned())
}

/// A path with everything encoded that an address does not take as it is.
fn encoded(path: &str) -> String {
    let mut result = String::new();
    for byte in path.bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => result.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => result.push(char::from(byte)),
            byte => result.extend(['%', digit(byte >> 4), digit(byte & 15)]),
        }
    }
    result
}

fn digit(value: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(value)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, accepted: bool) {
        let entry = Entry {
            kind: "file".to_owned(),
            path: path.to_owned(),
            size: 1,
            lfs: None,
        };
        assert_eq!(entry.file("a/b").is_ok(), accepted, "{path}");
    }

    #[test]
    fn names_of_files_stay_within_the_folder() {
        for path in ["a.json", "vae/config.json", "a b/ü.txt", ".gitattributes"] {
            check(path, true);
        }
        for path in [
            "",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "C:\\x",
            "a\\b",
            "./a",
            "a\0b",
        ] {
            check(path, false);
        }
    }

    #[test]
    fn addresses_are_encoded() {
        let hub = Hub::new("http://localhost:1/", None).unwrap();
        assert_eq!(
            hub.address("a/b", "refs/pr/1", "x y/ü.bin"),
            "http://localhost:1/a/b/resolve/refs%2Fpr%2F1/x%20y/%C3%BC.bin"
        );
        for endpoint in ["", "huggingface.co", "ftp://x", "https://", "http://a b"] {
            assert!(Hub::new(endpoint, None).is_err(), "{endpoint}");
        }
    }
}
