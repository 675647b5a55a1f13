//! The precision ladder of matrix products, and the two orders of a bf16 one.

use aquifer_tensor::{Isa, isa};

/// How the operands of a matrix product are rounded. All rungs accumulate in `f32`.
///
/// The split rungs write an operand as a sum of bf16 pieces: the first is the operand rounded to bf16 (clamped to
/// the largest finite one), the second what is left rounded to bf16, the third what is left then, exact for
/// operands from 2⁻¹⁰⁰ up. They multiply piece by piece, the smallest products first; see
/// [`linear`](crate::linear) for the order and the errors measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Precision {
    /// Operands as they are; one FMA chain per shard, k ascending.
    F32,
    /// Operands rounded to bf16, one pass, in one of two orders.
    Bf16(Bf16Order),
    /// Two pieces, three passes: about 2⁻¹⁶, some fifteen times the error of `f32`.
    Bf16x3(Bf16Order),
    /// Three pieces, six passes: the error of `f32`.
    Bf16x6(Bf16Order),
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
    /// What a recipe or a flag may say, for messages.
    pub const CHOICES: &'static str =
        "f32, bf16, bf16x3 or bf16x6, these also with an order as in bf16/pair or bf16/tile";

    /// Every rung in every order.
    pub const ALL: [Precision; 7] = [
        Precision::F32,
        Precision::Bf16(Bf16Order::Pair),
        Precision::Bf16(Bf16Order::Tile),
        Precision::Bf16x3(Bf16Order::Pair),
        Precision::Bf16x3(Bf16Order::Tile),
        Precision::Bf16x6(Bf16Order::Pair),
        Precision::Bf16x6(Bf16Order::Tile),
    ];

    /// The name written in recipes and manifests: `f32`, or a bf16 rung with its order, as in `bf16x3/pair`.
    pub const fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Bf16(Bf16Order::Tile) => "bf16/tile",
            Precision::Bf16(Bf16Order::Pair) => "bf16/pair",
            Precision::Bf16x3(Bf16Order::Tile) => "bf16x3/tile",
            Precision::Bf16x3(Bf16Order::Pair) => "bf16x3/pair",
            Precision::Bf16x6(Bf16Order::Tile) => "bf16x6/tile",
            Precision::Bf16x6(Bf16Order::Pair) => "bf16x6/pair",
        }
    }

    /// The precision of this [`Precision::name`]; a bf16 rung without an order takes this machine's native one.
    pub fn from_name(name: &str) -> Option<Self> {
        let order = Bf16Order::native();
        match name {
            "bf16" => Some(Precision::Bf16(order)),
            "bf16x3" => Some(Precision::Bf16x3(order)),
            "bf16x6" => Some(Precision::Bf16x6(order)),
            _ => Precision::ALL.into_iter().find(|precision| precision.name() == name),
        }
    }

    /// The order of the sums of a bf16 rung.
    pub const fn order(self) -> Option<Bf16Order> {
        match self {
            Precision::F32 => None,
            Precision::Bf16(order) | Precision::Bf16x3(order) | Precision::Bf16x6(order) => Some(order),
        }
    }

    /// Bytes of one element of a packed weight.
    pub const fn packed_bytes(self) -> usize {
        match self {
            Precision::F32 | Precision::Bf16x3(_) => 4,
            Precision::Bf16(_) => 2,
            Precision::Bf16x6(_) => 6,
        }
    }

    /// The passes of a chain in their order: which piece of the left side meets which of the right.
    pub(crate) const fn passes(self) -> &'static [(usize, usize)] {
        match self {
            Precision::F32 | Precision::Bf16(_) => &[(0, 0)],
            Precision::Bf16x3(_) => &[(1, 0), (0, 1), (0, 0)],
            Precision::Bf16x6(_) => &[(2, 0), (1, 1), (0, 2), (1, 0), (0, 1), (0, 0)],
        }
    }
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for precision in Precision::ALL {
            assert_eq!(Precision::from_name(precision.name()), Some(precision));
        }
        assert_eq!(Precision::from_name("bf16x6"), Some(Precision::Bf16x6(Bf16Order::native())));
        assert_eq!((Precision::from_name("f32/pair"), Precision::from_name("fp8")), (None, None));
    }
}
