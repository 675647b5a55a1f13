#[test]
fn smoke() {
    assert!((f64::from(super::exp(1.0)) - std::f64::consts::E).abs() < 2e-7);
}
