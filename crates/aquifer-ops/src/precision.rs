//! The precision ladder of matrix products, and the two orders of a bf16 one.

use aquifer_tensor::{Isa, isa};

/// How the operands of a matrix product are rounded. All rungs accumulate in `f32`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Precision {
    /// Operands as they are; one FMA chain per shard, k ascending.
    F32,
    /// Operands rounded to bf16, one pass, in one of two orders.
    Bf16(Bf16Order),
}

/// The order of a bf16 product inside a shard. Each is native on one kind of machine and exact on every other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Bf16Order {
    /// AMX's `tdpbf16ps`: per 32 of k, `e` and `o` start at +0, take the even and odd elements of 16 pairs in
    /// ascending k by f32 FMA, then `C ← C + (e + o)`.
    Tile,
    /// `vdpbf16ps`: `C ← fma(even, fma(odd, C))`, pair after pair.
    Pair,
}

impl Bf16Order {
    /// The order the best instructions of this machine keep: [`Bf16Order::Tile`] with AMX, else
    /// [`Bf16Order::Pair`].
    pub fn native() -> Self {
        if isa::best() == Isa::Amx { Bf16Order::Tile } else { Bf16Order::Pair }
    }

    /// The name written in manifests.
    pub const fn name(self) -> &'static str {
        match self {
            Bf16Order::Tile => "tile",
            Bf16Order::Pair => "pair",
        }
    }
}

impl Precision {
    /// The name written in recipes and manifests: `f32`, `bf16/tile` or `bf16/pair`.
    pub const fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Bf16(Bf16Order::Tile) => "bf16/tile",
            Precision::Bf16(Bf16Order::Pair) => "bf16/pair",
        }
    }

    /// The precision of this [`Precision::name`]; plain `bf16` takes this machine's native order.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "f32" => Some(Precision::F32),
            "bf16" => Some(Precision::Bf16(Bf16Order::native())),
            "bf16/tile" => Some(Precision::Bf16(Bf16Order::Tile)),
            "bf16/pair" => Some(Precision::Bf16(Bf16Order::Pair)),
            _ => None,
        }
    }
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
