//! Clients that no one here wrote, against Athena, Glue and S3 on loopback: boto3, `PyAthena`, `SQLAlchemy`, the AWS command
//! line, dbt. They run where `FRESHET_MATERIAL` names their scripts and `FRESHET_CLIENTS` a folder with their Python
//! environment (its `bin` has `python`, `aws` and `dbt`).
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use freshet_local::{Functions, Options};

/// Runs a program against an endpoint: what it printed.
async fn run(program: PathBuf, arguments: Vec<String>, folder: PathBuf, environment: Vec<(String, String)>) -> String {
    let output =
        tokio::task::spawn_blocking(move || Command::new(program).args(arguments).current_dir(folder).envs(environment).output().unwrap());
    let output = output.await.unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::write(target, std::fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_of_every_client_is_ok() {
    let (Ok(material), Ok(clients)) = (std::env::var("FRESHET_MATERIAL"), std::env::var("FRESHET_CLIENTS")) else {
        println!("skipped: FRESHET_MATERIAL and FRESHET_CLIENTS do not both say where the clients are");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let options =
        Options { dir: folder.path().join("aws"), port: 0, buckets: Vec::new(), streams: Vec::new(), functions: Functions::new() };
    let running = freshet_local::start(options).await.unwrap();
    let scripts = folder.path().join("clients");
    copy(&Path::new(&material).join("clients"), &scripts);
    let binaries = Path::new(&clients).join("bin");
    let environment = vec![
        ("AWS_ENDPOINT_URL".to_owned(), running.endpoint()),
        ("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned()),
        ("VENV".to_owned(), clients.clone()),
        ("DBT".to_owned(), binaries.join("dbt").display().to_string()),
    ];
    let python = |script: &str| run(binaries.join("python"), vec![script.to_owned()], scripts.clone(), environment.clone());
    let seeded = python("seed.py").await;
    assert!(seeded.contains("seeded"), "{seeded}");
    // With a staging folder PyAthena's arrow cursor goes to the real S3: a workgroup that manages results keeps it here.
    let steps = std::fs::read_to_string(scripts.join("t_py.py")).unwrap();
    std::fs::write(
        scripts.join("t_py.py"),
        steps.replace(
            "connect(cursor_class=ArrowCursor,**KW)",
            "connect(cursor_class=ArrowCursor,work_group=\"managed\",**{k:v for k,v in KW.items() if k!=\"s3_staging_dir\"})",
        ),
    )
    .unwrap();
    let steps = python("t_py.py").await;
    let failed: Vec<&str> = steps.lines().filter(|line| line.starts_with("FAIL")).collect();
    let passed = steps.lines().filter(|line| line.starts_with("OK")).count();
    println!("{passed} steps of PyAthena, boto3 and SQLAlchemy are OK");
    let shell = |script: &str| run(PathBuf::from("bash"), vec![script.to_owned()], scripts.clone(), environment.clone());
    let command_line = shell("t_cli.sh").await;
    let dbt = shell("t_dbt.sh").await;
    println!("{steps}\n{command_line}\n{dbt}");
    assert!(failed.is_empty() && passed >= 39, "{passed} OK, not OK: {failed:#?}");
    for expected in ["SUCCEEDED", "\"dt\",\"c\"\n\"2026-01-01\",\"3\"", "\"lakedb\"", "\"events\"", "\"primary\"", "Account"] {
        assert!(command_line.contains(expected), "{expected} is not in {command_line}");
    }
    assert!(dbt.matches("ERROR=0").count() == 4 && dbt.contains("All checks passed!") && dbt.contains("Catalog written"), "{dbt}");
    running.stop().await.unwrap();
}
