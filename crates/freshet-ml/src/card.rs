//! The model card: what a model is, what it learned from, how good it is and what it must not be used for, in Markdown.
//!
//! Every figure in it is one of the model file's or of the backtests'; nothing is written by hand but `purpose` and
//! `limits`, which its crate gives.

use std::fmt::Write as _;

use crate::metrics::Metrics;
use crate::model::Model;
use crate::plot::Backtest;

/// What a card says that no training knows.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    /// What the model is for.
    pub purpose: &'a str,
    /// What it cannot do and must not be used for: a line each.
    pub limits: &'a [&'a str],
    /// The ranking that backtests compare with.
    pub baseline: &'a str,
    /// The name of the picture's file, where there is one.
    pub picture: Option<&'a str>,
}

/// The card of a model.
pub fn card(model: &Model, backtests: &[Backtest], words: &Words<'_>) -> String {
    let mut page = String::new();
    let day = |day: Option<chrono::NaiveDate>| day.map_or_else(|| "unknown".to_owned(), |day| day.to_string());
    let training = &model.training;
    line(&mut page, format_args!("# {}\n\n{}\n", model.name, words.purpose));
    line(&mut page, format_args!("| | |\n|---|---|"));
    line(&mut page, format_args!("| kind | {} |", model.kind));
    line(&mut page, format_args!("| chosen | {} ({}) |", model.choice.chosen, model.learner.name()));
    line(&mut page, format_args!("| calibration | {} |", model.calibration.name()));
    line(&mut page, format_args!("| learned from | cut-offs {} to {} |", day(training.window_from), day(training.window_to)));
    line(&mut page, format_args!("| known by | the end of {} |", day(training.as_of)));
    if let Some(days) = training.horizon_days {
        line(&mut page, format_args!("| horizon | {days} days |"));
    }
    line(&mut page, format_args!("| base rate | {:.4} |", model.base_rate));
    line(&mut page, format_args!("| rows | {} |", training.frame_rows));
    line(&mut page, format_args!("| frame | sha256 {} |", training.frame_sha256));
    line(&mut page, format_args!("| seed | {} |", training.seed));
    let versions: Vec<String> = training.table_versions.iter().map(|(table, version)| format!("{table} {version}")).collect();
    if !versions.is_empty() {
        line(&mut page, format_args!("| table versions | {} |", versions.join(", ")));
    }
    line(&mut page, format_args!("\n## How it was chosen\n\nThe rule: {}.\n", model.choice.rule));
    if !model.choice.candidates.is_empty() {
        line(&mut page, format_args!("| candidate | log-loss | difference | standard error |\n|---|---|---|---|"));
        for candidate in &model.choice.candidates {
            line(
                &mut page,
                format_args!(
                    "| {} | {:.5} | {:+.5} | {:.5} |",
                    candidate.name, candidate.log_loss, candidate.difference, candidate.standard_error
                ),
            );
        }
    }
    line(&mut page, format_args!("\n## How good it is\n"));
    match (&model.metrics.test_raw, &model.metrics.test) {
        (Some(raw), Some(calibrated)) => figures(&mut page, raw, calibrated),
        (None, _) | (_, None) => line(&mut page, format_args!("No label has matured that it was not made with: nothing is known yet.")),
    }
    if !backtests.is_empty() {
        line(&mut page, format_args!("\n## Backtest\n\nEach cut-off foretold by what was known before it.\n"));
        if let Some(picture) = words.picture {
            line(&mut page, format_args!("![backtest]({picture})\n"));
        }
        line(
            &mut page,
            format_args!(
                "| cut-off | rows | came true | foretold | AUC | {} alone | log-loss |\n|---|---|---|---|---|---|---|",
                words.baseline
            ),
        );
        let share = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
        for point in backtests {
            let (auc, baseline) = (share(point.auc), share(point.baseline_auc));
            line(
                &mut page,
                format_args!(
                    "| {} | {} | {:.4} | {:.4} | {auc} | {baseline} | {:.4} |",
                    point.cut_off, point.rows, point.base_rate, point.foretold, point.log_loss
                ),
            );
        }
    }
    line(&mut page, format_args!("\n## What it must not be used for\n"));
    for limit in words.limits {
        line(&mut page, format_args!("- {limit}"));
    }
    line(&mut page, format_args!("\n## Features\n\n| feature | what it is | reason group |\n|---|---|---|"));
    for prepared in &model.features {
        line(&mut page, format_args!("| `{}` | {} | {} |", prepared.feature.name, prepared.feature.definition, prepared.feature.group));
    }
    if !model.silent_features.is_empty() {
        let names: Vec<String> = model.silent_features.iter().map(|feature| format!("`{}`", feature.name)).collect();
        line(&mut page, format_args!("\nGiven, and without a say: {}.", names.join(", ")));
    }
    page
}

/// A name, its value and its interval.
type Figure = (&'static str, fn(&Metrics) -> Option<f64>, fn(&Metrics) -> Option<[f64; 2]>);

fn figures(page: &mut String, raw: &Metrics, calibrated: &Metrics) {
    let rows: [Figure; 7] = [
        ("ROC AUC", |metrics| metrics.auc, |metrics| metrics.auc_interval),
        ("PR AUC", |metrics| metrics.pr_auc, |metrics| metrics.pr_auc_interval),
        ("Brier", |metrics| Some(metrics.brier), |metrics| metrics.brier_interval),
        ("log-loss", |metrics| Some(metrics.log_loss), |metrics| metrics.log_loss_interval),
        ("ECE", |metrics| Some(metrics.ece), |metrics| metrics.ece_interval),
        ("precision in the first 10 %", |metrics| Some(metrics.precision_at_10pct), |metrics| metrics.precision_at_10pct_interval),
        ("lift in the first 10 %", |metrics| metrics.lift_at_10pct, |_| None),
    ];
    line(
        page,
        format_args!(
            "On the newest rows whose labels are known and that it has not learned from: {} rows, {} with the label.\n",
            calibrated.rows, calibrated.positives
        ),
    );
    line(page, format_args!("| figure | before calibration | after | 95 % interval |\n|---|---|---|---|"));
    let said = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    for (name, value, interval) in rows {
        let interval = interval(calibrated).map_or_else(|| "-".to_owned(), |[low, high]| format!("{low:.4} to {high:.4}"));
        line(page, format_args!("| {name} | {} | {} | {interval} |", said(value(raw)), said(value(calibrated))));
    }
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("writing to a string cannot fail");
    page.push('\n');
}

#[cfg(test)]
mod tests {
    use super::{Words, card};
    use crate::frame::{Column, Frame, Labelled};
    use crate::given::given;
    use crate::options::Options;
    use crate::plot::Backtest;
    use crate::split::Part;

    #[test]
    fn the_card_says_what_the_model_file_says() {
        let rows = Frame::new(vec![("rate".to_owned(), Column::Number(vec![0.1, 0.9, 0.2, 0.8]))]).expect("a frame");
        let labelled = Labelled::new(rows.clone(), vec![false, true, false, true], vec![Part::Test; 4]).expect("labels");
        let options = Options { name: "lead-1".to_owned(), kind: "lead".to_owned(), resamples: 10, ..Options::default() };
        let model = given(&rows, &labelled, &options, "rate", "too few labels").expect("a model");
        let words = Words { purpose: "Says who buys.", limits: &["No causes."], baseline: "recency", picture: Some("backtest.svg") };
        let point = Backtest {
            cut_off: "2026-01-01".to_owned(),
            rows: 4,
            base_rate: 0.5,
            foretold: 0.4,
            auc: Some(0.75),
            baseline_auc: None,
            log_loss: 0.3,
        };
        let page = card(&model, &[point], &words);
        for said in [
            "# lead-1",
            "too few labels",
            "| ROC AUC | 1.0000 | 1.0000 |",
            "backtest.svg",
            "| 2026-01-01 | 4 | 0.5000 | 0.4000 | 0.750 | - |",
            "- No causes.",
            "`rate`",
            &model.training.frame_sha256,
        ] {
            assert!(page.contains(said), "{said} is not in\n{page}");
        }
        let unknown = given(&rows, &Labelled::new(rows.take(&[]), Vec::new(), Vec::new()).expect("no rows"), &options, "rate", "none");
        assert!(card(&unknown.expect("a model"), &[], &words).contains("nothing is known yet"));
    }
}
