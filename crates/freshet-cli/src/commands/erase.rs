//! `freshet erase`: a person, or an account whole, out of the lake at once.

mod statements;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use aws_config::SdkConfig;
use clap::Args;
use freshet_ingest::secret::HashKey;
use freshet_lambda::scorer::shelf::Shelf;
use freshet_lambda::scorer::{lead, smurf};
use freshet_schema::Contract;
use freshet_table::{Erasure, Lake, Options, Place, Request, Subject};
use indicatif::ProgressBar;
use serde_json::json;

use crate::output::{complain, say, table};
use crate::{environment, hash_keys, stack};

/// Where the erasure of statements is noted.
const STATEMENTS: &str = "query texts";

/// Arguments of `freshet erase`.
#[derive(Debug, Args)]
#[command(
    after_help = "Everything that names the person goes: rows of all tables, lines in landing/, raw/, spill/, errors/ and quarantine/, query\nresults, and the loopback's query texts. An e-mail address leads to the ids that its hash stands beside, and back; other\nsources, such as the desk of a shop, are searched too, other accounts of the same source are not. Old data files and log\nentries are deleted at once. Run again, it finds nothing. What a row of counts says of loads in the past stays.\n\nAddresses are found by their hashes: FRESHET_HASH_KEY holds today's key as id=secret, FRESHET_OLD_HASH_KEYS older ones; \n`freshet up` prints where its own is (FRESHET_HASH_KEY_FILE). On a terminal it asks; without one it does not.\n\nExamples:\n  freshet erase --account acme.myshopify.com --customer 207119551 --dry-run\n  freshet erase --account acme.myshopify.com --email ada@example.com --yes\n  freshet erase --account acme.myshopify.com --shop"
)]
pub(crate) struct Arguments {
    /// The account: a shop's domain, a desk's account or a game.
    #[arg(long)]
    account: String,
    #[command(flatten)]
    who: Who,
    /// Say what would be erased, and erase nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    /// Another bucket to search, such as that of query results; may be given several times.
    #[arg(long = "results-bucket", env = "FRESHET_RESULTS_BUCKET", value_name = "BUCKET", value_delimiter = ',')]
    results_buckets: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Who is erased.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Who {
    /// A person, by the id that the account's source knows them by.
    #[arg(long, value_name = "ID")]
    customer: Option<String>,
    /// A person, by their e-mail address.
    #[arg(long)]
    email: Option<String>,
    /// The whole account.
    #[arg(long)]
    shop: bool,
}

impl Who {
    fn subject(&self) -> Result<Subject> {
        let subject = match (&self.customer, &self.email) {
            (Some(id), _) => Subject::Customer(id.trim().rsplit('/').next().unwrap_or_default().to_owned()),
            (None, Some(email)) => {
                freshet_ingest::personal::normal_email(email).context("read --email: it is no e-mail address")?;
                Subject::Email(email.clone())
            }
            (None, None) => Subject::Shop,
        };
        if subject == Subject::Customer(String::new()) {
            bail!("read --customer: it is empty");
        }
        Ok(subject)
    }
}

/// What a run works with.
struct Work {
    aws: SdkConfig,
    lake: Lake,
    others: Vec<Lake>,
    account: String,
    subject: Subject,
    hash_keys: Vec<HashKey>,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let subject = arguments.who.subject()?;
    let aws = environment::aws().await;
    let hash_keys = match hash_keys::known(&aws).await {
        // A shop is found by its name.
        Err(_) if subject == Subject::Shop => Vec::new(),
        known => known.context("without it no address is found")?,
    };
    let bucket = environment::bucket()?;
    let lake = Lake::connect(&aws, &bucket).context("connect to the lake")?;
    let names = arguments.results_buckets.iter().filter(|name| **name != bucket && !name.is_empty());
    let others = names.map(|name| Lake::connect(&aws, name)).collect::<Result<Vec<_>, _>>()?;
    let work = Work { aws, lake, others, account: arguments.account.trim().to_lowercase(), subject, hash_keys };
    if work.account.is_empty() {
        bail!("read --account: it is empty");
    }
    if !statements::deliver(&work.aws).await? {
        complain("note: what the stream has buffered lands within its buffering time; run again after it");
    }
    let asks = !arguments.dry_run && !arguments.yes && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if asks {
        let found = Box::pin(work.erase(true)).await?;
        if found.is_empty() {
            say_erasure(&found, arguments.json)?;
            return Ok(ExitCode::SUCCESS);
        }
        print(&found);
        if !confirmed()? {
            complain("nothing was erased");
            return Ok(ExitCode::FAILURE);
        }
    }
    let erasure = Box::pin(work.erase(arguments.dry_run)).await?;
    say_erasure(&erasure, arguments.json)?;
    Ok(if erasure.is_partial() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Work {
    async fn erase(&self, is_dry_run: bool) -> Result<Erasure> {
        let contract = Contract::embedded();
        let options = Options::new(uuid::Uuid::new_v4().to_string(), stack::now());
        let request =
            Request { account: &self.account, subject: &self.subject, hash_keys: &self.hash_keys, is_dry_run, other_buckets: &self.others };
        let shown = ProgressBar::new_spinner();
        let erased = freshet_table::erase(&self.lake, contract, &request, &options, |what| {
            shown.set_message(what.to_owned());
            shown.tick();
        });
        let mut erasure = erased.await.context("erase")?;
        shown.finish_and_clear();
        let found = statements::erase(&self.aws, &erasure.names, is_dry_run).await?;
        if found.kept > 0 {
            complain(&format!(
                "note: Athena keeps the texts of {} queries that name them for 45 days from when they ran; no call deletes them",
                found.kept
            ));
        }
        erasure.note(STATEMENTS, Place::of_rows(found.erased));
        if !is_dry_run {
            let s3 = environment::s3(&self.aws);
            for kind in [lead::KIND, smurf::KIND] {
                Shelf::new(&s3, &environment::bucket()?, kind)
                    .note_erasures()
                    .await
                    .context("note in the models what was erased of their frames")?;
            }
            freshet_table::write_evidence(&self.lake, contract, &erasure, &options).await.context("write the evidence")?;
        }
        Ok(erasure)
    }
}

fn confirmed() -> Result<bool> {
    let mut err = std::io::stderr().lock();
    write!(err, "erase this for good? [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn say_erasure(erasure: &Erasure, is_json: bool) -> Result<()> {
    if is_json {
        let mut shown = serde_json::to_value(erasure)?;
        shown["is_empty"] = json!(erasure.is_empty());
        say(&serde_json::to_string_pretty(&shown)?);
    } else if erasure.is_empty() {
        say("nothing was found");
    } else {
        print(erasure);
    }
    if !erasure.is_account_known && erasure.subject != "shop" {
        complain(&format!("warning: the lake holds nothing of an account {}; another is not searched for it", erasure.account));
    }
    for unread in &erasure.unread {
        complain(&format!("warning: could not search {}: {}", unread.object, unread.reason));
    }
    for id in &erasure.missing_hash_keys {
        complain(&format!(
            "warning: rows were hashed with the key {id}, which is not at hand: an address is not found under it; set {}",
            hash_keys::OLD_HASH_KEYS
        ));
    }
    if erasure.is_partial() {
        complain("warning: a compactor may be about to commit some of it; run again in an hour");
    }
    Ok(())
}

fn print(erasure: &Erasure) {
    if erasure.subject != "shop" {
        say(&format!("{} ids and {} e-mail hashes are known of the person", erasure.ids, erasure.hashes));
    }
    let headings = if erasure.is_dry_run {
        ["where", "rows to erase", "objects to rewrite", "objects to delete"]
    } else {
        ["where", "rows erased", "objects rewritten", "objects deleted"]
    };
    let row = |(name, place): (&String, &Place)| {
        vec![name.clone(), place.rows.to_string(), place.rewritten.to_string(), place.deleted.to_string()]
    };
    table(&headings, erasure.places.iter().filter(|(_, place)| !place.is_empty()).map(row));
}
