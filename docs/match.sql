-- The join over a whole corpus, for the engine where the data is: the two
-- queries below run as they are in Spark SQL, DuckDB and BigQuery. They read
-- the tables that "tallystick stage scan --band-format parquet" wrote of all
-- shards (docs/formats.md, "Keys as Parquet"):
--
--   documents   a row for each line that can be used, with its exact key
--   bands       a row for each band key or prefix key of a document
--
-- How an engine reads them and where it writes a result is not the same
-- everywhere and stands in docs/operations.md. Rows of one table are distinct,
-- and all are of one run.

-- candidates: the documents that share a key with another one. Kind 0 is that
-- of equal exact keys and lengths, kind 1 that of equal band keys. What
-- "tallystick stage match --candidates" reads; it wants each file in this order.

WITH keyed AS (
  SELECT run, 0 AS kind, key, length, shard, ordinal FROM documents
  UNION ALL
  SELECT run, 1 AS kind, key, 0 AS length, shard, ordinal FROM bands
),
counted AS (
  SELECT
    run, kind, key, length, shard, ordinal,
    COUNT(*) OVER (PARTITION BY run, kind, key, length) AS members
  FROM keyed
)
SELECT run, kind, key, length, shard, ordinal
FROM counted
WHERE members >= 2
ORDER BY kind, key, length, shard, ordinal;

-- priority: all documents in the order that decides who was first, with their
-- number among those that share exact key and length: the first of those,
-- number 1, is kept if it has no earlier near duplicate, and is then the witness
-- of the others. No stage reads this: it is for those who want to check
-- decisions where the data is.
--
-- The rule is created-content-contributor-id-v1. For --priority longest begin
-- both lists with "delivered, length DESC"; for --priority source with
-- "delivered, CASE source WHEN 'wiki' THEN 0 WHEN 'books' THEN 1 ELSE 2 END".

SELECT
  shard, ordinal, key, length,
  ROW_NUMBER() OVER (
    PARTITION BY run, key, length
    ORDER BY delivered, undated, created_sec, created_nsec, content, contributor, id, shard, ordinal
  ) AS number
FROM documents
ORDER BY delivered, undated, created_sec, created_nsec, content, contributor, id, length, shard, ordinal;
