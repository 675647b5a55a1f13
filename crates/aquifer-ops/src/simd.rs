//! One body, every instruction set: [`simd!`] compiles a kernel for AVX-512, for AVX2 and for nothing in
//! particular, and picks by [`aquifer_tensor::isa`].
//!
//! The bodies are plain loops over slices, vectorised by the compiler. Multiplications and additions stay
//! separate (nothing here contracts them) and every reduction spells out its lanes, so all three agree to the bit.

/// Defines functions whose first parameter, an [`aquifer_tensor::Isa`], chooses the compiled copy of the body.
///
/// Types of its own stand in square brackets: `fn sum_on[T: Copy](isa: Isa, x: &[T]) -> T`.
///
/// Whatever the body calls must be `#[inline(always)]`, or it is compiled for no instruction set in particular.
macro_rules! simd {
    ($($(#[$doc:meta])* $vis:vis fn $name:ident $(<const $n:ident: $nt:ty>)? $([$($types:tt)*])? ($isa:ident: Isa $(, $arg:ident: $ty:ty)* $(,)?) $(-> $ret:ty)? $body:block)*) => {$(
        $(#[$doc])*
        $vis fn $name $(<const $n: $nt>)? $(<$($types)*>)? ($isa: aquifer_tensor::Isa $(, $arg: $ty)*) $(-> $ret)? {
            #[inline(always)]
            fn body $(<const $n: $nt>)? $(<$($types)*>)? ($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
            fn avx512 $(<const $n: $nt>)? $(<$($types)*>)? ($($arg: $ty),*) $(-> $ret)? {
                body$(::<$n>)?($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2 $(<const $n: $nt>)? $(<$($types)*>)? ($($arg: $ty),*) $(-> $ret)? {
                body$(::<$n>)?($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            {
                if $isa >= aquifer_tensor::Isa::Avx512 {
                    // SAFETY: an `Isa` in hand was found on this machine, and each contains those before it.
                    return unsafe { avx512$(::<$n>)?($($arg),*) };
                }
                if $isa >= aquifer_tensor::Isa::Avx2 {
                    // SAFETY: as above.
                    return unsafe { avx2$(::<$n>)?($($arg),*) };
                }
            }
            let _ = $isa;
            body$(::<$n>)?($($arg),*)
        }
    )*};
}
pub(crate) use simd;
