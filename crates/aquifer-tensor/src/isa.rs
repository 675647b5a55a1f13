//! Which instructions the kernels may use: found at run time, forced by tests and by `--isa`.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// Instruction sets, each containing the ones before it, save that [`Isa::Amx`] need not contain
/// `avx512_bf16` in its sense of a fast one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum Isa {
    /// No vector instructions beyond what the compiler assumes.
    Portable = 1,
    /// AVX2 with FMA.
    Avx2 = 2,
    /// AVX-512 F, BW, DQ and VL.
    Avx512 = 3,
    /// AVX-512 with `vdpbf16ps`.
    Avx512Bf16 = 4,
    /// Intel's matrix tiles with bf16 and int8, beside AVX-512.
    Amx = 5,
}

impl Isa {
    /// All of them, plainest first.
    pub const ALL: [Isa; 5] = [Isa::Portable, Isa::Avx2, Isa::Avx512, Isa::Avx512Bf16, Isa::Amx];

    /// The name used on the command line and in records.
    pub const fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Avx512Bf16 => "avx512_bf16",
            Isa::Amx => "amx",
        }
    }

    /// The instruction set of this [`Isa::name`].
    pub fn from_name(name: &str) -> Option<Isa> {
        Isa::ALL.into_iter().find(|isa| isa.name() == name)
    }

    /// Whether this machine can execute it.
    pub fn available(self) -> bool {
        available().contains(&self)
    }
}

impl std::fmt::Display for Isa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What this machine can execute, plainest first.
pub fn available() -> &'static [Isa] {
    static FOUND: OnceLock<Vec<Isa>> = OnceLock::new();
    FOUND.get_or_init(detect)
}

/// The best this machine has.
pub fn best() -> Isa {
    *available().last().expect("the portable path is always there")
}

static FORCED: AtomicU8 = AtomicU8::new(0);
thread_local!(static SCOPED: Cell<Option<Isa>> = const { Cell::new(None) });

/// The instruction set operators called from this thread use. Operators read it once and hand it to their
/// worker threads.
pub fn active() -> Isa {
    SCOPED.get().unwrap_or_else(|| match FORCED.load(Relaxed) {
        0 => best(),
        forced => Isa::ALL[forced as usize - 1],
    })
}

/// Makes `isa` the choice of the whole process. Returns `false`, changing nothing, where the machine lacks it.
pub fn force(isa: Isa) -> bool {
    let ok = isa.available();
    if ok {
        FORCED.store(isa as u8, Relaxed);
    }
    ok
}

/// Runs `f` with `isa` as this thread's choice.
///
/// # Panics
/// If the machine lacks it.
pub fn with<R>(isa: Isa, f: impl FnOnce() -> R) -> R {
    assert!(isa.available(), "this machine has no {isa}");
    struct Restore(Option<Isa>);
    impl Drop for Restore {
        fn drop(&mut self) {
            SCOPED.set(self.0);
        }
    }
    let _restore = Restore(SCOPED.replace(Some(isa)));
    f()
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Vec<Isa> {
    let mut found = vec![Isa::Portable];
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = avx2
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    if avx2 {
        found.push(Isa::Avx2);
    }
    if avx512 {
        found.push(Isa::Avx512);
        if is_x86_feature_detected!("avx512bf16") {
            found.push(Isa::Avx512Bf16);
        }
        if amx_usable() {
            found.push(Isa::Amx);
        }
    }
    found
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Vec<Isa> {
    vec![Isa::Portable]
}

/// AMX needs the CPU's word (leaf 7, EDX bits 22, 24 and 25) and the kernel's permission, asked once a process;
/// threads made afterwards inherit it.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn amx_usable() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_long = 18;
    let leaf_7 = std::arch::x86_64::__cpuid_count(7, 0);
    let wanted = 1 << 22 | 1 << 24 | 1 << 25;
    let has_tiles = leaf_7.edx & wanted == wanted;
    // SAFETY: a permission request; it fails cleanly where the kernel does not know it.
    has_tiles && unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) } == 0
}

#[cfg(all(target_arch = "x86_64", not(target_os = "linux")))]
fn amx_usable() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_nest_and_restore() {
        let outer = active();
        with(Isa::Portable, || assert_eq!(active(), Isa::Portable));
        assert_eq!(active(), outer);
        assert_eq!(Isa::from_name(best().name()), Some(best()));
    }
}
