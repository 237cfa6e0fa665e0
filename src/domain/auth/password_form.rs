//! The form in which passwords are compared and hashed.
//!
//! A Mac sends `é` as two characters and a phone as one; both are the same password. What is hashed is
//! the password after the profile OpaqueString of RFC 8265: spaces of any kind become the ASCII space,
//! then Unicode's form NFC. Letter case and everything else stay as typed.

use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;

/// A password in the form that is hashed.
pub(super) fn normalised(password: &SecretString) -> SecretString {
    let spaced = password.expose_secret().chars().map(|letter| match letter {
        // Unicode's category Zs without the ASCII space.
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            ' '
        }
        other => other,
    });
    spaced.nfc().collect::<String>().into()
}

/// The forms in which a password may have been hashed, the present one first: hashes from before
/// passwords were normalised are of what was typed.
pub(super) fn forms(password: &SecretString) -> Vec<SecretString> {
    let normal = normalised(password);
    if normal.expose_secret() == password.expose_secret() {
        return vec![normal];
    }
    vec![normal, password.clone()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(password: &str) -> String {
        normalised(&password.into()).expose_secret().to_owned()
    }

    #[test]
    fn the_same_password_of_different_keyboards_has_one_form() {
        assert_eq!(text("cafe\u{301} au lait"), "café au lait");
        assert_eq!(text("café\u{a0}au\u{3000}lait"), "café au lait");
        assert_eq!(text("\u{212b}ngström"), text("A\u{30a}ngstro\u{308}m"));
        for kept in [" two  spaces ", "Ünicode", "ﬁlm", "\u{202e}x", "a\nb"] {
            assert_eq!(text(kept), kept, "letters, case and width stay");
        }
    }

    #[test]
    fn an_old_hash_is_looked_for_only_where_it_may_differ() {
        let count = |password: &str| forms(&password.into()).len();
        assert_eq!(count("a film a day"), 1);
        assert_eq!(count("café"), 1);
        assert_eq!(count("cafe\u{301}"), 2);
    }
}
