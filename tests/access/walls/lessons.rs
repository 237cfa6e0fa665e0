//! The lessons: what a new field or argument has to be explained with.
//!
//! To teach a new mutation, say that it touches only the caller's own, or give inputs that would
//! change the victim's. To teach a new kind of argument, give values that name the victim's. What
//! the victim has is in `world.rs`: a new table that refers to users is compared by itself, but
//! needs a row of the victim's to be of use.

use serde_json::{Value, json};

use super::world::{MARK, World};
use crate::PASSWORD;

pub enum Lesson {
    /// It touches only what is the caller's own, or new.
    Own,
    /// Inputs that would change or show something of the victim's, if the caller might.
    Aimed(Vec<Value>),
    None,
}

/// What to send to a mutation. One that takes ids must be aimed.
pub fn mutation_lesson(name: &str, world: &World) -> Lesson {
    let id = |kind: &str| &world.ids[kind];
    let aimed = |input: Value| Lesson::Aimed(vec![input]);
    match name {
        "register"
        | "login"
        | "refreshToken"
        | "logout"
        | "logoutEverywhere"
        | "changePassword"
        | "startAnonymousSession"
        | "createUser"
        | "createApiKey" => Lesson::Own,
        // Takes people's ids, which are everybody's.
        "createContent" => Lesson::Aimed(Vec::new()),
        "updateContent" => aimed(json!({ "id": id("content"), "title": "Taken over" })),
        "deleteContent" => aimed(json!({ "id": id("content") })),
        "updateProfile" => aimed(json!({ "userId": id("user"), "displayName": "Taken over" })),
        "setUserRole" => Lesson::Aimed(vec![
            json!({ "id": id("user"), "role": "CURATOR" }),
            json!({ "id": id("user"), "role": "ADMIN" }),
        ]),
        "disableUser" => aimed(json!({ "id": id("user") })),
        "enableUser" => aimed(json!({ "id": id("user") })),
        "exportUser" => aimed(json!({ "id": id("user") })),
        "revokeApiKey" => aimed(json!({ "id": id("key") })),
        "mergeUsers" => {
            // A guest of the shell's, so that the merge would be right but for who asks.
            let guest = &world.guest;
            aimed(json!({ "anonymousId": guest, "knownId": id("user") }))
        }
        _ => Lesson::None,
    }
}

/// Values for an argument that is no id, and whether each names something of the victim's.
pub fn argument_lesson(
    _parent: &str,
    _field: &str,
    _name: &str,
    of: &str,
    world: &World,
) -> Option<Vec<(String, bool)>> {
    let user = &world.ids["user"];
    let aimed = |values: Vec<String>| Some(values.into_iter().map(|value| (value, true)).collect());
    match of {
        "ContentFilter" => aimed(vec![
            format!("{{ creator: {{ eq: \"{user}\" }} }}"),
            format!("{{ title: {{ contains: \"{MARK}\" }} }}"),
            "{ visibility: { eq: PRIVATE } }".to_owned(),
            format!(
                "{{ or: [{{ title: {{ contains: \"{MARK}\" }} }}, {{ creator: {{ eq: \"{user}\" }} }}] }}"
            ),
            format!("{{ not: {{ title: {{ contains: \"{PASSWORD}\" }} }} }}"),
        ]),
        "UserFilter" => aimed(vec![
            format!("{{ email: {{ contains: \"{MARK}\" }} }}"),
            format!("{{ favouriteGenres: {{ has: \"{MARK} genre\" }} }}"),
        ]),
        _ => None,
    }
}
