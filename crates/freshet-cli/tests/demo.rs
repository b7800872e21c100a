//! The demo as a whole, by its default seed: everything is accounted for, each list beats the simpler one beside it on what is
//! true in the simulated world, and a reason of each row at the top is so by the lake's own rows.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

use serde_json::Value;

#[test]
fn the_lists_rank_well_and_say_what_is_so() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_freshet"));
    command.args(["demo", "--json"]);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FRESHET_")) {
        command.env_remove(name);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lists = told["scores"]["lists"].as_array().unwrap();
    assert_eq!(lists.iter().map(|list| list["who"].as_str().unwrap()).collect::<Vec<_>>(), ["customers", "prospects", "accounts"]);
    for list in lists {
        let (auc, beside) = (list["auc"].as_f64().unwrap(), list["auc_beside"].as_f64().unwrap());
        assert!(auc > beside, "{}: {auc} against {beside} by {}", list["who"], list["beside"]);
        assert!(list["true_of"].as_f64() > Some(5.0) && list["true_of"].as_f64() < list["scored"].as_f64(), "{list}");
        let top = list["top"].as_array().unwrap();
        assert_eq!(top.len(), 8);
        for row in top {
            // No row is without a reason that the lake was asked about, and what was checked is one of its reasons.
            assert_eq!(row["checked"]["holds"], true, "{}: {row}", list["who"]);
            assert!(row["reasons"].as_array().unwrap().contains(&row["checked"]["reason"]), "{row}");
        }
    }
    let checks = told["account"]["checks"].as_array().unwrap();
    assert!(checks.len() > 10 && checks.iter().all(|check| check["is_same"] == true), "{checks:?}");
}
