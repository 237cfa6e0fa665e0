//! Watching jobs come and go: every change of any that the viewer may see.
//!
//! The bus tells of changes as they happen. It does not tell of those in other processes where there
//! is no Redis, or none just now: so every few seconds the table is asked what runs, waits and has
//! just ended, once for all who watch in this process.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use tokio::time::{Instant, sleep_until};

use super::model::{Job, JobFilter, JobOrder, JobState};
use super::service::{JobNote, JobService};
use crate::domain::auth::Viewer;
use crate::foundation::page::Window;
use crate::foundation::{Id, Result, id};
use crate::platform::bus::{Heard, Listener, Topic};

/// How often one who watches looks at the table, though nobody says that a job changed. What ended
/// longer ago than [`JobService::recent`] remembers is not found by it.
const LOOK_EVERY: Duration = Duration::from_secs(5);

impl JobService {
    /// The jobs that the viewer may see and that fit, whenever one of them changes. Those that are
    /// not over come first, as they are now.
    ///
    /// # Errors
    /// Those of [`JobService::list`].
    pub async fn watch(
        &self,
        viewer: &Viewer,
        filter: JobFilter,
    ) -> Result<impl Stream<Item = Job> + use<>> {
        // Listened for before looking: what happens in between is heard.
        let listener = self.bus.subscribe(Topic::Jobs);
        // What ended before anybody watched is no news.
        let before = self.store.recent().await?;
        let over = before.iter().filter(|job| job.state.is_over());
        let over = over.map(|job| (job.id, job.events)).collect();
        let present = self.unfinished(viewer, &filter).await?;
        let watcher = Watcher {
            service: self.clone(),
            viewer: viewer.clone(),
            filter,
            listener,
            look_at: Instant::now() + LOOK_EVERY,
            present: present.into(),
            told: HashMap::new(),
            over,
        };
        Ok(futures::stream::unfold(watcher, Watcher::step))
    }

    /// The newest jobs that fit and are not over, at most a page.
    async fn unfinished(&self, viewer: &Viewer, filter: &JobFilter) -> Result<Vec<Job>> {
        let window = Window::read(Some(100), None, None, None)?;
        let order = (JobOrder::CreatedAt, false);
        let mut filter = filter.clone();
        let states = filter
            .state
            .one_of
            .get_or_insert_with(|| JobState::ALL.to_vec());
        states.retain(|state| !state.is_over());
        let page = self.list(viewer, &filter, order, &window).await?;
        let mut jobs = page.rows;
        jobs.reverse();
        Ok(jobs)
    }

    /// The job as the event of a note left it, or later.
    async fn noted(&self, note: &JobNote) -> Option<Job> {
        let read = async {
            let jobs = self.store.find_many(&Viewer::Command, &[note.job]).await?;
            Ok::<_, crate::foundation::Error>(jobs.into_iter().next())
        };
        match self.seen.try_get_with((note.job, note.event), read).await {
            Ok(job) => job,
            Err(error) => {
                tracing::warn!(%error, "A job that changed could not be read");
                None
            }
        }
    }

    /// What runs, waits or has just ended, read once a second at most; `None` where the database
    /// fails.
    async fn recent(&self) -> Option<Arc<Vec<Job>>> {
        let read = async { self.store.recent().await.map(Arc::new) };
        let recent = self.recent.try_get_with((), read).await;
        recent
            .inspect_err(|error| tracing::warn!(%error, "The jobs cannot be looked at"))
            .ok()
    }
}

/// One who watches the jobs.
struct Watcher {
    service: JobService,
    viewer: Viewer,
    filter: JobFilter,
    listener: Listener,
    look_at: Instant,
    present: VecDeque<Job>,
    /// The latest event that was told, of jobs that are not over.
    told: HashMap<Id<id::Job>, i64>,
    /// The last event of jobs that are over and are still found by a look.
    over: HashMap<Id<id::Job>, i64>,
}

impl Watcher {
    async fn step(mut self) -> Option<(Job, Self)> {
        loop {
            while let Some(job) = self.present.pop_front() {
                if self.is_news(&job) {
                    return Some((job, self));
                }
            }
            let heard = tokio::select! {
                heard = self.listener.next() => heard,
                () = sleep_until(self.look_at) => Heard::Missed,
            };
            match heard {
                Heard::Note(note) => {
                    let Ok(note) = serde_json::from_str::<JobNote>(&note) else {
                        continue; // of another version of the program
                    };
                    if self.may_see(note.owner, &note.asked_by)
                        && let Some(job) = self.service.noted(&note).await
                        && self.filter.matches(&job)
                    {
                        self.present.push_back(job);
                    }
                }
                Heard::Missed => self.look().await,
            }
        }
    }

    /// Finds what changed unheard.
    async fn look(&mut self) {
        self.look_at = Instant::now() + LOOK_EVERY;
        let Some(recent) = self.service.recent().await else {
            return;
        };
        let found: HashSet<_> = recent.iter().map(|job| job.id).collect();
        self.over.retain(|job, _| found.contains(job));
        let fitting = recent
            .iter()
            .filter(|job| self.may_see(job.owner, &job.asked_by) && self.filter.matches(job));
        let fitting: Vec<Job> = fitting.cloned().collect();
        self.present.extend(fitting);
        // What was told and is no longer found: it waits behind many others, ended a while ago, or
        // was removed.
        let told = self.told.keys().copied();
        let lost: HashSet<_> = told.filter(|job| !found.contains(job)).collect();
        if lost.is_empty() {
            return;
        }
        let ids: Vec<_> = lost.iter().copied().collect();
        if let Ok(jobs) = self.service.find_many(&self.viewer, &ids).await {
            let open = jobs.iter().filter(|job| !job.state.is_over());
            let open: HashSet<_> = open.map(|job| job.id).collect();
            self.told
                .retain(|job, _| !lost.contains(job) || open.contains(job));
            let filter = &self.filter;
            let fitting = jobs.into_iter().filter(|job| filter.matches(job));
            self.present.extend(fitting);
        }
    }

    fn may_see(&self, owner: Option<Id<id::User>>, asked_by: &str) -> bool {
        self.viewer.is_admin()
            || match self.viewer.user() {
                Some(user) => owner == Some(user),
                None => asked_by == self.viewer.name(),
            }
    }

    /// Whether this was not told yet; notes that come late tell what was told already.
    fn is_news(&mut self, job: &Job) -> bool {
        let known = self.told.get(&job.id).max(self.over.get(&job.id));
        if known.is_some_and(|known| job.events <= *known) {
            return false;
        }
        let (of, other) = if job.state.is_over() {
            (&mut self.over, &mut self.told)
        } else {
            (&mut self.told, &mut self.over)
        };
        of.insert(job.id, job.events);
        other.remove(&job.id);
        true
    }
}
