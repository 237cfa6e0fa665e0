//! Tiny models with numbers from a formula, computed again here by plain loops.

use std::collections::HashMap;

use serde_json::json;

use super::*;

mod reference;

use reference::{HEADS, Rows, WIDTH, Weights, added, attention, dot, each, erf};

fn assert_direction(got: &[f32], wanted: &[f64]) {
    let length = dot(wanted, wanted).sqrt();
    assert_eq!(got.len(), wanted.len());
    for (got, wanted) in got.iter().zip(wanted) {
        let wanted = wanted / length;
        assert!(
            (f64::from(*got) - wanted).abs() < 1e-4,
            "{got} is not {wanted}"
        );
    }
}

fn write(folder: &Path, name: &str, content: &Value) {
    fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
    fs::write(folder.join(name), content.to_string()).unwrap();
}

fn special(id: u32, content: &str) -> Value {
    json!({ "id": id, "content": content, "single_word": false, "lstrip": false,
        "rstrip": false, "normalized": false, "special": true })
}

fn between(first: (u32, &str), last: (u32, &str)) -> Value {
    let token = |(_, text): (u32, &str)| json!({ "SpecialToken": { "id": text, "type_id": 0 } });
    let known = |(id, text): (u32, &str)| json!({ "id": text, "ids": [id], "tokens": [text] });
    let whole = json!([token(first), { "Sequence": { "id": "A", "type_id": 0 } }, token(last)]);
    json!({ "type": "TemplateProcessing", "single": whole, "pair": whole,
        "special_tokens": { first.1: known(first), last.1: known(last) } })
}

const BERT: &str = "encoder.layer.0";

/// A BERT of one layer whose words are the pieces below.
fn bert_in(folder: &Path) -> Weights {
    let pieces = [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "robot", "##s", "moon", "the",
    ];
    let vocabulary: HashMap<&str, usize> = pieces.into_iter().zip(0..).collect();
    write(
        folder,
        "tokenizer.json",
        &json!({ "version": "1.0", "truncation": null, "padding": null,
            "added_tokens": [special(0, "[PAD]"), special(1, "[UNK]"), special(2, "[CLS]"), special(3, "[SEP]")],
            "normalizer": { "type": "BertNormalizer", "clean_text": true,
                "handle_chinese_chars": true, "strip_accents": null, "lowercase": true },
            "pre_tokenizer": { "type": "BertPreTokenizer" },
            "post_processor": between((2, "[CLS]"), (3, "[SEP]")), "decoder": null,
            "model": { "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100, "vocab": vocabulary } }),
    );
    write(
        folder,
        "config.json",
        &json!({ "model_type": "bert", "vocab_size": pieces.len(), "hidden_size": WIDTH,
            "num_hidden_layers": 1, "num_attention_heads": HEADS, "intermediate_size": 16,
            "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "max_position_embeddings": 12,
            "type_vocab_size": 2, "initializer_range": 0.02, "layer_norm_eps": 1e-12,
            "pad_token_id": 0 }),
    );
    let mut weights = Weights::default();
    weights.add(
        "embeddings.word_embeddings.weight",
        &[pieces.len(), WIDTH],
        0.0,
    );
    weights.add("embeddings.position_embeddings.weight", &[12, WIDTH], 0.0);
    weights.add("embeddings.token_type_embeddings.weight", &[2, WIDTH], 0.0);
    weights.norm("embeddings.LayerNorm");
    for name in ["query", "key", "value"] {
        weights.linear(&format!("{BERT}.attention.self.{name}"), WIDTH, WIDTH);
    }
    weights.linear(&format!("{BERT}.attention.output.dense"), WIDTH, WIDTH);
    weights.norm(&format!("{BERT}.attention.output.LayerNorm"));
    weights.linear(&format!("{BERT}.intermediate.dense"), WIDTH, 16);
    weights.linear(&format!("{BERT}.output.dense"), 16, WIDTH);
    weights.norm(&format!("{BERT}.output.LayerNorm"));
    weights.save(folder);
    weights
}

/// The last states of the tiny BERT (Devlin et al. 2018), token by token.
fn bert_states(weights: &Weights, tokens: &[usize]) -> Rows {
    let position = |(at, token): (usize, &usize)| {
        let word = weights.row("embeddings.word_embeddings.weight", *token);
        let position = weights.row("embeddings.position_embeddings.weight", at);
        let kind = weights.row("embeddings.token_type_embeddings.weight", 0);
        (0..WIDTH)
            .map(|i| word[i] + position[i] + kind[i])
            .collect()
    };
    let x: Rows = tokens.iter().enumerate().map(position).collect();
    let x = weights.normalised("embeddings.LayerNorm", &x, 1e-12);
    let part = |name: &str| weights.apply(&format!("{BERT}.attention.self.{name}"), &x);
    let seen = attention(&part("query"), &part("key"), &part("value"), |_, _| true);
    let seen = weights.apply(&format!("{BERT}.attention.output.dense"), &seen);
    let norm = format!("{BERT}.attention.output.LayerNorm");
    let x = weights.normalised(&norm, &added(&x, &seen), 1e-12);
    let inner = weights.apply(&format!("{BERT}.intermediate.dense"), &x);
    let inner = each(inner, |v| v * 0.5 * (1.0 + erf(v / 2_f64.sqrt())));
    let outer = weights.apply(&format!("{BERT}.output.dense"), &inner);
    weights.normalised(
        &format!("{BERT}.output.LayerNorm"),
        &added(&x, &outer),
        1e-12,
    )
}

fn mean(rows: &Rows) -> Vec<f64> {
    (0..WIDTH)
        .map(|i| rows.iter().map(|row| row[i]).sum::<f64>() / rows.len() as f64)
        .collect()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

#[test]
fn a_bert_is_computed_and_pooled_without_its_padding() {
    let folder = tempfile::tempdir().unwrap();
    let weights = bert_in(folder.path());
    let opened = Transformer::open(folder.path()).unwrap();
    assert_eq!(opened.dimensions(), WIDTH);
    // Of different lengths, so that one is padded.
    let got = opened.embed(&texts(&["The robots", "Moon", ""])).unwrap();
    assert_direction(&got[0], &mean(&bert_states(&weights, &[2, 7, 4, 5, 3])));
    assert_direction(&got[1], &mean(&bert_states(&weights, &[2, 6, 3])));
    assert_direction(&got[2], &mean(&bert_states(&weights, &[2, 3])));
}

#[test]
fn what_the_folder_says_of_length_and_pooling_holds() {
    let folder = tempfile::tempdir().unwrap();
    let weights = bert_in(folder.path());
    write(
        folder.path(),
        "sentence_bert_config.json",
        &json!({ "max_seq_length": 4 }),
    );
    write(
        folder.path(),
        "modules.json",
        &json!([{ "type": "sentence_transformers.models.Transformer", "path": "" },
            { "type": "sentence_transformers.models.Pooling", "path": "1_Pooling" }]),
    );
    let pooled = |mean: bool, first: bool| {
        let modes = json!({ "pooling_mode_mean_tokens": mean, "pooling_mode_cls_token": first });
        write(folder.path(), "1_Pooling/config.json", &modes);
        Transformer::open(folder.path())
    };
    let got = pooled(false, true)
        .unwrap()
        .embed(&texts(&["the moon robot the moon"]))
        .unwrap();
    // Four tokens with both ends.
    assert_direction(&got[0], &bert_states(&weights, &[2, 7, 6, 3])[0]);
    let error = format!("{:#}", pooled(true, true).err().unwrap());
    assert!(
        error.contains("only the mean and the first token"),
        "{error}"
    );
}

#[test]
fn the_text_tower_of_clip_is_computed() {
    const LAYER: &str = "text_model.encoder.layers.0";
    let folder = tempfile::tempdir().unwrap();
    let pieces = [
        "m",
        "o",
        "n</w>",
        "mo",
        "on</w>",
        "moon</w>",
        "<|startoftext|>",
        "<|endoftext|>",
    ];
    let vocabulary: HashMap<&str, usize> = pieces.into_iter().zip(0..).collect();
    write(
        folder.path(),
        "tokenizer.json",
        &json!({ "version": "1.0", "truncation": null, "padding": null,
            "added_tokens": [special(6, "<|startoftext|>"), special(7, "<|endoftext|>")],
            "normalizer": { "type": "Lowercase" }, "pre_tokenizer": { "type": "Whitespace" },
            "post_processor": between((6, "<|startoftext|>"), (7, "<|endoftext|>")), "decoder": null,
            "model": { "type": "BPE", "dropout": null, "unk_token": "<|endoftext|>",
                "continuing_subword_prefix": "", "end_of_word_suffix": "</w>", "fuse_unk": false,
                "vocab": vocabulary, "merges": ["m o", "o n</w>", "mo on</w>"] } }),
    );
    write(
        folder.path(),
        "config.json",
        &json!({ "model_type": "clip", "text_config": { "vocab_size": pieces.len(),
            "hidden_size": WIDTH, "intermediate_size": 16, "max_position_embeddings": 8,
            "num_hidden_layers": 1, "num_attention_heads": HEADS, "projection_dim": 5 } }),
    );
    let mut weights = Weights::default();
    weights.add(
        "text_model.embeddings.token_embedding.weight",
        &[pieces.len(), WIDTH],
        0.0,
    );
    weights.add(
        "text_model.embeddings.position_embedding.weight",
        &[8, WIDTH],
        0.0,
    );
    for name in ["q_proj", "k_proj", "v_proj", "out_proj"] {
        weights.linear(&format!("{LAYER}.self_attn.{name}"), WIDTH, WIDTH);
    }
    weights.norm(&format!("{LAYER}.layer_norm1"));
    weights.norm(&format!("{LAYER}.layer_norm2"));
    weights.linear(&format!("{LAYER}.mlp.fc1"), WIDTH, 16);
    weights.linear(&format!("{LAYER}.mlp.fc2"), 16, WIDTH);
    weights.norm("text_model.final_layer_norm");
    weights.add("text_projection.weight", &[5, WIDTH], 0.0);
    weights.save(folder.path());

    let opened = Transformer::open(folder.path()).unwrap();
    let got = opened.embed(&texts(&["moon Moon"])).unwrap();

    // Radford et al. 2021: normalised before each part, each place sees those up to itself, the
    // last one stands for the text.
    let tokens = [6, 5, 5, 7];
    let position = |(at, token): (usize, &usize)| {
        let word = weights.row("text_model.embeddings.token_embedding.weight", *token);
        let position = weights.row("text_model.embeddings.position_embedding.weight", at);
        word.iter().zip(position).map(|(a, b)| a + b).collect()
    };
    let x: Rows = tokens.iter().enumerate().map(position).collect();
    let norm = weights.normalised(&format!("{LAYER}.layer_norm1"), &x, 1e-5);
    let part = |name: &str| weights.apply(&format!("{LAYER}.self_attn.{name}"), &norm);
    let seen = attention(
        &part("q_proj"),
        &part("k_proj"),
        &part("v_proj"),
        |at, to| to <= at,
    );
    let x = added(
        &x,
        &weights.apply(&format!("{LAYER}.self_attn.out_proj"), &seen),
    );
    let norm = weights.normalised(&format!("{LAYER}.layer_norm2"), &x, 1e-5);
    let inner = weights.apply(&format!("{LAYER}.mlp.fc1"), &norm);
    let inner = each(inner, |v| v / (1.0 + (-1.702 * v).exp()));
    let x = added(&x, &weights.apply(&format!("{LAYER}.mlp.fc2"), &inner));
    let x = weights.normalised("text_model.final_layer_norm", &x, 1e-5);
    let projected: Vec<f64> = (0..5)
        .map(|to| dot(weights.row("text_projection.weight", to), &x[3]))
        .collect();
    assert_direction(&got[0], &projected);
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let said = || format!("{:#}", Transformer::open(folder.path()).err().unwrap());
    assert!(said().contains("config.json cannot be read"), "{}", said());
    bert_in(folder.path());
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        let path = folder.path().join(name);
        let good = fs::read(&path).unwrap();
        fs::write(&path, b"{ nonsense").unwrap();
        assert!(said().contains(&format!("{name} is damaged")), "{}", said());
        fs::remove_file(&path).unwrap();
        assert!(
            said().contains(&format!("{name} cannot be read")),
            "{}",
            said()
        );
        fs::write(&path, good).unwrap();
    }
    write(folder.path(), "config.json", &json!({ "model_type": "t5" }));
    assert!(said().contains("`t5`"), "{}", said());
    write(
        folder.path(),
        "config.json",
        &json!({ "model_type": "bert" }),
    );
    assert!(said().contains("not one of BERT"), "{}", said());
}

/// The folder of all-MiniLM-L6-v2, where there is one: `MARQUEE_TEST_MINILM`. The cosines are those
/// of sentence-transformers 6.2.0 with the same folder.
#[test]
fn the_real_minilm_means_what_it_means_elsewhere() {
    let Some(folder) = std::env::var_os("MARQUEE_TEST_MINILM") else {
        eprintln!("skipped: MARQUEE_TEST_MINILM names no folder of all-MiniLM-L6-v2");
        return;
    };
    let opened = Transformer::open(Path::new(&folder)).unwrap();
    assert_eq!(opened.dimensions(), 384);
    let vectors = opened
        .embed(&texts(&[
            "A robot drifts through space.",
            "An android travels between the stars.",
            "A duke falls in love in Paris.",
        ]))
        .unwrap();
    for (a, b, wanted) in [(0, 1, 0.44076), (0, 2, 0.131_491), (1, 2, 0.081_483)] {
        let products = vectors[a].iter().zip(&vectors[b]).map(|(a, b)| a * b);
        let cosine: f32 = products.sum();
        assert!((cosine - wanted).abs() < 1e-4, "{a} and {b}: {cosine}");
    }
}
