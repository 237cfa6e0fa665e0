//! Addresses that pages put into links and images.

/// What is said of a text that is none.
pub const NO_WEB_ADDRESS: &str =
    "an address begins with https:// or http://, or with / for a file of this server";

/// Whether a browser may be given this address: of the web, or of a file below `/` of this server. Others, such as
/// `javascript:` and `data:`, would run in the page that shows them.
pub fn is_web_address(text: &str) -> bool {
    let begins = |scheme: &str| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme)) && text.len() > scheme.len()
    };
    let ours = text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/\\");
    let visible = !text
        .chars()
        .any(|letter| letter.is_control() || letter.is_whitespace());
    visible && (begins("https://") || begins("http://") || ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_and_of_this_server_are_accepted() {
        for good in [
            "https://a.example/x.png",
            "HTTP://a.example",
            "/files/app/ran.png",
        ] {
            assert!(is_web_address(good), "{good}");
        }
        for bad in [
            "",
            "https://",
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            " https://a.example",
            "java\nscript:alert(1)",
            "data:text/html,x",
            "//evil.example/x",
            "/\\evil.example",
            "ftp://a.example",
            "a.png",
            "é",
        ] {
            assert!(!is_web_address(bad), "{bad}");
        }
    }
}
