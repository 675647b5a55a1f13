use super::*;
use crate::testing::everywhere;
use aquifer_testkit::{Tolerance, assert_close, noise, wide};

const CFG: AdamW = AdamW { lr: 3e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, step: 1, grad_scale: 0.5 };

#[test]
fn kernels_answer_to_the_definition_everywhere() {
    for n in [0, 1, 63, 40_001] {
        let (start, grads) = (noise("p", n), [noise("g1", n), noise("g2", n), noise("g3", n)]);
        let got = everywhere(|| {
            let (mut p, mut m, mut v) = (start.clone(), vec![0.0; n], vec![0.0; n]);
            for (i, grad) in grads.iter().enumerate() {
                adamw(&AdamW { step: i as u64 + 1, ..CFG }, &mut p, grad, &mut m, &mut v).unwrap();
            }
            [p, m, v].concat()
        });
        let (mut p, mut m, mut v) = (wide(&start), vec![0.0; n], vec![0.0; n]);
        for (i, grad) in grads.iter().enumerate() {
            for j in 0..n {
                let cfg = AdamW { step: i as u64 + 1, ..CFG };
                (p[j], m[j], v[j]) = reference(&cfg, p[j], f64::from(grad[j]), m[j], v[j]);
            }
        }
        assert_close(&got, &[p, m, v].concat(), Tolerance { absolute: 2e-7, relative: 1e-6 });
    }
}

/// The first update moves every weight by about `lr`, whatever the gradient's size.
#[test]
fn the_first_update_is_lr_long() {
    let cfg = AdamW { weight_decay: 0.0, grad_scale: 1.0, ..CFG };
    for grad in [1e-4_f32, 1.0, -1e4] {
        let (mut p, mut m, mut v) = ([0.0], [0.0], [0.0]);
        adamw(&cfg, &mut p, &[grad], &mut m, &mut v).unwrap();
        assert!((p[0].abs() - cfg.lr).abs() < 1e-6 && p[0].signum() == -grad.signum(), "{grad}: {p:?}");
    }
}

#[test]
fn the_step_counts_from_one() {
    let refused = adamw(&AdamW { step: 0, ..CFG }, &mut [0.0], &[0.0], &mut [0.0], &mut [0.0]).unwrap_err();
    assert_eq!(refused.to_string(), "adamw: `step` should be 1 at the first update, but is 0");
    assert!(adamw(&CFG, &mut [0.0], &[0.0, 1.0], &mut [0.0], &mut [0.0]).is_err());
}
