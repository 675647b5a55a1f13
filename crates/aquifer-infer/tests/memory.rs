//! Once answers are under way, a token takes nothing from the system. One test alone in its process: the counts are the
//! process's.

#![allow(clippy::unwrap_used)]

use aquifer_infer::{CHUNK, Engine, Limits, Request, Sampling};
use aquifer_model::{Decoder, DecoderConfig};
use aquifer_ops::{Precision, QuantFormat};
use aquifer_tensor::{memory, threads};
use aquifer_testkit::allocation::Noting;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: Noting = Noting;

/// With one thread: where several share the sampling, how many buffers are alive at once is decided by the clock.
#[test]
fn a_token_takes_nothing_from_the_system() {
    for format in [None, Some(QuantFormat::INT8), Some(QuantFormat::INT4)] {
        let config = DecoderConfig::small(128, 2, 4, 2, 5000);
        let mut model = Decoder::init(config, 3, Precision::from_name("bf16").unwrap()).unwrap();
        if let Some(format) = format {
            model.quantize(format).unwrap();
        }
        threads::with(1, || {
            let mut engine = Engine::new(Arc::new(model), Limits::default());
            let sampling = Sampling { top_k: 50, top_p: 0.9, repetition_penalty: 1.1, ..Sampling::default() };
            for prompt in [vec![1, 2, 3], vec![7; 40]] {
                let request = Request { sampling: sampling.clone(), logprobs: Some(3), ..Request::greedy(prompt, 200) };
                engine.admit(request).unwrap();
            }
            let mut steps = |n: usize| (0..n).for_each(|_| assert!(!engine.step().is_empty()));
            steps(20);
            let taken = memory::taken_blocks();
            Noting::take_largest();
            // All within the first chunk of each cache: the next one is new memory, once.
            steps(CHUNK - 40 - 20 - 20);
            let largest = Noting::take_largest();
            println!("{format:?}: at most {largest} bytes at once from the system");
            assert_eq!(memory::taken_blocks(), taken, "{format:?}: tokens go on taking buffers");
            assert!(largest <= 4096, "{format:?}: {largest} bytes at once from the system");
        });
    }
}
