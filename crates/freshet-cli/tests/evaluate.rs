//! `freshet model evaluate` from outside: on small made-up files, on broken ones, and on published data where it is at hand.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

fn evaluate(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_freshet"));
    command.args(["model", "evaluate"]).args(arguments);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FRESHET_")) {
        command.env_remove(name);
    }
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The JSON of an evaluation that succeeds, and what it said beside.
fn judged(arguments: &[&str]) -> (Value, String) {
    let output = evaluate(arguments);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    (serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stdout))), said)
}

/// The names of an object, in order.
fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// Numbers from 0 to 1, the same each time.
struct Draws(u64);

impl Draws {
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 33).unwrap()) / f64::from(1_u32 << 31)
    }

    fn below(&mut self, most: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((self.0 >> 33) % u64::from(most)).unwrap()
    }
}

fn file(folder: &Path, name: &str, content: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

fn packed(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Rows whose label hangs on `pull`; `month` is 1 or 2.
fn frame() -> String {
    let mut draws = Draws(7);
    let mut table = "id,channel,pull,spend,flat,month,y,split\n".to_owned();
    for row in 0..1_800 {
        let (pull, spend) = (draws.share(), draws.share() * 100.0);
        let label = u8::from(draws.share() < 0.1 + 0.6 * pull);
        let split = ["train", "val", "test"][row / 600];
        writeln!(table, "{row},{},{pull:.4},{spend:.2},1,{},{label},{split}", ["web", "shop"][row % 2], 1 + row % 2).unwrap();
    }
    table
}

#[test]
fn a_frame_is_judged_and_what_is_left_out_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let table = frame();
    let plain = file(folder.path(), "frame.csv", table.as_bytes());
    let (figures, said) = judged(&["lead", "--frame", &plain, "--ignore", "id", "--json"]);
    assert_eq!(names(&figures), ["calibrated", "model", "raw"]);
    for part in ["raw", "calibrated"] {
        for figure in ["auc", "pr_auc", "brier", "log_loss", "ece", "precision_at_1pct", "precision_at_10pct"] {
            assert!(figures[part][figure].as_f64().is_some_and(|value| (0.0..=1.0).contains(&value)), "{part} {figure}");
            let interval: Vec<f64> =
                figures[part][format!("{figure}_interval")].as_array().unwrap().iter().map(|end| end.as_f64().unwrap()).collect();
            assert!(interval.len() == 2 && interval[0] <= interval[1], "{part} {figure}");
        }
    }
    let auc = figures["calibrated"]["auc"].as_f64().unwrap();
    assert!(auc > 0.65 && auc < 0.85, "{auc}");
    assert_eq!(figures["calibrated"]["rows"], 600);
    assert!(said.contains("channel is text") && said.contains("line 2") && said.contains("no use of flat"), "{said}");

    // The same rows however they are written.
    let quote = |line: &str| line.split(',').map(|cell| format!("\"{cell}\"")).collect::<Vec<_>>().join(";");
    let quoted = table.lines().map(quote).collect::<Vec<_>>().join("\r\n");
    for (name, content) in [
        ("frame.csv.gz", packed(table.as_bytes())),
        ("frame.tsv", table.replace(',', "\t").into_bytes()),
        ("frame-excel.csv", format!("\u{feff}{}", quoted.replace('.', ",")).into_bytes()),
    ] {
        let path = file(folder.path(), name, &content);
        assert_eq!(judged(&["smurf", "--frame", &path, "--ignore", "id", "--json"]).0["calibrated"]["rows"], 600, "{name}");
        assert_eq!(judged(&["lead", "--frame", &path, "--ignore", "id", "--json"]).0, figures, "{name}");
    }
    let (half, said) = judged(&["lead", "--frame", &plain, "--ignore", "id", "--where", "month=2", "--where", "channel=shop", "--json"]);
    assert_eq!(half["calibrated"]["rows"], 300);
    assert!(said.contains("900 rows are left out"), "{said}");
    let output = evaluate(&["lead", "--frame", &plain, "--ignore", "id"]);
    let page = text(&output.stdout);
    assert!(page.contains("precision_at_10pct") && page.contains("600 test rows") && page.contains(&format!("{auc:.4}")), "{page}");
}

#[test]
fn a_frame_that_cannot_be_judged_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let table = frame();
    let without = |part: &str| table.lines().filter(|line| !line.ends_with(part)).collect::<Vec<_>>().join("\n");
    let numbered = |line: usize, of: &dyn Fn(&str) -> String| {
        table.lines().enumerate().map(|(place, text)| if place + 1 == line { of(text) } else { text.to_owned() } + "\n").collect::<String>()
    };
    for (name, content, reason) in [
        ("header.csv", b"a,y,split\n".to_vec(), "there are no rows"),
        ("empty.csv", Vec::new(), "no column y"),
        ("label.csv", table.replace(",y,", ",z,").into_bytes(), "no column y; there are: id, channel, pull"),
        ("cell.csv", numbered(40, &|text| text.replace(",train", ",later")).into_bytes(), "column split at line 40"),
        (
            "short.csv",
            numbered(17, &|text| text.replace("train", "").trim_end_matches(',').to_owned()).into_bytes(),
            "line 17: 7 cells where the header has 8",
        ),
        ("test.csv", without("test").into_bytes(), "the test part has no rows"),
        ("train.csv", without("train").into_bytes(), "the train part has no rows"),
        ("one.csv", table.replace(",1,train", ",0,train").into_bytes(), "train on 0 positive and 600 negative rows"),
        ("text.csv", b"a,y,split\nweb,1,train\n".to_vec(), "no feature"),
        ("book.xlsx", b"PK\x03\x04.....".to_vec(), "a spreadsheet"),
        ("cut.csv.gz", packed(table.as_bytes())[..4_000].to_vec(), "cut.csv.gz"),
    ] {
        let path = file(folder.path(), name, &content);
        let output = evaluate(&["lead", "--frame", &path, "--json"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains(reason) && said.contains(name) && output.stdout.is_empty(), "{name}: {said}");
    }
    let nowhere = evaluate(&["lead", "--frame", "/nowhere/frame.csv"]);
    assert!(nowhere.status.code() == Some(1) && text(&nowhere.stderr).contains("/nowhere/frame.csv"));
    // One kind alone in the test rows: what needs both is null.
    let path = file(folder.path(), "negative.csv", table.replace(",1,test", ",0,test").as_bytes());
    let (figures, said) = judged(&["lead", "--frame", &path, "--json"]);
    assert!(figures["calibrated"]["auc"].is_null() && figures["calibrated"]["brier"].is_f64() && said.contains("one label"), "{said}");
    // No val rows: some of the train rows stand in.
    let path = file(folder.path(), "no-val.csv", without("val").as_bytes());
    assert!(judged(&["lead", "--frame", &path, "--json"]).1.contains("there are no val rows"));
}

#[test]
fn wrong_arguments_are_answered_with_two() {
    for arguments in [
        &["lead"] as &[&str],
        &["smurf", "--json"],
        &["lead", "--frame", "a", "--transactions", "b"],
        &["lead", "--frame", "a", "--where", "month"],
        &["lead", "--transactions", "b", "--customer", "1", "--date", "2", "--amount", "3"],
        &[
            "lead",
            "--transactions",
            "b",
            "--customer",
            "1",
            "--date",
            "2",
            "--amount",
            "3",
            "--horizon-days",
            "0",
            "--train",
            "2026-01-01",
            "--val",
            "2026-02-01",
            "--test",
            "2026-03-01",
        ],
        &[
            "lead",
            "--transactions",
            "b",
            "--customer",
            "1",
            "--date",
            "2",
            "--amount",
            "3",
            "--horizon-days",
            "30",
            "--train",
            "soon",
            "--val",
            "2026-02-01",
            "--test",
            "2026-03-01",
        ],
        &["smurf", "--matches", "a", "--player", "p"],
        &["smurf", "--frame", "a", "--inject", "3"],
    ] {
        let output = evaluate(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output.stderr));
    }
}

/// Purchases of customers who each keep a rhythm until they leave: customer, day since 2024-01-01, amount.
fn purchases() -> Vec<(u32, u32, f64)> {
    let mut draws = Draws(11);
    let mut found = Vec::new();
    for customer in 0..2_500 {
        let (mut day, gap) = (draws.below(250), 16 + draws.below(220));
        while day < 540 {
            found.push((customer, day, (100.0 + 9_900.0 * draws.share()).round() / 100.0));
            if draws.share() < 0.12 {
                break;
            }
            day += 1 + draws.below(gap);
        }
    }
    found
}

const PLAN: [&str; 8] = ["--horizon-days", "60", "--train", "2024-07-01,2024-09-15", "--val", "2024-12-01", "--test", "2025-03-01"];

#[test]
fn transactions_become_features_and_figures_however_they_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let start: chrono::NaiveDateTime = "2024-01-01T10:30:00".parse().unwrap();
    let rows = purchases();
    let written = |format: &str, row: &dyn Fn(u32, String, f64) -> String| -> String {
        rows.iter()
            .map(|&(customer, day, amount)| row(customer, (start + chrono::Days::new(u64::from(day))).format(format).to_string(), amount))
            .collect()
    };
    let csv = "who,when,what\n".to_owned() + &written("%Y-%m-%d", &|who, when, what| format!("{who:05},{when} 10:30:00,{what:.2}\n"));
    let named = ["--customer", "who", "--date", "when", "--amount", "what", "--json"];
    let by_number = ["--customer", "1", "--date", "2", "--amount", "4", "--json"];
    let path = file(folder.path(), "sales.csv", csv.as_bytes());
    let asked = |path: &str, columns: &[&str]| judged(&[&["lead", "--transactions", path], columns, &PLAN].concat());
    let (figures, _) = asked(&path, &named);
    assert_eq!(names(&figures), ["bgnbd", "calibrated", "model", "raw"]);
    assert_eq!(names(&figures["bgnbd"]), ["a", "alpha", "b", "r"]);
    let auc = figures["calibrated"]["auc"].as_f64().unwrap();
    assert!(auc > 0.7, "{auc}");
    for (name, content, columns) in [
        ("sales.txt", written("%Y%m%d", &|who, when, what| format!(" {who:05} {when}  1   {what:.2}\n")), &by_number),
        (
            "sales-named.txt",
            " who  when n what\n".to_owned() + &written("%Y%m%d", &|who, when, what| format!(" {who:05} {when}  1   {what:.2}\r\n")),
            &by_number,
        ),
        (
            "sales-excel.csv",
            "\u{feff}when;what;who\r\n".to_owned()
                + &written("%d.%m.%Y", &|who, when, what| format!("{when};{};\"{who:05}\"\r\n", format!("{what:.2}").replace('.', ","))),
            &named,
        ),
        (
            "sales-us.tsv",
            "what\twho\twhen\n".to_owned() + &written("%m/%d/%Y %H:%M", &|who, when, what| format!("${what:.2}\t{who:05}\t{when}\n")),
            &named,
        ),
    ] {
        let path = file(folder.path(), name, content.as_bytes());
        assert_eq!(asked(&path, columns.as_slice()).0, figures, "{name}");
    }
    let path = file(folder.path(), "sales.csv.gz", &packed(format!("{csv}x,soon,1\n,2024-02-01,2\ny,2024-02-01,inf\n").as_bytes()));
    let (same, said) = asked(&path, &named);
    assert_eq!(same, figures);
    let line = csv.lines().count() + 1;
    assert!(said.contains("3 of ") && said.contains(&format!("the first at line {line}")), "{said}");

    for (plan, reason) in [
        (["--horizon-days", "60", "--train", "2024-07-01", "--val", "2024-12-01", "--test", "2025-06-01"], "2025-06-01"),
        (["--horizon-days", "60", "--train", "2024-11-01", "--val", "2024-12-01", "--test", "2025-03-01"], "2024-11-01"),
        (["--horizon-days", "60", "--train", "2023-01-01", "--val", "2024-12-01", "--test", "2025-03-01"], "nobody has bought"),
    ] {
        let output = evaluate(&[&["lead", "--transactions", &path], named.as_slice(), &plan].concat());
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(reason) && said.contains("sales.csv.gz"), "{said}");
    }
    let unknown = evaluate(
        &[&["lead", "--transactions", &path, "--customer", "whom", "--date", "when", "--amount", "what"], PLAN.as_slice()].concat(),
    );
    assert!(text(&unknown.stderr).contains("no column whom; there are: who, when, what"), "{}", text(&unknown.stderr));
}

/// Games to fifteen points between players of two strengths, in order of time.
fn games() -> Vec<(u32, u32, u32, u32)> {
    let mut draws = Draws(3);
    let strength: Vec<f64> = (0..160).map(|_| draws.share() + draws.share() + draws.share() - 1.5).collect();
    (0..4_000)
        .map(|_| {
            let one = draws.below(160);
            let other = (one + 1 + draws.below(158)) % 160;
            let point = 1.0 / (1.0 + (-1.2 * (strength[one as usize] - strength[other as usize])).exp());
            let won = u32::try_from((0..15).filter(|_| draws.share() < point).count()).unwrap();
            (one, other, won, 15 - won)
        })
        .collect()
}

#[test]
fn matches_are_rated_in_order_of_time_however_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let games = games();
    let start: chrono::NaiveDateTime = "2026-01-01T00:00:00".parse().unwrap();
    let at = |place: usize| start + chrono::TimeDelta::minutes(7 * i64::try_from(place).unwrap());
    let columns =
        ["--player", "p1", "--opponent", "p2", "--score", "s1", "--opponent-score", "s2", "--time", "t", "--inject", "3", "--json"];
    let table = |time: &dyn Fn(usize) -> String| {
        let mut lines: Vec<String> = games
            .iter()
            .enumerate()
            .map(|(place, (one, other, won, lost))| format!("{},a{one},{won},a{other},{lost}\n", time(place)))
            .collect();
        // Not in the file's order, and so only by their times.
        lines.reverse();
        "t,p1,s1,p2,s2\n".to_owned() + &lines.concat()
    };
    let path = file(folder.path(), "games.csv", table(&|place| at(place).format("%Y-%m-%d %H:%M:%S").to_string()).as_bytes());
    let asked = |path: &str| judged(&[&["smurf", "--matches", path], columns.as_slice()].concat());
    let (figures, said) = asked(&path);
    assert!(said.is_empty(), "{said}");
    assert_eq!((figures["rated"].as_u64(), figures["players"].as_u64()), (Some(4_000), Some(160)));
    assert!(figures["accuracy"].as_f64().unwrap() > 0.65 && figures["log_loss"].as_f64().unwrap() < 0.62, "{figures}");
    for auc in ["auc_after_5", "auc_after_10"] {
        assert!(figures[auc].as_f64().unwrap() > 0.75, "{figures}");
    }
    assert_eq!(figures["injected"].as_array().unwrap().len(), 2);
    for (name, content) in [
        ("unix.csv", table(&|place| at(place).and_utc().timestamp().to_string())),
        ("american.csv", table(&|place| at(place).format("%m/%d/%Y %I:%M %p").to_string())),
        ("text.csv", table(&|place| format!("round {place:05}"))),
        ("german.csv", table(&|place| at(place).format("%d.%m.%Y %H:%M").to_string()).replace(',', ";").replace('\n', "\r\n")),
    ] {
        let path = file(folder.path(), name, content.as_bytes());
        assert_eq!(asked(&path).0, figures, "{name}");
    }
    let path = file(
        folder.path(),
        "games.csv.gz",
        &packed(format!("{}soon,a1,3,a2,4\n,a1,3,a2,4\n2026-05-01,a1,3,a1,4\n", table(&|place| at(place).to_string())).as_bytes()),
    );
    let (same, said) = asked(&path);
    assert_eq!((same["left_out"].as_u64(), &same["accuracy"]), (Some(3), &figures["accuracy"]));
    assert!(said.contains("3 of 4003 rows"), "{said}");

    let few = file(folder.path(), "few.csv", b"t,p1,s1,p2,s2\n1,a,2,b,2\n2,a,3,b,1\n");
    let (nothing, said) = judged(&[&["smurf", "--matches", &few], &columns[..10], &["--json"]].concat());
    assert!(nothing["accuracy"].is_null() && nothing["games"] == 0 && said.contains("no forecast"), "{said}");
    let output = evaluate(&[&["smurf", "--matches", &few], columns.as_slice()].concat());
    assert!(output.status.code() == Some(1) && text(&output.stderr).contains("are strong"), "{}", text(&output.stderr));
}

fn material(path: &str) -> Option<String> {
    let found = std::env::var_os("FRESHET_MATERIAL").map(|folder| PathBuf::from(folder).join(path)).filter(|path| path.exists());
    if found.is_none() {
        println!("skipped: FRESHET_MATERIAL names no folder with {path}");
    }
    found.map(|path| path.to_str().unwrap().to_owned())
}

/// The bars of leads: those of a logistic regression by scikit-learn on the same rows, less what one seed may differ.
fn check_leads(figures: &Value) {
    println!("{figures}");
    let of = |name: &str| figures["calibrated"][name].as_f64().unwrap();
    assert!(of("auc") >= 0.838 && of("pr_auc") >= 0.535 && of("brier") <= 0.0900 && of("ece") <= 0.03, "{figures}");
}

#[test]
fn published_transactions_meet_their_bars() {
    let Some(path) = material("ml/cdnow/CDNOW_master.txt") else { return };
    let (figures, _) = judged(&[
        "lead",
        "--transactions",
        &path,
        "--customer",
        "1",
        "--date",
        "2",
        "--amount",
        "4",
        "--horizon-days",
        "90",
        "--train",
        "1997-07-05,1997-10-03",
        "--val",
        "1998-01-01",
        "--test",
        "1998-04-01",
        "--json",
    ]);
    check_leads(&figures);
    for (name, published) in [("r", 0.2720), ("alpha", 41.51), ("a", 0.4696), ("b", 1.9424)] {
        assert!((figures["bgnbd"][name].as_f64().unwrap() / published - 1.0).abs() < 0.01, "{figures}");
    }
}

#[test]
fn a_published_frame_meets_its_bars() {
    let Some(path) = material("ml/cdnow/frame_90d.csv.gz") else { return };
    let (figures, said) = judged(&["lead", "--frame", &path, "--ignore", "cid", "--json"]);
    check_leads(&figures);
    assert!(said.contains("column T0 is text"), "{said}");
}

#[test]
fn published_matches_meet_their_bars() {
    let Some(path) = material("ml/halo2/halo2_head_to_head.csv") else { return };
    let (figures, _) = judged(&[
        "smurf",
        "--matches",
        &path,
        "--player",
        "p1",
        "--opponent",
        "p2",
        "--score",
        "s1",
        "--opponent-score",
        "s2",
        "--time",
        "end_time",
        "--inject",
        "10",
        "--json",
    ]);
    println!("{figures}");
    assert_eq!((figures["games"].as_u64(), figures["rated"].as_u64()), (Some(2_897), Some(6_028)));
    assert!(
        (figures["accuracy"].as_f64().unwrap() - 0.7314).abs() < 0.0005 && (figures["log_loss"].as_f64().unwrap() - 0.5372).abs() < 0.0005
    );
    assert!(figures["auc_after_5"].as_f64().unwrap() >= 0.86 && figures["auc_after_10"].as_f64().unwrap() >= 0.86, "{figures}");
}
