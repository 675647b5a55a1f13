//! The element types a tensor may hold.

/// Sixteen bits with the exponent of an `f32`; conversions round to nearest even.
pub type Bf16 = half::bf16;

/// What one element of a tensor is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum DType {
    /// IEEE 754 single precision.
    F32,
    /// The upper half of an `f32`.
    Bf16,
    /// Token ids and class indices.
    U32,
    /// Signed counts and offsets.
    I32,
    /// Raw bytes and masks.
    U8,
}

impl DType {
    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            DType::F32 | DType::U32 | DType::I32 => 4,
            DType::Bf16 => 2,
            DType::U8 => 1,
        }
    }

    /// The name used in messages and records.
    pub const fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::Bf16 => "bf16",
            DType::U32 => "u32",
            DType::I32 => "i32",
            DType::U8 => "u8",
        }
    }
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A Rust type that is the element of some [`DType`].
///
/// Sealed: any bit pattern of an element type is a valid value, which is what makes recycled buffers sound.
pub trait Element: Copy + Send + Sync + 'static + sealed::Sealed {
    /// The tag of this type.
    const DTYPE: DType;
    /// What an output that nothing has written yet holds: NaN where the type has one, else a conspicuous value.
    const POISON: Self;
    /// Zero.
    const ZERO: Self;
}

macro_rules! element {
    ($($t:ty, $tag:ident, $zero:expr, $poison:expr;)*) => {$(
        impl sealed::Sealed for $t {}
        impl Element for $t {
            const DTYPE: DType = DType::$tag;
            const POISON: Self = $poison;
            const ZERO: Self = $zero;
        }
    )*};
}
element! {
    f32, F32, 0.0, f32::NAN;
    Bf16, Bf16, Bf16::ZERO, Bf16::NAN;
    u32, U32, 0, 0xDEAD_BEEF;
    i32, I32, 0, i32::MIN;
    u8, U8, 0, 0xA5;
}
