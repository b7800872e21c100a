//! Accounts above their record over the lake: matches become a queue that a second run does not change, ratings are of an
//! organiser's matches alone, verdicts teach a model, and nothing looks past its cut-off.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a made-up world has small numbers"
)]

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use chrono::{Days, TimeDelta};
use freshet_ingest::time::Millis;
use freshet_lambda::scorer::repeat::{self, Outcome};
use freshet_lambda::scorer::shelf::Shelf;
use freshet_lambda::scorer::{Desk, Kind, Scoring, smurf};
use freshet_ml::metrics::roc_auc;
use freshet_schema::Contract;
use freshet_table::{Lake, Options, Request, Subject, erase};
use serde_json::{Value, json};

use crate::scoring::{add, day, lake, rows, share, store};

const ACCOUNTS: usize = 400;
const MATCHES: usize = 420;
/// Every so many-th match is an organiser's.
const ORGANISED: usize = 7;
const ROLES: [&str; 5] = ["top", "jungle", "middle", "bottom", "utility"];

fn bell(state: &mut u64) -> f64 {
    (0..12).map(|_| share(state)).sum::<f64>() - 6.0
}

struct Player {
    id: String,
    level: usize,
    skill: f64,
    is_above: bool,
}

/// Players of whom a third play far above a level that is not low alone.
fn players(state: &mut u64) -> Vec<Player> {
    (0..ACCOUNTS)
        .map(|number| {
            let is_above = number % 3 == 0;
            let skill = if is_above { 1.6 + 0.4 * bell(state) } else { 0.8 * bell(state) };
            let level = if is_above { 30.0 + 60.0 * share(state) } else { 30.0 + 370.0 * share(state) };
            Player { id: format!("player-{number}"), level: level.round() as usize, skill, is_above }
        })
        .collect()
}

/// Matches of ten over fifty days, as rows of the two tables.
fn matches(players: &[Player], state: &mut u64) -> Vec<(&'static str, Value)> {
    let begin: chrono::NaiveDateTime = "2026-04-01T00:00:00".parse().unwrap();
    let text = |at: chrono::NaiveDateTime| at.format("%Y-%m-%d %H:%M:%S.000").to_string();
    let mut rows = Vec::new();
    for number in 0..MATCHES {
        let (event, minutes) = (format!("match-{number}"), 20.0 + 15.0 * share(state));
        let started = begin + TimeDelta::minutes(i64::from((72_000.0 * share(state)) as i32));
        let ended = started + TimeDelta::seconds(i64::from((minutes * 60.0) as i32));
        let mut drawn: Vec<&Player> = Vec::new();
        while drawn.len() < 10 {
            let player = &players[(share(state) * ACCOUNTS as f64) as usize];
            if !drawn.iter().any(|other| other.id == player.id) {
                drawn.push(player);
            }
        }
        let form: Vec<f64> = drawn.iter().map(|player| player.skill + 0.6 * bell(state)).collect();
        let ahead = form[..5].iter().sum::<f64>() - form[5..].iter().sum::<f64>();
        let first_wins = share(state) < 1.0 / (1.0 + (-0.4 * ahead).exp());
        let seconds = (ended - started).num_seconds();
        let code = (number % ORGANISED == 0).then_some("EUW1-CUP");
        let shared = json!({ "event_id": event, "occurred_at": text(ended), "topic": "match-v5", "match_id": event, "started_at": text(started), "queue_id": if code.is_some() { 0 } else { 420 }, "duration": seconds });
        let with = |more: Value| {
            let mut row = shared.as_object().unwrap().clone();
            row.extend(more.as_object().unwrap().clone());
            Value::Object(row)
        };
        rows.push((
            "game_matches",
            with(json!({ "map_id": 11, "participant_count": 10, "tournament_code": code, "ended_at": text(ended) })),
        ));
        for (place, player) in drawn.iter().enumerate() {
            let (role, form) = (place % 5, form[place]);
            let gold = minutes * (300.0 + 30.0 * role as f64) * (1.0 + 0.08 * form);
            rows.push((
                "game_match_players",
                with(json!({
                    "row_index": place, "puuid": player.id, "role": ROLES[role], "team_id": if place < 5 { 100 } else { 200 }, "win": first_wins == (place < 5),
                    "gold_earned": gold.round() as i64, "minions_killed": (minutes * 6.0 * (1.0 + 0.1 * form)).max(0.0).round() as i64, "damage_to_champions": (minutes * 500.0 * (1.0 + 0.2 * form)).max(1.0).round() as i64,
                    "vision_score": minutes * (1.0 + 0.1 * form), "deaths": (5.0 - form).max(0.0).round() as i64, "champion_level": 15, "summoner_level": player.level, "champion_id": 1 + (share(state) * 40.0) as i64, "time_played": seconds,
                })),
            ));
        }
    }
    rows
}

async fn number(desk: &Desk, sql: &str) -> f64 {
    rows(desk, sql).await[0][0].as_deref().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn matches_become_a_queue_that_running_again_does_not_change() {
    let home = tempfile::tempdir().unwrap();
    let (running, config, desk) = lake(home.path()).await;
    let mut state = 3;
    let players = players(&mut state);
    add(&config, "matches", &matches(&players, &mut state)).await;
    let scoring = Scoring { as_of: day("2026-06-15"), version: None };
    let report = smurf::score(&desk, &scoring).await.unwrap();
    assert!(report.accounts > 350 && report.version == "robust-z-1", "{report:?}");
    assert_eq!(report.rated_matches, MATCHES.div_ceil(ORGANISED));
    store(&config, "scores").await;
    let everything =
        "SELECT player_id, tier, score, rating, reason_1, evidence, clears, match_ids, model FROM smurf_scores ORDER BY player_id";
    let once = rows(&desk, everything).await;
    assert_eq!(once.len(), report.accounts);
    let again = smurf::score(&desk, &scoring).await.unwrap();
    store(&config, "scores-again").await;
    let nothing = smurf::ScoreReport { landed: 0, was_there: true, ..report.clone() };
    assert_eq!((again, rows(&desk, everything).await), (nothing, once), "a second run for the day");
    only_matches_of_an_organiser_are_rated(&desk).await;
    the_list_beats_wins_alone_and_its_reasons_are_true(&desk, &players).await;

    let queue = rows(&desk, "SELECT tier, proposal, cardinality(clears) FROM smurf_scores WHERE tier <> 'none'").await;
    assert!(!queue.is_empty() && queue.len() < report.accounts / 10, "{}", queue.len());
    for row in &queue {
        let [tier, proposal, clears] = [0, 1, 2].map(|place| row[place].as_deref().unwrap());
        assert!(proposal.starts_with(tier) && !proposal.contains("ban"), "{row:?}");
        assert_eq!(clears == "0", tier == "audit", "{row:?}");
    }
    running.stop().await.unwrap();
}

async fn only_matches_of_an_organiser_are_rated(desk: &Desk) {
    let rated_without = "SELECT count(*) FROM smurf_scores s WHERE s.rating IS NOT NULL AND s.player_id NOT IN (
        SELECT p.puuid FROM game_match_players p JOIN game_matches m ON m.event_id = p.event_id WHERE m.tournament_code IS NOT NULL)";
    assert!(number(desk, rated_without).await.abs() < 0.5);
    assert!(number(desk, "SELECT count(*) FROM smurf_scores WHERE rating IS NOT NULL").await > 200.0);
    assert!(number(desk, "SELECT count(*) FROM smurf_scores WHERE rating IS NULL AND tier = 're-seed'").await.abs() < 0.5);
}

async fn the_list_beats_wins_alone_and_its_reasons_are_true(desk: &Desk, players: &[Player]) {
    let truth: BTreeMap<&str, bool> = players.iter().map(|player| (player.id.as_str(), player.is_above)).collect();
    let listed = rows(desk, "SELECT player_id, score, CAST(won AS double) / matches FROM smurf_scores ORDER BY score DESC").await;
    let labels: Vec<bool> = listed.iter().map(|row| truth[row[0].as_deref().unwrap()]).collect();
    let auc = |place: usize| {
        let values: Vec<f64> = listed.iter().map(|row| row[place].as_deref().unwrap().parse().unwrap()).collect();
        roc_auc(&labels, &values).unwrap()
    };
    assert!(auc(1) > 0.9 && auc(1) > auc(2) + 0.05, "{} {}", auc(1), auc(2));
    // What is said of matches that were won is so, by the tables themselves.
    let wrong = "WITH numbered AS (
            SELECT p.puuid, p.win, row_number() OVER (PARTITION BY p.puuid ORDER BY p.started_at, p.match_id) AS place FROM game_match_players p)
        SELECT count(*) FROM smurf_scores s JOIN (
            SELECT puuid, count(*) AS played, count_if(win) AS won FROM numbered WHERE place <= 10 GROUP BY puuid) n ON n.puuid = s.player_id
        WHERE n.won <> s.won OR n.played <> s.matches OR (s.rating IS NULL
            AND NOT contains(s.evidence, 'won ' || CAST(n.won AS varchar) || ' of its first ' || CAST(n.played AS varchar) || ' matches'))";
    assert!(number(desk, wrong).await.abs() < 0.5);
}

async fn an_erased_player_is_in_no_frame(config: &SdkConfig, desk: &Desk, version: &str) {
    let shelf = Shelf::new(&desk.s3, &desk.bucket, smurf::KIND);
    let before = shelf.models(version).await.unwrap().remove(smurf::PART).unwrap();
    assert_eq!(before.training.erased_rows, 0);
    let subject = Subject::Customer("player-7".to_owned());
    let request = Request { account: "euw1", subject: &subject, hash_keys: &[], is_dry_run: false, other_buckets: &[] };
    let options = Options::new("erasure", Millis(1_781_524_800_000));
    let lake = Lake::connect(config, &desk.bucket).unwrap();
    erase(&lake, Contract::embedded(), &request, &options, |_| ()).await.unwrap();
    assert_eq!((shelf.note_erasures().await.unwrap(), shelf.note_erasures().await.unwrap()), (1, 0));
    let after = shelf.models(version).await.unwrap().remove(smurf::PART).unwrap();
    assert_eq!(after.training.erased_rows, 1, "one of them had a verdict");
    let frame = shelf.frame(version, smurf::PART, &after).await.unwrap().unwrap();
    assert_eq!(frame.labels().len(), after.training.frame_rows - 1, "the others are there");
    smurf::score(desk, &Scoring { as_of: day("2026-06-16"), version: Some(version.to_owned()) }).await.unwrap();
    assert!(store(config, "scores-after-the-erasure").await > 300, "it scores on with a frame that is not whole");
    assert!(number(desk, "SELECT count(*) FROM smurf_scores WHERE player_id = 'player-7'").await.abs() < 0.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_teach_a_model_that_scores_and_nothing_sees_past_its_cut_off() {
    let home = tempfile::tempdir().unwrap();
    let (running, config, desk) = lake(home.path()).await;
    let mut state = 5;
    let players = players(&mut state);
    add(&config, "matches", &matches(&players, &mut state)).await;
    let refused = smurf::train(&desk, &smurf::Training { as_of: day("2026-06-14"), seed: 1 }).await.unwrap_err();
    assert!(["game_verdicts", "50", "freshet score smurf"].iter().all(|said| refused.to_string().contains(said)), "{refused}");
    let verdicts: Vec<(&str, Value)> = players
        .iter()
        .enumerate()
        .map(|(number, player)| {
            let at = (day("2026-05-21") + Days::new(number as u64 % 4)).to_string();
            ("game_verdicts", json!({ "occurred_at": format!("{at} 12:00:00.000"), "topic": "account_verdict", "player_id": player.id, "verdict": if player.is_above { "above" } else { "fits" }, "drawn_by": "queue" }))
        })
        .collect();
    add(&config, "verdicts", &verdicts).await;
    let training = smurf::Training { as_of: day("2026-06-14"), seed: 1 };
    let first = smurf::train(&desk, &training).await.unwrap();
    assert!(!first.was_there && first.parts[0].rows > 300, "{first:?}");
    assert!(first.parts[0].test.and_then(|test| test.auc).unwrap() > 0.85, "{first:?}");
    let shelf = Shelf::new(&desk.s3, &desk.bucket, smurf::KIND);
    let file = async |name: &str| String::from_utf8(shelf.read(&first.version, name).await.unwrap().unwrap()).unwrap();
    assert!(file("accounts.md").await.contains("accounts.svg") && file("accounts.svg").await.contains("score without labels alone"));
    let again = smurf::train(&desk, &training).await.unwrap();
    assert_eq!((again.version.as_str(), again.was_there), (first.version.as_str(), true));
    let report = smurf::score(&desk, &Scoring { as_of: day("2026-06-15"), version: Some(first.version.clone()) }).await.unwrap();
    assert_eq!(report.version, first.version);
    store(&config, "scores").await;
    assert!(number(&desk, "SELECT count(*) FROM smurf_scores WHERE probability IS NULL OR base_rate IS NULL").await.abs() < 0.5);
    let drifted = "SELECT count(*) FROM model_drift WHERE kind = 'smurf' AND model = 'smurf-";
    assert!(number(&desk, &format!("{drifted}{}'", first.version)).await > 5.0, "features and the score, each beside the training");
    let repeated = repeat::version(&shelf, Kind::Smurf, &first.version).await.unwrap();
    assert_eq!(repeated.iter().map(|part| part.outcome).collect::<Vec<_>>(), [Outcome::Same]);
    let newer = [("player-1", "above"), ("player-2", "fits"), ("player-4", "above")].map(|(player, verdict)| {
        ("game_verdicts", json!({ "occurred_at": "2026-06-15 12:00:00.000", "topic": "account_verdict", "player_id": player, "verdict": verdict, "drawn_by": "audit" }))
    });
    add(&config, "newer-verdicts", &newer).await;
    an_erased_player_is_in_no_frame(&config, &desk, &first.version).await;
    let found = rows(&desk, "SELECT dt, round(mean_now, 4), rows_now FROM model_drift WHERE what = 'base_rate'").await;
    assert_eq!(found, [["2026-06-16", "0.6667", "3"].map(|text| Some(text.to_owned()))], "two of three verdicts since the training");
    let repeated = repeat::version(&shelf, Kind::Smurf, &first.version).await.unwrap();
    assert_eq!((repeated[0].outcome, repeated[0].erased_rows), (Outcome::RowsErased, 1));
    let unknown = smurf::score(&desk, &Scoring { as_of: day("2026-06-15"), version: Some("nonsense".to_owned()) }).await;
    assert!(unknown.unwrap_err().to_string().contains("nonsense"));

    let look = || async { format!("{:?}", smurf::gather(&desk, day("2026-05-01"), day("2026-05-03")).await.unwrap()) };
    let before = look().await;
    let after = |at: &str, received: &str| {
        let shared = json!({ "event_id": format!("m {at} {received}"), "occurred_at": at, "received_at": received, "topic": "match-v5", "match_id": "new", "started_at": at, "queue_id": 420, "duration": 1800 });
        let with = |more: Value| {
            let mut row = shared.as_object().unwrap().clone();
            row.extend(more.as_object().unwrap().clone());
            Value::Object(row)
        };
        vec![
            ("game_matches", with(json!({ "map_id": 11, "participant_count": 10, "tournament_code": "CUP", "ended_at": at }))),
            (
                "game_match_players",
                with(
                    json!({ "row_index": 0, "puuid": "player-1", "role": "top", "team_id": 100, "win": true, "gold_earned": 90_000, "summoner_level": 1 }),
                ),
            ),
            (
                "game_match_players",
                with(
                    json!({ "row_index": 1, "puuid": "player-2", "role": "top", "team_id": 200, "win": false, "gold_earned": 1, "summoner_level": 1 }),
                ),
            ),
        ]
    };
    for (name, at, received) in [
        ("on-the-day", "2026-05-01 00:00:00.000", "2026-05-01 00:00:01.000"),
        ("later", "2026-05-20 09:00:00.000", "2026-05-20 09:00:01.000"),
        ("late", "2026-04-30 23:00:00.000", "2026-05-02 00:00:00.000"),
        ("imported-after", "2026-04-20 09:00:00.000", "2026-05-04 00:00:00.000"),
    ] {
        add(&config, name, &after(at, received)).await;
        assert_eq!(look().await, before, "{name}");
    }
    // The comparison can fail.
    add(&config, "in-time", &after("2026-04-30 20:00:00.000", "2026-04-30 20:00:01.000")).await;
    assert_ne!(look().await, before);
    running.stop().await.unwrap();
}
