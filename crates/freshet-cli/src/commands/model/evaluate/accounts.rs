//! `freshet model evaluate smurf`: accounts above their record, on a ready frame or on matches.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{ArgGroup, Args};
use freshet_smurf::games::{self, Columns, Host};
use freshet_smurf::inject::{Found, inject};
use freshet_smurf::rating::{EXPERIENCED, forecast};
use freshet_smurf::verdicts::options;
use serde::Serialize;

use super::{FrameArguments, SEED, on_frame, text};
use crate::output::{complain, say, table};
use crate::progress::Progress;

/// Arguments of `freshet model evaluate smurf`.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("data").required(true).args(["frame", "matches"])),
    after_help = "Games are rated in order of time, then of the file: times are numbers, moments in many ways of writing, or text that sorts. \
        Rate games that you run yourself; publishers may forbid ratings of theirs.\n\nExamples:\n  freshet model evaluate smurf --frame accounts.csv --ignore account --json\n  freshet model evaluate smurf --matches games.csv --player p1 --opponent p2 --score s1 --opponent-score s2 --time ended --inject 10"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    ready: FrameArguments,
    /// A row a game of one against one, with a header; gzip or not.
    #[arg(long, value_name = "FILE", requires_all = ["player", "opponent", "score", "opponent_score", "time"])]
    matches: Option<PathBuf>,
    /// The column of one player.
    #[arg(long, value_name = "COL", requires = "matches")]
    player: Option<String>,
    /// The column of the other.
    #[arg(long, value_name = "COL", requires = "matches")]
    opponent: Option<String>,
    /// The column of the one's score.
    #[arg(long, value_name = "COL", requires = "matches")]
    score: Option<String>,
    /// The column of the other's.
    #[arg(long, value_name = "COL", requires = "matches")]
    opponent_score: Option<String>,
    /// The column that says when.
    #[arg(long, value_name = "COL", requires = "matches")]
    time: Option<String>,
    /// Give later games of strong players to new accounts, with N seeds, and say how well these are told from others.
    #[arg(long, value_name = "N", requires = "matches", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    inject: Option<u64>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How good the forecasts are, and how well injected accounts are found.
#[derive(Debug, Serialize)]
struct Judged {
    model: &'static str,
    /// All games, and all players.
    rated: usize,
    players: usize,
    /// Rows that could not be read.
    left_out: usize,
    /// Decided games between players with games enough before.
    games: usize,
    accuracy: Option<f64>,
    log_loss: Option<f64>,
    #[serde(flatten)]
    injected: Option<Injected>,
}

#[derive(Debug, Serialize)]
struct Injected {
    seeds: u64,
    auc_after_5: Option<f64>,
    auc_after_10: Option<f64>,
    #[serde(rename = "injected")]
    found: Vec<Found>,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    if let Some(path) = &arguments.ready.frame {
        return on_frame(path, &arguments.ready, &options("evaluation", SEED), arguments.json);
    }
    let path = arguments.matches.as_deref().context("neither --frame nor --matches is given")?;
    on_matches(path, arguments).with_context(|| format!("evaluate on {}", path.display()))
}

fn on_matches(path: &Path, arguments: &Arguments) -> Result<()> {
    let given = |column: &Option<String>| column.clone().unwrap_or_default();
    let columns = Columns {
        player: given(&arguments.player),
        opponent: given(&arguments.opponent),
        score: given(&arguments.score),
        opponent_score: given(&arguments.opponent_score),
        time: given(&arguments.time),
    };
    let games = text::read(path, |source| games::read(source, &columns))?;
    if let Some(line) = games.first_rejected {
        let (rejected, rows) = (games.rejected, games.rejected + games.games.len());
        complain(&format!(
            "note: {rejected} of {rows} rows are no game of two players at a time and are left out, the first at line {line}"
        ));
    }
    if !games.is_timed {
        complain("note: the times are neither numbers nor moments that are known: games are in the order of their text");
    }
    let (_, forecast) = text::patiently("rating", || forecast(games.players.len(), &games.games, Host::Organiser))?;
    if forecast.games == 0 {
        complain(&format!("note: no decided game has two players with {EXPERIENCED} games before: there is no forecast to judge"));
    }
    let of_judged = |figure: f64| (forecast.games > 0).then_some(figure);
    let injected = match arguments.inject {
        Some(seeds) => {
            let progress = Progress::new("injecting", seeds);
            let found = inject(&games, seeds, 0.0, |_| progress.advance(1))?;
            progress.finish();
            let auc = |after: u32| found.iter().find(|found| found.games == after).map(|found| found.auc);
            Some(Injected { seeds, auc_after_5: auc(5), auc_after_10: auc(10), found })
        }
        None => None,
    };
    let judged = Judged {
        model: "glicko-2",
        rated: games.games.len(),
        players: games.players.len(),
        left_out: games.rejected,
        games: forecast.games,
        accuracy: of_judged(forecast.accuracy),
        log_loss: of_judged(forecast.log_loss),
        injected,
    };
    if arguments.json {
        say(&serde_json::to_string_pretty(&judged)?);
    } else {
        print_matches(&judged);
    }
    Ok(())
}

fn print_matches(judged: &Judged) {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    say(&format!("{} games of {} players are rated by Glicko-2", judged.rated, judged.players));
    say(&format!(
        "forecast of {} decided games between players with {EXPERIENCED} games before: accuracy {}, log-loss {}",
        judged.games,
        number(judged.accuracy),
        number(judged.log_loss)
    ));
    let Some(injected) = &judged.injected else { return };
    say(&format!(
        "\nNew accounts of strong players told from others by their first games, over {} seeds (area under the curve)",
        injected.seeds
    ));
    table(
        &["after games", "score", "rating alone", "share won alone", "accounts a seed", "others in all"],
        injected.found.iter().map(|found| {
            vec![
                found.games.to_string(),
                format!("{:.4}", found.auc),
                format!("{:.4}", found.auc_rating),
                format!("{:.4}", found.auc_win_rate),
                found.smurfs.to_string(),
                found.others.to_string(),
            ]
        }),
    );
}
