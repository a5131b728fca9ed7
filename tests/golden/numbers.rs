//! The numbers of `golden.csv`. A test takes the cases it is about and must look at every number of them, once.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// Numbers of the cases a test is about.
pub(crate) struct Numbers {
    left: RefCell<BTreeMap<(String, String), f64>>,
}

impl Numbers {
    /// The cases whose name starts with one of `prefixes`; there must be some of each.
    pub(crate) fn of(prefixes: &[&str]) -> Self {
        let text = include_str!("golden.csv");
        let mut left = BTreeMap::new();
        for line in text.lines().skip(1) {
            let mut cells = line.split(',');
            let (case, name, value) = (
                cells.next().unwrap(),
                cells.next().unwrap(),
                cells.next().unwrap(),
            );
            if prefixes.iter().any(|prefix| case.starts_with(prefix)) {
                let key = (case.to_owned(), name.to_owned());
                let twice = left.insert(key, value.parse().unwrap());
                assert_eq!(twice, None, "{line} stands twice");
            }
        }
        for prefix in prefixes {
            let found = left.keys().any(|(case, _)| case.starts_with(prefix));
            assert!(found, "golden.csv has no case {prefix}");
        }
        let left = RefCell::new(left);
        Self { left }
    }

    /// The names of all cases, sorted.
    pub(crate) fn cases(&self) -> Vec<String> {
        let mut cases: Vec<String> = (self.left.borrow().keys())
            .map(|(case, _)| case.clone())
            .collect();
        cases.dedup();
        cases
    }

    /// Names and numbers of a case, taken off.
    pub(crate) fn take(&self, case: &str) -> Vec<(String, f64)> {
        let mut left = self.left.borrow_mut();
        let taken: Vec<(String, f64)> = (left.iter())
            .filter(|((of, _), _)| of == case)
            .map(|((_, name), value)| (name.clone(), *value))
            .collect();
        left.retain(|(of, _), _| of != case);
        taken
    }

    /// Compares `have` with the number of this name, to a share of 1e-9 (and 1e-13 for what should be 0), and takes it off.
    pub(crate) fn check(&self, case: &str, name: &str, have: f64) {
        let key = (case.to_owned(), name.to_owned());
        let want = self.left.borrow_mut().remove(&key);
        let want = want.unwrap_or_else(|| panic!("golden.csv has no {case}, {name}"));
        assert!(
            (have - want).abs() <= 1e-9 * want.abs() + 1e-13,
            "{case}, {name}: have {have:e}, want {want:e}"
        );
    }

    /// The same for `name0`, `name1`, …
    pub(crate) fn check_all(&self, case: &str, name: &str, have: impl IntoIterator<Item = f64>) {
        for (at, have) in have.into_iter().enumerate() {
            self.check(case, &format!("{name}{at}"), have);
        }
    }
}

impl Drop for Numbers {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let left = self.left.borrow();
            assert!(left.is_empty(), "nobody looked at {:?}", left.keys());
        }
    }
}
