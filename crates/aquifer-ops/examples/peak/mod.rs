//! What the registers alone could do: loops of 24 independent products that touch no memory.

use aquifer_tensor::{Isa, threads};
use std::time::Instant;

/// GFLOP/s of all threads together, zero where the instruction is not there.
pub(crate) struct Peaks {
    /// `vfmadd231ps` of 16 lanes.
    pub(crate) f32: f64,
    /// `vdpbf16ps` of 16 lanes.
    pub(crate) bf16: f64,
}

/// The best of `tries` short runs: each is over before the scheduler takes the processor away.
#[cfg(target_arch = "x86_64")]
pub(crate) fn peaks(tries: usize) -> Peaks {
    const ROUNDS: u64 = 20_000;
    let best = |isa: Isa, flops: f64, one: unsafe fn(u64)| {
        let once = |_| {
            let start = Instant::now();
            // SAFETY: asked for only where the CPU has it.
            threads::parallel_for(threads::count(), |_| unsafe { one(ROUNDS) });
            start.elapsed().as_secs_f64()
        };
        if !isa.available() {
            return 0.0;
        }
        24e-9 * flops * (threads::count() * ROUNDS as usize) as f64 / (0..tries).map(once).fold(f64::INFINITY, f64::min)
    };
    Peaks { f32: best(Isa::Avx512, 32.0, fma), bf16: best(Isa::Avx512Bf16, 64.0, dot) }
}

/// No loops for this architecture yet.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn peaks(_: usize) -> Peaks {
    Peaks { f32: 0.0, bf16: 0.0 }
}

#[cfg(target_arch = "x86_64")]
macro_rules! body {
    ($instruction:literal; $($r:literal)*) => {
        concat!("2:\n", $($instruction, " zmm", $r, ", zmm0, zmm1\n",)* "dec {n}\n jnz 2b")
    };
}

#[cfg(target_arch = "x86_64")]
macro_rules! peak {
    ($name:ident, $features:literal, $instruction:literal) => {
        #[target_feature(enable = $features)]
        unsafe fn $name(rounds: u64) {
            // SAFETY: registers only, all of them given up.
            unsafe {
                std::arch::asm!(
                    "vpxord zmm0, zmm0, zmm0", "vpxord zmm1, zmm1, zmm1",
                    body!($instruction; 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31),
                    n = inout(reg) rounds => _,
                    out("zmm0") _, out("zmm1") _, out("zmm8") _, out("zmm9") _, out("zmm10") _, out("zmm11") _,
                    out("zmm12") _, out("zmm13") _, out("zmm14") _, out("zmm15") _, out("zmm16") _, out("zmm17") _,
                    out("zmm18") _, out("zmm19") _, out("zmm20") _, out("zmm21") _, out("zmm22") _, out("zmm23") _,
                    out("zmm24") _, out("zmm25") _, out("zmm26") _, out("zmm27") _, out("zmm28") _, out("zmm29") _,
                    out("zmm30") _, out("zmm31") _,
                    options(nostack, nomem),
                );
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
peak!(fma, "avx512f", "vfmadd231ps");
#[cfg(target_arch = "x86_64")]
peak!(dot, "avx512f,avx512bf16", "vdpbf16ps");
