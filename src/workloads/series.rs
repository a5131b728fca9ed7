//! Returns of a market, of factor proxies and of many symbols: one year of sessions, with some holes.

use crate::analytics::Error;
use crate::analytics::correlation::{Correlations, correlations};
use crate::analytics::factors::{FactorModel, Role};
use crate::analytics::joint_fit::JointFit;

/// Factors of the model, Market and Rates among them.
pub const FACTORS: usize = 8;

/// One symbol in this many lacks a return here and there.
const HOLED: usize = 10;

/// A source of noise that is the same everywhere (Marsaglia's xorshift).
struct Noise(u64);

impl Noise {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    /// Roughly normal, of about this deviation.
    fn next(&mut self, deviation: f64) -> f64 {
        let mut sum = 0.0;
        for _ in 0..12 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            sum += (self.0 >> 11) as f64 / (1_u64 << 53) as f64;
        }
        deviation * (sum - 6.0)
    }
}

/// Proxies and symbols on one window.
#[derive(Debug, Clone)]
pub struct Universe {
    /// Returns of the proxies, Market first, Rates last.
    pub proxies: Vec<Vec<f64>>,
    /// Returns of the symbols, NaN where there is none.
    pub symbols: Vec<Vec<f64>>,
}

impl Universe {
    /// With this many symbols and sessions; every tenth symbol misses four returns.
    pub fn new(symbols: usize, sessions: usize) -> Self {
        let mut noise = Noise::new(1);
        let mut series =
            |deviation: f64| -> Vec<f64> { (0..sessions).map(|_| noise.next(deviation)).collect() };
        let market = series(0.01);
        let mut proxies = vec![market.clone()];
        for k in 1..FACTORS {
            let beta = if k == FACTORS - 1 {
                -0.2
            } else {
                0.9 + 0.05 * k as f64
            };
            let own = series(0.004);
            proxies.push(
                own.iter()
                    .zip(&market)
                    .map(|(own, market)| own + beta * market)
                    .collect(),
            );
        }
        let symbols = (0..symbols)
            .map(|at| {
                let mut returns = series(0.015);
                for (k, proxy) in proxies.iter().enumerate() {
                    let beta = ((at * 7 + k * 3) % 11) as f64 / 11.0 - 0.3;
                    for (value, factor) in returns.iter_mut().zip(proxy) {
                        *value += beta * factor;
                    }
                }
                if at % HOLED == HOLED - 1 {
                    for hole in [5, 60, 130, 200].map(|from| from + at % 40) {
                        if let Some(value) = returns.get_mut(hole) {
                            *value = f64::NAN;
                        }
                    }
                }
                returns
            })
            .collect();
        Self { proxies, symbols }
    }

    /// The factor model of the date and the joint fit of every symbol, Newey–West errors included: what phase 1.5 computes.
    pub fn joint_fits(&self) -> Result<Vec<JointFit>, Error> {
        let mut roles = [Role::Style; FACTORS];
        roles[0] = Role::Market;
        roles[FACTORS - 1] = Role::Rates;
        let proxies: Vec<&[f64]> = self.proxies.iter().map(Vec::as_slice).collect();
        let model = FactorModel::new(&roles, &proxies)?;
        self.symbols
            .iter()
            .map(|returns| model.joint_fit(returns))
            .collect()
    }

    /// The correlation of every pair, with its interval.
    pub fn correlations(&self) -> Result<Correlations, Error> {
        let series: Vec<&[f64]> = self.symbols.iter().map(Vec::as_slice).collect();
        correlations(&series)
    }
}
