use super::*;
use crate::Bf16Order;
use aquifer_tensor::Tensor;
use aquifer_tensor::random::Stream;

fn noise(site: &str, shape: [usize; 2]) -> Tensor {
    let stream = Stream::new(3, "matmul", site);
    let data: Vec<f32> = (0..(shape[0] * shape[1]) as u64).map(|i| stream.uniform(0, i) - 0.5).collect();
    Tensor::from_f32(&data, shape)
}

#[test]
fn products_are_near_the_reference() {
    let (m, n, k) = (5, 7, 513);
    let (x, w) = (noise("x", [m, k]), noise("w", [n, k]));
    let wide = |t: &Tensor| t.as_f32().iter().map(|&x| x as f64).collect::<Vec<_>>();
    let want = reference(&wide(&x), &wide(&w), None, [m, n, k]);
    for (precision, near) in
        [(Precision::F32, 1e-5), (Precision::Bf16(Bf16Order::Pair), 0.1), (Precision::Bf16(Bf16Order::Tile), 0.1)]
    {
        let packed = PackedWeight::new(&w.view(), 256, precision).unwrap();
        let mut out = Tensor::poisoned::<f32>([m, n]);
        linear(&x.view(), &packed, None, &mut out.view_mut()).unwrap();
        for (got, want) in out.as_f32().iter().zip(&want) {
            assert!((*got as f64 - want).abs() < near, "{precision}: {got} {want}");
        }
    }
}
