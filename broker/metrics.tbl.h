/*
 * One row per metric: id, Prometheus name, type, label name, label values, how many, help.
 * Names are stable. A METRIC_HISTOGRAM's unit is seconds on /metrics and microseconds here; METRIC_SIZES are plain numbers.
 * Rows about mailboxes (playhouse_mailbox_*, playhouse_handler_*) are made by the metrics actor from the runtime's
 * own counters.
 */
METRIC(METRIC_CONNECTS, "playhouse_connects_total", METRIC_COUNTER, "outcome", outcome_names, OUTCOME_COUNT, "connect decisions by outcome")
METRIC(METRIC_CONNECT_REASONS, "playhouse_connect_refusals_total", METRIC_COUNTER, "reason", reason_names, REASON_COUNT, "connects that were not admitted, by reason")
METRIC(METRIC_ADMISSION_LATENCY, "playhouse_admission_seconds", METRIC_HISTOGRAM, NULL, NULL, 1, "POST connect, from the request to its answer")
METRIC(METRIC_SESSIONS_ACTIVE, "playhouse_sessions_active", METRIC_GAUGE, NULL, NULL, 1, "sessions that play")
METRIC(METRIC_SESSIONS_CONNECTING, "playhouse_sessions_connecting", METRIC_GAUGE, NULL, NULL, 1, "seats held by tickets not yet redeemed")
METRIC(METRIC_TOKENS_REFUSED, "playhouse_tokens_refused_total", METRIC_COUNTER, "fault", token_fault_names, TOKEN_FAULT_COUNT, "access tokens refused")
METRIC(METRIC_CONNECTIONS, "playhouse_connections", METRIC_GAUGE, NULL, NULL, 1, "open WebSockets")
METRIC(METRIC_FRAMES_IN, "playhouse_frames_in_total", METRIC_COUNTER, NULL, NULL, 1, "WebSocket frames read")
METRIC(METRIC_FRAMES_OUT, "playhouse_frames_out_total", METRIC_COUNTER, NULL, NULL, 1, "WebSocket frames written")
METRIC(METRIC_BYTES_OUT, "playhouse_bytes_out_total", METRIC_COUNTER, NULL, NULL, 1, "payload bytes written to WebSockets")
METRIC(METRIC_MESSAGES_REFUSED, "playhouse_messages_refused_total", METRIC_COUNTER, "code", error_names, ERROR_COUNT, "client messages answered by event.error")
METRIC(METRIC_CLOSES, "playhouse_closes_total", METRIC_COUNTER, "reason", close_code_names, CLOSE_CODE_COUNT, "WebSockets closed by the server")
METRIC(METRIC_DELTAS_COALESCED, "playhouse_deltas_coalesced_total", METRIC_COUNTER, NULL, NULL, 1, "deltas left out for a slow client, later made good by a whole state")
METRIC(METRIC_HTTP_REQUESTS, "playhouse_http_requests_total", METRIC_COUNTER, NULL, NULL, 1, "HTTP API requests")
METRIC(METRIC_ACTION_LATENCY, "playhouse_action_seconds", METRIC_HISTOGRAM, NULL, NULL, 1, "an intent, from its frame to its ack")
METRIC(METRIC_ACTIONS, "playhouse_actions_total", METRIC_COUNTER, "kind", action_kind_names, ACTION_KIND_COUNT, "actions acknowledged")
METRIC(METRIC_DELTAS, "playhouse_deltas_total", METRIC_COUNTER, NULL, NULL, 1, "deltas made by rooms")
METRIC(METRIC_ROOM_RELOADS, "playhouse_room_reloads_total", METRIC_COUNTER, NULL, NULL, 1, "rooms that started again from the store after a refused or unknown commit")
METRIC(METRIC_ROOM_MEMBERS, "playhouse_room_members", METRIC_GAUGE, NULL, NULL, 1, "characters in rooms")
METRIC(METRIC_COMMITS, "playhouse_commits_total", METRIC_COUNTER, NULL, NULL, 1, "transactions committed")
METRIC(METRIC_COMMIT_FAILURES, "playhouse_commit_failures_total", METRIC_COUNTER, NULL, NULL, 1, "transactions that failed")
METRIC(METRIC_COMMIT_SIZE, "playhouse_commit_batch_size", METRIC_SIZES, NULL, NULL, 1, "actions in one transaction")
METRIC(METRIC_COMMIT_LATENCY, "playhouse_commit_seconds", METRIC_HISTOGRAM, NULL, NULL, 1, "one transaction, from its begin to its commit")
METRIC(METRIC_LATE_ANSWERS, "playhouse_late_answers_total", METRIC_COUNTER, NULL, NULL, 1, "answers that came after their deadline")
