-- Nobody is comparable, or one side of a group has nobody: a notice says so.
CREATE FUNCTION nation(sector text, role text, context float8[] DEFAULT '{1}') RETURNS sipp.school[] LANGUAGE sql IMMUTABLE AS $$
	SELECT ARRAY(SELECT sipp.school(id => i, sector => sector, authority => 'a' || i, role => role, effect => i, effect_se => 1, context => context || i::float8) FROM generate_series(1, 20) i) $$;
SELECT count(*), count(neighbour), min(reason) FROM sipp.similar_schools(nation(NULL, 'none'));
SELECT count(*), count(neighbour), min(reason) FROM sipp.similar_schools(nation(NULL, 'none'), metric => 'mahalanobis');
SELECT count(*), count(neighbour), min(reason) FROM sipp.similar_schools('{}');
SELECT count(*), count(neighbour), min(reason) FROM sipp.similar_schools(nation('p', 'none') || sipp.school(id => 99, context => '{1,NULL}'), k => 1);
SELECT count(*), count(group_no) FROM sipp.group_schools(nation('p', 'partner'));
SELECT count(*), count(group_no) FROM sipp.group_schools(nation('p', 'lead'));
SELECT count(*), count(group_no) FROM sipp.group_schools(nation('p', 'none'));
SELECT count(*), count(group_no) FROM sipp.group_schools(nation('p', NULL));
