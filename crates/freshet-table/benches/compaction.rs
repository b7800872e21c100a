//! Compaction of many order rows, as one process: `tests/bench/compaction.py` runs it beside `DuckDB`.
//!
//! `generate DIR ROWS` writes a landing zone; `compact DIR MIB` compacts it with a memory budget and prints JSON.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use freshet_ingest::time::Millis;
use freshet_schema::Contract;
use freshet_table::{Lake, Options};
use object_store::local::LocalFileSystem;

/// 2026-11-20.
const FIRST_DAY: i64 = 1_795_132_800_000;
const DAY: i64 = 86_400_000;
const OBJECTS: u64 = 60;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["generate", dir, rows] => generate(Path::new(dir), rows.parse()?),
        ["compact", dir, mebibytes] => compact(Path::new(dir), mebibytes.parse()?),
        [] => {
            let dir = tempfile::tempdir()?;
            generate(dir.path(), 100_000)?;
            compact(dir.path(), 64)
        }
        _ => bail!("generate DIR ROWS | compact DIR MIB"),
    }
}

fn compact(dir: &Path, mebibytes: usize) -> Result<()> {
    let lake = Lake::over(Arc::new(LocalFileSystem::new_with_prefix(dir)?), "bench");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut options = Options::new("bench", Millis(FIRST_DAY + 10 * DAY));
    options.memory_budget = mebibytes * 1024 * 1024;
    let begun = Instant::now();
    let report = runtime.block_on(freshet_table::compact(&lake, Contract::embedded(), &options, |_| {}))?;
    let seconds = begun.elapsed().as_secs_f64();
    let peak = peak_mebibytes().unwrap_or(0);
    println!("{}", serde_json::json!({ "seconds": seconds, "peak_mib": peak, "report": report }));
    Ok(())
}

/// The most memory that was resident, as Linux says.
fn peak_mebibytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kibibytes| kibibytes / 1024)
}

/// Writes rows over three days, every twentieth twice, into gzip objects; and the columns as Athena types them.
fn generate(dir: &Path, rows: u64) -> Result<()> {
    let landing = dir.join("landing/2026/11/20/00");
    std::fs::create_dir_all(&landing)?;
    let mut random = Random(42);
    let mut earlier: Vec<String> = Vec::new();
    for object in 0..OBJECTS {
        let mut file = GzEncoder::new(std::fs::File::create(landing.join(format!("{object:04}.gz")))?, Compression::new(6));
        for row in (object * rows / OBJECTS)..((object + 1) * rows / OBJECTS) {
            if row % 20 == 19 {
                let again = &earlier[random.below(earlier.len() as u64)];
                file.write_all(again.as_bytes())?;
                continue;
            }
            let line = order(&mut random, row, rows);
            file.write_all(line.as_bytes())?;
            if earlier.len() < 4_000 {
                earlier.push(line);
            } else {
                let place = random.below(4_000);
                earlier[place] = line;
            }
        }
        file.finish()?;
    }
    let table = Contract::embedded().table("shopify_orders").context("the table is in the contract")?;
    let columns: Vec<_> = table.columns.iter().map(|column| [column.name.as_str(), column.kind.athena()]).collect();
    std::fs::write(
        dir.join("columns.json"),
        serde_json::to_string(&serde_json::json!({ "columns": columns, "sort": table.sort, "key": table.key }))?,
    )?;
    Ok(())
}

fn order(random: &mut Random, row: u64, rows: u64) -> String {
    let day = i64::try_from(row * 3 / rows).unwrap_or(0);
    let at = FIRST_DAY + day * DAY + i64::try_from(random.below(86_400_000)).unwrap_or(0);
    let occurred = Millis(at).text();
    let received = Millis(at + 1_500).text();
    let created = Millis(at - i64::try_from(random.below(3_600_000)).unwrap_or(0)).text();
    let (id, payload, delivery) = (random.hex(32), random.hex(32), random.hex(32));
    let shop = random.below(40);
    let order_id = 5_000_000_000_000 + random.next() % 900_000_000_000;
    let money = |random: &mut Random| format!("{}.{:02}00", random.below(900), random.below(100));
    let (total, subtotal, tax, shipping) = (money(random), money(random), money(random), money(random));
    let mut line = format!(
        "{{\"table\":\"shopify_orders\",\"line_version\":1,\"schema_version\":1,\"dt\":\"{}\",\"search_days\":0,\"deliveries\":1,\"event_id\":\"{id}\",\"row_index\":0,\"source\":\"shopify\",\"account\":\"shop-{shop}.myshopify.com\",\"delivery_id\":\"{delivery}\",\"api_version\":\"2026-10\",\"topic\":\"orders/{}\",\"occurred_at\":\"{occurred}\",\"received_at\":\"{received}\",\"time_suspect\":false,\"payload_hash\":\"{payload}\"",
        Millis(at).date(),
        ["create", "updated", "paid"][random.below(3)],
    );
    let _ = write!(
        line,
        ",\"order_id\":\"{order_id}\",\"order_name\":\"#{row}\",\"order_number\":{row},\"created_at\":\"{created}\",\"processed_at\":\"{created}\",\"updated_at\":\"{occurred}\",\"is_deleted\":false,\"financial_status\":\"{}\",\"test\":false,\"confirmed\":true,\"currency\":\"{}\",\"total_price\":\"{total}\",\"subtotal_price\":\"{subtotal}\",\"total_line_items_price\":\"{subtotal}\",\"total_discounts\":\"0.0000\",\"total_tax\":\"{tax}\",\"taxes_included\":false,\"shipping_cost\":\"{shipping}\",\"total_outstanding\":\"0.0000\",\"current_total_price\":\"{total}\",\"line_item_count\":{},\"total_quantity\":{},\"discount_codes\":[{}]",
        ["paid", "pending", "refunded"][random.below(3)],
        ["USD", "EUR", "GBP"][random.below(3)],
        1 + random.below(5),
        1 + random.below(9),
        if random.below(5) == 0 { "\"WELCOME10\"" } else { "" },
    );
    let _ = write!(
        line,
        ",\"customer_id\":\"{}\",\"customer_key\":\"{}\",\"ship_country\":\"{}\",\"source_name\":\"web\",\"landing_site\":\"/products/item-{}?utm_source=newsletter\",\"utm_source\":\"newsletter\",\"referring_site\":\"https://search.example/\",\"checkout_token\":\"{}\",\"tags\":[\"vip\",\"wave-{}\"],\"hash_key_id\":\"k1\"",
        7_000_000_000 + random.below(200_000),
        random.hex(64),
        ["US", "DE", "FR", "GB", "JP"][random.below(5)],
        random.below(500),
        random.hex(32),
        random.below(12),
    );
    let _ = writeln!(
        line,
        ",\"extra\":\"{{\\\"note\\\":\\\"gift \\\\\\\"wrap\\\\\\\" {}\\\",\\\"gateway\\\":\\\"card\\\",\\\"line_items\\\":[{{\\\"sku\\\":\\\"S-{}\\\",\\\"grams\\\":{}}}],\\\"client_details\\\":{{\\\"agent\\\":\\\"Mozilla {}\\\"}}}}\"}}",
        random.hex(12),
        random.below(9_000),
        random.below(4_000),
        random.below(30),
    );
    line
}

/// A small generator of numbers that look random (xorshift*): the same numbers everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: u64) -> usize {
        usize::try_from((self.next() >> 11) % end.max(1)).unwrap_or(0)
    }

    fn hex(&mut self, digits: usize) -> String {
        let mut text = String::with_capacity(digits);
        while text.len() < digits {
            let _ = write!(text, "{:016x}", self.next());
        }
        text.truncate(digits);
        text
    }
}
