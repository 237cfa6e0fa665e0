//! The workflow that `ComfyUI` is sent: a template with placeholders.

use serde_json::{Map, Value, json};

use super::super::input::ImageInput;
use crate::platform::config;

/// Text to image with one checkpoint.
const BUILT_IN: &str = include_str!("workflow.json");

/// Fills the template of the settings, or the built-in one, with what is asked for.
///
/// # Errors
/// A sentence that says what is wrong with the template.
pub(super) async fn workflow(
    settings: &config::ComfyUi,
    input: &ImageInput,
) -> Result<Value, String> {
    let path = &settings.workflow;
    let template = if path.as_os_str().is_empty() {
        BUILT_IN.to_owned()
    } else {
        let read = tokio::fs::read_to_string(path).await;
        read.map_err(|error| format!("cannot be read: {error}"))?
    };
    let mut workflow: Value =
        serde_json::from_str(&template).map_err(|error| format!("is no JSON: {error}"))?;
    let values = values(settings, input);
    let mut prompted = false;
    fill(&mut workflow, &values, &mut prompted)?;
    if !workflow.is_object() || !prompted {
        return Err("has no place for the prompt, {{prompt}}".to_owned());
    }
    Ok(workflow)
}

/// The names of nodes and what they are, for messages.
pub(super) fn class_of<'a>(workflow: &'a Value, node: &str) -> &'a str {
    workflow[node]["class_type"].as_str().unwrap_or("a node")
}

fn values(settings: &config::ComfyUi, input: &ImageInput) -> Map<String, Value> {
    let values = json!({
        "prompt": input.prompt,
        "negative_prompt": input.negative.as_deref().unwrap_or_default(),
        "width": input.width,
        "height": input.height,
        "seed": input.seed.unwrap_or_default(),
        "steps": input.steps.unwrap_or(settings.steps),
        "cfg": input.guidance.unwrap_or(settings.guidance),
        "batch": input.batch,
        "checkpoint": settings.checkpoint,
    });
    match values {
        Value::Object(values) => values,
        _ => Map::new(),
    }
}

/// Fills in every text of the template once: what a prompt itself says is left alone.
fn fill(
    template: &mut Value,
    values: &Map<String, Value>,
    prompted: &mut bool,
) -> Result<(), String> {
    match template {
        Value::String(text) => {
            let filled = filled(text, values, prompted)?;
            *template = filled;
            Ok(())
        }
        Value::Array(members) => members
            .iter_mut()
            .try_for_each(|member| fill(member, values, prompted)),
        Value::Object(fields) => fields
            .values_mut()
            .try_for_each(|field| fill(field, values, prompted)),
        _ => Ok(()),
    }
}

/// A text that is one placeholder becomes its value, a number where that is one; placeholders
/// within a text become text.
fn filled(text: &str, values: &Map<String, Value>, prompted: &mut bool) -> Result<Value, String> {
    let mut generate_with_retries = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, behind)) = after.split_once("}}") else {
            break;
        };
        let name = name.trim();
        let value = values.get(name).ok_or_else(|| {
            let known: Vec<&str> = values.keys().map(String::as_str).collect();
            let known = known.join(", ");
            format!("has the placeholder {{{{{name}}}}}; there are {known}")
        })?;
        *prompted |= name == "prompt";
        if before.is_empty() && behind.is_empty() && generate_with_retries.is_empty() {
            return Ok(value.clone());
        }
        generate_with_retries.push_str(before);
        match value {
            Value::String(text) => generate_with_retries.push_str(text),
            other => generate_with_retries.push_str(&other.to_string()),
        }
        rest = behind;
    }
    generate_with_retries.push_str(rest);
    Ok(generate_with_retries.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::config::Settings;

    fn settings() -> config::ComfyUi {
        Settings::defaults().generation.comfyui
    }

    fn input() -> ImageInput {
        ImageInput {
            negative: Some("blur".to_owned()),
            seed: Some(9_007_199_254_740_991),
            batch: 2,
            ..ImageInput::new("a \"quoted\" {{seed}}\nfox")
        }
    }

    fn file(text: &str) -> (tempfile::NamedTempFile, config::ComfyUi) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let mut settings = settings();
        settings.workflow = file.path().to_owned();
        (file, settings)
    }

    #[tokio::test]
    async fn the_built_in_workflow_gets_numbers_as_numbers_and_the_prompt_as_it_is() {
        let filled = workflow(&settings(), &input()).await.unwrap();
        assert_eq!(filled["6"]["inputs"]["text"], "a \"quoted\" {{seed}}\nfox");
        assert_eq!(filled["7"]["inputs"]["text"], "blur");
        let sampler = &filled["3"]["inputs"];
        assert_eq!(sampler["seed"], 9_007_199_254_740_991_i64);
        assert_eq!(sampler["steps"], 25);
        assert_eq!(sampler["cfg"], 7.0);
        let latent = json!({ "width": 512, "height": 768, "batch_size": 2 });
        assert_eq!(filled["5"]["inputs"], latent);
        assert!(!filled.to_string().contains("{{p"));
    }

    #[tokio::test]
    async fn placeholders_within_a_text_are_filled_in_too() {
        let (_file, settings) =
            file(r#"{ "1": { "inputs": { "text": "poster, {{prompt}}, {{width}} wide {{" } } }"#);
        let filled = workflow(&settings, &ImageInput::new("fox")).await.unwrap();
        assert_eq!(filled["1"]["inputs"]["text"], "poster, fox, 512 wide {{");
    }

    #[tokio::test]
    async fn a_bad_template_is_refused_with_what_is_wrong() {
        for (text, words) in [
            ("{", "no JSON"),
            ("{}", "no place for the prompt"),
            ("[\"{{prompt}}\"]", "no place for the prompt"),
            (
                "{ \"a\": \"{{prompt}} {{colour}}\" }",
                "{{colour}}; there are",
            ),
        ] {
            let (_file, settings) = file(text);
            let error = workflow(&settings, &input()).await.unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
        let mut gone = settings();
        gone.workflow = "/nowhere/at/all.json".into();
        let error = workflow(&gone, &input()).await.unwrap_err();
        assert!(error.contains("cannot be read"), "{error}");
    }
}
