//! Optimizers: Muon for hidden matrices, AdamW for everything else, and an average of weights.
//!
//! Parameters and everything kept of them are F32. The mirror in `PyTorch` is `oracle/native/muon.py`.

use std::collections::BTreeMap;

use kinora_tensor::{Epilogue, PackedWeight, Precision, Tensor, parallel_map};

/// Tensors by the names of their weights.
pub type Parameters = BTreeMap<String, Tensor>;

const WEIGHT_DECAY: f32 = 0.01;
const MOMENTUM: f32 = 0.95;
const BETAS: [f32; 2] = [0.9, 0.99];
const EPS: f32 = 1e-8;
/// Of the Newton-Schulz polynomial `a x + b x^3 + c x^5`.
const QUINTIC: [f32; 3] = [3.4445, -4.7750, 2.0315];
const NEWTON_SCHULZ_STEPS: usize = 5;

/// How a parameter is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// By an orthogonal matrix along its momentum. For matrices `[n, k]` between hidden layers, and for
    /// convolutions `[n, ..]` as the matrices that they are.
    ///
    /// Reference: Jordan, "Muon: an optimizer for hidden layers" (2024); updates are scaled by
    /// `0.2 sqrt(max(n, k))`, so that one learning rate serves both methods (arXiv 2502.16982).
    Muon,
    /// Loshchilov and Hutter, arXiv 1711.05101, algorithm 2.
    AdamW,
}

/// What is kept of a parameter from step to step.
enum State {
    Muon { momentum: Tensor },
    AdamW { first: Tensor, second: Tensor },
}

/// Moves parameters against their gradients.
pub struct Optimizer {
    states: BTreeMap<String, State>,
    steps: u64,
}

impl Optimizer {
    /// An optimizer before its first step. `method` says how each parameter is moved.
    pub fn new(parameters: &Parameters, method: impl Fn(&str, &Tensor) -> Method) -> Self {
        let state = |(name, parameter): (&String, &Tensor)| {
            let zeros = || Tensor::zeros(parameter.shape(), parameter.dtype());
            let state = match method(name, parameter) {
                Method::Muon => State::Muon { momentum: zeros() },
                Method::AdamW => State::AdamW {
                    first: zeros(),
                    second: zeros(),
                },
            };
            (name.clone(), state)
        };
        Self {
            states: parameters.iter().map(state).collect(),
            steps: 0,
        }
    }

    /// The names of the parameters that `method` moves.
    pub fn moved_by(&self, method: Method) -> impl Iterator<Item = &str> {
        self.states.iter().filter_map(move |(name, state)| {
            let own = match state {
                State::Muon { .. } => Method::Muon,
                State::AdamW { .. } => Method::AdamW,
            };
            (own == method).then_some(name.as_str())
        })
    }

    /// One step. A parameter without a gradient stays as it is.
    ///
    /// # Panics
    /// When a gradient belongs to no parameter, or has another shape.
    #[track_caller]
    pub fn step(
        &mut self,
        parameters: &mut Parameters,
        gradients: &Parameters,
        learning_rate: f32,
    ) {
        self.steps += 1;
        let gradients: Vec<_> = gradients.iter().collect();
        // Each matrix is small: whole parameters are divided among threads, not their products.
        let moved = parallel_map(gradients.len(), |i| {
            let (name, gradient) = gradients[i];
            let known = self.states.get(name).zip(parameters.get(name));
            let Some((state, parameter)) = known else {
                panic!("a gradient of the unknown parameter {name}");
            };
            let (state, update) = state.after(gradient, self.steps);
            let kept = 1.0 - learning_rate * WEIGHT_DECAY;
            (state, parameter.combine(kept, &update, -learning_rate))
        });
        for ((name, _), (state, parameter)) in gradients.into_iter().zip(moved) {
            self.states.insert(name.clone(), state);
            parameters.insert(name.clone(), parameter);
        }
    }

    /// How many steps were made.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// All that [`Optimizer::restore`] needs beside the number of steps, by new names.
    pub fn state(&self) -> Parameters {
        let tensors = |(name, state): (&String, &State)| match state {
            State::Muon { momentum } => vec![(format!("momentum.{name}"), momentum.clone())],
            State::AdamW { first, second } => vec![
                (format!("first.{name}"), first.clone()),
                (format!("second.{name}"), second.clone()),
            ],
        };
        self.states.iter().flat_map(tensors).collect()
    }

    /// Goes on after `steps` steps. `read(name, shape)` gives the tensors of [`Optimizer::state`].
    ///
    /// # Errors
    /// The first of `read`.
    pub fn restore<E>(
        &mut self,
        steps: u64,
        read: impl Fn(&str, &[usize]) -> Result<Tensor, E>,
    ) -> Result<(), E> {
        let again = |prefix: &str, name: &str, tensor: &mut Tensor| {
            *tensor = read(&format!("{prefix}.{name}"), tensor.shape())?;
            Ok(())
        };
        for (name, state) in &mut self.states {
            match state {
                State::Muon { momentum } => again("momentum", name, momentum)?,
                State::AdamW { first, second } => {
                    again("first", name, first)?;
                    again("second", name, second)?;
                }
            }
        }
        self.steps = steps;
        Ok(())
    }
}

impl State {
    /// The state after another gradient, and the direction to move against.
    fn after(&self, gradient: &Tensor, steps: u64) -> (Self, Tensor) {
        match self {
            Self::Muon { momentum } => {
                let momentum = momentum.combine(MOMENTUM, gradient, 1.0);
                let along = gradient.combine(1.0, &momentum, MOMENTUM);
                let n = gradient.shape()[0];
                let k = gradient.len() / n;
                let update = orthogonal(&along.reshape(&[n, k]));
                let update = update.scale(0.2 * (n.max(k) as f32).sqrt());
                (Self::Muon { momentum }, update.reshape(gradient.shape()))
            }
            Self::AdamW { first, second } => {
                let first = first.combine(BETAS[0], gradient, 1.0 - BETAS[0]);
                let second = second.combine(BETAS[1], &gradient.mul(gradient), 1.0 - BETAS[1]);
                let steps = steps.min(u64::from(u16::MAX)) as i32; // far beyond, powers are zero
                let [bias, square_bias] = BETAS.map(|beta| 1.0 - beta.powi(steps));
                let (x, square) = (first.as_f32(), second.as_f32());
                let update = Tensor::from_fn(gradient.shape(), |i| {
                    x[i] / bias / ((square[i] / square_bias).sqrt() + EPS)
                });
                (Self::AdamW { first, second }, update)
            }
        }
    }
}

/// The Newton-Schulz iteration toward the nearest orthogonal matrix.
///
/// Every iterate is a polynomial of `X X^T` times `X`, so it runs on the smaller Gram matrix and meets
/// the long side twice only.
fn orthogonal(matrix: &Tensor) -> Tensor {
    let [rows, columns] = matrix.dims();
    if rows > columns {
        return orthogonal(&matrix.permute([1, 0])).permute([1, 0]);
    }
    let packed = |y: &Tensor| PackedWeight::of_columns(y, Precision::F32);
    // Polynomials of one symmetric matrix commute, so their products are symmetric too.
    let half = Epilogue {
        symmetric: true,
        ..Epilogue::default()
    };
    let times = |x: &Tensor, y: &Tensor| x.linear_with(&packed(y), &half);
    let x = matrix.scale(1.0 / (norm([matrix]) + 1e-7));
    let [a, b, c] = QUINTIC;
    let eye = Tensor::from_fn(&[rows, rows], |i| f32::from(u8::from(i / rows == i % rows)));
    // `b + c gram`, and then `a + gram (b + c gram)`.
    let factor = |gram: &Tensor| {
        let inner = eye.combine(b, gram, c);
        times(gram, &inner).combine(1.0, &eye, a)
    };
    let mut gram = x.linear_with(&PackedWeight::new(&x, Precision::F32), &half);
    let mut product = factor(&gram);
    let mut last = product.clone();
    for _ in 1..NEWTON_SCHULZ_STEPS {
        gram = times(&times(&last, &gram), &last);
        last = factor(&gram);
        product = times(&last, &product);
    }
    product.linear(&packed(&x), None)
}

/// The Euclidean norm of all elements together.
pub fn norm<'a>(tensors: impl IntoIterator<Item = &'a Tensor>) -> f32 {
    let tensors: Vec<&Tensor> = tensors.into_iter().collect();
    let squares = parallel_map(tensors.len(), |i| {
        let squares = tensors[i].as_f32().iter().map(|x| f64::from(*x).powi(2));
        squares.sum::<f64>()
    });
    squares.into_iter().sum::<f64>().sqrt() as f32
}

/// An exponential moving average of parameters, with a warm-up so that it starts fresh.
pub struct Average {
    decay: f32,
    steps: u64,
    weights: Parameters,
}

impl Average {
    /// The average after `steps` steps.
    pub fn new(weights: Parameters, decay: f32, steps: u64) -> Self {
        Self {
            decay,
            steps,
            weights,
        }
    }

    /// Takes parameters in.
    ///
    /// # Panics
    /// When one is not part of the average.
    #[track_caller]
    pub fn update(&mut self, parameters: &Parameters) {
        self.steps += 1;
        let warm = (1 + self.steps) as f32 / (10 + self.steps) as f32;
        let decay = self.decay.min(warm);
        for (name, parameter) in parameters {
            let weight = self.weights.get_mut(name);
            let weight = weight.expect("an average of the same parameters");
            *weight = weight.combine(decay, parameter, 1.0 - decay);
        }
    }

    /// The averaged parameters.
    pub fn weights(&self) -> &Parameters {
        &self.weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(dims: &[usize]) -> Tensor {
        Tensor::from_fn(dims, |i| ((i * 7 + 3) % 11) as f32 / 11.0 - 0.4)
    }

    #[test]
    fn an_orthogonal_update_has_singular_values_near_one() {
        for dims in [[4, 9], [9, 4], [5, 5]] {
            let q = orthogonal(&numbers(&dims));
            let q = if dims[0] > dims[1] {
                q.permute([1, 0])
            } else {
                q
            };
            let gram = q.linear(&PackedWeight::new(&q, Precision::F32), None);
            let [n, _] = gram.dims();
            // The quintic ends between 0.7 and 1.2 by design.
            let trace: f32 = (0..n).map(|i| gram.as_f32()[i * n + i]).sum();
            let mean = trace / n as f32;
            assert!((0.5..1.4).contains(&mean), "{mean} of {dims:?}");
        }
    }

    #[test]
    fn adam_moves_by_the_learning_rate_at_first() {
        let name = || "x".to_owned();
        let mut parameters = Parameters::from([(name(), Tensor::from_f32(&[1.0, -2.0], &[2]))]);
        let mut optimizer = Optimizer::new(&parameters, |_, _| Method::AdamW);
        let gradients = Parameters::from([(name(), Tensor::from_f32(&[0.3, -5.0], &[2]))]);
        optimizer.step(&mut parameters, &gradients, 0.1);
        let expected = [0.999 - 0.1, -2.0 * 0.999 + 0.1];
        for (x, y) in parameters["x"].as_f32().iter().zip(expected) {
            assert!((x - y).abs() < 1e-5, "{x} for {y}");
        }
    }

    #[test]
    fn an_optimizer_goes_on_as_if_never_interrupted() {
        let start = || {
            Parameters::from([
                ("m".to_owned(), numbers(&[6, 4])),
                ("b".to_owned(), numbers(&[4])),
            ])
        };
        let method = |name: &str, _: &Tensor| match name {
            "m" => Method::Muon,
            _ => Method::AdamW,
        };
        let gradients = |step: usize| -> Parameters {
            let scaled = |(name, x): (String, Tensor)| (name, x.scale(0.3 + step as f32));
            start().into_iter().map(scaled).collect()
        };
        let (mut whole, mut parts) = (start(), start());
        let mut optimizer = Optimizer::new(&whole, method);
        (0..6).for_each(|i| optimizer.step(&mut whole, &gradients(i), 0.05));

        let mut first = Optimizer::new(&parts, method);
        (0..3).for_each(|i| first.step(&mut parts, &gradients(i), 0.05));
        let state = first.state();
        let mut second = Optimizer::new(&parts, method);
        let read = |name: &str, shape: &[usize]| {
            let tensor = state.get(name).filter(|tensor| tensor.shape() == shape);
            tensor.cloned().ok_or(())
        };
        second
            .restore(first.steps(), read)
            .expect("the whole state");
        (3..6).for_each(|i| second.step(&mut parts, &gradients(i), 0.05));
        for (name, tensor) in &whole {
            assert_eq!(tensor.as_f32(), parts[name].as_f32(), "{name}");
        }
    }

    #[test]
    fn an_average_follows_quickly_at_first() {
        let one = |x: f32| Parameters::from([("x".to_owned(), Tensor::from_f32(&[x], &[1]))]);
        let mut average = Average::new(one(0.0), 0.998, 0);
        average.update(&one(1.0));
        let first = average.weights()["x"].as_f32()[0];
        assert!((first - (1.0 - 2.0 / 11.0)).abs() < 1e-6, "{first}");
    }
}
