//! The programs that we are measured against: installed here, driven here.

use anyhow::{Context, Result, ensure};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use testkit::Process;

/// The development node, from npm.
const ANVIL: &str = "@foundry-rs/anvil@1.7.1";
/// How long a download may take.
const INSTALL_WITHIN: Duration = Duration::from_secs(300);
/// How long a peer may take until it is ready.
const START_WITHIN: Duration = Duration::from_secs(60);
/// How long a peer's own benchmark may take.
const SPEED_WITHIN: Duration = Duration::from_secs(60);

/// Between two looks at whether a peer listens.
const PAUSE: Duration = Duration::from_millis(20);

/// A running anvil.
pub(crate) struct Anvil {
    pub(crate) address: String,
    _process: Process,
}

impl Anvil {
    /// Starts one on a free port, with these words too. It writes no log, which would cost it time.
    pub(crate) fn start(words: &[String]) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(anvil()?);
        command.args(["--port", &port.to_string(), "--quiet"]).args(words);
        let mut process = Process::start(command)?;
        let deadline = Instant::now() + START_WITHIN;
        while TcpStream::connect(&address).is_err() {
            ensure!(process.runs()? && Instant::now() < deadline, "anvil does not listen");
            std::thread::park_timeout(PAUSE);
        }
        Ok(Self { address, _process: process })
    }
}

/// The program; it is fetched if it is not there.
fn anvil() -> Result<PathBuf> {
    let folder = testkit::tools().join("bench");
    let package = format!(
        "node_modules/@foundry-rs/anvil-{}-{}/bin/anvil",
        if cfg!(target_os = "macos") { "darwin" } else { "linux" },
        if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
    );
    let program = folder.join(package);
    if !program.is_file() {
        eprintln!("fetching {ANVIL} into {}", folder.display());
        std::fs::create_dir_all(&folder).context("making a folder for peers")?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]);
        npm.arg(&folder).arg(ANVIL);
        let ended = testkit::finish(npm, INSTALL_WITHIN)?;
        ensure!(ended.code == Some(0), "npm could not fetch {ANVIL}: {}", ended.err);
    }
    Ok(program)
}

/// Which of the processor's instructions openssl may use.
#[derive(Clone, Copy)]
pub(crate) enum Instructions {
    All,
    /// All but those for SHA.
    Vectors,
    /// Those that every processor of the kind has.
    Base,
}

impl Instructions {
    /// The variable by which openssl is told, on x86.
    fn mask(self) -> Option<&'static str> {
        match self {
            Self::All => None,
            Self::Vectors => Some(":~0x20000000"),
            Self::Base => Some("0:0"),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::All => "openssl's sha256",
            Self::Vectors => "openssl's sha256 without SHA instructions",
            Self::Base => "openssl's sha256 without any extension",
        }
    }
}

/// How many blocks of SHA-256 openssl compresses per second of one core, in one long message.
pub(crate) fn openssl_compressions(instructions: Instructions) -> Result<f64> {
    let mut openssl = Command::new("openssl");
    openssl.args(["speed", "-evp", "sha256", "-bytes", "16384", "-seconds", "1"]);
    openssl.envs(instructions.mask().map(|mask| ("OPENSSL_ia32cap", mask)));
    let ended = testkit::finish(openssl, SPEED_WITHIN).context("openssl speed")?;
    let line = ended.out.lines().rev().find(|line| line.trim_start().starts_with("sha256"));
    let figure = line.and_then(|line| line.split_whitespace().last()?.strip_suffix('k'));
    let thousands: f64 = figure.context("openssl speed says nothing of sha256")?.parse()?;
    Ok(thousands * 1_000.0 / 64.0)
}
