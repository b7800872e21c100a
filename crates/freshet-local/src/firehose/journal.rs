//! The journal of a delivery stream: what is acknowledged lies here, on disk, until it is delivered.
//!
//! A thread writes it. Calls that wait at the same time share one write to the disk. A segment is one buffer: when its size or its
//! age is reached it is sealed and handed to delivery, which removes the file once its objects are in the bucket. So records are
//! never held in memory, a restart delivers what it finds, and a crash doubles records but loses none.

pub(crate) mod segment;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use self::segment::{Entry, MAGIC, Segment, write_frame};
use super::delivery::Work;
use crate::Error;

/// The ending of a segment's file name.
const ENDING: &str = "journal";

/// The calls that wait for the writer before others wait to wait.
const WAITING_CALLS: usize = 256;

/// The size and the age at which a buffer is delivered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Buffering {
    /// The size in bytes.
    pub(crate) bytes: u64,
    /// The age.
    pub(crate) age: Duration,
}

/// What the writer is asked.
enum Command {
    /// Make these records durable.
    Append { entries: Vec<Entry>, reply: oneshot::Sender<io::Result<()>> },
    /// Hand the buffer over because its age is reached, if it is still this one.
    Ripen { number: u64 },
    /// Hand the buffer over and answer when all that came before is delivered.
    Flush { reply: oneshot::Sender<Result<(), Error>> },
}

/// The journal, as the service writes to it. Dropping it ends the writer; what is not delivered stays on disk.
pub(crate) struct Journal {
    folder: PathBuf,
    commands: mpsc::Sender<Command>,
    undelivered: Arc<AtomicU64>,
}

impl Journal {
    /// Opens the journal in a folder: gives what an earlier process left to delivery and starts the writer.
    pub(crate) fn open(
        folder: &Path,
        buffering: Buffering,
        work: mpsc::UnboundedSender<Work>,
        undelivered: Arc<AtomicU64>,
    ) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(|source| failed("create", folder, source))?;
        let left = segments(folder).map_err(|source| failed("list", folder, source))?;
        let next = left.last().map_or(1, |segment| segment.number + 1);
        for segment in left {
            undelivered.fetch_add(segment.bytes, Ordering::Relaxed);
            // Delivery outlives the journal; were it gone, the segment would wait for the next start.
            let _ = work.send(Work::Deliver(segment));
        }
        let (commands, received) = mpsc::channel(WAITING_CALLS);
        let writer = Writer {
            folder: folder.to_owned(),
            buffering,
            next,
            buffer: None,
            commands: commands.downgrade(),
            work,
            undelivered: Arc::clone(&undelivered),
            runtime: Handle::current(),
        };
        std::thread::Builder::new()
            .name("firehose-journal".to_owned())
            .spawn(move || writer.run(received))
            .map_err(|source| failed("start the writer of", folder, source))?;
        Ok(Self { folder: folder.to_owned(), commands, undelivered })
    }

    /// Makes records durable; they are when this answers.
    pub(crate) async fn append(&self, entries: Vec<Entry>) -> io::Result<()> {
        let (reply, answer) = oneshot::channel();
        let gone = || io::Error::other("the journal's writer has ended");
        self.commands.send(Command::Append { entries, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Delivers what is buffered and answers when it is in the bucket, or why it could not be put there.
    pub(crate) async fn flush(&self) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        let gone = || failed("flush", &self.folder, io::Error::other("the journal's writer has ended"));
        self.commands.send(Command::Flush { reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// The bytes on disk that wait to be delivered.
    pub(crate) fn undelivered(&self) -> u64 {
        self.undelivered.load(Ordering::Relaxed)
    }
}

/// The segments in a folder, in order.
fn segments(folder: &Path) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for item in fs::read_dir(folder)? {
        let item = item?;
        let path = item.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        if let (Some(number), true) = (number, path.extension().is_some_and(|ending| ending == ENDING)) {
            segments.push(Segment { number, bytes: item.metadata()?.len(), path });
        }
    }
    segments.sort_unstable_by_key(|segment| segment.number);
    Ok(segments)
}

fn failed(tried: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Journal { tried, path: path.to_owned(), source }
}

/// The thread that writes.
struct Writer {
    folder: PathBuf,
    buffering: Buffering,
    next: u64,
    buffer: Option<Buffer>,
    commands: mpsc::WeakSender<Command>,
    work: mpsc::UnboundedSender<Work>,
    undelivered: Arc<AtomicU64>,
    runtime: Handle,
}

/// The segment that is being written.
struct Buffer {
    segment: Segment,
    file: File,
    waiting: Vec<oneshot::Sender<io::Result<()>>>,
}

impl Writer {
    fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        while let Some(command) = commands.blocking_recv() {
            self.take(command);
            while let Ok(command) = commands.try_recv() {
                self.take(command);
            }
            self.commit();
        }
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Append { entries, reply } => self.append(&entries, reply),
            Command::Ripen { number } => {
                if self.buffer.as_ref().is_some_and(|buffer| buffer.segment.number == number) {
                    self.seal();
                }
            }
            Command::Flush { reply } => {
                self.seal();
                // Were delivery gone, the reply is dropped and the asker told so.
                let _ = self.work.send(Work::Answer(reply));
            }
        }
    }

    /// Writes a call's records to the buffer; the call is answered by the commit.
    fn append(&mut self, entries: &[Entry], reply: oneshot::Sender<io::Result<()>>) {
        let mut frames = Vec::with_capacity(entries.iter().map(|entry| entry.data.len() + 16).sum());
        for entry in entries {
            write_frame(&mut frames, entry.arrival, &entry.data);
        }
        let length = frames.len() as u64;
        let full = |buffer: &Buffer| buffer.segment.bytes > MAGIC.len() as u64 && buffer.segment.bytes + length > self.buffering.bytes;
        if self.buffer.as_ref().is_some_and(full) {
            self.seal();
        }
        let written = self.buffer().and_then(|buffer| {
            buffer.file.write_all(&frames)?;
            buffer.segment.bytes += length;
            Ok(buffer)
        });
        match written {
            Ok(buffer) => {
                buffer.waiting.push(reply);
                self.undelivered.fetch_add(length, Ordering::Relaxed);
            }
            Err(source) => {
                error!(%source, folder = %self.folder.display(), "could not write the journal");
                answer(reply, Err(source));
                // A frame may be half written: what follows it could not be read.
                self.seal();
            }
        }
        if self.buffer.as_ref().is_some_and(|buffer| buffer.segment.bytes >= self.buffering.bytes) {
            self.seal();
        }
    }

    /// The segment that is being written, a new one where there is none.
    fn buffer(&mut self) -> io::Result<&mut Buffer> {
        if self.buffer.is_none() {
            let number = self.next;
            let path = self.folder.join(format!("{number:020}.{ENDING}"));
            self.next += 1;
            let mut file = OpenOptions::new().append(true).create_new(true).open(&path)?;
            file.write_all(MAGIC)?;
            File::open(&self.folder)?.sync_all()?;
            let (commands, age) = (self.commands.clone(), self.buffering.age);
            self.runtime.spawn(async move {
                tokio::time::sleep(age).await;
                if let Some(commands) = commands.upgrade() {
                    // A writer that has ended leaves its segments to the next start.
                    let _ = commands.send(Command::Ripen { number }).await;
                }
            });
            let bytes = MAGIC.len() as u64;
            self.undelivered.fetch_add(bytes, Ordering::Relaxed);
            self.buffer = Some(Buffer { segment: Segment { path, number, bytes }, file, waiting: Vec::new() });
        }
        Ok(self.buffer.as_mut().expect("it was there or has just been made"))
    }

    /// Brings what was written to the disk and answers the calls that wait for it.
    fn commit(&mut self) {
        let Some(buffer) = self.buffer.as_mut().filter(|buffer| !buffer.waiting.is_empty()) else {
            return;
        };
        let synced = buffer.file.sync_data();
        for reply in buffer.waiting.drain(..) {
            answer(
                reply,
                match &synced {
                    Ok(()) => Ok(()),
                    Err(source) => Err(io::Error::from(source.kind())),
                },
            );
        }
        if let Err(source) = synced {
            error!(%source, folder = %self.folder.display(), "could not write the journal");
            self.hand_over();
        }
    }

    /// Commits the buffer and hands it to delivery.
    fn seal(&mut self) {
        self.commit();
        self.hand_over();
    }

    fn hand_over(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            // Were delivery gone, the segment would wait for the next start.
            let _ = self.work.send(Work::Deliver(buffer.segment));
        }
    }
}

/// Answers a call; one whose caller has gone needs no answer.
fn answer(reply: oneshot::Sender<io::Result<()>>, result: io::Result<()>) {
    let _ = reply.send(result);
}

#[cfg(test)]
mod tests;
