//! Factors that stand beside a weight of few bits: the weight is read times its factor.

use std::collections::BTreeMap;

use super::encoding::Encoding;
use super::entry::Entry;

/// What the factor of `X.weight` is called: `X.scale_weight` or `X.weight_scale`.
const FACTORS: [&str; 2] = ["scale_weight", "weight_scale"];
/// What stands beside a weight with a factor and says how to round activations, or how the factor
/// came to be. Kinora multiplies in bf16 or f32, so nothing of it changes a result.
const COMPANIONS: [&str; 3] = ["scale_input", "input_scale", "comfy_quant"];
/// The mark of a file of such weights, an empty tensor.
const MARK: &str = "scaled_fp8";

/// Joins each factor with its weight, so that only the weight is left to be read.
///
/// # Errors
/// When a factor is neither one number nor one for each row.
pub(super) fn join(entries: Vec<Entry>) -> Result<Vec<Entry>, String> {
    let mut others: BTreeMap<String, Entry> = entries
        .into_iter()
        .map(|entry| (entry.stored.clone(), entry))
        .collect();
    let layers: Vec<String> = others
        .keys()
        .filter_map(|name| name.strip_suffix(".weight"))
        .map(str::to_owned)
        .collect();
    let mut joined = Vec::new();
    for layer in layers {
        let mut factors = FACTORS.iter().map(|factor| format!("{layer}.{factor}"));
        let Some(name) = factors.find(|name| others.contains_key(name)) else {
            continue;
        };
        let weight = others.remove(&format!("{layer}.weight"));
        let (Some(mut weight), Some(factor)) = (weight, others.remove(&name)) else {
            continue;
        };
        check(&weight, &factor)?;
        weight.scale = Some(Box::new(factor));
        joined.push(weight);
        for companion in COMPANIONS {
            others.remove(&format!("{layer}.{companion}"));
        }
    }
    others.retain(|name, _| name.rsplit('.').next() != Some(MARK));
    joined.extend(others.into_values());
    Ok(joined)
}

fn check(weight: &Entry, factor: &Entry) -> Result<(), String> {
    let count: usize = factor.shape.iter().product();
    let rows = weight.shape.first().copied().unwrap_or(1);
    let known = matches!(
        factor.encoding,
        Encoding::F32 | Encoding::F16 | Encoding::Bf16
    );
    if known && (count == 1 || count == rows) {
        return Ok(());
    }
    Err(format!(
        "`{}` of {:?} in {} beside `{}` of {:?}: read are factors for the whole weight or for each row",
        factor.stored, factor.shape, factor.encoding, weight.stored, weight.shape
    ))
}
