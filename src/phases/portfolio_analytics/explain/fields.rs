//! Numbers that stand in one row: each is a field with a formula and a unit of its own.

use rust_decimal::Decimal;

use super::{Number, Refusal};

/// A number of a row, as it is stored in `S` and as it is made in `M`.
pub(super) struct Field<S: 'static, M: 'static> {
    /// As it is typed.
    pub(super) name: &'static str,
    /// In words and signs.
    pub(super) formula: &'static str,
    /// The unit, with its sign.
    pub(super) unit: &'static str,
    pub(super) stored: fn(&S) -> Option<Number>,
    pub(super) made: fn(&M) -> Option<Number>,
}

/// The field of a name; without one, the names that there are, each after `before`.
pub(super) fn field<S, M>(
    all: &'static [Field<S, M>],
    name: &str,
    before: &str,
) -> Result<&'static Field<S, M>, Refusal> {
    let found = all.iter().find(|field| field.name == name);
    found.ok_or_else(|| Refusal::Argument(names(all, before)))
}

/// What could be asked for of a row.
pub(super) fn names<S, M>(all: &[Field<S, M>], before: &str) -> Vec<String> {
    let names = all.iter().map(|field| format!("{before}{}", field.name));
    names.collect()
}

impl<S, M> Field<S, M> {
    /// What is stored, or why it is not.
    pub(super) fn stored(&self, row: &S, reason: Option<&String>) -> Result<Number, Refusal> {
        let reason = || reason.map_or_else(|| "not computed".to_owned(), Clone::clone);
        (self.stored)(row).ok_or_else(|| Refusal::NotStored(reason()))
    }

    /// What is made now.
    pub(super) fn made(&self, row: &M) -> Result<Number, Refusal> {
        let none = || Refusal::NotMade(format!("{} has no value any more", self.name));
        (self.made)(row).ok_or_else(none)
    }
}

/// An amount of money that may be missing.
pub(super) fn amount(value: impl Into<Option<Decimal>>) -> Option<Number> {
    value.into().map(Number::Money)
}

/// A statistic that may be missing.
pub(super) fn statistic(value: impl Into<Option<f64>>) -> Option<Number> {
    value.into().map(Number::Statistic)
}

/// A count.
pub(super) fn counted(value: impl Into<Option<i32>>) -> Option<Number> {
    let value: Option<i32> = value.into();
    value.map(|n| Number::Statistic(f64::from(n)))
}
