//! Fetching guides by HTTP: bounded in time and size, and only if they changed.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{
    ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

use super::store::Validators;
use crate::domain::job_handler::JobFailure;
use crate::platform::config::Competition;

/// The most redirects that are followed.
const REDIRECTS: usize = 5;
/// The longest validator that is kept, in characters.
const MAX_VALIDATOR: usize = 1000;

/// What a request for a guide came to.
#[derive(Debug)]
pub(super) enum Fetched {
    /// The file is there, with what the server said of its state.
    File(Validators),
    /// It has not changed since it was fetched last.
    NotModified,
}

/// The client, made at the first call: reading the machine's certificates takes a moment.
pub(super) fn client(settings: &Competition) -> Result<&'static Client, JobFailure> {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client);
    }
    // Fails where it is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
        .redirect(Policy::limited(REDIRECTS))
        .user_agent(concat!("marquee/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| JobFailure::retry(format!("no TLS on this machine: {error}")))?;
    Ok(CLIENT.get_or_init(|| client))
}

/// Fetches `url` into `path`, unless it is still what `known` says. The reasons of failures do not repeat the
/// address, which may hold a secret.
///
/// # Errors
/// [`JobFailure::Retry`] for what may work another time, [`JobFailure::Permanent`] for the rest.
pub(super) async fn fetch(
    settings: &Competition,
    url: &str,
    known: &Validators,
    path: &Path,
    cancel: &CancellationToken,
) -> Result<Fetched, JobFailure> {
    let limit = Duration::from_millis(settings.total_timeout_ms);
    let work = fetch_whole(settings, url, known, path);
    tokio::select! {
        () = cancel.cancelled() => Err(JobFailure::stopped()),
        done = tokio::time::timeout(limit, work) => done.unwrap_or_else(|_| {
            let seconds = limit.as_secs_f64();
            Err(JobFailure::retry(format!("fetching it took longer than {seconds} s")))
        }),
    }
}

async fn fetch_whole(
    settings: &Competition,
    url: &str,
    known: &Validators,
    path: &Path,
) -> Result<Fetched, JobFailure> {
    let mut request = client(settings)?.get(url);
    for (name, value) in [
        (IF_NONE_MATCH, &known.etag),
        (IF_MODIFIED_SINCE, &known.last_modified),
    ] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    let pause = Duration::from_millis(settings.pause_timeout_ms);
    let silent = || JobFailure::retry(format!("it was silent for {} s", pause.as_secs_f64()));
    let response = tokio::time::timeout(pause, request.send()).await;
    let mut response = response
        .map_err(|_| silent())?
        .map_err(|error| broken(&error))?;
    let status = response.status();
    if status == StatusCode::NOT_MODIFIED {
        return Ok(Fetched::NotModified);
    }
    if !status.is_success() {
        return Err(refused(status));
    }
    let most = settings.max_bytes;
    let too_large = || JobFailure::Permanent(format!("it is larger than {most} bytes"));
    if response
        .content_length()
        .is_some_and(|length| length > most)
    {
        return Err(too_large());
    }
    let headers = response.headers();
    let validators = Validators {
        etag: text(headers, &ETAG),
        last_modified: text(headers, &LAST_MODIFIED),
    };
    let mut file = tokio::fs::File::create(path).await.map_err(unwritable)?;
    let mut bytes = 0_u64;
    loop {
        let chunk = tokio::time::timeout(pause, response.chunk()).await;
        let chunk = chunk
            .map_err(|_| silent())?
            .map_err(|error| broken(&error))?;
        let Some(chunk) = chunk else {
            break;
        };
        bytes = bytes.saturating_add(chunk.len() as u64);
        if bytes > most {
            return Err(too_large());
        }
        file.write_all(&chunk).await.map_err(unwritable)?;
    }
    file.flush().await.map_err(unwritable)?;
    Ok(Fetched::File(validators))
}

/// A header that is text and not too long to be kept.
fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    (text.len() <= MAX_VALIDATOR).then(|| text.to_owned())
}

#[expect(clippy::needless_pass_by_value, reason = "an argument of `map_err`")]
fn unwritable(error: std::io::Error) -> JobFailure {
    tracing::error!(%error, "A guide cannot be written to the data directory");
    JobFailure::retry("the data directory cannot be written")
}

fn refused(status: StatusCode) -> JobFailure {
    let what = format!("the server answered {}", status.as_u16());
    let later = status.is_server_error()
        || matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY
        );
    if later {
        JobFailure::retry(what)
    } else {
        JobFailure::Permanent(what)
    }
}

/// What went wrong on the way, without the address.
fn broken(error: &reqwest::Error) -> JobFailure {
    if error.is_redirect() {
        let message = format!("it redirects more than {REDIRECTS} times, or in a circle");
        return JobFailure::Permanent(message);
    }
    if error.is_builder() {
        return JobFailure::Permanent("its address cannot be used".to_owned());
    }
    JobFailure::retry(if error.is_connect() {
        "the server cannot be reached"
    } else if error.is_timeout() {
        "the server took too long"
    } else {
        "the connection was broken off"
    })
}
