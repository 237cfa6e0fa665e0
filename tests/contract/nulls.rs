//! Null is never ignored: it cannot be compared with, and it removes a value or is refused.

use marquee::domain::auth::Viewer;
use serde_json::{Map, Value, json};

use crate::inputs::{Input, Inputs, inputs};
use crate::support::TestApp;

/// Everywhere in a filter type where a value may stand: the path to it.
fn operands(inputs: &Inputs, of: &str, inside: bool) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for Input { name, of, list, .. } in &inputs[of] {
        if !inputs.contains_key(of) {
            found.push(vec![name.clone()]);
            continue;
        }
        // Filters are nested in each other: once is enough.
        let nested = ["and", "or", "not"].contains(&name.as_str());
        if nested && inside {
            continue;
        }
        for rest in operands(inputs, of, inside || nested) {
            let index = list.then(|| "0".to_owned());
            let outer = std::iter::once(name.clone()).chain(index);
            found.push(outer.chain(rest).collect());
        }
    }
    found
}

/// An input with null at the end of a path, where `0` is the only member of a list.
fn null_at(path: &[String]) -> Value {
    match path.split_first() {
        None => Value::Null,
        Some((index, rest)) if index == "0" => json!([null_at(rest)]),
        Some((field, rest)) => json!({ field: null_at(rest) }),
    }
}

#[tokio::test]
async fn an_operand_that_is_null_is_refused_in_every_filter_and_says_what_to_do() {
    let app = TestApp::start().await;
    app.film("Ikiru").await;
    let (all, mut tried) = (inputs(), 0);
    for (field, arguments) in &all {
        let Some(root) = field.strip_prefix("Query.") else {
            continue;
        };
        let Some(filter) = arguments.iter().find(|argument| argument.name == "filter") else {
            continue;
        };
        let others: String = arguments
            .iter()
            .filter(|argument| argument.required && argument.name == "query")
            .map(|argument| format!("{}: \"\"", argument.name))
            .collect();
        let user = match root {
            "recommendations" => {
                let user = app.user("Ada").await;
                format!(", userId: \"{}\"", user.user().unwrap())
            }
            _ => String::new(),
        };
        let of = &filter.of;
        let document =
            format!("query ($f: {of}) {{ {root}(filter: $f {user} {others}) {{ __typename }} }}");
        for path in operands(&all, of, false) {
            let variables = json!({ "f": null_at(&path) });
            let answer = app.run_as(&Viewer::Command, &document, variables).await;
            let error = &answer["errors"][0];
            let place: Vec<&str> = std::iter::once("filter")
                .chain(path.iter().map(String::as_str))
                .collect();
            assert_eq!(
                error["extensions"]["code"], "BAD_USER_INPUT",
                "{root} {path:?}: {answer}"
            );
            assert_eq!(
                error["extensions"]["inputPath"],
                json!(place),
                "{root}: {answer}"
            );
            assert!(
                error["message"].as_str().unwrap().contains("isNull"),
                "{answer}"
            );
            tried += 1;
        }
    }
    assert!(tried > 300, "only {tried} operands were found");
}

#[tokio::test]
async fn a_filter_that_is_null_is_none_and_a_missing_value_is_found_by_is_null() {
    let app = TestApp::start().await;
    app.film("Ikiru").await;
    for (filter, count) in [
        ("null", 1),
        ("{ year: null }", 1),
        ("{ and: null, or: null, not: null }", 1),
        ("{ year: { isNull: true } }", 1),
        ("{ year: { isNull: false } }", 0),
    ] {
        let answer = app
            .ask(&format!(
                "{{ contents(filter: {filter}) {{ totalCount }} }}"
            ))
            .await;
        assert_eq!(answer["contents"]["totalCount"], count, "{filter}");
    }
}

/// An update whose every field is tried.
struct Update {
    /// The mutation.
    mutation: &'static str,
    /// The field of its payload.
    payload: &'static str,
    /// What each try begins from.
    before: Value,
    /// How the fields are read where they are not named like their inputs.
    read: fn(&str) -> String,
}

/// What a field is after null: nothing, or what the description names as its default.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty() || text == "PUBLIC",
        Value::Array(members) => members.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Bool(_) => false,
    }
}

impl Update {
    /// Sends null for each optional field, one after the other: the field is empty then, or the mutation
    /// says that it cannot be and leaves everything as it was.
    async fn try_each(&self, app: &TestApp, id: &Map<String, Value>) {
        let title = format!(
            "{}{}",
            self.mutation[..1].to_uppercase(),
            &self.mutation[1..]
        );
        let fields = inputs()[&format!("{title}Input")].clone();
        let fields = fields
            .iter()
            .filter(|field| !field.required && !id.contains_key(&field.name));
        let mut refused = Vec::new();
        // They say whom or what is changed.
        let names = ["userId", "externalId", "source"];
        for field in fields.filter(|field| !names.contains(&field.name.as_str())) {
            let name = field.name.as_str();
            let read = (self.read)(name);
            let document = format!(
                "mutation ($input: {title}Input!) {{ {}(input: $input) {{ {} {{ updatedAt value: {read} }}
                   errors {{ __typename ... on UserError {{ message path }} }} }} }}",
                self.mutation, self.payload
            );
            let change = async |mut input: Map<String, Value>| {
                input.extend(id.clone());
                app.ctx.clock.advance(chrono::TimeDelta::seconds(1));
                let answer = app
                    .ask_as(&Viewer::Command, &document, json!({ "input": input }))
                    .await;
                answer[self.mutation].clone()
            };
            let before = change(self.before.as_object().unwrap().clone()).await;
            assert_eq!(before["errors"], json!([]), "{name}");
            assert!(
                !is_empty(&before[self.payload]["value"]),
                "{name} is not set: {before}"
            );
            let after = change(Map::from_iter([(name.to_owned(), Value::Null)])).await;
            if after["errors"] == json!([]) {
                assert!(
                    is_empty(&after[self.payload]["value"]),
                    "null changed nothing: {name}: {after}"
                );
                continue;
            }
            assert_eq!(after["errors"][0]["__typename"], "InvalidInput", "{name}");
            assert_eq!(after["errors"][0]["path"], json!([name]), "{after}");
            assert_eq!(after[self.payload], Value::Null);
            refused.push(name.to_owned());
        }
        assert!(!refused.is_empty(), "{title} removes everything");
    }
}

#[tokio::test]
async fn null_removes_a_value_or_is_refused_in_every_field_of_every_update() {
    let app = TestApp::start().await;
    let film = app.film("Ikiru").await;
    let content = Update {
        mutation: "updateContent",
        payload: "content",
        before: json!({
            "kind": "TEXT", "title": "Ikiru", "description": "To live", "genres": ["Drama"],
            "tags": ["park"], "popularity": 2.5, "categoryPath": ["Films"], "visibility": "PRIVATE",
            "metadata": { "a": 1 }, "originalTitle": "生きる", "year": 1952, "durationMinutes": 143,
            "language": "ja", "posterUrl": "https://a.example/x.png", "ratingAverage": 8.2,
            "ratingCount": 3, "brand": "Toho", "merchant": "Shop", "price": "9.50", "listPrice": "12.00",
            "currency": "EUR", "stock": 3, "color": "grey", "rightsFrom": "2026-01-01",
            "rightsUntil": "2027-01-01", "broadcastsLeft": 2, "qualityScore": 0.5,
            "credits": [{ "name": "Takashi Shimura", "role": "CAST" }],
        }),
        read: |field| match field {
            "currency" => "price { currency }".to_owned(),
            "price" | "listPrice" => format!("{field} {{ amount }}"),
            "credits" => "credits { role }".to_owned(),
            other => other.to_owned(),
        },
    };
    let id = |id: String| Map::from_iter([("id".to_owned(), json!(id))]);
    content.try_each(&app, &id(film.to_string())).await;

    let create = "mutation { createPerson(input: { name: \"Kurosawa\" }) { person { id } } }";
    let person = app.ask(create).await["createPerson"]["person"]["id"].clone();
    let update = Update {
        mutation: "updatePerson",
        payload: "person",
        before: json!({
            "name": "Akira Kurosawa", "photoUrl": "https://a.example/k.png", "biography": "A director",
        }),
        read: str::to_owned,
    };
    update
        .try_each(&app, &id(person.as_str().unwrap().to_owned()))
        .await;

    let ada = app.user("Ada").await.user().unwrap().to_string();
    let profile = Update {
        mutation: "updateProfile",
        payload: "user",
        before: json!({
            "displayName": "Ada",
            "preferences": { "favouriteGenres": ["Drama"], "languages": ["ja"], "extra": { "a": 1 } },
        }),
        read: |field| match field {
            "preferences" => "preferences { favouriteGenres languages extra }".to_owned(),
            other => other.to_owned(),
        },
    };
    profile
        .try_each(&app, &Map::from_iter([("userId".to_owned(), json!(ada))]))
        .await;
}

#[tokio::test]
async fn the_weights_of_an_interaction_cannot_be_removed() {
    let app = TestApp::start().await;
    let document = "mutation ($input: UpdateInteractionWeightsInput!) {
        updateInteractionWeights(input: $input) {
            weights { rows { kind weight halfLifeSeconds excludeForSeconds } }
            errors { __typename ... on UserError { path } } } }";
    let change = async |row: Value| {
        let input = json!({ "input": { "weights": [{ "kind": "VIEW", "weight": 0.2 }, row] } });
        app.ask_as(&Viewer::Command, document, input).await["updateInteractionWeights"].clone()
    };
    for field in ["weight", "halfLifeSeconds"] {
        let answer = change(json!({ "kind": "CLICK", field: null })).await;
        assert_eq!(answer["weights"], Value::Null);
        let error = json!({ "__typename": "InvalidInput", "path": ["weights", "1", field] });
        assert_eq!(answer["errors"], json!([error]));
    }
    let answer = change(json!({ "kind": "CLICK", "excludeForSeconds": null })).await;
    assert_eq!(answer["errors"], json!([]));
    let rows = answer["weights"]["rows"].as_array().unwrap();
    let click = rows.iter().find(|row| row["kind"] == "CLICK").unwrap();
    assert_eq!(click["excludeForSeconds"], Value::Null, "for ever");
}
