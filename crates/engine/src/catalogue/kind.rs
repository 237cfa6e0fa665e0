//! What an item is, and who may see it.

use foundation::text_enum;

text_enum! {
    /// Kind of a content item.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum ContentKind {
        /// A film or feature-length movie.
        Movie = "MOVIE",
        /// A product for sale.
        Product = "PRODUCT",
        /// A text such as an article or a story.
        Text = "TEXT",
        /// A still image, such as a photo or a drawing.
        Image = "IMAGE",
        /// A video that is not a film.
        Video = "VIDEO",
        /// An audio recording.
        Audio = "AUDIO",
    }
}

text_enum! {
    /// Who may see a content item.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Visibility {
        /// Visible to everyone; can be listed, found and recommended.
        Public = "PUBLIC",
        /// Visible to everyone who knows its ID. Listed only for its creator, admins and API keys with
        /// the scope CATALOGUE_WRITE; never recommended.
        Unlisted = "UNLISTED",
        /// Visible only to its creator, admins and API keys with the scope CATALOGUE_WRITE; never
        /// recommended.
        Private = "PRIVATE",
    }
}
