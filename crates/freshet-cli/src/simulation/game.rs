//! The game: players with a skill that nobody sees, some of them with a second account, and the matches that they play.

use freshet_ingest::time::Millis;
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::money::round;
use super::truth::{PlayerTruth, Truth};
use super::writing::{DAY, HOUR, MINUTE, SECOND, bell, hex, merge, pick, token};
use super::{Event, Settings};

const ROLES: [&str; 5] = ["TOP", "JUNGLE", "MIDDLE", "BOTTOM", "UTILITY"];
const CHAMPIONS: [[(&str, u32); 3]; 5] = [
    [("Garen", 86), ("Ornn", 516), ("Camille", 164)],
    [("LeeSin", 64), ("Vi", 254), ("Elise", 60)],
    [("Ahri", 103), ("Syndra", 134), ("Yasuo", 157)],
    [("Jinx", 222), ("Ashe", 22), ("Ezreal", 81)],
    [("Thresh", 412), ("Lulu", 117), ("Morgana", 25)],
];
/// Creeps a minute, gold a minute, damage a minute, vision a minute, share of kills.
const PACE: [[f64; 5]; 5] = [
    [6.8, 390.0, 560.0, 0.8, 1.0],
    [5.2, 380.0, 470.0, 1.0, 1.1],
    [7.0, 405.0, 690.0, 0.8, 1.2],
    [7.4, 430.0, 720.0, 0.7, 1.3],
    [1.2, 270.0, 290.0, 2.2, 0.4],
];

/// Every so many-th match is one of a tournament's organiser.
const ORGANISED: usize = 4;

/// Exactly `quota` matches.
pub(super) fn events(rng: &mut StdRng, settings: Settings, quota: usize, truth: &mut Truth) -> Vec<Event> {
    truth.players = (0..60 + quota / 4).map(|number| player(rng, number)).collect();
    truth.matches = quota;
    (0..quota)
        .map(|number| {
            let end = settings.until.0 - rng.random_range(MINUTE..i64::from(settings.days).max(1) * DAY);
            let body = play(rng, &truth.players, 7_100_000_000 + number as u64, Millis(end), number % ORGANISED == 0);
            Event { at: Millis(end), source: "game", account: None, topic: None, body }
        })
        .collect()
}

fn player(rng: &mut StdRng, number: usize) -> PlayerTruth {
    let is_smurf = rng.random_ratio(1, 12);
    let skill = if is_smurf { 1.9 + 0.35 * bell(rng) } else { bell(rng) };
    let level = if is_smurf { rng.random_range(30..55) } else { rng.random_range(30..500) };
    PlayerTruth {
        puuid: token(rng, 78),
        name: format!("Player {number}"),
        tag: hex(rng, 4).to_uppercase(),
        level,
        skill,
        is_smurf,
        role: rng.random_range(0..5),
    }
}

/// Two of each role, whoever is free: the better team wins more often.
fn draw<'a>(rng: &mut StdRng, players: &'a [PlayerTruth]) -> Vec<&'a PlayerTruth> {
    let mut drawn: Vec<&PlayerTruth> = Vec::with_capacity(10);
    for place in 0..10 {
        let free: Vec<&PlayerTruth> = players.iter().filter(|player| !drawn.iter().any(|other| other.puuid == player.puuid)).collect();
        let mains: Vec<&PlayerTruth> = free.iter().copied().filter(|player| player.role == place % 5).collect();
        drawn.push(*pick(rng, if mains.is_empty() { &free } else { &mains }));
    }
    drawn
}

fn play(rng: &mut StdRng, players: &[PlayerTruth], game_id: u64, end: Millis, is_organised: bool) -> Value {
    let drawn = draw(rng, players);
    let form: Vec<f64> = drawn.iter().map(|player| player.skill + 0.7 * bell(rng)).collect();
    let strength = |team: usize| form[team * 5..team * 5 + 5].iter().sum::<f64>() / 5.0;
    let chance = 1.0 / (1.0 + (-1.6 * (strength(0) - strength(1))).exp());
    let first_wins = rng.random::<f64>() < chance;
    let seconds = rng.random_range(1_200..2_400_i64);
    let minutes = seconds as f64 / 60.0;
    let mut kills = [0_i64; 10];
    let mut deaths = [0_i64; 10];
    for team in 0..2 {
        let wins = first_wins == (team == 0);
        let total = rng.random_range(14..28) + if wins { 9 } else { 0 };
        for _ in 0..total {
            let killer = weighted(rng, |place| if place / 5 == team { PACE[place % 5][4] * (0.45 * form[place]).exp() } else { 0.0 });
            let victim = weighted(rng, |place| if place / 5 == team { 0.0 } else { (-0.35 * form[place]).exp() });
            kills[killer] += 1;
            deaths[victim] += 1;
        }
    }
    let team_kills = [kills[..5].iter().sum::<i64>(), kills[5..].iter().sum::<i64>()];
    let damage: Vec<f64> = (0..10).map(|place| (PACE[place % 5][2] * (1.0 + 0.16 * form[place] + 0.05 * bell(rng))).max(90.0)).collect();
    let participants: Vec<Value> = (0..10)
        .map(|place| {
            let (team, opponent) = (place / 5, (place + 5) % 10);
            let pace = PACE[place % 5];
            let creeps = (pace[0] * (1.0 + 0.10 * form[place] + 0.05 * bell(rng)) * minutes).max(4.0);
            let gold = pace[1] * (1.0 + 0.08 * form[place] + 0.02 * bell(rng)) * minutes;
            let vision = (pace[3] * (1.0 + 0.12 * form[place]) * minutes).max(1.0);
            let others = team_kills[team] - kills[place];
            let assists = round(others as f64 * rng.random_range(0.25..0.6));
            let wins = first_wins == (team == 0);
            let (champion, champion_id) = *pick(rng, &CHAMPIONS[place % 5]);
            let lead = form[place] - form[opponent];
            let player = drawn[place];
            let who = json!({
                "puuid": player.puuid, "participantId": place + 1, "riotIdGameName": player.name, "riotIdTagline": player.tag, "summonerName": "", "summonerId": token(rng, 47), "summonerLevel": player.level, "profileIcon": player.level % 29,
                "teamId": 100 * (team + 1), "win": wins, "championId": champion_id, "championName": champion, "champLevel": 11 + round(minutes / 5.0), "champExperience": round(minutes * 480.0),
                "teamPosition": ROLES[place % 5], "individualPosition": ROLES[place % 5], "lane": "NONE", "role": "SOLO", "timePlayed": seconds, "kills": kills[place], "deaths": deaths[place], "assists": assists,
            });
            let what = json!({
                "goldEarned": round(gold), "goldSpent": round(gold * 0.94), "totalMinionsKilled": round(creeps), "neutralMinionsKilled": if place % 5 == 1 { round(creeps * 0.6) } else { 4 },
                "totalDamageDealtToChampions": round(damage[place] * minutes), "totalDamageDealt": round(damage[place] * minutes * 6.1), "totalDamageTaken": round(minutes * 700.0), "totalHeal": round(minutes * 90.0),
                "visionScore": round(vision), "wardsPlaced": round(vision / 2.0), "wardsKilled": round(vision / 5.0), "visionWardsBoughtInGame": round(vision / 9.0), "detectorWardsPlaced": round(vision / 9.0),
                "doubleKills": kills[place] / 5, "tripleKills": kills[place] / 11, "quadraKills": 0, "pentaKills": 0, "largestKillingSpree": kills[place] / 2, "turretKills": i64::from(wins), "turretTakedowns": 2 * i64::from(wins),
                "item0": 3_157, "item1": 3_020, "item2": 3_089, "item3": 0, "item4": 0, "item5": 0, "item6": 3_364, "summoner1Id": 4, "summoner2Id": if place % 5 == 1 { 11 } else { 14 },
                "gameEndedInEarlySurrender": false, "gameEndedInSurrender": rng.random_ratio(1, 4), "teamEarlySurrendered": false, "eligibleForProgression": true,
            });
            let challenges = json!({ "challenges": {
                    "kda": digits((kills[place] + assists) as f64 / deaths[place].max(1) as f64), "killParticipation": digits((kills[place] + assists) as f64 / team_kills[team].max(1) as f64),
                    "goldPerMinute": digits(gold / minutes), "damagePerMinute": digits(damage[place]), "teamDamagePercentage": digits(damage[place] / damage[team * 5..team * 5 + 5].iter().sum::<f64>()), "visionScorePerMinute": digits(vision / minutes),
                    "laneMinionsFirst10Minutes": round(creeps / minutes * 9.0), "maxCsAdvantageOnLaneOpponent": digits((18.0 * lead + 12.0).max(0.0)), "maxLevelLeadLaneOpponent": round((1.0 + lead).max(0.0)),
                    "laningPhaseGoldExpAdvantage": i64::from(lead > 0.6), "earlyLaningPhaseGoldExpAdvantage": i64::from(lead > 0.4), "soloKills": round((kills[place] as f64 / 4.0 + 0.5 * lead).max(0.0)),
                    "skillshotsDodged": round((14.0 + 5.0 * form[place]).max(0.0)), "skillshotsHit": round((22.0 + 6.0 * form[place]).max(0.0)), "turretPlatesTaken": round((1.0 + lead).max(0.0)),
            } });
            merge([who, what, challenges])
        })
        .collect();
    let platform = "EUW1";
    let match_id = format!("{platform}_{game_id}");
    let puuids: Vec<&str> = drawn.iter().map(|player| player.puuid.as_str()).collect();
    let begin = end.0 - seconds * SECOND;
    let queue = *pick(rng, &[420, 420, 440]);
    json!({
        "metadata": { "dataVersion": "2", "matchId": match_id, "participants": puuids },
        "info": {
            "endOfGameResult": "GameComplete", "gameCreation": begin - MINUTE, "gameStartTimestamp": begin, "gameEndTimestamp": end.0, "gameDuration": seconds, "gameId": game_id, "gameMode": "CLASSIC", "gameName": format!("match-{game_id}"),
            "gameType": if is_organised { "CUSTOM_GAME" } else { "MATCHED_GAME" }, "gameVersion": "16.22.733.1", "mapId": 11, "platformId": platform, "queueId": if is_organised { 0 } else { queue },
            "tournamentCode": if is_organised { format!("{platform}-cup-{}", game_id % 7) } else { String::new() }, "participants": participants,
            "teams": [team(100, first_wins, team_kills[0]), team(200, !first_wins, team_kills[1])],
        },
    })
}

fn team(id: u32, wins: bool, kills: i64) -> Value {
    json!({
        "teamId": id, "win": wins, "bans": [{ "championId": 238, "pickTurn": 1 }, { "championId": 777, "pickTurn": 2 }],
        "objectives": { "champion": { "first": wins, "kills": kills }, "tower": { "first": wins, "kills": if wins { 9 } else { 3 } }, "dragon": { "first": wins, "kills": 2 } },
    })
}

/// With six digits behind the point: so many survive any reader and writer of JSON.
fn digits(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// One of ten by weight.
fn weighted(rng: &mut StdRng, weight: impl Fn(usize) -> f64) -> usize {
    let total: f64 = (0..10).map(&weight).sum();
    let mut left = rng.random::<f64>() * total;
    (0..10)
        .find(|place| {
            left -= weight(*place);
            left < 0.0
        })
        .unwrap_or(9)
}

/// A match's timeline: megabytes that a record holds only compressed.
pub(super) fn timeline(rng: &mut StdRng, bytes: usize, at: Millis) -> Value {
    let match_id = format!("EUW1_{}", rng.random_range(8_000_000_000_u64..9_000_000_000));
    let mut frames = Vec::new();
    let mut size = 0;
    while size < bytes {
        let players: serde_json::Map<String, Value> = (1..=10)
            .map(|player| (player.to_string(), json!({ "participantId": player, "totalGold": rng.random_range(500..20_000), "xp": rng.random_range(0..18_000), "minionsKilled": rng.random_range(0..300), "position": { "x": rng.random_range(0..15_000), "y": rng.random_range(0..15_000) } })))
            .collect();
        let frame = json!({ "timestamp": frames.len() * 60_000, "participantFrames": players, "events": [] });
        size += frame.to_string().len() + 1;
        frames.push(frame);
    }
    json!({ "metadata": { "dataVersion": "2", "matchId": match_id }, "info": { "frameInterval": 60_000, "gameId": 1, "gameCreation": at.0 - HOUR, "frames": frames } })
}
