//! What results use of a company's profile, and since when: nothing that was told after a date is looked at.

use chrono::NaiveDate;

/// The fields of a profile that results use.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProfileFacts {
    /// Sector.
    pub sector: Option<String>,
    /// What it is: EQUITY, ETF, MUTUALFUND, …
    pub quote_type: Option<String>,
    /// Beta as the provider has it.
    pub beta: Option<f64>,
    /// A fraction per year.
    pub dividend_yield: Option<f64>,
}

/// Facts that were told alike for a while.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileVersion {
    /// Final date of the first run that was told them: they count from here.
    pub as_of: NaiveDate,
    /// Final date of the last run that was told them before others were.
    pub until: NaiveDate,
    /// What was told.
    pub facts: ProfileFacts,
}

/// The versions of a symbol's profile, ascending; neighbours differ.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProfileHistory(Vec<ProfileVersion>);

/// The dates at which other facts count than did before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// The first of them; nothing: every date.
    pub from: Option<NaiveDate>,
    /// The first date after them, at which what counted before does so again; nothing: there is none.
    pub to: Option<NaiveDate>,
}

impl ProfileHistory {
    /// Of what is stored, in any order.
    pub fn new(mut versions: Vec<ProfileVersion>) -> Self {
        versions.sort_by_key(|version| version.as_of);
        Self(versions)
    }

    /// The versions, ascending.
    pub fn versions(&self) -> &[ProfileVersion] {
        &self.0
    }

    /// The facts of a date: those of the newest version that is not younger. Before the first version there is nothing better than that one:
    /// a backfill has no other. Nothing where nobody was ever asked.
    pub fn at(&self, date: NaiveDate) -> Option<&ProfileFacts> {
        let begun = self.0.partition_point(|version| version.as_of <= date);
        let version = self.0.get(begun.saturating_sub(1))?;
        Some(&version.facts)
    }

    /// Takes in what a run with this final date was told; says which dates it changes.
    ///
    /// An answer for a date between two that were told alike changes nothing: it comes from a run that is late, and what is known of later
    /// dates stays. For the last date that was told anything of a version the newer answer counts.
    #[must_use]
    pub fn tell(&mut self, on: NaiveDate, facts: ProfileFacts) -> Option<Reach> {
        let before = self.clone();
        let begun = self.0.partition_point(|version| version.as_of <= on);
        let mut place = begun;
        if let Some(current) = begun.checked_sub(1).and_then(|at| self.0.get_mut(at)) {
            if on < current.until || (on == current.until && current.facts == facts) {
                return None;
            }
            if on == current.until && current.as_of == on {
                place -= 1;
                self.0.remove(place);
            } else if on == current.until {
                current.until = on.pred_opt().unwrap_or(on);
            }
        }
        let version = ProfileVersion {
            as_of: on,
            until: on,
            facts,
        };
        self.0.insert(place, version);
        self.0.dedup_by(|later, earlier| {
            let alike = later.facts == earlier.facts;
            if alike {
                earlier.until = later.until;
            }
            alike
        });
        self.difference(&before)
    }

    /// The dates whose facts differ, from the first to the last. No profile is one that says nothing.
    fn difference(&self, before: &Self) -> Option<Reach> {
        let nothing = ProfileFacts::default();
        let mut turns: Vec<NaiveDate> = self.0.iter().map(|version| version.as_of).collect();
        turns.extend(before.0.iter().map(|version| version.as_of));
        turns.sort_unstable();
        turns.dedup();
        // Facts change at turns alone: of each stretch between two of them one date is enough.
        let stretches = std::iter::once(None).chain(turns.iter().copied().map(Some));
        let differs = |from: &Option<NaiveDate>| {
            let date = from.unwrap_or(NaiveDate::MIN);
            self.at(date).unwrap_or(&nothing) != before.at(date).unwrap_or(&nothing)
        };
        let mut differing = stretches.filter(differs);
        let from = differing.next()?;
        let last = differing.next_back().unwrap_or(from);
        let after = turns.into_iter().find(|turn| Some(*turn) > last);
        Some(Reach { from, to: after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2016, 12, day).unwrap()
    }

    fn sector(name: &str) -> ProfileFacts {
        ProfileFacts {
            sector: (!name.is_empty()).then(|| name.to_owned()),
            ..ProfileFacts::default()
        }
    }

    fn reach(from: Option<u32>, to: Option<u32>) -> Reach {
        Reach {
            from: from.map(day),
            to: to.map(day),
        }
    }

    /// The facts of the dates from 1 to 9.
    fn dates(history: &ProfileHistory) -> String {
        let of = |date| history.at(day(date)).unwrap().sector.clone();
        (1..=9)
            .map(|date| of(date).unwrap_or_else(|| "-".into()))
            .collect()
    }

    #[test]
    fn a_version_counts_from_its_date_and_the_first_one_before_it_too() {
        let mut history = ProfileHistory::default();
        assert_eq!(history.at(day(1)), None);
        assert_eq!(history.tell(day(3), sector("A")), Some(reach(None, None)));
        assert_eq!(history.tell(day(4), sector("A")), None);
        assert_eq!(
            history.tell(day(6), sector("B")),
            Some(reach(Some(6), None))
        );
        assert_eq!(dates(&history), "AAAAABBBB");
        let kept = history.versions().iter().map(|v| (v.as_of, v.until));
        assert_eq!(
            kept.collect::<Vec<_>>(),
            [(day(3), day(4)), (day(6), day(6))]
        );
    }

    #[test]
    fn a_profile_that_says_nothing_is_what_no_profile_was() {
        let mut history = ProfileHistory::default();
        assert_eq!(history.tell(day(3), sector("")), None);
        assert_eq!(
            history.tell(day(5), sector("A")),
            Some(reach(Some(5), None))
        );
        assert_eq!(dates(&history), "----AAAAA");
    }

    #[test]
    fn an_older_run_does_not_reach_what_is_known_of_later_dates() {
        let mut history = ProfileHistory::default();
        for (date, name) in [(3, "A"), (5, "A"), (8, "B")] {
            let _ = history.tell(day(date), sector(name));
        }
        let known = history.clone();
        // Between two dates that were told alike.
        assert_eq!(history.tell(day(3), sector("C")), None);
        assert_eq!(history.tell(day(4), sector("C")), None);
        assert_eq!(history, known);
        // Between two versions, and before the first: up to the next version, whose date is told too.
        assert_eq!(
            history.tell(day(7), sector("C")),
            Some(reach(Some(7), Some(8)))
        );
        assert_eq!(dates(&history), "AAAAAACBB");
        assert_eq!(
            history.tell(day(2), sector("D")),
            Some(reach(None, Some(3)))
        );
        assert_eq!(dates(&history), "DDAAAACBB");
        // The next version is told earlier than it was known.
        let mut history = known;
        assert_eq!(
            history.tell(day(6), sector("B")),
            Some(reach(Some(6), Some(8)))
        );
        assert_eq!(dates(&history), "AAAAABBBB");
        assert_eq!(history.tell(day(1), sector("A")), None);
        assert_eq!(history.versions().len(), 2);
    }

    #[test]
    fn the_newer_answer_for_the_last_date_counts() {
        let mut history = ProfileHistory::default();
        let _ = history.tell(day(3), sector("A"));
        assert_eq!(history.tell(day(3), sector("B")), Some(reach(None, None)));
        assert_eq!(dates(&history), "BBBBBBBBB");
        let _ = history.tell(day(5), sector("B"));
        assert_eq!(
            history.tell(day(5), sector("C")),
            Some(reach(Some(5), None))
        );
        assert_eq!(
            history.tell(day(5), sector("B")),
            Some(reach(Some(5), None))
        );
        assert_eq!(
            (dates(&history).as_str(), history.versions().len()),
            ("BBBBBBBBB", 1)
        );
    }

    #[test]
    fn runs_may_come_in_another_order() {
        let told = [(2, "A"), (4, "A"), (5, "B"), (7, "B"), (8, "A")];
        let histories = [
            [0, 1, 2, 3, 4],
            [4, 3, 2, 1, 0],
            [2, 0, 4, 1, 3],
            [1, 3, 0, 4, 2],
        ];
        let histories = histories.map(|order| {
            let mut history = ProfileHistory::default();
            for at in order {
                let (date, name) = told[at];
                let _ = history.tell(day(date), sector(name));
            }
            history
        });
        assert!(histories.iter().all(|one| *one == histories[0]));
        assert_eq!(dates(&histories[0]), "AAAABBBAA");
    }
}
