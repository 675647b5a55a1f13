use super::*;
use crate::Bf16Order;
use crate::testing::{everywhere, tensor};
use aquifer_testkit::{Fixture, Tolerance, assert_close, wide};

const CFG: Muon = Muon { lr: 0.1, momentum: 0.95, weight_decay: 0.1, grad_scale: 0.5, precision: Precision::F32 };

fn three_updates(cfg: &Muon, [n, k]: [usize; 2]) -> Vec<f32> {
    let (mut p, mut m) = (tensor("p", [n, k], 1.0), Tensor::zeros::<f32>([n, k]));
    for site in ["g1", "g2", "g3"] {
        muon(cfg, &mut p.view_mut(), &tensor(site, [n, k], 1.0).view(), &mut m.view_mut()).unwrap();
    }
    [p.as_f32(), m.as_f32()].concat()
}

#[test]
fn updates_answer_to_the_definition_everywhere() {
    for shape @ [n, k] in [[1, 1], [5, 7], [33, 20], [20, 65]] {
        let (mut p, mut m) = (wide(tensor("p", shape, 1.0).as_f32()), vec![0.0; n * k]);
        for site in ["g1", "g2", "g3"] {
            (p, m) = reference(&CFG, &p, &wide(tensor(site, shape, 1.0).as_f32()), &m, shape);
        }
        let want = [p, m].concat();
        assert_close(&everywhere(|| three_updates(&CFG, shape)), &want, Tolerance::absolute(2e-5));
        let rounded = Muon { precision: Precision::Bf16(Bf16Order::Pair), ..CFG };
        // Rounded operands move a step by a few hundredths of its length.
        let step = f64::from(CFG.lr) * 0.2 * (n.max(k) as f64).sqrt();
        assert_close(&everywhere(|| three_updates(&rounded, shape)), &want, Tolerance::absolute(0.1 * step));
    }
}

/// Every singular value of the step is near one: X·Xᵀ is near the identity.
#[test]
fn the_step_is_nearly_orthogonal() {
    let (x, r) = (tensor("x", [24, 60], 0.02), 24);
    let y = orthogonalised(&x.view(), Precision::F32).unwrap();
    let y = wide(y.as_f32());
    for i in 0..r {
        for j in 0..r {
            let dot: f64 = (0..60).map(|p| y[i * 60 + p] * y[j * 60 + p]).sum();
            let want = if i == j { 0.4..1.5 } else { -0.45..0.45 };
            assert!(want.contains(&dot), "{i} {j}: {dot}");
        }
    }
}

#[test]
fn a_zero_gradient_only_decays_and_misfits_are_refused() {
    let (mut p, mut m) = (Tensor::filled([3, 4], 1.0_f32), Tensor::zeros::<f32>([3, 4]));
    muon(&CFG, &mut p.view_mut(), &Tensor::zeros::<f32>([3, 4]).view(), &mut m.view_mut()).unwrap();
    assert_eq!(p.as_f32(), [0.99; 12]);
    let other = Tensor::zeros::<f32>([4, 3]);
    assert!(muon(&CFG, &mut p.view_mut(), &other.view(), &mut m.view_mut()).is_err());
    let mut vector = Tensor::zeros::<f32>([3]);
    assert!(muon(&CFG, &mut vector.view_mut(), &other.view(), &mut m.view_mut()).is_err());
}

/// PyTorch's iteration rounds to bf16, so it is met as nearly as bf16 allows, and its formula without that closely.
#[test]
fn three_updates_are_those_of_pytorch() {
    let golden = Fixture::golden(env!("CARGO_MANIFEST_DIR"), "optimisers.json");
    let start = golden.f32s("start");
    let shape = [12, 20];
    let run = |precision| {
        let cfg = Muon { grad_scale: 1.0, precision, ..CFG };
        let (mut p, mut m) = (Tensor::from_f32(&start, shape), Tensor::zeros::<f32>(shape));
        for grad in golden.f32s("grads").chunks(start.len()) {
            muon(&cfg, &mut p.view_mut(), &View::of(grad, shape), &mut m.view_mut()).unwrap();
        }
        p.as_f32().to_vec()
    };
    assert_close(&run(Precision::F32), &golden.numbers("muon_f64"), 1e-5);
    assert_close(&run(Precision::F32), &golden.numbers("muon"), Tolerance::absolute(2e-3));
    assert_close(&run(Precision::Bf16(Bf16Order::Pair)), &golden.numbers("muon"), Tolerance::absolute(4e-3));
}
