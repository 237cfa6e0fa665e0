//! What is wrong with a setting: its full name, where it was set, what it may be, an example, and the name that was
//! probably meant. Never its value, which may be a secret.

use std::path::Path;

use figment::error::Kind;
use toml::{Table, Value};

use super::{DEFAULTS, USUAL_FILE};

/// From how much likeness on a name is taken for a misspelt one; 1 is equal.
const ALIKE: f64 = 0.85;

/// The sentences for an error, one for each setting that is wrong. `file` is the settings file that was named.
pub(super) fn explain(error: &figment::Error, file: Option<&Path>) -> anyhow::Error {
    let known = known();
    let set = Set::read(file);
    let sentences: Vec<String> = error
        .clone()
        .into_iter()
        .map(|error| sentence(&error, &known, &set))
        .collect();
    anyhow::anyhow!(sentences.join("\n"))
}

fn sentence(error: &figment::Error, known: &[(String, Value)], set: &Set) -> String {
    let key = error.path.join(".");
    let wrong = |key: &str, what: &str| {
        let place = set.place(key);
        let example = known.iter().find(|(known, _)| known == key);
        let example =
            example.map(|(key, value)| format!("; for example {}", example_of(key, value)));
        format!(
            "the setting `{key}`{place} {what}{}",
            example.unwrap_or_default()
        )
    };
    match &error.kind {
        Kind::UnknownField(field, _) => {
            // The path of some errors ends with the field and that of others with its table.
            let key = match error.path.last() {
                Some(last) if last == field => key,
                Some(_) => format!("{key}.{field}"),
                None => field.clone(),
            };
            let meant = nearest(&key, known).map(|(meant, value)| {
                format!(
                    "; did you mean `{meant}`? For example {}",
                    example_of(meant, value)
                )
            });
            let all = "; marquee.default.toml lists them all".to_owned();
            format!(
                "there is no setting `{key}`{}{}",
                set.place(&key),
                meant.unwrap_or(all)
            )
        }
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
            wrong(&key, &format!("must be {expected}"))
        }
        Kind::UnknownVariant(_, known) => {
            wrong(&key, &format!("must be one of {}", known.join(", ")))
        }
        Kind::Message(message) if key.is_empty() => {
            format!("the settings cannot be read: {message}")
        }
        Kind::Message(message) => wrong(&key, &format!("is not right: {message}")),
        other => format!("the settings cannot be read: {other}"),
    }
}

/// Every setting with its default.
fn known() -> Vec<(String, Value)> {
    fn add(prefix: &str, table: Table, found: &mut Vec<(String, Value)>) {
        for (name, value) in table {
            let key = match prefix {
                "" => name,
                table => format!("{table}.{name}"),
            };
            match value {
                Value::Table(inner) => add(&key, inner, found),
                value => found.push((key, value)),
            }
        }
    }
    let mut found = Vec::new();
    add("", DEFAULTS.parse().unwrap_or_default(), &mut found);
    found
}

/// The setting whose name is most like this one; `None` where none is much like it.
fn nearest<'a>(key: &str, known: &'a [(String, Value)]) -> Option<(&'a str, &'a Value)> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let likeness = |other: &str| {
        let whole = strsim::jaro_winkler(key, other);
        let name = strsim::jaro_winkler(&last(key), &last(other));
        // The name counts more: it may stand in the wrong table.
        (whole.max(name), whole + 2.0 * name)
    };
    let (key, value, alike) = known
        .iter()
        .map(|(key, value)| (key, value, likeness(key)))
        .max_by(|a, b| a.2.1.total_cmp(&b.2.1))?;
    (alike.0 >= ALIKE).then_some((key.as_str(), value))
}

/// A setting as it is written in a file and in the environment.
fn example_of(key: &str, value: &Value) -> String {
    let variable = variable(key);
    let line = |name: &str| format!("`{name} = {value}`");
    let in_file = match key.rsplit_once('.') {
        Some((table, name)) => format!("{} under `[{table}]`", line(name)),
        None => line(key),
    };
    let plain = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    format!("{in_file} in the settings file, or {variable}='{plain}'")
}

/// The environment variable of a setting.
fn variable(key: &str) -> String {
    format!("MARQUEE_{}", key.replace('.', "__").to_uppercase())
}

/// Where settings were set.
struct Set {
    file: Option<(String, Table)>,
}

impl Set {
    fn read(file: Option<&Path>) -> Self {
        let path = file.unwrap_or_else(|| Path::new(USUAL_FILE));
        let text = std::fs::read_to_string(path).ok();
        let table = text.and_then(|text| text.parse().ok());
        Self {
            file: table.map(|table| (path.display().to_string(), table)),
        }
    }

    /// In brackets, the variable or the file that has this setting. The variable wins over the file.
    fn place(&self, key: &str) -> String {
        let variable = variable(key);
        if std::env::var_os(&variable).is_some() {
            return format!(" (the environment variable {variable})");
        }
        let Some((path, table)) = &self.file else {
            return String::new();
        };
        let mut names = key.split('.');
        let first = names.next().and_then(|name| table.get(name));
        let found = names.fold(first, |found, name| found?.get(name));
        match found {
            Some(_) => format!(" (in {path})"),
            None => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_or_misplaced_name_finds_the_one_that_was_meant() {
        let known = known();
        for (given, meant) in [
            ("lisen", Some("listen")),
            ("auth.isuer", Some("auth.issuer")),
            ("http.open_registration", Some("auth.open_registration")),
            ("cors_origins", Some("http.cors_origins")),
            ("database.uri", Some("database.url")),
            ("quite_another_thing", None),
        ] {
            let found = nearest(given, &known).map(|(key, _)| key);
            assert_eq!(found, meant, "{given}");
        }
    }

    #[test]
    fn an_example_is_what_a_file_and_the_environment_take() {
        let known = known();
        let of = |key: &str| {
            let (key, value) = known.iter().find(|(known, _)| known == key).unwrap();
            example_of(key, value)
        };
        assert_eq!(
            of("auth.issuer"),
            "`issuer = \"marquee\"` under `[auth]` in the settings file, or MARQUEE_AUTH__ISSUER='marquee'"
        );
        assert_eq!(
            of("listen"),
            "`listen = \"127.0.0.1:8000\"` in the settings file, or MARQUEE_LISTEN='127.0.0.1:8000'"
        );
    }

    #[test]
    fn the_file_that_has_a_setting_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        std::fs::write(&path, "[auth]\nisuer = 'x'\n").unwrap();
        let set = Set::read(Some(&path));
        assert_eq!(set.place("auth.isuer"), format!(" (in {})", path.display()));
        assert_eq!(set.place("auth.issuer"), "");
    }
}
