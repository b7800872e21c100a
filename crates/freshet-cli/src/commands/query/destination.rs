//! Where an answer is written: a file that appears once it is whole, or the standard output.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// An open destination. Dropped before [`Destination::finish`], it leaves no file.
pub(crate) struct Destination {
    writer: Box<dyn Write + Send>,
    /// The file that is written, and what it is called in the end.
    unfinished: Option<(PathBuf, PathBuf)>,
}

impl Destination {
    /// Opens a file, or the standard output, which takes bytes that are no text only where it is no terminal.
    pub(crate) fn open(path: Option<&Path>, is_binary: bool) -> Result<Self> {
        let Some(path) = path else {
            if is_binary && io::stdout().is_terminal() {
                bail!("a terminal cannot show this format: give a file with --output FILE, or a pipe");
            }
            return Ok(Self { writer: Box::new(BufWriter::new(Pipe(io::stdout()))), unfinished: None });
        };
        let mut name = path.file_name().with_context(|| format!("write {}: it names no file", path.display()))?.to_owned();
        name.push(".part");
        let part = path.with_file_name(name);
        let file = File::create(&part).with_context(|| format!("write {}", part.display()))?;
        Ok(Self { writer: Box::new(BufWriter::new(file)), unfinished: Some((part, path.to_owned())) })
    }

    /// What is written to.
    pub(crate) fn writer(&mut self) -> &mut (dyn Write + Send) {
        &mut self.writer
    }

    /// Writes out what is held and gives the file its name.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.writer.flush().context("write the answer")?;
        if let Some((part, path)) = self.unfinished.take() {
            std::fs::rename(&part, &path).with_context(|| format!("write {}", path.display()))?;
        }
        Ok(())
    }
}

impl Drop for Destination {
    fn drop(&mut self) {
        if let Some((part, _)) = self.unfinished.take() {
            // It may never have been there.
            let _ = std::fs::remove_file(part);
        }
    }
}

/// The standard output. A reader that has gone away ends the command quietly.
struct Pipe(io::Stdout);

impl Pipe {
    fn heard<T>(result: io::Result<T>) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
            other => other,
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Self::heard(self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Self::heard(self.0.flush())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_once_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answer.csv");
        let mut given_up = Destination::open(Some(&path), true).unwrap();
        given_up.writer().write_all(b"half").unwrap();
        drop(given_up);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut whole = Destination::open(Some(&path), true).unwrap();
        whole.writer().write_all(b"whole").unwrap();
        whole.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
