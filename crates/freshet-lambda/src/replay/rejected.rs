//! Rejects: their rows into the landing zone, and, once those are in their tables, the rejects out of theirs.

use freshet_ingest::normalize::REJECTED;
use freshet_ingest::transform::{Fetched, Rejected, transform_rejected};
use freshet_table::{Options, Reject, RejectKey, Rejects};

use super::{PREFIX, Progress, Report, Request, World, target};
use crate::error::Error;
use crate::lander::{CHUNK, Lander, Seen};
use crate::objects;

/// Puts the rows that rejects become into the landing zone.
pub(super) async fn land(
    world: World<'_>,
    request: &Request,
    progress: &(impl Fn(Progress) + Send + Sync),
    report: &mut Report,
) -> Result<(), Error> {
    let mut rejects = open(world, request).await?;
    let of = rejects.left() as u64;
    let mut lander = Lander::new(PREFIX);
    let failed = Error::tables("read the rejects");
    while let Some(batch) = rejects.next().await.map_err(&failed)? {
        for reject in batch {
            let rows = rows(world, &reject).await?;
            match &rows {
                Some(rows) => {
                    report.made.note(rows);
                    if becomes_rows(&reject.key, rows) {
                        lander.take(rows);
                        lander.land(target(world, request), false).await?;
                    }
                }
                None => *report.made.rejected.entry(reject.rejected.reason.clone()).or_default() += 1,
            }
        }
        progress(Progress { done: of - rejects.left() as u64, of });
    }
    lander.land(target(world, request), true).await?;
    (report.records, report.selected, report.landed) = (of, of, lander.landed);
    report.without_body = rejects.without_body();
    Ok(())
}

/// Takes out the rejects whose rows are in their tables.
pub(super) async fn resolve(world: World<'_>, request: &Request, report: &mut Report) -> Result<(), Error> {
    let mut rejects = open(world, request).await?;
    let failed = Error::tables("read the rejects");
    let (mut became, mut size, mut calls) = (Vec::new(), 0, 0);
    loop {
        let batch = rejects.next().await.map_err(&failed)?;
        let is_last = batch.is_none();
        for reject in batch.into_iter().flatten() {
            if let Some(rows) = rows(world, &reject).await?.filter(|rows| becomes_rows(&reject.key, rows)) {
                size += rows.len();
                became.push((reject.key, rows));
            }
        }
        if size >= CHUNK || (is_last && !became.is_empty()) {
            calls += 1;
            let options = Options::new(format!("{}-{calls}", request.run), request.now);
            let resolved = freshet_table::resolve(world.lake, world.normalizer.contract(), &became, &options).await;
            report.resolved += resolved.map_err(Error::tables("take out rejects that have become rows"))?;
            became.clear();
            size = 0;
        }
        if is_last {
            return Ok(());
        }
    }
}

async fn open(world: World<'_>, request: &Request) -> Result<Rejects, Error> {
    let selection = request.selection.clone();
    let is_wanted =
        move |rejected: &Rejected| selection.takes(&rejected.source, rejected.received_at) && selection.takes_reason(&rejected.reason);
    freshet_table::rejects(world.lake, world.normalizer.contract(), is_wanted).await.map_err(Error::tables("read the rejects"))
}

/// What today's code makes of a reject.
async fn rows(world: World<'_>, reject: &Reject) -> Result<Option<String>, Error> {
    let mut fetched = Fetched::new();
    if let Some(key) = reject.rejected.pointer() {
        let body = objects::get(world.s3, world.lake.bucket(), &key).await?;
        fetched.insert(key, body);
    }
    Ok(transform_rejected(world.normalizer, &reject.rejected, &fetched))
}

/// Whether a reject is no longer the same reject: it is rows, or another reject that tells more.
fn becomes_rows(key: &RejectKey, rows: &str) -> bool {
    let is_same = |seen: Seen| seen.table == REJECTED && seen.event_id == key.event_id && seen.payload_hash == key.payload_hash;
    !rows.is_empty() && !rows.lines().filter_map(Seen::of).any(is_same)
}
