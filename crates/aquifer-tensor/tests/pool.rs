//! Buffers between two owners. One test alone in its process: the counts are the process's.

use aquifer_tensor::{Tensor, memory};

#[test]
fn buffers_come_back_and_the_limit_bounds_what_is_kept() {
    let odd = || Tensor::recycled::<u8>([77_777]);
    let held = memory::held_bytes(77_777);
    let first = odd();
    let at = first.as_bytes().as_ptr();
    drop(first);
    assert_eq!((memory::taken_blocks(), memory::live_bytes(), memory::idle_bytes()), (1, 0, held));
    let again = odd();
    assert_eq!(again.as_bytes().as_ptr(), at);
    if cfg!(debug_assertions) {
        assert!(again.as_bytes().iter().all(|&byte| byte == u8::MAX), "old contents show");
    }
    let second = odd();
    assert_eq!((memory::taken_blocks(), memory::peak_bytes(), memory::reserved_bytes()), (2, 2 * held, 2 * held));
    drop((again, second));

    // Another size finds no idle block of its own, and the limit leaves room for one of the two.
    memory::set_limit(3 * held);
    let wide = Tensor::zeros::<f32>([77_777 / 2]);
    assert_eq!(memory::reserved_bytes(), memory::held_bytes(4 * (77_777 / 2)) + held);
    assert_eq!(memory::taken_blocks(), 3);
    // What is asked for is given, beyond the limit too.
    memory::set_limit(0);
    assert_eq!((memory::idle_bytes(), memory::live_bytes()), (0, memory::held_bytes(4 * (77_777 / 2))));
    drop((odd(), wide));
    memory::trim();
    memory::reset_peak();
    assert_eq!((memory::reserved_bytes(), memory::peak_bytes()), (0, 0));
}
