//! Functions that behave well and badly. The binary is this very test, which [`function`] makes a function of when it is started
//! as a `bootstrap`: a process of its own that speaks the Runtime API over a socket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::*;

const ADDRESS: &str = "AWS_LAMBDA_RUNTIME_API";
/// A variable of the function's own.
const OWN: &str = "FRESHET_TEST";

/// One call of the Runtime API: the headers' text and the body.
fn call(method: &str, path: &str, body: &[u8]) -> (String, Vec<u8>) {
    let address = std::env::var(ADDRESS).unwrap();
    let mut stream = TcpStream::connect(&address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    (String::from_utf8_lossy(&answer[..end]).to_lowercase(), answer[end + 4..].to_vec())
}

#[test]
fn function() {
    if std::env::var(ADDRESS).is_err() {
        return;
    }
    match std::env::var(OWN).as_deref() {
        Ok("dies at its start") => std::process::exit(7),
        Ok("cannot start") => {
            call("POST", "init/error", br#"{"errorType":"Own.Error","errorMessage":"no parameter"}"#);
            std::process::exit(1);
        }
        _ => {}
    }
    let mut hoard = Vec::new();
    for count in 1.. {
        let (head, event) = call("GET", "invocation/next", b"");
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap().to_owned();
        let id = header("lambda-runtime-aws-request-id");
        let event: Value = serde_json::from_slice(&event).unwrap();
        let answer = match event["do"].as_str() {
            Some("exit") => std::process::exit(3),
            Some("abort") => std::process::abort(),
            Some("sleep") => {
                std::thread::sleep(Duration::from_millis(event["millis"].as_u64().unwrap()));
                json!("slept")
            }
            Some("grow") => loop {
                hoard.push(std::hint::black_box(vec![1_u8; 8 * 1024 * 1024]));
                std::thread::sleep(Duration::from_millis(10));
            },
            Some("fill") => json!("x".repeat(usize::try_from(event["bytes"].as_u64().unwrap()).unwrap())),
            Some("fail") => {
                call("POST", &format!("invocation/{id}/error"), br#"{"errorType":"Own.Error","errorMessage":"it would not"}"#);
                continue;
            }
            Some("answer another") => {
                let (head, body) = call("POST", "invocation/another/response", b"1");
                json!({ "status": head.lines().next(), "body": String::from_utf8(body).unwrap() })
            }
            _ => json!({
                "count": count,
                "id": std::process::id(),
                "deadline": header("lambda-runtime-deadline-ms").parse::<u64>().unwrap(),
                "arn": header("lambda-runtime-invoked-function-arn"),
                "trace": header("lambda-runtime-trace-id"),
                "environment": std::env::vars().collect::<BTreeMap<String, String>>(),
            }),
        };
        let (head, _) = call("POST", &format!("invocation/{id}/response"), answer.to_string().as_bytes());
        assert!(head.starts_with("http/1.1 202") || head.starts_with("http/1.1 413"), "{head}");
    }
}

/// A folder with this test as a `bootstrap`, and the function.
fn functions(change: impl FnOnce(&mut LambdaFunction)) -> (tempfile::TempDir, Lambda) {
    let folder = tempfile::tempdir().unwrap();
    let (bootstrap, test) = (folder.path().join("bootstrap"), std::env::current_exe().unwrap());
    let script = format!("#!/bin/sh\nexec '{}' --exact lambda::tests::function --nocapture\n", test.display());
    std::fs::write(&bootstrap, script).unwrap();
    std::fs::set_permissions(&bootstrap, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut function = LambdaFunction::new("tested", &bootstrap);
    function.timeout = Duration::from_secs(20);
    change(&mut function);
    (folder, Lambda::open(function).unwrap())
}

async fn ask(lambda: &Lambda, event: &Value) -> Result<Value, Failure> {
    let answer = lambda.invoke(Bytes::from(event.to_string())).await?;
    Ok(serde_json::from_slice(&answer.payload).unwrap())
}

/// Whether a process is there, and not merely waiting to be reaped.
fn runs(id: &Value) -> bool {
    std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_started_once_and_told_what_lambda_tells() {
    let (folder, lambda) = functions(|function| {
        function.memory = 256;
        function.variables.insert(OWN.to_owned(), "its own".to_owned());
    });
    let before = u64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let first = lambda.invoke(Bytes::from_static(b"{}")).await.unwrap();
    assert!(first.init.is_some());
    let told: Value = serde_json::from_slice(&first.payload).unwrap();
    let deadline = told["deadline"].as_u64().unwrap();
    assert!((before + 20_000..before + 60_000).contains(&deadline), "milliseconds of the epoch: {deadline}");
    assert_eq!(told["arn"], "arn:aws:lambda:us-east-1:000000000000:function:tested");
    assert!(told["trace"].as_str().unwrap().starts_with("root=1-"), "{told}");
    for (name, value) in [
        ("_HANDLER", "bootstrap"),
        ("AWS_LAMBDA_FUNCTION_NAME", "tested"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_REGION", "us-east-1"),
        (OWN, "its own"),
        ("LAMBDA_TASK_ROOT", folder.path().canonicalize().unwrap().to_str().unwrap()),
    ] {
        assert_eq!(told["environment"][name], value, "{name}");
    }
    assert_eq!(told["environment"]["HOME"], Value::Null, "nothing of the caller's own");
    let second = lambda.invoke(Bytes::from_static(b"{}")).await.unwrap();
    assert!(second.init.is_none());
    let again: Value = serde_json::from_slice(&second.payload).unwrap();
    assert_eq!((&again["count"], &again["id"]), (&json!(2), &told["id"]));
    lambda.configure(BTreeMap::from([(OWN.to_owned(), "another".to_owned())]));
    let other = ask(&lambda, &json!({})).await.unwrap();
    assert_eq!((&other["count"], &other["environment"][OWN]), (&json!(1), &json!("another")));
    assert_eq!(ask(&lambda, &json!({ "do": "answer another" })).await.unwrap()["status"], "http/1.1 400 bad request");
    lambda.stop().await;
    assert!(!runs(&told["id"]) && !runs(&other["id"]));
    assert_eq!(ask(&lambda, &json!({})).await.unwrap_err().status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_is_the_error_of_its_invocation_alone() {
    let (_folder, lambda) = functions(|_| {});
    for (what, reason) in [("exit", "exit status 3"), ("abort", "signal: aborted")] {
        let failure = ask(&lambda, &json!({ "do": what })).await.unwrap_err();
        assert_eq!((failure.error_type.as_str(), failure.status), ("Runtime.ExitError", 200));
        assert!(failure.error_message.ends_with(&format!("Runtime exited with error: {reason}")), "{failure}");
        assert_eq!(ask(&lambda, &json!({})).await.unwrap()["count"], 1, "a new process");
    }
    let failure = ask(&lambda, &json!({ "do": "fail" })).await.unwrap_err();
    assert_eq!(failure.to_string(), r#"{"errorType":"Own.Error","errorMessage":"it would not"}"#);
    assert_eq!(ask(&lambda, &json!({})).await.unwrap()["count"], 3, "who says so does not end");
    // One that ends between two invocations costs none of them.
    let id = lambda.processes()[0].id;
    assert!(std::process::Command::new("kill").args(["-9", &id.to_string()]).status().unwrap().success());
    while !lambda.processes().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(ask(&lambda, &json!({})).await.unwrap()["count"], 1);
    lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_says_why() {
    for (own, error_type, message) in
        [("dies at its start", "Runtime.ExitError", "exit status 7"), ("cannot start", "Own.Error", "no parameter")]
    {
        let (_folder, lambda) = functions(|function| {
            function.variables.insert(OWN.to_owned(), own.to_owned());
        });
        let failure = ask(&lambda, &json!({})).await.unwrap_err();
        assert_eq!(failure.error_type, error_type);
        assert!(failure.error_message.contains(message), "{failure}");
    }
    let missing = Lambda::open(LambdaFunction::new("missing", "/nowhere/bootstrap")).unwrap_err();
    assert!(missing.to_string().contains("/nowhere/bootstrap"), "{missing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_that_takes_too_long_ends_its_process() {
    let (_folder, lambda) = functions(|function| function.timeout = Duration::from_secs(4));
    let id = ask(&lambda, &json!({})).await.unwrap()["id"].clone();
    let failure = ask(&lambda, &json!({ "do": "sleep", "millis": 60_000 })).await.unwrap_err();
    assert_eq!(failure.error_type, "Sandbox.Timedout");
    assert!(failure.error_message.ends_with("Task timed out after 4.00 seconds"), "{failure}");
    assert!(!runs(&id));
    assert_eq!(ask(&lambda, &json!({})).await.unwrap()["count"], 1);
    lambda.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_that_takes_too_much_memory_ends_its_process() {
    let (_folder, lambda) = functions(|_| {});
    assert!(ask(&lambda, &json!({})).await.is_ok());
    let failure = ask(&lambda, &json!({ "do": "grow" })).await.unwrap_err();
    assert_eq!(failure.error_type, "Runtime.OutOfMemory");
    let after = lambda.invoke(Bytes::from_static(b"{}")).await.unwrap();
    assert!(after.memory.unwrap() < 128 * 1024 * 1024);
    lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn six_megabytes_go_each_way_and_no_more() {
    let (_folder, lambda) = functions(|_| {});
    let event = |bytes: usize| Bytes::from(format!("\"{}\"", "x".repeat(bytes - 2)));
    assert!(lambda.invoke(event(EVENT_LIMIT)).await.is_ok());
    let failure = lambda.invoke(event(EVENT_LIMIT + 1)).await.unwrap_err();
    assert_eq!((failure.error_type.as_str(), failure.status), ("RequestEntityTooLargeException", 413));
    assert!(ask(&lambda, &json!({ "do": "fill", "bytes": RESPONSE_LIMIT - 2 })).await.is_ok());
    let failure = ask(&lambda, &json!({ "do": "fill", "bytes": RESPONSE_LIMIT - 1 })).await.unwrap_err();
    assert_eq!((failure.error_type.as_str(), failure.status), ("Function.ResponseSizeTooLarge", 200));
    assert_eq!(lambda.invoke(Bytes::from_static(b"no JSON")).await.unwrap_err().status, 400);
    lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_are_as_many_as_invocations_at_once_up_to_the_limit() {
    let (_folder, lambda) = functions(|function| function.concurrency = 2);
    let sleep = json!({ "do": "sleep", "millis": 60_000 });
    let two: Vec<_> = (0..2)
        .map(|_| {
            let (lambda, sleep) = (lambda.clone(), sleep.clone());
            tokio::spawn(async move { ask(&lambda, &sleep).await })
        })
        .collect();
    while lambda.processes().iter().filter(|process| process.is_busy).count() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let failure = ask(&lambda, &json!({})).await.unwrap_err();
    assert_eq!((failure.error_type.as_str(), failure.status), ("TooManyRequestsException", 429));
    let processes = lambda.processes();
    lambda.stop().await;
    for asked in two {
        assert_eq!(asked.await.unwrap().unwrap_err().status, 503);
    }
    for process in processes {
        while runs(&json!(process.id)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_process_outlives_its_function() {
    let (_folder, lambda) = functions(|_| {});
    let id = ask(&lambda, &json!({})).await.unwrap()["id"].clone();
    assert!(runs(&id));
    drop(lambda);
    while runs(&id) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
