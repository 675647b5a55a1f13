//! Arithmetic peaks: loops of independent products that touch registers only.

use super::Rates;
use super::wake::together;
use crate::bench::timing::{Plan, warm};
#[cfg(target_arch = "x86_64")]
use aquifer_tensor::isa;
use aquifer_tensor::threads;

/// One kind of arithmetic that this machine has.
#[derive(Clone, Copy)]
pub struct Arithmetic {
    /// What the operands are: `f32`, `bf16`, `int8`.
    pub dtype: &'static str,
    /// The instructions that do it.
    pub instructions: &'static str,
    /// Multiplications and additions in one round of the loop.
    operations: f64,
    run: unsafe fn(u64),
}

/// Every kind this machine has, among the instruction sets in use ([`isa::active`]); plainest first.
pub fn arithmetic() -> Vec<Arithmetic> {
    let plain = Arithmetic { dtype: "f32", instructions: "portable", operations: 128.0, run: portable };
    #[cfg(target_arch = "x86_64")]
    let others = x86::ALL.iter().filter(|(needs, detected, _)| isa::active() >= *needs && detected()).map(|(.., a)| *a);
    #[cfg(not(target_arch = "x86_64"))]
    let others = [];
    std::iter::once(plain).chain(others).collect()
}

/// The best that operands of `dtype` reach on all threads, by whatever instructions; zero without any.
pub fn peak(dtype: &str, plan: &Plan) -> f64 {
    let kinds = arithmetic().into_iter().filter(|kind| kind.dtype == dtype);
    kinds.flat_map(|kind| kind.measure(threads::count(), plan).samples).fold(0.0, f64::max)
}

impl Arithmetic {
    /// Operations a second on `threads` threads at once.
    pub fn measure(&self, threads: usize, plan: &Plan) -> Rates {
        // A quarter of a millisecond or so: short enough to fall between interruptions.
        let mut rounds = 1000;
        let time = |rounds| crate::bench::timing::seconds_of(&mut || self.run(rounds));
        while time(rounds) < 2.5e-4 && rounds < 1 << 30 {
            rounds *= 2;
        }
        let work = self.operations * rounds as f64 * threads as f64;
        let mut call = || threads::with(threads, || together(threads, |_| self.run(rounds)));
        Rates::of(work, threads, warm(&mut call, plan))
    }

    fn run(&self, rounds: u64) {
        // SAFETY: `arithmetic` hands out only what this machine can execute.
        unsafe { (self.run)(rounds) }
    }
}

/// Eight chains of eight products, for whatever the compiler assumes of the machine.
unsafe fn portable(rounds: u64) {
    let (a, mut x) = (std::hint::black_box(0.999_f32), [1.0_f32; 64]);
    for _ in 0..rounds {
        x.iter_mut().for_each(|x| *x = *x * a + a);
    }
    std::hint::black_box(x);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Arithmetic;
    use aquifer_tensor::Isa;
    use std::arch::asm;
    use std::arch::is_x86_feature_detected as has;

    pub(super) static ALL: [(Isa, fn() -> bool, Arithmetic); 9] = [
        (Isa::Avx2, || true, kind("f32", "avx2", 12.0 * 16.0, f32_avx2)),
        (Isa::Avx512, || true, kind("f32", "avx512", 24.0 * 32.0, f32_avx512)),
        (Isa::Avx512Bf16, || true, kind("bf16", "avx512_bf16", 24.0 * 64.0, bf16_avx512)),
        (Isa::Amx, || has!("avx512bf16"), kind("bf16", "avx512_bf16", 24.0 * 64.0, bf16_avx512)),
        (Isa::Amx, || true, kind("bf16", "amx_bf16", 8.0 * TILE, bf16_amx)),
        (Isa::Avx2, || has!("avxvnni"), kind("int8", "avx_vnni", 12.0 * 64.0, int8_avx2)),
        (Isa::Avx512, || has!("avx512vnni"), kind("int8", "avx512_vnni", 24.0 * 128.0, int8_avx512)),
        (Isa::Amx, amx_int8, kind("int8", "amx_int8", 8.0 * 2.0 * TILE, int8_amx)),
        (Isa::Avx512, || has!("avx512fp16"), kind("f16", "avx512_fp16", 24.0 * 64.0, f16_avx512)),
    ];

    /// Operations of one `tdpbf16ps`: 16 by 16 sums of 32 products.
    const TILE: f64 = 2.0 * 16.0 * 16.0 * 32.0;

    const fn kind(dtype: &'static str, instructions: &'static str, operations: f64, run: unsafe fn(u64)) -> Arithmetic {
        Arithmetic { dtype, instructions, operations, run }
    }

    /// Leaf 7, EDX bit 25.
    fn amx_int8() -> bool {
        std::arch::x86_64::__cpuid_count(7, 0).edx & 1 << 25 != 0
    }

    /// `$name`: rounds of one `$code` for each accumulator, all of them independent of each other.
    macro_rules! wide {
        ($name:ident, $features:literal, $code:literal) => {
            #[target_feature(enable = $features)]
            unsafe fn $name(rounds: u64) {
                // SAFETY: registers only, all of them given up.
                unsafe {
                    asm!(
                        "vpxord zmm0, zmm0, zmm0", "vpxord zmm1, zmm1, zmm1",
                        "2:",
                        wide!(@ $code; 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31),
                        "dec {n}", "jnz 2b",
                        n = inout(reg) rounds.max(1) => _,
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
        (@ $code:literal; $($r:literal)*) => { concat!($($code, " zmm", $r, ", zmm0, zmm1\n",)*) };
    }
    wide!(f32_avx512, "avx512f", "vfmadd231ps");
    wide!(bf16_avx512, "avx512f,avx512bf16", "vdpbf16ps");
    wide!(int8_avx512, "avx512f,avx512vnni", "vpdpbusd");
    wide!(f16_avx512, "avx512f", "vfmadd231ph");

    /// As `wide!`, in the sixteen registers of AVX2.
    macro_rules! narrow {
        ($name:ident, $features:literal, $code:literal) => {
            #[target_feature(enable = $features)]
            unsafe fn $name(rounds: u64) {
                // SAFETY: registers only, all of them given up.
                unsafe {
                    asm!(
                        "vpxor ymm0, ymm0, ymm0", "vpxor ymm1, ymm1, ymm1",
                        "2:",
                        narrow!(@ $code; 4 5 6 7 8 9 10 11 12 13 14 15),
                        "dec {n}", "jnz 2b",
                        n = inout(reg) rounds.max(1) => _,
                        out("ymm0") _, out("ymm1") _, out("ymm4") _, out("ymm5") _, out("ymm6") _, out("ymm7") _,
                        out("ymm8") _, out("ymm9") _, out("ymm10") _, out("ymm11") _, out("ymm12") _, out("ymm13") _,
                        out("ymm14") _, out("ymm15") _,
                        options(nostack, nomem),
                    );
                }
            }
        };
        (@ $code:literal; $($r:literal)*) => { concat!($($code, " ymm", $r, ", ymm0, ymm1\n",)*) };
    }
    narrow!(f32_avx2, "avx2,fma", "vfmadd231ps");
    narrow!(int8_avx2, "avx2,avxvnni", "{{vex}} vpdpbusd");

    /// Palette 1, every tile 16 rows of 64 bytes.
    #[repr(C, align(64))]
    struct Config([u8; 64]);

    static CONFIG: Config = {
        let mut bytes = [0; 64];
        bytes[0] = 1;
        let mut tile = 0;
        while tile < 8 {
            bytes[16 + 2 * tile] = 64;
            bytes[48 + tile] = 16;
            tile += 1;
        }
        Config(bytes)
    };

    /// Four sums, two left and two right tiles: the square that products use, twice a round.
    macro_rules! tiles {
        ($name:ident, $code:literal) => {
            unsafe fn $name(rounds: u64) {
                // SAFETY: tiles only, configured and released here; the caller has seen that they may be used.
                unsafe {
                    asm!(
                        "ldtilecfg [{config}]",
                        tiles!(@ "tilezero tmm"; 0 1 2 3 4 5 6 7),
                        "2:",
                        tiles!(@@ $code; 0 4 6, 1 4 7, 2 5 6, 3 5 7, 0 4 6, 1 4 7, 2 5 6, 3 5 7),
                        "dec {n}", "jnz 2b",
                        "tilerelease",
                        config = in(reg) &CONFIG.0, n = inout(reg) rounds.max(1) => _,
                        out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                        out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                        options(nostack),
                    );
                }
            }
        };
        (@ $code:literal; $($r:literal)*) => { concat!($($code, $r, "\n",)*) };
        (@@ $code:literal; $($c:literal $a:literal $b:literal),*) => {
            concat!($($code, " tmm", $c, ", tmm", $a, ", tmm", $b, "\n",)*)
        };
    }
    tiles!(bf16_amx, "tdpbf16ps");
    tiles!(int8_amx, "tdpbusd");
}

#[cfg(test)]
mod tests {
    use super::*;
    use aquifer_tensor::{Isa, isa};

    #[test]
    fn every_kind_runs_on_any_number_of_threads() {
        let plan = Plan { samples: 3, seconds: 0.0 };
        let all = arithmetic();
        assert_eq!(all[0].dtype, "f32");
        for kind in &all {
            for threads in [1, 2] {
                let rates = kind.measure(threads, &plan);
                assert_eq!((rates.samples.len(), rates.threads), (3, threads));
                assert!(rates.samples.iter().all(|&r| r > 1e8), "{} {}: {rates:?}", kind.dtype, kind.instructions);
            }
        }
        let only = isa::with(Isa::Portable, arithmetic);
        assert_eq!(only.len(), 1);
    }
}
