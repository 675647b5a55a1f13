//! A random 4-layer Llama made by `transformers` and differentiated by PyTorch: we read its folder and agree.
//! `golden/make_llama.py` makes the fixture and names the versions.

#![allow(clippy::unwrap_used)]

use aquifer_grad::{Gradients, StepLanes};
use aquifer_model::{Decoder, TokenBatch};
use aquifer_ops::{AdamW, Precision, adamw};
use aquifer_tensor::Tensor;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", "llama"].iter().collect()
}

fn golden() -> BTreeMap<String, Vec<f32>> {
    let bytes = std::fs::read(folder().join("golden.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let floats = |data: &[u8]| data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    file.iter().map(|(name, t)| (name.to_owned(), floats(t.data()))).collect()
}

fn notes() -> Value {
    serde_json::from_slice(&std::fs::read(folder().join("golden.json")).unwrap()).unwrap()
}

/// Batch `i`: two sequences, each a grain of one segment.
fn batch(notes: &Value, i: usize) -> TokenBatch {
    let tokens =
        |row: &Value| -> Vec<u32> { row.as_array().unwrap().iter().map(|t| t.as_u64().unwrap() as u32).collect() };
    let rows: Vec<Vec<u32>> = notes["ids"][i].as_array().unwrap().iter().map(tokens).collect();
    let len = rows[0].len() - 1;
    TokenBatch {
        grains: rows.len(),
        grain_len: len,
        inputs: rows.iter().flat_map(|r| r[..len].to_vec()).collect(),
        targets: rows.iter().flat_map(|r| r[1..].to_vec()).collect(),
        segments: (0..rows.len()).map(|g| g * len..(g + 1) * len).collect(),
        positions: (0..rows.len()).flat_map(|_| 0..len as u32).collect(),
        first_grain: 0,
    }
}

fn step(model: &Decoder, batch: &TokenBatch, grads: &mut Gradients) -> f32 {
    grads.begin_step(StepLanes { grains: batch.grains, grain_len: batch.grain_len, lanes: 1 }).unwrap();
    let losses = model.loss_and_grad(batch, 1.0 / batch.rows() as f32, grads, None).unwrap();
    grads.finish().unwrap();
    (losses.iter().map(|&l| f64::from(l)).sum::<f64>() / losses.len() as f64) as f32
}

#[test]
fn logits_agree_within_1e_4() {
    let model = Decoder::load(&folder(), Precision::F32).unwrap();
    let logits = model.logits(&batch(&notes(), 0)).unwrap();
    let want = &golden()["logits"];
    let worst = logits.as_f32().iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert_eq!(logits.numel(), want.len());
    println!("largest difference of a logit: {worst:e}");
    assert!(worst < 1e-4, "{worst}");
}

#[test]
fn every_gradient_agrees_within_1e_3() {
    let model = Decoder::load(&folder(), Precision::F32).unwrap();
    let (golden, mut grads) = (golden(), Gradients::new(&model.params));
    step(&model, &batch(&notes(), 0), &mut grads);
    let mut compared = 0;
    let mut worst = 0.0_f64;
    for (id, name, _) in model.params.iter() {
        let want = &golden[&format!("grad.{name}")];
        let (mut off, mut size) = (0.0, 0.0);
        for (&g, &w) in grads.get(id).as_f32().iter().zip(want) {
            off += f64::from(g - w).powi(2);
            size += f64::from(w).powi(2);
        }
        let relative = (off / size).sqrt();
        assert!(relative < 1e-3, "`{name}`: {relative}");
        worst = worst.max(relative);
        compared += 1;
    }
    println!("largest relative difference of a gradient: {worst:e}");
    assert_eq!(compared, 4 * 9 + 3);
}

#[test]
fn fifty_steps_of_adamw_agree_within_1e_4() {
    let mut model = Decoder::load(&folder(), Precision::F32).unwrap();
    let (notes, want) = (notes(), golden().remove("losses").unwrap());
    let number = |key: &str| notes["adamw"][key].as_f64().unwrap() as f32;
    let beta = |i: usize| notes["adamw"]["betas"][i].as_f64().unwrap() as f32;
    let zeros = |_| model.params.iter().map(|(_, _, t)| Tensor::zeros::<f32>(t.shape_of())).collect::<Vec<_>>();
    let [mut m, mut v] = [0, 1].map(zeros);
    let mut grads = Gradients::new(&model.params);
    let mut worst = 0.0_f32;
    for (i, want) in want.iter().enumerate() {
        let loss = step(&model, &batch(&notes, i % 5), &mut grads);
        worst = worst.max((loss - want).abs());
        assert!((loss - want).abs() < 1e-4, "step {i}: {loss}, PyTorch {want}");
        let settings = AdamW {
            lr: number("lr"),
            beta1: beta(0),
            beta2: beta(1),
            eps: number("eps"),
            weight_decay: number("weight_decay"),
            step: i as u64 + 1,
            grad_scale: 1.0,
        };
        model.params.update_with(|id, value| {
            let (g, i) = (grads.get(id).as_f32(), id.index());
            adamw(&settings, value.as_f32_mut(), g, m[i].as_f32_mut(), v[i].as_f32_mut()).unwrap();
        });
    }
    println!("largest difference of a loss: {worst:e}");
}

#[test]
fn a_folder_written_again_reads_the_same() {
    let model = Decoder::load(&folder(), Precision::F32).unwrap();
    let dir = tempfile::tempdir().unwrap();
    model.save(dir.path()).unwrap();
    let again = Decoder::load(dir.path(), Precision::F32).unwrap();
    assert_eq!(model.config, again.config);
    assert_eq!(model.weights_sha256(), again.weights_sha256());
}
