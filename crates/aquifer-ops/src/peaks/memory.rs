//! Memory bandwidth: streams of loads and stores over buffers that fit one level of cache and no smaller one.

use super::wake::together;
use super::{Caches, Rates};
use crate::bench::timing::{Plan, seconds_of, warm};
use aquifer_tensor::threads::{self, SendPtr};
use aquifer_tensor::{Isa, Tensor, isa};

/// What a stream does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Traffic {
    /// Loads.
    Read,
    /// Stores.
    Write,
    /// As many loads as stores; both count.
    Copy,
}

impl Traffic {
    /// All of them.
    pub const ALL: [Traffic; 3] = [Traffic::Read, Traffic::Write, Traffic::Copy];

    /// For tables and records.
    pub const fn name(self) -> &'static str {
        match self {
            Traffic::Read => "read",
            Traffic::Write => "write",
            Traffic::Copy => "copy",
        }
    }
}

/// Where the data lies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// First cache.
    L1,
    /// Second cache.
    L2,
    /// Last cache.
    L3,
    /// Memory.
    Dram,
}

impl Level {
    /// Nearest first.
    pub const ALL: [Level; 4] = [Level::L1, Level::L2, Level::L3, Level::Dram];

    /// For tables and records.
    pub const fn name(self) -> &'static str {
        match self {
            Level::L1 => "L1",
            Level::L2 => "L2",
            Level::L3 => "L3",
            Level::Dram => "DRAM",
        }
    }

    /// The level that holds `bytes` when `threads` threads share them out.
    pub fn holding(bytes: usize, threads: usize, caches: &Caches) -> Level {
        match bytes {
            _ if bytes <= threads * caches.l1 => Level::L1,
            _ if bytes <= threads * caches.l2 => Level::L2,
            _ if bytes <= caches.l3 => Level::L3,
            _ => Level::Dram,
        }
    }

    /// Bytes each of `threads` threads should stream over: most of this level and much more than the one before.
    fn bytes(self, threads: usize, caches: &Caches) -> usize {
        let bytes = match self {
            Level::L1 => caches.l1 / 2,
            Level::L2 => caches.l2 / 2,
            Level::L3 => (caches.l3 / 2 / threads).max(caches.l2),
            Level::Dram => (4 * caches.l3).clamp(64 << 20, 1 << 30) / threads,
        };
        bytes.next_multiple_of(2 * BLOCK)
    }
}

/// Bytes a round of the loops handles.
const BLOCK: usize = 512;

/// Bytes a second of `traffic` at `level` on `threads` threads at once, each in memory of its own.
pub fn bandwidth(traffic: Traffic, level: Level, threads: usize, caches: &Caches, plan: &Plan) -> Rates {
    let each = level.bytes(threads, caches);
    // Pages that were never written to would all be the same zeros.
    let mut buffer = Tensor::filled([threads * each / 4], 1.0_f32);
    let base = SendPtr(buffer.as_f32_mut().as_mut_ptr().cast::<u8>());
    let isa = isa::active();
    // SAFETY: every thread's part lies inside the buffer, and parts are disjoint.
    let sweep = |i: usize, passes: usize| unsafe { stream(isa, traffic, base.get().add(i * each), each, passes) };
    let mut passes = 1;
    while seconds_of(&mut || sweep(0, passes)) < 2.5e-4 && passes < 1 << 20 {
        passes *= 2;
    }
    let mut call = || threads::with(threads, || together(threads, |i| sweep(i, passes)));
    Rates::of((threads * each * passes) as f64, threads, warm(&mut call, plan))
}

/// Streams over `bytes` bytes (a multiple of two blocks) `passes` times.
///
/// # Safety
/// They are the caller's to read and write.
unsafe fn stream(isa: Isa, traffic: Traffic, at: *mut u8, bytes: usize, passes: usize) {
    let half = bytes / 2;
    let _ = isa; // Read on x86 only.
    for _ in 0..passes {
        // SAFETY: the caller's word; an `Isa` in hand was found on this machine.
        unsafe {
            #[cfg(target_arch = "x86_64")]
            if isa >= Isa::Avx2 {
                let wide = isa >= Isa::Avx512;
                match traffic {
                    Traffic::Read if wide => x86::read_512(at, at, bytes / BLOCK),
                    Traffic::Read => x86::read_256(at, at, bytes / BLOCK),
                    Traffic::Write if wide => x86::write_512(at, at, bytes / BLOCK),
                    Traffic::Write => x86::write_256(at, at, bytes / BLOCK),
                    Traffic::Copy if wide => x86::copy_512(at, at.add(half), half / BLOCK),
                    Traffic::Copy => x86::copy_256(at, at.add(half), half / BLOCK),
                }
                continue;
            }
            match traffic {
                Traffic::Read => read(std::slice::from_raw_parts(at.cast(), bytes / 8)),
                Traffic::Write => std::slice::from_raw_parts_mut(at, bytes).fill(std::hint::black_box(1)),
                Traffic::Copy => std::ptr::copy_nonoverlapping(at, at.add(half), half),
            }
        }
    }
}

/// Loads for whatever the compiler assumes of the machine.
fn read(words: &[u64]) {
    let mut sums = [0_u64; 16];
    for words in words.as_chunks::<16>().0 {
        sums.iter_mut().zip(words).for_each(|(sum, word)| *sum |= word);
    }
    std::hint::black_box(sums);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::asm;

    /// `$name(from, to, blocks)`: in every block the `$step`s, each with its register and place.
    macro_rules! sweep {
        ($name:ident, $features:literal, $size:literal, [$($step:tt)*]; $($r:literal $place:literal)*) => {
            /// # Safety
            /// `blocks` blocks of 512 bytes at `from` can be read and at `to` be written.
            #[target_feature(enable = $features)]
            pub(super) unsafe fn $name(from: *const u8, to: *mut u8, blocks: usize) {
                // SAFETY: the caller's word.
                unsafe {
                    asm!(
                        "2:",
                        sweep!(@ $size, [$($step)*]; $($r $place)*),
                        "add {from}, 512", "add {to}, 512", "dec {n}", "jnz 2b",
                        from = inout(reg) from => _, to = inout(reg) to => _, n = inout(reg) blocks.max(1) => _,
                        out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
                        out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
                        out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                        out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                        options(nostack),
                    );
                }
            }
        };
        (@ $size:literal, [load]; $($r:literal $place:literal)*) => {
            concat!($("vmovups ", $size, $r, ", [{from} + ", $place, "]\n",)* "")
        };
        (@ $size:literal, [store]; $($r:literal $place:literal)*) => {
            concat!($("vmovups [{to} + ", $place, "], ", $size, $r, "\n",)* "")
        };
        (@ $size:literal, [load store]; $($p:tt)*) => {
            concat!(sweep!(@ $size, [load]; $($p)*), sweep!(@ $size, [store]; $($p)*))
        };
    }
    /// A block is eight registers wide, or sixteen of half the size.
    macro_rules! both {
        ($wide:ident, $narrow:ident, [$($step:tt)*]) => {
            sweep!($wide, "avx512f", "zmm", [$($step)*]; 0 0 1 64 2 128 3 192 4 256 5 320 6 384 7 448);
            sweep!($narrow, "avx2", "ymm", [$($step)*];
                0 0 1 32 2 64 3 96 4 128 5 160 6 192 7 224 8 256 9 288 10 320 11 352 12 384 13 416 14 448 15 480);
        };
    }
    both!(read_512, read_256, [load]);
    both!(write_512, write_256, [store]);
    both!(copy_512, copy_256, [load store]);
}

#[cfg(test)]
mod tests {
    use super::*;

    const CACHES: Caches = Caches { l1: 1 << 12, l2: 1 << 13, l3: 1 << 15, found: true };

    #[test]
    fn every_stream_runs_at_every_level_by_every_instruction_set() {
        let plan = Plan { samples: 2, seconds: 0.0 };
        for &isa in isa::available() {
            for traffic in Traffic::ALL {
                for level in [Level::L1, Level::L2, Level::L3] {
                    let rates = isa::with(isa, || bandwidth(traffic, level, 2, &CACHES, &plan));
                    assert!(rates.samples.iter().all(|&r| r > 1e6), "{isa} {traffic:?} {level:?}: {rates:?}");
                }
            }
        }
    }

    #[test]
    fn copies_copy() {
        for &isa in isa::available() {
            let mut bytes: Vec<u8> = (0..4 * BLOCK).map(|i| (i * 7 % 251) as u8).collect();
            let before = bytes[..2 * BLOCK].to_vec();
            // SAFETY: the whole buffer is ours.
            unsafe { stream(isa, Traffic::Copy, bytes.as_mut_ptr(), 4 * BLOCK, 1) };
            assert!(bytes[..2 * BLOCK] == before && bytes[2 * BLOCK..] == before, "{isa}");
        }
    }

    #[test]
    fn data_lies_where_it_fits() {
        let at = |bytes, threads| Level::holding(bytes, threads, &CACHES);
        assert_eq!([at(0, 1), at(1 << 12, 1), at(1 << 13, 2)], [Level::L1; 3]);
        assert_eq!([at(1 << 13, 1), at(1 << 14, 2), at(1 << 15, 2)], [Level::L2, Level::L2, Level::L3]);
        assert_eq!(at((1 << 15) + 1, 2), Level::Dram);
    }
}
