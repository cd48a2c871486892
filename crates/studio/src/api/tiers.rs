//! What the tiers are: names of models, and what each name adds.
//!
//! Pro has no weights of its own yet. It is the same model with more denoising steps, the best of
//! several takes, and a place in front of the queue.

use kinora_engine::{DEFAULT_MODEL, Request};

use super::Studio;
use crate::store::Tier;

/// What the name of a Pro model adds to that of its model.
const PRO: &str = "-pro";
/// Denoising steps of Pro unless the request says otherwise.
pub const PRO_STEPS: u32 = 32;
/// Takes of Pro, of which the one that shows most of the prompt is kept, unless the request says
/// otherwise.
pub const PRO_TAKES: u32 = 3;

/// The model and the tier that a name means.
pub fn named(studio: &Studio, name: &str) -> (String, Tier) {
    let name = studio.config.models.named(name);
    if let Some(model) = name.strip_suffix(PRO).filter(|&model| has_pro(model)) {
        return (model.into(), Tier::Pro);
    }
    (name.into(), Tier::Standard)
}

/// Whether a model comes as Pro too.
pub fn has_pro(model: &str) -> bool {
    model == DEFAULT_MODEL
}

/// The name of a model at a tier.
pub fn shown(tier: Tier, model: &str) -> String {
    match tier {
        Tier::Standard => model.into(),
        Tier::Pro => format!("{model}{PRO}"),
    }
}

/// Gives a request what its tier adds. What the request says itself stays.
pub fn prepare(tier: Tier, request: &mut Request) {
    if tier == Tier::Pro && !request.draft {
        request.steps = request.steps.or(Some(PRO_STEPS));
        request.best_of = request.best_of.or(Some(PRO_TAKES));
    }
}
