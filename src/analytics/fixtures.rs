//! Deterministic inputs shared by the tests of this layer.

use super::factors::{FactorModel, Role};

/// Fixture A of the golden numbers: ten returns of the market,
pub(crate) const X: [f64; 10] = [
    0.010, -0.008, 0.004, 0.012, -0.015, 0.006, -0.002, 0.009, -0.011, 0.003,
];

/// of a stock,
pub(crate) const Y: [f64; 10] = [
    0.014, -0.011, 0.003, 0.019, -0.020, 0.010, -0.001, 0.010, -0.017, 0.006,
];

/// and of a second factor.
pub(crate) const X2: [f64; 10] = [
    0.012, -0.006, 0.003, 0.015, -0.014, 0.004, -0.003, 0.010, -0.013, 0.005,
];

/// A deterministic noise series in about ±`size`, different for every seed.
pub(crate) fn noise(seed: u64, n: usize, size: f64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    (0..n)
        .map(|_| size * (next() + next() + next() + next()))
        .collect()
}

pub(crate) const ROLES: [Role; 4] = [Role::Market, Role::Style, Role::Style, Role::Rates];

pub(crate) fn proxies(n: usize) -> Vec<Vec<f64>> {
    let market = noise(1, n, 0.01);
    let mix = |seed, beta: f64| -> Vec<f64> {
        noise(seed, n, 0.004)
            .iter()
            .zip(&market)
            .map(|(own, market)| own + beta * market)
            .collect()
    };
    vec![market.clone(), mix(2, 0.9), mix(3, 1.2), mix(4, -0.3)]
}

pub(crate) fn model(proxies: &[Vec<f64>]) -> FactorModel {
    let slices: Vec<&[f64]> = proxies.iter().map(Vec::as_slice).collect();
    FactorModel::new(&ROLES, &slices).unwrap()
}
