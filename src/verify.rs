//! Golden numbers, replayed by the binary that computes in production: the same kernels on the data that is shipped with them,
//! without a database. `sigmabatch verify` prints the table, `tests/goldens.rs` asserts it: each number stands once, here.
//!
//! The numbers were made independently, with numpy, statsmodels, scikit-learn and scipy (`G1` to `G25`, the real data and the whole
//! pipeline). A tolerance is one unit of the last printed digit unless a comment says why not. The data is in the binary (300 kB):
//! a container has nothing beside it, and a file that somebody changed must not decide what is right.
//!
//! A new golden is one entry of its section's table; a new section is a file and a line in [`SECTIONS`].

pub mod shipped;

mod actions;
mod books;
mod correlations;
mod estimation;
mod fixture;
mod losses;
mod options;
mod pipeline;
mod portfolio;
pub mod quality;
mod real;
mod returns;
mod stress;
mod volatility;

pub use shipped::Shipped;

/// One number with how it is made.
pub struct Golden {
    /// Its name, within its section.
    pub name: &'static str,
    /// The number that was made independently.
    pub expected: f64,
    /// How far off it may be.
    pub tolerance: f64,
    /// Makes it, with the kernels of production.
    pub compute: fn(&Shipped) -> Result<f64, Error>,
}

/// Goldens of one subject.
pub struct Section {
    /// As `goldens.md` names it: `G1`, `real data`, …
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Its numbers.
    pub goldens: &'static [Golden],
}

/// All sections, in the order of the table.
pub const SECTIONS: &[&Section] = &[
    &estimation::G1,
    &estimation::G2,
    &estimation::G3,
    &returns::G4,
    &returns::G5,
    &portfolio::G6,
    &portfolio::G7,
    &portfolio::G8,
    &volatility::G9,
    &volatility::G10,
    &volatility::G11,
    &correlations::G13,
    &correlations::G14,
    &correlations::G15,
    &correlations::G16,
    &stress::G17,
    &stress::G18,
    &options::G19,
    &options::G20,
    &books::G21,
    &losses::G22,
    &books::G23,
    &returns::G24,
    &books::G25,
    &options::HULL,
    &losses::XIRR,
    &actions::ACTIONS,
    &real::SPREADS,
    &real::EQUAL_WEIGHT,
    &losses::INDEX,
    &real::REPLAY,
    &pipeline::PIPELINE,
    &quality::QUALITY,
];

/// Why a number could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A kernel refused.
    #[error(transparent)]
    Numeric(#[from] crate::analytics::Error),
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

impl Error {
    fn other(what: impl std::fmt::Display) -> Self {
        Self::Other(what.to_string())
    }

    fn missing(what: &str) -> Self {
        Self::Other(format!("{what} is missing"))
    }
}

/// A golden that was replayed.
#[derive(Debug)]
pub struct Replayed {
    /// Its section.
    pub section: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it should be.
    pub expected: f64,
    /// What it is, or why there is nothing.
    pub got: Result<f64, Error>,
    /// How far off it may be.
    pub tolerance: f64,
}

impl Replayed {
    /// got − expected.
    pub fn difference(&self) -> Option<f64> {
        self.got.as_ref().ok().map(|got| got - self.expected)
    }

    /// Whether the difference is within the tolerance. NaN never is.
    pub fn holds(&self) -> bool {
        self.difference()
            .is_some_and(|difference| difference.abs() <= self.tolerance)
    }
}

/// Replays every golden, section by section. A number that cannot be made is an entry, not the end.
pub fn replay() -> Result<Vec<Replayed>, Error> {
    let shipped = Shipped::read()?;
    let one = |section: &'static Section, golden: &'static Golden| Replayed {
        section: section.name,
        name: golden.name,
        expected: golden.expected,
        got: (golden.compute)(&shipped),
        tolerance: golden.tolerance,
    };
    let all = SECTIONS.iter().flat_map(|section| {
        let goldens = section.goldens.iter();
        goldens.map(move |golden| one(section, golden))
    });
    Ok(all.collect())
}

/// An entry of a table.
const fn golden(
    name: &'static str,
    expected: f64,
    tolerance: f64,
    compute: fn(&Shipped) -> Result<f64, Error>,
) -> Golden {
    Golden {
        name,
        expected,
        tolerance,
        compute,
    }
}

/// Yes is 1, no is 0: for what is true or not.
fn yes(is: bool) -> f64 {
    f64::from(u8::from(is))
}
