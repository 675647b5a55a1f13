//! How fast attention is, beside the FMA peak measured on the same thread count.
//!
//! `cargo run --release -p aquifer-ops --example attention_speed [-- ISA [THREADS]]`

use aquifer_ops::attention::{AttentionSpec, CHUNK, CachedQueries, KvChunk};
use aquifer_ops::{attention, attention_backward, attention_cached};
use aquifer_tensor::random::Stream;
use aquifer_tensor::{Isa, Tensor, isa, threads};
use std::hint::black_box;
use std::ops::Range;
use std::time::Instant;

fn main() {
    let isa = std::env::args().nth(1).map_or(isa::best(), |name| Isa::from_name(&name).expect("an instruction set"));
    if let Some(n) = std::env::args().nth(2) {
        threads::set_count(n.parse().expect("a number of threads"));
    }
    assert!(isa::force(isa), "this machine has no {isa}");
    let peak = peak_gflops(isa);
    println!("{} on {} threads: FMA peak {peak:.0} GFLOP/s", isa.name(), threads::count());
    for (batch, t, heads, kv_heads, d) in
        [(8, 256, 6, 6, 64), (4, 512, 6, 6, 64), (2, 1024, 6, 6, 64), (1, 2048, 6, 6, 64), (8, 256, 12, 4, 64)]
    {
        let spec = AttentionSpec::new(heads, kv_heads, d);
        let rows = batch * t;
        let segments: Vec<Range<usize>> = (0..batch).map(|b| b * t..(b + 1) * t).collect();
        let (qs, ks) = ([rows, heads, d], [rows, kv_heads, d]);
        let (q, k, v, dout) = (noise(1, qs), noise(2, ks), noise(3, ks), noise(4, qs));
        let (mut out, mut lse) = (Tensor::poisoned::<f32>(qs), Tensor::poisoned::<f32>([rows, heads]));
        let forward = seconds(|| {
            let (out, lse) = (&mut out.view_mut(), &mut lse.view_mut());
            attention(&q.view(), &k.view(), &v.view(), &segments, &spec, out, lse).expect("shapes fit");
        });
        let [mut dq, mut dk, mut dv] = [qs, ks, ks].map(Tensor::poisoned::<f32>);
        let backward = seconds(|| {
            let (q, k, v, o, l, g) = (q.view(), k.view(), v.view(), out.view(), lse.view(), dout.view());
            let (dq, dk, dv) = (&mut dq.view_mut(), &mut dk.view_mut(), &mut dv.view_mut());
            attention_backward(&q, &k, &v, &o, &l, &g, &segments, &spec, dq, dk, dv).expect("shapes fit");
        });
        // Visible pairs only; 2 products forward, 5 backward, 2 operations an FMA.
        let pairs = (batch * heads * t * (t + 1) / 2 * d) as f64;
        let show = |name: &str, time: f64, products: f64| {
            let rate = products * 2.0 * pairs / time / 1e9;
            println!("  {name}: {:7.3} ms, {rate:5.0} GFLOP/s, {:3.0} % of peak", time * 1e3, 100.0 * rate / peak);
        };
        println!("{batch} sequences of {t}, {heads} heads on {kv_heads}, width {d}");
        show("forward ", forward, 2.0);
        show("backward", backward, 5.0);
    }
    for (sequences, length, heads, kv_heads, d) in [
        (1, 2000_usize, 6, 6, 64),
        (8, 2000, 6, 6, 64),
        (1, 4096, 8, 2, 64),
        (1, 16384, 8, 2, 64),
        (1, 16384, 8, 1, 64),
        (64, 4096, 8, 2, 64),
        (64, 16384, 8, 2, 64),
    ] {
        let spec = AttentionSpec::new(heads, kv_heads, d);
        let shape = [CHUNK, kv_heads, d];
        let cache = |s: usize| -> Vec<KvChunk> {
            let chunk = |c: usize| {
                let (keys, values) = (noise((s * 100 + c) as u64, shape), noise(c as u64, shape));
                let mut chunk = KvChunk::empty(kv_heads, d);
                chunk.write(0, keys.as_f32(), values.as_f32());
                chunk
            };
            (0..length.div_ceil(CHUNK)).map(chunk).collect()
        };
        let caches: Vec<Vec<KvChunk>> = (0..sequences).map(cache).collect();
        let queries: Vec<CachedQueries> = (0..sequences)
            .map(|s| CachedQueries { rows: s..s + 1, first_position: length - 1, chunks: &caches[s] })
            .collect();
        let q = noise(5, [sequences, heads, d]);
        let mut out = Tensor::poisoned::<f32>([sequences, heads, d]);
        let time = seconds(|| attention_cached(&q.view(), &queries, &spec, &mut out.view_mut()).expect("shapes fit"));
        let bytes = (sequences * length * kv_heads * d * 2 * 4) as f64;
        println!(
            "decode, {sequences} sequences at {length}, {heads} heads on {kv_heads}: {:.3} ms, {:.0} tokens/s a layer, \
             {:.1} GB/s of cache",
            time * 1e3,
            sequences as f64 / time,
            bytes / time / 1e9
        );
    }
}

fn noise(seed: u64, shape: [usize; 3]) -> Tensor {
    let stream = Stream::new(seed, "attention_speed", "");
    let n = shape.iter().product::<usize>() as u64;
    Tensor::from_f32(&(0..n).map(|i| stream.uniform(0, i) * 2.0 - 1.0).collect::<Vec<_>>(), shape)
}

/// The best call of half a second's: what the machine does while nobody else wants it.
fn seconds(mut call: impl FnMut()) -> f64 {
    call();
    let (begun, mut best) = (Instant::now(), f64::INFINITY);
    while begun.elapsed().as_secs_f64() < 0.5 {
        let start = Instant::now();
        call();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}

/// Independent FMA chains in registers, on every thread at once.
fn peak_gflops(isa: Isa) -> f64 {
    const ROUNDS: usize = 200_000;
    // In assembly: compiled loops of this kind shuffle their registers and measure that.
    #[cfg(target_arch = "x86_64")]
    macro_rules! chains {
        ($reg:literal, $($n:literal)*) => {
            // SAFETY: only registers change; the caller checked the instruction set.
            unsafe {
                std::arch::asm!(
                    "2:",
                    $(concat!("vfmadd213ps ", $reg, $n, ", ", $reg, $n, ", ", $reg, $n),)*
                    "dec {rounds}",
                    "jnz 2b",
                    rounds = inout(reg) ROUNDS => _,
                    out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _,
                    out("xmm6") _, out("xmm7") _, out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                )
            }
        };
    }
    fn portable() -> f32 {
        let (a, mut x) = (black_box(0.999_f32), [1.0_f32; 8]);
        for _ in 0..ROUNDS {
            x = x.map(|x| x.mul_add(a, a));
        }
        x.iter().sum()
    }
    let (lanes, run): (usize, &(dyn Fn() + Sync)) = match isa {
        #[cfg(target_arch = "x86_64")]
        isa if isa >= Isa::Avx512 => (12 * 16, &|| chains!("zmm", "0" "1" "2" "3" "4" "5" "6" "7" "8" "9" "10" "11")),
        #[cfg(target_arch = "x86_64")]
        isa if isa >= Isa::Avx2 => (12 * 8, &|| chains!("ymm", "0" "1" "2" "3" "4" "5" "6" "7" "8" "9" "10" "11")),
        _ => (8, &|| _ = black_box(portable())),
    };
    let tasks = threads::count();
    let time = seconds(|| threads::parallel_for(tasks, |_| run()));
    (tasks * ROUNDS * lanes * 2) as f64 / time / 1e9
}
