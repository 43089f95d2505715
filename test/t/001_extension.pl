# The house: who may install the extension, who may use it, what belongs to it,
# and that it neither trusts nor leaves behind anything outside schema sipp.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('house');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;

# Rows of a query; a test fails if there are any.
sub none
{
	my ($db, $query, $what) = @_;

	is($node->safe_psql($db, $query), '', $what);
	return;
}

# Everything in the catalogues that a user could have made, by name.
my $inventory = q{
	SELECT class, ident FROM (
		SELECT classid, objid FROM (
			SELECT 'pg_proc'::regclass AS classid, oid AS objid FROM pg_proc
			UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type
			UNION ALL SELECT 'pg_class'::regclass, oid FROM pg_class
			UNION ALL SELECT 'pg_operator'::regclass, oid FROM pg_operator
			UNION ALL SELECT 'pg_opclass'::regclass, oid FROM pg_opclass
			UNION ALL SELECT 'pg_opfamily'::regclass, oid FROM pg_opfamily
			UNION ALL SELECT 'pg_cast'::regclass, oid FROM pg_cast
			UNION ALL SELECT 'pg_namespace'::regclass, oid FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'
			UNION ALL SELECT 'pg_extension'::regclass, oid FROM pg_extension
			UNION ALL SELECT 'pg_default_acl'::regclass, oid FROM pg_default_acl
			UNION ALL SELECT 'pg_event_trigger'::regclass, oid FROM pg_event_trigger) o) o,
		LATERAL (SELECT classid::regclass::text AS class, (pg_identify_object(classid, objid, 0)).identity AS ident) i
	UNION ALL SELECT 'pg_description', count(*)::text FROM pg_description
	UNION ALL SELECT 'pg_depend', count(*)::text FROM pg_depend
	UNION ALL SELECT 'pg_init_privs', count(*)::text FROM pg_init_privs
	ORDER BY 1, 2};

# The members of the extension.
my $members = q{
	pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
		AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'sipp',
	LATERAL pg_identify_object(d.classid, d.objid, 0) o};

#
# An ordinary user with CREATE on the database installs it; another uses it
#
$node->safe_psql('postgres', q{
	CREATE ROLE dba LOGIN;
	CREATE ROLE analyst LOGIN;
	CREATE ROLE stranger LOGIN;
	CREATE DATABASE warehouse;
	CREATE DATABASE squatted;
	GRANT CREATE ON DATABASE warehouse TO dba;
	GRANT CREATE ON DATABASE squatted TO dba, stranger;
});
$node->safe_psql('warehouse', 'REVOKE ALL ON SCHEMA public FROM PUBLIC');

my ($ret, $out, $err) =
  $node->psql('warehouse', 'CREATE EXTENSION sipp', extra_params => [ '-U', 'stranger' ]);
isnt($ret, 0, 'without CREATE on the database: refused');
like($err, qr/permission denied to create extension "sipp"/, '... in so many words');

my $before = $node->safe_psql('warehouse', $inventory);

($ret, $out, $err) = $node->psql('warehouse', 'CREATE EXTENSION sipp', extra_params => [ '-U', 'dba' ]);
is($ret, 0, 'with CREATE on the database: installed') or diag($err);
is($node->safe_psql('warehouse',
		q{SELECT pg_get_userbyid(extowner), extnamespace::regnamespace, extrelocatable FROM pg_extension WHERE extname = 'sipp'}),
	'dba|pg_catalog|f', 'it belongs to who installed it');

# one call of each kind of object, by somebody with no rights at all
is($node->safe_psql('warehouse', q{
		SELECT sipp.size(c), sipp.size(sipp.add(c, c)), c OPERATOR(sipp.=) c, (c::jsonb->>'rows')::int,
			   c::text::sipp.cohort OPERATOR(sipp.=) c, (SELECT count(*) FROM sipp.describe(c))
		FROM (SELECT sipp.cohort(y, x, sipp.factor(x)) AS c
			  FROM (SELECT i AS y, i % 3 AS x FROM generate_series(1, 9) i) s GROUP BY x > 5) s WHERE false},
		extra_params => [ '-U', 'analyst' ]),
	'', 'an analyst may parse a query of them');
is($node->safe_psql('warehouse', q{
		SELECT sipp.size(c), sipp.size(sipp.add(c, c)), c OPERATOR(sipp.=) c, (c::jsonb->>'rows')::int,
			   c::text::sipp.cohort OPERATOR(sipp.=) c, (SELECT count(*) FROM sipp.describe(c)),
			   (SELECT count(*) FROM (SELECT c UNION SELECT c) u)
		FROM (SELECT sipp.cohort(i, i % 2, sipp.factor(i % 3)) AS c FROM generate_series(1, 9) i) s},
		extra_params => [ '-U', 'analyst' ]),
	'9|18|t|9|t|5|1', 'and run it');
is($node->safe_psql('warehouse', q{
		SELECT p.partner, p.lead, r.certified, (SELECT count(*) FROM sipp.certificate(plan)), s->>'role', (plan::jsonb->>'version')::int
		FROM (SELECT ARRAY(SELECT sipp.school(id => i::text, sector => 's', authority => i::text, role => CASE i WHEN 1 THEN 'partner' ELSE 'lead' END,
											  effect => i, effect_se => 0.1, context => ARRAY[i]) FROM generate_series(1, 3) i) AS schools) q,
			LATERAL sipp.pairing_plan(schools) AS plan, LATERAL sipp.pairs(plan) p, LATERAL sipp.plan_summary(plan) r, LATERAL CAST(schools[1] AS jsonb) s},
		extra_params => [ '-U', 'analyst' ]),
	'1|2|t|3|partner|1', '... a plan of schools, too');
none('warehouse', qq{
	SELECT o.identity FROM $members
	WHERE d.classid = 'pg_proc'::regclass AND NOT has_function_privilege('analyst', d.objid, 'EXECUTE')},
	'everybody may execute every function');
none('warehouse', qq{
	SELECT o.identity FROM $members
	WHERE d.classid = 'pg_type'::regclass AND NOT has_type_privilege('analyst', d.objid, 'USAGE')},
	'and use every type');
is($node->safe_psql('warehouse', q{
		SELECT has_schema_privilege('analyst', 'sipp', 'USAGE'), has_schema_privilege('analyst', 'sipp', 'CREATE')}),
	't|f', 'and the schema, in which they cannot plant anything');

#
# What belongs to it
#
cmp_ok($node->safe_psql('warehouse', "SELECT count(*) FROM $members"), '>', 50, 'it has members');
none('warehouse', qq{
	SELECT o.type, o.identity FROM $members
	WHERE CASE WHEN d.classid = 'pg_namespace'::regclass THEN o.identity <> 'sipp'
			   WHEN d.classid = 'pg_cast'::regclass THEN o.identity !~ '^\\(sipp\\.\\w+ AS (pg_catalog\\.\\w+|sipp\\.\\w+)\\)\$'
			   ELSE o.schema IS DISTINCT FROM 'sipp' END},
	'none lies outside schema sipp');
none('warehouse', qq{
	SELECT class, ident FROM ($inventory) i WHERE ident ~ '^sipp\\.'
		AND class <> 'pg_depend' AND ident !~ '\\[\\]\$' AND NOT EXISTS (
			SELECT FROM $members WHERE o.identity = i.ident)
		AND NOT (class = 'pg_type' AND to_regclass(ident) IS NOT NULL)
		AND NOT (class = 'pg_class')},
	'and nothing in schema sipp is not a member');
none('warehouse', qq{
	SELECT o.type, o.identity FROM $members
	WHERE coalesce(obj_description(d.objid, d.classid::regclass::name), '') = ''
		-- a composite type's comment hangs on the type; its array has none
		AND NOT (d.classid = 'pg_type'::regclass AND o.identity ~ '\\[\\]\$')
		AND NOT (d.classid = 'pg_class'::regclass)
		AND NOT (d.classid IN ('pg_amop'::regclass, 'pg_amproc'::regclass))},
	'each has a comment');
none('warehouse', q{
	SELECT a.attrelid::regclass, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
	WHERE c.relnamespace = 'sipp'::regnamespace AND c.relkind = 'c' AND a.attnum > 0 AND NOT a.attisdropped
		AND coalesce(col_description(a.attrelid, a.attnum), '') = ''},
	'so has each column of its composite types');
none('warehouse', q{
	SELECT oid::regclass FROM pg_class WHERE relnamespace = 'sipp'::regnamespace AND relkind <> 'c'},
	'it has no table, view or sequence of its own');

#
# How its functions are declared
#
my $functions = q{pg_proc p WHERE p.pronamespace = 'sipp'::regnamespace};
none('warehouse', "SELECT p.oid::regprocedure FROM $functions AND p.proparallel <> 's'", 'all are PARALLEL SAFE');
none('warehouse', "SELECT p.oid::regprocedure FROM $functions AND p.prosecdef", 'none is SECURITY DEFINER');
none('warehouse', "SELECT p.oid::regprocedure FROM $functions AND p.provolatile NOT IN ('i', 's')", 'none is VOLATILE');
none('warehouse', "SELECT p.oid::regprocedure FROM $functions AND p.proleakproof", 'none claims to be LEAKPROOF');
none('warehouse', "SELECT p.oid::regprocedure FROM $functions AND p.prolang NOT IN
	 (SELECT oid FROM pg_language WHERE lanname IN ('c', 'sql', 'internal'))", 'all are C or SQL');
none('warehouse', "SELECT p.oid::regprocedure FROM $functions AND p.prolang = (SELECT oid FROM pg_language WHERE lanname = 'sql')
	 AND p.prosqlbody IS NULL AND NOT EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=%')",
	'those in SQL are parsed when made, or pin their search_path');
# an output function's settings may matter, as DateStyle does to sipp.factor
none('warehouse', "SELECT p.oid::regprocedure FROM $functions AND p.provolatile = 'i'
	 AND (p.proargtypes::oid[] && ARRAY['\"any\"'::regtype, 'anyelement'::regtype]::oid[]) AND p.prokind = 'f'",
	'what calls other types\' functions is not IMMUTABLE');
none('warehouse', q{
	SELECT a.aggfnoid::regprocedure FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid
	WHERE p.pronamespace = 'sipp'::regnamespace AND a.aggkind = 'n'
		AND (a.aggcombinefn = 0 OR a.aggtranstype = 'internal'::regtype AND (a.aggserialfn = 0 OR a.aggdeserialfn = 0)
			 OR a.aggfinalmodify <> 'r' OR a.aggtransspace = 0)
		-- what is only ever called OVER () need not be split
		AND p.proname NOT IN ('fdr')},
	'each aggregate can be split between workers, tells its state\'s size and keeps it');

#
# What a reader can find: the manuals name each object that is for use, each
# argument that may be left out, and each column that pairing returns (those of
# other rooms it abbreviates)
#
my $manuals = join '', map { slurp_file($_) } 'README.md', glob('src/README.md src/*/README.md');
my @public = split /\n/, $node->safe_psql('warehouse', q{
	SELECT DISTINCT 'sipp.' || proname FROM pg_proc p
	WHERE pronamespace = 'sipp'::regnamespace AND NOT EXISTS (SELECT FROM pg_type t WHERE p.oid IN (typinput, typoutput, typreceive, typsend))
		AND NOT EXISTS (SELECT FROM pg_aggregate a WHERE p.oid IN (aggtransfn, aggcombinefn, aggserialfn, aggdeserialfn, aggfinalfn))
		AND NOT EXISTS (SELECT FROM pg_operator WHERE p.oid = oprcode) AND NOT EXISTS (SELECT FROM pg_amproc WHERE p.oid = amproc)
		AND NOT EXISTS (SELECT FROM pg_cast WHERE p.oid = castfunc)
	UNION SELECT 'sipp.' || typname FROM pg_type WHERE typnamespace = 'sipp'::regnamespace AND typcategory <> 'A'
	ORDER BY 1});
cmp_ok(scalar(@public), '>', 60, 'objects for use');
is(join(', ', grep { my ($name) = /sipp\.(\w+)/; $manuals !~ /\b$name\b/ } @public), '', 'the manuals name them all');
my @words = split /\n/, $node->safe_psql('warehouse', q{
	SELECT DISTINCT name FROM pg_proc, unnest(proargnames) name
	WHERE pronamespace = 'sipp'::regnamespace AND name <> '' AND (prokind = 'w' OR pronargdefaults > 0)
	UNION SELECT attname FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
	WHERE relnamespace = 'sipp'::regnamespace AND attnum > 0 AND NOT attisdropped
		AND relname IN ('neighbour', 'pair_score', 'pair', 'plan_report', 'price', 'group_member')
	ORDER BY 1});
cmp_ok(scalar(@words), '>', 100, 'arguments and columns');
is(join(', ', grep { $manuals !~ /\b$_\b/ } @words), '', 'the manuals name them all');

#
# Planted functions do not matter
#
$node->safe_psql('warehouse', q{
	CREATE SCHEMA evil;
	GRANT USAGE ON SCHEMA evil TO PUBLIC;
	CREATE FUNCTION evil.cohort_cmp(sipp.cohort, sipp.cohort) RETURNS int LANGUAGE sql AS 'SELECT 0';
	CREATE FUNCTION evil.cohort_eq(sipp.cohort, sipp.cohort) RETURNS boolean LANGUAGE sql AS 'SELECT true';
	CREATE OPERATOR evil.= (LEFTARG = sipp.cohort, RIGHTARG = sipp.cohort, FUNCTION = evil.cohort_eq);
	CREATE FUNCTION evil.sum(float8) RETURNS float8 LANGUAGE plpgsql AS 'BEGIN RAISE ''planted''; END';
	CREATE FUNCTION evil.eq(float8, float8) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE ''planted''; END';
	CREATE OPERATOR evil.= (LEFTARG = float8, RIGHTARG = float8, FUNCTION = evil.eq);
	CREATE OPERATOR evil.> (LEFTARG = float8, RIGHTARG = float8, FUNCTION = evil.eq);
	CREATE OPERATOR evil.< (LEFTARG = float8, RIGHTARG = float8, FUNCTION = evil.eq);
	CREATE FUNCTION evil.minus(float8, float8) RETURNS float8 LANGUAGE plpgsql AS 'BEGIN RAISE ''planted''; END';
	CREATE OPERATOR evil.- (LEFTARG = float8, RIGHTARG = float8, FUNCTION = evil.minus);
	CREATE OPERATOR evil.* (LEFTARG = float8, RIGHTARG = float8, FUNCTION = evil.minus);
	CREATE OPERATOR evil./ (LEFTARG = float8, RIGHTARG = float8, FUNCTION = evil.minus);
	CREATE FUNCTION evil.jsonb_in(cstring) RETURNS jsonb LANGUAGE internal IMMUTABLE STRICT AS 'jsonb_in';
});
is($node->safe_psql('warehouse', q{
		SET search_path = evil, pg_catalog;
		SELECT count(*), sum(n::int) FROM (
			SELECT c, count(*) AS n FROM (
				SELECT sipp.cohort(i, i % 2) AS c FROM generate_series(1, 9) i GROUP BY i) s GROUP BY c) s},
		extra_params => [ '-U', 'analyst' ]),
	'9|9', 'GROUP BY uses our own operators');

# install again where the path has planted objects before ours
$node->safe_psql('warehouse', 'DROP SCHEMA evil CASCADE; DROP EXTENSION sipp');
is($node->safe_psql('warehouse', $inventory), $before, 'DROP EXTENSION leaves nothing behind');
$node->safe_psql('warehouse', q{
	CREATE SCHEMA evil AUTHORIZATION stranger;
	CREATE FUNCTION evil.cohort_in(cstring) RETURNS float8 LANGUAGE internal IMMUTABLE STRICT AS 'float8in';
	CREATE TYPE evil.cohort AS (x int);
	CREATE DOMAIN evil.text AS pg_catalog.text CHECK (false);
	CREATE DOMAIN evil.float8 AS pg_catalog.float8 CHECK (false);
});
is($node->safe_psql('warehouse', q{
		SET search_path = evil, public, pg_catalog;
		CREATE EXTENSION sipp;
		SELECT count(*) FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass AND refobjid = 'evil'::regnamespace
			AND classid = 'pg_proc'::regclass AND objid IN (SELECT oid FROM pg_proc WHERE pronamespace = 'sipp'::regnamespace)}),
	'0', 'installing does not look at the search_path');
none('warehouse', q{
	SELECT p.oid::regprocedure FROM pg_proc p, unnest(p.prorettype || p.proargtypes::oid[]) t
	WHERE p.pronamespace = 'sipp'::regnamespace AND t IN (SELECT oid FROM pg_type WHERE typnamespace = 'evil'::regnamespace)},
	'... nor for the types of its functions');
$node->safe_psql('warehouse', 'DROP EXTENSION sipp; DROP SCHEMA evil CASCADE');

#
# A schema sipp that is there already
#
$node->safe_psql('squatted', q{
	CREATE SCHEMA sipp;
	CREATE FUNCTION sipp.size(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
	COMMENT ON SCHEMA sipp IS 'mine';
}, extra_params => [ '-U', 'stranger' ]);
$before = $node->safe_psql('squatted', $inventory);
for my $sql ('CREATE EXTENSION sipp', 'CREATE EXTENSION sipp SCHEMA sipp', 'CREATE EXTENSION sipp SCHEMA public')
{
	($ret, $out, $err) = $node->psql('squatted', $sql, extra_params => [ '-U', 'dba' ]);
	isnt($ret, 0, "$sql fails where there is a schema sipp");
	like($err, qr/schema "sipp" already exists|must be installed in schema "pg_catalog"/, '... and says why');
	is($node->safe_psql('squatted', $inventory), $before, '... and leaves it as it was');
}
is($node->safe_psql('squatted', q{SELECT obj_description('sipp'::regnamespace), sipp.size(1)}), 'mine|1', '... and at work');

#
# DROP respects what depends on it; CASCADE takes that along
#
$node->safe_psql('warehouse', q{
	CREATE EXTENSION sipp;
	CREATE TABLE stored AS SELECT 1 AS id, sipp.cohort(1) AS c;
	CREATE INDEX ON stored (c);
	CREATE VIEW shown AS SELECT sipp.size(c) AS n FROM stored;
	CREATE VIEW over_it AS SELECT n FROM shown;
	CREATE MATERIALIZED VIEW kept AS SELECT n, sipp.cohort(n) AS c FROM over_it GROUP BY n;
	CREATE VIEW apart AS SELECT id FROM stored;
});
($ret, $out, $err) = $node->psql('warehouse', 'DROP EXTENSION sipp');
like($err, qr/cannot drop extension sipp because other objects depend on it/, 'a stored cohort keeps the extension from going');
like($err, qr/column c of table stored.*view shown.*view over_it.*materialized view kept/s, '... and what depends on it is listed');
($ret, $out, $err) = $node->psql('warehouse', 'DROP SCHEMA sipp');
like($err, qr/cannot drop schema sipp because extension sipp requires it/, 'and the schema goes with the extension only');
($ret, $out, $err) = $node->psql('warehouse', 'ALTER EXTENSION sipp SET SCHEMA public');
like($err, qr/does not support SET SCHEMA/, 'it does not move');
$node->safe_psql('warehouse', 'DROP EXTENSION sipp CASCADE');
is($node->safe_psql('warehouse', q{
		SELECT c.relname, string_agg(a.attname, ' ') FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped GROUP BY c.relname ORDER BY c.relname}),
	"apart|id\nstored|id", 'CASCADE takes columns, their indexes, views and views over those, as the manual says');
$node->safe_psql('warehouse', 'DROP TABLE stored CASCADE');
none('warehouse', q{SELECT nspname FROM pg_namespace WHERE nspname = 'sipp'}, 'CASCADE takes everything');

# two databases of one cluster know nothing of one another
is($node->safe_psql('warehouse', q{SELECT count(*) FROM pg_extension WHERE extname = 'sipp'}), '0', 'gone');

$node->stop;
done_testing();
