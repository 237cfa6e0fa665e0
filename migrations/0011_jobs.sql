-- Background work that people see. The table is the queue.
--
-- All its times are the database's, so that servers whose clocks differ agree on who holds what.

CREATE TABLE generation_jobs (
    id             uuid PRIMARY KEY,
    kind           text NOT NULL CHECK (kind IN (
                       'CONTENT_TEXT', 'CONTENT_IMAGE', 'RECOMMENDATIONS', 'TRAINING', 'EMBEDDINGS',
                       'IMPORT', 'EVALUATION', 'CACHE_WARMING', 'ERASURE', 'STATISTICS', 'RETENTION')),
    -- Typed in the program, by kind.
    parameters     jsonb NOT NULL,
    state          text NOT NULL DEFAULT 'PENDING'
                       CHECK (state IN ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED')),
    priority       smallint NOT NULL DEFAULT 0 CHECK (priority BETWEEN -100 AND 100),
    -- Who asked. Nobody: a schedule, an app or the shell, as `asked_by` says.
    owner_id       uuid REFERENCES users (id) ON DELETE SET NULL,
    asked_by       text NOT NULL,
    -- Of what is asked for: of jobs that wait to be begun for the first time there is one of each.
    unique_key     bytea NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    -- It waits until then.
    due_at         timestamptz NOT NULL DEFAULT now(),
    started_at     timestamptz,
    finished_at    timestamptz,
    -- How often it was begun, and how often it may be.
    attempt        smallint NOT NULL DEFAULT 0,
    attempts       smallint NOT NULL CHECK (attempts BETWEEN 1 AND 10),
    -- Who runs it, and until when nobody else may.
    worker_id      uuid,
    lease_until    timestamptz,
    cancel_asked   boolean NOT NULL DEFAULT false,
    -- How far it is: that of its latest event.
    events         bigint NOT NULL DEFAULT 0,
    fraction       real CHECK (fraction BETWEEN 0 AND 1),
    step           text,
    message        text,
    remaining      real CHECK (remaining >= 0), -- seconds
    result         jsonb,
    error          text,
    CHECK ((state = 'RUNNING') = (lease_until IS NOT NULL)),
    CHECK ((state = 'RUNNING') = (worker_id IS NOT NULL)),
    CHECK ((state IN ('COMPLETED', 'FAILED', 'CANCELLED')) = (finished_at IS NOT NULL))
);
CREATE UNIQUE INDEX generation_jobs_waiting ON generation_jobs (unique_key)
    WHERE state = 'PENDING' AND started_at IS NULL;
CREATE INDEX generation_jobs_due ON generation_jobs (priority DESC, due_at, id) WHERE state = 'PENDING';
CREATE INDEX generation_jobs_running ON generation_jobs (lease_until) WHERE state = 'RUNNING';
CREATE INDEX generation_jobs_owner ON generation_jobs (owner_id, id DESC);
CREATE INDEX generation_jobs_finished ON generation_jobs (finished_at) WHERE finished_at IS NOT NULL;

-- How far each job was, numbered from 1 within the job.
CREATE TABLE job_events (
    job_id     uuid NOT NULL REFERENCES generation_jobs (id) ON DELETE CASCADE,
    number     bigint NOT NULL CHECK (number >= 1),
    at         timestamptz NOT NULL DEFAULT now(),
    state      text NOT NULL,
    attempt    smallint NOT NULL,
    fraction   real,
    step       text,
    message    text,
    remaining  real,
    PRIMARY KEY (job_id, number)
);

-- Who works. Those not seen for a while are gone.
CREATE TABLE workers (
    id          uuid PRIMARY KEY,
    name        text NOT NULL,
    slots       integer NOT NULL CHECK (slots >= 1),
    draining    boolean NOT NULL DEFAULT false,
    started_at  timestamptz NOT NULL DEFAULT now(),
    seen_at     timestamptz NOT NULL DEFAULT now()
);

-- When each schedule comes next. Whoever moves `next_at` on makes the job, in one transaction.
CREATE TABLE schedules (
    name     text PRIMARY KEY,
    cron     text NOT NULL,
    next_at  timestamptz NOT NULL,
    last_at  timestamptz,
    last_job uuid
);

-- What happened in each hour, UTC, summed up when it was over.
CREATE TABLE hourly_statistics (
    hour           timestamptz PRIMARY KEY,
    interactions   bigint NOT NULL,
    active_users   bigint NOT NULL,
    lists          bigint NOT NULL,
    feedback       bigint NOT NULL,
    jobs_completed bigint NOT NULL,
    jobs_failed    bigint NOT NULL
);
