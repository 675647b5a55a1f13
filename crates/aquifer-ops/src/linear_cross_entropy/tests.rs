use super::*;
use crate::cross_entropy::IGNORE;
use crate::testing::{everywhere, tensor, token_sum_laws};
use crate::{Bf16Order, Precision, cross_entropy, linear, linear_weight_grad};
use aquifer_tensor::Tensor;
use aquifer_testkit::{Tolerance, assert_close, assert_same_bits, check_gradient, noise, wide};

fn some_targets(n: usize, vocab: usize) -> Vec<u32> {
    let id = |(i, x): (usize, &f32)| if i % 7 == 3 { IGNORE } else { (x.abs() * vocab as f32) as u32 % vocab as u32 };
    noise("targets", n).iter().enumerate().map(id).collect()
}

/// The weight with padding rows of zero, packed both ways.
fn packed(w: &Tensor, precision: Precision) -> (PackedWeight, PackedWeight) {
    let w_t = w.view().transpose(0, 1);
    (PackedWeight::new(&w.view(), 256, precision).unwrap(), PackedWeight::new(&w_t, 256, precision).unwrap())
}

fn weight(vocab: usize, padded: usize, d: usize) -> Tensor {
    let mut w = tensor("w", [padded, d], 0.3);
    w.as_f32_mut()[vocab * d..].fill(0.0);
    w
}

#[test]
fn the_derivative_is_the_definition_s() {
    let (x, w, d, targets) = (wide(&noise("x", 12)), wide(&noise("w", 15)), 3, [4, IGNORE, 0, 2]);
    let (dx, dw) = reference_backward(&x, &w, d, &targets, 0.5);
    check_gradient("dx", &x, &dx, |x| 0.5 * reference(x, &w, d, &targets).iter().sum::<f64>());
    check_gradient("dw", &w, &dw, |w| 0.5 * reference(&x, w, d, &targets).iter().sum::<f64>());
}

#[test]
fn kernels_answer_to_the_definition_everywhere() {
    for (t, vocab, padded, d, grain) in [(1, 5, 256, 7, 1), (70, 67, 256, 33, 35), (33, 300, 512, 64, 33)] {
        let (x, w, targets) = (tensor("x", [t, d], 1.0), weight(vocab, padded, d), some_targets(t, vocab));
        let (p, p_t) = packed(&w, Precision::F32);
        let all = everywhere(|| {
            let (mut dx, mut dw) = (Tensor::poisoned::<f32>([t, d]), Tensor::poisoned::<f32>([padded, d]));
            let (mut only, mut losses) = (vec![f32::NAN; t], vec![f32::NAN; t]);
            linear_cross_entropy(&x.view(), &p, vocab, &targets, &mut only).unwrap();
            let chains = TokenChains::single(t, grain);
            let (x, dx_view, dw_view) = (&x.view(), &mut dx.view_mut(), &mut dw.view_mut());
            linear_cross_entropy_grad(
                x,
                &p,
                &p_t,
                vocab,
                &targets,
                0.1,
                &chains,
                Begin::Fresh,
                Precision::F32,
                &mut losses,
                dx_view,
                dw_view,
            )
            .unwrap();
            assert_eq!(only, losses);
            [&losses, dx.as_f32(), dw.as_f32()].concat()
        });
        let (x, w) = (wide(x.as_f32()), wide(&w.as_f32()[..vocab * d]));
        let losses = reference(&x, &w, d, &targets);
        let (dx, mut dw) = reference_backward(&x, &w, d, &targets, 0.1);
        dw.resize(padded * d, 0.0);
        assert_close(&all, &[losses, dx, dw].concat(), Tolerance { absolute: 2e-6, relative: 2e-6 });
    }
}

/// Rows enough for several blocks, grains both shorter and longer than one, none a multiple of 32.
#[test]
fn blocks_of_rows_change_no_bit() {
    let (t, vocab, padded, d) = (1300, 40, 256, 16);
    let (x, w, targets) = (tensor("x", [t, d], 1.0), weight(vocab, padded, d), some_targets(t, vocab));
    for precision in [Precision::F32, Precision::Bf16(Bf16Order::Tile), Precision::Bf16(Bf16Order::Pair)] {
        let (p, p_t) = packed(&w, precision);
        let mut logits = Tensor::poisoned::<f32>([t, padded]);
        linear(&x.view(), &p, None, &mut logits.view_mut()).unwrap();
        let mut want_losses = vec![f32::NAN; t];
        cross_entropy(&logits.view(), vocab, &targets, &mut want_losses).unwrap();
        let mut view = logits.view_mut();
        let rows = RowsMut::like("test", "logits", &mut view, "itself", &[t, padded]).unwrap();
        crate::cross_entropy::cpu::losses_and_gradients(&rows, t, vocab, &targets, 0.1, &mut want_losses);
        for grain in [13, 100, 650, 1300] {
            let chains = TokenChains::single(t, grain);
            let mut want = Tensor::poisoned::<f32>([padded, d]);
            let dw_view = &mut want.view_mut();
            linear_weight_grad(&logits.view(), &x.view(), &chains, Begin::Fresh, precision, dw_view).unwrap();
            let (mut dx, mut dw) = (Tensor::poisoned::<f32>([t, d]), Tensor::poisoned::<f32>([padded, d]));
            let (mut losses, x) = (vec![f32::NAN; t], &x.view());
            let (dx_view, dw_view) = (&mut dx.view_mut(), &mut dw.view_mut());
            linear_cross_entropy_grad(
                x,
                &p,
                &p_t,
                vocab,
                &targets,
                0.1,
                &chains,
                Begin::Fresh,
                precision,
                &mut losses,
                dx_view,
                dw_view,
            )
            .unwrap();
            assert_same_bits(&losses, &want_losses);
            assert_same_bits(dw.as_f32(), want.as_f32());
            let mut want_dx = Tensor::poisoned::<f32>([t, d]);
            linear(&logits.view(), &p_t, None, &mut want_dx.view_mut()).unwrap();
            assert_same_bits(dx.as_f32(), want_dx.as_f32());
        }
    }
}

#[test]
fn the_weight_is_summed_over_tokens_by_the_rule() {
    let (t, vocab, padded, d, grain) = (245, 11, 256, 8, 35);
    let (x, w, targets) = (tensor("x", [t, d], 1.0), weight(vocab, padded, d), some_targets(t, vocab));
    let (p, p_t) = packed(&w, Precision::F32);
    token_sum_laws(t, grain, padded * d, |part, chains, begin, out| {
        let x = &x.view().narrow(0, part.start, part.len());
        let (mut losses, mut dx) = (vec![f32::NAN; part.len()], Tensor::poisoned::<f32>([part.len(), d]));
        let (targets, dx_view, dw) = (&targets[part], &mut dx.view_mut(), &mut ViewMut::of(out, [padded, d]));
        linear_cross_entropy_grad(
            x,
            &p,
            &p_t,
            vocab,
            targets,
            0.1,
            chains,
            begin,
            Precision::F32,
            &mut losses,
            dx_view,
            dw,
        )
        .unwrap();
    });
}

#[test]
fn a_large_vocabulary_takes_fewer_rows_at_once() {
    assert_eq!([256, 8192, 32_768, 151_936, 1 << 24].map(cpu::block_rows), [512, 512, 512, 96, 32]);
    assert_eq!(held_bytes(100, 8192), 100 * 8192 * 4);
}
