//! BERT-base's forward pass over random weights: our side of `cargo xtask peers encoder`.
//!
//! ```text
//! encoder [--precision NAME]... [--batch B] [--lengths T,T,...] [--threads N] [--export FOLDER]
//! ```
//! Without `--export`, runs once over `B` texts of each length in each precision as many times as each number on
//! standard input says. One JSON object a time goes to standard output: for each precision and length the seconds,
//! and the first numbers of the last hidden state, by which a driver sees that both sides do the same. `--export`
//! writes the model as a folder that `transformers` reads, and stops.

use aquifer_model::{Encoder, EncoderConfig, Texts};
use aquifer_ops::Precision;
use aquifer_tensor::threads;
use std::error::Error;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let values = |name: &str| -> Vec<&str> {
        args.windows(2).filter(|pair| pair[0] == name).map(|pair| pair[1].as_str()).collect()
    };
    let value = |name: &str, default| values(name).first().copied().unwrap_or(default);
    if let Some(n) = values("--threads").first() {
        threads::set_count(n.parse()?);
    }
    let config = EncoderConfig::small(768, 12, 12, 30_522);
    if let Some(folder) = values("--export").first() {
        return Ok(Encoder::init(config, 1, Precision::F32)?.save(folder.as_ref())?);
    }
    let batch: usize = value("--batch", "8").parse()?;
    let lengths: Vec<usize> = value("--lengths", "128,512").split(',').map(str::parse).collect::<Result<_, _>>()?;
    let named = values("--precision");
    let mut models = Vec::new();
    for name in if named.is_empty() { vec!["f32", "bf16"] } else { named } {
        let precision = Precision::from_name(name).ok_or_else(|| format!("--precision: {}", Precision::CHOICES))?;
        models.push((name.to_owned(), Encoder::init(config.clone(), 1, precision)?));
    }
    for line in std::io::stdin().lines() {
        for _ in 0..line?.trim().parse::<usize>()? {
            let mut parts = Vec::new();
            for &length in &lengths {
                for (name, model) in &models {
                    let texts = texts(batch, length, config.vocab_size);
                    let start = Instant::now();
                    let hidden = model.hidden(&texts)?;
                    let seconds = start.elapsed().as_secs_f64();
                    let last = &hidden.as_f32()[(batch * length - 1) * config.hidden_size..][..8];
                    parts.push(format!("\"{name} {length}\": {{\"seconds\": {seconds:e}, \"hidden\": {last:?}}}"));
                }
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
