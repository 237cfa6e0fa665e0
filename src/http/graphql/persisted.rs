//! Documents that a client names instead of sending them: automatic persisted queries, and trusted documents
//! from a manifest.
//!
//! - **Automatic persisted queries**, as Apollo's clients speak them: a request names the SHA-256 of a document
//!   in `extensions.persistedQuery`. If the server does not know it (PERSISTED_QUERY_NOT_FOUND), the client
//!   sends hash and document once, and from then on the hash is enough, by POST and by GET.
//! - **Trusted documents** are those that the developers of the clients wrote, in a file that is made when a
//!   client is built. A request names one by `documentId`, or by the same extension. Where only trusted
//!   documents are executed, nobody can ask for what no client asks for.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use async_graphql::Value;
use futures::future::BoxFuture;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::params::Params;
use super::respond::Refusal;
use crate::graphql::errors::{codes, request_error};
use crate::graphql::guard::Errors;
use crate::platform::config::DocumentTrust;

/// The documents of a manifest, by their ids.
#[derive(Debug, Default)]
pub struct TrustedDocuments(HashMap<String, String>);

impl TrustedDocuments {
    /// Reads a manifest: that of Apollo (`{"format": "apollo-persisted-query-manifest", "version": 1,
    /// "operations": [{"id": …, "body": …}]}`), or an object of ids and documents, as Relay's compiler and
    /// GraphQL Code Generator write it.
    ///
    /// # Errors
    /// When the text is neither.
    pub fn read(manifest: &str) -> anyhow::Result<Self> {
        let manifest: Json = serde_json::from_str(manifest).context("the manifest is not JSON")?;
        let Json::Object(fields) = manifest else {
            bail!("the manifest is not an object of ids and documents");
        };
        let documents = match fields.get("format") {
            Some(format) => {
                ensure!(
                    format == "apollo-persisted-query-manifest"
                        && fields.get("version") == Some(&Json::from(1)),
                    "the manifest has an unknown format: {format}, version {:?}",
                    fields.get("version")
                );
                let operations = fields.get("operations").and_then(Json::as_array);
                let operations = operations.context("the manifest has no list `operations`")?;
                let read = operations.iter().enumerate().map(|(index, operation)| {
                    let text = |key: &str| {
                        let text = operation.get(key).and_then(Json::as_str).map(str::to_owned);
                        text.with_context(|| format!("operations[{index}] has no text `{key}`"))
                    };
                    Ok((text("id")?, text("body")?))
                });
                read.collect::<anyhow::Result<_>>()?
            }
            None => {
                let read = fields.into_iter().map(|(id, document)| match document {
                    Json::String(document) => Ok((id, document)),
                    _ => bail!("the document of \"{id}\" is not a text"),
                });
                read.collect::<anyhow::Result<_>>()?
            }
        };
        Ok(Self(documents))
    }

    /// The number of documents.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no document.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ids and documents, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let documents = self.0.iter();
        documents.map(|(id, document)| (id.as_str(), document.as_str()))
    }

    fn get(&self, id: &str) -> Option<&String> {
        self.0
            .get(id)
            .or_else(|| self.0.get(id.strip_prefix("sha256:")?))
    }
}

/// The store of automatic persisted queries: answers the document of a hash, or keeps the one that is given.
pub type AutomaticDocuments =
    Arc<dyn Fn(String, Option<String>) -> BoxFuture<'static, Option<String>> + Send + Sync>;

/// How documents that a request only names are found.
#[derive(Clone)]
pub struct PersistedDocuments {
    /// Which documents are executed.
    pub trust: DocumentTrust,
    /// The documents of the manifest.
    pub trusted: Arc<TrustedDocuments>,
    /// Automatic persisted queries; `None` if they are off.
    pub automatic: Option<AutomaticDocuments>,
}

impl Default for PersistedDocuments {
    /// Nothing is persisted.
    fn default() -> Self {
        Self {
            trust: DocumentTrust::Off,
            trusted: Arc::default(),
            automatic: None,
        }
    }
}

/// A hash in `extensions.persistedQuery`.
struct PersistedQuery(String);

/// The document of a request, and under which hash it is to be kept once it proved valid.
pub(super) struct FoundDocument {
    pub(super) source: String,
    pub(super) keep_as: Option<String>,
}

impl PersistedDocuments {
    /// The document that a request sends or names. `may_execute_untrusted` says whether the viewer may have documents
    /// executed that are not in the manifest although trusted documents are required.
    ///
    /// # Errors
    /// The outer error is for what is no GraphQL request: one that neither sends nor names a document. The
    /// inner errors are those that clients of persisted queries expect.
    pub(super) async fn find(
        &self,
        params: &mut Params,
        may_execute_untrusted: bool,
    ) -> Result<Result<FoundDocument, Errors>, Refusal> {
        let persisted = match PersistedQuery::of(params) {
            Ok(persisted) => persisted,
            Err(errors) => return Ok(Err(errors)),
        };
        let id = params.document_id.take();
        let sent = params.query.take();
        let named = id
            .as_deref()
            .or(persisted.as_ref().map(|query| query.0.as_str()));
        if let Some(named) = named
            && self.trust != DocumentTrust::Off
            && let Some(document) = self.trusted.get(named)
        {
            if sent.is_some_and(|sent| sent != *document) {
                let message = format!(
                    "the document that was sent is not the trusted one with the id \"{named}\""
                );
                return Ok(Err(vec![request_error(codes::BAD_USER_INPUT, message)]));
            }
            let source = document.clone();
            let keep_as = None;
            return Ok(Ok(FoundDocument { source, keep_as }));
        }
        if self.trust == DocumentTrust::Require && !may_execute_untrusted {
            let trusted = |sent: &String| self.trusted.iter().any(|(_, known)| known == sent);
            if let Some(source) = sent.filter(trusted) {
                let keep_as = None;
                return Ok(Ok(FoundDocument { source, keep_as }));
            }
            let message =
                "this server executes trusted documents only; name one by its `documentId`";
            return Ok(Err(vec![request_error(codes::FORBIDDEN, message)]));
        }
        if let Some(id) = id {
            return Ok(match sent {
                Some(source) => Ok(FoundDocument {
                    source,
                    keep_as: None,
                }),
                None => {
                    let message = format!("there is no trusted document with the id \"{id:.80}\"");
                    Err(vec![request_error(codes::BAD_USER_INPUT, message)])
                }
            });
        }
        match (persisted, sent) {
            (None, Some(source)) => Ok(Ok(FoundDocument {
                source,
                keep_as: None,
            })),
            (Some(persisted), sent) => Ok(self.automatic(persisted, sent).await),
            (None, None) => Err(Refusal::bad_request(
                "`query` is missing, and so are `documentId` and `extensions.persistedQuery`",
            )),
        }
    }

    async fn automatic(
        &self,
        PersistedQuery(hash): PersistedQuery,
        sent: Option<String>,
    ) -> Result<FoundDocument, Errors> {
        let Some(automatic) = &self.automatic else {
            // A client that gets this sends whole documents from then on.
            let code = codes::PERSISTED_QUERY_NOT_SUPPORTED;
            let found = sent.map(|source| FoundDocument {
                source,
                keep_as: None,
            });
            return found.ok_or_else(|| vec![request_error(code, "PersistedQueryNotSupported")]);
        };
        match sent {
            Some(source) => {
                if sha256(&source) != hash {
                    let message = "provided sha does not match query";
                    return Err(vec![request_error(codes::BAD_USER_INPUT, message)]);
                }
                let keep_as = Some(hash);
                Ok(FoundDocument { source, keep_as })
            }
            None => {
                let found = automatic(hash, None).await;
                let found = found.map(|source| FoundDocument {
                    source,
                    keep_as: None,
                });
                // Clients look for this very message or for the code.
                let code = codes::PERSISTED_QUERY_NOT_FOUND;
                found.ok_or_else(|| vec![request_error(code, "PersistedQueryNotFound")])
            }
        }
    }

    /// Keeps a valid document under its hash.
    pub(super) async fn keep(&self, hash: String, source: String) {
        if let Some(automatic) = &self.automatic {
            automatic(hash, Some(source)).await;
        }
    }
}

impl PersistedQuery {
    fn of(params: &Params) -> Result<Option<Self>, Errors> {
        let Some(extension) = params.extensions.0.get("persistedQuery") else {
            return Ok(None);
        };
        let wrong = || {
            let message = "`extensions.persistedQuery` is {\"version\": 1, \"sha256Hash\": \"<64 hexadecimal digits>\"}";
            vec![request_error(codes::BAD_USER_INPUT, message)]
        };
        let Value::Object(fields) = extension else {
            return Err(wrong());
        };
        let version = fields.get("version") == Some(&Value::from(1));
        match fields.get("sha256Hash") {
            Some(Value::String(hash)) if version && is_sha256(hash) => {
                Ok(Some(Self(hash.to_ascii_lowercase())))
            }
            _ => Err(wrong()),
        }
    }
}

fn is_sha256(hash: &str) -> bool {
    hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The SHA-256 of a document in hexadecimal digits.
fn sha256(source: &str) -> String {
    let digest = Sha256::digest(source);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifests_of_the_usual_tools_are_read() {
        let apollo = r#"{"format": "apollo-persisted-query-manifest", "version": 1, "operations":
            [{"id": "a1", "name": "A", "type": "query", "body": "query A { schemas { name } }"}]}"#;
        let relay = r#"{"a1": "query A { schemas { name } }"}"#;
        for manifest in [apollo, relay] {
            let read = TrustedDocuments::read(manifest).unwrap();
            assert_eq!(read.len(), 1);
            let document = "query A { schemas { name } }".to_owned();
            assert_eq!(read.get("a1"), Some(&document));
            assert_eq!(read.get("sha256:a1"), Some(&document));
            assert_eq!(read.get("b"), None);
        }
        for wrong in [
            "[]",
            "{",
            r#"{"a": 1}"#,
            r#"{"format": "other"}"#,
            r#"{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "a"}]}"#,
        ] {
            TrustedDocuments::read(wrong).expect_err(wrong);
        }
    }
}
