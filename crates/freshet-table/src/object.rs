//! One landing object, read and decoded on a thread of its own, while others are.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use freshet_schema::Contract;
use object_store::ObjectMeta;
use tokio::sync::mpsc::{self, Receiver};

use crate::damage::Damage;
use crate::decode::{Kind, TableDecoder, kind};
use crate::error::Error;
use crate::lake::Lake;
use crate::landing::{self, Content, LARGEST_OBJECT, Line};

/// Rows by table.
pub(crate) type Rows = BTreeMap<&'static str, Vec<RecordBatch>>;

/// What reading an object gives, piece by piece.
#[derive(Debug)]
pub(crate) enum Part {
    /// Rows of an object that has more.
    Rows(Rows),
    /// The last rows, and what became of the object.
    End(Rows, Verdict),
}

/// What became of an object.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It was read.
    Read(Damage),
    /// It has lines for newer code.
    Waits,
    /// Another compactor has deleted it.
    Gone,
}

/// Begins to read an object. Its rows come in pieces of about `piece` bytes of text, most in one.
pub(crate) fn open(lake: &Lake, contract: &'static Contract, object: ObjectMeta, piece: usize) -> Receiver<Result<Part, Error>> {
    let (sender, receiver) = mpsc::channel(1);
    let lake = lake.clone();
    tokio::spawn(async move {
        let end = |verdict| Ok(Part::End(Rows::new(), verdict));
        if object.size > LARGEST_OBJECT {
            let _ = sender.send(end(Verdict::Read(Damage { is_too_large: true, ..Damage::default() }))).await;
            return;
        }
        match landing::fetch(&lake, &object).await {
            Err(error) => drop(sender.send(Err(error)).await),
            Ok(None) => drop(sender.send(end(Verdict::Gone)).await),
            Ok(Some(content)) => {
                tokio::task::spawn_blocking(move || {
                    let send = |part| sender.blocking_send(Ok(part)).is_ok();
                    if let Err(source) = decode(contract, &content, piece, send) {
                        drop(sender.blocking_send(Err(Error::TemporaryFile { source })));
                    }
                });
            }
        }
    });
    receiver
}

/// Decodes an object and hands over its rows; stops where nobody takes them.
fn decode(contract: &'static Contract, content: &Content, piece: usize, send: impl Fn(Part) -> bool) -> std::io::Result<()> {
    let mut lines = content.lines()?;
    let mut decoders: BTreeMap<&'static str, TableDecoder> = BTreeMap::new();
    let mut damage = Damage::default();
    let (mut text, mut is_checked) = (0, false);
    loop {
        match lines.next() {
            Line::End => break,
            Line::Broken => {
                damage.is_broken = true;
                break;
            }
            Line::Text(line) => match kind(contract, line) {
                Kind::Row(table) => {
                    let decoder = decoders.entry(table.name.as_str()).or_insert_with(|| TableDecoder::new(table));
                    match decoder.push(line) {
                        Ok(()) => damage.good += 1,
                        Err(message) => damage.note_bad(message),
                    }
                    text += line.len();
                }
                Kind::Foreign => damage.foreign += 1,
                Kind::Newer => {
                    send(Part::End(Rows::new(), Verdict::Waits));
                    return Ok(());
                }
            },
        }
        if text >= piece {
            if !is_checked && has_newer_line(contract, content)? {
                send(Part::End(Rows::new(), Verdict::Waits));
                return Ok(());
            }
            (text, is_checked) = (0, true);
            if !send(Part::Rows(take(&mut decoders))) {
                return Ok(());
            }
        }
    }
    send(Part::End(take(&mut decoders), Verdict::Read(damage)));
    Ok(())
}

fn take(decoders: &mut BTreeMap<&'static str, TableDecoder>) -> Rows {
    decoders.iter_mut().map(|(name, decoder)| (*name, decoder.take())).collect()
}

/// Whether an object that is too large to be held has a line for newer code: nothing of it is stored then.
fn has_newer_line(contract: &Contract, content: &Content) -> std::io::Result<bool> {
    let mut lines = content.lines()?;
    while let Line::Text(line) = lines.next() {
        if matches!(kind(contract, line), Kind::Newer) {
            return Ok(true);
        }
    }
    Ok(false)
}
