//! `transformers` reads what we write and finds our logits; we read what it writes and find its.

use aquifer_model::{Decoder, DecoderConfig, TokenBatch};
use aquifer_ops::Precision;
use std::path::Path;
use std::process::Command;

const IDS: [u32; 9] = [5, 200, 3, 3, 77, 150, 9, 0, 41];

fn python(args: &[&str]) -> anyhow::Result<()> {
    let python = std::env::var_os("AQUIFER_PYTHON").expect("AQUIFER_PYTHON names a Python: cargo xtask world");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transformers_llama.py");
    let out = Command::new(python).arg(script).args(args).output()?;
    anyhow::ensure!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Ok(())
}

/// The largest difference between a folder's logits here and in `transformers`.
fn apart(folder: &Path) -> anyhow::Result<f32> {
    let told = folder.join("logits.bin");
    let ids = format!("{IDS:?}");
    python(&["logits", &folder.to_string_lossy(), &ids, &told.to_string_lossy()])?;
    let theirs: Vec<f32> =
        std::fs::read(told)?.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    let batch = TokenBatch {
        grains: 1,
        grain_len: IDS.len(),
        inputs: IDS.to_vec(),
        targets: IDS.to_vec(),
        segments: vec![0..IDS.len()],
        positions: (0..IDS.len() as u32).collect(),
        first_grain: 0,
    };
    let ours = Decoder::load(folder, Precision::F32)?.logits(&batch)?;
    assert_eq!(ours.numel(), theirs.len());
    Ok(ours.as_f32().iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max))
}

#[test]
#[ignore = "needs transformers: cargo xtask world"]
fn what_we_write_gives_our_logits() -> anyhow::Result<()> {
    let base = DecoderConfig { initializer_range: 0.1, ..DecoderConfig::small(96, 3, 6, 2, 300) };
    let biased = DecoderConfig { attention_bias: true, mlp_bias: true, rope_theta: 3e5, ..base.clone() };
    let untied = DecoderConfig {
        tie_word_embeddings: false,
        bos_token_id: Some(1),
        eos_token_ids: vec![2, 3],
        pad_token_id: Some(0),
        ..base.clone()
    };
    for (config, shard_bytes) in [(base, usize::MAX), (biased, usize::MAX), (untied, 100_000)] {
        let folder = tempfile::tempdir()?;
        Decoder::init(config, 4, Precision::F32)?.save_sharded(folder.path(), shard_bytes)?;
        let apart = apart(folder.path())?;
        println!("at most {apart:e} apart");
        assert!(apart < 1e-4, "{apart}");
    }
    Ok(())
}

#[test]
#[ignore = "needs transformers: cargo xtask world"]
fn what_it_writes_gives_its_logits() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    python(&["make", &folder.path().to_string_lossy()])?;
    assert!(folder.path().join("model.safetensors.index.json").exists(), "the fixture should be in several files");
    let apart = apart(folder.path())?;
    println!("at most {apart:e} apart");
    assert!(apart < 1e-4, "{apart}");
    Ok(())
}
