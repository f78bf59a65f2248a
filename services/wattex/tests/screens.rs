//! The web app as people see it: a real demo, a real browser, every page.
//!
//! `tests/tools/screens.mjs` walks and looks; screenshots go to `WATTEX_SCREENS`, by default
//! `target/screens`. The bill that it downloads must hold for `wattex verify`.

#![expect(clippy::unwrap_used, reason = "a test stops where its assumption fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Ended, Process, Stream, finish};

const WATTEX: &str = env!("CARGO_BIN_EXE_wattex");
/// What takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(1_200);
/// The exit code of `wattex verify` for a bill that does not hold.
const FAILED: i32 = 10;

/// A demo that serves until it is dropped, and the logins that it printed.
struct Demo {
    _process: Process,
    url: String,
    operator: Value,
    household: Value,
}

impl Demo {
    fn start(directory: &Path) -> Demo {
        let mut command = Command::new(WATTEX);
        command.args(["demo", "--homes", "6", "--port", "0", "--dir"]).arg(directory);
        let mut process = Process::start(command).unwrap();
        let deadline = Instant::now() + PATIENCE;
        let mut next = || {
            let line = process.line(Stream::Out, deadline).unwrap();
            line.expect("the demo ended before it printed its logins")
        };
        let (mut url, mut operator, mut household) = (String::new(), Value::Null, Value::Null);
        while household.is_null() {
            match next().split_whitespace().collect::<Vec<_>>()[..] {
                ["Open", address] => url = address.to_owned(),
                ["operator", email, password] => operator = login(email, password),
                ["household", email, password] => household = login(email, password),
                _ => {}
            }
        }
        Demo { _process: process, url, operator, household }
    }
}

fn login(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn verify(bill: &Path, node: &str) -> Ended {
    let mut verify = Command::new(WATTEX);
    verify.arg("verify").arg(bill).args(["--rpc", &format!("{node}/rpc")]);
    finish(verify, PATIENCE).unwrap()
}

#[test]
fn every_page_of_the_web_app_works_for_a_household_and_the_operator() {
    let app = workspace().join("web/dist/index.html");
    assert!(app.is_file(), "the web app is not built: run ./justw web");
    let browser = testkit::browser();
    assert!(browser.exists(), "{browser:?} is not there: run ./justw tools");
    let folder = tempfile::tempdir().unwrap();
    let screens = std::env::var_os("WATTEX_SCREENS").map(PathBuf::from);
    let screens = screens.unwrap_or_else(|| workspace().join("target/screens"));
    let bill = folder.path().join("bill.json");
    let demo = Demo::start(&folder.path().join("demo"));
    let job = json!({
        "url": demo.url, "chromium": browser, "screens": screens, "bill": bill,
        "household": demo.household, "operator": demo.operator,
    });
    let mut walk = Command::new("node");
    walk.arg(workspace().join("tests/tools/screens.mjs")).arg(job.to_string());
    walk.env("WATTEX_TOOLS", testkit::tools());
    let walked = finish(walk, PATIENCE).unwrap();
    assert_eq!(walked.code, Some(0), "{}", walked.err);
    for name in ["market-orders-light", "bill-dark", "block-phone", "energy-dark", "audit-light"] {
        let picture = screens.join(format!("{name}.png"));
        let size = fs::metadata(&picture).unwrap_or_else(|_| panic!("{picture:?} is not there"));
        assert!(size.len() > 10_000, "{picture:?} shows nothing");
    }
    the_downloaded_bill_holds_and_a_changed_one_does_not(&bill, &demo.url);
}

fn the_downloaded_bill_holds_and_a_changed_one_does_not(bill: &Path, node: &str) {
    let report = verify(bill, node);
    assert!(report.code == Some(0) && report.out.contains("HOLDS"), "{}", report.out);
    let text = fs::read_to_string(bill).unwrap();
    let read: Value = serde_json::from_str(&text).unwrap();
    let number = read["invoice"]["number"].as_str().unwrap();
    let other = text.replace(number, &format!("{number}0"));
    assert_ne!(text, other);
    fs::write(bill, other).unwrap();
    assert_eq!(verify(bill, node).code, Some(FAILED));
}
