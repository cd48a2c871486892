//! What is asked of a remote: a request of ours in the words of the Videos API.

use std::fs;
use std::io;
use std::path::Path;

use kinora_engine::framing::Framing;
use kinora_engine::safety::moderate;
use kinora_engine::{
    Dtype, Effective, Error, Finish, GivenHashes, LARGEST_SEED, Recipe, Request, Timing,
    random_seed,
};
use serde_json::{Map, Value};

use crate::config::Remote;

/// Most characters of a prompt, as the Videos API has it.
const MOST_CHARACTERS: usize = 32_000;

/// The part of a request of another model that this one can take over.
pub fn kept(remote: &Remote, request: Request) -> Request {
    let takes = |field: &str| remote.fields.iter().any(|known| known == field);
    Request {
        negative: if takes("negative_prompt") {
            request.negative
        } else {
            String::new()
        },
        seconds: request
            .seconds
            .filter(|seconds| remote.seconds.contains(seconds)),
        size: request.size.filter(|size| remote.sizes.contains(size)),
        seed: request.seed.filter(|_| takes("seed")),
        steps: request.steps.filter(|_| takes("num_inference_steps")),
        guidance: request.guidance.filter(|_| takes("guidance_scale")),
        fps: request.fps.filter(|_| takes("fps")),
        prompt: request.prompt,
        model: request.model,
        ..Request::default()
    }
}

/// The first field that is asked for and that the remote does not take.
pub fn untaken(remote: &Remote, request: &Request) -> Option<&'static str> {
    let takes = |field: &str| remote.fields.iter().any(|known| known == field);
    let some = [
        ("seed", request.seed.is_some()),
        ("negative_prompt", !request.negative.trim().is_empty()),
        ("num_inference_steps", request.steps.is_some()),
        ("guidance_scale", request.guidance.is_some()),
        ("fps", request.fps.is_some()),
    ];
    let none = [
        ("video", request.given.extend.is_some()),
        ("frames", request.frames.is_some()),
        ("aspect", request.aspect.is_some()),
        ("resolution", request.resolution.is_some()),
        ("best_of", request.best_of.is_some_and(|takes| takes > 1)),
        ("finish", !request.finish.is_none()),
        ("draft", request.draft),
        ("strict", request.strict),
        ("loop", request.looped),
    ];
    let some = some.into_iter().filter(|(field, _)| !takes(field));
    let mut all = some.chain(none).filter(|(_, is_asked)| *is_asked);
    all.next().map(|(field, _)| field)
}

/// Refuses a prompt that is longer than the remote reads.
///
/// # Errors
/// [`Error::PromptTooLong`].
pub fn check_prompt(remote: &Remote, prompt: &str) -> Result<(), Error> {
    let found = prompt.chars().count();
    if found <= MOST_CHARACTERS {
        return Ok(());
    }
    Err(Error::PromptTooLong {
        what: "prompt",
        found,
        unit: "characters",
        limit: MOST_CHARACTERS,
        model: remote.name.clone(),
    })
}

/// Decides what a request leaves open, and whether it may leave the machine.
///
/// # Errors
/// [`Error`], as for a model of this machine.
pub fn decide(remote: &Remote, request: &mut Request) -> Result<(), Error> {
    let prompt = request.prompt.trim();
    if !prompt.chars().any(char::is_alphanumeric) {
        return Err(Error::EmptyPrompt);
    }
    check_prompt(remote, prompt)?;
    if let Some(category) = moderate(prompt).category {
        return Err(Error::Moderation { category });
    }
    let seconds = *request.seconds.get_or_insert(remote.seconds[0]);
    if !remote.seconds.contains(&seconds) {
        return Err(Error::Value {
            name: "--seconds",
            value: seconds.to_string(),
            hint: format!("{} makes {} seconds", remote.name, any_of(&remote.seconds)),
        });
    }
    let size = *request.size.get_or_insert(remote.sizes[0]);
    if !remote.sizes.contains(&size) {
        return Err(Error::Size {
            message: format!("{} does not make {size}", remote.name),
            hint: format!("it makes {}", any_of(&remote.sizes)),
        });
    }
    if remote.fields.iter().any(|field| field == "seed") {
        let seed = *request.seed.get_or_insert_with(random_seed);
        if seed > LARGEST_SEED {
            return Err(Error::Value {
                name: "--seed",
                value: seed.to_string(),
                hint: format!("0 to {LARGEST_SEED}"),
            });
        }
    }
    Ok(())
}

fn any_of<T: ToString>(values: &[T]) -> String {
    let texts: Vec<_> = values.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

/// What is known of a decided request before its clip is there; 0 stands for what only the remote
/// knows.
pub fn recipe(remote: &Remote, request: &Request) -> Recipe {
    let size = request.size.unwrap_or(remote.sizes[0]);
    Recipe {
        recipe: kinora_engine::RECIPE_FORMAT,
        program: format!("kinora {}", env!("CARGO_PKG_VERSION")),
        model: remote.name.clone(),
        model_hash: String::new(),
        request: request.clone(),
        effective: Effective {
            prompt: request.prompt.clone(),
            negative: request.negative.clone(),
            seed: request.seed.unwrap_or_default(),
            timing: Timing {
                seconds: request.seconds.unwrap_or(remote.seconds[0]),
                fps: request.fps.unwrap_or_default(),
                frames: 0,
                native_fps: 0,
                native_frames: 0,
                lead: 0,
            },
            framing: Framing::whole(size),
            steps: request.steps.unwrap_or_default(),
            guidance: request.guidance.unwrap_or_default(),
            guidance_interval: (0.0, 0.0),
            cache: None,
            sampler: "remote".into(),
            shift: 0.0,
            dtype: Dtype::default(),
            timesteps: None,
            guidance_2: None,
            text_tokens: None,
            decode_timestep: None,
            decode_noise_scale: None,
            image_noise_scale: None,
            tiles: false,
            finish: Finish::default(),
            given: GivenHashes::default(),
            earlier_frames: 0,
            noise_from_file: false,
        },
    }
}

/// A body as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// Its content type.
    pub kind: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// The body of the create of a decided request: JSON, or a form with the picture that it begins with,
/// for many endpoints take files in forms only. The same `key` gives the same bytes, and no writer of
/// a prompt can know its end, which parts the form.
///
/// # Errors
/// When the picture cannot be read.
pub fn body(
    remote: &Remote,
    request: &Request,
    image: Option<&Path>,
    key: &str,
) -> io::Result<Body> {
    let fields = fields(remote, request);
    let Some(path) = image else {
        return Ok(Body {
            kind: "application/json".into(),
            bytes: Value::Object(fields).to_string().into_bytes(),
        });
    };
    let picture = fs::read(path)?;
    let boundary = key.rsplit('-').next().unwrap_or(key);
    let part = format!("--{boundary}\r\ncontent-disposition: form-data; name=");
    let mut bytes = Vec::new();
    for (name, value) in &fields {
        let text = value.as_str().map_or_else(|| value.to_string(), Into::into);
        bytes.extend(format!("{part}\"{name}\"\r\n\r\n{text}\r\n").into_bytes());
    }
    let kind = kind_of(&picture);
    let file = format!(
        "{part}\"input_reference\"; filename=\"picture.{kind}\"\r\n\
         content-type: image/{kind}\r\n\r\n"
    );
    bytes.extend(file.into_bytes());
    bytes.extend(picture);
    bytes.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
    Ok(Body {
        kind: format!("multipart/form-data; boundary={boundary}"),
        bytes,
    })
}

fn fields(remote: &Remote, request: &Request) -> Map<String, Value> {
    let negative = Some(request.negative.trim()).filter(|text| !text.is_empty());
    let fields: [(_, Option<Value>); 9] = [
        ("prompt", Some(request.prompt.as_str().into())),
        ("model", Some(remote.model.as_str().into())),
        (
            "seconds",
            request.seconds.map(|seconds| seconds.to_string().into()),
        ),
        ("size", request.size.map(|size| size.to_string().into())),
        ("seed", request.seed.map(Into::into)),
        ("negative_prompt", negative.map(Into::into)),
        ("num_inference_steps", request.steps.map(Into::into)),
        ("guidance_scale", request.guidance.map(Into::into)),
        ("fps", request.fps.map(Into::into)),
    ];
    let said = fields.into_iter();
    said.filter_map(|(name, value)| Some((name.into(), value?)))
        .collect()
}

/// The kind of a picture that was taken in: PNG, JPEG or WebP.
fn kind_of(content: &[u8]) -> &'static str {
    if content.starts_with(&[0xff, 0xd8]) {
        "jpeg"
    } else if content.starts_with(b"RIFF") {
        "webp"
    } else {
        "png"
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn remote(fields: &str) -> Remote {
        let text = format!("name = \"r\"\nurl = \"https://a\"\nmodel = \"m\"\nfields = [{fields}]");
        toml::from_str(&text).expect("a remote")
    }

    fn wish() -> Request {
        Request {
            prompt: "a dog runs over a beach".into(),
            ..Request::default()
        }
    }

    #[test]
    fn what_is_left_open_is_decided_before_it_leaves() {
        let remote = remote("");
        let mut request = wish();
        decide(&remote, &mut request).expect("a request that is fine");
        let sent = body(&remote, &request, None, "").expect("no picture");
        assert_eq!(sent.kind, "application/json");
        let sent: Value = serde_json::from_slice(&sent.bytes).expect("JSON");
        let prompt = "a dog runs over a beach";
        let expected = json!({"prompt": prompt, "model": "m", "seconds": "4", "size": "1280x720"});
        assert_eq!(sent, expected);
    }

    #[test]
    fn the_content_rules_hold_before_anything_leaves() {
        let mut request = Request {
            prompt: "a nude woman on a beach".into(),
            ..wish()
        };
        let refused = decide(&remote(""), &mut request);
        assert!(matches!(refused, Err(Error::Moderation { .. })));
    }

    #[test]
    fn only_fields_that_a_remote_takes_are_asked_of_it() {
        let asked = Request {
            seed: Some(7),
            steps: Some(20),
            negative: "birds".into(),
            seconds: Some(5.0),
            ..wish()
        };
        assert_eq!(untaken(&remote(""), &asked), Some("seed"));
        assert_eq!(untaken(&remote("\"seed\", \"negative_prompt\""), &asked), {
            Some("num_inference_steps")
        });
        let taken = kept(&remote("\"seed\""), asked.clone());
        assert_eq!(
            (taken.seed, taken.steps, taken.seconds),
            (Some(7), None, None)
        );
        assert_eq!(untaken(&remote("\"seed\""), &taken), None);
        let draft = Request {
            draft: true,
            ..wish()
        };
        assert_eq!(untaken(&remote(""), &draft), Some("draft"));
        let mut request = asked;
        let refused = decide(&remote("\"seed\""), &mut request).expect_err("5 seconds");
        assert_eq!(refused.hint(), "r makes 4, 8, 12 seconds");
    }
}
