//! People, sessions and keys.

use serde_json::json;

use crate::story::{Story, film, some, text};

pub async fn people_come_and_go(story: &Story) {
    let email = "grace@example.org";
    let input =
        json!({ "email": email, "password": "first-of-three-words", "displayName": "Grace" });
    let made = story.run(None, "register", json!({ "input": input })).await;
    let token = text(&made["register"]["tokens"]["accessToken"]);
    let seen = story.run(Some(&token), "viewer", json!({})).await;
    assert_eq!(seen["viewer"]["email"], email);
    assert_eq!(seen["viewer"]["role"], "USER");
    assert!(story.run(None, "viewer", json!({})).await["viewer"].is_null());

    let input = json!({ "displayName": "Grace H.", "preferences": { "favouriteGenres": ["War"] } });
    let changed = story
        .run(Some(&token), "updateProfile", json!({ "input": input }))
        .await;
    let user = &changed["updateProfile"]["user"];
    assert_eq!(user["displayName"], "Grace H.");
    assert_eq!(user["preferences"]["favouriteGenres"], json!(["War"]));

    // Somebody comes as a visitor, likes a film, and turns out to be Grace.
    let visitor = story.run(None, "startAnonymousSession", json!({})).await;
    let visitor = &visitor["startAnonymousSession"];
    assert_eq!(visitor["user"]["anonymous"], true);
    let anonymous = text(&visitor["tokens"]["accessToken"]);
    let film = film(story, "Red Beard").await;
    let liked = json!({ "input": { "contentId": film, "kind": "LIKE" } });
    story
        .run(Some(&anonymous), "recordInteraction", liked)
        .await;
    let merging = json!({ "input": { "anonymousToken": anonymous } });
    let merged = story.run(Some(&token), "mergeUsers", merging).await;
    assert_eq!(merged["mergeUsers"]["user"]["displayName"], "Grace H.");
    let favourites = story.run(Some(&token), "favourites", json!({})).await;
    assert_eq!(
        favourites["interactions"]["nodes"][0]["content"]["title"],
        "Red Beard"
    );
    let told = story
        .run(Some(&token), "exportUser", json!({ "input": {} }))
        .await;
    assert!(
        told["exportUser"]["export"].to_string().contains(email),
        "the export has what is kept"
    );

    // Tokens are renewed, the password changes, and sessions end.
    let refresh = made["register"]["tokens"]["refreshToken"].clone();
    let renewed = json!({ "input": { "refreshToken": refresh } });
    let renewed = story.run(None, "refreshToken", renewed).await;
    let token = text(&renewed["refreshToken"]["tokens"]["accessToken"]);
    let passwords =
        json!({ "oldPassword": "first-of-three-words", "newPassword": "second-of-three-words" });
    let changed = story
        .run(
            Some(&token),
            "changePassword",
            json!({ "input": passwords }),
        )
        .await;
    assert_eq!(
        changed["changePassword"]["user"]["id"],
        made["register"]["user"]["id"]
    );
    for way_out in ["logout", "logoutEverywhere"] {
        let login = json!({ "input": { "email": email, "password": "second-of-three-words" } });
        let login = story.run(None, "login", login).await;
        let token = text(&login["login"]["tokens"]["accessToken"]);
        let ended = story.run(Some(&token), way_out, json!({})).await;
        assert_eq!(ended[way_out]["done"], true);
    }
}

pub async fn admins_look_after_users_and_keys(story: &Story) {
    let input = json!({ "displayName": "Alan", "email": "alan@example.org", "password": "enigma-enigma-enigma", "role": "USER" });
    let made = story.admin("createUser", json!({ "input": input })).await;
    let id = &made["createUser"]["user"]["id"];
    let role = json!({ "input": { "id": id, "role": "CURATOR" } });
    let set = story.admin("setUserRole", role).await;
    assert_eq!(set["setUserRole"]["user"]["role"], "CURATOR");
    let which = json!({ "input": { "id": id } });
    let disabled = story.admin("disableUser", which.clone()).await;
    assert!(disabled["disableUser"]["user"]["disabledAt"].is_string());
    let enabled = story.admin("enableUser", which).await;
    assert!(enabled["enableUser"]["user"]["disabledAt"].is_null());
    let seen = story.admin("user", json!({ "id": id })).await;
    assert_eq!(
        (&seen["user"]["displayName"], &seen["user"]["role"]),
        (&json!("Alan"), &json!("CURATOR"))
    );
    let variables = json!({
        "filter": { "role": { "eq": "CURATOR" } },
        "orderBy": { "field": "DISPLAY_NAME" }, "first": 1,
    });
    let users = &story.admin("users", variables).await["users"];
    assert_eq!(
        users["totalCount"], 2,
        "Alan and the curator of the demo: {users:#}"
    );
    assert_eq!(users["nodes"][0]["displayName"], "Alan");

    let input = json!({ "name": "shop", "scopes": ["INTERACTIONS_WRITE"] });
    let made = story.admin("createApiKey", json!({ "input": input })).await;
    let made = &made["createApiKey"];
    let secret = text(&made["secret"]);
    assert!(secret.starts_with(&text(&made["apiKey"]["prefix"])));
    let seen = story.run(Some(&secret), "viewer", json!({})).await;
    assert_eq!(seen["viewer"]["name"], "shop");
    let which = json!({ "input": { "id": made["apiKey"]["id"] } });
    let revoked = story.admin("revokeApiKey", which).await;
    assert!(revoked["revokeApiKey"]["apiKey"]["revokedAt"].is_string());
    let keys = story.admin("apiKeys", json!({ "first": 10 })).await;
    assert_eq!(some(&keys["apiKeys"]["nodes"])[0]["name"], "shop");
}

pub async fn somebody_leaves_for_good(story: &Story) {
    let input = json!({ "email": "gone@example.org", "password": "first-of-three-words", "displayName": "Gone" });
    let made = story.run(None, "register", json!({ "input": input })).await;
    let made = &made["register"];
    let token = text(&made["tokens"]["accessToken"]);
    let asked = story
        .run(
            Some(&token),
            "eraseUser",
            json!({ "input": { "myself": true } }),
        )
        .await;
    let asked = &asked["eraseUser"]["job"];
    assert_eq!(asked["kind"], "ERASURE");
    // The one who asked is gone by the end of it, so an admin looks on.
    let events = story.follow(&story.admin, &asked["id"]).await;
    assert_eq!(events.last().unwrap()["state"], "COMPLETED");
    let which = json!({ "id": made["user"]["id"] });
    assert!(story.admin("user", which).await["user"].is_null());
}
