//! Running the program, and asking it over HTTP.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

/// A folder that the user whom Postgres runs as can reach, also when the tests run as root.
pub fn folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// The program with its data in `folder`, and none of the settings of whoever runs the tests.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_marquee"));
    for (name, _) in std::env::vars() {
        let ours = name.starts_with("MARQUEE_") && !name.starts_with("MARQUEE_POSTGRES_");
        if ours || name == "DATABASE_URL" {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .current_dir(folder)
        .env("MARQUEE_DATA_DIR", folder.join("data"))
        .env("MARQUEE_LISTEN", "127.0.0.1:0")
        // A small model: this program is not optimised.
        .env("MARQUEE_TRAINING__FACTORS", "16")
        .stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub fn marquee(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

/// Runs a command to its end with settings from the environment and a line on its standard input.
pub fn with_input(mut command: Command, settings: &[(&str, &str)], line: &str) -> Output {
    use std::io::Write;
    let mut child = command
        .envs(settings.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{line}").unwrap();
    drop(input);
    child.wait_with_output().unwrap()
}

/// The private database, on the socket that its own file names.
pub async fn database(folder: &Path) -> PgConnection {
    let file = std::fs::read_to_string(folder.join("data/postgres/data/postmaster.pid")).unwrap();
    let socket = file.lines().nth(4).unwrap();
    let url = format!("postgres://marquee@localhost/marquee?host={socket}");
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let own = sqlx::raw_sql("SET search_path TO app, public");
    own.execute(&mut connection).await.unwrap();
    connection
}

/// A key that may write the catalogue, made by the command, beside the running server.
pub fn api_key(folder: &Path) -> String {
    let made = marquee(
        folder,
        &[
            "api-key",
            "create",
            "--name",
            "test",
            "--scope",
            "CATALOGUE_WRITE",
        ],
    );
    let said = String::from_utf8_lossy(&made.stdout).into_owned();
    let key = said.split_whitespace().find(|word| word.starts_with("mq_"));
    key.unwrap_or_else(|| panic!("no key in {made:?}"))
        .to_owned()
}

/// Waits for something that happens in another process, two minutes at most.
pub fn until(mut there: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !there() {
        assert!(Instant::now() < deadline, "it never happened");
        std::thread::yield_now();
    }
}

/// A running server.
pub struct Server {
    child: Child,
    address: String,
    said: Arc<Mutex<String>>,
}

impl Server {
    /// Starts the server and waits until it answers.
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_with(folder, arguments, &[])
    }

    /// The same with settings from the environment.
    pub fn start_with(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        // A free port: the server is told one, since its clients must know it.
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let mut child = command(folder, &[&["serve"], arguments].concat())
            .env("MARQUEE_LISTEN", port.to_string())
            .envs(settings.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = hear(&mut child);
        let mut server = Self {
            child,
            address: port.to_string(),
            said,
        };
        // The line that follows the logins is the last thing said at the start.
        let demo = arguments.contains(&"--demo");
        until(|| {
            let ended = server.child.try_wait().unwrap();
            assert!(
                ended.is_none(),
                "the server ended: {ended:?}\n{}",
                server.said()
            );
            let said = server.said();
            said.contains("serves GraphiQL") && (!demo || said.contains("and paste"))
        });
        server
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits until it can serve, which a server that listens may not yet, and answers what it says of itself then.
    pub async fn ready(&self) -> String {
        let deadline = Instant::now() + Duration::from_secs(120);
        let mut pace = tokio::time::interval(Duration::from_millis(20));
        loop {
            pace.tick().await;
            let answer = reqwest::get(self.url("/ready")).await.unwrap();
            let (status, said) = (answer.status(), answer.text().await.unwrap());
            if status.is_success() {
                return said;
            }
            assert!(Instant::now() < deadline, "{said}");
        }
    }

    /// Everything it has written to standard error.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Ends it as the power would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, and expects that it does so in order.
    pub fn stop(mut self) {
        let status = terminate(&mut self.child);
        assert!(status.success(), "{status:?}\n{}", self.said());
    }
}

/// Collects what a process writes to standard error.
fn hear(child: &mut Child) -> Arc<Mutex<String>> {
    let said = Arc::new(Mutex::new(String::new()));
    let (pipe, heard) = (child.stderr.take().unwrap(), Arc::clone(&said));
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let mut heard = heard.lock().unwrap();
            heard.push_str(&line);
            heard.push('\n');
        }
    });
    said
}

/// Asks a process to stop, and answers how it did.
fn terminate(child: &mut Child) -> ExitStatus {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    child.wait().unwrap()
}

/// A running `marquee work`.
pub struct Worker {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Worker {
    /// Starts it and waits until it works.
    pub fn start(folder: &Path, settings: &[(&str, &str)]) -> Self {
        let mut command = command(folder, &["work"]);
        command
            .envs(settings.iter().copied())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = hear(&mut child);
        let mut worker = Self { child, said };
        until(|| {
            let ended = worker.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}\n{}", worker.said());
            worker.said().contains("Working,")
        });
        worker
    }

    /// Its name in the list of workers ends with this.
    pub fn number(&self) -> String {
        format!("/{}", self.child.id())
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Ends it as the power would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, and expects that it does so in order.
    pub fn stop(mut self) {
        let status = terminate(&mut self.child);
        assert_eq!(status.code(), Some(0), "{}", self.said());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A test that failed leaves no server behind; one that stopped already is no trouble.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends one GraphQL request.
pub async fn ask(
    url: &str,
    token: Option<&str>,
    query: &str,
    variables: Value,
) -> Result<Value, reqwest::Error> {
    // The client wants to know what to encrypt with, even where nothing is. An error says that it knows.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut request = reqwest::Client::new()
        .post(url)
        .json(&json!({ "query": query, "variables": variables }));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.send().await?.json().await
}
