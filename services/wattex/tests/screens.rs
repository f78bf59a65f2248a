//! The web app as people see it: a real demo, a real browser, every page.
//!
//! `tests/tools/screens.mjs` walks and looks; screenshots go to `WATTEX_SCREENS`, by default
//! `target/screens`. The bill that it downloads must hold for `wattex verify`.

#![expect(clippy::unwrap_used, reason = "a test stops where its assumption fails")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

const WATTEX: &str = env!("CARGO_BIN_EXE_wattex");
const BROWSERS: [&str; 3] = ["chromium", "google-chrome", "chromium-browser"];
/// The exit code of `wattex verify` for a bill that does not hold.
const FAILED: i32 = 10;

/// A demo that serves until it is dropped, and the logins that it printed.
struct Demo {
    process: Child,
    url: String,
    operator: Value,
    household: Value,
}

impl Demo {
    fn start(directory: &Path) -> Demo {
        let mut command = Command::new(WATTEX);
        command.args(["demo", "--homes", "6", "--port", "0", "--dir"]).arg(directory);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut demo =
            Demo { process, url: String::new(), operator: Value::Null, household: Value::Null };
        while demo.household.is_null() {
            let line = lines.next().expect("the demo ended before it printed its logins").unwrap();
            match line.split_whitespace().collect::<Vec<_>>()[..] {
                ["Open", url] => demo.url = url.to_owned(),
                ["operator", email, password] => demo.operator = login(email, password),
                ["household", email, password] => demo.household = login(email, password),
                _ => {}
            }
        }
        // What it prints later must find a reader.
        std::thread::spawn(move || lines.for_each(drop));
        demo
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // A demo that is gone already needs no killing.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn login(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The first browser on the path.
fn browser() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .flat_map(|folder| BROWSERS.map(|name| folder.join(name)))
        .find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("none of {BROWSERS:?} is on the path: run ./justw tools"))
}

fn verify(bill: &Path, node: &str) -> Output {
    let rpc = format!("{node}/rpc");
    Command::new(WATTEX).arg("verify").arg(bill).args(["--rpc", &rpc]).output().unwrap()
}

#[test]
fn every_page_of_the_web_app_works_for_a_household_and_the_operator() {
    let app = workspace().join("web/dist/index.html");
    assert!(app.is_file(), "the web app is not built: run ./justw web");
    let browser = browser();
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
    let walked = walk.env("WATTEX_TOOLS", testkit::tools()).output().expect("node is needed");
    let said = String::from_utf8_lossy(&walked.stderr);
    assert!(walked.status.success(), "{said}");
    for name in ["market-orders-light", "bill-dark", "block-phone", "energy-dark", "audit-light"] {
        let picture = screens.join(format!("{name}.png"));
        let size = fs::metadata(&picture).unwrap_or_else(|_| panic!("{picture:?} is not there"));
        assert!(size.len() > 10_000, "{picture:?} shows nothing");
    }
    the_downloaded_bill_holds_and_a_changed_one_does_not(&bill, &demo.url);
}

fn the_downloaded_bill_holds_and_a_changed_one_does_not(bill: &Path, node: &str) {
    let report = verify(bill, node);
    let said = String::from_utf8_lossy(&report.stdout);
    assert!(report.status.success() && said.contains("HOLDS"), "{said}");
    let text = fs::read_to_string(bill).unwrap();
    let read: Value = serde_json::from_str(&text).unwrap();
    let number = read["invoice"]["number"].as_str().unwrap();
    let other = text.replace(number, &format!("{number}0"));
    assert_ne!(text, other);
    fs::write(bill, other).unwrap();
    assert_eq!(verify(bill, node).status.code(), Some(FAILED));
}
