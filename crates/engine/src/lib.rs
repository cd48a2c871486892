//! From a request to a clip: content rules, prompt reading, defaults, memory plan, stages, files.
//!
//! ```no_run
//! use kinora_engine::{Cancel, Engine, Output, Request};
//!
//! let engine = Engine::new();
//! let request = Request { prompt: "A dog runs over a beach at dawn".into(), ..Request::default() };
//! let job = engine.resolve(&request)?;
//! let output = Output { path: "dog.mp4".into(), ..Output::default() };
//! let clip = engine.run(&request, &job, &output, &mut (), &Cancel::default())?;
//! println!("{} frames with seed {}", clip.frames, clip.seed);
//! # Ok::<(), kinora_engine::Error>(())
//! ```

mod adherence;
mod arrays;
pub mod bench;
mod bundle;
mod engine;
mod error;
pub mod finish;
pub mod framing;
mod given;
mod guided;
mod job;
pub mod model;
mod native;
mod needs;
mod noise;
mod open;
mod picture;
mod pipeline;
mod plan;
mod progress;
pub mod prompt;
mod recipe;
mod request;
pub mod safety;
pub mod size;
mod stills;
mod takes;
mod text;
mod timing;

pub use adherence::{Adherence, Checked, Verdict};
pub use engine::{DEFAULT_MODEL, Engine, is_embedded};
pub use error::{Error, Kind, Result};
pub use finish::{Finish, Stock};
pub use given::GivenHashes;
pub use job::{Job, LARGEST_SEED, STRICT_COVERAGE, check_prompt, resolve};
pub use needs::{Need, needs, published_bytes, published_needs};
pub use noise::random_seed;
pub use open::{CACHE_VARIABLE, DISTILLED_TIMESTEPS};
pub use pipeline::{Clip, Output, Take, Timings};
pub use plan::{LIMIT_VARIABLE, Plan, available_bytes, total_bytes};
pub use progress::{Cancel, Preview, Progress, Stage, Update};
pub use recipe::{Effective, FORMAT as RECIPE_FORMAT, Recipe};
pub use request::{Dtype, Given, ModelFiles, ModelOptions, Request, StepCache};
pub use size::{Aspect, Resolution, Size};
pub use stills::Film;
pub use timing::{RATES, Timing};
