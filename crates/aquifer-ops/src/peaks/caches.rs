//! The sizes of this machine's caches, as the processor tells them.

/// Bytes of data that each level holds; `l1` and `l2` of one core, `l3` of all that share it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caches {
    /// First level, data.
    pub l1: usize,
    /// Second level.
    pub l2: usize,
    /// Last level; as large as the second where there is no third.
    pub l3: usize,
    /// Whether the processor said so; otherwise these are common sizes.
    pub found: bool,
}

impl Caches {
    /// Asks the processor.
    pub fn find() -> Self {
        let [l1, l2, l3] = sizes();
        if l1 == 0 || l2 == 0 {
            return Caches { l1: 32 << 10, l2: 1 << 20, l3: 32 << 20, found: false };
        }
        Caches { l1, l2, l3: l3.max(l2), found: true }
    }
}

/// Leaf 4 of Intel and 8000_001D of AMD describe one cache a sub-leaf, in the same words (Intel SDM volume 2A,
/// CPUID; AMD APM volume 3, appendix E).
#[cfg(target_arch = "x86_64")]
fn sizes() -> [usize; 3] {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    let basic = __cpuid(0).eax;
    let extended = __cpuid(0x8000_0000).eax;
    let mut found = [0; 3];
    for (leaf, known) in [(4, basic >= 4), (0x8000_001D, extended >= 0x8000_001D)] {
        if !known || found[0] != 0 {
            continue;
        }
        for sub in 0..16 {
            let told = __cpuid_count(leaf, sub);
            let (kind, level) = (told.eax & 31, (told.eax >> 5 & 7) as usize);
            if kind == 0 {
                break;
            }
            const INSTRUCTIONS: u32 = 2;
            if kind != INSTRUCTIONS && (1..=3).contains(&level) {
                let [ways, parts, line] = [told.ebx >> 22, told.ebx >> 12 & 0x3FF, told.ebx & 0xFFF].map(|n| n + 1);
                found[level - 1] = [ways, parts, line, told.ecx + 1].iter().map(|&n| n as usize).product();
            }
        }
    }
    found
}

#[cfg(not(target_arch = "x86_64"))]
fn sizes() -> [usize; 3] {
    [0; 3]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_grow() {
        let caches = Caches::find();
        assert!((4 << 10..=1 << 20).contains(&caches.l1), "{caches:?}");
        assert!(caches.l1 < caches.l2 && caches.l2 <= caches.l3, "{caches:?}");
    }
}
