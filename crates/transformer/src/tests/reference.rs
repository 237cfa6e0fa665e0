//! Transformers again, by plain loops in double precision.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use xxhash_rust::xxh3::xxh3_64;

/// The width of the tiny models.
pub(super) const WIDTH: usize = 8;
/// Their heads.
pub(super) const HEADS: usize = 2;

pub(super) type Rows = Vec<Vec<f64>>;

/// The weights of a tiny model, by name.
#[derive(Default)]
pub(super) struct Weights(HashMap<String, (Vec<usize>, Vec<f64>)>);

impl Weights {
    /// Numbers between -0.5 and 0.5 around `middle`, told apart by the name.
    pub(super) fn add(&mut self, name: &str, shape: &[usize], middle: f64) {
        let mut state = xxh3_64(name.as_bytes());
        let values = (0..shape.iter().product()).map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            f64::from((state >> 40) as u32) / f64::from(1 << 24) - 0.5 + middle
        });
        let values = values.collect();
        self.0.insert(name.to_owned(), (shape.to_vec(), values));
    }

    pub(super) fn linear(&mut self, name: &str, from: usize, to: usize) {
        self.add(&format!("{name}.weight"), &[to, from], 0.0);
        self.add(&format!("{name}.bias"), &[to], 0.0);
    }

    pub(super) fn norm(&mut self, name: &str) {
        self.add(&format!("{name}.weight"), &[WIDTH], 1.0);
        self.add(&format!("{name}.bias"), &[WIDTH], 0.0);
    }

    pub(super) fn save(&self, folder: &Path) {
        let tensors: HashMap<String, Tensor> = self
            .0
            .iter()
            .map(|(name, (shape, values))| {
                let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
                let tensor = Tensor::from_vec(values, shape.as_slice(), &Device::Cpu).unwrap();
                (name.clone(), tensor)
            })
            .collect();
        candle_core::safetensors::save(&tensors, folder.join("model.safetensors")).unwrap();
    }

    pub(super) fn row(&self, name: &str, row: usize) -> &[f64] {
        let (shape, values) = &self.0[name];
        let width = *shape.last().unwrap();
        &values[row * width..(row + 1) * width]
    }

    pub(super) fn apply(&self, name: &str, xs: &Rows) -> Rows {
        let bias = &self.0[&format!("{name}.bias")].1;
        let out = |x: &Vec<f64>| {
            let row = |to: usize| self.row(&format!("{name}.weight"), to);
            (0..bias.len())
                .map(|to| bias[to] + dot(row(to), x))
                .collect()
        };
        xs.iter().map(out).collect()
    }

    pub(super) fn normalised(&self, name: &str, xs: &Rows, epsilon: f64) -> Rows {
        let (weight, bias) = (
            self.row(&format!("{name}.weight"), 0),
            self.row(&format!("{name}.bias"), 0),
        );
        let out = |x: &Vec<f64>| {
            let mean = x.iter().sum::<f64>() / x.len() as f64;
            let spread = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / x.len() as f64;
            let each = x.iter().zip(weight).zip(bias);
            each.map(|((v, w), b)| (v - mean) / (spread + epsilon).sqrt() * w + b)
                .collect()
        };
        xs.iter().map(out).collect()
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(super) fn added(a: &Rows, b: &Rows) -> Rows {
    let row = |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| a + b).collect();
    a.iter().zip(b).map(row).collect()
}

pub(super) fn each(xs: Rows, change: impl Fn(f64) -> f64) -> Rows {
    xs.into_iter()
        .map(|x| x.into_iter().map(&change).collect())
        .collect()
}

/// Attention of each place to those that `sees` allows.
pub(super) fn attention(q: &Rows, k: &Rows, v: &Rows, sees: impl Fn(usize, usize) -> bool) -> Rows {
    let size = WIDTH / HEADS;
    (0..q.len())
        .map(|at| {
            (0..HEADS)
                .flat_map(|head| {
                    let part = head * size..(head + 1) * size;
                    let weights: Vec<f64> = (0..k.len())
                        .map(|to| {
                            let near = dot(&q[at][part.clone()], &k[to][part.clone()]);
                            if sees(at, to) {
                                (near / (size as f64).sqrt()).exp()
                            } else {
                                0.0
                            }
                        })
                        .collect();
                    let sum: f64 = weights.iter().sum();
                    part.map(|column| {
                        let column = v.iter().map(|row| row[column]).collect::<Vec<_>>();
                        dot(&weights, &column) / sum
                    })
                    .collect::<Vec<f64>>()
                })
                .collect()
        })
        .collect()
}

/// `erf`, by its series.
pub(super) fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..60 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}
