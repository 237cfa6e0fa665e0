//! What each execution gets beside the engine: data loaders of its own, and errors where the specification
//! wants them.
//!
//! An execution is a query, a mutation, or one event of a subscription. A subscription runs for hours, and
//! loaders that outlive an event would return outdated rows.
//!
//! async-graphql 8.0.0-rc.5 nulls the parent of a nullable field whose resolver is `Result<Option<T>>` and
//! fails, and ends the path of an error at the first list item. The specification nulls the nearest nullable
//! place (section 6.4.4), and the path leads to the field that failed. Both are put right here, for all fields
//! at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextExecute, NextResolve, ResolveInfo,
};
use async_graphql::{
    Data, PathSegment, QueryPathNode, QueryPathSegment, Response, ServerError, ServerResult, Value,
};
use parking_lot::Mutex;

use super::batch_scheduler::BatchScheduler;
use super::guard::too_complex;
use super::loaders::Loaders;
use super::request_viewer::RequestViewer;
use crate::domain::Services;

/// The extension of an error that holds the path to the field that failed, while lists overwrite the
/// error's own path.
const FAILED_FIELD: &str = "failedField";

/// Gives each execution its own loaders, bounds its answer and puts its errors in their places.
pub struct Execution {
    /// How much an answer may weigh, in bytes of JSON, about. What comes after it is not resolved.
    pub max_response_bytes: usize,
}

impl ExtensionFactory for Execution {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(RequestExecution {
            max_response_bytes: self.max_response_bytes,
            errors: Mutex::default(),
            bytes: AtomicUsize::new(0),
            too_large_at: Mutex::default(),
        })
    }
}

/// The executions of one request: one, or those of the events of a subscription, one after the other.
struct RequestExecution {
    max_response_bytes: usize,
    /// Errors of nullable fields, which became null.
    errors: Mutex<Vec<ServerError>>,
    /// The weight of the answer so far.
    bytes: AtomicUsize,
    /// The place at which the answer became too heavy.
    too_large_at: Mutex<Option<Vec<PathSegment>>>,
}

impl RequestExecution {
    fn is_too_large(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > self.max_response_bytes
    }

    fn too_large(&self) -> ServerError {
        too_complex(format!(
            "the answer would weigh more than {} bytes: ask for fewer fields, or for shorter pages; a mutation was \
             carried out all the same",
            self.max_response_bytes
        ))
    }

    /// Adds a value to the weight of the answer. The fields of an object add themselves.
    fn weigh(&self, key: &str, is_leaf: bool, value: Option<&Value>) {
        let value = match value {
            Some(value) if is_leaf => weight(value),
            _ => 4,
        };
        self.bytes
            .fetch_add(key.len() + 4 + value, Ordering::Relaxed);
    }
}

/// The length of a value as JSON, about.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::List(items) => items.iter().map(|item| 1 + weight(item)).sum::<usize>() + 2,
        Value::Object(fields) => {
            let fields = fields.iter();
            fields
                .map(|(key, value)| key.len() + 4 + weight(value))
                .sum::<usize>()
                + 2
        }
        _ => 5,
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for RequestExecution {
    async fn execute(
        &self,
        ctx: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        let (mut data, scheduler) = (Data::default(), BatchScheduler::default());
        let services = ctx.data_opt::<Arc<Services>>();
        if let Some((services, viewer)) = services.zip(ctx.data_opt::<Arc<RequestViewer>>()) {
            data.insert(Arc::new(Loaders::new(services, viewer, &scheduler)));
        }
        self.bytes.store(0, Ordering::Relaxed);
        let execution = next.run_with_data(ctx, operation_name, data);
        let mut response = scheduler.run(execution).await;
        if self.is_too_large() {
            self.errors.lock().clear();
            let mut error = self.too_large();
            // With a path, since the execution has begun: a mutation may have been carried out.
            error.path = self.too_large_at.lock().take().unwrap_or_default();
            return Response::from_errors(vec![error]);
        }
        response.errors.append(&mut self.errors.lock());
        for error in &mut response.errors {
            restore_path(error);
        }
        response
    }

    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        if self.is_too_large() {
            return Err(self.too_large());
        }
        let (place, nullable) = (info.path_node, !info.return_type.ends_with('!'));
        let key = info.alias.unwrap_or(info.name);
        let is_leaf = info.field.selection_set.node.items.is_empty();
        let mut error = match next.run(ctx, info).await {
            Ok(value) => {
                self.weigh(key, is_leaf, value.as_ref());
                if self.is_too_large() {
                    let mut at = self.too_large_at.lock();
                    at.get_or_insert_with(|| path_of(place));
                }
                return Ok(value);
            }
            Err(error) => error,
        };
        if self.is_too_large() {
            return Err(error);
        }
        keep_path(&mut error, place);
        if nullable {
            self.errors.lock().push(error);
            Ok(Some(Value::Null))
        } else {
            Err(error)
        }
    }
}

/// Notes the place where an error was met first, which is the innermost one.
fn keep_path(error: &mut ServerError, place: &QueryPathNode<'_>) {
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get(FAILED_FIELD).is_some() {
        return;
    }
    let path = path_of(place).into_iter().map(|segment| match segment {
        PathSegment::Field(name) => Value::String(name),
        PathSegment::Index(index) => Value::Number(index.into()),
    });
    extensions.set(FAILED_FIELD, Value::List(path.collect()));
}

/// The path to a place, from the root.
fn path_of(place: &QueryPathNode<'_>) -> Vec<PathSegment> {
    let segments = std::iter::once(place).chain(place.parents());
    let mut path: Vec<_> = segments
        .map(|node| match node.segment {
            QueryPathSegment::Name(name) => PathSegment::Field(name.to_owned()),
            QueryPathSegment::Index(index) => PathSegment::Index(index),
        })
        .collect();
    path.reverse();
    path
}

/// Gives an error the path that [`keep_path`] noted.
fn restore_path(error: &mut ServerError) {
    let Some(extensions) = &mut error.extensions else {
        return;
    };
    let Some(Value::List(path)) = extensions.get(FAILED_FIELD).cloned() else {
        return;
    };
    extensions.unset(FAILED_FIELD);
    let path = path.into_iter().filter_map(|segment| match segment {
        Value::String(name) => Some(PathSegment::Field(name)),
        Value::Number(index) => {
            let index = usize::try_from(index.as_u64()?).ok()?;
            Some(PathSegment::Index(index))
        }
        _ => None,
    });
    error.path = path.collect();
}

#[cfg(test)]
mod tests {
    use async_graphql::{EmptyMutation, EmptySubscription, Error, Object, Result, Schema};
    use serde_json::{Value as Json, json};

    use super::*;

    /// An object with a field of each shape that may fail.
    struct Film;

    fn fails<T>() -> Result<T> {
        Err(Error::new("it fails"))
    }

    #[Object]
    impl Film {
        async fn title(&self) -> &str {
            "Ran"
        }

        async fn nullable(&self) -> Result<Option<i32>> {
            fails()
        }

        async fn optional(&self) -> Option<Result<i32>> {
            Some(fails())
        }

        async fn required(&self) -> Result<i32> {
            fails()
        }

        async fn sequel(&self) -> Option<Film> {
            Some(Film)
        }

        async fn sequels(&self) -> Vec<Film> {
            vec![Film, Film]
        }

        async fn maybe_sequels(&self) -> Vec<Option<Film>> {
            vec![Some(Film), None]
        }

        async fn numbers(&self) -> Vec<Option<Result<i32>>> {
            vec![Some(Ok(1)), Some(fails()), None]
        }

        async fn text(&self, length: usize) -> String {
            "x".repeat(length)
        }
    }

    async fn execute(document: &str, max_response_bytes: usize) -> Json {
        let schema = Schema::build(Film, EmptyMutation, EmptySubscription);
        let schema = schema.extension(Execution { max_response_bytes });
        let response = schema.finish().execute(document).await;
        serde_json::to_value(response).expect("JSON")
    }

    /// The data of an answer, and the paths of its errors.
    async fn outcome(document: &str) -> (Json, Vec<Json>) {
        let answer = execute(document, usize::MAX).await;
        let errors = answer["errors"].as_array().cloned().unwrap_or_default();
        let paths = errors.into_iter().map(|error| error["path"].clone());
        (answer["data"].clone(), paths.collect())
    }

    #[tokio::test]
    async fn a_nullable_field_that_fails_leaves_its_siblings() {
        for field in ["nullable", "optional"] {
            let (data, paths) = outcome(&format!("{{ {field} title }}")).await;
            assert_eq!(data, json!({ field: null, "title": "Ran" }));
            assert_eq!(paths, [json!([field])]);
        }
        let (data, paths) = outcome("{ numbers title }").await;
        assert_eq!(data, json!({ "numbers": [1, null, null], "title": "Ran" }));
        assert_eq!(paths, [json!(["numbers", 1])]);
    }

    #[tokio::test]
    async fn null_goes_to_the_nearest_nullable_place_and_the_path_to_the_field() {
        let (data, paths) = outcome("{ title sequel { title sequels { required } } }").await;
        assert_eq!(data, json!({ "title": "Ran", "sequel": null }));
        assert_eq!(paths, [json!(["sequel", "sequels", 0, "required"])]);
        let (data, paths) = outcome("{ title maybeSequels { sequels { required } } }").await;
        assert_eq!(
            data,
            json!({ "title": "Ran", "maybeSequels": [null, null] })
        );
        assert_eq!(
            paths,
            [json!(["maybeSequels", 0, "sequels", 0, "required"])]
        );
        let (data, paths) = outcome("{ title required }").await;
        assert_eq!((data, paths), (Json::Null, vec![json!(["required"])]));
        let (data, paths) = outcome("{ sequels { title nullable } }").await;
        let film = json!({ "title": "Ran", "nullable": null });
        assert_eq!(data, json!({ "sequels": [film, film] }));
        assert_eq!(
            paths,
            [
                json!(["sequels", 0, "nullable"]),
                json!(["sequels", 1, "nullable"])
            ]
        );
    }

    #[tokio::test]
    async fn an_answer_that_is_too_heavy_is_not_given() {
        let document = "{ a: text(length: 600) sequels { b: text(length: 600) } }";
        let answer = execute(document, 1_000).await;
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], "OPERATION_TOO_COMPLEX");
        assert_eq!(answer["errors"].as_array().map(Vec::len), Some(1));
        assert_eq!(answer["data"], Json::Null);
        assert_eq!(error["path"], json!(["sequels", 0, "b"]));
        assert!(execute(document, 3_000).await.get("errors").is_none());
    }
}
