//! A look at the past: what may be seen, what is to be foretold, and when the answer is known.
//!
//! A [`Snapshot`] is a cut-off and a horizon. Features see only what lies before the cut-off ([`Snapshot::seen`]),
//! the label asks about the days from the cut-off on, and a row is a label only when all of these days have passed:
//! until then it is [`Label::Unripe`], even where the answer seems known, since early answers are all of one kind.

use chrono::{Days, NaiveDate};

use crate::error::Error;

/// A cut-off and a horizon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Snapshot {
    cut_off: NaiveDate,
    horizon_days: u32,
}

/// What is known of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// It happened within the horizon.
    Yes,
    /// The horizon has passed without it.
    No,
    /// The horizon has not passed.
    Unripe,
}

impl Snapshot {
    /// A snapshot at the start of the day `cut_off`, about the `horizon_days` days from that day on.
    pub fn new(cut_off: NaiveDate, horizon_days: u32) -> Result<Self, Error> {
        if horizon_days == 0 {
            return Err(Error::EmptyHorizon { days: horizon_days });
        }
        Ok(Self { cut_off, horizon_days })
    }

    /// The first day that no feature sees.
    pub fn cut_off(&self) -> NaiveDate {
        self.cut_off
    }

    /// The days that the label asks about.
    pub fn horizon_days(&self) -> u32 {
        self.horizon_days
    }

    /// The first day on which every label is known.
    pub fn matures(&self) -> NaiveDate {
        self.cut_off.checked_add_days(Days::new(u64::from(self.horizon_days))).unwrap_or(NaiveDate::MAX)
    }

    /// The events that features may see: of a list in order of time, those before the cut-off.
    pub fn seen<'a, T>(&self, events: &'a [T], day: impl Fn(&T) -> NaiveDate) -> &'a [T] {
        &events[..events.partition_point(|event| day(event) < self.cut_off)]
    }

    /// The label of a row on the day `as_of`, whose own events are not complete: of events in order of time, whether
    /// one lies within the horizon.
    pub fn label<T>(&self, events: &[T], day: impl Fn(&T) -> NaiveDate, as_of: NaiveDate) -> Label {
        if as_of < self.matures() {
            return Label::Unripe;
        }
        let first = events.partition_point(|event| day(event) < self.cut_off);
        if events.get(first).is_some_and(|event| day(event) < self.matures()) { Label::Yes } else { Label::No }
    }
}

/// Refuses snapshots of which an earlier one's labels are known only after a later one's cut-off: what the later one
/// judges would have been learned from.
pub fn check_order(earlier: &[Snapshot], later: &Snapshot) -> Result<(), Error> {
    match earlier.iter().find(|snapshot| snapshot.matures() > later.cut_off) {
        Some(snapshot) => Err(Error::OverlappingWindows { earlier: snapshot.cut_off, matures: snapshot.matures(), later: later.cut_off }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::{Label, Snapshot, check_order};

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn a_row_is_a_label_only_when_its_horizon_has_passed() {
        let snapshot = Snapshot::new(day("2026-03-01"), 30).expect("a snapshot");
        let events = [day("2026-02-01"), day("2026-03-05")];
        let label = |events: &[NaiveDate], as_of| snapshot.label(events, |day| *day, day(as_of));
        assert_eq!(label(&events, "2026-03-30"), Label::Unripe, "even though the event is there");
        assert_eq!(label(&events, "2026-03-31"), Label::Yes);
        assert_eq!(label(&events[..1], "2026-03-30"), Label::Unripe);
        assert_eq!(label(&events[..1], "2026-03-31"), Label::No);
        assert_eq!(label(&[day("2026-03-31")], "2026-05-01"), Label::No, "the horizon's end is outside");
        assert_eq!(label(&[day("2026-03-01")], "2026-05-01"), Label::Yes, "the cut-off's day is inside");
    }

    #[test]
    fn features_see_only_what_lies_before_the_cut_off() {
        let snapshot = Snapshot::new(day("2026-03-01"), 30).expect("a snapshot");
        let events = [day("2026-02-01"), day("2026-02-28"), day("2026-03-01"), day("2026-03-05")];
        assert_eq!(snapshot.seen(&events, |day| *day), &events[..2]);
    }

    #[test]
    fn windows_that_overlap_are_refused() {
        let earlier = Snapshot::new(day("1997-10-03"), 90).expect("a snapshot");
        let next = |text| Snapshot::new(day(text), 90).expect("a snapshot");
        assert!(check_order(&[earlier], &next("1998-01-01")).is_ok());
        let refused = check_order(&[earlier], &next("1997-12-31")).expect_err("overlap");
        assert!(refused.to_string().contains("1997-10-03"));
        assert!(Snapshot::new(day("1997-10-03"), 0).is_err());
    }
}
