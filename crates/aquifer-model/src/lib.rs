//! Layers, architectures and weight files in the Hugging Face layout.
