//! The model: a month of a workload, line by line.

use serde::Serialize;

use super::prices::Prices;
use super::scoring::Scoring;

/// Days of a month.
const DAYS: f64 = 30.0;
const MINUTES_A_DAY: f64 = 1440.0;
const GIB: f64 = 1_073_741_824.0;
const GB: f64 = 1_000_000_000.0;
/// The least and most that Firehose buffers, in seconds, and what its transformation buffers before that.
const FLUSH: (f64, f64) = (60.0, 900.0);
const TRANSFORM_SECONDS: f64 = 60.0;
/// The most compactions a day unless freshness asks for more.
const MOST_COMPACTIONS: f64 = 4.0;

/// How deliveries come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Door {
    /// The receiver's Function URL.
    FunctionUrl,
    /// An HTTP API before the receiver.
    HttpApi,
    /// A partner event bus; no receiver.
    EventBridge,
}

/// How fresh tables are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Freshness {
    /// How long Firehose buffers.
    pub(crate) flush_seconds: f64,
    /// How often the landing zone is compacted.
    pub(crate) compactions_a_day: f64,
}

impl Freshness {
    /// The age that a row has at most when it is in its table, in minutes.
    pub(crate) fn minutes(self) -> f64 {
        (TRANSFORM_SECONDS + self.flush_seconds) / 60.0 + MINUTES_A_DAY / self.compactions_a_day
    }

    /// The cheapest that keeps an age; nothing where no setting does.
    pub(crate) fn within(minutes: f64) -> Option<Self> {
        let flush_seconds = (minutes * 60.0 / 3.0).clamp(FLUSH.0, FLUSH.1);
        let left = minutes - (TRANSFORM_SECONDS + flush_seconds) / 60.0;
        (left >= 1.0).then(|| Self { flush_seconds, compactions_a_day: (MINUTES_A_DAY / left).ceil().max(1.0) })
    }

    /// By landed bytes: one compaction a day for little, at most four.
    pub(crate) fn by_bytes(prices: &Prices, bytes_a_day: f64) -> Self {
        let wanted = (bytes_a_day / prices.measure("landed_bytes_a_compaction")).ceil();
        Self { flush_seconds: FLUSH.1, compactions_a_day: wanted.clamp(1.0, MOST_COMPACTIONS) }
    }
}

/// What is to be paid for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Workload {
    pub(crate) events: f64,
    pub(crate) queries: f64,
    /// The mean bytes of a body.
    pub(crate) event_bytes: f64,
    pub(crate) door: Door,
    pub(crate) has_tracing: bool,
    pub(crate) has_free_tier: bool,
    pub(crate) scoring: Scoring,
    /// The freshness that is asked for; by landed bytes where none is.
    pub(crate) freshness: Option<Freshness>,
    /// Bytes that a query scans, where they are known.
    pub(crate) scanned_bytes: Option<f64>,
}

/// What a line's amount follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Driver {
    Events,
    Bytes,
    Queries,
    Fixed,
}

/// A line of the bill.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Line {
    pub(crate) service: &'static str,
    pub(crate) usd: f64,
    pub(crate) how: String,
    pub(crate) driver: Driver,
}

/// A month.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Estimate {
    pub(crate) total_usd: f64,
    pub(crate) freshness_minutes: f64,
    pub(crate) freshness: Freshness,
    pub(crate) lines: Vec<Line>,
    /// What Firehose would not bill if records were packed up to 5 KB.
    pub(crate) packing_saves_usd: f64,
    /// What the tables of this month add to each later month that keeps them.
    pub(crate) storage_grows_usd: f64,
}

impl Estimate {
    /// The largest line.
    pub(crate) fn largest(&self) -> Option<&Line> {
        self.lines.iter().max_by(|left, right| left.usd.total_cmp(&right.usd))
    }
}

/// How many of a month's windows have an event in them, if events come at random.
fn windows(seconds: f64, events: f64) -> f64 {
    let all = DAYS * 86_400.0 / seconds;
    all * (1.0 - (-events / all).exp())
}

/// A part of a free amount that is still left.
struct Free(f64);

impl Free {
    fn beyond(&mut self, quantity: f64) -> f64 {
        let used = quantity.min(self.0);
        self.0 -= used;
        quantity - used
    }
}

/// Reckons a month.
#[expect(clippy::too_many_lines, reason = "a line of the bill after another, in the bill's order")]
pub(crate) fn estimate(prices: &Prices, workload: &Workload) -> Estimate {
    let of = |name: &str| prices.measure(name);
    let free = |name: &str| Free(if workload.has_free_tier { prices.free(name) } else { 0.0 });
    let (mut requests, mut gb_seconds) = (free("lambda_requests"), free("lambda_gb_seconds"));
    let events = workload.events;
    let record = workload.event_bytes + of("envelope_bytes");
    let bytes = events * record;
    let freshness = workload.freshness.unwrap_or_else(|| Freshness::by_bytes(prices, bytes / DAYS));
    let mut lines = Vec::new();
    let mut line = |service: &'static str, usd: f64, driver: Driver, how: String| lines.push(Line { service, usd, how, driver });
    let mut lambda = |invocations: f64, used: f64| {
        prices.usd("lambda_requests", requests.beyond(invocations)) + prices.usd("lambda_gb_seconds_arm64", gb_seconds.beyond(used))
    };

    if workload.door == Door::EventBridge {
        line("EventBridge", prices.usd("eventbridge", events), Driver::Events, format!("{} partner events", count(events)));
    } else {
        let used = events * of("receiver_milliseconds") / 1000.0 * of("receiver_gigabytes");
        line("receiver", lambda(events, used), Driver::Events, format!("{} requests, {} GB-seconds on Lambda", count(events), count(used)));
    }
    if workload.door == Door::HttpApi {
        line("HTTP API", prices.usd("http_api", events), Driver::Events, format!("{} requests", count(events)));
    }
    let billed = events * (record / of("rounding_bytes")).ceil() * of("rounding_bytes") / GIB;
    line(
        "Firehose",
        prices.usd("firehose", billed),
        Driver::Events,
        format!("{billed:.2} GB billed for {:.2} GB: each record is rounded up to 5 KB", bytes / GIB),
    );

    let batches = (bytes / of("transformer_batch_bytes")).max(windows(TRANSFORM_SECONDS, events));
    let used = batches * of("transformer_milliseconds") / 1000.0 * of("transformer_gigabytes");
    line("transformer", lambda(batches, used), Driver::Bytes, format!("{} batches, {} GB-seconds on Lambda", count(batches), count(used)));

    let capacity = of("compactor_longest_seconds") * of("compactor_bytes_per_second");
    let runs = DAYS * freshness.compactions_a_day.max((bytes / DAYS / capacity).ceil());
    let used = (runs * of("compactor_seconds") + bytes / of("compactor_bytes_per_second")) * of("compactor_gigabytes");
    line("compaction", lambda(runs, used), Driver::Bytes, format!("{} runs, {} GB-seconds on Lambda", count(runs), count(used)));

    let flushed = windows(freshness.flush_seconds, events).max(bytes / of("flush_bytes"));
    let landed = prices.usd("s3_put", 2.0 * flushed);
    line(
        "S3 requests of the stream",
        landed,
        Driver::Fixed,
        format!("{} PUT: rows and what came in, every {} s", count(2.0 * flushed), freshness.flush_seconds),
    );
    let (puts, gets) = (runs * (of("compaction_lists") + of("compaction_puts")), runs * of("compaction_gets") + flushed);
    line(
        "S3 requests of compaction",
        prices.usd("s3_put", puts) + prices.usd("s3_get", gets),
        Driver::Fixed,
        format!("{} PUT and LIST, {} GET", count(puts), count(gets)),
    );

    let (raw, tables) = (bytes / of("gzip_ratio") * of("raw_days") / DAYS / GB, bytes / of("parquet_ratio") / GB);
    line(
        "S3 storage",
        prices.usd("s3_storage", raw + tables),
        Driver::Bytes,
        format!("{raw:.2} GB of what came in for {} days, {tables:.2} GB of tables", of("raw_days")),
    );

    let scanned = workload.scanned_bytes.unwrap_or_else(|| bytes / of("parquet_ratio") * of("query_days") / DAYS * of("query_columns"));
    let scanned = scanned.max(of("query_least_bytes"));
    let asked = prices.usd("athena", workload.queries * scanned);
    line("Athena", asked, Driver::Queries, format!("{} queries of {:.0} MB", count(workload.queries), scanned / 1e6));
    let (puts, gets) = (workload.queries * of("query_puts"), workload.queries * of("query_gets"));
    line(
        "S3 requests of queries",
        prices.usd("s3_put", puts) + prices.usd("s3_get", gets),
        Driver::Queries,
        format!("{} PUT and LIST, {} GET", count(puts), count(gets)),
    );

    let scored = workload.scoring.month(prices, DAYS);
    let used = scored.runs * of("scorer_seconds") * of("scorer_gigabytes");
    // The tables of one month are what is known here; a history of more months is as many times as much.
    let history = bytes / of("parquet_ratio") * of("scoring_days") / DAYS * of("query_columns");
    let asked = prices.usd("athena", scored.queries * history.max(of("query_least_bytes")));
    let requests = prices.usd("s3_put", scored.queries * of("query_puts")) + prices.usd("s3_get", scored.gets);
    line(
        "scorer",
        lambda(scored.runs, used) + asked + requests,
        Driver::Queries,
        if workload.scoring == Scoring::None {
            "off".to_owned()
        } else {
            let (runs, queries, gets) = (count(scored.runs), count(scored.queries), count(scored.gets));
            format!("{runs} runs, {queries} queries over {} days, {gets} GET, {} GB-seconds on Lambda", of("scoring_days"), count(used))
        },
    );

    // An instance reads its secrets when it starts; each parameter is a decryption.
    let busy = events / (DAYS * 86_400.0) * of("receiver_milliseconds") / 1000.0;
    let instances = if workload.door == Door::EventBridge { 1.0 } else { busy.ceil().max(1.0) + 1.0 };
    let decryptions = DAYS * 24.0 / of("instance_hours") * instances * of("secrets_a_start");
    line(
        "secrets",
        prices.usd("kms_requests", free("kms_requests").beyond(decryptions)),
        Driver::Fixed,
        format!("{} decryptions of SSM parameters, when functions start", count(decryptions)),
    );

    let logs = (runs + scored.runs) * of("log_bytes_a_compaction") / GB;
    line(
        "logs",
        prices.usd("logs_ingested", free("logs_ingested").beyond(logs)),
        Driver::Fixed,
        format!("{logs:.4} GB: the functions log at WARN, compactor and scorer at INFO"),
    );
    for (service, name, price) in
        [("metrics", "metrics", "metrics"), ("alarms", "alarms", "alarms"), ("dashboard", "dashboards", "dashboards")]
    {
        line(
            service,
            prices.usd(price, free(name).beyond(of(name))),
            Driver::Fixed,
            format!(
                "{} {}, {} of the account are free",
                of(name),
                prices.unit(price),
                if workload.has_free_tier { prices.free(name) } else { 0.0 }
            ),
        );
    }
    let (lookups, starts) = ((workload.queries + scored.queries) * 5.0, runs + scored.runs);
    line(
        "Glue and Scheduler",
        prices.usd("glue_requests", free("glue_requests").beyond(lookups)) + prices.usd("scheduler", free("scheduler").beyond(starts)),
        Driver::Queries,
        format!("{} look-ups, {} starts", count(lookups), count(starts)),
    );
    let traced = if workload.has_tracing { events + batches + starts } else { 0.0 };
    line(
        "tracing",
        prices.usd("traces", free("traces").beyond(traced)),
        Driver::Events,
        if workload.has_tracing { format!("{} traces", count(traced)) } else { "off".to_owned() },
    );

    let packed = bytes / GIB;
    Estimate {
        total_usd: lines.iter().map(|line| line.usd).sum(),
        freshness_minutes: freshness.minutes(),
        freshness,
        packing_saves_usd: prices.usd("firehose", (billed - packed).max(0.0)),
        storage_grows_usd: prices.usd("s3_storage", tables),
        lines,
    }
}

/// A number for people.
pub(crate) fn count(number: f64) -> String {
    if number >= 1e6 {
        format!("{:.1}M", number / 1e6)
    } else if number >= 1e4 {
        format!("{:.1}k", number / 1e3)
    } else {
        format!("{number:.0}")
    }
}
