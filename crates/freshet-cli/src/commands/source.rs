//! `freshet source new`: the beginning of a source of your own.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};

use crate::output::say;

/// Arguments of `freshet source`.
#[derive(Debug, Args)]
#[command(after_help = "Run it in the repository's root.\n\nExample:\n  freshet source new acme")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write the folder of a new source, and register it.
    New {
        /// The source's name: lower case letters, digits and `_`.
        name: String,
        /// The contract's folder.
        #[arg(long, default_value = "schemas")]
        dir: PathBuf,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let What::New { name, dir } = &arguments.what;
    ensure!(
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
        "name a source with lower case letters, digits and `_`, a letter first"
    );
    let folder = dir.join(name);
    ensure!(!folder.exists(), "{} is there already", folder.display());
    let registry = dir.join("sources.txt");
    let mut names =
        fs::read_to_string(&registry).with_context(|| format!("read {}; run this in the repository's root", registry.display()))?;
    let fixtures = folder.join("fixtures").join(format!("{name}_events"));
    fs::create_dir_all(&fixtures).with_context(|| format!("make {}", fixtures.display()))?;
    let files = [
        (folder.join("source.toml"), SOURCE.replace("NAME", name)),
        (folder.join(format!("{name}_events.toml")), TABLE.replace("NAME", name)),
        (fixtures.join("first.json"), FIXTURE.to_owned()),
    ];
    for (path, text) in files {
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        say(&format!("wrote {}", path.display()));
    }
    if !names.ends_with('\n') {
        names.push('\n');
    }
    names.push_str(name);
    names.push('\n');
    fs::write(&registry, names).with_context(|| format!("write {}", registry.display()))?;
    say(&format!("registered `{name}` in {}", registry.display()));
    say(
        "next: describe its columns, add deliveries under fixtures/, then UPDATE_GOLDEN=1 cargo test -p freshet-ingest --test fixtures, and read the rows",
    );
    Ok(ExitCode::SUCCESS)
}

const SOURCE: &str = "name = \"NAME\"
doc = \"What NAME is, and how it sends.\"

[signature]
scheme = \"standard-webhooks\"

[identity]
by = \"event\"
event_id = [\"/id\"]

[delivery]
topic = { pointers = [\"/type\"], body_first = true }
default_topic = \"event\"
delivery_id = { headers = [\"webhook-id\"] }
provider_event_id = { pointers = [\"/id\"] }
occurred_at = [\"/timestamp\"]
keep_headers = [\"webhook-id\", \"webhook-timestamp\"]

[personal]
words = [\"email\", \"mail\", \"phone\", \"address\", \"street\", \"ip\"]
";

const TABLE: &str = "name = \"NAME_events\"
doc = \"One row an event of NAME.\"
version = 1
topics = [\"*\"]
sort = [\"account\", \"occurred_at\"]

column = [
  { name = \"subject_id\", type = \"string\", from = \"/data/id\", convert = \"id\", doc = \"What the event is about.\" },
]
";

const FIXTURE: &str = "{
  \"received_at\": \"2026-03-01T12:00:00Z\",
  \"headers\": { \"webhook-id\": \"msg_1\" },
  \"body\": { \"id\": \"evt_1\", \"type\": \"thing.created\", \"timestamp\": \"2026-03-01T11:59:58Z\", \"data\": { \"id\": 7 } }
}
";
