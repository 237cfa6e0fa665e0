//! What the bandit believes about the weights of signals, as numbers and as a picture.

use std::fmt::Write;

use super::model::{SignalWeight, SlateSignal, SlateSlot};
use super::service::SlateService;
use crate::domain::auth::Viewer;
use crate::foundation::Result;
use crate::platform::objects::MediaType;

/// The size of the picture and of its parts, in pixels.
const WIDTH: f64 = 640.0;
const ROW: f64 = 64.0;
const LEFT: f64 = 120.0;
const RIGHT: f64 = 110.0;
const MARGIN: f64 = 24.0;
/// Draws of each weight for its curve.
const SAMPLES: usize = 2_000;
/// The number of points of a curve.
const POINTS: usize = 121;

/// What the bandit believes about the weights for an hour of a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct SignalWeights {
    /// The version and the number of slates learned from since.
    pub model_name: String,
    /// The hour that the weights are for, in words.
    pub title: String,
    /// One for each signal.
    pub weights: Vec<SignalWeight>,
    /// Weights as they were drawn, for the picture: one list for each signal.
    pub draws: Vec<Vec<f64>>,
    /// The numbers that the bandit represents the hour by.
    pub context: Vec<f64>,
}

impl SlateService {
    /// What the bandit believes about the weights for an hour of a channel. For curators and admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`] for others; [`crate::foundation::Refusal::NotFound`] for an unknown
    /// channel.
    pub async fn signal_weights(&self, viewer: &Viewer, slot: SlateSlot) -> Result<SignalWeights> {
        viewer.curator()?;
        let channel = self.own_channel(viewer, slot.channel).await?;
        let live = self.begun_bandit().await?;
        let context = self.context(slot).await?;
        let weights = live.bandit.weights(&context);
        let samples = live.bandit.weight_samples(&context, SAMPLES, 0);
        let weights = SlateSignal::ALL.iter().zip(&weights);
        Ok(SignalWeights {
            model_name: live.name.clone(),
            title: format!(
                "{}, {} {:02}:00",
                channel.fields.name,
                slot.date.format("%A %-d %B %Y"),
                slot.hour
            ),
            weights: weights
                .map(|(signal, weight)| SignalWeight {
                    signal: *signal,
                    mean: weight.mean,
                    deviation: weight.deviation,
                })
                .collect(),
            draws: SlateSignal::ALL
                .iter()
                .map(|signal| {
                    samples
                        .iter()
                        .map(|weights| weights[signal.index()])
                        .collect()
                })
                .collect(),
            context: context.cyclic(live.bandit.channels()),
        })
    }

    /// Stores the picture of weights as a file that whoever knows its name can open, and answers its address. The
    /// file is removed when it is older than a day.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unavailable`] when the object store does not answer.
    pub async fn publish_plot(&self, weights: &SignalWeights) -> Result<String> {
        let plot = weights.plot().into_bytes();
        let name = self
            .objects
            .put(&self.schema, plot.into(), MediaType::Svg)
            .await?;
        Ok(self.objects.address(&self.schema, &name))
    }
}

impl SignalWeights {
    /// The marginal distributions of the weights as an SVG image: a curve for each signal over one common axis,
    /// with its mean.
    pub fn plot(&self) -> String {
        let drawn = self.draws.iter().flatten().copied();
        let drawn = drawn.filter(|weight| weight.is_finite());
        let (mut low, mut high) = drawn.fold((0.0_f64, 0.0_f64), |(low, high), weight| {
            (low.min(weight), high.max(weight))
        });
        let room = 0.05 * (high - low).max(1e-3);
        (low, high) = (low - room, high + room);
        let across = WIDTH - LEFT - RIGHT;
        let x = |weight: f64| LEFT + across * (weight - low) / (high - low);
        let height = 2.0 * MARGIN + ROW * self.weights.len() as f64;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
              width=\"{WIDTH}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\
             <title>Weights of the signals: {title}, version {version}</title>\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\
             <text x=\"12\" y=\"17\" font-weight=\"bold\">{title} · {version}</text>",
            title = escaped(&self.title),
            version = escaped(&self.model_name),
        );
        let zero = x(0.0);
        // Writing to a string does not fail.
        let _ = write!(
            svg,
            "<line x1=\"{zero:.1}\" x2=\"{zero:.1}\" y1=\"{MARGIN}\" y2=\"{:.1}\" stroke=\"#bbb\" \
              stroke-dasharray=\"3 3\"/>",
            height - MARGIN
        );
        for (index, (weight, draws)) in self.weights.iter().zip(&self.draws).enumerate() {
            let base = MARGIN + ROW * (index as f64 + 1.0);
            let _ = write!(
                svg,
                "<text x=\"12\" y=\"{y:.1}\">{name}</text>\
                 <line x1=\"{LEFT}\" x2=\"{end:.1}\" y1=\"{base:.1}\" y2=\"{base:.1}\" stroke=\"#ddd\"/>",
                y = base - 8.0,
                name = weight.signal.as_str().to_lowercase(),
                end = WIDTH - RIGHT,
            );
            let curve = density(draws, weight.deviation, (low, high));
            let most = curve.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
            let mut path = format!("M{LEFT:.1} {base:.1}");
            for (at, value) in curve.iter().enumerate() {
                let across = LEFT + across * at as f64 / (POINTS - 1) as f64;
                let _ = write!(
                    path,
                    " L{across:.1} {:.1}",
                    base - (ROW - 14.0) * value / most
                );
            }
            let mean = x(weight.mean);
            let _ = write!(
                svg,
                "<path d=\"{path} L{end:.1} {base:.1} Z\" fill=\"#4878a8\" fill-opacity=\".35\" stroke=\"#4878a8\"/>\
                 <line x1=\"{mean:.1}\" x2=\"{mean:.1}\" y1=\"{top:.1}\" y2=\"{base:.1}\" stroke=\"#a33\"/>\
                 <text x=\"{text:.1}\" y=\"{y:.1}\">{:.3} ± {:.3}</text>",
                weight.mean,
                weight.deviation,
                end = WIDTH - RIGHT,
                top = base - (ROW - 14.0),
                text = WIDTH - RIGHT + 6.0,
                y = base - 8.0,
            );
        }
        for (weight, anchor) in [(low, "start"), (high, "end")] {
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"#666\" text-anchor=\"{anchor}\">{weight:.2}</text>",
                x(weight),
                height - 6.0,
            );
        }
        svg.push_str("</svg>");
        svg
    }
}

/// The density of draws at equal steps of a range: Gaussian kernels with Silverman's width (Silverman 1986, (3.31)).
fn density(draws: &[f64], deviation: f64, (low, high): (f64, f64)) -> Vec<f64> {
    let count = (draws.len() as f64).max(1.0);
    let step = (high - low) / (POINTS - 1) as f64;
    let width = (0.9 * deviation * count.powf(-0.2)).max(step / 2.0);
    let at = |point: usize| {
        let here = low + step * point as f64;
        let kernels = draws.iter().map(|draw| {
            let distance = (here - draw) / width;
            (-0.5 * distance * distance).exp()
        });
        kernels.sum::<f64>() / count
    };
    (0..POINTS).map(at).collect()
}

/// A text within XML. Characters that XML has no place for are left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars().filter(|letter| !letter.is_control()) {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(title: &str) -> SignalWeights {
        let weight = |signal: &SlateSignal| SignalWeight {
            signal: *signal,
            mean: 0.2 * signal.index() as f64,
            deviation: 0.1,
        };
        let weights: Vec<SignalWeight> = SlateSignal::ALL.iter().map(weight).collect();
        let draws = weights.iter().map(|weight| {
            let spread = [-1.0, -0.5, 0.0, 0.5, 1.0];
            spread
                .map(|by| weight.mean + by * weight.deviation)
                .to_vec()
        });
        SignalWeights {
            model_name: "1.2.0+1".to_owned(),
            title: title.to_owned(),
            draws: draws.collect(),
            weights,
            context: Vec::new(),
        }
    }

    #[test]
    fn a_plot_has_a_curve_for_each_signal_and_is_xml_whatever_the_channel_is_called() {
        let plot = weights("Film <4> & \"more\"\u{1}").plot();
        let document = resvg::usvg::roxmltree::Document::parse(&plot).unwrap();
        let named = |name: &str| {
            let nodes = document.descendants();
            nodes
                .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", name)))
                .count()
        };
        assert_eq!(named("path"), 6);
        let title = document
            .descendants()
            .find(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "title")));
        let title = title.unwrap().text().unwrap();
        assert_eq!(
            title,
            "Weights of the signals: Film <4> & \"more\", version 1.2.0+1"
        );
        assert!(!plot.contains("NaN"), "{plot}");
    }

    #[test]
    fn weights_that_are_all_the_same_are_drawn_too() {
        let mut same = weights("One");
        for (weight, draws) in same.weights.iter_mut().zip(&mut same.draws) {
            (weight.mean, weight.deviation) = (0.0, 0.0);
            draws.fill(0.0);
        }
        assert!(!same.plot().contains("NaN"));
    }
}
