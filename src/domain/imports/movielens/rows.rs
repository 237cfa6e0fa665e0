//! Lines of MovieLens taken apart into fields.

use std::borrow::Cow;

use super::super::model::ReadError;
use super::super::source::Lines;
use super::FileFormat;

/// The rows of one file, `N` fields each.
pub struct Rows<const N: usize> {
    lines: Lines,
    form: FileFormat,
    header: Option<[&'static str; N]>,
    /// The field that may hold `::` itself.
    open: usize,
}

impl<const N: usize> Rows<N> {
    /// Reads `lines`, whose fields are those of `header`; the one at `open` may hold any text.
    pub fn new(lines: Lines, form: FileFormat, header: [&'static str; N], open: usize) -> Self {
        Self {
            lines,
            form,
            header: (form == FileFormat::Csv).then_some(header),
            open,
        }
    }

    /// The next row, as `read` understands it.
    pub(super) fn next_with<T>(
        &mut self,
        read: impl FnOnce(u64, [Cow<'_, str>; N]) -> Result<T, String>,
    ) -> Option<Result<T, ReadError>> {
        if let Some(header) = self.header.take()
            && let Err(fault) = self.check(header)
        {
            return Some(Err(fault));
        }
        let (number, line) = match self.lines.next() {
            Ok(Some(line)) => line,
            Ok(None) => return None,
            Err(fault) => return Some(Err(fault)),
        };
        let text = match (std::str::from_utf8(line), self.form) {
            (Ok(text), _) => Cow::Borrowed(text),
            // Each byte of Latin-1 is the character of that number.
            (Err(_), FileFormat::Colons) => {
                Cow::Owned(line.iter().copied().map(char::from).collect())
            }
            (Err(_), FileFormat::Csv) => {
                return Some(Err(ReadError::row(number, "not UTF-8")));
            }
        };
        let fields = match self.form {
            FileFormat::Csv => csv_fields(&text),
            FileFormat::Colons => colon_fields(&text, self.open),
        };
        let row = fields.and_then(|fields| {
            if fields.iter().any(|field| field.contains('\0')) {
                return Err("it holds the character U+0000".to_owned());
            }
            read(number, fields)
        });
        Some(row.map_err(|reason| ReadError::row(number, reason)))
    }

    fn check(&mut self, header: [&'static str; N]) -> Result<(), ReadError> {
        let wrong = |line: u64| ReadError::File {
            line,
            reason: format!("the first line must be `{}`", header.join(",")),
        };
        let Some((number, line)) = self.lines.next()? else {
            return Err(wrong(1));
        };
        let good = std::str::from_utf8(line)
            .ok()
            .and_then(|line| csv_fields::<N>(line).ok())
            .is_some_and(|found| {
                found
                    .iter()
                    .zip(header)
                    .all(|(name, wanted)| name == wanted)
            });
        if good { Ok(()) } else { Err(wrong(number)) }
    }
}

/// The `N` fields of a line between commas, some in quotes. No row of MovieLens runs over lines.
fn csv_fields<const N: usize>(line: &str) -> Result<[Cow<'_, str>; N], String> {
    let mut fields = [const { Cow::Borrowed("") }; N];
    let mut count = 0;
    let mut rest = Some(line);
    while let Some(text) = rest {
        let (field, after) = match text.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => match text.split_once(',') {
                Some((field, after)) => (Cow::Borrowed(field), Some(after)),
                None => (Cow::Borrowed(text), None),
            },
        };
        if let Some(index) = fields.get_mut(count) {
            *index = field;
        }
        count += 1;
        rest = after;
    }
    right_count(count, fields)
}

/// A field behind its opening quote, and what follows the comma behind the closing one.
fn quoted_field(text: &str) -> Result<(Cow<'_, str>, Option<&str>), String> {
    let mut from = 0;
    while let Some(quote) = text[from..].find('"').map(|index| from + index) {
        let after = &text[quote + 1..];
        if after.starts_with('"') {
            from = quote + 2;
            continue;
        }
        let field = &text[..quote];
        let field = if from > 0 {
            Cow::Owned(field.replace("\"\"", "\""))
        } else {
            Cow::Borrowed(field)
        };
        return match after.strip_prefix(',') {
            Some(after) => Ok((field, Some(after))),
            None if after.is_empty() => Ok((field, None)),
            None => Err("text between a closing quote and the comma".to_owned()),
        };
    }
    Err("a quote is not closed".to_owned())
}

/// The `N` fields of a line between `::`; what is too much belongs to the field at `open`.
fn colon_fields<const N: usize>(line: &str, open: usize) -> Result<[Cow<'_, str>; N], String> {
    let mut fields = [const { Cow::Borrowed("") }; N];
    let mut rest = line;
    for field in fields.iter_mut().take(open) {
        let Some((text, after)) = rest.split_once("::") else {
            return right_count(line.split("::").count(), fields);
        };
        *field = Cow::Borrowed(text);
        rest = after;
    }
    for index in (open + 1..N).rev() {
        let Some((before, text)) = rest.rsplit_once("::") else {
            return right_count(line.split("::").count(), fields);
        };
        fields[index] = Cow::Borrowed(text);
        rest = before;
    }
    if let Some(field) = fields.get_mut(open) {
        *field = Cow::Borrowed(rest);
    }
    Ok(fields)
}

fn right_count<T, const N: usize>(count: usize, fields: [T; N]) -> Result<[T; N], String> {
    if count == N {
        Ok(fields)
    } else {
        Err(format!("{count} columns instead of {N}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_fields_or_says_how_many() {
        assert_eq!(
            csv_fields::<3>(r#"1,"a, ""b""",c"#).unwrap(),
            ["1", "a, \"b\"", "c"]
        );
        assert_eq!(csv_fields::<3>("1,,").unwrap(), ["1", "", ""]);
        assert_eq!(
            csv_fields::<3>("1,2").unwrap_err(),
            "2 columns instead of 3"
        );
        assert_eq!(
            csv_fields::<2>("1,\"2").unwrap_err(),
            "a quote is not closed"
        );
        assert!(csv_fields::<2>("1,\"2\"3").is_err());
        assert_eq!(
            colon_fields::<3>("1::Face::Off::Action", 1).unwrap(),
            ["1", "Face::Off", "Action"]
        );
        assert_eq!(
            colon_fields::<4>("1::2::5", 2).unwrap_err(),
            "3 columns instead of 4"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_read_or_refused(text in ".{0,60}") {
            let _ = csv_fields::<3>(&text);
            let _ = colon_fields::<3>(&text, 1);
        }
    }
}
