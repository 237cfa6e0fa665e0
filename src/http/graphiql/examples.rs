//! The operations of `frontend-examples/operations`, with sample variables, for the drawer of the page.

use std::collections::BTreeMap;

use anyhow::Context;
use rust_embed::RustEmbed;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(RustEmbed)]
#[folder = "frontend-examples/"]
#[include = "operations/*.graphql"]
#[include = "samples.json"]
struct Files;

/// An operation that people may begin with.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Example {
    name: String,
    /// `query`, `mutation` or `subscription`.
    kind: String,
    /// The least that somebody must be to run it.
    role: ExampleRole,
    /// What the file says above the operation.
    description: String,
    document: String,
    /// A text such as `<content>` stands for an id, which the page finds.
    variables: Map<String, Value>,
}

/// Who may run an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum ExampleRole {
    Everybody,
    User,
    Curator,
    Admin,
}

/// What `samples.json` says of an operation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    role: ExampleRole,
    variables: Map<String, Value>,
}

/// All examples, by name. One without a sample is for users, or for admins if it says so, and has no variables.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn all() -> anyhow::Result<Vec<Example>> {
    let samples = Files::get("samples.json").context("there are no samples")?;
    let mut samples: BTreeMap<String, Sample> =
        serde_json::from_slice(&samples.data).context("`samples.json` cannot be read")?;
    let mut examples = Vec::new();
    for path in Files::iter() {
        let Some(name) = path.strip_prefix("operations/") else {
            continue;
        };
        let name = name.trim_end_matches(".graphql");
        let file = Files::get(&path).with_context(|| format!("there is no `{path}`"))?;
        let text = std::str::from_utf8(&file.data).with_context(|| format!("reading `{path}`"))?;
        examples.push(example(name, text, samples.remove(name)));
    }
    if let Some(name) = samples.keys().next() {
        anyhow::bail!("`samples.json` names the operation `{name}`, which is not there");
    }
    examples.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(examples)
}

/// An example, out of its file: comments, then the operation.
fn example(name: &str, text: &str, sample: Option<Sample>) -> Example {
    let is_comment = |line: &&str| line.starts_with('#');
    let comments = text.lines().take_while(is_comment);
    let description: Vec<&str> = comments
        .map(|line| line.trim_start_matches('#').trim())
        .collect();
    let description = description.join(" ");
    let document = text.lines().skip_while(|line| is_comment(line));
    let document = document.collect::<Vec<_>>().join("\n").trim().to_owned();
    let kind = document.split_whitespace().next().unwrap_or_default();
    let kind = kind.to_owned();
    let sample = sample.unwrap_or_else(|| Sample {
        role: match description.contains("For admins") {
            true => ExampleRole::Admin,
            false => ExampleRole::User,
        },
        variables: Map::new(),
    });
    Example {
        name: name.to_owned(),
        kind,
        role: sample.role,
        description,
        document,
        variables: sample.variables,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::parser::parse_query;
    use async_graphql::parser::types::DocumentOperations;

    #[test]
    fn each_example_is_one_operation_whose_sample_has_the_variables_that_it_needs() {
        let examples = all().unwrap();
        assert!(examples.len() > 70, "{}", examples.len());
        for example in examples {
            let Example { name, kind, .. } = &example;
            assert!(
                example.description.len() > 10,
                "{name}: {}",
                example.description
            );
            let document = parse_query(&example.document).unwrap();
            let operation = match document.operations {
                DocumentOperations::Multiple(all) if all.len() == 1 => all.into_values().next(),
                DocumentOperations::Single(_) => panic!("{name} has no name in its document"),
                DocumentOperations::Multiple(_) => None,
            };
            let operation = operation
                .unwrap_or_else(|| panic!("{name} is not one operation"))
                .node;
            assert_eq!(&operation.ty.to_string(), kind, "{name}");
            let variables = operation
                .variable_definitions
                .iter()
                .map(|variable| &variable.node);
            let declared: Vec<String> = variables
                .clone()
                .map(|variable| variable.name.node.to_string())
                .collect();
            for given in example.variables.keys() {
                assert!(declared.contains(given), "{name} has no variable ${given}");
            }
            for variable in variables {
                let needed = !variable.var_type.node.nullable && variable.default_value.is_none();
                let given = example.variables.contains_key(variable.name.node.as_str());
                assert!(
                    given || !needed,
                    "{name} lacks a sample of ${}",
                    variable.name.node
                );
            }
            let says = example.description.contains("For admins");
            assert!(
                !says || example.role == ExampleRole::Admin,
                "{name} is for admins"
            );
        }
    }

    #[test]
    fn an_operation_without_a_sample_is_shown_as_far_as_its_file_tells() {
        let text = "# What happens. For admins.\nquery Happens {\n  a\n}\n";
        let shown = example("happens", text, None);
        assert_eq!(
            (shown.kind.as_str(), shown.role),
            ("query", ExampleRole::Admin)
        );
        assert_eq!(shown.description, "What happens. For admins.");
        assert_eq!(shown.document, "query Happens {\n  a\n}");
    }
}
