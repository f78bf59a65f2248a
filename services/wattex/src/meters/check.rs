//! `wattex meters check`: what a fleet sent, against what the server has.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use fleet::{Findings, Said, Server};
use futures::{StreamExt, stream};

use super::options::Staff;
use crate::exit::{NOT_STORED, Trouble};

/// Meters that are asked for at the same time.
const AT_ONCE: usize = 8;

/// Arguments of `wattex meters check`.
#[derive(Args)]
pub struct Arguments {
    /// The log that `wattex meters --intents` wrote.
    intents: PathBuf,
    #[command(flatten)]
    staff: Staff,
    /// Print what was found as JSON.
    #[arg(long)]
    json: bool,
}

/// Checks and prints.
pub async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let (url, login) = arguments.staff.login()?;
    let said = Said::read(&arguments.intents);
    let said = said.map_err(|error| Trouble::Settings(format!("{error:#}")))?;
    let server = Server::sign_in(url, &login).await?;
    let mut found = Findings::default();
    let meters = Vec::from_iter(said.meters());
    let asked = meters.iter().map(async |meter| (*meter, server.readings(*meter).await));
    let mut answers = stream::iter(asked).buffer_unordered(AT_ONCE);
    while let Some((meter, stored)) = answers.next().await {
        fleet::check(&said, meter, &stored?, &mut found);
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&found)?);
    } else {
        show(&found);
    }
    Ok(if found.hold() { ExitCode::SUCCESS } else { ExitCode::from(NOT_STORED) })
}

fn show(found: &Findings) {
    println!(
        "{} meters: {} readings sent, {} acknowledged; {} stored, {} of them without an \
         acknowledgement, {} of other runs",
        found.meters,
        found.sent,
        found.acknowledged,
        found.stored,
        found.unacknowledged,
        found.unknown
    );
    for (what, pages) in &found.named {
        for named in pages {
            println!("{what}: meter {}, page {}", named.meter, named.page);
        }
    }
    let Findings { missing, doubled, altered, believed, .. } = found;
    if found.hold() {
        println!("every acknowledged reading is there exactly once");
    } else {
        println!(
            "{missing} missing, {doubled} doubled, {altered} altered, {believed} wrongly believed"
        );
    }
}
