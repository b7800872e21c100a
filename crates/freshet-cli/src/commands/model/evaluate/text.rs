//! Files that are read with a word on how far they are, packed with gzip or not; and long work that says it goes on.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;
use std::rc::Rc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use flate2::bufread::MultiGzDecoder;

use crate::output::complain;
use crate::progress::Progress;

/// How often long work says that it goes on.
const EVERY: Duration = Duration::from_secs(5);
/// Bytes that are read at once.
const BUFFER: usize = 256 * 1024;

/// A file whose bytes are counted.
struct Counted {
    file: File,
    progress: Rc<Progress>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.file.read(buffer)?;
        self.progress.advance(bytes as u64);
        Ok(bytes)
    }
}

/// Reads a file once.
pub(super) fn read<T, E>(path: &Path, take: impl FnOnce(Box<dyn Read>) -> Result<T, E>) -> Result<T>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let file = File::open(path).context("open the file")?;
    let progress = Rc::new(Progress::new("reading", file.metadata().map_or(0, |metadata| metadata.len())));
    let taken = take(unpacked(file, &progress).context("read the file")?);
    progress.finish();
    Ok(taken?)
}

/// Reads a file as often as it is opened.
pub(super) fn read_again<T, E>(path: &Path, take: impl FnOnce(&mut dyn FnMut() -> io::Result<Box<dyn Read>>) -> Result<T, E>) -> Result<T>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let length = std::fs::metadata(path).context("open the file")?.len();
    let progress = Rc::new(Progress::new("reading", length));
    let taken = take(&mut || {
        progress.set(0, length);
        unpacked(File::open(path)?, &progress)
    });
    progress.finish();
    Ok(taken?)
}

/// A file's text: what begins as gzip is unpacked, whatever the name.
fn unpacked(file: File, progress: &Rc<Progress>) -> io::Result<Box<dyn Read>> {
    let mut bytes = BufReader::with_capacity(BUFFER, Counted { file, progress: Rc::clone(progress) });
    if bytes.fill_buf()?.starts_with(&[0x1F, 0x8B]) { Ok(Box::new(MultiGzDecoder::new(bytes))) } else { Ok(Box::new(bytes)) }
}

/// Does long work, and says now and then that it goes on.
pub(super) fn patiently<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (done, waiting) = channel::<()>();
    std::thread::scope(move |scope| {
        scope.spawn(move || {
            let begun = Instant::now();
            while let Err(RecvTimeoutError::Timeout) = waiting.recv_timeout(EVERY) {
                complain(&format!("{what}: {} s", begun.elapsed().as_secs()));
            }
        });
        let answer = work();
        // Dropped too where the work panics, since this closure owns it.
        drop(done);
        answer
    })
}
