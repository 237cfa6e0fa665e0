//! The program that is measured: its commands, and the server while it runs.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::client::Connection;

/// How long a server may take until it is ready.
const START: Duration = Duration::from_secs(300);

/// The program, with a data directory and a schema of its own.
pub struct Marquee {
    /// The release binary.
    pub binary: PathBuf,
    /// Where its data, its log and the files of the world are.
    pub folder: PathBuf,
    /// Settings beyond the defaults, as `MARQUEE_…=value`.
    pub settings: Vec<(String, String)>,
}

impl Marquee {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        // The settings of whoever runs this are not those that are measured.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MARQUEE_")
                && !name.to_string_lossy().starts_with("MARQUEE_POSTGRES")
            {
                command.env_remove(name);
            }
        }
        command
            .current_dir(&self.folder)
            .env("MARQUEE_DATA_DIR", self.folder.join("data"))
            .env("MARQUEE_SCHEMAS", r#"["bench"]"#)
            // Those who sign in while the world is made are there until the end.
            .env("MARQUEE_AUTH__ACCESS_TOKEN_MINUTES", "1440")
            // All load comes from one address: requests are charged as ever, to budgets that last.
            .env("MARQUEE_LIMITS__USER_PER_SECOND", "1000000000")
            .env("MARQUEE_LIMITS__ADDRESS_PER_SECOND", "1000000000")
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command of the program and answers what it printed, and how many seconds it took.
    ///
    /// # Errors
    /// When it fails.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<(String, f64)> {
        let start = Instant::now();
        let output = self
            .command()
            .args(arguments)
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot run {}", self.binary.display()))?;
        ensure!(
            output.status.success(),
            "`marquee {}` failed",
            arguments.join(" ")
        );
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok((text, start.elapsed().as_secs_f64()))
    }

    /// Whether the program has this command.
    pub fn has(&self, command: &str) -> bool {
        let help = self.command().arg("--help").output();
        help.is_ok_and(|help| {
            let text = String::from_utf8_lossy(&help.stdout).into_owned();
            text.lines()
                .any(|line| line.split_whitespace().next() == Some(command))
        })
    }

    /// Starts a process that runs jobs beside the server, so many at a time.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn work(&self, slots: usize) -> anyhow::Result<Process> {
        let mut command = self.command();
        command.args(["work", "--slots", &slots.to_string()]);
        self.start(command, &self.folder.join("worker.log"))
    }

    fn start(&self, mut command: Command, log: &Path) -> anyhow::Result<Process> {
        let file = File::options().create(true).append(true).open(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot run {}", self.binary.display()))?;
        Ok(Process(child))
    }

    /// Where the server's database is.
    ///
    /// # Errors
    /// When no server runs.
    pub fn database(&self) -> anyhow::Result<String> {
        let data = self.folder.join("data");
        platform::cluster::running(&data).context("no database is running")
    }

    /// Starts the server and waits until it is ready. Its log goes into a file.
    ///
    /// # Errors
    /// When it ends instead, or takes too long.
    pub fn serve(&self) -> anyhow::Result<Serving> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let log = self.folder.join("server.log");
        let mut command = self.command();
        command
            .env("MARQUEE_LISTEN", format!("127.0.0.1:{port}"))
            .arg("serve");
        let process = self.start(command, &log)?;
        let mut serving = Serving { process, port };
        let start = Instant::now();
        let ready = b"GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n";
        while start.elapsed() < START {
            if let Some(status) = serving.process.0.try_wait()? {
                bail!("the server ended with {status}; see {}", log.display());
            }
            let answered = Connection::open(port)
                .and_then(|mut connection| Ok(connection.send(ready)?.status));
            if matches!(answered, Ok(200)) {
                return Ok(serving);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!(
            "the server was not ready in {} s; see {}",
            START.as_secs(),
            log.display()
        )
    }
}

/// A process that listens; dropped, it is told to stop and waited for.
pub struct Serving {
    process: Process,
    /// Where it listens on this machine.
    pub port: u16,
}

/// A process; dropped, it is told to stop and waited for.
pub struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        if let Ok(pid) = i32::try_from(self.0.id()) {
            // One that has ended by itself cannot be told, and need not be.
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let _ = self.0.wait();
    }
}

impl Serving {
    /// Starts this program itself as the bare handler that answers the bytes of `file`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn bare(file: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--bare")
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let out = child.stdout.take().context("its output is piped")?;
        BufReader::new(out).read_line(&mut line)?;
        let port = line
            .trim()
            .parse()
            .context("the bare handler did not start")?;
        let process = Process(child);
        Ok(Self { process, port })
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.process.0.id()
    }
}
