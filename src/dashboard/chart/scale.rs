//! From numbers to coordinates, with round ticks.

/// A linear scale.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// Over all finite values; `None` where there is none. Equal values get some room around them.
    pub(super) fn over(values: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Option<Self> {
        let finite = values.into_iter().filter(|value| value.is_finite());
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        if low > high {
            return None;
        }
        let room = if high > low {
            0.0
        } else {
            (low.abs() * 0.01).max(1e-9)
        };
        Some(Self {
            low: low - room,
            high: high + room,
            from,
            to,
        })
    }

    /// The coordinate of a value.
    pub(super) fn at(self, value: f64) -> f64 {
        let part = (value - self.low) / (self.high - self.low);
        self.from + part.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Round values inside, about this many.
    pub(super) fn ticks(self, about: u32) -> Vec<f64> {
        let raw = (self.high - self.low) / f64::from(about.max(1));
        let power = 10_f64.powf(raw.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0];
        let step = steps.iter().map(|step| step * power);
        let step = step.into_iter().find(|step| *step >= raw).unwrap_or(power);
        let first = (self.low / step).ceil();
        (0..=about * 2)
            .map(|n| (first + f64::from(n)) * step)
            .take_while(|tick| *tick <= self.high)
            // No minus before a zero.
            .map(|tick| tick + 0.0)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_reached_and_ticks_are_round() {
        let scale = Scale::over([3.0, -7.0, f64::NAN], 0.0, 100.0).unwrap();
        assert!((scale.at(-7.0) - 0.0).abs() < 1e-12);
        assert!((scale.at(3.0) - 100.0).abs() < 1e-12);
        assert_eq!(scale.ticks(5), [-6.0, -4.0, -2.0, 0.0, 2.0]);
    }

    #[test]
    fn one_value_stands_in_the_middle_and_none_makes_no_scale() {
        let scale = Scale::over([5.0, 5.0], 0.0, 10.0).unwrap();
        assert!((scale.at(5.0) - 5.0).abs() < 1e-9);
        assert!(Scale::over([f64::NAN], 0.0, 1.0).is_none());
    }
}
