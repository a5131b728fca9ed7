//! The kernels against numpy, pandas, scipy, statsmodels and scikit-learn on the shipped data: `golden.py` wrote `golden.csv`, here every
//! number of it is made again and compared to 1e-9.
#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod bits;
mod contracts;
mod estimation;
mod joint_model;
mod losses;
mod moments;
mod numbers;
mod performance;
mod table;
