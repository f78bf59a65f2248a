//! A PostgreSQL server with an empty cluster.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::START_WITHIN;
use crate::process::{Ended, Process, Stream, finish};

/// Where Debian and Ubuntu put the server's programs, a folder per major version.
const PACKAGES: &str = "/usr/lib/postgresql";
/// The superuser of the test's cluster.
const USER: &str = "wattex";
/// It cannot choose a port itself: between finding one and taking it somebody else may.
const PORTS_MAX: usize = 8;
/// What it says when it is ready, and of a port that somebody has.
const READY: &str = "database system is ready to accept connections";
const TAKEN: &str = "Address already in use";
/// How long making a cluster or a database may take.
const MADE_WITHIN: Duration = Duration::from_secs(120);

/// A PostgreSQL server of the test's own.
pub struct PostgresServer {
    port: u16,
    programs: PathBuf,
    // Before the folder: what is dropped first must be the server.
    server: Process,
    _folder: TempDir,
}

impl PostgresServer {
    /// Makes a cluster in a temporary directory and starts it. PostgreSQL refuses to run as root,
    /// so there it runs as the package's own user.
    pub fn start() -> Result<PostgresServer> {
        PostgresServer::start_on(std::iter::repeat_with(free_port).take(PORTS_MAX))
    }

    /// Starts it on the first of `ports` that nobody has.
    fn start_on(ports: impl Iterator<Item = Result<u16>>) -> Result<PostgresServer> {
        let programs = programs()?;
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        let root = is_root()?;
        if root {
            let mut chown = Command::new("chown");
            chown.arg("postgres").arg(folder.path());
            run(chown)?;
        }
        let as_user = |program: &str| {
            let path = programs.join(program);
            let mut command = Command::new(if root { Path::new("setpriv") } else { &path });
            if root {
                // Unlike runuser it becomes the program, so a signal to it is one to the server.
                command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
                command.arg(&path);
            }
            command.current_dir(folder.path()).env("LC_ALL", "C");
            command
        };
        let mut initdb = as_user("initdb");
        initdb.args(["--auth=trust", "--encoding=UTF8", "--no-sync", "--username", USER]);
        initdb.arg("--pgdata").arg(&data);
        run(initdb)?;
        let mut taken = Vec::new();
        for port in ports {
            let port = port?;
            let mut postgres = as_user("postgres");
            postgres.args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]);
            postgres.args(["-p", &port.to_string(), "-k"]).arg(folder.path()).arg("-D").arg(&data);
            // Asked, it gives its shared memory back; killed, it could not.
            let mut server = Process::start(postgres)?.asked_to_end_with("QUIT");
            match server.line_with(Stream::Err, READY, START_WITHIN) {
                Ok(_) => return Ok(PostgresServer { port, programs, server, _folder: folder }),
                Err(error) if error.to_string().contains(TAKEN) => taken.push(port),
                Err(error) => return Err(error),
            }
        }
        bail!("somebody has each of the ports {taken:?}")
    }

    /// The URL of a new, empty database.
    pub fn database(&self, name: &str) -> Result<String> {
        let port = self.port.to_string();
        let mut create = Command::new(self.programs.join("createdb"));
        create.args(["-h", "127.0.0.1", "-p", &port, "-U", USER, name]);
        run(create)?;
        Ok(format!("postgres://{USER}@127.0.0.1:{port}/{name}"))
    }

    /// The number of its first process in the system.
    pub fn id(&self) -> u32 {
        self.server.id()
    }
}

/// A port of the loopback address that nobody listens on, until somebody does.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
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
    let mut id = Command::new("id");
    id.arg("-u");
    Ok(run(id)?.out.trim() == "0")
}

fn run(command: Command) -> Result<Ended> {
    let name = format!("{command:?}");
    let ended = finish(command, MADE_WITHIN)?;
    if ended.code != Some(0) {
        bail!("{name}: {}", ended.err);
    }
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Segments of shared memory that the process with this number made.
    fn shared_memory(id: u32) -> usize {
        let segments = std::fs::read_to_string("/proc/sysvipc/shm").unwrap();
        let makers = segments.lines().skip(1).filter_map(|line| line.split_whitespace().nth(4));
        makers.filter(|maker| **maker == id.to_string()).count()
    }

    #[test]
    fn a_taken_port_is_passed_over_and_nothing_is_left_behind() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let taken = taken.local_addr().map(|address| (taken, address.port())).unwrap();
        let ports = std::iter::once(Ok(taken.1)).chain(std::iter::repeat_with(free_port).take(3));
        let server = PostgresServer::start_on(ports).unwrap();
        assert_ne!(server.port, taken.1);
        let url = server.database("one").unwrap();
        assert!(url.ends_with(&format!(":{}/one", server.port)), "{url}");
        assert!(server.database("one").is_err(), "it is there already");
        let (id, folder) = (server.id(), server._folder.path().to_owned());
        assert_eq!(shared_memory(id), 1);
        drop(server);
        assert_eq!(shared_memory(id), 0);
        assert!(!folder.exists() && !Path::new(&format!("/proc/{id}")).exists());
    }

    #[test]
    fn only_taken_ports_are_an_error_that_names_them() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = PostgresServer::start_on([Ok(port), Ok(port)].into_iter()).err().unwrap();
        assert!(error.to_string().contains(&format!("[{port}, {port}]")), "{error}");
    }
}
