//! Where connections come in.

use axum::serve::{ListenerExt, TapIo};
use tokio::net::{TcpListener, TcpStream};

use crate::platform::config::Push;

/// The same listener, whose connections end when their client takes nothing of what is sent for as
/// long as [`Push::patience`]: the system cuts them, since nobody here would notice.
pub fn listening(
    listener: TcpListener,
    limits: &Push,
) -> TapIo<TcpListener, impl FnMut(&mut TcpStream) + Send + 'static> {
    let patience = limits.patience();
    listener.tap_io(move |stream| {
        if let Err(error) = take_or_leave(stream, patience) {
            tracing::debug!(%error, "A connection has no time limit");
        }
    })
}

#[cfg(target_os = "linux")]
fn take_or_leave(stream: &TcpStream, patience: std::time::Duration) -> std::io::Result<()> {
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(patience))
}

/// Other systems have their own limits.
#[cfg(not(target_os = "linux"))]
fn take_or_leave(_stream: &TcpStream, _patience: std::time::Duration) -> std::io::Result<()> {
    Ok(())
}
