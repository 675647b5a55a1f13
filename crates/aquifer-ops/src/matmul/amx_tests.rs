//! The AMX kernel against the scalar model, its instructions carried out by hand where there is no AMX.

use super::pack::whole_blocks;
use super::*;
use crate::Bf16Order;
use crate::tiles_by_hand;
use aquifer_tensor::random::Stream;
use aquifer_tensor::{Isa, Tensor};

fn noise(site: &str, shape: [usize; 2]) -> Tensor {
    let stream = Stream::new(5, "amx", site);
    let data: Vec<f32> = (0..(shape[0] * shape[1]) as u64).map(|i| stream.uniform(0, i) - 0.5).collect();
    Tensor::from_f32(&data, shape)
}

#[test]
fn the_tile_kernel_equals_the_scalar_model() {
    if !tiles_by_hand::ready() {
        return;
    }
    let tile = Bf16Order::Tile;
    for precision in [Precision::Bf16(tile), Precision::Bf16x3(tile), Precision::Bf16x6(tile)] {
        products_equal_the_model(precision);
    }
}

fn part<'a>(right: &'a Panels, columns: usize, out: &mut ViewMut) -> Part<'a> {
    Part { right, columns, ending: Ending::default(), out: Output::new(out) }
}

fn products_equal_the_model(precision: Precision) {
    let same = |got: &Tensor, want: &[f32], what: &str| {
        let wrong = got.as_f32().iter().zip(want).filter(|(g, w)| g.to_bits() != w.to_bits()).count();
        assert_eq!(wrong, 0, "{what}: {wrong} of {} differ", want.len());
    };
    for shape @ [m, n, k] in [[64, 64, 64], [33, 65, 257], [1, 40, 512], [16, 32, 1024], [50, 31, 700]] {
        let (x, w) = (noise("x", [m, k]), noise("w", [n, k]));
        let packed = PackedWeight::new(&w.view(), 256, precision).unwrap();
        let mut out = Tensor::poisoned::<f32>([m, n]);
        let mut view = out.view_mut();
        Product {
            left: &Source::new(&x.view(), 1, whole_blocks(k)),
            parts: &[part(packed.panels(), n, &mut view)],
            chains: &packed.chains(),
            precision,
            isa: Isa::Amx,
            go_on: false,
        }
        .run();
        let want = model::linear(x.as_f32(), w.as_f32(), None, shape, 256, precision);
        same(&out, &want, &format!("linear {shape:?}"));
    }
    for (grain, lanes, n, k) in [(40, vec![0..80], 70, 33), (33, vec![0..33, 33..99, 99..132], 20, 64)] {
        let chains = TokenChains { grain, lanes };
        let t = chains.rows().end;
        let (dy, x) = (noise("dy", [t, n]), noise("xt", [t, k]));
        let (blocks, lanes) = token_blocks(&chains);
        let mut right = Panels::new(k, blocks.len(), precision);
        right.fill(&Source::new(&x.view(), 0, blocks.clone()), precision, Isa::Amx);
        let go_on = lanes.len() == 1;
        let begin = if go_on { Begin::Continue } else { Begin::Fresh };
        let mut dw = noise("dw", [n, k]);
        let mut want = dw.as_f32().to_vec();
        let mut view = dw.view_mut();
        Product {
            left: &Source::new(&dy.view(), 0, blocks),
            parts: &[part(&right, k, &mut view)],
            chains: &lanes,
            precision,
            isa: Isa::Amx,
            go_on,
        }
        .run();
        model::weight_grad(dy.as_f32(), x.as_f32(), [n, k], &chains, begin, precision, &mut want);
        same(&dw, &want, &format!("weight gradient {n} × {k}"));
    }
}
