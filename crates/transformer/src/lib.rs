//! Sentence transformers and CLIP's text tower, from a folder in the layout of Hugging Face.
//!
//! Read are `config.json`, `tokenizer.json`, `model.safetensors`, and where they are there
//! `sentence_bert_config.json` (how many tokens are read) and `modules.json` with the settings of
//! its pooling.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use candle_core::{DType, Device, Module, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::{bert, clip::text_model as clip};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokenizers::{Tokenizer, TruncationParams};
use xxhash_rust::xxh3::xxh3_64;

#[cfg(test)]
mod tests;

/// So many texts are computed at a time.
const BATCH: usize = 32;

/// A transformer that reads texts.
pub struct Transformer {
    name: String,
    dimensions: usize,
    tokenizer: Tokenizer,
    tower: Tower,
}

/// The kinds of transformers that are known.
enum Tower {
    Bert {
        model: Box<bert::BertModel>,
        pooling: Pooling,
    },
    Clip {
        model: Box<clip::ClipTextTransformer>,
        /// From the width of the tower to that of the space shared with pictures, transposed.
        projection: Option<Tensor>,
    },
}

/// How the vectors of tokens become one of the text.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pooling {
    /// The mean of all but the padding.
    Mean,
    /// That of the first token.
    First,
}

impl Transformer {
    /// Opens the model in `folder`.
    ///
    /// # Errors
    /// A sentence that says which file is missing or wrong.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let config: Value = json(folder, "config.json")?;
        let weights = read(folder, "model.safetensors")?;
        let mut tokenizer = Tokenizer::from_bytes(read(folder, "tokenizer.json")?)
            .map_err(|error| wrong(folder, "tokenizer.json", &error))?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{name}@{:016x}", xxh3_64(&weights));
        let weights = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)
            .map_err(|error| wrong(folder, "model.safetensors", &error))?;
        let kind = config["model_type"].as_str().unwrap_or_default().to_owned();
        let (tower, dimensions, longest) = match kind.as_str() {
            "bert" => open_bert(folder, &config, weights),
            "clip" => open_clip(&config["text_config"], &weights),
            "clip_text_model" => open_clip(&config, &weights),
            other => bail!(
                "{}: the kind of model is `{other}`, and only `bert`, `clip` and \
                 `clip_text_model` can be read",
                folder.join("config.json").display()
            ),
        }
        .with_context(|| format!("the model in {}", folder.display()))?;
        tokenizer.with_padding(None);
        let truncation = TruncationParams {
            max_length: longest,
            ..TruncationParams::default()
        };
        tokenizer
            .with_truncation(Some(truncation))
            .map_err(|error| wrong(folder, "tokenizer.json", &error))?;
        let opened = Self {
            name,
            dimensions,
            tokenizer,
            tower,
        };
        // A tokenizer of another model gives numbers that this one has no vectors for.
        opened
            .embed(&["a test of the whole".to_owned()])
            .with_context(|| format!("the files in {} do not fit", folder.display()))?;
        Ok(opened)
    }

    /// What it is called: the name of its folder, and a digest of its weights.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many numbers a vector has.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The vector of each text, of length 1. Takes all cores for a while.
    ///
    /// # Errors
    /// When a text cannot be split into tokens, or the model computes what is no number.
    pub fn embed(&self, texts: &[String]) -> anyhow::Result<Vec<Vec<f32>>> {
        // Texts of like length together: a batch is as wide as its longest.
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|index| texts[*index].len());
        let mut vectors = vec![Vec::new(); texts.len()];
        for indices in order.chunks(BATCH) {
            let batch: Vec<&String> = indices.iter().map(|index| &texts[*index]).collect();
            for (index, vector) in indices.iter().zip(self.batch(&batch)?) {
                ensure!(
                    vector.iter().all(|value| value.is_finite()),
                    "the model {} computes what is no number",
                    self.name
                );
                vectors[*index] = vector;
            }
        }
        Ok(vectors)
    }
    /// The vectors of some texts, of length 1.
    fn batch(&self, texts: &[&String]) -> anyhow::Result<Vec<Vec<f32>>> {
        let encoded = texts.iter().map(|text| {
            let encoded = self.tokenizer.encode(text.as_str(), true);
            encoded.map_err(|error| anyhow::anyhow!("a text cannot be read: {error}"))
        });
        let tokens = encoded
            .map(|encoded| Ok(encoded?.get_ids().to_vec()))
            .collect::<anyhow::Result<Vec<Vec<u32>>>>()?;
        let pooled = match &self.tower {
            Tower::Bert { model, pooling } => bert_vectors(model, *pooling, &tokens)?,
            Tower::Clip { model, projection } => clip_vectors(model, projection.as_ref(), &tokens)?,
        };
        let length = pooled.sqr()?.sum_keepdim(1)?.sqrt()?;
        Ok(pooled.broadcast_div(&length)?.to_vec2()?)
    }
}

fn open_bert(
    folder: &Path,
    config: &Value,
    weights: VarBuilder<'_>,
) -> anyhow::Result<(Tower, usize, usize)> {
    let config: bert::Config =
        serde_json::from_value(config.clone()).context("config.json is not one of BERT")?;
    let model = bert::BertModel::load(weights, &config).context("model.safetensors")?;
    let mut longest = config.max_position_embeddings;
    if folder.join("sentence_bert_config.json").exists() {
        let sentence: Value = json(folder, "sentence_bert_config.json")?;
        if let Some(most) = sentence["max_seq_length"].as_u64() {
            longest = longest.min(usize::try_from(most)?);
        }
    }
    ensure!(longest >= 3, "a text of fewer than 3 tokens says nothing");
    let tower = Tower::Bert {
        model: Box::new(model),
        pooling: pooling(folder)?,
    };
    Ok((tower, config.hidden_size, longest))
}

/// The pooling that `modules.json` names; the mean where it is not there.
fn pooling(folder: &Path) -> anyhow::Result<Pooling> {
    if !folder.join("modules.json").exists() {
        return Ok(Pooling::Mean);
    }
    let modules: Vec<Value> = json(folder, "modules.json")?;
    let mut pooling = Pooling::Mean;
    for module in modules {
        let kind = module["type"].as_str().unwrap_or_default();
        match kind.rsplit('.').next().unwrap_or_default() {
            "Transformer" | "Normalize" => {}
            "Pooling" => {
                let path = module["path"].as_str().unwrap_or_default();
                let settings: Value = json(&folder.join(path), "config.json")?;
                let on = |mode: &str| settings[mode].as_bool() == Some(true);
                pooling = match (on("pooling_mode_mean_tokens"), on("pooling_mode_cls_token")) {
                    (true, false) => Pooling::Mean,
                    (false, true) => Pooling::First,
                    _ => bail!("modules.json: only the mean and the first token can be pooled"),
                };
            }
            other => bail!("modules.json: a module of the kind `{other}` cannot be read"),
        }
    }
    Ok(pooling)
}

fn open_clip(config: &Value, weights: &VarBuilder<'_>) -> anyhow::Result<(Tower, usize, usize)> {
    let number = |name: &str, usual: u64| -> anyhow::Result<usize> {
        let value = config[name].as_u64().unwrap_or(usual);
        ensure!(value > 0, "config.json: `{name}` must be above 0");
        Ok(usize::try_from(value)?)
    };
    // What is left out has the value of the first CLIP, as `transformers` has it.
    let act = config["hidden_act"].as_str().unwrap_or("quick_gelu");
    ensure!(
        act == "quick_gelu",
        "config.json: the activation is `{act}`, and only `quick_gelu` can be computed"
    );
    let settings = clip::ClipTextConfig {
        vocab_size: number("vocab_size", 49_408)?,
        embed_dim: number("hidden_size", 512)?,
        activation: clip::Activation::QuickGelu,
        intermediate_size: number("intermediate_size", 2048)?,
        max_position_embeddings: number("max_position_embeddings", 77)?,
        pad_with: None,
        num_hidden_layers: number("num_hidden_layers", 12)?,
        num_attention_heads: number("num_attention_heads", 8)?,
        projection_dim: number("projection_dim", 512)?,
    };
    let model = clip::ClipTextTransformer::new(weights.pp("text_model"), &settings)
        .context("model.safetensors")?;
    let (projection, dimensions) = if weights.contains_tensor("text_projection.weight") {
        let kept = weights.get_unchecked("text_projection.weight")?;
        let (to, from) = kept.dims2().context("`text_projection.weight`")?;
        ensure!(
            from == settings.embed_dim,
            "`text_projection.weight` has another width"
        );
        (Some(kept.t()?.contiguous()?), to)
    } else {
        (None, settings.embed_dim)
    };
    let tower = Tower::Clip {
        model: Box::new(model),
        projection,
    };
    Ok((tower, dimensions, settings.max_position_embeddings))
}

fn bert_vectors(
    model: &bert::BertModel,
    pooling: Pooling,
    tokens: &[Vec<u32>],
) -> anyhow::Result<Tensor> {
    let width = tokens.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let (mut ids, mut mask) = (Vec::new(), Vec::new());
    for tokens in tokens {
        let padding = width - tokens.len();
        ids.extend(
            tokens
                .iter()
                .copied()
                .chain(std::iter::repeat_n(0, padding)),
        );
        mask.extend(std::iter::repeat_n(1_f32, tokens.len()));
        mask.extend(std::iter::repeat_n(0_f32, padding));
    }
    let shape = (tokens.len(), width);
    let ids = Tensor::from_vec(ids, shape, &Device::Cpu)?;
    let mask = Tensor::from_vec(mask, shape, &Device::Cpu)?;
    let states = model.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
    Ok(match pooling {
        Pooling::First => states.narrow(1, 0, 1)?.squeeze(1)?,
        Pooling::Mean => {
            let mask = mask.unsqueeze(2)?;
            let sum = states.broadcast_mul(&mask)?.sum(1)?;
            sum.broadcast_div(&mask.sum(1)?.clamp(1e-9, f64::MAX)?)?
        }
    })
}

/// Each text by itself: the tower looks for the end of the text by the largest token, and padding
/// would be as large.
fn clip_vectors(
    model: &clip::ClipTextTransformer,
    projection: Option<&Tensor>,
    tokens: &[Vec<u32>],
) -> anyhow::Result<Tensor> {
    let mut pooled = Vec::with_capacity(tokens.len());
    for tokens in tokens {
        let ids = Tensor::new(tokens.as_slice(), &Device::Cpu)?.unsqueeze(0)?;
        pooled.push(model.forward(&ids)?);
    }
    let pooled = Tensor::cat(&pooled, 0)?;
    Ok(match projection {
        Some(projection) => pooled.matmul(projection)?,
        None => pooled,
    })
}

fn read(folder: &Path, name: &str) -> anyhow::Result<Vec<u8>> {
    let path = folder.join(name);
    fs::read(&path).with_context(|| {
        format!(
            "{} cannot be read; `embeddings.model` must be a folder with config.json, \
             tokenizer.json and model.safetensors",
            path.display()
        )
    })
}

fn json<T: DeserializeOwned>(folder: &Path, name: &str) -> anyhow::Result<T> {
    serde_json::from_slice(&read(folder, name)?).map_err(|error| wrong(folder, name, &error))
}

fn wrong(folder: &Path, name: &str, error: &dyn std::fmt::Display) -> anyhow::Error {
    anyhow::anyhow!("{} is damaged: {error}", folder.join(name).display())
}
