//! The matrix products that `benches/peers/products.py` runs in PyTorch and NumPy.
//!
//! ```text
//! products [--rounds N | --on-demand] [--threads N]
//! ```
//! Every round runs each product once and writes one JSON object: for each shape (m x n x k) the seconds of
//! `f32` and `bf16` products of row-major operands of that type into f32, packing included; of the same with the
//! weight packed before (`… packed`); and of bf16 into bf16 (`bf16 out`). The first line holds the register peaks in
//! GFLOP/s. `--on-demand` reads numbers from standard input and runs so many rounds for each.

use aquifer_ops::bench::timing::Plan;
use aquifer_ops::order::MIN_SHARD;
use aquifer_ops::peaks::peak;
use aquifer_ops::{PackedWeight, Precision, linear};
use aquifer_tensor::random::Stream;
use aquifer_tensor::{Bf16, Tensor, threads};
use std::error::Error;
use std::time::Instant;

const SHAPES: [[usize; 3]; 5] =
    [[1024, 1024, 1024], [2048, 2048, 2048], [2048, 3072, 768], [2048, 768, 3072], [4096, 1024, 4096]];

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1));
    if let Some(n) = value("--threads") {
        threads::set_count(n.parse()?);
    }
    let [f32, bf16] = ["f32", "bf16"].map(|dtype| peak(dtype, &Plan { samples: 500, seconds: 0.0 }) / 1e9);
    println!("{{\"f32\": {f32:.1}, \"bf16\": {bf16:.1}}}");
    let mut products: Vec<Product> = SHAPES.into_iter().map(Product::new).collect::<Result<_, _>>()?;
    let mut round = || -> Result<(), Box<dyn Error>> {
        let shapes: Result<Vec<String>, _> = products.iter_mut().map(Product::once).collect();
        println!("{{{}}}", shapes?.join(", "));
        Ok(())
    };
    if args.iter().any(|a| a == "--on-demand") {
        for line in std::io::stdin().lines() {
            (0..line?.trim().parse::<usize>()?).try_for_each(|_| round())?;
        }
        return Ok(());
    }
    (0..value("--rounds").map_or(Ok(5), |n| n.parse::<usize>())?).try_for_each(|_| round())
}

struct Product {
    shape: [usize; 3],
    /// `x [m, k]` and `w [n, k]` in f32, then in bf16, each with the weight packed.
    sides: [(Tensor, Tensor, PackedWeight); 2],
    out: Tensor,
    out_half: Tensor,
}

impl Product {
    fn new(shape @ [m, n, k]: [usize; 3]) -> Result<Self, Box<dyn Error>> {
        let (x, w) = (noise("x", [m, k]), noise("w", [n, k]));
        let side = |name: &str, x: Tensor, w: Tensor| -> Result<_, Box<dyn Error>> {
            let packed = PackedWeight::new(&w.view(), MIN_SHARD, Precision::from_name(name).ok_or("a name")?)?;
            Ok((x, w, packed))
        };
        let sides = [side("f32", x.clone(), w.clone())?, side("bf16", halved(&x), halved(&w))?];
        Ok(Product { shape, sides, out: Tensor::zeros::<f32>([m, n]), out_half: Tensor::zeros::<Bf16>([m, n]) })
    }

    fn once(&mut self) -> Result<String, Box<dyn Error>> {
        let mut times = Vec::new();
        for (name, (x, w, packed)) in ["f32", "bf16"].into_iter().zip(&mut self.sides) {
            let start = Instant::now();
            packed.repack(&w.view())?;
            linear(&x.view(), packed, None, &mut self.out.view_mut())?;
            times.push(format!("\"{name}\": {:e}", start.elapsed().as_secs_f64()));
            let start = Instant::now();
            linear(&x.view(), packed, None, &mut self.out.view_mut())?;
            times.push(format!("\"{name} packed\": {:e}", start.elapsed().as_secs_f64()));
        }
        let (x, w, packed) = &mut self.sides[1];
        let start = Instant::now();
        packed.repack(&w.view())?;
        linear(&x.view(), packed, None, &mut self.out_half.view_mut())?;
        times.push(format!("\"bf16 out\": {:e}", start.elapsed().as_secs_f64()));
        let [m, n, k] = self.shape;
        Ok(format!("\"{m}x{n}x{k}\": {{{}}}", times.join(", ")))
    }
}

fn noise(site: &str, shape: [usize; 2]) -> Tensor {
    let stream = Stream::new(1, "products", site);
    let data: Vec<f32> = (0..(shape[0] * shape[1]) as u64).map(|i| stream.uniform(0, i) - 0.5).collect();
    Tensor::from_f32(&data, shape)
}

fn halved(t: &Tensor) -> Tensor {
    let data: Vec<Bf16> = t.as_f32().iter().map(|&x| Bf16::from_f32(x)).collect();
    Tensor::from_slice(&data, t.shape())
}
