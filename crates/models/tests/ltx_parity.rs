//! LTX-Video reproduces diffusers: tensors that `oracle/open_models/ltx.py` wrote.

#[path = "support/close.rs"]
mod close;
#[path = "ltx/fixture.rs"]
mod fixture;
#[path = "ltx/keys.rs"]
mod keys;
#[path = "ltx/pipelines.rs"]
mod pipelines;
#[path = "ltx/transformer.rs"]
mod transformer;
#[path = "ltx/vae.rs"]
mod vae;
