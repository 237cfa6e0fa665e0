//! Parameters of jobs: typed where a job is created and run, JSON in between.

use std::fmt::Debug;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::domain::job_handler::{JobHandler, JobKind};
use crate::foundation::{Refusal, Result};

/// The parameters of a job to create, of any kind.
#[derive(Clone, Debug)]
pub struct JobParameters(Arc<dyn AnyParameters>);

impl JobParameters {
    /// The parameters of a job of the kind of `H`.
    pub fn of<H: JobHandler>(parameters: H::Parameters) -> Self {
        Self(Arc::new(OfKind::<H>(parameters)))
    }

    /// The kind of the job.
    pub fn kind(&self) -> JobKind {
        self.0.kind()
    }

    /// The priority of such a job, -100 to 100, where none is given.
    pub fn usual_priority(&self) -> i16 {
        self.0.usual_priority()
    }

    /// Whether the job is joined by an equal one even if it runs already.
    pub fn joins_running(&self) -> bool {
        self.0.joins_running()
    }

    /// Checks what can be checked without the database.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`], which names the field.
    pub fn check(&self) -> Result<(), Refusal> {
        self.0.check()
    }

    /// The stored form: a JSON object of the parameters and the key `kind`.
    ///
    /// # Errors
    /// When they have no JSON form, which is a fault of their type.
    pub fn to_json(&self) -> Result<Value> {
        let text = self.0.to_text().map_err(anyhow::Error::from)?;
        let json = serde_json::from_str(&text).map_err(anyhow::Error::from)?;
        Ok(json)
    }

    /// Names what is asked for, in 32 bytes: two jobs with the same digest do the same.
    ///
    /// # Errors
    /// As for [`JobParameters::to_json`].
    pub fn digest(&self) -> Result<Vec<u8>> {
        let text = self.0.to_text().map_err(anyhow::Error::from)?;
        Ok(Sha256::digest(text).to_vec())
    }
}

/// The parameters of `H` out of the stored form.
///
/// # Errors
/// A sentence that says what cannot be read.
pub(super) fn from_json<P: DeserializeOwned>(stored: &Value) -> Result<P, String> {
    let mut own = stored.clone();
    if let Value::Object(fields) = &mut own {
        fields.remove(TAG);
    }
    serde_json::from_value(own).map_err(|error| error.to_string())
}

/// The key of the kind in the stored form.
const TAG: &str = "kind";

/// The stored form. The kind comes first, then the fields in the order of their declaration: the digest is of
/// this text, so that the job that waits is found whichever version of the program has created it.
#[derive(Serialize)]
struct Tagged<'a, P> {
    kind: &'a str,
    #[serde(flatten)]
    parameters: &'a P,
}

/// [`JobParameters`] without the type of the handler.
trait AnyParameters: Debug + Send + Sync {
    fn kind(&self) -> JobKind;
    fn usual_priority(&self) -> i16;
    fn joins_running(&self) -> bool;
    fn check(&self) -> Result<(), Refusal>;
    fn to_text(&self) -> Result<String, serde_json::Error>;
}

struct OfKind<H: JobHandler>(H::Parameters);

impl<H: JobHandler> Debug for OfKind<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple(H::KIND.as_str()).field(&self.0).finish()
    }
}

impl<H: JobHandler> AnyParameters for OfKind<H> {
    fn kind(&self) -> JobKind {
        H::KIND
    }

    fn usual_priority(&self) -> i16 {
        H::USUAL_PRIORITY
    }

    fn joins_running(&self) -> bool {
        H::JOINS_RUNNING
    }

    fn check(&self) -> Result<(), Refusal> {
        H::check(&self.0)
    }

    fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Tagged {
            kind: H::KIND.as_str(),
            parameters: &self.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::domain::content::ContentKind;
    use crate::domain::generation::jobs::TextJob;
    use crate::domain::generation::model::NewItem;
    use crate::domain::generation::{
        GenerationParameters, GenerationRequest, GeneratorInput, Target, TextInput,
    };
    use crate::domain::job_handler::NoParameters;
    use crate::domain::recommendations::jobs::{
        EmbeddingsJob, RecommendationsJob, RefreshTarget, TrainingJob,
    };
    use crate::domain::recommendations::training::TrainingOptions;

    /// The form in the table, as serde writes an enum with a tag inside.
    #[derive(Serialize, Deserialize)]
    #[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE")]
    enum Stored {
        ContentText(Box<GenerationRequest>),
        Recommendations(RefreshTarget),
        Training(TrainingOptions),
        Embeddings,
    }

    fn text() -> GenerationRequest {
        GenerationRequest {
            parameters: GenerationParameters {
                generator: "builtin".to_owned(),
                input: GeneratorInput::Text(TextInput {
                    prompt: "A fox".to_owned(),
                    system: None,
                    max_tokens: 512,
                    temperature: 0.7,
                    seed: Some(1 << 53),
                }),
                target: Target::NewItem(NewItem::new(ContentKind::Text)),
                about: Some(Uuid::from_u128(7).into()),
            },
            creator: Some(Uuid::from_u128(8).into()),
            everything: false,
            hidden: false,
        }
    }

    #[test]
    fn the_stored_form_is_an_object_with_the_kind_whose_text_names_the_job() {
        let user = Uuid::from_u128(9).into();
        let target = RefreshTarget::User { user };
        let options = TrainingOptions::default();
        let pairs = [
            (
                JobParameters::of::<TextJob>(text()),
                Stored::ContentText(Box::new(text())),
            ),
            (
                JobParameters::of::<RecommendationsJob>(target.clone()),
                Stored::Recommendations(target),
            ),
            (
                JobParameters::of::<TrainingJob>(options),
                Stored::Training(options),
            ),
            (
                JobParameters::of::<EmbeddingsJob>(NoParameters {}),
                Stored::Embeddings,
            ),
        ];
        for (parameters, stored) in pairs {
            let text = serde_json::to_string(&stored).unwrap();
            assert_eq!(parameters.digest().unwrap(), Sha256::digest(&text).to_vec());
            let json: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(parameters.to_json().unwrap(), json);
            assert_eq!(json["kind"], parameters.kind().as_str());
        }
    }

    #[test]
    fn what_an_earlier_version_has_stored_is_read_and_what_is_no_form_at_all_is_named() {
        let stored = json!({ "kind": "TRAINING", "force": true, "choose": false });
        let expected = TrainingOptions {
            force: true,
            ..TrainingOptions::default()
        };
        assert_eq!(from_json(&stored), Ok(expected));
        let text_form = serde_json::to_value(Stored::ContentText(Box::new(text()))).unwrap();
        assert_eq!(from_json(&text_form), Ok(text()));
        let broken = json!({ "kind": "TRAINING", "force": 7 });
        let error = from_json::<TrainingOptions>(&broken).unwrap_err();
        assert!(error.contains('7'), "{error}");
    }
}
