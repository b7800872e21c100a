//! `freshet cost`: what a month of the lake costs, line by line, and what that depends on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use freshet_query::{Query, catalogue};
use freshet_schema::Contract;
use serde_json::{Value, json};

use crate::cost::{Door, Estimate, Freshness, Prices, Scoring, Share, SourceSize, Workload, estimate, fixture_sizes, split};
use crate::environment;
use crate::output::{say, table};

/// Freshness, in minutes, that is compared.
const CHOICES: [f64; 6] = [5.0, 15.0, 60.0, 240.0, 720.0, 1456.0];

/// What the cost is split by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// The source of the events.
    Source,
    /// The cost-allocation tag `source`, as the bill shows it where each source has a stage of its own.
    Tag,
}

/// Arguments of `freshet cost`.
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
#[derive(Debug, Args)]
#[command(
    after_help = "Prices, their sources and what is assumed: infra/prices.toml.\n\nExamples:\n  freshet cost --events-per-month 30000 --queries-per-month 300\n  freshet cost --events-per-month 260000000 --freshness-minutes 30 --no-free-tier\n  freshet cost --by source --share shopify=0.9 --share game=0.1 --json\n  freshet cost --scoring both"
)]
pub(crate) struct Arguments {
    /// Deliveries a month.
    #[arg(long, conflicts_with = "users")]
    events_per_month: Option<f64>,
    /// People whose doings become events.
    #[arg(long)]
    users: Option<f64>,
    /// Queries a month.
    #[arg(long, default_value_t = 300.0)]
    queries_per_month: f64,
    /// The age that a row may have when it is in its table; by landed bytes, at most four compactions a day, unless it is given.
    #[arg(long)]
    freshness_minutes: Option<f64>,
    /// How deliveries come in.
    #[arg(long, value_enum, default_value = "function-url")]
    door: Door,
    /// The mean bytes of a body; those of the contract's fixtures unless it is given.
    #[arg(long)]
    event_bytes: Option<f64>,
    /// Where the contract's fixtures are.
    #[arg(long, default_value = "schemas")]
    schemas: PathBuf,
    /// Reckon the queries from the bytes of the tables that are there (`FRESHET_BUCKET`).
    #[arg(long)]
    live: bool,
    /// What is scored each night and trained each week, as the template's parameter `Scoring` has it.
    #[arg(long, value_enum, default_value = "none")]
    scoring: Scoring,
    /// Leave out what is free every month.
    #[arg(long)]
    no_free_tier: bool,
    /// With X-Ray.
    #[arg(long)]
    tracing: bool,
    /// Split the cost.
    #[arg(long, value_enum)]
    by: Option<By>,
    /// A source's part of the events, as SOURCE=PART; evenly unless it is given.
    #[arg(long)]
    share: Vec<String>,
    /// A file whose prices, free amounts and measures count instead.
    #[arg(long)]
    prices: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let prices = Prices::load(arguments.prices.as_deref())?;
    let sizes = fixture_sizes(&arguments.schemas);
    let shares = shares(&arguments.share, &sizes)?;
    let measured = shares
        .iter()
        .map(|(name, part)| part * sizes.get(name).map_or_else(|| prices.measure("event_bytes"), |size| size.mean_bytes))
        .sum::<f64>();
    let event_bytes = arguments.event_bytes.unwrap_or(if sizes.is_empty() { prices.measure("event_bytes") } else { measured });
    let events =
        arguments.events_per_month.or_else(|| arguments.users.map(|users| users * prices.measure("events_per_user"))).unwrap_or(30_000.0);
    if !(events >= 0.0 && arguments.queries_per_month >= 0.0 && event_bytes > 0.0) {
        bail!("numbers are not below 0");
    }
    let freshness = match arguments.freshness_minutes {
        Some(minutes) => Some(Freshness::within(minutes).with_context(|| format!("{minutes} minutes cannot be kept: a minute in the transformation, one in the stream and one to the next compaction are the least"))?),
        None => None,
    };
    let live = if arguments.live { Some(named_queries(&prices).await?) } else { None };
    let scanned_bytes = live.as_ref().filter(|queries| !queries.is_empty()).map(|queries| {
        #[expect(clippy::cast_precision_loss, reason = "a few queries")]
        let number = queries.len() as f64;
        queries.iter().map(|query| query.1).sum::<f64>() / number
    });
    let workload = Workload {
        events,
        queries: arguments.queries_per_month,
        event_bytes,
        door: arguments.door,
        has_tracing: arguments.tracing,
        has_free_tier: !arguments.no_free_tier,
        scoring: arguments.scoring,
        freshness,
        scanned_bytes,
    };
    let month = estimate(&prices, &workload);
    let by = arguments.by.map(|by| {
        let shares = shares.iter().map(|(name, part)| {
            let bytes = sizes.get(name).map_or(event_bytes, |size| size.mean_bytes);
            (if by == By::Tag { format!("source={name}") } else { name.clone() }, Share { events: events * part, event_bytes: bytes })
        });
        split(&month, &shares.collect())
    });
    let report = report(&prices, &workload, &month, by.as_ref(), live.as_deref());
    if arguments.json {
        say(&serde_json::to_string_pretty(&report)?);
    } else {
        print(&workload, &month, &report, by.as_ref(), live.as_deref());
    }
    Ok(ExitCode::SUCCESS)
}

/// Each source's part of the events.
fn shares(given: &[String], sizes: &BTreeMap<String, SourceSize>) -> Result<BTreeMap<String, f64>> {
    let mut parts = BTreeMap::new();
    for share in given {
        let (name, part) = share.split_once('=').context("--share takes SOURCE=PART")?;
        let part: f64 =
            part.parse().ok().filter(|part| *part > 0.0).with_context(|| format!("--share {name}: a part is a number above 0"))?;
        parts.insert(name.to_owned(), part);
    }
    if parts.is_empty() {
        let known: Vec<String> =
            Contract::embedded().sources().iter().filter(|source| source.signature.is_some()).map(|source| source.name.clone()).collect();
        let names = known.into_iter().filter(|name| sizes.is_empty() || sizes.contains_key(name));
        parts.extend(names.map(|name| (name, 1.0)));
    }
    let sum: f64 = parts.values().sum();
    for part in parts.values_mut() {
        *part /= sum;
    }
    Ok(parts)
}

/// Each named query with the bytes of the tables that it reads, all columns and days: the most that it scans.
async fn named_queries(prices: &Prices) -> Result<Vec<(String, f64, f64)>> {
    let lake = environment::lake().await?;
    let tables = freshet_table::tables(&lake, Contract::embedded()).await.context("look at the tables")?;
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let bytes_of: BTreeMap<&str, f64> = tables.iter().map(|table| (table.name.as_str(), table.bytes as f64)).collect();
    let queries = catalogue().iter().map(|query| {
        let tables = tables_of(query, &bytes_of, &mut BTreeSet::new());
        let bytes: f64 = tables.iter().filter_map(|name| bytes_of.get(name)).sum();
        let billed = bytes.max(prices.measure("query_least_bytes"));
        (query.name.clone(), billed, prices.usd("athena", billed))
    });
    Ok(queries.collect())
}

/// The tables that a query reads, through views too.
fn tables_of<'a>(query: &'a Query, bytes_of: &BTreeMap<&'a str, f64>, seen: &mut BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    let words = query.sql.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let mut tables = BTreeSet::new();
    for word in words.filter(|word| !word.is_empty()) {
        if let Some((name, _)) = bytes_of.get_key_value(word) {
            tables.insert(*name);
        } else if let Some(view) = catalogue().iter().find(|view| view.name == word).filter(|_| seen.insert(word)) {
            tables.extend(tables_of(view, bytes_of, seen));
        }
    }
    tables
}

/// What would break a small bill at once.
fn breakers(prices: &Prices, workload: &Workload, month: &Estimate) -> Vec<(String, f64)> {
    let with = |change: &dyn Fn(&mut Workload)| {
        let mut other = *workload;
        change(&mut other);
        estimate(prices, &other).total_usd - month.total_usd
    };
    let fresh = month.freshness;
    let mut found = vec![
        ("a key of KMS of one's own".to_owned(), prices.usd("kms_key", 1.0)),
        ("a secret in Secrets Manager".to_owned(), prices.usd("secrets_manager", 1.0)),
        ("the account's eleventh alarm".to_owned(), prices.usd("alarms", 1.0)),
        ("an HTTP API before the receiver".to_owned(), with(&|other| other.door = Door::HttpApi)),
        ("a flush every minute".to_owned(), with(&|other| other.freshness = Some(Freshness { flush_seconds: 60.0, ..fresh }))),
        ("four compactions a day".to_owned(), with(&|other| other.freshness = Some(Freshness { compactions_a_day: 4.0, ..fresh }))),
        ("a compaction every hour".to_owned(), with(&|other| other.freshness = Some(Freshness { compactions_a_day: 24.0, ..fresh }))),
        ("scoring leads and accounts each night".to_owned(), with(&|other| other.scoring = Scoring::Both)),
        ("tracing".to_owned(), with(&|other| other.has_tracing = true)),
        ("queries of 10 GB".to_owned(), with(&|other| other.scanned_bytes = Some(1e10))),
        ("no free tier left in the account".to_owned(), with(&|other| other.has_free_tier = false)),
    ];
    found.retain(|(_, usd)| *usd > 0.0005);
    found
}

fn report(
    prices: &Prices,
    workload: &Workload,
    month: &Estimate,
    by: Option<&BTreeMap<String, f64>>,
    live: Option<&[(String, f64, f64)]>,
) -> Value {
    let grown =
        |factor: f64| estimate(prices, &Workload { events: workload.events * factor, queries: workload.queries * factor, ..*workload });
    let growth: Vec<Value> = [1.0, 10.0, 100.0].map(|factor| {
        let month = grown(factor);
        json!({"factor": factor, "events_per_month": workload.events * factor, "queries_per_month": workload.queries * factor, "total_usd": cents(month.total_usd), "largest": month.largest().map(|line| line.service), "freshness_minutes": month.freshness_minutes})
    }).to_vec();
    let freshness: Vec<Value> = CHOICES.iter().filter_map(|minutes| {
        let choice = Freshness::within(*minutes)?;
        let month = estimate(prices, &Workload { freshness: Some(choice), ..*workload });
        Some(json!({"freshness_minutes": minutes, "flush_seconds": choice.flush_seconds, "compactions_a_day": choice.compactions_a_day, "total_usd": cents(month.total_usd)}))
    }).collect();
    json!({
        "total_usd": cents(month.total_usd),
        "currency": prices.currency,
        "region": prices.region,
        "events_per_month": workload.events,
        "queries_per_month": workload.queries,
        "event_bytes": workload.event_bytes.round(),
        "door": workload.door,
        "free_tier": workload.has_free_tier,
        "scoring": workload.scoring,
        "freshness_minutes": month.freshness_minutes,
        "flush_seconds": month.freshness.flush_seconds,
        "compactions_a_day": month.freshness.compactions_a_day,
        "lines": month.lines.iter().map(|line| json!({"service": line.service, "usd": cents(line.usd), "how": line.how, "driver": line.driver})).collect::<Vec<_>>(),
        "largest": month.largest().map(|line| line.service),
        "packing_saves_usd": cents(month.packing_saves_usd),
        "storage_grows_usd_a_month": cents(month.storage_grows_usd),
        "growth": growth,
        "freshness": freshness,
        "breakers": breakers(prices, workload, month).into_iter().map(|(what, usd)| json!({"what": what, "adds_usd": cents(usd)})).collect::<Vec<_>>(),
        "by": by.map(|by| by.iter().map(|(name, usd)| (name.clone(), cents(*usd))).collect::<BTreeMap<_, _>>()),
        "named_queries": live.map(|queries| queries.iter().map(|(name, bytes, usd)| json!({"name": name, "most_bytes": bytes, "most_usd": usd})).collect::<Vec<_>>()),
        "prices": prices.all().map(|(name, price)| json!({"name": name, "unit": price.unit, "source": price.source, "as_of": price.as_of})).collect::<Vec<_>>(),
    })
}

/// An amount to a hundredth of a cent.
fn cents(usd: f64) -> f64 {
    (usd * 10_000.0).round() / 10_000.0
}

fn money(usd: f64) -> String {
    if usd >= 10.0 { format!("${usd:.2}") } else { format!("${usd:.4}") }
}

fn print(workload: &Workload, month: &Estimate, report: &Value, by: Option<&BTreeMap<String, f64>>, live: Option<&[(String, f64, f64)]>) {
    table(
        &["service", "USD a month", "how"],
        month.lines.iter().map(|line| vec![line.service.to_owned(), money(line.usd), line.how.clone()]).chain([vec![
            "total".to_owned(),
            money(month.total_usd),
            format!("{} deliveries of {:.0} bytes, {} queries", workload.events, workload.event_bytes, workload.queries),
        ]]),
    );
    let fresh = month.freshness;
    say(&format!(
        "A row is in its table at most {:.0} minutes after it came: the stream flushes every {:.0} s, and {} compactions run a day.",
        month.freshness_minutes, fresh.flush_seconds, fresh.compactions_a_day
    ));
    if let Some(largest) = month.largest() {
        say(&format!(
            "The largest line is {}. Packing small records up to 5 KB would save {}. The tables of a month add {} to each later month that keeps them.",
            largest.service,
            money(month.packing_saves_usd),
            money(month.storage_grows_usd)
        ));
    }
    say(&format!(
        "So little because: {}, functions on arm64, system logs at WARN, tracing {}, SSE-S3 and SSM parameters without a monthly price, alarms within the ten that are free{}.",
        match workload.door {
            Door::FunctionUrl => "a Function URL in place of an HTTP API",
            Door::HttpApi => "an HTTP API, which a Function URL would save",
            Door::EventBridge => "no receiver",
        },
        if workload.has_tracing { "on" } else { "off" },
        if workload.has_free_tier { ", the free tier counted" } else { ", the free tier left out" }
    ));
    let text = |value: &Value, key: &str| {
        value.get(key).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).unwrap_or_default()
    };
    let list = |key: &str| report.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let usd = |value: &Value, key: &str| money(value.get(key).and_then(Value::as_f64).unwrap_or_default());
    say("\nGrowth");
    table(
        &["", "deliveries", "queries", "USD a month", "largest line"],
        list("growth").iter().map(|row| {
            vec![
                format!("×{}", text(row, "factor").trim_end_matches(".0")),
                text(row, "events_per_month"),
                text(row, "queries_per_month"),
                usd(row, "total_usd"),
                text(row, "largest"),
            ]
        }),
    );
    say("\nFreshness");
    table(
        &["minutes at most", "flush, s", "compactions a day", "USD a month"],
        list("freshness").iter().map(|row| {
            vec![text(row, "freshness_minutes"), text(row, "flush_seconds"), text(row, "compactions_a_day"), usd(row, "total_usd")]
        }),
    );
    say("\nWhat would add to it");
    table(&["what", "USD a month"], list("breakers").iter().map(|row| vec![text(row, "what"), usd(row, "adds_usd")]));
    if let Some(by) = by {
        say("\nBy source (Fixed costs evenly, the rest by deliveries and bytes)");
        table(&["source", "USD a month"], by.iter().map(|(name, usd)| vec![name.clone(), money(*usd)]));
    }
    if let Some(queries) = live {
        say("\nNamed queries, on all columns and days of the tables that are there");
        table(
            &["query", "MB at most", "USD at most"],
            queries.iter().map(|(name, bytes, usd)| vec![name.clone(), format!("{:.1}", bytes / 1e6), format!("${usd:.6}")]),
        );
    }
}
