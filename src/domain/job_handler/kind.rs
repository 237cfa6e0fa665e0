//! The kinds of jobs, by name.

use std::borrow::Cow;
use std::fmt;

/// The kind of a job: the name of its handler in the database and in the API.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobKind(Cow<'static, str>);

impl JobKind {
    /// The kind with this name, in capitals.
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is said of a kind that this program does not know: another version of it has created the job.
    pub fn unknown(&self) -> String {
        format!(
            "this server does not know jobs of the kind {self}; another version of it created the job"
        )
    }
}

/// A kind as stored: another version of the program may have written one that this version does not know.
impl From<String> for JobKind {
    fn from(name: String) -> Self {
        Self(Cow::Owned(name))
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
