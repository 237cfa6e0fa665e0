-- Versions that outlive their training: judged, kept, served again.

-- When its training ended and it was judged; until then it is in training, or was stopped.
ALTER TABLE model_versions ADD COLUMN trained_at timestamptz;
-- Whether what it has learned is still there, so that it can be served.
ALTER TABLE model_versions ADD COLUMN kept boolean NOT NULL DEFAULT true;
-- The version of another kind that it was trained with: the two are served together.
ALTER TABLE model_versions ADD COLUMN trained_with uuid REFERENCES model_versions (id) ON DELETE SET NULL;
-- The file that it is read from again, in the object store by the id of the version.
ALTER TABLE model_versions ADD COLUMN artifact_bytes bigint CHECK (artifact_bytes >= 0);
ALTER TABLE model_versions ADD COLUMN artifact_sha256 bytea CHECK (octet_length(artifact_sha256) = 32);
ALTER TABLE model_versions ADD CHECK ((artifact_bytes IS NULL) = (artifact_sha256 IS NULL));
CREATE INDEX model_versions_trained_with ON model_versions (trained_with) WHERE trained_with IS NOT NULL;

-- Files take the place of these rows. Models that were read from them are trained anew.
UPDATE model_versions SET trained_at = coalesce(activated_at, created_at) WHERE state <> 'CANDIDATE';
UPDATE model_versions SET state = 'RETIRED', kept = false
 WHERE state <> 'CANDIDATE' AND kind <> 'RANKER';
DROP TABLE model_artifacts;
