//! One attention, forward and backward, in PyTorch's layout `[B, H, T, d]`: our side of `cargo xtask peers attention`.
//!
//! `attention_step B H T d` runs as many times as each number on standard input says, and prints one JSON object a
//! time: the seconds of the forward and of the backward pass.

use aquifer_ops::attention::{AttentionSpec, scaled_dot_product_attention, scaled_dot_product_attention_backward};
use aquifer_tensor::Tensor;
use aquifer_tensor::random::Stream;
use std::time::Instant;

fn main() {
    let extents: Vec<usize> = std::env::args().skip(1).map(|arg| arg.parse().expect("B H T d")).collect();
    let [b, h, t, d] = extents.try_into().expect("four extents");
    let spec = AttentionSpec::new(h, h, d);
    let [q, k, v, dout] = ["q", "k", "v", "dout"].map(|name| noise(name, [b, h, t, d]));
    let [mut out, mut dq, mut dk, mut dv] = [(); 4].map(|()| Tensor::zeros::<f32>([b, h, t, d]));
    let mut lse = Tensor::zeros::<f32>([b, h, t]);
    for line in std::io::stdin().lines() {
        let count: usize = line.expect("a line").parse().expect("a number");
        for _ in 0..count {
            let (q, k, v) = (&q.view(), &k.view(), &v.view());
            let start = Instant::now();
            scaled_dot_product_attention(q, k, v, &spec, &mut out.view_mut(), &mut lse.view_mut()).expect("shapes fit");
            let forward = start.elapsed().as_secs_f64();
            let start = Instant::now();
            let (o, l, g) = (&out.view(), &lse.view(), &dout.view());
            let (dq, dk, dv) = (&mut dq.view_mut(), &mut dk.view_mut(), &mut dv.view_mut());
            scaled_dot_product_attention_backward(q, k, v, o, l, g, &spec, dq, dk, dv).expect("shapes fit");
            println!(r#"{{"forward": {forward:e}, "backward": {:e}}}"#, start.elapsed().as_secs_f64());
        }
    }
}

fn noise(name: &str, shape: [usize; 4]) -> Tensor {
    let stream = Stream::new(0, "attention_step", name);
    let n = shape.iter().product::<usize>() as u64;
    Tensor::from_f32(&(0..n).map(|i| stream.uniform(0, i) * 2.0 - 1.0).collect::<Vec<_>>(), shape)
}
