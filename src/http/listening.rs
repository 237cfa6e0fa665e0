//! Where connections come in.

use axum::serve::{ListenerExt, TapIo};
use tokio::net::{TcpListener, TcpStream};

use super::upgrade_headers::{UpgradeListener, UpgradeStream};
use crate::platform::config::Push;

/// The same listener, whose connections end when their client takes nothing of what is sent for as
/// long as [`Push::send_timeout`]: the system cuts them, since nobody here would notice. They spell the
/// headers of WebSocket upgrades as RFC 6455 does.
pub fn listening(
    listener: TcpListener,
    limits: &Push,
) -> TapIo<UpgradeListener, impl FnMut(&mut UpgradeStream) + Send + 'static> {
    let send_timeout = limits.send_timeout();
    UpgradeListener(listener).tap_io(move |stream| {
        if let Err(error) = set_send_timeout(&stream.0, send_timeout) {
            tracing::debug!(%error, "A connection has no time limit");
        }
    })
}

#[cfg(target_os = "linux")]
fn set_send_timeout(stream: &TcpStream, send_timeout: std::time::Duration) -> std::io::Result<()> {
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(send_timeout))
}

/// Other systems have their own limits.
#[cfg(not(target_os = "linux"))]
fn set_send_timeout(
    _stream: &TcpStream,
    _send_timeout: std::time::Duration,
) -> std::io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use axum::serve::Listener;

    use super::*;
    use crate::platform::config::Settings;

    #[tokio::test]
    async fn a_connection_that_comes_in_is_cut_when_its_client_takes_nothing() {
        let push = Settings::defaults().push;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut listener = listening(listener, &push);
        let (client, (stream, _)) = tokio::join!(TcpStream::connect(address), listener.accept());
        client.unwrap();
        let limit = socket2::SockRef::from(&stream.0)
            .tcp_user_timeout()
            .unwrap();
        assert_eq!(limit, Some(push.send_timeout()));
    }
}
