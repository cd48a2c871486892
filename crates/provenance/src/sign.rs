//! Signing a clip that Kinora made.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use c2pa::{BoxedSigner, Builder, Context, Settings, SigningAlg, create_signer};
use kinora_engine::Recipe;
use kinora_media::Seal;
use serde_json::{Value, json};

use crate::error::{ProvenanceError, Result};
use crate::identity::Identity;

/// Label of the assertion that names the model.
pub const MODEL: &str = "com.kinora.model";
/// Where the digital source types of the IPTC are.
pub const SOURCE_TYPES: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/";

/// Signs clips in the name of a data folder.
///
/// The manifest says that this program made the clip with which model, and nothing that the clip's
/// recipe does not say. It is an `uuid` box between `ftyp` and `moov`; the salts and ids in it
/// are other ones each time.
pub struct Signer {
    signer: BoxedSigner,
}

impl fmt::Debug for Signer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Signer") // the key is nobody's to print
    }
}

impl Signer {
    /// The signer of a data folder, whose key and certificate are made on first use.
    ///
    /// # Errors
    /// [`ProvenanceError::Io`], [`ProvenanceError::BadKey`].
    pub fn open(folder: &Path) -> Result<Self> {
        let Identity {
            key, certificate, ..
        } = Identity::open(folder)?;
        let alg = SigningAlg::Ed25519;
        let signer = create_signer::from_keys(certificate.as_bytes(), key.as_bytes(), alg, None);
        signer
            .map(|signer| Self { signer })
            .map_err(|error| not_signed(&error))
    }

    fn sign(&self, path: &Path, signed: &mut File) -> Result<()> {
        let recipe = Recipe::of_file(path).map_err(|error| not_signed(&error))?;
        let clip = File::open(path).map_err(|error| not_signed(&error))?;
        let context = Context::new().with_settings(Settings::new());
        let mut builder = context
            .map(Builder::from_context)
            .and_then(|builder| builder.with_definition(manifest(&recipe)))
            .map_err(|error| not_signed(&error))?;
        builder
            .sign(
                &*self.signer,
                "video/mp4",
                &mut BufReader::new(clip),
                signed,
            )
            .map(drop)
            .map_err(|error| not_signed(&error))
    }
}

impl Seal for Signer {
    fn seal(
        &self,
        file: &Path,
        sealed: &mut File,
    ) -> std::result::Result<(), Box<dyn Error + Send + Sync>> {
        Ok(self.sign(file, sealed)?)
    }
}

/// What is said of a clip.
fn manifest(recipe: &Recipe) -> Value {
    // What begins or ends with pictures of others is not the model's alone.
    let is_given = recipe.effective.given != kinora_engine::GivenHashes::default();
    let source = if is_given {
        "compositeWithTrainedAlgorithmicMedia"
    } else {
        "trainedAlgorithmicMedia"
    };
    let program = json!({ "name": "Kinora", "version": env!("CARGO_PKG_VERSION") });
    json!({
        "claim_generator_info": [program],
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "created": true,
                "data": { "actions": [{
                    "action": "c2pa.created",
                    "digitalSourceType": format!("{SOURCE_TYPES}{source}"),
                    "softwareAgent": program,
                }] },
            },
            {
                "label": MODEL,
                "created": true,
                "data": { "name": recipe.model, "hash": recipe.model_hash },
            },
        ],
    })
}

fn not_signed(error: &dyn Error) -> ProvenanceError {
    ProvenanceError::NotSigned {
        reason: error.to_string(),
    }
}
