//! Cases that were reckoned by hand, from the numbers of `infra/prices.toml` written out.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use super::{Door, Freshness, Prices, Scoring, Share, Workload, estimate, split};

fn workload(events: f64, queries: f64) -> Workload {
    Workload {
        events,
        queries,
        event_bytes: 2048.0,
        door: Door::FunctionUrl,
        has_tracing: false,
        has_free_tier: true,
        scoring: Scoring::None,
        freshness: None,
        scanned_bytes: None,
    }
}

fn check(name: &str, found: f64, by_hand: f64) {
    assert!((found - by_hand).abs() <= by_hand.abs() * 1e-9 + 1e-12, "{name}: {found}, by hand {by_hand}");
}

#[test]
fn a_thousand_events_a_day_by_hand() {
    let month = estimate(&Prices::load(None).unwrap(), &workload(30_000.0, 300.0));
    let line = |service: &str| month.lines.iter().find(|line| line.service == service).unwrap().usd;
    // Lambda stays within what is free: 30,000 + 21,600 + 30 requests, under 1,000 GB-seconds.
    check("receiver", line("receiver"), 0.0);
    check("transformer", line("transformer"), 0.0);
    check("compaction", line("compaction"), 0.0);
    // A body of 2,048 bytes and 700 around it are billed as 5,120.
    check("Firehose", line("Firehose"), 30_000.0 * 5120.0 / 1_073_741_824.0 * 0.029);
    // 2,748 bytes × 1,000 a day are less than 8 MB: one compaction a day. 2,880 quarters of an hour, nearly all with an event.
    let flushed = 2880.0 * (1.0 - (-30_000.0_f64 / 2880.0).exp());
    check("stream", line("S3 requests of the stream"), flushed * 2.0 * 0.000_005);
    check(
        "compaction's requests",
        line("S3 requests of compaction"),
        30.0 * (95.0 + 18.0) * 0.000_005 + (30.0 * 550.0 + flushed) * 0.000_000_4,
    );
    let gigabytes = 30_000.0 * 2748.0 / 1e9;
    check("storage", line("S3 storage"), (gigabytes / 5.0 + gigabytes / 10.0) * 0.023);
    check("Athena", line("Athena"), 300.0 * 10e6 / 1e12 * 5.0);
    check("queries' requests", line("S3 requests of queries"), 300.0 * 3.0 * 0.000_005 + 300.0 * 30.0 * 0.000_000_4);
    check("alarms", line("alarms"), 0.0);
    assert!((0.07..0.085).contains(&month.total_usd), "about eight cents: {}", month.total_usd);
    assert!(month.freshness.compactions_a_day <= 4.0 && month.freshness_minutes > 1440.0);
}

#[test]
fn a_hundred_webhooks_a_second_by_hand() {
    let events = 100.0 * 86_400.0 * 30.0;
    let month = estimate(&Prices::load(None).unwrap(), &workload(events, 300.0));
    let line = |service: &str| month.lines.iter().find(|line| line.service == service).unwrap().usd;
    // 259.2M requests but for the free million; 15 ms at 128 MB are 486,000 GB-seconds, of which 400,000 are free.
    check("receiver", line("receiver"), 258.2 * 0.20 + 86_000.0 * 0.000_013_333_4);
    check("Firehose", line("Firehose"), events * 5120.0 / 1_073_741_824.0 * 0.029);
    let bytes = events * 2748.0;
    let batches = bytes / 1_048_576.0;
    check("transformer", line("transformer"), batches * 0.2e-6 + batches * 0.1 * 0.25 * 0.000_013_333_4);
    // Four runs a day: 23.7 GB a day are less than four times 8.4 GB.
    check("compaction", line("compaction"), 120.0 * 0.2e-6 + (1200.0 + bytes / 1e7) * 0.000_013_333_4);
    check("Athena", line("Athena"), 300.0 * (bytes / 10.0 * 7.0 / 30.0 * 0.2) / 1e12 * 5.0);
    assert!(month.total_usd <= 130.0, "{}", month.total_usd);
    assert_eq!(month.largest().unwrap().service, "receiver");
    check("the total is its lines", month.total_usd, month.lines.iter().map(|line| line.usd).sum());
    // The same through an HTTP API costs a dollar a million more, and breaks it.
    let api = estimate(&Prices::load(None).unwrap(), &Workload { door: Door::HttpApi, ..workload(events, 300.0) });
    check("HTTP API", api.total_usd - month.total_usd, 259.2);
}

#[test]
fn freshness_without_a_free_tier_by_hand() {
    let freshness = Freshness::within(60.0).unwrap();
    // A third of the hour is more than Firehose can buffer: 15 minutes, one in the transformation, 44 to the next compaction.
    assert_eq!((freshness.flush_seconds, freshness.compactions_a_day), (900.0, 33.0));
    let month =
        estimate(&Prices::load(None).unwrap(), &Workload { has_free_tier: false, freshness: Some(freshness), ..workload(30_000.0, 300.0) });
    let line = |service: &str| month.lines.iter().find(|line| line.service == service).unwrap().usd;
    check("receiver", line("receiver"), 30_000.0 * 0.2e-6 + 30_000.0 * 0.015 * 0.125 * 0.000_013_333_4);
    let runs = 33.0 * 30.0;
    check("compaction", line("compaction"), runs * 0.2e-6 + (runs * 10.0 + 30_000.0 * 2748.0 / 1e7) * 0.000_013_333_4);
    check("alarms", line("alarms"), 0.8);
    check("metrics", line("metrics"), 0.9);
    check("dashboard", line("dashboard"), 3.0);
    check("logs", line("logs"), runs * 4096.0 / 1e9 * 0.5);
    assert!(month.freshness_minutes <= 60.0);
    assert_eq!(Freshness::within(2.0), None);
    assert!(Freshness::within(5.0).unwrap().minutes() <= 5.0);
}

#[test]
fn a_night_of_leads_by_hand() {
    let without = estimate(&Prices::load(None).unwrap(), &workload(30_000.0, 300.0));
    let month = estimate(&Prices::load(None).unwrap(), &Workload { scoring: Scoring::Lead, ..workload(30_000.0, 300.0) });
    let line = |service: &str| month.lines.iter().find(|line| line.service == service).unwrap().usd;
    // Thirty nights of one query, and a Sunday's training of one query and two for each of eight looks.
    let queries = 30.0 + 30.0 / 7.0 * 17.0;
    // Eight tables: eight objects of each one's log, and three reads of each of 180 days' files; each night's second query reads
    // orders and scores of a month.
    let gets = queries * 8.0 * (8.0 + 3.0 * 180.0) + 30.0 * 2.0 * (8.0 + 3.0 * 31.0);
    let queries = queries + 30.0;
    check("scorer", line("scorer"), queries * (10e6 / 1e12 * 5.0 + 3.0 * 0.000_005) + gets * 0.000_000_4);
    check("the scorer alone is more", month.total_usd - without.total_usd, line("scorer"));
    // Both models are the sum of each, since all of Lambda stays within what is free.
    let of =
        |scoring| estimate(&Prices::load(None).unwrap(), &Workload { scoring, ..workload(30_000.0, 300.0) }).total_usd - without.total_usd;
    check("both", of(Scoring::Both), of(Scoring::Lead) + of(Scoring::Smurf));
    // Two instances, twelve starts a day each, three parameters a start: within the 20,000 decryptions that are free.
    check("secrets", line("secrets"), 0.0);
    let month = estimate(&Prices::load(None).unwrap(), &Workload { has_free_tier: false, ..workload(30_000.0, 300.0) });
    let secrets = month.lines.iter().find(|line| line.service == "secrets").unwrap().usd;
    check("secrets without a free tier", secrets, 30.0 * 12.0 * 2.0 * 3.0 * 0.000_003);
}

#[test]
fn the_parts_of_the_sources_sum_up_to_the_total() {
    let month = estimate(&Prices::load(None).unwrap(), &workload(1e8, 1000.0));
    let shares = BTreeMap::from([
        ("shopify".to_owned(), Share { events: 9e7, event_bytes: 3000.0 }),
        ("game".to_owned(), Share { events: 1e7, event_bytes: 300.0 }),
    ]);
    let by = split(&month, &shares);
    check("sum", by.values().sum(), month.total_usd);
    assert!(by["shopify"] > 8.0 * by["game"]);
}

#[test]
fn every_price_has_a_source_and_another_file_overrides_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.toml");
    std::fs::write(
        &path,
        "[price.athena]\nusd = 6.0\nper = 1000000000000\nunit = \"bytes scanned\"\nsource = \"our contract\"\nas_of = \"2026-11-01\"\n",
    )
    .unwrap();
    check("own price", Prices::load(Some(&path)).unwrap().usd("athena", 1e12), 6.0);
    std::fs::write(
        &path,
        "[price.athena]\nusd = 6.0\nper = 1000000000000\nunit = \"bytes scanned\"\nsource = \"\"\nas_of = \"2026-11-01\"\n",
    )
    .unwrap();
    assert!(Prices::load(Some(&path)).is_err(), "a price without a source");
}
