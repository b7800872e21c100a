//! The built command from outside: its help, its errors, its verdicts on signatures.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn freshet(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_freshet"));
    command.args(arguments);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FRESHET_") {
            command.env_remove(name);
        }
    }
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_subcommand_has_help_with_examples() {
    let commands = [
        "demo", "up", "send", "verify", "flush", "compact", "replay", "import", "tables", "erase", "privacy", "queries", "query",
        "package", "deploy", "destroy", "stages", "schema", "source", "train", "score", "model",
    ];
    let list = text(&freshet(&["--help"]).stdout);
    for command in commands {
        assert!(list.contains(command), "{command} is missing in\n{list}");
        let output = freshet(&[command, "--help"]);
        let help = text(&output.stdout);
        assert!(output.status.success() && help.contains("Example") && help.contains(&format!("freshet {command}")), "{help}");
    }
}

#[test]
fn wrong_arguments_are_said_and_answered_with_two() {
    for arguments in [
        &[] as &[&str],
        &["nonsense"],
        &["send"],
        &["send", "x", "--source", "shopify", "--repeat", "0"],
        &["query"],
        &["query", "a", "--sql", "b"],
        &["verify", "--scheme", "morse", "--secret", "x", "--headers", "h", "--body", "b"],
        &["demo", "--deliveries", "5"],
        &["erase", "--account", "a"],
        &["erase", "--account", "a", "--shop", "--email", "a@b.c"],
    ] {
        let output = freshet(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn what_cannot_be_done_is_said_with_what_was_tried() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("orders-create");
    std::fs::create_dir(&empty).unwrap();
    let empty = empty.to_str().unwrap();
    for (arguments, said) in [
        (&["send", "/nowhere/x.json", "--source", "shopify", "--secret", "hush"] as &[&str], "read /nowhere/x.json"),
        (&["send", empty, "--source", "shopify", "--secret", "hush"], "there are none"),
        (&["send", empty, "--source", "shopify"], "FRESHET_SECRET_SHOPIFY"),
        (&["send", empty, "--source", "no_such_source", "--secret", "hush"], "shopify"),
        (&["send", empty, "--source", "shopify", "--secret", "hush", "--url", "127.0.0.1:1"], "the form is"),
        (&["tables"], "FRESHET_BUCKET"),
        (&["query", "no_such_query"], "no_such_query"),
        (&["up", "--secret", "hush"], "SOURCE=SECRET"),
        (&["schema", "check", "--dir", empty], "sources.txt"),
        (&["source", "new", "Not A Name"], "lower case"),
    ] {
        let output = freshet(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let errors = text(&output.stderr);
        assert!(errors.contains(said), "{arguments:?}: {errors}");
        assert!(!errors.contains("hush"), "a secret is in {errors}");
    }
}

#[test]
fn a_verdict_is_an_exit_code_and_a_plain_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    // Published by bold-commerce/go-shopify.
    let headers = path("headers.txt", "X-Shopify-Hmac-Sha256: hMTq0K2x7oyOjoBwGYeTj5oxfnaVYXzbanUG9aajpKI=\n");
    let (body, other) = (path("body", "\"my secret message\""), path("other", "\"my other message\""));
    let judge = |secret: &str, headers: &str, body: &str| {
        freshet(&["verify", "--scheme", "shopify", "--secret", secret, "--headers", headers, "--body", body])
    };
    assert_eq!(judge("hush", &headers, &body).status.code(), Some(0));
    for (secret, headers, body, reason) in [
        ("wrong", &headers, &body, "does not match"),
        ("hush", &headers, &other, "does not match"),
        ("hush", &path("none", ""), &body, "missing"),
    ] {
        let output = judge(secret, headers, body);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stdout).contains(reason), "{}", text(&output.stdout));
    }
}

#[test]
fn every_published_vector_is_judged_right() {
    let Some(material) = std::env::var_os("FRESHET_MATERIAL") else {
        println!("skipped: FRESHET_MATERIAL does not name the folder of published vectors");
        return;
    };
    let payloads = Path::new(&material).join("payloads");
    let list: Value = serde_json::from_slice(&std::fs::read(payloads.join("VECTORS.json")).unwrap()).unwrap();
    let vectors = list["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 40);
    let folder = tempfile::tempdir().unwrap();
    for (number, vector) in vectors.iter().enumerate() {
        let headers = folder.path().join(format!("{number}.headers"));
        std::fs::write(&headers, vector["headers"].to_string()).unwrap();
        let body = if let Some(file) = vector["body_file"].as_str() {
            payloads.join(file)
        } else {
            let body = folder.path().join(format!("{number}.body"));
            std::fs::write(&body, vector["body_utf8"].as_str().unwrap()).unwrap();
            body
        };
        let mut arguments = vec![
            "verify",
            "--scheme",
            vector["scheme"].as_str().unwrap(),
            "--headers",
            headers.to_str().unwrap(),
            "--body",
            body.to_str().unwrap(),
        ];
        arguments.extend(["--secret", vector["secret"].as_str().unwrap_or_default()]);
        let now = vector["now"].as_str().map(str::to_owned).or_else(|| vector["now"].as_i64().map(|now| now.to_string()));
        if let Some(now) = &now {
            arguments.extend(["--at", now.as_str()]);
        }
        if vector["ignore_age"] == true {
            arguments.push("--ignore-age");
        }
        let output = freshet(&arguments);
        let expected = i32::from(vector["valid"] != true);
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(expected), "{}: {said}{}", vector["name"], text(&output.stderr));
        assert!(said.starts_with(if expected == 0 { "verifies" } else { "does not verify: " }), "{}: {said}", vector["name"]);
    }
}
