//! The memory told before a step is what the step then holds, within a few percent. One test alone in its
//! process: the count is the process's.

#![allow(clippy::unwrap_used)]

use aquifer_grad::{Gradients, StepLanes};
use aquifer_model::{Decoder, DecoderConfig, TokenBatch};
use aquifer_ops::{AdamW, Bf16Order, Precision, adamw};
use aquifer_tensor::{Tensor, memory};

fn batch(grains: usize, len: usize) -> TokenBatch {
    let rows = grains * len;
    TokenBatch {
        grains,
        grain_len: len,
        inputs: (0..rows as u32).map(|i| i * 7 % 500).collect(),
        targets: (0..rows as u32).map(|i| i * 11 % 500).collect(),
        segments: (0..grains).map(|g| g * len..(g + 1) * len).collect(),
        positions: (0..rows).map(|r| (r % len) as u32).collect(),
        first_grain: 0,
    }
}

/// Two steps of AdamW; the most that tensors held.
fn measured(config: &DecoderConfig, precision: Precision, step: StepLanes, micro: usize) -> usize {
    let mut model = Decoder::init(config.clone(), 1, precision).unwrap();
    let zeros = || model.params.iter().map(|(_, _, t)| Tensor::zeros::<f32>(t.shape_of())).collect::<Vec<_>>();
    let (mut m, mut v) = (zeros(), zeros());
    let mut grads = Gradients::new(&model.params);
    let batch = batch(step.grains, step.grain_len);
    memory::reset_peak();
    for i in 1..=2 {
        grads.begin_step(step).unwrap();
        for first in (0..step.grains).step_by(micro) {
            let part = batch.part(first..(first + micro).min(step.grains));
            model.loss_and_grad(&part, 1e-3, &mut grads, None).unwrap();
        }
        grads.finish().unwrap();
        let settings =
            AdamW { lr: 1e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, step: i, grad_scale: 1.0 };
        model.params.update_with(|id, value| {
            let (g, i) = (grads.get(id).as_f32(), id.index());
            adamw(&settings, value.as_f32_mut(), g, m[i].as_f32_mut(), v[i].as_f32_mut()).unwrap();
        });
    }
    memory::peak_bytes()
}

#[test]
fn the_estimate_is_within_a_few_percent() {
    let deep = DecoderConfig::small(256, 4, 4, 2, 1000);
    let wide_head = DecoderConfig { tie_word_embeddings: false, ..DecoderConfig::small(128, 2, 4, 4, 6000) };
    let bf16 = Precision::Bf16(Bf16Order::native());
    let step = |grains, grain_len, lanes| StepLanes { grains, grain_len, lanes };
    let mut worst = 0.0_f64;
    for (config, precision, step, micro) in [
        (&deep, Precision::F32, step(8, 256, 1), 8),
        (&deep, bf16, step(8, 256, 2), 8),
        (&deep, bf16, step(8, 32, 1), 8),
        (&deep, bf16, step(8, 256, 4), 2),
        (&deep, bf16, step(16, 64, 4), 1),
        (&wide_head, bf16, step(4, 256, 1), 4),
        (&wide_head, Precision::F32, step(4, 512, 2), 4),
        (&wide_head, bf16, step(8, 128, 1), 1),
    ] {
        let told = config.memory(precision, step, micro, 2);
        let held = measured(config, precision, step, micro);
        let off = told.total() as f64 / held as f64 - 1.0;
        println!("{precision}, {step:?}, {micro} grains at once: told {:+.1} % of {held}", 100.0 * off);
        assert!((-0.06..0.10).contains(&off), "{precision}, {step:?}, {micro}: told {told:?}, held {held}");
        worst = worst.max(off.abs());
    }
    println!("at most {:.1} % off", 100.0 * worst);
}
