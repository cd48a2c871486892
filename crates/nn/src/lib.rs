//! Layers, weight files and tokenizers that know no model by name.
