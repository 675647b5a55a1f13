//! The AMX kernel where there is no AMX: its instructions raise SIGILL, and a handler carries them out by the
//! documented model. That proves encoding, addressing, layout and order; speed it cannot.

use super::exact::{add_flushed, fma_flushed, widen};
use super::pack::whole_blocks;
use super::*;
use crate::Bf16Order;
use aquifer_tensor::random::Stream;
use aquifer_tensor::{Isa, Tensor, threads};
use std::cell::UnsafeCell;

/// Eight tiles of 16 rows of 16 words. One thread only: the test that owns them runs its kernels alone.
struct Tiles(UnsafeCell<[[u32; 256]; 8]>);
// SAFETY: see the type.
unsafe impl Sync for Tiles {}
static TILES: Tiles = Tiles(UnsafeCell::new([[0; 256]; 8]));

const REGISTERS: [libc::c_int; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
];

/// Decodes one tile instruction, carries it out and steps over it. Intel's SDM, volume 2, "VEX".
extern "C" fn on_illegal(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel hands us the interrupted thread's registers; addresses are the interrupted code's own.
    unsafe {
        let registers = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
        let code = registers[libc::REG_RIP as usize] as *const u8;
        let byte = |at: usize| *code.add(at);
        if byte(0) != 0xC4 || byte(1) & 0x1F != 2 {
            libc::abort();
        }
        let (x, b) = (usize::from(byte(1) & 0x40 == 0) << 3, usize::from(byte(1) & 0x20 == 0) << 3);
        let (third, prefix) = (usize::from(!byte(2) >> 3 & 15), byte(2) & 3);
        let (mode, reg, rm) = (byte(4) >> 6, usize::from(byte(4) >> 3 & 7), usize::from(byte(4) & 7));
        let mut len = 5;
        let (mut address, mut stride) = (0_usize, 0_usize);
        if mode != 3 {
            let value = |r: usize| registers[REGISTERS[r] as usize] as usize;
            if rm == 4 {
                let sib = usize::from(byte(5));
                address = value(sib & 7 | b);
                stride = value(sib >> 3 & 7 | x) << (sib >> 6);
                len += 1;
            } else {
                address = value(rm | b);
            }
            if mode == 1 {
                address = address.wrapping_add_signed(byte(len) as i8 as isize);
                len += 1;
            } else if mode == 2 {
                address = address.wrapping_add_signed(code.add(len).cast::<i32>().read_unaligned() as isize);
                len += 4;
            }
        }
        let tiles = &mut *TILES.0.get();
        match (byte(3), prefix) {
            (0x49, 0) => {} // ldtilecfg, tilerelease
            (0x4B, 3) => {
                for word in 0..256 {
                    tiles[reg][word] = *((address + word / 16 * stride) as *const u32).add(word % 16);
                }
            }
            (0x4B, 2) => {
                for word in 0..256 {
                    *((address + word / 16 * stride) as *mut u32).add(word % 16) = tiles[reg][word];
                }
            }
            (0x5C, 2) => {
                let (left, right) = (tiles[rm], tiles[third]);
                let half = |word: u32, odd: bool| widen(if odd { (word >> 16) as u16 } else { word as u16 });
                for at in 0..256 {
                    let (row, column) = (at / 16, at % 16);
                    let lane = |odd| {
                        let step =
                            |c, p| fma_flushed(half(left[row * 16 + p], odd), half(right[p * 16 + column], odd), c);
                        (0..16).fold(0.0, step)
                    };
                    let sum = add_flushed(f32::from_bits(tiles[reg][at]), add_flushed(lane(false), lane(true)));
                    tiles[reg][at] = sum.to_bits();
                }
            }
            _ => libc::abort(),
        }
        registers[libc::REG_RIP as usize] += len as i64;
    }
}

fn noise(site: &str, shape: [usize; 2]) -> Tensor {
    let stream = Stream::new(5, "amx", site);
    let data: Vec<f32> = (0..(shape[0] * shape[1]) as u64).map(|i| stream.uniform(0, i) - 0.5).collect();
    Tensor::from_f32(&data, shape)
}

#[test]
fn the_tile_kernel_equals_the_scalar_model() {
    if !Isa::Avx512.available() {
        eprintln!("skipped: the AMX path packs with AVX-512, which this machine lacks");
        return;
    }
    if !Isa::Amx.available() {
        // SAFETY: a handler for a signal nothing else here uses; zeroed is a valid `sigaction`.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_illegal as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO;
            assert_eq!(libc::sigaction(libc::SIGILL, &action, std::ptr::null_mut()), 0);
        }
    }
    let tile = Bf16Order::Tile;
    for precision in [Precision::Bf16(tile), Precision::Bf16x3(tile), Precision::Bf16x6(tile)] {
        threads::with(1, || products_equal_the_model(precision));
    }
}

fn part<'a>(right: &'a Panels, columns: usize, out: &mut ViewMut) -> Part<'a> {
    Part { right, columns, ending: Ending::default(), out: Output::new(out) }
}

fn products_equal_the_model(precision: Precision) {
    let same = |got: &Tensor, want: &[f32], what: &str| {
        let wrong = got.as_f32().iter().zip(want).filter(|(g, w)| g.to_bits() != w.to_bits()).count();
        assert_eq!(wrong, 0, "{what}: {wrong} of {} differ", want.len());
    };
    for shape @ [m, n, k] in [[64, 64, 64], [33, 65, 257], [1, 40, 512], [16, 32, 1024], [50, 31, 700]] {
        let (x, w) = (noise("x", [m, k]), noise("w", [n, k]));
        let packed = PackedWeight::new(&w.view(), 256, precision).unwrap();
        let mut out = Tensor::poisoned::<f32>([m, n]);
        let mut view = out.view_mut();
        Product {
            left: &Source::new(&x.view(), 1, whole_blocks(k)),
            parts: &[part(packed.panels(), n, &mut view)],
            chains: &packed.chains(),
            precision,
            isa: Isa::Amx,
            go_on: false,
        }
        .run();
        let want = model::linear(x.as_f32(), w.as_f32(), None, shape, 256, precision);
        same(&out, &want, &format!("linear {shape:?}"));
    }
    for (grain, lanes, n, k) in [(40, vec![0..80], 70, 33), (33, vec![0..33, 33..99, 99..132], 20, 64)] {
        let chains = TokenChains { grain, lanes };
        let t = chains.rows().end;
        let (dy, x) = (noise("dy", [t, n]), noise("xt", [t, k]));
        let (blocks, lanes) = token_blocks(&chains);
        let mut right = Panels::new(k, blocks.len(), precision);
        right.fill(&Source::new(&x.view(), 0, blocks.clone()), precision, Isa::Amx);
        let go_on = lanes.len() == 1;
        let begin = if go_on { Begin::Continue } else { Begin::Fresh };
        let mut dw = noise("dw", [n, k]);
        let mut want = dw.as_f32().to_vec();
        let mut view = dw.view_mut();
        Product {
            left: &Source::new(&dy.view(), 0, blocks),
            parts: &[part(&right, k, &mut view)],
            chains: &lanes,
            precision,
            isa: Isa::Amx,
            go_on,
        }
        .run();
        model::weight_grad(dy.as_f32(), x.as_f32(), [n, k], &chains, begin, precision, &mut want);
        same(&dw, &want, &format!("weight gradient {n} × {k}"));
    }
}
