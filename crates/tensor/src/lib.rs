//! Tensor arithmetic: a narrow set of fused operations, each with a scalar reference and fast versions.
