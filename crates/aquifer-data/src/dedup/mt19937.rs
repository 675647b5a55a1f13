//! The Mersenne Twister as numpy's legacy `RandomState` uses it.
//!
//! Matsumoto and Nishimura, "Mersenne Twister", 1998, with their initialisation of 2002 from one 32-bit word.

const N: usize = 624;
const M: usize = 397;

pub(super) struct Mt19937 {
    state: [u32; N],
    at: usize,
}

impl Mt19937 {
    pub(super) fn new(seed: u32) -> Self {
        let mut state = [seed; N];
        for i in 1..N {
            let before = state[i - 1];
            state[i] = 1_812_433_253_u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(i as u32);
        }
        Mt19937 { state, at: N }
    }

    fn next_u32(&mut self) -> u32 {
        if self.at == N {
            for i in 0..N {
                let joined = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % N] & 0x7FFF_FFFF);
                let twist = if joined & 1 == 1 { 0x9908_B0DF } else { 0 };
                self.state[i] = self.state[(i + M) % N] ^ (joined >> 1) ^ twist;
            }
            self.at = 0;
        }
        let mut y = self.state[self.at];
        self.at += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C_5680;
        y ^= (y << 15) & 0xEFC6_0000;
        y ^ (y >> 18)
    }

    /// A number of `low..high`, as `randint(low, high, dtype=uint64)` draws it for ranges wider than 32 bits: masked to
    /// the bits of the range, again until it fits.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        let range = high - 1 - low;
        debug_assert!(range > u64::from(u32::MAX), "narrower ranges draw 32 bits at a time");
        let mask = u64::MAX >> range.leading_zeros();
        loop {
            let value = (u64::from(self.next_u32()) << 32 | u64::from(self.next_u32())) & mask;
            if value <= range {
                return low + value;
            }
        }
    }
}
