//! The definition of a mixture of experts and its derivative, in `f64`.

use crate::{matmul, swiglu};

/// One expert's weights: `[2·f, d]` and `[d, f]`.
pub type Weights = (Vec<f64>, Vec<f64>);

/// The definition of [`fused_moe`](super::fused_moe), `f` wide inside, `k` choices a token.
pub fn reference(x: &[f64], experts: &[Weights], weights: &[f64], chosen: &[u32], [d, f, k]: [usize; 3]) -> Vec<f64> {
    let mut out = vec![0.0; x.len()];
    for (slot, (&expert, weight)) in chosen.iter().zip(weights).enumerate() {
        let (row, at) = (slot / k * d, &experts[expert as usize]);
        let (_, inner) = inside(&x[row..row + d], at, [d, f]);
        let term = matmul::reference(&inner, &at.1, None, [1, d, f]);
        out[row..row + d].iter_mut().zip(term).for_each(|(sum, term)| *sum += weight * term);
    }
    out
}

/// Before and after the gate, for one token.
fn inside(x: &[f64], (gate_up, _): &Weights, [d, f]: [usize; 2]) -> (Vec<f64>, Vec<f64>) {
    let wide = matmul::reference(x, gate_up, None, [1, 2 * f, d]);
    let inner = (0..f).map(|i| swiglu::reference(wide[i], wide[f + i])).collect();
    (wide, inner)
}

/// Its derivative by hand: by `x`, by `weights` and by every expert.
pub fn reference_backward(
    x: &[f64],
    experts: &[Weights],
    weights: &[f64],
    chosen: &[u32],
    dy: &[f64],
    [d, f, k]: [usize; 3],
) -> (Vec<f64>, Vec<f64>, Vec<Weights>) {
    let (mut dx, mut dweights) = (vec![0.0; x.len()], Vec::new());
    let mut dexperts: Vec<Weights> = experts.iter().map(|(a, b)| (vec![0.0; a.len()], vec![0.0; b.len()])).collect();
    let add = |to: &mut [f64], terms: Vec<f64>| to.iter_mut().zip(terms).for_each(|(to, term)| *to += term);
    for (slot, (&expert, weight)) in chosen.iter().zip(weights).enumerate() {
        let (row, at, to) = (slot / k * d, &experts[expert as usize], &mut dexperts[expert as usize]);
        let (x, dy) = (&x[row..row + d], &dy[row..row + d]);
        let (wide, inner) = inside(x, at, [d, f]);
        let term = matmul::reference(&inner, &at.1, None, [1, d, f]);
        dweights.push(term.iter().zip(dy).map(|(term, dy)| term * dy).sum());
        let dterm: Vec<f64> = dy.iter().map(|dy| weight * dy).collect();
        let (dinner, ddown, _) = matmul::reference_backward(&inner, &at.1, &dterm, [1, d, f]);
        let slopes: Vec<_> = (0..f).map(|i| swiglu::reference_backward(wide[i], wide[f + i])).collect();
        let gate = slopes.iter().zip(&dinner).map(|((gate, _), dy)| gate * dy);
        let up = slopes.iter().zip(&dinner).map(|((_, up), dy)| up * dy);
        let dwide: Vec<f64> = gate.chain(up).collect();
        let (dtoken, dgate_up, _) = matmul::reference_backward(x, &at.0, &dwide, [1, 2 * f, d]);
        add(&mut dx[row..row + d], dtoken);
        add(&mut to.0, dgate_up);
        add(&mut to.1, ddown);
    }
    (dx, dweights, dexperts)
}
