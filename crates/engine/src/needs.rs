//! What clips take, before anybody asks for one.

use serde::Serialize;

use crate::error::Result;
use crate::job;
use crate::model::Family;
use crate::open;
use crate::request::Request;
use crate::size::{Resolution, Size};

/// The memory of a clip, as [`Plan`](crate::Plan) has it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Need {
    /// The resolution that is asked for.
    pub resolution: Resolution,
    /// Width and height of the clip.
    pub size: Size,
    /// Its length.
    pub seconds: f64,
    /// The most memory at a time.
    pub peak_bytes: u64,
}

/// The memory of a model's clips in every named resolution, of the length that it makes unless another
/// is asked for: what the plan of such a request says.
///
/// # Errors
/// Everything that is wrong with such a request, of a model that does not make it.
pub fn needs(family: &dyn Family) -> Result<Vec<Need>> {
    let all = [Resolution::P480, Resolution::P720, Resolution::P1080];
    let need = |resolution| {
        let request = Request {
            prompt: "a boat".into(),
            resolution: Some(resolution),
            seed: Some(0),
            ..Request::default()
        };
        let job = job::resolve_within(family, &request, None)?;
        let effective = &job.recipe.effective;
        Ok(Need {
            resolution,
            size: effective.framing.size,
            seconds: effective.timing.seconds,
            peak_bytes: job.plan.peak_bytes(),
        })
    };
    all.into_iter().map(need).collect()
}

/// Bytes of the files of a published model that need not be here, about; shapes as in [`published_needs`].
pub fn published_bytes(shape: &str) -> Option<u64> {
    open::about_bytes(shape)
}

/// [`needs`] of a published model that need not be here, by the shape of its parts, such as
/// `ltx-2b-0.9.5` or `wan2.1-t2v-1.3b`; `None` for a shape that nobody publishes.
///
/// # Errors
/// As [`needs`].
pub fn published_needs(shape: &str) -> Result<Option<Vec<Need>>> {
    let family = open::described(shape)?;
    family.map(|family| needs(&*family)).transpose()
}
