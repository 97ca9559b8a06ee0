-- Exactly-once effects: what workers and clients that share the database call inside their own transactions.
-- What cannot be told before somebody else's transaction commits is left here; the leader tells it, once a second.
CREATE TABLE "escapement"."unannounced" (
	"id" bigint PRIMARY KEY NOT NULL GENERATED ALWAYS AS IDENTITY (sequence name "escapement"."unannounced_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"run_id" bigint NOT NULL,
	"namespace_id" integer NOT NULL,
	"job_id" integer NOT NULL,
	"state" text NOT NULL,
	"awaited" boolean DEFAULT false NOT NULL,
	"gated" boolean DEFAULT false NOT NULL
);
--> statement-breakpoint
ALTER TABLE escapement.unannounced SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
--> statement-breakpoint
-- running → ended, as the worker's own transaction commits: engine/leave.ts in SQL, for one success. Deleting the lease
-- is the guard. No row that another transaction may want stays locked but the lease's own, which the sweep and the
-- heartbeats step around. `transaction` is what pg_current_xact_id() said before the first effect: it catches drivers
-- that go on in autocommit after their session died (RELIABILITY M1).
CREATE FUNCTION escapement.complete(lease text, output jsonb DEFAULT NULL, transaction xid8 DEFAULT NULL)
	RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	lease_run bigint;
	lease_secret uuid;
	gone escapement.lease;
	finish timestamptz;
BEGIN
	IF complete.transaction <> pg_current_xact_id() THEN
		RAISE EXCEPTION USING ERRCODE = 'S0003', MESSAGE = 'this is not the transaction that the effects belong to',
			HINT = 'Its connection was lost and with it the effects; begin anew.';
	END IF;
	IF complete.lease !~ '^[1-9][0-9]{0,18}-[0-9a-f]{32}$' IS NOT FALSE
		OR split_part(complete.lease, '-', 1)::numeric > 9223372036854775807 THEN
		RAISE EXCEPTION USING ERRCODE = 'S0004', MESSAGE = 'there is no such lease';
	END IF;
	IF octet_length(complete.output::text) > 262144 THEN
		RAISE EXCEPTION USING ERRCODE = 'S0007', MESSAGE = format('output: has %s bytes; at most 262144 are allowed', octet_length(complete.output::text)),
			HINT = 'Put more into a table of your own or an output file.';
	END IF;
	lease_run := split_part(complete.lease, '-', 1);
	lease_secret := split_part(complete.lease, '-', 2);

	DELETE FROM escapement.lease l WHERE l.id = lease_run AND l.secret = lease_secret AND l.cancel_at IS NULL
	RETURNING l.* INTO gone;
	IF gone.id IS NULL THEN
		IF EXISTS (SELECT FROM escapement.lease l WHERE l.id = lease_run AND l.secret = lease_secret) THEN
			RAISE EXCEPTION USING ERRCODE = 'S0008', MESSAGE = 'somebody asked to cancel the run; its success is not wanted any more',
				HINT = 'Roll back and report the lease to the server; the run then ends CANCELLED.';
		ELSIF EXISTS (SELECT FROM escapement.ended e WHERE e.id = lease_run AND e.secret = lease_secret AND e.outcome = 'SUCCEEDED') THEN
			RAISE EXCEPTION USING ERRCODE = 'S0009', MESSAGE = 'the lease was completed before; its effects are there already',
				HINT = 'Roll back; there is nothing left to do.';
		ELSIF EXISTS (SELECT FROM escapement.run r WHERE r.id = lease_run) THEN
			RAISE EXCEPTION USING ERRCODE = 'S0002', MESSAGE = 'this lease is over; the run is not yours any more',
				HINT = 'Roll back and stop working on the run.';
		END IF;
		RAISE EXCEPTION USING ERRCODE = 'S0004', MESSAGE = 'there is no such lease',
			HINT = CASE WHEN current_setting('transaction_isolation') <> 'read committed'
				THEN 'A transaction of this isolation level sees only leases that were claimed before it began.'
				ELSE 'Pass the lease''s id as the claim answered it.' END;
	END IF;
	finish := escapement.clock();

	WITH archived AS (
		INSERT INTO escapement.ended (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
			scheduled_at, input, payload, tags, gates, fence, failures, lost, released, awaited, retry,
			ready_at, secret, executor_id, started_at, ended_at, state, outcome, output, progress)
		VALUES (gone.id, gone.namespace_id, gone.job_id, gone.version_id, gone.queue_id, gone.priority, gone.trigger_id, gone.parent_id,
			gone.scheduled_at, gone.input, gone.payload, gone.tags, gone.gates, gone.fence, gone.failures, gone.lost, gone.released, gone.awaited, gone.retry,
			gone.ready_at, gone.secret, gone.executor_id, gone.started_at, finish, 'SUCCEEDED', 'SUCCEEDED', complete.output::text, gone.progress)
		RETURNING id, namespace_id, job_id, state, awaited, gates
	),
	unstaged AS (
		DELETE FROM escapement.staged s WHERE s.parent_id = gone.id AND s.secret = gone.secret RETURNING s.*
	),
	child AS (
		SELECT u.*, greatest(u.scheduled_at, finish) AS born_at, coalesce(u.joins <> 0, false) OR u.after_ids IS NOT NULL OR u.join_ids IS NOT NULL AS depends, CASE WHEN u.wake_at > finish THEN u.wake_at END AS wakes
		FROM unstaged u
	),
	child_ready AS (
		INSERT INTO escapement.ready (id, namespace_id, job_id, version_id, queue_id, priority, parent_id,
			scheduled_at, input, payload, tags, awaited, retry, skip_at, ready_at)
		SELECT id, namespace_id, job_id, version_id, queue_id, priority, parent_id,
			born_at, input, payload, tags, awaited OR gone.awaited, retry, skip_at + (born_at - scheduled_at), finish
		FROM child WHERE NOT depends AND wakes IS NULL AND gates IS NULL
	),
	child_waiting AS (
		INSERT INTO escapement.waiting (id, namespace_id, job_id, version_id, queue_id, priority, parent_id,
			scheduled_at, input, payload, tags, gates, awaited, retry, skip_at, wake_at, wake_kind)
		SELECT id, namespace_id, job_id, version_id, queue_id, priority, parent_id,
			born_at, input, payload, tags, gates, awaited OR gone.awaited, retry, skip_at + (born_at - scheduled_at), wakes, CASE WHEN wakes IS NOT NULL THEN 'TIME' END
		FROM child WHERE depends OR wakes IS NOT NULL OR gates IS NOT NULL
	),
	child_dependency AS (
		INSERT INTO escapement.dependency (on_run_id, run_id, kind)
		SELECT c.id, j.id, 'JOIN' FROM child j JOIN child c ON c.call = j.call AND c.joins IS NULL WHERE j.joins > 0
		UNION ALL SELECT gone.id, id, 'LINE' FROM child WHERE joins < 0
		UNION ALL SELECT w, j.id, 'AFTER' FROM child j CROSS JOIN unnest(j.after_ids) AS w
		UNION ALL SELECT w, j.id, 'JOIN' FROM child j CROSS JOIN unnest(j.join_ids) AS w
	),
	changed AS (
		SELECT id, namespace_id, job_id, state, awaited, gates IS NOT NULL AS gated, state AS what FROM archived
		UNION ALL
		SELECT id, namespace_id, job_id, CASE WHEN depends OR wakes IS NOT NULL OR gates IS NOT NULL THEN 'WAITING' ELSE 'READY' END, false,
			gates IS NOT NULL, 'STARTED' FROM child
	),
	tallied AS (
		INSERT INTO escapement.tally (namespace_id, at, what, source, count)
		SELECT namespace_id, date_bin('10 seconds', finish, 'epoch'), what, 'sql/' || pg_backend_pid(), count(*)
		FROM changed GROUP BY 1, 3
		ON CONFLICT (at, namespace_id, what, source) DO UPDATE SET count = tally.count + excluded.count
	)
	INSERT INTO escapement.unannounced (run_id, namespace_id, job_id, state, awaited, gated)
	SELECT id, namespace_id, job_id, state, awaited, gated FROM changed;

	-- A fixed-delay trigger counts from this end.
	UPDATE escapement.trigger t SET
		state = CASE WHEN t.state = 'PAUSED' THEN 'PAUSED' WHEN upcoming.last THEN 'COMPLETE' ELSE 'NORMAL' END,
		next_at = CASE WHEN NOT upcoming.last THEN upcoming.at END,
		blocked_by = NULL
	FROM (
		SELECT b.id, finish + b.delay_ms * interval '1 millisecond' AS at,
			b.fires_left = 0 IS TRUE OR finish + b.delay_ms * interval '1 millisecond' > coalesce(b.end_at, 'infinity') AS last
		FROM escapement.trigger b WHERE b.id = gone.trigger_id AND b.blocked_by = gone.id
	) AS upcoming
	WHERE t.id = upcoming.id AND t.blocked_by = gone.id AND t.state IN ('BLOCKED', 'PAUSED');
END
$$;
--> statement-breakpoint
-- – → waiting | ready in the caller's transaction: engine/enqueue.ts in SQL, for one run. It takes no lock that an
-- arrow waits for: the runs of `after` are not marked, their end is noticed by the repair.
CREATE FUNCTION escapement.start_run(namespace text, job text, input jsonb DEFAULT NULL, options jsonb DEFAULT NULL)
	RETURNS bigint LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	asked jsonb := jsonb_strip_nulls(coalesce(start_run.options, '{}'));
	problem text;
	number_of_namespace integer;
	definition record;
	new_run bigint := escapement.next_run_id();
	known record;
	begun timestamptz;
	wakes timestamptz;
	waits_for bigint[];
	large boolean := octet_length(start_run.input::text) > 2000 IS TRUE;
BEGIN
	problem := CASE
		WHEN jsonb_typeof(asked) <> 'object' THEN 'options: must be an object'
		WHEN asked - '{priority,runAt,delaySeconds,tags,idempotencyKey,after}'::text[] <> '{}' THEN
			format('options.%s: there is no such option', (SELECT min(k) FROM jsonb_object_keys(asked - '{priority,runAt,delaySeconds,tags,idempotencyKey,after}'::text[]) k))
		WHEN asked ? 'priority' AND CASE WHEN jsonb_typeof(asked->'priority') = 'number'
			THEN (asked->>'priority')::numeric % 1 <> 0 OR abs((asked->>'priority')::numeric) > 32000 ELSE true END THEN
			'options.priority: must be a whole number from -32000 to 32000'
		WHEN asked ? 'delaySeconds' AND CASE WHEN jsonb_typeof(asked->'delaySeconds') = 'number'
			THEN (asked->>'delaySeconds')::numeric NOT BETWEEN 0 AND 3153600000 ELSE true END THEN
			'options.delaySeconds: must be a number of seconds from 0 to 3153600000'
		WHEN asked ? 'runAt' AND asked->>'runAt' !~* '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$' THEN
			'options.runAt: must be a date and time such as 2026-01-31T09:30:00Z'
		WHEN asked ?& '{runAt,delaySeconds}' THEN 'options.delaySeconds: give either runAt or delaySeconds, not both'
		WHEN asked ? 'tags' AND CASE WHEN jsonb_typeof(asked->'tags') = 'array' THEN jsonb_array_length(asked->'tags') > 50
			OR EXISTS (SELECT FROM jsonb_array_elements(asked->'tags') t WHERE jsonb_typeof(t) <> 'string'
				OR length(t #>> '{}') NOT BETWEEN 1 AND 128 OR t #>> '{}' ~ '^\s|\s$|[[:cntrl:]]') ELSE true END THEN
			'options.tags: must be at most 50 texts of 1 to 128 characters without blanks around them or control characters'
		WHEN asked ? 'idempotencyKey' AND (jsonb_typeof(asked->'idempotencyKey') <> 'string'
			OR length(asked->>'idempotencyKey') NOT BETWEEN 1 AND 200 OR asked->>'idempotencyKey' ~ '[[:cntrl:]]') THEN
			'options.idempotencyKey: must be a text of 1 to 200 characters without control characters'
		WHEN asked ? 'after' AND CASE WHEN jsonb_typeof(asked->'after') = 'array' THEN jsonb_array_length(asked->'after') > 1000
			OR EXISTS (SELECT FROM jsonb_array_elements_text(asked->'after') r WHERE CASE WHEN r ~ '^[1-9][0-9]{0,18}$' THEN r::numeric > 9223372036854775807 ELSE true END) ELSE true END THEN
			'options.after: must be at most 1000 ids of runs'
	END;
	IF problem IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'S0005', MESSAGE = problem;
	END IF;
	IF octet_length(start_run.input::text) > 262144 THEN
		RAISE EXCEPTION USING ERRCODE = 'S0007', MESSAGE = format('input: has %s bytes; at most 262144 are allowed', octet_length(start_run.input::text)),
			HINT = 'Put more into a table and name it in the input.';
	END IF;

	SELECT n.id INTO number_of_namespace FROM escapement.namespace n WHERE n.name = start_run.namespace;
	IF number_of_namespace IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'S0004', MESSAGE = format('namespace: there is no namespace "%s"', start_run.namespace);
	END IF;
	SELECT j.id AS job_id, v.id AS version_id, v.queue_id, v.priority, v."unique",
		CASE WHEN v.late = 'SKIP' THEN v.start_deadline_ms END AS skip_after_ms INTO definition
	FROM escapement.job j JOIN escapement.job_version v ON v.id = j.version_id
	WHERE j.namespace_id = number_of_namespace AND j.name = start_run.job AND j.deleted_at IS NULL;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'S0004', MESSAGE = format('job: there is no job "%s" in namespace "%s"', start_run.job, start_run.namespace);
	END IF;
	IF definition."unique" IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'S0005', MESSAGE = format('job: job "%s" is unique by a key, whose lock no transaction but the server''s may hold', start_run.job),
			HINT = 'Start it through the server, over GraphQL or POST /v1/runs.';
	END IF;
	IF asked ? 'after' THEN
		SELECT array_agg(DISTINCT r::bigint) INTO waits_for FROM jsonb_array_elements_text(asked->'after') r;
		SELECT min(w) INTO problem FROM unnest(waits_for) w
		WHERE NOT EXISTS (SELECT FROM escapement.run r WHERE r.id = w AND r.namespace_id = number_of_namespace);
		IF problem IS NOT NULL THEN
			RAISE EXCEPTION USING ERRCODE = 'S0005', MESSAGE = format('options.after: there is no run "%s" in namespace "%s"', problem, start_run.namespace);
		END IF;
	END IF;
	BEGIN
		wakes := asked->>'runAt';
	EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN
		RAISE EXCEPTION USING ERRCODE = 'S0005', MESSAGE = format('options.runAt: "%s" is no date and time', asked->>'runAt');
	END;

	IF asked ? 'idempotencyKey' THEN
		INSERT INTO escapement.idempotency AS k (namespace_id, key, hash, run_ids)
		VALUES (number_of_namespace, asked->>'idempotencyKey',
			sha256(convert_to(jsonb_build_array(start_run.job, start_run.input, asked)::text, 'UTF8')), ARRAY[new_run])
		ON CONFLICT (namespace_id, key) DO UPDATE SET touched_at = excluded.touched_at
		RETURNING k.run_ids[1] AS run_id, k.hash INTO known;
		IF known.run_id <> new_run THEN
			IF known.hash <> sha256(convert_to(jsonb_build_array(start_run.job, start_run.input, asked)::text, 'UTF8')) THEN
				RAISE EXCEPTION USING ERRCODE = 'S0006', MESSAGE = format('options.idempotencyKey: "%s" was used for another request', asked->>'idempotencyKey'),
					HINT = 'Choose a new key.';
			END IF;
			RETURN known.run_id;
		END IF;
	END IF;

	begun := escapement.clock();
	wakes := coalesce(wakes, begun + (asked->>'delaySeconds')::float8 * interval '1 second');
	IF large THEN
		INSERT INTO escapement.payload (run_id, json) VALUES (new_run, start_run.input::text);
	END IF;
	WITH item AS (
		SELECT new_run AS id, number_of_namespace AS namespace_id, definition.job_id, definition.version_id, definition.queue_id,
			coalesce((asked->>'priority')::numeric::smallint, definition.priority) AS priority, coalesce(wakes, begun) AS scheduled_at,
			CASE WHEN NOT large THEN start_run.input::text END AS input, large::integer::smallint AS payload,
			(SELECT array_agg(tag ORDER BY n) FROM (SELECT tag, min(n) AS n
				FROM jsonb_array_elements_text(asked->'tags') WITH ORDINALITY AS t(tag, n) GROUP BY tag) AS each) AS tags,
			coalesce(wakes, begun) + definition.skip_after_ms * interval '1 millisecond' AS skip_at,
			wakes > begun IS TRUE AS delayed, waits_for IS NOT NULL AS depends,
			-- The leader lets it in when it tells of it: nobody else's transaction may hold the lock of a key.
			escapement.job_gates(definition.version_id, coalesce((asked->>'priority')::numeric::smallint, definition.priority)) AS gates
	),
	made_ready AS (
		INSERT INTO escapement.ready (id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, input, payload, tags, skip_at, ready_at)
		SELECT id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, input, payload, tags, skip_at, begun
		FROM item WHERE NOT delayed AND NOT depends AND gates IS NULL
	),
	made_waiting AS (
		INSERT INTO escapement.waiting (id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, input, payload, tags, gates, skip_at, wake_at, wake_kind)
		SELECT id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, input, payload, tags, gates, skip_at,
			CASE WHEN delayed THEN wakes END, CASE WHEN delayed THEN 'TIME' END
		FROM item WHERE delayed OR depends OR gates IS NOT NULL
	),
	made_dependency AS (
		INSERT INTO escapement.dependency (on_run_id, run_id) SELECT w, new_run FROM unnest(waits_for) w
	),
	tallied AS (
		INSERT INTO escapement.tally (namespace_id, at, what, source, count)
		VALUES (number_of_namespace, date_bin('10 seconds', begun, 'epoch'), 'STARTED', 'sql/' || pg_backend_pid(), 1)
		ON CONFLICT (at, namespace_id, what, source) DO UPDATE SET count = tally.count + excluded.count
	)
	INSERT INTO escapement.unannounced (run_id, namespace_id, job_id, state, gated)
	SELECT id, namespace_id, job_id, CASE WHEN delayed OR depends OR gates IS NOT NULL THEN 'WAITING' ELSE 'READY' END,
		gates IS NOT NULL FROM item;
	RETURN new_run;
END
$$;
--> statement-breakpoint
-- Whoever may call start_run may start any job; a lease's id is the right to complete it. Both only by an express grant.
REVOKE ALL ON FUNCTION escapement.complete(text, jsonb, xid8), escapement.start_run(text, text, jsonb, jsonb) FROM PUBLIC;
