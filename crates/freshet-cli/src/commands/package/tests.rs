//! Packages that are right, and packages that are broken in one way each.

use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::artefact::read_elf;
use super::*;

const BUDGET: u64 = 10_000;

/// An ELF file of a machine that needs these versions of the C library's symbols: headers and three sections.
fn elf(machine: u16, versions: &[&str]) -> Vec<u8> {
    let (mut strings, mut needs) = (b"\0libc.so.6\0".to_vec(), Vec::new());
    needs.extend([1_u16.to_le_bytes(), u16::try_from(versions.len()).unwrap().to_le_bytes()].concat());
    needs.extend([1_u32.to_le_bytes(), 16_u32.to_le_bytes(), 0_u32.to_le_bytes()].concat());
    for (place, version) in versions.iter().enumerate() {
        let next: u32 = if place + 1 < versions.len() { 16 } else { 0 };
        let name = u32::try_from(strings.len()).unwrap();
        needs.extend([0_u32.to_le_bytes(), 2_u32.to_le_bytes(), name.to_le_bytes(), next.to_le_bytes()].concat());
        strings.extend(version.bytes().chain([0]));
    }
    let names = b"\0.dynstr\0.gnu.version_r\0.shstrtab\0";
    let (strings_at, needs_at) = (64, 64 + strings.len());
    let names_at = needs_at + needs.len();
    let sections_at = names_at + names.len();
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend([3_u16.to_le_bytes(), machine.to_le_bytes()].concat());
    file.extend(1_u32.to_le_bytes());
    for place in [0, 0, sections_at] {
        file.extend((place as u64).to_le_bytes());
    }
    file.extend(0_u32.to_le_bytes());
    for number in [64_u16, 56, 0, 64, 4, 3] {
        file.extend(number.to_le_bytes());
    }
    for part in [&strings, &needs, &names.to_vec()] {
        file.extend(part);
    }
    // Name, type, place, size, link and number of entries.
    let sections = [
        (0, 0, 0, 0, 0, 0),
        (1, 3, strings_at, strings.len(), 0, 0),
        (9, 0x6fff_fffe_u32, needs_at, needs.len(), 1, 1),
        (24, 3, names_at, names.len(), 0, 0),
    ];
    for (name, kind, place, size, link, info) in sections {
        file.extend([u32::to_le_bytes(name), kind.to_le_bytes()].concat());
        for number in [0_u64, 0, place as u64, size as u64] {
            file.extend(number.to_le_bytes());
        }
        file.extend([u32::to_le_bytes(link), u32::to_le_bytes(info)].concat());
        file.extend([1_u64.to_le_bytes(), 0_u64.to_le_bytes()].concat());
    }
    file
}

fn arm64(versions: &[&str]) -> Vec<u8> {
    elf(object::elf::EM_AARCH64, versions)
}

fn zip(entries: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mode, bytes) in entries {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).unix_permissions(*mode);
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The rules that find something.
fn rules(package: &[u8]) -> Vec<&'static str> {
    judge(package, Architecture::Arm64, BUDGET).findings.into_iter().map(|finding| finding.rule).collect()
}

#[test]
fn what_we_pack_is_as_it_must_be() {
    let executable = arm64(&["GLIBC_2.17", "GLIBC_2.34", "GLIBC_2.2.5", "GCC_3.0"]);
    let package = pack(&executable).unwrap();
    let verdict = judge(&package, Architecture::Arm64, BUDGET);
    assert_eq!(verdict.findings, []);
    assert_eq!((verdict.machine.as_deref(), verdict.glibc.as_deref()), (Some("arm64"), Some("2.34")));
    assert_eq!((verdict.bytes, verdict.zip_bytes), (executable.len() as u64, package.len() as u64));
    assert_eq!(pack(&executable).unwrap(), package, "the same each time");
    assert_eq!(rules(&zip(&[("bootstrap", 0o755, &arm64(&[]))])), [""; 0], "a static one needs no glibc");
}

#[test]
fn each_mistake_is_found_by_its_rule() {
    let good = arm64(&["GLIBC_2.17"]);
    let mut large = good.clone();
    large.resize(usize::try_from(BUDGET).unwrap() + 1, 0);
    let mut cut = zip(&[("bootstrap", 0o755, &[&good[..], &[7; 5_000]].concat())]);
    let middle = cut.len() / 3;
    cut[middle..middle + 8].fill(0xFF);
    let cases: [(&str, Vec<u8>, &[&str]); 12] = [
        ("two entries", zip(&[("bootstrap", 0o755, &good), ("config.json", 0o644, b"{}")]), &["package-entry"]),
        ("another name", zip(&[("receiver", 0o755, &good)]), &["package-entry"]),
        ("in a folder", zip(&[("bin/bootstrap", 0o755, &good)]), &["package-entry"]),
        ("not executable", zip(&[("bootstrap", 0o644, &good)]), &["package-mode"]),
        ("for all to write", zip(&[("bootstrap", 0o777, &good)]), &["package-mode"]),
        ("another machine", pack(&elf(object::elf::EM_X86_64, &["GLIBC_2.17"])).unwrap(), &["package-architecture"]),
        ("an unknown machine", pack(&elf(243, &[])).unwrap(), &["package-architecture"]),
        ("too new a glibc", pack(&arm64(&["GLIBC_2.17", "GLIBC_2.35", "GLIBC_2.4"])).unwrap(), &["package-glibc"]),
        ("too large", pack(&large).unwrap(), &["package-size"]),
        ("a script", pack(b"#!/bin/sh\nexec true\n").unwrap(), &["package-elf"]),
        ("damaged", cut, &["package-zip"]),
        ("no zip", b"bootstrap".to_vec(), &["package-zip"]),
    ];
    for (what, package, expected) in cases {
        assert_eq!(rules(&package), expected, "{what}");
    }
    let worst = zip(&[("bootstrap", 0o600, &elf(object::elf::EM_X86_64, &["GLIBC_2.40"])), ("x", 0o644, b"")]);
    let mut found = judge(&worst, Architecture::Arm64, 10).findings.into_iter().map(|finding| finding.rule).collect::<Vec<_>>();
    found.sort_unstable();
    assert_eq!(found, ["package-architecture", "package-entry", "package-glibc", "package-mode", "package-size"]);
}

#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
#[test]
fn a_real_executable_is_read() {
    let (machine, glibc) = read_elf(&std::fs::read(std::env::current_exe().unwrap()).unwrap()).unwrap();
    let expected = if cfg!(target_arch = "aarch64") { object::elf::EM_AARCH64 } else { object::elf::EM_X86_64 };
    let (_, major, minor) = glibc.unwrap();
    assert_eq!((machine, major), (expected, 2));
    assert!(minor >= 2, "{minor}");
}

#[test]
fn the_template_says_the_architecture_and_the_packages() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/template.yaml")).unwrap();
    assert_eq!(template_architecture(&text), Some(Architecture::Arm64));
    assert!(text.contains("Architectures: [!Ref Architecture]"));
    let named: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("CodeUri: ../")).collect();
    for (name, ..) in FUNCTIONS {
        let path = package_path(Path::new("target/lambda"), name);
        assert!(named.contains(&path.to_str().unwrap()), "{} is not in {named:?}", path.display());
    }
    assert_eq!(named.len(), FUNCTIONS.len(), "each package of the template is built: {named:?}");
    let json = r#"{"Parameters":{"Architecture":{"Type":"String","Default":"x86_64"}}}"#;
    assert_eq!(template_architecture(json), Some(Architecture::X86_64));
    assert_eq!(template_architecture("Parameters:\n  Architecture:\n    Type: String\n  Other:\n    Default: arm64\n"), None);
    assert_eq!(template_architecture("Resources:\n  Architecture:\n    Default: arm64\n"), None);
}
