//! A way to the real database on which no notification arrives, as behind a pooler of transactions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream, UnixStream};

/// Passes everything on but notifications.
pub struct DeafProxy {
    pub url: String,
    open: Arc<AtomicBool>,
}

impl DeafProxy {
    /// A proxy to the database at `url`.
    pub async fn open(url: &str) -> Self {
        let proxy = Self::closed(url).await;
        proxy.mend();
        proxy
    }

    /// A proxy that refuses connections until it is mended.
    pub async fn closed(url: &str) -> Self {
        let real: PgConnectOptions = url.parse().unwrap();
        let near = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let user = real.get_username();
        let database = real.get_database().unwrap();
        let address = near.local_addr().unwrap();
        let url = format!("postgres://{user}@{address}/{database}?sslmode=disable");
        let open = Arc::new(AtomicBool::new(false));
        let is_open = Arc::clone(&open);
        tokio::spawn(async move {
            loop {
                let (client, _) = near.accept().await.unwrap();
                if is_open.load(Ordering::SeqCst) {
                    tokio::spawn(pass(client, real.clone()));
                }
            }
        });
        Self { url, open }
    }

    pub fn mend(&self) {
        self.open.store(true, Ordering::SeqCst);
    }
}

async fn pass(client: TcpStream, real: PgConnectOptions) {
    match real.get_socket() {
        Some(folder) => {
            let socket = folder.join(format!(".s.PGSQL.{}", real.get_port()));
            pass_to(client, UnixStream::connect(socket).await.unwrap()).await;
        }
        None => {
            let address = (real.get_host(), real.get_port());
            pass_to(client, TcpStream::connect(address).await.unwrap()).await;
        }
    }
}

async fn pass_to(client: TcpStream, server: impl AsyncRead + AsyncWrite) {
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_server, mut to_server) = tokio::io::split(server);
    // Either side may end it.
    let _ = tokio::select! {
        sent = copy(&mut from_client, &mut to_server) => sent.map(|_| ()),
        answered = without_notifications(&mut from_server, &mut to_client) => answered,
    };
}

/// Every message of the server is a letter, a length that counts itself, and the rest.
async fn without_notifications(
    server: &mut (impl AsyncRead + Unpin),
    client: &mut (impl AsyncWrite + Unpin),
) -> std::io::Result<()> {
    const NOTIFICATION: u8 = b'A';
    loop {
        let kind = server.read_u8().await?;
        let length = server.read_u32().await?;
        let mut rest = vec![0; length as usize - 4];
        server.read_exact(&mut rest).await?;
        if kind != NOTIFICATION {
            client.write_u8(kind).await?;
            client.write_u32(length).await?;
            client.write_all(&rest).await?;
            client.flush().await?;
        }
    }
}
