//! Raw records: Firehose's backup of what it was given, which stays as it is.

use std::collections::HashSet;

use freshet_ingest::normalize::{REJECTED, REJECTED_PAYLOADS};
use freshet_ingest::time::Millis;
use freshet_ingest::transform::{records, stamp, transform_again};
use freshet_table::{Options, Replaced};

use super::{PREFIX, Progress, Report, Request, World, fetch, target};
use crate::error::Error;
use crate::lander::{CHUNK, Lander, Seen, unpack};
use crate::objects;

/// Where raw records lie.
const RAW_PREFIX: &str = "raw/";
/// How much later than it was received a record may seem to have come into the lake, by clocks that differ.
const CLOCKS: i64 = 3_600_000;

pub(super) async fn replay(
    world: World<'_>,
    request: &Request,
    progress: &(impl Fn(Progress) + Send + Sync),
    report: &mut Report,
) -> Result<(), Error> {
    let bucket = world.lake.bucket();
    let mut objects = objects::list(world.s3, bucket, RAW_PREFIX).await?;
    // What was put before cannot hold what was received later.
    objects.retain(|(_, put_at)| request.selection.since.is_none_or(|since| put_at.0 + CLOCKS >= since.0));
    objects.sort_by(|left, right| (left.1, &left.0).cmp(&(right.1, &right.0)));
    let of = objects.len() as u64;
    let mut lander = Lander::new(PREFIX);
    let mut swap = Swap { seen: HashSet::new(), rows: String::new(), calls: 0, replaced: Replaced::default() };
    for (done, (key, put_at)) in (1..).zip(objects) {
        if let Some(bytes) = objects::get(world.s3, bucket, &key).await? {
            let (data, is_whole) = unpack(bytes);
            if !is_whole {
                report.damaged.push(key);
            }
            report.objects += 1;
            for record in records(&data) {
                let Some(rows) = take(world, request, record, put_at, report).await? else { continue };
                if request.replaces {
                    swap.take(&rows);
                    swap.run(world, request, false).await?;
                } else {
                    lander.take(&rows);
                    lander.land(target(world, request), false).await?;
                }
            }
        }
        progress(Progress { done, of });
    }
    lander.land(target(world, request), true).await?;
    report.landed += lander.landed;
    if request.replaces {
        swap.run(world, request, true).await?;
        report.replaced = (!request.is_dry_run).then_some(swap.replaced);
    }
    Ok(())
}

/// The rows of a record, where it is selected.
async fn take(world: World<'_>, request: &Request, record: &[u8], put_at: Millis, report: &mut Report) -> Result<Option<String>, Error> {
    report.records += 1;
    let Some(stamp) = stamp(record, put_at) else {
        report.waiting += 1;
        return Ok(None);
    };
    if !request.selection.takes(&stamp.source, stamp.received_at) {
        return Ok(None);
    }
    report.selected += 1;
    let fetched = fetch(world, record).await?;
    let rows = transform_again(world.normalizer, record, &fetched, put_at);
    if let Some(rows) = &rows {
        report.made.note(rows);
    }
    Ok(rows)
}

/// Rows that take the place of others, some megabytes at a time.
struct Swap {
    /// Events that were taken: a later delivery of one changes nothing.
    seen: HashSet<(String, String)>,
    rows: String,
    calls: u64,
    replaced: Replaced,
}

impl Swap {
    /// Takes the rows of those events of a record that have become rows and were not taken before.
    fn take(&mut self, rows: &str) {
        let lines: Vec<(Seen, &str)> = rows.split_inclusive('\n').filter_map(|line| Some((Seen::of(line)?, line))).collect();
        let is_reject = |seen: &Seen| seen.table == REJECTED || seen.table == REJECTED_PAYLOADS;
        let rejected: HashSet<String> = lines.iter().filter(|(seen, _)| is_reject(seen)).map(|(seen, _)| seen.event_id.clone()).collect();
        let event = |seen: &Seen| (seen.event_id.clone(), seen.payload_hash.clone());
        let new: HashSet<(String, String)> =
            lines.iter().map(|(seen, _)| event(seen)).filter(|event| !rejected.contains(&event.0) && !self.seen.contains(event)).collect();
        for (_, line) in lines.iter().filter(|(seen, _)| new.contains(&event(seen))) {
            self.rows.push_str(line);
        }
        self.seen.extend(new);
    }

    async fn run(&mut self, world: World<'_>, request: &Request, is_last: bool) -> Result<(), Error> {
        if request.is_dry_run {
            self.rows.clear();
        }
        if self.rows.is_empty() || (!is_last && self.rows.len() < CHUNK) {
            return Ok(());
        }
        self.calls += 1;
        let options = Options::new(format!("{}-{}", request.run, self.calls), request.now);
        let replaced = freshet_table::replace(world.lake, world.normalizer.contract(), &self.rows, &options).await;
        self.replaced.add(replaced.map_err(Error::tables("replace rows"))?);
        self.rows.clear();
        Ok(())
    }
}
