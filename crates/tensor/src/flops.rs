//! How much arithmetic the operations define, by their shapes alone.
//!
//! A product and the sum that it goes into are two operations, as is usual. Matrix products, attention
//! and convolutions count; norms, activations, positions and copies do not. What a kernel pads or leaves
//! out does not change the count: the border of a convolution counts, as do both halves of a symmetric
//! product.

use std::sync::atomic::{AtomicU64, Ordering};

static DONE: AtomicU64 = AtomicU64::new(0);

/// Operations of this process so far, of all threads together, forward and back.
pub fn done() -> u64 {
    DONE.load(Ordering::Relaxed)
}

/// Adds the operations of a call.
pub(crate) fn add(flops: u64) {
    DONE.fetch_add(flops, Ordering::Relaxed);
}

/// `rows` of `inputs` to `outputs`: `2 rows inputs outputs`.
pub fn linear(rows: usize, inputs: usize, outputs: usize) -> u64 {
    2 * (rows * inputs * outputs) as u64
}

/// The scores of every query and key, and their sums of values: `4 heads queries keys head_dim`. A batch
/// is more heads.
pub fn attention(heads: usize, queries: usize, keys: usize, head_dim: usize) -> u64 {
    4 * (heads * queries * keys * head_dim) as u64
}

/// Of each of the `positions` of the result, in time and space, `taps` of `inputs` to `outputs`:
/// `2 positions taps inputs outputs`.
pub fn conv(positions: usize, taps: usize, inputs: usize, outputs: usize) -> u64 {
    linear(positions, taps * inputs, outputs)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_product_and_its_sum_are_two_operations() {
        // Two rows of three numbers, four sums each: 24 products, 24 sums.
        assert_eq!(super::linear(2, 3, 4), 48);
        // One head, two queries, three keys of width 4: 6 scores of 4 products, then 2 rows of 4 sums of
        // 3 products.
        assert_eq!(super::attention(1, 2, 3, 4), 2 * (6 * 4 + 2 * 4 * 3));
        // A 3x3x3 kernel over 4 frames of 2x2, from 3 channels to 5.
        assert_eq!(super::conv(16, 27, 3, 5), 2 * 16 * 27 * 3 * 5);
    }
}
