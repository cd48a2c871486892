//! The loss of a choice among classes.

/// `-log softmax(logits)[right]` and its gradient.
pub fn cross_entropy(logits: &[f32], right: usize, gradient: &mut [f32]) -> f32 {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|x| (x - max).exp()).sum();
    for (x, gradient) in logits.iter().zip(gradient.iter_mut()) {
        *gradient = (x - max).exp() / sum;
    }
    gradient[right] -= 1.0;
    sum.ln() + max - logits[right]
}
