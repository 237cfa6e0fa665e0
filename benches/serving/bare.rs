//! What there is to compare with: an axum handler that answers given bytes to every POST.

use std::io::Read;
use std::path::Path;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;

/// Serves the bytes of `file` until standard input ends, and prints the port first. It runs in a
/// process and a runtime of its own, as the server does.
///
/// # Errors
/// When the file cannot be read or no port is free.
pub fn serve(file: &Path) -> anyhow::Result<()> {
    let body = Bytes::from(std::fs::read(file)?);
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        // The request is read whole, as the server has to.
        let answer = move |_asked: Bytes| {
            let body = body.clone();
            async move {
                (
                    [(
                        CONTENT_TYPE,
                        "application/graphql-response+json; charset=utf-8",
                    )],
                    body,
                )
            }
        };
        let router = Router::new().route("/graphql", post(answer));
        std::thread::spawn(|| {
            // Whether it ends or fails: whoever started this is gone.
            let _ = std::io::stdin().read(&mut [0]);
            std::process::exit(0);
        });
        axum::serve(listener, router).await?;
        Ok(())
    })
}
