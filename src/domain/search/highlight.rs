//! Marking the words of a query in a text.
//!
//! A fragment is a list of parts, which need no escaping, and the same as HTML: the parts' `&`, `<`,
//! `>` and both quotation marks are written as entities, and `<em>` around the marked ones is the
//! only markup there can be.

use super::results::HighlightTerms;
use ranking::text::{is_function_word, joined, stem, words};

/// About how many characters of a long text are shown.
const LENGTH: usize = 200;
/// How many of them may stand before the first marked word.
const BEFORE: usize = 40;

/// A piece of a text, with the words of the query marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The text in pieces, in order.
    pub parts: Vec<Part>,
}

/// A piece of a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The text as it is.
    pub text: String,
    /// Whether the query says it.
    pub marked: bool,
}

impl Fragment {
    /// The fragment as HTML that is safe to be put into a page.
    pub fn html(&self) -> String {
        let mut html = String::new();
        for part in &self.parts {
            if part.marked {
                html.push_str("<em>");
            }
            for letter in part.text.chars() {
                match letter {
                    '&' => html.push_str("&amp;"),
                    '<' => html.push_str("&lt;"),
                    '>' => html.push_str("&gt;"),
                    '"' => html.push_str("&quot;"),
                    '\'' => html.push_str("&#39;"),
                    letter => html.push(letter),
                }
            }
            if part.marked {
                html.push_str("</em>");
            }
        }
        html
    }

    fn push(&mut self, text: &str, marked: bool) {
        if !text.is_empty() {
            self.parts.push(Part {
                text: text.to_owned(),
                marked,
            });
        }
    }
}

impl HighlightTerms {
    /// The whole of `text` if it is short, else the piece with most of the query's words; `None`
    /// if it has none of them.
    pub fn fragment(&self, text: &str) -> Option<Fragment> {
        let marked = self.marked(text);
        let first = marked.first()?;
        let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let index = |at: usize| starts.partition_point(|start| *start < at);
        let (mut from, mut until) = (0, text.len());
        if starts.len() > LENGTH + BEFORE {
            let within = |start: usize| {
                let end = index(start) + LENGTH - BEFORE;
                marked
                    .iter()
                    .filter(|(at, to)| *at >= start && index(*to) <= end)
                    .count()
            };
            let mut best = (within(first.0), first.0);
            for (start, _) in &marked[1..] {
                let count = within(*start);
                if count > best.0 {
                    best = (count, *start);
                }
            }
            let begin = index(best.1);
            from = starts[begin.saturating_sub(BEFORE)];
            if from > 0 {
                // Not in the middle of a word, unless the marked one is that far inside it.
                let gap = text[from..best.1].find(char::is_whitespace);
                from = gap.map_or(best.1, |gap| from + gap).min(best.1);
                from += text[from..best.1].len() - text[from..best.1].trim_start().len();
            }
            let end = index(from) + LENGTH;
            if let Some(end) = starts.get(end) {
                let gap = text[from..*end].rfind(char::is_whitespace);
                until = gap.map_or(*end, |gap| from + gap);
            }
        }
        let mut fragment = Fragment { parts: Vec::new() };
        if from > 0 {
            fragment.push("… ", false);
        }
        let mut read = from;
        for (start, end) in marked {
            if start >= read && end <= until {
                fragment.push(&text[read..start], false);
                fragment.push(&text[start..end], true);
                read = end;
            }
        }
        fragment.push(&text[read..until], false);
        if until < text.len() {
            fragment.push(" …", false);
        }
        let any = fragment.parts.iter().any(|part| part.marked);
        any.then_some(fragment)
    }

    /// Where the words of the query stand, in bytes, in order and apart.
    fn marked(&self, text: &str) -> Vec<(usize, usize)> {
        let single = words(text);
        let mut all = joined(text, &single);
        all.retain(|word| self.words.contains(&word.folded));
        all.extend(single.into_iter().filter(|word| {
            self.words.contains(&word.folded)
                || (!is_function_word(&word.folded) && self.stems.contains(&stem(&word.folded)))
        }));
        let mut spans: Vec<_> = all
            .into_iter()
            .map(|word| (word.at.start, word.at.end))
            .collect();
        // Of two that begin together the longer one, and nothing inside it.
        spans.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        let mut apart: Vec<(usize, usize)> = Vec::new();
        for span in spans {
            if apart.last().is_none_or(|last| span.0 >= last.1) {
                apart.push(span);
            }
        }
        apart
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(of: &[&str]) -> HighlightTerms {
        HighlightTerms {
            words: of.iter().map(|word| (*word).to_owned()).collect(),
            stems: of.iter().map(|word| stem(word)).collect(),
        }
    }

    #[test]
    fn every_form_of_a_word_is_marked_and_nothing_else() {
        let fragment = marks(&["robot", "amelie"]).fragment("Robots meet Amélie & the robotic <b>");
        assert_eq!(
            fragment.unwrap().html(),
            "<em>Robots</em> meet <em>Amélie</em> &amp; the <em>robotic</em> &lt;b&gt;"
        );
        assert_eq!(marks(&["ship"]).fragment("Nothing of it"), None);
    }

    #[test]
    fn joined_words_are_marked_as_one() {
        let fragment = marks(&["walle"]).fragment("See WALL·E now").unwrap();
        assert_eq!(fragment.html(), "See <em>WALL·E</em> now");
    }

    #[test]
    fn of_a_long_text_the_piece_that_says_most_is_shown() {
        let padding = "word and other words ".repeat(40);
        let text = format!("ship {padding} the robot steers its ship {padding}");
        let fragment = marks(&["robot", "ship"]).fragment(&text).unwrap();
        let html = fragment.html();
        assert!(
            html.contains("<em>robot</em> steers its <em>ship</em>"),
            "{html}"
        );
        assert!(html.starts_with("… ") && html.ends_with(" …"), "{html}");
        assert!(html.chars().count() < 300, "{html}");
    }

    proptest::proptest! {
        #[test]
        fn no_markup_of_the_text_comes_through(text in "[a-c<>&\"' é]{0,400}") {
            if let Some(fragment) = marks(&["a", "ab"]).fragment(&text) {
                let bare = fragment.html().replace("<em>", "").replace("</em>", "");
                proptest::prop_assert!(!bare.contains(['<', '>', '"', '\'']), "{}", bare);
                let parts: String = fragment.parts.iter().map(|part| part.text.as_str()).collect();
                let inner = parts.trim_start_matches("… ").trim_end_matches(" …");
                proptest::prop_assert!(text.contains(inner));
            }
        }
    }
}
