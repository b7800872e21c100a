//! A million customers: features, scores and reasons, timed, with the peak of memory.
//!
//! `cargo bench -p freshet-lead`; the number of customers may be given as an argument. Transactions are made up
//! with a seed, and a small shop of the same kind is what the model learns from.

use std::time::Instant;

use chrono::NaiveDate;
use freshet_lead::ledger::{Collector, Ledger, number};
use freshet_lead::score::{Occasion, score};
use freshet_lead::train::{Plan, options, rows_to_score, train_on_transactions};
use freshet_ml::random::Draws;

fn shop(customers: usize, start: NaiveDate, seed: u64) -> Ledger {
    let mut draws = Draws::new(seed);
    let mut collector = Collector::default();
    let start = number(start);
    for customer in 0..customers {
        let key = format!("{:032x}", (customer as u128).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_0C2B_1234_5677));
        let (mut day, gap) = (draws.below(400), 15.0 + 300.0 * draws.share());
        while day < 720 {
            collector.add(&key, start + i32::try_from(day).expect("a day"), (3.0 + draws.normal() * 0.5).exp(), None);
            if draws.share() < 0.25 {
                break;
            }
            let mut pause = 1;
            while pause < 720 && draws.share() > 1.0 / gap {
                pause += 1;
            }
            day += pause;
        }
    }
    collector.finish()
}

/// The most memory that this process had, in MiB, where the system says so.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn main() {
    let customers = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let day = |text: &str| text.parse::<NaiveDate>().expect("a date");
    let start = day("2024-01-01");
    let plan = Plan {
        train: vec![day("2024-09-01"), day("2024-11-01")],
        validation: day("2025-01-01"),
        test: day("2025-06-01"),
        horizon_days: 30,
        as_of: None,
    };
    let before = Instant::now();
    let trained = train_on_transactions(&shop(20_000, start, 1), &plan, &options("bench", 1)).expect("a model");
    println!("trained {} on {} rows in {:.1} s", trained.model.choice.chosen, trained.frame.labels().len(), before.elapsed().as_secs_f64());

    let ledger = shop(customers, start, 2);
    let as_of = day("2025-12-20");
    let before = Instant::now();
    let rows = rows_to_score(&ledger, as_of, 30).expect("rows");
    let features = before.elapsed().as_secs_f64();
    let keys = rows.customers.iter().map(|&customer| ledger.customers()[customer].as_str()).collect();
    let (mut scored, mut reasons) = (0usize, 0usize);
    let occasion = Occasion { as_of, horizon_days: 30, seed: 1 };
    for score in score(&trained.model, &rows.frame, keys, &occasion).expect("scores") {
        scored += 1;
        reasons += score.reasons.iter().filter(|reason| !reason.is_empty()).count();
    }
    let all = before.elapsed().as_secs_f64();
    println!(
        "scored {scored} customers with {reasons} reasons in {all:.1} s, {features:.1} s of it features; peak {} MiB with the transactions",
        peak().unwrap_or_default()
    );
}
