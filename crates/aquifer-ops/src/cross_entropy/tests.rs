use super::*;
use crate::rows::RowsMut;
use crate::testing::{everywhere, tensor};
use aquifer_testkit::{Tolerance, assert_close, check_gradient, noise, wide};

fn some_targets(n: usize, vocab: usize) -> Vec<u32> {
    let id = |(i, x): (usize, &f32)| if i % 5 == 3 { IGNORE } else { (x.abs() * vocab as f32) as u32 % vocab as u32 };
    noise("targets", n).iter().enumerate().map(id).collect()
}

#[test]
fn the_derivative_is_the_definition_s() {
    let x = wide(&noise("x", 9));
    check_gradient("logits", &x, &reference_backward(&x, 4), |x| reference(x, 4));
    check_gradient("ignored", &x, &reference_backward(&x, IGNORE), |x| reference(x, IGNORE));
}

#[test]
fn kernels_answer_to_the_definition_everywhere() {
    for (t, vocab, padded) in [(1, 1, 1), (3, 7, 7), (9, 63, 256), (33, 257, 512), (3, 8192, 8192)] {
        let (mut logits, targets) = (tensor("logits", [t, padded], 15.0), some_targets(t, vocab));
        // Padding must never be read as a logit.
        logits.as_f32_mut().chunks_mut(padded).for_each(|row| row[vocab..].fill(f32::NAN));
        let both = everywhere(|| {
            let (mut only, mut losses, mut gradient) = (vec![f32::NAN; t], vec![f32::NAN; t], logits.clone());
            cross_entropy(&logits.view(), vocab, &targets, &mut only).unwrap();
            let mut view = gradient.view_mut();
            let rows = RowsMut::like("test", "logits", &mut view, "itself", &[t, padded]).unwrap();
            cpu::losses_and_gradients(&rows, t, vocab, &targets, 0.25, &mut losses);
            assert_eq!(only, losses);
            [&losses, gradient.as_f32()].concat()
        });
        let rows: Vec<Vec<f64>> = logits.as_f32().chunks(padded).map(|row| wide(&row[..vocab])).collect();
        let losses: Vec<f64> = rows.iter().zip(&targets).map(|(row, &target)| reference(row, target)).collect();
        assert_close(&both[..t], &losses, Tolerance { absolute: 2e-6, relative: 2e-6 });
        let gradient = rows.iter().zip(&targets).flat_map(|(row, &target)| {
            let mut row: Vec<f64> = reference_backward(row, target).iter().map(|g| 0.25 * g).collect();
            row.resize(padded, 0.0);
            row
        });
        assert_close(&both[t..], &gradient.collect::<Vec<_>>(), Tolerance::absolute(5e-7));
    }
}

#[test]
fn a_flat_guess_costs_the_logarithm_of_the_vocabulary() {
    let logits = [3.0_f32; 50];
    let mut losses = [f32::NAN];
    cross_entropy(&View::of(&logits, [1, 50]), 50, &[7], &mut losses).unwrap();
    assert_close(&losses, &[50_f64.ln()], 1e-6);
}

#[test]
fn targets_beyond_the_vocabulary_are_refused() {
    let logits = tensor("logits", [2, 8], 1.0);
    let mut losses = [0.0; 2];
    let refused = cross_entropy(&logits.view(), 5, &[0, 5], &mut losses).unwrap_err();
    let want = "cross_entropy: `targets` should be below the vocabulary's 5 tokens, or IGNORE, but is 5 at row 1";
    assert_eq!(refused.to_string(), want);
    assert!(cross_entropy(&logits.view(), 9, &[0, 0], &mut losses).is_err());
}
