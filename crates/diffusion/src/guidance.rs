//! Classifier-free guidance.

use kinora_tensor::Tensor;

/// How strongly the prompt pulls, and where.
///
/// Reference: Ho and Salimans 2207.12598; the interval from Kynkaanniemi et al. 2404.07724.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guidance {
    /// 1 follows the model as it is; 2 to 5 pull towards the prompt.
    pub scale: f64,
    /// Guides only where `sigma` is at least this.
    pub from: f64,
    /// Guides only where `sigma` is at most this.
    pub to: f64,
}

impl Guidance {
    /// Guidance at every noise level.
    pub const fn everywhere(scale: f64) -> Self {
        Self {
            scale,
            from: 0.0,
            to: 1.0,
        }
    }

    /// Whether the unconditional velocity is needed at this noise level.
    pub fn applies(&self, sigma: f64) -> bool {
        (self.scale - 1.0).abs() > f64::EPSILON && (self.from..=self.to).contains(&sigma)
    }

    /// `unconditional + scale (conditional - unconditional)`.
    ///
    /// # Shapes
    /// Any; both alike.
    pub fn mix(&self, conditional: &Tensor, unconditional: &Tensor) -> Tensor {
        conditional.combine(self.scale as f32, unconditional, (1.0 - self.scale) as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixes_beyond_the_conditional() {
        let conditional = Tensor::from_f32(&[1.0, 2.0], &[2]);
        let unconditional = Tensor::from_f32(&[0.0, 4.0], &[2]);
        let mixed = Guidance::everywhere(3.0).mix(&conditional, &unconditional);
        assert_eq!(mixed.as_f32(), [3.0, -2.0]);
    }

    #[test]
    fn applies_inside_its_interval_only() {
        let guidance = Guidance {
            scale: 3.0,
            from: 0.1,
            to: 0.9,
        };
        assert!(guidance.applies(0.5) && guidance.applies(0.1) && guidance.applies(0.9));
        assert!(!guidance.applies(0.05) && !guidance.applies(1.0));
        assert!(!Guidance::everywhere(1.0).applies(0.5));
    }
}
