//! BERT-base's forward pass over random weights: our side of `cargo xtask peers encoder`.
//!
//! ```text
//! encoder [--precision NAME] [--batch B] [--lengths T,T,...] [--threads N] [--export FOLDER]
//! ```
//! Without `--export`, runs once over `B` texts of each length as many times as each number on standard input says. One
//! JSON object a time goes to standard output: for each length the seconds, and the first numbers of the last hidden
//! state, by which a driver sees that both sides do the same. `--export` writes the model as a folder that
//! `transformers` reads, and stops.

use aquifer_model::{Encoder, EncoderConfig, Texts};
use aquifer_ops::Precision;
use aquifer_tensor::threads;
use std::error::Error;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1));
    if let Some(n) = value("--threads") {
        threads::set_count(n.parse()?);
    }
    let config = EncoderConfig::small(768, 12, 12, 30_522);
    if let Some(folder) = value("--export") {
        return Ok(Encoder::init(config, 1, Precision::F32)?.save(folder.as_ref())?);
    }
    let batch: usize = value("--batch").map_or(Ok(8), |n| n.parse())?;
    let lengths = value("--lengths").map_or("128,512", |list| list);
    let lengths: Vec<usize> = lengths.split(',').map(str::parse).collect::<Result<_, _>>()?;
    let name = value("--precision").map_or("bf16", |name| name);
    let precision = Precision::from_name(name).ok_or_else(|| format!("--precision takes {}", Precision::CHOICES))?;
    let model = Encoder::init(config, 1, precision)?;
    for line in std::io::stdin().lines() {
        for _ in 0..line?.trim().parse::<usize>()? {
            let mut parts = Vec::new();
            for &length in &lengths {
                let texts = texts(batch, length, model.config.vocab_size);
                let start = Instant::now();
                let hidden = model.hidden(&texts)?;
                let seconds = start.elapsed().as_secs_f64();
                let last = &hidden.as_f32()[(batch * length - 1) * model.config.hidden_size..][..8];
                parts.push(format!("\"{length}\": {{\"seconds\": {seconds:e}, \"hidden\": {last:?}}}"));
            }
            println!("{{{}}}", parts.join(", "));
        }
    }
    Ok(())
}

/// Made-up texts, the same in `benches/peers/encoder.py`.
fn texts(batch: usize, length: usize, vocab: usize) -> Texts {
    Texts::new((0..batch).map(|b| (0..length).map(|t| ((b * length + t) * 7919 % vocab) as u32).collect::<Vec<_>>()))
}
