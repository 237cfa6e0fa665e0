//! How the value of a field is made from the columns of a row.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;

use super::super::message::brief;
use super::super::movielens::Title;

/// How the value of a field is made. The steps are taken in the order of this list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The same for every row.
    pub constant: Option<String>,
    /// The column it is read from; in jsonl the key, or a path of keys with dots.
    pub column: Option<String>,
    /// Several columns: the first that is not empty.
    #[serde(default)]
    pub columns: Vec<String>,
    /// A text with columns in braces, as `"{brand} {name}"`; a column that is empty leaves nothing, and so do the
    /// blanks around it.
    pub template: Option<String>,
    /// A list of the names of those of these columns that hold `1` or `true`.
    #[serde(default)]
    pub flags: Vec<String>,
    /// Values that mean that there is none.
    #[serde(default)]
    pub drop: Vec<String>,
    /// The value is the title of a film as MovieLens writes it: the year in brackets goes, and "Matrix, The" is The
    /// Matrix.
    #[serde(default)]
    pub film_title: bool,
    /// What the value is wrapped in, as `["[\"", "\"]"]`: taken off where both are there.
    pub unwrap: Option<[String; 2]>,
    /// Texts that are taken out wherever they stand, as `["$", ","]`.
    #[serde(default)]
    pub strip: Vec<String>,
    /// The value is HTML: its text is taken.
    #[serde(default)]
    pub html: bool,
    /// The decimal sign of a number, `","` or `"."`. Blanks, apostrophes, the other one of the two signs, and signs
    /// and codes of currencies are taken out.
    pub decimal: Option<char>,
    /// What values become, as `{ InStock = "1", OutOfStock = "0" }`.
    #[serde(default)]
    pub map: BTreeMap<String, String>,
    /// What a value becomes that is not in `map`; without it, such a value cannot be taken.
    pub otherwise: Option<String>,
    /// A number is multiplied by this, as stars from 1 to 5 by 2 or cents by 0.01; in decimals, without rounding.
    #[serde(default, deserialize_with = "factor")]
    pub times: Option<Decimal>,
    /// A list: what stands between its entries.
    pub split: Option<String>,
    /// Of a list: leave out the last entry where it is the row's own title, whole or cut short.
    #[serde(default)]
    pub without_title: bool,
    /// Of a list: only this one.
    pub take: Option<Take>,
    /// What it is where nothing is left.
    pub default: Option<String>,
}

/// Which entry of a list is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Take {
    /// The first.
    First,
    /// The last.
    Last,
}

impl Rule {
    /// The columns it reads.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let template = self.template.as_deref().into_iter().flat_map(placeholders);
        let columns = self.column.iter().chain(&self.columns).chain(&self.flags);
        columns.map(String::as_str).chain(template)
    }

    /// The one column that it reads as it is, where it does nothing else.
    pub fn plain_column(&self) -> Option<&str> {
        let Self {
            constant: None,
            column: Some(column),
            columns,
            template: None,
            flags,
            drop,
            film_title: false,
            unwrap: None,
            strip,
            html: false,
            decimal: None,
            map,
            otherwise: None,
            times: None,
            split: None,
            without_title: false,
            take: None,
            default: None,
        } = self
        else {
            return None;
        };
        let lists = [columns, flags, drop, strip];
        (lists.iter().all(|list| list.is_empty()) && map.is_empty()).then_some(column.as_str())
    }

    /// Whether it says in one way where its value comes from.
    pub(super) fn has_one_origin(&self) -> bool {
        let origins = [
            self.constant.is_some(),
            self.column.is_some(),
            !self.columns.is_empty(),
            !self.flags.is_empty(),
            self.template.is_some(),
        ];
        origins.into_iter().filter(|there| *there).count() == 1
    }

    /// What contradicts itself in it.
    ///
    /// # Errors
    /// A sentence that begins with `name`.
    pub(super) fn check(&self, name: &str) -> Result<(), String> {
        if !self.has_one_origin() {
            return Err(format!(
                "`{name}` needs one of `column`, `columns`, `constant`, `flags` and `template`"
            ));
        }
        if self.otherwise.is_some() && self.map.is_empty() {
            return Err(format!("`{name}` has `otherwise`, which goes with `map`"));
        }
        if self.decimal.is_some_and(|sign| !matches!(sign, ',' | '.')) {
            return Err(format!("`{name}`: `decimal` is \",\" or \".\""));
        }
        Ok(())
    }

    /// Makes the value of one row: no entry, one, or several of a list. `cell` answers the entries
    /// of a column; `title` is the row's title, where it is known already.
    ///
    /// # Errors
    /// Why the row is refused.
    pub fn value(
        &self,
        cell: impl Fn(&str) -> Vec<String>,
        title: Option<&str>,
    ) -> Result<Vec<String>, String> {
        let mut entries = Vec::new();
        let raw = match (&self.constant, &self.template) {
            (Some(constant), _) => vec![constant.clone()],
            (None, Some(template)) => vec![filled(template, &cell)],
            (None, None) if !self.flags.is_empty() => {
                let set = |name: &&String| {
                    let holds =
                        |text: &String| matches!(text.trim(), "1" | "true" | "TRUE" | "True");
                    cell(name).iter().any(holds)
                };
                self.flags.iter().filter(set).cloned().collect()
            }
            (None, None) => self
                .columns()
                .map(cell)
                .map(|entries| self.without_placeholders(entries))
                .find(|entries| !entries.is_empty())
                .unwrap_or_default(),
        };
        for text in raw {
            let text = self.change(&text)?;
            match self.split.as_deref() {
                Some(between) if !between.is_empty() => {
                    entries.extend(text.split(between).map(|entry| entry.trim().to_owned()));
                }
                _ => entries.push(text),
            }
        }
        entries.retain(|entry| !entry.is_empty());
        if self.without_title
            && let (Some(title), Some(last)) = (title, entries.last())
            && is_title(last, title)
        {
            entries.pop();
        }
        match self.take {
            Some(Take::First) => entries.truncate(1),
            Some(Take::Last) => entries = entries.pop().into_iter().collect(),
            None => {}
        }
        if entries.is_empty() {
            entries.extend(self.default.clone());
        }
        // Which TOML can spell and the database cannot store.
        for entry in &mut entries {
            entry.retain(|letter| letter != '\0');
        }
        Ok(entries)
    }

    fn without_placeholders(&self, entries: Vec<String>) -> Vec<String> {
        entries
            .into_iter()
            .map(|entry| entry.trim().to_owned())
            .filter(|entry| !entry.is_empty() && !self.drop.contains(entry))
            .collect()
    }

    fn change(&self, text: &str) -> Result<String, String> {
        let mut text = text.to_owned();
        if let Some([before, after]) = &self.unwrap
            && let Some(inside) = text
                .strip_prefix(before.as_str())
                .and_then(|text| text.strip_suffix(after.as_str()))
        {
            text = inside.to_owned();
        }
        for out in self.strip.iter().filter(|out| !out.is_empty()) {
            text = text.replace(out.as_str(), "");
        }
        if self.html {
            text = ranking::text::plain(&text)
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ");
        }
        text = text.trim().to_owned();
        if self.film_title {
            text = Title::read(&text).title;
        }
        if let Some(sign) = self.decimal
            && !text.is_empty()
        {
            text = plain_number(&text, sign)?;
        }
        if !self.map.is_empty() && !text.is_empty() {
            text = self
                .map
                .get(&text)
                .or(self.otherwise.as_ref())
                .cloned()
                .ok_or_else(|| format!("`{}` is not in the mapping", brief(&text)))?;
        }
        if let Some(times) = self.times
            && !text.is_empty()
        {
            text = number(&text)
                .and_then(|number| number.checked_mul(times))
                .map(|number| number.normalize().to_string())
                .ok_or_else(|| format!("`{}` is not a number", brief(&text)))?;
        }
        Ok(text)
    }
}

/// Whether the last level of a category tree is the product itself, perhaps cut short with dots.
fn is_title(level: &str, title: &str) -> bool {
    let level = level.trim_end_matches('.').trim_end_matches('…').trim();
    !level.is_empty() && (level.starts_with(title) || title.starts_with(level))
}

/// The columns that a template names.
fn placeholders(template: &str) -> impl Iterator<Item = &str> {
    let parts = template.split('{').skip(1);
    parts.filter_map(|part| part.split_once('}').map(|(name, _)| name))
}

fn filled(template: &str, cell: &impl Fn(&str) -> Vec<String>) -> String {
    let mut text = String::new();
    let mut parts = template.split('{');
    text.push_str(parts.next().unwrap_or_default());
    let mut any = false;
    for part in parts {
        match part.split_once('}') {
            Some((name, after)) => {
                let value = cell(name).join(", ");
                any |= !value.trim().is_empty();
                text.push_str(value.trim());
                text.push_str(after);
            }
            None => text.push_str(part),
        }
    }
    // What a template says beside its columns is not a value of its own.
    match any {
        true => text.split_whitespace().collect::<Vec<_>>().join(" "),
        false => String::new(),
    }
}

/// A number in plain decimals or with an exponent.
pub(in super::super) fn number(text: &str) -> Option<Decimal> {
    let exact = Decimal::from_str_exact(text);
    exact.or_else(|_| Decimal::from_scientific(text)).ok()
}

/// A number of which `sign` is the decimal sign, with a point.
fn plain_number(text: &str, sign: char) -> Result<String, String> {
    let wrong = || {
        format!(
            "`{}` is not a number with the decimal sign `{sign}`",
            brief(text)
        )
    };
    let mut rest = text.trim();
    let is_code =
        |code: &str| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    if let Some(code) = rest.get(..3).filter(|code| is_code(code)) {
        rest = &rest[code.len()..];
    }
    if let Some(start) = rest.len().checked_sub(3)
        && rest.get(start..).is_some_and(is_code)
    {
        rest = &rest[..start];
    }
    let mut number = String::new();
    for letter in rest.chars() {
        match letter {
            '0'..='9' => number.push(letter),
            '-' | '+' if number.is_empty() => number.push(letter),
            _ if letter == sign => number.push('.'),
            '.' | ',' | '\'' | '\u{2019}' | '$' | '\u{a2}'..='\u{a5}' | '\u{20a0}'..='\u{20cf}' => {
            }
            _ if letter.is_whitespace() => {}
            _ => return Err(wrong()),
        }
    }
    Ok(self::number(&number).ok_or_else(wrong)?.to_string())
}

fn factor<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Decimal>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Whole(i64),
        Float(f64),
        Text(String),
    }
    let text = match Given::deserialize(from)? {
        Given::Whole(number) => number.to_string(),
        // The shortest decimal of a float is what stands in the file.
        Given::Float(number) => number.to_string(),
        Given::Text(text) => text,
    };
    let wrong = || serde::de::Error::custom("`times` must be a finite number");
    number(&text).map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(rule: &str, cells: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let rule: Rule = toml::from_str(rule).unwrap();
        rule.check("field").unwrap();
        let cell = |name: &str| {
            let found = cells.iter().find(|(column, _)| *column == name);
            found
                .map(|(_, text)| (*text).to_owned())
                .into_iter()
                .collect()
        };
        rule.value(cell, None)
    }

    #[test]
    fn cents_become_exact_prices() {
        for cents in 1..3000 {
            let found = made("column = 'a'\ntimes = 0.01", &[("a", &cents.to_string())]).unwrap();
            let text = found[0].as_str();
            let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
            let read =
                whole.parse::<u32>().unwrap() * 100 + format!("{rest:0<2}").parse::<u32>().unwrap();
            assert!(read == cents && rest.len() <= 2, "{cents} {text}");
        }
    }

    #[test]
    fn numbers_are_read_with_their_decimal_sign() {
        let comma = "column = 'a'\ndecimal = ','";
        for (text, expected) in [
            ("12,99", "12.99"),
            ("1.234,50 \u{20ac}", "1234.50"),
            ("EUR 1'000", "1000"),
            ("-3,5", "-3.5"),
        ] {
            assert_eq!(made(comma, &[("a", text)]).unwrap(), [expected]);
        }
        let point = "column = 'a'\ndecimal = '.'";
        assert_eq!(made(point, &[("a", "$1,065.50")]).unwrap(), ["1065.50"]);
        assert_eq!(made(point, &[("a", "1 065 USD")]).unwrap(), ["1065"]);
        for text in ["2 Seasons", "1.2.3", "EUR", "1-2"] {
            assert!(made(point, &[("a", text)]).is_err(), "{text}");
        }
        assert_eq!(made(point, &[("a", "")]).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_template_joins_columns() {
        let rule = "template = '{brand}  {name}'";
        let cells = [("brand", "ACME"), ("name", "Mug ")];
        assert_eq!(made(rule, &cells).unwrap(), ["ACME Mug"]);
        assert_eq!(made(rule, &cells[1..]).unwrap(), ["Mug"]);
        assert_eq!(
            made("template = 'No. {nr}'", &[]).unwrap(),
            Vec::<String>::new()
        );
        let rule: Rule = toml::from_str(rule).unwrap();
        assert_eq!(rule.columns().collect::<Vec<_>>(), ["brand", "name"]);
    }

    #[test]
    fn flags_are_a_list_and_titles_of_films_are_tidied() {
        let cells = [("Action", "1"), ("Drama", "0"), ("War", "true")];
        let rule = "flags = ['Action', 'Drama', 'War', 'Other']";
        assert_eq!(made(rule, &cells).unwrap(), ["Action", "War"]);
        let title = [("a", "Matrix, The (1999)")];
        let rule = "column = 'a'\nfilm_title = true";
        assert_eq!(made(rule, &title).unwrap(), ["The Matrix"]);
    }

    #[test]
    fn html_becomes_text() {
        let html = "<p>A <strong>sturdy</strong> mug &amp; saucer</p><script>x()</script>";
        assert_eq!(
            made("column = 'a'\nhtml = true", &[("a", html)]).unwrap(),
            ["A sturdy mug & saucer"]
        );
    }
}
