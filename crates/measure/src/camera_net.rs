//! The name of the camera's move, from the flow of the whole clip.
//!
//! The numbers of [`CameraPath`] tell clean moves apart; beside waves, crowds and trains a small
//! network over the same flow does better. It is trained by `oracle/train_detectors.py` and never
//! sees a colour.

use crate::{
    camera::{CameraPath, PATH_FEATURES},
    flow::{Flow, GRID, PARTS},
    labels::CAMERA_MOVES,
    net::{Activation, Conv, Linear, Map, Weights, WeightsError, softmax},
};

/// Channels of the flow map: `u v trust_u trust_v` for each part of the clip.
pub const FLOW_CHANNELS: usize = 4 * PARTS;

/// The network's view of a clip's flow: `[GRID, GRID, FLOW_CHANNELS]`.
///
/// Velocities are damped by their trust and compressed, so that a slow pull back counts beside a
/// fast pan.
pub fn flow_map(flow: &Flow) -> Map {
    let mut data = vec![0.0; GRID * GRID * FLOW_CHANNELS];
    for (s, part) in flow.parts.iter().enumerate() {
        for (p, m) in part.iter().enumerate() {
            let to = &mut data[p * FLOW_CHANNELS + 4 * s..][..4];
            to[0] = compress(m.u) * m.trust_u;
            to[1] = compress(m.v) * m.trust_v;
            to[2] = m.trust_u;
            to[3] = m.trust_v;
        }
    }
    Map::new(GRID, GRID, FLOW_CHANNELS, data)
}

/// Odd, steep at zero: 0.01 -> 0.24, 0.1 -> 1.0, 1.0 -> 2.3.
fn compress(velocity: f32) -> f32 {
    velocity.signum() * (1.0 + velocity.abs() * 30.0).ln() * 0.7
}

/// The network.
#[derive(Debug, Clone)]
pub struct CameraNet {
    convs: [Conv; 2],
    hidden: Linear,
    head: Linear,
}

impl CameraNet {
    /// Takes the tensors `camera.*`.
    ///
    /// # Errors
    /// A tensor is missing or misshapen.
    pub fn load(weights: &mut Weights) -> Result<Self, WeightsError> {
        use Activation::{Linear as Plain, Relu};
        let half = GRID / 2;
        Ok(Self {
            convs: [
                Conv::load(weights, "camera.conv0", [3, FLOW_CHANNELS, 48], 1, Relu)?,
                Conv::load(weights, "camera.conv1", [3, 48, 48], 2, Relu)?,
            ],
            hidden: Linear::load(
                weights,
                "camera.hidden",
                half * half * 48 + PATH_FEATURES,
                64,
                Relu,
            )?,
            head: Linear::load(weights, "camera.head", 64, CAMERA_MOVES.len(), Plain)?,
        })
    }

    /// Probabilities over [`CAMERA_MOVES`].
    pub fn name(&self, flow: &Flow, path: &CameraPath) -> Vec<f32> {
        let x = self.convs[1].forward(&self.convs[0].forward(&flow_map(flow))); // [6, 6, 48]
        let mut features = x.data;
        features.extend(path.features());
        softmax(&self.head.forward(&self.hidden.forward(&features)))
    }
}
