//! The lessons: what a new field or argument has to be explained with.
//!
//! To teach a new mutation, say that it touches only the caller's own, or give inputs that would
//! change the victim's. To teach a new kind of argument, give values that name the victim's. What
//! the victim has is in `world.rs`: a new table that refers to users is compared by itself, but
//! needs a row of the victim's to be of use.

use marquee::domain::auth::Viewer;
use marquee::domain::interactions::{InteractionKind, NewInteraction};
use marquee::domain::slates::SlateSlot;
use serde_json::{Value, json};

use super::world::{FILM, FRIEND, MARK, World};
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
        | "createApiKey"
        | "createPerson"
        | "createChannel"
        | "createExperiment" => Lesson::Own,
        // Slates are nobody's own; only curators and admins decide about them.
        "selectForSlate" | "regenerateSlate" | "abandonSlate" => Lesson::Aimed(Vec::new()),
        // Without input, and for admins.
        "checkpointBandit" | "resetTestData" => Lesson::Own,
        "updateChannel" => aimed(json!({ "id": world.channel, "name": "Taken over" })),
        "deleteChannel" => aimed(json!({ "id": world.channel })),
        "startExperiment" => aimed(json!({ "id": world.experiments[0] })),
        "stopExperiment" => aimed(json!({ "id": world.experiments[1] })),
        "deleteExperiment" => aimed(json!({ "id": world.experiments[2] })),
        "importCompetition" => aimed(json!({ "uploadIds": [id("upload")] })),
        // Fetches what the settings name; nobody's data is touched, and only admins may.
        "syncCompetition" => Lesson::Own,
        // Takes people's ids, which are everybody's.
        "createContent" => Lesson::Aimed(Vec::new()),
        "updateContent" => aimed(json!({ "id": id("content"), "title": "Taken over" })),
        "deleteContent" => aimed(json!({ "id": id("content") })),
        "setContentEmbedding" => aimed(json!({ "contentId": id("content"), "vector": [1] })),
        "updatePerson" => aimed(json!({ "id": id("person"), "name": "Taken over" })),
        "deletePerson" => aimed(json!({ "id": world.extra })),
        "recordInteraction" => Lesson::Aimed(interactions(world)),
        "recordInteractions" => {
            let each = interactions(world).into_iter();
            Lesson::Aimed(each.map(|one| json!({ "interactions": [one] })).collect())
        }
        "recordRecommendationFeedback" => {
            let token = format!("{}.1", world.ids["list"]);
            let tell =
                |kind: &str| json!({ "feedback": [{ "attributionToken": token, "kind": kind }] });
            let stars = json!({ "feedback": [{ "attributionToken": token, "kind": "RATED", "rating": 0.5 }] });
            Lesson::Aimed(vec![
                tell("SERVED"),
                tell("CLICKED"),
                tell("DISMISSED"),
                stars,
            ])
        }
        "deleteInteraction" => aimed(json!({ "id": id("interaction") })),
        "updateInteractionWeights" => {
            aimed(json!({ "weights": [{ "kind": "LIKE", "weight": -1 }] }))
        }
        "updateProfile" => aimed(json!({ "userId": id("user"), "displayName": "Taken over" })),
        "setUserRole" => Lesson::Aimed(vec![
            json!({ "id": id("user"), "role": "CURATOR" }),
            json!({ "id": id("user"), "role": "ADMIN" }),
        ]),
        "disableUser" => aimed(json!({ "id": id("user") })),
        "enableUser" => aimed(json!({ "id": id("user") })),
        "exportUser" => aimed(json!({ "id": id("user") })),
        "deleteUpload" => aimed(json!({ "id": id("upload") })),
        "createGenerationJob" => {
            aimed(json!({ "parameters": { "recommendations": { "userId": id("user") } } }))
        }
        "generateRecommendations" => aimed(json!({ "target": { "userId": id("user") } })),
        "eraseUser" => aimed(json!({ "userId": id("user") })),
        "cancelJob" => aimed(json!({ "id": id("job") })),
        "retryJob" | "deleteJob" => aimed(json!({ "id": id("job that is over") })),
        "promoteModel" => aimed(json!({ "version": world.model })),
        "activateModel" | "discardModel" => aimed(json!({ "id": world.model })),
        // Names a kind of model, which is nobody's; only admins may.
        "rollBackModel" => Lesson::Own,
        "revokeApiKey" => aimed(json!({ "id": id("key") })),
        // Drops what can be computed again; nobody's data is touched, and only admins may.
        "clearCache" => Lesson::Own,
        "mergeUsers" => {
            // A guest of the shell's, so that the merge would be right but for who asks.
            let guest = &world.guest;
            aimed(json!({ "anonymousId": guest, "knownId": id("user") }))
        }
        _ => Lesson::None,
    }
}

/// Subscriptions that tell nothing of anybody: which models serve, what the server does, what a channel shows.
pub const OF_NOBODY: [&str; 3] = ["metrics", "modelPromoted", "slateUpdated"];

/// Does what a subscription tells of, with something of the victim's.
pub async fn happen(subscription: &str, world: &World) {
    match subscription {
        // These tell at once.
        "metrics" | "modelPromoted" => {}
        "jobProgress" | "jobs" => {
            let (jobs, job) = (&world.app.services.jobs, world.ids["job"].parse().unwrap());
            jobs.cancel(&world.victim, job).await.unwrap();
            jobs.retry(&world.victim, job).await.unwrap();
        }
        "interactions" | "recommendationsUpdated" => {
            let diary = world.ids["content"].parse().unwrap();
            let new = NewInteraction::new(diary, InteractionKind::View);
            let interactions = &world.app.services.interactions;
            interactions.record(&world.victim, new).await.unwrap();
        }
        "slateUpdated" => {
            let channel = world.channel.parse().unwrap();
            let slot = SlateSlot::new(channel, "2026-03-06".parse().unwrap(), 21).unwrap();
            let slates = &world.app.services.slates;
            slates.abandon(&Viewer::Command, slot).await.unwrap();
        }
        other => panic!("teach this test about the subscription `{other}`"),
    }
}

/// Interactions in the victim's name, with what only the victim may see, and from the victim's list.
fn interactions(world: &World) -> Vec<Value> {
    let (user, diary, film) = (&world.ids["user"], &world.ids["content"], &world.film);
    let token = format!("{}.1", world.ids["list"]);
    vec![
        json!({ "userId": user, "contentId": film, "kind": "DISLIKE" }),
        json!({ "userId": user, "contentId": diary, "kind": "RATING", "value": 0.5 }),
        // Known already: it would answer what was recorded.
        json!({ "userId": user, "contentId": diary, "kind": "LIKE", "idempotencyKey": format!("{MARK} idempotency") }),
        json!({ "contentId": diary, "kind": "VIEW" }),
        json!({ "contentId": film, "kind": "CLICK", "attributionToken": token }),
    ]
}

/// Values for an argument that is no id, and whether each names something of the victim's.
pub fn argument_lesson(
    parent: &str,
    field: &str,
    name: &str,
    of: &str,
    world: &World,
) -> Option<Vec<(String, bool)>> {
    let user = &world.ids["user"];
    let aimed = |values: Vec<String>| Some(values.into_iter().map(|value| (value, true)).collect());
    match (parent, field, name) {
        ("Query", "interactionCounts", "groupBy") => {
            return aimed(
                ["[]", "[KIND]", "[DAY]", "[KIND, DAY]"]
                    .map(Into::into)
                    .into(),
            );
        }
        ("Query", "recommendations", "user") => {
            return aimed(vec![format!("{{ id: \"{user}\" }}")]);
        }
        ("Query", "search", "query") => {
            return Some(vec![
                (format!("\"{MARK}\""), true),
                ("\"\"".to_owned(), false),
            ]);
        }
        ("Query", "searchSuggestions", "prefix") => {
            return aimed([MARK, FRIEND].map(|typed| format!("\"{typed}\"")).into());
        }
        // A channel is nobody's own; only curators and admins read them.
        ("Query", "channel", "key") => return Some(vec![("\"walls\"".to_owned(), false)]),
        ("Query", "slate" | "signalWeights", "date")
        | ("Query", "slateSelections", "from" | "until") => {
            return Some(vec![("\"2026-03-06\"".to_owned(), false)]);
        }
        ("Query", "slate" | "signalWeights", "hour") => {
            return Some(vec![("21".to_owned(), false)]);
        }
        ("Query", "competitionSchedule", "from") => {
            return Some(vec![("\"2026-03-01T00:00:00Z\"".to_owned(), false)]);
        }
        ("Query", "competitionSchedule", "to") => {
            return Some(vec![("\"2026-03-02T00:00:00Z\"".to_owned(), false)]);
        }
        ("Query", "competitionSchedule", "title") => {
            return Some(vec![(format!("{{ contains: \"{MARK}\" }}"), true)]);
        }
        ("Query", "person", "name") => return aimed(vec![format!("\"{FRIEND}\"")]),
        _ => {}
    }
    match of {
        // People are everybody's, but what is said of them must not count what is private.
        "PersonFilter" => Some(vec![(format!("{{ name: {{ eq: \"{FRIEND}\" }} }}"), false)]),
        "InteractionEventFilter" => aimed(vec![
            format!("{{ user: {{ eq: \"{user}\" }} }}"),
            "{ kind: { in: [VIEW] } }".to_owned(),
        ]),
        "JobFilter" => aimed(vec![
            format!("{{ owner: {{ eq: \"{user}\" }} }}"),
            "{ kind: { in: [RECOMMENDATIONS, ERASURE] } }".to_owned(),
            "{ state: { in: [PENDING, CANCELLED] } }".to_owned(),
        ]),
        "InteractionFilter" => aimed(vec![
            format!("{{ content: {{ eq: \"{}\" }} }}", world.ids["content"]),
            "{ kind: { in: [LIKE] } }".to_owned(),
        ]),
        "ContentFilter" => aimed(vec![
            format!("{{ creator: {{ eq: \"{user}\" }} }}"),
            format!("{{ title: {{ contains: \"{MARK}\" }} }}"),
            "{ visibility: { eq: PRIVATE } }".to_owned(),
            format!(
                "{{ or: [{{ title: {{ contains: \"{MARK}\" }} }}, {{ creator: {{ eq: \"{user}\" }} }}] }}"
            ),
            // All but the one that is everybody's.
            format!(
                "{{ and: [{{ not: {{ title: {{ contains: \"{PASSWORD}\" }} }} }}, {{ not: {{ title: {{ eq: \"{FILM}\" }} }} }}] }}"
            ),
        ]),
        "TraceFilter" => Some(vec![
            (format!("{{ userId: \"{user}\" }}"), true),
            (
                format!("{{ contentId: \"{}\" }}", world.ids["content"]),
                true,
            ),
            // Whoever has lists sees their own.
            ("{ context: FEED }".to_owned(), false),
        ]),
        "ReplayChangesInput" => aimed(vec![format!(
            "{{ exclude: [\"{}\"], minScore: 0 }}",
            world.ids["content"]
        )]),
        // A list comes whatever is lifted in it, and what is private does not come because
        // somebody pins it.
        "BoostInput" => Some(vec![(
            format!("{{ filter: {{ title: {{ contains: \"{MARK}\" }} }}, factor: 10 }}"),
            false,
        )]),
        "PinInput" => Some(vec![(
            format!("{{ contentId: \"{}\", rank: 1 }}", world.ids["content"]),
            false,
        )]),
        "UserFilter" => aimed(vec![
            format!("{{ email: {{ contains: \"{MARK}\" }} }}"),
            format!("{{ favouriteGenres: {{ has: \"{MARK} genre\" }} }}"),
        ]),
        _ => None,
    }
}
