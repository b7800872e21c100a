//! A package for Lambda: a zip with one executable, `bootstrap`. What is wrong with one is found in its own bytes.

use std::io::{Cursor, Read, Write};

use anyhow::{Context, Result};
use clap::ValueEnum;
use object::Endianness;
use object::elf::{EM_AARCH64, EM_X86_64, FileHeader64};
use object::read::elf::FileHeader;
use serde::Serialize;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// The entry's name, which the runtime `provided.al2023` starts.
const ENTRY: &str = "bootstrap";
/// Its mode: without the executable bits Lambda answers `Runtime.InvalidEntrypoint`.
const MODE: u32 = 0o755;
/// The glibc of Amazon Linux 2023, on which the functions run (docs.aws.amazon.com/linux/al2023, "Comparing AL2 and AL2023").
const GLIBC: (u32, u32) = (2, 34);
/// The most of an entry that is read: larger ones are no binaries of ours.
const READ_LIMIT: u64 = 512 * 1024 * 1024;

/// What a function runs on, as `Architectures` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Architecture {
    /// Graviton.
    #[value(name = "arm64")]
    Arm64,
    /// Intel and AMD.
    #[value(name = "x86_64")]
    X86_64,
}

impl Architecture {
    /// Its name in a template.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }

    fn of_machine(machine: u16) -> Option<Self> {
        match machine {
            EM_AARCH64 => Some(Self::Arm64),
            EM_X86_64 => Some(Self::X86_64),
            _ => None,
        }
    }
}

/// Something that a package must not have or lack.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) rule: &'static str,
    pub(super) message: String,
}

/// What a package is, and what is wrong with it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Verdict {
    /// The machine that it runs on.
    pub(super) machine: Option<String>,
    /// The executable's size.
    pub(super) bytes: u64,
    /// The package's size.
    pub(super) zip_bytes: u64,
    /// The newest glibc that it asks for.
    pub(super) glibc: Option<String>,
    pub(super) findings: Vec<Finding>,
}

impl Verdict {
    fn find(&mut self, rule: &'static str, message: String) {
        self.findings.push(Finding { rule, message });
    }
}

/// Packs an executable. The same bytes give the same package.
pub(super) fn pack(executable: &[u8]) -> Result<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).compression_level(Some(9));
    let options = options.unix_permissions(MODE);
    writer.start_file(ENTRY, options).and_then(|()| Ok(writer.write_all(executable)?)).context("pack the executable")?;
    Ok(writer.finish().context("pack the executable")?.into_inner())
}

/// Judges a package: for which machine it must be, and how large its executable may be.
pub(super) fn judge(package: &[u8], architecture: Architecture, budget: u64) -> Verdict {
    let mut verdict = Verdict { zip_bytes: package.len() as u64, ..Verdict::default() };
    let mut archive = match ZipArchive::new(Cursor::new(package)) {
        Ok(archive) => archive,
        Err(error) => {
            verdict.find("package-zip", format!("it is no zip archive: {error}"));
            return verdict;
        }
    };
    let names: Vec<&str> = archive.file_names().collect();
    if names != [ENTRY] {
        verdict.find("package-entry", format!("it must hold `{ENTRY}` alone, and holds {}", names.join(", ")));
    }
    let Some(place) = archive.index_for_name(ENTRY) else {
        return verdict;
    };
    let (mode, size, executable) = match read_entry(&mut archive, place) {
        Ok(read) => read,
        Err(error) => {
            verdict.find("package-zip", format!("`{ENTRY}` cannot be read: {error:#}"));
            return verdict;
        }
    };
    verdict.bytes = size;
    match mode.map(|mode| mode & 0o7777) {
        Some(MODE) => {}
        Some(mode) => verdict.find("package-mode", format!("`{ENTRY}` has the mode {mode:04o}, not {MODE:04o}")),
        None => verdict.find("package-mode", format!("`{ENTRY}` has no mode; it must be {MODE:04o}")),
    }
    if size > budget {
        verdict.find("package-size", format!("`{ENTRY}` has {size} bytes, and {budget} are allowed"));
    }
    judge_executable(&executable, architecture, &mut verdict);
    verdict
}

/// An entry's mode, size and bytes.
fn read_entry(archive: &mut ZipArchive<Cursor<&[u8]>>, place: usize) -> Result<(Option<u32>, u64, Vec<u8>)> {
    let entry = archive.by_index(place)?;
    let (mode, size) = (entry.unix_mode(), entry.size());
    let mut executable = Vec::new();
    entry.take(READ_LIMIT).read_to_end(&mut executable)?;
    Ok((mode, size, executable))
}

fn judge_executable(executable: &[u8], architecture: Architecture, verdict: &mut Verdict) {
    let (machine, glibc) = match read_elf(executable) {
        Ok(read) => read,
        Err(error) => {
            verdict.find("package-elf", format!("`{ENTRY}` is no 64-bit ELF executable: {error}"));
            return;
        }
    };
    let found = Architecture::of_machine(machine);
    let name = found.map_or_else(|| format!("machine {machine}"), |found| found.name().to_owned());
    if found != Some(architecture) {
        verdict
            .find("package-architecture", format!("`{ENTRY}` is for {name}, and the function's Architectures is {}", architecture.name()));
    }
    verdict.machine = Some(name);
    if let Some((version, major, minor)) = glibc {
        if (major, minor) > GLIBC {
            let (highest, lowest) = GLIBC;
            verdict.find("package-glibc", format!("`{ENTRY}` needs glibc {version}, and Lambda has {highest}.{lowest}"));
        }
        verdict.glibc = Some(version);
    }
}

/// A version of glibc: its text, and its first two numbers.
type Glibc = (String, u32, u32);

/// The machine of an executable, and the newest glibc among the versions of the symbols that it needs.
pub(super) fn read_elf(executable: &[u8]) -> object::read::Result<(u16, Option<Glibc>)> {
    let header = FileHeader64::<Endianness>::parse(executable)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, executable)?;
    let mut newest: Option<Glibc> = None;
    if let Some((mut needs, link)) = sections.gnu_verneed(endian, executable)? {
        let strings = sections.strings(endian, executable, link)?;
        while let Some((_, mut versions)) = needs.next()? {
            while let Some(version) = versions.next()? {
                let name = String::from_utf8_lossy(version.name(endian, strings)?).into_owned();
                let Some(found) = glibc_version(&name) else {
                    continue;
                };
                if newest.as_ref().is_none_or(|(_, major, minor)| (found.1, found.2) > (*major, *minor)) {
                    newest = Some(found);
                }
            }
        }
    }
    Ok((header.e_machine(endian), newest))
}

/// `GLIBC_2.34` and `GLIBC_2.2.5`; private symbols and other libraries have none.
fn glibc_version(name: &str) -> Option<Glibc> {
    let version = name.strip_prefix("GLIBC_")?;
    let mut numbers = version.split('.').map(str::parse::<u32>);
    Some((version.to_owned(), numbers.next()?.ok()?, numbers.next()?.ok()?))
}
