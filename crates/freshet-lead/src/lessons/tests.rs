//! Lessons on simulated shops: what is learned, what a cold start says, and that nothing is seen too early.

use std::collections::{BTreeMap, HashSet};

use chrono::NaiveDate;
use freshet_ml::frozen;
use freshet_ml::metrics::roc_auc;
use freshet_ml::model::{Learner, Model};
use freshet_ml::random::share_of_key;
use freshet_ml::split::Part;

use super::{Class, Course, Lesson, Look, cut_offs, frame_to_score, learn, score_population};
use crate::features::{NAMES, features};
use crate::lake::tests::{Told, seen};
use crate::lake::{Seen, number as values};
use crate::ledger::{Ledger, number};
use crate::score::Occasion;
use crate::simulation;

const HORIZON: u32 = 60;

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

/// What the feature query would say of a ledger at a cut-off, with as many prospects who left a checkout.
fn look_at(ledger: &Ledger, cut_off: NaiveDate, prospects: usize) -> (Seen, HashSet<String>) {
    let (from, until) = (number(cut_off), number(cut_off) + i32::try_from(HORIZON).expect("days"));
    let mut rows: Vec<(String, Vec<(&str, String)>)> = Vec::new();
    let mut buyers = HashSet::new();
    for (customer, key) in ledger.customers().iter().enumerate() {
        if let Some(all) = features(ledger.seen(customer, from), from) {
            let mut row: Vec<(&str, String)> = NAMES.iter().copied().zip(all.map(|value| value.to_string())).collect();
            row.extend([("q_sum", "1".to_owned()), ("lead_age", all[1].to_string()), ("source", "web".to_owned())]);
            rows.push((key.clone(), row));
        }
        if ledger.buys_within(customer, from, until) {
            buyers.insert(key.clone());
        }
    }
    for prospect in 0..prospects {
        let name = format!("prospect-{prospect}-{cut_off}");
        let (age, wish) = (share_of_key(name.as_bytes(), 1) * 60.0, share_of_key(name.as_bytes(), 2));
        if wish < if age < 20.0 { 0.4 } else { 0.1 } {
            buyers.insert(name.clone());
        }
        let left = if age > 30.0 {
            "0"
        } else if age < 20.0 && wish < 0.5 {
            "3"
        } else {
            "1"
        };
        let (known, age, left) = (format!("{:.0}", age + 15.0), format!("{age:.0}"), left.to_owned());
        rows.push((name, vec![("lead_age", known), ("checkout_age", age), ("checkouts_30", left), ("checkout_value", "30".to_owned())]));
    }
    let borrowed: Vec<(&str, Vec<(&str, &str)>)> =
        rows.iter().map(|(name, row)| (name.as_str(), row.iter().map(|(column, value)| (*column, value.as_str())).collect())).collect();
    let rows: Vec<Told<'_>> = borrowed.iter().map(|(name, row)| (*name, true, row.as_slice())).collect();
    (seen(&rows).expect("people"), buyers)
}

struct School {
    as_of: NaiveDate,
    looks: Vec<Look>,
    today: Seen,
}

fn school(customers: usize, prospects: usize, as_of: &str) -> School {
    let ledger = simulation::shop(customers, number(day("2024-01-01")), 11);
    let as_of = day(as_of);
    let today = look_at(&ledger, as_of, prospects).0;
    let looks = cut_offs(as_of, HORIZON, today.history_days()).expect("cut-offs").into_iter().map(|snapshot| {
        let (seen, buyers) = look_at(&ledger, snapshot.cut_off(), prospects);
        Look { snapshot, seen, buyers }
    });
    School { as_of, looks: looks.collect(), today }
}

fn taught(school: &School, class: Class) -> Lesson {
    let nothing = BTreeMap::new();
    let course = Course {
        as_of: school.as_of,
        horizon_days: HORIZON,
        looks: &school.looks,
        today: &school.today,
        table_versions: &nothing,
        seed: 1,
    };
    learn(&course, class).expect("a lesson").expect("somebody")
}

#[test]
fn looks_are_apart_by_the_horizon_and_within_what_the_lake_remembers() {
    let snapshots = cut_offs(day("2026-06-30"), 30, 100).expect("cut-offs");
    assert_eq!(snapshots.iter().map(|look| look.cut_off().to_string()).collect::<Vec<_>>(), ["2026-04-01", "2026-05-01", "2026-05-31"]);
    assert!(snapshots.iter().all(|look| look.matures() <= day("2026-06-30")));
    assert!(cut_offs(day("2026-06-30"), 30, 30).expect("none").is_empty());
    assert_eq!(cut_offs(day("2026-06-30"), 30, 4_000).expect("cut-offs").len(), 8);
}

#[test]
fn customers_and_prospects_are_learned_apart_to_the_same_bytes_and_beat_recency() {
    let school = school(1_000, 500, "2025-06-01");
    for class in Class::ALL {
        let lesson = taught(&school, class);
        assert_eq!(taught(&school, class).model.write().expect("text"), lesson.model.write().expect("text"));
        assert!(!matches!(lesson.model.learner, Learner::Given { .. }), "{}", lesson.model.choice.chosen);
        assert_eq!(lesson.model.training.frame_sha256, lesson.frame.sha256());
        let text = frozen::write(&lesson.frame, &lesson.origins).expect("text");
        assert_eq!(frozen::read(text.as_slice()).expect("a frame").0.sha256(), lesson.frame.sha256());
        assert!((2..=4).contains(&lesson.backtests.len()), "{}", lesson.backtests.len());
        for point in &lesson.backtests {
            assert!((point.base_rate - point.foretold).abs() < 0.1, "{point:?}");
        }
        let newest = lesson.backtests.last().expect("a backtest");
        assert_eq!(Some(newest.auc), lesson.model.metrics.test.map(|metrics| metrics.auc), "the newest is the test");
        if class == Class::Customers {
            let (judged, labels) = lesson.frame.part(Part::Test);
            let recency = roc_auc(&labels, &values(&judged, "recency").iter().map(|days| -days).collect::<Vec<_>>());
            assert_eq!(newest.baseline_auc, recency);
            assert!(newest.auc > recency, "{newest:?}");
        }
    }
}

#[test]
fn a_young_shop_speaks_by_bgnbd_of_customers_and_by_shares_of_prospects() {
    // 100 days of history and a horizon of 60: one look, which judges, and nothing to learn from.
    let school = school(1_500, 60, "2024-04-10");
    assert_eq!(school.looks.len(), 1);
    let (customers, prospects) = (taught(&school, Class::Customers), taught(&school, Class::Prospects));
    assert_eq!((customers.model.choice.chosen.as_str(), prospects.model.choice.chosen.as_str()), ("bgnbd", "share"));
    let judged = customers.model.metrics.test.expect("it judges");
    assert!(judged.auc > Some(0.5) && judged.brier < 0.25, "{judged:?}");
    let read = Model::read(&customers.model.write().expect("text")).expect("a model");
    let occasion = Occasion { as_of: school.as_of, horizon_days: HORIZON, seed: 1 };
    for (model, population) in [(&read, &school.today.customers), (&prospects.model, &school.today.prospects)] {
        let frame = frame_to_score(model, population, HORIZON).expect("a frame");
        let scores: Vec<_> = score_population(model, population, &frame, &occasion).expect("scores").collect();
        assert_eq!(scores.len(), population.people.len());
        assert!(scores.iter().all(|score| score.probability > 0.0 && score.probability < 1.0));
        assert_eq!(scores[0].customer_key, population.people[0].subject);
        // It says by which facts, and they are so.
        let facts = [
            ("came back ", "freq"),
            ("last ordered ", "recency"),
            ("customer for ", "tenure"),
            ("checkout left ", "checkout_age"),
            ("known for ", "lead_age"),
        ];
        let mut checked = 0;
        for (row, score) in scores.iter().enumerate() {
            for reason in &score.reasons {
                let Some((rest, name)) = facts.iter().find_map(|(begin, name)| Some((reason.strip_prefix(begin)?, name))) else { continue };
                let said: f64 = rest.split(' ').next().and_then(|number| number.parse().ok()).expect("a number");
                assert!((said - values(&population.frame, name)[row]).abs() < 0.06, "{reason}");
                checked += 1;
            }
        }
        assert!(checked > scores.len() / 2, "{checked} facts of {} scores: {:?}", scores.len(), scores[0].reasons);
    }
}

#[test]
fn what_is_known_today_moves_no_figure_of_the_past() {
    for (customers, as_of) in [(1_500, "2024-04-10"), (1_000, "2025-06-01")] {
        let mut school = school(customers, 60, as_of);
        let before = Class::ALL.map(|class| taught(&school, class));
        school.today = look_at(&simulation::shop(customers, number(day("2024-01-01")), 12), school.as_of, 90).0;
        for (class, before) in Class::ALL.into_iter().zip(before) {
            let after = taught(&school, class);
            assert_eq!(after.frame.sha256(), before.frame.sha256(), "{}", class.name());
            assert_eq!(
                serde_json::to_string(&after.model.metrics).expect("text"),
                serde_json::to_string(&before.model.metrics).expect("text")
            );
            assert_eq!(after.backtests, before.backtests, "{}", class.name());
            let is_given = matches!(after.model.learner, Learner::Given { .. });
            assert!(!is_given || after.model.parameters != before.model.parameters, "today says nothing to {}", class.name());
        }
    }
}

#[test]
fn the_first_day_has_no_label_and_still_a_score() {
    let mut school = school(300, 40, "2024-03-01");
    school.looks.clear();
    let customers = taught(&school, Class::Customers);
    assert_eq!(customers.model.training.frame_rows, 0);
    assert!(customers.model.metrics.test.is_none() && customers.model.base_rate > 0.0);
    let nobody = School { as_of: school.as_of, looks: Vec::new(), today: Seen::default() };
    let nothing = BTreeMap::new();
    let course = Course { as_of: nobody.as_of, horizon_days: HORIZON, looks: &[], today: &nobody.today, table_versions: &nothing, seed: 1 };
    assert_eq!(learn(&course, Class::Customers).expect("nothing to learn"), None);
}

#[test]
fn a_look_whose_labels_are_not_known_is_refused() {
    let mut school = school(300, 40, "2024-10-01");
    school.as_of = day("2024-09-30");
    let nothing = BTreeMap::new();
    let course = Course {
        as_of: school.as_of,
        horizon_days: HORIZON,
        looks: &school.looks,
        today: &school.today,
        table_versions: &nothing,
        seed: 1,
    };
    assert!(learn(&course, Class::Customers).expect_err("refused").to_string().contains("2024-08-02"));
}
