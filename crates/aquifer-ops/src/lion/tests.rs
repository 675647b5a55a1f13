use super::*;
use crate::testing::everywhere;
use aquifer_testkit::{Fixture, Tolerance, assert_close, noise, wide};

const CFG: Lion = Lion { lr: 3e-3, beta1: 0.9, beta2: 0.99, weight_decay: 0.1, grad_scale: 0.5 };

#[test]
fn kernels_answer_to_the_definition_everywhere() {
    for n in [0, 1, 63, 40_001] {
        let (start, grads) = (noise("p", n), [noise("g1", n), noise("g2", n), noise("g3", n)]);
        let got = everywhere(|| {
            let (mut p, mut m) = (start.clone(), vec![0.0; n]);
            grads.iter().for_each(|grad| lion(&CFG, &mut p, grad, &mut m).unwrap());
            [p, m].concat()
        });
        let (mut p, mut m) = (wide(&start), vec![0.0; n]);
        for grad in &grads {
            for j in 0..n {
                (p[j], m[j]) = reference(&CFG, p[j], f64::from(grad[j]), m[j]);
            }
        }
        assert_close(&got, &[p, m].concat(), Tolerance { absolute: 2e-7, relative: 1e-6 });
    }
}

#[test]
fn nothing_pulls_where_there_is_no_gradient_and_nan_shows() {
    let (mut p, mut m) = ([1.0, 1.0, 1.0], [0.0, 0.0, 0.0]);
    lion(&Lion { weight_decay: 0.0, ..CFG }, &mut p, &[0.0, -2.0, f32::NAN], &mut m).unwrap();
    assert_eq!(p[..2], [1.0, 1.003]);
    assert!(p[2].is_nan() && m[2].is_nan());
    assert!(lion(&CFG, &mut p, &[0.0], &mut m).is_err());
}

#[test]
fn three_updates_are_those_of_the_papers_formula() {
    let golden = Fixture::golden(env!("CARGO_MANIFEST_DIR"), "optimisers.json");
    let (mut p, grads, cfg) = (golden.f32s("start"), golden.f32s("grads"), Lion { grad_scale: 1.0, ..CFG });
    let mut m = vec![0.0; p.len()];
    grads.chunks(p.len()).for_each(|grad| lion(&cfg, &mut p, grad, &mut m).unwrap());
    assert_close(&p, &golden.numbers("lion"), 1e-6);
}
