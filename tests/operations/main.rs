//! The operations that frontends begin with, `frontend-examples/operations`, each against a server
//! with the demo in it.
//!
//! They are one story, told in parts that follow each other, since a list needs a model, a click
//! needs a list and a figure needs a click; the last part says which of the files were left out.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

#[allow(dead_code, reason = "these tests never misbehave")]
#[path = "../push/client.rs"]
mod client;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;

mod access;
mod catalogue;
mod experiments;
mod interactions;
mod jobs;
mod lists;
mod slates;
mod story;

use server::{Server, bearer};
use story::Story;

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_an_operation_does_what_it_says() {
    let story = Story::begin().await;
    access::people_come_and_go(&story).await;
    access::admins_look_after_users_and_keys(&story).await;
    catalogue::the_catalogue_is_read(&story).await;
    catalogue::the_catalogue_is_written(&story).await;
    catalogue::things_are_found(&story).await;
    jobs::a_training_is_followed_to_its_end(&story).await;
    catalogue::a_vector_of_ones_own_is_brought(&story).await;
    lists::lists_are_drawn(&story).await;
    lists::a_list_is_explained(&story).await;
    lists::likeness_is_shown(&story).await;
    lists::clicks_are_told_and_counted(&story).await;
    interactions::what_people_do_is_recorded(&story).await;
    interactions::what_people_do_is_heard_at_once(&story).await;
    jobs::every_kind_of_job_is_done(&story).await;
    jobs::jobs_are_cancelled_begun_again_and_removed(&story).await;
    catalogue::channels_and_their_schedules_are_looked_after(&story).await;
    jobs::the_server_tells_of_itself(&story).await;
    experiments::an_admin_tries_another_setting(&story).await;
    slates::a_curator_programmes_an_evening(&story).await;
    access::somebody_leaves_for_good(&story).await;
    story.end().await;
}
