//! COPY in its text form, which Postgres reads as fast as anything it can be sent.

use std::fmt::{Display, Write};

use sqlx::PgConnection;

/// Rows to be copied, held as one buffer of text.
#[derive(Debug, Default)]
pub struct Rows {
    text: String,
    at_row_start: bool,
    count: usize,
}

impl Rows {
    /// No rows yet.
    pub fn new() -> Self {
        Self {
            text: String::new(),
            at_row_start: true,
            count: 0,
        }
    }

    /// The next value of the row: text, in which COPY's own signs are escaped.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.separate();
        for letter in value.chars() {
            match letter {
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                // Postgres cannot store it.
                '\0' => {}
                other => self.text.push(other),
            }
        }
        self
    }

    /// The next value of the row: a number, an id or a time, which need no escaping.
    pub fn plain(&mut self, value: impl Display) -> &mut Self {
        self.separate();
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{value}");
        self
    }

    /// The next value of the row: none.
    pub fn null(&mut self) -> &mut Self {
        self.separate();
        self.text.push_str("\\N");
        self
    }

    /// The next value of the row: a number, an id or a time, or none.
    pub fn maybe(&mut self, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.plain(value),
            None => self.null(),
        }
    }

    /// The next value of the row: text, or none.
    pub fn maybe_text(&mut self, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.text(value),
            None => self.null(),
        }
    }

    /// The next value of the row: an array of texts.
    pub fn texts<S: AsRef<str>>(&mut self, values: &[S]) -> &mut Self {
        let mut array = String::from("{");
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                array.push(',');
            }
            array.push('"');
            for letter in value.as_ref().chars() {
                if matches!(letter, '"' | '\\') {
                    array.push('\\');
                }
                array.push(letter);
            }
            array.push('"');
        }
        array.push('}');
        self.text(&array)
    }

    /// The next value of the row: an array of numbers or ids.
    pub fn plains<T: Display>(&mut self, values: impl IntoIterator<Item = T>) -> &mut Self {
        self.separate();
        self.text.push('{');
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.text.push(',');
            }
            // Writing to a String cannot fail.
            let _ = write!(self.text, "{value}");
        }
        self.text.push('}');
        self
    }

    /// Ends the row.
    pub fn end(&mut self) {
        self.text.push('\n');
        self.at_row_start = true;
        self.count += 1;
    }

    /// How many rows have ended.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether no row has ended.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How much text the rows hold, in bytes.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Forgets the rows and keeps the buffer.
    pub fn clear(&mut self) {
        self.text.clear();
        self.at_row_start = true;
        self.count = 0;
    }

    /// Copies the rows into `target`, a table with its columns in the order of the values:
    /// `staging (user_id, value)`.
    ///
    /// # Errors
    /// Those of the database; no row is copied then.
    pub async fn copy_into(
        &self,
        connection: &mut PgConnection,
        target: &'static str,
    ) -> sqlx::Result<u64> {
        let mut copy = connection
            .copy_in_raw(&format!("COPY {target} FROM STDIN"))
            .await?;
        // Sent in pieces, so that the connection's own buffer stays small.
        for piece in self.text.as_bytes().chunks(1 << 18) {
            if let Err(error) = copy.send(piece).await {
                copy.abort("the sender failed").await?;
                return Err(error);
            }
        }
        copy.finish().await
    }

    /// The same; `false` where a row names what is gone by now.
    ///
    /// # Errors
    /// The other ones of the database.
    pub async fn copy_unless_gone(
        &self,
        connection: &mut PgConnection,
        target: &'static str,
    ) -> foundation::Result<bool> {
        match self.copy_into(connection, target).await {
            Ok(_) => Ok(true),
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn separate(&mut self) {
        if !std::mem::take(&mut self.at_row_start) {
            self.text.push('\t');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signs_of_copy_are_escaped() {
        let mut rows = Rows::new();
        rows.text("a\tb\\c\nd").null().plain(7);
        rows.end();
        rows.texts(&["x", "with \"quotes\"", "and\\slash"]);
        rows.end();
        let expected = concat!(
            "a\\tb\\\\c\\nd\t\\N\t7\n",
            "{\"x\",\"with \\\\\"quotes\\\\\"\",\"and\\\\\\\\slash\"}\n"
        );
        assert_eq!(rows.text, expected);
        assert_eq!(rows.len(), 2);
    }
}
