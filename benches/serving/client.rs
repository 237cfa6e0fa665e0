//! A keep-alive HTTP/1.1 client that costs next to nothing: it shares the cores with the server
//! that it measures. One blocking socket, one buffer, two system calls a request.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// One connection to a server of this machine.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    port: u16,
}

/// What a server answered.
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
    /// Bytes of head and body together.
    pub bytes: usize,
}

impl Connection {
    /// Connects to `port`.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn open(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            buffer: vec![0; 1 << 16],
            port,
        })
    }

    /// Connects anew to where it was connected before.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn renew(&mut self) -> anyhow::Result<()> {
        *self = Self::open(self.port)?;
        Ok(())
    }

    /// Sends a request and waits for the whole answer.
    ///
    /// # Errors
    /// When the connection breaks, or the answer's length is not told in its head.
    pub fn send(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(request)?;
        let mut filled = 0;
        let (head, status, length) = loop {
            filled += self.more(filled)?;
            let end = find(&self.buffer[..filled], b"\r\n\r\n");
            if let Some(end) = end {
                let head = std::str::from_utf8(&self.buffer[..end])?;
                break (end + 4, status(head)?, length(head)?);
            }
        };
        while filled < head + length {
            filled += self.more(filled)?;
        }
        ensure!(filled == head + length, "more came than the answer");
        Ok(Answer {
            status,
            body: &self.buffer[head..filled],
            bytes: filled,
        })
    }

    fn more(&mut self, filled: usize) -> anyhow::Result<usize> {
        if filled == self.buffer.len() {
            self.buffer.resize(2 * filled, 0);
        }
        let read = self.stream.read(&mut self.buffer[filled..])?;
        ensure!(read > 0, "the server closed the connection");
        Ok(read)
    }

    /// Sends a GraphQL request and reads the answer's `data`; for what is not measured.
    ///
    /// # Errors
    /// When the request fails, or the answer has errors, which are repeated.
    pub fn ask(
        &mut self,
        caller: &Caller,
        document: &str,
        variables: &Value,
    ) -> anyhow::Result<Value> {
        let request = caller.request(document, variables);
        let answer = self.send(&request)?;
        good(&answer)?;
        let mut answer: Value = serde_json::from_slice(answer.body)?;
        Ok(answer["data"].take())
    }
}

/// Refuses whatever is not a whole answer without errors. The server writes errors first.
///
/// # Errors
/// With the status and the beginning of the body.
pub fn good(answer: &Answer<'_>) -> anyhow::Result<()> {
    if answer.status == 200 && answer.body.starts_with(b"{\"data\"") {
        return Ok(());
    }
    let start = &answer.body[..answer.body.len().min(300)];
    bail!("{}: {}", answer.status, String::from_utf8_lossy(start));
}

/// On whose behalf requests are sent.
#[derive(Clone, Debug)]
pub struct Caller {
    head: String,
}

impl Caller {
    /// Whoever has `token`, asking the schema that `/graphql` serves.
    pub fn new(token: Option<&str>) -> Self {
        let token = token.map_or(String::new(), |token| {
            format!("Authorization: Bearer {token}\r\n")
        });
        let head = format!(
            "POST /graphql HTTP/1.1\r\nHost: localhost\r\nAccept: application/graphql-response+json\r\n\
             Content-Type: application/json\r\n{token}Content-Length: "
        );
        Self { head }
    }

    /// The bytes of a request.
    pub fn request(&self, document: &str, variables: &Value) -> Vec<u8> {
        let body = serde_json::json!({ "query": document, "variables": variables }).to_string();
        format!("{}{}\r\n\r\n{body}", self.head, body.len()).into_bytes()
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len())
        .position(|window| window == wanted)
}

fn status(head: &str) -> anyhow::Result<u16> {
    let status = head.split(' ').nth(1).context("no status")?;
    Ok(status.parse()?)
}

fn length(head: &str) -> anyhow::Result<usize> {
    let lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let length = lines
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map(|(_, value)| value.trim().parse())
        .next();
    Ok(length.context("the answer does not tell its length")??)
}
