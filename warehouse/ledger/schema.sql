-- The tables of the ledger: file names, counts and keyed hashes; never a row or a value.
create table if not exists meta (name text primary key, value text not null) strict;
create table if not exists batches (
    batch_id text primary key, feed text not null, content_hash text not null,
    as_of text not null,
    committed_at text not null, generation integer not null,
    unique (feed, content_hash)
) strict;
create table if not exists counts (
    batch_id text not null references batches (batch_id), source text not null,
    outcome text not null, reason text not null, rows integer not null,
    primary key (batch_id, source, outcome, reason)
) strict;
create table if not exists parts (
    path text primary key, source text not null, partition text not null, key_name text not null,
    event_date text, retention_days integer, rows integer not null, bytes integer not null,
    columns text not null, batch_id text not null, added integer not null,
    removed integer, removed_at text, removed_why text,
    unlinked_at text, hold text
) strict;
create table if not exists dirty_days (
    source text not null, event_date text not null, generation integer not null,
    primary key (source, event_date)
) strict;
create table if not exists access_log (at text not null, what text not null) strict;
create table if not exists destroyed_keys (key_name text not null, destroyed_at text not null) strict;

-- Retention. Subjects are keyed hashes of workspaces; the empty subject is every workspace without a row.
create table if not exists applied_windows (
    category text not null, subject text not null, days integer not null, history text not null,
    primary key (category, subject)
) strict;
create table if not exists horizons (
    category text not null, subject text not null, through text not null,
    primary key (category, subject)
) strict;
create table if not exists terminated (subject text primary key, since text not null) strict;
create table if not exists tombstones (
    source text not null, event_date text not null, retention_days integer not null,
    deleted_as_of text not null, evidence integer not null,
    primary key (source, event_date, retention_days)
) strict;
create table if not exists gaps (event_date text primary key, as_of text not null) strict;
-- Rows that went although their file lives on, rewritten: by why they went.
create table if not exists row_decisions (
    source text not null, decision text not null, rows integer not null, primary key (source, decision)
) strict;
-- Retention inputs as they were known: numbers, dates, names of rules; holds on a person without the person.
create table if not exists known_inputs (
    subject text not null, kind text not null, name text not null, value text not null,
    known_from text not null, known_to text,
    primary key (subject, kind, name, known_from)
) strict;
-- Slices of cubes as they were published. A slice published again has several revisions, one in force.
create table if not exists released_slices (
    cube text not null, period text not null, revision integer not null, digest text not null,
    rows integer not null, why text not null, released_at text not null, ended_at text,
    is_changing integer not null default 0, primary key (cube, period, revision)
) strict;
-- Which payers' workspaces used which word in a month: keyed hashes under the month's own key.
create table if not exists word_counts (
    month text not null, word blob not null, payer blob not null, primary key (month, word, payer)
) strict, without rowid;
create table if not exists pending (
    plan_hash text primary key, as_of text not null, body text not null
) strict;
-- Requests of data subjects. Who they are about is sealed in the key directory until they are done.
create table if not exists privacy_requests (
    number text primary key, subject text not null, kind text not null, status text not null,
    same_as text not null, received_at text not null, answer_by text not null, due_on text not null,
    done_at text, receipt text
) strict;
create table if not exists privacy_request_log (
    number text not null, at text not null, as_of text not null, what text not null, note text not null
) strict;
-- Keyed hashes of tokens whose rows are refused (and how they begin, encrypted): up to a time, or all.
create table if not exists suppressed (
    subject text not null, token blob not null, until text, number text not null, primary key (subject, token)
) strict, without rowid;
create table if not exists evidence (
    seq integer primary key, at text not null, as_of text not null, kind text not null,
    body text not null, previous text not null, hash text not null
) strict;
create trigger if not exists evidence_is_not_changed before update on evidence
begin select raise(abort, 'evidence is never changed'); end;
create trigger if not exists evidence_is_not_deleted before delete on evidence
begin select raise(abort, 'evidence is never deleted'); end;

create index if not exists live_parts on parts (source, partition) where removed is null;
create index if not exists parts_by_generation on parts (added);
create index if not exists in_sight_by_window on parts (source, retention_days, event_date)
where removed is null and hold is null;
create index if not exists held_parts on parts (path) where removed is null and hold is not null;
create index if not exists kept_by_key on parts (key_name) where unlinked_at is null;
create index if not exists waiting_parts on parts (removed) where removed is not null and unlinked_at is null;
