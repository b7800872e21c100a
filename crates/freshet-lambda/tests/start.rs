//! The binaries from outside: what they say where their environment lacks something. They are built for the tests of the
//! whole by this one.

use std::process::Command;

#[test]
fn a_binary_names_the_variable_that_is_missing() {
    let binaries = [env!("CARGO_BIN_EXE_receiver"), env!("CARGO_BIN_EXE_transformer"), env!("CARGO_BIN_EXE_compactor")];
    for binary in binaries {
        let mut command = Command::new(binary);
        // With a region, so that nothing is asked for one.
        let output = command.env_clear().env("AWS_REGION", "us-east-1").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{binary}: {said}");
        assert!(said.contains("FRESHET_BUCKET"), "{binary}: {said}");
    }
}
