//! Random encoders made by `transformers`: we read their folders and agree, texts packed where it pads them; and a
//! text's bits depend on nothing but the text. `golden/make_encoders.py` makes the fixtures and names the versions.

#![allow(clippy::unwrap_used)]

use aquifer_model::{Encoder, EncoderConfig, ModelError, Texts};
use aquifer_ops::{Precision, QuantFormat};
use aquifer_tensor::random::Stream;
use aquifer_tensor::{isa, threads};
use serde_json::Value;
use std::path::{Path, PathBuf};

const FAMILIES: [&str; 2] = ["bert", "xlm_roberta"];

fn folder(family: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", family].iter().collect()
}

fn golden_texts(family: &str) -> Texts {
    let notes: Value = serde_json::from_slice(&std::fs::read(folder(family).join("golden.json")).unwrap()).unwrap();
    let rows = |key: &str| -> Vec<Vec<u32>> { serde_json::from_value(notes[key].clone()).unwrap() };
    let mut texts = Texts::default();
    for (tokens, types) in rows("texts").iter().zip(rows("types")) {
        texts.push(tokens, &types);
    }
    texts
}

fn golden_hidden(family: &str) -> Vec<f32> {
    let bytes = std::fs::read(folder(family).join("golden.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let hidden = file.tensor("hidden").unwrap();
    hidden.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

#[test]
fn hidden_states_agree_within_1e_5() {
    for family in FAMILIES {
        let model = Encoder::load(&folder(family), Precision::F32).unwrap();
        let (got, want) = (model.hidden(&golden_texts(family)).unwrap(), golden_hidden(family));
        assert_eq!(got.numel(), want.len());
        let worst = got.as_f32().iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!("{family}: largest difference {worst:e}");
        assert!(worst < 1e-5, "{family}: {worst}");
    }
}

#[test]
fn a_folder_written_again_reads_the_same() {
    for family in FAMILIES {
        let model = Encoder::load(&folder(family), Precision::F32).unwrap();
        let dir = tempfile::tempdir().unwrap();
        model.save(dir.path()).unwrap();
        let again = Encoder::load(dir.path(), Precision::F32).unwrap();
        assert_eq!(model.config, again.config);
        assert_eq!(model.weights_sha256(), again.weights_sha256());
    }
}

#[test]
fn a_folder_that_does_not_fit_is_refused_by_name() {
    let broken = |key: &str, value: Value| {
        let dir = tempfile::tempdir().unwrap();
        std::fs::copy(folder("bert").join("model.safetensors"), dir.path().join("model.safetensors")).unwrap();
        let text = std::fs::read_to_string(folder("bert").join("config.json")).unwrap();
        let mut config: Value = serde_json::from_str(&text).unwrap();
        config[key] = value;
        std::fs::write(dir.path().join("config.json"), config.to_string()).unwrap();
        let refused = |folder: &Path| Encoder::load(folder, Precision::F32).err().unwrap();
        refused(dir.path())
    };
    assert!(matches!(broken("num_hidden_layers", 2.into()), ModelError::ExtraTensor { tensor, .. }
        if tensor.starts_with("bert.encoder.layer.2.")));
    assert!(matches!(broken("num_hidden_layers", 4.into()), ModelError::MissingTensor { tensor, .. }
        if tensor.starts_with("bert.encoder.layer.3.")));
    assert!(matches!(broken("intermediate_size", 64.into()), ModelError::WrongShape { tensor, .. }
        if tensor == "bert.encoder.layer.0.intermediate.dense.weight"));
    assert!(broken("hidden_act", "relu".into()).to_string().contains("`hidden_act`"));
}

/// A model of odd sizes whose products have two shards.
fn model(precision: Precision) -> Encoder {
    let config = EncoderConfig { min_shard: 32, intermediate_size: 160, ..EncoderConfig::small(96, 2, 6, 300) };
    Encoder::init(config, 5, precision).unwrap()
}

fn text(length: usize) -> Vec<u32> {
    let stream = Stream::new(9, "tests", &length.to_string());
    (0..length as u64).map(|i| stream.below(0, i, 300) as u32).collect()
}

/// Texts of these lengths, and the bits of their hidden states.
fn bits(model: &Encoder, lengths: &[usize]) -> Vec<u32> {
    let hidden = model.hidden(&Texts::new(lengths.iter().map(|&n| text(n)))).unwrap();
    hidden.as_f32().iter().map(|x| x.to_bits()).collect()
}

#[test]
fn companions_threads_and_instruction_sets_change_no_bit() {
    const LENGTHS: [usize; 5] = [33, 1, 300, 0, 64];
    let check = |make: &dyn Fn() -> Encoder, what: &str| {
        let model = make();
        let together = bits(&model, &LENGTHS);
        let alone: Vec<u32> = LENGTHS.iter().flat_map(|&n| bits(&model, &[n])).collect();
        assert!(together == alone, "{what}: companions");
        for n in [1, 3] {
            assert!(threads::with(n, || bits(&model, &LENGTHS)) == together, "{what}: {n} threads");
        }
        for &isa in isa::available() {
            // A model of its own: packed copies may be laid out for an instruction set.
            assert!(isa::with(isa, || bits(&make(), &LENGTHS)) == together, "{what}: {isa}");
        }
    };
    for precision in Precision::ALL {
        check(&|| model(precision), &precision.to_string());
    }
    let quantized = || {
        let mut model = model(Precision::F32);
        model.quantize(QuantFormat::INT8).unwrap();
        model
    };
    check(&quantized, "int8");
}
