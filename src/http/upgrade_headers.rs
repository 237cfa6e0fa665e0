//! The spelling of headers in answers to WebSocket upgrades.
//!
//! Names of headers have no letter case, and hyper writes them in small letters; its option for title
//! case would write `Sec-Websocket-Protocol`. Some clients look for the spelling of RFC 6455 all the
//! same: Python's `gql` does not find the subprotocol otherwise and speaks another one. So the heads of
//! these answers, and no other bytes, are respelt on their way out. Respelling changes no length.

use std::io::{IoSlice, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// How the answer to an upgrade begins.
const BEGINNING: &[u8] = b"HTTP/1.1 101 ";

/// The headers of an upgrade, as RFC 6455 spells them.
const NAMES: [&str; 5] = [
    "Connection",
    "Sec-WebSocket-Accept",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Protocol",
    "Upgrade",
];

/// A listener whose connections spell the headers of upgrades as RFC 6455 does.
pub struct UpgradeListener(pub TcpListener);

impl Listener for UpgradeListener {
    type Io = UpgradeStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (UpgradeStream, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        (UpgradeStream(stream), address)
    }

    fn local_addr(&self) -> Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A connection that spells the headers of upgrades as RFC 6455 does.
pub struct UpgradeStream(pub TcpStream);

impl AsyncRead for UpgradeStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for UpgradeStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        let respelt = respelt(bytes);
        let bytes = respelt.as_deref().unwrap_or(bytes);
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let head = parts.iter().find(|part| !part.is_empty());
        match head.and_then(|head| respelt(head)) {
            // The rest is written by the next call.
            Some(respelt) => Pin::new(&mut self.0).poll_write(cx, &respelt),
            None => Pin::new(&mut self.0).poll_write_vectored(cx, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// The same bytes with the names of headers respelt, if this is the answer to an upgrade.
fn respelt(bytes: &[u8]) -> Option<Vec<u8>> {
    if !bytes.starts_with(BEGINNING) {
        return None;
    }
    let mut respelt = bytes.to_vec();
    let mut line = 0;
    while let Some(length) = respelt[line..].windows(2).position(|two| two == b"\r\n") {
        let header = &mut respelt[line..line + length];
        // The empty line is the end of the head; what follows is not ours.
        if header.is_empty() {
            break;
        }
        let name = header.iter().position(|byte| *byte == b':');
        if let Some(name) = name.map(|end| &mut header[..end])
            && let Some(spelling) = NAMES
                .iter()
                .find(|spelling| name.eq_ignore_ascii_case(spelling.as_bytes()))
        {
            name.copy_from_slice(spelling.as_bytes());
        }
        line += length + 2;
    }
    Some(respelt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_head_of_an_upgrade_is_respelt() {
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\
            sec-websocket-protocol: graphql-transport-ws\r\nx-request-id: upgrade: 1\r\n\r\n\
            upgrade: 1\r\n";
        let expected = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\
            Sec-WebSocket-Protocol: graphql-transport-ws\r\nx-request-id: upgrade: 1\r\n\r\n\
            upgrade: 1\r\n";
        let respelt_answer = respelt(answer).unwrap();
        assert_eq!(String::from_utf8(respelt_answer).unwrap(), expected);
        for other in [
            &b"HTTP/1.1 200 OK\r\nupgrade: x\r\n\r\n"[..],
            b"",
            b"HTTP/1.1 10",
            b"\x81\x05hello",
        ] {
            assert_eq!(respelt(other), None);
        }
        for cut in 0..answer.len() {
            let part = respelt(&answer[..cut]);
            assert!(part.is_none_or(|part| part.len() == cut));
        }
    }
}
