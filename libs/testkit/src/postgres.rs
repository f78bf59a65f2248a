//! A PostgreSQL server with an empty cluster.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::process::{Server, free_port};

/// Where Debian and Ubuntu put the server's programs, a folder per major version.
const PACKAGES: &str = "/usr/lib/postgresql";
/// The superuser of the test's cluster.
const USER: &str = "wattex";

/// A PostgreSQL server of the test's own.
pub struct PostgresServer {
    port: u16,
    programs: PathBuf,
    _server: Server,
    _folder: TempDir,
}

impl PostgresServer {
    /// Makes a cluster in a temporary directory and starts it. PostgreSQL refuses to run as root,
    /// so there it runs as the package's own user.
    pub fn start() -> Result<PostgresServer> {
        let programs = programs()?;
        let (folder, port) = (tempfile::tempdir()?, free_port()?);
        let data = folder.path().join("data");
        let root = is_root()?;
        if root {
            run(Command::new("chown").arg("postgres").arg(folder.path()))?;
        }
        let as_user = |program: &str| {
            let path = programs.join(program);
            let mut command = Command::new(if root { Path::new("setpriv") } else { &path });
            if root {
                // Unlike runuser it becomes the program, so killing it kills the server.
                command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
                command.arg(&path);
            }
            command.current_dir(folder.path());
            command
        };
        let mut initdb = as_user("initdb");
        initdb.args(["--auth=trust", "--encoding=UTF8", "--no-sync", "--username", USER]);
        run(initdb.arg("--pgdata").arg(&data))?;
        let mut postgres = as_user("postgres");
        postgres.args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]);
        postgres.args(["-p", &port.to_string(), "-k"]).arg(folder.path()).arg("-D").arg(&data);
        let server = Server::start(postgres, port)?;
        Ok(PostgresServer { port, programs, _server: server, _folder: folder })
    }

    /// The URL of a new, empty database.
    pub fn database(&self, name: &str) -> Result<String> {
        let port = self.port.to_string();
        let mut create = Command::new(self.programs.join("createdb"));
        run(create.args(["-h", "127.0.0.1", "-p", &port, "-U", USER, name]))?;
        Ok(format!("postgres://{USER}@127.0.0.1:{port}/{name}"))
    }
}

fn programs() -> Result<PathBuf> {
    let versions = std::fs::read_dir(PACKAGES)
        .with_context(|| format!("no {PACKAGES}; has ./justw tools run?"))?;
    let mut folders: Vec<PathBuf> =
        versions.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect();
    folders.sort();
    folders.into_iter().rfind(|bin| bin.join("initdb").is_file()).context("no initdb there")
}

fn is_root() -> Result<bool> {
    let id = Command::new("id").arg("-u").output().context("id -u")?;
    Ok(id.stdout.starts_with(b"0\n"))
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
