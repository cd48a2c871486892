//! The diffusion transformer: all spacetime tokens of a clip attend to each other and the text.
//!
//! It predicts the clean latents (`JiT`, arXiv 2511.13720) from latents noised to a level per latent
//! frame, so that image-to-video, extension and loops are the same forward with some frames clean.
//!
//! Dimension key: b clips, t latent frames, h and w latent rows and columns, p patch,
//! n = t (h/p) (w/p) tokens, m words, d hidden size, l distinct noise levels.

use std::ops::Range;

use kinora_nn::{Linear, RmsNorm, Rope, SwiGlu, Weights, WeightsError, frequencies};
use kinora_tensor::{Attention, DType, Heads, Modulation, Precision, Rotary, Tensor};

use super::camera::{CameraPath, FEATURES, Places};
use super::codec::LATENT_STRIDE;
use super::config::Config;
use super::text::{NORM_EPS, TextStates};

const TIME_WAVES: usize = 32;

/// The transformer, in the precision of the view it is loaded from.
pub struct Transformer {
    head_dim: usize,
    patch_size: usize,
    patch_reach: usize,
    /// Seconds between two latent frames.
    seconds: f64,
    patch_in: Linear,
    camera: Linear,
    time1: Linear,
    time2: Linear,
    slots: Linear,
    modulation: Linear,
    blocks: Vec<Block>,
    final_modulation: Tensor,
    patch_out: Linear,
}

/// What does not change from step to step: each block's view of the texts, and the slots.
pub struct Conditioning {
    /// Keys `[b, heads, m, head_dim]` and values of each block; empty without words.
    text: Vec<(Tensor, Tensor)>,
    /// How many words each clip has, the first of `m`.
    words: Vec<usize>,
    /// F32 `[b, d]`.
    slots: Tensor,
    cameras: Vec<CameraPath>,
}

impl Conditioning {
    /// The same clips with cameras that move, one path each.
    #[must_use]
    pub fn filmed(mut self, cameras: Vec<CameraPath>) -> Self {
        assert_eq!(cameras.len(), self.words.len(), "one camera a clip");
        self.cameras = cameras;
        self
    }
}

/// What the transformer makes of noisy clips.
pub struct Prediction {
    /// The clean latents, F32 `[b, t, h, w, c]`.
    pub clean: Tensor,
    /// The tokens after half of the blocks, `[b, n, d]`.
    pub halfway: Tensor,
}

struct Block {
    num_heads: usize,
    modulation: Tensor,
    qkv: Linear,
    text_kv: Linear,
    q_norm: RmsNorm,
    k_norm: RmsNorm,
    text_k_norm: RmsNorm,
    out: Linear,
    ffn: SwiGlu,
}

/// Position tables and noise levels of one forward.
struct Frame<'a> {
    rotary: Rotary<'a>,
    /// F32 `[l, 6 d]`, before a block's own table is added.
    levels: &'a Tensor,
    /// The noise level of each token, a row of `levels`.
    rows: &'a [u32],
    /// How many keys each clip has: its tokens, then its words.
    keys: &'a [usize],
}

impl Block {
    fn load(weights: &Weights, config: &Config) -> Result<Self, WeightsError> {
        let d = config.transformer.hidden_size;
        let head_dim = config.transformer.head_dim;
        let linear = |name, k, n| Linear::load_without_bias(&weights.at(name), n, k);
        let norm = |name| RmsNorm::load(&weights.at(name), head_dim, NORM_EPS);
        let modulation = weights.tensor("modulation", [6, d])?.to_dtype(DType::F32);
        Ok(Self {
            num_heads: d / head_dim,
            modulation,
            qkv: linear("qkv", d, 3 * d)?,
            text_kv: linear("text_kv", config.text.hidden_size, 2 * d)?,
            q_norm: norm("q_norm")?,
            k_norm: norm("k_norm")?,
            text_k_norm: norm("text_k_norm")?,
            out: linear("out", d, d)?,
            ffn: SwiGlu::load(&weights.at("ffn"), d, config.transformer.ffn_size)?,
        })
    }

    /// Keys and values of the words, `states` `[b, m, d_text]`.
    fn text(&self, states: &Tensor) -> (Tensor, Tensor) {
        let kv = self.text_kv.forward(states); // [b, m, 2d]
        let d = kv.last_dim() / 2;
        (
            self.heads(&kv, 0..d, Some(&self.text_k_norm), None),
            self.heads(&kv, d..2 * d, None, None),
        )
    }

    fn heads(
        &self,
        x: &Tensor,
        columns: Range<usize>,
        norm: Option<&RmsNorm>,
        rotary: Option<Rotary>,
    ) -> Tensor {
        let norm = norm.map(RmsNorm::of_heads);
        x.split_heads(&Heads {
            columns,
            heads: self.num_heads,
            norm,
            rotary,
        })
    }

    /// `x` and the result `[b, n, d]`.
    fn forward(&self, x: &Tensor, frame: &Frame, text: Option<&(Tensor, Tensor)>) -> Tensor {
        let d = x.last_dim();
        let table = frame.levels + &self.modulation.reshape(&[6 * d]); // [l, 6d]
        let part = |i: usize| table.narrow(1, i * d..(i + 1) * d);
        let [shift, scale, gate, ffn_shift, ffn_scale, ffn_gate] = std::array::from_fn(part);
        let rows = frame.rows;

        let y = modulate(x, &shift, &scale, rows);
        let qkv = self.qkv.forward(&y); // [b, n, 3d]
        let q = self.heads(&qkv, 0..d, Some(&self.q_norm), Some(frame.rotary));
        let k = self.heads(&qkv, d..2 * d, Some(&self.k_norm), Some(frame.rotary));
        let v = self.heads(&qkv, 2 * d..3 * d, None, None);
        let (k, v) = match text {
            Some((text_k, text_v)) => (
                Tensor::concat(&[&k, text_k], 2),
                Tensor::concat(&[&v, text_v], 2),
            ),
            None => (k, v),
        };
        let options = Attention {
            lengths: Some(frame.keys),
            ..Attention::default()
        };
        let (y, _) = q.attention_with(&k, &v, &options); // [b, n, d]
        let x = self.out.forward_residual(&y, x, Some((&gate, rows)));

        let y = modulate(&x, &ffn_shift, &ffn_scale, rows);
        self.ffn.forward_residual(&y, &x, Some((&ffn_gate, rows)))
    }
}

fn modulate(x: &Tensor, shift: &Tensor, scale: &Tensor, rows: &[u32]) -> Tensor {
    x.rms_norm_modulate(None, NORM_EPS, &Modulation { shift, scale, rows })
}

impl Transformer {
    /// Reads the transformer from its weights.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn load(weights: &Weights, config: &Config) -> Result<Self, WeightsError> {
        let d = config.transformer.hidden_size;
        let token = config.token_size();
        // What enters and leaves the blocks is not rounded to eight bits.
        let whole = weights.whole();
        // Noise levels are few: their layers stay exact at no cost.
        let exact = weights.in_precision(Precision::F32);
        let exact = |name| exact.at(name);
        let classes = config.text.num_classes();
        let reach = config.transformer.patch_reach;
        Ok(Self {
            head_dim: config.transformer.head_dim,
            patch_size: config.transformer.patch_size,
            patch_reach: reach,
            seconds: LATENT_STRIDE as f64 / config.transformer.fps as f64,
            patch_in: Linear::load(&whole.at("patch_in"), d, token)?,
            camera: Linear::load_without_bias(&exact("camera"), d, FEATURES)?,
            time1: Linear::load(&exact("time1"), d, 2 * TIME_WAVES)?,
            time2: Linear::load(&exact("time2"), d, d)?,
            slots: Linear::load_without_bias(&exact("slots"), d, classes)?,
            modulation: Linear::load(&exact("modulation"), 6 * d, d)?,
            blocks: (0..config.transformer.num_layers)
                .map(|i| Block::load(&weights.at("blocks").at(i), config))
                .collect::<Result<_, _>>()?,
            final_modulation: weights
                .tensor("final_modulation", [2, d])?
                .to_dtype(DType::F32),
            patch_out: Linear::load(&whole.at("patch_out"), token, d * (2 * reach + 1).pow(2))?,
        })
    }

    /// Prepares a prompt once for all steps.
    pub fn condition(&self, text: &TextStates) -> Conditioning {
        self.condition_all(&[text])
    }

    /// Prepares the prompts of several clips. Their states have the dtype of the latents.
    pub fn condition_all(&self, texts: &[&TextStates]) -> Conditioning {
        let words = |text: &&TextStates| text.states.as_ref().map_or(0, |states| states.shape()[0]);
        let words: Vec<usize> = texts.iter().map(words).collect();
        let beliefs: Vec<&Tensor> = texts.iter().map(|text| &text.belief).collect();
        Conditioning {
            text: match padded(texts, &words) {
                Some(states) => self
                    .blocks
                    .iter()
                    .map(|block| block.text(&states))
                    .collect(),
                None => Vec::new(),
            },
            cameras: vec![CameraPath::new(); words.len()],
            words,
            slots: self.slots.forward(&Tensor::concat(&beliefs, 0)),
        }
    }

    /// The clean latents that the noisy ones seem to come from.
    ///
    /// # Shapes
    /// `latents` and the result F32 `[t, h, w, c]`; `sigma` the noise level of each latent frame,
    /// `t` values in [0, 1].
    ///
    /// # Panics
    /// When `sigma` has another length than `t`, or the patch does not divide `h` and `w`.
    pub fn forward(&self, latents: &Tensor, sigma: &[f32], conditioning: &Conditioning) -> Tensor {
        let [t, h, w, c] = latents.dims();
        let clip = latents.reshape(&[1, t, h, w, c]);
        let Prediction { clean, .. } = self.forward_all(&clip, sigma, conditioning);
        clean.reshape(&[t, h, w, c])
    }

    /// [`Transformer::forward`] of several clips, each with its own prompt and noise levels.
    ///
    /// # Shapes
    /// `latents` `[b, t, h, w, c]`, whose dtype is that of all activations; `sigma` `b t` values, the
    /// frames of a clip side by side.
    ///
    /// # Panics
    /// As [`Transformer::forward`], and when there are not `b` prompts.
    pub fn forward_all(
        &self,
        latents: &Tensor,
        sigma: &[f32],
        conditioning: &Conditioning,
    ) -> Prediction {
        let [b, t, h, w, c] = latents.dims();
        assert_eq!(sigma.len(), b * t, "one noise level a latent frame");
        assert_eq!(conditioning.words.len(), b, "one prompt a clip");
        let p = self.patch_size;
        let (rows, columns) = (h / p, w / p);
        let levels = Levels::new(sigma, t);
        let of_token: Vec<u32> = levels
            .of_frame
            .iter()
            .flat_map(|&level| std::iter::repeat_n(level, rows * columns))
            .collect();

        let tokens = latents
            .reshape(&[b * t * rows, p, columns, p * c])
            .permute([0, 2, 1, 3]);
        let n = t * rows * columns;
        let x = self.patch_in.forward(&tokens.reshape(&[b, n, p * p * c])); // [b, n, d]
        let d = x.last_dim();

        let places = Places::new([t, rows, columns], &conditioning.cameras);
        let moved = self.camera.forward(&places.features(b));
        let mut x = x.add(&moved.to_dtype(x.dtype()));

        let time = self.time(&levels, conditioning); // [l, d]
        let table = self.modulation.forward(&time); // [l, 6d]
        let rope = self.rope(&places);
        let keys: Vec<usize> = conditioning.words.iter().map(|words| n + words).collect();
        let frame = Frame {
            rotary: rope.rotary(),
            levels: &table,
            rows: &of_token,
            keys: &keys,
        };
        let mut halfway = x.clone();
        for (i, block) in self.blocks.iter().enumerate() {
            x = block.forward(&x, &frame, conditioning.text.get(i));
            if i + 1 == self.blocks.len() / 2 {
                halfway = x.clone();
            }
        }

        let last = |row: usize| &time + &self.final_modulation.slice(row..row + 1).reshape(&[d]);
        let (shift, scale) = (last(0), last(1));
        let painted = modulate(&x, &shift, &scale, &of_token);
        let painted = beside_neighbours(&painted, self.patch_reach, [rows, columns]);
        let tokens = self.patch_out.forward(&painted);
        let grid = tokens
            .reshape(&[b * t * rows, columns, p, p * c])
            .permute([0, 2, 1, 3]);
        Prediction {
            clean: grid.reshape(&[b, t, h, w, c]).to_dtype(DType::F32),
            halfway,
        }
    }

    /// Noise levels and slots together, `[l, d]`.
    fn time(&self, levels: &Levels, conditioning: &Conditioning) -> Tensor {
        let waves = frequencies(4.0, 0.02, TIME_WAVES);
        let features = Tensor::from_fn(&[levels.sigma.len(), 2 * TIME_WAVES], |i| {
            let (level, wave) = (i / (2 * TIME_WAVES), i % (2 * TIME_WAVES));
            let angle = f64::from(levels.sigma[level]) * waves[wave % TIME_WAVES];
            if wave < TIME_WAVES {
                angle.sin() as f32
            } else {
                angle.cos() as f32
            }
        });
        let time = self.time2.forward(&self.time1.forward(&features).silu());
        time.add(&conditioning.slots.gather(&levels.clip)).silu()
    }

    /// Rotary tables of the tokens: time in seconds, y and x in units of sqrt(area). The pairs of an axis
    /// take turns at a token's three places.
    fn rope(&self, places: &Places) -> Rope {
        let pairs = self.head_dim / 2;
        let t_pairs = pairs / 4;
        let y_pairs = (pairs - t_pairs) / 2;
        let time = frequencies(40.0, 1.0, t_pairs);
        let axes = [y_pairs, pairs - t_pairs - y_pairs].map(|pairs| frequencies(8.0, 0.4, pairs));
        let mut angles = Vec::new();
        places.each(|view, frame, [x, y]| {
            let seconds = frame as f64 * self.seconds;
            let planes = view.places([x, y]);
            angles.extend(time.iter().map(|frequency| seconds * frequency));
            for (axis, frequencies) in [1, 0].into_iter().zip(&axes) {
                let turns = frequencies.iter().enumerate();
                angles.extend(turns.map(|(i, frequency)| planes[i % 3][axis] * frequency));
            }
        });
        let [t, rows, columns] = places.dims;
        let dims = [places.cameras.len(), t * rows * columns, pairs];
        Rope::of_angles(&dims, &angles)
    }
}

/// Each token beside those around it in the same latent frame, row by row; beyond the edge are zeros. A
/// patch that is painted from its token alone ends where the next one begins, and that shows.
///
/// # Shapes
/// `x` `[b, n, d]`, the result `[b, n, (2 reach + 1)^2 d]`.
fn beside_neighbours(x: &Tensor, reach: usize, [rows, columns]: [usize; 2]) -> Tensor {
    if reach == 0 {
        return x.clone();
    }
    let [b, n, d] = x.dims();
    let frames = b * n / (rows * columns);
    let grid = x.reshape(&[frames, rows, columns, d]);
    let edge = Tensor::zeros(&[frames, reach, columns, d], x.dtype());
    let grid = Tensor::concat(&[&edge, &grid, &edge], 1);
    let edge = Tensor::zeros(&[frames, rows + 2 * reach, reach, d], x.dtype());
    let grid = Tensor::concat(&[&edge, &grid, &edge], 2);
    let side = 2 * reach + 1;
    let around: Vec<Tensor> = (0..side)
        .flat_map(|y| {
            let rows = grid.narrow(1, y..y + rows);
            (0..side).map(move |x| rows.narrow(2, x..x + columns))
        })
        .collect();
    let around: Vec<&Tensor> = around.iter().collect();
    Tensor::concat(&around, 3).reshape(&[b, n, side * side * d])
}

/// The states of all words `[b, m, d_text]`, each text filled up with zeros to the longest.
fn padded(texts: &[&TextStates], words: &[usize]) -> Option<Tensor> {
    let m = words.iter().copied().max().filter(|m| *m > 0)?;
    let first = texts.iter().find_map(|text| text.states.as_ref())?;
    let (width, dtype) = (first.last_dim(), first.dtype());
    let filled = texts.iter().zip(words).map(|(text, words)| {
        let rest = Tensor::zeros(&[m - words, width], dtype);
        match &text.states {
            Some(states) if *words == m => states.clone(),
            Some(states) => Tensor::concat(&[states, &rest], 0),
            None => rest,
        }
    });
    let filled: Vec<Tensor> = filled.collect();
    let all = Tensor::concat(&filled.iter().collect::<Vec<_>>(), 0);
    Some(all.reshape(&[texts.len(), m, width]))
}

/// The distinct noise levels of each clip.
struct Levels {
    sigma: Vec<f32>,
    /// Whose each level is.
    clip: Vec<u32>,
    /// The level of each frame of all clips.
    of_frame: Vec<u32>,
}

impl Levels {
    /// Of clips of `t` frames.
    fn new(sigma: &[f32], t: usize) -> Self {
        let mut levels = Self {
            sigma: Vec::new(),
            clip: Vec::new(),
            of_frame: Vec::with_capacity(sigma.len()),
        };
        for (clip, sigma) in (0..).zip(sigma.chunks(t)) {
            let first = levels.sigma.len();
            for sigma in sigma {
                let mut known = levels.sigma[first..].iter();
                let known = known.position(|level| level.to_bits() == sigma.to_bits());
                let level = first
                    + known.unwrap_or_else(|| {
                        levels.sigma.push(*sigma);
                        levels.clip.push(clip);
                        levels.sigma.len() - 1 - first
                    });
                levels.of_frame.push(level as u32);
            }
        }
        levels
    }
}
