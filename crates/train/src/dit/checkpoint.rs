//! All of a run in one file, replaced whole or not at all.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use kinora_models::native::Config;
use kinora_nn::optim::{Average, Optimizer, Parameters};
use kinora_nn::{WeightFile, sha256_hex};
use kinora_tensor::{Element, Precision, Tensor, bf16};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::trainer::{AVERAGE_DECAY, Trainer, method};
use crate::files::replace;

/// What checkpoints of this version say of themselves.
const FORMAT: &str = "kinora-train/1";
/// The files of a model folder: the one that training changes, their checksums, all others.
pub(super) const TRANSFORMER: &str = "transformer.safetensors";
const SUMS: &str = "SHA256SUMS";
const OTHERS: [&str; 5] = [
    "config.json",
    "vocabulary.txt",
    "coverage.json",
    "text.safetensors",
    "codec.safetensors",
];

impl Trainer {
    /// Writes everything that [`Trainer::resume`] needs.
    ///
    /// # Errors
    /// When the file cannot be written, as on a full disk; what was there before stays.
    pub fn save(&self, path: &Path) -> Result<()> {
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
            ("format".to_owned(), FORMAT.to_owned()),
            ("steps".to_owned(), self.steps().to_string()),
            ("config".to_owned(), serde_json::to_string(&self.config)?),
        ]);
        write::<f32>(path, &tensors.concat(), Some(metadata))
    }

    /// Goes on from a checkpoint.
    ///
    /// # Errors
    /// When it is not whole, of another version, or of another configuration than `config`.
    pub fn resume(
        path: &Path,
        config: Config,
        precision: Precision,
        tokens: usize,
    ) -> Result<Self> {
        let name = path.display();
        let file = WeightFile::open(path)?;
        let said = |key: &str| file.metadata(key).and_then(|value| value.as_text());
        let format = said("format").unwrap_or("unknown");
        ensure!(
            format == FORMAT,
            "{name} is a checkpoint of format {format}, this program reads {FORMAT}; go on with the \
             version that wrote it, or begin in another folder"
        );
        let same = said("config").map(Config::from_json).transpose()?;
        ensure!(
            same.as_ref() == Some(&config),
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
        let mut optimizer = Optimizer::new(&parameters, method);
        let state = root.at("optimizer");
        optimizer.restore(steps, |name, shape| state.any(name, shape))?;
        let average = Average::new(all("average")?, AVERAGE_DECAY, steps);
        file.finish()?;
        Ok(Self {
            channels: vec![1.0; config.codec.latent_channels],
            config,
            precision,
            parameters,
            optimizer,
            average,
            tokens,
        })
    }

    /// Writes a model folder that the engine runs: the averaged transformer in bf16, its checksum, and
    /// everything else as in `from`. Its coverage is still that of the model in `from`.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn export(&self, from: &Path, folder: &Path) -> Result<()> {
        let failed = |file: &str| format!("cannot copy {file} to {}", folder.display());
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        if from.canonicalize()? != folder.canonicalize()? {
            for file in OTHERS {
                fs::copy(from.join(file), folder.join(file)).with_context(|| failed(file))?;
            }
        }
        let path = folder.join(TRANSFORMER);
        let tensors = self.averaged().iter();
        let tensors: Vec<_> = tensors
            .map(|(name, tensor)| (name.clone(), tensor.clone()))
            .collect();
        write::<bf16>(&path, &tensors, None)?;
        let own = format!("{}  {TRANSFORMER}", sha256_hex([&fs::read(&path)?[..]]));
        let sums = fs::read_to_string(from.join(SUMS)).with_context(|| failed(SUMS))?;
        let others = |line: &&str| !line.ends_with(TRANSFORMER);
        let lines: Vec<&str> = sums.lines().filter(others).chain([&*own]).collect();
        replace(&folder.join(SUMS), (lines.join("\n") + "\n").as_bytes())
    }
}

/// Writes tensors as `T`, in place of what is at `path`.
fn write<T: Bytes>(
    path: &Path,
    tensors: &[(String, Tensor)],
    metadata: Option<HashMap<String, String>>,
) -> Result<()> {
    let data: Vec<Vec<u8>> = tensors.iter().map(|(_, tensor)| T::bytes(tensor)).collect();
    let views = tensors.iter().zip(&data).map(|((name, tensor), data)| {
        let view = TensorView::new(T::NAME, tensor.shape().to_vec(), data);
        view.map(|view| (name.as_str(), view))
    });
    let views: Vec<_> = views.collect::<Result<_, _>>()?;
    let bytes = safetensors::serialize(views, metadata)?;
    replace(path, &bytes)
}

/// How elements lie in a file.
trait Bytes: Element {
    const NAME: Dtype;

    fn bytes(tensor: &Tensor) -> Vec<u8>;
}

impl Bytes for f32 {
    const NAME: Dtype = Dtype::F32;

    fn bytes(tensor: &Tensor) -> Vec<u8> {
        tensor
            .as_f32()
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect()
    }
}

impl Bytes for bf16 {
    const NAME: Dtype = Dtype::BF16;

    fn bytes(tensor: &Tensor) -> Vec<u8> {
        let rounded = |x: &f32| <Self as Element>::from_f32(*x).to_le_bytes();
        tensor.as_f32().iter().flat_map(rounded).collect()
    }
}
