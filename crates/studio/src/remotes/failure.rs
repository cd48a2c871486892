//! What goes wrong with a remote: one table from its answers to our codes.

use std::time::Duration;

use serde_json::Value;
use ureq::Timeout;

use crate::store::Ending;

/// Longest text of a remote that is told on, in characters.
const LONGEST_TEXT: usize = 300;

/// Why a remote did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Stable name of the cause.
    pub code: &'static str,
    /// The cause and the way out.
    pub message: String,
    /// Least time before the same may be tried again; none where that is in vain.
    pub again: Option<Duration>,
    /// Whether the remote may have done it all the same.
    pub is_unsure: bool,
}

impl Failure {
    /// One that no other try changes.
    pub fn lasting(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            again: None,
            is_unsure: false,
        }
    }

    /// No answer.
    pub fn of_error(error: &ureq::Error) -> Self {
        use std::io::ErrorKind::{ConnectionRefused, InvalidData};
        let text = error.to_string();
        let was_sent = match error {
            ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed
            | ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => false,
            ureq::Error::Io(error) if error.kind() == ConnectionRefused => false,
            // A certificate is refused before anything is said.
            ureq::Error::Io(error) if error.kind() == InvalidData => !text.contains("certificate"),
            _ => true,
        };
        Self {
            code: "remote_unavailable",
            message: format!("it was not reached: {text}"),
            again: Some(Duration::ZERO),
            is_unsure: was_sent,
        }
    }

    /// An answer that is no success; `wait` is what it says of another try.
    pub fn of_status(status: u16, body: &Value, wait: Option<Duration>) -> Self {
        let reason = Reason::of(&body["error"]);
        let code = match status {
            300..=399 => "remote_redirected",
            _ if reason.is_about_content() => "remote_content_refused",
            _ if reason.is_about_money() => "remote_quota",
            401 | 403 => "remote_auth",
            402 => "remote_quota",
            404 | 410 => "remote_gone",
            429 => "remote_rate_limited",
            408 | 500.. => "remote_unavailable",
            _ => "remote_rejected",
        };
        let about = match code {
            "remote_redirected" => "it answered with a redirect, and none is followed",
            "remote_content_refused" => "its content rules refuse this",
            "remote_quota" => "the account there has no credit left",
            "remote_auth" => "it refused the API key; its operator and kinora.toml say which",
            "remote_gone" => "it has no such video, or no such path",
            "remote_rate_limited" => "it takes no more requests for now",
            "remote_unavailable" => "it does not work at the moment",
            _ => "it refused the request",
        };
        let is_passing = matches!(code, "remote_rate_limited" | "remote_unavailable");
        Self {
            code,
            message: format!("{about} ({status}{reason})"),
            again: is_passing.then_some(wait.unwrap_or_default()),
            // A gateway may have lost the answer of one who did it.
            is_unsure: matches!(status, 408 | 500 | 502 | 504..),
        }
    }

    /// The end of a video that it could not make.
    pub fn of_video(error: &Value) -> Self {
        let reason = Reason::of(error);
        if reason.is_about_content() {
            let message = format!("its content rules refuse this{reason}");
            Self::lasting("remote_content_refused", message)
        } else {
            Self::lasting("remote_failed", format!("it could not make it{reason}"))
        }
    }

    /// An answer that is not one of a Videos API.
    pub fn nonsense(what: &str) -> Self {
        Self {
            is_unsure: true,
            ..Self::lasting(
                "remote_invalid_answer",
                format!("its answer is not one of a Videos API: {what}"),
            )
        }
    }

    /// The end of a video that failed so at a remote.
    pub fn ending(&self, remote: &str) -> Ending {
        Ending::Failed {
            code: self.code.into(),
            message: format!("`{remote}`: {}", self.message),
        }
    }
}

/// What a remote says of a failure.
struct Reason {
    code: String,
    message: String,
}

impl Reason {
    fn of(error: &Value) -> Self {
        let text = |name: &str| plain(error[name].as_str().unwrap_or_default());
        let code = if error["code"].is_string() {
            text("code")
        } else {
            text("type")
        };
        let message = text("message");
        Self { code, message }
    }

    fn is_about_content(&self) -> bool {
        let words = [
            "moderation",
            "content_policy",
            "content_filter",
            "safety",
            "sensitive",
            "content_refused",
        ];
        words.iter().any(|word| self.code.contains(word))
    }

    fn is_about_money(&self) -> bool {
        matches!(
            self.code.as_str(),
            "insufficient_quota" | "billing_hard_limit_reached" | "billing_not_active"
        )
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for text in [&self.code, &self.message] {
            if !text.is_empty() {
                write!(out, ": {text}")?;
            }
        }
        Ok(())
    }
}

/// One short line of a text that anyone may have written.
fn plain(text: &str) -> String {
    let line = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(LONGEST_TEXT).map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_have_codes_of_ours() {
        let check = |status: u16, error: Value, code: &str, again: bool, unsure: bool| {
            let failure = Failure::of_status(status, &json!({ "error": error }), None);
            let found = (failure.code, failure.again.is_some(), failure.is_unsure);
            assert_eq!(found, (code, again, unsure), "{status} {error}");
        };
        let none = Value::Null;
        check(302, none.clone(), "remote_redirected", false, false);
        check(400, none.clone(), "remote_rejected", false, false);
        check(401, none.clone(), "remote_auth", false, false);
        check(404, none.clone(), "remote_gone", false, false);
        check(429, none.clone(), "remote_rate_limited", true, false);
        check(500, none.clone(), "remote_unavailable", true, true);
        check(503, none.clone(), "remote_unavailable", true, false);
        check(504, none, "remote_unavailable", true, true);
        let refused = json!({"code": "moderation_blocked", "message": "no"});
        check(400, refused, "remote_content_refused", false, false);
        let broke = json!({"code": "insufficient_quota"});
        check(429, broke, "remote_quota", false, false);
    }

    #[test]
    fn what_a_remote_says_is_one_short_line() {
        let error =
            json!({"code": null, "type": "x", "message": format!("a\nb{}", "c".repeat(999))});
        let failure = Failure::of_video(&error);
        assert_eq!(failure.code, "remote_failed");
        assert!(failure.message.contains("a b") && failure.message.len() < 400);
        assert!(!failure.message.contains('\n'));
    }
}
