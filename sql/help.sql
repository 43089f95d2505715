--
-- What there is: sipp.help and sipp.version.
--
-- everything that a user may call, and nothing that types, operators and aggregates are made of
SELECT name, arguments, about FROM sipp.help() WHERE name IN ('version', 'fdr', 'term_tests');
SELECT count(*) AS support_functions FROM sipp.help() WHERE name ~ '_(in|out|recv|send|accum|combine|final|serialize|deserialize|eq|ne|lt|le|gt|ge|cmp|hash|hash_extended)$';
-- every other function is there, each overload with a sentence of its own
SELECT p.oid::regprocedure AS not_shown FROM pg_proc p WHERE pronamespace = 'sipp'::regnamespace
	AND proname !~ '_(in|out|recv|send|accum|combine|final|serialize|deserialize|eq|ne|lt|le|gt|ge|cmp|hash|hash_extended)$'
	AND NOT EXISTS (SELECT FROM sipp.help() h WHERE h.name = proname AND h.arguments = pg_get_function_arguments(p.oid));
SELECT name FROM sipp.help() WHERE about IS NULL OR about ~ '\. ' OR length(about) < 20;
-- by a word of the name or the comment, in any case; no word is a pattern
SELECT DISTINCT name FROM sipp.help('Virtual_School') WHERE name ~ '^virtual';
SELECT count(*) < 5 AS few FROM sipp.help('%');
SELECT count(*) = (SELECT count(*) FROM sipp.help()) AS no_word_is_all FROM sipp.help('');
-- whoever may call nothing else may ask
CREATE ROLE regress_reader;
SET ROLE regress_reader;
SELECT count(*) > 50 AS many FROM sipp.help();
SELECT sipp.version() = extversion AS same FROM pg_extension WHERE extname = 'sipp';
RESET ROLE;
DROP ROLE regress_reader;

-- a comment has at most two sentences; the manuals have the rest
SELECT p.oid::regprocedure AS too_long FROM pg_proc p JOIN sipp.help() h ON h.name = p.proname AND h.arguments = pg_get_function_arguments(p.oid)
	WHERE pronamespace = 'sipp'::regnamespace AND regexp_count(obj_description(p.oid, 'pg_proc'), '[^.]\.\s+[^a-z]') > 1;
