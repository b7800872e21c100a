//! A backtest as a picture: how well a model would have ranked at each cut-off of the past, and how its foretold share of
//! labels compares with the share that came. SVG text, drawn the same each time.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// A cut-off of the past, foretold by what was known before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backtest {
    /// The cut-off, as `2026-03-01`.
    pub cut_off: String,
    /// Rows judged.
    pub rows: usize,
    /// The share of rows with the label.
    pub base_rate: f64,
    /// The share that was foretold.
    pub foretold: f64,
    /// The chance that a row with the label is ranked above one without.
    pub auc: Option<f64>,
    /// The same of a ranking by one feature alone, to compare with.
    pub baseline_auc: Option<f64>,
    /// Mean negative logarithm of the probability of what happened.
    pub log_loss: f64,
}

const WIDTH: f64 = 640.0;
const PANEL: f64 = 170.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 34.0;

/// The picture of backtests in order of time; `baseline` names the ranking that is compared with.
pub fn backtests(title: &str, baseline: &str, points: &[Backtest]) -> String {
    let mut svg = String::new();
    let height = 2.0 * (PANEL + TOP) + 30.0;
    write(
        &mut svg,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"11\">"
        ),
    );
    write(&mut svg, format_args!("<rect width=\"100%\" height=\"100%\" fill=\"white\"/><title>{}</title>", escaped(title)));
    let of = |value: fn(&Backtest) -> Option<f64>| points.iter().map(value).collect::<Vec<_>>();
    let ranking = [("model", "#1f6f8b", of(|point| point.auc)), (baseline, "#b0b0b0", of(|point| point.baseline_auc))];
    let lowest = ranking.iter().flat_map(|(_, _, values)| values).flatten().fold(0.5_f64, |least, value| least.min(*value));
    panel(&mut svg, TOP, &format!("{title}: ROC AUC by cut-off"), (lowest, 1.0), points, &ranking);
    let shares = [("came true", "#1f6f8b", of(|point| Some(point.base_rate))), ("foretold", "#d9822b", of(|point| Some(point.foretold)))];
    let highest = shares.iter().flat_map(|(_, _, values)| values).flatten().fold(0.01_f64, |most, value| most.max(*value));
    panel(&mut svg, 2.0 * TOP + PANEL, "share with the label", (0.0, highest * 1.1), points, &shares);
    svg.push_str("</svg>\n");
    svg
}

type Line<'a> = (&'a str, &'a str, Vec<Option<f64>>);

#[expect(clippy::cast_precision_loss, reason = "a backtest has a few points")]
fn panel(svg: &mut String, top: f64, title: &str, (low, high): (f64, f64), points: &[Backtest], lines: &[Line<'_>]) {
    let right = WIDTH - 20.0;
    let x = |place: usize| LEFT + (right - LEFT) * (place as f64 + 0.5) / points.len().max(1) as f64;
    let y = |value: f64| top + PANEL * (1.0 - (value - low) / (high - low).max(1e-9));
    write(svg, format_args!("<text x=\"{LEFT}\" y=\"{:.1}\" font-size=\"13\">{}</text>", top - 16.0, escaped(title)));
    for step in 0..=4 {
        let value = low + (high - low) * f64::from(step) / 4.0;
        let at = y(value);
        write(
            svg,
            format_args!(
                "<line x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\" stroke=\"#e6e6e6\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{value:.3}</text>",
                LEFT - 6.0,
                at + 4.0
            ),
        );
    }
    for (place, point) in points.iter().enumerate() {
        write(
            svg,
            format_args!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                x(place),
                top + PANEL + 14.0,
                escaped(&point.cut_off)
            ),
        );
    }
    for (order, (name, colour, values)) in lines.iter().enumerate() {
        let known = values.iter().enumerate().filter_map(|(place, value)| Some((place, (*value)?)));
        let path: Vec<String> = known.clone().map(|(place, value)| format!("{:.1},{:.1}", x(place), y(value))).collect();
        write(svg, format_args!("<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>", path.join(" ")));
        for (place, value) in known {
            write(
                svg,
                format_args!(
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"><title>{} {value:.4}</title></circle>",
                    x(place),
                    y(value),
                    escaped(name)
                ),
            );
        }
        let at = LEFT + 330.0 + 110.0 * order as f64;
        write(
            svg,
            format_args!(
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"{colour}\"/><text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                at,
                top - 20.0,
                at + 8.0,
                top - 16.0,
                escaped(name)
            ),
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn write(svg: &mut String, piece: std::fmt::Arguments<'_>) {
    svg.write_fmt(piece).expect("writing to a string cannot fail");
    svg.push('\n');
}

#[cfg(test)]
mod tests {
    use super::{Backtest, backtests};

    #[test]
    fn every_point_is_drawn_and_gaps_are_left_out() {
        let point = |cut_off: &str, auc| Backtest {
            cut_off: cut_off.to_owned(),
            rows: 100,
            base_rate: 0.2,
            foretold: 0.25,
            auc,
            baseline_auc: Some(0.6),
            log_loss: 0.5,
        };
        let svg = backtests("lead <30 days>", "recency", &[point("2026-01-01", Some(0.8)), point("2026-02-01", None)]);
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        assert!(svg.contains("lead &lt;30 days&gt;") && svg.contains("2026-02-01"));
        assert_eq!(svg.matches("<title>model").count(), 1);
        assert_eq!(svg.matches("<title>recency").count(), 2);
        assert!(backtests("nothing", "recency", &[]).contains("</svg>"));
    }
}
