//! An uploaded file.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::foundation::page::Cursor;
use crate::foundation::{Id, Refusal, id};

/// The longest name of a file, in characters.
pub const MOST_NAME: usize = 200;
/// The longest name of a file, in bytes of UTF-8: what file systems take.
pub const MOST_NAME_BYTES: usize = 255;

/// A file that was uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The id of the upload.
    pub id: Id<id::Upload>,
    /// The name of the file: 1 to 200 characters, no path.
    pub name: String,
    /// The size in bytes; at least 1.
    pub bytes: i64,
    /// The SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// Who uploaded it; `None` for the shell of the server.
    pub owner: Option<Id<id::User>>,
    /// When the upload started.
    pub created_at: DateTime<Utc>,
}

impl Upload {
    /// The cursor of the upload in the list of all, the newest first.
    pub fn cursor(&self) -> Cursor {
        Cursor::new("createdAt", false, json!(self.created_at), self.id.uuid())
    }

    /// The SHA-256 of its bytes, as `sha256sum` writes it.
    pub fn digest(&self) -> String {
        let digits = self.sha256.iter().map(|byte| format!("{byte:02x}"));
        digits.collect()
    }
}

/// The name under which a file is stored: the last part of the path that the client sends.
///
/// # Errors
/// [`Refusal::InvalidInput`] for one that is no name of a file.
pub fn file_name(given: &str) -> Result<String, Refusal> {
    let name = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let length = name.chars().count();
    if !(1..=MOST_NAME).contains(&length) || name.len() > MOST_NAME_BYTES {
        let message = format!(
            "the name of a file has 1 to {MOST_NAME} characters and at most {MOST_NAME_BYTES} bytes"
        );
        return Err(Refusal::invalid("name", message));
    }
    if name == "." || name == ".." || name.chars().any(char::is_control) {
        let message = "this is no name of a file; name it plainly, such as ratings.csv";
        return Err(Refusal::invalid("name", message));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_last_part_of_a_path_and_nothing_that_leads_elsewhere() {
        let longest = "ä".repeat(127);
        for (given, name) in [
            ("ratings.csv", "ratings.csv"),
            ("ml-1m/ratings.csv.gz", "ratings.csv.gz"),
            ("../../etc/passwd", "passwd"),
            ("C:\\films\\movies.csv", "movies.csv"),
            ("..\\..\\secrets", "secrets"),
            ("…films and more….csv", "…films and more….csv"),
            (".hidden", ".hidden"),
            (longest.as_str(), longest.as_str()),
        ] {
            assert_eq!(file_name(given).unwrap(), name);
        }
        let (long, wide) = ("a".repeat(201), "ä".repeat(128));
        for given in [
            "", "/", "a/", "a\\", ".", "..", "a/..", "a\0b", "a\nb", "\u{7f}", &long, &wide,
        ] {
            assert!(file_name(given).is_err(), "{given:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_name_leads_out_of_its_folder(given in ".{0,80}") {
            if let Ok(name) = file_name(&given) {
                let folder = std::path::Path::new("/folder");
                let path = folder.join(&name);
                proptest::prop_assert_eq!(path.parent(), Some(folder));
                proptest::prop_assert_eq!(path.file_name(), Some(name.as_ref()));
            }
        }
    }
}
