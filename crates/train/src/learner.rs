//! What a run keeps from step to step: parameters, what moves them, and their average.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Result, anyhow, bail, ensure};
use kinora_models::native::Config;
use kinora_nn::WeightFile;
use kinora_nn::optim::{Average, Method, Optimizer, Parameters, norm};
use kinora_tensor::{DType, Precision, Tensor};

use crate::files::write_tensors;

/// The checkpoint of a run, in its folder.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// Gradients of all parameters that AdamW moves are shortened to this norm together.
const CLIP_NORM: f32 = 1.0;

/// How a part of the model learns.
pub struct Rules {
    /// What its checkpoints of this version say of themselves.
    pub format: &'static str,
    /// How each parameter is moved.
    pub method: fn(&str, &Tensor) -> Method,
    /// Of the average.
    pub decay: f32,
}

/// Parameters and all that moves them.
pub struct Learner {
    rules: &'static Rules,
    parameters: Parameters,
    optimizer: Optimizer,
    average: Average,
}

impl Learner {
    /// Begins with parameters; those that `averaged` names are averaged.
    pub fn new(
        rules: &'static Rules,
        parameters: Parameters,
        averaged: impl Fn(&str) -> bool,
    ) -> Self {
        let own = parameters.iter().filter(|(name, _)| averaged(name));
        let own = own.map(|(name, tensor)| (name.clone(), tensor.clone()));
        Self {
            average: Average::new(own.collect(), rules.decay, 0),
            optimizer: Optimizer::new(&parameters, rules.method),
            rules,
            parameters,
        }
    }

    /// All parameters as they are now.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The averaged parameters.
    pub fn averaged(&self) -> &Parameters {
        self.average.weights()
    }

    /// How many steps were made.
    pub fn steps(&self) -> u64 {
        self.optimizer.steps()
    }

    /// Moves parameters against their gradients; those without one stay as they are.
    ///
    /// # Errors
    /// When the loss or a gradient is not finite; nothing has moved then.
    pub fn step(&mut self, loss: f64, mut gradients: Parameters, learning_rate: f32) -> Result<()> {
        let size = norm(gradients.values());
        if !loss.is_finite() || !size.is_finite() {
            bail!(
                "step {}: the loss is {loss} and the gradient's norm {size}",
                self.steps() + 1
            );
        }
        self.clip(&mut gradients);
        self.optimizer
            .step(&mut self.parameters, &gradients, learning_rate);
        let averaged = self.average.weights();
        let moved = gradients.keys().filter(|name| averaged.contains_key(*name));
        let moved = moved.map(|name| (name.clone(), self.parameters[name].clone()));
        self.average.update(&moved.collect());
        Ok(())
    }

    /// Shortens the gradients that AdamW takes.
    fn clip(&self, gradients: &mut Parameters) {
        let names: Vec<&str> = self.optimizer.moved_by(Method::AdamW).collect();
        let size = norm(names.iter().filter_map(|name| gradients.get(*name)));
        let factor = CLIP_NORM / (size + 1e-6);
        if factor < 1.0 {
            for name in names {
                if let Some(gradient) = gradients.get_mut(name) {
                    *gradient = gradient.scale(factor);
                }
            }
        }
    }

    /// Writes everything that [`Learner::resume`] needs, in one file that is replaced whole.
    ///
    /// # Errors
    /// When the file cannot be written, as on a full disk; what was there before stays.
    pub fn save(&self, path: &Path, config: &Config) -> Result<()> {
        let prefixed = |prefix: &str, tensors: &Parameters| -> Vec<(String, Tensor)> {
            let named =
                |(name, tensor): (&String, &Tensor)| (format!("{prefix}.{name}"), tensor.clone());
            tensors.iter().map(named).collect()
        };
        let tensors = [
            prefixed("model", &self.parameters),
            prefixed("average", self.average.weights()),
            prefixed("optimizer", &self.optimizer.state()),
        ];
        let metadata = HashMap::from([
            ("format".to_owned(), self.rules.format.to_owned()),
            ("steps".to_owned(), self.steps().to_string()),
            ("config".to_owned(), serde_json::to_string(config)?),
        ]);
        write_tensors::<f32>(path, &tensors.concat(), Some(metadata))
    }

    /// Goes on from a checkpoint.
    ///
    /// # Errors
    /// When it is not whole, of another version, or of another configuration than `config`.
    pub fn resume(rules: &'static Rules, path: &Path, config: &Config) -> Result<Self> {
        let name = path.display();
        let file = WeightFile::open(path)?;
        let said = |key: &str| file.metadata(key).and_then(|value| value.as_text());
        let (format, known) = (said("format").unwrap_or("unknown"), rules.format);
        ensure!(
            format == known,
            "{name} is a checkpoint of format {format}, this command reads {known}; go on with the \
             command and version that wrote it, or begin in another folder"
        );
        let same = said("config").map(Config::from_json).transpose()?;
        ensure!(
            same.as_ref() == Some(config),
            "{name} is of another model than the weights to begin from"
        );
        let steps = said("steps").and_then(|steps| steps.parse().ok());
        let steps = steps.ok_or_else(|| anyhow!("{name} does not say how many steps were made"))?;

        let root = file.weights(Precision::F32);
        let all = |prefix: &str| -> Result<Parameters> {
            let start = format!("{prefix}.");
            let names = file.names().filter_map(|name| name.strip_prefix(&start));
            let read = |name: &str| {
                let place = root.at(prefix);
                let shape = place.shape(name).unwrap_or_default();
                Ok((name.to_owned(), place.any(name, shape)?))
            };
            names.map(read).collect()
        };
        let parameters = all("model")?;
        let mut optimizer = Optimizer::new(&parameters, rules.method);
        let state = root.at("optimizer");
        optimizer.restore(steps, |name, shape| state.any(name, shape))?;
        let average = Average::new(all("average")?, rules.decay, steps);
        file.finish()?;
        Ok(Self {
            rules,
            parameters,
            optimizer,
            average,
        })
    }
}

/// Muon for the matrices between the layers of blocks, AdamW for everything else.
pub fn hidden_matrices(name: &str, parameter: &Tensor) -> Method {
    if name.contains("blocks") && name.contains("weight") && parameter.rank() == 2 {
        Method::Muon
    } else {
        Method::AdamW
    }
}

/// Adds gradients to sums of them.
pub fn add(sums: &mut Parameters, gradients: Parameters) {
    for (name, gradient) in gradients {
        let sum = match sums.get(&name) {
            Some(sum) => sum.add(&gradient),
            None => gradient,
        };
        sums.insert(name, sum);
    }
}

/// The parameters that a weight file holds, F32.
///
/// # Errors
/// When a tensor is damaged.
pub fn parameters(file: &WeightFile) -> Result<Parameters> {
    let reading = file.weights(Precision::F32);
    let read = |name: &str| {
        let shape = file.shape(name).unwrap_or_default();
        let tensor = reading.any(name, shape)?;
        Ok((name.to_owned(), tensor.to_dtype(DType::F32)))
    };
    file.names().map(read).collect()
}
