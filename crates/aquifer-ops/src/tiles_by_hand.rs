//! AMX where there is none: its instructions raise SIGILL, and a handler carries them out by the documented model. That
//! proves encoding, addressing, layout and order; speed it cannot.

use crate::matmul::exact::{add_flushed, fma_flushed, widen};
use aquifer_tensor::Isa;
use std::cell::UnsafeCell;
use std::sync::Once;

/// Eight tiles of 16 rows of 16 words, and how much of each is configured: rows, and words of a row.
struct Tiles {
    words: [[u32; 256]; 8],
    sizes: [[usize; 2]; 8],
}

thread_local! {
    static TILES: UnsafeCell<Tiles> = const { UnsafeCell::new(Tiles { words: [[0; 256]; 8], sizes: [[0; 2]; 8] }) };
}

/// Whether kernels of tiles can run here: natively, or by the handler, which this installs. They pack with AVX-512,
/// without which the test is to be skipped.
pub(crate) fn ready() -> bool {
    static INSTALLED: Once = Once::new();
    if !Isa::Avx512.available() {
        eprintln!("skipped: the AMX path packs with AVX-512, which this machine lacks");
        return false;
    }
    if !Isa::Amx.available() {
        // SAFETY: a handler for a signal nothing else here uses; zeroed is a valid `sigaction`.
        INSTALLED.call_once(|| unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_illegal as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO;
            assert_eq!(libc::sigaction(libc::SIGILL, &action, std::ptr::null_mut()), 0);
        });
    }
    true
}

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
        let Tiles { words, sizes } = &mut *TILES.with(UnsafeCell::get);
        let [rows, columns] = sizes[reg];
        // A tile of the left side lies row by row; one of the right has four bytes of depth in each word.
        let (left, right) = (words[rm], words[third]);
        match (byte(3), prefix) {
            (0x49, 0) if mode == 3 => *sizes = [[0; 2]; 8], // tilerelease
            (0x49, 0) => {
                let config = address as *const u8;
                *words = [[0; 256]; 8];
                *sizes = std::array::from_fn(|t| {
                    [usize::from(*config.add(48 + t)), usize::from(*config.add(16 + 2 * t)) / 4]
                });
            }
            (0x49, 3) => words[reg] = [0; 256], // tilezero
            (0x4B, 3) => {
                words[reg] = [0; 256];
                for at in (0..rows * 16).filter(|at| at % 16 < columns) {
                    words[reg][at] = *((address + at / 16 * stride) as *const u32).add(at % 16);
                }
            }
            (0x4B, 2) => {
                for at in (0..rows * 16).filter(|at| at % 16 < columns) {
                    *((address + at / 16 * stride) as *mut u32).add(at % 16) = words[reg][at];
                }
            }
            (operation @ (0x5C | 0x5E), 2) => {
                let [depth, wide] = sizes[third];
                if sizes[rm] != [rows, depth] || wide != columns {
                    libc::abort(); // The processor refuses tiles that do not fit together.
                }
                for at in (0..rows * 16).filter(|at| at % 16 < columns) {
                    let pair = |p: usize| (left[at / 16 * 16 + p], right[p * 16 + at % 16]);
                    let sum = words[reg][at];
                    words[reg][at] = if operation == 0x5C {
                        bf16_sum(sum, (0..depth).map(pair))
                    } else {
                        (0..depth).map(pair).fold(sum, signed_by_unsigned)
                    };
                }
            }
            _ => libc::abort(),
        }
        registers[libc::REG_RIP as usize] += len as i64;
    }
}

/// `tdpbf16ps`: even and odd halves in a chain each, then both and the tile's own.
fn bf16_sum(sum: u32, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> u32 {
    let lane = |shift: u32| {
        let half = |word: u32| widen((word >> shift) as u16);
        pairs.clone().fold(0.0, |c, (a, b)| fma_flushed(half(a), half(b), c))
    };
    add_flushed(f32::from_bits(sum), add_flushed(lane(0), lane(16))).to_bits()
}

/// A word of `tdpbsud`: four signed bytes by four unsigned ones.
fn signed_by_unsigned(sum: u32, (a, b): (u32, u32)) -> u32 {
    let products = a.to_le_bytes().into_iter().zip(b.to_le_bytes());
    products.fold(sum, |sum, (a, b)| sum.wrapping_add_signed(i32::from(a as i8) * i32::from(b)))
}
