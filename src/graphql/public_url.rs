//! Addresses of this server in answers. They are stored as paths, so that a server may move; clients get whole
//! URLs, since an app or a page of another site cannot resolve a path.

use std::borrow::Cow;
use std::sync::Arc;

/// The paths of files that this server keeps.
const FILES: &str = "/files/";

/// How the client calls this server: `https://films.example`. Unknown where nobody asks over HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublicUrl(Option<Arc<str>>);

impl PublicUrl {
    /// A base address; slashes at its end do not count.
    pub fn new(base: &str) -> Self {
        Self(Some(base.trim_end_matches('/').into()))
    }

    /// The base address; empty where it is unknown.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// The address of a file as a whole URL, if it is a path of this server; others are as they are.
    pub fn absolute<'a>(&self, address: &'a str) -> Cow<'a, str> {
        match &self.0 {
            Some(base) if address.starts_with(FILES) => format!("{base}{address}").into(),
            _ => address.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_this_server_become_whole_and_others_stay() {
        let url = PublicUrl::new("https://films.example/");
        assert_eq!(
            url.absolute("/files/app/x.png"),
            "https://films.example/files/app/x.png"
        );
        for other in [
            "https://a.example/x.png",
            "/elsewhere/x.png",
            "files/x.png",
            "",
        ] {
            assert_eq!(url.absolute(other), other);
        }
        assert_eq!(
            PublicUrl::default().absolute("/files/app/x.png"),
            "/files/app/x.png"
        );
    }
}
