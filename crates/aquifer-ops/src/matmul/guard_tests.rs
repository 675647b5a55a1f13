//! Operands and outputs that end where a page begins that may be neither read nor written: a kernel or a packer
//! that steps one byte over faults.

use super::*;
use aquifer_tensor::{Bf16, Element, Tensor, threads};

/// `len` elements, the last of which is the last before a forbidden page.
struct Guarded<T> {
    map: *mut u8,
    bytes: usize,
    len: usize,
    kind: std::marker::PhantomData<T>,
}

impl<T: Element> Guarded<T> {
    fn new(len: usize, element: impl Fn(usize) -> T) -> Self {
        let page = 4096;
        let bytes = (len * size_of::<T>()).next_multiple_of(page).max(page) + page;
        // SAFETY: a fresh private mapping, whose last page is then closed.
        let map = unsafe {
            let (rights, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            let map = libc::mmap(std::ptr::null_mut(), bytes, rights, kind, -1, 0);
            assert_ne!(map, libc::MAP_FAILED);
            assert_eq!(libc::mprotect(map.byte_add(bytes - page), page, libc::PROT_NONE), 0);
            map.cast::<u8>()
        };
        let mut guarded = Guarded { map, bytes: bytes - page, len, kind: std::marker::PhantomData };
        guarded.slice().iter_mut().enumerate().for_each(|(i, x)| *x = element(i));
        guarded
    }

    fn slice(&mut self) -> &mut [T] {
        // SAFETY: inside the mapping, aligned because both its end and the length are multiples of the element.
        unsafe { std::slice::from_raw_parts_mut(self.map.add(self.bytes).cast::<T>().sub(self.len), self.len) }
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        // SAFETY: the whole mapping, the closed page included, with nobody left who borrows it.
        unsafe { libc::munmap(self.map.cast(), self.bytes + 4096) };
    }
}

fn number(i: usize) -> f32 {
    ((i as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0
}

/// Every product of `x [m, k]`, `w [n, k]` (and of `w` from its transpose) and the gradient of `w`, in guarded
/// memory; the same in tensors must give the same bits.
fn check<T: Element>(of: impl Fn(f32) -> T + Copy, [m, n, k]: [usize; 3], precision: Precision) {
    let mut x = Guarded::new(m * k, |i| of(number(i)));
    let mut w = Guarded::new(n * k, |i| of(number(i + 7)));
    let mut dy = Guarded::new(m * n, |i| of(number(i + 13)));
    let mut bias = Guarded::new(n, number);
    let (mut out, mut dw) = (Guarded::new(m * n, |_| f32::NAN), Guarded::new(n * k, |_| f32::NAN));
    let mut half = Guarded::new(m * n, |_| Bf16::NAN);
    let tensor = |guarded: &mut Guarded<T>, shape: [usize; 2]| Tensor::from_slice(guarded.slice(), shape);
    let (x_safe, w_safe, dy_safe) = (tensor(&mut x, [m, k]), tensor(&mut w, [n, k]), tensor(&mut dy, [m, n]));
    let chains = TokenChains::single(m, m.max(1));

    let packed = PackedWeight::new(&View::of(w.slice(), [n, k]), 64, precision).unwrap();
    linear(&View::of(x.slice(), [m, k]), &packed, Some(bias.slice()), &mut ViewMut::of(out.slice(), [m, n])).unwrap();
    let mut want = Tensor::poisoned::<f32>([m, n]);
    let packed_safe = PackedWeight::new(&w_safe.view(), 64, precision).unwrap();
    linear(&x_safe.view(), &packed_safe, Some(bias.slice()), &mut want.view_mut()).unwrap();
    assert_eq!(out.slice(), want.as_f32(), "{m} × {n} × {k}, {precision}");
    linear(&View::of(x.slice(), [m, k]), &packed, None, &mut ViewMut::of(half.slice(), [m, n])).unwrap();

    // `w` read as the transpose of a [k, n] matrix: the other way of packing.
    PackedWeight::new(&View::of(w.slice(), [k, n]).transpose(0, 1), 64, precision).unwrap();

    let begin = Begin::Fresh;
    let (dy, x) = (View::of(dy.slice(), [m, n]), View::of(x.slice(), [m, k]));
    linear_weight_grad(&dy, &x, &chains, begin, precision, &mut ViewMut::of(dw.slice(), [n, k])).unwrap();
    let mut want = Tensor::poisoned::<f32>([n, k]);
    linear_weight_grad(&dy_safe.view(), &x_safe.view(), &chains, begin, precision, &mut want.view_mut()).unwrap();
    assert_eq!(dw.slice(), want.as_f32(), "gradient {m} × {n} × {k}, {precision}");
}

#[test]
fn nothing_is_touched_beyond_the_operands() {
    everywhere(&[[13, 40, 65], [32, 32, 64], [100, 17, 129], [3, 130, 300]]);
}

#[test]
fn nothing_is_touched_beyond_small_operands() {
    everywhere(&[[1, 1, 1], [5, 33, 31]]);
}

fn everywhere(shapes: &[[usize; 3]]) {
    for &isa in isa::available() {
        isa::with(isa, || {
            threads::with(2, || {
                for &shape in shapes {
                    for precision in Precision::ALL {
                        check(|x| x, shape, precision);
                        check(Bf16::from_f32, shape, precision);
                    }
                }
            });
        });
    }
}
